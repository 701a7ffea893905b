"""Gradients by differences, to check what a tape says (lesson 05)."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from course_utils.session import import_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

# Half the distance between the two points of a difference. Where it is much smaller, rounding
# spoils the difference of the two results; where it is much larger, the function bends in between.
STEPS = {"float32": 1e-2, "float64": 1e-5}


def numeric_gradient(
    function: "Callable[[tf.Tensor], tf.Tensor]", x: Any, *, step: float | None = None
) -> "tf.Tensor":
    """Return the gradient of ``function`` at ``x`` by central differences.

    Each number of ``x`` in turn is moved up and down by ``step``; the slope there is the
    difference of the two results over ``2 * step``. That takes two calls of ``function`` a
    number, so ``x`` should hold hundreds of numbers rather than millions.

    Args:
        function: takes a tensor like ``x`` and returns a scalar (a tensor or a number).
        x: float32 or float64 of any shape; a tensor, variable, array, list or number. Python's
            own numbers become float32, as everywhere in TensorFlow.
        step: how far to move, above 0; 1e-2 for float32 and 1e-5 for float64 if not given.

    Returns:
        A tensor of the shape and dtype of ``x``.

    >>> numeric_gradient(lambda x: x**3, 2.0).numpy().round(2).item()
    12.0

    Raises:
        TypeError: ``function`` cannot be called, ``x`` is not float32 or float64, or ``step`` is
            not a number.
        ValueError: ``x`` is empty or holds NaN or infinity, ``step`` is not above 0 or not
            finite, or ``function`` returns something that is not a single number.

    Source: W. H. Press et al., *Numerical Recipes*, section 5.7. Built in lesson 05; lesson 07
    draws its error against ``step``.
    """
    tf = import_tensorflow()
    _check_function(function)
    x = _as_tensor(x)
    step = _check_step(step, x)
    point = x.numpy()
    slopes = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        move = np.zeros_like(point)
        move[place] = step
        high, low = function(tf.constant(point + move)), function(tf.constant(point - move))
        slopes[place] = (_as_number(high) - _as_number(low)) / (2 * step)
    return tf.constant(slopes)


def _check_function(function: Any) -> None:
    if not callable(function):
        raise TypeError(
            f"function: expected something to call, got {type(function).__name__}. "
            "Pass the function itself, without parentheses."
        )


def _as_tensor(x: Any) -> "tf.Tensor":
    """Return ``x`` as a tensor of finite float32 or float64 numbers."""
    tf = import_tensorflow()
    if isinstance(x, tf.Tensor) and not hasattr(x, "numpy"):
        raise TypeError(
            "x: got a symbolic tensor, which holds no value. "
            "Check gradients eagerly, outside of tf.function."
        )
    try:
        tensor = tf.convert_to_tensor(x)
    except Exception as error:
        raise TypeError(
            f"x: expected float32 or float64 numbers, got {type(x).__name__}, "
            "which is no tensor and cannot become one."
        ) from error
    if tensor.dtype.name not in STEPS:
        raise TypeError(
            f"x: expected float32 or float64, got {tensor.dtype.name}. "
            "Cast it first; a difference of integers or of short floats tells too little."
        )
    if 0 in tensor.shape:
        raise ValueError(f"x: expected at least one number, got the shape {tuple(tensor.shape)}.")
    if not np.isfinite(tensor.numpy()).all():
        raise ValueError("x: expected finite numbers, got NaN or infinity among them.")
    return tensor


def _check_step(step: Any, x: "tf.Tensor") -> float:
    if step is None:
        return STEPS[x.dtype.name]
    if isinstance(step, bool) or not isinstance(step, int | float | np.integer | np.floating):
        raise TypeError(f"step: expected a number, got {step!r} ({type(step).__name__}).")
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step: expected a finite number above 0, got {step}.")
    return float(step)


def _as_number(result: Any) -> float:
    """Return what ``function`` returned as a Python number; the subtraction is then exact."""
    shape = getattr(result, "shape", ())
    if result is None or isinstance(result, list | tuple | dict) or tuple(shape) != ():
        got = f"the shape {tuple(shape)}" if tuple(shape) else type(result).__name__
        raise ValueError(
            f"function: expected a single number as its result, got {got}. "
            "Reduce it first, for example with tf.reduce_sum."
        )
    try:
        return float(result)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"function: expected a single number as its result, got {type(result).__name__}."
        ) from error
