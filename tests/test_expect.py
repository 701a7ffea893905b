"""The words that checks are written with."""

import contextlib
import time
from array import array
from collections import deque

import numpy as np
import pytest
from toy_exercise import EXERCISE

from course_utils.exercises.expect import (
    Mistake,
    NotAttempted,
    call,
    describe,
    expect_close,
    expect_counts,
    expect_shape,
    fail,
    is_blank,
    is_close,
    lent,
    to_array,
)
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow


@pytest.fixture
def tf():
    """Import TensorFlow for the tests that need it."""
    return import_tensorflow()


@pytest.mark.parametrize(
    ("answer", "blank"),
    [
        ([1, ...], True),
        ((1, (2, [...])), True),
        ({"a": None}, True),
        ({"a": [...]}, True),
        ([{"a": {"b": ...}}], True),
        ((None, None, 3), False),
        ([], False),
        ({}, False),
        (0, False),
        ("", False),
        (np.zeros(3), False),
    ],
)
def test_what_counts_as_blank(answer, blank):
    assert is_blank(answer) is blank


def test_to_array_accepts_what_holds_numbers(tf):
    import keras

    for value in (2, 2.5, True, [1, 2], ((1, 2), (3, 4)), np.float16(3), tf.constant([1.0])):
        assert to_array(value).dtype.kind in "biuf"
    assert to_array(tf.Variable([1, 2])).tolist() == [1, 2]
    assert to_array(keras.Variable([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert to_array(tf.constant([1.5], tf.bfloat16)).astype(float).tolist() == [1.5]


def test_to_array_explains_what_holds_none(tf):
    import keras

    symbolic = []
    tf.function(symbolic.append).get_concrete_function(tf.constant(1.0))
    for value in (symbolic[0], keras.Input((3,))):
        with pytest.raises(Mistake, match="The mean is a symbolic tensor"):
            to_array(value, "The mean")
    for value in ("three", [1, "a"], [[1], [1, 2]], object(), {1}, iter([1]), 10**400, b"x"):
        with pytest.raises(Mistake, match="expected numbers"):
            to_array(value)
    records = np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])
    with pytest.raises(Mistake, match="a NumPy array of shape"):
        to_array(records)


def test_to_array_refuses_to_fill_the_memory():
    begun = time.process_time()
    with pytest.raises(Mistake, match="numbers that fit in an array"):
        to_array(range(10**12))
    assert time.process_time() - begun < 1


def test_to_array_does_not_ask_for_items_without_end():
    class Nest:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return self

    begun = time.process_time()
    with pytest.raises(Mistake, match="an object of type Nest; expected numbers that fit"):
        to_array(Nest())
    assert time.process_time() - begun < 1
    assert to_array(deque([1, 2])).tolist() == to_array(array("f", [1, 2])).tolist() == [1, 2]


def test_expectations():
    assert expect_shape([[1, 2]], (1, 2)).shape == (1, 2)
    with pytest.raises(Mistake, match=r"The sum has the shape \(2,\); expected \(1, 2\)\."):
        expect_shape([1, 2], (1, 2), "The sum")
    assert expect_close([1.0, 2.0], np.array([1.0, 2.00001])) is None
    with pytest.raises(Mistake, match=r"off by up to 0\.5\."):
        expect_close([1.0, 2.0], [1.0, 2.5])
    with pytest.raises(Mistake, match="NaN or infinity"):
        expect_close([1.0, float("nan")], [1.0, 2.5])
    with pytest.raises(Mistake, match="shape"):
        expect_close(1.0, [1.0])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([1, 2], "Expected a dict with the keys 'a', 'b'."),
        ({"a": 1}, "Expected a dict with the keys 'a', 'b'."),
        ({"a": 1, "b": 2, "c": 3}, "Expected a dict with the keys 'a', 'b'."),
        ({"a": 1, "b": "two"}, "'b' is 'two'; expected a whole number."),
        ({"a": [1, 1], "b": 2}, "'a' is [1, 1]; expected a whole number."),
        ({"a": 1, "b": 3}, "'b' is not 3. Count again."),
    ],
)
def test_counts_are_checked_one_by_one(answer, says):
    why = {"a": "Look.", "b": "Count again."}
    expect_counts({"b": np.int64(2), "a": 1.0}, {"a": 1, "b": 2}, why)
    with pytest.raises(Mistake) as mistake:
        expect_counts(answer, {"a": 1, "b": 2}, why)
    assert str(mistake.value) == says


def test_is_close_never_raises_and_never_broadcasts(recwarn):
    assert is_close([1, 2], [1.00001, 2])
    assert not is_close([1, 1], 1)
    assert not is_close("one", 1)
    assert not is_close(object(), object())
    assert not is_close(float("nan"), float("nan"))
    assert not is_close([1 + 1j], [1.0])  # the imaginary part counts
    assert is_close(1.0, 1.05, tolerance=0.1)
    assert not recwarn.list


def test_call_needs_a_function():
    with pytest.raises(Mistake, match="Expected a function, got 'text'"):
        call("text")
    with pytest.raises(NotAttempted):
        call(lambda: None)
    assert call(lambda *, key: key, key=4) == 4


def test_a_metaclass_cannot_hide_a_type():
    class Meta(type):
        @property
        def __name__(cls):
            raise RuntimeError("no")

    class Thing(metaclass=Meta):
        @property
        def shape(self):
            raise RuntimeError("no")

    assert describe(Thing()) == "an object of type Thing"
    assert judge(EXERCISE, Thing()).status == Verdict.NOT_YET


def test_a_lent_model_is_made_anew_only_when_it_was_changed(tf):
    import keras

    made = []

    @lent
    def model():
        """Return a model."""
        layers = [keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)]
        made.append(keras.Sequential(layers))
        made[-1](np.ones((1, 2)))
        return made[-1]

    def is_new_after(change):
        count = len(made)
        with contextlib.suppress(Mistake), model() as lent_out:
            change(lent_out)
        with model():
            pass
        return len(made) - count

    def fit(model):
        model.compile("sgd", "mse")
        model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)

    with model() as first:
        assert first is made[0]
    assert is_new_after(lambda model: None) == 0
    assert is_new_after(lambda model: model(np.ones((1, 2)))) == 0
    assert is_new_after(lambda model: fail("No.")) == 0
    for change in (
        lambda model: model.weights[0].assign_add(model.weights[0]),
        lambda model: setattr(model.layers[0], "trainable", False),
        lambda model: model.compile("sgd", "mse"),
        lambda model: model.pop(),
        lambda model: setattr(model, "memory", [1]),
        lambda model: model.layers[0](keras.Input((2,))),
        fit,
    ):
        assert is_new_after(change) == 1
    assert model.__doc__ == "Return a model."
    with model() as one, model() as other:
        assert one is not other
