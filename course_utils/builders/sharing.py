"""One encoder for two inputs: pairs of digits and of posts, siamese networks, calls of a layer.

Lesson 19 builds all of this. A *siamese* network reads two inputs of one kind with the same
encoder, the same weights, and compares the two vectors that come out.

Read more: Bromley et al. 1993, "Signature verification using a siamese time delay neural network";
Keras guide "The Functional API", on shared layers.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from course_utils.arguments import check_choice, check_text, check_whole, check_wholes
from course_utils.data import load_digits, load_posts

if TYPE_CHECKING:
    import keras

PARTS = ("train", "test")
OWN_NAMES = ("left", "right", "joined", "hidden", "same")  # of the layers that build_siamese adds
HEADS = ("joined", "hidden", "difference")
POST_LENGTH = 140  # characters that a post may have
CHARACTERS = 256

Pairs = tuple[tuple[np.ndarray, np.ndarray], np.ndarray]


class LayerCall(NamedTuple):
    """One symbolic call of a layer: the tensors that it was given, and those it returned."""

    inputs: list[Any]
    outputs: list[Any]


# --- pairs ----------------------------------------------------------------------------------


def digit_pairs(count: int, *, part: str = "train", seed: int = 0) -> Pairs:
    """Return pairs of real digits, half of them of the same number: ``(left, right), same``.

    ``left`` and ``right`` are float32 (count, 28, 28, 1) from 0 to 1, ``same`` is float32 (count,),
    1.0 for two pictures of one number, else 0.0. Two pictures of a pair are never the same picture.
    Where ``count`` is a multiple of 180, each digit is equally often on each side, in pairs of one
    number as in others, and meets each other digit equally often. So one side of a pair says
    nothing.

    Args:
        count: the number of pairs.
        part: "train" for pairs of training digits, "test" for pairs of test digits.
        seed: the same seed gives the same pairs.

    Raises:
        TypeError: ``count`` or ``seed`` is not a whole number.
        ValueError: ``count`` is below 1, ``seed`` below 0, or there is no such part.
        DataError: the digits are missing or damaged.

    Built in lesson 19, from the digits of ``course_utils.data.load_digits``.
    """
    check_whole("count", count)
    check_whole("seed", seed, least=0)
    check_choice("part", part, PARTS)
    images, labels = load_digits()[PARTS.index(part)]
    rows = np.stack([np.flatnonzero(labels == digit) for digit in range(10)])
    rng = np.random.default_rng(seed)
    number = rng.permutation(count)
    left_digit, same = number % 10, number // 10 % 2 == 0
    step = np.where(same, 0, 1 + number // 20 % 9)
    right_digit = (left_digit + step) % 10
    left_place = rng.integers(0, rows.shape[1], count)
    other = rng.integers(1, rows.shape[1], count)  # never the same picture
    left = rows[left_digit, left_place]
    right = rows[right_digit, (left_place + other) % rows.shape[1]]
    pictures = (images[..., np.newaxis] / 255).astype("float32")
    return (pictures[left], pictures[right]), same.astype("float32")


def encode_posts(posts: Sequence[str], *, length: int = POST_LENGTH) -> np.ndarray:
    """Return posts as the numbers of their characters, uint8 of shape (n, length).

    The text ends at the right edge. What is free on the left is 0, which is no character; what
    is too long is cut on the left.

    >>> encode_posts(["the", "longer"], length=5).tolist()
    [[0, 0, 116, 104, 101], [111, 110, 103, 101, 114]]

    Raises:
        TypeError: ``posts`` is a single text or holds something else than texts, or ``length`` is
            not a whole number.
        ValueError: ``length`` is below 1, or a text holds a character that is not one of ASCII's.

    Built in lesson 19.
    """
    check_whole("length", length)
    if isinstance(posts, str) or not hasattr(posts, "__iter__"):
        raise TypeError(f"posts: expected a list of texts, got {posts!r}. Write [post] for one.")
    posts = list(posts)
    codes = np.zeros((len(posts), length), np.uint8)
    for row, post in enumerate(posts):
        if not isinstance(post, str):
            raise TypeError(f"posts[{row}]: expected a text, got {post!r}.")
        if not post.isascii():
            raise ValueError(f"posts[{row}]: expected ASCII characters only, got {post!r}.")
        text = post[-length:]
        codes[row, length - len(text) :] = [ord(character) for character in text]
    return codes


def post_pairs(
    count: int, *, part: str = "train", length: int = POST_LENGTH, seed: int = 0
) -> Pairs:
    """Return pairs of posts, every other one by the same author: ``(left, right), same``.

    ``left`` and ``right`` are uint8 (count, length), as ``encode_posts`` returns them, ``same`` is
    float32 (count,), 1.0 for two posts of one author, else 0.0. Two posts of a pair are never the
    same post. Test authors are not among the training authors.

    Args:
        count: the number of pairs.
        part: "train" or "test".
        length: characters kept of each post.
        seed: the same seed gives the same pairs.

    Raises:
        TypeError: ``count``, ``length`` or ``seed`` is not a whole number.
        ValueError: one of them is too small, or there is no such part.
        DataError: the posts are missing or damaged.

    Built in lesson 19, from the posts of ``course_utils.data.load_posts``.
    """
    check_whole("count", count)
    check_whole("seed", seed, least=0)
    check_choice("part", part, PARTS)
    posts, authors = load_posts()[PARTS.index(part)]
    codes = encode_posts(posts, length=length)
    rows = np.stack([np.flatnonzero(authors == author) for author in np.unique(authors)])
    rng = np.random.default_rng(seed)
    same = np.arange(count) % 2 == 0
    left_author = rng.integers(0, len(rows), count)
    step = np.where(same, 0, rng.integers(1, len(rows), count))
    right_author = (left_author + step) % len(rows)
    left_place = rng.integers(0, rows.shape[1], count)
    other = rng.integers(1, rows.shape[1], count)  # never the same post
    left = rows[left_author, left_place]
    right = rows[right_author, (left_place + other) % rows.shape[1]]
    return (codes[left], codes[right]), same.astype("float32")


# --- encoders -------------------------------------------------------------------------------


def build_digit_tower(
    *, filters: Sequence[int] = (16, 32), units: int = 64, name: str = "tower"
) -> "keras.Model":
    """Return an encoder of digits: 3x3 convolutions with stride 2 and ReLU, then a dense layer.

    From float32 (batch, 28, 28, 1) to float32 (batch, units). Each convolution halves height and
    width, rounding up (28, 14, 7). Their first values are He's, larger than Keras' default, from
    which some runs with the head "hidden" do not get away from chance for epochs.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1, or there is no convolution.

    Built in lesson 19.
    """
    filters = check_wholes("filters", filters)
    check_whole("units", units)
    check_text("name", name)
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1), name="image")
    x = image
    for count in filters:
        x = layers.Conv2D(
            count, 3, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"
        )(x)
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(units)(x), name=name)


def build_lstm_encoder(
    *, length: int = POST_LENGTH, units: int = 32, name: str = "lstm_encoder"
) -> "keras.Model":
    """Return an encoder of posts that reads one-hot characters, one after the other.

    From the numbers of characters, uint8 (batch, length), by a one-hot tensor (batch, length, 256)
    to the last state of an LSTM, float32 (batch, units).

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1.

    Built in lesson 19. Source: the old Keras guide "Getting started with the Functional API",
    on two tweets with one LSTM.
    """
    check_whole("length", length)
    check_whole("units", units)
    check_text("name", name)
    import keras
    from keras import layers

    codes = keras.Input((length,), dtype="uint8", name="codes")
    one_hot = layers.CategoryEncoding(CHARACTERS, output_mode="one_hot", name="one_hot")(codes)
    return keras.Model(codes, layers.LSTM(units, name="lstm")(one_hot), name=name)


def build_fast_encoder(
    *,
    length: int = POST_LENGTH,
    size: int = 16,
    filters: int = 64,
    width: int = 5,
    name: str = "fast_encoder",
) -> "keras.Model":
    """Return an encoder of posts that looks for short patterns, all places at once.

    From the numbers of characters, uint8 (batch, length), to float32 (batch, filters): an embedding
    of ``size`` numbers a character, a convolution over ``width`` characters with ReLU, and of each
    filter its largest answer in the whole post.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1.

    Built in lesson 19. Source: Kim 2014, "Convolutional neural networks for sentence
    classification".
    """
    sizes = {"length": length, "size": size, "filters": filters, "width": width}
    for argument, value in sizes.items():
        check_whole(argument, value)
    check_text("name", name)
    import keras
    from keras import layers

    codes = keras.Input((length,), dtype="uint8", name="codes")
    x = layers.Embedding(CHARACTERS, size, name="embedding")(codes)
    x = layers.Conv1D(filters, width, padding="same", activation="relu", name="patterns")(x)
    return keras.Model(codes, layers.GlobalMaxPooling1D(name="largest")(x), name=name)


# --- the two-sided network ------------------------------------------------------------------


def build_siamese(
    encoder: "keras.Model",
    other: "keras.Model | None" = None,
    *,
    head: str = "difference",
    hidden: int = 64,
) -> "keras.Model":
    """Return a model that reads two inputs and says how likely they are the same.

    Args:
        encoder: a model from one input to one vector (batch, n). It reads both inputs, so that
            its weights are shared.
        other: a second encoder, for the right input, if they should not be shared ("twin
            towers"). It takes and returns the same shapes, and has another name.
        head: how the two vectors become one answer.
            "joined": one after the other, then a logistic unit. It cannot learn to say "same".
            "hidden": one after the other, a hidden layer with ReLU, then a logistic unit.
            "difference": the absolute difference, then a logistic unit. With a shared encoder
            the answer is the same when left and right are swapped.
        hidden: the units of the hidden layer; used by the head "hidden" alone.

    Returns:
        A Functional model from [left, right] to float32 (batch, 1), a probability, not compiled.

    Raises:
        TypeError: an encoder is not a model, or ``hidden`` is not a whole number.
        ValueError: there is no such head, ``hidden`` is below 1, an encoder has several inputs or
            outputs, does not return vectors, or has the name of a layer that is added, or the
            two encoders do not fit each other.

    Built in lesson 19. Source: Bromley et al. 1993; for the absolute difference Koch et al. 2015,
    "Siamese neural networks for one-shot image recognition".
    """
    import keras
    from keras import layers

    check_choice("head", head, HEADS)
    check_whole("hidden", hidden)
    _check_encoder("encoder", encoder)
    if other is None:
        other = encoder
    _check_encoder("other", other)
    if other is not encoder:
        _check_twins(encoder, other)
    shape, dtype = encoder.inputs[0].shape[1:], encoder.inputs[0].dtype
    left = keras.Input(shape, dtype=dtype, name="left")
    right = keras.Input(shape, dtype=dtype, name="right")
    left_vector, right_vector = encoder(left), other(right)
    if head == "difference":
        x = keras.ops.abs(left_vector - right_vector)
    else:
        x = layers.Concatenate(name="joined")([left_vector, right_vector])
    if head == "hidden":
        x = layers.Dense(hidden, activation="relu", name="hidden")(x)
    answer = layers.Dense(1, activation="sigmoid", name="same")(x)
    return keras.Model([left, right], answer, name="siamese")


# --- what a call leaves behind --------------------------------------------------------------


def list_calls(layer: "keras.Layer") -> list[LayerCall]:
    """Return the symbolic calls of a layer, in order, each with its inputs and outputs.

    Each call of a layer on symbolic tensors leaves a *node*, from which Keras reads later what is
    connected to what. Calls on real tensors leave nothing. A list without entries is a layer that
    no graph of layers contains yet.

    Keras 3 has no public way to list the nodes of a layer: this reads ``_inbound_nodes``.

    Raises:
        TypeError: ``layer`` is not a Keras layer (or model, or operation).
        RuntimeError: the installed Keras keeps its nodes elsewhere.

    Built in lesson 19.
    """
    import keras

    if not isinstance(layer, keras.Operation):
        raise TypeError(f"layer: expected a Keras layer, got {type(layer).__name__}.")
    nodes = getattr(layer, "_inbound_nodes", None)
    if nodes is None:
        raise RuntimeError(
            f"Keras {keras.__version__} does not keep the calls of a layer where Keras 3.15 does, "
            "in `_inbound_nodes`. Keep the tensors that your calls return instead."
        )
    return [LayerCall(list(node.input_tensors), list(node.output_tensors)) for node in nodes]


# --- checks ---------------------------------------------------------------------------------


def _check_encoder(name: str, encoder: Any) -> None:
    import keras

    if not isinstance(encoder, keras.Model):
        raise TypeError(
            f"{name}: expected a keras.Model, got {type(encoder).__name__}. "
            "Wrap layers in a model: keras.Sequential([keras.Input(shape), ...])."
        )
    if not getattr(encoder, "inputs", None) or not getattr(encoder, "outputs", None):
        raise ValueError(
            f"{name}: {encoder.name!r} has no known input and output shape. "
            "Expected a Functional model, or a Sequential one that begins with keras.Input."
        )
    if encoder.name in OWN_NAMES:
        raise ValueError(
            f"{name}: expected a name that is not one of {', '.join(OWN_NAMES)}, which the new "
            f"model uses itself, got {encoder.name!r}. Pass name=... when you build it."
        )
    if len(encoder.inputs) != 1 or len(encoder.outputs) != 1:
        raise ValueError(
            f"{name}: expected one input and one output, got {len(encoder.inputs)} and "
            f"{len(encoder.outputs)}."
        )
    if len(encoder.outputs[0].shape) != 2:
        raise ValueError(
            f"{name}: expected vectors, shape (batch, n), got {encoder.outputs[0].shape}. "
            "End the encoder with Flatten, a global pooling, or a dense layer."
        )


def _check_twins(encoder: Any, other: Any) -> None:
    for what, ours, theirs in (
        ("read", encoder.inputs[0].shape, other.inputs[0].shape),
        ("return", encoder.outputs[0].shape, other.outputs[0].shape),
    ):
        if ours != theirs:
            raise ValueError(
                f"other: expected a model to {what} {ours}, as encoder does, got {theirs}."
            )
    if encoder.name == other.name:
        raise ValueError(
            f"other: expected another name than that of encoder, got {other.name!r} twice. "
            "Pass name=... when you build it."
        )
