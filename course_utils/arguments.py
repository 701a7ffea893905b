"""Checks of arguments that many helpers share: errors that name what came and what was expected.

Each check returns the value, so that it can stand where the value is used. Only what learners
call is checked; what helpers call among themselves is not.
"""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

LONGEST = 60  # characters of a value that an error shows

_SEVERAL = (list, tuple, dict, set, frozenset)


def short(value: Any) -> str:
    """Say in a few words what a value is: numbers, texts and short lists as they are written.

    Arrays and tensors are named by type, shape and dtype, what is long by its type and length.
    Nothing that a value does when it is looked at makes this fail.

    >>> import numpy as np
    >>> short(np.zeros((2, 3))), short(len), short(None), short([1, 2])
    ('a NumPy array of shape (2, 3), float64', 'the function len', 'None', '[1, 2]')
    """
    try:
        return _words(value)
    except Exception:
        return f"an object of type {_type_name(value)}"


def _words(value: Any) -> str:
    if _is_plain(value):
        text = repr(value)
        if len(text) <= LONGEST:
            return text
        if not isinstance(value, _SEVERAL):
            return f"{text[: LONGEST - 4]}...{text[-1]}"
    if isinstance(value, _SEVERAL):
        count = len(value)
        return f"a {_type_name(value)} of {count} item{'' if count == 1 else 's'}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = "NumPy array" if _type_name(value) == "ndarray" else _type_name(value)
        article = "an" if kind[0] in "AEIOU" else "a"
        dtype = getattr(value.dtype, "name", value.dtype)
        return f"{article} {kind} of shape {tuple(value.shape)}, {dtype}"
    name = getattr(value, "__name__", None)
    if callable(value) and isinstance(name, str):
        return "a function" if name == "<lambda>" else f"the function {name}"
    return f"an object of type {_type_name(value)}"


def _is_plain(value: Any) -> bool:
    """Say whether a value is a number, a text, None, or a short collection of such."""
    if issubclass(type(value), _SEVERAL):
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        return len(value) <= LONGEST and all(map(_is_plain, inside))
    return value is None or issubclass(type(value), bool | Real | str | bytes)


def _type_name(value: Any) -> str:
    """Return the name of a value's type, whatever a metaclass says about it."""
    return type.__dict__["__name__"].__get__(type(value))


def check_whole(name: str, value: Any, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number, Python's or NumPy's, as an int.

    >>> check_whole("filters", 16)
    16

    Raises:
        TypeError: ``value`` is no whole number. True and False are none.
        ValueError: it is below ``least`` or above ``most``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name}: expected a whole number, got {short(value)}.")
    if most is not None and not least <= value <= most:
        raise ValueError(f"{name}: expected a number from {least} to {most}, got {value}.")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}.")
    return int(value)


def check_wholes(
    name: str, values: Any, *, least: int = 1, length: int | None = None
) -> tuple[int, ...]:
    """Return a tuple of whole numbers from 1, given as a sequence.

    Args:
        name: the argument, for the error.
        values: the numbers.
        least: the smallest number of them.
        length: how many they must be, where that is fixed.

    Raises:
        TypeError: ``values`` is no sequence, or holds something else than whole numbers.
        ValueError: there are too few or too many of them, or one is below 1.
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
    if length is not None and len(sizes) != length:
        raise ValueError(f"{name}: expected {length} numbers, got {short(values)}.")
    if len(sizes) < least:
        raise ValueError(f"{name}: expected at least {least} number, got {len(sizes) or 'none'}.")
    return tuple(check_whole(f"{name}[{place}]", size) for place, size in enumerate(sizes))


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
) -> float:
    """Return a finite number, Python's or NumPy's, as a float.

    Args:
        name: the argument, for the error.
        value: the number.
        least: the smallest number that is right.
        above: a number that it has to be larger than.
        most: the largest number that is right.

    >>> check_number("rate", 0.1, above=0)
    0.1

    Raises:
        TypeError: ``value`` is no real number. True and False are none.
        ValueError: it is out of the bounds, infinite, or no number (NaN).
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number, got {short(value)}.")
    if not (
        math.isfinite(value)
        and (least is None or value >= least)
        and (above is None or value > above)
        and (most is None or value <= most)
    ):
        bounds = {"from": least, "above": above, "to": most}
        wanted = [f" {word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        raise ValueError(f"{name}: expected a finite number{''.join(wanted)}, got {value}.")
    return float(value)


def check_fraction(name: str, value: Any) -> float:
    """Return a number from 0 to 1 as a float, such as a momentum.

    Raises:
        TypeError: ``value`` is no real number. True and False are none.
        ValueError: it is below 0, above 1, or no number (NaN).
    """
    return check_number(name, value, least=0, most=1)


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


def check_texts(name: str, values: Any) -> list[str]:
    """Return a list of texts; a single text is not taken for the list of its characters.

    Raises:
        TypeError: ``values`` is a single text or no sequence, or holds something else than texts.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(
            f"{name}: expected a list of texts, got {short(values)}. One text is written [text]."
        )
    texts = list(values)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{place}]: expected a text, got {short(text)}.")
    return texts


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


def check_callable(name: str, value: Any) -> Any:
    """Return something that can be called, such as a function.

    Raises:
        TypeError: ``value`` cannot be called.
    """
    if not callable(value):
        raise TypeError(
            f"{name}: expected a function, got {short(value)}. "
            "Pass the function itself, without parentheses."
        )
    return value


def check_maps(name: str, shape: Any) -> tuple[int | None, ...]:
    """Return the shape of image maps, (batch, height, width, channels), as a tuple.

    Raises:
        ValueError: there are not four axes, or the number of channels is not known.
    """
    axes = tuple(shape)
    if len(axes) != 4 or axes[-1] is None:
        raise ValueError(
            f"{name}: expected the shape (batch, height, width, channels), got {axes}. "
            "Grey images need a last axis of size 1: images[..., np.newaxis]."
        )
    return axes


def check_codes(name: str, values: Any, shape: Sequence[int | None], *, most: int) -> "np.ndarray":
    """Return whole numbers from 0 to ``most`` as an array, int64.

    Args:
        name: the argument, for the error.
        values: an array or a list.
        shape: the shape that it has to have, with None for an axis of any size.
        most: the largest number that is right.

    >>> check_codes("hours", [23, 0], (None,), most=23).tolist()
    [23, 0]

    Raises:
        TypeError: the numbers are not whole.
        ValueError: the shape is another, or a number is out of its range.
    """
    import numpy as np

    array = np.asarray(values)
    if array.ndim != len(shape) or any(
        size not in (None, found) for size, found in zip(shape, array.shape, strict=True)
    ):
        wanted = str(tuple("n" if size is None else size for size in shape)).replace("'n'", "n")
        raise ValueError(f"{name}: expected the shape {wanted}, got {array.shape}.")
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected whole numbers, got the dtype {array.dtype}.")
    wrong = array[(array < 0) | (array > most)]
    if wrong.size:
        raise ValueError(f"{name}: expected numbers from 0 to {most}, got {wrong[0]}.")
    return array.astype(np.int64)
