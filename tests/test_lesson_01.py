"""The claims of lesson 01 hold beyond its own numbers, and its exercises are what they say."""

import numpy as np
import pytest

from course_utils.data import load_digits, ten_digits
from course_utils.exercises import lesson_01
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()


def verdict(number, answer):
    (exercise,) = [one for one in lesson_01.EXERCISES if one.id == number]
    return judge(exercise, answer)


# ---------------------------------------------------------------- the secret


@pytest.fixture(scope="module")
def secret():
    return lesson_code("01", "secret")["secret"]


def test_the_secret_does_not_show(secret):
    """No pixel is more than 7 of 255 away from that of the ten digits."""
    assert secret.dtype == np.uint8
    assert np.abs(secret.astype(int) - ten_digits()).max() <= 7


def test_what_is_revealed_are_ten_digits_of_pi(secret):
    (images, labels), _ = load_digits()
    revealed = lesson_01.reveal(tf.constant(secret)).numpy()
    coarse = images // 32 * 32
    found = [labels[np.flatnonzero((coarse == one).all(axis=(1, 2)))[0]] for one in revealed]
    assert found == [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


# ---------------------------------------------------------------- numbers that fall off the end


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_integers_come_back_at_the_other_end(dtype):
    dtype = tf.as_dtype(dtype)
    assert (tf.constant(dtype.max, dtype) + 1).numpy() == dtype.min
    assert (tf.constant(dtype.min, dtype) - 1).numpy() == dtype.max


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_floating_point_numbers_become_infinite(dtype):
    dtype = tf.as_dtype(dtype)
    assert np.isinf(float(tf.constant(dtype.max, dtype) * 2))


def test_a_cast_to_integers_cuts_off_towards_zero():
    values = np.random.default_rng(1).uniform(-1000, 1000, size=500)
    np.testing.assert_array_equal(tf.cast(values, tf.int32).numpy(), np.trunc(values))


@pytest.mark.parametrize(
    ("whole", "quotient"),
    [("int8", "float32"), ("uint8", "float32"), ("int32", "float64"), ("int64", "float64")],
)
def test_division_chooses_the_dtype_that_the_lesson_says(whole, quotient):
    assert (tf.constant([1, 2], whole) / 2).dtype.name == quotient
    with pytest.raises(TypeError, match="must have the same dtype"):
        tf.constant([1, 2], whole) / 2.0


@pytest.mark.parametrize("dtype", [tf.uint8, tf.int32, tf.float32])
def test_an_array_takes_on_the_dtype_of_the_tensor_beside_it(dtype):
    array, tensor = np.array([0.9, 1.9]), tf.constant([1, 2], dtype)
    for result in (tensor + array, array + tensor):
        assert result.dtype == dtype


# ---------------------------------------------------------------- a shape with gaps


def test_what_fits_a_partial_shape_is_what_the_lesson_says():
    any_size = lesson_code("01", "any_size")["any_size"]
    for shape in np.random.default_rng(2).integers(1, 5, size=(50, 3)):
        assert any_size.is_compatible_with(shape) == (shape[2] == 3)
    for rank in (0, 1, 2, 4):
        assert not any_size.is_compatible_with([3] * rank)


# ---------------------------------------------------------------- mistakes beside the usual ones


@pytest.mark.parametrize(
    ("number", "answer", "says"),
    [
        ("01.1", {**lesson_01.SHAPES, "images[5]": "28"}, "(2, 8)"),
        ("01.1", {**lesson_01.SHAPES, "images[5]": 7}, "Write a tuple"),
        ("01.1", {"images[5]": (28, 28, 3)}, "six keys"),
        ("01.2", 7, "Expected a function"),
        ("01.2", lambda images: tf.cast(images, tf.float32)[0], "expected (2, 2, 3, 1)"),
        ("01.2", lambda images: tf.cast(images, tf.float16)[..., None] / 255, "float16"),
        ("01.3", lambda pictures: tf.Variable(pictures * 32), "expected a tensor"),
        ("01.3", lambda pictures: pictures[0] * 32, "(8, 8); expected (4, 8, 8)"),
        ("01.3", lambda pictures: pictures * 128, "lost its upper part"),
    ],
)
def test_other_mistakes_are_named(number, answer, says):
    result = verdict(number, answer)
    assert result.status == Verdict.NOT_YET
    assert says in result.message


def test_the_solution_printed_for_shapes_is_the_reference():
    names = {}
    exec(lesson_01.predict_shapes.reference_source, names)
    assert names["shapes"] == lesson_01.SHAPES
