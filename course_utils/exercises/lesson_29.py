"""Exercises of lesson 29, Depth."""

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    fail,
    is_close,
    lent,
    random_batch,
    to_array,
    without_warnings,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

from course_utils.exercises.lesson_28 import BasicBlock, ConvNorm  # noqa: E402

# ---------------------------------------------------------------- 29.1


def read_depth(shallow, deep):
    def clearly_below(low, high):
        return max(low) < min(high)

    if clearly_below(deep["train accuracy"], shallow["train accuracy"]):
        return "harder to train"
    if clearly_below(deep["test accuracy"], shallow["test accuracy"]):
        return "overfits"
    if clearly_below(shallow["test accuracy"], deep["test accuracy"]):
        return "helps"
    return "not clear"


def runs(train, test):
    return {"train accuracy": list(train), "test accuracy": list(test)}


BASE = runs((0.90, 0.92, 0.91), (0.86, 0.88, 0.87))
CASES = (  # deep tower, right answer, what it is
    (runs((0.70, 0.75, 0.72), (0.66, 0.70, 0.69)), "harder to train", "worse in both"),
    (runs((0.97, 0.98, 0.99), (0.80, 0.82, 0.81)), "overfits", "better in training, worse in test"),
    (runs((0.97, 0.98, 0.99), (0.93, 0.94, 0.95)), "helps", "better in both"),
    (runs((0.90, 0.91, 0.93), (0.85, 0.88, 0.89)), "not clear", "mixed in both"),
    (runs((0.89, 0.70, 0.92), (0.80, 0.62, 0.88)), "not clear", "one bad seed of three"),
    (runs((0.90, 0.93, 0.92), (0.80, 0.84, 0.82)), "overfits", "mixed in training, worse in test"),
    (runs((0.80, 0.82, 0.81), (0.86, 0.87, 0.89)), "harder to train", "worse in training alone"),
    (
        runs((0.80, 0.82, 0.81), (0.93, 0.94, 0.95)),
        "harder to train",
        "worse in training, better in test",
    ),
    (
        runs((0.91, 0.92, 0.90, 0.93), (0.89, 0.90, 0.91, 0.92)),
        "helps",
        "four seeds, better in test",
    ),
    (runs((0.88, 0.91, 0.90), (0.84, 0.87, 0.86)), "not clear", "each seed a little lower"),
    (runs((0.85, 0.90, 0.88), (0.90, 0.91, 0.95)), "helps", "equal at the border in training"),
)


def check_reading(answer):
    for deep, right, what in CASES:
        shallow = {name: list(values) for name, values in BASE.items()}
        given = {name: list(values) for name, values in deep.items()}
        got = call(answer, shallow, given)
        if shallow != BASE or given != deep:
            fail("It changes the lists that it is given. Leave them as they are.")
        if not isinstance(got, str) or got not in WORDS:
            fail(f"It returns {describe(got)}; expected one of {', '.join(map(repr, WORDS))}.")
        if got != right:
            report_reading(answer, what, got, right)


WORDS = ("harder to train", "overfits", "helps", "not clear")
REASONS = {
    ("worse in both", "overfits"): "A network that overfits is good on the digits that it was "
    "trained on. This one is worse there, too.",
    ("worse in both", "helps"): "The deep runs are the worse ones here. Are the two exchanged?",
    ("one bad seed of three", "harder to train"): "One seed went wrong, and the others are as good "
    "as the shallow ones. A mean, or the worst run, makes much of it.",
    ("mixed in training, worse in test", "not clear"): "The test accuracies of the deep runs all "
    "lie below those of the shallow ones. No better training accuracy is asked for.",
    (
        "worse in training alone",
        "not clear",
    ): "All deep runs are worse on the digits that they were trained on, whatever the test says.",
    (
        "worse in training, better in test",
        "helps",
    ): "The training accuracies come first, and all deep runs are worse there.",
    ("each seed a little lower", "harder to train"): "Seed by seed the deep run is lower, but the "
    "two groups overlap. A seed is not a pair: the networks start from other weights.",
    ("equal at the border in training", "harder to train"): "The best deep run is equal to the "
    "worst shallow one in training. Equal is not below.",
    ("mixed in both", "helps"): "The groups overlap here. One seed, or the best one, is luck.",
    ("mixed in both", "harder to train"): "The groups overlap here. One seed alone is luck.",
}


def report_reading(answer, what, got, right):
    reason = REASONS.get((what, got), "Look at the rule again, from its first line.")
    fail(f"Where the deep runs are {what}, it says {got!r}; expected {right!r}. {reason}")


def read_by_test(shallow, deep):
    if max(deep["test accuracy"]) < min(shallow["test accuracy"]):
        return "overfits"
    return "helps" if min(deep["test accuracy"]) > max(shallow["test accuracy"]) else "not clear"


def read_by_means(shallow, deep):
    train = np.mean(deep["train accuracy"]) - np.mean(shallow["train accuracy"])
    test = np.mean(deep["test accuracy"]) - np.mean(shallow["test accuracy"])
    if train < -0.01:
        return "harder to train"
    return "overfits" if test < -0.01 else "helps" if test > 0.01 else "not clear"


def read_swapped(shallow, deep):
    return read_depth(deep, shallow)


def read_by_pairs(shallow, deep):
    def below(low, high):
        return all(a < b for a, b in zip(low, high, strict=False))

    if below(deep["train accuracy"], shallow["train accuracy"]):
        return "harder to train"
    if below(deep["test accuracy"], shallow["test accuracy"]):
        return "overfits"
    return "helps" if below(shallow["test accuracy"], deep["test accuracy"]) else "not clear"


def read_with_equals(shallow, deep):
    if max(deep["train accuracy"]) <= min(shallow["train accuracy"]):
        return "harder to train"
    return read_depth(shallow, deep)


def read_best(shallow, deep):
    if max(deep["train accuracy"]) < max(shallow["train accuracy"]):
        return "harder to train"
    if max(deep["test accuracy"]) < max(shallow["test accuracy"]):
        return "overfits"
    return "helps"


def read_overfitting_strictly(shallow, deep):
    said = read_depth(shallow, deep)
    better = min(deep["train accuracy"]) > max(shallow["train accuracy"])
    return "not clear" if said == "overfits" and not better else said


def read_as_number(shallow, deep):
    return np.mean(deep["test accuracy"]) - np.mean(shallow["test accuracy"])


def read_test_before_training(shallow, deep):
    if min(deep["test accuracy"]) > max(shallow["test accuracy"]):
        return "helps"
    if max(deep["test accuracy"]) >= min(shallow["test accuracy"]):
        return "not clear"
    return read_depth(shallow, deep)


def read_helps_first(shallow, deep):
    helps = min(deep["test accuracy"]) > max(shallow["test accuracy"])
    return "helps" if helps else read_depth(shallow, deep)


def read_in_arrays(shallow, deep):
    train, test = (
        (np.array(shallow[name])[:, None], np.array(deep[name])[None])
        for name in ("train accuracy", "test accuracy")
    )
    if (train[1] < train[0]).all():
        return "harder to train"
    if (test[1] < test[0]).all():
        return "overfits"
    return "helps" if (test[1] > test[0]).all() else "not clear"


def read_by_sorting(shallow, deep):
    low = {name: (sorted(deep[name])[-1], sorted(shallow[name])[0]) for name in deep}
    verdict = "not clear"
    if sorted(shallow["test accuracy"])[-1] < sorted(deep["test accuracy"])[0]:
        verdict = "helps"
    for name, word in (("test accuracy", "overfits"), ("train accuracy", "harder to train")):
        verdict = word if low[name][0] < low[name][1] else verdict
    return verdict


reading = Exercise(
    id="29.1",
    title="When does depth not help?",
    minutes=10,
    statement="""A deeper network did worse. Was it hard to train, did it overfit, or was it luck?
Write `read_depth(shallow, deep)` that tells these apart from several runs of each.

Both arguments are dicts like those of the stored results: `"train accuracy"` and `"test accuracy"`
lead to lists of floats, one for each run. The two dicts may have different numbers of runs. Call a
group of runs *clearly below* another one if **each** of its numbers is smaller than **each** of the
other's. The function returns the first of these strings that fits:

1. `"harder to train"`: the deep runs are clearly below the shallow ones in training accuracy;
2. `"overfits"`: they are clearly below in test accuracy;
3. `"helps"`: the shallow runs are clearly below the deep ones in test accuracy;
4. `"not clear"`.

Change nothing in the dicts. When it is right, try it on two depths of
`stored["depth"]["with batch norm"]["plain"]`.""",
    stub="""def read_depth(shallow, deep):
    ...""",
    answer="read_depth",
    check=check_reading,
    reference=read_depth,
    hints=(
        "Why does the training accuracy come first? A network that cannot fit its own training "
        "digits has had no chance to overfit.",
        "Each number of one group is smaller than each of the other: compare two numbers only, one "
        "of each group. Which?",
        "max(low) < min(high) says that low is clearly below high. Use it three times, with return "
        "after each.",
    ),
    explanation=(
        "Worse on training digits means that the optimiser failed, not the size of the data. That "
        "groups do not overlap is a strict and simple test; with few seeds it is better than means."
    ),
    wrong=(
        Wrong(read_by_test, "A network that overfits is good on the digits"),
        Wrong(read_by_means, "One seed went wrong"),
        Wrong(read_swapped, "Are the two exchanged?"),
        Wrong(read_by_pairs, "Seed by seed the deep run is lower"),
        Wrong(read_with_equals, "Equal is not below"),
        Wrong(read_best, "The groups overlap here"),
        Wrong(read_overfitting_strictly, "No better training accuracy is asked for"),
        Wrong(read_as_number, "expected one of 'harder to train'"),
        Wrong(read_helps_first, "The training accuracies come first"),
        Wrong(read_test_before_training, "whatever the test says"),
    ),
    right=(
        read_in_arrays,
        read_by_sorting,
    ),
)

# ---------------------------------------------------------------- 29.2


def rewired(tower, order):
    images = keras.Input((14, 14, 1))
    x = tower.stem(images)
    for place in order:
        x = tower.units[place](x)
    return keras.Model(images, tower.head(x))


ORDERS = ([0, 1, 2], [0, 2], [1, 2], [2, 0, 1], [], [1, 0])


class Tower(keras.Model):
    """The class of the lesson: residual units between a stem and a head."""

    def __init__(self, units, filters):
        super().__init__()
        self.stem = keras.Sequential([ConvNorm(filters, 3, strides=2), layers.ReLU()])
        self.units = [BasicBlock(filters) for _ in range(units)]
        self.head = keras.Sequential([layers.Flatten(), layers.Dense(10)])

    def call(self, images):
        x = self.stem(images)
        for unit in self.units:
            x = unit(x)
        return self.head(x)


@lent
def small_tower():
    """Return a small tower in which each unit does something of its own."""
    tower = Tower(3, filters=4)
    tower(np.zeros((1, 14, 14, 1), np.float32))
    rng = np.random.default_rng(2)
    for weight in tower.weights:
        positive = weight.name in ("gamma", "moving_variance")
        values = rng.normal(size=tuple(weight.shape)) / 2
        weight.assign(np.abs(values) + 0.5 if positive else values)
    return tower


def through(tower, x, places):
    """Return the logits of a tower after the units at some places, in that order."""
    x = tower.stem(x)
    for place in places:
        x = tower.units[place](x)
    return tower.head(x).numpy()


def logits(model, x):
    def your_model():
        return model(x)

    return call(your_model)


@without_warnings
def check_rewired(answer):
    with small_tower() as tower:
        judge_rewired(answer, tower)


def judge_rewired(answer, tower):
    x = random_batch(5, 14, 14, 1, seed=3)
    units, values = list(tower.units), [weight.numpy() for weight in tower.weights]
    models = []
    for order in ORDERS:
        got = call(answer, tower, list(order))
        if not isinstance(got, keras.Model):
            fail(f"It returns {describe(got)}; expected a model that can be called on images.")
        if got is tower or [id(u) for u in tower.units] != [id(u) for u in units]:
            fail(
                "It changes the tower itself. The tower has to keep its units; make another model "
                "of its parts."
            )
        report_logits(tower, order, to_array(logits(got, x), "The result of the model"), x)
        models.append(got)
    for weight, value in zip(tower.weights, values, strict=True):
        if not np.array_equal(weight.numpy(), value):
            fail("The weights of the tower have changed. Only the order of its units is to change.")
    check_shared(tower, models[1], x)


def report_logits(tower, order, got, x):
    text = f"rewired(tower, {order}) "
    if got.shape != (len(x), 10):
        fail(text + f"answers with the shape {got.shape} for five images; expected (5, 10).")
    if is_close(got, through(tower, x, order), tolerance=1e-3):
        return
    everything = range(len(tower.units))
    readings = {
        "runs the units in the order in which they stand in the tower. Here they change places.": (
            sorted(order)
        ),
        "answers as the whole tower does.": list(everything),
        "leaves out the units that it should keep: `order` lists those that stay.": [
            place for place in everything if place not in order
        ],
        "runs the units backwards.": order[::-1],
        "counts the places from 1. The first unit is at the place 0.": [
            place - 1 for place in order if place > 0
        ],
    }
    for reading, places in readings.items():
        if list(places) != list(order) and is_close(got, through(tower, x, places), tolerance=1e-3):
            fail(text + reading)
    x = tower.stem(x)
    for place in everything:
        x = tower.units[place](x) if place in order else 0 * x
    if is_close(got, tower.head(x).numpy(), tolerance=1e-3):
        fail(
            text + "hands on zeros where a unit is missing. The next unit should get what the "
            "missing one would have got."
        )
    fail(
        text + "answers with other numbers than the stem, these units one after the other, and the "
        "head. Do the layers carry the tower's own weights?"
    )


def check_shared(tower, model, x):
    for weight in tower.weights:
        weight.assign(weight.numpy() * 0.9)
    if not is_close(to_array(logits(model, x)), through(tower, x, ORDERS[1]), tolerance=1e-3):
        fail(
            "The model has copies of the weights: when the tower is trained further, the model "
            "stays behind. Call the tower's own layers."
        )


def rewired_by_deleting(tower, order):
    images = keras.Input((14, 14, 1))
    x = tower.stem(images)
    for place, unit in enumerate(tower.units):
        if place not in order:
            x = unit(x)
    return keras.Model(images, tower.head(x))


def rewired_in_old_order(tower, order):
    return rewired(tower, sorted(order))


def rewired_backwards(tower, order):
    return rewired(tower, order[::-1])


def rewired_from_one(tower, order):
    return rewired(tower, [place - 1 for place in order if place > 0])


def rewired_in_place(tower, order):
    tower.units = [tower.units[place] for place in order]
    return tower


def rewired_unheard(tower, order):
    return rewired(tower, range(len(tower.units)))


def rewired_with_zeros(tower, order):
    images = keras.Input((14, 14, 1))
    x = tower.stem(images)
    for place, unit in enumerate(tower.units):
        x = unit(x) if place in order else keras.ops.zeros_like(x)
    return keras.Model(images, tower.head(x))


def rewired_anew(tower, order):
    units = [BasicBlock(4) for _ in tower.units]
    images = keras.Input((14, 14, 1))
    x = tower.stem(images)
    for place in order:
        x = units[place](x)
    return keras.Model(images, tower.head(x))


def rewired_copies(tower, order):
    model = keras.models.clone_model(rewired(tower, order))
    model.set_weights(rewired(tower, order).get_weights())
    return model


def rewired_tensor(tower, order):
    return rewired(tower, order).output


def rewired_headless(tower, order):
    model = rewired(tower, order)
    return keras.Model(model.input, model.layers[-2].output)


def rewired_as_sequential(tower, order):
    return keras.Sequential([tower.stem, *[tower.units[place] for place in order], tower.head])


class Rewired(keras.Model):
    def __init__(self, tower, order):
        super().__init__()
        self.stem, self.head = tower.stem, tower.head
        self.units = [tower.units[place] for place in order]

    def call(self, images, training=None):
        x = self.stem(images)
        for unit in self.units:
            x = unit(x)
        return self.head(x)


class RewiredTower(keras.Model):
    def __init__(self, tower, order):
        super().__init__()
        self.tower, self.order = tower, tuple(order)

    def call(self, x):
        x = self.tower.stem(x)
        for place in self.order:
            x = self.tower.units[place](x)
        return self.tower.head(x)


rewiring = Exercise(
    id="29.2",
    title="Delete units, and swap them",
    minutes=10,
    statement="""Veit et al. took trained networks apart in two ways: they deleted several units,
and they let units change places. One function can do both.

Write `rewired(tower, order)`. `tower` is a `Tower` that has been called on digits
`(batch, 14, 14, 1)`; `order` is a list of places in `tower.units`, from 0, each at most once. It
returns a Keras model (Functional, `Sequential`, or of a class of your own) that maps float32
`(batch, 14, 14, 1)` to logits `(batch, 10)`: the tower's stem, then the units at these places in
this order, then its head.

- `[0, 2]` deletes the unit at place 1, `[1, 0, 2]` swaps the first two, `[]` leaves no unit.
- The model uses the tower's own layers, so that it follows when the tower is trained on.
- The tower itself stays as it is.""",
    stub="""def rewired(tower, order):
    ...""",
    answer="rewired",
    check=check_rewired,
    reference=rewired,
    hints=(
        "A layer may be called in more than one model (lesson 19). Which four things does the "
        "lesson's without_units do, and which of them depends on the places?",
        "Begin with keras.Input((14, 14, 1)) and the stem. Then loop over `order` itself, and not "
        "over the units.",
        "for place in order: x = tower.units[place](x). At the end: keras.Model(images, "
        "tower.head(x)).",
    ),
    explanation=(
        "The loop over `order` decides both which units there are and when. The units are called, "
        "not copied, so tower and model have the same variables."
    ),
    wrong=(
        Wrong(rewired_by_deleting, "`order` lists those that stay"),
        Wrong(rewired_in_old_order, "in which they stand in the tower"),
        Wrong(rewired_backwards, "runs the units backwards"),
        Wrong(rewired_from_one, "counts the places from 1"),
        Wrong(rewired_in_place, "It changes the tower itself"),
        Wrong(rewired_unheard, "answers as the whole tower does"),
        Wrong(rewired_with_zeros, "hands on zeros where a unit is missing"),
        Wrong(rewired_anew, "Do the layers carry the tower's own weights?"),
        Wrong(rewired_copies, "The model has copies of the weights"),
        Wrong(rewired_tensor, "expected a model that can be called"),
        Wrong(rewired_headless, "expected (5, 10)"),
    ),
    right=(
        rewired_as_sequential,
        Rewired,
        RewiredTower,
    ),
    seconds=60,
)

EXERCISES = (reading, rewiring)
