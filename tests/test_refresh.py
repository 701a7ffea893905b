"""``make refresh`` on a miniature course: what it keeps, what it renews, what it refuses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import notebooks as tool
from tools.conditions import comparison_options, count_workers

SESSION = '''"""Stands in for the real module: this miniature needs no TensorFlow."""

from contextlib import nullcontext as muted_stderr


def start_lesson(*, seed: int) -> None:
    """Do nothing."""
'''
PICTURE = """\
import io, random, struct, zlib
from IPython.display import Image, display

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

print("before")
pixels = bytes([0]) + random.SystemRandom().randbytes(12)
head = struct.pack(">IIBBBBB", 4, 1, 8, 2, 0, 0, 0)
png = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head)
png += chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
display(Image(png))
print("after")"""
CELLS = [
    ("text", "print('one'); print('two')"),
    ("picture", PICTURE),
    ("value", "{'shape': (1, 2)}"),
    ("noise", "import time\nprint(time.time())\nassert True", "nbval-ignore-output"),
    ("raises", "import json\njson.loads('{')", "raises-exception"),
    ("about", "print(f'now ≈ {time.time():.2f}')"),
    ("warns", "import sys\nprint('careful', file=sys.stderr)"),
]


def build(root: Path) -> None:
    """Build the miniature course: the real tool and settings, two tiny lessons."""
    settings = ["pyproject.toml", "conftest.py", "tests/nbval_sanitize.cfg"]
    tools = [f"tools/{path.name}" for path in (tool.ROOT / "tools").glob("*.py")]
    for name in settings + tools:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tool.ROOT / name, root / name)
    (root / "course_utils").mkdir()
    (root / "course_utils" / "__init__.py").write_text('__version__ = "0"\n')
    (root / "course_utils" / "session.py").write_text(SESSION)
    (root / "notebooks").mkdir()
    write(root, "00_pictures", CELLS)
    write(root, "01_words", [("words", "print('words')")])
    refresh(root)


def write(root: Path, name: str, cells: list[tuple[str, ...]]) -> None:
    """Write a lesson as an author would begin it: no outputs, nothing generated."""
    made = nbformat.v4.new_notebook()
    made.metadata.course = {
        "title": name[3:].title(),
        "question": "Why?",
        "needs": [],
        "introduces": [],
    }
    for cell_id, source, *tags in cells:
        made.cells.append(nbformat.v4.new_markdown_cell("Look."))
        made.cells.append(nbformat.v4.new_code_cell(source, id=cell_id, metadata={"tags": tags}))
    nbformat.write(made, root / "notebooks" / f"{name}.ipynb")


def run(root: Path, *command: str) -> subprocess.CompletedProcess:
    """Run Python in the miniature course, whose course_utils is the only one in sight."""
    # A run of pytest inside a run of pytest must not take itself for a worker of the outer one.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=root,
        env=environment | {"PYTHONPATH": str(root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def refresh(root: Path, *options: str) -> str:
    """Refresh, which must succeed, and return what it says."""
    done = run(root, "-m", "tools.notebooks", "refresh", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compare(root: Path) -> subprocess.CompletedProcess:
    """Compare the notebooks as the tests do."""
    return run(root, "-m", "pytest", *comparison_options(count_workers()), "notebooks")


def contents(root: Path) -> dict[str, bytes]:
    """Return every notebook's bytes."""
    return {path.name: path.read_bytes() for path in sorted((root / "notebooks").iterdir())}


def load(root: Path, name: str = "00_pictures") -> nbformat.NotebookNode:
    return tool.read_notebook(root / "notebooks" / f"{name}.ipynb")


def save(root: Path, notebook: nbformat.NotebookNode, name: str = "00_pictures") -> None:
    path = root / "notebooks" / f"{name}.ipynb"
    path.write_text(tool.notebook_text(notebook), encoding="utf-8", newline="\n")


def cell(notebook: nbformat.NotebookNode, cell_id: str) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory) -> Path:
    """A miniature course that has been refreshed once."""
    root = tmp_path_factory.mktemp("refreshed")
    build(root)
    return root


@pytest.fixture
def course(refreshed, tmp_path) -> Path:
    """A copy of it that a test may change."""
    root = tmp_path / "course"
    shutil.copytree(refreshed, root)
    return root


def test_what_a_first_refresh_stores(refreshed):
    notebook = load(refreshed)
    code = tool.code_cells(notebook)
    assert [one.execution_count for one in code] == list(range(1, len(code) + 1))
    assert [one.id for one in code] == ["setup", *(cell_id for cell_id, *_ in CELLS)]
    assert cell(notebook, "text").outputs[0].text == "one\ntwo\n"
    kinds = [output.output_type for output in cell(notebook, "picture").outputs]
    assert kinds == ["stream", "display_data", "stream"]
    value = cell(notebook, "value")
    assert value.outputs[0].execution_count == value.execution_count == 4
    (error,) = cell(notebook, "raises").outputs
    assert error.ename == "JSONDecodeError"
    assert "In[6]" in tool.ANSI.sub("", "".join(error.traceback))
    assert str(Path(json.__file__).parent) not in "".join(error.traceback)
    assert cell(notebook, "warns").outputs[0].name == "stderr"
    assert notebook.metadata.course.executed == tool.digest(notebook, refreshed)


def test_a_second_refresh_changes_no_byte(course):
    before = contents(course)
    files = list(course.rglob("*"))
    assert "Nothing changed." in refresh(course)
    assert contents(course) == before
    caches = {".pytest_cache", "__pycache__"}
    left = {path for path in course.rglob("*") if not caches & set(path.parts)} - set(files)
    assert not left


def test_wrong_and_missing_outputs_are_mended_and_nothing_else(course):
    before = contents(course)
    notebook, words = load(course), load(course, "01_words")
    cell(notebook, "text").outputs[0].text = "one\nthree\n"
    save(course, notebook)
    cell(words, "words").update(execution_count=None, outputs=[])
    save(course, words, "01_words")

    found = compare(course)
    assert found.returncode == 1
    assert "three" in found.stdout
    # nbval compares nothing where a cell was never run: 1 failed, not 2.
    assert "1 failed" in found.stdout

    assert "changed: notebooks/00_pictures.ipynb" in refresh(course)
    assert contents(course) == before


def test_what_fails_is_named_and_left_alone(course):
    notebook, words = load(course), load(course, "01_words")
    cell(notebook, "value").source = "total = 1\ntotal / 0"
    cell(notebook, "text").outputs[0].text = "wrong\n"
    save(course, notebook)
    cell(words, "words").metadata.tags = ["nbval-skip"]
    save(course, words, "01_words")
    before = contents(course)

    done = run(course, "-m", "tools.notebooks", "refresh")
    assert done.returncode == 1
    assert "00_pictures.ipynb, code cell 4 (id 'value')" in done.stderr
    assert "total / 0" in done.stderr and "ZeroDivisionError" in done.stderr
    assert "\x1b" not in done.stderr
    assert "01_words.ipynb, code cell 2 (id 'words'): The cell is not run." in done.stderr
    assert contents(course) == before


def test_one_failing_notebook_does_not_keep_back_the_others(course, monkeypatch):
    names = {path.stem: path for path in tool.notebook_paths(course)}
    words = load(course, "01_words")
    cell(words, "words").outputs[0].text = "wrong\n"
    save(course, words, "01_words")

    def run_cells(paths, folder, root):
        records(folder, names["01_words"], load(course, "01_words"), ["", "words\n"])
        return "worker 'gw0' crashed"

    monkeypatch.setattr(tool, "run_cells", run_cells)
    changed, (problem,) = tool.refresh(root=course)
    assert "00_pictures.ipynb, code cell 1 (id 'setup') was not run" in problem
    assert "worker 'gw0' crashed" in problem
    assert changed == [names["01_words"]]
    assert cell(load(course, "01_words"), "words").outputs[0].text == "words\n"


def test_a_change_of_the_map_refreshes_lesson_00_too(course, monkeypatch):
    def lessons_run(title):
        words = load(course, "01_words")
        words.metadata.course.title = title
        save(course, words, "01_words")
        chosen = []
        monkeypatch.setattr(tool, "run_cells", lambda paths, *_: chosen.extend(paths) or "")
        tool.refresh(["01"], root=course)
        return [path.stem for path in chosen]

    assert lessons_run("Words") == ["01_words"]
    assert lessons_run("Other words") == ["00_pictures", "01_words"]


def test_an_unknown_lesson_is_refused(course):
    done = run(course, "-m", "tools.notebooks", "refresh", "--lesson", "07")
    assert done.returncode == 1
    assert "There is no lesson '07'. There are: 00, 01." in done.stderr
    assert "Traceback" not in done.stderr


# --- which outputs are kept, without running anything --------------------------------------


def records(folder: Path, path: Path, notebook: nbformat.NotebookNode, printed: list[str]) -> None:
    """Write the records of a run in which no stored output was accepted."""
    for number, (_, text) in enumerate(zip(tool.code_cells(notebook), printed, strict=True)):
        output = {"output_type": "stream", "name": "stdout", "text": text}
        record = {"accepted": False, "error": "", "outputs": [output] if text else []}
        (Path(folder) / f"{path.stem}-{number}.json").write_text(json.dumps(record))


def png(data: str) -> dict:
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": data}}


@pytest.fixture
def drawn(refreshed):
    """A notebook that stores one picture, and the records of a run that draws another."""
    notebook = load(refreshed, "01_words")
    words = cell(notebook, "words")
    words.outputs = [nbformat.from_dict(png("b2xk"))]
    fresh = [
        {"accepted": True, "error": "", "outputs": []},
        {"accepted": True, "error": "", "outputs": [png("bmV3")]},
    ]
    return notebook, fresh


def picture_after(notebook, fresh, root, **options) -> str:
    updated = tool.update_outputs(notebook, fresh, root=root, **options)
    assert updated.metadata.course.executed == tool.digest(updated, root)
    return cell(updated, "words").outputs[0].data["image/png"]


def test_an_accepted_picture_is_kept(drawn, refreshed):
    assert picture_after(*drawn, refreshed) == "b2xk"


def test_renew_stores_an_accepted_picture_anew(drawn, refreshed):
    assert picture_after(*drawn, refreshed, renew=True) == "bmV3"


def test_a_picture_of_a_cell_that_differs_is_stored_anew(drawn, refreshed):
    drawn[1][1]["accepted"] = False
    assert picture_after(*drawn, refreshed) == "bmV3"


def test_a_change_of_any_source_stores_the_pictures_anew(drawn, refreshed):
    cell(drawn[0], "setup").source += "\ntotal = 1"
    assert picture_after(*drawn, refreshed) == "bmV3"


def test_a_change_of_what_draws_stores_the_pictures_anew(drawn, course):
    cell(drawn[0], "words").source = "from course_utils.plots import draw"
    plots = course / "course_utils" / "plots.py"
    plots.write_text("width = 1\n")
    drawn[0].metadata.course.executed = tool.digest(drawn[0], course)
    assert picture_after(*drawn, course) == "b2xk"
    plots.write_text("width = 2\n")
    assert picture_after(*drawn, course) == "bmV3"


def test_counts_are_put_in_order(drawn, refreshed):
    result = {"output_type": "execute_result", "metadata": {}, "data": {}, "execution_count": 9}
    notebook, fresh = drawn
    cell(notebook, "words").update(execution_count=9, outputs=[nbformat.from_dict(result)])
    words = cell(tool.update_outputs(notebook, fresh, root=refreshed), "words")
    assert words.execution_count == words.outputs[0].execution_count == 2
