"""The headline model: what goes in, what comes out, and what is refused."""

import numpy as np
import pytest

from course_utils.builders.headlines import (
    LESSON_SIZE,
    PUBLISHED_SIZE,
    build_headline_model,
    encode_context,
)
from course_utils.data import load_headlines
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402

SMALL = {"vocabulary": 9, "length": 5, "embedding": 3, "context": 4, "units": 2, "hidden": (6,)}
RNG = np.random.default_rng(11)
INPUTS = {
    "headline": np.array([[2, 3, 4, 0, 0], [5, 6, 7, 8, 0]], "int32"),
    "context": RNG.normal(size=(2, 4)).astype("float32"),
}


def answers(model, **changed):
    return {name: value.numpy() for name, value in model(INPUTS | changed).items()}


def test_lesson_size_fits_the_data():
    train, test = load_headlines()
    vectorize = keras.layers.TextVectorization()
    vectorize.adapt(train["headline"])
    assert vectorize.vocabulary_size() == LESSON_SIZE["vocabulary"]
    assert vectorize(train["headline"]).shape[1] == LESSON_SIZE["length"]
    assert vectorize(test["headline"]).shape[1] <= LESSON_SIZE["length"]
    assert not np.any(vectorize(test["headline"]) == 1)  # no unknown word
    assert encode_context([0], [0]).shape[1] == LESSON_SIZE["context"]


def test_published_size():
    model = build_headline_model(**PUBLISHED_SIZE)
    shapes = {tensor.name: tuple(tensor.shape) for tensor in model.inputs}
    assert shapes == {"headline": (None, 100), "context": (None, 5)}
    assert model.get_layer("embedding").count_params() == 10_000 * 512
    assert model.get_layer("lstm").count_params() == 4 * 32 * (512 + 32 + 1)
    dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert sorted(dense) == [1, 1, 64, 64, 64]


def test_likes_see_the_text_alone_and_reposts_see_both():
    model = build_headline_model(**SMALL)
    first = answers(model)
    assert {name: value.shape for name, value in first.items()} == {
        "reposts": (2, 1),
        "likes": (2, 1),
    }
    other = answers(model, context=INPUTS["context"] + 1.0)
    np.testing.assert_array_equal(first["likes"], other["likes"])
    assert np.abs(first["reposts"] - other["reposts"]).max() > 1e-6
    other = answers(model, headline=INPUTS["headline"][::-1].copy())
    for name in first:
        assert np.abs(first[name] - other[name]).max() > 1e-6


def test_padding_is_not_read():
    model = build_headline_model(**SMALL)
    first = answers(model)
    (table,) = model.get_layer("embedding").get_weights()
    table[0] += 5.0
    model.get_layer("embedding").set_weights([table])
    for name, value in answers(model).items():
        np.testing.assert_array_equal(value, first[name])


def test_a_list_has_the_order_reposts_likes():
    as_dict, as_list = (build_headline_model(**SMALL, as_dict=flag) for flag in (True, False))
    for layer in as_dict.layers:  # by name: the order of the outputs decides that of the layers
        if layer.weights:
            as_list.get_layer(layer.name).set_weights(layer.get_weights())
    first = answers(as_dict)
    reposts, likes = as_list(INPUTS)
    np.testing.assert_array_equal(reposts, first["reposts"])
    np.testing.assert_array_equal(likes, first["likes"])


def test_no_hidden_layer_is_allowed():
    model = build_headline_model(**SMALL | {"hidden": ()})
    assert model.get_layer("reposts").kernel.shape == (2 + 4, 1)


@pytest.mark.parametrize(
    ("argument", "value", "error", "message"),
    [
        ("vocabulary", 1, ValueError, "expected at least 2, got 1"),
        ("vocabulary", 10.0, TypeError, "expected a whole number, got 10.0"),
        ("length", 0, ValueError, "expected at least 1, got 0"),
        ("length", None, TypeError, "expected a whole number, got None"),
        ("embedding", True, TypeError, "expected a whole number, got True"),
        ("context", -1, ValueError, "expected at least 1, got -1"),
        ("units", "32", TypeError, "expected a whole number, got '32'"),
        ("hidden", 64, TypeError, "expected a tuple of whole numbers, got 64"),
        ("hidden", "64", TypeError, "expected a tuple of whole numbers, got '64'"),
        ("as_dict", 1, TypeError, "expected True or False, got 1"),
    ],
)
def test_impossible_arguments_are_named(argument, value, error, message):
    with pytest.raises(error, match=f"^{argument}: {message}"):
        build_headline_model(**SMALL | {argument: value})


def test_a_wrong_entry_of_hidden_is_named():
    with pytest.raises(ValueError, match=r"^hidden\[1\]: expected at least 1, got 0"):
        build_headline_model(hidden=(8, 0))
    with pytest.raises(TypeError):
        build_headline_model(107)


def test_context_has_one_place_for_each_hour_and_weekday():
    hours, weekdays = np.repeat(np.arange(24), 7), np.tile(np.arange(7), 24)
    rows = encode_context(hours.astype("uint8"), weekdays)
    assert rows.shape == (168, 31) and rows.dtype == np.float32
    assert np.array_equal(rows[:, :24].argmax(axis=1), hours)
    assert np.array_equal(rows[:, 24:].argmax(axis=1), weekdays)
    assert np.all(rows.sum(axis=1) == 2) and len(np.unique(rows, axis=0)) == 168
    assert encode_context([], []).shape == (0, 31)


@pytest.mark.parametrize(
    ("hours", "weekdays", "error", "message"),
    [
        ([24], [0], ValueError, "hours: expected numbers from 0 to 23, got 24"),
        ([-1], [0], ValueError, "hours: expected numbers from 0 to 23, got -1"),
        ([0], [7], ValueError, "weekdays: expected numbers from 0 to 6, got 7"),
        ([0.5], [0], TypeError, "hours: expected whole numbers, got dtype float64"),
        ([0, 1], [0], ValueError, r"weekdays: expected one for each hour, shape \(2,\)"),
        (3, [0], ValueError, r"hours: expected shape \(n,\), got \(\)"),
        ([0], ["Monday"], TypeError, "weekdays: expected whole numbers"),
    ],
)
def test_impossible_times_are_named(hours, weekdays, error, message):
    with pytest.raises(error, match=f"^{message}"):
        encode_context(hours, weekdays)
