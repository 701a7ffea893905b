"""Checks of arguments that many helpers share: errors that name what came and what was expected.

Each check returns the value, so that it can stand where the value is used.
"""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

LONGEST = 60  # characters of a value that an error shows


def short(value: Any) -> str:
    """Say in a few words what a value is: arrays by their shape, long texts cut.

    >>> import numpy as np
    >>> short(np.zeros((2, 3))), short(len), short(None)
    ('ndarray of shape (2, 3)', 'the function len', 'None')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} of shape {tuple(value.shape)}"
    if callable(value):
        return f"the function {getattr(value, '__name__', type(value).__name__)}"
    text = " ".join(repr(value).split())
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 3]}... ({type(value).__name__})"


def check_whole(name: str, value: Any, *, least: int = 1) -> int:
    """Return a whole number, Python's or NumPy's, as an int.

    >>> check_whole("filters", 16)
    16

    Raises:
        TypeError: ``value`` is no whole number. True and False are none.
        ValueError: it is below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected a whole number, got {short(value)}.")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}.")
    return int(value)


def check_wholes(name: str, values: Any, *, least: int = 1) -> tuple[int, ...]:
    """Return a tuple of ``least`` or more whole numbers from 1, given as a sequence.

    Raises:
        TypeError: ``values`` is no sequence, or holds something else than whole numbers.
        ValueError: there are too few of them, or one is below 1.
    """
    try:
        if isinstance(values, str | bytes | dict | set):
            raise TypeError
        sizes = list(values)
    except TypeError:
        raise TypeError(
            f"{name}: expected a tuple of whole numbers, got {short(values)}. "
            "A single one is written (64,)."
        ) from None
    if len(sizes) < least:
        raise ValueError(f"{name}: expected at least {least} number, got {len(sizes) or 'none'}.")
    return tuple(check_whole(f"{name}[{place}]", size) for place, size in enumerate(sizes))


def check_share(name: str, value: Any) -> float:
    """Return a number from 0 to 1 as a float, such as a momentum.

    Raises:
        TypeError: ``value`` is no real number. True and False are none.
        ValueError: it is below 0, above 1, or no number (NaN).
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number, got {short(value)}.")
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"{name}: expected a number from 0 to 1, got {value}.")
    return float(value)


def check_flag(name: str, value: Any) -> bool:
    """Return True or False.

    Raises:
        TypeError: ``value`` is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {short(value)}.")
    return value


def check_text(name: str, value: Any) -> str:
    """Return a text that is not empty.

    Raises:
        TypeError: ``value`` is no text.
        ValueError: it is empty.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a text, got {short(value)}.")
    if not value:
        raise ValueError(f"{name}: expected a text, got an empty one.")
    return value


def check_choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """Return a text that is one of ``choices``.

    >>> check_choice("join", "product", ("product", "concatenation"))
    'product'

    Raises:
        ValueError: ``value`` is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        expected = ", ".join(f'"{each}"' for each in choices)
        raise ValueError(f"{name}: expected one of {expected}, got {short(value)}.")
    return value
