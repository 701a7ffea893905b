"""The network that compares two inputs of one kind, built in lesson 19."""

from typing import TYPE_CHECKING

from course_utils.arguments import check_choice, check_whole

if TYPE_CHECKING:
    import keras


def build_siamese(
    encoder: "keras.Model",
    other: "keras.Model | None" = None,
    *,
    head: str = "difference",
    hidden: int = 64,
) -> "keras.Model":
    """Return a model from two inputs to the probability that they are the same.

    Built in lesson 19. Source: Koch, Zemel and Salakhutdinov 2015, "Siamese neural networks for
    one-shot image recognition", for the head "difference".

    Args:
        encoder: a model from one input to one vector, float32 (batch, size).
        other: the encoder of the second input; None shares the first one.
        head: "difference" (the absolute difference of the vectors), "joined" (one after the
            other), or "hidden" (joined, then a hidden layer), each followed by one logistic unit.
        hidden: the number of units of the hidden layer.

    Returns:
        A Functional model from [left, right] to float32 (batch, 1), not compiled.

    Raises:
        TypeError: hidden is not a whole number.
        ValueError: there is no such head, or hidden is smaller than 1.
    """
    check_choice("head", head, ("difference", "joined", "hidden"))
    check_whole("hidden", hidden)

    import keras
    from keras import layers

    other = encoder if other is None else other  # a second encoder is not shared
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
