"""The parts of a network that answers questions about pictures, and how it is trained.

Built in lesson 22, put to work again in lesson 23. The pictures and questions themselves are in
``course_utils.scenes``.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.arguments import check_choice, check_number, check_text, check_whole, check_wholes
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


def build_answerer(
    question_encoder: "keras.Model",
    *,
    feature_shape: Sequence[int] = (2, 2, 64),
    answers: int = 12,
    join: str = "product",
    units: int = 128,
) -> "keras.Model":
    """Return a model from the vectors of a picture and a question to a score for each answer.

    Args:
        question_encoder: a model from the numbers of words to a vector; it is shared, not copied.
        feature_shape: the shape of a picture's vectors, without the batch axis.
        answers: how many answers there are.
        join: "product" multiplies what comes of picture and question, "concatenation" joins it.
        units: of the layers of the join and of the hidden layer.

    Returns:
        A Functional model from [features, question] to logits, float32 (batch, answers).

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is below 1, or there is no such join.

    Source: Antol et al. 2015, "VQA: visual question answering". Built in lesson 22.
    """
    feature_shape = check_wholes("feature_shape", feature_shape)
    check_whole("answers", answers)
    check_choice("join", join, ("product", "concatenation"))
    check_whole("units", units)
    import keras
    from keras import layers

    features = keras.Input(feature_shape, name="features")
    question = keras.Input(question_encoder.inputs[0].shape[1:], dtype="int32", name="question")
    picture = layers.Flatten(name="places_kept")(features)
    words = question_encoder(question)
    of_picture = layers.Dense(units, name="of_picture")(picture)
    of_words = layers.Dense(units, name="of_words")(words)
    meet = layers.Multiply if join == "product" else layers.Concatenate
    x = meet(name="meet")([of_picture, of_words])
    x = layers.Concatenate(name="with_words")([x, words])
    x = layers.Dense(units, activation="relu", name="hidden")(x)
    answer = layers.Dense(answers, name="answer")(x)
    return keras.Model([features, question], answer, name="answerer")


def train_answerer(
    model: "keras.Model", inputs: Any, answers: Any, *, epochs: int, peak: float = 5e-3
) -> None:
    """Compile and train a model of logits: Adam, batches of 64, warm-up and cosine.

    Args:
        model: a model of logits, float32 (batch, classes).
        inputs: its inputs, of n rows.
        answers: whole numbers, shape (n,), the right classes.
        epochs: how often all rows are seen.
        peak: the highest learning rate.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: epochs is below 1, or the peak is not above 0.

    Built in lesson 22.
    """
    check_whole("epochs", epochs)
    check_number("peak", peak, above=0)
    import keras

    from course_utils.training.callbacks import Progress, warmup_cosine

    steps = epochs * math.ceil(len(answers) / 64)
    rate = warmup_cosine(peak, warmup_steps=steps // 20, total_steps=steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    model.fit(inputs, answers, batch_size=64, epochs=epochs, verbose=0, callbacks=[Progress()])
