"""How a lesson is put together: headings and sections, core and Further, folded cells, minutes.

A lesson is one sitting, and says how long that is. Nobody types the minutes: they follow from
the words to read, the lines of code to understand, and what each exercise takes.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from nbformat import NotebookNode

WORDS_A_MINUTE = 110
LINES_A_MINUTE = 12
FENCED = re.compile(r"^(```|~~~)[^\n]*\n(.*?)^\1", re.MULTILINE | re.DOTALL)
FOLDED = "folded"  # the tag of a cell that is run and not read
FOLDED_TITLE = "# @title Just run: "  # how such a cell begins; Colab shows the rest of the line
SHUT = {"cellView": "form", "jupyter": {"source_hidden": True}}  # in Colab, in JupyterLab


# --- headings ------------------------------------------------------------------------------


def headings(source: str) -> list[tuple[int, str]]:
    """Return (level, text) of the headings in a Markdown source, code blocks left out."""
    found = re.findall(r"^(#{1,6})\s+(.+?)\s*#*$", FENCED.sub("", source), flags=re.MULTILINE)
    return [(len(marks), text) for marks, text in found]


def heading_anchor(text: str) -> str:
    """Return the anchor that Jupyter gives to a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"[`*]", "", plain).strip().replace(" ", "-")


def section_above(notebook: NotebookNode, index: int) -> str:
    """Return the heading under which a cell stands; nothing where that is the lesson's title.

    The heading of an exercise is that of its attempt alone: what follows goes on with the section.
    """
    attempt = notebook.cells[index].id.startswith("attempt-")
    found = [
        entry
        for cell in notebook.cells[: index + 1]
        if cell.cell_type == "markdown" and (attempt or not cell.id.startswith("exercise-"))
        for entry in headings(cell.source)
    ]
    level, text = found[-1] if found else (1, "")
    return text if level > 1 else ""


def link_to(file: str, title: str, section: str) -> str:
    """Return a Markdown link to a section of a lesson, or to the lesson where there is none."""
    if not section:
        return f"[{title}]({file})"
    # JupyterLab looks for the anchor as it stands, so only what a browser would encode is encoded.
    anchor = quote(heading_anchor(section), safe="-._~!$&'()*+,;=:@/?")
    return f"[{title}, *{re.sub(r'[*_]', '', section)}*]({file}#{anchor})"


# --- core and Further ----------------------------------------------------------------------


def further_at(notebook: NotebookNode) -> int:
    """Return the index of the cell that opens Further; the number of cells where there is none."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown" and (2, "Further") in headings(cell.source):
            return index
    return len(notebook.cells)


# --- folded cells --------------------------------------------------------------------------


def is_folded(cell: NotebookNode) -> bool:
    """Say whether a cell is to be run and not read."""
    return FOLDED in cell.get("metadata", {}).get("tags", [])


def cell_metadata(tags: list[str]) -> dict[str, Any]:
    """Return the metadata of a cell with these tags; they follow from the tags alone."""
    kept = {"tags": tags} if tags else {}
    return kept | SHUT if FOLDED in tags else kept


# --- minutes -------------------------------------------------------------------------------


def sitting(notebook: NotebookNode, exercises: Mapping[str, int]) -> tuple[int, int]:
    """Return the minutes of the core and those of Further, rounded up.

    ``exercises`` leads from the id of each statement's cell to the minutes of its exercise.
    """
    each, at = list(_minutes(notebook, exercises)), further_at(notebook)
    return math.ceil(sum(each[:at])), math.ceil(sum(each[at:]))


def minutes_before(notebook: NotebookNode, index: int, exercises: Mapping[str, int]) -> float:
    """Return how many minutes a reader has spent when the cell with this index begins."""
    return sum(list(_minutes(notebook, exercises))[:index])


def _minutes(notebook: NotebookNode, exercises: Mapping[str, int]) -> Iterator[float]:
    """Yield each cell's minutes."""
    for cell in notebook.cells:
        cell_id = cell.get("id", "")
        if cell_id in ("header", "setup", "footer") or cell_id.startswith("attempt-"):
            yield 0
        elif cell_id.startswith("exercise-"):
            yield exercises.get(cell_id, 0)
        elif cell.cell_type == "code":
            yield 0 if is_folded(cell) else _lines(cell.source) / LINES_A_MINUTE
        else:
            code = "\n".join(block for _, block in FENCED.findall(cell.source))
            yield _words(cell.source) / WORDS_A_MINUTE + _lines(code) / LINES_A_MINUTE


def _lines(code: str) -> int:
    return sum(1 for line in code.splitlines() if line.strip())


def _words(markdown: str) -> int:
    """Count the words of a Markdown source, without its code blocks and the targets of links."""
    text = re.sub(r"<!--.*?-->", "", FENCED.sub("", markdown), flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return sum(1 for word in text.split() if re.search(r"\w", word))
