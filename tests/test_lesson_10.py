"""What lesson 10 builds gives the numbers of Keras, and its claims hold."""

import numpy as np
import pytest
from fresh_process import run_python

from course_utils.builders import costs
from course_utils.exercises import lesson_10
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()
from keras import layers  # noqa: E402

BUILT = (
    "slide",
    "output_size",
    "pad_images",
    "convolve",
    "count_multiplications",
    "pool",
    "receptive_field",
)
IMAGES = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(3, 2, 3, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("10", only=BUILT)


CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_lesson_convolves_pools_and_pads_as_keras_does(lesson, stride, padding):
    options = {"padding": padding}
    bias = np.arange(4, dtype=np.float32)
    theirs = tf.nn.conv2d(IMAGES, KERNEL, stride, padding.upper())
    ours = lesson["convolve"](IMAGES, KERNEL, stride=stride, **options)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, **CLOSE)
    with_bias = lesson["convolve"](IMAGES, KERNEL, bias, stride=stride, **options)
    np.testing.assert_allclose(with_bias, theirs + bias, **CLOSE)
    padded = lesson["pad_images"](IMAGES, (3, 4), stride, padding, value=-1.0)
    np.testing.assert_allclose(
        tf.nn.conv2d(padded + 1, np.ones((3, 4, 3, 1), "float32"), stride, "VALID"),
        tf.nn.conv2d(IMAGES + 1, np.ones((3, 4, 3, 1), "float32"), stride, padding.upper()),
        **CLOSE,
    )


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_the_lesson_pools_as_keras_does(lesson, size):
    images = IMAGES if size < 9 else np.repeat(IMAGES, 2, axis=2)
    pools = {np.max: layers.MaxPooling2D, np.mean: layers.AveragePooling2D}
    for reduce, layer in pools.items():
        ours = lesson["pool"](images, size, reduce)
        np.testing.assert_allclose(ours, layer(size)(images), **CLOSE)


def test_helper_and_lesson_count_alike(lesson):
    for options in ({}, {"stride": 2}, {"padding": "same"}, {"stride": 3, "padding": "same"}):
        ours = costs.count_multiplications((9, 8, 3), (3, 2, 3, 4), **options)
        assert ours == lesson["count_multiplications"]((9, 8, 3), (3, 2, 3, 4), **options)
    for padding in ("valid", "same"):
        for size in range(7, 20):
            for stride in (1, 2, 3):
                ours = costs.output_size(size, 3, stride, padding)
                assert ours == lesson["output_size"](size, 3, stride, padding)


def test_the_loops_count_what_the_formula_says(lesson):
    answers, multiplications = lesson["slide"](IMAGES[0, :, :, 0], KERNEL[:, :, 0, 0])
    shape, kernel_shape = (9, 8, 1), (3, 2, 1, 1)
    assert multiplications == costs.count_multiplications(shape, kernel_shape)
    convolved = lesson["convolve"](IMAGES[:1, :, :, :1], KERNEL[:, :, :1, :1])
    np.testing.assert_allclose(answers, convolved[0, :, :, 0], atol=1e-5)


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
def test_receptive_field_is_where_the_gradient_reaches(lesson, windows):
    x = tf.Variable(tf.ones((1, 60, 60, 1)))
    with tf.GradientTape() as tape:
        y = x
        for window, stride in windows:
            y = tf.nn.conv2d(y, np.ones((window, window, 1, 1), np.float32), stride, "VALID")
        target = y[0, 0, 0, 0]
    reached = np.flatnonzero(tape.gradient(target, x)[0, :, :, 0].numpy().max(axis=1) > 1e-4)
    assert reached[-1] - reached[0] + 1 == lesson["receptive_field"](windows)


# ---------------------------------------------------------------- claims of the prose


def test_a_rank_of_three_never_gives_a_result():
    program = (
        "import numpy as np, tensorflow as tf\n"
        "ones = np.ones((3, 3, 1, 1), 'float32')\n"
        "tf.nn.conv2d(np.ones((10, 28, 28), 'float32'), ones, 1, 'SAME')\n"
    )
    done = run_python(program, check=False)
    assert done.returncode != 0


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_10.EXERCISES}


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_reference_is_tensorflow_and_keras(multiplier):
    kernels = np.random.default_rng(3).normal(size=(3, 3, 3, multiplier)).astype(np.float32)
    ours = lesson_10.depthwise(IMAGES, kernels)
    theirs = tf.nn.depthwise_conv2d(IMAGES, kernels, strides=[1, 1, 1, 1], padding="VALID")
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    layer = layers.DepthwiseConv2D(3, depth_multiplier=multiplier, use_bias=False)
    layer.build(IMAGES.shape)
    layer.set_weights([kernels])
    np.testing.assert_allclose(ours, layer(IMAGES), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", lesson_10.FACTS_CASES)
def test_facts_reference_is_keras(case):
    input_shape, filters, size, stride, padding = case
    layer = layers.Conv2D(filters, size, strides=stride, padding=padding)
    output = layer(np.zeros((1, *input_shape), np.float32))
    assert lesson_10.layer_facts(*case) == (tuple(output.shape[1:]), layer.count_params())


@pytest.mark.parametrize("kernel", [np.full((3, 3), np.nan), np.zeros((3, 3)), [["a"] * 3] * 3, 7])
def test_odd_kernels_are_judged(kernel):
    assert judge(EXERCISES["10.1"], kernel).status == "Not yet."
