"""What lesson 05 builds is what ``gradients`` offers, and its claims hold."""

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_05
from course_utils.session import import_tensorflow
from course_utils.training import gradients
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code

tf = import_tensorflow()


# ---------------------------------------------------------------- gradients by differences


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("05", "STEPS", "numeric_gradient")


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
    assert lesson["STEPS"] == gradients.STEPS


def test_a_later_lesson_imports_what_this_one_says_it_will():
    cells = nbformat.read(find_lesson("07"), as_version=4).cells
    setup = next(cell.source for cell in cells if cell.id == "setup")
    assert "from course_utils.training.gradients import numeric_gradient" in setup


# ---------------------------------------------------------------- walks downhill


@pytest.fixture(scope="module")
def downhill():
    return lesson_code("05", "X", "walk", "absolute", "squared")


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


@pytest.mark.parametrize("rate", [0.001, 0.03, 0.08, 0.11, 0.2])
def test_a_step_on_the_squared_error_multiplies_the_distance_as_predicted(downhill, rate):
    for start in (-7.0, 2.5, 19.0):
        first, second = downhill["walk"](start, steps=1, loss=downhill["squared"], rate=rate)
        assert (second - 2) / (first - 2) == pytest.approx(1 - 18 * rate, abs=1e-4)


# ---------------------------------------------------------------- exercise 05.2


@pytest.fixture(scope="module")
def reading():
    return lesson_code("05", "pictures", "first_step", "count_right")


def test_the_example_of_the_exercise_holds():
    x, y = tf.constant([[1.0], [3.0]]), tf.constant([[0.0], [1.0]])
    for steps, ends_at in ((1, 0.15), (2, 0.225)):
        weights = lesson_05.learn(x, y, 0.05, steps)
        np.testing.assert_allclose(weights, [[ends_at]], atol=1e-6)


def test_the_first_step_of_the_exercise_is_the_picture_of_the_opening(reading):
    weights = lesson_05.learn(reading["pictures"], reading["wanted"], 1.0, 1)
    np.testing.assert_allclose(weights, reading["first_step"], atol=1e-7)


def test_fifty_steps_read_as_many_digits_as_the_exercise_says(reading):
    weights = lesson_05.learn(reading["pictures"], reading["wanted"], 0.2, 50)
    assert 850 < reading["count_right"](weights) < 870


def test_the_rate_that_the_exercise_invites_to_try_explodes(reading):
    weights = lesson_05.learn(reading["pictures"], reading["wanted"], 0.3, 50)
    assert np.abs(weights).max() > 1e3 and reading["count_right"](weights) < 300
