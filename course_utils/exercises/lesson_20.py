"""Exercises of lesson 20, same author."""

import numpy as np

from course_utils.exercises.expect import call, describe, fail, to_array
from course_utils.exercises.judging import Exercise, Wrong

# ---------------------------------------------------------------- 20.1

FIRST = np.array([0, 1, 1, 0, 0, 0, 1, 1])


def changed(*places):
    """Return the habits of ``FIRST`` with those at these places the other way round."""
    habits = FIRST.copy()
    habits[list(places)] ^= 1
    return habits


def same_author(first, second):
    return bool(np.sum(first != second) <= 1)


JUDGED = (
    (FIRST, FIRST.copy(), True, "equal habits"),
    (FIRST, changed(3), True, "one habit that differs, where the second post has a 1"),
    (FIRST, changed(1), True, "one habit that differs, where the first post has a 1"),
    (FIRST, changed(1, 2), False, "two habits that differ, both 1 in the first post"),
    (FIRST, changed(0, 3), False, "two habits that differ, both 1 in the second post"),
    (FIRST, changed(0, 1), False, "two habits that differ, one in each direction"),
    (FIRST, 1 - FIRST, False, "eight habits that differ"),
)


def check_same_author(answer):
    for first, second, truth, what in JUDGED:
        got = call(answer, first.copy(), second.copy())
        array = to_array(got, "What it returns")
        if array.shape != ():
            fail(
                f"Expected one True or False for the two posts, got an array of shape "
                f"{array.shape}. Count the places that differ."
            )
        if array.dtype != bool:
            fail(f"Expected True or False, got {describe(got)}.")
        if bool(array) == truth:
            continue
        differ = int(np.sum(first != second))
        if truth:
            fail(
                f"For two posts with {what}, it says False. An author strays in 2 of 100 cases: "
                "one difference is still likely to be a slip."
            )
        if np.sum(first > second) == 0:
            fail(
                f"For two posts with {what}, it says True. Whole numbers have a sign: 0 - 1 is -1. "
                "Count the places that differ, whichever post has the 1."
            )
        if first.sum() == second.sum():
            fail(
                f"For two posts with {what}, it says True. Count the places that differ, not the "
                "ones: {0, 1} and {1, 0} have one 1 each."
            )
        fail(f"For two posts with {what}, it says True: {differ} differences are more than one.")


def same_if_equal(first, second):
    return bool(np.all(first == second))


def same_up_to_two(first, second):
    return bool(np.sum(first != second) <= 2)


def same_by_sums(first, second):
    return bool(abs(np.sum(first) - np.sum(second)) <= 1)


def same_by_signed_sum(first, second):
    return bool(np.sum(first - second) <= 1)


def same_place_by_place(first, second):
    return first == second


same = Exercise(
    id="20.1",
    title="The best reader",
    minutes=5,
    statement="""Write `same_author(first, second)`. It takes the habits of two posts, each a whole
number array of shape (8,) with entries 0 and 1, as `habits` returns them. Return `True` if the
posts differ in at most one habit, else `False`.

For example, `[0, 1, 1, 0, 0, 0, 1, 1]` and `[0, 1, 1, 1, 0, 0, 1, 1]` differ in one: `True`.""",
    stub="def same_author(first, second):\n    ...",
    answer="same_author",
    check=check_same_author,
    reference=same_author,
    hints=(
        "What is `first != second`, for two arrays of one shape?",
        "`np.sum` counts the places where a comparison is true.",
    ),
    explanation=(
        "Two posts of one author differ in a habit in 4 of 100 cases, two posts of two authors in "
        "half of them. At zero or one differences the first is likelier, from two on the second."
    ),
    wrong=(
        Wrong(same_if_equal, "still likely to be a slip"),
        Wrong(same_up_to_two, "2 differences are more than one"),
        Wrong(same_by_sums, "Count the places that differ, not the ones"),
        Wrong(same_by_signed_sum, "Whole numbers have a sign"),
        Wrong(same_place_by_place, "got an array of shape (8,)"),
        Wrong(lambda first, second: int(np.sum(first != second)), "Expected True or False"),
    ),
    right=(
        lambda first, second: sum(a != b for a, b in zip(first, second, strict=True)) < 2,
        lambda first, second: np.abs(first - second).sum() <= 1,
    ),
)

# ---------------------------------------------------------------- 20.2


def name_author(known, authors, vector):
    names = np.unique(authors)
    centres = np.stack([known[authors == name].mean(axis=0) for name in names])
    gaps = np.abs(centres - vector).sum(axis=1)
    return int(names[gaps.argmin()])


KNOWN = np.array(
    [
        [0, 0, 0], [2, 0, 0], [4, 0, 0],  # author 61, about (2, 0, 0)
        [0, 5, 0], [0, 7, 0], [0, 9, 0],  # author 60, about (0, 7, 0)
        [1, 1, 9], [3, 1, 9], [20, 1, 9],  # author 65, about (8, 1, 9)
    ],
    "float32",
)  # fmt: skip
AUTHORS = np.array([61, 61, 61, 60, 60, 60, 65, 65, 65])
MIXED = np.array([3, 0, 6, 4, 1, 7, 5, 8, 2])  # authors do not stand together, nor in order

# A vector and its author. The third is nearest to one post of 65; the last, by squares, to 60.
ASKED = (
    (np.array([1.0, 6.0, 0.0]), 60),
    (np.array([2.0, 1.0, 0.5]), 61),
    (np.array([2.0, 0.5, 5.2]), 61),
    (np.array([9.0, 0.0, 8.0]), 65),
    (np.array([2.0, 4.0, 0.0]), 61),
)


def nearest_post(known, authors, vector):
    return int(authors[np.abs(known - vector).sum(axis=1).argmin()])


def place_of_the_author(known, authors, vector):
    names = np.unique(authors)
    return list(names).index(name_author(known, authors, vector))


def place_of_the_post(known, authors, vector):
    return int(np.abs(known - vector).sum(axis=1).argmin())


def farthest_author(known, authors, vector):
    names = np.unique(authors)
    centres = np.stack([known[authors == name].mean(axis=0) for name in names])
    return int(names[np.abs(centres - vector).sum(axis=1).argmax()])


def nearest_by_signed_sum(known, authors, vector):
    names = np.unique(authors)
    centres = np.stack([known[authors == name].mean(axis=0) for name in names])
    return int(names[(centres - vector).sum(axis=1).argmin()])


def nearest_by_root(known, authors, vector):
    names = np.unique(authors)
    centres = np.stack([known[authors == name].mean(axis=0) for name in names])
    return int(names[np.square(centres - vector).sum(axis=1).argmin()])


MISTAKES = (
    (
        nearest_post,
        "is the author of the nearest single post. One post may be a slip: take the mean of each "
        "author's vectors first.",
    ),
    (
        place_of_the_author,
        "is the place of the author among the others. Return the author's number, as it stands in "
        "`authors`.",
    ),
    (
        place_of_the_post,
        "is the row of the nearest post. Return the author's number, as it stands in `authors`.",
    ),
    (farthest_author, "is the author who is farthest away."),
    (
        nearest_by_signed_sum,
        "comes from differences with a sign, which cancel. Take their absolute values.",
    ),
    (
        nearest_by_root,
        "comes from squared differences. Add up the absolute differences, as the head of the model "
        "does.",
    ),
)


def check_name_author(answer):
    known, authors = KNOWN[MIXED], AUTHORS[MIXED]
    answers = []
    for vector, _ in ASKED:
        got = to_array(
            call(answer, known.copy(), authors.copy(), vector.astype("float32")), "What it returns"
        )
        if got.size != 1:
            fail(f"Expected the number of one author, got an array of shape {got.shape}.")
        answers.append(got.reshape(()).item())
    truth = [author for _, author in ASKED]
    if answers == truth:
        return
    for mistake, words in MISTAKES:
        if answers == [mistake(known, authors, vector) for vector, _ in ASKED]:
            at = next(n for n, (got, right) in enumerate(zip(answers, truth, strict=True))
                      if got != right)  # fmt: skip
            fail(f"For the vector {ASKED[at][0].tolist()} the answer {answers[at]} {words}")
    at = next(n for n, (got, right) in enumerate(zip(answers, truth, strict=True)) if got != right)
    fail(
        f"For the vector {ASKED[at][0].tolist()} the answer is {describe(answers[at])}; expected "
        f"{truth[at]}, whose mean vector is nearest."
    )


def name_author_by_a_loop(known, authors, vector):
    best, least = None, float("inf")
    for name in sorted(set(authors.tolist())):
        centre = sum(row for row, author in zip(known, authors, strict=True) if author == name)
        centre = centre / np.count_nonzero(authors == name)
        gap = float(sum(abs(a - b) for a, b in zip(centre, vector, strict=True)))
        if gap < least:
            best, least = name, gap
    return best


def name_author_as_numpy(known, authors, vector):
    return min(
        np.unique(authors),
        key=lambda name: np.abs(known[authors == name].mean(axis=0) - vector).sum(),
    )


name = Exercise(
    id="20.2",
    title="Name the author",
    minutes=10,
    statement="""Write `name_author(known, authors, vector)`. `known` holds the vectors of posts
whose authors are known, a float32 array of shape (n, d); `authors` holds their authors, whole
numbers of shape (n,), in no order; `vector` is the vector of a new post, of shape (d,). Take the
mean of the known vectors of each author. Return the number of the author whose mean is nearest to
`vector`, where the distance is the sum of the absolute differences.

For example, with `known = [[0, 0], [2, 0], [9, 9]]` and `authors = [61, 61, 60]`, the vector
`[1, 1]` is at a distance of 1 from the mean of author 61 and 16 from that of author 60: 61.""",
    stub="def name_author(known, authors, vector):\n    ...",
    answer="name_author",
    check=check_name_author,
    reference=name_author,
    hints=(
        "`known[authors == 61]` picks the rows of one author. What is their mean over axis 0?",
        "`np.unique(authors)` lists each author once. Make one mean for each, and one distance.",
        "`argmin` gives the place of the smallest distance; the answer is the author there.",
    ),
    explanation=(
        "The mean of several posts evens out their slips. Nothing is trained for the new authors: "
        "the encoder has learned what matters in a post, whoever wrote it."
    ),
    wrong=tuple(
        Wrong(mistake, says)
        for mistake, says in (
            (nearest_post, "take the mean of each author's vectors first"),
            (place_of_the_author, "the place of the author among the others"),
            (place_of_the_post, "is the row of the nearest post"),
            (farthest_author, "farthest away"),
            (nearest_by_signed_sum, "which cancel"),
            (nearest_by_root, "comes from squared differences"),
        )
    ),
    right=(name_author_by_a_loop, name_author_as_numpy),
)

EXERCISES = (same, name)
