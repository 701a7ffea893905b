"""Run the very code that stands in a lesson, for tests and for the scripts of ``tools.seeds``."""

import ast
from collections.abc import Collection
from pathlib import Path
from typing import Any

import nbformat

from tools.find_lesson import find_lesson


def lesson_code(number: str, *names: str) -> dict[str, Any]:
    """Return the namespace in which the cells of a lesson that define ``names`` have run.

    The imports of the set-up cell run first. Functions, classes and assignments at the top level
    of a cell count as definitions.

    Raises:
        Problem: there is no such lesson.
        LookupError: no cell of the lesson defines one of the names.
    """
    path, cells = _code_cells(number)
    namespace = _imported(number, path, cells)
    missing = set(names)
    for cell in cells:
        if not (found := _defined(cell.source) & missing):
            continue
        exec(compile(cell.source, f"{path.name}:{cell.id}", "exec"), namespace)
        missing -= found
    if missing:
        raise LookupError(f"{path.name} defines no {', '.join(sorted(missing))}.")
    return namespace


def lesson_parts(number: str, *values: str, only: Collection[str] = ()) -> dict[str, Any]:
    """Return the namespace of all functions and classes of a lesson, without running its cells.

    The imports of the lesson run, and of its other statements the assignments of ``values``. Where
    a function reads a name that a cell computes, put that name into the namespace.

    Args:
        number: of the lesson.
        values: names whose assignments are to run.
        only: the functions and classes, if not all.

    Raises:
        Problem: there is no such lesson.
        LookupError: no cell of the lesson defines one of the names.
    """
    path, cells = _code_cells(number)
    namespace = _imported(number, path, cells)
    missing = wanted = {*values, *only}
    for cell in cells:
        if cell.id.startswith("attempt-"):
            continue
        for statement in _statements(cell.source):
            names = _names(statement)
            missing = missing - names
            part = isinstance(statement, ast.FunctionDef | ast.ClassDef) and not only
            if part or names & wanted or isinstance(statement, ast.Import | ast.ImportFrom):
                code = compile(ast.Module([statement], []), f"{path.name}:{cell.id}", "exec")
                exec(code, namespace)
    if missing:
        raise LookupError(f"{path.name} defines no {', '.join(sorted(missing))}.")
    return namespace


def _code_cells(number: str) -> tuple[Path, list[nbformat.NotebookNode]]:
    path = find_lesson(number)
    return path, [
        cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    ]


def _imported(number: str, path: Path, cells: list[nbformat.NotebookNode]) -> dict[str, Any]:
    """Take the set-up cell off the cells, and return a namespace in which its imports have run."""
    place = next(place for place, cell in enumerate(cells) if cell.id == "setup")
    setup = cells.pop(place).source
    imports = setup.split(f"start_lesson(seed={int(number)})", maxsplit=1)[1]
    namespace: dict[str, Any] = {"__name__": f"lesson_{number}"}
    exec(compile(imports, f"{path.name}:setup", "exec"), namespace)
    return namespace


def _defined(source: str) -> set[str]:
    """Return the names that a cell defines at its top level."""
    return set().union(*map(_names, _statements(source)))


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a cell with IPython magics
        return []


def _names(statement: ast.stmt) -> set[str]:
    """Return the names that a statement defines."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        stored = [node for target in statement.targets for node in ast.walk(target)]
        return {
            node.id
            for node in stored
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
    return set()
