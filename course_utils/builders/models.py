"""Builders of two small classifiers of images, a multilayer perceptron and a convolutional network.

Both are graphs of layers, made with Keras' Functional API in lesson 12, and used from lesson 13 on.
Read more: Keras guide "The Functional API"; for the second network LeCun et al. 1998,
"Gradient-based learning applied to document recognition".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.arguments import check_text, check_whole, check_wholes

if TYPE_CHECKING:
    import keras


def build_mlp(
    *,
    input_shape: Sequence[int] = (28, 28),
    hidden: Sequence[int] = (128,),
    classes: int = 10,
    output_activation: str | None = None,
) -> "keras.Model":
    """Return a classifier of dense layers: flatten, hidden layers with ReLU, one unit a class.

    Args:
        input_shape: the shape of one image, without the batch axis.
        hidden: the number of units of each hidden layer; () makes a linear classifier.
        classes: the number of classes.
        output_activation: the name of the activation of the last layer, such as "softmax". None
            leaves it out, and the model answers with logits.

    Returns:
        A Functional model from float32 (batch, *input_shape) to float32 (batch, classes), not
        compiled.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is smaller than 1, or no activation has this name.

    Source: lesson 08 for the network. Built in lesson 12.

    >>> build_mlp(hidden=(64, 32)).output_shape
    (None, 10)
    """
    input_shape = check_wholes("input_shape", input_shape, least=1)
    hidden = check_wholes("hidden", hidden, least=0)
    classes = check_whole("classes", classes)
    _check_activation(output_activation)
    import keras
    from keras import layers

    inputs = keras.Input(input_shape, name="image")
    x = layers.Flatten(name="flatten")(inputs)
    for number, units in enumerate(hidden, start=1):
        x = layers.Dense(units, activation="relu", name=f"hidden_{number}")(x)
    outputs = layers.Dense(classes, activation=output_activation, name=_last(output_activation))(x)
    return keras.Model(inputs, outputs, name="mlp")


def build_cnn(
    *,
    input_shape: Sequence[int] = (28, 28, 1),
    filters: Sequence[int] = (16, 32),
    hidden: int = 64,
    classes: int = 10,
    output_activation: str | None = None,
) -> "keras.Model":
    """Return a convolutional classifier: 3x3 convolutions with ReLU and pooling, then dense layers.

    Each entry of ``filters`` is a convolution that keeps height and width, followed by max pooling
    that halves them (28, 14, 7).

    Args:
        input_shape: height, width and channels of one image.
        filters: the number of filters of each convolution.
        hidden: the number of units of the hidden dense layer.
        classes: the number of classes.
        output_activation: the name of the activation of the last layer, such as "softmax". None
            leaves it out, and the model answers with logits.

    Returns:
        A Functional model from float32 (batch, *input_shape) to float32 (batch, classes), not
        compiled.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a size is smaller than 1, the image has no three axes or is too small to be
            halved that often, or no activation has this name.

    Source: LeCun et al. 1998. Built in lesson 12.

    >>> build_cnn(filters=(8, 16)).get_layer("pool_2").output.shape
    (None, 7, 7, 16)
    """
    input_shape = check_wholes("input_shape", input_shape)
    filters = check_wholes("filters", filters, least=1)
    hidden = check_whole("hidden", hidden)
    classes = check_whole("classes", classes)
    _check_activation(output_activation)
    if len(input_shape) != 3:
        raise ValueError(
            f"input_shape: expected (height, width, channels), got {input_shape}. "
            "Give grey images a channel axis: images[..., None]."
        )
    if min(input_shape[:2]) < 2 ** len(filters):
        raise ValueError(
            f"input_shape: {len(filters)} poolings need a height and width of at least "
            f"{2 ** len(filters)}, got {input_shape}. Shorten filters."
        )
    import keras
    from keras import layers

    inputs = keras.Input(input_shape, name="image")
    x = inputs
    for number, count in enumerate(filters, start=1):
        x = layers.Conv2D(count, 3, padding="same", activation="relu", name=f"conv_{number}")(x)
        x = layers.MaxPooling2D(name=f"pool_{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(hidden, activation="relu", name="hidden")(x)
    outputs = layers.Dense(classes, activation=output_activation, name=_last(output_activation))(x)
    return keras.Model(inputs, outputs, name="cnn")


def _last(activation: str | None) -> str:
    """Return the name of the last layer: what it answers with."""
    return "logits" if activation in (None, "linear") else "probabilities"


def _check_activation(activation: Any) -> None:
    if activation is None:
        return
    check_text("output_activation", activation)
    from keras import activations

    try:
        activations.get(activation)
    except ValueError:
        raise ValueError(
            f"output_activation: Keras has no activation {activation!r}. "
            'Use None for logits, or "softmax" for probabilities.'
        ) from None
