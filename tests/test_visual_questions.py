"""Pictures, clips and questions hold what they say, and the builders build it or say why not."""

from collections import Counter

import numpy as np
import pytest

from course_utils.builders import visual_questions as vq
from course_utils.data import load_digits
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

SHIFTS = {"left": (0, -2), "right": (0, 2), "up": (-2, 0), "down": (2, 0)}


@pytest.fixture(scope="module")
def grids():
    return vq.make_grids(2_000, part="test", seed=1)


@pytest.fixture(scope="module")
def clips():
    return vq.make_clips(300, part="test", seed=1)


# ---------------------------------------------------------------- pictures and clips


@pytest.mark.parametrize("part", vq.PARTS)
def test_grids_hold_the_digits_that_they_name(part):
    grids = vq.make_grids(50, part=part, seed=3)
    images, labels = load_digits()[vq.PARTS.index(part)]
    assert grids.pictures.shape == (50, 56, 56, 1) and grids.pictures.dtype == np.float32
    np.testing.assert_array_equal(labels[grids.sources], grids.digits)
    corners = {"top left": (0, 0), "top right": (0, 28), "bottom left": (28, 0)}
    corners["bottom right"] = (28, 28)
    for place, name in enumerate(vq.PLACES):
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
        assert (steps == SHIFTS[vq.WAYS[clips.ways[row]]]).all()
    assert set(changes) == {1, 2, 3, 4}
    assert len(set(clips.ways.tolist())) == 4


def test_shifting_cuts_off_and_fills_with_black():
    image = np.arange(1, 28 * 28 + 1, dtype=np.uint16).reshape(1, 28, 28)
    seen = set()
    for seed in range(40):
        moved = vq.shift_images(image, most=2, seed=seed)
        found = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if np.array_equal(moved[0], shifted(image[0], down, right))
        ]
        assert len(found) == 1 and moved.dtype == image.dtype
        seen.add(found[0])
    assert len(seen) > 12
    np.testing.assert_array_equal(vq.shift_images(image, most=0), image)


@pytest.mark.parametrize("make", [vq.make_grids, vq.make_clips])
def test_a_seed_gives_the_same_again(make):
    one, same, other = make(5, seed=4), make(5, seed=4), make(5, seed=5)
    for first, second in zip(one, same, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(one.sources, other.sources)


# ---------------------------------------------------------------- questions


def number(word):
    return vq.NUMBERS.index(word)


def answer_about_grid(text, digits):
    """Answer a question from the four numbers alone, written apart from the helper."""
    places = [name for name in vq.PLACES if name in text]
    at = {name: digits[place] for place, name in enumerate(vq.PLACES)}
    words = text.split()
    if text.startswith("which digit is beside the"):
        place = digits.index(number(words[-1]))
        return vq.NUMBERS[digits[{0: 1, 1: 0, 2: 3, 3: 2}[place]]]
    if text.startswith("which digit is"):
        return vq.NUMBERS[at[places[0]]]
    if "larger" in words:
        first, second = text.removeprefix("is ").split(" larger than ")
        return "yes" if at[first] > at[second] else "no"
    if words[1] == "there":
        assert (words[2] == "an") == (words[3] == "eight")
        return "yes" if number(words[3]) in digits else "no"
    remainder = 0 if words[-1] == "even" else 1
    if words[0] == "how":
        return vq.NUMBERS[sum(digit % 2 == remainder for digit in digits)]
    return "yes" if at[places[0]] % 2 == remainder else "no"


def test_questions_about_grids_have_the_right_answers(grids):
    asked = vq.ask_about_grids(grids.digits, each=6, seed=2)
    assert set(asked.kinds.tolist()) == set(vq.GRID_KINDS)
    assert 0.97 < len(asked.rows) / 12_000 <= 1
    for row, kind, text, answer in zip(*asked, strict=True):
        assert answer == answer_about_grid(text, grids.digits[row].tolist()), text
        assert answer in vq.GRID_KINDS[kind] and answer in vq.GRID_ANSWERS


def test_questions_about_clips_have_the_right_answers(clips):
    asked = vq.ask_about_clips(clips.digits, clips.ways, seed=2)
    assert len(asked.rows) == 900
    opposite = {"left": "right", "right": "left", "up": "down", "down": "up"}
    for row, kind, text, answer in zip(*asked, strict=True):
        first, last = clips.digits[row]
        way = vq.WAYS[clips.ways[row]]
        truth = {
            "which way does it move": way,
            "where does it come from": opposite[way],
            "which digit came first": vq.NUMBERS[first],
            "which digit came last": vq.NUMBERS[last],
        }
        there = "yes" if text.split()[-1] in (vq.NUMBERS[first], vq.NUMBERS[last]) else "no"
        assert answer == truth.get(text, there)
        assert text in truth or text.startswith("was there a")
        assert answer in vq.CLIP_KINDS[kind] and answer in vq.CLIP_ANSWERS


def test_the_words_say_nothing_about_the_answer():
    grids = vq.make_grids(6_000, seed=1)
    asked = vq.ask_about_grids(grids.digits, each=6, seed=3)
    for kind, fitting in vq.GRID_KINDS.items():
        texts, answers = asked.texts[asked.kinds == kind], asked.answers[asked.kinds == kind]
        best = sum(
            Counter(answers[texts == text].tolist()).most_common(1)[0][1] for text in set(texts)
        )
        assert best / len(texts) < 1 / len(fitting) + 0.08, kind


def test_kinds_take_turns(grids):
    asked = vq.ask_about_grids(grids.digits[:3], each=4, seed=0)
    assert asked.rows.tolist() == sorted(asked.rows.tolist())
    assert all(count in (1, 2) for count in Counter(asked.kinds.tolist()).values())


def test_what_cannot_be_asked_is_left_out():
    asked = vq.ask_about_grids(np.full((5, 4), 7), each=6)
    assert Counter(asked.kinds.tolist()) == dict.fromkeys(("which", "parity", "there", "count"), 5)
    assert len(vq.ask_about_grids(np.empty((0, 4), int)).rows) == 0


def test_words_are_numbers_from_one_with_zeros_behind():
    codes = vq.encode_questions(["which digit is top left", "how many are even"], length=6)
    assert codes.dtype == np.int32 and codes.shape == (2, 6)
    read = [" ".join(vq.WORDS[code - 1] for code in row if code) for row in codes]
    assert read == ["which digit is top left", "how many are even"]
    assert codes[0, 5] == 0 and (codes[1, 4:] == 0).all() and codes[1, 3] > 0
    texts = np.array(["is there a two"])
    assert vq.encode_questions(texts).shape == (1, vq.QUESTION_LENGTH)


# ---------------------------------------------------------------- models


def test_the_encoder_reads_four_places_as_four_digits():
    """Where no ink touches the border, a place gives the vector of its digit alone."""
    encoder = vq.build_digit_encoder(filters=(3, 4), units=5)
    tiles = np.zeros((4, 28, 28, 1), np.float32)
    tiles[:, 4:24, 4:24] = np.random.default_rng(0).uniform(size=(4, 20, 20, 1))
    picture = tiles.reshape(1, 2, 2, 28, 28).swapaxes(2, 3).reshape(1, 56, 56, 1)
    together = np.asarray(encoder(picture)).reshape(4, 5)
    np.testing.assert_allclose(together, np.asarray(encoder(tiles)).reshape(4, 5), atol=1e-5)
    assert together.max() > 0


def words():
    return vq.build_question_encoder(size=3, units=4)


def test_padding_is_not_read():
    long, short = (
        vq.build_question_encoder(size=3, units=4),
        vq.build_question_encoder(size=3, units=4, length=4),
    )
    short.set_weights(long.get_weights())
    text = ["is there a two"]
    np.testing.assert_allclose(
        long(vq.encode_questions(text)), short(vq.encode_questions(text, length=4)), atol=1e-6
    )


@pytest.mark.parametrize(
    ("build", "shape"), [(vq.build_answerer, (2, 2, 3)), (vq.build_clip_answerer, (5, 3))]
)
def test_the_joins(build, shape):
    seen = np.random.default_rng(0).normal(size=(6, *shape)).astype("float32")
    asked = vq.encode_questions(["is there a two"] * 6)
    for join, met in (("product", 8), ("concatenation", 16)):
        model = build(words(), feature_shape=shape, answers=7, join=join, units=8)
        assert model([seen, asked]).shape == (6, 7)
        inner = keras.Model(
            model.inputs,
            [model.get_layer(name).output for name in ("of_picture", "of_words", "meet")],
        )
        of_picture, of_words, both = map(np.asarray, inner([seen, asked]))
        assert both.shape == (6, met)
        expected = of_picture * of_words if join == "product" else np.hstack([of_picture, of_words])
        np.testing.assert_allclose(both, expected, atol=1e-6)


def test_the_question_encoder_is_used_and_not_copied():
    encoder = words()
    model = vq.build_answerer(encoder, feature_shape=(2, 2, 3), units=8)
    assert model.get_layer(encoder.name) is encoder


def test_whole_models_are_their_parts(grids, clips):
    encoder = vq.build_digit_encoder(filters=(2, 3), units=4)
    asked = vq.encode_questions(["is there a two", "which digit came last"])
    answerer = vq.build_answerer(words(), feature_shape=(2, 2, 4), units=8)
    whole = vq.build_visual_qa(encoder, answerer)
    parts = answerer([np.asarray(encoder(grids.pictures[:2])), asked])
    np.testing.assert_allclose(whole([grids.pictures[:2], asked]), parts, atol=1e-5)

    answerer = vq.build_clip_answerer(words(), feature_shape=(5, 4), units=8, state=3)
    whole = vq.build_video_qa(encoder, answerer)
    frames = np.stack([encoder(clips.clips[:2, frame]) for frame in range(5)], axis=1)
    parts = answerer([frames.reshape(2, 5, 4), asked])
    np.testing.assert_allclose(whole([clips.clips[:2], asked]), parts, atol=1e-5)
    assert whole.count_params() == encoder.count_params() + answerer.count_params()


# ---------------------------------------------------------------- refusals


def answerer(**options):
    return vq.build_answerer(words(), feature_shape=(2, 2, 4), units=3, **options)


def clip_answerer(**options):
    return vq.build_clip_answerer(words(), feature_shape=(5, 4), units=3, **options)


def two_inputs():
    pair = [keras.Input((7,)), keras.Input((7,))]
    return keras.Model(pair, layers.Add()(pair))


REFUSED = [
    (lambda: vq.make_grids(0), ValueError, "count: expected at least 1, got 0"),
    (lambda: vq.make_grids(2.0), TypeError, "count: expected a whole number, got 2.0"),
    (lambda: vq.make_grids(True), TypeError, "count"),
    (lambda: vq.make_grids(2, part="tests"), ValueError, 'part: expected "train" or "test"'),
    (lambda: vq.make_clips(2, seed=-1), ValueError, "seed: expected at least 0, got -1"),
    (lambda: vq.make_clips(2, part=1), ValueError, "part"),
    (lambda: vq.shift_images(np.zeros((3, 3))), ValueError, r"images: expected shape \(n"),
    (lambda: vq.shift_images(np.zeros((1, 4, 9)), most=4), ValueError, "most: expected less"),
    (lambda: vq.shift_images(np.zeros((1, 4, 9)), most=-1), ValueError, "most"),
    (lambda: vq.ask_about_grids(np.zeros((3, 2), int)), ValueError, r"digits: .* \(n, 4\)"),
    (lambda: vq.ask_about_grids(np.zeros((3, 4))), TypeError, "digits: .* dtype float64"),
    (lambda: vq.ask_about_grids(np.full((1, 4), 10)), ValueError, "digits: .* 0 to 9, got 10"),
    (lambda: vq.ask_about_grids(np.zeros((3, 4), int), each=7), ValueError, "each: .* at most 6"),
    (lambda: vq.ask_about_grids(np.zeros((3, 4), int), each=0), ValueError, "each"),
    (lambda: vq.ask_about_clips(np.zeros((3, 2), int), [0, 1]), ValueError, r"ways: .* \(3,\)"),
    (lambda: vq.ask_about_clips(np.zeros((1, 2), int), [4]), ValueError, "ways: .* 0 to 3"),
    (lambda: vq.ask_about_clips(np.zeros((1, 2), int), [0.5]), TypeError, "ways"),
    (lambda: vq.encode_questions("is there a two"), TypeError, r"Write \[text\] for one"),
    (lambda: vq.encode_questions([3]), TypeError, r"texts\[0\]: expected a text, got 3"),
    (lambda: vq.encode_questions(["is there a cat"]), ValueError, r"texts\[0\]: 'cat'"),
    (lambda: vq.encode_questions(["is " * 8]), ValueError, "at most 7 words, got 8"),
    (lambda: vq.encode_questions([], length=0), ValueError, "length"),
    (lambda: vq.build_digit_encoder(filters=(3,)), ValueError, "filters: expected two"),
    (lambda: vq.build_digit_encoder(filters=(3, 0)), ValueError, r"filters\[1\]"),
    (lambda: vq.build_digit_encoder(filters=3), TypeError, "filters"),
    (lambda: vq.build_digit_encoder(units=0), ValueError, "units"),
    (lambda: vq.build_digit_encoder(name=""), ValueError, "name"),
    (lambda: vq.build_question_encoder(vocabulary=1), ValueError, "vocabulary: .* least 2"),
    (lambda: vq.build_question_encoder(units="3"), TypeError, "units"),
    (lambda: vq.build_question_encoder(name=3), TypeError, "name"),
    (lambda: vq.build_answerer("words"), TypeError, "question_encoder: expected a keras.Model"),
    (lambda: vq.build_answerer(two_inputs()), ValueError, "question_encoder: .* 1 and 1"),
    (lambda: vq.build_answerer(vq.build_digit_encoder()), ValueError, "expected vectors"),
    (lambda: vq.build_answerer(keras.Sequential()), ValueError, "no known input"),
    (lambda: answerer(join="sum"), ValueError, 'join: expected one of "product", "concatenation"'),
    (lambda: answerer(answers=0), ValueError, "answers: expected at least 1, got 0"),
    (lambda: vq.build_answerer(words(), feature_shape=()), ValueError, "feature_shape"),
    (lambda: vq.build_answerer(words(), feature_shape=4), TypeError, "feature_shape"),
    (lambda: vq.build_clip_answerer(words(), feature_shape=(5,)), ValueError, "feature_shape"),
    (lambda: clip_answerer(state=0), ValueError, "state"),
    (lambda: clip_answerer(join=None), ValueError, "join"),
    (lambda: vq.build_visual_qa(None, answerer()), TypeError, "encoder: expected a keras.Model"),
    (lambda: vq.build_visual_qa(vq.build_digit_encoder(), words()), ValueError, "answerer: .* 2"),
    (lambda: vq.build_visual_qa(vq.build_digit_encoder(), answerer()), ValueError, "answerer: the"),
    (lambda: vq.build_video_qa(vq.build_digit_encoder(), clip_answerer()), ValueError, "answerer"),
    (
        lambda: vq.build_video_qa(
            vq.build_digit_encoder(units=4), clip_answerer(), clip_shape=(5, 28, 28)
        ),
        ValueError,
        "clip_shape",
    ),
]


@pytest.mark.parametrize(("attempt", "error", "words_of_it"), REFUSED)
def test_impossible_arguments_are_refused_by_name(attempt, error, words_of_it):
    with pytest.raises(error, match=words_of_it):
        attempt()
