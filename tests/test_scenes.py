"""Pictures, clips and questions hold what they say."""

from collections import Counter

import numpy as np
import pytest

from course_utils import scenes
from course_utils.data import load_digits

SHIFTS = {"left": (0, -2), "right": (0, 2), "up": (-2, 0), "down": (2, 0)}


@pytest.fixture(scope="module")
def grids():
    return scenes.make_grids(2_000, part="test", seed=1)


@pytest.fixture(scope="module")
def clips():
    return scenes.make_clips(300, part="test", seed=1)


# ---------------------------------------------------------------- pictures and clips


@pytest.mark.parametrize("part", scenes.PARTS)
def test_grids_hold_the_digits_that_they_name(part):
    grids = scenes.make_grids(50, part=part, seed=3)
    images, labels = load_digits()[scenes.PARTS.index(part)]
    assert grids.pictures.shape == (50, 56, 56, 1) and grids.pictures.dtype == np.float32
    np.testing.assert_array_equal(labels[grids.sources], grids.digits)
    corners = {"top left": (0, 0), "top right": (0, 28), "bottom left": (28, 0)}
    corners["bottom right"] = (28, 28)
    for place, name in enumerate(scenes.PLACES):
        top, left = corners[name]
        tiles = grids.pictures[:, top : top + 28, left : left + 28, 0]
        np.testing.assert_allclose(tiles * 255, images[grids.sources[:, place]], atol=1e-3)


def test_digits_and_numbers_of_even_digits_are_equally_likely(grids):
    for place in range(4):
        counts = np.bincount(grids.digits[:, place], minlength=10)
        assert abs(counts - 200).max() < 70
    even = np.bincount((grids.digits % 2 == 0).sum(axis=1), minlength=5)
    assert abs(even - 400).max() < 100


def shifted(image, down, right):
    """Return an image moved by whole pixels, with black where nothing is left."""
    moved = np.zeros_like(image)
    for row in range(28):
        for column in range(28):
            if 0 <= row - down < 28 and 0 <= column - right < 28:
                moved[row, column] = image[row - down, column - right]
    return moved


def place_of(frame, image):
    """Return how far an image was moved to give a frame, or None."""
    for down in range(-6, 7):
        for right in range(-6, 7):
            if np.array_equal(
                np.pad(image, 6)[6 - down : 34 - down, 6 - right : 34 - right], frame
            ):
                return down, right
    return None


def test_clips_show_two_digits_that_move_as_they_say(clips):
    images, labels = load_digits()[1]
    np.testing.assert_array_equal(labels[clips.sources], clips.digits)
    assert (clips.digits[:, 0] != clips.digits[:, 1]).all()
    assert clips.clips.shape == (300, 5, 28, 28, 1) and clips.clips.dtype == np.float32
    changes = Counter()
    for row in range(40):
        frames = np.rint(clips.clips[row, ..., 0] * 255).astype(np.uint8)
        first, last = images[clips.sources[row]]
        shown = ["first" if place_of(frame, first) else "last" for frame in frames]
        changes[shown.index("last")] += 1
        assert shown == sorted(shown), "first, and then last"
        places = [place_of(frame, first) or place_of(frame, last) for frame in frames]
        steps = np.diff(np.array(places), axis=0)
        assert (steps == SHIFTS[scenes.WAYS[clips.ways[row]]]).all()
    assert set(changes) == {1, 2, 3, 4}
    assert len(set(clips.ways.tolist())) == 4


def test_shifting_cuts_off_and_fills_with_black():
    image = np.arange(1, 28 * 28 + 1, dtype=np.uint16).reshape(1, 28, 28)
    seen = set()
    for seed in range(40):
        moved = scenes.shift_images(image, most=2, seed=seed)
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if np.array_equal(moved[0], shifted(image[0], down, right))
        ]
        assert len(found) == 1 and moved.dtype == image.dtype
        seen.add(found[0])
    assert len(seen) > 12
    np.testing.assert_array_equal(scenes.shift_images(image, most=0), image)


@pytest.mark.parametrize("make", [scenes.make_grids, scenes.make_clips])
def test_a_seed_gives_the_same_again(make):
    one, same, other = make(5, seed=4), make(5, seed=4), make(5, seed=5)
    for first, second in zip(one, same, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(one.sources, other.sources)


# ---------------------------------------------------------------- questions


def number(word):
    return scenes.NUMBERS.index(word)


def answer_about_grid(text, digits):
    """Answer a question from the four numbers alone, written apart from the helper."""
    places = [name for name in scenes.PLACES if name in text]
    at = {name: digits[place] for place, name in enumerate(scenes.PLACES)}
    words = text.split()
    if text.startswith("which digit is beside the"):
        place = digits.index(number(words[-1]))
        return scenes.NUMBERS[digits[{0: 1, 1: 0, 2: 3, 3: 2}[place]]]
    if text.startswith("which digit is"):
        return scenes.NUMBERS[at[places[0]]]
    if "larger" in words:
        first, second = text.removeprefix("is ").split(" larger than ")
        return "yes" if at[first] > at[second] else "no"
    if words[1] == "there":
        assert (words[2] == "an") == (words[3] == "eight")
        return "yes" if number(words[3]) in digits else "no"
    remainder = 0 if words[-1] == "even" else 1
    if words[0] == "how":
        return scenes.NUMBERS[sum(digit % 2 == remainder for digit in digits)]
    return "yes" if at[places[0]] % 2 == remainder else "no"


def test_questions_about_grids_have_the_right_answers(grids):
    asked = scenes.ask_about_grids(grids.digits, each=6, seed=2)
    assert set(asked.kinds.tolist()) == set(scenes.GRID_KINDS)
    assert 0.97 < len(asked.rows) / 12_000 <= 1
    for row, kind, text, answer in zip(*asked, strict=True):
        assert answer == answer_about_grid(text, grids.digits[row].tolist()), text
        assert answer in scenes.GRID_KINDS[kind] and answer in scenes.GRID_ANSWERS


def test_questions_about_clips_have_the_right_answers(clips):
    asked = scenes.ask_about_clips(clips.digits, clips.ways, seed=2)
    assert len(asked.rows) == 900
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for row, kind, text, answer in zip(*asked, strict=True):
        first, last = clips.digits[row]
        way = scenes.WAYS[clips.ways[row]]
        truth = {
            "which way does it move": way,
            "where does it come from": opposite[way],
            "which digit came first": scenes.NUMBERS[first],
            "which digit came last": scenes.NUMBERS[last],
        }
        there = "yes" if text.split()[-1] in (scenes.NUMBERS[first], scenes.NUMBERS[last]) else "no"
        assert answer == truth.get(text, there)
        assert text in truth or text.startswith("was there a")
        assert answer in scenes.CLIP_KINDS[kind] and answer in scenes.CLIP_ANSWERS


def test_the_words_say_nothing_about_the_answer():
    grids = scenes.make_grids(6_000, seed=1)
    asked = scenes.ask_about_grids(grids.digits, each=6, seed=3)
    for kind, fitting in scenes.GRID_KINDS.items():
        texts, answers = asked.texts[asked.kinds == kind], asked.answers[asked.kinds == kind]
        best = sum(
            Counter(answers[texts == text].tolist()).most_common(1)[0][1] for text in set(texts)
        )
        assert best / len(texts) < 1 / len(fitting) + 0.08, kind


def test_kinds_take_turns(grids):
    asked = scenes.ask_about_grids(grids.digits[:3], each=4, seed=0)
    assert asked.rows.tolist() == sorted(asked.rows.tolist())
    assert all(count in (1, 2) for count in Counter(asked.kinds.tolist()).values())


def test_what_cannot_be_asked_is_left_out():
    asked = scenes.ask_about_grids(np.full((5, 4), 7), each=6)
    assert Counter(asked.kinds.tolist()) == dict.fromkeys(("which", "parity", "there", "count"), 5)
    assert len(scenes.ask_about_grids(np.empty((0, 4), int)).rows) == 0


def test_words_are_numbers_from_one_with_zeros_behind():
    codes = scenes.encode_questions(["which digit is top left", "how many are even"], length=6)
    assert codes.dtype == np.int32 and codes.shape == (2, 6)
    read = [" ".join(scenes.WORDS[code - 1] for code in row if code) for row in codes]
    assert read == ["which digit is top left", "how many are even"]
    assert codes[0, 5] == 0 and (codes[1, 4:] == 0).all() and codes[1, 3] > 0
    texts = np.array(["is there a two"])
    assert scenes.encode_questions(texts).shape == (1, scenes.QUESTION_LENGTH)


# ---------------------------------------------------------------- refusals

REFUSED = [
    (lambda: scenes.make_grids(0), ValueError, "count: expected at least 1, got 0"),
    (lambda: scenes.make_grids(2.0), TypeError, "count: expected a whole number, got 2.0"),
    (lambda: scenes.make_grids(True), TypeError, "count"),
    (
        lambda: scenes.make_grids(2, part="tests"),
        ValueError,
        'part: expected one of "train"',
    ),
    (lambda: scenes.make_clips(2, seed=-1), ValueError, "seed: expected at least 0, got -1"),
    (lambda: scenes.make_clips(2, part=1), ValueError, "part"),
    (lambda: scenes.shift_images(np.zeros((3, 3))), ValueError, r"images: expected shape \(n"),
    (lambda: scenes.shift_images(np.zeros((1, 4, 9)), most=4), ValueError, "most: expected less"),
    (lambda: scenes.shift_images(np.zeros((1, 4, 9)), most=-1), ValueError, "most"),
    (lambda: scenes.ask_about_grids(np.zeros((3, 2), int)), ValueError, r"digits: .* \(n, 4\)"),
    (lambda: scenes.ask_about_grids(np.zeros((3, 4))), TypeError, "digits: .* dtype float64"),
    (lambda: scenes.ask_about_grids(np.full((1, 4), 10)), ValueError, "digits: .* 0 to 9, got 10"),
    (
        lambda: scenes.ask_about_grids(np.zeros((3, 4), int), each=7),
        ValueError,
        "each: .* 1 to 6",
    ),
    (lambda: scenes.ask_about_grids(np.zeros((3, 4), int), each=0), ValueError, "each"),
    (lambda: scenes.ask_about_clips(np.zeros((3, 2), int), [0, 1]), ValueError, r"ways: .* \(3,\)"),
    (lambda: scenes.ask_about_clips(np.zeros((1, 2), int), [4]), ValueError, "ways: .* 0 to 3"),
    (lambda: scenes.ask_about_clips(np.zeros((1, 2), int), [0.5]), TypeError, "ways"),
    (lambda: scenes.encode_questions("is there a two"), TypeError, r"written \[text\]"),
    (lambda: scenes.encode_questions([3]), TypeError, r"texts\[0\]: expected a text, got 3"),
    (lambda: scenes.encode_questions(["is there a cat"]), ValueError, r"texts\[0\]: 'cat'"),
    (lambda: scenes.encode_questions(["is " * 8]), ValueError, "at most 7 words, got 8"),
    (lambda: scenes.encode_questions([], length=0), ValueError, "length"),
]


@pytest.mark.parametrize(("attempt", "error", "words_of_it"), REFUSED)
def test_impossible_arguments_are_refused_by_name(attempt, error, words_of_it):
    with pytest.raises(error, match=words_of_it):
        attempt()


# ---------------------------------------------------------------- answers and scores


@pytest.mark.parametrize("kinds", [scenes.GRID_KINDS, scenes.CLIP_KINDS])
def test_scores_are_counted_by_kind(kinds, grids, clips):
    if kinds is scenes.GRID_KINDS:
        asked = scenes.ask_about_grids(grids.digits[:300], each=6, seed=1)
        answers = scenes.GRID_ANSWERS
    else:
        asked = scenes.ask_about_clips(clips.digits, clips.ways, seed=1)
        answers = scenes.CLIP_ANSWERS
    perfect = np.eye(len(answers))[scenes.number_answers(asked.answers, answers)]
    assert set(scenes.score_by_kind(perfect, asked, kinds).values()) == {1.0}
    assert set(scenes.score_by_kind(-perfect, asked, kinds).values()) == {0.0}
    with pytest.raises(ValueError, match=r"^logits: expected the shape"):
        scenes.score_by_kind(perfect[:, 1:], asked, kinds)


def test_the_blind_score_is_that_of_the_most_frequent_answer(grids):
    asked = scenes.ask_about_grids(grids.digits[:300], each=6, seed=1)
    counted = scenes.score_blind(asked, asked, scenes.GRID_KINDS)
    for kind in scenes.GRID_KINDS:
        rows = asked.kinds == kind
        best = [
            Counter(asked.answers[asked.texts == text].tolist()).most_common(1)[0][1]
            for text in set(asked.texts[rows].tolist())
        ]
        assert counted[kind] == pytest.approx(sum(best) / rows.sum())


def test_words_never_asked_in_training_are_answered_wrong():
    def asked(text):
        columns = [np.array([each]) for each in ("there", text, "yes")]
        return scenes.Questions(np.array([0]), *columns)

    kinds = {"there": ("yes", "no")}
    same, other = asked("is there a two"), asked("is there a six")
    assert scenes.score_blind(same, same, kinds) == {"there": 1.0}
    assert scenes.score_blind(same, other, kinds) == {"there": 0.0}


def test_an_answer_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"^answers\[1\]: 'maybe' is none of"):
        scenes.number_answers(["yes", "maybe"], scenes.GRID_ANSWERS)


def test_a_table_has_a_row_a_kind_and_a_column_a_model(capsys):
    scenes.print_scores({"one": {"way": 0.5, "was": 1.0}, "other": {"way": 0.25, "was": 0.0}})
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["one", "other"]
    assert [row.split() for row in rows] == [
        ["way", "≈", "0.50", "≈", "0.25"],
        ["was", "≈", "1.00", "≈", "0.00"],
    ]


# ---------------------------------------------------------------- drawings


def test_a_drawing_is_ink_in_the_middle():
    image = scenes.draw_digit([[(0.0, 0.0), (0.2, 0.1)]])
    assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() == 255
    for axis in np.mgrid[:28, :28]:
        assert abs(np.sum(image * axis.astype(float)) / image.sum() - 13.5) < 1
    assert scenes.draw_digit([]).sum() == 0


def test_what_is_no_stroke_is_named():
    with pytest.raises(ValueError, match=r"^strokes\[1\]: expected a list of points"):
        scenes.draw_digit([[(0, 0), (1, 1)], [0, 1]])
    with pytest.raises(ValueError, match=r"^pen"):
        scenes.draw_digit([], pen=0)
