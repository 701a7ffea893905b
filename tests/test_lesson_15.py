"""What lesson 15 builds is what ``loop`` offers and ``fit`` does, and its exercises hold."""

import numpy as np
import pytest

from course_utils.exercises import lesson_15
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow, seed_everything
from course_utils.training import loop as training
from tools.lesson_code import lesson_parts

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

RNG = np.random.default_rng(10)
IMAGES = RNG.uniform(size=(70, 12)).astype(np.float32)
LABELS = RNG.integers(0, 4, size=70)


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own definitions, without its runs."""
    return lesson_parts("15")


class MeanSquare(layers.Layer):
    """Pass the inputs on, and add their mean square to the loss."""

    def call(self, inputs):
        self.add_loss(0.1 * keras.ops.mean(inputs**2))
        return inputs


def network():
    """A network with all that a step can forget: a regularizer, a term of a layer, two modes."""
    seed_everything(0)
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(4),
            MeanSquare(),
        ]
    )


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def accuracy():
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def batches(size=16):
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(size)


def assert_same_weights(model, other, tolerance=1e-5):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


def assert_same_history(history, other):
    assert set(history) == set(other) == {"loss", "accuracy"}
    for name, values in history.items():
        np.testing.assert_allclose(values, other[name], rtol=1e-4)


# ---------------------------------------------------------------- lesson, helper, fit


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("size", [16, 70])
def test_the_loop_of_the_lesson_is_fit(lesson, momentum, size):
    def optimizer():
        return keras.optimizers.SGD(0.05, momentum=momentum)

    ours, theirs = network(), network()
    loop = lesson["TrainingLoop"](
        ours, optimizer=optimizer(), loss=cross_entropy(), metrics=[accuracy()]
    )
    history = loop.fit(batches(size), epochs=3)
    theirs.compile(optimizer(), cross_entropy(), metrics=[accuracy()])
    run = theirs.fit(batches(size), epochs=3, shuffle=False, verbose=0)
    assert_same_weights(ours, theirs)
    assert_same_history(history, run.history)


@pytest.mark.parametrize("steps_per_call", [1, 2, 32])
def test_helper_and_lesson_train_alike(lesson, steps_per_call):
    options = {"steps_per_call": steps_per_call}, {}
    results = []
    for make, more in zip((training.TrainingLoop, lesson["TrainingLoop"]), options, strict=True):
        loop = make(
            network(),
            optimizer=keras.optimizers.SGD(0.1),
            loss=cross_entropy(),
            metrics=[accuracy()],
            **more,
        )
        results.append((loop.model, loop.fit(batches(), epochs=3)))
    (model, history), (other, other_history) = results
    assert_same_weights(model, other)
    assert_same_history(history, other_history)


def test_the_simple_step_forgets_what_layers_add(lesson):
    models = [network() for _ in range(3)]
    for model, step in zip(models, ("training_step", "simple_step", "training_step"), strict=True):
        optimizer = keras.optimizers.SGD(0.1)
        lesson[step](model, optimizer, cross_entropy(), IMAGES, LABELS)
    assert_same_weights(models[0], models[2], tolerance=0)
    assert lesson["largest_gap"](models[0], models[1]) > 1e-3


@pytest.mark.parametrize("metrics", [[], ["accuracy"]])
def test_the_own_step_inside_fit_is_that_of_fit(lesson, metrics):
    def deterministic():
        model = network()
        model.layers[2].rate = 0.0
        return model

    inner, theirs = deterministic(), deterministic()
    ours = lesson["OwnStep"](inner.inputs, inner.outputs)
    histories = []
    for model in (ours, theirs):
        model.compile(keras.optimizers.SGD(0.1), cross_entropy(), metrics=metrics)
        histories.append(model.fit(batches(), epochs=2, shuffle=False, verbose=0).history)
    assert_same_weights(ours, theirs)
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4)


def test_helper_and_lesson_measure_the_same_gap(lesson):
    models = network(), network()
    models[1].set_weights([weight + 0.5 for weight in models[0].get_weights()])
    assert training.largest_gap(*models) == lesson["largest_gap"](*models) > 0
    assert training.largest_gap(models[0], models[0]) == 0


# ---------------------------------------------------------------- exercises


@pytest.mark.parametrize("limit", [0.1, 1.0, 1000.0])
def test_clip_reference_is_tensorflow(limit):
    gradients = [tf.constant(RNG.normal(size=shape), tf.float32) for shape in [(3, 4), (4,), ()]]
    theirs, _ = tf.clip_by_global_norm(gradients, limit)
    for ours, expected in zip(lesson_15.clip_gradients(gradients, limit), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_the_fixed_loop_is_that_of_the_course():
    weights, history, _ = lesson_15.run_loop(lesson_15.fixed_loop)
    twin = lesson_15.small_model()
    loop = training.TrainingLoop(
        twin, optimizer=keras.optimizers.SGD(0.1), loss=cross_entropy(), metrics=[accuracy()]
    )
    data = training.make_batches((lesson_15.INPUTS, lesson_15.CLASSES), batch_size=4)
    expected = loop.fit(data, epochs=lesson_15.EPOCHS)
    np.testing.assert_allclose(history, expected["accuracy"], atol=1e-6)
    for ours, theirs in zip(weights, twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_broken_loop_of_the_statement_has_all_three_bugs():
    names = {"tf": tf}
    exec(lesson_15.BROKEN, names)
    assert lesson_15.BROKEN in lesson_15.fix.statement
    verdict = judge(lesson_15.fix, names["broken_loop"])
    assert "both are still there" in verdict.message


def test_accumulate_reference_is_one_large_batch():
    def line():
        seed_everything(1)
        return keras.Sequential([keras.Input((12,)), layers.Dense(5, "relu"), layers.Dense(4)])

    model, other = line(), line()
    pieces = [(tf.constant(IMAGES[a:b]), LABELS[a:b]) for a, b in [(0, 30), (30, 60), (60, 70)]]
    first, second = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
    value = lesson_15.accumulated_step(model, first, cross_entropy(), pieces)
    whole = lesson_15.accumulated_step(other, second, cross_entropy(), [(IMAGES, LABELS)])
    assert float(value) == pytest.approx(float(whole), rel=1e-5)
    assert_same_weights(model, other)
