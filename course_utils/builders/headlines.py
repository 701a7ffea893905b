"""The headline model: a text and its context in, two answers out.

Built in lesson 18, imported after it. After the example of several inputs and outputs in the Keras
documentation (an LSTM over a headline, an auxiliary output straight from it, further inputs joined
after it): Keras guide "The Functional API", and F. Chollet, *Deep Learning with Python*, chapter 7.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.arguments import check_flag, check_whole, check_wholes

if TYPE_CHECKING:
    import keras

LESSON_SIZE = {"vocabulary": 107, "length": 12, "embedding": 32, "context": 31}
"""The sizes that fit data/headlines.csv: all its words, its longest headline, hour and weekday."""

PUBLISHED_SIZE = {"vocabulary": 10_000, "length": 100, "embedding": 512, "context": 5}
"""The sizes at which the model is usually published."""


def encode_context(hours: Any, weekdays: Any) -> np.ndarray:
    """Return hours and weekdays as rows of 0 and 1: 24 places for the hour, 7 for the weekday.

    Built in lesson 18.

    Args:
        hours: whole numbers 0 to 23, shape (n,).
        weekdays: whole numbers 0 (Monday) to 6, shape (n,).

    Returns:
        float32 of shape (n, 31), with two ones in each row.

    Raises:
        TypeError: the numbers are not whole.
        ValueError: a number is out of its range, or the shapes differ or are not (n,).

    >>> encode_context([23, 0], [0, 6]).nonzero()[1].tolist()
    [23, 24, 0, 30]
    """
    hours, weekdays = _places("hours", hours, 24), _places("weekdays", weekdays, 7)
    if hours.shape != weekdays.shape:
        raise ValueError(
            f"weekdays: expected one for each hour, shape {hours.shape}, got {weekdays.shape}."
        )
    return np.concatenate([np.eye(24)[hours], np.eye(7)[weekdays]], axis=1).astype("float32")


def build_headline_model(
    *,
    vocabulary: int = LESSON_SIZE["vocabulary"],
    length: int = LESSON_SIZE["length"],
    embedding: int = LESSON_SIZE["embedding"],
    context: int = LESSON_SIZE["context"],
    units: int = 32,
    hidden: Sequence[int] = (64, 64, 64),
    as_dict: bool = True,
) -> "keras.Model":
    """Return a model from a headline and its context to its reposts and likes.

    An embedding and an LSTM read the headline. The likes are an auxiliary output straight from the
    LSTM, so they see the text alone. The context joins after it, and dense layers lead to the
    reposts. Built in lesson 18.

    Args:
        vocabulary: how many different word numbers there are, 0 (padding) and 1 (unknown) included.
        length: words in a headline, padding included.
        embedding: numbers a word.
        context: numbers in the context of a headline.
        units: numbers in the state of the LSTM.
        hidden: units of the dense layers between the joined input and the reposts, with ReLU.
        as_dict: whether the model answers with a dict, or with the list [reposts, likes].

    Returns:
        A Functional model, not compiled, from ``headline``, int32 (batch, length), and ``context``,
        float32 (batch, context), to ``reposts`` and ``likes``, float32 (batch, 1) each.
        ``build_headline_model(**PUBLISHED_SIZE)`` has the published sizes.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is too small.
    """
    check_whole("vocabulary", vocabulary, least=2)
    for name, value in (("length", length), ("embedding", embedding), ("context", context)):
        check_whole(name, value)
    check_whole("units", units)
    hidden = check_wholes("hidden", hidden, least=0)
    check_flag("as_dict", as_dict)
    import keras
    from keras import layers

    headline = keras.Input((length,), dtype="int32", name="headline")
    x = layers.Embedding(vocabulary, embedding, mask_zero=True, name="embedding")(headline)
    text = layers.LSTM(units, name="lstm")(x)
    likes = layers.Dense(1, name="likes")(text)

    given = keras.Input((context,), name="context")
    x = layers.Concatenate(name="joined")([text, given])
    for number, size in enumerate(hidden, start=1):
        x = layers.Dense(size, activation="relu", name=f"hidden_{number}")(x)
    reposts = layers.Dense(1, name="reposts")(x)

    outputs = {"reposts": reposts, "likes": likes} if as_dict else [reposts, likes]
    return keras.Model([headline, given], outputs, name="headlines")


def _places(name: str, values: Any, count: int) -> np.ndarray:
    """Check whole numbers from 0 to ``count`` - 1 and return them as an array."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected shape (n,), got {array.shape}.")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected whole numbers, got dtype {array.dtype}.")
    array = array.astype(np.int64)
    if array.size and not (array.min() >= 0 and array.max() < count):
        wrong = array[(array < 0) | (array >= count)][0]
        raise ValueError(f"{name}: expected numbers from 0 to {count - 1}, got {wrong}.")
    return array
