"""What lesson 25 builds is as it says, and its exercises judge fairly."""

import numpy as np
import pytest

from course_utils.exercises import lesson_25
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers, ops  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("25")


# ---------------------------------------------------------------- the lesson's own parts


def test_pairs_and_their_mask(lesson):
    embedding = layers.Embedding(9, 3, mask_zero=True)
    rows = embedding(np.array([[1, 2, 3, 0], [4, 0, 0, 0]]))
    pairs = lesson["Pairs"]()
    values = np.asarray(rows)
    np.testing.assert_array_equal(pairs(rows)[0, 1], np.concatenate([values[0, 1], values[0, 2]]))
    mask = pairs.compute_mask(rows, tf.constant([[True, True, True, False]]))
    assert np.asarray(mask).tolist() == [[True, True, False]]
    assert pairs.compute_mask(rows) is None


def test_stochastic_depth_is_the_mean_over_its_draws(lesson):
    """In use, a network of linear blocks answers with the mean of its answers in training."""
    model = lesson["StochasticDepth"](depth=3, units=6)
    for block in model.blocks:
        block.activation = keras.activations.linear
    rows = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    in_use = model(rows)
    drawn = np.stack([model(rows, training=True) for _ in range(400)])
    spread = drawn.std(axis=0).max() / np.sqrt(len(drawn))
    np.testing.assert_allclose(drawn.mean(axis=0), in_use, atol=6 * spread)
    assert spread > 0


def test_formula_reader_is_the_recursion(lesson):
    reader = lesson["FormulaReader"](width=3)
    values = np.array([[0, 1, 1], [1, 0, 0]])
    got = reader(values, formula=("and", ("or", 0, 1), 2))
    leaf = reader.leaf.get_weights()[0][values]

    def joint(name, left, right):
        kernel, bias = reader.joints[name].get_weights()
        return np.tanh(np.concatenate([left, right], axis=1) @ kernel + bias)

    vector = joint("and", joint("or", leaf[:, 0], leaf[:, 1]), leaf[:, 2])
    kernel, bias = reader.truth.get_weights()
    np.testing.assert_allclose(got, vector @ kernel + bias, atol=1e-5)
    right = lesson["right_answers"](("and", ("or", 0, 1), 2), values)
    assert right.tolist() == [1, 0]


# ---------------------------------------------------------------- exercises


def verdict_on(number, answer):
    return judge(lesson_25.EXERCISES[number - 1], answer)


class SettleByRow(lesson_25.Settle):
    """Stops when the mean change is small, not the largest."""

    def call(self, inputs):
        def next_round(state, change):
            new = ops.tanh(inputs + ops.matmul(state, self.w))
            return new, ops.mean(ops.abs(new - state))

        start = ops.zeros_like(inputs), ops.convert_to_tensor(float("inf"), dtype="float32")
        return ops.while_loop(
            lambda state, change: change > self.tolerance,
            next_round,
            start,
            maximum_iterations=self.limit,
        )[0]


def test_a_mean_change_stops_too_early():
    verdict = verdict_on(3, SettleByRow)
    assert verdict.status == Verdict.NOT_YET and "it ends with round" in verdict.message


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("answer", [layers.Dense, keras.Model, int, layers.Dense(3), "Experts"])
def test_other_classes_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict
