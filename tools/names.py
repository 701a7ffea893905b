"""Which names of TensorFlow and Keras the code of a lesson uses, and where for the first time."""

import ast
import re
from collections.abc import Mapping

from nbformat import NotebookNode

from tools.structure import further_at

USUAL_NAMES = {"tf": "tf", "keras": "keras", "layers": "keras.layers"}


def python_source(source: str) -> str:
    """Return a cell's source as plain Python: magics go, what ``%time`` measures stays."""
    lines = []
    for line in source.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if timed := re.match(r"\s*%{1,2}time(?:it)?\b(?:\s+-\w+(?:\s+\d+)?)*\s*(.*)", line):
            line = indent + (timed[1] or "pass")
        elif re.match(r"\s*[%!?]|.*=\s*[%!]|\s*[\w.]+\?{1,2}$", line):
            line = indent + "pass"
        lines.append(line)
    return "\n".join(lines)


def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a cell's source, an empty one where it shows a syntax error."""
    try:
        return ast.parse(python_source(source))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def normal(dotted: str) -> str | None:
    """Return a dotted name as the course writes it, or None where it is of something else."""
    dotted = re.sub(r"^tensorflow\b", "tf", dotted)
    dotted = re.sub(r"^tf\.keras\b", "keras", dotted)
    return dotted if dotted.split(".")[0] in ("tf", "keras") else None


def dotted_names(source: str, aliases: dict[str, str]) -> list[str]:
    """Return the dotted names that Python source uses; ``aliases`` is read and brought on.

    ``aliases`` leads from a name in the code to the dotted name for which it stands.
    """
    uses = _Uses(aliases)
    uses.visit(parsed(source))
    return uses.found


def names_used(
    notebook: NotebookNode, solutions: Mapping[str, str] | None = None
) -> list[tuple[int, str]]:
    """Return (index of the cell, dotted name) for each use, in order.

    ``solutions`` maps the id of an attempt's cell to the reference solution: what a learner
    needs there counts as used there.
    """
    aliases: dict[str, str] = {}
    used = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        found = dotted_names(cell.source, aliases)
        found += dotted_names((solutions or {}).get(cell.id, ""), USUAL_NAMES | aliases)
        used += [(index, dotted) for dotted in found]
    return used


def first_uses(
    notebook: NotebookNode, solutions: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Return, for each name that the lesson introduces and uses, the index of the first cell.

    A use of ``tf.uint8.max`` is one of ``tf.uint8``.
    """
    used = names_used(notebook, solutions)
    first = {}
    for name in notebook.metadata.course.introduces:
        found = (at for at, dotted in used if f"{dotted}.".startswith(f"{name}."))
        if (at := next(found, None)) is not None:
            first[name] = at
    return first


def introduced_in_core(
    notebook: NotebookNode, solutions: Mapping[str, str] | None = None
) -> set[str]:
    """Return the names that every later lesson may use: those whose first use is in the core."""
    further = further_at(notebook)
    return {name for name, at in first_uses(notebook, solutions).items() if at < further}


class _Uses(ast.NodeVisitor):
    """Finds the dotted names of TensorFlow and Keras in code, whatever they are called there."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases
        self.found: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            dotted = normal(alias.name)
            if dotted and alias.asname:
                self.aliases[alias.asname] = dotted
            elif dotted:
                top = alias.name.split(".")[0]
                self.aliases[top] = "tf" if top == "tensorflow" else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if dotted := normal(f"{node.module}.{alias.name}"):
                self.aliases[alias.asname or alias.name] = dotted

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        if dotted := self.dotted(node.value):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.aliases[target.id] = dotted

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and (dotted := self.dotted(node)):
            self.found.append(dotted)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if dotted := self.dotted(node):
            self.found.append(dotted)
        else:
            self.generic_visit(node)

    def dotted(self, node: ast.expr) -> str | None:
        """Return the dotted name of a chain such as ``tf.math.add``, or None."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id in self.aliases:
            return normal(".".join([self.aliases[node.id], *parts]))
        return None
