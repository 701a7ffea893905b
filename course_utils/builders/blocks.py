"""Blocks of layers as functions on symbolic tensors, and what they cost in multiplications.

Built in lesson 21. A block takes a ``KerasTensor`` of shape (batch, height, width, channels) and
returns another one; height and width stay as they are. Nothing is computed until a model that is
made of blocks is called.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.arguments import check_share, check_whole, short
from course_utils.builders.convolution import output_size

if TYPE_CHECKING:
    import keras

# --- blocks ---------------------------------------------------------------------------------


def conv_unit(
    x: "keras.KerasTensor", filters: int, size: int, *, momentum: float | None = None
) -> "keras.KerasTensor":
    """Return ``x`` after a convolution, batch normalisation if it is wanted, and ReLU.

    Args:
        x: a symbolic tensor of shape (batch, height, width, channels).
        filters: the number of filters.
        size: height and width of the kernel.
        momentum: momentum of the batch normalisation, from 0 to 1. None leaves it out, and gives
            the convolution a bias instead.

    Returns:
        A symbolic tensor of shape (batch, height, width, filters).

    Raises:
        TypeError: an argument has the wrong type, or ``x`` is not symbolic.
        ValueError: a number is below 1, ``momentum`` is not from 0 to 1, or ``x`` has no four axes.

    Source: S. Ioffe and C. Szegedy, "Batch normalization" (2015). Built in lesson 21.
    """
    _check_images(x)
    check_whole("filters", filters)
    check_whole("size", size)
    _check_momentum(momentum)
    from keras import layers

    return layers.ReLU()(_convolution(x, filters, size, momentum))


def plain_block(
    x: "keras.KerasTensor", filters: int, *, momentum: float | None = None
) -> "keras.KerasTensor":
    """Return ``x`` after two 3x3 convolutions with ReLU: the block that others are compared with.

    Arguments, result and errors are those of :func:`residual_block`.

    Source: K. Simonyan and A. Zisserman, "Very deep convolutional networks" (2014). Built in
    lesson 21.
    """
    _check_block(x, filters, momentum)
    x = conv_unit(x, filters, 3, momentum=momentum)
    return conv_unit(x, filters, 3, momentum=momentum)


def inception_block(
    x: "keras.KerasTensor",
    *,
    ones: int,
    threes: int,
    fives: int,
    pooled: int | None = None,
    reduce_threes: int | None = None,
    reduce_fives: int | None = None,
    momentum: float | None = None,
) -> "keras.KerasTensor":
    """Return four looks at ``x``, through windows of 1, 3 and 5 pixels and pooled, side by side.

    The paths are joined by channel, in this order. Each convolution is followed by ReLU.

    Args:
        x: a symbolic tensor of shape (batch, height, width, channels).
        ones: filters of the 1x1 path.
        threes: filters of the 3x3 path.
        fives: filters of the 5x5 path.
        pooled: filters of the 1x1 convolution after the pooling. None leaves it out, so that all
            channels of ``x`` are handed on.
        reduce_threes: filters of a 1x1 convolution before the 3x3 one. None leaves it out.
        reduce_fives: filters of a 1x1 convolution before the 5x5 one. None leaves it out.
        momentum: momentum of a batch normalisation after each convolution; None for none.

    Returns:
        A symbolic tensor of shape (batch, height, width, ones + threes + fives + pooled), with the
        channels of ``x`` for ``pooled`` where that is None.

    Raises:
        TypeError: an argument has the wrong type, or ``x`` is not symbolic.
        ValueError: a number is below 1, ``momentum`` is not from 0 to 1, or ``x`` has no four axes.

    Source: C. Szegedy et al., "Going deeper with convolutions" (2014), figure 2; the paper has no
    batch normalisation. Built in lesson 21.
    """
    _check_images(x)
    sizes = {"ones": ones, "threes": threes, "fives": fives}
    choices = {"pooled": pooled, "reduce_threes": reduce_threes, "reduce_fives": reduce_fives}
    for name, value in (sizes | choices).items():
        if value is not None or name in sizes:
            check_whole(name, value)
    _check_momentum(momentum)
    from keras import layers

    def look(start: Any, reduce: int | None, filters: int, size: int) -> Any:
        if reduce is not None:
            start = conv_unit(start, reduce, 1, momentum=momentum)
        return conv_unit(start, filters, size, momentum=momentum)

    largest = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    paths = [
        look(x, None, ones, 1),
        look(x, reduce_threes, threes, 3),
        look(x, reduce_fives, fives, 5),
        largest if pooled is None else conv_unit(largest, pooled, 1, momentum=momentum),
    ]
    return layers.Concatenate(axis=-1)(paths)


def separable_block(
    x: "keras.KerasTensor", filters: int, *, momentum: float | None = None
) -> "keras.KerasTensor":
    """Return ``x`` after a depthwise 3x3 convolution and a 1x1 convolution, each with ReLU.

    The first looks at the neighbours of a pixel, one channel at a time; the second mixes the
    channels of a pixel. MobileNet normalises after both: give it a ``momentum``.

    Arguments, result and errors are those of :func:`residual_block`.

    Source: A. Howard et al., "MobileNets" (2017), figure 3. Built in lesson 21.
    """
    _check_block(x, filters, momentum)
    from keras import layers

    x = layers.DepthwiseConv2D(3, padding="same", use_bias=momentum is None)(x)
    if momentum is not None:
        x = layers.BatchNormalization(momentum=momentum)(x)
    x = layers.ReLU()(x)
    return conv_unit(x, filters, 1, momentum=momentum)


def residual_block(
    x: "keras.KerasTensor", filters: int, *, momentum: float | None = None
) -> "keras.KerasTensor":
    """Return ``relu(main path + shortcut)``, with two 3x3 convolutions on the main path.

    The shortcut is ``x`` itself where ``x`` has ``filters`` channels. Otherwise it is a 1x1
    convolution of ``x``, the projection: a sum of other channels would be broadcast or refused.

    Args:
        x: a symbolic tensor of shape (batch, height, width, channels).
        filters: the number of filters of each convolution.
        momentum: momentum of the batch normalisation after each convolution, from 0 to 1. None
            leaves it out, and gives the convolutions a bias instead.

    Returns:
        A symbolic tensor of shape (batch, height, width, filters).

    Raises:
        TypeError: an argument has the wrong type, or ``x`` is not symbolic.
        ValueError: a number is below 1, ``momentum`` is not from 0 to 1, or ``x`` has no four axes.

    Source: K. He et al., "Deep residual learning for image recognition" (2015), figures 2 and 3.
    Built in lesson 21.
    """
    _check_block(x, filters, momentum)
    from keras import layers

    main_path = conv_unit(x, filters, 3, momentum=momentum)
    main_path = _convolution(main_path, filters, 3, momentum)
    shortcut = x if x.shape[-1] == filters else _convolution(x, filters, 1, momentum)
    return layers.ReLU()(layers.Add()([main_path, shortcut]))


def _convolution(x: Any, filters: int, size: int, momentum: float | None) -> Any:
    """Return ``x`` after a convolution and, if wanted, batch normalisation."""
    from keras import layers

    x = layers.Conv2D(filters, size, padding="same", use_bias=momentum is None)(x)
    return x if momentum is None else layers.BatchNormalization(momentum=momentum)(x)


# --- cost -----------------------------------------------------------------------------------


def layer_multiplications(layer: "keras.Layer", input_shape: Sequence[int]) -> int:
    """Return how many multiplications by weights one call of a layer takes for one example.

    Counted are the products of convolutions and dense layers, also inside a model and under
    ``TimeDistributed``. Work with a fixed number of operations for each number of the input
    (biases, activations, normalisation, pooling, sums) counts as 0, as it does in the papers.

    Args:
        layer: a built layer or model.
        input_shape: the shape of one example, without the batch axis.

    Raises:
        TypeError: ``layer`` is not a Keras layer, or ``input_shape`` not a list of whole numbers.
        ValueError: the layer is not built, an axis that matters has no size, or there is no rule
            for a layer of this kind.

    Source: lesson 10 for one convolution. Built in lesson 21.
    """
    import keras
    from keras import layers

    if not isinstance(layer, keras.Layer):
        raise TypeError(f"layer: expected a Keras layer or model, got {short(layer)}.")
    shape = _shape("input_shape", input_shape)
    if not layer.built:
        raise ValueError(
            f"layer: {layer.name!r} is not built, so it has no weights to count. "
            "Call it once, or put it into a model."
        )
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


def multiplications_by_layer(model: "keras.Model") -> dict[str, int]:
    """Return, by the name of each layer, what all its calls in a model cost for one example.

    A layer that is called three times costs three times, though it has its weights only once.
    Layers that cost nothing are listed with 0.

    Args:
        model: a Functional or Sequential model whose inputs have known sizes.

    Raises:
        TypeError: ``model`` is not a Functional or Sequential model.
        ValueError: as for :func:`layer_multiplications`.

    Built in lesson 21.
    """
    costs: dict[str, int] = {}
    for layer, shape in _calls(model):
        cost = layer_multiplications(layer, shape)
        costs[layer.name] = costs.get(layer.name, 0) + cost
    return costs


def model_multiplications(model: "keras.Model") -> int:
    """Return how many multiplications by weights a model takes for one example.

    Arguments and errors are those of :func:`multiplications_by_layer`.

    Source: the "mult-adds" of A. Howard et al., "MobileNets" (2017). Built in lesson 21.
    """
    return sum(multiplications_by_layer(model).values())


def block_multiplications(
    block: Callable[..., Any], input_shape: Sequence[int], *args: Any, **settings: Any
) -> int:
    """Return how many multiplications by weights a block takes for one example.

    Args:
        block: a function from a symbolic tensor to a symbolic tensor.
        input_shape: (height, width, channels) of what the block is given.
        args, settings: what else the block is called with.

    >>> block_multiplications(separable_block, (14, 14, 64), 64)
    915712

    Raises:
        TypeError: ``block`` cannot be called, or does not return a symbolic tensor.
        ValueError: as for :func:`layer_multiplications`.

    Built in lesson 21.
    """
    if not callable(block):
        raise TypeError(
            f"block: expected a function on symbolic tensors, got {short(block)}. "
            "Give its further arguments after input_shape."
        )
    import keras

    inputs = keras.Input(_shape("input_shape", input_shape))
    outputs = block(inputs, *args, **settings)
    if not isinstance(outputs, keras.KerasTensor):
        raise TypeError(
            f"block: expected it to return a symbolic tensor, got {short(outputs)}. "
            "Does it end with return?"
        )
    return model_multiplications(keras.Model(inputs, outputs))


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


# --- checking arguments -----------------------------------------------------------------------


def _check_block(x: Any, filters: Any, momentum: Any) -> None:
    _check_images(x)
    check_whole("filters", filters)
    _check_momentum(momentum)


def _check_images(x: Any) -> None:
    import keras

    if not isinstance(x, keras.KerasTensor):
        raise TypeError(
            f"x: expected a symbolic tensor, such as keras.Input((28, 28, 1)), got {short(x)}. "
            "Build a model with the block, and call the model on data."
        )
    if len(x.shape) != 4:
        raise ValueError(
            f"x: expected the shape (batch, height, width, channels), got {tuple(x.shape)}."
        )


def _check_momentum(value: Any) -> None:
    if value is not None:
        check_share("momentum", value)


def _shape(name: str, value: Any) -> tuple[int | None, ...]:
    """Return a shape without the batch axis; the size of an axis may be unknown."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name}: expected a tuple of whole numbers, got {short(value)}.")
    for place, size in enumerate(value):
        if size is not None:
            check_whole(f"{name}[{place}]", size)
    return tuple(value)
