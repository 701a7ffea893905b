"""The costs are those of loops, of Keras' layers and of the papers, and errors say why."""

import pytest

from course_utils.builders.costs import (
    count_multiplications,
    layer_multiplications,
    model_multiplications,
    output_size,
)
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402


def two_convolutions(filters, *, shape=(9, 8, 3), norm=False):
    """Return a model of two 3x3 convolutions, with a normalisation after each if it is wanted."""
    images = x = keras.Input(shape)
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x) if norm else x)
    return keras.Model(images, x)


# ---------------------------------------------------------------- one convolution


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("window", [1, 2, 3, 4, 7])
def test_output_size_is_that_of_keras(size, window, stride):
    for padding in ("valid", "same"):
        if padding == "valid" and window > size:
            continue
        layer = layers.Conv2D(1, window, strides=stride, padding=padding)
        expected = layer.compute_output_shape((None, size, size, 1))[1]
        assert output_size(size, window, stride, padding) == expected


def test_multiplications_are_those_that_loops_make():
    counted = 0
    for _row in range(output_size(9, 3, 2, "valid")):
        for _column in range(output_size(8, 2, 2, "valid")):
            counted += 3 * 2 * 3 * 5
    assert count_multiplications((9, 8, 3), (3, 2, 3, 5), stride=2) == counted
    assert count_multiplications((9, 8, 3), (3, 2, 3, 5), padding="same") == 9 * 8 * 3 * 2 * 3 * 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: output_size(5, 3, 0, "valid"), ValueError, "stride: expected at least 1"),
        (lambda: output_size(5, 6, 1, "valid"), ValueError, "6 pixels do not fit into an image"),
        (
            lambda: output_size(5, 3, 1, "full"),
            ValueError,
            'padding: expected one of "valid", "same", got \'full\'',
        ),
        (
            lambda: count_multiplications((9, 8), (3, 2, 3, 5)),
            ValueError,
            r"input_shape: expected 3 numbers, got \(9, 8\)",
        ),
        (
            lambda: count_multiplications((9, 8, 4), (3, 2, 3, 5)),
            ValueError,
            "kernel_shape: expected 4 input channels",
        ),
    ],
)
def test_impossible_shapes_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---------------------------------------------------------------- layers and models


def multiplications_by_hand(layer, shape):
    """Return the number of products of a layer without padding, by ones.

    On ones, and with weights of one, the sum of the output is the number of products.
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
def test_cost_of_a_convolution_is_that_of_its_shapes(padding, stride):
    layer = layers.Conv2D(4, 3, strides=stride, padding=padding)
    layer.build((None, 9, 8, 3))
    expected = count_multiplications((9, 8, 3), (3, 3, 3, 4), stride=stride, padding=padding)
    assert layer_multiplications(layer, (9, 8, 3)) == expected


def test_separable_layer_costs_both_steps():
    layer = layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2)
    layer.build((None, 9, 8, 3))
    assert layer_multiplications(layer, (9, 8, 3)) == 72 * (9 * 3 * 2 + 6 * 5)


def test_mobilenet_costs_what_its_paper_says():
    assert round(model_multiplications(keras.applications.MobileNet(weights=None)) / 1e6) == 569


def test_normalisation_and_pooling_are_free():
    costs = [model_multiplications(two_convolutions(5, norm=norm)) for norm in (False, True)]
    assert costs[0] == costs[1] == 72 * 9 * (3 * 5 + 5 * 5)


def test_each_call_of_a_shared_layer_is_counted():
    start = keras.Input((5,))
    step = layers.Dense(5)
    assert model_multiplications(keras.Model(start, step(step(step(start))))) == 75


def test_models_inside_models_and_each_element_of_a_row_are_counted():
    inner = two_convolutions(4)
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


def test_counting_refuses_what_it_cannot_count():
    x = keras.Input((5, 3))
    with pytest.raises(ValueError, match="no rule counts a LSTM, the kind of 'memory'"):
        model_multiplications(keras.Model(x, layers.LSTM(4, name="memory")(x)))
    with pytest.raises(TypeError, match="model: expected a Functional or Sequential model"):
        model_multiplications(layers.Dense(2))
    with pytest.raises(ValueError, match="has not been built"):
        model_multiplications(keras.Sequential([layers.Dense(2)]))


def test_counting_needs_sizes():
    open_size = two_convolutions(4, shape=(None, None, 3))
    with pytest.raises(ValueError, match="depends on a size that is None"):
        model_multiplications(open_size)
    x = keras.Input((9, 8, 3))
    with pytest.raises(ValueError, match=r"Make it with keras.Input\(\(9, 8, 3\)\)"):
        model_multiplications(keras.Model(x, open_size(x)))
