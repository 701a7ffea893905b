"""What an import loads: modules counted in a fresh process, not seconds."""

import json
import pkgutil

import pytest
from fresh_process import run_python

import course_utils
import course_utils.exercises

HEAVY = ("tensorflow", "keras")
MODULES = sorted(
    found.name
    for found in pkgutil.walk_packages(course_utils.__path__, "course_utils.")
    if not found.name.startswith("course_utils.exercises.")
)
# Those that compute with TensorFlow as soon as they are imported; a new module is not one of
# them by accident.
NEED_TENSORFLOW = {
    "course_utils.training.callbacks",
    "course_utils.builders.convolution",
    "course_utils.builders.from_scratch",
    "course_utils.training.gradients",
    "course_utils.builders.imagenet_resnets",
    "course_utils.builders.residual",
    "course_utils.builders.resnet",
    "course_utils.builders.towers",
    "course_utils.builders.wide_deep",
}


def loaded_by(code):
    """Return the names of the modules that some code loads in a fresh process."""
    done = run_python(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    return json.loads(done.stdout.splitlines()[-1])


def tops(modules):
    return {name.split(".")[0] for name in modules}


def test_the_package_itself_loads_nothing():
    bare = set(loaded_by(""))
    assert set(loaded_by("import course_utils")) - bare == {"course_utils"}


@pytest.mark.parametrize("module", [name for name in MODULES if name not in NEED_TENSORFLOW])
def test_parts_that_need_no_tensorflow_do_not_load_it(module):
    assert not tops(loaded_by(f"import {module}")) & set(HEAVY)


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
