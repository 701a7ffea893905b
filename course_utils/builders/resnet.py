"""A pre-activation ResNet for digits, and its training.

Built in lesson 27. A residual unit normalises and activates before each of its convolutions, so
that nothing stands on the shortcut, and nothing after the sum.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from course_utils.arguments import (
    check_flag,
    check_fraction,
    check_maps,
    check_whole,
    check_wholes,
)
from course_utils.data import load_digits
from course_utils.session import import_tensorflow
from course_utils.training.callbacks import warmup_cosine
from course_utils.training.loop import make_batches

import_tensorflow()
import keras  # noqa: E402  (after the quiet import of TensorFlow)

MOMENTUM = 0.9  # of the batch normalisation; Keras' default, 0.99, needs longer runs
FILTERS = (16, 32, 64)


@keras.saving.register_keras_serializable(package="course_utils")
class ResidualUnit(keras.layers.Layer):
    """Batch normalisation, ReLU, convolution, twice; and the shortcut is added.

    Importing this module makes the class known to Keras, so that ``keras.models.load_model``
    finds it in any process.

    Args:
        filters: the filters of both 3x3 convolutions.
        momentum: the momentum of the batch normalisation, from 0 to 1.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, height, width,
    filters). The shortcut is the inputs where they have ``filters`` channels, and a 1x1
    convolution of them where they have not. The first call fixes which it is.

    Raises:
        TypeError: ``filters`` is not a whole number, or ``momentum`` not a number.
        ValueError: ``filters`` is below 1, ``momentum`` not from 0 to 1, or the inputs do not have
            four axes and a known number of channels.

    Source: K. He et al., "Identity mappings in deep residual networks" (2016), figure 4 (e). Built
    in lesson 27.

    >>> unit = ResidualUnit(16)
    >>> unit(keras.Input((28, 28, 16))).shape, unit.projection is None
    ((None, 28, 28, 16), True)
    >>> unit.count_params() == 2 * (4 * 16 + (9 * 16 + 1) * 16)
    True
    """

    def __init__(self, filters: int, *, momentum: float = MOMENTUM, **kwargs: Any) -> None:
        filters, momentum = check_whole("filters", filters), check_fraction("momentum", momentum)
        super().__init__(**kwargs)
        self.filters, self.momentum = filters, momentum
        self.norm_1 = keras.layers.BatchNormalization(momentum=momentum, name="norm_1")
        self.conv_1 = keras.layers.Conv2D(filters, 3, padding="same", name="conv_1")
        self.norm_2 = keras.layers.BatchNormalization(momentum=momentum, name="norm_2")
        self.conv_2 = keras.layers.Conv2D(filters, 3, padding="same", name="conv_2")
        self.relu = keras.layers.ReLU(name="relu")
        self.projection = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (batch, height, width, channels)."""
        shape = check_maps("inputs", input_shape)
        inside = (*shape[:-1], self.filters)
        self.norm_1.build(shape)
        self.conv_1.build(shape)
        self.norm_2.build(inside)
        self.conv_2.build(inside)
        if shape[-1] != self.filters:
            self.projection = keras.layers.Conv2D(self.filters, 1, name="projection")
            self.projection.build(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return shortcut + main path."""
        x = self.conv_1(self.relu(self.norm_1(inputs, training=training)))
        x = self.conv_2(self.relu(self.norm_2(x, training=training)))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result for inputs of a shape."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same unit again."""
        return super().get_config() | {"filters": self.filters, "momentum": self.momentum}


@keras.saving.register_keras_serializable(package="course_utils")
class ResNetLayer(keras.layers.Layer):
    """A chain of residual units with the same number of filters.

    Args:
        units: how many units there are; each has its own weights.
        filters: the filters of each of them.
        momentum: the momentum of the batch normalisation, from 0 to 1.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, height, width,
    filters). Where the number of channels differs, the first unit projects its shortcut.

    Raises:
        TypeError: ``units`` or ``filters`` is not a whole number, or ``momentum`` not a number.
        ValueError: ``units`` or ``filters`` is below 1, ``momentum`` not from 0 to 1, or the inputs
            do not have four axes.

    Source: K. He et al., "Identity mappings in deep residual networks" (2016). Built in lesson 27.

    >>> chain = ResNetLayer(3, 32)
    >>> chain(keras.Input((14, 14, 16))).shape, len(chain.units)
    ((None, 14, 14, 32), 3)
    """

    def __init__(
        self, units: int, filters: int, *, momentum: float = MOMENTUM, **kwargs: Any
    ) -> None:
        units, filters = check_whole("units", units), check_whole("filters", filters)
        momentum = check_fraction("momentum", momentum)
        super().__init__(**kwargs)
        self.filters, self.momentum = filters, momentum
        self.units = [
            ResidualUnit(filters, momentum=momentum, name=f"unit_{n}") for n in range(1, units + 1)
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (batch, height, width, channels)."""
        shape = check_maps("inputs", input_shape)
        for unit in self.units:
            if not unit.built:
                unit.build(shape)
            shape = (*shape[:-1], self.filters)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the result of the last unit."""
        x = inputs
        for unit in self.units:
            x = unit(x, training=training)
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result for inputs of a shape."""
        return (*input_shape[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same chain again."""
        config = {"units": len(self.units), "filters": self.filters, "momentum": self.momentum}
        return super().get_config() | config


@keras.saving.register_keras_serializable(package="course_utils")
class ResNet(keras.Model):
    """A pre-activation ResNet: a convolution, chains of units with pooling between, two dense.

    With its defaults: conv 8, two units of 16 at 28x28, pool, two of 32 at 14x14, pool, two of 64
    at 7x7, flatten, dense 128, dense 10. 577,066 parameters, 15 layers with weights on the way.

    Args:
        filters: the filters of each chain.
        units: the number of units in each chain.
        classes: the number of classes.
        momentum: the momentum of the batch normalisation, from 0 to 1.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras model.

    Called on float32 (batch, height, width, channels) from 0 to 1, it returns logits, float32
    (batch, classes).

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: ``filters`` is empty, a number is below 1, ``momentum`` is not from 0 to 1, or
            the images do not have four axes.

    Source: K. He et al., "Identity mappings in deep residual networks" (2016), here in small, with
    pooling for strides. Built in lesson 27.

    >>> model = ResNet()
    >>> model(keras.Input((28, 28, 1))).shape, model.count_params()
    ((None, 10), 577066)
    """

    def __init__(
        self,
        *,
        filters: Sequence[int] = FILTERS,
        units: int = 2,
        classes: int = 10,
        momentum: float = MOMENTUM,
        **kwargs: Any,
    ) -> None:
        filters, units = list(check_wholes("filters", filters)), check_whole("units", units)
        classes, momentum = check_whole("classes", classes), check_fraction("momentum", momentum)
        super().__init__(**kwargs)
        self.options = {
            "filters": filters,
            "units": units,
            "classes": classes,
            "momentum": momentum,
        }
        self.stem = keras.layers.Conv2D(8, 3, padding="same", name="stem")
        self.chains = [
            ResNetLayer(units, count, momentum=momentum, name=f"chain_{n}")
            for n, count in enumerate(filters, start=1)
        ]
        self.pool = keras.layers.MaxPooling2D(name="pool")
        self.flatten = keras.layers.Flatten(name="flatten")
        self.hidden = keras.layers.Dense(128, activation="relu", name="hidden")
        self.logits = keras.layers.Dense(classes, name="logits")

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return the logits of each image."""
        check_maps("images", images.shape)
        x = self.stem(images)
        for n, chain in enumerate(self.chains):
            if n > 0:
                x = self.pool(x)
            x = chain(x, training=training)
        return self.logits(self.hidden(self.flatten(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same model again."""
        return super().get_config() | self.options


# --- training -------------------------------------------------------------------------------


def prepare(images: Any) -> np.ndarray:
    """Return images uint8 (n, 28, 28), 0 to 255, as float32 (n, 28, 28, 1), 0 to 1.

    >>> prepare(np.full((2, 28, 28), 255, np.uint8)).shape
    (2, 28, 28, 1)

    Raises:
        ValueError: the images are not uint8 with three axes.

    Source: the course itself. Built in lesson 27.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 3:
        raise ValueError(
            "images: expected uint8 of shape (n, height, width), as load_digits returns them, got "
            f"{images.dtype} of shape {images.shape}."
        )
    return (images[..., np.newaxis] / 255).astype("float32")


def train_on_digits(
    model: Any,
    *,
    full: bool = False,
    augment: bool = False,
    epochs: int = 4,
    batch_size: int = 32,
    peak: float = 0.003,
    callbacks: Sequence[Any] = (),
) -> dict[str, list[float]]:
    """Train a model that returns logits on the digits, test it after each epoch.

    Adam, with a learning rate that rises to ``peak`` over 50 batches (less in a run of fewer than
    500) and falls to 0 along a cosine.

    Args:
        model: a model from float32 (batch, 28, 28, 1) to logits (batch, 10). It is compiled here.
        full: the full MNIST, 60,000 and 10,000 digits, instead of the course's 4,000 and 1,000.
        augment: move each training digit at random, by up to two pixels each way.
        epochs: how often each training digit is seen.
        batch_size: the digits of a step.
        peak: the highest learning rate.
        callbacks: callbacks of ``fit``.

    Returns:
        From ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` to a list with a number for
        each epoch; those with ``val_`` are of the test digits.

    Raises:
        TypeError: ``full`` or ``augment`` is not True or False, or a number has the wrong type.
        ValueError: a number is below 1, or ``peak`` not above 0.
        DataError: the digits are missing or damaged, or cannot be downloaded.

    Source: I. Loshchilov and F. Hutter, "SGDR" (2016), for the cosine. Built in lesson 27.
    """
    check_flag("augment", augment)
    epochs = check_whole("epochs", epochs)
    batch_size = check_whole("batch_size", batch_size)
    (train_images, train_labels), (test_images, test_labels) = load_digits(full=full)
    shift = keras.layers.RandomTranslation(2 / 28, 2 / 28, fill_mode="constant")

    def move(images: Any, labels: Any) -> Any:
        return shift(images, training=True), labels

    batches = make_batches(
        (prepare(train_images), train_labels),
        batch_size=batch_size,
        shuffle=True,
        transform=move if augment else None,
    )
    steps = epochs * len(batches)
    schedule = warmup_cosine(peak, warmup_steps=min(50, steps // 10), total_steps=steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        batches,
        epochs=epochs,
        verbose=0,
        validation_data=(prepare(test_images), test_labels),
        validation_batch_size=250,
        shuffle=False,  # the batches are mixed already
        callbacks=list(callbacks),
    )
    return history.history
