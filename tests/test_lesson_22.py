"""What lesson 22 builds is what the helpers offer."""

import numpy as np
import pytest

from course_utils import scenes
from course_utils.builders import visual_questions as vq
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

import_tensorflow()
import keras  # noqa: E402

BUILDERS = {
    "build_digit_encoder": [{}, {"filters": (2, 3), "units": 4}],
    "build_question_encoder": [{}, {"size": 3, "units": 4}],
}


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("22")


def some(model, rng):
    """Return random inputs for a model."""
    inputs = []
    for each in model.inputs:
        shape = [3, *(56 if size is None else size for size in each.shape[1:])]
        if each.dtype == "int32":
            inputs.append(rng.integers(0, 20, shape).astype("int32"))
        else:
            inputs.append(rng.uniform(size=shape).astype("float32"))
    return inputs if len(inputs) > 1 else inputs[0]


def expect_same(ours, theirs):
    assert [layer.name for layer in ours.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
    theirs.set_weights(ours.get_weights())
    inputs = some(ours, np.random.default_rng(0))
    np.testing.assert_allclose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
    assert np.std(np.asarray(ours(inputs))) > 0


@pytest.mark.parametrize("name", BUILDERS)
def test_helper_and_lesson_build_the_same_encoders(lesson, name):
    for options in BUILDERS[name]:
        expect_same(getattr(vq, name)(**options), lesson[name](**options))


@pytest.mark.parametrize("join", ["product", "concatenation"])
def test_helper_and_lesson_build_the_same_answerer(lesson, join):
    options = {"feature_shape": (2, 2, 3), "answers": 7, "units": 8, "join": join}
    words = vq.build_question_encoder(size=3, units=4)
    expect_same(vq.build_answerer(words, **options), lesson["build_answerer"](words, **options))


@pytest.mark.parametrize("join", ["product", "concatenation"])
def test_the_joins(join):
    seen = np.random.default_rng(0).normal(size=(6, 2, 2, 3)).astype("float32")
    asked = scenes.encode_questions(["is there a two"] * 6)
    words = vq.build_question_encoder(size=3, units=4)
    model = vq.build_answerer(words, feature_shape=(2, 2, 3), answers=7, units=8, join=join)
    assert model([seen, asked]).shape == (6, 7)
    assert model.get_layer(words.name) is words
    names = ("of_picture", "of_words", "meet")
    inner = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    of_picture, of_words, both = map(np.asarray, inner([seen, asked]))
    expected = of_picture * of_words if join == "product" else np.hstack([of_picture, of_words])
    np.testing.assert_allclose(both, expected, atol=1e-6)


def test_helper_and_lesson_train_alike(lesson):
    x = np.random.default_rng(0).normal(size=(130, 4)).astype("float32")
    y = np.argmax(x, axis=1)
    trained = []
    for train in (vq.train_answerer, lesson["train_answerer"]):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        train(model, x, y, epochs=2, peak=0.05)
        trained.append(model.get_weights())
    for one, other in zip(*trained, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_whole_model_is_its_parts(lesson):
    grids = scenes.make_grids(2)
    encoder = vq.build_digit_encoder(filters=(2, 3), units=4)
    words = vq.build_question_encoder(size=3, units=4)
    asked = scenes.encode_questions(["is there a two", "which digit came last"])
    answerer = vq.build_answerer(words, feature_shape=(2, 2, 4), units=8)
    whole = lesson["build_visual_qa"](encoder, answerer)
    parts = answerer([np.asarray(encoder(grids.pictures)), asked])
    np.testing.assert_allclose(whole([grids.pictures, asked]), parts, atol=1e-5)
