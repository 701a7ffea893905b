"""Exercises of lesson 22, visual questions."""

from collections import Counter

import numpy as np

from course_utils.exercises.expect import call, describe, expect_shape, fail, is_close
from course_utils.exercises.judging import Exercise, Wrong

# ---------------------------------------------------------------- 22.1


def blind_answer(question, texts, answers):
    import numpy as np

    fitting = np.asarray(answers)[np.asarray(texts) == question]
    words, counts = np.unique(fitting, return_counts=True)
    return str(words[counts.argmax()])


ASKED = (
    ("how many are even", "two one two two three two"),
    ("is there a two", "yes yes no yes"),
    ("is there a nine", "no yes no no yes no no"),
    ("which digit is top left", "six five five six five four"),
)


def training_questions():
    """Return the texts and answers of ``ASKED``, mixed, as arrays like those of the lesson."""
    rows = [(text, answer) for text, answers in ASKED for answer in answers.split()]
    order = np.random.default_rng(2).permutation(len(rows))
    texts, answers = zip(*(rows[place] for place in order), strict=True)
    return np.array(texts), np.array(answers)


def check_blind_answer(answer):
    texts, answers = training_questions()
    for question, _ in ASKED:
        got = call(answer, question, texts.copy(), answers.copy())
        truth = blind_answer(question, texts, answers)
        if isinstance(got, tuple | list | dict):
            fail(f"Expected one word, got {describe(got)}. Return the answer without its count.")
        if isinstance(got, np.ndarray) and got.shape == ():
            got = got.item()
        if not isinstance(got, str):
            fail(f"Expected one word such as 'yes', got {describe(got)}.")
        if got == truth:
            continue
        fitting = answers[texts == question]
        made = {
            str(fitting[-1]): "the last answer to it in the list. Count them all.",
            str(fitting[0]): "the first answer to it in the list. Count them all.",
            Counter(fitting.tolist()).most_common()[-1][0]: "the rarest answer to it.",
            Counter(answers.tolist()).most_common(1)[0][0]: (
                "the most frequent answer to all questions. It does not see the picture, but it "
                "does hear the question: count the answers to the same words."
            ),
        }
        words = made.get(got, f"not among the most frequent. Expected {truth!r}.")
        fail(f"To {question!r} it answers {got!r}, {words}")


def blind_to_all(question, texts, answers):
    return Counter(answers.tolist()).most_common(1)[0][0]


def blind_rarest(question, texts, answers):
    return Counter(answers[texts == question].tolist()).most_common()[-1][0]


def blind_with_count(question, texts, answers):
    return Counter(answers[texts == question].tolist()).most_common(1)[0]


def blind_count(question, texts, answers):
    return Counter(answers[texts == question].tolist()).most_common(1)[0][1]


def blind_by_a_loop(question, texts, answers):
    counts = {}
    for text, given in zip(texts, answers, strict=True):
        if text == question:
            counts[given] = counts.get(given, 0) + 1
    return max(counts, key=counts.get)


def blind_by_a_counter(question, texts, answers):
    return Counter(answers[texts == question].tolist()).most_common(1)[0][0]


blind = Exercise(
    id="22.1",
    title="Answer without looking",
    minutes=5,
    statement="""Write `blind_answer(question, texts, answers)`. `texts` and `answers` are the
questions of the training and their answers, two text arrays of shape (n,); `question` is a text
that occurs in `texts`. Return the answer that was given most often to the same question, as one
word. There are no ties.

For example, if "is there a two" was answered by yes, no and yes, it returns `"yes"`.""",
    stub="def blind_answer(question, texts, answers):\n    ...",
    answer="blind_answer",
    check=check_blind_answer,
    reference=blind_answer,
    hints=(
        "`answers[texts == question]` holds the answers to the same words.",
        "`np.unique(fitting, return_counts=True)` returns the different words and how often each "
        "occurs; `argmax` finds the largest count.",
    ),
    explanation=(
        "It hears the words and has seen no picture. What it reaches is reached by the words alone."
    ),
    wrong=(
        Wrong(blind_to_all, "the most frequent answer to all questions"),
        Wrong(blind_rarest, "the rarest answer"),
        Wrong(blind_with_count, "without its count"),
        Wrong(blind_count, "Expected one word such as"),
    ),
    right=(blind_by_a_loop, blind_by_a_counter),
)

# ---------------------------------------------------------------- 22.2


def pooled_twin(picture, digits, place):
    other = next(each for each in range(4) if digits[each] != digits[place])
    tiles = picture.reshape(2, 28, 2, 28).swapaxes(1, 2).reshape(4, 28, 28).copy()
    tiles[[place, other]] = tiles[[other, place]]
    return tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)


RNG = np.random.default_rng(14)
TILES = RNG.uniform(size=(5, 28, 28)).astype("float32")  # two of the first digit, then three others
CASES = (((0, 2, 3, 4), (3, 7, 1, 8), 0), ((0, 1, 2, 3), (3, 3, 7, 1), 0),
         ((2, 0, 1, 3), (7, 3, 3, 1), 2), ((2, 0, 3, 1), (7, 3, 1, 3), 3))  # fmt: skip


def tiles_of(picture):
    """Return the four tiles of a picture (56, 56, 1), in the order of the places."""
    return picture.reshape(2, 28, 2, 28).swapaxes(1, 2).reshape(4, 28, 28)


def check_pooled_twin(answer):
    for numbers, digits, place in CASES:
        tiles = TILES[list(numbers)]
        picture = tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)
        given = picture.copy()
        got = call(answer, given, np.array(digits), place)
        got = expect_shape(got, (56, 56, 1), "The twin")
        if not np.array_equal(given, picture):
            fail("The picture that was given has changed. Work on a copy, and return that.")
        found = [
            next((n for n, tile in enumerate(tiles) if is_close(each, tile)), None)
            for each in tiles_of(got)
        ]
        if None in found:
            corner = tiles_of(got)[0]
            strips = picture.reshape(4, 784)
            if all(any(is_close(each, strip) for strip in strips) for each in got.reshape(4, 784)):
                fail(
                    "Strips of 14 lines have moved, not tiles: a picture holds its pixels line by "
                    "line, so `reshape` alone does not cut out a tile. Slice it, or look at how "
                    "the lesson puts a picture together."
                )
            if any(is_close(corner, np.flip(tile, axis)) for tile in tiles for axis in (0, 1)):
                fail(
                    "The digits themselves are mirrored, so their vectors change, and with them "
                    "the mean. Move whole tiles, each as it is."
                )
            if any(is_close(corner, np.rot90(tile.T, turn)) for tile in tiles for turn in range(4)):
                fail(
                    "The digits themselves are turned, or rows and columns swapped, so their "
                    "vectors change, and with them the mean. Move whole tiles, each as it is."
                )
            fail(
                "Not all four tiles of the twin are tiles of the picture. Move whole tiles of "
                "28 x 28 pixels, each as it is."
            )
        if sorted(found) != [0, 1, 2, 3]:
            fail(
                "One tile is there twice and another is gone, so the mean over the places changes. "
                "The twin needs the same four tiles."
            )
        if found[place] == place:
            fail(
                f"The tile at place {place} is where it was, so the right answer to 'which digit' "
                "is the same for both pictures."
            )
        if digits[found[place]] == digits[place]:
            fail(
                f"For the digits {list(digits)} and place {place}, the new tile there shows the "
                "same number, written by another hand. Look in `digits` for a place with another "
                "number."
            )


def twin_same(picture, digits, place):
    return picture.copy()


def twin_mirrored(picture, digits, place):
    return picture[:, ::-1].copy()


def twin_transposed(picture, digits, place):
    return picture.transpose(1, 0, 2).copy()


def twin_next(picture, digits, place):
    tiles = tiles_of(picture).copy()
    tiles[[place, place ^ 1]] = tiles[[place ^ 1, place]]
    return tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)


def twin_copied(picture, digits, place):
    other = next(each for each in range(4) if digits[each] != digits[place])
    tiles = tiles_of(picture).copy()
    tiles[place] = tiles[other]
    return tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)


def twin_in_place(picture, digits, place):
    picture[:] = pooled_twin(picture, digits, place)
    return picture


def twin_strips(picture, digits, place):
    other = next(each for each in range(4) if digits[each] != digits[place])
    strips = picture.reshape(4, 28, 28).copy()
    strips[[place, other]] = strips[[other, place]]
    return strips.reshape(56, 56, 1)


def twin_half_shift(picture, digits, place):
    return np.roll(picture, 14, axis=1)


twin = Exercise(
    id="22.2",
    title="Two pictures that pooling cannot tell apart",
    minutes=10,
    statement="""An encoder turns each tile of a picture into a vector, and pooling takes the mean
of the four vectors. Write `pooled_twin(picture, digits, place)`. It returns another picture with
**the same mean**, whatever the encoder, for which the question "which digit is at `place`" has
**another right answer**.

- `picture` is a NumPy array, float32 of shape (56, 56, 1). Leave it as it is.
- `digits` is an integer array of shape (4,): the numbers at top left, top right, bottom left and
  bottom right. At least one of them is not the number at `place`.
- `place` is a whole number from 0 to 3.
- Return an array of shape (56, 56, 1), in which each tile of 28 × 28 is one of the four tiles.

For example, with `digits` 3, 3, 7, 1 and `place` 0, the number at top left becomes 7 or 1.""",
    stub="def pooled_twin(picture, digits, place):\n    ...",
    answer="pooled_twin",
    check=check_pooled_twin,
    reference=pooled_twin,
    hints=(
        "A mean does not change when its parts change places.",
        "Two tiles swap places: the one at `place`, and one with another number.",
        "`picture.reshape(2, 28, 2, 28).swapaxes(1, 2).reshape(4, 28, 28)` gives the four tiles; "
        "the start of the lesson shows the way back.",
    ),
    explanation=(
        "The same four vectors in another order have the same mean. So no network behind the "
        "pooling can give the two pictures different answers, though one of its answers is wrong."
    ),
    wrong=(
        Wrong(twin_same, "is where it was"),
        Wrong(twin_mirrored, "digits themselves are mirrored"),
        Wrong(twin_transposed, "rows and columns swapped"),
        Wrong(twin_next, "written by another hand"),
        Wrong(twin_copied, "One tile is there twice"),
        Wrong(twin_in_place, "that was given has changed"),
        Wrong(twin_strips, "Strips of 14 lines"),
        Wrong(twin_half_shift, "Not all four tiles"),
    ),
)

EXERCISES = (blind, twin)
