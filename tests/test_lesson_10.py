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

IMAGES = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)
KERNEL = np.random.default_rng(1).normal(size=(3, 2, 3, 4)).astype(np.float32)
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("10")


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_lesson_convolves_and_pads_as_keras_does(lesson, stride):
    convolve, bias = lesson["convolve"], np.arange(4, dtype=np.float32)
    theirs = tf.nn.conv2d(IMAGES, KERNEL, stride, "VALID")
    assert convolve(IMAGES, KERNEL, stride=stride).dtype == np.float32
    np.testing.assert_allclose(convolve(IMAGES, KERNEL, stride=stride), theirs, **CLOSE)
    with_bias = convolve(IMAGES, KERNEL, bias, stride=stride)
    np.testing.assert_allclose(with_bias, theirs + bias, **CLOSE)
    padded = lesson["pad_images"](IMAGES, KERNEL.shape[:2], stride)
    theirs = tf.nn.conv2d(IMAGES, KERNEL, stride, "SAME")
    np.testing.assert_allclose(convolve(padded, KERNEL, stride=stride), theirs, **CLOSE)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_lesson_pools_as_keras_does(lesson, size):
    theirs = layers.MaxPooling2D(size)(IMAGES)
    np.testing.assert_array_equal(lesson["max_pool"](IMAGES, size), theirs)


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
    assert multiplications == costs.count_multiplications((9, 8, 1), (3, 2, 1, 1))
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


def test_float32_with_channels_first_is_computed_or_refused_by_name():
    channels_first = np.transpose(IMAGES, (0, 3, 1, 2))
    try:
        result = tf.nn.conv2d(channels_first, KERNEL, 1, "SAME", data_format="NCHW")
    except tf.errors.UnimplementedError as error:
        assert "only supports the NHWC tensor format on the CPU" in error.message
    else:
        theirs = tf.nn.conv2d(IMAGES, KERNEL, 1, "SAME")
        np.testing.assert_allclose(np.transpose(result, (0, 2, 3, 1)), theirs, **CLOSE)


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_10.EXERCISES}


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_reference_is_keras(multiplier):
    kernels = np.random.default_rng(3).normal(size=(3, 3, 3, multiplier)).astype(np.float32)
    layer = layers.DepthwiseConv2D(3, depth_multiplier=multiplier, use_bias=False)
    layer.build(IMAGES.shape)
    layer.set_weights([kernels])
    np.testing.assert_allclose(lesson_10.depthwise(IMAGES, kernels), layer(IMAGES), **CLOSE)


@pytest.mark.parametrize("case", lesson_10.FACTS_CASES)
def test_facts_reference_is_keras(case):
    input_shape, filters, size, stride, padding = case
    layer = layers.Conv2D(filters, size, strides=stride, padding=padding)
    output = layer(np.zeros((1, *input_shape), np.float32))
    assert lesson_10.layer_facts(*case) == (tuple(output.shape[1:]), layer.count_params())


def test_the_piece_is_found_by_the_lessons_own_loops(lesson):
    for picture, piece, place in lesson_10.scenes():
        ours, theirs = lesson["slide"](picture, piece), lesson_10.slide(picture, piece)
        np.testing.assert_allclose(ours[0], theirs[0], **CLOSE)
        assert ours[1] == theirs[1]
        height, width = piece.shape
        rows, columns = np.indices((23 - height, 29 - width))
        same = [
            (row, column)
            for row, column in zip(rows.ravel(), columns.ravel(), strict=True)
            if np.array_equal(picture[row : row + height, column : column + width], piece)
        ]
        assert same == [place]


def test_the_example_of_the_piece_holds():
    from course_utils.data import ten_digits

    row = np.concatenate((ten_digits() / 255).astype(np.float32), axis=1)
    assert tuple(map(int, lesson_10.find(row, row[5:20, 150:160]))) == (5, 150)


@pytest.mark.parametrize("kernel", [np.full((3, 3), np.nan), np.zeros((3, 3)), [["a"] * 3] * 3, 7])
def test_odd_kernels_are_judged(kernel):
    assert judge(EXERCISES["10.1"], kernel).status == "Not yet."
