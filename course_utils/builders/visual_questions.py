"""Questions about pictures of four digits and about short clips, and the models that answer them.

Lesson 22 builds all of this. Pictures and clips are composed when they are asked for, from the
digits of ``course_utils.data.load_digits``: those for testing from test digits alone.

Read more: Antol et al. 2015, "VQA: visual question answering"; Goyal et al. 2017, "Making the V in
VQA matter", on balanced answers; F. Chollet's examples of visual and video question answering in
the first Keras guide to the Functional API.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_utils.arguments import check_choice, check_text, check_whole, check_wholes
from course_utils.data import load_digits

if TYPE_CHECKING:
    import keras

PARTS = ("train", "test")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLACES = ("top left", "top right", "bottom left", "bottom right")
WAYS = ("left", "right", "up", "down")
JOINS = ("product", "concatenation")

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

    Built in lesson 22.
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

    Built in lesson 22.
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

    Built in lesson 22.
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

    Built in lesson 22.
    """
    digits = _check_digits(digits, 4)
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

    Built in lesson 22.
    """
    digits = _check_digits(digits, 2)
    ways = np.asarray(ways)
    if ways.shape != digits.shape[:1]:
        raise ValueError(f"ways: expected shape ({len(digits)},), one a clip, got {ways.shape}.")
    if ways.size and ways.dtype.kind not in "iu":
        raise TypeError(f"ways: expected whole numbers, got dtype {ways.dtype}.")
    if ways.size and (ways.min() < 0 or ways.max() >= len(WAYS)):
        raise ValueError(f"ways: expected numbers from 0 to 3, got {ways.min()} to {ways.max()}.")
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

    Built in lesson 22.
    """
    check_whole("length", length)
    if isinstance(texts, str) or not hasattr(texts, "__iter__"):
        raise TypeError(f"texts: expected a list of texts, got {texts!r}. Write [text] for one.")
    texts = list(texts)
    codes = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{row}]: expected a text, got {text!r}.")
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


# --- models ---------------------------------------------------------------------------------


def build_digit_encoder(
    *, filters: Sequence[int] = (16, 32), units: int = 64, name: str = "digit_encoder"
) -> "keras.Model":
    """Return an encoder that turns each 28 x 28 pixels of a picture into a vector.

    Two 3x3 convolutions with stride 2 and ReLU, without biases, so that black stays 0; then a 7x7
    convolution with stride 7 and ReLU, which looks at one digit at a time.

    Returns:
        A Functional model from float32 (batch, 28 a, 28 b, 1) to float32 (batch, a, b, units).

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1, or there are not two filters.

    Built in lesson 22.
    """
    if isinstance(filters, str) or not isinstance(filters, Sequence):
        raise TypeError(f"filters: expected a tuple of two whole numbers, got {filters!r}.")
    if len(filters) != 2:
        raise ValueError(f"filters: expected two numbers, got {len(filters)}.")
    for place, count in enumerate(filters):
        check_whole(f"filters[{place}]", count)
    check_whole("units", units)
    check_text("name", name)
    import keras
    from keras import layers

    picture = keras.Input((None, None, 1), name="picture")
    x = picture
    for count in filters:
        x = layers.Conv2D(count, 3, strides=2, padding="same", activation="relu", use_bias=False)(x)
    x = layers.Conv2D(units, 7, strides=7, activation="relu", name="one_digit")(x)
    return keras.Model(picture, x, name=name)


def build_question_encoder(
    *,
    vocabulary: int = len(WORDS) + 1,
    length: int = QUESTION_LENGTH,
    size: int = 16,
    units: int = 32,
    name: str = "question_encoder",
) -> "keras.Model":
    """Return an encoder of questions: an embedding of the words, then an LSTM.

    From the numbers of words, int32 (batch, length), with 0 behind the end, to the last state of
    the LSTM, float32 (batch, units). The steps of the LSTM are laid out one after the other
    (``unroll``), which is faster for so few words.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is too small.

    Built in lesson 22.
    """
    check_whole("vocabulary", vocabulary, least=2)
    for argument, value in (("length", length), ("size", size), ("units", units)):
        check_whole(argument, value)
    check_text("name", name)
    import keras
    from keras import layers

    question = keras.Input((length,), dtype="int32", name="question")
    x = layers.Embedding(vocabulary, size, mask_zero=True)(question)
    return keras.Model(question, layers.LSTM(units, unroll=True)(x), name=name)


def build_answerer(
    question_encoder: "keras.Model",
    *,
    feature_shape: Sequence[int] = (2, 2, 64),
    answers: int = len(GRID_ANSWERS),
    join: str = "product",
    units: int = 128,
) -> "keras.Model":
    """Return a model from the features of a picture and a question to one score for each answer.

    Args:
        question_encoder: a model from questions to vectors; its weights are used, not copied.
        feature_shape: what the encoder of pictures returns for one picture.
        answers: the number of answers.
        join: how a picture and a question meet: by the "product" of a dense layer of each, or by
            "concatenation" of the two.
        units: the units of each dense layer.

    Returns:
        A Functional model from [features, question] to logits, float32 (batch, answers).

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1, there is no such join, or the question encoder does not go
            from one input to one vector.

    Built in lesson 22. Source: Antol et al. 2015, for the product.
    """
    _check_model("question_encoder", question_encoder, rank=2)
    shape = check_wholes("feature_shape", feature_shape)
    check_whole("answers", answers)
    check_whole("units", units)
    check_choice("join", join, JOINS)
    import keras
    from keras import layers

    features = keras.Input(shape, name="features")
    picture = layers.Flatten(name="places_kept")(features)
    return _answer(features, picture, question_encoder, answers, join, units, "answerer")


def build_clip_answerer(
    question_encoder: "keras.Model",
    *,
    feature_shape: Sequence[int] = (FRAMES, 64),
    answers: int = len(CLIP_ANSWERS),
    join: str = "product",
    units: int = 128,
    state: int = 64,
) -> "keras.Model":
    """Return a model from the features of the frames and a question to a score for each answer.

    As ``build_answerer``, with an LSTM over the frames in the place of the flattening.

    Args:
        question_encoder: a model from questions to vectors; its weights are used, not copied.
        feature_shape: (frames, numbers a frame).
        answers: the number of answers.
        join: "product" or "concatenation".
        units: the units of each dense layer.
        state: the units of the LSTM over the frames.

    Returns:
        A Functional model from [features, question] to logits, float32 (batch, answers).

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1, there is no such join, ``feature_shape`` has not two
            numbers, or the question encoder does not go from one input to one vector.

    Built in lesson 22.
    """
    _check_model("question_encoder", question_encoder, rank=2)
    shape = check_wholes("feature_shape", feature_shape)
    if len(shape) != 2:
        raise ValueError(f"feature_shape: expected (frames, numbers a frame), got {shape}.")
    for argument, value in (("answers", answers), ("units", units), ("state", state)):
        check_whole(argument, value)
    check_choice("join", join, JOINS)
    import keras
    from keras import layers

    features = keras.Input(shape, name="features")
    clip = layers.LSTM(state, unroll=True, name="over_frames")(features)
    return _answer(features, clip, question_encoder, answers, join, units, "clip_answerer")


def build_visual_qa(
    encoder: "keras.Model", answerer: "keras.Model", *, picture_shape: Sequence[int] = (56, 56, 1)
) -> "keras.Model":
    """Return the whole: from [picture, question] to one score for each answer.

    Args:
        encoder: from pictures to features, as ``build_digit_encoder`` returns it.
        answerer: from [features, question] to logits, as ``build_answerer`` returns it.
        picture_shape: height, width and channels of a picture.

    Returns:
        A Functional model that uses the weights of both.

    Raises:
        TypeError: a model is not a model, or a size is not a whole number.
        ValueError: the features of the encoder are not what the answerer reads.

    Built in lesson 22.
    """
    _check_model("encoder", encoder)
    _check_model("answerer", answerer, inputs=2, rank=2)
    shape = check_wholes("picture_shape", picture_shape)
    import keras

    picture = keras.Input(shape, name="picture")
    features = encoder(picture)
    _check_fit(features.shape, answerer)
    return _whole(picture, features, answerer, "visual_qa")


def build_video_qa(
    encoder: "keras.Model",
    answerer: "keras.Model",
    *,
    clip_shape: Sequence[int] = (FRAMES, 28, 28, 1),
) -> "keras.Model":
    """Return the whole for clips: the encoder reads each frame, the answerer all of them.

    Args:
        encoder: from pictures to features, as ``build_digit_encoder`` returns it. It is applied to
            each frame, with the same weights.
        answerer: from [features, question] to logits, as ``build_clip_answerer`` returns it.
        clip_shape: frames, height, width and channels of a clip.

    Returns:
        A Functional model that uses the weights of both.

    Raises:
        TypeError: a model is not a model, or a size is not a whole number.
        ValueError: the features of the frames are not what the answerer reads.

    Built in lesson 22.
    """
    _check_model("encoder", encoder)
    _check_model("answerer", answerer, inputs=2, rank=2)
    shape = check_wholes("clip_shape", clip_shape)
    if len(shape) != 4:
        raise ValueError(f"clip_shape: expected (frames, height, width, channels), got {shape}.")
    import keras
    from keras import layers

    clip = keras.Input(shape, name="clip")
    x = layers.TimeDistributed(encoder, name="each_frame")(clip)
    features = layers.TimeDistributed(layers.Flatten(), name="one_vector_a_frame")(x)
    _check_fit(features.shape, answerer)
    return _whole(clip, features, answerer, "video_qa")


def _answer(
    features: Any,
    picture: Any,
    question_encoder: Any,
    answers: int,
    join: str,
    units: int,
    name: str,
) -> "keras.Model":
    """Let a vector of the picture and one of the question meet, and return the whole model."""
    import keras
    from keras import layers

    question = keras.Input(
        question_encoder.inputs[0].shape[1:],
        dtype=question_encoder.inputs[0].dtype,
        name="question",
    )
    words = question_encoder(question)
    meet = layers.Multiply(name="meet") if join == "product" else layers.Concatenate(name="meet")
    met = meet(
        [
            layers.Dense(units, name="of_picture")(picture),
            layers.Dense(units, name="of_words")(words),
        ]
    )
    x = layers.Concatenate(name="with_words")([met, words])
    x = layers.Dense(units, activation="relu", name="hidden")(x)
    return keras.Model([features, question], layers.Dense(answers, name="answer")(x), name=name)


def _whole(seen: Any, features: Any, answerer: Any, name: str) -> "keras.Model":
    import keras

    words = answerer.inputs[1]
    question = keras.Input(words.shape[1:], dtype=words.dtype, name="question")
    return keras.Model([seen, question], answerer([features, question]), name=name)


# --- composing and asking -------------------------------------------------------------------


def _start(count: Any, part: Any, seed: Any) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Check the arguments; return a part's images, its rows by digit (10, n), and a generator."""
    check_whole("count", count)
    check_whole("seed", seed, least=0)
    if not isinstance(part, str) or part not in PARTS:
        raise ValueError(f'part: expected "train" or "test", got {part!r}.')
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
    check_whole("each", each)
    check_whole("seed", seed, least=0)
    kinds = list(askers)
    if each > len(kinds):
        raise ValueError(f"each: expected at most {len(kinds)}, one of each kind, got {each}.")
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


# --- checks ---------------------------------------------------------------------------------


def _check_digits(digits: Any, places: int) -> np.ndarray:
    digits = np.asarray(digits)
    if digits.ndim != 2 or digits.shape[1] != places:
        raise ValueError(f"digits: expected shape (n, {places}), got {digits.shape}.")
    if digits.size and digits.dtype.kind not in "iu":
        raise TypeError(f"digits: expected whole numbers, got dtype {digits.dtype}.")
    if digits.size and (digits.min() < 0 or digits.max() > 9):
        raise ValueError(
            f"digits: expected numbers from 0 to 9, got {digits.min()} to {digits.max()}."
        )
    return digits.astype(np.int64)


def _check_model(name: str, model: Any, *, inputs: int = 1, rank: int | None = None) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"{name}: expected a keras.Model, got {type(model).__name__}.")
    given, returned = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not given or not returned:
        raise ValueError(
            f"{name}: {model.name!r} has no known input and output shape. "
            "Expected a Functional model, or a Sequential one that begins with keras.Input."
        )
    if len(given) != inputs or len(returned) != 1:
        raise ValueError(
            f"{name}: expected inputs and outputs: {inputs} and 1, "
            f"got {len(given)} and {len(returned)}."
        )
    if rank is not None and len(returned[0].shape) != rank:
        raise ValueError(
            f"{name}: expected vectors, shape (batch, n), got {tuple(returned[0].shape)}."
        )


def _check_fit(shape: tuple, answerer: Any) -> None:
    wanted = tuple(answerer.inputs[0].shape)
    if tuple(shape) != wanted:
        raise ValueError(
            f"answerer: the encoder returns features of shape {tuple(shape)}, expected {wanted}. "
            "Pass feature_shape=... when you build the answerer, or another size of picture."
        )
