"""What lesson 12 builds is what the helpers offer, and its exercises judge fairly."""

import inspect
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from fresh_process import run_python

from course_utils.builders import models
from course_utils.diagrams import show_model
from course_utils.exercises import lesson_12
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
CELLS = ("two_eyes", "digits", "train_images", "as_list", "build_mlp", "mlp", "gap")
CELLS += ("cross_entropy", "skipping", "build_cnn", "cnn")


@pytest.fixture(scope="module")
def lesson():
    keras.utils.clear_session()
    return lesson_code("12", *CELLS)


# ---------------------------------------------------------------- helper and lesson

OPTIONS = {
    "build_mlp": [
        {},
        {"hidden": ()},
        {"hidden": (7, 6, 5), "classes": 3, "output_activation": "softmax"},
        {"input_shape": (5, 4, 3), "output_activation": "sigmoid"},
    ],
    "build_cnn": [
        {},
        {"filters": (3,), "hidden": 5, "classes": 4, "output_activation": "softmax"},
        {"input_shape": (17, 9, 2), "filters": (2, 3, 4)},
    ],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_helper_and_lesson_build_the_same_model(lesson, name):
    for options in OPTIONS[name]:
        ours, theirs = getattr(models, name)(**options), lesson[name](**options)
        assert show_model(ours).text == show_model(theirs).text
        theirs.set_weights(ours.get_weights())
        images = np.random.default_rng(0).uniform(size=(4, *ours.input_shape[1:]))
        np.testing.assert_array_equal(ours(images), theirs(images))


@pytest.mark.parametrize("name", OPTIONS)
def test_helper_and_lesson_have_the_same_arguments(lesson, name):
    ours, theirs = getattr(models, name), lesson[name]

    def arguments(function):
        parameters = inspect.signature(function).parameters.values()
        return [(parameter.name, parameter.default, parameter.kind) for parameter in parameters]

    assert arguments(ours) == arguments(theirs)


# ---------------------------------------------------------------- what the lesson promises


def test_with_and_without_dot_the_lesson_says_the_same(tmp_path):
    """The cell about Graphviz prints the same lines, whatever the PATH holds."""
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from tools.lesson_code import lesson_code
lesson_code("12", "digits", "as_list", "build_mlp", "mlp", "without_dot")
"""
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "dot").write_text("#!/bin/sh\nexit 1\n")
    (fake / "dot").chmod(0o755)
    folders = os.environ["PATH"].split(os.pathsep)
    bare = [folder for folder in folders if not shutil.which("dot", path=folder)]
    said = []
    for path in ([str(fake), *folders], bare):
        done = run_python(code, cwd=tmp_path, PATH=os.pathsep.join(path), TF_CPP_MIN_LOG_LEVEL="3")
        lines = done.stdout.splitlines()
        said.append([line for line in lines if "graphviz" in line or "boxes" in line])
    assert said[0] == said[1]
    assert "You must install graphviz" in said[0][0]
    assert said[0][1] == "boxes: 4   arrows: 3"
    assert [path.name for path in tmp_path.iterdir()] == ["bin"], "the lesson left a file"


def test_a_list_has_outputs_and_no_output_also_when_loaded(lesson, tmp_path):
    model = keras.models.clone_model(lesson["as_list"])
    model.compile("sgd", "mse")
    model.fit(lesson["digits"], np.zeros((10, 10)), verbose=0)
    model.save(tmp_path / "list.keras")
    loaded = keras.models.load_model(tmp_path / "list.keras")
    for one in (model, loaded):
        with pytest.raises(AttributeError, match="has never been called"):
            _ = one.output
        assert one.outputs[0].shape == one.layers[-1].output.shape == (None, 10)
    np.testing.assert_allclose(loaded(lesson["digits"]), model(lesson["digits"]), rtol=1e-5)


# ---------------------------------------------------------------- exercises


def verdict_of(number, answer):
    (exercise,) = [one for one in lesson_12.EXERCISES if one.id == f"12.{number}"]
    return judge(exercise, answer)


# ---------------------------------------------------------------- further mistakes


def relu_last():
    return lesson_12.two_paths(last="relu")


def product_for_sum():
    return lesson_12.two_paths(skip="product")


def max_for_average():
    return lesson_12.two_paths(pooling=layers.GlobalMaxPooling2D)


def no_relu_at_all():
    model = lesson_12.two_paths(missing="a")
    model.get_layer(index=2).activation = keras.activations.linear
    return model


def a_tuple_of_shapes():
    return keras.Sequential([layers.Flatten(), layers.Dense(10)])


def other_input():
    inputs = keras.Input((28, 28))
    return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(inputs)))


def extractor_of_numbers(model, names):
    return keras.Model(model.input, model.get_layer(names[0]).output)


def count_none(first, second):
    return 0


def count_list(first, second):
    return [1, 2]


def join_anew(model, name):
    first, second, _ = lesson_12.split_and_join(model, name)
    return first, second, keras.Model(model.input, model.output)


def join_backwards(model, name):
    first, second, _ = lesson_12.split_and_join(model, name)
    return first, second, keras.Sequential([second, first])


@pytest.mark.parametrize(
    ("number", "answer", "says"),
    [
        (2, relu_last, "The last layer has a ReLU"),
        (2, product_for_sum, "meet at a product"),
        (2, max_for_average, "asks for the average"),
        (2, no_relu_at_all, "compare it arrow by arrow"),
        (2, a_tuple_of_shapes, "has no inputs and outputs yet"),
        (2, other_input, "expected one image of (28, 28, 1)"),
        (3, extractor_of_numbers, "the number of answers is 1."),
        (5, count_none, "is not right; expected 27"),
        (5, count_list, "an array of shape (2,)"),
        (4, join_anew, "`joined` does not call `second`"),
        (4, join_backwards, "`joined` does not give the model's answers"),
    ],
)
def test_further_mistakes_are_named(number, answer, says):
    verdict = verdict_of(number, answer)
    assert verdict.status == Verdict.NOT_YET and says in verdict.message, verdict


def arrows_of(model):
    """Return the arrows that show_model draws, read from its words."""
    arrows = set()
    for line in show_model(model).text.splitlines()[1:]:
        box, _, sources = line.strip().partition(" <- ")
        arrows |= {(source, box.split(" ")[0]) for source in sources.split(", ") if source}
    return arrows


def test_the_drawing_above_the_exercise_is_the_model_asked_for():
    """The arrows that the lesson draws by hand are those of the reference solution."""
    path = find_lesson("12")
    text = path.read_text(encoding="utf-8")
    drawn = dict(re.findall(r'\\"(\w+)\\": \{[^}]*\\"note\\": \\"([^\\]*)', text))
    arrows = arrows_of(keras.models.clone_model(lesson_12.build_two_paths()))
    assert drawn["a"].startswith("8 filters") and drawn["c"].startswith("12 filters")
    said = re.findall(r'\(\\"(\w+)\\", \\"(\w+)\\"\)', text)
    assert len(said) == len(arrows) == 9
    degrees = sorted(sum(end == name for _, end in said) for name in drawn)
    theirs = {name for pair in arrows for name in pair}
    assert degrees == sorted(sum(end == name for _, end in arrows) for name in theirs)
