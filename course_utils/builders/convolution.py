"""Convolution, pooling and batch normalisation in NumPy, to be read rather than to be fast.

Built in lesson 10. Each gives the numbers of the Keras layer that does the same. Images are
floats of shape (n, height, width, channels); results have the dtype of the images.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from course_utils.arguments import check_flag, check_whole, short

PADDINGS = ("valid", "same")

# --- sizes and costs --------------------------------------------------------------------------


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
    _check_padding(padding)
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
    height, width, channels = _sizes("input_shape", input_shape, "(height, width, channels)")
    kernel = _sizes("kernel_shape", kernel_shape, "(height, width, channels, filters)")
    if kernel[2] != channels:
        raise ValueError(
            f"kernel_shape: expected {channels} input channels, as in input_shape, "
            f"got {kernel[2]} in {kernel}."
        )
    rows = output_size(height, kernel[0], stride, padding)
    columns = output_size(width, kernel[1], stride, padding)
    return rows * columns * math.prod(kernel)


def receptive_field(windows: Sequence[tuple[int, int]]) -> int:
    """Return how many pixels of the image, along one axis, one number of the last layer sees.

    Args:
        windows: (window, stride) of each convolution or pooling, first layer first.

    >>> receptive_field([(3, 1), (3, 1), (3, 1)])
    7

    Raises:
        TypeError: ``windows`` is not a list of pairs of whole numbers.
        ValueError: there is no layer, or a number is below 1.

    Source: W. Luo et al., "Understanding the effective receptive field in deep convolutional
    neural networks" (2016). Built in lesson 10.
    """
    if isinstance(windows, str) or not isinstance(windows, Sequence):
        raise TypeError(f"windows: expected a list of (window, stride), got {short(windows)}.")
    if len(windows) == 0:
        raise ValueError("windows: expected at least one (window, stride), got none.")
    seen, step = 1, 1  # pixels seen by one number; pixels between two neighbours
    for number, pair in enumerate(windows):
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise TypeError(f"windows[{number}]: expected (window, stride), got {short(pair)}.")
        window = check_whole(f"windows[{number}][0]", pair[0])
        stride = check_whole(f"windows[{number}][1]", pair[1])
        seen += (window - 1) * step
        step *= stride
    return seen


# --- convolution and pooling ------------------------------------------------------------------


def pad_images(
    images: Any, window: Sequence[int], stride: int, padding: str, *, value: float = 0.0
) -> np.ndarray:
    """Return the images with the border that TensorFlow puts around them for this padding.

    Where an odd number of rows or columns is needed, the bottom and the right get one more.

    Args:
        images: floats of shape (n, height, width, channels).
        window: (height, width) of the window that will slide.
        stride: pixels from one window to the next.
        padding: "valid" for no border, "same" for the one that keeps ``ceil(size / stride)``
            places.
        value: what the border holds.

    >>> pad_images(np.zeros((1, 28, 28, 1)), (3, 3), 2, "same").shape
    (1, 29, 29, 1)

    Raises:
        TypeError: ``images`` are not floats, or a number is not a whole number.
        ValueError: ``images`` have another rank or are empty, a number is below 1, or
            ``padding`` is neither "valid" nor "same".

    Source: the notes on padding of ``tf.nn`` (TensorFlow API reference). Built in lesson 10.
    """
    images = _images(images)
    window = _sizes("window", window, "(height, width)")
    stride = check_whole("stride", stride)
    _check_padding(padding)
    if padding == "valid":
        return images
    amounts = []
    for size, width in zip(images.shape[1:3], window, strict=True):
        needed = (output_size(size, width, stride, "same") - 1) * stride + width - size
        total = max(needed, 0)
        amounts.append((total // 2, total - total // 2))
    return np.pad(images, [(0, 0), *amounts, (0, 0)], constant_values=value)


def convolve(
    images: Any, kernel: Any, bias: Any = None, *, stride: int = 1, padding: str = "valid"
) -> np.ndarray:
    """Return what a convolution layer without an activation returns.

    Each number of the result is the sum, over one window of the image and all its channels, of
    pixel times weight, plus the bias of its filter. The kernel is not flipped.

    Args:
        images: floats of shape (n, height, width, channels).
        kernel: numbers of shape (height, width, channels, filters).
        bias: numbers of shape (filters,); nothing is added if not given.
        stride: pixels from one window to the next.
        padding: "valid" or "same".

    Returns:
        An array of shape (n, rows, columns, filters) and the dtype of ``images``.

    >>> image = np.ones((1, 4, 4, 1))
    >>> convolve(image, np.ones((3, 3, 1, 2)), bias=[0.0, 1.0]).tolist()[0][0]
    [[9.0, 10.0], [9.0, 10.0]]

    Raises:
        TypeError: ``images`` are not floats, another argument does not hold numbers, or
            ``stride`` is not a whole number.
        ValueError: a shape does not fit, something is empty, ``stride`` is below 1, or
            ``padding`` is neither "valid" nor "same".

    Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning"
    (2016); ``keras.layers.Conv2D``. Built in lesson 10.
    """
    images = _images(images)
    kernel = _numbers("kernel", kernel, images.dtype)
    if kernel.ndim != 4 or 0 in kernel.shape:
        raise ValueError(
            "kernel: expected the shape (height, width, channels, filters), all above 0, "
            f"got {kernel.shape}."
        )
    height, width, channels, filters = kernel.shape
    if channels != images.shape[3]:
        raise ValueError(
            f"kernel: expected {images.shape[3]} channels, as the images have, got {channels} "
            f"in the shape {kernel.shape}. The third axis counts the channels of the images."
        )
    rows = output_size(images.shape[1], height, stride, padding)
    columns = output_size(images.shape[2], width, stride, padding)
    padded = pad_images(images, (height, width), stride, padding)
    result = np.zeros((len(images), rows, columns, filters), images.dtype)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = padded[:, top : top + height, left : left + width]
            result[:, row, column] = np.einsum("nhwc,hwcf->nf", window, kernel)
    if bias is None:
        return result
    return result + _channel_values("bias", bias, filters, images.dtype)


def max_pool(
    images: Any, size: int = 2, *, stride: int | None = None, padding: str = "valid"
) -> np.ndarray:
    """Return the largest number of each window, channel by channel.

    With ``padding="same"`` a border never wins: it counts as minus infinity, not as 0.

    Args:
        images: floats of shape (n, height, width, channels).
        size: rows and columns of the square window.
        stride: pixels from one window to the next; ``size`` if not given.
        padding: "valid" or "same".

    >>> max_pool(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]

    Raises:
        TypeError: ``images`` are not floats, or a number is not a whole number.
        ValueError: ``images`` have another rank or are empty, a number is below 1, a window does
            not fit, or ``padding`` is neither "valid" nor "same".

    Source: ``keras.layers.MaxPooling2D``. Built in lesson 10.
    """
    return _pool(images, size, stride, padding, border=-np.inf, reduce=np.max)


def average_pool(
    images: Any, size: int = 2, *, stride: int | None = None, padding: str = "valid"
) -> np.ndarray:
    """Return the mean of each window, channel by channel.

    With ``padding="same"`` the mean is over the pixels that exist; a border does not count.

    Args:
        images: floats of shape (n, height, width, channels).
        size: rows and columns of the square window.
        stride: pixels from one window to the next; ``size`` if not given.
        padding: "valid" or "same".

    >>> average_pool(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]

    Raises:
        TypeError: ``images`` are not floats, or a number is not a whole number.
        ValueError: ``images`` have another rank or are empty, a number is below 1, a window does
            not fit, or ``padding`` is neither "valid" nor "same".

    Source: ``keras.layers.AveragePooling2D``. Built in lesson 10.
    """
    images = _images(images)
    sums = _pool(images, size, stride, padding, border=0.0, reduce=np.sum)
    exists = np.ones_like(images[:1, :, :, :1])
    return sums / _pool(exists, size, stride, padding, border=0.0, reduce=np.sum)


def global_average_pool(images: Any) -> np.ndarray:
    """Return the mean of each channel over all its pixels, shape (n, channels).

    >>> global_average_pool(np.arange(16.0).reshape(1, 4, 4, 1)).tolist()
    [[7.5]]

    Args:
        images: floats of shape (n, height, width, channels).

    Raises:
        TypeError: ``images`` are not floats.
        ValueError: ``images`` have another rank or are empty.

    Source: M. Lin et al., "Network in network" (2013); ``keras.layers.GlobalAveragePooling2D``.
    Built in lesson 10.
    """
    return _images(images).mean(axis=(1, 2))


def _pool(
    images: Any,
    size: int,
    stride: int | None,
    padding: str,
    *,
    border: float,
    reduce: Callable,
) -> np.ndarray:
    images = _images(images)
    size = check_whole("size", size)
    stride = size if stride is None else check_whole("stride", stride)
    rows = output_size(images.shape[1], size, stride, padding)
    columns = output_size(images.shape[2], size, stride, padding)
    padded = pad_images(images, (size, size), stride, padding, value=border)
    result = np.zeros((len(images), rows, columns, images.shape[3]), images.dtype)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            window = padded[:, top : top + size, left : left + size]
            result[:, row, column] = reduce(window, axis=(1, 2))
    return result


# --- batch normalisation ----------------------------------------------------------------------


def channel_statistics(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each channel, over all other axes.

    The variance is the mean of the squared distances from the mean (divided by n, not by n - 1).
    Sums are float64: a float32 sum over a large batch loses digits.

    Args:
        x: floats of shape (n, ..., channels).

    Returns:
        Two arrays of shape (channels,) and the dtype of ``x``.

    >>> mean, variance = channel_statistics(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> print(mean, variance)
    [ 2. 20.] [  1. 100.]

    Raises:
        TypeError: ``x`` does not hold floats.
        ValueError: ``x`` is of rank below 2 or empty.

    Source: S. Ioffe and C. Szegedy, "Batch normalization" (2015), algorithm 1. Built in
    lesson 10.
    """
    x = _activations(x)
    axes = tuple(range(x.ndim - 1))
    mean = np.mean(x, axis=axes, dtype=np.float64)
    variance = np.var(x, axis=axes, dtype=np.float64)
    return mean.astype(x.dtype), variance.astype(x.dtype)


def normalise(
    x: Any, mean: Any, variance: Any, gamma: Any, beta: Any, *, epsilon: float = 1e-3
) -> np.ndarray:
    """Return ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, channel by channel.

    Args:
        x: floats of shape (n, ..., channels).
        mean, variance, gamma, beta: numbers of shape (channels,).
        epsilon: added to the variance, so that a channel that is constant does not divide by 0.

    >>> normalise(np.array([[1.0], [3.0]]), [2.0], [1.0], [1.0], [0.0], epsilon=0.0).tolist()
    [[-1.0], [1.0]]

    Raises:
        TypeError: ``x`` does not hold floats, or another argument does not hold numbers.
        ValueError: a shape does not fit, ``x`` is empty, a variance or ``epsilon`` is negative,
            or both are 0.

    Source: S. Ioffe and C. Szegedy, "Batch normalization" (2015), algorithm 1. Built in
    lesson 10.
    """
    x = _activations(x)
    channels = x.shape[-1]
    epsilon = _fraction("epsilon", epsilon, below=None)
    mean = _channel_values("mean", mean, channels, x.dtype)
    variance = _channel_values("variance", variance, channels, x.dtype)
    gamma = _channel_values("gamma", gamma, channels, x.dtype)
    beta = _channel_values("beta", beta, channels, x.dtype)
    if (variance < 0).any():
        raise ValueError(
            f"variance: expected numbers of 0 or more, got {variance.min():g} among them."
        )
    if epsilon == 0 and (variance == 0).any():
        raise ValueError("epsilon: expected a number above 0, because a variance is 0; got 0.")
    return gamma * (x - mean) / np.sqrt(variance + np.asarray(epsilon, x.dtype)) + beta


class NaiveBatchNorm:
    """Batch normalisation with its two modes, as ``keras.layers.BatchNormalization`` has them.

    In training, a batch is normalised by its own mean and variance, and moving averages of both
    take one step towards them. In inference, the moving averages take their place.

    ``gamma``, ``beta``, ``moving_mean`` and ``moving_variance`` are float32 arrays of shape
    (channels,) that start at 1, 0, 0 and 1; you may assign to them.

    Args:
        channels: length of the last axis of what will be normalised.
        momentum: share of the old moving average that stays at each step, from 0 to 1.
        epsilon: added to the variance.

    >>> layer = NaiveBatchNorm(2, momentum=0.9)
    >>> batch = np.array([[1.0, 10.0], [3.0, 30.0]], np.float32)
    >>> layer(batch, training=True).round(2).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    >>> print(layer.moving_mean)
    [0.2 2. ]

    Raises:
        TypeError: an argument is not a number.
        ValueError: ``channels`` is below 1, ``momentum`` is not from 0 to 1, or ``epsilon`` is
            negative.

    Source: S. Ioffe and C. Szegedy, "Batch normalization" (2015), algorithms 1 and 2; variance
    and moving averages as Keras computes them. Built in lesson 10.
    """

    def __init__(self, channels: int, *, momentum: float = 0.99, epsilon: float = 1e-3):
        channels = check_whole("channels", channels)
        self.momentum = _fraction("momentum", momentum, below=1.0)
        self.epsilon = _fraction("epsilon", epsilon, below=None)
        self.gamma = np.ones(channels, np.float32)
        self.beta = np.zeros(channels, np.float32)
        self.moving_mean = np.zeros(channels, np.float32)
        self.moving_variance = np.ones(channels, np.float32)

    def __call__(self, x: Any, *, training: bool = False) -> np.ndarray:
        """Return ``x`` normalised; in training, move the averages as well.

        Args:
            x: floats of shape (n, ..., channels).
            training: use the statistics of ``x`` (True) or the moving averages (False).

        Raises:
            TypeError: ``x`` does not hold floats, or ``training`` is not True or False.
            ValueError: ``x`` is empty, or its last axis has another length.
        """
        x = _activations(x)
        channels = len(self.gamma)
        if x.shape[-1] != channels:
            raise ValueError(
                f"x: expected {channels} channels in the last axis, got the shape {x.shape}."
            )
        check_flag("training", training)
        if training:
            mean, variance = channel_statistics(x)
            keep, move = np.float32(self.momentum), np.float32(1 - self.momentum)
            self.moving_mean = keep * self.moving_mean + move * mean
            self.moving_variance = keep * self.moving_variance + move * variance
        else:
            mean, variance = self.moving_mean, self.moving_variance
        return normalise(x, mean, variance, self.gamma, self.beta, epsilon=self.epsilon)


def moving_averages(values: Any, momentum: float, *, start: float = 0.0) -> np.ndarray:
    """Return the moving average after each of the values: ``m * average + (1 - m) * value``.

    Args:
        values: numbers of shape (n,), in their order.
        momentum: share of the old average that stays at each step, from 0 to 1.
        start: the average before the first value.

    >>> moving_averages([1.0, 1.0, 1.0], 0.5).tolist()
    [0.5, 0.75, 0.875]

    Raises:
        TypeError: an argument does not hold numbers.
        ValueError: ``values`` are not of rank 1 or empty, or ``momentum`` is not from 0 to 1,
            or ``start`` is not a single number.

    Source: ``keras.layers.BatchNormalization``. Built in lesson 10.
    """
    values = _numbers("values", values, np.dtype(np.float64))
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values: expected a list of numbers, got the shape {values.shape}.")
    momentum = _fraction("momentum", momentum, below=1.0)
    average = _numbers("start", start, np.dtype(np.float64))
    if average.shape != ():
        raise ValueError(f"start: expected a single number, got the shape {average.shape}.")
    result = []
    for value in values:
        average = momentum * average + (1 - momentum) * value
        result.append(average)
    return np.array(result)


# --- checking arguments -----------------------------------------------------------------------


def _sizes(name: str, value: Any, axes: str) -> tuple[int, ...]:
    """Return whole numbers, as many as ``axes`` names."""
    count = axes.count(",") + 1
    try:
        sizes = tuple(value)
    except TypeError:
        raise TypeError(f"{name}: expected {axes}, got {short(value)}.") from None
    if len(sizes) != count:
        raise ValueError(f"{name}: expected {count} numbers, {axes}, got {short(value)}.")
    return tuple(check_whole(f"{name}[{place}]", size) for place, size in enumerate(sizes))


def _fraction(name: str, value: Any, *, below: float | None) -> float:
    """Return a finite number of 0 or more, at most ``below``."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: expected a number, got {short(value)}.")
    wanted = "0 or more" if below is None else f"from 0 to {below:g}"
    if not (math.isfinite(value) and 0 <= value <= (math.inf if below is None else below)):
        raise ValueError(f"{name}: expected a number {wanted}, got {value}.")
    return float(value)


def _check_padding(padding: Any) -> None:
    if not isinstance(padding, str) or padding not in PADDINGS:
        raise ValueError(f'padding: expected "valid" or "same", got {short(padding)}.')


def _numbers(name: str, value: Any, dtype: np.dtype) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, NotImplementedError):
        raise TypeError(f"{name}: expected numbers, got {short(value)}.") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name}: expected numbers, got {short(value)}.")
    return array.astype(dtype)


def _floats(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, NotImplementedError):
        raise TypeError(f"{name}: expected an array of floats, got {short(value)}.") from None
    if array.dtype.kind != "f":
        raise TypeError(
            f"{name}: expected floats, got the dtype {array.dtype}. "
            f'Grey levels from 0 to 255 become floats by {name}.astype("float32") / 255.'
        )
    return array


def _images(value: Any) -> np.ndarray:
    array = _floats("images", value)
    if array.ndim != 4:
        more = " Add the axis of channels: images[..., np.newaxis]." if array.ndim == 3 else ""
        raise ValueError(
            f"images: expected the shape (n, height, width, channels), got {array.shape}.{more}"
        )
    if 0 in array.shape:
        raise ValueError(f"images: expected at least one image with pixels, got {array.shape}.")
    return array


def _activations(value: Any) -> np.ndarray:
    array = _floats("x", value)
    if array.ndim < 2:
        raise ValueError(f"x: expected the shape (n, ..., channels), got {array.shape}.")
    if 0 in array.shape:
        raise ValueError(f"x: expected at least one number a channel, got the shape {array.shape}.")
    return array


def _channel_values(name: str, value: Any, channels: int, dtype: np.dtype) -> np.ndarray:
    array = _numbers(name, value, dtype)
    if array.shape != (channels,):
        raise ValueError(
            f"{name}: expected the shape ({channels},), one number a channel, got {array.shape}."
        )
    return array
