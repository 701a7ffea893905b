"""What a network of convolutions costs in multiplications.

Built in lessons 10 and 21.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.arguments import check_choice, check_whole, check_wholes, short

if TYPE_CHECKING:
    import keras

PADDINGS = ("valid", "same")

# --- one convolution ------------------------------------------------------------------------


def output_size(size: int, window: int, stride: int, padding: str) -> int:
    """Return how many places a window takes along an axis of ``size`` pixels.

    With ``"valid"`` padding the window stays inside the image; with ``"same"`` padding there is
    one place for each started stride.

    >>> output_size(28, 3, 1, "valid"), output_size(28, 3, 1, "same"), output_size(28, 3, 2, "same")
    (26, 28, 14)

    Raises:
        TypeError: a number is not a whole number.
        ValueError: a number is below 1, ``padding`` is neither "valid" nor "same", or a window
            without padding is larger than the image.

    Source: the notes on padding of ``tf.nn`` (TensorFlow API reference). Built in lesson 10.
    """
    size = check_whole("size", size)
    window = check_whole("window", window)
    stride = check_whole("stride", stride)
    check_choice("padding", padding, PADDINGS)
    if padding == "same":
        return math.ceil(size / stride)
    if window > size:
        raise ValueError(
            f"window: {window} pixels do not fit into an image of {size} without padding. "
            'Use a smaller window, or padding="same".'
        )
    return (size - window) // stride + 1


def count_multiplications(
    input_shape: Sequence[int],
    kernel_shape: Sequence[int],
    *,
    stride: int = 1,
    padding: str = "valid",
) -> int:
    """Return how many multiplications a convolution of one image takes.

    Each number of the result is a sum over one window: as many products as the kernel of one
    filter has weights. Products with the zeros of a padded border are counted as well.

    Args:
        input_shape: (height, width, channels) of the image.
        kernel_shape: (height, width, channels, filters) of the kernel.
        stride: pixels from one window to the next.
        padding: "valid" or "same".

    >>> count_multiplications((28, 28, 1), (3, 3, 1, 32), padding="same")
    225792

    Raises:
        TypeError: a number is not a whole number.
        ValueError: a shape has another length, a number is below 1, or the shapes do not fit.

    Built in lesson 10.
    """
    height, width, channels = check_wholes("input_shape", input_shape, length=3)
    kernel = check_wholes("kernel_shape", kernel_shape, length=4)
    if kernel[2] != channels:
        raise ValueError(
            f"kernel_shape: expected {channels} input channels, as in input_shape, "
            f"got {kernel[2]} in {kernel}."
        )
    rows = output_size(height, kernel[0], stride, padding)
    columns = output_size(width, kernel[1], stride, padding)
    return rows * columns * math.prod(kernel)


# --- layers and models ------------------------------------------------------------------------


def layer_multiplications(layer: "keras.Layer", input_shape: tuple[int | None, ...]) -> int:
    """Return how many multiplications by weights one call of a layer takes for one example.

    Counted are the products of convolutions and dense layers, also inside a model and under
    ``TimeDistributed``. Work with a fixed number of operations for each number of the input
    (biases, activations, normalisation, pooling, sums) counts as 0, as it does in the papers.

    Args:
        layer: a layer or model of a model, which is built therefore.
        input_shape: the shape of one example, without the batch axis.

    Raises:
        ValueError: an axis that matters has no size, or there is no rule for a layer of this kind.

    Source: lesson 10 for one convolution. Built in lesson 21.
    """
    import keras
    from keras import layers

    shape = tuple(input_shape)
    if isinstance(layer, keras.Model):
        return _call_inside(layer, shape)
    if isinstance(layer, layers.TimeDistributed):
        steps = _known(layer, shape, shape[:1])
        return steps * layer_multiplications(layer.layer, shape[1:])
    if isinstance(layer, layers.SeparableConv2D):
        height, width, first, multiplier = layer.depthwise_kernel.shape
        places = _places(layer, shape, (height, width))
        pointwise = math.prod(layer.pointwise_kernel.shape)
        return places * (height * width * first * multiplier + pointwise)
    if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
        return _places(layer, shape, layer.kernel.shape[:2]) * math.prod(layer.kernel.shape)
    if isinstance(layer, layers.Dense):
        return _known(layer, shape, shape[:-1]) * math.prod(layer.kernel.shape)
    free = (layers.BatchNormalization, layers.LayerNormalization, layers.Embedding)
    if layer.weights and not isinstance(layer, free):
        raise ValueError(
            f"layer: no rule counts a {type(layer).__name__}, the kind of {layer.name!r}. There "
            "are rules for Conv2D, DepthwiseConv2D, SeparableConv2D, Dense, TimeDistributed, "
            "normalisation, embeddings, models, and layers without weights."
        )
    return 0


def model_multiplications(model: "keras.Model") -> int:
    """Return how many multiplications by weights a model takes for one example.

    A layer that is called three times costs three times, though it has its weights only once.

    Args:
        model: a Functional or Sequential model whose inputs have known sizes.

    Raises:
        TypeError: ``model`` is not a Functional or Sequential model.
        ValueError: it has not been built, an axis that matters has no size, or there is no rule
            for a kind of layer in it.

    Source: the "mult-adds" of A. Howard et al., "MobileNets" (2017). Built in lesson 21.
    """
    return sum(layer_multiplications(layer, shape) for layer, shape in _calls(model))


def _calls(model: Any) -> Iterator[tuple[Any, tuple[int | None, ...]]]:
    """Give each call of a layer in a model, with the shape of its first argument."""
    import keras

    if isinstance(model, keras.Sequential):
        if not model.built:
            raise ValueError(
                f"model: {model.name!r} has not been built, so its layers have no shapes. "
                "Call it once, or begin it with keras.Input."
            )
        model = keras.Model(model.inputs, model.outputs)
    if not isinstance(model, keras.Model) or getattr(model, "inputs", None) is None:
        raise TypeError(f"model: expected a Functional or Sequential model, got {short(model)}.")
    by_name = {layer.name: layer for layer in model.layers}
    for entry in model.get_config()["layers"]:
        for node in entry["inbound_nodes"]:
            if entry["name"] in by_name:  # an operation such as x + y is no layer
                yield by_name[entry["name"]], _first_shape(node)


def _first_shape(node: dict[str, Any]) -> tuple[int | None, ...]:
    """Return the shape, without the batch axis, of the first tensor that a call was given."""
    waiting = [node["kwargs"], node["args"]]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict) and item.get("class_name") == "__keras_tensor__":
            return tuple(item["config"]["shape"][1:])
        if isinstance(item, dict):
            waiting += reversed(item.values())
        elif isinstance(item, list | tuple):
            waiting += reversed(item)
    return ()


def _call_inside(model: Any, shape: tuple[int | None, ...]) -> int:
    """Return what one call of a model inside a model costs."""
    own = tuple(model.inputs[0].shape[1:]) if getattr(model, "inputs", None) else None
    if own is not None and own != shape and None in own:
        raise ValueError(
            f"layer: the model {model.name!r} was made for images of shape {own}, and its cost "
            f"depends on the size. Make it with keras.Input({shape}) to count it."
        )
    return model_multiplications(model)


def _places(layer: Any, shape: tuple[int | None, ...], window: Sequence[int]) -> int:
    """Return at how many places the window of a convolution stops."""
    sizes = shape[1:] if layer.data_format == "channels_first" else shape[:2]
    _known(layer, shape, sizes)
    places = 1
    for axis, size in enumerate(sizes):
        seen = (window[axis] - 1) * layer.dilation_rate[axis] + 1
        places *= output_size(size, seen, layer.strides[axis], layer.padding)
    return places


def _known(layer: Any, shape: tuple[int | None, ...], sizes: Sequence[int | None]) -> int:
    """Return the product of sizes that must be known."""
    if None in sizes:
        raise ValueError(
            f"layer: {layer.name!r} was given {shape}, without the batch axis, and its cost "
            "depends on a size that is None. Make the model with a keras.Input of known sizes."
        )
    return math.prod(sizes)
