"""What lesson 27 builds is what the helper offers, its stored runs hold, its exercises are fair."""

import numpy as np
import pytest
from random_values import batch

from course_utils.builders import resnet
from course_utils.data import load_results
from course_utils.exercises import lesson_27
from course_utils.exercises.engine import Verdict, judge
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_code
from tools.seeds import lesson_27 as seeds

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers, ops  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_code(
        "27",
        "ResidualUnit",
        "ResNetLayer",
        "ResNet",
        "unit_parameters",
        "prepare",
        "norms_of",
        "estimate_averages",
        "move",
        "train",
        "VGG",
        "UnitA",
        "keeps_promises",
        "draw",
    )


def digits(train=64, test=32):
    rng = np.random.default_rng(0)
    return tuple(
        (rng.integers(0, 256, (n, 28, 28), np.uint8), rng.integers(0, 10, n, np.uint8))
        for n in (train, test)
    )


# ---------------------------------------------------------------- helper and lesson


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("ResidualUnit", (4,), {}),
        ("ResidualUnit", (3,), {"momentum": 0.5}),
        ("ResNetLayer", (2, 4), {}),
        ("ResNetLayer", (3, 3), {"momentum": 0.5}),
        ("ResNet", (), {"filters": (4, 6), "units": 1, "momentum": 0.5}),
        ("ResNet", (), {"filters": (4,), "units": 2, "classes": 3}),
        ("VGG", (), {"filters": (4, 6), "units": 1}),
        ("VGG", (), {"filters": (4,), "units": 2, "momentum": 0.5}),
    ],
)
def test_helper_and_lesson_build_the_same(lesson, name, arguments, options):
    ours, theirs = (kind(*arguments, **options) for kind in (getattr(resnet, name), lesson[name]))
    x = batch(4, 8, 8, 3)
    ours(x), theirs(x)
    named = {place(weight): weight for weight in ours.weights}
    if name == "VGG":
        named = dict(enumerate(ours.weights))
    assert len(named) == len(theirs.weights)
    for number, weight in enumerate(theirs.weights):
        weight.assign(named[number if name == "VGG" else place(weight)])
    for training in (False, True):
        np.testing.assert_allclose(
            ours(x, training=training), theirs(x, training=training), atol=1e-5
        )
    for number, weight in enumerate(theirs.weights):  # the moving averages moved alike
        same = named[number if name == "VGG" else place(weight)]
        np.testing.assert_allclose(weight, same, atol=1e-5)


def place(weight):
    """Return the names of a weight and of what it is in, without the outermost."""
    return "/".join(weight.path.split("/")[1:])


def test_helper_and_lesson_train_the_same(lesson, monkeypatch):
    monkeypatch.setattr(resnet, "load_digits", lambda *, full=False: digits())
    monkeypatch.setitem(lesson, "load_digits", lambda *, full=False: digits())
    runs = []
    for train in (resnet.train_on_digits, lesson["train"]):
        seed_everything(5)
        model = resnet.VGG(filters=(4,), units=1)
        runs.append(train(model, epochs=2, batch_size=16, peak=0.01))
    assert sorted(runs[0]) == sorted(runs[1])
    for name, values in runs[0].items():
        np.testing.assert_allclose(values, runs[1][name], rtol=1e-3, err_msg=name)


def test_the_lessons_training_takes_the_full_mnist(lesson, monkeypatch):
    from keras.datasets import mnist

    monkeypatch.setattr(mnist, "load_data", lambda: digits(train=96))
    model = lesson["ResNet"](filters=(2,), units=1)
    history = lesson["train"](model, full=True, epochs=1, augment=True)
    assert int(model.optimizer.iterations) == 3 and len(history["val_loss"]) == 1


@pytest.mark.parametrize(("c", "f"), [(3, 4), (4, 4), (8, 16)])
def test_parameters_of_a_unit(lesson, c, f):
    unit = resnet.ResidualUnit(f)
    unit.build((None, 8, 8, c))
    assert lesson["unit_parameters"](c, f) == unit.count_params()


def test_averages_are_estimated_exactly(lesson):
    model, x = lesson["ResNet"](filters=(4,), units=1), batch(64, 8, 8, 1)
    model(x)
    first = lesson["norms_of"](model)[0]
    first.moving_mean.assign(np.full(8, 1e3, "float32"))
    lesson["estimate_averages"](model, x, passes=4)
    np.testing.assert_allclose(first.moving_mean, np.mean(model.stem(x), axis=(0, 1, 2)), atol=1e-4)


def test_promises_are_told_apart(lesson):
    unit, chain, x = lesson["ResidualUnit"], lesson["ResNetLayer"], batch(4, 6, 6, 4) + 1
    test = lesson["keeps_promises"]
    assert list(test(unit, chain, x).values()) == [True, True, True]
    assert list(test(lesson["UnitA"], chain, x).values()) == [False, True, True]
    assert list(test(lesson["UnitB"], chain, x).values()) == [True, False, True]
    assert list(test(unit, lesson["LayerC"], x).values()) == [True, True, False]


def test_a_drawing_is_ink_in_the_middle(lesson):
    image = lesson["draw"]([[(0.0, 0.0), (0.2, 0.1)]])
    assert image.shape == (28, 28) and image.dtype == np.uint8 and image.max() == 255
    rows, columns = np.mgrid[:28, :28]
    for axis in (rows, columns):
        assert abs(np.sum(image * axis.astype(float)) / image.sum() - 13.5) < 1
    assert lesson["draw"]([]).sum() == 0


# ---------------------------------------------------------------- stored runs


def test_stored_runs_keep_what_the_lesson_says():
    stored = load_results("27")
    runs = stored["runs"]
    assert set(runs) == {*seeds.SCHEDULED, *seeds.SHORT}
    assert all(len(of_kind) == len(stored["settings"]["seeds"]) >= 5 for of_kind in runs.values())
    failed = [claim for claim, holds in seeds.CLAIMS.items() if not holds(runs)]
    assert not failed
    assert seeds.ends(runs, "ResNet").min() >= 0.97
    assert seeds.ends(runs, "ResNet, moved digits").min() >= 0.98


def test_stored_runs_have_the_settings_of_the_script():
    settings = load_results("27")["settings"]
    now = seeds.settings(range(len(settings["seeds"])))
    for name in set(now) - {"seeds", "TensorFlow", "Keras"}:
        assert settings[name] == now[name], name
    runs = load_results("27")["runs"]
    lengths = {kind: {len(run[what]) for run in of for what in run} for kind, of in runs.items()}
    assert lengths == {
        kind: {seeds.SHORT_EPOCHS if kind in seeds.SHORT else seeds.EPOCHS} for kind in runs
    }


def test_claims_can_fail():
    chance = {"train": [0.1] * 3, "test": [0.1] * 3}
    runs = {kind: [chance] for kind in [*seeds.SCHEDULED, *seeds.SHORT]}
    assert not any(holds(runs) for holds in seeds.CLAIMS.values())


# ---------------------------------------------------------------- other right answers


def verdict_on(number, answer):
    return judge(lesson_27.EXERCISES[number - 1], answer)


def assert_correct(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status == Verdict.CORRECT, verdict


class PostInBuild(layers.Layer):
    """Makes everything in build, without biases, the projection first."""

    def __init__(self, filters):
        super().__init__()
        self.filters = filters

    def build(self, shape):
        f = self.filters
        self.way = layers.Conv2D(f, 1, use_bias=False) if shape[-1] != f else layers.Identity()
        self.second = layers.Conv2D(f, 3, padding="same", use_bias=False)
        self.norm_b = layers.BatchNormalization()
        self.norm_a = layers.BatchNormalization()
        self.first = layers.Conv2D(f, 3, padding="same", use_bias=False)

    def call(self, x):
        y = self.norm_b(self.second(tf.nn.relu(self.norm_a(self.first(x)))))
        return tf.nn.relu(y + self.way(x))


class PostBySequential(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.filters = filters
        self.main = keras.Sequential(
            [
                layers.Conv2D(filters, (3, 3), padding="same"),
                layers.BatchNormalization(),
                layers.Activation("relu"),
                layers.Conv2D(filters, (3, 3), padding="same"),
                layers.BatchNormalization(scale=False),
            ]
        )
        self.project = layers.Conv2D(filters, 1)

    def call(self, inputs, training=False):
        shortcut = inputs if inputs.shape[-1] == self.filters else self.project(inputs)
        return ops.relu(layers.add([shortcut, self.main(inputs, training=training)]))


@pytest.mark.parametrize("answer", [PostInBuild, PostBySequential])
def test_other_right_post_activation_units(answer):
    assert_correct(1, answer)


class BottleneckBySequential(layers.Layer):
    def __init__(self, f, s=1):
        super().__init__()
        self.f, self.s = f, s

        def step(filters, size, strides=1):
            conv = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)
            return [layers.BatchNormalization(), layers.ReLU(), conv]

        self.main = keras.Sequential(step(f, 1) + step(f, 3, (s, s)) + step(4 * f, 1))

    def build(self, shape):
        if (shape[-1], self.s) != (4 * self.f, 1):
            self.short = layers.Conv2D(4 * self.f, 1, self.s, padding="same")
        else:
            self.short = layers.Identity()

    def call(self, x, training=None):
        return self.main(x, training=training) + self.short(x)


class BottleneckOneRelu(lesson_27.BottleneckUnit):
    def call(self, x, training=None):
        shortcut = x if self.projection is None else self.projection(x)
        one, two, three = self.norms
        y = self.reduce(ops.relu(one(x)))
        y = self.conv(ops.relu(two(y)))
        return layers.Add()([shortcut, self.expand(ops.relu(three(y)))])


class BottleneckPaddedByHand(lesson_27.BottleneckUnit):
    def __init__(self, filters, strides=1):
        super().__init__(filters, strides)
        self.pad = layers.ZeroPadding2D(1)
        self.conv = layers.Conv2D(filters, 3, strides=strides)

    def call(self, x, training=None):
        y = self.reduce(ops.relu(self.norms[0](x, training=training)))
        y = self.conv(self.pad(ops.relu(self.norms[1](y, training=training))))
        y = self.expand(ops.relu(self.norms[2](y, training=training)))
        return y + (x if self.projection is None else self.projection(x))


@pytest.mark.parametrize(
    "answer", [BottleneckBySequential, BottleneckOneRelu, BottleneckPaddedByHand]
)
def test_other_right_bottleneck_units(answer):
    assert_correct(2, answer)


def by_hand(labels, logits, smoothing=0.1):
    classes = tf.shape(logits)[1]
    share = smoothing / tf.cast(classes, tf.float32)
    targets = tf.one_hot(labels, classes, on_value=1 - smoothing + share, off_value=share)
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1))


def by_keras_class(labels, logits, smoothing=0.1):
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return loss(tf.one_hot(labels, logits.shape[1]), logits)


def by_parts(labels, logits, s=0.1):
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    return (1 - s) * plain - s * tf.reduce_mean(tf.nn.log_softmax(logits))


@pytest.mark.parametrize("answer", [by_hand, by_keras_class, by_parts, tf.function(by_hand)])
def test_other_right_losses(answer):
    assert_correct(3, answer)


class MendedA(resnet.ResidualUnit):
    def call(self, inputs, training=None):
        shortcut = inputs if self.projection is None else self.projection(inputs)
        x = self.relu(self.norm_1(inputs, training=training))
        x = self.relu(self.norm_2(self.conv_1(x), training=training))
        return self.conv_2(x) + shortcut


class MendedC(resnet.ResNetLayer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(units, filters, **kwargs)
        self.units = [resnet.ResidualUnit(filters) for _ in range(units)]


class ImplicitFlag(resnet.ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs)))
        x = self.conv_2(self.relu(self.norm_2(x)))
        return x + (inputs if self.projection is None else self.projection(inputs))


@pytest.mark.parametrize(
    "answer",
    [
        {"A": MendedA, "B": ImplicitFlag, "C": MendedC},
        {"A": resnet.ResidualUnit, "B": resnet.ResidualUnit, "C": resnet.ResNetLayer},
    ],
    ids=["derived", "the helper's"],
)
def test_other_right_mendings(answer):
    assert_correct(4, answer)


def test_the_lessons_own_classes_are_mended_too(lesson):
    classes = {"A": lesson["ResidualUnit"], "B": lesson["ResidualUnit"]}
    assert_correct(4, classes | {"C": lesson["ResNetLayer"]})
    for letter, broken in {"A": "UnitA", "B": "UnitB", "C": "LayerC"}.items():
        good = classes | {"C": lesson["ResNetLayer"]}
        assert verdict_on(4, good | {letter: lesson[broken]}).status == Verdict.NOT_YET


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "answer", [layers.Dense, keras.Model, int, layers.Dense(3), "unit", {"A": 1}], ids=str
)
def test_other_answers_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict
