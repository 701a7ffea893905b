"""The context of a headline, as numbers, and what is refused."""

import numpy as np
import pytest

from course_utils.builders.headlines import encode_context


def test_context_has_one_place_for_each_hour_and_weekday():
    hours, weekdays = np.repeat(np.arange(24), 7), np.tile(np.arange(7), 24)
    rows = encode_context(hours.astype("uint8"), weekdays)
    assert rows.shape == (168, 31) and rows.dtype == np.float32
    assert np.array_equal(rows[:, :24].argmax(axis=1), hours)
    assert np.array_equal(rows[:, 24:].argmax(axis=1), weekdays)
    assert np.all(rows.sum(axis=1) == 2) and len(np.unique(rows, axis=0)) == 168
    assert encode_context([], []).shape == (0, 31)


@pytest.mark.parametrize(
    ("hours", "weekdays", "error", "message"),
    [
        ([24], [0], ValueError, "hours: expected numbers from 0 to 23, got 24"),
        ([-1], [0], ValueError, "hours: expected numbers from 0 to 23, got -1"),
        ([0], [7], ValueError, "weekdays: expected numbers from 0 to 6, got 7"),
        ([0.5], [0], TypeError, "hours: expected whole numbers, got the dtype float64"),
        ([0, 1], [0], ValueError, r"weekdays: expected the shape \(2,\), got \(1,\)"),
        (3, [0], ValueError, r"hours: expected the shape \(n,\), got \(\)"),
        ([0], ["Monday"], TypeError, "weekdays: expected whole numbers"),
    ],
)
def test_impossible_times_are_named(hours, weekdays, error, message):
    with pytest.raises(error, match=f"^{message}"):
        encode_context(hours, weekdays)
