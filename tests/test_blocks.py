"""Blocks have the shapes of the papers, their cost is that of the papers, and errors say why."""

import numpy as np
import pytest

from course_utils.builders.blocks import (
    block_multiplications,
    conv_unit,
    inception_block,
    layer_multiplications,
    model_multiplications,
    multiplications_by_layer,
    plain_block,
    residual_block,
    separable_block,
)
from course_utils.builders.convolution import count_multiplications
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

FOUR = {"ones": 2, "threes": 4, "fives": 3}
BLOCKS = {
    "unit": (conv_unit, (5, 3), {}, 5),
    "plain": (plain_block, (5,), {}, 5),
    "separable": (separable_block, (5,), {}, 5),
    "residual": (residual_block, (5,), {}, 5),
    "residual, equal channels": (residual_block, (3,), {}, 3),
    "inception": (inception_block, (), FOUR, 2 + 4 + 3 + 3),
    "inception, reduced": (
        inception_block,
        (),
        FOUR | {"pooled": 2, "reduce_threes": 2, "reduce_fives": 1},
        2 + 4 + 3 + 2,
    ),
}
each_block = pytest.mark.parametrize("name", BLOCKS)


def model_of(block, *args, shape=(9, 8, 3), **settings):
    inputs = keras.Input(shape)
    return keras.Model(inputs, block(inputs, *args, **settings))


def images(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


# ---------------------------------------------------------------- blocks


@each_block
@pytest.mark.parametrize("momentum", [None, 0.9])
def test_a_block_keeps_height_and_width_and_has_its_channels(name, momentum):
    block, args, settings, channels = BLOCKS[name]
    model = model_of(block, *args, momentum=momentum, **settings)
    assert model.output.shape == (None, 9, 8, channels)
    assert model(images(2, 9, 8, 3)).shape == (2, 9, 8, channels)
    convolutions = [one for one in model.layers if hasattr(one, "kernel")]
    norms = [one for one in model.layers if isinstance(one, layers.BatchNormalization)]
    assert all(one.use_bias == (momentum is None) for one in convolutions)
    assert len(norms) == (0 if momentum is None else len(convolutions))
    assert all(norm.momentum == momentum for norm in norms)


@each_block
def test_a_block_takes_any_size_and_has_new_weights_at_each_call(name):
    block, args, settings, _ = BLOCKS[name]
    inputs = keras.Input((None, None, 3))
    once = keras.Model(inputs, block(inputs, *args, **settings))
    both = keras.Model(inputs, [block(inputs, *args, **settings) for _ in range(2)])
    assert both.count_params() == 2 * once.count_params() > 0
    assert once(images(1, 5, 11, 3)).shape[1:3] == (5, 11)


def test_inception_paths_stand_side_by_side_in_their_order():
    data = images(2, 9, 8, 3)
    model = model_of(inception_block, **FOUR)
    by_size = {one.kernel_size[0]: one for one in model.layers if isinstance(one, layers.Conv2D)}
    expected = [tf.nn.relu(by_size[size](data)) for size in (1, 3, 5)]
    expected.append(tf.nn.max_pool2d(data, 3, 1, "SAME"))
    np.testing.assert_allclose(model(data), np.concatenate(expected, -1), rtol=1e-4, atol=1e-4)


def test_reductions_stand_before_the_windows_and_behind_the_pooling():
    model = model_of(inception_block, **BLOCKS["inception, reduced"][2])
    kernels = {tuple(one.kernel.shape) for one in model.layers if hasattr(one, "kernel")}
    assert kernels == {
        (1, 1, 3, 2),  # ones; before the threes; behind the pooling
        (3, 3, 2, 4),
        (1, 1, 3, 1),
        (5, 5, 1, 3),
    }


def test_a_separable_block_is_depthwise_then_pointwise():
    data = images(2, 9, 8, 3)
    model = model_of(separable_block, 5)
    depthwise, pointwise = (one for one in model.layers if hasattr(one, "kernel"))
    assert depthwise.kernel.shape == (3, 3, 3, 1) and pointwise.kernel.shape == (1, 1, 3, 5)
    for one in (depthwise, pointwise):
        one.bias.assign(images(*one.bias.shape))
    expected = tf.nn.relu(pointwise(tf.nn.relu(depthwise(data))))
    np.testing.assert_allclose(model(data), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("filters", [3, 5, 1])
def test_a_residual_block_adds_its_input_or_a_projection_of_it(filters):
    data = images(2, 9, 8, 3)
    model = model_of(residual_block, filters)
    convolutions = [one for one in model.layers if isinstance(one, layers.Conv2D)]
    projections = [one for one in convolutions if one.kernel_size == (1, 1)]
    first, second = (one for one in convolutions if one.kernel_size == (3, 3))
    shortcut = data
    if filters != 3:
        (projection,) = projections
        shortcut = projection(data)
    else:
        assert not projections
    expected = tf.nn.relu(second(tf.nn.relu(first(data))) + shortcut)
    np.testing.assert_allclose(model(data), expected, rtol=1e-4, atol=1e-4)


def test_one_channel_is_projected_and_not_broadcast():
    model = model_of(residual_block, 32, shape=(9, 8, 1))
    assert any(tuple(one.kernel.shape) == (1, 1, 1, 32) for one in model.layers
               if hasattr(one, "kernel"))  # fmt: skip


# ---------------------------------------------------------------- cost


def multiplications_by_hand(layer, shape):
    """Count the nonzero derivatives of a layer's sum of absolute products: one each weight, place.

    Of a convolution without padding, on ones and with weights of one, the sum of the output is
    the number of products.
    """
    for weight in layer.weights:
        weight.assign(tf.zeros_like(weight) if "bias" in weight.name else tf.ones_like(weight))
    return int(tf.reduce_sum(layer(tf.ones((1, *shape)))))


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3),
        layers.Conv2D(4, (2, 3), strides=2),
        layers.Conv2D(6, 3, groups=3),
        layers.Conv2D(4, 3, dilation_rate=2),
        layers.DepthwiseConv2D(3),
        layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
        layers.Dense(5),
    ],
    ids=lambda layer: layer.name,
)
def test_cost_of_a_layer_is_the_number_of_products(layer):
    shape = (9, 8, 3)
    layer.build((None, *shape))
    assert layer_multiplications(layer, shape) == multiplications_by_hand(layer, shape)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2])
def test_cost_of_a_convolution_is_that_of_lesson_07(padding, stride):
    layer = layers.Conv2D(4, 3, strides=stride, padding=padding)
    layer.build((None, 9, 8, 3))
    expected = count_multiplications((9, 8, 3), (3, 3, 3, 4), stride=stride, padding=padding)
    assert layer_multiplications(layer, (9, 8, 3)) == expected


def test_separable_layer_costs_both_steps():
    layer = layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2)
    layer.build((None, 9, 8, 3))
    assert layer_multiplications(layer, (9, 8, 3)) == 72 * (9 * 3 * 2 + 6 * 5)


@pytest.mark.parametrize(
    ("settings", "multiplications", "channels"),
    [
        ({}, 303_464_448, 416),
        ({"pooled": 32, "reduce_threes": 96, "reduce_fives": 16}, 128_049_152, 256),
    ],
)
def test_first_inception_block_of_googlenet(settings, multiplications, channels):
    settings = {"ones": 64, "threes": 128, "fives": 32} | settings
    model = model_of(inception_block, shape=(28, 28, 192), **settings)
    assert model_multiplications(model) == multiplications
    assert model.output.shape[-1] == channels


def test_mobilenet_costs_what_its_paper_says():
    assert round(model_multiplications(keras.applications.MobileNet(weights=None)) / 1e6) == 569


def test_a_block_costs_what_its_model_costs():
    for name in BLOCKS:
        block, args, settings, _ = BLOCKS[name]
        model = model_of(block, *args, **settings)
        assert block_multiplications(block, (9, 8, 3), *args, **settings) == (
            model_multiplications(model)
        )


def test_normalisation_and_pooling_are_free():
    costs = [block_multiplications(plain_block, (9, 8, 3), 5, momentum=m) for m in (None, 0.9)]
    assert costs[0] == costs[1] > 0


def test_each_call_of_a_shared_layer_is_counted():
    start = keras.Input((5,))
    step = layers.Dense(5, name="step")
    model = keras.Model(start, step(step(step(start))))
    assert multiplications_by_layer(model)["step"] == 75


def test_models_inside_models_and_each_element_of_a_row_are_counted():
    inner = model_of(plain_block, 4)
    cost = model_multiplications(inner)
    x = keras.Input((9, 8, 3))
    assert model_multiplications(keras.Model(x, [inner(x), inner(x)])) == 2 * cost
    row = keras.Input((6, 9, 8, 3))
    assert model_multiplications(keras.Model(row, layers.TimeDistributed(inner)(row))) == 6 * cost


def test_sequential_models_operators_and_keywords_are_read():
    model = keras.Sequential([keras.Input((9, 8, 3)), layers.Conv2D(4, 3), layers.Flatten()])
    model.add(layers.Dense(2))
    assert model_multiplications(model) == 7 * 6 * 27 * 4 + 7 * 6 * 4 * 2
    x = keras.Input((5,))
    y = layers.Dense(5, name="y")(inputs=x)
    assert model_multiplications(keras.Model(x, x + 2 * y)) == 25


# ---------------------------------------------------------------- errors


@each_block
def test_blocks_refuse_what_is_no_symbolic_image(name):
    block, args, settings, _ = BLOCKS[name]
    for value in (images(1, 9, 8, 3), None, "x"):
        with pytest.raises(TypeError, match="x: expected a symbolic tensor"):
            block(value, *args, **settings)
    with pytest.raises(ValueError, match=r"x: expected the shape .* got \(None, 8, 3\)"):
        block(keras.Input((8, 3)), *args, **settings)


@each_block
def test_blocks_refuse_impossible_momenta(name):
    block, args, settings, _ = BLOCKS[name]
    x = keras.Input((9, 8, 3))
    with pytest.raises(ValueError, match=r"momentum: expected a number from 0 to 1, got 9"):
        block(x, *args, momentum=9, **settings)
    with pytest.raises(TypeError, match=r"momentum: expected a number, got '0.9'"):
        block(x, *args, momentum="0.9", **settings)


@pytest.mark.parametrize("block", [plain_block, separable_block, residual_block])
def test_blocks_refuse_impossible_filters(block):
    x = keras.Input((9, 8, 3))
    with pytest.raises(ValueError, match="filters: expected at least 1, got 0"):
        block(x, 0)
    for value in (2.0, True, "8", None):
        with pytest.raises(TypeError, match="filters: expected a whole number"):
            block(x, value)


@pytest.mark.parametrize("name", ["ones", "threes", "fives", "pooled", "reduce_threes"])
def test_inception_refuses_impossible_filters(name):
    x = keras.Input((9, 8, 3))
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got -1"):
        inception_block(x, **(FOUR | {name: -1}))
    with pytest.raises(TypeError, match=f"{name}: expected a whole number"):
        inception_block(x, **(FOUR | {name: 1.5}))


def test_counting_refuses_what_it_cannot_count():
    lstm = layers.LSTM(4, name="memory")
    x = keras.Input((5, 3))
    with pytest.raises(ValueError, match="no rule counts a LSTM, the kind of 'memory'"):
        model_multiplications(keras.Model(x, lstm(x)))
    with pytest.raises(ValueError, match="'late' is not built"):
        layer_multiplications(layers.Dense(2, name="late"), (3,))
    with pytest.raises(TypeError, match="layer: expected a Keras layer or model"):
        layer_multiplications("Dense", (3,))
    with pytest.raises(TypeError, match="model: expected a Functional or Sequential model"):
        model_multiplications(layers.Dense(2))
    with pytest.raises(ValueError, match="has not been built"):
        model_multiplications(keras.Sequential([layers.Dense(2)]))


def test_counting_needs_sizes():
    open_size = model_of(plain_block, 4, shape=(None, None, 3))
    with pytest.raises(ValueError, match="depends on a size that is None"):
        model_multiplications(open_size)
    x = keras.Input((9, 8, 3))
    with pytest.raises(ValueError, match=r"Make it with keras.Input\(\(9, 8, 3\)\)"):
        model_multiplications(keras.Model(x, open_size(x)))
    with pytest.raises(TypeError, match="input_shape"):
        block_multiplications(plain_block, 9, 4)


def test_counting_a_block_refuses_what_is_no_block():
    with pytest.raises(TypeError, match="block: expected a function"):
        block_multiplications(None, (9, 8, 3))
    with pytest.raises(TypeError, match="block: expected it to return a symbolic tensor"):
        block_multiplications(lambda x: None, (9, 8, 3))
