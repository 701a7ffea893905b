"""The conditions of a run: variables, workers, the choice of a lesson, groups of tests."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import conftest
from tools import conditions
from tools.find_lesson import find_lesson


def test_the_number_of_workers():
    assert conditions.count_workers(gpu=False, cores=1) == 1
    assert conditions.count_workers(gpu=False, cores=2) == 2
    assert conditions.count_workers(gpu=False, cores=64) == 4
    assert conditions.count_workers(gpu=True, cores=64) == 2
    assert 1 <= conditions.count_workers() <= 4


def test_a_variable_that_is_set_keeps_its_value(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.delenv("KERAS_HOME")
    found = conditions.environment()
    assert found["PYTHONHASHSEED"] == "7"
    assert found["KERAS_HOME"] == str(conditions.ROOT / ".pytest_cache" / "home" / "keras_home")


def test_this_very_run_has_the_conditions():
    assert os.environ.items() >= conditions.environment().items()


def test_all_there_is_or_one_lesson_is_run():
    assert "--nbval" in conditions.comparison_options(2)
    assert "--nbval-lax" in conditions.comparison_options(2, lax=True)
    assert conditions.what_to_run() == ["tests", "course_utils", "notebooks"]
    notebook = find_lesson("00")
    assert conditions.what_to_run(notebook) == [
        *("--lesson", "00", "tests", "course_utils"),
        "notebooks/00_start_here.ipynb",
    ]


def item(nodeid: str, *parameters: object) -> SimpleNamespace:
    """Return what pytest calls an item, as far as the choice and the order of tests look at it."""
    if not parameters:
        return SimpleNamespace(nodeid=nodeid)
    name = "-".join(map(str, parameters))
    callspec = SimpleNamespace(id=name, params=dict(enumerate(parameters)))
    return SimpleNamespace(nodeid=f"{nodeid}[{name}]", callspec=callspec)


class Hostile:
    """Raises whatever it is asked, as some of the answers do that exercises are tested with."""

    def __getattribute__(self, name):
        raise RuntimeError("poison")

    def __str__(self):
        return "hostile"


@pytest.mark.parametrize(
    "item",
    [
        item("notebooks/05_gradient_tape.ipynb::Cell 3"),
        item("tests/test_lesson_05.py::test_it"),
        item("tests/test_lesson_05.py::test_it", 13),
        item("course_utils/exercises/lesson_05.py::course_utils.exercises.lesson_05"),
        item("tests/test_exercises.py::test_a_stub", "05.1"),
        item("tests/test_exercises.py::test_junk", None, "05.12"),
        item("tests/test_exercises.py::test_junk", "05.3", None),
        item("tests/test_exercises.py::test_a_module", "05"),
        item("tests/test_notebooks.py::test_a_rule", "has_a_title", "05_gradient_tape"),
    ],
    ids=lambda item: item.nodeid,
)
def test_what_carries_the_number_belongs_to_a_lesson(item):
    assert conftest.belongs_to_lesson(item, "05")
    assert not conftest.belongs_to_lesson(item, "50")


@pytest.mark.parametrize(
    "item",
    [
        item("tests/test_convolution.py::test_bad_input_is_named", 10),
        item("tests/test_plots.py::test_seconds", 0.0123, "10.3 ms"),
        item("tests/test_manage.py::test_a_port", "8010"),
        item("tests/test_plots.py::test_a_bound", 0.1, 1e-10),
        item("tests/test_headlines.py::test_bad_arguments", 10.0),
        item("tests/test_tape.py::test_an_array", np.array(["10", "11"])),
        item("tests/test_judging.py::test_junk", Hostile()),
        item("tests/test_find_lesson.py::test_10_is_a_number"),
        item("tests/test_lesson_15.py::test_it", 10),
        item("notebooks/15_training_loops.ipynb::Cell 10"),
        item("tests/test_exercises.py::test_a_stub", "15.10"),
    ],
    ids=lambda item: item.nodeid,
)
def test_a_number_that_only_looks_alike_does_not(item):
    assert not conftest.belongs_to_lesson(item, "10")


def test_every_test_that_was_collected_can_be_asked(request):
    asked = {conftest.belongs_to_lesson(item, "00") for item in request.session.items}
    assert asked <= {True, False}


def test_pytest_runs_one_lesson():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    command += ["--lesson", "0", "tests/test_find_lesson.py", "tests/test_notebooks.py"]
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        command, cwd=conditions.ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    assert tests and all("00_start_here" in name for name in tests)


@pytest.mark.parametrize(
    ("file", "ignored"),
    [
        ("tests/test_lesson_15.py", True),
        ("notebooks/15_training_loops.ipynb", True),
        ("tests/test_lesson_05.py", None),
        ("tests/test_exercises.py", None),
        ("tests/test_plots_2005.py", None),
    ],
)
def test_the_files_of_other_lessons_are_not_even_read(file, ignored):
    config = SimpleNamespace(_course_lesson="05")
    assert conftest.pytest_ignore_collect(Path(file), config) is ignored
    assert conftest.pytest_ignore_collect(Path(file), SimpleNamespace(_course_lesson=None)) is None


def test_a_lesson_that_is_not_there_is_named():
    with pytest.raises(pytest.UsageError, match=r"no lesson '99'\. There are: 00, 01"):
        conftest.lesson_number("99")


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("notebooks/05_gradient_tape.ipynb::Cell 3", "notebooks/05_gradient_tape.ipynb"),
        ("tests/test_exercises.py::test_a_stub[05.1]", "tests/test_exercises.py 05"),
        ("tests/test_exercises.py::test_junk[none-05.12]", "tests/test_exercises.py 05"),
        ("tests/test_exercises.py::test_right[05.1-2-other]", "tests/test_exercises.py 05"),
        ("tests/test_exercises.py::test_a_module[05]", "tests/test_exercises.py"),
        ("tests/test_plots.py::test_a_bound[05.1]", "tests/test_plots.py"),
    ],
)
def test_a_group_is_a_file_or_the_exercises_of_a_lesson(nodeid, group):
    assert conftest.group_of(nodeid) == group


def test_the_longest_groups_start_first_and_unknown_notebooks_count_as_long():
    names = [
        "tests/test_a.py::test_one",
        "tests/test_exercises.py::test_two[03.1]",
        "tests/test_exercises.py::test_two[05.1]",
        "notebooks/02_new.ipynb::Cell 0",
        "tests/test_exercises.py::test_three[03.1]",
        "notebooks/02_new.ipynb::Cell 1",
        "tests/test_exercises.py::test_three[05.1]",
        "tests/test_a.py::test_three",
    ]
    items = [item(name) for name in names]
    seconds = {"tests/test_exercises.py 05": 90.0}
    config = SimpleNamespace(_course_seconds=seconds, _course_lesson=None)
    conftest.pytest_collection_modifyitems(config, items)
    assert [item.nodeid for item in items] == [names[at] for at in (2, 6, 3, 5, 0, 7, 1, 4)]


def test_two_workers_share_the_exercises_by_lesson():
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", "hint"]
    command += [*conditions.comparison_options(workers=2), "tests/test_exercises.py"]
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        command, cwd=conditions.ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"\[(gw\d)\].* PASSED \S+\[(\d\d)\.\d+\]", done.stdout)
    workers = {lesson: {worker for worker, other in ran if other == lesson} for _, lesson in ran}
    assert len(workers) > 2 and all(len(found) == 1 for found in workers.values())
    assert len({worker for worker, _ in ran}) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_tests_run_in_the_background_with_interrupts_ignored_and_input_closed():
    tests = ["tests/test_sandbox.py", "tests/test_expect.py", "-k", "interrupting or lent"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    shell = ["sh", "-c", 'trap "" INT; exec "$@" <&-', "sh", *command]
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        shell, cwd=conditions.ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
