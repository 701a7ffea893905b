"""Two encoders for questions about pictures: one reads the digits, the other the words.

Built in lesson 22. The pictures and questions themselves are in ``course_utils.scenes``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from course_utils.arguments import check_text, check_whole, check_wholes
from course_utils.scenes import QUESTION_LENGTH, WORDS

if TYPE_CHECKING:
    import keras


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
    filters = check_wholes("filters", filters, length=2)
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

    From the numbers of words, int32 (batch, length), with 0 after the end, to the last state of
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
