"""What lesson 00 tells a newcomer is so."""

import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from course_utils import lessons
from tools.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "00_start_here.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def text_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def printed(notebook, start):
    """Return what the cells printed whose source contains ``start``, in order."""
    return [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and start in cell.source
    ]


def test_the_set_up_cell_is_checked_and_its_verdict_stored(notebook):
    (out,) = printed(notebook, "assert check_setup()")
    assert out.endswith("All is well. The course runs here.\n")
    assert "FIX" not in out


def test_the_walk_through_shows_each_verdict_once(notebook):
    verdicts = [text.split("  ")[1].split(". ")[0] for text in printed(notebook, "check(")]
    assert verdicts == ["Not attempted", "Not yet", "Correct"]
    first, second = (text for text in printed(notebook, "hint(") if text.startswith("Hint"))
    assert second.startswith(first)
    assert len(second) > len(first)
    (solution,) = (text for text in printed(notebook, "solution(") if text.startswith("def "))
    assert "return (a + b + c) / 3" in solution


def test_the_map_shows_every_lesson(notebook):
    (cell,) = (cell for cell in notebook.cells if cell.source == "show_map()")
    (output,) = cell.outputs
    every = lessons.lessons()
    assert f"{len(every)} node" in output.data["text/plain"]
    for lesson in every:
        box = f"{lesson.number} {lesson.title}, {lesson.minutes} min"
        assert box in output.data["text/plain"], "run `make refresh LESSON=00`"
    assert "image/png" in output.data


def test_every_section_it_points_to_is_there(notebook):
    text = text_of(notebook)
    headings = re.findall(r"^##+ (.+)$", text, flags=re.MULTILINE)
    for section in ("Starting over", "Keep your own work"):
        assert f"*{section}*" in text
        assert section in headings
    assert "[the index](INDEX.md)" in text


def test_the_commands_it_names_exist(notebook):
    named = re.findall(r"`make (\w+)(?: (\w+)=\S+)?`", text_of(notebook))
    assert {command for command, _ in named} == {"lab", "clean"}
    for command, setting in named:
        assert command in SETTINGS
        assert not setting or setting in SETTINGS[command]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("way", ["copies", "stash"])
def test_the_ways_to_update_keep_the_learners_work(tmp_path, notebook, way):
    def git(*words, folder=None, fails=False):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        done = subprocess.run(
            ["git", *identity, *words],
            cwd=folder or clone,
            capture_output=True,
            text=True,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr

    for command in ("git pull", "git checkout -- notebooks", "git stash", "git stash pop"):
        assert f"`{command}`" in text_of(notebook)

    course, clone = tmp_path / "course", tmp_path / "clone"
    lesson = Path("notebooks") / "03_eager_and_graph.ipynb"
    delivered = [f"line {number}\n" for number in range(20)]
    (course / "notebooks").mkdir(parents=True)
    (course / lesson).write_text("".join(delivered))
    git("init", "--quiet", folder=course)
    git("add", ".", folder=course)
    git("commit", "--quiet", "-m", "first", folder=course)
    git("clone", "--quiet", str(course), str(clone), folder=tmp_path)

    newer = ["newer\n", *delivered]
    (course / lesson).write_text("".join(newer))
    git("commit", "--quiet", "-a", "-m", "second", folder=course)
    mine = [*delivered, "my answer\n"]
    (clone / lesson).write_text("".join(mine))
    (clone / "my_work").mkdir()
    (clone / "my_work" / "copy.ipynb").write_text("".join(mine))

    assert "would be overwritten" in git("pull", fails=True)
    if way == "copies":
        git("checkout", "--", "notebooks")
        git("pull", "--quiet")
        assert (clone / lesson).read_text() == "".join(newer)
    else:
        git("stash")
        git("pull", "--quiet")
        git("stash", "pop")
        assert (clone / lesson).read_text() == "".join([*newer, "my answer\n"])
    assert (clone / "my_work" / "copy.ipynb").read_text() == "".join(mine)
