"""What lesson 27 builds is what the helper offers, its stored runs hold, its exercises are fair."""

import numpy as np
import pytest
from random_values import batch

from course_utils.builders import resnet
from course_utils.data import load_results
from course_utils.exercises import lesson_27
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds import lesson_27 as seeds

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("27", "shift", "cross_entropy")


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
    ],
)
def test_helper_and_lesson_build_the_same(lesson, name, arguments, options):
    ours, theirs = (kind(*arguments, **options) for kind in (getattr(resnet, name), lesson[name]))
    x = batch(4, 8, 8, 3)
    ours(x), theirs(x)
    named = {place(weight): weight for weight in ours.weights}
    assert len(named) == len(theirs.weights)
    for weight in theirs.weights:
        weight.assign(named[place(weight)])
    for training in (False, True):
        np.testing.assert_allclose(
            ours(x, training=training), theirs(x, training=training), atol=1e-5
        )
    for weight in theirs.weights:  # the moving averages moved alike
        np.testing.assert_allclose(weight, named[place(weight)], atol=1e-5)


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_plain_network_has_the_convolutions_of_the_resnet(lesson, momentum):
    plain, ours, x = lesson["VGG"](momentum=momentum), lesson["ResNet"](), keras.Input((28, 28, 1))
    assert plain(x).shape == ours(x).shape == (None, 10)

    def kernels(network):
        return sorted(
            tuple(w.shape) for w in network.weights if w.name == "kernel" and w.shape[:2] != (1, 1)
        )

    assert kernels(plain) == kernels(ours)
    norms = [one for one in plain.row if isinstance(one, layers.BatchNormalization)]
    assert len(norms) == (12 if momentum else 0)
    assert all(one.momentum == momentum for one in norms)


def place(weight):
    """Return the names of a weight and of what it is in, without the outermost."""
    return "/".join(weight.path.split("/")[1:])


def test_helper_and_lesson_train_the_same(lesson, monkeypatch):
    monkeypatch.setattr(resnet, "load_digits", lambda *, full=False: digits())
    monkeypatch.setitem(lesson, "load_digits", lambda *, full=False: digits())
    runs = []
    for train in (resnet.train_on_digits, lesson["train"]):
        seed_everything(5)
        model = lesson["VGG"](filters=(4,), units=1)
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
def test_parameters_of_a_unit(c, f):
    unit = resnet.ResidualUnit(f)
    unit.build((None, 8, 8, c))
    assert lesson_27.unit_parameters(c, f) == unit.count_params()


def test_symptoms_are_told_apart(lesson):
    unit, chain, x = lesson["ResidualUnit"], lesson["ResNetLayer"], batch(4, 6, 6, 4) + 1
    test = lesson["symptoms"]
    change, move, weights = test(unit, chain, x)
    assert change < 1e-6 < move and weights == 36
    assert test(lesson["UnitA"], chain, x)[0] > 0.1
    assert test(lesson["UnitB"], chain, x)[1] == 0
    assert test(unit, lesson["LayerC"], x)[2] == 12


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


# ---------------------------------------------------------------- exercises


def verdict_on(number, answer):
    return judge(lesson_27.EXERCISES[number - 1], answer)


def assert_correct(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status == Verdict.CORRECT, verdict


def test_the_lessons_own_classes_are_mended_too(lesson):
    classes = {"A": lesson["ResidualUnit"], "B": lesson["ResidualUnit"]}
    assert_correct(3, classes | {"C": lesson["ResNetLayer"]})
    for letter, broken in {"A": "UnitA", "B": "UnitB", "C": "LayerC"}.items():
        good = classes | {"C": lesson["ResNetLayer"]}
        assert verdict_on(3, good | {letter: lesson[broken]}).status == Verdict.NOT_YET


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    "answer", [layers.Dense, keras.Model, int, layers.Dense(3), "unit", {"A": 1}], ids=str
)
def test_other_answers_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict
