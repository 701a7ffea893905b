"""The two pages by which a reader finds a lesson: from an API name, and from an error message."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nbformat import NotebookNode

from tools import names, structure

WRITTEN = "`make refresh` writes this page from the lessons."
MESSAGE = re.compile(r"^(\w+)\n((?:│.*(?:\n|\Z))+)", re.MULTILINE)  # as show_error prints it
# The lines in which TensorFlow and Keras wrap what happened.
WRAPPING = re.compile(
    r"(in user code:|Exception encountered when calling|Graph execution error:|File \")?"
)


def names_page(
    lessons: Sequence[dict[str, Any]],
    notebooks: Mapping[str, NotebookNode],
    solutions: Mapping[str, str],
) -> str:
    """Return INDEX.md: each introduced name with the section that uses it first.

    A name that the Further of one lesson and the core of a later one introduce is found in
    the core. ``notebooks`` are the lessons by file, ``solutions`` as in :mod:`tools.names`.
    """
    where: dict[str, str] = {}
    in_core: set[str] = set()
    for lesson in lessons:
        notebook = notebooks[lesson["file"]]
        core = names.introduced_in_core(notebook, solutions)
        for name, at in names.first_uses(notebook, solutions).items():
            if name not in where or (name in core and name not in in_core):
                where[name] = _link(lesson, structure.section_above(notebook, at))
        in_core |= core
    lines = ["# Which lesson introduces which name", "", WRITTEN]
    lines += [
        "[Another one](ERRORS.md) leads from an error message to the section that shows it.",
        "",
    ]
    for start in ("tf", "keras"):
        found = [name for name in where if name.split(".")[0] == start]
        if found:
            lines += [f"## {start}", "", "| name | lesson, section |", "|---|---|"]
            found.sort(key=lambda name: (name.lower(), name))
            lines += [f"| `{name}` | {where[name]} |" for name in found]
            lines.append("")
    return "\n".join(lines)


def errors_page(lessons: Sequence[dict[str, Any]], notebooks: Mapping[str, NotebookNode]) -> str:
    """Return ERRORS.md: the telling line of each error message, and the section that shows it."""
    where: dict[str, str] = {}
    for lesson in lessons:
        notebook = notebooks[lesson["file"]]
        for index, message in messages_shown(notebook):
            where.setdefault(message, _link(lesson, structure.section_above(notebook, index)))
    lines = ["# Which lesson shows which error message", "", WRITTEN]
    lines += [
        "Search it for a few words of your message; numbers, names and shapes will differ.",
        "",
    ]
    found = sorted(where, key=lambda message: (message.lower(), message))
    lines += [f"- {_as_code(message)}  \n  {where[message]}" for message in found]
    return "\n".join(lines) + "\n"


def messages_shown(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Yield (index of the cell, type and telling line) for each error that ``show_error`` shows.

    The telling line is the first one that holds a phrase of the cell's calls, or else the first
    that does not merely wrap another message.
    """
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or (phrases := _phrases(cell.source)) is None:
            continue
        printed = "".join(output.get("text", "") for output in cell.outputs)
        for kind, block in MESSAGE.findall(printed):
            lines = [line.removeprefix("│").strip() for line in block.splitlines()]
            telling = [line for line in lines if any(phrase in line for phrase in phrases)]
            telling += [line for line in lines if not WRAPPING.match(line)[0] and line]
            if telling:
                yield index, f"{kind}: {telling[0].removeprefix(f'{kind}: ')}"


def _phrases(source: str) -> list[str] | None:
    """Return the phrases that the calls of ``show_error`` in a cell spell out, None without one."""
    calls = [
        node
        for node in ast.walk(names.parsed(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "show_error"
    ]
    constants = [call.args[1] for call in calls if len(call.args) > 1]
    phrases = [node.value for node in constants if isinstance(node, ast.Constant)]
    return phrases if calls else None


def _link(lesson: dict[str, Any], section: str) -> str:
    return structure.link_to(lesson["file"], f"{lesson['number']} {lesson['title']}", section)


def _as_code(text: str) -> str:
    """Return text as Markdown code, whatever backticks it holds."""
    fence = "`" * (max(map(len, re.findall(r"`+", text)), default=0) + 1)
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{room}{text}{room}{fence}"
