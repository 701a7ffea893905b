"""What lesson 21 builds is what ``blocks`` offers, and its claims can fail."""

import collections
import math

import numpy as np
import pytest

from course_utils.builders import blocks
from course_utils.exercises import lesson_21
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code
from tools.seeds import lesson_21 as seeds

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

BUILT = (
    "conv_unit",
    "inception_block",
    "separable_block",
    "residual_block",
    "plain_block",
    "layer_multiplications",
    "multiplications_by_layer",
    "model_multiplications",
    "block_multiplications",
)
FOUR = {"ones": 3, "threes": 4, "fives": 2}
CALLS = {
    "conv_unit": ((5, 3), {}),
    "plain_block": ((5,), {}),
    "separable_block": ((5,), {}),
    "residual_block": ((5,), {}),
    "residual_block, equal": ((3,), {}),
    "inception_block": ((), FOUR),
    "inception_block, reduced": (
        (),
        FOUR | {"pooled": 3, "reduce_threes": 2, "reduce_fives": 1},
    ),
}


NEEDED = ("paths", "digits", "one_each", "join_channels", "given", "wide", "convolution")
"""What the cells that build something print, and need for it."""


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("21", *BUILT, *NEEDED, "contestants", "classifier", "widths")


# ---------------------------------------------------------------- helper and lesson


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("momentum", [None, 0.9])
def test_helper_and_lesson_answer_alike(lesson, call, momentum):
    name, (args, settings) = call.split(",")[0], CALLS[call]
    models = []
    for names in (vars(blocks), lesson):
        x = keras.Input((9, 8, 3))
        models.append(keras.Model(x, names[name](x, *args, momentum=momentum, **settings)))
    ours, theirs = models
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    rng = np.random.default_rng(13)
    values = [rng.uniform(0.1, 1.0, size=weight.shape) for weight in ours.weights]
    for model in models:
        model.set_weights(values)
    images = rng.normal(size=(2, 9, 8, 3)).astype("float32")
    for training in (False, True):
        np.testing.assert_allclose(
            ours(images, training=training), theirs(images, training=training), rtol=1e-5
        )
    counted = [names["model_multiplications"](ours) for names in (vars(blocks), lesson)]
    assert counted[0] == counted[1] > 0
    assert blocks.multiplications_by_layer(ours) | {ours.layers[0].name: 0} == (
        lesson["multiplications_by_layer"](ours)
    )
    shape = (9, 8, 3)
    assert counted[0] == lesson["block_multiplications"](lesson[name], shape, *args, **settings)


def test_helper_and_lesson_count_shared_and_nested_models_alike(lesson):
    x = keras.Input((9, 8, 3))
    inner = keras.Model(x, blocks.plain_block(x, 3))
    outer = keras.Model(x, layers.Dense(4)(layers.Flatten()(inner(inner(x)))))
    counted = blocks.model_multiplications(outer)
    assert counted == lesson["model_multiplications"](outer)
    assert counted == 2 * blocks.model_multiplications(inner) + 9 * 8 * 3 * 4


def test_the_join_is_checked(lesson):
    x = keras.Input((9, 8, 3))
    paths = [layers.Conv2D(2, 1)(x) for _ in range(3)]
    assert lesson["join_channels"](x, paths).shape == (None, 9, 8, 6)
    for axis in (0, 1, 2):
        with pytest.raises(ValueError, match="expected"):
            lesson["join_channels"](x, paths, axis)


# ---------------------------------------------------------------- what the lesson promises


def test_the_script_races_the_networks_of_the_lesson(lesson):
    assert set(lesson["contestants"]) == set(seeds.CONTESTANTS) == set(lesson["widths"])
    costs = []
    for name, (block, widths) in seeds.CONTESTANTS.items():
        assert widths == lesson["widths"][name]
        ours = seeds.classifier(block, widths)
        theirs = lesson["classifier"](lesson["contestants"][name], widths)
        shapes = [[tuple(weight.shape) for weight in model.weights] for model in (ours, theirs)]
        assert shapes[0] == shapes[1]
        costs.append(blocks.model_multiplications(ours))
        assert costs[-1] == blocks.model_multiplications(theirs)
    assert max(costs) < 1.02 * min(costs)


def test_each_claim_about_training_can_fail():
    for name, holds in seeds.CLAIMS.items():
        assert not holds(collections.defaultdict(lambda: math.nan)), name


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_21.EXERCISES}


@pytest.mark.parametrize("case", lesson_21.COST_CASES)
def test_cost_reference_is_the_count_of_the_block(case):
    height, width, channels, *filters = case
    names = ("ones", "reduce_threes", "threes", "reduce_fives", "fives", "pooled")
    settings = dict(zip(names, filters, strict=True))
    counted = blocks.block_multiplications(
        blocks.inception_block, (height, width, channels), **settings
    )
    assert lesson_21.inception_cost(*case) == counted


def test_a_loop_inside_a_node_stops_by_the_data_and_has_no_config():
    start = keras.Input((2,))
    (end,) = keras.ops.while_loop(lambda x: keras.ops.max(x) > 1, lambda x: (x / 2,), (start,))
    model = keras.Model(start, end)
    for values, steps in (([3.0, 1.0], 2), ([100.0, 7.0], 7)):
        row = np.array([values], "float32")
        np.testing.assert_allclose(model(row), row / 2**steps)
    with pytest.raises(NotImplementedError, match="WhileLoop"):
        model.get_config()


def test_example_of_the_rebuilt_network_adds_up():
    parts = {"a": layers.Dense(4), "sum": layers.Add()}
    model = lesson_21.rebuild((4,), parts, [("a", "sum"), ("input", "sum"), ("input", "a")])
    data = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(model(data), parts["a"](data) + data, rtol=1e-5)
