"""Exercises of lesson 13, training with fit."""

import math

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    expect_shape,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402

# ---------------------------------------------------------------- 13.1


def best_epoch(history, name, mode):
    values = np.array(history[name])
    if mode == "max":
        values = -values
    return int(np.nanargmin(values)) + 1


HISTORY = {
    "loss": [1.9, 1.2, 0.8, 0.5, 0.3, 0.2],
    "val_loss": [1.5, 1.1, 0.9, 0.95, 0.9, 1.3],
    "val_accuracy": [0.41, 0.6, 0.72, 0.75, 0.81, 0.79],
    "error": [0.0, -0.5, -0.2, 0.1, 0.3, 0.4],
}
BROKEN = {"loss": [1.9, 1.2, math.nan, math.nan], "score": [0.2, math.nan, 0.6, 0.5]}


def check_best_epoch(answer):
    def best(history, name, mode):
        """Return the epoch that the answer names, as a whole number."""
        copies = {key: list(values) for key, values in history.items()}
        got = to_array(call(answer, copies, name, mode), "What it returns")
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        if copies != history:
            fail("The lists in the history have changed. They belong to the caller.")
        return got.item()

    got = best(HISTORY, "val_accuracy", "max")
    if got in HISTORY["val_accuracy"]:
        fail(f"It returns the value {got}. Expected the number of its epoch, from 1 on.")
    if got == 4:
        fail(
            "The highest of 0.41, 0.6, 0.72, 0.75, 0.81, 0.79 is in the fifth place, and the "
            "answer is 4. A list counts from 0, epochs count from 1."
        )
    if got == 1:
        fail(
            'With `mode="max"` it names the epoch of the lowest value. Of an accuracy, more is '
            "better."
        )
    if got == 3:
        fail("It looks at `val_loss`, whatever the name. `name` says which list counts.")
    if got != 5:
        fail(f"The highest of 0.41, 0.6, 0.72, 0.75, 0.81, 0.79 is in epoch 5, and not in {got}.")
    got = best(HISTORY, "val_loss", "min")
    if got == 1:
        fail(
            'With `mode="min"` it names the epoch of the highest value. Of a loss, less is better.'
        )
    if got == 5:
        fail(
            "The lowest value, 0.9, comes in epochs 3 and 5, and the answer is 5. The earlier one "
            "took less training."
        )
    if got != 3:
        fail(f"The lowest of 1.5, 1.1, 0.9, 0.95, 0.9, 1.3 is in epoch 3, and not in {got}.")
    if best(HISTORY, "error", "min") != 2:
        fail("For 0.0, -0.5, -0.2, 0.1, 0.3, 0.4 the lowest value is in epoch 2. Mind the sign.")
    got = best(BROKEN, "loss", "min")
    if got == 3:
        fail(
            "The loss is 1.9, 1.2, NaN, NaN, and the answer is 3, the first NaN. NumPy's `argmin` "
            "and `argmax` take NaN for the best value; `np.nanargmin` passes it over."
        )
    if got != 2:
        fail(f"The loss is 1.9, 1.2, NaN, NaN: epoch 2 is the best, and not {got}.")
    got = best(BROKEN, "score", "max")
    if got != 3:
        fail(
            f"With `max` the best of 0.2, NaN, 0.6, 0.5 is in epoch 3, and the answer is {got}. "
            "No comparison with NaN is true."
        )


def best_by_loop(history, name, mode):
    best = None
    for epoch, value in enumerate(history[name], start=1):
        if math.isnan(value):
            continue
        if best is None or (value < best[0] if mode == "min" else value > best[0]):
            best = value, epoch
    return best[1]


def best_by_sorting(history, name, mode):
    known = [(v if mode == "min" else -v, e) for e, v in enumerate(history[name]) if v == v]
    return np.int64(min(known)[1] + 1)


def best_from_zero(history, name, mode):
    return best_epoch(history, name, mode) - 1


def best_nan(history, name, mode):
    values = np.array(history[name])
    return (np.argmin(values) if mode == "min" else np.argmax(values)) + 1


def best_always_lowest(history, name, mode):
    return int(np.nanargmin(history[name])) + 1


def best_always_highest(history, name, mode):
    return int(np.nanargmax(history[name])) + 1


def best_of_val_loss(history, name, mode):
    return int(np.nanargmin(history["val_loss"])) + 1


def best_value(history, name, mode):
    return np.nanmin(history[name]) if mode == "min" else np.nanmax(history[name])


def best_last(history, name, mode):
    values = history[name][::-1]
    place = np.nanargmin(values) if mode == "min" else np.nanargmax(values)
    return len(values) - int(place)


def best_by_size(history, name, mode):
    values = np.abs(history[name])
    return int(np.nanargmin(values) if mode == "min" else np.nanargmax(values)) + 1


epoch = Exercise(
    id="13.1",
    title="Which epoch would you keep?",
    minutes=5,
    statement="""Write `best_epoch(history, name, mode)`. `history` is a dict as `fit` leaves it: a
list for each name, with one number for each epoch. Return the number of the epoch, counted **from
1**, in which `history[name]` is best: lowest with `mode="min"`, highest with `mode="max"`.

- Of several equal values, the earliest epoch counts.
- A run can break, and its numbers are NaN from then on. NaN is never the best; at least one value
  is a number.

For example, for `{"val_loss": [0.9, 0.5, 0.7]}`, the name `"val_loss"` and the mode `"min"` it is
2.

When it is right, ask for `best_epoch(plain, "val_loss", "min")` and for the best `"val_accuracy"`.
Is it the same epoch?""",
    stub="def best_epoch(history, name, mode):\n    ...",
    answer="best_epoch",
    check=check_best_epoch,
    reference=best_epoch,
    hints=(
        "`np.argmin` and `np.argmax` return the place of the smallest and of the largest number, "
        "the first one of several.",
        "Places count from 0. And try `np.argmin([0.5, np.nan])`: is that what you want?",
        "`np.nanargmin` passes NaN over. The largest of some numbers is the smallest of their "
        "negatives.",
    ),
    explanation=(
        "Whoever picks an epoch needs three things that no history says: which number counts, "
        "which direction is better, and what to do with NaN."
    ),
    wrong=(
        Wrong(best_from_zero, "A list counts from 0"),
        Wrong(best_nan, "the first NaN"),
        Wrong(best_always_lowest, "Of an accuracy, more is"),
        Wrong(best_always_highest, "Of a loss, less is better"),
        Wrong(best_of_val_loss, "says which list counts"),
        Wrong(best_value, "It returns the value"),
        Wrong(best_last, "The earlier one"),
        Wrong(best_by_size, "Mind the sign"),
    ),
    right=(best_by_loop, best_by_sorting),
)

# ---------------------------------------------------------------- 13.2

COUNT = 60  # images of a check


def prepare(images, labels, rng):
    order = rng.permutation(len(images))
    images, labels = images[order], labels[order]
    cut = len(images) * 4 // 5
    train_images, validation_images = images[:cut], images[cut:]
    train_labels, validation_labels = labels[:cut], labels[cut:]

    mean, deviation = train_images.mean(), train_images.std()
    train_images = (train_images - mean) / deviation
    validation_images = (validation_images - mean) / deviation

    train_images = np.concatenate([train_images, np.roll(train_images, 1, axis=2)])
    train_labels = np.concatenate([train_labels, train_labels])
    return train_images, train_labels, validation_images, validation_labels


def marked_images():
    """Return (images, labels): image i is recognised by its label i, and has a bright column."""
    levels = np.random.default_rng(91).uniform(0, 0.5, COUNT)
    levels[-COUNT // 5 :] += 0.3  # the tail differs, as it does in collected data
    images = np.repeat(levels, 16).reshape(COUNT, 4, 4)
    images[:, :, 1] += 0.2
    return images.astype("float32"), np.arange(COUNT)


def check_prepare(answer):
    labels = marked_images()[1]
    parts = split_of(answer, np.random.default_rng(5))
    _, train_labels, _, validation_labels = parts
    shared = set(train_labels.tolist()) & set(validation_labels.tolist())
    if shared:
        fail(
            f"{len(shared)} images have one copy in the training data and another in the "
            "validation data, so the model is measured on what it has learned by heart. In which "
            "order must copying and splitting come?"
        )
    held = COUNT - COUNT * 4 // 5
    if len(validation_labels) == 2 * held:
        fail(
            "The validation data hold shifted copies too. That is no leak, but each digit counts "
            "twice, and half of them are made up; measure on what was collected."
        )
    if len(validation_labels) != held:
        fail(f"There are {len(validation_labels)} validation images for {COUNT}; expected {held}.")
    if np.array_equal(np.sort(validation_labels), labels[-held:]):
        fail(
            "The validation images are the last fifth of what came in. Data are often stored in an "
            "order, by class or by day; shuffle before you cut."
        )
    if len(train_labels) == COUNT - held:
        fail("The shifted copies are gone. Training may have them; which images may be copied?")
    expected = np.sort(np.setdiff1d(labels, validation_labels).repeat(2))
    if not np.array_equal(np.sort(train_labels), expected):
        fail("The training data must hold each image that is not held out, and its shifted copy.")
    expect_standardised(parts)
    again = split_of(answer, np.random.default_rng(6))
    if np.array_equal(np.sort(again[3]), np.sort(validation_labels)):
        fail("Two generators give the same split. Draw the order from `rng`, and do not seed it.")


def split_of(answer, rng):
    """Call the answer; return its four parts as arrays with shapes that fit."""
    images, labels = marked_images()
    before = images.copy()
    result = call(answer, images, labels, rng)
    if not isinstance(result, (tuple, list)) or len(result) != 4:
        fail(f"Expected four arrays, got {describe(result)}.")
    if not np.array_equal(images, before):
        fail("The images that came in have changed. They belong to the caller: work on copies.")
    parts = []
    for name, pixels, names in (
        ("training", result[0], result[1]),
        ("validation", result[2], result[3]),
    ):
        names = np.asarray(names)
        if names.ndim != 1 or not np.isin(names, labels).all():
            fail(f"The {name} labels are not labels that came in; expected a vector of them.")
        parts += [expect_shape(pixels, (len(names), 4, 4), f"The {name} images"), names]
    return parts


def expect_standardised(parts):
    """Find by which mean and deviation the pixels were standardised, and judge them."""
    images, _ = marked_images()
    train_images, train_labels, validation_images, validation_labels = parts

    def found(pixels, names):
        """Return mean and deviation, from a straight line through all pixels."""
        raw = np.sort(images[names].reshape(len(names), -1), axis=1).ravel()
        out = np.sort(pixels.reshape(len(names), -1), axis=1).ravel()
        slope, offset = np.polyfit(raw.astype(float), out.astype(float), 1)
        if not slope > 1e-6 or not is_close(slope * raw + offset, out, tolerance=1e-2):
            fail(
                "The pixels are not (pixel - mean) / deviation with one mean and one deviation, or "
                "images and labels do not belong together any more."
            )
        return np.array([-offset / slope, 1 / slope])

    def facts(names):
        return np.array([images[names].mean(), images[names].std()])

    own = facts(np.unique(train_labels))
    rows = np.arange(COUNT)
    training = found(train_images, train_labels)
    validation = found(validation_images, validation_labels)
    if is_close(training, [0.0, 1.0], tolerance=1e-2):
        fail("The images are not standardised any more: (pixel - mean) / deviation is missing.")
    if is_close(training, facts(rows), tolerance=2e-3):
        fail(
            "Mean and deviation were taken over all images, so the training data know something "
            "about the validation data. From which images may they come?"
        )
    if not is_close(training, own, tolerance=2e-3):
        fail("Mean and deviation of the training data are not those of the images in it.")
    if is_close(validation, facts(validation_labels), tolerance=2e-3):
        fail(
            "The validation data are standardised by their own mean and deviation. A model in use "
            "meets one image at a time and has the training data's numbers only; use those."
        )
    if not is_close(validation, own, tolerance=2e-3):
        fail("The validation data are not standardised by the training data's mean and deviation.")
    mark = train_images.mean(axis=1).argmax(axis=1)
    if sorted(set(mark.tolist())) != [1, 2] or np.sum(mark == 1) != np.sum(mark == 2):
        fail("Half of the training images must be the originals, half shifted by one column.")


def prepare_leaky(images, labels, rng):
    images = (images - images.mean()) / images.std()
    images = np.concatenate([images, np.roll(images, 1, axis=2)])
    labels = np.concatenate([labels, labels])
    order = rng.permutation(len(images))
    images, labels = images[order], labels[order]
    cut = len(images) * 4 // 5
    return images[:cut], labels[:cut], images[cut:], labels[cut:]


def prepare_all_statistics(images, labels, rng):
    mean, deviation = images.mean(), images.std()
    order = rng.permutation(len(images))
    images, labels = (images[order] - mean) / deviation, labels[order]
    cut = len(images) * 4 // 5
    train = np.concatenate([images[:cut], np.roll(images[:cut], 1, axis=2)])
    return train, np.concatenate([labels[:cut], labels[:cut]]), images[cut:], labels[cut:]


def prepare_own_statistics(images, labels, rng):
    train, train_labels, held, held_labels = prepare(images, labels, rng)
    return train, train_labels, (held - held.mean()) / held.std(), held_labels


class Unshuffled:
    def permutation(self, count):
        return np.arange(count)


def prepare_tail(images, labels, rng):
    return prepare(images, labels, Unshuffled())


def prepare_copies_everywhere(images, labels, rng):
    train, train_labels, held, held_labels = prepare(images, labels, rng)
    held = np.concatenate([held, np.roll(held, 1, axis=2)])
    return train, train_labels, held, np.concatenate([held_labels, held_labels])


def prepare_no_copies(images, labels, rng):
    train, train_labels, held, held_labels = prepare(images, labels, rng)
    half = len(train) // 2
    return train[:half], train_labels[:half], held, held_labels


def prepare_seeded(images, labels, rng):
    return prepare(images, labels, np.random.default_rng(0))


def prepare_in_pairs(images, labels, rng):
    chosen = rng.choice(len(images), size=len(images) // 5, replace=False)
    held = np.isin(np.arange(len(images)), chosen)
    train = images[~held]
    mean, deviation = train.mean(), train.std()
    shifted = np.roll(train, 1, axis=2)
    both = np.stack([train, shifted], axis=1).reshape(-1, *train.shape[1:])
    result = (both - mean) / deviation, np.repeat(labels[~held], 2)
    return *result, (images[held] - mean) / deviation, labels[held]


leak = Exercise(
    id="13.2",
    title="Find the leak",
    minutes=10,
    statement="""This function prepares data for a training run. It runs, and it leaks twice:

```python
def prepare(images, labels, rng):
    images = (images - images.mean()) / images.std()
    images = np.concatenate([images, np.roll(images, 1, axis=2)])  # copies, shifted by a column
    labels = np.concatenate([labels, labels])
    order = rng.permutation(len(images))
    images, labels = images[order], labels[order]
    cut = len(images) * 4 // 5
    return images[:cut], labels[:cut], images[cut:], labels[cut:]
```

Write it again, without the leaks. `images` is float32 of shape `(n, height, width)`, `labels` an
integer array of shape `(n,)`, `rng` a `numpy.random.Generator`; the arrays that come in stay as
they are. Return four arrays, training images and labels, validation images and labels:

- `n * 4 // 5` of the images, drawn by `rng`, are for training, and the others for validation;
- training holds its images and a shifted copy of each, in any order, validation only its images;
- all pixels are standardised as above, by **one** mean and **one** deviation that know nothing of
  the validation images.

For example, 60 images give 96 for training and 12 for validation.""",
    stub="def prepare(images, labels, rng):\n    ...",
    answer="prepare",
    check=check_prepare,
    reference=prepare,
    hints=(
        "Follow one image and its copy through the function. Can the cut separate them?",
        "Everything that mixes images or computes from several of them must come after the cut.",
        "Shuffle, cut, take mean and deviation of the training part, apply them to both parts, "
        "and copy the training part last.",
    ),
    explanation=(
        "The cut comes first, so nothing of a held-out image can reach the training data: neither "
        "a copy nor its part in a mean. Validation is treated as a picture in use will be."
    ),
    wrong=(
        Wrong(prepare_leaky, "one copy in the training data"),
        Wrong(prepare_all_statistics, "were taken over all images"),
        Wrong(prepare_own_statistics, "by their own mean"),
        Wrong(prepare_tail, "the last fifth of what came in"),
        Wrong(prepare_copies_everywhere, "hold shifted copies too"),
        Wrong(prepare_no_copies, "The shifted copies are gone"),
        Wrong(prepare_seeded, "Two generators give the same split"),
    ),
    right=(prepare_in_pairs,),
)

# ---------------------------------------------------------------- 13.3


class QuantileLoss(keras.losses.Loss):
    def __init__(self, q):
        super().__init__()
        self.q = q

    def call(self, y_true, y_pred):
        y_true = tf.reshape(y_true, tf.shape(y_pred))
        return tf.where(
            y_true > y_pred, self.q * (y_true - y_pred), (1 - self.q) * (y_pred - y_true)
        )


TARGETS = np.array([1.0, 2.0, -1.0, 0.5], np.float32)
OUTPUTS = np.array([[0.0], [2.5], [1.0], [0.5]], np.float32)
ROW_WEIGHTS = np.array([1.0, 0.0, 2.0, 5.0], np.float32)


def quantile_prices(targets, outputs, q):
    """Return what each target costs with each output, by broadcasting."""
    below = targets - outputs
    return np.maximum(q * below, (q - 1) * below)


def check_quantile_loss(answer):
    if not isinstance(answer, type) or not issubclass(answer, keras.losses.Loss):
        fail(f"Got {describe(answer)}; expected the class, derived from keras.losses.Loss.")
    for q in (0.9, 0.3):
        loss = call(answer, q)
        if type(loss).call is keras.losses.Loss.call:
            fail("The class has no method `call` of its own, and so it computes nothing.")
        column = TARGETS[:, np.newaxis]
        call(loss.call, tf.constant(column), tf.constant(OUTPUTS))  # is there a result?
        right = quantile_prices(column, OUTPUTS, q)
        got = value_of(loss, column, OUTPUTS)
        if is_close(got, -right.mean()):
            fail("It is negative: a target below the output gives a negative difference.")
        mistakes = {
            "too low costs what too high should cost. Is the difference taken the other way "
            "round?": quantile_prices(column, OUTPUTS, 1 - q),
            "every miss costs its size alone. `q` has to tell too low from too high.": (
                np.abs(column - OUTPUTS)
            ),
            "the difference is squared. The price grows with its size.": (
                np.where(column > OUTPUTS, q, 1 - q) * (column - OUTPUTS) ** 2
            ),
            "an output that is too high costs nothing, so that the largest output is the "
            "cheapest.": q * np.maximum(column - OUTPUTS, 0),
            "an output that is too high costs its whole difference. Its factor is 1 - q.": (
                np.where(column > OUTPUTS, q, 1) * np.abs(column - OUTPUTS)
            ),
        }
        for says, prices in mistakes.items():
            if is_close(got, prices.mean()):
                fail(f"With q = {q}, {says}")
        if not is_close(got, right.mean()):
            fail(
                f"With q = {q}, targets {column[:, 0].tolist()} and outputs "
                f"{OUTPUTS[:, 0].tolist()} the loss is {got:.4g}; expected {right.mean():.4g}."
            )
        got = value_of(loss, TARGETS, OUTPUTS)
        if is_close(got, quantile_prices(TARGETS, OUTPUTS, q).mean()):
            fail(
                "With targets of shape (4,) and outputs of shape (4, 1), each target is compared "
                "with each output: broadcasting. Give the targets the shape of the outputs."
            )
        if not is_close(got, right.mean()):
            fail(
                f"With targets of shape (4,) the loss is {got:.4g}, with the same targets of shape "
                f"(4, 1) it is {right.mean():.4g}. It must be the same."
            )
        weighted = value_of(loss, TARGETS, OUTPUTS, sample_weight=ROW_WEIGHTS)
        if not is_close(weighted, np.mean(right[:, 0] * ROW_WEIGHTS)):
            fail(
                "With `sample_weight` the loss is wrong: `call` returns a mean, and so no row can "
                "be weighted any more. Return one number for each row; Keras takes the mean."
            )


def value_of(loss, targets, outputs, **options):
    """Call the learner's loss; return its value as a float."""

    def your_loss():
        return loss(tf.constant(targets), tf.constant(outputs), **options)

    your_loss.__name__ = type(loss).__name__
    value = to_array(call(your_loss), "The loss")
    if value.size != 1:
        fail(f"The loss is no single number, but has the shape {value.shape}.")
    return float(value.reshape(()))


class QuantileByMaximum(keras.losses.Loss):
    def __init__(self, q):
        super().__init__(name="quantile")
        self.q = q

    def call(self, y_true, y_pred):
        below = keras.ops.reshape(y_true, (-1, 1)) - y_pred
        return keras.ops.maximum(self.q * below, (self.q - 1) * below)


class QuantileByRows(QuantileLoss):
    def call(self, y_true, y_pred):
        gap = tf.reshape(y_true, [-1]) - y_pred[:, 0]
        return self.q * tf.nn.relu(gap) + (1 - self.q) * tf.nn.relu(-gap)


class QuantileBroadcast(QuantileLoss):
    def call(self, y_true, y_pred):
        below = y_true - y_pred
        return tf.maximum(self.q * below, (self.q - 1) * below)


class QuantileTurned(QuantileLoss):
    def call(self, y_true, y_pred):
        above = y_pred - tf.reshape(y_true, tf.shape(y_pred))
        return tf.maximum(self.q * above, (self.q - 1) * above)


class QuantileAbsolute(QuantileLoss):
    def call(self, y_true, y_pred):
        return tf.abs(tf.reshape(y_true, tf.shape(y_pred)) - y_pred)


class QuantileSquared(QuantileLoss):
    def call(self, y_true, y_pred):
        below = tf.reshape(y_true, tf.shape(y_pred)) - y_pred
        return tf.where(below > 0, self.q, 1 - self.q) * tf.square(below)


class QuantileOneSided(QuantileLoss):
    def call(self, y_true, y_pred):
        return self.q * tf.nn.relu(tf.reshape(y_true, tf.shape(y_pred)) - y_pred)


class QuantileHighByOne(QuantileLoss):
    def call(self, y_true, y_pred):
        below = tf.reshape(y_true, tf.shape(y_pred)) - y_pred
        return tf.where(below > 0, self.q * below, -below)


class QuantileNegative(QuantileLoss):
    def call(self, y_true, y_pred):
        return -super().call(y_true, y_pred)


class QuantileMean(QuantileLoss):
    def call(self, y_true, y_pred):
        return tf.reduce_mean(super().call(y_true, y_pred))


class QuantileUnfinished(keras.losses.Loss):
    def __init__(self, q):
        super().__init__()
        self.q = q


def quantile_function(y_true, y_pred, q=0.9):
    return QuantileLoss(q).call(y_true, y_pred)


quantile = Exercise(
    id="13.3",
    title="A line that nine of ten points lie below",
    minutes=10,
    statement="""The squared error makes a model answer with a mean. Whoever asks "how long will it
take, at most?" wants another answer: one that is too low only once in ten times. A loss can ask
that question. Write the class `QuantileLoss`, derived from `keras.losses.Loss`.
`QuantileLoss(q)` takes a fraction between 0 and 1. For a target $y$ and an output $p$ it charges

- $q \\cdot (y - p)$ where the target is above the output;
- $(1 - q) \\cdot (p - y)$ elsewhere.

Outputs have the shape (n, 1), targets (n, 1) or (n,). `call` returns one number for each row.

For example, with `q` = 0.9 an output that is 2 too low costs 1.8, one that is 2 too high 0.2.

When it is right, add noise to the line of this section, and count the points below the answers:
`noisy = y + np.random.normal(size=200)`, then
`np.mean(noisy < fit_line(QuantileLoss(0.9), noisy)(x)[:, 0])`. Then try 0.5.""",
    stub="""class QuantileLoss(keras.losses.Loss):
    def __init__(self, q):
        super().__init__()
        self.q = q

    def call(self, y_true, y_pred):
        ...""",
    answer="QuantileLoss",
    check=check_quantile_loss,
    reference=QuantileLoss,
    hints=(
        "First make the targets agree with the outputs in shape, as in the section above.",
        "`tf.where(condition, a, b)` takes from `a` where the condition is true, elsewhere from "
        "`b`. Do not take the mean: Keras does.",
        "With the difference d = y - p, the price is the larger one of q · d and (q - 1) · d: "
        "`tf.maximum`.",
    ),
    explanation=(
        "Too low costs q, too high 1 - q. The two balance where a fraction q of the targets lies "
        "below the answer. With 0.5 that is the median."
    ),
    wrong=(
        Wrong(QuantileBroadcast, "each target is compared with each output"),
        Wrong(QuantileTurned, "the other way round"),
        Wrong(QuantileAbsolute, "costs its size alone"),
        Wrong(QuantileSquared, "the difference is squared"),
        Wrong(QuantileOneSided, "costs nothing"),
        Wrong(QuantileHighByOne, "Its factor is 1 - q"),
        Wrong(QuantileNegative, "It is negative"),
        Wrong(QuantileMean, "no row can be weighted"),
        Wrong(QuantileUnfinished, "no method `call`"),
        Wrong(quantile_function, "got the function"),
    ),
    right=(QuantileByMaximum, QuantileByRows),
)

EXERCISES = (epoch, leak, quantile)
