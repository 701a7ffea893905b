"""What lesson 08 builds is what ``from_scratch`` offers, and its claims can fail."""

import ast
import collections
import math

import nbformat
import numpy as np
import pytest

from course_utils.builders import from_scratch
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


def two_networks(lesson):
    """Return the helper's network and the lesson's, with the same weights."""
    networks = []
    for names in (vars(from_scratch), lesson):
        dense, sequential = names["NaiveDense"], names["NaiveSequential"]
        networks.append(sequential([dense(12, 8, tf.nn.relu), dense(8, 4)]))
    for ours, theirs in zip(*(network.weights for network in networks), strict=True):
        theirs.assign(ours)
    return networks


def assert_same_weights(ours, theirs):
    for weight, other in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-6)


# ---------------------------------------------------------------- helper and lesson


def test_helper_and_lesson_start_alike(lesson):
    for name in ("published", "centred"):
        values = []
        for function in (getattr(from_scratch, name), lesson[name]):
            keras.utils.set_random_seed(3)
            values.append(function((20, 30)))
        np.testing.assert_array_equal(*values)


def test_helper_and_lesson_answer_alike(lesson):
    ours, theirs = two_networks(lesson)
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    np.testing.assert_array_equal(ours(IMAGES), theirs(IMAGES))
    assert from_scratch.accuracy(ours, IMAGES, LABELS) == lesson["accuracy"](theirs, IMAGES, LABELS)
    for layer in (from_scratch.NaiveDense, lesson["NaiveDense"]):
        made = layer(3, 2, initial=tf.zeros)
        assert not np.any(made.W) and not np.any(made.b) and made.activation is None


@pytest.mark.parametrize("size", [0.1, 10.0, 1e5])
def test_helper_and_lesson_lose_alike(lesson, size):
    logits = tf.constant(size * RNG.normal(size=(70, 4)), tf.float32)
    ours = from_scratch.cross_entropy(LABELS, logits)
    np.testing.assert_array_equal(ours, lesson["cross_entropy"](LABELS, logits))
    np.testing.assert_allclose(lesson["softmax"](logits), tf.nn.softmax(logits), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 32, 70, 100])
def test_helper_and_lesson_cut_alike(lesson, batch_size):
    ours = from_scratch.BatchGenerator(IMAGES, LABELS, batch_size)
    theirs = lesson["BatchGenerator"](IMAGES, LABELS, batch_size)
    assert ours.num_batches == theirs.num_batches
    for batch, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(batch[0], other[0])
        np.testing.assert_array_equal(batch[1], other[1])


@pytest.mark.parametrize("rule", ["update_weights", "Momentum", "Adam"])
def test_helper_and_lesson_step_and_fit_alike(lesson, rule):
    networks = two_networks(lesson)
    histories = []
    for network, names in zip(networks, (vars(from_scratch), lesson), strict=True):
        update = names[rule] if rule == "update_weights" else names[rule]()
        options = {"learning_rate": 0.05, "update": update}
        first = names["one_training_step"](network, IMAGES[:9], LABELS[:9], **options)
        history = names["fit"](
            network,
            IMAGES,
            LABELS,
            epochs=3,
            batch_size=32,
            loss_function=lesson["loss_from_probabilities"],
            validation_data=(IMAGES[:30], LABELS[:30]),
            **options,
        )
        assert set(history) == {"loss", "val_accuracy"}
        histories.append([float(first), *history["loss"], *history["val_accuracy"]])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    assert_same_weights(*networks)


def test_helper_and_lesson_have_the_same_defaults(lesson):
    networks = two_networks(lesson)
    histories = [
        names["fit"](network, IMAGES, LABELS, epochs=2)
        for network, names in zip(networks, (vars(from_scratch), lesson), strict=True)
    ]
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    assert_same_weights(*networks)


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


def test_the_clipped_loss_of_the_script_is_that_of_the_lesson_and_of_keras(lesson):
    logits = tf.constant(20 * RNG.normal(size=(70, 10)), tf.float32)
    labels = RNG.integers(0, 10, size=70)
    ours = lesson["loss_from_probabilities"](labels, logits)
    np.testing.assert_allclose(ours, seeds.clipped_loss(labels, logits), rtol=1e-5)
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
