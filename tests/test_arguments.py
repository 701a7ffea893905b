"""Checks of arguments: right values come back, wrong ones give an error that says what came."""

import numpy as np
import pytest

from course_utils import arguments
from course_utils.arguments import (
    check_callable,
    check_choice,
    check_codes,
    check_flag,
    check_fraction,
    check_maps,
    check_number,
    check_text,
    check_texts,
    check_whole,
    check_wholes,
    short,
)
from course_utils.session import import_tensorflow


def test_right_values_come_back_as_python_numbers():
    assert type(check_whole("n", np.int64(3))) is int
    assert check_wholes("n", [np.uint8(3), 4]) == (3, 4)
    assert check_wholes("n", (), least=0) == ()
    assert check_wholes("n", np.array([3, 4])) == (3, 4)
    assert type(check_fraction("n", np.float32(0.5))) is float
    assert check_fraction("n", 0) == 0 and check_fraction("n", 1) == 1
    assert check_flag("n", False) is False
    assert check_text("n", "a") == "a"
    assert check_choice("n", "a", ("a", "b")) == "a"
    assert check_whole("n", 5, most=5) == 5
    assert check_wholes("n", [3, 4], length=2) == (3, 4)
    assert type(check_number("n", 3)) is float
    assert check_number("n", 1e-9, above=0) == 1e-9
    assert check_texts("n", ("a", "")) == ["a", ""]
    assert check_callable("n", len) is len
    assert check_maps("n", [None, None, None, 3]) == (None, None, None, 3)
    codes = check_codes("n", np.uint8([[0, 3]]), (None, 2), most=3)
    assert codes.dtype == np.int64 and codes.tolist() == [[0, 3]]
    assert check_codes("n", [], (None,), most=3).shape == (0,)


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
        (
            lambda: check_whole("n", 7, least=0, most=6),
            ValueError,
            "n: expected a number from 0 to 6, got 7.",
        ),
        (
            lambda: check_wholes("n", (3, 4, 5), length=2),
            ValueError,
            "n: expected 2 numbers, got (3, 4, 5).",
        ),
        (
            lambda: check_number("n", 0, above=0),
            ValueError,
            "n: expected a finite number above 0, got 0.",
        ),
        (
            lambda: check_number("n", float("inf")),
            ValueError,
            "n: expected a finite number, got inf.",
        ),
        (
            lambda: check_number("n", 1j),
            TypeError,
            "n: expected a number, got an object of type complex.",
        ),
        (
            lambda: check_texts("n", "abc"),
            TypeError,
            "n: expected a list of texts, got 'abc'. One text is written [text].",
        ),
        (lambda: check_texts("n", ["a", 1]), TypeError, "n[1]: expected a text, got 1."),
        (
            lambda: check_callable("n", 3),
            TypeError,
            "n: expected a function, got 3. Pass the function itself, without parentheses.",
        ),
        (
            lambda: check_maps("n", (None, 28, 28)),
            ValueError,
            "n: expected the shape (batch, height, width, channels), got (None, 28, 28). "
            "Grey images need a last axis of size 1: images[..., np.newaxis].",
        ),
        (
            lambda: check_codes("n", [1, 4], (None,), most=3),
            ValueError,
            "n: expected numbers from 0 to 3, got 4.",
        ),
        (
            lambda: check_codes("n", [-1], (1,), most=3),
            ValueError,
            "n: expected numbers from 0 to 3, got -1.",
        ),
        (
            lambda: check_codes("n", [[1]], (None, 2), most=3),
            ValueError,
            "n: expected the shape (n, 2), got (1, 1).",
        ),
        (
            lambda: check_codes("n", [0.5], (None,), most=3),
            TypeError,
            "n: expected whole numbers, got the dtype float64.",
        ),
        (
            lambda: check_fraction("n", 1.5),
            ValueError,
            "n: expected a finite number from 0 to 1, got 1.5.",
        ),
        (
            lambda: check_fraction("n", float("nan")),
            ValueError,
            "n: expected a finite number from 0 to 1, got nan.",
        ),
        (lambda: check_fraction("n", "1"), TypeError, "n: expected a number, got '1'."),
        (lambda: check_fraction("n", True), TypeError, "n: expected a number, got True."),
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
        (np.zeros((3, 2)), "a NumPy array of shape (3, 2), float64"),
        (np.float32(0.5), "np.float32(0.5)"),
        (dict, "the class dict"),
        (np.mean, "the function mean"),
        (lambda: 1, "a function"),
        ([1, 2], "[1, 2]"),
        ({"a": (1, None)}, "{'a': (1, None)}"),
        ([1] * 50, "a list of 50 items"),
        ([object()], "a list of 1 item"),
        ("a\nb", r"'a\nb'"),
        ("x" * 80, "'" + "x" * 55 + "...'"),
        (10**70, "1" + "0" * 55 + "...0"),
        (object(), "an object of type object"),
    ],
)
def test_a_value_in_a_few_words(value, words):
    assert short(value) == words
    assert len(words) <= arguments.LONGEST


def test_a_value_that_raises_when_it_is_looked_at_has_words_too():
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError(name)

        __repr__ = __len__ = None

    assert short(Hostile()) == "an object of type Hostile"
    assert short([Hostile()]) == "a list of 1 item"
    assert short(10**5000) == "an object of type int"  # Python writes no number as long


def test_a_tensor_is_named_by_its_type():
    tf = import_tensorflow()
    assert short(tf.zeros((2, 3))) == "an EagerTensor of shape (2, 3), float32"
