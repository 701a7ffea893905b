"""The progress line and the learning rate with a warm-up do what their docstrings say."""

import math

import numpy as np
import pytest

from course_utils.session import import_tensorflow
from course_utils.training import callbacks
from course_utils.training.callbacks import Progress, warmup_cosine

tf = import_tensorflow()
import keras  # noqa: E402


class Clock:
    """Stands in for the module ``time``: each look at it takes one second."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 1.0
        return self.now


def run(progress, monkeypatch, *, first=0, epochs=4, logs=None):
    """Call the hooks as ``fit`` does, with the same numbers in each epoch."""
    monkeypatch.setattr(callbacks, "time", Clock())
    progress.set_params({"epochs": epochs})
    progress.on_train_begin()
    for epoch in range(first, epochs):
        progress.on_epoch_begin(epoch)
        progress.on_epoch_end(epoch, {"loss": 0.5} if logs is None else logs)


# ---------------------------------------------------------------- Progress


def test_one_line_an_epoch_with_the_time_left(capsys, monkeypatch):
    run(Progress(quiet=False), monkeypatch, epochs=3)
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1/3  loss 0.5  2 s left",
        "epoch 2/3  loss 0.5  1 s left",
        "epoch 3/3  loss 0.5  0 s left",
    ]


def test_a_run_that_goes_on_counts_its_own_epochs(capsys, monkeypatch):
    run(Progress(quiet=False), monkeypatch, first=7, epochs=10)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["8/10", "9/10", "10/10"]
    assert lines[0].endswith("2 s left")


def test_a_second_run_starts_anew(capsys, monkeypatch):
    progress = Progress(quiet=False)
    run(progress, monkeypatch, first=2, epochs=4)
    first = capsys.readouterr().out
    run(progress, monkeypatch, first=2, epochs=4)
    assert capsys.readouterr().out == first


def test_numbers_keep_three_digits_and_their_names(capsys, monkeypatch):
    logs = {"loss": 0.123456, "learning_rate": np.float32(1e-5)}
    run(Progress(quiet=False), monkeypatch, epochs=1, logs=logs)
    assert "loss 0.123  learning_rate 1e-05" in capsys.readouterr().out


@pytest.mark.parametrize("recorded", [True, False])
def test_quiet_where_outputs_are_recorded(capsys, monkeypatch, recorded):
    monkeypatch.setenv("COURSE_QUIET", "1" if recorded else "0")
    run(Progress(), monkeypatch)
    assert (capsys.readouterr().out == "") is recorded
    run(Progress(quiet=True), monkeypatch)
    assert capsys.readouterr().out == ""


def test_fit_calls_it(capsys):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    data = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    capsys.readouterr()
    model.fit(*data, epochs=2, verbose=0, validation_data=data, callbacks=[Progress(quiet=False)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss ")
    assert " val_loss " in lines[0] and lines[1].endswith("0 s left")


@pytest.mark.parametrize("quiet", ["yes", 1, 0.0])
def test_quiet_is_checked(quiet):
    with pytest.raises(TypeError, match="quiet: expected True or False, got"):
        Progress(quiet=quiet)


# ---------------------------------------------------------------- warmup_cosine


@pytest.mark.parametrize(("warmup", "total"), [(0, 10), (1, 2), (7, 20), (50, 51)])
def test_the_formula(warmup, total):
    rate = warmup_cosine(0.3, warmup_steps=warmup, total_steps=total)
    for step in range(total + 5):
        if step < warmup:
            expected = 0.3 * step / warmup
        else:
            share = min((step - warmup) / (total - warmup), 1.0)
            expected = 0.3 * (1 + math.cos(math.pi * share)) / 2
        assert float(rate(step)) == pytest.approx(expected, abs=1e-6), step


def test_each_batch_is_trained_with_the_rate_of_its_step():
    rate = warmup_cosine(0.5, warmup_steps=3, total_steps=8)
    weight = tf.Variable(0.0)
    optimizer = keras.optimizers.SGD(rate)
    for step in range(8):
        before = float(weight)
        optimizer.apply([tf.constant(1.0)], [weight])
        assert before - float(weight) == pytest.approx(float(rate(step)), abs=1e-6)


def test_the_schedule_is_saved_with_the_optimiser():
    rate = warmup_cosine(0.5, warmup_steps=3, total_steps=8)
    optimizer = keras.optimizers.SGD(rate)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    weights = [tf.Variable(0.0), tf.Variable(0.0)]
    for _ in range(5):
        optimizer.apply([tf.constant(1.0)], weights[:1])
        again.apply([tf.constant(1.0)], weights[1:])
    assert float(weights[0]) == pytest.approx(float(weights[1])) != 0


@pytest.mark.parametrize(
    ("peak", "warmup", "total", "error", "says"),
    [
        ("0.1", 1, 2, TypeError, "peak: expected a number, got '0.1'"),
        (True, 1, 2, TypeError, "peak: expected a number"),
        (0.0, 1, 2, ValueError, "peak: expected a finite number above 0, got 0.0"),
        (math.nan, 1, 2, ValueError, "peak: expected a finite number"),
        (math.inf, 1, 2, ValueError, "peak: expected a finite number"),
        (0.1, 1.5, 2, TypeError, "warmup_steps: expected a whole number, got 1.5"),
        (0.1, 1, "2", TypeError, "total_steps: expected a whole number, got '2'"),
        (0.1, False, 2, TypeError, "warmup_steps: expected a whole number"),
        (0.1, -1, 2, ValueError, "warmup_steps: expected at least 0, got -1"),
        (0.1, 5, 5, ValueError, "total_steps: expected more than the 5 warm-up steps, got 5"),
        (0.1, 0, 0, ValueError, "total_steps: expected more than the 0 warm-up steps, got 0"),
    ],
)
def test_impossible_schedules_are_refused(peak, warmup, total, error, says):
    with pytest.raises(error, match=says):
        warmup_cosine(peak, warmup_steps=warmup, total_steps=total)
