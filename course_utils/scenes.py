"""Pictures of four digits, short clips of a moving digit, and questions about both in words.

Pictures and clips are composed when they are asked for, from the digits of
``course_utils.data.load_digits``: those for testing from test digits alone.

Read more: Antol et al. 2015, "VQA: visual question answering"; Goyal et al. 2017, "Making the V in
VQA matter", on balanced answers; F. Chollet's examples of visual and video question answering in
the first Keras guide to the Functional API.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from course_utils.arguments import (
    check_choice,
    check_codes,
    check_number,
    check_texts,
    check_whole,
)
from course_utils.data import load_digits

PARTS = ("train", "test")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLACES = ("top left", "top right", "bottom left", "bottom right")
WAYS = ("left", "right", "up", "down")

GRID_KINDS = {
    "which": NUMBERS,  # which digit is top left
    "parity": ("yes", "no"),  # is top left even
    "there": ("yes", "no"),  # is there a seven
    "count": NUMBERS[:5],  # how many are even
    "larger": ("yes", "no"),  # is top left larger than bottom right
    "beside": NUMBERS,  # which digit is beside the seven
}
"""The kinds of questions about a grid, and the answers that fit each."""

CLIP_KINDS = {
    "way": WAYS,  # which way does it move, where does it come from
    "order": NUMBERS,  # which digit came first, which digit came last
    "was": ("yes", "no"),  # was there a seven
}
"""The kinds of questions about a clip, and the answers that fit each."""

GRID_ANSWERS = (*NUMBERS, "yes", "no")
CLIP_ANSWERS = (*NUMBERS, *WAYS, "yes", "no")
_PHRASES = (
    *NUMBERS,
    *PLACES,
    "which digit is even odd",
    "is there a an",
    "how many are",
    "is larger than",
    "is beside the",
    "which way does it move where does it come from",
    "which digit came first last",
    "was there a an",
)
WORDS = tuple(sorted(set(" ".join(_PHRASES).split())))
"""All words of all questions. The number of a word is its place here plus one; 0 is no word."""

QUESTION_LENGTH = 7  # words
FRAMES = 5
STEP = 2  # pixels that a digit moves from one frame to the next
ROOM = 6  # pixels that a digit may be away from its usual place


class Grids(NamedTuple):
    """Pictures of four digits, and what is known about them."""

    pictures: np.ndarray  # float32 (n, 56, 56, 1), 0 to 1
    digits: np.ndarray  # int64 (n, 4), in the order of PLACES
    sources: np.ndarray  # int64 (n, 4), the rows of the digits in their part of load_digits()


class Clips(NamedTuple):
    """Short clips of a moving digit that becomes another one, and what is known about them."""

    clips: np.ndarray  # float32 (n, 5, 28, 28, 1), 0 to 1
    digits: np.ndarray  # int64 (n, 2), the first and the last one
    ways: np.ndarray  # int64 (n,), places in WAYS
    sources: np.ndarray  # int64 (n, 2), the rows of the digits in their part of load_digits()


class Questions(NamedTuple):
    """Questions in words, each about one picture or clip, with the right answers."""

    rows: np.ndarray  # int64 (n,), the picture or clip that is asked about
    kinds: np.ndarray  # texts (n,)
    texts: np.ndarray  # texts (n,)
    answers: np.ndarray  # texts (n,)


# --- pictures and clips ---------------------------------------------------------------------


def make_grids(count: int, *, part: str = "train", seed: int = 0) -> Grids:
    """Return pictures of four real digits, two by two: ``Grids(pictures, digits, sources)``.

    Each number of even digits, 0 to 4, is equally likely, and so is each digit in each place.

    Args:
        count: the number of pictures.
        part: "train" for training digits, "test" for test digits.
        seed: the same seed gives the same pictures.

    Raises:
        TypeError: ``count`` or ``seed`` is not a whole number.
        ValueError: ``count`` is below 1, ``seed`` below 0, or there is no such part.
        DataError: the digits are missing or damaged.

    Source: the course itself.
    """
    images, rows, rng = _start(count, part, seed)
    odd = rng.permuted(np.arange(4) >= rng.integers(0, 5, (count, 1)), axis=1)
    digits = 2 * rng.integers(0, 5, (count, 4)) + odd
    sources = rows[digits, rng.integers(0, rows.shape[1], (count, 4))]
    pictures = images[sources].reshape(count, 2, 2, 28, 28).swapaxes(2, 3)
    return Grids(_scale(pictures.reshape(count, 56, 56)), digits, sources)


def make_clips(count: int, *, part: str = "train", seed: int = 0) -> Clips:
    """Return clips of a digit that moves and becomes another one on its way.

    A clip has 5 frames of 28 x 28. From frame to frame the digit moves by 2 pixels in one of the
    four ``WAYS``; between two of the frames it becomes another digit. It is never more than 6
    pixels away from where it usually stands.

    Args:
        count: the number of clips.
        part: "train" for training digits, "test" for test digits.
        seed: the same seed gives the same clips.

    Raises:
        TypeError: ``count`` or ``seed`` is not a whole number.
        ValueError: ``count`` is below 1, ``seed`` below 0, or there is no such part.
        DataError: the digits are missing or damaged.

    Source: the course itself.
    """
    images, rows, rng = _start(count, part, seed)
    first = rng.integers(0, 10, count)
    digits = np.stack([first, (first + rng.integers(1, 10, count)) % 10], axis=1)
    sources = rows[digits, rng.integers(0, rows.shape[1], (count, 2))]
    ways = rng.integers(0, 4, count)
    change = rng.integers(1, FRAMES, count)  # the first frame of the second digit
    slack = ROOM - STEP * (FRAMES // 2)
    middle = rng.integers(-slack, slack + 1, (count, 2))
    steps = np.array([(0, -1), (0, 1), (-1, 0), (1, 0)])[ways] * STEP  # down and right, as WAYS
    clips = np.zeros((count, FRAMES, 28, 28), np.uint8)
    for frame in range(FRAMES):
        which = (frame >= change).astype(int)
        shifts = middle + (frame - FRAMES // 2) * steps
        clips[:, frame] = _shift(images[sources[np.arange(count), which]], shifts)
    return Clips(_scale(clips), digits, ways, sources)


def shift_images(images: Any, *, most: int = ROOM, seed: int = 0) -> np.ndarray:
    """Return images moved by up to ``most`` pixels each way; what leaves the image is cut off.

    Args:
        images: an array of shape (n, height, width).
        most: the largest shift, in pixels, below the height and the width.
        seed: the same seed gives the same shifts.

    Returns:
        An array of the same shape and dtype, with zeros where nothing is left.

    Raises:
        TypeError: ``most`` or ``seed`` is not a whole number.
        ValueError: one of them is below 0, ``most`` is too large, or the shape is another.

    Source: the course itself.
    """
    images = np.asarray(images)
    if images.ndim != 3:
        raise ValueError(f"images: expected shape (n, height, width), got {images.shape}.")
    check_whole("most", most, least=0)
    check_whole("seed", seed, least=0)
    if most >= min(images.shape[1:]):
        raise ValueError(f"most: expected less than the size {images.shape[1:]}, got {most}.")
    rng = np.random.default_rng(seed)
    return _shift(images, rng.integers(-most, most + 1, (len(images), 2)))


# --- questions ------------------------------------------------------------------------------


def ask_about_grids(digits: Any, *, each: int = 4, seed: int = 0) -> Questions:
    """Return questions about grids, of each kind in ``GRID_KINDS`` equally many, with answers.

    Given the question, each answer that fits is about equally likely, so that the words alone say
    next to nothing. (The answer to ``"beside"`` is never the digit that the question names.)
    A question that cannot be asked about a picture is left out ("which digit is beside the seven"
    needs a digit that is there once), so that there may be fewer than asked for.

    Args:
        digits: whole numbers 0 to 9, shape (n, 4), as in ``Grids.digits``.
        each: questions for each picture, each of another kind, 1 to 6.
        seed: the same seed gives the same questions.

    Raises:
        TypeError: ``each`` or ``seed`` is not a whole number, or the digits are not.
        ValueError: one of them is out of its range, or ``digits`` has another shape.

    Source: the course itself.
    """
    digits = check_codes("digits", digits, (None, 4), most=9)
    return _ask(_GRID_QUESTIONS, [(row,) for row in digits.tolist()], each, seed)


def ask_about_clips(digits: Any, ways: Any, *, each: int = 3, seed: int = 0) -> Questions:
    """Return questions about clips, of each kind in ``CLIP_KINDS`` equally many, with answers.

    Args:
        digits: whole numbers 0 to 9, shape (n, 2), the first and the last, as in ``Clips.digits``.
        ways: places in ``WAYS``, shape (n,), as in ``Clips.ways``.
        each: questions for each clip, each of another kind, 1 to 3.
        seed: the same seed gives the same questions.

    Raises:
        TypeError: ``each`` or ``seed`` is not a whole number, or digits or ways are not.
        ValueError: one of them is out of its range, or has another shape.

    Source: the course itself.
    """
    digits = check_codes("digits", digits, (None, 2), most=9)
    ways = check_codes("ways", ways, (len(digits),), most=len(WAYS) - 1)
    clips = list(zip(digits.tolist(), ways.tolist(), strict=True))
    return _ask(_CLIP_QUESTIONS, clips, each, seed)


def encode_questions(texts: Sequence[str], *, length: int = QUESTION_LENGTH) -> np.ndarray:
    """Return questions as the numbers of their words, int32 (n, length), with 0 behind the end.

    >>> encode_questions(["is there a seven"]).tolist()
    [[17, 32, 1, 28, 0, 0, 0]]

    Raises:
        TypeError: ``texts`` is a single text or holds something else than texts, or ``length`` is
            not a whole number.
        ValueError: a question has too many words or a word that is not in ``WORDS``, or ``length``
            is below 1.

    Source: the course itself.
    """
    check_whole("length", length)
    texts = check_texts("texts", texts)
    codes = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        words = text.split()
        if len(words) > length:
            raise ValueError(f"texts[{row}]: expected at most {length} words, got {len(words)}.")
        for place, word in enumerate(words):
            if word not in _NUMBER_OF_WORD:
                raise ValueError(
                    f"texts[{row}]: {word!r} is none of the words of the questions. "
                    "Expected words from WORDS, in small letters, without punctuation."
                )
            codes[row, place] = _NUMBER_OF_WORD[word]
    return codes


# --- drawings -------------------------------------------------------------------------------


def draw_digit(strokes: Any, *, pen: float = 1.6, size: int = 28) -> np.ndarray:
    """Return a uint8 image (size, size) of strokes, white ink on black, centred by its mass.

    Args:
        strokes: a list of strokes, each a list of points (x, y) in the unit square, with (0, 0) top
            left and (1, 1) bottom right. No stroke at all makes a black image.
        pen: the radius of the pen in pixels, above 0.
        size: height and width of the image.

    Raises:
        TypeError: ``pen`` is not a number, or ``size`` not a whole number.
        ValueError: ``pen`` is not above 0, ``size`` is below 14, or a stroke is no list of points.

    Source: the course itself; digits of MNIST are centred by their mass as well.
    """
    check_number("pen", pen, above=0)
    check_whole("size", size, least=14)
    rows, columns = np.mgrid[:size, :size]
    nearest = np.full((size, size), np.inf)
    margin = 5 * size / 28
    for number, stroke in enumerate(strokes):
        points = np.array(stroke, float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(
                f"strokes[{number}]: expected a list of points (x, y), got shape {points.shape}."
            )
        points = points * (size - 2 * margin) + margin
        for start, end in itertools.pairwise(points):
            for x, y in np.linspace(start, end, 40):
                nearest = np.minimum(nearest, np.hypot(columns - x, rows - y))
    ink = np.clip(pen + 0.5 - nearest, 0, 1)
    if ink.sum() == 0:
        return np.zeros((size, size), np.uint8)
    shift = [round((size - 1) / 2 - np.sum(ink * axis) / ink.sum()) for axis in (rows, columns)]
    return (255 * np.roll(ink, shift, axis=(0, 1))).astype(np.uint8)


# --- answers and scores ---------------------------------------------------------------------


def number_answers(answers: Sequence[str], all_answers: Sequence[str]) -> np.ndarray:
    """Return the place of each answer among all answers, int64 (n,).

    >>> number_answers(["yes", "two", "yes"], GRID_ANSWERS).tolist()
    [10, 2, 10]

    Raises:
        TypeError: ``answers`` or ``all_answers`` holds something else than texts.
        ValueError: an answer is not among all answers.

    Source: the course itself.
    """
    place = {word: number for number, word in enumerate(check_texts("all_answers", all_answers))}
    for row, answer in enumerate(answers := check_texts("answers", answers)):
        if answer not in place:
            raise ValueError(f"answers[{row}]: {answer!r} is none of {', '.join(place)}.")
    return np.array([place[answer] for answer in answers], dtype=np.int64)


def score_blind(
    trained: Questions, tested: Questions, kinds: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Return, by kind, how often the most frequent training answer to the same words is right.

    This is the picture-blind baseline: whatever hears the words alone does no better, on average.
    Words that were never asked in training are answered wrong.

    Source: Goyal et al. 2017. Its heart is exercise 22.1.
    """
    counts: dict[str, Counter[str]] = {}
    for text, answer in zip(trained.texts.tolist(), trained.answers.tolist(), strict=True):
        counts.setdefault(text, Counter())[answer] += 1
    best = {text: count.most_common(1)[0][0] for text, count in counts.items()}
    right = np.array([best.get(text) for text in tested.texts.tolist()]) == tested.answers
    return {kind: float(np.mean(right[tested.kinds == kind])) for kind in kinds}


def score_by_kind(
    logits: np.ndarray, tested: Questions, kinds: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Return, by kind, how often the best of the fitting answers is right.

    Args:
        logits: a score for each answer, shape (n, 12) for grids or (n, 16) for clips.
        tested: the n questions.
        kinds: ``GRID_KINDS`` or ``CLIP_KINDS``, which say what fits each kind.

    Raises:
        ValueError: the logits have another shape.

    Source: the course itself.
    """
    all_answers = GRID_ANSWERS if kinds is GRID_KINDS else CLIP_ANSWERS
    expected = (len(tested.texts), len(all_answers))
    if np.shape(logits) != expected:
        raise ValueError(f"logits: expected the shape {expected}, got {np.shape(logits)}.")
    scores = {}
    for kind, fitting in kinds.items():
        rows = tested.kinds == kind
        best = np.argmax(logits[rows][:, number_answers(fitting, all_answers)], axis=1)
        scores[kind] = float(np.mean(np.array(fitting)[best] == tested.answers[rows]))
    return scores


def print_scores(scores: Mapping[str, Mapping[str, float]]) -> None:
    """Print scores as a table: a row a kind of question, a column a model.

    Source: the course itself.
    """
    print(" " * 8 + "  ".join(f"{name:>14}" for name in scores))
    for kind in next(iter(scores.values())):
        cells = "  ".join(f"{'≈':>10} {by_kind[kind]:.2f}" for by_kind in scores.values())
        print(f"{kind:<7} {cells}")


# --- composing and asking -------------------------------------------------------------------


def _start(count: Any, part: Any, seed: Any) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Check the arguments; return a part's images, its rows by digit (10, n), and a generator."""
    check_whole("count", count)
    check_whole("seed", seed, least=0)
    check_choice("part", part, PARTS)
    images, labels = load_digits()[PARTS.index(part)]
    rows = np.stack([np.flatnonzero(labels == digit) for digit in range(10)])
    return images, rows, np.random.default_rng(seed)


def _scale(images: np.ndarray) -> np.ndarray:
    """Return uint8 images as float32 from 0 to 1, with a channel axis."""
    return images[..., np.newaxis].astype("float32") / 255


def _shift(images: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return images (n, height, width) moved down and right by ``shifts`` (n, 2)."""
    height, width = images.shape[1:]
    most = int(np.abs(shifts).max(initial=0))
    wide = np.pad(images, ((0, 0), (most, most), (most, most)))
    down = most - shifts[:, :1] + np.arange(height)
    right = most - shifts[:, 1:] + np.arange(width)
    return wide[np.arange(len(images))[:, None, None], down[:, :, None], right[:, None, :]]


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _there(rng: np.random.Generator, verb: str, digits: list[int]) -> tuple[str, str]:
    """Ask for a digit that is there in half of the cases."""
    truth = bool(rng.integers(2))
    asked = [digit for digit in range(10) if (digit in digits) == truth]
    number = NUMBERS[asked[rng.integers(len(asked))]]
    return f"{verb} there {'an' if number == 'eight' else 'a'} {number}", _yes(truth)


def _ask_which(rng: np.random.Generator, digits: list[int]) -> tuple[str, str]:
    place = rng.integers(4)
    return f"which digit is {PLACES[place]}", NUMBERS[digits[place]]


def _ask_parity(rng: np.random.Generator, digits: list[int]) -> tuple[str, str]:
    place, remainder = int(rng.integers(4)), int(rng.integers(2))
    word = ("even", "odd")[remainder]
    return f"is {PLACES[place]} {word}", _yes(digits[place] % 2 == remainder)


def _ask_there(rng: np.random.Generator, digits: list[int]) -> tuple[str, str]:
    return _there(rng, "is", digits)


def _ask_count(rng: np.random.Generator, digits: list[int]) -> tuple[str, str]:
    remainder = int(rng.integers(2))
    count = sum(digit % 2 == remainder for digit in digits)
    return f"how many are {('even', 'odd')[remainder]}", NUMBERS[count]


def _ask_larger(rng: np.random.Generator, digits: list[int]) -> tuple[str, str] | None:
    pairs = [(a, b) for a in range(4) for b in range(4) if digits[a] != digits[b]]
    if not pairs:
        return None
    a, b = pairs[rng.integers(len(pairs))]
    return f"is {PLACES[a]} larger than {PLACES[b]}", _yes(digits[a] > digits[b])


def _ask_beside(rng: np.random.Generator, digits: list[int]) -> tuple[str, str] | None:
    once = [place for place in range(4) if digits.count(digits[place]) == 1]
    if not once:
        return None
    place = once[rng.integers(len(once))]
    beside = digits[place ^ 1]  # the other one in the same row
    return f"which digit is beside the {NUMBERS[digits[place]]}", NUMBERS[beside]


def _ask_way(rng: np.random.Generator, digits: list[int], way: int) -> tuple[str, str]:
    if rng.integers(2):
        return "which way does it move", WAYS[way]
    return "where does it come from", WAYS[way ^ 1]  # the opposite


def _ask_order(rng: np.random.Generator, digits: list[int], way: int) -> tuple[str, str]:
    which = rng.integers(2)
    return f"which digit came {('first', 'last')[which]}", NUMBERS[digits[which]]


def _ask_was(rng: np.random.Generator, digits: list[int], way: int) -> tuple[str, str]:
    return _there(rng, "was", digits)


Asker = Callable[..., tuple[str, str] | None]
_GRID_QUESTIONS: dict[str, Asker] = {
    "which": _ask_which,
    "parity": _ask_parity,
    "there": _ask_there,
    "count": _ask_count,
    "larger": _ask_larger,
    "beside": _ask_beside,
}
_CLIP_QUESTIONS: dict[str, Asker] = {"way": _ask_way, "order": _ask_order, "was": _ask_was}
_NUMBER_OF_WORD = {word: number for number, word in enumerate(WORDS, start=1)}


def _ask(askers: dict[str, Asker], facts: list[tuple], each: Any, seed: Any) -> Questions:
    """Ask ``each`` questions about each entry of ``facts``, the kinds taking turns."""
    kinds = list(askers)
    check_whole("each", each, most=len(kinds))
    check_whole("seed", seed, least=0)
    rng = np.random.default_rng(seed)
    asked = []
    for row, known in enumerate(facts):
        for turn in range(each):
            kind = kinds[(row * each + turn) % len(kinds)]
            question = askers[kind](rng, *known)
            if question is not None:
                asked.append((row, kind, *question))
    rows, *texts = zip(*asked, strict=True) if asked else ((), (), (), ())
    return Questions(np.array(rows, np.int64), *(np.array(column, np.str_) for column in texts))
