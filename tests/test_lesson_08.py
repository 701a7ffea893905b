"""What lesson 08 builds is what Keras computes, and its exercises are what they say."""

import ast
import itertools

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_08
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code

tf = import_tensorflow()
import keras  # noqa: E402

BUILT = (
    "NaiveDense",
    "NaiveSequential",
    "naive_softmax",
    "cross_entropy",
    "BatchGenerator",
    "update_weights",
    "accuracy",
)
RNG = np.random.default_rng(8)
IMAGES = RNG.uniform(size=(70, 12)).astype(np.float32)
LABELS = RNG.integers(0, 4, size=70)


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("08", *BUILT)


def pair(lesson, sizes):
    """Return the lesson's network with these sizes, and Keras' with the same weights."""
    dense, keras_dense = lesson["NaiveDense"], keras.layers.Dense
    hidden, last = list(itertools.pairwise(sizes))[:-1], sizes[-2:]
    ours = lesson["NaiveSequential"]([*(dense(*s, tf.nn.relu) for s in hidden), dense(*last)])
    theirs = keras.Sequential(
        [
            keras.Input((sizes[0],)),
            *(keras_dense(after, activation="relu") for _, after in hidden),
            keras_dense(last[-1]),
        ]
    )
    for weight in ours.weights:
        weight.assign(tf.random.normal(weight.shape, stddev=0.3))  # biases too
    theirs.set_weights([weight.numpy() for weight in ours.weights])
    return ours, theirs


def keras_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# ---------------------------------------------------------------- from scratch is Keras


@pytest.mark.parametrize("sizes", [[12, 4], [12, 8, 4], [12, 8, 6, 4]])
def test_layers_in_a_row_answer_as_those_of_keras(lesson, sizes):
    ours, theirs = pair(lesson, sizes)
    assert len(ours.weights) == len(theirs.weights) == 2 * (len(sizes) - 1)
    np.testing.assert_allclose(ours(IMAGES), theirs(IMAGES), atol=1e-5)


@pytest.mark.parametrize("size", [0.1, 10.0, 1e5])
def test_the_loss_is_that_of_tensorflow_and_its_gradient_the_mistake(lesson, size):
    logits = tf.Variable(size * RNG.normal(size=(70, 4)), dtype=tf.float32)
    theirs = tf.nn.sparse_softmax_cross_entropy_with_logits(LABELS, logits)
    with tf.GradientTape() as tape:
        loss = lesson["cross_entropy"](LABELS, logits)
    np.testing.assert_allclose(loss, tf.reduce_mean(theirs), rtol=1e-5)
    mistake = (tf.nn.softmax(logits) - tf.one_hot(LABELS, 4)) / 70
    np.testing.assert_allclose(tape.gradient(loss, logits), mistake, atol=1e-7)


def test_the_formula_of_the_softmax_is_right_until_it_overflows(lesson):
    logits = tf.constant(RNG.normal(size=(5, 4)), tf.float32)
    np.testing.assert_allclose(lesson["naive_softmax"](logits), tf.nn.softmax(logits), atol=1e-6)
    assert np.isnan(lesson["naive_softmax"](100 + logits)).any()


@pytest.mark.parametrize("batch_size", [1, 32, 35, 70, 100])
def test_batches_hold_each_sample_once_and_in_order(lesson, batch_size):
    batches = lesson["BatchGenerator"](IMAGES, LABELS, batch_size)
    for _ in range(2):  # the second loop starts anew
        images, labels = zip(*batches, strict=True)
        assert len(labels) == batches.num_batches
        np.testing.assert_array_equal(np.concatenate(images), IMAGES)
        np.testing.assert_array_equal(np.concatenate(labels), LABELS)


@pytest.mark.parametrize(("batch_size", "rate"), [(16, 0.1), (32, 0.5), (100, 0.02)])
def test_fit_is_that_of_keras(batch_size, rate):
    lesson = lesson_code("08", *BUILT, "one_training_step")
    ours, theirs = pair(lesson, [12, 8, 4])
    theirs.compile(keras.optimizers.SGD(rate), keras_loss(), metrics=["accuracy"])
    options = {"epochs": 3, "batch_size": batch_size, "validation_data": (IMAGES, LABELS)}
    history = lesson["fit"](ours, IMAGES, LABELS, learning_rate=rate, **options)
    run = theirs.fit(IMAGES, LABELS, shuffle=False, verbose=0, **options)
    for name in ("loss", "val_accuracy"):
        np.testing.assert_allclose(history[name], run.history[name], rtol=1e-4)
    for weight, other in zip(ours.weights, theirs.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, atol=1e-5)


def test_no_keras_in_the_part_from_scratch():
    cells = nbformat.read(find_lesson("08"), as_version=4).cells
    titles = ["## Dense: a product, a sum, an activation", "## The same network in Keras"]
    first, last = (
        next(place for place, cell in enumerate(cells) if title in cell.source.splitlines())
        for title in titles
    )
    part = [cell for cell in cells[first:last] if cell.cell_type == "code"]
    assert len(part) > 10
    for cell in part:
        names = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
        if "class NaiveSequential" in cell.source:
            names.discard("layers")  # an argument's name there
        assert not names & {"keras", "layers"}, cell.source


# ---------------------------------------------------------------- exercises


@pytest.mark.parametrize("sizes", [[784, 512, 10], [3, 2], [5, 4, 3, 2, 1]])
def test_the_count_is_that_of_keras(sizes):
    model = keras.Sequential([keras.Input((sizes[0],)), *map(keras.layers.Dense, sizes[1:])])
    assert lesson_08.count_parameters(sizes) == model.count_params()


@pytest.mark.parametrize("sizes", lesson_08.SIZES)
def test_the_digits_read_without_tensorflow_are_those_that_keras_reads(lesson, sizes):
    _, model = pair(lesson, sizes)
    weights, images = lesson_08.reading_sample(sizes)
    model.set_weights(weights)
    logits = model(images.reshape(-1, 784).astype("float32") / 255).numpy()
    read = lesson_08.read_digits(weights, images)
    np.testing.assert_array_equal(read, np.argmax(logits, axis=1))
    best = np.sort(logits, axis=1)
    assert (best[:, -1] - best[:, -2]).min() > 0.01, "rounding must not decide"
    assert logits.max() < 0, "a ReLU after the last layer must show"
    assert len(set(read.tolist())) > 5, "no digit may be right for all pictures"


@pytest.mark.parametrize("seed", range(20))
def test_dropout_is_judged_alike_whatever_is_drawn(seed):
    keras.utils.set_random_seed(seed)
    assert judge(lesson_08.dropout, lesson_08.NaiveDropout).status == "Correct."
    for wrong in lesson_08.dropout.wrong:
        assert wrong.says in judge(lesson_08.dropout, wrong.answer).message
