"""What an import loads: modules counted in a fresh process, not seconds; and no import circles."""

import ast
import graphlib
import importlib.util
import json
import pkgutil
import re
from pathlib import Path

import pytest
from fresh_process import run_python

import course_utils
import course_utils.exercises

HEAVY = ("tensorflow", "keras")
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(course_utils.__path__, "course_utils.")
    if not found.name.startswith("course_utils.exercises.lesson_")
)
# Those that compute with TensorFlow as soon as they are imported; a new module is not one of
# them by accident.
NEED_TENSORFLOW = {
    "course_utils.builders.resnet",
    "course_utils.training.callbacks",
}


def imported_by(file, package):
    """Return the names that a module of ``package`` imports, as its source says, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def import_order(folder):
    """Return the modules under ``folder`` in an order in which each comes after what it imports.

    Raises:
        graphlib.CycleError: there is none.
    """
    root = folder.parent
    files = {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for file in folder.rglob("*.py")
    }
    graph = {
        name: {
            other
            for other in imported_by(
                file, name if file.stem == "__init__" else name.rpartition(".")[0]
            )
            if other in files and other != name
        }
        for name, file in files.items()
    }
    return list(graphlib.TopologicalSorter(graph).static_order())


def loaded_by(code):
    """Return the names of the modules that some code loads in a fresh process."""
    done = run_python(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    return json.loads(done.stdout.splitlines()[-1])


def tops(modules):
    return {name.split(".")[0] for name in modules}


def test_the_package_names_each_of_its_modules():
    named = re.findall(r"^- ``(\w+)``: ", course_utils.__doc__, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) == {found.name for found in pkgutil.iter_modules(course_utils.__path__)}


def test_the_package_itself_loads_nothing():
    bare = set(loaded_by(""))
    assert set(loaded_by("import course_utils")) - bare == {"course_utils"}


@pytest.mark.parametrize("module", [name for name in MODULES if name not in NEED_TENSORFLOW])
def test_parts_that_need_no_tensorflow_load_neither_it_nor_pyplot(module):
    loaded = loaded_by(f"import {module}")
    assert not tops(loaded) & set(HEAVY) and "matplotlib.pyplot" not in loaded


@pytest.mark.parametrize("module", sorted(NEED_TENSORFLOW))
def test_the_others_load_it_indeed(module):
    assert set(HEAVY) <= tops(loaded_by(f"import {module}"))


@pytest.mark.parametrize("module", ["session", "setup_check", "diagrams", "lessons"])
def test_the_small_parts_load_neither_numpy_nor_matplotlib(module):
    assert not tops(loaded_by(f"import course_utils.{module}")) & {"numpy", "matplotlib"}


def test_data_and_diagrams_work_without_tensorflow():
    code = """
from course_utils.data import ten_digits
from course_utils.diagrams import draw_graph
from course_utils.exercises import check
assert ten_digits().shape == (10, 28, 28)
assert draw_graph({"a": {}}, []).png().startswith(b"\\x89PNG")
check("00.1", lambda a, b, c: (a + b + c) / 3)
"""
    assert not tops(loaded_by(code)) & set(HEAVY)


def test_no_module_imports_what_imports_it():
    order = import_order(Path(course_utils.__file__).parent)
    assert set(MODULES) <= set(order)
    parts = [
        f"course_utils.exercises.{name}" for name in ("sandbox", "errors", "expect", "judging")
    ]
    assert sorted(parts, key=order.index) == parts


def test_a_circle_of_imports_is_seen(tmp_path):
    package = tmp_path / "round"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text("from round.second import name")
    (package / "second.py").write_text("def name():\n    from . import first")
    with pytest.raises(graphlib.CycleError, match=r"round\.first"):
        import_order(package)


def test_importing_changes_no_environment_variable():
    light = [name for name in MODULES if name not in NEED_TENSORFLOW]
    code = f"""
import os
before = dict(os.environ)
import {", ".join(light)}
assert dict(os.environ) == before
"""
    loaded_by(code)


def test_this_test_sees_tensorflow_when_it_is_loaded():
    loaded = loaded_by("from course_utils.session import import_tensorflow\nimport_tensorflow()")
    assert set(HEAVY) <= tops(loaded)
