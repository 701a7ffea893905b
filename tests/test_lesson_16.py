"""What lesson 16 builds is what ``loop`` offers, and its pipelines do what it says of them."""

import itertools
import linecache

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_16
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow, seed_everything
from course_utils.training import loop as training
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code, lesson_parts

tf = import_tensorflow()
import keras  # noqa: E402

RNG = np.random.default_rng(10)
IMAGES = RNG.uniform(size=(70, 28, 28)).astype(np.float32)
LABELS = RNG.integers(0, 10, size=70)


# ---------------------------------------------------------------- lesson and helper


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
def test_helper_and_lesson_make_the_same_batches(options):
    lesson = lesson_parts("16", only=("make_batches",))
    epochs = []
    for make in (training.make_batches, lesson["make_batches"]):
        seed_everything(3)
        batches = make((IMAGES, LABELS), **options)
        epochs.append([batch for _ in range(2) for batch in batches])
    assert len(epochs[0]) == len(epochs[1])
    for (images, labels), (other_images, other_labels) in zip(*epochs, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


def test_many_steps_in_one_call_are_those_of_many_calls():
    path = find_lesson("16")
    for cell in nbformat.read(path, as_version=4).cells:  # AutoGraph reads the source
        name = f"{path.name}:{cell.id}"
        linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(True), name)
    batches = training.make_batches((IMAGES, LABELS), batch_size=16)
    trained = []
    for way in ("one", "many"):
        seed_everything(2)
        lesson = lesson_code("16", "many_steps")
        if way == "one":
            for inputs, targets in batches:
                lesson["one_step"](inputs, targets)
        else:
            iterator = iter(batches)
            for count in (3, 2):
                lesson["many_steps"](iterator, tf.constant(count))
        assert int(lesson["optimizer"].iterations) == 5
        trained.append(lesson["model"])
    assert training.largest_gap(*trained) < 1e-5


# ---------------------------------------------------------------- what it says of tf.data


def orders(dataset, epochs=4):
    return [list(map(int, dataset)) for _ in range(epochs)]


@pytest.mark.parametrize("seeded", [True, False])
@pytest.mark.parametrize("way", ["uniform", "generator", "keras"])
def test_what_a_map_draws_in_each_epoch(seeded, way):
    """With a global seed, tf.random starts anew in each epoch; what has a state goes on."""
    if seeded:
        seed_everything(5)
    else:
        tf.random.set_seed(None)
    generator, keras_state = tf.random.Generator.from_seed(1), keras.random.SeedGenerator(1)
    draw = {
        "uniform": lambda: tf.random.uniform([], 0, 10**9, tf.int64),
        "generator": lambda: generator.uniform([], 0, 10**9, tf.int64),
        "keras": lambda: tf.cast(
            keras.random.randint([], 0, 10**9, dtype="int32", seed=keras_state), tf.int64
        ),
    }[way]
    drawn = tf.data.Dataset.range(3).map(lambda number: draw())
    different = len(set(map(tuple, orders(drawn))))
    assert different == (1 if seeded and way == "uniform" else 4)
    seed_everything(0)


@pytest.mark.parametrize("seed", [None, 0, 1, 7])
def test_an_order_that_stays_divides_without_a_leak(seed):
    for stays in (True, False):
        mixed = tf.data.Dataset.range(50).shuffle(50, seed=seed, reshuffle_each_iteration=not stays)
        pairs = zip(orders(mixed.skip(10)), orders(mixed.take(10)), strict=True)
        trained, measured = (set(itertools.chain(*part)) for part in zip(*pairs, strict=True))
        assert (not trained & measured) == stays


# ---------------------------------------------------------------- exercises


def test_the_broken_pipeline_of_the_statement_has_all_three_faults():
    names = {"tf": tf}
    exec(lesson_16.BROKEN, names)
    assert lesson_16.BROKEN in lesson_16.fix.statement
    verdict = judge(lesson_16.fix, names["broken_pipeline"])
    assert "for validation and for training" in verdict.message


@pytest.mark.parametrize("seed", range(10))
def test_pipelines_are_judged_alike_whatever_is_drawn(seed):
    for exercise in lesson_16.EXERCISES:
        seed_everything(seed)
        assert judge(exercise, exercise.reference).status == "Correct."
        for wrong in exercise.wrong[:4]:
            assert wrong.says in judge(exercise, wrong.answer).message
