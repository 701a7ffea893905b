"""What lesson 13 builds is what ``callbacks`` offers, and its claims can fail."""

import collections
import importlib.util
import math

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_13
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow
from course_utils.training import callbacks
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code
from tools.seeds import lesson_13 as seeds

tf = import_tensorflow()
import keras  # noqa: E402

RNG = np.random.default_rng(9)


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("13", "Progress", "warmup_cosine", "RobustLoss", "WorstClass", "Diary")


# ---------------------------------------------------------------- helper and lesson


def test_helper_and_lesson_print_alike(lesson, capsys, monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            self.now += 1.5
            return self.now

    printed = []
    for progress in (callbacks.Progress, lesson["Progress"]):
        clock = Clock()
        monkeypatch.setattr(callbacks, "time", clock)
        monkeypatch.setitem(lesson, "time", clock)
        line = progress(quiet=False)
        line.set_params({"epochs": 9})
        line.on_train_begin()
        for epoch in range(3, 9):
            line.on_epoch_begin(epoch)
            line.on_epoch_end(epoch, {"loss": 1 / (epoch + 1), "val_loss": np.float32(epoch)})
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and len(printed[0].splitlines()) == 6
    for progress in (callbacks.Progress, lesson["Progress"]):
        monkeypatch.setenv("COURSE_QUIET", "1")
        assert progress().quiet
        monkeypatch.setenv("COURSE_QUIET", "0")
        assert not progress().quiet


def test_helper_and_lesson_have_one_schedule(lesson):
    options = {"warmup_steps": 4, "total_steps": 11}
    ours = callbacks.warmup_cosine(0.2, **options)
    theirs = lesson["warmup_cosine"](0.2, **options)
    steps = range(14)
    np.testing.assert_array_equal([ours(step) for step in steps], [theirs(step) for step in steps])
    reference = lesson_13.WarmupCosine(0.2, 4, 11)
    np.testing.assert_allclose(
        [ours(step) for step in steps], [reference.rate(step) for step in steps], atol=1e-7
    )


# ---------------------------------------------------------------- what the lesson builds besides


@pytest.mark.parametrize("q", [0.3, 0.7, 1.0])
def test_the_robust_loss_is_its_formula(lesson, q):
    logits = RNG.normal(size=(20, 10)).astype("float32")
    labels = RNG.integers(0, 10, 20)
    p = tf.nn.softmax(logits).numpy()[np.arange(20), labels]
    loss = lesson["RobustLoss"](q)
    np.testing.assert_allclose(loss(labels, logits), np.mean((1 - p**q) / q), rtol=1e-5)
    np.testing.assert_allclose(loss(labels[:, None], logits), loss(labels, logits))
    again = lesson["RobustLoss"].from_config(lesson["RobustLoss"](q).get_config())
    assert again.q == q


def test_the_worst_class_is_counted_over_batches(lesson):
    labels = RNG.integers(0, 8, 200)  # two classes never come
    scores = RNG.normal(size=(200, 10)) + 2 * np.eye(10)[labels]
    metric = lesson["WorstClass"]()
    for part in np.array_split(np.arange(200), 7):
        metric.update_state(labels[part], scores[part].astype("float32"))
    right = scores.argmax(axis=1) == labels
    worst = min(right[labels == digit].mean() for digit in range(8))
    assert float(metric.result()) == pytest.approx(worst, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 1.0


def test_the_diary_has_every_hook_that_fit_calls_here(lesson):
    diary = lesson["Diary"]
    for hook in ("train", "epoch", "train_batch", "test"):
        for end in ("begin", "end"):
            name = f"on_{hook}_{end}"
            assert getattr(diary, name) is not getattr(keras.callbacks.Callback, name)


def test_every_callback_of_the_curriculum_is_used():
    path = find_lesson("13")
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    code = "\n".join(cell.source for cell in cells)
    for name in (
        "CSVLogger",
        "EarlyStopping",
        "LearningRateScheduler",
        "ReduceLROnPlateau",
        "ModelCheckpoint",
        "BackupAndRestore",
        "TensorBoard",
        "TerminateOnNaN",
    ):
        assert f"callbacks.{name}(" in code, name


def test_the_lesson_does_not_need_tensorboard():
    """The stored output of the cell is that of this environment; the cell runs in both."""
    path = find_lesson("13")
    cells = nbformat.read(path, as_version=4).cells
    (cell,) = [
        cell
        for cell in cells
        if cell.cell_type == "code" and "callbacks.TensorBoard" in cell.source
    ]
    assert cell.metadata.tags == ["nbval-ignore-output"] and "find_spec" in cell.source
    before_the_assert, line = cell.source.rsplit("\n", 1)
    assert line.startswith("assert wrote == ") and "assert" not in before_the_assert
    assert importlib.util.find_spec("keras")


def test_each_claim_about_training_can_fail():
    for name, holds in seeds.CLAIMS.items():
        assert not holds(collections.defaultdict(lambda: math.nan)), name


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_13.EXERCISES}


def verdict_of(number, answer):
    return judge(EXERCISES[number], answer)


def test_a_split_that_changes_the_callers_images_is_refused():
    def in_place(images, labels, rng):
        images -= images.mean()
        return lesson_13.prepare(images, labels, rng)

    assert "belong to the caller" in verdict_of("13.1", in_place).message


def test_parted_labels_are_refused():
    def parted(images, labels, rng):
        train, train_labels, held, held_labels = lesson_13.prepare(images, labels, rng)
        return train, rng.permutation(train_labels), held, held_labels

    assert "do not belong together" in verdict_of("13.1", parted).message
