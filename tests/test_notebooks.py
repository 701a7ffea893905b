"""Every lesson keeps the rules of notebook_rules.py, and everything generated is up to date."""

from pathlib import Path

import notebook_rules as rules
import pytest

from course_utils.lessons import lessons
from tools import names
from tools import notebooks as tool

PATHS = tool.notebook_paths()
NOTEBOOKS = {path.stem: tool.read_notebook(path) for path in PATHS}

every_lesson = pytest.mark.parametrize("name", list(NOTEBOOKS))


def expect_none(problems: list[str]) -> None:
    """Fail with one problem a line."""
    assert not problems, "\n" + "\n".join(problems)


def test_the_course_begins_with_lesson_00_and_gives_each_number_once():
    numbers = [path.name[:2] for path in PATHS]
    assert numbers[:1] == ["00"], "there is no lesson 00 in notebooks/"
    assert len(set(numbers)) == len(numbers)


def test_every_notebook_is_a_lesson():
    others = set((tool.ROOT / "notebooks").glob("*.ipynb")) - set(PATHS)
    assert not others, "notebooks without a number are neither rendered nor compared"


@every_lesson
@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule(name, rule):
    expect_none(rule(NOTEBOOKS[name]))


@every_lesson
def test_size_is_bounded(name):
    expect_none(rules.size_bounded((tool.ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8")))


@every_lesson
def test_links_are_alive(name):
    file = tool.ROOT / "notebooks" / f"{name}.ipynb"
    expect_none(rules.links_alive(NOTEBOOKS[name], file))


PAGES = ("notebooks/INDEX.md", "notebooks/ERRORS.md")


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "data/README.md", *PAGES])
def test_links_of_pages_are_alive(file):
    path = tool.ROOT / file
    expect_none(rules.dead_links(path.read_text("utf-8"), path))


@every_lesson
def test_exercises_are_those_of_the_code(name):
    number = name[:2]
    expect_none(rules.exercises_in_place(NOTEBOOKS[name], tool.load_exercises(number), number))


SOLUTIONS = {name: tool.exercise_solutions(tool.load_exercises(name[:2])) for name in NOTEBOOKS}


@every_lesson
def test_names_are_introduced_before_they_are_used(name):
    earlier = {
        introduced
        for other in list(NOTEBOOKS)[: list(NOTEBOOKS).index(name)]
        for introduced in names.introduced_in_core(NOTEBOOKS[other], SOLUTIONS[other])
    }
    expect_none(rules.names_in_order(NOTEBOOKS[name], earlier, SOLUTIONS[name]))


def sitting_problems(name: str) -> list[str]:
    """Return what keeps a lesson from being one sitting."""
    number = name[:2]
    exercises = tool.load_exercises(number)
    return [
        problem for rule in rules.SITTING for problem in rule(NOTEBOOKS[name], exercises, number)
    ]


@every_lesson
def test_a_lesson_is_one_sitting(name):
    expect_none(sitting_problems(name))


def test_everything_generated_is_up_to_date():
    stale = [
        path.relative_to(tool.ROOT).as_posix()
        for path, text in tool.generated_files().items()
        if not path.exists() or path.read_bytes().decode("utf-8") != text
    ]
    assert not stale, "run `make refresh`"


def test_the_map_holds_every_lesson():
    assert [lesson.file for lesson in lessons()] == [path.name for path in PATHS]


@every_lesson
def test_line_ends_and_last_line(name):
    data = Path(tool.ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"}\n")
