"""What lesson 22 builds is what the helper offers, and what it claims is what the seeds prove."""

import inspect
import re

import numpy as np
import pytest

from course_utils import scenes
from course_utils.builders import visual_questions as vq
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_parts
from tools.seeds import lesson_22 as seeds

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


@pytest.mark.parametrize(
    ("build", "shape", "joins"),
    [
        ("build_answerer", (2, 2, 3), ("product", "concatenation")),
        ("build_clip_answerer", (5, 3), ("product",)),
    ],
)
def test_the_joins(lesson, build, shape, joins):
    seen = np.random.default_rng(0).normal(size=(6, *shape)).astype("float32")
    asked = scenes.encode_questions(["is there a two"] * 6)
    words = vq.build_question_encoder(size=3, units=4)
    for join in joins:
        options = {"join": join} if len(joins) > 1 else {}
        model = lesson[build](words, feature_shape=shape, answers=7, units=8, **options)
        assert model([seen, asked]).shape == (6, 7)
        assert model.get_layer(words.name) is words
        names = ("of_picture", "of_words", "meet")
        inner = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
        of_picture, of_words, both = map(np.asarray, inner([seen, asked]))
        expected = of_picture * of_words if join == "product" else np.hstack([of_picture, of_words])
        np.testing.assert_allclose(both, expected, atol=1e-6)


def test_whole_models_are_their_parts(lesson):
    grids, clips = scenes.make_grids(2), scenes.make_clips(2)
    encoder = vq.build_digit_encoder(filters=(2, 3), units=4)
    words = vq.build_question_encoder(size=3, units=4)
    asked = scenes.encode_questions(["is there a two", "which digit came last"])
    answerer = lesson["build_answerer"](words, feature_shape=(2, 2, 4), units=8)
    whole = lesson["build_visual_qa"](encoder, answerer)
    parts = answerer([np.asarray(encoder(grids.pictures)), asked])
    np.testing.assert_allclose(whole([grids.pictures, asked]), parts, atol=1e-5)

    answerer = lesson["build_clip_answerer"](words, feature_shape=(5, 4), units=8, state=3)
    whole = lesson["build_video_qa"](encoder, answerer)
    frames = np.stack([encoder(clips.clips[:, frame]) for frame in range(5)], axis=1)
    parts = answerer([frames.reshape(2, 5, 4), asked])
    np.testing.assert_allclose(whole([clips.clips, asked]), parts, atol=1e-5)


def test_scores_are_counted_by_kind(lesson):
    grids = scenes.make_grids(300, part="test", seed=1)
    asked = scenes.ask_about_grids(grids.digits, each=6, seed=1)
    perfect = np.eye(12)[lesson["numbers_of"](asked.answers, scenes.GRID_ANSWERS)]
    assert set(seeds.score(perfect, asked, scenes.GRID_KINDS).values()) == {1.0}
    assert set(seeds.score(-perfect, asked, scenes.GRID_KINDS).values()) == {0.0}
    counted = lesson["score_picture_blind"](asked, asked, scenes.GRID_KINDS)
    for kind in scenes.GRID_KINDS:
        rows = asked.kinds == kind
        table = {text: set(asked.answers[rows & (asked.texts == text)]) for text in asked.texts}
        best = [
            max(np.sum(asked.answers[asked.texts == text] == answer) for answer in table[text])
            for text in set(asked.texts[rows])
        ]
        assert counted[kind] == pytest.approx(sum(best) / rows.sum())


def test_sizes_and_seeds_of_the_data_are_those_of_the_seeds_script():
    path = find_lesson("22")
    lesson_text = path.read_text(encoding="utf-8").replace('\\"', '"')
    script = inspect.getsource(seeds)
    for make in ("make_grids", "make_clips"):
        calls = {
            (count, "test" if "test" in rest else "train", re.search(r"seed=(\d+)", rest)[1])
            for count, rest in re.findall(rf"scenes\.{make}\(([\d_]+), ([^)]*)\)", lesson_text)
        }
        assert calls == {
            (count, "test" if "test" in rest else "train", re.search(r"seed=(\d+)", rest)[1])
            for count, rest in re.findall(rf"scenes\.{make}\(([\d_]+), ([^)]*)\)", script)
        }
        assert len(calls) == 2


def test_claims_can_fail():
    """A run in which every model only guesses fails the claims about understanding."""
    found = dict.fromkeys(
        [
            f"{model}: {kind}"
            for model in ("product", "concatenation", "pooled", "picture-blind", "question-blind",
                          "product, words trained on")
            for kind in (*scenes.GRID_KINDS, "all")
        ]
        + [
            f"clips{rest}: {kind}"
            for rest in ("", ", backwards", ", picture-blind", ", question-blind")
            for kind in scenes.CLIP_KINDS
        ]
        + ["digits", "gradient in the asked place"],
        0.3,
    )  # fmt: skip
    failing = [claim for claim, holds in seeds.CLAIMS.items() if not holds(found)]
    assert len(failing) > 12
