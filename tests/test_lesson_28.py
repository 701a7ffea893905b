"""What lesson 28 builds is as it says, and its exercises judge fairly."""

import numpy as np
import pytest
from random_values import batch, randomise

from course_utils.exercises import lesson_28
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()

import keras  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("28")


# ---------------------------------------------------------------- blocks and networks


@pytest.mark.parametrize("kind", ["BasicBlock", "Bottleneck"])
@pytest.mark.parametrize(("filters", "strides"), [(8, 1), (2, 1), (4, 2)])
def test_the_blocks_of_the_exercise_are_those_of_the_lesson(lesson, kind, filters, strides):
    ours = getattr(lesson_28, kind)(filters, strides=strides)
    theirs, x = lesson[kind](filters, strides=strides, epsilon=1e-3), batch(2, 6, 6, 8)
    ours(x), theirs(x)
    randomise(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-4)
    for one, other in zip(ours.weights, theirs.weights, strict=True):  # the averages moved alike
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("kind", "parameters"), [("ResNet18", 11_689_512), ("ResNet50", None)])
def test_networks_have_the_parameters_of_their_papers(lesson, kind, parameters):
    model = lesson[kind]()
    model(keras.Input((64, 64, 3)))
    if parameters is None:
        theirs = keras.applications.ResNet50(weights=None)
        assert model.count_params() == theirs.count_params()
    else:
        assert lesson["trainable"](model) == parameters


# ---------------------------------------------------------------- exercises


def verdict_on(number, answer):
    return judge(lesson_28.EXERCISES[number - 1], answer)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    "answer", [keras.Model, int, "x", lambda *given: given[0], lambda *given: 3]
)
def test_other_things_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict


def test_a_started_block_learns_from_the_first_step():
    """The claim behind exercise 28.1, with the other gammas for comparison."""
    block, x = lesson_28.BasicBlock(8), np.abs(batch(4, 5, 5, 8))
    block(x)
    lesson_28.start_as_shortcut(block)
    np.testing.assert_allclose(block(x), x, atol=1e-6)
    gammas = [part.norm.gamma for part in block.main_path]

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(block(x, training=True) - 2 * x))
        return [np.abs(part).max() for part in tape.gradient(loss, gammas)]

    assert gradient()[1] > 1e-2
    gammas[0].assign(np.zeros(8))
    gammas[1].assign(np.ones(8))
    assert gradient()[1] < 1e-6


@pytest.mark.parametrize("kind", ["BasicBlock", "Bottleneck"])
def test_blocks_build_their_children(lesson, kind):
    """After build alone all weights are there, so that a loaded block is whole (lesson 24)."""
    block = lesson[kind](4, strides=2)
    block.build((None, 6, 6, 8))
    before = len(block.weights)
    block(batch(2, 6, 6, 8))
    assert len(block.weights) == before == 5 * (len(block.main_path) + 1)
