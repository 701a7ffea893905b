"""What lesson 18 builds is as it says, and its claims can fail."""

import numpy as np
import pytest

from course_utils.builders import headlines
from course_utils.data import load_results
from course_utils.exercises import lesson_18
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts
from tools.seeds import lesson_18 as seeds

tf = import_tensorflow()
import keras  # noqa: E402

EXERCISES = {exercise.id: exercise for exercise in lesson_18.EXERCISES}
SMALL = {"vocabulary": 9, "length": 5, "embedding": 3, "context": 4, "units": 2, "hidden": (6, 5)}
RNG = np.random.default_rng(11)


@pytest.fixture(scope="module")
def lesson():
    names = lesson_parts("18", only=("encode_context", "build_headline_model", "lstm_step"))
    return names


# ---------------------------------------------------------------- helper and lesson


def test_helper_and_lesson_encode_alike(lesson):
    hours, weekdays = RNG.integers(0, 24, 50), RNG.integers(0, 7, 50)
    ours = headlines.encode_context(hours, weekdays)
    theirs = lesson["encode_context"](hours, weekdays)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("as_dict", [True, False])
def test_likes_see_the_text_alone_and_reposts_see_both(lesson, as_dict):
    model = lesson["build_headline_model"](**SMALL, as_dict=as_dict)
    text = RNG.integers(1, 9, (6, 5)).astype("int32")
    context = RNG.normal(size=(6, 4)).astype("float32")

    def answers(text, context):
        found = model({"headline": text, "context": context})
        return (found["reposts"], found["likes"]) if as_dict else found

    reposts, likes = answers(text, context)
    assert reposts.shape == likes.shape == (6, 1)
    other_reposts, same_likes = answers(text, context + 1)
    np.testing.assert_array_equal(likes, same_likes)
    assert not np.allclose(reposts, other_reposts)
    assert not np.allclose(likes, answers(text[::-1], context)[1])


def test_the_lesson_builds_the_published_size(lesson):
    sizes = {"vocabulary": 10_000, "length": 100, "embedding": 512, "context": 5}
    model = lesson["build_headline_model"](**sizes)
    shapes = {tensor.name: tensor.shape[1:] for tensor in model.inputs}
    assert shapes == {"headline": (100,), "context": (5,)}
    assert model.get_layer("embedding").embeddings.shape == (10_000, 512)


@pytest.mark.parametrize("units", [1, 7])
def test_a_step_by_hand_is_that_of_keras(lesson, units):
    lstm = keras.layers.LSTM(units, return_state=True)
    x = RNG.normal(size=(5, 4, 3)).astype("float32")
    lstm(x)
    weights = [2.0 * RNG.normal(size=weight.shape) for weight in lstm.get_weights()]
    lstm.set_weights(weights)
    h = c = np.zeros((5, units), "float32")
    for place in range(4):
        h, c = lesson["lstm_step"](x[:, place], h, c, lstm.get_weights())
    _, *theirs = lstm(x)
    np.testing.assert_allclose(h, theirs[0], atol=1e-5)
    np.testing.assert_allclose(c, theirs[1], atol=1e-5)


# ---------------------------------------------------------------- stored results


def test_stored_runs_have_the_settings_of_the_script():
    stored = load_results("18")
    settings = stored["settings"]
    assert settings["training headlines"] == seeds.FEW
    assert settings["epochs"] == seeds.FEW_EPOCHS
    assert settings["batch size"] == seeds.FEW_BATCH
    assert settings["seeds"] == list(range(seeds.FEW_SEEDS))
    assert stored["made by"] == "python -m tools.seeds.lesson_18 --write"
    assert list(stored["curves"]) == list(seeds.ARMS)
    for curves in stored["curves"].values():
        assert np.shape(curves) == (seeds.FEW_SEEDS, seeds.FEW_EPOCHS)
        assert np.min(curves) > 0.26 and np.max(curves) < 4.0


@pytest.mark.parametrize("claim", seeds.CLAIMS)
def test_claims_of_the_script_can_fail(claim):
    assert seeds.CLAIMS[claim](GOOD)
    bad = dict.fromkeys(GOOD, 0.0) | {"gradient at the end, likes": 1.0}
    assert not seeds.CLAIMS[claim](bad)


GOOD = {
    "reposts: floor": 0.26,
    "reposts: mean": 1.6,
    "likes: floor": 0.09,
    "likes: mean": 0.71,
    "gradient at the start, reposts": 0.01,
    "gradient at the start, likes": 0.15,
    "gradient at the end, reposts": 0.1,
    "gradient at the end, likes": 0.05,
    "reposts: model": 0.37,
    "likes: model": 0.12,
    "gap, never": 0.16,
    "gap, not never": 0.09,
    "hamster: noon minus 23 h": -1.1,
    "pizza: noon minus 23 h": 2.1,
    "reposts: text, read perfectly": 1.05,
}

# ---------------------------------------------------------------- exercises


def test_the_reference_total_is_what_evaluate_reports():
    weights = {"reposts": 1.0, "likes": 0.2}
    x = RNG.normal(size=(20, 5)).astype("float32")
    targets = {name: RNG.normal(size=20).astype("float32") for name in weights}
    with lesson_18.regularised_model() as model:
        model.compile("sgd", loss={"reposts": "mse", "likes": "mse"}, loss_weights=weights)
        reported = model.evaluate(x, targets, verbose=0, return_dict=True, batch_size=20)["loss"]
        assert lesson_18.total_loss(model, x, targets, weights) == pytest.approx(reported, rel=1e-4)


def test_the_reference_weights_train_without_nan():
    targets = lesson_18.some_targets()
    filled, weight = lesson_18.leave_out_unknown(targets)
    inputs = {"headline": np.ones((20, 12), "int32"), "context": np.zeros((20, 31), "float32")}
    model = lesson_18.small_model()
    model.compile("sgd", loss={"reposts": "mse", "likes": "mse"}, run_eagerly=True)
    history = model.fit(inputs, filled, sample_weight=weight, verbose=0, batch_size=20).history
    assert np.isfinite(history["loss"][0])
    spoilt = model.evaluate(inputs, targets, sample_weight=weight, verbose=0, return_dict=True)
    assert np.isnan(spoilt["loss"])
