"""What lesson 15 builds is what ``loop`` offers, and its claims can fail."""

import collections
import linecache
import math

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_15
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow, seed_everything
from course_utils.training import loop as training
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code, lesson_parts
from tools.seeds import lesson_15 as seeds

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

RNG = np.random.default_rng(10)
IMAGES = RNG.uniform(size=(70, 12)).astype(np.float32)
LABELS = RNG.integers(0, 4, size=70)


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own definitions; AutoGraph reads their source, so it must be findable."""
    path = find_lesson("15")
    own_class = None
    for cell in nbformat.read(path, as_version=4).cells:
        name, lines = f"{path.name}:{cell.id}", cell.source.splitlines(keepends=True)
        linecache.cache[name] = (len(cell.source), None, lines, name)
        if "class TrainingLoop(TrainingLoop)" in cell.source:
            own_class = cell
    found = lesson_code("15", "training_step", "make_batches", "TrainingLoop", "diagnose")
    exec(compile(own_class.source, f"{path.name}:{own_class.id}", "exec"), found)
    return found


def network():
    seed_everything(0)
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.2),
            layers.Dense(4),
        ]
    )


def assert_same_weights(model, other, tolerance=1e-5):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


# ---------------------------------------------------------------- helper and lesson


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 16, "drop_remainder": True},
        {"shuffle": True, "seed": 4},
        {"shuffle": True, "seed": 4, "reshuffle": False},
        {"transform": lambda images, labels: (images * 2, labels)},
    ],
)
def test_helper_and_lesson_make_the_same_batches(lesson, options):
    epochs = []
    for make in (training.make_batches, lesson["make_batches"]):
        seed_everything(3)
        batches = make((IMAGES, LABELS), **options)
        epochs.append([batch for _ in range(2) for batch in batches])
    assert len(epochs[0]) == len(epochs[1])
    for (images, labels), (other_images, other_labels) in zip(*epochs, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


@pytest.mark.parametrize("steps_per_call", [1, 2, 32])
def test_helper_and_lesson_train_alike(lesson, steps_per_call):
    batches = training.make_batches((IMAGES, LABELS), batch_size=16)
    results = []
    for make in (training.TrainingLoop, lesson["TrainingLoop"]):
        loop = make(
            network(),
            optimizer=keras.optimizers.SGD(0.1),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            steps_per_call=steps_per_call,
        )
        results.append((loop.model, loop.fit(batches, epochs=3)))
    (model, history), (other, other_history) = results
    assert_same_weights(model, other)
    assert set(history) == set(other_history) == {"loss", "accuracy"}
    for name, values in history.items():
        np.testing.assert_allclose(values, other_history[name], rtol=1e-4)


def test_the_lesson_diagnoses_the_causes_of_the_script(lesson):
    rng = np.random.default_rng(0)
    answers = set()
    for _ in range(3000):
        start, end = 10 ** rng.uniform(-1, 2, size=(2, 2))
        run = {
            "loss": list(np.linspace(start[0], end[0], 8)),
            "val_loss": list(np.linspace(start[1], end[1], 8)),
            "accuracy": [rng.uniform()],
        }
        answers.add(lesson["diagnose"](run))
    still = {"loss": [2.303] * 8, "val_loss": [2.31] * 8, "accuracy": [0.1]}
    assert lesson["diagnose"](still) == "dead start"
    assert answers | {"dead start"} == {*seeds.CAUSES, "healthy"}


def test_helper_and_lesson_measure_the_same_gap():
    lesson = lesson_parts("15", only=("largest_gap",))
    models = network(), network()
    models[1].set_weights([weight + 0.5 for weight in models[0].get_weights()])
    assert training.largest_gap(*models) == lesson["largest_gap"](*models) > 0
    assert training.largest_gap(models[0], models[0]) == 0


def test_each_claim_about_training_can_fail():
    for name, holds in seeds.CLAIMS.items():
        assert not holds(collections.defaultdict(lambda: math.nan)), name


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_15.EXERCISES}


@pytest.mark.parametrize("limit", [0.1, 1.0, 1000.0])
def test_clip_reference_is_tensorflow(limit):
    gradients = [tf.constant(RNG.normal(size=shape), tf.float32) for shape in [(3, 4), (4,), ()]]
    theirs, _ = tf.clip_by_global_norm(gradients, limit)
    for ours, expected in zip(lesson_15.clip_gradients(gradients, limit), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_accumulate_reference_is_one_large_batch():
    model, other = network(), network()
    for member in (model, other):  # dropout draws for a batch, so it cannot be cut
        member.layers[1].rate = 0.0
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    pieces = [(tf.constant(IMAGES[a:b]), LABELS[a:b]) for a, b in [(0, 30), (30, 60), (60, 70)]]
    first, second = keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)
    value = lesson_15.accumulated_step(model, first, loss, pieces)
    whole = lesson_15.accumulated_step(other, second, loss, [(IMAGES, LABELS)])
    assert float(value) == pytest.approx(float(whole), rel=1e-5)
    assert_same_weights(model, other)


def test_mended_loop_is_the_course_loop():
    weights, history, _ = lesson_15.run_loop(lesson_15.mended_loop)
    twin = lesson_15.small_model()
    loop = training.TrainingLoop(
        twin,
        optimizer=keras.optimizers.SGD(0.1),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    batches = training.make_batches((lesson_15.INPUTS, lesson_15.CLASSES), batch_size=4)
    expected = loop.fit(batches, epochs=lesson_15.EPOCHS)
    np.testing.assert_allclose(history, expected["accuracy"], atol=1e-6)
    for ours, theirs in zip(weights, twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_broken_loop_of_the_statement_has_all_three_bugs():
    names = {"tf": tf}
    exec(lesson_15.BROKEN, names)
    assert lesson_15.BROKEN in EXERCISES["15.3"].statement
    verdict = judge(EXERCISES["15.3"], names["broken_loop"])
    assert "both are still there" in verdict.message


def test_finder_reference_finds_the_bottom_of_a_bowl():
    rates = []

    def step(rate):
        rates.append(rate)
        return (math.log10(rate) + 1) ** 2 + 0.5

    found = lesson_15.find_learning_rate(step, 1e-4, 10.0, 26)
    assert found == pytest.approx(0.01, rel=1e-6)
    assert rates[0] == pytest.approx(1e-4) and rates == sorted(rates)
