"""What lesson 14 builds is what ``callbacks`` offers, and its exercises judge what they say."""

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_14
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow
from course_utils.training import callbacks
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_parts
from tools.structure import further_at

tf = import_tensorflow()
import keras  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("14", only=("Progress", "warmup_cosine", "note", "Diary"))


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
    reference = lesson_14.WarmupCosine(0.2, 4, 11)
    np.testing.assert_allclose(
        [ours(step) for step in steps], [reference.rate(step) for step in steps], atol=1e-7
    )


# ---------------------------------------------------------------- what the lesson shows


def test_the_diary_has_every_hook_that_fit_calls_here(lesson):
    diary = lesson["Diary"]
    for name in (
        "on_train_begin",
        "on_train_end",
        "on_epoch_begin",
        "on_epoch_end",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_end",
    ):
        assert getattr(diary, name) is not getattr(keras.callbacks.Callback, name)


def test_every_callback_of_the_curriculum_is_used_in_the_core():
    notebook = nbformat.read(find_lesson("14"), as_version=4)
    core = notebook.cells[: further_at(notebook)]
    code = "\n".join(cell.source for cell in core if cell.cell_type == "code")
    for name in (
        "CSVLogger",
        "EarlyStopping",
        "LearningRateScheduler",
        "ReduceLROnPlateau",
        "ModelCheckpoint",
        "BackupAndRestore",
    ):
        assert f"callbacks.{name}(" in code, name


# ---------------------------------------------------------------- exercises


def test_the_best_of_three_runs_stays_in_the_file(tmp_path):
    path = tmp_path / "best.keras"
    kept = [lesson_14.stored_weight(lesson_14.keep_best, path, w) for w in (2.0, 1.0, 1.5, 0.5)]
    assert kept == [2.0, 1.0, 1.0, 0.5]


def test_a_callback_that_keeps_its_best_between_runs_by_itself_is_not_enough(tmp_path):
    """One object for all runs remembers, but a program that starts again has a new one."""
    kept = {}

    def one_for_all(path, images, labels):
        if path not in kept:
            kept[path] = keras.callbacks.ModelCheckpoint(path, save_best_only=True)
        return kept[path]

    path = tmp_path / "best.keras"
    assert lesson_14.stored_weight(one_for_all, path, 2.0) == 2.0
    kept.clear()
    assert lesson_14.stored_weight(one_for_all, path, 3.0) == 3.0
    assert judge(lesson_14.keep, lesson_14.keep_best_of_this_run).status == "Not yet."
