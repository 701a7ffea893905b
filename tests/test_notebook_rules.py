"""Each rule passes a good notebook and finds what is wrong with a bad one."""

import copy
from types import SimpleNamespace

import nbformat
import notebook_rules as rules
import pytest

from course_utils import lessons as course_map
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
        markdown("header", f"# 03 Title\n\n[![Open in Colab]({tool.BADGE})](x.ipynb)"),
        code("setup", "import keras\nimport tensorflow as tf\nfrom keras import layers", 1),
        markdown("prose", "## Adding\n\nYou add with `tf.add`, never `a!` or $3!$."),
        code("adds", "total = tf.add(1, 2)\nprint(total)", 2, "3\n"),
        markdown("more", "And `keras.layers.Dense(3)` is a layer."),
        code("layer", "# NBVAL_IGNORE_OUTPUT\nassert layers.Dense(3)", 3),
    ]
    for count, exercise in enumerate(EXERCISES, start=4):
        statement, attempt = tool.exercise_cell_ids(exercise)
        cells.append(markdown(statement, tool.exercise_source(exercise)))
        cells.append(code(attempt, "x", count, f"{exercise.id}  Not attempted. Do it.\n"))
    course = {
        "title": "Title",
        "question": "Why?",
        "minutes": 5,
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
    (rules.comparison_is_not_evaded, with_source("layer", "# NBVAL_IGNORE_OUTPUT\n1"), "asserts"),
    (rules.comparison_is_not_evaded, with_tag("adds", "nbval-ignore-output"), "asserts nothing"),
    (
        rules.comparison_is_not_evaded,
        with_source("adds", "# NBVAL_IGNORE_OUTPUT\nassert 1"),
        "20 %",
    ),
    (rules.comparison_is_not_evaded, with_source("adds", "# NBVAL_SKIP\n1"), "NBVAL_SKIP"),
    (rules.comparison_is_not_evaded, with_tag("adds", "nbval-skip"), "NBVAL_SKIP"),
    (rules.comparison_is_not_evaded, with_source("adds", "1  # NBVAL_IGNORE_OUTPUT"), "alone"),
    (
        rules.comparison_is_not_evaded,
        with_source("adds", "# NBVAL_IGNORE_OUTPUT: it is slow\n1"),
        "alone",
    ),
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
    (rules.metadata_as_agreed, set_key(["adds", "metadata", "trusted"], True), "trusted"),
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
    cell(notebook, "adds").source = "# NBVAL_RAISES_EXCEPTION\nprint(1 != 2)\n%timeit -n 3 1"
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


def test_number_of_exercises(notebook):
    for exercise in EXERCISES:
        for cell_id in tool.exercise_cell_ids(exercise):
            drop_cell(cell_id)(notebook)
    assert rules.exercises_in_place(notebook, [], "00") == []
    assert rules.exercises_in_place(notebook, [], "03") == ["0 exercises, expected 3 to 5"]


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
    found = [rules.public_name(dotted) for dotted in rules.dotted_names(source, {})]
    assert [dotted for dotted in found if dotted] == [name]


def test_names_carry_from_cell_to_cell(notebook):
    cell(notebook, "setup").source = "from keras.layers import Dense\nimport tensorflow as tf"
    cell(notebook, "layer").source = "Dense(3)"
    assert rules.names_in_order(notebook, []) == []


def test_strange_code_uses_no_name():
    assert rules.dotted_names("def f(:", {"tf": "tf"}) == []
    assert rules.dotted_names("x.tf.add\nnumpy.add", {"tf": "tf"}) == []
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


def test_a_changed_address_changes_badge_and_setup(course):
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
        (set_key(["metadata", "course", "minutes"], "5"), EXERCISES, "expected int, got '5'"),
        (set_key(["metadata", "course", "needs"], ["02_x"]), EXERCISES, "no earlier lesson"),
    ],
)
def test_what_cannot_be_rendered(course, notebook, breaks, exercises, says):
    breaks(notebook)
    course.write_text(tool.nbjson.writes(notebook), encoding="utf-8")
    with pytest.raises(tool.NotebookError, match=says):
        render(course, exercises)


def test_a_name_is_introduced_by_one_lesson(course):
    (course.parent / "04_y.ipynb").write_text(course.read_text("utf-8"), encoding="utf-8")
    with pytest.raises(tool.NotebookError, match=r"04_y.ipynb introduces tf.add, as 03_x.ipynb"):
        tool.describe_all(course.parents[1])


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
            course_map.Lesson("00_a.ipynb", "00", "A", "Why?", 5, (), ()),
            course_map.Lesson("01_b.ipynb", "01", "B", "How?", 6, ("00_a",), ()),
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
