"""Render and refresh the notebooks.

``render`` rewrites what is generated in each notebook (header, head of the set-up cell,
exercises, footer), the map of the course, the indexes of API names and of error messages, and the
table in README.md.
``refresh`` renders, runs the notebooks under nbval exactly as the tests do, and stores the
outputs that the comparison does not accept.

This module is also the pytest plugin by which ``refresh`` collects the outputs.
"""

import argparse
import ast
import copy
import hashlib
import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import nbjson

from tools import index, names, structure
from tools.conditions import comparison_options, count_workers
from tools.find_lesson import find_lesson, notebook_paths
from tools.settings import Problem

ROOT = Path(__file__).resolve().parents[1]
COLAB = "https://colab.research.google.com"
BRANCH = "main"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
COURSE_KEYS = ("title", "question", "needs", "introduces", "executed")
FILE_NAME = re.compile(r"\d\d_[a-z0-9_]+\.ipynb")
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
DRAWING_MODULES = ("diagrams", "plots")
# The numbers of the lessons that lead from a tensor to a ResNet; the others are branches.
MAIN_ROAD = "00 01 02 03 05 08 10 11 12 13 18 19 24 26 27"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

PLUGIN = "tools.notebooks"
OUTPUTS_DIFFER = "Cell outputs differ"  # nbval's message
CARRIAGE_RETURN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)  # what nbval leaves out, too
FILE_PATH = re.compile(r"(?:~|(?:\b|(?<=m))[A-Za-z]:)?[/\\][^\s'\"\x1b:]+\.py\b")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(Problem):
    """A notebook cannot be rendered or run; the message says which, why, and what to do."""


# --- reading and writing -------------------------------------------------------------------


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of format 4 without repairing or validating anything."""
    try:
        notebook = nbjson.reads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotebookError(f"{path.name} is not a notebook: {error}") from error
    if notebook.get("nbformat") != 4:
        raise NotebookError(f"{path.name} is not a notebook of format 4. Save it in JupyterLab.")
    return notebook


def notebook_text(notebook: NotebookNode) -> str:
    """Return a notebook as it is stored: nbformat's writer, one line feed at the end."""
    nbformat.validate(notebook)
    return nbjson.writes(notebook) + "\n"


def write_if_changed(path: Path, text: str) -> bool:
    """Write ``text`` with line feeds, all of it or nothing; say whether the file changed."""
    data = text.encode("utf-8")
    if path.exists() and path.read_bytes() == data:
        return False
    unfinished = path.with_name(path.name + ".tmp")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# --- what the outputs depend on ------------------------------------------------------------


def digest(notebook: NotebookNode, root: Path = ROOT) -> str:
    """Return the sha256 of what the stored outputs were made from.

    That is the source of all code cells and, since nbval does not compare pictures, the code of
    those modules of course_utils that draw what this notebook shows.
    """
    parts = [cell.source for cell in code_cells(notebook)]
    for name in _drawing_modules(notebook, root):
        source = (root / "course_utils" / f"{name}.py").read_text(encoding="utf-8")
        parts.append(code_alone(source))
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def code_alone(source: str) -> str:
    """Return Python source without docstrings, comments and blank lines.

    The syntax tree would not do: how it is written differs from Python to Python.
    """
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            for at in range(docstring.lineno - 1, docstring.end_lineno):
                lines[at] = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _drawing_modules(notebook: NotebookNode, root: Path) -> list[str]:
    """Name the modules that draw and that the notebook imports, itself or through others."""
    reached: set[str] = set()
    waiting = [
        names.python_source(author_part(cell.source) if cell.id == "setup" else cell.source)
        for cell in code_cells(notebook)
    ]
    while waiting:
        for name in _course_imports(waiting.pop()):
            path = (root / "course_utils").joinpath(*name.split(".")).with_suffix(".py")
            if name not in reached and path.is_file():
                reached.add(name)
                waiting.append(path.read_text(encoding="utf-8"))
    return [name for name in DRAWING_MODULES if name in reached]


def _course_imports(source: str) -> set[str]:
    """Name the modules of course_utils that some Python source imports."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lesson may show one
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return {
        name.removeprefix("course_utils.") for name in names if name.startswith("course_utils.")
    }


# --- rendering -----------------------------------------------------------------------------


def repository(root: Path = ROOT) -> str:
    """Return the repository's address, which stands once, in pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].rstrip("/").removesuffix(".git")


def colab_link(address: str, file: str) -> str | None:
    """Return the address at which Colab opens a lesson, or None where it cannot."""
    place = address.removeprefix("https://github.com/")
    if place == address:  # Colab opens repositories on GitHub only
        return None
    return f"{COLAB}/github/{place}/blob/{BRANCH}/notebooks/{file}"


def describe(path: Path, notebook: NotebookNode, exercises: Sequence[Any] = ()) -> dict[str, Any]:
    """Return a lesson's entry in the map, from its file name, its metadata and its length.

    Raises:
        NotebookError: the file name or the metadata are not as a lesson's must be.
    """
    if not FILE_NAME.fullmatch(path.name):
        raise NotebookError(f"{path.name}: expected a name such as 03_eager_and_graph.ipynb.")
    course = notebook.metadata.get("course")
    if not isinstance(course, dict):
        raise NotebookError(
            f"{path.name}: the notebook's metadata lack the key 'course' with "
            f"{', '.join(COURSE_KEYS)}."
        )
    kinds = {"title": str, "question": str, "needs": list, "introduces": list}
    for key, kind in kinds.items():
        if not isinstance(course.get(key), kind):
            raise NotebookError(
                f"{path.name}: metadata course.{key}: expected {kind.__name__}, "
                f"got {course.get(key)!r}."
            )
    core, further = structure.sitting(notebook, exercise_minutes(exercises))
    entry = {"file": path.name, "number": path.name[:2]} | {key: course[key] for key in kinds}
    return entry | {
        "minutes": core,
        "further": further,
        "road": entry["number"] in MAIN_ROAD.split(),
    }


def describe_all(root: Path = ROOT) -> list[dict[str, Any]]:
    """Return the map of the course: one entry a lesson, in order.

    Raises:
        NotebookError: two lessons share a number, or a needed lesson does not exist or does not
            come earlier.
    """
    lessons = [
        describe(path, read_notebook(path), load_exercises(path.name[:2], root))
        for path in notebook_paths(root)
    ]
    numbers = {}
    for lesson in lessons:
        file = lesson["file"]
        if lesson["number"] in numbers:
            raise NotebookError(f"{file} has the number of {numbers[lesson['number']]}.")
        for need in lesson["needs"]:
            if f"{need}.ipynb" not in numbers.values():
                raise NotebookError(f"{file} needs {need!r}, which is no earlier lesson.")
        numbers[lesson["number"]] = file
    return lessons


def full_title(lesson: dict[str, Any]) -> str:
    """Return number and title, as they stand in the H1."""
    return f"{lesson['number']} {lesson['title']}"


def header_source(lesson: dict[str, Any], lessons: Sequence[dict], address: str) -> str:
    """Return the first cell: title, question, minutes, Colab link, needed lessons."""
    line = [f"{lesson['minutes']} minutes"]
    if lesson["further"]:
        line.append(f"Further: {lesson['further']} minutes")
    if link := colab_link(address, lesson["file"]):
        line.append(f"[Open in Colab]({link})")
    by_stem = {Path(other["file"]).stem: other for other in lessons}
    needs = [f"[{full_title(by_stem[need])}]({need}.ipynb)" for need in lesson["needs"]]
    if needs:
        line.append(f"Needs: {', '.join(needs)}")
    return f"# {full_title(lesson)}\n\n**{lesson['question']}**\n\n{' · '.join(line)}"


def setup_head(number: str, address: str) -> str:
    """Return the generated head of the set-up cell."""
    return f"""\
{structure.FOLDED_TITLE}set up this lesson
# In Colab, fetch the course. TensorFlow and NumPy stay as they are.
import importlib.util

if importlib.util.find_spec("course_utils") is None:
    %pip install --quiet "git+{address}"

from course_utils.session import start_lesson

start_lesson(seed={int(number)})"""


def author_part(setup: str) -> str:
    """Return what the author wrote below the generated head of a set-up cell."""
    parts = re.split(r"^start_lesson\(seed=\d+\)$", setup, maxsplit=1, flags=re.MULTILINE)
    return parts[-1].strip("\n")


def footer_source(
    lesson: dict[str, Any], lessons: Sequence[dict], address: str, map_anchor: str
) -> str:
    """Return the last cell: previous and next lesson, the map and the index."""

    def link(text: str, other: dict, anchor: str = "") -> str:
        here = f"[{text}]({other['file']}{anchor})"
        colab = colab_link(address, other["file"])
        return f"{here} ([in Colab]({colab}))" if colab else here

    at = [other["file"] for other in lessons].index(lesson["file"])
    around = []
    if at > 0:
        around.append(f"Previous: {link(full_title(lessons[at - 1]), lessons[at - 1])}")
    if at + 1 < len(lessons):
        around.append(f"Next: {link(full_title(lessons[at + 1]), lessons[at + 1])}")
    more = []
    if lessons[0]["number"] == "00":
        if lesson is lessons[0]:
            more.append(f"[The map of the course]({map_anchor})" if map_anchor else "")
        else:
            more.append(link("The map of the course", lessons[0], map_anchor))
    for text, page in (("Names", "INDEX.md"), ("Error messages", "ERRORS.md")):
        # Colab has no files beside the notebook.
        there = f" ([on GitHub]({address}/blob/{BRANCH}/notebooks/{page}))"
        in_colab = colab_link(address, lesson["file"])
        more.append(f"[{text}]({page}){there if in_colab else ''}")
    lines = [" · ".join(part for part in parts if part) for parts in (around, more)]
    return "---\n\n" + "\n\n".join(line for line in lines if line)


def find_map_anchor(root: Path = ROOT) -> str:
    """Return ``#...`` of the heading in lesson 00 that speaks of the map, or nothing."""
    for path in notebook_paths(root)[:1]:
        for cell in read_notebook(path).cells:
            for level, text in structure.headings(
                cell.source if cell.cell_type == "markdown" else ""
            ):
                if level > 1 and re.search(r"\bmap\b", text, flags=re.IGNORECASE):
                    return "#" + structure.heading_anchor(text)
    return ""


def exercise_source(exercise: Any) -> str:
    """Return the Markdown cell that states an exercise."""
    title = f"Exercise {exercise.id}: {exercise.title} ({exercise.minutes} minutes)"
    return f"### {title}\n\n{exercise.statement.strip()}"


def attempt_source(exercise: Any) -> str:
    """Return the code cell in which an exercise is tried."""
    name = json.dumps(exercise.id)
    return (
        f"{exercise.stub.strip()}\n\ncheck({name}, {exercise.answer})\n"
        f"# hint({name})\n# solution({name})"
    )


def exercise_minutes(exercises: Iterable[Any]) -> dict[str, int]:
    """Return the minutes of each exercise by the id of its statement's cell."""
    return {exercise_cell_ids(exercise)[0]: exercise.minutes for exercise in exercises}


def exercise_solutions(exercises: Iterable[Any]) -> dict[str, str]:
    """Return the reference solution of each exercise by the id of its attempt's cell."""
    return {exercise_cell_ids(exercise)[1]: exercise.solution_text() for exercise in exercises}


def exercise_cell_ids(exercise: Any) -> tuple[str, str]:
    """Return the ids of an exercise's two cells."""
    end = exercise.id.replace(".", "-")
    return f"exercise-{end}", f"attempt-{end}"


def load_exercises(number: str, root: Path = ROOT) -> tuple[Any, ...]:
    """Return the exercises of a lesson, none where it has no module of them."""
    if not (root / "course_utils" / "exercises" / f"lesson_{number}.py").exists():
        return ()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from course_utils.session import muted_stderr

    with muted_stderr():
        module = importlib.import_module(f"course_utils.exercises.lesson_{number}")
    return tuple(module.EXERCISES)


def render_notebook(
    path: Path,
    lessons: Sequence[dict[str, Any]],
    exercises: Iterable[Any],
    address: str,
    map_anchor: str = "",
) -> NotebookNode:
    """Return a lesson with everything generated made anew.

    Raises:
        NotebookError: an exercise has no cell, a cell has no exercise, or the set-up cell is
            not the first code cell.
    """
    stored = read_notebook(path)
    lesson = next(lesson for lesson in lessons if lesson["file"] == path.name)
    cells = [_normal_cell(cell) for cell in stored.cells]
    _give_ids(cells)

    cells = [cell for cell in cells if cell.id not in ("header", "footer")]
    cells.insert(0, _markdown_cell("header", header_source(lesson, lessons, address)))
    _render_setup(path, cells, setup_head(lesson["number"], address))
    _render_exercises(path, cells, list(exercises))
    footer = footer_source(lesson, lessons, address, map_anchor)
    cells.append(_markdown_cell("footer", footer))

    course = stored.metadata["course"]
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": KERNELSPEC,
                "language_info": {"name": "python"},
                "course": {key: course.get(key, "") for key in COURSE_KEYS},
            },
            "cells": cells,
        }
    )


def _normal_cell(cell: NotebookNode) -> NotebookNode:
    """Return a cell with the keys that a stored cell has; its metadata follow from its tags."""
    normal = {
        "cell_type": cell.cell_type,
        "id": cell.get("id", ""),
        "metadata": structure.cell_metadata(cell.get("metadata", {}).get("tags", [])),
        "source": cell.source.replace("\r\n", "\n").strip("\n"),
    }
    if cell.cell_type == "code":
        normal["execution_count"] = cell.get("execution_count")
        normal["outputs"] = cell.get("outputs", [])
    elif cell.get("attachments"):
        normal["attachments"] = cell["attachments"]
    return nbformat.from_dict(normal)


def _give_ids(cells: list[NotebookNode]) -> None:
    """Keep the ids that are valid and unique, and derive the others from the source."""
    taken = set()
    for cell in cells:
        if not CELL_ID.fullmatch(cell.id) or cell.id in taken:
            cell.id = ""
        taken.add(cell.id)
    for cell in cells:
        again = 0
        while not cell.id:
            seed = f"{cell.source}\0{again}" if again else cell.source
            new = hashlib.sha256(seed.encode("utf-8")).hexdigest()[:8]
            if new not in taken:
                taken.add(new)
                cell.id = new
            again += 1


def _markdown_cell(cell_id: str, source: str) -> NotebookNode:
    return nbformat.from_dict(
        {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}
    )


def _code_cell(cell_id: str, source: str) -> NotebookNode:
    return nbformat.from_dict(
        {
            "cell_type": "code",
            "id": cell_id,
            "metadata": {},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }
    )


def _render_setup(path: Path, cells: list[NotebookNode], head: str) -> None:
    first = next((at for at, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    setup = next((cell for cell in cells if cell.id == "setup"), None)
    if setup is None:
        setup = _code_cell("setup", head)
        cells.insert(first, setup)
    elif setup is not cells[min(first, len(cells) - 1)]:
        raise NotebookError(f"{path.name}: the cell 'setup' must be the first code cell.")
    own = author_part(setup.source) if setup.source != head else ""
    setup.source = f"{head}\n\n{own}" if own else head
    setup.metadata = nbformat.from_dict(structure.cell_metadata([structure.FOLDED]))


def _render_exercises(path: Path, cells: list[NotebookNode], exercises: list[Any]) -> None:
    known = {cell_id for exercise in exercises for cell_id in exercise_cell_ids(exercise)}
    for cell in cells:
        if re.match(r"(exercise|attempt)-\d", cell.id) and cell.id not in known:
            raise NotebookError(
                f"{path.name}: the cell '{cell.id}' belongs to no exercise in "
                f"course_utils/exercises/lesson_{path.name[:2]}.py. Remove the cell, or add it."
            )
    for exercise in exercises:
        statement_id, attempt_id = exercise_cell_ids(exercise)
        ids = [cell.id for cell in cells]
        if statement_id not in ids:
            raise NotebookError(
                f"{path.name}: exercise {exercise.id} has no place. Put a Markdown cell with "
                f"the id '{statement_id}' where it belongs, and render again."
            )
        at = ids.index(statement_id)
        cells[at] = _markdown_cell(statement_id, exercise_source(exercise))
        if attempt_id not in ids:
            cells.insert(at + 1, _code_cell(attempt_id, ""))
            ids.insert(at + 1, attempt_id)
        if ids.index(attempt_id) < at:
            raise NotebookError(f"{path.name}: '{attempt_id}' stands before '{statement_id}'.")
        attempt = cells[ids.index(attempt_id)]
        if attempt.cell_type != "code":
            raise NotebookError(f"{path.name}: '{attempt_id}' must be a code cell.")
        attempt.source = attempt_source(exercise)


def map_text(lessons: Sequence[dict[str, Any]]) -> str:
    """Return course_utils/lessons.json."""
    return json.dumps(list(lessons), indent=1, ensure_ascii=False) + "\n"


def hours(lessons: Sequence[dict[str, Any]], *, road: bool = False) -> int:
    """Return how many hours the cores of all lessons take, or of those on the main road."""
    return round(sum(one["minutes"] for one in lessons if one["road"] or not road) / 60)


def readme_text(readme: str, lessons: Sequence[dict[str, Any]], address: str) -> str:
    """Return README.md with the table between its two markers made anew."""
    table = ["| | lesson | the question it answers | minutes | Further |", "|---|---|---|---|---|"]
    for lesson in lessons:
        colab = colab_link(address, lesson["file"])
        number = f"**{lesson['number']}**" if lesson["road"] else lesson["number"]
        table.append(
            f"| {number} | [{lesson['title']}](notebooks/{lesson['file']})"
            + (f" ([in Colab]({colab}))" if colab else "")
            + f" | {lesson['question']} | {lesson['minutes']} | {lesson['further'] or ''} |"
        )
    road, every = hours(lessons, road=True), hours(lessons)
    table += [
        "",
        f"Bold numbers are the main road from tensor to ResNet, some {road} hours with exercises;",
        f"all lessons take some {every} hours, without Further.",
    ]
    between = "<!-- lessons -->\n" + "\n".join(table) + "\n<!-- /lessons -->"
    return re.sub(
        r"<!-- lessons -->.*?<!-- /lessons -->", lambda _: between, readme, flags=re.DOTALL
    )


def generated_files(root: Path = ROOT) -> dict[Path, str]:
    """Return every file that ``render`` writes, with its text.

    Raises:
        NotebookError: a notebook cannot be rendered.
    """
    lessons = describe_all(root)
    address, anchor = repository(root), find_map_anchor(root)
    files, notebooks, solutions = {}, {}, {}
    for path in notebook_paths(root):
        exercises = load_exercises(path.name[:2], root)
        notebook = render_notebook(path, lessons, exercises, address, anchor)
        notebooks[path.name] = notebook
        solutions |= exercise_solutions(exercises)
        try:
            files[path] = notebook_text(notebook)
        except nbformat.ValidationError as error:
            raise NotebookError(f"{path.name}: {error.message}") from error
    files[root / "course_utils" / "lessons.json"] = map_text(lessons)
    folder = root / "notebooks"
    files[folder / "INDEX.md"] = index.names_page(lessons, notebooks, solutions)
    files[folder / "ERRORS.md"] = index.errors_page(lessons, notebooks)
    readme = root / "README.md"
    if readme.exists():
        files[readme] = readme_text(readme.read_text(encoding="utf-8"), lessons, address)
    return files


def render(root: Path = ROOT) -> list[Path]:
    """Write everything generated and return the files that changed.

    Raises:
        NotebookError: a notebook cannot be rendered; then nothing is written.
    """
    files = generated_files(root)
    return [path for path, text in files.items() if write_if_changed(path, text)]


# --- the pytest plugin: what did each cell print, and did nbval accept what is stored? ------


def pytest_addoption(parser: Any) -> None:
    """Add the option that names the folder for the records."""
    parser.addoption("--record-cells", metavar="FOLDER", help="write what each cell printed")


def pytest_runtest_call(item: Any) -> Any:
    """Keep a cell's outputs in the order in which they came, before nbval merges streams."""
    if not item.config.getoption("--record-cells") or not hasattr(item, "test_outputs"):
        return (yield)
    from nbval import plugin

    merge = plugin.coalesce_streams

    def remember_and_merge(outputs: list) -> list:
        if outputs is item.test_outputs:
            item.outputs_in_order = copy.deepcopy(outputs)
        return merge(outputs)

    plugin.coalesce_streams = remember_and_merge
    try:
        return (yield)
    finally:
        plugin.coalesce_streams = merge


def pytest_runtest_makereport(item: Any, call: Any) -> Any:
    """Write a record for each cell: its outputs, accepted or not, and why it failed."""
    report = yield
    folder = item.config.getoption("--record-cells")
    if folder and hasattr(item, "test_outputs") and (call.when == "call" or report.failed):
        accepted = call.excinfo is None
        error = "" if accepted else str(call.excinfo.value) or call.excinfo.typename
        if report.skipped:
            error = "The cell is not run. Remove the mark that skips it."
        differs = error == OUTPUTS_DIFFER
        record = {
            "accepted": accepted,
            "error": "" if differs else error,
            "details": "" if differs or not report.failed else str(report.longrepr or ""),
            "outputs": getattr(item, "outputs_in_order", []),
        }
        name = f"{item.path.stem}-{item.cell_num}.json"
        (Path(folder) / name).write_text(json.dumps(record), encoding="utf-8")
    return report


try:
    import pytest
except ModuleNotFoundError:  # rendering needs no pytest
    pass
else:
    pytest_runtest_call = pytest.hookimpl(wrapper=True)(pytest_runtest_call)
    pytest_runtest_makereport = pytest.hookimpl(wrapper=True)(pytest_runtest_makereport)


# --- refreshing ----------------------------------------------------------------------------


def normal_outputs(outputs: Iterable[dict], count: int, before: Sequence[str]) -> list:
    """Return outputs as they are stored in the cell with the number ``count``.

    Streams that follow each other are joined, lines that a progress bar wrote over are gone,
    and tracebacks name neither this machine's folders nor the counts of a kernel that does not
    count. ``before`` are the sources of the code cells up to this one.
    """
    normal: list[NotebookNode] = []
    for output in copy.deepcopy(list(outputs)):
        kind = output["output_type"]
        last = normal[-1] if normal else {}
        if kind == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
            continue
        keys = {
            "stream": ("name", "text"),
            "display_data": ("data", "metadata"),
            "execute_result": ("data", "metadata"),
            "error": ("ename", "evalue", "traceback"),
        }[kind]
        kept = {"output_type": kind} | {key: output[key] for key in keys}
        if kind == "execute_result":
            kept["execution_count"] = count
        elif kind == "error":
            kept["traceback"] = [_plain_frame(frame, before) for frame in kept["traceback"]]
        normal.append(nbformat.from_dict(kept))
    for output in normal:
        if output.output_type == "stream":
            output.text = CARRIAGE_RETURN.sub("", output.text)
    return normal


def _plain_frame(frame: str, before: Sequence[str]) -> str:
    """Return a frame of a traceback without folders and with the right number of its cell."""
    frame = FILE_PATH.sub(_short_path, frame)
    plain = ANSI.sub("", frame)
    arrow = re.search(r"^-+> *(\d+) (.*)$", plain, flags=re.MULTILINE)
    if plain.startswith("Cell ") and arrow:
        at, line = int(arrow[1]) - 1, arrow[2].strip()
        for count, source in reversed(list(enumerate(before, start=1))):
            lines = source.splitlines()
            if at < len(lines) and lines[at].strip() == line:
                return re.sub(r"In\[\d+\]", f"In[{count}]", frame, count=1)
    return frame


def _short_path(found: re.Match) -> str:
    """Return the end of a file's path, which is the same on every machine."""
    path = found[0].replace("\\", "/")
    for start in (r".*/site-packages/", r".*/lib/python3\.\d+/"):
        if re.match(start, path):
            return re.sub(start, "", path)
    return "/".join(path.split("/")[-2:])


def run_cells(paths: Sequence[Path], folder: Path, root: Path = ROOT) -> str:
    """Run notebooks under nbval as the tests do, records into ``folder``; return the log."""
    command = [sys.executable, "-m", "pytest", *comparison_options(count_workers()), "-p", PLUGIN]
    command += ["--record-cells", str(folder), *(str(path.relative_to(root)) for path in paths)]
    done = subprocess.run(
        command,
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return done.stdout


def read_records(path: Path, notebook: NotebookNode, folder: Path, log: str) -> list[dict]:
    """Return what was recorded of each code cell of a notebook.

    Raises:
        NotebookError: a cell raised, ran too long or was not run.
    """
    records = []
    for number, cell in enumerate(code_cells(notebook)):
        file = folder / f"{path.stem}-{number}.json"
        where = f"{path.name}, code cell {number + 1} (id '{cell.id}')"
        if not file.exists():
            raise NotebookError(
                f"{where} was not run. The end of pytest's report:\n\n"
                + "\n".join(log.splitlines()[-30:])
            )
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["error"]:
            details = ANSI.sub("", record["details"])
            raise NotebookError(f"{where}: {record['error']}\n\n{details}".rstrip())
        records.append(record)
    return records


def update_outputs(
    notebook: NotebookNode, records: Sequence[dict], *, renew: bool = False, root: Path = ROOT
) -> NotebookNode:
    """Return the notebook with fresh outputs wherever the stored ones are not to be kept.

    A stored output is kept when nbval accepted it and it was made from the present sources
    (see :func:`digest`), unless ``renew`` asks for all outputs anew.
    """
    notebook = copy.deepcopy(notebook)
    made_from = digest(notebook, root)
    keep = not renew and notebook.metadata.course.executed == made_from
    sources = [cell.source for cell in code_cells(notebook)]
    for count, (cell, record) in enumerate(zip(code_cells(notebook), records, strict=True), 1):
        was_run = cell.execution_count is not None  # otherwise nbval compared nothing
        if not (keep and was_run and record["accepted"]):
            cell.outputs = normal_outputs(record["outputs"], count, sources[:count])
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
    notebook.metadata.course.executed = made_from
    return notebook


def refresh(
    lessons: Sequence[str] = (), *, renew: bool = False, root: Path = ROOT
) -> tuple[list[Path], list[str]]:
    """Render, run and store; return the notebooks that changed, and what went wrong.

    ``lessons`` limits the run to lessons by number or name, and lesson 00 where the map of the
    course has changed; ``renew`` stores all outputs anew.
    A notebook in which a cell fails is left as it was rendered.

    Raises:
        Problem: no such lesson, or (NotebookError) a notebook cannot be rendered.
    """
    rendered = render(root)
    chosen = {find_lesson(lesson, root) for lesson in lessons}
    if root / "course_utils" / "lessons.json" in rendered:
        chosen |= set(notebook_paths(root)[:1])  # lesson 00 draws the map
    paths = [path for path in notebook_paths(root) if path in chosen or not lessons]
    changed, problems = [], []
    if not paths:
        return changed, problems
    folder = Path(tempfile.mkdtemp(prefix="cells-"))
    try:
        log = run_cells(paths, folder, root)
        for path in paths:
            notebook = read_notebook(path)
            try:
                records = read_records(path, notebook, folder, log)
            except NotebookError as error:
                problems.append(f"{error}\n{path.name} keeps its stored outputs.")
                continue
            fresh = update_outputs(notebook, records, renew=renew, root=root)
            if write_if_changed(path, notebook_text(fresh)):
                changed.append(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    render(root)  # the index of error messages follows from the outputs
    return changed, problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``render`` or ``refresh`` from the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("render", help="rewrite what is generated")
    command = commands.add_parser("refresh", help="render, run, and store changed outputs")
    command.add_argument("--lesson", action="append", default=[], metavar="NN")
    command.add_argument("--renew", action="store_true", help="store every output anew")
    options = parser.parse_args(arguments)
    try:
        if options.command == "render":
            changed, problems = render(), []
        else:
            changed, problems = refresh(options.lesson, renew=options.renew)
    except Problem as error:
        print(error, file=sys.stderr)
        return 1
    for path in changed:
        print(f"changed: {path.relative_to(ROOT).as_posix()}")
    if not changed and not problems:
        print("Nothing changed.")
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
