"""Errors of an answer, in a learner's words."""

import dataclasses
import time

import pytest
from toy_exercise import EXERCISE, QUICK

from course_utils.exercises.expect import fail
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow


@pytest.fixture
def tf():
    """Import TensorFlow for the tests that need it."""
    return import_tensorflow()


def test_exception_quotes_the_learners_line():
    def double(x):
        return x.nothing * 2

    message = judge(EXERCISE, double).message
    assert message == (
        "`double` raised AttributeError at the line `return x.nothing * 2`: "
        "'int' object has no attribute 'nothing'"
    )


def test_wrong_signature_is_named():
    message = judge(EXERCISE, lambda: 3).message
    assert "Your function raised TypeError" in message
    assert "takes 0 positional arguments but 1 was given" in message


def test_errors_without_addresses_paths_or_control_characters():
    said = "at 0x7f00deadbeef in /home/ada/course/file.txt \x1b[31m\x00\ud800"

    def double(x):
        raise ValueError(said)

    text = str(judge(EXERCISE, double))
    assert "0x7f" not in text
    assert "/home" not in text
    assert "…/file.txt" in text
    assert all(line.isprintable() for line in text.splitlines())
    text.encode("utf-8")


def test_long_messages_are_cut():
    def double(x):
        raise ValueError("x " * 10**6)

    assert len(str(judge(EXERCISE, double))) < 500
    exercise = dataclasses.replace(EXERCISE, check=lambda answer: fail("y" * 10**6))
    assert len(str(judge(exercise, double))) < 1_200


def test_messages_of_hostile_exceptions():
    class Rude(Exception):
        def __str__(self):
            raise RuntimeError("no")

    class Ruder(Exception):
        def __str__(self):
            raise SystemExit("no")

    class Endless(BaseException):
        def __str__(self):
            while True:
                pass

    def raises(error):
        def double(x):
            raise error

        return double

    assert "`double` raised Rude" in judge(QUICK, raises(Rude())).message
    assert "`double` raised Ruder" in judge(QUICK, raises(Ruder())).message
    begun = time.monotonic()
    assert "did not finish" in judge(QUICK, raises(Endless())).message
    assert time.monotonic() - begun < 15


def test_tensorflow_errors_are_unwrapped(tf):
    import keras

    def double(x):
        return tf.constant([1, 2]) + tf.constant([1, 2, 3])

    assert judge(EXERCISE, double).message == (
        "`double` raised InvalidArgumentError at the line "
        "`return tf.constant([1, 2]) + tf.constant([1, 2, 3])`: Incompatible shapes: [2] vs. [3]"
    )

    @tf.function
    def traced(x):
        if tf.constant(True):
            y = tf.constant([1, 2]) + tf.constant([1, 2, 3])
        else:
            y = tf.constant(1)
        return y

    message = judge(EXERCISE, traced).message
    assert message.startswith(
        "`traced` raised ValueError at the line `y = tf.constant([1, 2]) + tf.constant([1, 2, 3])`"
    )
    assert "Dimensions must be equal, but are 2 and 3" in message

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def ran(x):
        return tf.gather(tf.zeros(3), x)

    message = judge(EXERCISE, ran).message
    assert "at the line `return tf.gather(tf.zeros(3), x)`: indices = 3 is not in [0, 3)" in message

    class Layer(keras.layers.Layer):
        def call(self, x):
            return tf.zeros(2) + tf.zeros(3)

    message = judge(EXERCISE, lambda x: Layer()(tf.constant([1.0]))).message
    assert "Incompatible shapes: [2] vs. [3]" in message
    for text in (message, judge(EXERCISE, double).message):
        assert "function_node" not in text
        assert "Op:" not in text
