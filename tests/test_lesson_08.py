"""What lesson 08 builds gives the numbers of Keras, and its claims can fail."""

import ast
import collections
import math

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_08
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code
from tools.seeds import lesson_08 as seeds

tf = import_tensorflow()
import keras  # noqa: E402

BUILT = (
    "published",
    "centred",
    "NaiveDense",
    "NaiveSequential",
    "cross_entropy",
    "BatchGenerator",
    "update_weights",
    "one_training_step",
    "accuracy",
    "fit",
    "Momentum",
    "Adam",
)
RNG = np.random.default_rng(6)
IMAGES = RNG.uniform(size=(70, 12)).astype(np.float32)
LABELS = RNG.integers(0, 4, size=70)


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("08", *BUILT, "naive_softmax", "softmax", "loss_from_probabilities")


# ---------------------------------------------------------------- the same numbers as Keras

KERAS_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
RULES = {
    "sgd": (lambda lesson: lesson["update_weights"], lambda: keras.optimizers.SGD(0.1), 0.1),
    "momentum": (
        lambda lesson: lesson["Momentum"](0.5),
        lambda: keras.optimizers.SGD(0.2, 0.5),
        0.2,
    ),
    "adam": (
        lambda lesson: lesson["Adam"](0.8, 0.95, 1e-3),
        lambda: keras.optimizers.Adam(0.01, 0.8, 0.95, 1e-3),
        0.01,
    ),
}


def network_and_twin(lesson):
    dense, sequential = lesson["NaiveDense"], lesson["NaiveSequential"]
    network = sequential([dense(12, 8, tf.nn.relu), dense(8, 4)])
    twin = keras.Sequential(
        [keras.Input((12,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(4)]
    )
    twin.set_weights([weight.numpy() for weight in network.weights])
    return network, twin


@pytest.mark.parametrize("name", RULES)
def test_fit_is_that_of_keras_without_shuffling(lesson, name):
    make_update, make_optimizer, rate = RULES[name]
    network, twin = network_and_twin(lesson)
    np.testing.assert_allclose(network(IMAGES), twin(IMAGES), atol=1e-5)
    twin.compile(make_optimizer(), KERAS_LOSS, metrics=["accuracy"])
    validation = IMAGES[:20], LABELS[:20]
    update, options = make_update(lesson), {"epochs": 3, "batch_size": 32}
    ours = lesson["fit"](
        network,
        IMAGES,
        LABELS,
        learning_rate=rate,
        update=update,
        validation_data=validation,
        **options,
    )
    theirs = twin.fit(
        IMAGES, LABELS, shuffle=False, verbose=0, validation_data=validation, **options
    )
    np.testing.assert_allclose(ours["loss"], theirs.history["loss"], rtol=1e-3)
    np.testing.assert_allclose(ours["val_accuracy"], theirs.history["val_accuracy"], atol=0.051)
    np.testing.assert_allclose(network(IMAGES), twin(IMAGES), atol=1e-3)


@pytest.mark.parametrize("size", [0.1, 1.0, 100.0, 1e6])
def test_cross_entropy_is_that_of_tensorflow_with_its_gradient(lesson, size):
    logits = tf.Variable(size * RNG.normal(size=(30, 4)), dtype=tf.float32)
    results = []
    for function in (lesson["cross_entropy"], KERAS_LOSS):
        with tf.GradientTape() as tape:
            loss = function(LABELS[:30], logits)
        results.append((loss, tape.gradient(loss, logits)))
    (ours, our_gradient), (theirs, their_gradient) = results
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    np.testing.assert_allclose(our_gradient, their_gradient, atol=1e-5)
    np.testing.assert_allclose(lesson["softmax"](logits), tf.nn.softmax(logits), atol=1e-6)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65])
def test_batches_round_up_and_hold_each_sample_once(lesson, count):
    batches = lesson["BatchGenerator"](IMAGES[:count], LABELS[:count], 32)
    for _ in range(2):  # a second loop starts at the first sample again
        parts = list(batches)
        assert len(parts) == batches.num_batches == math.ceil(count / 32)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in parts]), IMAGES[:count])
        np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), LABELS[:count])


# ---------------------------------------------------------------- what the lesson promises


def test_no_keras_in_the_part_from_scratch():
    path = find_lesson("08")
    cells = nbformat.read(path, as_version=4).cells
    titles = ["## Dense: a product, a sum, an activation", "## The same network in Keras"]
    first, last = (
        next(place for place, cell in enumerate(cells) if title in cell.source.splitlines())
        for title in titles
    )
    part = [cell for cell in cells[first:last] if cell.cell_type == "code"]
    assert len(part) > 30
    for cell in part:
        names = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
        if "class NaiveSequential" in cell.source:
            names.discard("layers")  # an argument's name there
        assert not names & {"keras", "layers"}, cell.source


def test_each_claim_about_training_can_fail():
    for name, holds in seeds.CLAIMS.items():
        assert not holds(collections.defaultdict(lambda: math.nan)), name


def test_the_clipped_loss_is_that_of_keras(lesson):
    logits = tf.constant(20 * RNG.normal(size=(70, 10)), tf.float32)
    labels = RNG.integers(0, 10, size=70)
    ours = lesson["loss_from_probabilities"](labels, logits)
    keras_loss = keras.losses.SparseCategoricalCrossentropy()
    np.testing.assert_allclose(ours, keras_loss(labels, tf.nn.softmax(logits).numpy()), rtol=1e-4)


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_08.EXERCISES}


@pytest.mark.parametrize("sizes", [[784, 512, 10], [3, 2], [5, 4, 3, 2, 1]])
def test_count_reference_is_keras(sizes):
    model = keras.Sequential([keras.Input((sizes[0],)), *map(keras.layers.Dense, sizes[1:])])
    assert lesson_08.count_parameters(sizes) == model.count_params()


def test_momentum_reference_is_keras():
    start, gradient = np.array([1.0, -2.0], "float32"), np.array([0.5, 3.0], "float32")
    ours, theirs = tf.Variable(start), keras.Variable(start)
    optimizer, rule = keras.optimizers.SGD(0.1, momentum=0.9), lesson_08.MyMomentum(0.9)
    for step in range(4):
        rule([tf.constant(gradient * (step - 1))], [ours], 0.1)
        optimizer.apply([tf.constant(gradient * (step - 1))], [theirs])
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_dropout_is_judged_alike_whatever_is_drawn(seed):
    keras.utils.set_random_seed(seed)
    assert judge(EXERCISES["08.4"], lesson_08.NaiveDropout).status == "Correct."
    for wrong in EXERCISES["08.4"].wrong:
        assert wrong.says in judge(EXERCISES["08.4"], wrong.answer).message
