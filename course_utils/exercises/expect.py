"""What a check is written with: call the answer, look at what it returns, say what is wrong."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from course_utils.arguments import short as describe
from course_utils.exercises.errors import describe_exception, name_of, type_name
from course_utils.keras_private import inner_layers

LONGEST_SEQUENCE = 10_000_000  # items that are turned into an array


class Mistake(Exception):
    """The answer is wrong; the message tells the learner what it shows and what to look at."""


class NotAttempted(Exception):
    """There is no answer yet; the message says what is still missing."""


def fail(message: str) -> None:
    """End the check: the answer is wrong, and ``message`` says what to look at."""
    raise Mistake(message)


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the learner's function and return what it returns.

    Raises:
        NotAttempted: it returns ``None`` or ``...``, as an unfinished function does.
        Mistake: it cannot be called, or it raises; the message quotes the line.
    """
    expect_function(function)
    try:
        result = function(*args, **kwargs)
    except (Mistake, NotAttempted):  # from a part of the check that the answer calls
        raise
    except Exception as error:
        fail(describe_exception(error, name_of(function)))
    if is_blank(result):
        raise NotAttempted(
            f"{name_of(function)} returns {'None' if result is None else '...'}. "
            "Complete its body, and end it with `return`."
        )
    return result


def expect_function(answer: Any) -> None:
    """Check that an answer can be called."""
    if not callable(answer):
        fail(
            f"Expected a function, got {describe(answer)}. "
            "Pass the function itself, without parentheses."
        )


def is_blank(value: Any) -> bool:
    """Say whether a value is ``None``, ``...``, or a container with a gap in it.

    A gap is a ``...`` at any depth of lists, tuples and dicts, or a ``None`` as the value of a
    dict; a ``None`` in a list may be meant, as in a shape.
    """
    if value is None:
        return True
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if item is Ellipsis:
            return True
        if type(item) not in (list, tuple, dict) or id(item) in seen:
            continue
        seen.add(id(item))
        if type(item) is dict:
            item = item.values()
            if any(part is None for part in item):
                return True
        waiting.extend(part for part in item if type(part) in _MAY_HOLD_A_GAP)
    return False


_MAY_HOLD_A_GAP = (list, tuple, dict, type(Ellipsis))


def without_warnings(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Keep Python's warnings, which a wrong answer earns in Keras, out of a check's verdict."""

    @functools.wraps(check)
    def quiet(answer: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(answer)

    return quiet


def to_array(value: Any, what: str = "The answer") -> np.ndarray:
    """Return ``value`` (tensor, variable, array, nested list, number) as a NumPy array.

    Raises:
        Mistake: it has no value yet (a symbolic tensor) or is not an array of numbers.
    """
    if type_name(value) in {"SymbolicTensor", "KerasTensor"}:
        fail(f"{what} is a symbolic tensor: a node of a graph, which holds no value.")
    try:
        if hasattr(value, "numpy"):
            value = value.numpy()
        if isinstance(value, Sequence):
            if len(value) > LONGEST_SEQUENCE:
                raise ValueError("too long")
        elif hasattr(value, "__getitem__") and not hasattr(value, "__array__"):
            raise TypeError("NumPy would ask it for items, and each item for items, without end")
        array = np.asarray(value)
        if array.dtype.kind == "V":  # bfloat16 is of this kind; so are records, which fail here
            array.astype(np.float64)
    except Exception:
        fail(f"{what} is {describe(value)}; expected numbers that fit in an array.")
    if array.dtype.kind not in "biufcV":
        fail(f"{what} is {describe(value)}; expected numbers.")
    return array


def expect_shape(value: Any, shape: tuple[int, ...], what: str = "The answer") -> np.ndarray:
    """Return ``value`` as an array, after checking that it has exactly this ``shape``."""
    array = to_array(value, what)
    if array.shape != tuple(shape):
        fail(f"{what} has the shape {array.shape}; expected {tuple(shape)}.")
    return array


def expect_keys(answer: Any, keys: Iterable[str]) -> None:
    """Check that an answer is a dict with exactly these keys."""
    keys = list(keys)
    if not isinstance(answer, dict) or set(answer) != set(keys):
        fail(f"Expected a dict with the keys {', '.join(map(repr, keys))}.")


def expect_counts(answer: Any, counts: Mapping[str, int], why: Mapping[str, str]) -> None:
    """Check a dict of whole numbers against ``counts``, in the order of ``why``.

    ``why`` leads from a key to what helps a learner whose number is another one.
    """
    expect_keys(answer, counts)
    for key, reason in why.items():
        count = answer[key]
        if not is_close(count, count) or to_array(count).shape != ():
            fail(f"{key!r} is {describe(count)}; expected a whole number.")
        if to_array(count) != counts[key]:
            fail(f"{key!r} is not {count}. {reason}")


def is_close(value: Any, expected: Any, *, tolerance: float = 1e-4) -> bool:
    """Say whether two arrays have one shape and agree within ``tolerance`` (absolute + relative).

    Never raises: what is not an array of numbers is not close.
    """
    try:
        value, expected = _wide(to_array(value)), _wide(to_array(expected))
    except Exception:
        return False
    return value.shape == expected.shape and bool(
        np.allclose(value, expected, rtol=tolerance, atol=tolerance)
    )


def expect_close(
    value: Any, expected: Any, what: str = "The answer", *, tolerance: float = 1e-4
) -> None:
    """Check shape and values of an array against ``expected``."""
    array = _wide(expect_shape(value, to_array(expected).shape, what))
    if is_close(array, expected, tolerance=tolerance):
        return
    if not np.all(np.isfinite(array)):
        fail(f"{what} holds NaN or infinity.")
    with np.errstate(all="ignore"):
        gap = np.abs(array - _wide(to_array(expected))).max()
    fail(f"{what} has the right shape, but its values are off by up to {gap:.3g}.")


def _wide(array: np.ndarray) -> np.ndarray:
    """Return numbers in double precision, so that differences are those of the answer."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


# ---------------------------------------------------------------- classes, layers and models


def lent(make: Callable[[], Any]) -> Callable[[], AbstractContextManager[Any]]:
    """Turn a function that makes a Keras model into one that lends it to an answer.

    A model that comes back as it was given out serves the next answer, too, so that only answers
    that do something with it wait for it to be made::

        @lent
        def trained_model():
            ...

        with trained_model() as model:
            call(answer, model)

    What counts is what its attributes and those of its layers are, also what lists among them hold,
    and the values of its weights and of its optimizer's.
    """
    kept = []

    @contextlib.contextmanager
    def lend() -> Iterator[Any]:
        model = kept.pop() if kept else make()
        parts, values = _parts(model), _values(model)
        try:
            yield model
        finally:
            if list(map(id, parts)) == list(map(id, _parts(model))) and values == _values(model):
                kept.append(model)

    return functools.wraps(make)(lend)


def _parts(model: Any) -> list[Any]:
    """Return the objects that a model consists of and is trained by."""
    held = [value for layer in (model, *inner_layers(model)) for value in vars(layer).values()]
    listed = [item for value in held if isinstance(value, (list, tuple)) for item in value]
    return [*held, *listed, *model.weights]


def _values(model: Any) -> list[Any]:
    """Return what may change in the variables of a model."""
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.weights, *(optimizer.variables if optimizer else ())]
    return [(variable.trainable, variable.numpy().tobytes()) for variable in variables]


def random_batch(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 values of the given shape, from a normal distribution."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def expect_class(answer: Any, base: type, name: str) -> None:
    """Check that an answer is a class that derives from ``base``; ``name`` says which class."""
    if not isinstance(answer, type) or not issubclass(answer, base):
        kind = "keras.Model" if base.__name__ == "Model" else "keras.layers.Layer"
        fail(f"Got {describe(answer)}; expected the class {name}, derived from {kind}.")


def run_layer(layer: Any, *args: Any, says: dict[str, str] | None = None, **kwargs: Any) -> Any:
    """Call a learner's layer; what goes wrong becomes a verdict that fits its cause.

    Args:
        layer: An instance of the learner's class.
        *args: What it is called with.
        says: From a part of an error's text to the verdict that it earns.
        **kwargs: What it is called with by name.
    """

    def your_call() -> Any:
        try:
            return layer(*args, **kwargs)
        except Exception as error:
            if "cannot add new elements of state" in str(error):
                fail(
                    "Keras refuses it: call makes new weights or layers, and by then the layer is "
                    "built. Make them in __init__ or in build."
                )
            for part, verdict in (says or {}).items():
                if part in str(error):
                    fail(verdict)
            raise

    your_call.__name__ = type(layer).__name__
    return call(your_call)
