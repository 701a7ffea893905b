"""What lesson 26 builds is as it says, and its exercises judge fairly."""

import numpy as np
import pytest
from random_values import batch

from course_utils.exercises import lesson_26
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("26")


def place(weight):
    """Return the names of a weight and of its layer."""
    return "/".join(weight.path.split("/")[-2:])


# ---------------------------------------------------------------- blocks and the model of them


def test_blocks_build_their_children(lesson):
    """After build alone all weights are there, so that a loaded block is whole (lesson 24)."""
    for block, shape in ((lesson["DNNResidual"](2, 6), (None, 6)),
                         (lesson["CNNResidual"](2, 6), (None, 5, 5, 3))):  # fmt: skip
        block.build(shape)
        before = len(block.weights)
        block(batch(2, *shape[1:]))
        assert len(block.weights) == before == 4 + 2 * (shape[-1] == 3)


@pytest.mark.parametrize("depth", [2, 3])
def test_blocks_add_their_main_path(lesson, depth):
    block, x = lesson["DNNResidual"](depth, 6), batch(4, 6)
    assert block(x).shape == (4, 6) and block.count_params() == depth * 7 * 6
    expected = x
    for layer in block.hidden:
        expected = layer(expected)
    np.testing.assert_allclose(block(x), x + expected, atol=1e-6)


@pytest.mark.parametrize(("channels", "depth"), [(6, 2), (2, 3)])
def test_convolutional_blocks_project_where_channels_differ(lesson, channels, depth):
    block, x = lesson["CNNResidual"](depth, 6), batch(4, 5, 5, channels)
    got, expected = block(x), x
    assert (block.projection is None) == (channels == 6)
    for layer in block.hidden:
        expected = layer(expected)
    shortcut = x if channels == 6 else block.projection(x)
    np.testing.assert_allclose(got, shortcut + expected, atol=1e-5)
    sizes = (9 * channels + 1) * 6 + (depth - 1) * (9 * 6 + 1) * 6
    assert block.count_params() == sizes + (0 if channels == 6 else (channels + 1) * 6)


@pytest.mark.parametrize("options", [{}, {"rounds": 2}, {"rounds": 4, "shared": False}], ids=str)
def test_the_class_and_the_graph_are_one_model(lesson, options):
    model = lesson["MyResidual"](name="same", **options)
    graph = lesson["build_my_residual"](**options)
    x = batch(3, 14, 14, 1)
    model(x)
    assert graph.count_params() == model.count_params()
    if options.get("shared", True):
        named = {place(weight): weight for weight in model.weights}
        for weight in graph.weights:
            weight.assign(named[place(weight)])
        np.testing.assert_allclose(model(x), graph(x), atol=1e-4)


def test_the_block_of_the_exercise_is_that_of_the_lesson(lesson):
    ours, theirs, x = lesson_26.DNNResidual(2, 6), lesson["DNNResidual"](2, 6), batch(4, 6)
    ours(x), theirs(x)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-6)


# ---------------------------------------------------------------- what the lesson says


def test_the_gradients_of_a_shared_block_add(lesson):
    one, three = lesson["MyResidual"](), lesson["MyResidual"](shared=False)
    x = batch(4, 14, 14, 1)
    one(x), three(x)
    for block in three.dnn:
        block.set_weights(one.dnn[0].get_weights())
    for name in ("first", "cnn", "widen", "answer"):
        getattr(three, name).set_weights(getattr(one, name).get_weights())

    def gradients(model):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - 1))
        blocks = {id(block): block for block in model.dnn}.values()
        return [g.numpy() for g in tape.gradient(loss, [b.hidden[1].kernel for b in blocks])]

    (of_one,), of_three = gradients(one), gradients(three)
    assert len(of_three) == 3 and not np.allclose(of_three[0], of_three[1], rtol=1e-2)
    np.testing.assert_allclose(of_one, sum(of_three), atol=1e-4 * np.abs(of_one).max())


# ---------------------------------------------------------------- exercises


def verdict_on(number, answer):
    return judge(lesson_26.EXERCISES[number - 1], answer)


def count_by_layers(channels, filters, depth, blocks, shared):
    total, seen = 0, channels
    for _ in range(1 if shared else blocks):
        row = [layers.Conv2D(filters, 3, padding="same") for _ in range(depth)]
        block = keras.Sequential([keras.Input((4, 4, seen)), *row])
        projection = (seen + 1) * filters if seen != filters else 0
        total, seen = total + block.count_params() + projection, filters
    return total


def test_counting_layers_is_right():
    assert verdict_on(2, count_by_layers).status == Verdict.CORRECT


class PathAlone(lesson_26.ProjectedDNN):
    def call(self, inputs):
        for layer in self.hidden:
            inputs = layer(inputs)
        return inputs


def test_a_main_path_alone_is_no_residual_block():
    assert verdict_on(3, PathAlone).status == Verdict.NOT_YET


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("answer", [layers.Dense, keras.Model, int, layers.Dense(3), "Tower"])
def test_other_classes_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict
