"""What lesson 29 builds is as it says, and its exercises judge fairly."""

import numpy as np
import pytest
from random_values import batch, randomise

from course_utils.data import load_results
from course_utils.exercises import lesson_29
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()

import keras  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("29", "cross_entropy")


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_towers_are_their_units_and_can_do_without_one(lesson, shortcuts, batch_norm):
    tower = lesson["Tower"](8, shortcuts=shortcuts, batch_norm=batch_norm, filters=4)
    x, labels = batch(64, 14, 14, 1), np.arange(64) % 10
    tower(x)
    randomise(tower)

    def through(places):
        y = tower.stem(x)
        for place in places:
            unit = tower.units[place]
            y = tf.nn.relu(unit.main_path(y) + (y if shortcuts else 0))
        return tower.head(y)

    np.testing.assert_allclose(tower(x), through([0, 1, 2]), atol=1e-4)
    np.testing.assert_allclose(lesson["without_units"](tower, [1])(x), through([0, 2]), atol=1e-4)
    assert len(lesson["gradient_norms"](tower, x, labels)) == 7


# ---------------------------------------------------------------- what is stored


def test_stored_runs_have_the_shape_that_the_lesson_draws():
    stored = load_results("29")
    seeds = len(stored["settings"]["seeds"])
    assert seeds >= 5
    for arm in ("with batch norm", "without batch norm"):
        for kind in ("plain", "residual"):
            runs = stored["depth"][arm][kind]
            assert list(runs) == ["8", "14", "20", "30"]
            for run in runs.values():
                assert all(len(values) == seeds for values in run.values())
                assert all(0 <= value <= 1 for value in run["train accuracy"])
    for kind in ("plain", "residual"):
        assert np.shape(stored["longer"][kind]) == (seeds, 12)
        assert np.shape(stored["deleted"]["8"][kind]) == (seeds, 4)
        assert np.shape(stored["deleted"]["14"][kind]) == (seeds, 7)


def test_exercise_reads_the_stored_runs():
    plain = load_results("29")["depth"]["with batch norm"]["plain"]
    assert lesson_29.read_depth(plain["8"], plain["30"]) == "harder to train"
    assert lesson_29.read_depth(plain["8"], plain["8"]) == "not clear"


# ---------------------------------------------------------------- exercises


def verdict_on(number, answer):
    return judge(lesson_29.EXERCISES[number - 1], answer)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    "answer", [keras.Model, int, "x", lambda *given: given[0], lambda *given: 3]
)
def test_other_things_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict
