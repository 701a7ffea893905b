"""How stored outputs are compared: what may differ between machines, and what may not."""

import os
import subprocess
import sys

import nbformat
import pytest
from notebook_rules import as_compared

from tools import notebooks as tool


def accepted(stored, fresh):
    """Say whether nbval accepts a fresh text in the place of a stored one."""
    return as_compared(stored) == as_compared(fresh)


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("accuracy ≈ 0.971", "accuracy ≈ 0.9684"),
        ("took ≈ 12.3 s, then 4", "took ≈ 9 s, then 4"),
        ("≈ 3.", "≈ 4."),
        ("≈0.5", "≈ -0.5"),
        ("≈   0.97\n≈ 12.00", "≈  10.97\n≈  2.00"),
        ("≈ 1e-07", "≈ 2.5e+03"),
        ("≈ 1,234,567 bytes", "≈ 987 bytes"),
        ("ValueError\n│ one\nnext", "ValueError\n│ two\n│\n│   lines\nnext"),
        ("│ 12 values\n", "│ no value\n"),
    ],
)
def test_what_may_differ(stored, fresh):
    assert accepted(stored, fresh)


@pytest.mark.parametrize(
    ("stored", "fresh"),
    [
        ("accuracy 0.97", "accuracy 0.96"),
        ("≈ 0.97 in 3 epochs", "≈ 0.97 in 4 epochs"),
        ("≈ 0.97, 3", "≈ 0.97, 4"),
        ("≈ 0.97", "≈ nan"),
        ("≈ 0.97", "≈ inf"),
        ("≈ 0.97", "≈ -inf"),
        ("≈ 0.97", "≈ "),
        ("≈ 0.97", "0.97"),
        ("≈ 12 s", "≈ 12 ms"),
        ("≈ 3\n≈ 4\n", "≈ 3\n"),
        ("≈\n3", "≈\n4"),
        ("ValueError\n│ one", "TypeError\n│ one"),
        ("ValueError\n│ one", "ValueError\n"),
        ("ValueError\n│ one\nnext", "ValueError\n│ one\nother"),
        ("a │ one", "a │ two"),
        ("│ one\n\n│ two", "│ one\n│ two"),
        ("│ dense (Dense) │ 7,850 │", "│ dense (Dense) │ 7,851 │"),
    ],
)
def test_what_may_not(stored, fresh):
    assert not accepted(stored, fresh)
    assert not accepted(fresh, stored)


CELLS = {
    "number": ("print(f'digits ≈ {1 / 3:.4f}')", "digits ≈ 0.9\n"),
    "value": ("class A:\n    __repr__ = lambda self: 'about ≈ 5'\nA()", "about ≈ 6"),
    "message": ("print('KeyError\\n│ one\\n│ two')", "KeyError\n│ other words\n"),
    "exact": ("print('one line')", "another line\n"),
}


@pytest.mark.parametrize("folder", [".", "notebooks", "tests"])
def test_nbval_finds_the_rules_from_any_folder(folder, tmp_path):
    for name in ("pyproject.toml", "conftest.py", "tests/nbval_sanitize.cfg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((tool.ROOT / name).read_bytes())
    notebook = nbformat.v4.new_notebook()
    for count, (source, stored) in enumerate(CELLS.values(), start=1):
        made = nbformat.v4.new_code_cell(source, execution_count=count)
        if source.endswith("A()"):
            data = {"text/plain": stored}
            output = nbformat.v4.new_output("execute_result", data, execution_count=count)
        else:
            output = nbformat.v4.new_output("stream", text=stored)
        made.outputs = [output]
        notebook.cells.append(made)
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / "a.ipynb")
    here = tmp_path / folder
    file = os.path.relpath(tmp_path / "notebooks" / "a.ipynb", here)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "-q", file],
        cwd=here,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "another line" in done.stdout
