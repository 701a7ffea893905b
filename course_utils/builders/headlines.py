"""The context of a headline, its hour and weekday, as numbers that a model can read (lesson 18)."""

from typing import Any

import numpy as np

from course_utils.arguments import check_codes


def encode_context(hours: Any, weekdays: Any) -> np.ndarray:
    """Return hours and weekdays as rows of 0 and 1: 24 places for the hour, 7 for the weekday.

    Built in lesson 18.

    Args:
        hours: whole numbers 0 to 23, shape (n,).
        weekdays: whole numbers 0 (Monday) to 6, shape (n,).

    Returns:
        float32 of shape (n, 31), with two ones in each row.

    Raises:
        TypeError: the numbers are not whole.
        ValueError: a number is out of its range, or the shapes differ or are not (n,).

    >>> encode_context([23, 0], [0, 6]).nonzero()[1].tolist()
    [23, 24, 0, 30]
    """
    hours = check_codes("hours", hours, (None,), most=23)
    weekdays = check_codes("weekdays", weekdays, (len(hours),), most=6)
    return np.concatenate([np.eye(24)[hours], np.eye(7)[weekdays]], axis=1).astype("float32")
