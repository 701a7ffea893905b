"""What lesson 28 builds is what the helpers offer, and its exercises judge fairly."""

import ast

import nbformat
import numpy as np
import pytest
from random_values import batch, randomise

from course_utils.builders import imagenet_resnets, towers
from course_utils.data import load_results
from course_utils.exercises import lesson_28
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code

tf = import_tensorflow()

import keras  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    """Return what the lesson defines, without what its cells compute."""
    space = lesson_code("28", "ConvNorm")
    path = find_lesson("28")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or cell.id == "setup" or cell.id.startswith("attempt-"):
            continue
        for part in ast.parse(cell.source).body:
            loss = isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "cross_entropy"
            if loss or isinstance(part, (ast.FunctionDef, ast.ClassDef)):
                exec(compile(ast.Module([part], []), f"{path.name}:{cell.id}", "exec"), space)
    return space


# ---------------------------------------------------------------- helper and lesson


@pytest.mark.parametrize("kind", ["BasicBlock", "Bottleneck"])
@pytest.mark.parametrize(("filters", "strides"), [(8, 1), (2, 1), (4, 2)])
def test_helper_and_lesson_write_the_same_block(lesson, kind, filters, strides):
    options = {"strides": strides, "use_bias": True, "epsilon": 0.01}
    ours = getattr(imagenet_resnets, kind)(filters, **options)
    theirs, x = lesson[kind](filters, **options), batch(2, 6, 6, 8)
    ours(x), theirs(x)
    randomise(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), atol=1e-4)
    for one, other in zip(ours.weights, theirs.weights, strict=True):  # the averages moved alike
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("kind", ["ResNet18", "ResNet50"])
def test_helper_and_lesson_write_the_same_network(lesson, kind):
    counts = {"counts": (2, 1)}
    ours = type(kind, (getattr(imagenet_resnets, kind),), dict(counts))(classes=3)
    theirs, x = type(kind, (lesson[kind],), dict(counts))(classes=3), batch(2, 32, 32, 3)
    ours(x), theirs(x)
    randomise(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-4)
    assert getattr(imagenet_resnets, kind).counts == lesson[kind].counts


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_helper_and_lesson_write_the_same_tower(lesson, shortcuts, batch_norm):
    options = {"shortcuts": shortcuts, "batch_norm": batch_norm, "filters": 4}
    ours, theirs = towers.Tower(8, **options), lesson["Tower"](8, **options)
    x, labels = batch(64, 14, 14, 1), np.arange(64) % 10
    ours(x), theirs(x)
    randomise(ours)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-4)
    np.testing.assert_allclose(
        towers.without_units(ours, [1])(x), lesson["without_units"](theirs, [1])(x), atol=1e-4
    )
    one, other = (
        function(tower, x, labels)
        for function, tower in ((towers.gradient_norms, ours), (lesson["gradient_norms"], theirs))
    )
    np.testing.assert_allclose(one, other, rtol=1e-3)
    towers.train_tower(ours, x, labels, epochs=1, rate=0.001)
    lesson["train"](theirs, x, labels, epochs=1, rate=0.001)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2.1e-3)  # one step of Adam is at most the rate
    assert ours.optimizer.iterations == theirs.optimizer.iterations == 1


def test_helper_and_lesson_shrink_alike(lesson):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype("uint8")
    np.testing.assert_array_equal(towers.shrink(pictures), lesson["shrink"](pictures))


# ---------------------------------------------------------------- what is stored


def test_stored_runs_have_the_shape_that_the_lesson_draws():
    stored = load_results("28")
    seeds = len(stored["settings"]["seeds"])
    assert seeds >= 5
    for arm in ("with batch norm", "without batch norm"):
        for kind in ("plain", "residual"):
            runs = stored["depth"][arm][kind]
            assert list(runs) == ["8", "14", "20", "30"]
            for run in runs.values():
                assert all(len(values) == seeds for values in run.values())
                assert all(0 <= value <= 1 for value in run["train accuracy"])
    for kind in ("plain", "residual"):
        assert np.shape(stored["longer"][kind]) == (seeds, 12)
        assert np.shape(stored["deleted"]["8"][kind]) == (seeds, 4)
        assert np.shape(stored["deleted"]["14"][kind]) == (seeds, 7)


def test_exercise_reads_the_stored_runs():
    plain = load_results("28")["depth"]["with batch norm"]["plain"]
    assert lesson_28.read_depth(plain["8"], plain["30"]) == "harder to train"
    assert lesson_28.read_depth(plain["8"], plain["8"]) == "not clear"


# ---------------------------------------------------------------- exercises


def verdict_on(number, answer):
    return judge(lesson_28.EXERCISES[number - 1], answer)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "answer", [keras.Model, int, "x", lambda *given: given[0], lambda *given: 3]
)
def test_other_things_get_a_verdict(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status in (Verdict.NOT_YET, Verdict.NOT_ATTEMPTED), verdict


def test_a_started_block_learns_from_the_first_step():
    """The claim behind exercise 28.2, with the other gammas for comparison."""
    block, x = imagenet_resnets.BasicBlock(8), np.abs(batch(4, 5, 5, 8))
    block(x)
    lesson_28.start_as_shortcut(block)
    np.testing.assert_allclose(block(x), x, atol=1e-6)
    gammas = [part.norm.gamma for part in block.main_path]

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(block(x, training=True) - 2 * x))
        return [np.abs(part).max() for part in tape.gradient(loss, gammas)]

    assert gradient()[1] > 1e-2
    gammas[0].assign(np.zeros(8))
    gammas[1].assign(np.ones(8))
    assert gradient()[1] < 1e-6
