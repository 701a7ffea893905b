"""The network from scratch gives Keras' numbers, and says what is wrong with what it is given."""

import math

import numpy as np
import pytest

from course_utils.builders.from_scratch import (
    Adam,
    BatchGenerator,
    Momentum,
    NaiveDense,
    NaiveSequential,
    accuracy,
    centred,
    cross_entropy,
    fit,
    one_training_step,
    published,
    update_weights,
)
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

RNG = np.random.default_rng(6)
IMAGES = RNG.uniform(size=(70, 12)).astype(np.float32)
LABELS = RNG.integers(0, 4, size=70)


def network():
    return NaiveSequential([NaiveDense(12, 8, tf.nn.relu), NaiveDense(8, 4)])


def keras_twin(model):
    twin = keras.Sequential(
        [keras.Input((12,)), layers.Dense(8, activation="relu"), layers.Dense(4)]
    )
    twin.set_weights([weight.numpy() for weight in model.weights])
    return twin


KERAS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
RULES = {
    "sgd": (lambda: update_weights, lambda: keras.optimizers.SGD(0.1), 0.1),
    "momentum": (Momentum, lambda: keras.optimizers.SGD(0.1, momentum=0.9), 0.1),
    "other momentum": (lambda: Momentum(0.5), lambda: keras.optimizers.SGD(0.2, 0.5), 0.2),
    "adam": (Adam, lambda: keras.optimizers.Adam(0.01), 0.01),
    "other adam": (
        lambda: Adam(0.8, 0.95, 1e-3),
        lambda: keras.optimizers.Adam(0.01, 0.8, 0.95, 1e-3),
        0.01,
    ),
}


# ---------------------------------------------------------------- the same numbers as Keras


def test_same_weights_give_the_same_logits():
    model = network()
    np.testing.assert_allclose(model(IMAGES), keras_twin(model)(IMAGES), atol=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_steps_are_those_of_keras(name):
    make_update, make_optimizer, rate = RULES[name]
    model, update = network(), make_update()
    twin = keras_twin(model)
    twin.compile(make_optimizer(), KERAS_LOSS)
    for step in range(5):
        part = slice(10 * step, 10 * step + 10)
        batch = IMAGES[part], LABELS[part]
        ours = one_training_step(model, *batch, learning_rate=rate, update=update)
        theirs = twin.train_on_batch(*batch)
        assert float(ours) == pytest.approx(float(theirs), rel=1e-4)
        for weight, other in zip(model.weights, twin.get_weights(), strict=True):
            np.testing.assert_allclose(weight, other, atol=1e-4)


@pytest.mark.parametrize("name", RULES)
def test_fit_is_that_of_keras_without_shuffling(name):
    make_update, make_optimizer, rate = RULES[name]
    model = network()
    twin = keras_twin(model)
    twin.compile(make_optimizer(), KERAS_LOSS, metrics=["accuracy"])
    ours = fit(
        model,
        IMAGES,
        LABELS,
        epochs=3,
        batch_size=32,
        learning_rate=rate,
        update=make_update(),
        validation_data=(IMAGES[:20], LABELS[:20]),
    )
    theirs = twin.fit(
        IMAGES,
        LABELS,
        epochs=3,
        batch_size=32,
        shuffle=False,
        verbose=0,
        validation_data=(IMAGES[:20], LABELS[:20]),
    )
    np.testing.assert_allclose(ours["loss"], theirs.history["loss"], rtol=1e-3)
    np.testing.assert_allclose(ours["val_accuracy"], theirs.history["val_accuracy"], atol=0.051)
    np.testing.assert_allclose(model(IMAGES), twin(IMAGES), atol=1e-3)


@pytest.mark.parametrize("size", [0.1, 1.0, 100.0, 1e6])
def test_cross_entropy_is_that_of_tensorflow_with_its_gradient(size):
    logits = tf.Variable(size * RNG.normal(size=(30, 4)), dtype=tf.float32)
    labels = LABELS[:30]
    results = []
    for function in (
        cross_entropy,
        lambda labels, logits: tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        ),
    ):
        with tf.GradientTape() as tape:
            loss = function(labels, logits)
        results.append((loss, tape.gradient(loss, logits)))
    (ours, our_gradient), (theirs, their_gradient) = results
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(our_gradient, their_gradient, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_of_any_whole_dtype_mean_the_same(dtype):
    logits = RNG.normal(size=(5, 4)).astype(np.float32)
    labels = np.array([0, 3, 1, 2, 2])
    expected = cross_entropy(labels, logits)
    assert float(cross_entropy(labels.astype(dtype), logits)) == float(expected)
    assert float(cross_entropy(tf.constant(labels.astype(dtype)), logits)) == float(expected)


def test_a_step_works_inside_a_graph():
    model, eager = network(), network()
    for weight, other in zip(eager.weights, model.weights, strict=True):
        weight.assign(other)
    step = tf.function(lambda x, y: one_training_step(model, x, y, learning_rate=0.5))
    in_graph = step(tf.constant(IMAGES), tf.constant(LABELS))
    np.testing.assert_allclose(
        in_graph, one_training_step(eager, IMAGES, LABELS, learning_rate=0.5)
    )
    for weight, other in zip(eager.weights, model.weights, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-6)


# ---------------------------------------------------------------- each piece by itself


def test_a_dense_layer_is_the_formula():
    layer = NaiveDense(2, 2, tf.nn.relu)
    layer.W.assign([[1.0, -1.0], [0.5, -2.0]])
    layer.b.assign([0.5, 1.0])
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[2.5, 0.0]])
    layer.activation = None
    np.testing.assert_array_equal(layer([[1.0, 2.0]]), [[2.5, -4.0]])


@pytest.mark.parametrize("wide", [IMAGES.astype(np.float64), IMAGES.tolist()])
def test_wide_floats_are_narrowed(wide):
    layer = NaiveDense(12, 3)
    np.testing.assert_array_equal(layer(wide), layer(IMAGES))


@pytest.mark.parametrize(("start", "low", "high"), [(published, 0.0, 0.1), (centred, -0.05, 0.05)])
def test_first_values_fill_their_range(start, low, high):
    values = start((100, 100)).numpy()
    assert values.dtype == np.float32 and values.shape == (100, 100)
    assert low <= values.min() < low + 0.001 and high - 0.001 < values.max() <= high
    assert abs(values.mean() - (low + high) / 2) < 0.002


def test_a_bias_starts_at_zero_and_weights_follow_initial():
    layer = NaiveDense(3, 2, initial=lambda shape: np.ones(shape))
    np.testing.assert_array_equal(layer.W, np.ones((3, 2)))
    np.testing.assert_array_equal(layer.b, np.zeros(2))
    assert layer.weights == [layer.W, layer.b] and layer.W.dtype == tf.float32


def test_layers_without_weights_fit_in_between():
    model = NaiveSequential([NaiveDense(12, 4), tf.nn.relu, NaiveDense(4, 4)])
    assert [tuple(weight.shape) for weight in model.weights] == [(12, 4), (4,), (4, 4), (4,)]
    assert model(IMAGES).shape == (70, 4)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65])
def test_batches_round_up_and_hold_each_sample_once(count):
    batches = BatchGenerator(IMAGES[:count], LABELS[:count], 32)
    for _ in range(2):  # a second loop starts at the first sample again
        parts = list(batches)
        assert len(parts) == batches.num_batches == math.ceil(count / 32)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), IMAGES[:count])
        np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), LABELS[:count])


def test_the_mean_loss_of_an_epoch_counts_batches_by_size():
    model = network()
    everything = float(cross_entropy(LABELS, model(IMAGES)))
    history = fit(model, IMAGES, LABELS, epochs=1, batch_size=64, learning_rate=1e-12)
    assert history["loss"] == [pytest.approx(everything, rel=1e-5)]
    assert set(history) == {"loss"}


def test_accuracy_is_the_share_of_right_answers():
    rows = np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 3]]
    assert accuracy(lambda x: x, rows, [0, 1, 2, 3, 0]) == pytest.approx(0.8)


def test_a_loss_function_can_be_given():
    def mean_of_logits(labels, logits):
        return tf.reduce_mean(logits)

    model = network()
    before = model.layers[1].b.numpy()
    loss = one_training_step(model, IMAGES, LABELS, loss_function=mean_of_logits)
    assert float(loss) == pytest.approx(float(np.mean(model(IMAGES) + 0.025)), abs=0.05)
    np.testing.assert_allclose(model.layers[1].b, before - 0.1 / 4, atol=1e-6)


def test_state_belongs_to_one_object():
    weights = [tf.Variable([1.0])]
    for rule in (Momentum(), Adam()):
        for _ in range(3):
            rule([tf.constant([1.0])], weights, 0.1)
    fresh = tf.Variable([0.0])
    Momentum()([tf.constant([1.0])], [fresh], 0.1)
    np.testing.assert_allclose(fresh, [-0.1])


# ---------------------------------------------------------------- bad input

ONE = [tf.Variable([1.0, 2.0])]
GRADIENT = [tf.constant([1.0, 1.0])]
SYMBOL = "expected a function such as tf.nn.relu, got 'relu'"
BAD = {
    # layers
    "size text": (lambda: NaiveDense("784", 10), TypeError, r"input_size: .* got '784'"),
    "size bool": (lambda: NaiveDense(784, True), TypeError, r"output_size: .* got True"),
    "size zero": (
        lambda: NaiveDense(784, 0),
        ValueError,
        r"output_size: expected at least 1, got 0",
    ),
    "size float": (lambda: NaiveDense(7.0, 1), TypeError, r"input_size: .* got 7.0"),
    "activation": (lambda: NaiveDense(2, 2, "relu"), TypeError, rf"activation: {SYMBOL}"),
    "initial": (lambda: NaiveDense(2, 2, initial=0.1), TypeError, r"initial: expected a function"),
    "initial shape": (
        lambda: NaiveDense(2, 3, initial=lambda shape: tf.zeros(3)),
        ValueError,
        r"initial: expected values of shape \(2, 3\), got \(3,\)",
    ),
    "initial NaN": (
        lambda: NaiveDense(2, 3, initial=lambda shape: np.full(shape, np.nan)),
        ValueError,
        "initial: expected finite values",
    ),
    "shape": (lambda: centred(3), TypeError, r"shape: expected whole numbers .* got 3"),
    "shape empty": (lambda: published(()), ValueError, "shape: expected one or more sizes"),
    "shape zero": (lambda: published((3, 0)), ValueError, "shape: expected at least 1, got 0"),
    "inputs rank": (
        lambda: NaiveDense(784, 2)(np.zeros((3, 28, 28), np.float32)),
        ValueError,
        r"inputs: expected the shape \(n, 784\), got \(3, 28, 28\). Flatten",
    ),
    "inputs width": (lambda: network()(IMAGES[:, :5]), ValueError, r"\(n, 12\), got \(70, 5\)"),
    "inputs bytes": (
        lambda: network()(np.zeros((2, 12), np.uint8)),
        TypeError,
        r"inputs: expected float32, got uint8.*/ 255",
    ),
    "inputs double": (
        lambda: network()(tf.zeros((2, 12), tf.float64)),
        TypeError,
        "inputs: expected float32, got float64",
    ),
    "inputs ragged": (
        lambda: network()([[1.0], [1.0, 2.0]]),
        TypeError,
        "inputs: expected float32",
    ),
    "layers": (lambda: NaiveSequential(NaiveDense(2, 2)), TypeError, "layers: expected a list"),
    "layers empty": (lambda: NaiveSequential([]), ValueError, "layers: expected at least one"),
    "layers item": (lambda: NaiveSequential([tf.nn.relu, 3]), TypeError, r"layers\[1\]: .* got 3"),
    # loss
    "labels float": (
        lambda: cross_entropy([0.0, 1.0], np.zeros((2, 4), np.float32)),
        TypeError,
        "labels: expected whole numbers, got float64",
    ),
    "labels float tensor": (
        lambda: cross_entropy(tf.zeros(2), np.zeros((2, 4), np.float32)),
        TypeError,
        "labels: expected whole numbers, got float32",
    ),
    "labels high": (
        lambda: cross_entropy([0, 4], np.zeros((2, 4), np.float32)),
        ValueError,
        "labels: expected 0 to 3, got 0 to 4",
    ),
    "labels low": (
        lambda: cross_entropy([0, -1], np.zeros((2, 4), np.float32)),
        ValueError,
        "labels: expected 0 to 3, got -1 to 0",
    ),
    "labels one-hot": (
        lambda: cross_entropy(np.eye(2, dtype=int), np.zeros((2, 2), np.float32)),
        ValueError,
        r"labels: expected the shape \(2,\), .* got \(2, 2\)",
    ),
    "labels fewer": (
        lambda: cross_entropy([0], np.zeros((2, 4), np.float32)),
        ValueError,
        r"labels: expected the shape \(2,\), .* got \(1,\)",
    ),
    "logits empty": (
        lambda: cross_entropy(np.zeros(0, int), np.zeros((0, 4), np.float32)),
        ValueError,
        r"logits: .* n of 1 or more, got \(0, 4\)",
    ),
    "logits rank": (
        lambda: cross_entropy([0], np.zeros(4, np.float32)),
        ValueError,
        r"logits: expected the shape \(n, classes\)",
    ),
    "logits None": (lambda: cross_entropy([0], None), TypeError, "logits: .* got None"),
    # batches
    "lengths": (
        lambda: BatchGenerator(IMAGES, LABELS[:60]),
        ValueError,
        "labels: .* got 70 images and 60 labels",
    ),
    "no samples": (
        lambda: BatchGenerator(IMAGES[:0], LABELS[:0]),
        ValueError,
        "images: expected at least one sample, got none",
    ),
    "batch size": (lambda: BatchGenerator(IMAGES, LABELS, 0), ValueError, "batch_size: .* got 0"),
    "batch size float": (
        lambda: BatchGenerator(IMAGES, LABELS, 3.5),
        TypeError,
        "batch_size: expected a whole number, got 3.5",
    ),
    "images bytes": (
        lambda: BatchGenerator(np.zeros((2, 3), np.uint8), [0, 1]),
        TypeError,
        "images: expected float32, got uint8",
    ),
    "images rank": (
        lambda: BatchGenerator(np.zeros((2, 3, 3)), [0, 1]),
        ValueError,
        r"images: expected the shape \(n, features\), got \(2, 3, 3\)",
    ),
    "labels rank": (
        lambda: BatchGenerator(IMAGES[:2], [[0], [1]]),
        ValueError,
        r"labels: expected the shape \(n,\), got \(2, 1\)",
    ),
    "labels text": (lambda: accuracy(network(), IMAGES[:1], ["a"]), TypeError, "labels: .* whole"),
    "model output": (
        lambda: accuracy(lambda x: x[0], IMAGES, LABELS),
        ValueError,
        r"model: expected an output of shape \(70, classes\), got \(12,\)",
    ),
    # steps
    "rate zero": (
        lambda: update_weights(GRADIENT, ONE, 0.0),
        ValueError,
        "learning_rate: expected a finite number above 0, got 0.0",
    ),
    "rate NaN": (
        lambda: update_weights(GRADIENT, ONE, math.nan),
        ValueError,
        "learning_rate: .* nan",
    ),
    "rate text": (lambda: Adam()(GRADIENT, ONE, "fast"), TypeError, "learning_rate: .* got 'fast'"),
    "fewer gradients": (
        lambda: Momentum()([], ONE, 0.1),
        ValueError,
        "gradients: expected 1, .* 0",
    ),
    "a None": (
        lambda: update_weights([None], ONE, 0.1),
        ValueError,
        r"gradients\[0\]: got None.*Lesson 05",
    ),
    "gradient shape": (
        lambda: update_weights([tf.constant([1.0])], ONE, 0.1),
        ValueError,
        r"gradients\[0\]: expected the shape \(2,\), got \(1,\)",
    ),
    "gradients tensor": (
        lambda: update_weights(GRADIENT[0], ONE, 0.1),
        TypeError,
        "gradients: expected a list, got .*Tensor of shape",
    ),
    "weights tensor": (
        lambda: update_weights(GRADIENT, GRADIENT, 0.1),
        TypeError,
        r"weights\[0\]: expected a variable",
    ),
    "momentum": (lambda: Momentum(1.0), ValueError, "momentum: .* less than 1, got 1.0"),
    "momentum text": (lambda: Momentum("0.9"), TypeError, "momentum: expected a number, got '0.9'"),
    "beta": (lambda: Adam(beta_1=-0.1), ValueError, "beta_1: .* got -0.1"),
    "beta 2": (lambda: Adam(beta_2=2), ValueError, "beta_2: .* got 2"),
    "epsilon": (lambda: Adam(epsilon=0), ValueError, "epsilon: expected a finite number above 0"),
    "update class": (
        lambda: one_training_step(network(), IMAGES, LABELS, update=Momentum),
        TypeError,
        "update: .* got the class Momentum",
    ),
    "loss function": (
        lambda: one_training_step(network(), IMAGES, LABELS, loss_function="mse"),
        TypeError,
        "loss_function: expected something to call such as cross_entropy, got 'mse'",
    ),
    "model": (
        lambda: one_training_step(len, IMAGES, LABELS),
        TypeError,
        "model: .* list `weights`",
    ),
    "model without weights": (
        lambda: one_training_step(NaiveSequential([tf.nn.relu]), IMAGES, LABELS),
        ValueError,
        "model: expected at least one weight",
    ),
    # fit
    "epochs": (
        lambda: fit(network(), IMAGES, LABELS, epochs=0),
        ValueError,
        "epochs: expected at least 1, got 0",
    ),
    "fit rate": (
        lambda: fit(network(), IMAGES, LABELS, epochs=1, learning_rate=-1),
        ValueError,
        "learning_rate: .* got -1",
    ),
    "fit lengths": (lambda: fit(network(), IMAGES, LABELS[1:], epochs=1), ValueError, "labels: "),
    "validation": (
        lambda: fit(network(), IMAGES, LABELS, epochs=1, validation_data=IMAGES),
        TypeError,
        r"validation_data: expected a pair \(images, labels\)",
    ),
    "validation lengths": (
        lambda: fit(network(), IMAGES, LABELS, epochs=1, validation_data=(IMAGES, LABELS[1:])),
        ValueError,
        "validation_data: labels: .* 70 images and 69 labels",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    function, error, message = BAD[name]
    with pytest.raises(error, match=f"(?s){message}"):
        function()


def test_state_is_refused_for_other_weights():
    for rule in (Momentum(), Adam()):
        rule(GRADIENT, [tf.Variable([1.0, 2.0])], 0.1)
        with pytest.raises(ValueError, match="weights: expected those of the first step"):
            rule([tf.constant([1.0])], [tf.Variable([1.0])], 0.1)


def test_a_refused_step_changes_nothing():
    model = network()
    before = [weight.numpy() for weight in model.weights]
    for options in ({"learning_rate": 0.0}, {"update": Momentum}):
        with pytest.raises((TypeError, ValueError)):
            one_training_step(model, IMAGES, LABELS, **options)
    with pytest.raises(ValueError):
        one_training_step(model, IMAGES, LABELS + 10)
    for weight, old in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
