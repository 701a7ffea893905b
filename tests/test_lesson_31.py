"""Lesson 31's program for workers holds together, and its exercises judge fairly."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from fresh_process import run_python

from course_utils.data import load_digits
from course_utils.exercises import lesson_31
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from course_utils.workers import tf_config
from tools.lesson_code import lesson_parts

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    code = lesson_parts("31", "GLOBAL_BATCH", "IMPORTS")
    (images, labels), _ = load_digits()
    code["digits"] = lambda: (images, labels.astype("int64"))
    return code


# ---------------------------------------------------------------- what the lesson builds


def shares(lesson, workers, replicas_each, index, first_step, steps):
    """Return the labels that one process feeds, and the size that its shares have."""
    replicas = workers * replicas_each
    context = SimpleNamespace(
        get_per_replica_batch_size=lambda size: size // replicas,
        num_replicas_in_sync=replicas,
        num_input_pipelines=workers,
        input_pipeline_id=index,
    )
    fed = list(lesson["input_of"](context, first_step).take(steps * replicas_each))
    assert {len(labels) for _, labels in fed} == {64 // replicas}
    return [labels.numpy() for _, labels in fed]


@pytest.mark.parametrize("first_step", [0, 5, 61])
@pytest.mark.parametrize(("workers", "replicas_each"), [(1, 1), (1, 2), (2, 1), (4, 1)])
def test_together_the_processes_feed_the_global_batches(lesson, workers, replicas_each, first_step):
    """Whatever the division, each step sees the same 64 samples, across the end of an epoch too."""
    steps = 4
    _, labels = lesson["digits"]()
    order = np.resize(labels, 64 * (first_step + steps))[64 * first_step :]
    fed = [shares(lesson, workers, replicas_each, n, first_step, steps) for n in range(workers)]
    for step in range(steps):
        batch = [
            fed[n][step * replicas_each + k] for n in range(workers) for k in range(replicas_each)
        ]
        np.testing.assert_array_equal(np.concatenate(batch), order[64 * step :][:64])


def test_the_step_is_one_step_on_the_global_batch(lesson):
    strategy = tf.distribute.get_strategy()
    model, optimizer = lesson["build"](strategy)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    images, labels = (tf.constant(part[:64]) for part in lesson["digits"]())
    images = tf.cast(images, tf.float32) / 255
    loss = lesson["compile_step"](strategy, model, optimizer)(images, labels)
    twin.compile(
        keras.optimizers.SGD(0.02, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    np.testing.assert_allclose(loss, twin.train_on_batch(images, labels), rtol=1e-5)
    for ours, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_imports_of_the_program_run_and_exercise_3_can_be_the_first_thing_done(lesson):
    code = lesson["IMPORTS"] + (
        "print(GLOBAL_BATCH, tf.__version__)\n"
        "from course_utils.exercises import judging, lesson_31\n"
        "class Mine(lesson_31.OnDevice): pass\n"
        "print(judging.judge(lesson_31.on_device, Mine).status == judging.Verdict.CORRECT)"
    )
    done = run_python(code)
    assert done.stdout.split() == [str(lesson["GLOBAL_BATCH"]), tf.__version__, "True"]


def test_where_no_worker_can_run_the_lesson_says_so_and_goes_on(lesson, capsys):
    def refuse(*args, **kwargs):
        raise lesson["WorkersError"]("No free port on 127.0.0.1.")

    usual, lesson["run_workers"] = lesson["run_workers"], refuse
    try:
        assert lesson["launch"]("program.py", 1) == []
    finally:
        lesson["run_workers"] = usual
    assert capsys.readouterr().out == "Workers cannot run here: No free port on 127.0.0.1.\n"


def test_losses_are_read_from_the_lines(lesson):
    worker = SimpleNamespace(lines=("start 5", "step 6 0.5", "step 7 0.25"))
    assert lesson["losses_of"](worker) == {6: 0.5, 7: 0.25}


def test_the_config_is_what_tensorflow_reads(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config([2001, 2002], 1))
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)
    assert resolver.cluster_spec().as_dict() == json.loads(tf_config([2001, 2002], 0))["cluster"]


# ---------------------------------------------------------------- exercises


def test_logits_taken_for_probabilities_are_no_answer():
    def answer(labels, logits, global_batch_size):
        losses = keras.losses.sparse_categorical_crossentropy(labels, logits)
        return tf.reduce_sum(losses) / global_batch_size

    assert judge(lesson_31.loss, answer).status == Verdict.NOT_YET


def test_the_example_of_the_statement_runs():
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            lesson_31.OnDevice(layers.Dense(64), "CPU:0"),
            lesson_31.OnDevice(layers.Dense(10), "CPU:1"),
        ]
    )
    assert model(np.zeros((3, 28, 28), "float32")).shape == (3, 10)
    assert model.count_params() == 784 * 64 + 64 + 64 * 10 + 10
