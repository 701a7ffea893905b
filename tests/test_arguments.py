"""Checks of arguments: right values come back, wrong ones give an error that says what came."""

import numpy as np
import pytest

from course_utils.arguments import (
    check_choice,
    check_flag,
    check_share,
    check_text,
    check_whole,
    check_wholes,
    short,
)


def test_right_values_come_back_as_python_numbers():
    assert type(check_whole("n", np.int64(3))) is int
    assert check_wholes("n", [np.uint8(3), 4]) == (3, 4)
    assert check_wholes("n", (), least=0) == ()
    assert check_wholes("n", np.array([3, 4])) == (3, 4)
    assert type(check_share("n", np.float32(0.5))) is float
    assert check_share("n", 0) == 0 and check_share("n", 1) == 1
    assert check_flag("n", False) is False
    assert check_text("n", "a") == "a"
    assert check_choice("n", "a", ("a", "b")) == "a"


@pytest.mark.parametrize(
    ("check", "error", "message"),
    [
        (lambda: check_whole("n", 0), ValueError, "n: expected at least 1, got 0."),
        (lambda: check_whole("n", -1, least=0), ValueError, "n: expected at least 0, got -1."),
        (lambda: check_whole("n", 2.0), TypeError, "n: expected a whole number, got 2.0."),
        (lambda: check_whole("n", True), TypeError, "n: expected a whole number, got True."),
        (lambda: check_whole("n", None), TypeError, "n: expected a whole number, got None."),
        (lambda: check_wholes("n", ()), ValueError, "n: expected at least 1 number, got none."),
        (lambda: check_wholes("n", (3, 0)), ValueError, "n[1]: expected at least 1, got 0."),
        (lambda: check_wholes("n", (3, "4")), TypeError, "n[1]: expected a whole number, got '4'."),
        (
            lambda: check_wholes("n", 64),
            TypeError,
            "n: expected a tuple of whole numbers, got 64. A single one is written (64,).",
        ),
        (
            lambda: check_wholes("n", "64"),
            TypeError,
            "n: expected a tuple of whole numbers, got '64'. A single one is written (64,).",
        ),
        (lambda: check_share("n", 1.5), ValueError, "n: expected a number from 0 to 1, got 1.5."),
        (
            lambda: check_share("n", float("nan")),
            ValueError,
            "n: expected a number from 0 to 1, got nan.",
        ),
        (lambda: check_share("n", "1"), TypeError, "n: expected a number, got '1'."),
        (lambda: check_share("n", True), TypeError, "n: expected a number, got True."),
        (lambda: check_flag("n", 1), TypeError, "n: expected True or False, got 1."),
        (lambda: check_text("n", ""), ValueError, "n: expected a text, got an empty one."),
        (lambda: check_text("n", 3), TypeError, "n: expected a text, got 3."),
        (
            lambda: check_choice("n", "c", ("a", "b")),
            ValueError,
            'n: expected one of "a", "b", got \'c\'.',
        ),
        (
            lambda: check_choice("n", ["a"], ("a", "b")),
            ValueError,
            'n: expected one of "a", "b", got [\'a\'].',
        ),
    ],
)
def test_wrong_values_are_named(check, error, message):
    with pytest.raises(error) as caught:
        check()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((3, 2)), "ndarray of shape (3, 2)"),
        (dict, "the class dict"),
        (np.mean, "the function mean"),
        ([1, 2], "[1, 2]"),
        ("a\nb", r"'a\nb'"),
        ("x" * 80, "'" + "x" * 56 + "... (str)"),
    ],
)
def test_a_value_in_a_few_words(value, words):
    assert short(value) == words
