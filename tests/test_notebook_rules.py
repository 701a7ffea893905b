"""Each rule passes a good notebook and finds what is wrong with a bad one."""

import copy
from types import SimpleNamespace

import nbformat
import notebook_rules as rules
import pytest

from course_utils import lessons as course_map
from tools import index, names, structure
from tools import notebooks as tool


def markdown(cell_id, source):
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def code(cell_id, source, count, printed=""):
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "execution_count": count,
        "outputs": outputs,
    }


SETUP = """\
# @title Just run: set up this lesson
start_lesson(seed=3)

import keras
import tensorflow as tf
from keras import layers"""


def fold(cell):
    cell["metadata"] = nbformat.from_dict(structure.cell_metadata(["folded"]))


EXERCISES = [
    SimpleNamespace(
        id=f"03.{number}", title="Twice", minutes=5, statement="Twice.", stub="", answer="x"
    )
    for number in (1, 2, 3)
]


@pytest.fixture
def notebook():
    """A small notebook that keeps every rule."""
    cells = [
        markdown("header", "# 03 Title\n\n5 minutes"),
        code("setup", SETUP, 1),
        markdown("prose", "## Adding\n\nYou add with `tf.add`, never `a!` or $3!$."),
        code("adds", "total = tf.add(1, 2)\nprint(total)", 2, "3\n"),
        markdown("more", "And `keras.layers.Dense(3)` is a layer."),
        code("layer", "assert layers.Dense(3)", 3),
    ]
    fold(cells[1])
    cells[-1]["metadata"]["tags"] = ["nbval-ignore-output"]
    for count, exercise in enumerate(EXERCISES, start=4):
        statement, attempt = tool.exercise_cell_ids(exercise)
        cells.append(markdown(statement, tool.exercise_source(exercise)))
        cells.append(code(attempt, "x", count, f"{exercise.id}  Not attempted. Do it.\n"))
    course = {
        "title": "Title",
        "question": "Why?",
        "needs": [],
        "introduces": ["tf.add", "keras.layers.Dense"],
        "executed": "",
    }
    made = nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": tool.KERNELSPEC,
                "language_info": {"name": "python"},
                "course": course,
            },
            "cells": cells,
        }
    )
    made.metadata.course.executed = tool.digest(made)
    return made


def cell(notebook, cell_id):
    return next(cell for cell in notebook.cells if cell.id == cell_id)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(notebook, rule):
    assert rule(notebook) == []


def error(name="ValueError"):
    return nbformat.from_dict(
        {"output_type": "error", "ename": name, "evalue": "no", "traceback": ["at line 1"]}
    )


def with_source(cell_id, source):
    def breaks(notebook):
        cell(notebook, cell_id).source = source

    return breaks


def with_output(text):
    def breaks(notebook):
        cell(notebook, "adds").outputs[0].text = text

    return breaks


def with_html(text):
    def breaks(notebook):
        output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": text}}
        cell(notebook, "adds").outputs = [nbformat.from_dict(output)]

    return breaks


def with_tag(cell_id, tag):
    def breaks(notebook):
        cell(notebook, cell_id).metadata.tags = [tag]

    return breaks


def set_key(path, value):
    def breaks(notebook):
        *keys, last = path
        place = notebook
        for key in keys:
            place = cell(place, key) if key in [c.id for c in notebook.cells] else place[key]
        place[last] = value

    return breaks


def drop_cell(cell_id):
    def breaks(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id != cell_id]

    return breaks


BAD = [
    (rules.executed_in_order, set_key(["adds", "execution_count"], None), "None, not 2"),
    (rules.executed_in_order, set_key(["adds", "execution_count"], 3), "3, not 2"),
    (rules.executed_in_order, drop_cell("adds"), "3, not 2"),
    (rules.outputs_up_to_date, with_source("adds", "total = 3"), "make refresh"),
    (rules.outputs_up_to_date, set_key(["metadata", "course", "executed"], ""), "make refresh"),
    (rules.no_error_output, set_key(["adds", "outputs"], [error()]), "ValueError"),
    (rules.prints_are_stored, set_key(["adds", "outputs"], []), "stores no output"),
    (rules.comparison_is_not_evaded, with_source("layer", "1"), "ignores its output and asserts"),
    (rules.comparison_is_not_evaded, with_tag("adds", "nbval-ignore-output"), "20 %"),
    (rules.comparison_is_not_evaded, with_tag("adds", "nbval-skip"), "the tag nbval-skip"),
    (rules.comparison_is_not_evaded, with_tag("adds", "nbval-raises-exception"), "the tag nbval-r"),
    (
        rules.comparison_is_not_evaded,
        with_source("adds", "# NBVAL_IGNORE_OUTPUT\n1"),
        "give it the tag nbval-ignore-output",
    ),
    (rules.comparison_is_not_evaded, with_source("adds", "1 #NBVAL_SKIP"), "the tag nbval-skip"),
    (rules.numbers_behind_the_sign, with_output("≈ 3, then ≈ nan"), "(about) N, then ≈ nan"),
    (rules.nothing_of_this_machine, with_source("adds", "open('/home/ann/a')"), "/home/ann"),
    (rules.nothing_of_this_machine, with_source("prose", "See /tmp/abc/d."), "/tmp/abc"),
    (rules.nothing_of_this_machine, with_output("/Users/ann/a.py:3"), "/Users/ann"),
    (rules.nothing_of_this_machine, with_output("C:\\Users\\ann"), "C:\\Users"),
    (rules.nothing_of_this_machine, with_html("<a href='/root/x'>"), "/root/x"),
    (rules.nothing_of_this_machine, with_output("<A at 0x7f12ab34cd56>"), "0x7f12ab34cd56"),
    (rules.metadata_as_agreed, set_key(["metadata", "authors"], []), "authors"),
    (rules.metadata_as_agreed, set_key(["metadata", "kernelspec", "name"], "x"), "kernelspec"),
    (rules.metadata_as_agreed, set_key(["metadata", "language_info", "v"], 1), "language_info"),
    (rules.metadata_as_agreed, set_key(["metadata", "course", "by"], "Ann"), "'by'"),
    (rules.metadata_as_agreed, set_key(["nbformat_minor"], 4), "4.4"),
    (rules.metadata_as_agreed, set_key(["adds", "metadata", "trusted"], True), "do not follow"),
    (rules.metadata_as_agreed, set_key(["setup", "metadata", "cellView"], "code"), "do not follow"),
    (rules.metadata_as_agreed, set_key(["setup", "metadata", "tags"], []), "do not follow"),
    (rules.images_have_alt_text, with_source("prose", "![](a.png)"), "no alt text"),
    (rules.images_have_alt_text, with_source("prose", "<img src='a.png'>"), "no alt text"),
    (
        rules.images_have_alt_text,
        with_source("prose", "![A cat](https://a.b/c.png)"),
        "not in the repository",
    ),
    (rules.headings_in_order, with_source("prose", "# Two"), "exactly one H1"),
    (rules.headings_in_order, with_source("header", "## Two"), "exactly one H1"),
    (rules.headings_in_order, with_source("prose", "### Three"), "level 3 below level 1"),
    (rules.prose_as_agreed, with_source("prose", "Well done!"), "exclamation"),
    (rules.prose_as_agreed, with_source("prose", "Look: ![A cat!](a.png)"), "exclamation"),
    (rules.prose_as_agreed, with_source("prose", "You Simply add."), "Simply"),
    (rules.prose_as_agreed, with_source("prose", "It adds, as you can see."), "as you can see"),
    (rules.prose_as_agreed, with_source("prose", "Fine \U0001f389"), "\U0001f389"),
    (rules.code_is_led_by_prose, drop_cell("prose"), "'adds'"),
    (rules.code_fits_a_screen, with_source("adds", "1\n" * 41), "41 lines"),
    (rules.code_fits_a_screen, with_source("adds", "a" * 101), "100 characters"),
    (rules.code_fits_a_screen, with_source("adds", ""), "empty"),
    (rules.folded_cells_are_marked, with_source("setup", "import keras"), "does not begin"),
    (rules.folded_cells_are_marked, with_source("setup", "# @title Just run: \n1"), "not begin"),
    (rules.folded_cells_are_marked, with_tag("prose", "folded"), "'prose' is folded, but"),
    (
        rules.folded_cells_are_marked,
        with_source("adds", "# @title Just run: a\n1"),
        "the tag 'folded'",
    ),
    (rules.folded_cells_hold_no_subject, with_tag("adds", "folded"), "uses tf.add, which is"),
    (
        rules.folded_cells_hold_no_subject,
        with_source("setup", f"{SETUP}\nclass TrainingLoop: ..."),
        "builds TrainingLoop",
    ),
    (rules.exercises_not_attempted, set_key(["attempt-03-1", "outputs"], []), "attempt-03-1"),
    (
        rules.exercises_not_attempted,
        lambda notebook: cell(notebook, "attempt-03-2").outputs[0].update(text="03.2  Correct."),
        "attempt-03-2",
    ),
]


@pytest.mark.parametrize(
    ("rule", "breaks", "says"), BAD, ids=[f"{rule.__name__}-{says}" for rule, _, says in BAD]
)
def test_a_bad_notebook_is_found(notebook, rule, breaks, says):
    breaks(notebook)
    assert says in "\n".join(rule(notebook))


def test_every_simple_rule_has_a_bad_example():
    assert {rule for rule, _, _ in BAD} == set(rules.RULES)


def test_what_is_not_against_a_rule(notebook):
    cell(notebook, "adds").outputs = [error()]
    cell(notebook, "adds").metadata.tags = ["raises-exception"]
    cell(notebook, "adds").source = "print(1 != 2)\n%timeit -n 3 1"
    cell(notebook, "prose").source = (
        "## A\n\n`a!`, $n!$, [a](b!.md) and\n\n```\n# no heading!\n```\n\n"
        "https://example.com/home/page"
    )
    notebook.metadata.course.executed = tool.digest(notebook)
    for rule in rules.RULES:
        assert rule(notebook) == [], rule.__name__


def test_size():
    assert rules.size_bounded("é" * 800_000)
    assert rules.size_bounded("a" * 800_000) == []


# --- one sitting ---------------------------------------------------------------------------


MINUTES = tool.exercise_minutes(EXERCISES)


FURTHER = "## Further\n\n### Adding more\n\nYou need this when you add.\n\n"


def words(count):
    return " ".join(["word"] * count)


@pytest.fixture
def lesson(notebook):
    """A lesson that is one sitting: two exercises in the core, one in Further."""
    *core, statement, attempt = notebook.cells
    core.insert(-4, markdown("early", words(110)))
    core.append(markdown("end", "## What you can do now\n\nYou add."))
    core.append(markdown("sources", "## Where this comes from\n\nNowhere."))
    further = markdown("further", FURTHER)
    more = code("adds-more", "assert 1\n\nassert 2", 7)
    notebook.cells = [*map(nbformat.from_dict, [*core, further, more]), statement, attempt]
    notebook.cells.append(nbformat.from_dict(markdown("footer", "---\n\n" + words(2000))))
    return notebook


def problems(notebook, rule, number="03"):
    return "\n".join(rule(notebook, EXERCISES, number))


@pytest.mark.parametrize("rule", rules.SITTING, ids=lambda rule: rule.__name__)
def test_a_lesson_of_one_sitting_passes(lesson, rule):
    assert problems(lesson, rule) == ""


def drop_exercises(notebook):
    for number in (1, 2, 3):
        drop_cell(f"exercise-03-{number}")(notebook)


def move_exercise(number, to):
    def breaks(notebook):
        at = [cell.id for cell in notebook.cells].index(f"exercise-03-{number}")
        pair = notebook.cells[at : at + 2]
        del notebook.cells[at : at + 2]
        at = [cell.id for cell in notebook.cells].index(to)
        notebook.cells[at:at] = pair

    return breaks


LONG = [
    (rules.core_is_one_sitting, with_source("early", words(110 * 35)), "minutes, at most 45"),
    (rules.core_is_one_sitting, with_source("adds", "1\n" * 12 * 34), "minutes, at most 45"),
    (rules.first_exercise_comes_early, with_source("early", words(1300)), "at minute 12."),
    (rules.first_exercise_comes_early, drop_exercises, "no exercise"),
    (rules.core_has_two_or_three_exercises, move_exercise(2, "footer"), "has 1 exercises"),
    (rules.core_has_two_or_three_exercises, drop_exercises, "has 0 exercises"),
    (
        rules.core_ends_as_agreed,
        drop_cell("sources"),
        "['Adding', 'What you can do now'], expected",
    ),
    (rules.core_ends_as_agreed, with_source("end", "## The end"), "['The end', 'Where this comes"),
    (
        rules.core_ends_as_agreed,
        with_source("further", "## Further\n\n## More"),
        "level 2: ['More']",
    ),
    (rules.further_is_in_sections, with_source("further", "## Further\n\nText."), "not begin with"),
    (rules.further_is_in_sections, with_source("further", FURTHER + "### B\n\nIt is."), "'B' does"),
    (rules.numbers_rather_than_verdicts, with_output("1\n" * 10 + "same: True\n"), "1 of 11"),
    (rules.no_solution_is_printed, with_source("adds", 'if 1:\n    solution("03.1")'), "'adds'"),
]


@pytest.mark.parametrize(
    ("rule", "breaks", "says"), LONG, ids=[f"{rule.__name__}-{says}" for rule, _, says in LONG]
)
def test_a_lesson_of_more_than_one_sitting_is_found(lesson, rule, breaks, says):
    breaks(lesson)
    assert says in problems(lesson, rule)


def test_every_rule_of_a_sitting_has_a_bad_example():
    assert {rule for rule, _, _ in LONG} == set(rules.SITTING)


def test_lesson_00_is_shorter_and_shows_what_a_solution_is(lesson):
    drop_cell("sources")(lesson)
    with_source("early", 'solution("00.1")')(lesson)
    for rule in rules.SITTING[1:]:
        assert problems(lesson, rule, "00") == "", rule.__name__
    assert problems(lesson, rules.core_is_one_sitting, "00") == ""
    with_source("early", words(550))(lesson)
    assert "at most 15" in problems(lesson, rules.core_is_one_sitting, "00")


def test_one_verdict_in_twelve_lines_is_allowed(lesson):
    with_output("1\n" * 11 + "same: True\n")(lesson)
    assert problems(lesson, rules.numbers_rather_than_verdicts) == ""
    with_output("ValueError\n" + "│ 1\n" * 20 + "same: True\n")(lesson)
    assert "1 of 2" in problems(lesson, rules.numbers_rather_than_verdicts)


def minutes_of(*cells, exercises=MINUTES):
    return structure.sitting(nbformat.from_dict({"cells": list(cells)}), exercises)


@pytest.mark.parametrize(
    ("made", "minutes"),
    [
        (markdown("a", words(110)), 1),
        (markdown("a", words(111)), 2),
        (markdown("header", words(1000)), 0),
        (markdown("footer", words(1000)), 0),
        (markdown("exercise-03-1", words(1000)), 5),
        (markdown("exercise-03-9", words(1000)), 0),
        (code("attempt-03-1", "1\n" * 100, 1), 0),
        (code("setup", "1\n" * 100, 1), 0),
        (code("a", "1\n\n \n" * 12, 1), 1),
        (code("a", "# a comment\n" * 13, 1), 2),
        (markdown("a", words(55) + "\n\n```python\n" + "1 + 2\n\n" * 6 + "```"), 1),
        (markdown("a", "- | – ## <!-- " + words(110) + " -->"), 0),
        (markdown("a", "[a](" + "b c " * 200 + ")"), 1),
    ],
)
def test_minutes(made, minutes):
    assert minutes_of(made) == (minutes, 0)
    assert minutes_of(markdown("further", "## Further"), made)[1] in (minutes, minutes + 1)
    fold(made)
    folded = 0 if made["cell_type"] == "code" else minutes
    assert minutes_of(made) == (folded, 0)


def test_core_and_further_are_rounded_up_each_for_itself():
    core, further = markdown("a", words(56)), markdown("b", f"## Further\n\n{words(165)}")
    assert minutes_of(core, further) == (1, 2)
    assert minutes_of(core, core, core, further) == (2, 2)


def test_minutes_are_written_into_header_map_and_readme(course, lesson):
    course.write_text(tool.notebook_text(lesson), encoding="utf-8")
    (entry,) = tool.describe_all(course.parents[1])
    assert (entry["minutes"], entry["further"]) == (2, 1)  # without the exercises
    entry = tool.describe(course, lesson, EXERCISES)
    assert (entry["minutes"], entry["further"]) == (12, 6)
    address = "https://github.com/ann/course"
    assert "12 minutes · Further: 6 minutes · [Open" in tool.header_source(entry, [entry], address)
    table = tool.readme_text("<!-- lessons --><!-- /lessons -->", [entry], address)
    row, _, *hours = table.splitlines()[3:-1]
    assert row.startswith("| **03** |") and row.endswith("| Why? | 12 | 6 |")
    assert "some 0 hours with exercises" in " ".join(hours)
    table = tool.readme_text("<!-- lessons --><!-- /lessons -->", [entry | {"road": False}], "")
    assert "| 03 |" in table
    entry |= {"further": 0}
    assert "12 minutes · [Open in Colab]" in tool.header_source(entry, [entry], address)


# --- names that stand in Further -----------------------------------------------------------


def test_a_name_of_further_is_not_known_to_later_lessons(lesson):
    assert names.introduced_in_core(lesson) == {"tf.add", "keras.layers.Dense"}
    lesson.metadata.course.introduces.append("tf.abs")
    cell(lesson, "further").source += "\n\n`tf.abs`"
    cell(lesson, "adds-more").source = "tf.abs(1)"
    assert names.introduced_in_core(lesson) == {"tf.add", "keras.layers.Dense"}
    assert rules.names_in_order(lesson, []) == []
    cell(lesson, "more").source += "\n\n`tf.abs`"
    cell(lesson, "layer").source = "layers.Dense(3)\ntf.abs"
    assert "tf.abs" in names.introduced_in_core(lesson)


def test_what_a_solution_in_the_core_uses_is_introduced_there(lesson):
    lesson.metadata.course.introduces.append("tf.abs")
    assert "tf.abs" not in names.introduced_in_core(lesson)
    assert "tf.abs" in names.introduced_in_core(lesson, {"attempt-03-1": "tf.abs(1)"})
    assert "tf.abs" not in names.introduced_in_core(lesson, {"attempt-03-3": "tf.abs(1)"})


# --- the indexes ---------------------------------------------------------------------------


def entry(file, title="Title"):
    return {"file": file, "number": file[:2], "title": title}


def test_the_index_of_names_leads_to_the_section_of_the_first_use(lesson):
    later = copy.deepcopy(lesson)
    lesson.metadata.course.introduces.append("tf.abs")
    cell(lesson, "adds-more").source = "tf.abs(1)"
    later.metadata.course.introduces = ["tf.abs"]
    cell(later, "prose").source = "## What (else) `abs` does"
    cell(later, "adds").source = "tf.abs(1)"
    lessons = [entry("03_x.ipynb"), entry("04_y.ipynb")]
    notebooks = {"03_x.ipynb": lesson, "04_y.ipynb": later}
    page = index.names_page(lessons, notebooks, {})
    assert "| `tf.add` | [03 Title, *Adding*](03_x.ipynb#Adding) |" in page
    abs_row = "| `tf.abs` | [04 Title, *What (else) `abs` does*](04_y.ipynb#What-(else)-abs-does) |"
    assert abs_row in page
    del notebooks["04_y.ipynb"]
    page = index.names_page(lessons[:1], notebooks, {})
    assert "| `tf.abs` | [03 Title, *Adding more*](03_x.ipynb#Adding-more) |" in page


SHOWN = """\
first
ValueError
│ in user code:
│
│     File "…/5.py", line 3, in f  *
│         y = x | `z`
│
│     ValueError: no `z` | here
last
KeyError
│ 'other'
"""


def test_the_index_of_errors_quotes_the_telling_line_and_leads_to_the_section(lesson):
    assert list(index.messages_shown(lesson)) == []
    with_output(SHOWN)(lesson)
    assert list(index.messages_shown(lesson)) == [], "printed by something else"
    block = 'with show_error(ValueError, "no `z`"):\n    f()\nfor phrase in "a":\n'
    with_source("adds", block + "    with show_error(KeyError, phrase):\n        g()")(lesson)
    (_, first), (_, second) = index.messages_shown(lesson)
    assert (first, second) == ("ValueError: no `z` | here", "KeyError: 'other'")
    page = index.errors_page([entry("03_x.ipynb")], {"03_x.ipynb": lesson})
    assert page.endswith(
        "- `KeyError: 'other'`  \n  [03 Title, *Adding*](03_x.ipynb#Adding)\n"
        "- ``ValueError: no `z` | here``  \n  [03 Title, *Adding*](03_x.ipynb#Adding)\n"
    )
    assert "- " not in index.errors_page([], {})


def test_what_follows_an_exercise_goes_on_with_the_section(lesson):
    cells = [cell.id for cell in lesson.cells]
    first = structure.section_above(lesson, cells.index("attempt-03-1"))
    assert first == "Exercise 03.1: Twice (5 minutes)"
    assert structure.section_above(lesson, cells.index("attempt-03-1") - 2) == "Adding"
    lesson.cells.insert(cells.index("attempt-03-1") + 1, nbformat.from_dict(code("x", "1", 1)))
    assert structure.section_above(lesson, cells.index("attempt-03-1") + 1) == "Adding"
    assert structure.section_above(lesson, 1) == ""


def test_without_a_phrase_the_line_that_wraps_nothing_is_quoted(lesson):
    with_output(SHOWN)(lesson)
    with_source("adds", "with show_error(ValueError, phrase):\n    f()")(lesson)
    assert [message for _, message in index.messages_shown(lesson)] == [
        "ValueError: y = x | `z`",
        "KeyError: 'other'",
    ]


# --- the digest ----------------------------------------------------------------------------


def test_digest_follows_what_draws_the_pictures(notebook, tmp_path):
    package = tmp_path / "course_utils"
    package.mkdir()
    (package / "plots.py").write_text("a = 1\n")
    (package / "diagrams.py").write_text("a = 1\n")
    (package / "graphs.py").write_text("from course_utils.diagrams import a\n")
    before = tool.digest(notebook, tmp_path)
    (package / "diagrams.py").write_text("a = 2\n")
    assert tool.digest(notebook, tmp_path) == before, "this notebook draws nothing"

    cell(notebook, "adds").source = "from course_utils.graphs import a"
    before = tool.digest(notebook, tmp_path)
    (package / "plots.py").write_text("a = 2\n")
    assert tool.digest(notebook, tmp_path) == before, "this notebook uses no plots"
    (package / "diagrams.py").write_text("a = 3\n")
    assert tool.digest(notebook, tmp_path) != before


def test_digest_is_that_of_the_code_alone(notebook, tmp_path):
    (tmp_path / "course_utils").mkdir()
    plots = tmp_path / "course_utils" / "plots.py"
    cell(notebook, "adds").source = "from course_utils.plots import draw"

    def digest(source):
        plots.write_text(source)
        return tool.digest(notebook, tmp_path)

    before = digest('"""Draw."""\n\n\ndef draw(a="#1"):\n    """One."""\n    return "x"\n')
    assert before == digest(
        'def draw(a="#1"):\n    # in\n    """Two.\n\n    More."""\n    return "x"'
    )
    assert before != digest('def draw(a="#2"):\n    return "x"\n')
    assert before != digest('def draw(a="#1"):\n    return "y"\n')
    assert before != digest('def draw(a="#1"):\n        return "x"\n')


def test_digest_keeps_cells_apart(notebook):
    other = copy.deepcopy(notebook)
    cell(other, "setup").source += "\ntotal = 1"
    cell(other, "adds").source = cell(other, "adds").source.removeprefix("total = ")
    assert tool.digest(other) != tool.digest(notebook)


# --- links ---------------------------------------------------------------------------------


@pytest.fixture
def small_repository(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "a"\n[project.urls]\nRepository = "https://github.com/ann/course"\n'
    )
    (tmp_path / "README.md").write_text("# The course, `make lab`\n")
    (tmp_path / "notebooks" / "INDEX.md").write_text("# Names\n")
    return tmp_path


@pytest.mark.parametrize(
    "link",
    [
        "[a](INDEX.md)",
        "[a](INDEX.md#names)",
        "[a](../README.md#the-course-make-lab)",
        "[a](#Adding)",
        "[a](https://example.com/x)",
        "[a](https://github.com/ann/course/blob/main/README.md)",
        f"[a]({tool.COLAB}/github/ann/course/blob/main/notebooks/03_x.ipynb)",
        "`[a](gone.md)`",
    ],
)
def test_good_links(notebook, small_repository, link):
    file = small_repository / "notebooks" / "03_x.ipynb"
    cell(notebook, "header").source = "# 03 Title"
    cell(notebook, "more").source = link
    file.write_text(tool.notebook_text(notebook))
    assert rules.links_alive(notebook, file, small_repository) == []


@pytest.mark.parametrize(
    "link",
    [
        "[a](gone.md)",
        "[a](INDEX.md#gone)",
        "[a](#adding)",
        "[![a](gone.png)](INDEX.md)",
        "<img src='gone.png' alt='a'>",
        "[a][b]\n\n[b]: gone.md",
        "[a](../../outside.md)",
        "[a](https://github.com/ann/course/blob/main/gone.md)",
        f"[a]({tool.COLAB}/github/ann/course/blob/main/notebooks/04_gone.ipynb)",
    ],
)
def test_dead_links(notebook, small_repository, link):
    file = small_repository / "notebooks" / "03_x.ipynb"
    (small_repository.parent / "outside.md").touch()
    cell(notebook, "header").source = "# 03 Title"
    cell(notebook, "more").source = link
    file.write_text(tool.notebook_text(notebook))
    assert len(rules.links_alive(notebook, file, small_repository)) == 1


# --- exercises -----------------------------------------------------------------------------


def test_exercises_in_place(notebook):
    assert rules.exercises_in_place(notebook, EXERCISES, "03") == []
    assert "the code has" in rules.exercises_in_place(notebook, EXERCISES[:2], "03")[0]
    assert "the code has" in rules.exercises_in_place(notebook, EXERCISES[::-1], "03")[0]
    assert "another lesson" in rules.exercises_in_place(notebook, EXERCISES, "04")[0]
    drop_cell("attempt-03-2")(notebook)
    assert "the code has" in rules.exercises_in_place(notebook, EXERCISES, "03")[0]


# --- the order of names --------------------------------------------------------------------


def test_names_in_order_passes_a_good_notebook(notebook):
    assert rules.names_in_order(notebook, []) == []


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (with_source("adds", "tf.abs(1)\ntf.add(1, 2)"), "uses tf.abs, which no lesson"),
        (with_source("prose", "No name."), "uses tf.add, which no text above"),
        (with_source("prose", "It is tf.add."), "uses tf.add, which no text above"),
        (with_source("prose", "`tf.add_n` or `x.tf.add`"), "uses tf.add, which no text above"),
        (with_source("adds", "1"), "tf.add is introduced, but not used"),
        (with_source("adds", "tf.add\nfrom keras.src import ops\nops.abs"), "is private"),
        (with_source("adds", "tf.add\nprint(keras._api)"), "keras._api, which is private"),
    ],
)
def test_names_out_of_order(notebook, breaks, says):
    breaks(notebook)
    assert says in "\n".join(rules.names_in_order(notebook, []))


@pytest.mark.parametrize("name", ["tf.keras.Model", "tf.math", "tf.gone", "tensorflow.abs", "x"])
def test_introduced_names_exist_and_are_spelt_as_agreed(notebook, name):
    notebook.metadata.course.introduces.append(name)
    assert f"{name} is introduced, but is no public" in "\n".join(
        rules.names_in_order(notebook, [])
    )


def test_no_name_is_introduced_twice(notebook):
    assert "tf.add is introduced twice" in rules.names_in_order(notebook, ["tf.add"])
    notebook.metadata.course.introduces.append("tf.add")
    assert "tf.add is introduced twice" in rules.names_in_order(notebook, [])


def test_what_a_solution_uses_must_be_introduced(notebook):
    solutions = {"attempt-03-1": "def f(x):\n    return tf.abs(x)"}
    assert rules.names_in_order(notebook, [], solutions) == [
        "cell 'attempt-03-1' uses tf.abs, which no lesson has introduced"
    ]
    assert rules.names_in_order(notebook, ["tf.abs"], solutions) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import tensorflow\ntensorflow.add", "tf.add"),
        ("import tensorflow.math as m\nm.add", "tf.math.add"),
        ("from tensorflow import add as plus\nplus(1, 2)", "tf.add"),
        ("import tensorflow as tf\ntf.keras.layers.Dense(3)", "keras.layers.Dense"),
        ("from tensorflow import keras as k\nk.Model", "keras.Model"),
        ("from tensorflow.keras.layers import Dense\nDense(3)", "keras.layers.Dense"),
        ("import keras.layers\nkeras.layers.Dense(3)", "keras.layers.Dense"),
        ("import keras\nL = keras.layers\nL.Dense(3)", "keras.layers.Dense"),
        ("import tensorflow as tf\nx = tf.uint8.max", "tf.uint8"),
        ("import tensorflow as tf\ntf.data.Dataset.range(3).map(abs)", "tf.data.Dataset"),
        ("import tensorflow as tf\n@tf.function\ndef f(): ...", "tf.function"),
        ("import tensorflow as tf\nprint(f'{tf.pi if 0 else tf.newaxis}')", "tf.newaxis"),
        ("import tensorflow as tf\n%timeit -n 10 tf.add(1, 2)", "tf.add"),
        ("%%time\nimport tensorflow as tf\ntf.add(1, 2)", "tf.add"),
        ("!ls\n%matplotlib inline\nimport tensorflow as tf\ntf.add?\ntf.abs(1)", "tf.abs"),
    ],
)
def test_names_are_seen_whatever_they_are_called(source, name):
    found = [rules.public_name(dotted) for dotted in names.dotted_names(source, {})]
    assert [dotted for dotted in found if dotted] == [name]


def test_names_carry_from_cell_to_cell(notebook):
    cell(notebook, "setup").source = "from keras.layers import Dense\nimport tensorflow as tf"
    cell(notebook, "layer").source = "Dense(3)"
    assert rules.names_in_order(notebook, []) == []


def test_strange_code_uses_no_name():
    assert names.dotted_names("def f(:", {"tf": "tf"}) == []
    assert names.dotted_names("x.tf.add\nnumpy.add", {"tf": "tf"}) == []
    assert rules.public_name("tf.__version__") is None


# --- rendering refuses what it cannot render -----------------------------------------------


@pytest.fixture
def course(small_repository, notebook):
    """A repository of one lesson, 03, of which exercises are given by hand."""
    path = small_repository / "notebooks" / "03_x.ipynb"
    path.write_text(tool.notebook_text(notebook), encoding="utf-8")
    return path


def render(path, exercises=EXERCISES, root=None):
    lessons = tool.describe_all(path.parents[1])
    return tool.render_notebook(path, lessons, exercises, tool.repository(path.parents[1]))


def test_rendering_is_idempotent_and_normalises(course, notebook):
    notebook.cells[2].metadata.collapsed = True
    notebook.cells[2].id = notebook.cells[4].id = "twice"
    notebook.metadata.authors = ["Ann"]
    notebook.cells[3].source += "\n"
    course.write_text(tool.nbjson.writes(notebook, ensure_ascii=True), encoding="utf-8")
    once = tool.notebook_text(render(course))
    course.write_text(once, encoding="utf-8")
    assert tool.notebook_text(render(course)) == once
    ids = [cell.id for cell in render(course).cells]
    assert len(set(ids)) == len(ids)
    assert ids[2] == "twice" and ids[0] == "header" and ids[-1] == "footer"
    assert "Ann" not in once and "collapsed" not in once
    assert rules.metadata_as_agreed(render(course)) == []


def test_rendering_keeps_the_authors_imports(course):
    setup = cell(render(course), "setup").source
    assert setup.endswith(
        "start_lesson(seed=3)\n\nimport keras\nimport tensorflow as tf\nfrom keras import layers"
    )
    assert '%pip install --quiet "git+https://github.com/ann/course"' in setup


def test_a_changed_address_changes_link_and_setup(course):
    project = course.parents[1] / "pyproject.toml"
    project.write_text(project.read_text().replace("ann/course", "bob/fork"))
    made = render(course)
    assert "/github/bob/fork/blob/main/notebooks/03_x.ipynb" in cell(made, "header").source
    assert "git+https://github.com/bob/fork" in cell(made, "setup").source
    assert "ann/course" not in tool.notebook_text(made)


@pytest.mark.parametrize(
    ("breaks", "exercises", "says"),
    [
        (drop_cell("exercise-03-2"), EXERCISES, "with the id 'exercise-03-2'"),
        (lambda notebook: None, EXERCISES[:2], "'exercise-03-3' belongs to no exercise"),
        (lambda notebook: notebook.cells.insert(1, notebook.cells.pop(3)), EXERCISES, "'setup'"),
        (
            lambda notebook: notebook.cells.insert(2, notebook.cells.pop(-1)),
            EXERCISES,
            "'attempt-03-3' stands before",
        ),
        (lambda notebook: notebook.metadata.pop("course"), EXERCISES, "lack the key 'course'"),
        (set_key(["metadata", "course", "title"], 5), EXERCISES, "expected str, got 5"),
        (set_key(["metadata", "course", "needs"], ["02_x"]), EXERCISES, "no earlier lesson"),
    ],
)
def test_what_cannot_be_rendered(course, notebook, breaks, exercises, says):
    breaks(notebook)
    course.write_text(tool.nbjson.writes(notebook), encoding="utf-8")
    with pytest.raises(tool.NotebookError, match=says):
        render(course, exercises)


def test_links_between_lessons(course, notebook):
    notebook.metadata.course.update(introduces=[], needs=["03_x"], title="Next")
    notebook.cells = notebook.cells[:6]
    after = course.parent / "04_y.ipynb"
    after.write_text(tool.notebook_text(notebook), encoding="utf-8")
    assert "Next: [04 Next](04_y.ipynb)" in cell(render(course), "footer").source
    made = render(after, [])
    assert "Previous: [03 Title](03_x.ipynb) ([in Colab](" in cell(made, "footer").source
    assert "Next:" not in cell(made, "footer").source
    assert "Needs: [03 Title](03_x.ipynb)" in cell(made, "header").source


# --- outputs as they are stored ------------------------------------------------------------


def test_outputs_are_normalised():
    stream = {"output_type": "stream", "name": "stdout"}
    picture = {"output_type": "display_data", "data": {"image/png": "eA=="}, "metadata": {}}
    result = {"output_type": "execute_result", "data": {}, "metadata": {}, "execution_count": 1}
    frame = "Cell In[1], line 2\n      1 a\n----> 2 b()\n\nFile ~/lib/python3.11/json/a.py:3, in f"
    failure = {"output_type": "error", "ename": "E", "evalue": "", "traceback": [frame]}
    made = tool.normal_outputs(
        [
            stream | {"text": "10%"},
            stream | {"text": "\r20%"},
            stream | {"text": "\nend\n"},
            picture | {"transient": {}},
            stream | {"text": "after\n"},
            result,
            failure,
        ],
        7,
        ["b()", "a\nb()", "c"],
    )
    assert [output.output_type for output in made] == [
        "stream",
        "display_data",
        "stream",
        "execute_result",
        "error",
    ]
    assert made[0].text == "20%\nend\n"
    assert made[1] == picture
    assert made[3].execution_count == 7
    assert made[4].traceback == [
        "Cell In[2], line 2\n      1 a\n----> 2 b()\n\nFile json/a.py:3, in f"
    ]


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/home/ann/.venv/lib/python3.12/site-packages/keras/a.py", "keras/a.py"),
        ("/usr/lib/python3.12/json/decoder.py", "json/decoder.py"),
        ("~/course/course_utils/data.py", "course_utils/data.py"),
        ("C:\\Users\\ann\\Lib\\site-packages\\keras\\a.py", "keras/a.py"),
    ],
)
def test_tracebacks_name_no_folder(path, short):
    frame = f"\x1b[36mFile \x1b[39m\x1b[32m{path}:12\x1b[39m, in f"
    failure = {"output_type": "error", "ename": "E", "evalue": "", "traceback": [frame]}
    made = tool.normal_outputs([failure], 1, ["x"])
    assert tool.ANSI.sub("", made[0].traceback[0]) == f"File {short}:12, in f"


# --- the map in course_utils ---------------------------------------------------------------


def test_the_map_draws_each_lesson_and_each_need(monkeypatch):
    from course_utils import diagrams

    monkeypatch.setattr(
        course_map,
        "lessons",
        lambda: [
            course_map.Lesson("00_a.ipynb", "00", "A", "Why?", (), (), 5, 0),
            course_map.Lesson("01_b.ipynb", "01", "B", "How?", ("00_a",), (), 6, 9),
        ],
    )
    drawn = []
    monkeypatch.setattr(
        diagrams, "draw_graph", lambda nodes, edges, **_: drawn.append((nodes, edges))
    )
    course_map.show_map()
    ((nodes, edges),) = drawn
    assert list(nodes) == ["00 A, 5 min", "01 B, 6 min"]
    assert edges == [("00 A, 5 min", "01 B, 6 min")]
