"""ResNet-18 and ResNet-50 as their paper and Keras write them, and weights taken over from Keras.

Built in lesson 28. Post-activation blocks: the last ReLU of a block comes after the sum.
"""

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

from course_utils.arguments import check_flag, check_whole
from course_utils.session import import_tensorflow

import_tensorflow()
import keras  # noqa: E402  (after the quiet import of TensorFlow)


@keras.saving.register_keras_serializable(package="course_utils")
class ConvNorm(keras.layers.Layer):
    """A convolution with "same" padding and the batch normalisation behind it.

    Importing this module makes the class known to Keras, so that ``keras.models.load_model``
    finds it in any process.

    Args:
        filters: the filters of the convolution.
        size: height and width of its kernel.
        strides: its step, down and to the right.
        use_bias: True gives the convolution a bias, which the normalisation takes away again.
        epsilon: what the normalisation adds to the variance before the root.
        padding: "same", or "valid" for no padding.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, height, width,
    filters), with height and width divided by ``strides`` and rounded up under "same" padding.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a number is below 1, ``epsilon`` is not above 0, or ``padding`` is neither.

    Source: S. Ioffe and C. Szegedy, "Batch normalization" (2015), section 3.2. Built in lesson 28.

    >>> unit = ConvNorm(64, 3, strides=2)
    >>> unit(keras.Input((28, 28, 16))).shape, unit.count_params() == (9 * 16 + 4) * 64
    ((None, 14, 14, 64), True)
    """

    def __init__(
        self,
        filters: int,
        size: int,
        *,
        strides: int = 1,
        use_bias: bool = False,
        epsilon: float = 1e-5,
        padding: str = "same",
        **kwargs: Any,
    ) -> None:
        check_whole("filters", filters)
        check_whole("size", size)
        _check_block(strides, use_bias, epsilon)
        if padding not in ("same", "valid"):
            raise ValueError(f'padding: expected "same" or "valid", got {padding!r}.')
        super().__init__(**kwargs)
        self.convolution = keras.layers.Conv2D(
            filters, size, strides=strides, padding=padding, use_bias=use_bias, name="convolution"
        )
        self.norm = keras.layers.BatchNormalization(epsilon=epsilon, name="norm")
        self.settings = {
            "filters": filters,
            "size": size,
            "strides": strides,
            "use_bias": use_bias,
            "epsilon": epsilon,
            "padding": padding,
        }

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (batch, height, width, channels)."""
        self.convolution.build(input_shape)
        self.norm.build(self.convolution.compute_output_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the normalised result of the convolution."""
        return self.norm(self.convolution(inputs), training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result for inputs of a shape."""
        return self.convolution.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return super().get_config() | self.settings


class _Block(keras.layers.Layer):
    """What both blocks share: shortcut + main path, and ReLU after the sum."""

    expansion: ClassVar[int]

    def __init__(
        self,
        filters: int,
        *,
        strides: int = 1,
        use_bias: bool = False,
        epsilon: float = 1e-5,
        **kwargs: Any,
    ) -> None:
        check_whole("filters", filters)
        _check_block(strides, use_bias, epsilon)
        super().__init__(**kwargs)
        self.filters, self.strides = filters, strides
        self.options = {"use_bias": use_bias, "epsilon": epsilon}
        self.relu = keras.layers.ReLU(name="relu")
        self.projection = None

    @property
    def main_path(self) -> list[ConvNorm]:
        """The convolutions of the main path, each with its normalisation, in order."""
        raise NotImplementedError

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, for inputs of the shape (batch, height, width, channels)."""
        shape = tuple(input_shape)
        if len(shape) != 4 or shape[-1] is None:
            raise ValueError(
                f"inputs: expected the shape (batch, height, width, channels), got {shape}."
            )
        width = self.expansion * self.filters
        if shape[-1] != width or self.strides != 1:
            self.projection = ConvNorm(
                width, 1, strides=self.strides, name="projection", **self.options
            )
            self.projection.build(shape)
        for layer in self.main_path:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return relu(shortcut + main path)."""
        *inner, last = self.main_path
        x = shortcut = inputs
        for layer in inner:
            x = self.relu(layer(x, training=training))
        if self.projection is not None:
            shortcut = self.projection(inputs, training=training)
        return self.relu(shortcut + last(x, training=training))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result for inputs of a shape."""
        shape = tuple(input_shape)
        for layer in self.main_path:
            shape = layer.compute_output_shape(shape)
        return shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same block again."""
        config = super().get_config()
        return config | {"filters": self.filters, "strides": self.strides, **self.options}


@keras.saving.register_keras_serializable(package="course_utils")
class BasicBlock(_Block):
    """Two 3x3 convolutions, each normalised, plus the shortcut: the block of ResNet-18.

    Importing this module makes the class known to Keras, so that ``keras.models.load_model``
    finds it in any process.

    Args:
        filters: the filters of both convolutions.
        strides: the step of the first one, 1 or more.
        use_bias: True gives the convolutions biases.
        epsilon: of the normalisation.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, height, width,
    filters), with height and width divided by ``strides`` and rounded up. The shortcut is the
    inputs, or where the shape changes a normalised 1x1 convolution of them, the projection.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a number is below 1, ``epsilon`` is not above 0, or the inputs do not have four
            axes and a known number of channels.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), figure 5 (left).
    Built in lesson 28.

    >>> block = BasicBlock(64)
    >>> block(keras.Input((7, 7, 64))).shape, block.count_params() == 2 * (9 * 64 + 4) * 64
    ((None, 7, 7, 64), True)
    >>> BasicBlock(128, strides=2)(keras.Input((7, 7, 64))).shape
    (None, 4, 4, 128)
    """

    expansion = 1

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, **kwargs)
        self.first = ConvNorm(filters, 3, strides=self.strides, name="first", **self.options)
        self.second = ConvNorm(filters, 3, name="second", **self.options)

    @property
    def main_path(self) -> list[ConvNorm]:
        """The two convolutions of the main path, each with its normalisation."""
        return [self.first, self.second]


@keras.saving.register_keras_serializable(package="course_utils")
class Bottleneck(_Block):
    """1x1, 3x3 and 1x1 convolutions, each normalised, plus the shortcut: the block of ResNet-50.

    Importing this module makes the class known to Keras, so that ``keras.models.load_model``
    finds it in any process.

    Args:
        filters: the filters of the first two convolutions; the third has four times as many.
        strides: the step of the first one, as in the paper and in Keras.
        use_bias: True gives the convolutions biases.
        epsilon: of the normalisation.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras layer.

    Called on float32 (batch, height, width, channels), it returns float32 (batch, height, width,
    4 * filters), with height and width divided by ``strides`` and rounded up. The shortcut is the
    inputs, or where the shape changes a normalised 1x1 convolution of them, the projection.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: a number is below 1, ``epsilon`` is not above 0, or the inputs do not have four
            axes and a known number of channels.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), figure 5 (right).
    Built in lesson 28.

    >>> block = Bottleneck(16)
    >>> block(keras.Input((7, 7, 64))).shape
    (None, 7, 7, 64)
    >>> block.count_params() == 64 * 16 + 9 * 16 * 16 + 16 * 64 + 4 * (16 + 16 + 64)
    True
    """

    expansion = 4

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(filters, **kwargs)
        self.reduce = ConvNorm(filters, 1, strides=self.strides, name="reduce", **self.options)
        self.middle = ConvNorm(filters, 3, name="middle", **self.options)
        self.expand = ConvNorm(4 * filters, 1, name="expand", **self.options)

    @property
    def main_path(self) -> list[ConvNorm]:
        """The three convolutions of the main path, each with its normalisation."""
        return [self.reduce, self.middle, self.expand]


class _ImageNetResNet(keras.Model):
    """A stem of 7x7 and pooling, four stages of blocks, the mean over the pixels, a dense layer."""

    block: ClassVar[type[_Block]]
    counts: ClassVar[Sequence[int]]

    def __init__(
        self, *, classes: int = 1000, use_bias: bool = False, epsilon: float = 1e-5, **kwargs: Any
    ) -> None:
        check_whole("classes", classes)
        _check_block(1, use_bias, epsilon)
        super().__init__(**kwargs)
        self.classes = classes
        self.options = {"use_bias": use_bias, "epsilon": epsilon}
        self.pad = keras.layers.ZeroPadding2D(3, name="pad")
        self.stem = ConvNorm(64, 7, strides=2, padding="valid", name="stem", **self.options)
        self.relu = keras.layers.ReLU(name="relu")
        self.pad_pool = keras.layers.ZeroPadding2D(1, name="pad_pool")
        self.pool = keras.layers.MaxPooling2D(3, strides=2, name="pool")
        self.stages = [
            [
                self.block(
                    64 * 2**stage,
                    strides=2 if stage > 0 and number == 0 else 1,
                    name=f"stage_{stage + 1}_block_{number + 1}",
                    **self.options,
                )
                for number in range(count)
            ]
            for stage, count in enumerate(self.counts)
        ]
        self.mean = keras.layers.GlobalAveragePooling2D(name="mean")
        self.answer = keras.layers.Dense(classes, name="answer")

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return a logit of each class for each image."""
        if len(images.shape) != 4:
            raise ValueError(
                "images: expected the shape (batch, height, width, channels), got "
                f"{tuple(images.shape)}. Grey images need a last axis of size 1."
            )
        x = self.relu(self.stem(self.pad(images), training=training))
        x = self.pool(self.pad_pool(x))
        for stage in self.stages:
            for block in stage:
                x = block(x, training=training)
        return self.answer(self.mean(x))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same model again."""
        return super().get_config() | {"classes": self.classes, **self.options}


@keras.saving.register_keras_serializable(package="course_utils")
class ResNet18(_ImageNetResNet):
    """The ResNet with 18 layers: a stem, four stages of two basic blocks, a dense layer.

    Args:
        classes: how many logits it answers with.
        use_bias: True gives the convolutions biases.
        epsilon: of the normalisation.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras model.

    Called on float32 (batch, height, width, channels), it returns logits, float32 (batch, classes).
    ``stages`` holds the blocks, a list for each stage.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: ``classes`` is below 1, ``epsilon`` not above 0, or the images do not have four
            axes.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), table 1, with
    projections where the shape changes (option B). Built in lesson 28.

    >>> model = ResNet18()
    >>> model(keras.Input((224, 224, 3))).shape
    (None, 1000)
    >>> sum(int(weight.value.shape.num_elements()) for weight in model.trainable_weights)
    11689512
    """

    block, counts = BasicBlock, (2, 2, 2, 2)


@keras.saving.register_keras_serializable(package="course_utils")
class ResNet50(_ImageNetResNet):
    """The ResNet with 50 layers: a stem, four stages of bottlenecks, a dense layer.

    Args:
        classes: how many logits it answers with.
        use_bias: True, as ``keras.applications.ResNet50`` does, gives the convolutions biases.
        epsilon: of the normalisation; that of ``keras.applications.ResNet50`` if not given.
        **kwargs: ``name``, ``dtype`` and ``trainable`` of a Keras model.

    Called on float32 (batch, height, width, channels), it returns logits, float32 (batch, classes).
    ``stages`` holds the blocks, a list for each stage.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: ``classes`` is below 1, ``epsilon`` not above 0, or the images do not have four
            axes.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), table 1, with the
    settings of ``keras.applications.ResNet50``. Built in lesson 28.

    >>> model = ResNet50(classes=10)
    >>> model(keras.Input((64, 64, 3))).shape, [len(stage) for stage in model.stages]
    ((None, 10), [3, 4, 6, 3])
    """

    block, counts = Bottleneck, (3, 4, 6, 3)

    def __init__(
        self,
        *,
        classes: int = 1000,
        use_bias: bool = True,
        epsilon: float = 1.001e-5,
        **kwargs: Any,
    ) -> None:
        super().__init__(classes=classes, use_bias=use_bias, epsilon=epsilon, **kwargs)


def copy_resnet50(source: keras.Model, target: ResNet50) -> None:
    """Give a ``ResNet50`` of the course the weights of ``keras.applications.ResNet50``.

    Args:
        source: the model of Keras, with its top.
        target: the model of the course, built, with as many channels and classes.

    Raises:
        TypeError: ``target`` is no ``ResNet50`` of this module.
        ValueError: ``target`` is not built, ``source`` lacks a layer, or a shape differs.

    Source: the names of the layers of ``keras.applications``. Built in lesson 28.
    """
    if not isinstance(target, ResNet50):
        raise TypeError(f"target: expected a ResNet50 of the course, got {type(target).__name__}.")
    if not target.stem.built:
        raise ValueError("target: it was never called, so it has no weights. Call it once.")
    pairs = [("conv1", target.stem)]
    for stage, blocks in enumerate(target.stages, start=2):
        for number, block in enumerate(blocks, start=1):
            parts = [block.projection, *block.main_path]
            pairs += [
                (f"conv{stage}_block{number}_{place}", part)
                for place, part in enumerate(parts)
                if part is not None
            ]
    for name, part in pairs:
        _copy_layer(source, f"{name}_conv", part.convolution)
        _copy_layer(source, f"{name}_bn", part.norm)
    _copy_layer(source, "predictions", target.answer)


def _copy_layer(source: keras.Model, name: str, layer: keras.Layer) -> None:
    try:
        weights = source.get_layer(name).get_weights()
        layer.set_weights(weights)
    except ValueError as error:
        raise ValueError(
            f"source: its layer {name!r} does not fit. Expected keras.applications.ResNet50 with "
            "its top, and with as many channels and classes as the target."
        ) from error


def _check_block(strides: Any, use_bias: Any, epsilon: Any) -> None:
    check_whole("strides", strides)
    check_flag("use_bias", use_bias)
    if isinstance(epsilon, bool) or not isinstance(epsilon, Real):
        raise TypeError(f"epsilon: expected a number, got {epsilon!r}.")
    if not epsilon > 0:
        raise ValueError(f"epsilon: expected a number above 0, got {epsilon}.")
