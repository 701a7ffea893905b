"""Towers of equal layers, plain and residual, to measure what depth costs and shortcuts save.

Built in lesson 28. A tower has a stem, a row of units of two convolutions each, and one dense layer
at the end. With or without shortcuts it has the same layers and the same number of parameters.
"""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

from course_utils.arguments import check_flag, check_whole
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402  (after the quiet import of TensorFlow)

MOMENTUM = 0.9  # of the batch normalisation; Keras' default, 0.99, needs longer runs (lesson 27)
BATCH = 64


@keras.saving.register_keras_serializable(package="course_utils")
class TowerUnit(keras.layers.Layer):
    """Two 3x3 convolutions, with or without batch normalisation, with or without a shortcut.

    Importing this module makes the class known to Keras, so that ``keras.models.load_model``
    finds it in any process.

    Args:
        filters: the filters of both convolutions, and the channels of the inputs.
        shortcut: True adds the inputs to the main path, before the last ReLU.
        batch_norm: True normalises after each convolution, which then has no bias.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, filters), it returns float32 of the same shape, never
    below 0.

    Raises:
        TypeError: ``filters`` is not a whole number, or a switch is not True or False.
        ValueError: ``filters`` is below 1, or the inputs do not have four axes, the last of size
            ``filters``.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), figure 2. Built in
    lesson 28.

    >>> unit = TowerUnit(8, shortcut=True, batch_norm=False)
    >>> unit(keras.Input((7, 7, 8))).shape, unit.count_params() == 2 * (9 * 8 + 1) * 8
    ((None, 7, 7, 8), True)
    """

    def __init__(self, filters: int, *, shortcut: bool, batch_norm: bool, **kwargs: Any) -> None:
        filters = check_whole("filters", filters)
        check_flag("shortcut", shortcut)
        check_flag("batch_norm", batch_norm)
        super().__init__(**kwargs)
        self.filters, self.shortcut, self.batch_norm = filters, shortcut, batch_norm
        self.hidden = [
            *_convolution(filters, batch_norm, name="1"),
            keras.layers.ReLU(name="relu_1"),
            *_convolution(filters, batch_norm, name="2"),
        ]
        self.relu = keras.layers.ReLU(name="relu_2")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (batch, height, width, filters)."""
        shape = tuple(input_shape)
        if len(shape) != 4 or shape[-1] != self.filters:
            raise ValueError(
                f"inputs: expected the shape (batch, height, width, {self.filters}), as many "
                f"channels as filters, got {shape}. The stem of a tower makes them."
            )
        for layer in self.hidden:
            layer.build(shape)

    def main_path(self, inputs: Any, training: bool | None = None) -> Any:
        """Return what the convolutions make of the inputs, before the sum and the last ReLU."""
        x = inputs
        for layer in self.hidden:
            normalises = isinstance(layer, keras.layers.BatchNormalization)
            x = layer(x, training=training) if normalises else layer(x)
        return x

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return relu(inputs + main path), or relu(main path) without a shortcut."""
        x = self.main_path(inputs, training=training)
        return self.relu(inputs + x if self.shortcut else x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result, which is that of the inputs."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same unit again."""
        return super().get_config() | {
            "filters": self.filters,
            "shortcut": self.shortcut,
            "batch_norm": self.batch_norm,
        }


@keras.saving.register_keras_serializable(package="course_utils")
class Tower(keras.Model):
    """A stem with stride 2, units of equal size, and one dense layer: a classifier of ten digits.

    Args:
        depth: layers with weights that lie one behind the other, normalisation not counted: the
            stem, two for each unit, and the dense layer. An even number, at least 4.
        shortcuts: True makes residual units, False plain ones.
        batch_norm: True normalises after each convolution.
        filters: the filters of each convolution.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras model.

    Called on float32 (batch, height, width, channels), it returns logits, float32 (batch, 10).
    ``stem``, ``units`` (a list) and ``head`` are its parts.

    Raises:
        TypeError: a size is not a whole number, or a switch is not True or False.
        ValueError: ``depth`` is odd or below 4, ``filters`` is below 1, or the images do not have
            four axes.

    Source: the plain and residual networks for CIFAR-10 of K. He et al., "Deep residual learning
    for image recognition" (2015), section 4.2, made small: all units work on one size of map, and
    the head flattens. Built in lesson 28.

    >>> plain = Tower(30, shortcuts=False, batch_norm=True)
    >>> residual = Tower(30, shortcuts=True, batch_norm=True)
    >>> plain(keras.Input((14, 14, 1))).shape, len(plain.units)
    ((None, 10), 14)
    >>> residual(keras.Input((14, 14, 1))).shape, residual.count_params() == plain.count_params()
    ((None, 10), True)
    """

    def __init__(
        self, depth: int, *, shortcuts: bool, batch_norm: bool, filters: int = 8, **kwargs: Any
    ) -> None:
        depth, filters = check_whole("depth", depth), check_whole("filters", filters)
        if depth < 4 or depth % 2:
            raise ValueError(
                f"depth: expected an even number of layers, at least 4, got {depth}. Stem and head "
                "are two layers, and each unit two more."
            )
        check_flag("shortcuts", shortcuts)
        check_flag("batch_norm", batch_norm)
        super().__init__(**kwargs)
        self.depth, self.filters = depth, filters
        self.shortcuts, self.batch_norm = shortcuts, batch_norm
        self.stem = keras.Sequential(
            [*_convolution(filters, batch_norm, name="0", strides=2), keras.layers.ReLU()],
            name="stem",
        )
        self.units = [
            TowerUnit(filters, shortcut=shortcuts, batch_norm=batch_norm, name=f"unit_{n}")
            for n in range(1, depth // 2)
        ]
        self.head = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)], name="head")

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return ten logits for each image."""
        if len(images.shape) != 4:
            raise ValueError(
                "images: expected the shape (batch, height, width, channels), got "
                f"{tuple(images.shape)}. Grey images need a last axis of size 1."
            )
        x = self.stem(images, training=training)
        for unit in self.units:
            x = unit(x, training=training)
        return self.head(x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same tower again."""
        return super().get_config() | {
            "depth": self.depth,
            "shortcuts": self.shortcuts,
            "batch_norm": self.batch_norm,
            "filters": self.filters,
        }


def without_units(tower: Tower, places: int | Iterable[int]) -> keras.Model:
    """Return a model in which units of a tower are left out; all others keep their weights.

    The tower stays as it is, and the model shares its layers. Where a unit is missing, the next
    one gets what the missing one would have got.

    Args:
        tower: a tower that has been called before.
        places: one place in ``tower.units`` or several, from 0.

    Returns:
        A Functional model from images (batch, height, width, channels) to logits (batch, 10).

    Raises:
        TypeError: ``tower`` is no ``Tower``, or a place is not a whole number.
        ValueError: the tower was never called, or has no unit at a place.

    Source: A. Veit et al., "Residual networks behave like ensembles of relatively shallow
    networks" (2016), section 4. Built in lesson 28.

    >>> tower = Tower(8, shortcuts=True, batch_norm=True)
    >>> tower(keras.Input((14, 14, 1))).shape
    (None, 10)
    >>> without_units(tower, 1).count_params() == tower.count_params() - 2 * (9 * 8 + 4) * 8
    True
    """
    if not isinstance(tower, Tower):
        raise TypeError(f"tower: expected a Tower, got {type(tower).__name__}.")
    if not tower.stem.built:
        raise ValueError("tower: it was never called, so its parts have no weights. Call it once.")
    missing = {places} if isinstance(places, Integral) else set(places)
    for place in missing:
        if isinstance(place, bool) or not isinstance(place, Integral):
            raise TypeError(f"places: expected whole numbers, got {place!r}.")
        if not 0 <= place < len(tower.units):
            raise ValueError(
                f"places: expected places from 0 to {len(tower.units) - 1}, got {place}."
            )
    images = keras.Input(tower.stem.input_shape[1:])
    x = tower.stem(images)
    for place, unit in enumerate(tower.units):
        if place not in missing:
            x = unit(x)
    return keras.Model(images, tower.head(x), name=f"{tower.name}_shortened")


def gradient_norms(tower: Tower, images: Any, labels: Any) -> list[float]:
    """Return the length of the loss's gradient for each convolution's kernel, from the stem on.

    The loss is the cross entropy of the logits, in training mode, which moves the averages of the
    batch normalisation by one step.

    Args:
        tower: a tower; it is built if it has not been called.
        images: float32 (batch, height, width, channels).
        labels: whole numbers 0 to 9, (batch,).

    Returns:
        As many floats as the tower has convolutions, ``depth - 1``.

    Raises:
        TypeError: ``tower`` is no ``Tower``.

    Source: K. He et al. (2015), section 4.1, asks whether these vanish. Built in lesson 28.
    """
    if not isinstance(tower, Tower):
        raise TypeError(f"tower: expected a Tower, got {type(tower).__name__}.")
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = cross_entropy(labels, tower(images, training=True))
    kernels = [weight for weight in tower.trainable_weights if len(weight.shape) == 4]
    return [float(tf.norm(gradient)) for gradient in tape.gradient(loss, kernels)]


def train_tower(
    tower: Tower,
    images: Any,
    labels: Any,
    *,
    epochs: int,
    rate: float,
    cosine: bool = False,
    measure: Any = None,
) -> Any:
    """Train a tower with Adam in batches of 64 and return what ``fit`` returns.

    Args:
        tower: the tower.
        images: float32 (n, height, width, channels).
        labels: whole numbers 0 to 9, (n,).
        epochs: how often all images are used.
        rate: the learning rate; with ``cosine`` the one at the start, which falls to 0 along a
            cosine until the last step.
        cosine: see ``rate``.
        measure: images and labels, on which loss and accuracy are measured after each epoch.

    Raises:
        TypeError: ``epochs`` is not a whole number, or ``rate`` not a number.
        ValueError: ``epochs`` is below 1, or ``rate`` not above 0.

    Source: lesson 13 for ``fit`` and the schedule. Built in lesson 28.
    """
    epochs = check_whole("epochs", epochs)
    if isinstance(rate, bool) or not isinstance(rate, Real):
        raise TypeError(f"rate: expected a number, got {rate!r}.")
    if not rate > 0:
        raise ValueError(f"rate: expected a number above 0, got {rate}.")
    steps = epochs * -(-len(images) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps) if cosine else rate
    tower.compile(
        keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return tower.fit(
        images, labels, batch_size=BATCH, epochs=epochs, validation_data=measure, verbose=0
    )


def shrink(pictures: Any) -> np.ndarray:
    """Return grey images at half their height and width, as a tower reads them.

    Args:
        pictures: uint8 grey levels (n, height, width), both even.

    Returns:
        float32 (n, height / 2, width / 2, 1), from 0 to 1: the mean of 2 x 2 pixels each.

    Raises:
        ValueError: the pictures do not have three axes, or an odd height or width.

    Source: lesson 26, where it is built.

    >>> shrink(np.full((3, 28, 28), 255, "uint8")).shape
    (3, 14, 14, 1)
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 3 or pictures.shape[1] % 2 or pictures.shape[2] % 2:
        raise ValueError(
            "pictures: expected the shape (n, height, width), with an even height and width, got "
            f"{pictures.shape}."
        )
    n, height, width = pictures.shape
    cells = (pictures / 255).reshape(n, height // 2, 2, width // 2, 2)
    return cells.mean(axis=(2, 4))[..., np.newaxis].astype("float32")


def _convolution(filters: int, batch_norm: bool, *, name: str, strides: int = 1) -> list[Any]:
    """Return a 3x3 convolution and, if wanted, batch normalisation, as a list of layers."""
    convolution = keras.layers.Conv2D(
        filters, 3, strides=strides, padding="same", use_bias=not batch_norm, name=f"conv_{name}"
    )
    if not batch_norm:
        return [convolution]
    return [convolution, keras.layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{name}")]
