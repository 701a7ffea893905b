"""Wide and deep is one network in two spellings, can be saved, and says what is wrong."""

import numpy as np
import pytest
from fresh_process import run_python

from course_utils.builders.wide_deep import WideAndDeep, build_wide_deep
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402

OPTIONS = pytest.mark.parametrize(
    "options",
    [{}, {"hidden": (5,)}, {"hidden": ()}, {"hidden": [7, 6, 5], "answers": 3}, {"dropout": 0.5}],
    ids=str,
)


def batch(count=6, *, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "wide": rng.normal(size=(count, 4)).astype("float32"),
        "deep": rng.normal(size=(count, 9)).astype("float32"),
    }


def twins(**options):
    """Return the class and the graph with the same weights."""
    model, graph = WideAndDeep(**options), build_wide_deep(wide=4, deep=9, **options)
    model(batch())
    graph.set_weights(model.get_weights())
    return model, graph


@OPTIONS
def test_class_and_graph_answer_alike(options):
    model, graph = twins(**options)
    np.testing.assert_allclose(model(batch()), graph(batch()), atol=1e-6)
    assert model(batch()).shape == (6, options.get("answers", 1))


@OPTIONS
def test_answers_by_numpy(options):
    model, _ = twins(**options)
    inputs, weights = batch(), model.get_weights()
    x = inputs["deep"]
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    expected = np.concatenate([inputs["wide"], x], axis=1) @ weights[-2] + weights[-1]
    np.testing.assert_allclose(model(inputs), expected, atol=1e-5)


def test_class_and_graph_learn_alike():
    model, graph = twins(hidden=(5, 4))
    inputs, targets = batch(32), np.random.default_rng(1).normal(size=(32, 1))
    before = model.get_weights()
    for one in (model, graph):
        one.compile(keras.optimizers.SGD(0.1), "mse")
        one.fit(inputs, targets, batch_size=8, shuffle=False, verbose=0)
    for start, ours, theirs in zip(before, model.get_weights(), graph.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert not np.allclose(ours, start, atol=1e-5)


def test_dropout_drops_in_training_only():
    model, graph = twins(dropout=0.5)
    for one in (model, graph):
        np.testing.assert_array_equal(one(batch()), one(batch()))
        assert not np.allclose(one(batch(), training=True), one(batch()))


def test_fit_puts_the_class_into_training_mode(monkeypatch):
    model = WideAndDeep(hidden=(5,), dropout=0.5)
    seen, original = [], keras.layers.Dropout.call

    def note(self, inputs, training=False):
        seen.append(training)
        return original(self, inputs, training=training)

    monkeypatch.setattr(keras.layers.Dropout, "call", note)
    model.compile("sgd", "mse")
    model.fit(batch(), np.zeros((6, 1)), verbose=0)
    assert True in seen


# ---------------------------------------------------------------- saving


@OPTIONS
def test_configuration_makes_the_same_model(options):
    model = WideAndDeep(**options, name="one")
    copy = WideAndDeep.from_config(model.get_config())
    assert copy.get_config() == model.get_config()
    assert copy.name == "one" and copy.sizes == tuple(options.get("hidden", (64, 32)))
    model(batch())
    copy(batch())
    copy.set_weights(model.get_weights())
    np.testing.assert_allclose(copy(batch()), model(batch()), atol=1e-6)


def test_saved_with_optimizer_and_loaded(tmp_path):
    model, _ = twins(hidden=(5, 4), answers=2, dropout=0.3)
    model.compile("adam", "mse")
    model.fit(batch(), np.zeros((6, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded).__name__ == "WideAndDeep"
    np.testing.assert_allclose(loaded(batch()), model(batch()), atol=1e-6)
    assert loaded.get_config() == model.get_config()
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) == 1


def test_loaded_in_a_fresh_process(tmp_path):
    model, _ = twins(hidden=(5,))
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "inputs.npz", **batch())
    code = """
import numpy as np
from course_utils.builders.wide_deep import WideAndDeep
import keras
model = keras.models.load_model("model.keras")
assert type(model) is WideAndDeep and model.sizes == (5,)
with np.load("inputs.npz") as inputs:
    np.save("answers.npy", model.predict(dict(inputs), verbose=0))
"""
    run_python(code, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), model(batch()), atol=1e-5)


# ---------------------------------------------------------------- what is refused

BUILDERS = pytest.mark.parametrize(
    "build",
    [WideAndDeep, lambda **options: build_wide_deep(**{"wide": 4, "deep": 9} | options)],
    ids=["class", "graph"],
)


@BUILDERS
@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"hidden": 64}, TypeError, r"hidden: expected a tuple of whole numbers, got 64"),
        ({"hidden": "64"}, TypeError, r"hidden: .*'64'"),
        ({"hidden": (64, 0)}, ValueError, r"hidden\[1\]: expected at least 1, got 0"),
        ({"hidden": (6.5,)}, TypeError, r"hidden\[0\]: expected a whole number, got 6.5"),
        ({"answers": 0}, ValueError, r"answers: expected at least 1, got 0"),
        ({"answers": True}, TypeError, r"answers: expected a whole number, got True"),
        ({"dropout": 1.0}, ValueError, r"dropout: expected a share from 0 to below 1, got 1.0"),
        ({"dropout": -0.1}, ValueError, r"dropout: .*-0.1"),
        ({"dropout": float("nan")}, ValueError, r"dropout: .*nan"),
        ({"dropout": "0.5"}, TypeError, r"dropout: expected a number from 0 to below 1, got '0.5'"),
    ],
)
def test_arguments_are_checked(build, options, error, says):
    with pytest.raises(error, match=says):
        build(**options)


@pytest.mark.parametrize("name", ["wide", "deep"])
def test_widths_are_checked(name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
        build_wide_deep(**{"wide": 4, "deep": 9} | {name: 0})
    with pytest.raises(TypeError, match=f"{name}: expected a whole number, got None"):
        build_wide_deep(**{"wide": 4, "deep": 9} | {name: None})


def test_inputs_are_checked():
    model = WideAndDeep()
    with pytest.raises(TypeError, match="inputs: expected a dict with 'wide' and 'deep'"):
        model(batch()["wide"])
    with pytest.raises(ValueError, match="wide is missing"):
        model({"deep": batch()["deep"]})
    with pytest.raises(ValueError, match="deep is missing"):
        WideAndDeep()({"wide": batch()["wide"], "other": batch()["deep"]})
