"""What lesson 22 builds is what the helper offers, and what it claims is what the seeds prove."""

import ast
import inspect
import json
import re

import numpy as np
import pytest

from course_utils.builders import visual_questions as vq
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code
from tools.names import parsed
from tools.seeds import lesson_22 as seeds

tf = import_tensorflow()
import keras  # noqa: E402


def cells_that_define(*names):
    """Return what the lesson's definitions make, without running the cells around them."""
    namespace = lesson_code("22")
    path = find_lesson("22")
    text = path.read_text(encoding="utf-8")
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] != "code":
            continue
        for node in parsed("".join(cell["source"])).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                code = compile(ast.Module([node], []), f"14:{node.name}", "exec")
                exec(code, namespace)
    missing = [name for name in names if name not in namespace]
    assert not missing, f"the lesson defines no {missing}"
    return namespace


BUILDERS = {
    "build_digit_encoder": [{}, {"filters": (2, 3), "units": 4}],
    "build_question_encoder": [{}, {"size": 3, "units": 4}],
}
ANSWERERS = {
    "build_answerer": [{}, {"join": "concatenation", "units": 8, "feature_shape": (64,)}],
    "build_clip_answerer": [{}, {"feature_shape": (3, 2), "answers": 4, "units": 8, "state": 5}],
}


@pytest.fixture(scope="module")
def lesson():
    return cells_that_define(
        *BUILDERS, *ANSWERERS, "build_visual_qa", "build_video_qa", "train", "score_by_kind",
        "numbers_of", "most_frequent_answers",
    )  # fmt: skip


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


@pytest.mark.parametrize("name", ANSWERERS)
def test_helper_and_lesson_build_the_same_answerers(lesson, name):
    for options in ANSWERERS[name]:
        words = vq.build_question_encoder(size=3, units=4)
        expect_same(getattr(vq, name)(words, **options), lesson[name](words, **options))


def test_helper_and_lesson_build_the_same_whole(lesson):
    encoder = vq.build_digit_encoder(filters=(2, 3), units=4)
    words = vq.build_question_encoder(size=3, units=4)
    answerer = vq.build_answerer(words, feature_shape=(2, 2, 4), units=5)
    expect_same(*(build(encoder, answerer) for build in
                  (vq.build_visual_qa, lesson["build_visual_qa"])))  # fmt: skip
    answerer = vq.build_clip_answerer(words, feature_shape=(5, 4), units=5, state=3)
    expect_same(*(build(encoder, answerer) for build in
                  (vq.build_video_qa, lesson["build_video_qa"])))  # fmt: skip


def test_the_seeds_script_measures_what_the_lesson_does(lesson):
    """Training, scoring and counting are the same in both."""

    def options(function):
        parameters = inspect.signature(function).parameters.values()
        return {each.name: each.default for each in parameters if each.kind == each.KEYWORD_ONLY}

    assert options(lesson["train"]) == options(seeds.train) != {}

    grids = vq.make_grids(300, part="test", seed=1)
    asked = vq.ask_about_grids(grids.digits, each=6, seed=1)
    logits = np.random.default_rng(0).normal(size=(len(asked.rows), 12))
    ours = seeds.score(logits, asked, vq.GRID_KINDS)
    theirs = lesson["score_by_kind"](logits, asked, vq.GRID_KINDS, vq.GRID_ANSWERS)
    assert ours == pytest.approx(theirs)
    perfect = np.eye(12)[lesson["numbers_of"](asked.answers, vq.GRID_ANSWERS)]
    assert set(seeds.score(perfect, asked, vq.GRID_KINDS).values()) == {1.0}
    assert set(seeds.score(-perfect, asked, vq.GRID_KINDS).values()) == {0.0}

    table = lesson["most_frequent_answers"](asked.texts, asked.answers)
    guesses = np.array([table[text] for text in asked.texts])
    counted = seeds.score_of_counting(asked, asked, vq.GRID_KINDS)
    for kind in vq.GRID_KINDS:
        rows = asked.kinds == kind
        assert counted[kind] == pytest.approx(np.mean(guesses[rows] == asked.answers[rows]))


def test_sizes_and_seeds_of_the_data_are_those_of_the_seeds_script():
    path = find_lesson("22")
    lesson_text = path.read_text(encoding="utf-8").replace('\\"', '"')
    script = inspect.getsource(seeds)
    for make in ("make_grids", "make_clips"):
        calls = {
            (count, "test" if "test" in rest else "train", re.search(r"seed=(\d+)", rest)[1])
            for count, rest in re.findall(rf"vq\.{make}\(([\d_]+), ([^)]*)\)", lesson_text)
        }
        assert calls == {
            (count, "test" if "test" in rest else "train", re.search(r"seed=(\d+)", rest)[1])
            for count, rest in re.findall(rf"vq\.{make}\(([\d_]+), ([^)]*)\)", script)
        }
        assert len(calls) == 2


def test_claims_can_fail():
    """A run in which every model only guesses fails the claims about understanding."""
    found = dict.fromkeys(
        [
            f"{model}: {kind}"
            for model in ("product", "concatenation", "pooled", "picture-blind", "question-blind",
                          "product, words trained on")
            for kind in (*vq.GRID_KINDS, "all")
        ]
        + [
            f"clips{rest}: {kind}"
            for rest in ("", ", backwards", ", picture-blind", ", question-blind")
            for kind in vq.CLIP_KINDS
        ]
        + ["digits", "gradient in the asked place"],
        0.3,
    )  # fmt: skip
    failing = [claim for claim, holds in seeds.CLAIMS.items() if not holds(found)]
    assert len(failing) > 12
