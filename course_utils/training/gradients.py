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
    point = np.array(x.numpy())
    slopes = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        results = []
        for distance in (step, -step):
            moved = point.copy()
            moved[place] += distance
            results.append(_as_number(function(tf.constant(moved))))
        high, low = results
        slopes[place] = (high - low) / (2 * step)
    return tf.constant(slopes)


def check_gradient(
    function: "Callable[[tf.Tensor], tf.Tensor]", x: Any, *, step: float | None = None
) -> float:
    """Return by how much the tape's gradient of ``function`` at ``x`` is off, relative to its size.

    The largest difference between the gradient by ``tf.GradientTape`` and the one by
    :func:`numeric_gradient`, divided by the largest number in either. Where the function is
    smooth, expect some 1e-3 or less in float32 and 1e-7 or less in float64; 0.1 or more means
    that one of the two is wrong. Choose an ``x`` at which the gradient is not zero everywhere.

    Args:
        function, x, step: as for :func:`numeric_gradient`. ``function`` must compute with
            TensorFlow operations from the tensor that it is given.

    Returns:
        A number from 0 upwards; 0.0 where both gradients are zero everywhere, NaN where one of
        the two holds NaN, so compare it as ``check_gradient(...) < 1e-3``.

    >>> check_gradient(lambda x: x**3, 2.0) < 1e-3
    True

    Raises:
        TypeError, ValueError: as :func:`numeric_gradient` does.
        ValueError: the tape's gradient is ``None``.

    Source: the TensorFlow guide "Introduction to gradients and automatic differentiation".
    Built in lesson 05.
    """
    tf = import_tensorflow()
    _check_function(function)
    x = _as_tensor(x)
    _check_step(step, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    _as_number(y)
    by_tape = tape.gradient(y, x) if isinstance(y, tf.Tensor | tf.Variable) else None
    if by_tape is None:
        raise ValueError(
            "function: the tape's gradient is None, so no TensorFlow operation leads from x to "
            "the result. Look for NumPy, `.numpy()`, a cast to an integer, `tf.stop_gradient`, or "
            "a variable that is used in place of the argument (lesson 05 shows them all)."
        )
    by_tape = tf.convert_to_tensor(by_tape).numpy().astype(np.float64)
    numeric = numeric_gradient(function, x, step=step).numpy().astype(np.float64)
    if not (np.isfinite(by_tape).all() and np.isfinite(numeric).all()):
        return math.nan
    largest = max(np.abs(by_tape).max(), np.abs(numeric).max())
    return float(np.abs(by_tape - numeric).max() / largest) if largest > 0 else 0.0


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
