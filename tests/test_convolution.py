"""The naive layers give Keras' numbers, and say what is wrong with what they are given."""

import numpy as np
import pytest

from course_utils.builders.convolution import (
    NaiveBatchNorm,
    average_pool,
    channel_statistics,
    convolve,
    count_multiplications,
    global_average_pool,
    max_pool,
    moving_averages,
    normalise,
    output_size,
    pad_images,
    receptive_field,
)
from course_utils.session import import_tensorflow

tf = import_tensorflow()
from keras import layers  # noqa: E402

CLOSE = {"rtol": 1e-4, "atol": 1e-4}
IMAGES = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)


def random(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


# ---------------------------------------------------------------- convolution


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("window", [(1, 1), (3, 3), (2, 2), (5, 4), (1, 6)])
def test_convolution_is_keras_with_copied_weights(window, stride, padding):
    kernel, bias = random(*window, 3, 5), random(5)
    layer = layers.Conv2D(5, window, strides=stride, padding=padding)
    layer.build(IMAGES.shape)
    layer.set_weights([kernel, bias])
    ours = convolve(IMAGES, kernel, bias, stride=stride, padding=padding)
    assert ours.dtype == np.float32
    for training in (True, False):
        theirs = layer(IMAGES, training=training).numpy()
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_a_convolution_without_bias_adds_nothing():
    kernel = random(3, 3, 3, 2)
    theirs = tf.nn.conv2d(IMAGES, kernel, strides=1, padding="SAME")
    np.testing.assert_allclose(convolve(IMAGES, kernel, padding="same"), theirs, **CLOSE)
    with_bias = convolve(IMAGES, kernel, [1.0, -1.0], padding="same")
    np.testing.assert_allclose(with_bias - theirs, np.broadcast_to([1, -1], theirs.shape), **CLOSE)


def test_a_window_that_is_larger_than_the_image_fits_with_padding():
    kernel = random(11, 11, 3, 2)
    theirs = tf.nn.conv2d(IMAGES, kernel, strides=2, padding="SAME")
    ours = convolve(IMAGES, kernel, stride=2, padding="same")
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    with pytest.raises(ValueError, match="11 pixels do not fit into an image of 9"):
        convolve(IMAGES, kernel)


def test_tensors_and_float64_are_taken_as_they_are():
    kernel = random(3, 3, 3, 2)
    wide = convolve(tf.constant(IMAGES, tf.float64), kernel)
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide, convolve(tf.constant(IMAGES), tf.constant(kernel)), **CLOSE)


def test_arguments_are_not_changed():
    images, kernel = IMAGES.copy(), random(3, 3, 3, 2)
    before = kernel.copy()
    convolve(images, kernel, stride=2, padding="same")
    max_pool(images, 3, padding="same")
    NaiveBatchNorm(3)(images, training=True)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(kernel, before)


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("window", [1, 2, 3, 4, 7])
def test_output_size_is_that_of_tensorflow(size, window, stride):
    for padding in ("valid", "same"):
        if padding == "valid" and window > size:
            continue
        layer = layers.Conv2D(1, window, strides=stride, padding=padding)
        expected = layer.compute_output_shape((None, size, size, 1))[1]
        assert output_size(size, window, stride, padding) == expected
        padded = pad_images(np.ones((1, size, size, 1)), (window, window), stride, padding)
        assert (padded.shape[1] - window) // stride + 1 == expected
        assert padded.sum() == size * size


def test_the_border_is_split_with_the_larger_part_at_the_end():
    padded = pad_images(np.ones((1, 6, 6, 1)), (3, 4), 2, "same", value=-np.inf)
    row = padded[0, 1, :, 0]
    assert padded.shape == (1, 7, 8, 1)
    assert np.isinf(row).tolist() == [True] + [False] * 6 + [True]
    assert np.isinf(padded[0, :, 1, 0]).tolist() == [False] * 6 + [True]


# ---------------------------------------------------------------- costs


def test_multiplications_are_those_that_loops_make():
    counted = 0
    for _row in range(output_size(9, 3, 2, "valid")):
        for _column in range(output_size(8, 2, 2, "valid")):
            counted += 3 * 2 * 3 * 5
    assert count_multiplications((9, 8, 3), (3, 2, 3, 5), stride=2) == counted
    assert count_multiplications((9, 8, 3), (3, 2, 3, 5), padding="same") == 9 * 8 * 3 * 2 * 3 * 5


@pytest.mark.parametrize(
    "windows",
    [
        [(3, 1)],
        [(3, 1), (3, 1)],
        [(3, 2), (3, 1), (2, 2), (5, 1)],
        [(2, 2), (2, 2), (2, 2)],
        [(5, 3), (1, 1), (3, 1)],
    ],
)
def test_receptive_field_is_where_the_gradient_reaches(windows):
    x = tf.Variable(tf.ones((1, 60, 60, 1)))
    with tf.GradientTape() as tape:
        y = x
        for window, stride in windows:
            y = tf.nn.conv2d(y, np.ones((window, window, 1, 1), np.float32), stride, "VALID")
        target = y[0, 0, 0, 0]
    reached = np.flatnonzero(tape.gradient(target, x)[0, :, :, 0].numpy().max(axis=1) > 1e-4)
    assert reached[-1] - reached[0] + 1 == receptive_field(windows)


# ---------------------------------------------------------------- pooling


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3), (3, 1), (1, 2)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(max_pool, layers.MaxPooling2D), (average_pool, layers.AveragePooling2D)],
)
def test_pooling_is_keras(ours, theirs, size, stride, padding):
    images = IMAGES - 5.0  # negative: a border of zeros would show
    mine = ours(images, size, stride=stride, padding=padding)
    layer = theirs(size, strides=stride, padding=padding)
    assert mine.dtype == np.float32
    for training in (True, False):
        expected = layer(images, training=training).numpy()
        assert mine.shape == expected.shape
        np.testing.assert_allclose(mine, expected, **CLOSE)


def test_global_average_pooling_is_keras():
    expected = layers.GlobalAveragePooling2D()(IMAGES)
    np.testing.assert_allclose(global_average_pool(IMAGES), expected, **CLOSE)


# ---------------------------------------------------------------- batch normalisation


@pytest.mark.parametrize("shape", [(6, 3), (5, 4, 3), (4, 5, 6, 3), (2, 2, 3, 2, 3)])
@pytest.mark.parametrize(("momentum", "epsilon"), [(0.99, 1e-3), (0.9, 1e-5), (0.0, 0.1)])
def test_batch_normalisation_is_keras_with_copied_weights(shape, momentum, epsilon):
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=3), rng.normal(size=3), rng.normal(size=3), rng.uniform(1, 2, 3)]
    weights = [weight.astype(np.float32) for weight in weights]
    theirs = layers.BatchNormalization(momentum=momentum, epsilon=epsilon)
    theirs.build(shape)
    theirs.set_weights(weights)
    ours = NaiveBatchNorm(3, momentum=momentum, epsilon=epsilon)
    ours.gamma, ours.beta, ours.moving_mean, ours.moving_variance = weights
    for _ in range(4):
        x = rng.normal([5.0, 0.0, -20.0], [0.1, 1.0, 30.0], size=shape).astype(np.float32)
        y = ours(x, training=True)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, theirs(x, training=True), rtol=1e-3, atol=2e-3)
        for mine, expected in zip(
            (ours.moving_mean, ours.moving_variance),
            (theirs.moving_mean, theirs.moving_variance),
            strict=True,
        ):
            np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-4)
    before = ours.moving_mean.copy(), ours.moving_variance.copy()
    np.testing.assert_allclose(ours(x), theirs(x, training=False), rtol=1e-3, atol=2e-3)
    np.testing.assert_array_equal(ours.moving_mean, before[0])
    np.testing.assert_array_equal(ours.moving_variance, before[1])


def test_statistics_of_a_large_batch_keep_their_digits():
    x = np.random.default_rng(0).normal(1000.0, 1.0, size=(500, 14, 14, 2)).astype(np.float32)
    mean, variance = channel_statistics(x)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(mean, wide.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var(axis=(0, 1, 2)), rtol=1e-5)


def test_moving_averages_are_those_of_the_layer():
    layer = NaiveBatchNorm(1, momentum=0.9)
    values = np.random.default_rng(1).normal(size=30)
    curve = moving_averages(values, 0.9)
    for value, expected in zip(values, curve, strict=True):
        layer(np.full((2, 1), value, np.float32), training=True)
        assert layer.moving_mean[0] == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(moving_averages([1.0] * 50, 0.8), 1 - 0.8 ** np.arange(1, 51))
    assert moving_averages([1.0, 1.0], 0.5, start=3.0).tolist() == [2.0, 1.5]


# ---------------------------------------------------------------- what is refused

KERNEL = np.ones((3, 3, 3, 2))
ONES, ZEROS = np.ones(3), np.zeros(3)
BAD = [
    (lambda: convolve(IMAGES[..., 0], KERNEL), ValueError, r"images: .*np\.newaxis"),
    (lambda: convolve(IMAGES[0, 0], KERNEL), ValueError, r"images: expected the shape .* \(8, 3\)"),
    (lambda: convolve(IMAGES[:0], KERNEL), ValueError, "images: expected at least one image"),
    (lambda: convolve((IMAGES > 0), KERNEL), TypeError, "images: expected floats, got .*bool"),
    (lambda: convolve(np.zeros((1, 4, 4, 3), np.uint8), KERNEL), TypeError, r"uint8.*/ 255"),
    (lambda: convolve("digits", KERNEL), TypeError, "images: expected"),
    (lambda: convolve([[1.0], [1.0, 2.0]], KERNEL), TypeError, "images: expected"),
    (lambda: convolve(None, KERNEL), TypeError, "images: expected"),
    (lambda: convolve(IMAGES, KERNEL[..., 0]), ValueError, r"kernel: .*\(3, 3, 3\)"),
    (lambda: convolve(IMAGES, KERNEL[:, :, :2]), ValueError, "kernel: expected 3 channels.* got 2"),
    (lambda: convolve(IMAGES, KERNEL[..., :0]), ValueError, "kernel: expected the shape"),
    (lambda: convolve(IMAGES, "edges"), TypeError, "kernel: expected numbers"),
    (lambda: convolve(IMAGES, KERNEL, [1.0]), ValueError, r"bias: .*\(2,\).* got \(1,\)"),
    (lambda: convolve(IMAGES, KERNEL, stride=0), ValueError, "stride: expected at least 1, got 0"),
    (lambda: convolve(IMAGES, KERNEL, stride=1.0), TypeError, "stride: expected a whole number"),
    (lambda: convolve(IMAGES, KERNEL, stride=(1, 1)), TypeError, "stride: expected a whole"),
    (lambda: convolve(IMAGES, KERNEL, padding="SAME"), ValueError, 'padding: expected "valid" or'),
    (lambda: convolve(IMAGES, KERNEL, padding=1), ValueError, "padding: .*got 1"),
    (lambda: convolve(IMAGES, KERNEL, padding=IMAGES), ValueError, "padding: expected"),
    (lambda: output_size(True, 3, 1, "same"), TypeError, "size: expected a whole number"),
    (lambda: output_size(28, 0, 1, "same"), ValueError, "window: expected at least 1"),
    (lambda: output_size(2, 3, 1, "valid"), ValueError, "window: 3 pixels do not fit"),
    (lambda: pad_images(IMAGES, 3, 1, "same"), TypeError, r"window: expected \(height, width\)"),
    (lambda: pad_images(IMAGES, (3,), 1, "same"), ValueError, "window: expected 2 numbers"),
    (lambda: pad_images(IMAGES, (3, 3.5), 1, "same"), TypeError, r"window\[1\]: expected"),
    (lambda: count_multiplications((28, 28), (3, 3, 1, 1)), ValueError, "input_shape: expected 3"),
    (
        lambda: count_multiplications((28, 28, 3), (3, 3, 1, 1)),
        ValueError,
        "kernel_shape: expected 3 input channels",
    ),
    (lambda: count_multiplications((28, 28, 0), (3, 3, 0, 1)), ValueError, r"input_shape\[2\]"),
    (lambda: receptive_field([]), ValueError, "windows: expected at least one"),
    (lambda: receptive_field(3), TypeError, "windows: expected a list"),
    (lambda: receptive_field([3, 3]), TypeError, r"windows\[0\]: expected \(window, stride\)"),
    (lambda: receptive_field([(3, 1), (0, 1)]), ValueError, r"windows\[1\]\[0\]: expected at le"),
    (lambda: max_pool(IMAGES[0]), ValueError, "images: expected the shape"),
    (lambda: max_pool(IMAGES, 0), ValueError, "size: expected at least 1"),
    (lambda: max_pool(IMAGES, 9), ValueError, "window: 9 pixels do not fit into an image of 8"),
    (lambda: average_pool(IMAGES, 2, stride=-1), ValueError, "stride: expected at least 1"),
    (lambda: average_pool(IMAGES, 2, padding="full"), ValueError, "padding: expected"),
    (lambda: global_average_pool(IMAGES[..., 0]), ValueError, "images: expected the shape"),
    (lambda: channel_statistics(ONES), ValueError, r"x: expected the shape \(n, \.\.\., channels"),
    (lambda: channel_statistics(IMAGES[:0]), ValueError, "x: expected at least one number"),
    (lambda: channel_statistics([[1, 2]]), TypeError, "x: expected floats, got the dtype int"),
    (
        lambda: normalise(IMAGES, ZEROS[:2], ONES, ONES, ZEROS),
        ValueError,
        r"mean: expected the shape \(3,\)",
    ),
    (lambda: normalise(IMAGES, ZEROS, -ONES, ONES, ZEROS), ValueError, "variance: .*got -1"),
    (
        lambda: normalise(IMAGES, ZEROS, ZEROS, ONES, ZEROS, epsilon=0.0),
        ValueError,
        "epsilon: expected a number above 0",
    ),
    (
        lambda: normalise(IMAGES, ZEROS, ONES, ONES, ZEROS, epsilon=-1.0),
        ValueError,
        "epsilon: expected a number 0 or more",
    ),
    (lambda: NaiveBatchNorm(0), ValueError, "channels: expected at least 1"),
    (lambda: NaiveBatchNorm(2.0), TypeError, "channels: expected a whole number"),
    (lambda: NaiveBatchNorm(2, momentum=1.1), ValueError, "momentum: .*from 0 to 1, got 1.1"),
    (lambda: NaiveBatchNorm(2, momentum="0.9"), TypeError, "momentum: expected a number"),
    (lambda: NaiveBatchNorm(2, epsilon=float("nan")), ValueError, "epsilon: expected a number"),
    (lambda: NaiveBatchNorm(2)(IMAGES), ValueError, "x: expected 2 channels"),
    (lambda: NaiveBatchNorm(3)(IMAGES, training=1), TypeError, "training: expected True or False"),
    (lambda: NaiveBatchNorm(3)(IMAGES[:0], training=True), ValueError, "x: expected at least one"),
    (lambda: moving_averages([], 0.9), ValueError, "values: expected a list of numbers"),
    (lambda: moving_averages([[1.0]], 0.9), ValueError, "values: expected a list of numbers"),
    (lambda: moving_averages([1.0], 2), ValueError, "momentum: expected a number from 0 to 1"),
    (lambda: moving_averages([1.0], 0.9, start=[1, 2]), ValueError, "start: expected a single"),
    (lambda: moving_averages("abc", 0.9), TypeError, "values: expected numbers"),
]


@pytest.mark.parametrize(("wrong", "error", "says"), BAD, ids=range(len(BAD)))
def test_bad_input_is_named(wrong, error, says):
    with pytest.raises(error, match=says):
        wrong()


def test_a_refused_call_leaves_the_averages_alone():
    layer = NaiveBatchNorm(3)
    for x in (IMAGES[:0], IMAGES[..., :2], IMAGES.astype(int)):
        with pytest.raises((TypeError, ValueError)):
            layer(x, training=True)
    assert layer.moving_mean.tolist() == [0, 0, 0] and layer.moving_variance.tolist() == [1, 1, 1]
