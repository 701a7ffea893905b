"""Run the very code that stands in a lesson, so that tests can compare it with the helpers."""

import ast
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
    path = find_lesson(number)
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    setup = next(cell.source for cell in cells if cell.id == "setup")
    imports = setup.split(f"start_lesson(seed={int(number)})", maxsplit=1)[1]
    namespace: dict[str, Any] = {"__name__": f"lesson_{number}"}
    exec(compile(imports, f"{path.name}:setup", "exec"), namespace)
    missing = set(names)
    for cell in cells:
        if cell.id == "setup" or not (found := _defined(cell.source) & missing):
            continue
        exec(compile(cell.source, f"{path.name}:{cell.id}", "exec"), namespace)
        missing -= found
    if missing:
        raise LookupError(f"{path.name} defines no {', '.join(sorted(missing))}.")
    return namespace


def _defined(source: str) -> set[str]:
    """Return the names that a cell defines at its top level."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # a cell with IPython magics
        return set()
    names = set()
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names
