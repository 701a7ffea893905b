"""Exercises of lesson 14, callbacks and saving."""

import math
import os
import tempfile
from pathlib import Path

import numpy as np

from course_utils.exercises.expect import (
    NotAttempted,
    call,
    describe,
    fail,
    is_close,
    lent,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- a model for 14.1 and 14.3


def sliding_model(rate=1.0):
    """Return a model of one weight whose gradient is 1: each step moves it by the rate."""
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(
        keras.optimizers.SGD(rate),
        loss=lambda labels, outputs: outputs,
        run_eagerly=True,
    )
    return model


def train_with_your_callback(model, callbacks, epochs, batches):
    """Train and return the model; its name stands in the verdict on a callback that raises."""
    ones = np.ones((batches, 1), "float32")
    model.fit(
        ones, ones, batch_size=1, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks
    )
    return model


def make_callback(answer, *args):
    made = call(answer, *args)
    if not isinstance(made, keras.callbacks.Callback):
        fail("The class is no callback: derive it from keras.callbacks.Callback.")
    if not any(
        getattr(answer, name) is not getattr(keras.callbacks.Callback, name)
        for name in dir(keras.callbacks.Callback)
        if name.startswith("on_")
    ):
        raise NotAttempted("The class has no hook of its own yet. Which moment do you need?")
    return made


# ---------------------------------------------------------------- 14.1


class StopAt(keras.callbacks.Callback):
    def __init__(self, monitor, target):
        super().__init__()
        self.monitor, self.target = monitor, target

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get(self.monitor)
        if value is not None and value >= self.target:
            self.model.stop_training = True


class _Script(keras.callbacks.Callback):
    """Write given values into the logs of each epoch, and count epochs and batches."""

    def __init__(self, **values):
        super().__init__()
        self.values, self.epochs, self.batches = values, 0, 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        logs.update({name: values[epoch] for name, values in self.values.items()})


def epochs_run(answer, monitor, target, **values):
    """Return how many epochs of two batches ran before the learner's callback stopped the run."""
    script = _Script(**values)
    longest = len(next(iter(values.values())))
    call(
        train_with_your_callback,
        sliding_model(0.0),
        [script, make_callback(answer, monitor, target)],
        longest,
        2,
    )
    if script.batches != 2 * script.epochs:
        fail("An epoch was cut short. Numbers of an epoch are known only at its end.")
    return script.epochs


def check_stop(answer):
    rising = [0.2, 0.4, 0.55, 0.7, 0.9, 0.95]
    ran = epochs_run(answer, "score", 0.6, score=rising, other=[1.0] * 6)
    if ran == 6:
        fail(
            "The value passed the target in epoch 4, and the run went on to its end. Whose "
            "attribute `stop_training` ends a run: the callback's or the model's? And does the "
            "hook that you chose see the value?"
        )
    if ran == 5:
        fail(
            "The value passed the target in epoch 4, and the run stopped after epoch 5. Which hook "
            "sees the value of an epoch as soon as there is one?"
        )
    if ran < 4:
        low = epochs_run(answer, "score", 0.6, score=[0.2] * 4, other=[0.2] * 4)
        if low == 4:
            fail("The run stopped by the value of another name. `monitor` says which one counts.")
        fail(f"The target is 0.6, and the run stopped in epoch {ran}, where the value is below it.")
    if epochs_run(answer, "score", 0.5, score=[0.1, 0.2, 0.5, 0.5, 0.5], other=[0.0] * 5) != 3:
        fail("The value was exactly the target in epoch 3, and the run went on: reached counts.")
    if epochs_run(answer, "loss", -0.5, loss=[-2.0, -1.0, 0.0, 1.0]) != 3:
        fail("The run stopped by a number of a batch. Wait for the value of the whole epoch.")
    if epochs_run(answer, "missing", 0.5, score=[0.9, 0.9, 0.9]) != 3:
        fail("The logs have no such name, and the run was stopped. Without a value, do nothing.")
    if epochs_run(answer, "missing", -0.5, score=[-0.9, -0.9, -0.9]) != 3:
        fail(
            "The logs have no such name, the target is -0.5, and the run was stopped. A name that "
            "is missing is not a value of 0."
        )


class StopItself(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if logs.get(self.monitor, 0.0) >= self.target:
            self.stop_training = True


class StopAbove(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if logs.get(self.monitor, -math.inf) > self.target:
            self.model.stop_training = True


class StopLate(StopAt):
    value = None

    def on_epoch_end(self, epoch, logs=None):
        if self.value is not None and self.value >= self.target:
            self.model.stop_training = True
        self.value = logs.get(self.monitor)


class StopInBatch(StopAt):
    def on_train_batch_end(self, batch, logs=None):
        if logs.get(self.monitor, -math.inf) >= self.target:
            self.model.stop_training = True


class StopBelow(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if logs.get(self.monitor, math.inf) <= self.target:
            self.model.stop_training = True


class StopByAny(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if max(logs.values()) >= self.target:
            self.model.stop_training = True


class StopWithoutName(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if logs[self.monitor] >= self.target:
            self.model.stop_training = True


class StopOnZero(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if logs.get(self.monitor, 0.0) >= self.target:
            self.model.stop_training = True


class StopByError(StopAt):
    def on_epoch_end(self, epoch, logs=None):
        if logs.get(self.monitor, -math.inf) >= self.target:
            raise StopIteration("target reached")


class StopAndRemember(keras.callbacks.Callback):
    def __init__(self, monitor, target):
        super().__init__()
        self.enough = lambda logs: monitor in logs and not logs[monitor] < target

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = self.model.stop_training or self.enough(logs)


stop = Exercise(
    id="14.1",
    title="Stop on a target",
    minutes=5,
    statement="""Write the class `StopAt`, a callback that ends a run as soon as it is good enough.
`StopAt(monitor, target)` takes the name of a number in the logs of an epoch, such as
`"val_accuracy"`, and a float. The run ends after the first epoch in which that number is **at
least** `target`. Where the logs do not hold the name, nothing happens.

For example, with `StopAt("val_accuracy", 0.9)` and the values 0.7, 0.9, 0.95, `fit(..., epochs=3)`
trains for two epochs.

When it is right, count the epochs until the network repeats 90 % of its 300 labels:
`len(train(new_model(), callbacks=[StopAt("accuracy", 0.9)])["loss"])`.""",
    stub="""class StopAt(keras.callbacks.Callback):
    def __init__(self, monitor, target):
        ...""",
    answer="StopAt",
    check=check_stop,
    reference=StopAt,
    hints=(
        "Keep both arguments in `__init__`. Which hook is called once an epoch, with its logs?",
        "A run ends after the epoch in which `stop_training` of the model becomes True; a callback "
        "reaches the model by `self.model`.",
        "`logs.get(self.monitor)` is None where there is no such name.",
    ),
    explanation=(
        "`on_epoch_end` is the first hook that knows the numbers of an epoch, validation included. "
        "It sets the model's flag, and `fit` leaves its loop and still calls `on_train_end`."
    ),
    wrong=(
        Wrong(StopItself, "the callback's or the model's"),
        Wrong(StopAbove, "reached counts"),
        Wrong(StopLate, "stopped after epoch 5"),
        Wrong(StopInBatch, "An epoch was cut short"),
        Wrong(StopBelow, "where the value is below it"),
        Wrong(StopByAny, "the value of another name"),
        Wrong(StopWithoutName, "KeyError"),
        Wrong(StopOnZero, "is not a value of 0"),
        Wrong(StopByError, "StopIteration"),
    ),
    right=(StopAndRemember,),
)

# ---------------------------------------------------------------- 14.2


def keep_best(path, images, labels):
    best = None
    if path.exists():
        stored = keras.models.load_model(path)
        best = stored.evaluate(images, labels, verbose=0, return_dict=True)["loss"]
    return keras.callbacks.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=best)


DATA = np.ones((4, 1), np.float32), np.zeros((4, 1), np.float32)  # the loss is the weight squared


class _Walk(keras.callbacks.Callback):
    """Give the one weight of a model a value of its own in each epoch."""

    def __init__(self, places):
        super().__init__()
        self.places = places

    def on_epoch_begin(self, epoch, logs=None):
        self.model.set_weights([np.array([[self.places[epoch]]])])


def stored_weight(answer, path, *places):
    """Train with the learner's callback, through these weights; return the one in the file."""
    checkpoint = call(answer, path, *DATA)
    if not isinstance(checkpoint, keras.callbacks.ModelCheckpoint):
        fail(f"Expected a keras.callbacks.ModelCheckpoint, got {describe(checkpoint)}.")
    if not checkpoint.save_best_only:
        fail("The callback saves after every epoch, better or not. Which argument is missing?")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"], run_eagerly=True)

    def training_with_your_callback():
        return model.fit(
            *DATA,
            epochs=len(places),
            verbose=0,
            validation_data=DATA,
            callbacks=[_Walk(places), checkpoint],
        )

    call(training_with_your_callback)
    if not path.exists():
        fail(
            "There was no file yet, and the first run has saved nothing. Without a stored model, "
            "every first epoch is the best so far."
        )
    return float(keras.models.load_model(path).get_weights()[0][0, 0])


def check_keep_best(answer):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "best.keras"
        if stored_weight(answer, path, 2.0, 3.0) != 2.0:
            fail(
                "In the first run the validation loss is 4 in epoch 1 and 9 in epoch 2, and the "
                "model of epoch 2 is in the file. Of a loss, less is better."
            )
        if stored_weight(answer, path, 3.0, 4.0) != 2.0:
            fail(
                "The stored model has a validation loss of 4. A second run with 9 and 16 has "
                "replaced it: a new callback knows nothing of the file. Tell it what must be "
                "beaten."
            )
        if stored_weight(answer, path, 1.75, 1.875) != 1.75:
            fail(
                "The stored model has a validation loss of 4 and a mean absolute error of 2. A "
                "second run reaches a loss of 3.06, and the file has not changed. Which of the "
                "numbers of `evaluate` must be beaten?"
            )


def keep_best_or_nothing(path, images, labels):
    threshold = {}
    if os.path.exists(path):
        threshold["initial_value_threshold"] = keras.models.load_model(path).evaluate(
            images, labels, verbose=0
        )[0]
    return keras.callbacks.ModelCheckpoint(
        filepath=str(path), monitor="val_loss", mode="min", save_best_only=True, **threshold
    )


def keep_best_by_trying(path, images, labels):
    checkpoint = keras.callbacks.ModelCheckpoint(path, save_best_only=True)
    try:
        stored = keras.models.load_model(path)
    except (OSError, ValueError):
        return checkpoint
    checkpoint.best = float(np.mean((stored.predict(images, verbose=0) - labels) ** 2))
    return checkpoint


def keep_best_of_this_run(path, images, labels):
    return keras.callbacks.ModelCheckpoint(path, save_best_only=True)


def keep_last(path, images, labels):
    return keras.callbacks.ModelCheckpoint(path)


def keep_best_always_load(path, images, labels):
    best = keras.models.load_model(path).evaluate(images, labels, verbose=0)[0]
    return keras.callbacks.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=best)


def keep_best_of_metric(path, images, labels):
    best = None
    if path.exists():
        best = keras.models.load_model(path).evaluate(images, labels, verbose=0)[1]
    return keras.callbacks.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=best)


def keep_best_from_zero(path, images, labels):
    best = 0.0
    if path.exists():
        best = keras.models.load_model(path).evaluate(images, labels, verbose=0)[0]
    return keras.callbacks.ModelCheckpoint(path, save_best_only=True, initial_value_threshold=best)


def keep_worst(path, images, labels):
    return keras.callbacks.ModelCheckpoint(path, save_best_only=True, mode="max")


def keep_best_of_path(path, images, labels):
    return path


keep = Exercise(
    id="14.2",
    title="Keep the best of all runs",
    minutes=10,
    statement="""Write `keep_best(path, images, labels)`. It returns a
`keras.callbacks.ModelCheckpoint` that saves whole models to `path`, a `pathlib.Path` that ends in
`.keras`. A model is saved only if its validation loss is lower than ever before: in this run, **and
lower than that of the model that is in the file already**, if there is a file. `images` and
`labels` are the validation data. The stored model was compiled with a loss and one metric.

When it is right, repeat both runs of the cell above, each with
`callbacks=[keep_best(path, *held_out)]`, and ask for `stored_loss()` after each.""",
    stub="def keep_best(path, images, labels):\n    ...",
    answer="keep_best",
    check=check_keep_best,
    reference=keep_best,
    right=(keep_best_or_nothing, keep_best_by_trying),
    hints=(
        "What must be beaten is the validation loss of the stored model: load it and measure it.",
        "`path.exists()` says whether there is a file. In the first run there is none, and "
        '`initial_value_threshold=None` stands for "nothing to beat".',
        '`evaluate(..., verbose=0, return_dict=True)["loss"]` is the loss of a loaded model, '
        "which comes compiled.",
    ),
    explanation=(
        "The file is the only thing that outlives the process, so the callback gets its memory "
        "from there. The value is measured again, on the same validation data."
    ),
    wrong=(
        Wrong(keep_best_of_this_run, "knows nothing of the file"),
        Wrong(keep_last, "saves after every epoch"),
        Wrong(keep_best_always_load, "not found"),
        Wrong(keep_best_of_metric, "Which of the numbers of `evaluate`"),
        Wrong(keep_best_from_zero, "has saved nothing"),
        Wrong(keep_worst, "Of a loss, less is better"),
        Wrong(keep_best_of_path, "Expected a keras.callbacks.ModelCheckpoint"),
    ),
)

# ---------------------------------------------------------------- 14.3


class WarmupCosine(keras.callbacks.Callback):
    def __init__(self, peak, warmup, total):
        super().__init__()
        self.peak, self.warmup, self.total = peak, warmup, total

    def on_train_begin(self, logs=None):
        self.step = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.rate(self.step)
        self.step += 1

    def rate(self, step):
        if step < self.warmup:
            return self.peak * step / self.warmup
        share = min((step - self.warmup) / (self.total - self.warmup), 1.0)
        return self.peak * (1 + math.cos(math.pi * share)) / 2


class _Moves(keras.callbacks.Callback):
    """Record by how much the one weight of the model moves in each batch: the rate itself."""

    def __init__(self):
        super().__init__()
        self.moves, self.place = [], 0.0

    def on_train_batch_end(self, batch, logs=None):
        place = float(self.model.get_weights()[0][0, 0])
        self.moves.append(self.place - place)
        self.place = place


def rates_of(answer, peak, warmup, total, batches, epochs):
    """Return the learning rate that each batch of a real run was trained with."""
    recorder = _Moves()
    made = make_callback(answer, peak, warmup, total)
    call(train_with_your_callback, sliding_model(7.0), [made, recorder], epochs, batches)
    return np.array(recorder.moves)


def expected_rates(peak, warmup, total, count):
    schedule = WarmupCosine(peak, warmup, total)
    return np.array([schedule.rate(step) for step in range(count)])


def check_warmup(answer):
    peak, warmup, total, batches = 0.5, 7, 20, 5
    rates = rates_of(answer, peak, warmup, total, batches, epochs=4)
    right = expected_rates(peak, warmup, total, 20)

    def same(values, others):
        return is_close(values, others, tolerance=1e-4)

    if same(rates, np.full(20, 7.0)):
        fail(
            "All batches were trained with the rate that `compile` was given. Set "
            "`self.model.optimizer.learning_rate`."
        )
    if all(np.ptp(rates[start : start + batches]) < 1e-5 for start in range(0, 20, batches)):
        fail(
            "The rate changes once an epoch. Steps are batches here: a warm-up of 7 is over in "
            "the second epoch."
        )
    if same(rates[:batches], rates[batches : 2 * batches]):
        fail(
            "The schedule starts anew in each epoch. The argument `batch` of a hook counts the "
            "batches of its epoch; who counts those of the run?"
        )
    if same(rates[1:], right[:-1]):
        fail(
            "The rates are right, and each comes one batch late: the first batch was trained with "
            "what `compile` was given. Which hook comes before the step?"
        )
    if same(rates[:-1], right[1:]):
        fail("The rates are right, and each comes one batch early. The first batch has step 0.")
    if not same(rates[:warmup], right[:warmup]):
        fail(
            f"The warm-up is off. With peak {peak} and {warmup} steps, batch 0 has the rate 0, and "
            f"each batch has {peak / warmup:.4f} more than the one before."
        )
    steps = np.arange(warmup, total)
    if same(rates[warmup:], peak * (1 + np.cos(np.pi * steps / total)) / 2):
        fail(
            "The rate falls from the peak at a jump: the cosine counts the warm-up steps as well. "
            "It begins where the warm-up ends, and has the rest of the run for itself."
        )
    if same(rates[warmup:], 2 * right[warmup:]):
        fail("The cosine starts at twice the peak: 1 + cos goes from 2 to 0.")
    if not same(rates, right):
        fail("The warm-up is right, and the fall is not: half a cosine wave, from the peak to 0.")
    longer = rates_of(answer, 0.2, 3, 10, 4, epochs=4)
    if same(longer[:10], expected_rates(0.2, 3, 10, 10)) and np.any(np.abs(longer[10:]) > 1e-5):
        fail(
            "The run is longer than `total`, and the rate rises again: a cosine does. From step "
            "`total` on it must stay 0."
        )
    if not same(longer, expected_rates(0.2, 3, 10, 16)):
        fail("With other numbers (peak 0.2, warmup 3, total 10) the rates are off.")


class WarmupByEpoch(WarmupCosine):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.rate(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        pass


class WarmupByBatch(WarmupCosine):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.rate(batch)


class WarmupLate(WarmupCosine):
    def on_train_batch_begin(self, batch, logs=None):
        pass

    def on_train_batch_end(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.rate(self.step)
        self.step += 1


class WarmupEarly(WarmupCosine):
    def on_train_begin(self, logs=None):
        self.step = 1


class WarmupOverAll(WarmupCosine):
    def rate(self, step):
        if step < self.warmup:
            return self.peak * step / self.warmup
        return self.peak * (1 + math.cos(math.pi * min(step / self.total, 1.0))) / 2


class WarmupDouble(WarmupCosine):
    def rate(self, step):
        return super().rate(step) * (1 if step < self.warmup else 2)


class WarmupRises(WarmupCosine):
    def rate(self, step):
        if step < self.warmup:
            return self.peak * step / self.warmup
        share = (step - self.warmup) / (self.total - self.warmup)
        return self.peak * (1 + math.cos(math.pi * share)) / 2


class WarmupLinear(WarmupCosine):
    def rate(self, step):
        if step < self.warmup:
            return self.peak * step / self.warmup
        return self.peak * max(self.total - step, 0) / (self.total - self.warmup)


class WarmupElsewhere(WarmupCosine):
    def on_train_batch_begin(self, batch, logs=None):
        self.learning_rate = self.rate(self.step)
        self.step += 1


class WarmupByOptimiser(WarmupCosine):
    def on_train_batch_begin(self, batch, logs=None):
        done = int(self.model.optimizer.iterations)
        self.model.optimizer.learning_rate.assign(self.rate(done))


warmup = Exercise(
    id="14.3",
    title="Warm up, then follow a cosine",
    minutes=10,
    statement="""Write the class `WarmupCosine`, a callback that sets the learning rate of each
batch. `WarmupCosine(peak, warmup, total)` takes the highest rate (a float) and two numbers of
batches, with `0 < warmup < total`. Let $s$ be the number of batches that are done since training
began: 0 for the first batch, and going on from epoch to epoch. The batch must be trained with

$$\\text{peak}\\cdot\\frac{s}{\\text{warmup}} \\;\\text{ while } s < \\text{warmup}, \\qquad
\\frac{\\text{peak}}{2}\\left(1 + \\cos\\left(\\pi\\,\\frac{s - \\text{warmup}}
{\\text{total} - \\text{warmup}}\\right)\\right) \\;\\text{ while } s < \\text{total},$$

and with 0 from then on. `self.model.optimizer.learning_rate = rate` sets it; Python's `math` has
`cos` and `pi`.

For example, `WarmupCosine(1.0, 2, 6)` trains six batches with 0, 0.5, 1, 0.854, 0.5 and 0.146.""",
    stub="""class WarmupCosine(keras.callbacks.Callback):
    def __init__(self, peak, warmup, total):
        ...""",
    answer="WarmupCosine",
    check=check_warmup,
    reference=WarmupCosine,
    hints=(
        "Write the formula as a method of the step first, and try the example by hand.",
        "The rate must be there before the batch is trained. And the callback has to count the "
        "batches itself: what a hook is given starts at 0 in each epoch.",
        "`on_train_begin` sets a counter to 0; `on_train_batch_begin` sets the rate, then adds 1. "
        "`min(share, 1.0)` keeps the cosine from rising again.",
    ),
    explanation=(
        "The counter lives in the callback and outlasts the epochs; the rate is set before the "
        "batch. The check reads the rate from how far a weight moves whose gradient is always 1."
    ),
    wrong=(
        Wrong(WarmupByEpoch, "once an epoch"),
        Wrong(WarmupByBatch, "starts anew in each epoch"),
        Wrong(WarmupLate, "one batch late"),
        Wrong(WarmupEarly, "one batch early"),
        Wrong(WarmupOverAll, "counts the warm-up steps as well"),
        Wrong(WarmupDouble, "twice the peak"),
        Wrong(WarmupRises, "rises again"),
        Wrong(WarmupLinear, "the fall is not"),
        Wrong(WarmupElsewhere, "the rate that `compile` was given"),
    ),
    right=(WarmupByOptimiser,),
)

# ---------------------------------------------------------------- 14.4


def train_head(model, images, labels):
    for layer in model.layers[:-1]:
        layer.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)

    before = {layer.name: layer.get_weights() for layer in model.layers}
    model.fit(images, labels, epochs=1, verbose=0)
    return {
        layer.name: any(
            not np.array_equal(old, new)
            for old, new in zip(before[layer.name], layer.get_weights(), strict=True)
        )
        for layer in model.layers
        if layer.weights
    }


class _Counter(layers.Layer):
    """A layer that counts its batches in a weight that nobody trains, and changes nothing."""

    def build(self, shape):
        self.batches = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        self.batches.assign_add(1.0)
        return inputs


def head_data():
    """Return 32 images of six numbers, and labels from 0 to 2."""
    rng = np.random.default_rng(94)
    return rng.normal(size=(32, 6)).astype("float32"), rng.integers(0, 3, 32)


@lent
def fitted_model():
    """Return a model that has been trained with all of its layers."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, name="base"),
            layers.BatchNormalization(name="bn"),
            _Counter(name="counter"),
            layers.Dropout(0.1, name="dropout"),
            layers.Dense(3, name="head"),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(*head_data(), epochs=1, verbose=0)
    return model


def check_head(answer):
    with fitted_model() as model:
        judge_head(answer, model)


def judge_head(answer, model):
    before = {layer.name: layer.get_weights() for layer in model.layers}
    report = call(answer, model, *head_data())
    moved = {
        layer.name: any(
            not np.array_equal(old, new)
            for old, new in zip(before[layer.name], layer.get_weights(), strict=True)
        )
        for layer in model.layers
        if layer.weights
    }
    below = [name for name in ("base", "bn") if moved[name]]
    if below and not moved["head"]:
        fail("The head stood still, and the layers below it moved: the wrong side is frozen.")
    if len(below) == 2 and not model.get_layer("base").trainable:
        fail(
            "The layers are marked as frozen, and they moved: the model had been trained before, "
            "and `fit` went on with the step that it had then. What makes it look again?"
        )
    if below:
        fail(f"The layer `{below[0]}` moved. Only the last layer may, and `bn` is one of the rest.")
    if not moved["head"]:
        fail("Nothing moved, the head neither. Is more frozen than the layers below it?")
    if not isinstance(report, dict):
        fail(f"Expected a dict from a layer's name to True or False, got {describe(report)}.")
    if set(report) != set(moved):
        fail(
            "The report must have the names of exactly the layers that have weights: here "
            "`base`, `bn`, `counter` and `head`."
        )
    if not any(report.values()):
        fail(
            "The head moved, as it should, and the report says that nothing did. Does what "
            "you kept from before training change along with the weights?"
        )
    if not report["counter"]:
        fail(
            "The layer `counter` has a count in a weight that is not trainable. The count moved, "
            "and the report says that it did not: it tells what was meant to move. Compare all "
            "values, trained or not, with what they were."
        )
    if {name: bool(value) for name, value in report.items()} != moved:
        fail("Only the head and the count moved, and the report says otherwise.")


def head_without_compile(model, images, labels):
    for layer in model.layers[:-1]:
        layer.trainable = False
    before = {layer.name: layer.get_weights() for layer in model.layers}
    model.fit(images, labels, epochs=1, verbose=0)
    return {layer.name: not np.array_equal(before[layer.name][0], layer.get_weights()[0])
            for layer in model.layers if layer.weights}  # fmt: skip


def head_alias(model, images, labels):
    before = {layer.name: layer.weights for layer in model.layers if layer.weights}
    train_head(model, images, labels)
    return {
        layer.name: any(
            not np.array_equal(old, new)
            for old, new in zip(before[layer.name], layer.weights, strict=True)
        )
        for layer in model.layers
        if layer.weights
    }


def head_all_frozen(model, images, labels):
    model.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(images, labels, epochs=1, verbose=0)
    return {layer.name: layer.name == "head" for layer in model.layers if layer.weights}


def head_flags(model, images, labels):
    train_head(model, images, labels)
    return {layer.name: layer.trainable for layer in model.layers if layer.weights}


def head_frozen(model, images, labels):
    model.layers[-1].trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(images, labels, epochs=1, verbose=0)
    return {layer.name: layer.trainable for layer in model.layers if layer.weights}


def head_and_norm(model, images, labels):
    model.layers[0].trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(images, labels, epochs=1, verbose=0)
    return {layer.name: layer.trainable for layer in model.layers if layer.weights}


def head_all_layers(model, images, labels):
    report = train_head(model, images, labels)
    return {layer.name: report.get(layer.name, False) for layer in model.layers}


def head_one_answer(model, images, labels):
    report = train_head(model, images, labels)
    return report["head"] and sum(report.values()) == 1


def train_head_by_whole_model(model, images, labels):
    model.trainable = False
    model.layers[-1].trainable = model.trainable = True
    for layer in model.layers[:-1]:
        layer.trainable = False
    before = {layer.name: [v.copy() for v in layer.get_weights()] for layer in model.layers}
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(images, labels, verbose=0)
    return {
        name: sum(np.abs(old - new).sum() for old, new in zip(values, now, strict=True)) > 0
        for name, values in before.items()
        if (now := model.get_layer(name).get_weights())
    }


head = Exercise(
    id="14.4",
    title="Prove that only the head moved",
    minutes=10,
    statement="""The last layer of a classifier is often called its head. Write
`train_head(model, images, labels)`. `model` is a `keras.Sequential` that has been compiled **and
trained** before, with all its layers; `images` and `labels` are NumPy arrays that fit it, and its
outputs are logits. The function

- trains the last layer only, for one epoch of `fit`, with `keras.optimizers.SGD(0.1)` and
  `keras.losses.SparseCategoricalCrossentropy(from_logits=True)`;
- returns a dict from the name of each layer that has weights to `True` or `False`: did any of its
  weights, trainable or not, change in value?

The dict must come from comparing values, so that it can tell when something went wrong. It may
change the flags and the compiled state of `model`. For a model of the layers `base`, `bn` and
`head` it is `{"base": False, "bn": False, "head": True}`.""",
    stub="def train_head(model, images, labels):\n    ...",
    answer="train_head",
    check=check_head,
    reference=train_head,
    hints=(
        "`model.layers[:-1]` are the layers below the head. What must follow a change of "
        "`trainable`, if the model has been trained before?",
        "`layer.weights` are the variables themselves, which change; `layer.get_weights()` are "
        "arrays with the values of this moment.",
        "Keep `layer.get_weights()` of each layer in a dict, train, and compare array by array "
        "with `np.array_equal`.",
    ),
    explanation=(
        "The flags count from the next compile on. The report compares copies of all values, so "
        "it would also show a layer that moves although it is frozen."
    ),
    wrong=(
        Wrong(head_without_compile, "What makes it look again"),
        Wrong(head_alias, "change along with the weights"),
        Wrong(head_all_frozen, "Nothing moved, the head neither"),
        Wrong(head_flags, "what was meant to move"),
        Wrong(head_frozen, "the wrong side is frozen"),
        Wrong(head_and_norm, "`bn` is one of the rest"),
        Wrong(head_all_layers, "exactly the layers that have weights"),
        Wrong(head_one_answer, "Expected a dict"),
    ),
    right=(train_head_by_whole_model,),
)

EXERCISES = (stop, keep, warmup, head)
