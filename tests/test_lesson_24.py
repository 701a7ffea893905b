"""What lesson 24 builds is as it says, and its exercises judge fairly."""

import numpy as np
import pytest

from course_utils.exercises import lesson_24
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    registered = keras.saving.get_custom_objects()
    before = dict(registered)
    yield lesson_parts("24", only=("build_wide_deep", "WideAndDeep"))
    registered.clear()
    registered.update(before)


def batch(count=6):
    rng = np.random.default_rng(0)
    return {
        "wide": rng.normal(size=(count, 4)).astype("float32"),
        "deep": rng.normal(size=(count, 9)).astype("float32"),
    }


# ---------------------------------------------------------------- two ways to write one model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"hidden": (5, 4, 3), "answers": 2},
        {"hidden": (), "dropout": 0.2},
        {"hidden": (8,), "dropout": 0.5},
    ],
    ids=str,
)
def test_the_class_and_the_graph_are_one_model(lesson, options):
    graph = lesson["build_wide_deep"](wide=4, deep=9, **options)
    model = lesson["WideAndDeep"](name="same", **options)
    model(batch())
    assert model.count_params() == graph.count_params()
    model.set_weights(graph.get_weights())
    np.testing.assert_array_equal(model(batch()), graph(batch()))
    again = lesson["WideAndDeep"].from_config(model.get_config())
    assert again.get_config() == model.get_config()


# ---------------------------------------------------------------- exercises


@pytest.mark.parametrize("exercise", lesson_24.EXERCISES, ids=lambda exercise: exercise.id)
@pytest.mark.parametrize("answer", [layers.Dense, keras.Model, int, layers.Dense(3), "Experts"])
def test_other_classes_get_a_verdict(exercise, answer):
    verdict = judge(exercise, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict
