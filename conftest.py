"""What every pytest run of this project shares: variables, the choice of a lesson, groups.

pytest reads this file in the main process and in each of its workers, before any test module or
any notebook kernel starts, so `make test`, `make refresh` and a plain
`pytest --nbval notebooks/03*.ipynb` run notebooks under the same conditions.
"""

import io
import os
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tools.conditions import environment
from tools.find_lesson import find_lesson
from tools.settings import Problem

SECONDS = "course/seconds"
EXERCISES = "tests/test_exercises.py"


def _file(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


def group_of(nodeid: str) -> str:
    """Return the name of the group to which a test belongs, which runs in one worker, in order.

    A file is a group, such as the cells of a notebook; of the tests of all exercises, those of a
    lesson are one.
    """
    file = _file(nodeid)
    lesson = re.search(r"[\[-](\d\d)\.\d+[\]-]", nodeid) if file == EXERCISES else None
    return f"{file} {lesson[1]}" if lesson else file


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses a lesson."""
    parser.addoption("--lesson", metavar="NN", help="run only what belongs to this lesson")


def pytest_configure(config: pytest.Config) -> None:
    """Set the variables, find the rules for outputs from any folder, the lesson, and the times.

    A standard input that was closed becomes an empty one.

    A worker has the variables of the main process, which also tells it how long each group took
    last time.
    """
    os.environ.update(environment())
    if sys.__stdin__ is None:  # closed; what imports IPython, as Keras does, asks how it is encoded
        sys.__stdin__ = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    config._course_lesson = lesson_number(config.getoption("--lesson"))
    rules = config.option.nbval_sanitize_with
    config.option.nbval_sanitize_with = str(config.rootpath / rules)
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        config._course_seconds = workerinput["course_seconds"]
        return
    cache = getattr(config, "cache", None)  # None under "-p no:cacheprovider"
    config._course_seconds = cache.get(SECONDS, {}) if cache else {}
    if cache:
        config.pluginmanager.register(_Stopwatch(config), "course-stopwatch")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Hand the main process's table to a worker: all workers must agree on one order."""
    node.workerinput["course_seconds"] = node.config._course_seconds


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Give a worker a group at a time where ``--dist loadfile`` would give it a file."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    scheduler = LoadFileScheduling(config, log)
    scheduler._split_scope = group_of  # what a scheduler of xdist is told its groups by
    return scheduler


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what belongs to the chosen lesson; start the longest groups first.

    So parallel workers end together. A group that was never timed counts as long when it is a
    notebook and as short otherwise.
    """
    if config._course_lesson is not None:
        chosen, others = [], []
        for item in items:
            (chosen if belongs_to_lesson(item, config._course_lesson) else others).append(item)
        config.hook.pytest_deselected(items=others)
        items[:] = chosen
    seconds = config._course_seconds

    def longest_first(item: pytest.Item) -> tuple[float, str]:
        group = group_of(item.nodeid)
        return -seconds.get(group, 60.0 if group.endswith(".ipynb") else 5.0), group

    items.sort(key=longest_first)


def lesson_number(which: str | None) -> str | None:
    """Return the two digits of a lesson that is named by number or name, None for None.

    Raises:
        pytest.UsageError: there is no such lesson.
    """
    if which is None:
        return None
    try:
        return find_lesson(which).stem[:2]
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from problem


def numbers_in_name(path: Path) -> list[str]:
    """Return the lessons' numbers in a file's name: 05 in ``test_lesson_05.py``."""
    return re.findall(r"(?:(?<=_)|^)\d\d(?=_|$)", path.stem)


def belongs_to_lesson(item: pytest.Item, number: str) -> bool:
    """Return whether a test carries a lesson's number in its file's name or in its parameters.

    Such as ``05_gradient_tape.ipynb``, ``test_lesson_05.py``, and the parameters ``"05"``,
    ``05.1`` and ``05_gradient_tape``, among others or alone.
    """
    if number in numbers_in_name(Path(_file(item.nodeid))):
        return True
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return False
    in_id = rf"(?:^|-){number}(?:\.[1-9]\d*|_[a-z]\w*)(?:-|$)"
    named = any(type(value) is str and value == number for value in callspec.params.values())
    return named or bool(re.search(in_id, callspec.id))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the files of other lessons unread where one lesson is chosen."""
    numbers = numbers_in_name(collection_path)
    if config._course_lesson is None or not numbers:
        return None
    return config._course_lesson not in numbers or None


class _Stopwatch:
    """Adds up the seconds of each group and keeps them in pytest's cache."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[group_of(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        if self.seconds:
            kept = self.config._course_seconds
            rounded = {name: round(value, 1) for name, value in self.seconds.items()}
            self.config.cache.set(SECONDS, {**kept, **rounded})
