"""Residual blocks as classes, and a model that calls one of them several times.

Built in lesson 26. A block computes ``shortcut + main path``: the main path is a row of hidden
layers, the shortcut hands the inputs on.
"""

from typing import Any

from course_utils.arguments import check_flag, check_whole
from course_utils.session import import_tensorflow

import_tensorflow()
import keras  # noqa: E402  (after the quiet import of TensorFlow)


@keras.saving.register_keras_serializable(package="course_utils")
class CNNResidual(keras.layers.Layer):
    """A residual block of 3x3 convolutions: shortcut + main path.

    Importing this module makes the class known to Keras, so that ``keras.models.load_model``
    finds it in any process.

    Args:
        layers: the number of convolutions on the main path, each with padding and ReLU.
        filters: the filters of each of them.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, height, width,
    filters). The shortcut is the inputs where they have ``filters`` channels, and a 1x1
    convolution of them, the projection, where they have not. The first call fixes which it is.

    Raises:
        TypeError: an argument is not a whole number.
        ValueError: an argument is below 1, or the inputs do not have four axes and a known number
            of channels, the same at each call.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), figure 2; there
    the last ReLU comes after the sum. Built in lesson 26.

    >>> block = CNNResidual(2, 32)
    >>> block(keras.Input((14, 14, 30))).shape, block.count_params()
    ((None, 14, 14, 32), 18912)
    >>> block.count_params() == (9 * 30 + 1) * 32 + (9 * 32 + 1) * 32 + (30 + 1) * 32
    True
    """

    def __init__(self, layers: int, filters: int, **kwargs: Any) -> None:
        layers, filters = check_whole("layers", layers), check_whole("filters", filters)
        super().__init__(**kwargs)
        self.filters = filters
        self.hidden = [
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{n}")
            for n in range(1, layers + 1)
        ]
        self.projection = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (batch, height, width, channels)."""
        shape = tuple(input_shape)
        if len(shape) != 4 or shape[-1] is None:
            raise ValueError(
                f"inputs: expected the shape (batch, height, width, channels), got {shape}. "
                "Rows of pixels are made into images with reshape, (batch, 28, 28, 1) for digits."
            )
        if shape[-1] != self.filters:
            self.projection = keras.layers.Conv2D(self.filters, 1, name="projection")
            self.projection.build(shape)
        for layer in self.hidden:
            layer.build(shape)
            shape = (*shape[:-1], self.filters)

    def call(self, inputs: Any) -> Any:
        """Return shortcut + main path."""
        x = inputs
        for layer in self.hidden:
            x = layer(x)
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result for inputs of a shape."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same block again."""
        return super().get_config() | {"layers": len(self.hidden), "filters": self.filters}


@keras.saving.register_keras_serializable(package="course_utils")
class DNNResidual(keras.layers.Layer):
    """A residual block of dense layers: inputs + main path.

    Args:
        layers: the number of dense layers on the main path, each with ReLU.
        neurons: the neurons of each of them, and the width of the inputs.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (..., neurons), it returns float32 of the same shape, so its result can be
    given to the same block again.

    Raises:
        TypeError: an argument is not a whole number.
        ValueError: an argument is below 1, or the last axis of the inputs does not have the size
            ``neurons``.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), section 3.1.
    Built in lesson 26.

    >>> block = DNNResidual(2, 64)
    >>> block(block(keras.Input((64,)))).shape, block.count_params() == 2 * (64 + 1) * 64
    ((None, 64), True)
    """

    def __init__(self, layers: int, neurons: int, **kwargs: Any) -> None:
        layers, neurons = check_whole("layers", layers), check_whole("neurons", neurons)
        super().__init__(**kwargs)
        self.neurons = neurons
        self.hidden = [
            keras.layers.Dense(neurons, activation="relu", name=f"dense_{n}")
            for n in range(1, layers + 1)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (..., neurons)."""
        self._check_width(input_shape)
        for layer in self.hidden:
            layer.build((*input_shape[:-1], self.neurons))

    def call(self, inputs: Any) -> Any:
        """Return inputs + main path."""
        self._check_width(inputs.shape)  # a width of 1 would be broadcast
        x = inputs
        for layer in self.hidden:
            x = layer(x)
        return inputs + x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result, which is that of the inputs."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same block again."""
        return super().get_config() | {"layers": len(self.hidden), "neurons": self.neurons}

    def _check_width(self, shape: Any) -> None:
        shape = tuple(shape)
        if len(shape) < 2 or shape[-1] != self.neurons:
            raise ValueError(
                f"inputs: expected the shape (batch, {self.neurons}), as wide as the main path, "
                f"got {shape}. Put Dense({self.neurons}) before the first block."
            )


@keras.saving.register_keras_serializable(package="course_utils")
class MyResidual(keras.Model):
    """Dense 30, CNNResidual(2, 32), the mean over the pixels, Dense 64, DNN blocks, Dense 1.

    Args:
        rounds: how many DNN blocks there are in a row.
        shared: one ``DNNResidual(2, 64)`` is called in each round; False makes a block for each.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras model.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, 1): a number, or
    the logit of a yes.

    Raises:
        TypeError: ``rounds`` is not a whole number, or ``shared`` not True or False.
        ValueError: ``rounds`` is below 1, or the inputs do not have four axes.

    Source: a common exercise of courses on subclassing, in which pooling, Dense 64 and the
    projection are missing. Built in lesson 26.

    >>> one, three = MyResidual(), MyResidual(shared=False)
    >>> one(keras.Input((14, 14, 1))).shape, three(keras.Input((14, 14, 1))).shape
    ((None, 1), (None, 1))
    >>> three.count_params() - one.count_params() == 2 * 2 * (64 + 1) * 64
    True
    """

    def __init__(self, *, rounds: int = 3, shared: bool = True, **kwargs: Any) -> None:
        rounds = check_whole("rounds", rounds)
        check_flag("shared", shared)
        super().__init__(**kwargs)
        self.rounds, self.shared = rounds, shared
        self.first = keras.layers.Dense(30, activation="relu", name="first")
        self.cnn = CNNResidual(2, 32, name="cnn")
        self.pool = keras.layers.GlobalAveragePooling2D(name="pool")
        self.widen = keras.layers.Dense(64, activation="relu", name="widen")
        if shared:
            self.dnn = [DNNResidual(2, 64, name="dnn")] * rounds
        else:
            self.dnn = [DNNResidual(2, 64, name=f"dnn_{n}") for n in range(1, rounds + 1)]
        self.answer = keras.layers.Dense(1, name="answer")

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return a number for each image."""
        if len(images.shape) != 4:
            raise ValueError(
                "images: expected the shape (batch, height, width, channels), got "
                f"{tuple(images.shape)}. Grey images need a last axis of size 1."
            )
        x = self.widen(self.pool(self.cnn(self.first(images))))
        for block in self.dnn:
            x = block(x)
        return self.answer(x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same model again."""
        return super().get_config() | {"rounds": self.rounds, "shared": self.shared}
