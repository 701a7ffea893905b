"""A lesson alone in an empty folder, where only what a fresh Colab has is installed.

The set-up cell must fetch the course, here from a clone on this machine, and leave TensorFlow
and NumPy as they are.
"""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import notebooks as tool

COLAB_HAS = ("tensorflow", "numpy", "matplotlib", "ipykernel", "nbclient", "pip", "setuptools")
ABSENT = ("course_utils", "nbval", "pydot", "graphviz_pure", "pytest")
KEPT = ("tensorflow", "keras", "numpy", "matplotlib")

RUN = """
import sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
client = NotebookClient(notebook, timeout=500, kernel_name="python3")
try:
    client.execute(cwd=sys.argv[2])
finally:
    nbformat.write(notebook, sys.argv[1])
"""
STATE = """
import importlib.util, json, sys
from importlib import metadata

kept, absent = json.loads(sys.argv[1])
places = {name: importlib.util.find_spec(name) for name in kept + absent}
places = {name: spec and spec.origin for name, spec in places.items()}
versions = {name: metadata.version(name) for name in kept}
print(json.dumps([places, versions]))
"""


def needed(names: tuple[str, ...]) -> dict[str, metadata.Distribution]:
    """Return the installed distributions that these need, themselves included."""
    found: dict[str, metadata.Distribution] = {}
    seen, waiting = set(), [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # optional on this platform, or pip under uv
            continue
        extras = [{"extra": extra} for extra in ("", *requirement.extras)]
        for wanted in map(Requirement, found[name].requires or ()):
            if wanted.marker is None or any(map(wanted.marker.evaluate, extras)):
                waiting.append(wanted)
    return found


def test_what_colab_has_holds_no_part_of_the_course():
    names = needed(COLAB_HAS)
    assert {"tensorflow", "keras", "numpy", "ipykernel", "nbclient"} <= set(names)
    assert not {canonicalize_name(name) for name in ABSENT} & set(names)


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """A folder of links to the packages of a fresh Colab.

    It is no part of the environment that uses it, so pip can put nothing into it and take
    nothing out of it.
    """
    folder = tmp_path_factory.mktemp("colab") / "packages"
    folder.mkdir()
    for name, distribution in needed(COLAB_HAS).items():
        if not distribution.files:
            pytest.skip(f"the files of {name} are not recorded, so it cannot be linked")
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if top.endswith(".pth") or (folder / top).exists():
                continue
            try:
                (folder / top).symlink_to(distribution.locate_file(top))
            except OSError as error:
                pytest.skip(f"this user may not make symbolic links: {error}")
    return folder


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A git repository of the project as it stands here, committed or not."""
    if not shutil.which("git"):
        pytest.skip("git is not installed; pip needs it to fetch the course")
    listed = git(tool.ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode:
        pytest.skip("this copy of the course is no git clone")
    folder = tmp_path_factory.mktemp("clone") / "course"
    for name in filter(None, listed.stdout.split("\0")):
        if (tool.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(tool.ROOT / name, folder / name)
    author = ("-c", "user.name=course", "-c", "user.email=course@example.invalid")
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "course"]):
        done = git(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder


def git(folder: Path, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["git", *command], cwd=folder, capture_output=True, encoding="utf-8", timeout=100
    )


class Colab:
    """An environment that has what a fresh Colab has, and an empty folder to work in."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder, self.work = folder, folder / "work"
        self.work.mkdir()
        self.prefix = folder / "environment"
        without_pip = ["--without-pip"] if (packages / "pip").exists() else []
        command = [sys.executable, "-m", "venv", *without_pip, str(self.prefix)]
        subprocess.run(command, check=True, timeout=100)
        windows = os.name == "nt"
        self.python = self.prefix / ("Scripts/python.exe" if windows else "bin/python")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "PYTHON", "COURSE_", "TF_", "VIRTUAL_ENV"))
        }
        self.environment |= {
            "JUPYTER_PREFER_ENV_PATH": "1",
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONDONTWRITEBYTECODE": "1",  # the linked packages belong to somebody else
        }
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        place = Path(self.run("-c", code).stdout.strip())
        (place / "colab.pth").write_text(f"{packages}\n")
        self.site_packages = place
        kernel = self.prefix / "share" / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True)
        argv = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        text = json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
        (kernel / "kernel.json").write_text(text)

    def run(self, *command: str, timeout: float = 100) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.python), *command],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
        )

    def state(self) -> tuple[dict, dict]:
        """Return where packages are found, and the versions of those that must stay."""
        done = self.run("-c", STATE, json.dumps([KEPT, ABSENT]))
        assert done.returncode == 0, done.stderr
        return tuple(json.loads(done.stdout))


@pytest.fixture
def colab(tmp_path, packages) -> Colab:
    made = Colab(tmp_path, packages)
    asked = made.run(
        *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "1"),
        *("--timeout", "10", "--no-deps", "--dest", str(tmp_path / "asked"), "hatchling"),
        timeout=300,
    )
    if asked.returncode:
        pytest.skip(f"no package index answers: {asked.stderr.strip().splitlines()[-1]}")
    return made


def test_a_lesson_opens_alone(colab, clone):
    path = tool.notebook_paths()[0]  # lesson 00, which tries all that the others use
    exercises = tool.load_exercises("00")
    notebook = tool.render_notebook(path, tool.describe_all(), exercises, clone.as_uri())
    assert f'"git+{clone.as_uri()}"' in tool.code_cells(notebook)[0].source
    for cell in tool.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    file = colab.folder / path.name
    file.write_text(tool.notebook_text(notebook), encoding="utf-8")

    places, versions = colab.state()
    assert all(places[name] for name in KEPT)
    assert not any(places[name] for name in ABSENT)

    done = colab.run("-c", RUN, str(file), str(colab.work), timeout=600)
    assert done.returncode == 0, tool.ANSI.sub("", done.stderr)[-3000:]
    executed = nbformat.read(file, as_version=4)
    assert rules.no_error_output(executed) == []
    assert rules.executed_in_order(executed) == []

    places_after, versions_after = colab.state()
    assert versions_after == versions
    assert {name: places_after[name] for name in KEPT} == {name: places[name] for name in KEPT}
    assert places_after["course_utils"] == str(colab.site_packages / "course_utils/__init__.py")
    data = colab.site_packages / "course_utils" / "_data" / "mnist_5k.npz"
    assert data.read_bytes() == (tool.ROOT / "data" / "mnist_5k.npz").read_bytes()
    assert list(colab.work.iterdir()) == [], "the lesson leaves files behind"
