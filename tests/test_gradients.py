"""Gradients by differences: right values, right shapes, and readable refusals."""

import doctest
import math

import numpy as np
import pytest

from course_utils.session import import_tensorflow
from course_utils.training import gradients
from course_utils.training.gradients import STEPS, numeric_gradient

tf = import_tensorflow()


def wave(x):
    return tf.reduce_sum(tf.sin(x) * x)


def slope_of_wave(x):
    return np.sin(x) + x * np.cos(x)


def test_doctests_hold():
    results = doctest.testmod(gradients)
    assert results.attempted >= 1 and results.failed == 0


# ---------------------------------------------------------------- numeric_gradient


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 2e-3), (tf.float64, 1e-8)])
def test_numeric_gradient_has_the_values_shape_and_dtype_of_the_slope(shape, dtype, tolerance):
    point = np.random.default_rng(0).uniform(-2, 2, size=shape)
    x = tf.constant(point, dtype)
    result = numeric_gradient(wave, x)
    assert isinstance(result, tf.Tensor) and result.dtype == dtype and result.shape == shape
    np.testing.assert_allclose(result, slope_of_wave(point), atol=tolerance)
    np.testing.assert_array_equal(x, tf.constant(point, dtype))  # x is left as it was


def test_each_number_costs_two_calls_at_the_step_on_either_side():
    seen = []

    def count(x):
        seen.append(x.numpy().tolist())
        return tf.reduce_sum(x)

    numeric_gradient(count, tf.constant([1.0, 2.0], tf.float64), step=0.5)
    assert seen == [[1.5, 2.0], [0.5, 2.0], [1.0, 2.5], [1.0, 1.5]]


def test_the_step_is_used_as_it_is_given():
    # The central difference of x**3 is off by exactly step**2.
    for step in (0.5, 0.25, np.float32(0.5), 1):
        result = numeric_gradient(lambda x: x**3, tf.constant(2.0, tf.float64), step=step)
        assert float(result) == pytest.approx(12 + float(step) ** 2, abs=1e-9)


def test_the_default_step_is_near_the_best_one():
    for dtype in (tf.float32, tf.float64):
        x = tf.constant(1.0, dtype)

        def error(step, x=x):
            return abs(float(numeric_gradient(tf.exp, x, step=step)) - math.e)

        best = min(error(10.0**power) for power in range(-10, 0))
        assert error(STEPS[dtype.name]) < 100 * best + 1e-12


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (2.0, "float32"),
        ([1.0, 2.0], "float32"),
        (np.array([1.0, 2.0]), "float64"),
        (np.float32(2.0), "float32"),
    ],
)
def test_numbers_lists_and_arrays_are_taken_as_tensorflow_takes_them(x, dtype):
    result = numeric_gradient(lambda x: tf.reduce_sum(x**2), x)
    assert result.dtype.name == dtype
    np.testing.assert_allclose(result, 2 * np.asarray(x), atol=1e-3)


def test_a_variable_keeps_its_value_and_a_number_may_be_returned():
    x = tf.Variable([1.0, 2.0], dtype=tf.float64)
    result = numeric_gradient(lambda x: float(tf.reduce_sum(x**2)), x)
    np.testing.assert_allclose(result, [2.0, 4.0], atol=1e-6)
    assert x.numpy().tolist() == [1.0, 2.0]


# ---------------------------------------------------------------- refusals

REFUSED = {
    "no function": (TypeError, r"function: expected something to call, got float", (3.0, 1.0), {}),
    "text": (TypeError, r"x: expected float32 or float64, got string", (wave, "2"), {}),
    "an object": (TypeError, r"x: expected float32 or float64 numbers, got object",
                  (wave, object()), {}),
    "nothing": (TypeError, r"x: expected float32 or float64 numbers, got NoneType",
                (wave, None), {}),
    "integers": (TypeError, r"x: expected float32 or float64, got int32", (wave, 2), {}),
    "half precision": (TypeError, r"x: expected float32 or float64, got float16",
                       (wave, tf.constant(1.0, tf.float16)), {}),
    "complex": (TypeError, r"x: expected float32 or float64, got complex128",
                (wave, np.array(1j)), {}),
    "ragged": (TypeError, r"x: expected float32 or float64 numbers, got list",
               (wave, [[1.0], [1.0, 2.0]]), {}),
    "empty": (ValueError, r"x: expected at least one number, got the shape \(0, 3\)",
              (wave, tf.zeros((0, 3))), {}),
    "NaN": (ValueError, r"x: expected finite numbers", (wave, [1.0, math.nan]), {}),
    "infinity": (ValueError, r"x: expected finite numbers", (wave, [1.0, math.inf]), {}),
    "step 0": (ValueError, r"step: expected a finite number above 0, got 0", (wave, 1.0),
               {"step": 0}),
    "negative step": (ValueError, r"step: .* got -0.1", (wave, 1.0), {"step": -0.1}),
    "NaN step": (ValueError, r"step: .* got nan", (wave, 1.0), {"step": math.nan}),
    "text step": (TypeError, r"step: expected a number, got '0.1' \(str\)", (wave, 1.0),
                  {"step": "0.1"}),
    "bool step": (TypeError, r"step: expected a number, got True \(bool\)", (wave, 1.0),
                  {"step": True}),
    "vector result": (ValueError, r"function: expected a single number .* got the shape \(2,\)",
                      (tf.sin, [1.0, 2.0]), {}),
    "no result": (ValueError, r"function: expected a single number .* got NoneType",
                  (lambda x: None, 1.0), {}),
    "list result": (ValueError, r"function: expected a single number .* got list",
                    (lambda x: [x], 1.0), {}),
    "text result": (ValueError, r"function: expected a single number .* got str",
                    (lambda x: "much", 1.0), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_named(name):
    error, message, args, options = REFUSED[name]
    with pytest.raises(error, match=message):
        numeric_gradient(*args, **options)


def test_symbolic_tensors_are_refused():
    @tf.function
    def inside(x):
        return numeric_gradient(wave, x)

    with pytest.raises(TypeError, match="symbolic tensor"):
        inside(tf.constant(1.0))


def test_step_is_keyword_only():
    with pytest.raises(TypeError):
        numeric_gradient(wave, 1.0, 0.1)
