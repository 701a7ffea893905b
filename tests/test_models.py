"""The builders make the networks that they promise, and say what is wrong with an argument."""

import numpy as np
import pytest

from course_utils.builders.models import build_cnn, build_mlp
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

RNG = np.random.default_rng(8)
BUILDERS = pytest.mark.parametrize("build", [build_mlp, build_cnn])


def images_for(model, count=5):
    return RNG.uniform(size=(count, *model.input_shape[1:])).astype(np.float32)


def names_of(model):
    return [layer.name for layer in model.layers]


def test_parameters_by_hand():
    assert build_mlp().count_params() == (784 * 128 + 128) + (128 * 10 + 10)
    convolutions = (9 * 1 * 16 + 16) + (9 * 16 * 32 + 32)
    dense = (7 * 7 * 32 * 64 + 64) + (64 * 10 + 10)
    assert build_cnn().count_params() == convolutions + dense


def test_mlp_is_its_formula():
    model = build_mlp(hidden=(16, 8))
    images = images_for(model)
    x = images.reshape(5, 784)
    *hidden, (kernel, bias) = zip(*[iter(model.get_weights())] * 2, strict=True)
    for weights, more in hidden:
        x = np.maximum(x @ weights + more, 0)
    np.testing.assert_allclose(model(images), x @ kernel + bias, atol=1e-5)


def test_cnn_is_the_list_of_its_layers():
    model = build_cnn(input_shape=(12, 16, 3), filters=[4], hidden=7, classes=3)
    as_list = keras.Sequential(
        [
            keras.Input((12, 16, 3)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(7, activation="relu"),
            layers.Dense(3),
        ]
    )
    as_list.set_weights(model.get_weights())
    images = images_for(model)
    np.testing.assert_allclose(model(images), as_list(images), atol=1e-5)


@BUILDERS
def test_logits_and_probabilities(build):
    logits, shares = build(), build(output_activation="softmax")
    shares.set_weights(logits.get_weights())
    images = images_for(logits)
    assert names_of(logits)[-1] == "logits" and names_of(shares)[-1] == "probabilities"
    np.testing.assert_allclose(shares(images), tf.nn.softmax(logits(images)), atol=1e-5)
    assert np.min(logits(images)) < 0
    assert names_of(build(output_activation="linear"))[-1] == "logits"


@BUILDERS
def test_each_call_makes_a_new_functional_model_that_is_not_compiled(build):
    first, second = build(), build()
    assert names_of(first) == names_of(second)
    assert not {id(w) for w in first.weights} & {id(w) for w in second.weights}
    assert type(first) is type(keras.Model(*[keras.Input((1,))] * 2))
    assert not first.compiled
    assert first.input_shape[0] is None and first.output_shape == (None, 10)


def test_layers_can_be_found_by_name():
    assert names_of(build_mlp(hidden=(3, 2)))[1:4] == ["flatten", "hidden_1", "hidden_2"]
    assert names_of(build_cnn())[:5] == ["image", "conv_1", "pool_1", "conv_2", "pool_2"]
    assert names_of(build_cnn())[5:] == ["flatten", "hidden", "logits"]


def test_no_hidden_layer_is_a_linear_classifier():
    model = build_mlp(input_shape=(4,), hidden=(), classes=3)
    kernel, bias = model.get_weights()
    x = images_for(model)
    np.testing.assert_allclose(model(x), x @ kernel + bias, atol=1e-5)


def test_sizes_may_be_of_numpy_and_shapes_of_tensorflow():
    images = tf.zeros((2, 8, 8, 1))
    model = build_cnn(input_shape=images.shape[1:], filters=np.array([2, 3]), hidden=np.int64(4))
    assert model(images).shape == (2, 10)
    assert model.get_layer("hidden").units == 4
    assert build_mlp(input_shape=[3], classes=np.int32(2)).output_shape == (None, 2)


def test_a_picture_may_be_as_small_as_the_poolings_allow():
    assert build_cnn(input_shape=(4, 5, 1))(np.zeros((1, 4, 5, 1))).shape == (1, 10)
    with pytest.raises(ValueError, match=r"2 poolings need a height and width of at least 4"):
        build_cnn(input_shape=(28, 3, 1))


@pytest.mark.parametrize(
    ("build", "options", "error", "message"),
    [
        (build_mlp, {"hidden": 128}, TypeError, r"hidden: expected a tuple .*got 128.*\(64,\)"),
        (build_mlp, {"hidden": "128"}, TypeError, "hidden: expected a tuple .*got '128'"),
        (build_mlp, {"hidden": (64, 0)}, ValueError, r"hidden\[1\]: expected at least 1, got 0"),
        (build_mlp, {"hidden": (1.5,)}, TypeError, r"hidden\[0\]: expected a whole number, .*1\.5"),
        (build_mlp, {"hidden": (True,)}, TypeError, r"hidden\[0\]: .*got True"),
        (build_mlp, {"hidden": None}, TypeError, "hidden: expected a tuple .*got None"),
        (build_mlp, {"classes": 0}, ValueError, "classes: expected at least 1, got 0"),
        (build_mlp, {"classes": "ten"}, TypeError, "classes: expected a whole number, got 'ten'"),
        (build_mlp, {"input_shape": ()}, ValueError, "input_shape: expected at least 1 number"),
        (build_mlp, {"input_shape": 784}, TypeError, "input_shape: expected a tuple .*got 784"),
        (build_mlp, {"input_shape": (None, 28)}, TypeError, r"input_shape\[0\]: .*got None"),
        (
            build_mlp,
            {"output_activation": "softmacks"},
            ValueError,
            "output_activation: Keras has no activation 'softmacks'",
        ),
        (
            build_cnn,
            {"output_activation": tf.nn.softmax},
            TypeError,
            "output_activation: expected a text, got the function softmax",
        ),
        (build_cnn, {"filters": ()}, ValueError, "filters: expected at least 1 number, got none"),
        (build_cnn, {"filters": (8, -1)}, ValueError, r"filters\[1\]: .*at least 1, got -1"),
        (build_cnn, {"filters": {8, 16}}, TypeError, "filters: expected a tuple"),
        (build_cnn, {"hidden": (64,)}, TypeError, r"hidden: expected a whole number, got \(64,\)"),
        (
            build_cnn,
            {"input_shape": (28, 28)},
            ValueError,
            r"input_shape: expected \(height, width, channels\), got \(28, 28\).*channel axis",
        ),
        (
            build_cnn,
            {"filters": (1,) * 5},
            ValueError,
            r"5 poolings need .* at least 32, got \(28, 28, 1\)\. Shorten filters",
        ),
    ],
)
def test_impossible_arguments_are_named(build, options, error, message):
    with pytest.raises(error, match=message) as raised:
        build(**options)
    assert len(str(raised.value)) < 200


@BUILDERS
def test_arguments_have_names(build):
    with pytest.raises(TypeError):
        build((28, 28, 1))
