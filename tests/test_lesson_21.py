"""What lesson 21 counts is what ``costs`` counts, its blocks are those of the papers."""

import numpy as np
import pytest

from course_utils.builders import costs
from course_utils.exercises import lesson_21
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

BUILT = (
    "conv_unit",
    "inception_block",
    "separable_block",
    "residual_block",
    "layer_multiplications",
    "multiplications_by_layer",
    "model_multiplications",
    "block_multiplications",
)
FOUR = {"ones": 3, "threes": 4, "fives": 2}
CALLS = {
    "conv_unit": ((5, 3), {}),
    "separable_block": ((5,), {}),
    "residual_block": ((5,), {}),
    "residual_block, equal": ((3,), {}),
    "inception_block": ((), FOUR),
    "inception_block, reduced": (
        (),
        FOUR | {"pooled": 3, "reduce_threes": 2, "reduce_fives": 1},
    ),
}


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("21", only=(*BUILT, "join_channels", "given", "convolution"))


# ---------------------------------------------------------------- blocks, and what they cost


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("momentum", [None, 0.9])
def test_blocks_keep_the_size_and_cost_what_the_helper_counts(lesson, call, momentum):
    name, (args, settings) = call.split(",")[0], CALLS[call]
    x = keras.Input((9, 8, 3))
    model = keras.Model(x, lesson[name](x, *args, momentum=momentum, **settings))
    assert model.output.shape[:3] == (None, 9, 8)
    convolutions = [one for one in model.layers if hasattr(one, "kernel")]
    norms = [one for one in model.layers if isinstance(one, layers.BatchNormalization)]
    assert all(one.use_bias == (momentum is None) for one in convolutions)
    assert len(norms) == (0 if momentum is None else len(convolutions))
    counted = costs.model_multiplications(model)
    assert counted == lesson["model_multiplications"](model) > 0
    assert counted == sum(lesson["multiplications_by_layer"](model).values())
    assert counted == lesson["block_multiplications"](lesson[name], (9, 8, 3), *args, **settings)


def test_helper_and_lesson_count_shared_and_nested_models_alike(lesson):
    x = keras.Input((9, 8, 3))
    inner = keras.Model(x, lesson["residual_block"](x, 3))
    outer = keras.Model(x, layers.Dense(4)(layers.Flatten()(inner(inner(x)))))
    counted = costs.model_multiplications(outer)
    assert counted == lesson["model_multiplications"](outer)
    assert counted == 2 * costs.model_multiplications(inner) + 9 * 8 * 3 * 4


@pytest.mark.parametrize(
    ("settings", "multiplications", "channels"),
    [
        ({}, 303_464_448, 416),
        ({"pooled": 32, "reduce_threes": 96, "reduce_fives": 16}, 128_049_152, 256),
    ],
)
def test_first_inception_block_of_googlenet(lesson, settings, multiplications, channels):
    x = keras.Input((28, 28, 192))
    settings = {"ones": 64, "threes": 128, "fives": 32} | settings
    model = keras.Model(x, lesson["inception_block"](x, **settings))
    assert costs.model_multiplications(model) == multiplications
    assert model.output.shape[-1] == channels


@pytest.mark.parametrize("filters", [3, 5, 1])
def test_a_residual_block_adds_its_input_or_a_projection_of_it(lesson, filters):
    data = np.random.default_rng(1).normal(size=(2, 9, 8, 3)).astype("float32")
    x = keras.Input((9, 8, 3))
    model = keras.Model(x, lesson["residual_block"](x, filters))
    convolutions = [one for one in model.layers if isinstance(one, layers.Conv2D)]
    projections = [one for one in convolutions if one.kernel_size == (1, 1)]
    first, second = (one for one in convolutions if one.kernel_size == (3, 3))
    assert len(projections) == (filters != 3)
    shortcut = projections[0](data) if projections else data
    expected = tf.nn.relu(second(tf.nn.relu(first(data))) + shortcut)
    np.testing.assert_allclose(model(data), expected, rtol=1e-4, atol=1e-4)


def test_the_join_is_checked(lesson):
    x = keras.Input((9, 8, 3))
    paths = [layers.Conv2D(2, 1)(x) for _ in range(3)]
    assert lesson["join_channels"](x, paths).shape == (None, 9, 8, 6)
    for axis in (0, 1, 2):
        with pytest.raises(ValueError, match="expected"):
            lesson["join_channels"](x, paths, axis)


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_21.EXERCISES}


@pytest.mark.parametrize("case", lesson_21.COST_CASES)
def test_cost_reference_is_the_count_of_the_block(lesson, case):
    height, width, channels, *filters = case
    names = ("ones", "reduce_threes", "threes", "reduce_fives", "fives", "pooled")
    settings = dict(zip(names, filters, strict=True))
    counted = lesson["block_multiplications"](
        lesson["inception_block"], (height, width, channels), **settings
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
