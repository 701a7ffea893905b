"""What lesson 05 builds is what ``gradients`` offers, and its claims hold."""

import numpy as np
import pytest

from course_utils.exercises import lesson_05
from course_utils.session import import_tensorflow
from course_utils.training import gradients
from tools.lesson_code import lesson_code

tf = import_tensorflow()


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("05", "STEPS", "numeric_gradient", "check_gradient")


def wave(x):
    return tf.reduce_sum(tf.tanh(x) * x)


POINTS = {
    "a number": tf.constant(0.7),
    "a variable": tf.Variable([[0.5], [-2.0]]),
    "float64": tf.constant([0.1, 2.0, -3.0], tf.float64),
    "a list": [0.25, 0.5],
    "an array": np.array([[1.0, -1.0]]),
}


@pytest.mark.parametrize("step", [None, 0.05])
@pytest.mark.parametrize("name", POINTS)
def test_helper_and_lesson_give_the_same_numbers(lesson, name, step):
    x = POINTS[name]
    ours = gradients.numeric_gradient(wave, x, step=step)
    theirs = lesson["numeric_gradient"](wave, x, step=step)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    np.testing.assert_array_equal(ours, theirs)
    error = gradients.check_gradient(wave, x, step=step)
    assert error == lesson["check_gradient"](wave, x, step=step)
    assert error < 0.01


def test_helper_and_lesson_agree_where_there_is_no_slope(lesson):
    assert lesson["STEPS"] == gradients.STEPS
    for check in (gradients.check_gradient, lesson["check_gradient"]):
        assert check(lambda x: 0.0 * x, 2.0) == 0.0
        with pytest.raises(ValueError, match=r"function: the tape's gradient is None"):
            check(tf.round, 2.0)


@pytest.fixture(scope="module")
def downhill():
    return lesson_code("05", "X", "walk", "absolute")


@pytest.mark.parametrize("start", np.random.default_rng(0).uniform(-50, 50, size=20))
def test_a_walk_on_the_absolute_value_ends_in_a_jump_of_three(downhill, start):
    positions = downhill["walk"](float(start), steps=40, loss=downhill["absolute"])
    low, high = sorted(positions[-2:])
    assert high - low == pytest.approx(3, abs=1e-4) and low < 2 < high
    assert positions[-1] == pytest.approx(positions[-3], abs=1e-4)


@pytest.mark.parametrize("steps", range(1, 10))
def test_every_start_a_multiple_of_three_away_arrives_and_stays(downhill, steps):
    for start in (2.0 + 3 * steps, 2.0 - 3 * steps):
        positions = downhill["walk"](start, steps=steps + 3, loss=downhill["absolute"])
        assert positions[steps - 1] != 2.0 and positions[steps:] == [2.0] * 4


# ---------------------------------------------------------------- exercise 05.4

MENDED = {
    3: "        x = tf.constant(images.numpy() / 255.0, tf.float32)",
    5: "        scale = tf.constant(28.0)",
    7: "        history.append(0.0)",
    8: "        guesses = scores",
    10: "        shares = tf.abs(errors)",
}


def run_program(replaced=()):
    """Run the program of exercise 05.4 with some of its lines mended; return the gradient."""
    lines = lesson_05.PROGRAM.splitlines()
    for number in replaced:
        assert lines[number - 1] != MENDED[number]
        lines[number - 1] = MENDED[number]
    namespace = {"tf": tf, "np": np}
    exec("\n".join(lines), namespace)
    rng = np.random.default_rng(0)
    w = tf.Variable(rng.normal(size=784).astype(np.float32) * 5)
    images = tf.constant(rng.integers(0, 256, size=(6, 28, 28)), tf.uint8)
    labels = tf.constant([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    return namespace["training_gradient"](w, images, labels, [])


def test_the_program_of_the_exercise_returns_none_because_of_that_line_alone():
    suspicious = set(MENDED)
    assert run_program() is None
    assert run_program(suspicious - {lesson_05.GUILTY}) is None
    gradient = run_program([lesson_05.GUILTY])
    assert gradient.shape == (784,) and np.abs(gradient).max() > 0


def test_every_line_of_the_program_has_its_answer():
    count = len(lesson_05.PROGRAM.splitlines())
    assert sorted([*lesson_05.INNOCENT, lesson_05.GUILTY]) == list(range(1, count + 1))
