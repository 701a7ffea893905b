"""The rules that every notebook keeps: each takes a notebook and returns a list of problems.

test_notebooks.py holds the lessons to them, test_notebook_rules.py shows that each can fail.
"""

import ast
import functools
import importlib
import inspect
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

from course_utils.session import import_tensorflow
from tools import notebooks as tool

LARGEST = 1_500_000  # bytes of a file
LONGEST_CELL = 40  # lines
WIDEST_LINE = 100  # characters
MARKERS = {"NBVAL_CHECK_OUTPUT", "NBVAL_IGNORE_OUTPUT", "NBVAL_RAISES_EXCEPTION"}
PATHS = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work|tmp|private|mnt|var/folders)/"
    r"|\b[A-Z]:\\+(?:Users|Windows|Program|Python|Documents|Temp|work)"
)
CODE_SPAN = re.compile(r"(`+)(?!`)((?:(?!\n\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u26ff\u2705\u2728\u274c\u2757\ufe0f]")
WORDS = re.compile(r"\bsimply\b|\bas you can see\b|\bobviously\b", re.IGNORECASE)
PRIVATE = re.compile(r"_(?!_)|(?:src|python)$")  # a part of a dotted name
USUAL_NAMES = {"tf": "tf", "keras": "keras", "layers": "keras.layers"}


# --- reading -------------------------------------------------------------------------------


def markdown_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the Markdown cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def output_texts(cell: NotebookNode) -> list[str]:
    """Return everything in a code cell's outputs that is text."""
    texts = []
    for output in cell.outputs:
        texts += [output.get(key, "") for key in ("text", "ename", "evalue")]
        texts += output.get("traceback", [])
        for kind, data in output.get("data", {}).items():
            if kind.startswith("text/") or kind == "image/svg+xml":
                texts.append("".join(data))
    return [tool.ANSI.sub("", text) for text in texts]


def markers(cell: NotebookNode) -> set[str]:
    """Return a code cell's markers for nbval, from comments and tags, in the comments' words."""
    comments = re.findall(r"^\s*#+\s*((?:NBVAL|PYTEST)_\w+)\s*$", cell.source, re.MULTILINE)
    tags = [tag.upper().replace("-", "_") for tag in cell.metadata.get("tags", [])]
    tags = ["NBVAL_RAISES_EXCEPTION" if tag == "RAISES_EXCEPTION" else tag for tag in tags]
    return {marker for marker in [*comments, *tags] if marker.startswith(("NBVAL_", "PYTEST_"))}


def without_code(markdown: str) -> str:
    """Return a Markdown source without its code, inline or fenced."""
    text = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(CODE_SPAN, "", text)


def code_spans(markdown: str) -> list[str]:
    """Return what stands in backticks in a Markdown source."""
    return [span for _, span in CODE_SPAN.findall(markdown)]


def parsed(cell: NotebookNode) -> ast.Module:
    """Return a code cell's syntax tree, an empty one where the cell shows a syntax error."""
    try:
        return ast.parse(tool.python_source(cell.source))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


# --- execution and outputs -----------------------------------------------------------------


def executed_in_order(notebook: NotebookNode) -> list[str]:
    """All code cells are executed, and numbered 1 to n from top to bottom."""
    problems = []
    for number, cell in enumerate(tool.code_cells(notebook), start=1):
        if cell.execution_count != number:
            problems.append(f"cell '{cell.id}' has the count {cell.execution_count}, not {number}")
        for output in cell.outputs:
            if output.get("execution_count", number) != number:
                problems.append(f"cell '{cell.id}' has an output of another count")
    return problems


def outputs_up_to_date(notebook: NotebookNode, root: Path = tool.ROOT) -> list[str]:
    """The outputs were made from the sources that stand there."""
    if notebook.metadata.course.executed != tool.digest(notebook, root):
        return ["the code has changed since the outputs were stored: run `make refresh`"]
    return []


def no_error_output(notebook: NotebookNode) -> list[str]:
    """No cell stores an error, unless it is marked as one that raises."""
    return [
        f"cell '{cell.id}' stores {output.ename}: {output.evalue}"
        for cell in tool.code_cells(notebook)
        for output in cell.outputs
        if output.output_type == "error" and "NBVAL_RAISES_EXCEPTION" not in markers(cell)
    ]


def prints_are_stored(notebook: NotebookNode) -> list[str]:
    """A cell that prints in any case stores an output."""
    problems = []
    for cell in tool.code_cells(notebook):
        prints = any(
            isinstance(line, ast.Expr)
            and isinstance(line.value, ast.Call)
            and isinstance(line.value.func, ast.Name)
            and line.value.func.id in ("print", "display", "check", "hint", "solution")
            for line in parsed(cell).body
        )
        if prints and not cell.outputs:
            problems.append(f"cell '{cell.id}' prints, but stores no output")
    return problems


def comparison_is_not_evaded(notebook: NotebookNode) -> list[str]:
    """Few cells keep their outputs from comparison, and each of them asserts something."""
    problems = []
    cells = tool.code_cells(notebook)
    ignoring = [cell for cell in cells if "NBVAL_IGNORE_OUTPUT" in markers(cell)]
    for cell in ignoring:
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(parsed(cell)))
        if not asserts:
            problems.append(f"cell '{cell.id}' ignores its output and asserts nothing")
    if len(ignoring) * 5 >= max(len(cells), 1):
        problems.append(f"{len(ignoring)} of {len(cells)} cells ignore their output: 20 % or more")
    for cell in cells:
        for marker in sorted(markers(cell) - MARKERS):
            problems.append(f"cell '{cell.id}' has the marker {marker}")
        alone = re.sub(r"^\s*#+\s*NBVAL_\w+\s*$", "", cell.source, flags=re.MULTILINE)
        if "NBVAL_" in alone:
            problems.append(f"cell '{cell.id}' has a marker that does not stand alone on its line")
    return problems


@functools.cache
def sanitizing() -> tuple[tuple[str, str], ...]:
    """Return the (pattern, replacement) pairs through which outputs go before comparison."""
    text = (tool.ROOT / "tests" / "nbval_sanitize.cfg").read_text(encoding="ascii")
    return tuple(get_sanitize_patterns(text))


def as_compared(text: str) -> str:
    """Return an output's text as nbval compares it."""
    for pattern, replacement in sanitizing():
        text = re.sub(pattern, replacement, text)
    return text


def numbers_behind_the_sign(notebook: NotebookNode) -> list[str]:
    """What stands behind ``≈`` in an output is a number; nan and infinity are none."""
    return [
        f"cell '{cell.id}' has no number behind ≈: {line.strip()[:60]}"
        for cell in tool.code_cells(notebook)
        for text in output_texts(cell)
        for line in as_compared(text).splitlines()
        if "≈" in line
    ]


def nothing_of_this_machine(notebook: NotebookNode) -> list[str]:
    """No absolute path in sources or outputs, no object address in outputs."""
    problems = []
    for cell in notebook.cells:
        texts = [cell.source]
        if cell.cell_type == "code":
            texts += output_texts(cell)
            for text in texts[1:]:
                if found := ADDRESS.search(text):
                    problems.append(f"cell '{cell.id}' shows the object address {found[0]}")
        for text in texts:
            if found := PATHS.search(text):
                line = text[found.start() :].splitlines()[0][:60]
                problems.append(f"cell '{cell.id}' shows the path {line}")
    return problems


def metadata_as_agreed(notebook: NotebookNode) -> list[str]:
    """The metadata have exactly the agreed keys and name no person and no machine."""
    problems = []
    metadata = notebook.metadata
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        problems.append(f"format {notebook.nbformat}.{notebook.nbformat_minor}, expected 4.5")
    if set(metadata) != {"kernelspec", "language_info", "course"}:
        problems.append(f"the notebook's metadata have the keys {sorted(metadata)}")
    if metadata.get("kernelspec") != tool.KERNELSPEC:
        problems.append("kernelspec is not the agreed one")
    if metadata.get("language_info") != {"name": "python"}:
        problems.append("language_info is not the agreed one")
    if set(metadata.get("course", {})) != set(tool.COURSE_KEYS):
        problems.append(f"course has the keys {sorted(metadata.get('course', {}))}")
    for cell in notebook.cells:
        if set(cell.metadata) - {"tags"}:
            problems.append(f"cell '{cell.id}' has the metadata {sorted(cell.metadata)}")
    return problems


def size_bounded(text: str) -> list[str]:
    """A file is small enough to be read on the web."""
    size = len(text.encode("utf-8"))
    return [f"{size} bytes, at most {LARGEST} are allowed"] if size > LARGEST else []


# --- text ----------------------------------------------------------------------------------


def images_have_alt_text(notebook: NotebookNode) -> list[str]:
    """Every Markdown image has alt text, and comes from the repository, but for the badge."""
    problems = []
    for cell in markdown_cells(notebook):
        text = without_code(cell.source)
        images = re.findall(r"!\[([^\]]*)\]\(\s*([^)\s]+)", text)
        for tag in re.findall(r"<img\b[^>]*>", text):
            alt = re.search(r"""\balt=["']([^"']*)""", tag)
            src = re.search(r"""\bsrc=["']([^"']*)""", tag)
            images.append((alt[1] if alt else "", src[1] if src else ""))
        for alt, source in images:
            if not alt.strip():
                problems.append(f"cell '{cell.id}': the image {source} has no alt text")
            if re.match(r"https?:", source) and source != tool.BADGE:
                problems.append(f"cell '{cell.id}': the image {source} is not in the repository")
    return problems


def headings_in_order(notebook: NotebookNode) -> list[str]:
    """There is exactly one H1, it comes first, and no level is skipped."""
    problems = []
    found = [entry for cell in markdown_cells(notebook) for entry in tool.headings(cell.source)]
    if sum(level == 1 for level, _ in found) != 1 or found[0][0] != 1:
        problems.append("expected exactly one H1, as the first heading")
    for (above, _), (level, text) in itertools.pairwise(found):
        if level > above + 1:
            problems.append(f"'{text}' has level {level} below level {above}")
    return problems


def prose_as_agreed(notebook: NotebookNode) -> list[str]:
    """Prose has no exclamation mark, no emoji and none of a few words."""
    problems = []
    for cell in markdown_cells(notebook):
        text = re.sub(r"\]\([^)]*\)", "]", without_code(cell.source))  # targets of links
        text = re.sub(r"\$[^$]+\$|<!--.*?-->", "", text, flags=re.DOTALL)
        if "!" in text.replace("![", "["):
            problems.append(f"cell '{cell.id}' has an exclamation mark")
        for found in [*WORDS.findall(text), *EMOJI.findall(text)]:
            problems.append(f"cell '{cell.id}' has {found!r}")
    return problems


def code_is_led_by_prose(notebook: NotebookNode) -> list[str]:
    """Each code cell, apart from an attempt, has a Markdown cell directly before it."""
    problems = []
    before = ""
    for cell in notebook.cells:
        if cell.cell_type == "code" and before != "markdown" and not cell.id.startswith("attempt-"):
            problems.append(f"no Markdown cell leads the code cell '{cell.id}'")
        before = cell.cell_type
    return problems


def code_fits_a_screen(notebook: NotebookNode) -> list[str]:
    """Code cells are neither long nor wide nor empty."""
    problems = []
    for cell in tool.code_cells(notebook):
        lines = cell.source.splitlines()
        if not cell.source.strip():
            problems.append(f"cell '{cell.id}' is empty")
        if len(lines) > LONGEST_CELL:
            problems.append(f"cell '{cell.id}' has {len(lines)} lines, at most {LONGEST_CELL}")
        if max(map(len, lines), default=0) > WIDEST_LINE:
            problems.append(f"cell '{cell.id}' has a line of more than {WIDEST_LINE} characters")
    return problems


# --- links ---------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Return the anchors of a notebook's or a Markdown file's headings."""
    if path.suffix == ".ipynb":
        cells = markdown_cells(tool.read_notebook(path))
        texts = [text for cell in cells for _, text in tool.headings(cell.source)]
        return {tool.heading_anchor(text) for text in texts}
    texts = [text for _, text in tool.headings(path.read_text(encoding="utf-8"))]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def dead_links(markdown: str, file: Path, root: Path = tool.ROOT) -> list[str]:
    """Links from a Markdown source in ``file`` to the repository lead to something."""
    problems = []
    address = tool.repository(root)
    own = (f"{address}/blob/{tool.BRANCH}/", f"{address}/tree/{tool.BRANCH}/")
    own += ((tool.colab_link(address, "") or own[0]).removesuffix("notebooks/"),)
    text = without_code(markdown)
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)", text)
    targets += re.findall(r"""\b(?:href|src)=["']([^"']+)""", text)
    targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE)
    for target in targets:
        place, _, anchor = unquote(target).partition("#")
        folder = file.parent
        for start in own:
            if place.startswith(start):
                place, folder = place.removeprefix(start), root
        if re.match(r"[a-z][a-z0-9+.-]*:", place):  # https:, mailto:, attachment:
            continue
        there = (folder / place).resolve() if place else file
        if not there.is_relative_to(root.resolve()) or not there.exists():
            problems.append(f"the link {target} leads nowhere")
        elif anchor and there.suffix in (".md", ".ipynb") and anchor not in anchors(there):
            problems.append(f"the link {target} leads to no heading of {there.name}")
    return problems


def links_alive(notebook: NotebookNode, file: Path, root: Path = tool.ROOT) -> list[str]:
    """Links of a notebook to files and headings inside the repository lead to something."""
    return [
        f"cell '{cell.id}': {problem}"
        for cell in markdown_cells(notebook)
        for problem in dead_links(cell.source, file, root)
    ]


# --- exercises -----------------------------------------------------------------------------


def exercises_in_place(notebook: NotebookNode, exercises: Sequence[Any], number: str) -> list[str]:
    """The notebook's exercises are those of the code, in order, three to five but in 00."""
    problems = []
    ids = [cell.id for cell in notebook.cells if re.match(r"(exercise|attempt)-", cell.id)]
    expected = [part for exercise in exercises for part in tool.exercise_cell_ids(exercise)]
    if ids != expected:
        problems.append(f"the notebook has {ids}, the code has {expected}")
    if any(not exercise.id.startswith(f"{number}.") for exercise in exercises):
        problems.append(f"an exercise of lesson {number} has the number of another lesson")
    if number != "00" and not 3 <= len(exercises) <= 5:
        problems.append(f"{len(exercises)} exercises, expected 3 to 5")
    return problems


def exercises_not_attempted(notebook: NotebookNode) -> list[str]:
    """Every exercise is stored as its author leaves it to the learner."""
    problems = []
    for cell in tool.code_cells(notebook):
        if cell.id.startswith("attempt-"):
            number = cell.id.removeprefix("attempt-").replace("-", ".")
            if not "".join(output_texts(cell)).startswith(f"{number}  Not attempted."):
                problems.append(f"cell '{cell.id}' is not stored as not attempted")
    return problems


# Rules that need to know nothing but the notebook.
RULES = (
    executed_in_order,
    outputs_up_to_date,
    no_error_output,
    prints_are_stored,
    comparison_is_not_evaded,
    numbers_behind_the_sign,
    nothing_of_this_machine,
    metadata_as_agreed,
    images_have_alt_text,
    headings_in_order,
    prose_as_agreed,
    code_is_led_by_prose,
    code_fits_a_screen,
    exercises_not_attempted,
)


# --- the order in which names are introduced -----------------------------------------------


@functools.cache
def public_name(dotted: str) -> str | None:
    """Return the API name that a dotted name uses, or None where it uses none.

    ``tf.uint8.max`` uses ``tf.uint8``; ``tf.math`` is a module and no name; what the installed
    TensorFlow and Keras do not have, or keep private, is no name either.
    """
    first, *parts = dotted.split(".")
    here = import_tensorflow() if first == "tf" else importlib.import_module("keras")
    name = first
    for part in parts:
        if PRIVATE.match(part) or part.startswith("__") or not hasattr(here, part):
            return None
        here, name = getattr(here, part), f"{name}.{part}"
        if not inspect.ismodule(here):
            return name
    return None


class _Uses(ast.NodeVisitor):
    """Finds the dotted names of TensorFlow and Keras in code, whatever they are called there."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases  # name in the code -> dotted name
        self.found: list[str] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            dotted = _normal(alias.name)
            if dotted and alias.asname:
                self.aliases[alias.asname] = dotted
            elif dotted:
                top = alias.name.split(".")[0]
                self.aliases[top] = "tf" if top == "tensorflow" else top

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if dotted := _normal(f"{node.module}.{alias.name}"):
                self.aliases[alias.asname or alias.name] = dotted

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        dotted = self.dotted(node.value)
        for target in node.targets:
            # A module under another name; a value has been counted as used already.
            if isinstance(target, ast.Name) and dotted and not public_name(dotted):
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
            return _normal(".".join([self.aliases[node.id], *parts]))
        return None


def _normal(dotted: str) -> str | None:
    """Return a dotted name as the course writes it, or None where it is of something else."""
    dotted = re.sub(r"^tensorflow\b", "tf", dotted)
    dotted = re.sub(r"^tf\.keras\b", "keras", dotted)
    return dotted if dotted.split(".")[0] in ("tf", "keras") else None


def dotted_names(source: str, aliases: dict[str, str]) -> list[str]:
    """Return the dotted names that Python source uses; ``aliases`` is read and brought on."""
    try:
        tree = ast.parse(tool.python_source(source))
    except SyntaxError:
        return []
    uses = _Uses(aliases)
    uses.visit(tree)
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


def names_in_order(
    notebook: NotebookNode,
    earlier: Iterable[str],
    solutions: Mapping[str, str] | None = None,
    public: Callable[[str], str | None] = public_name,
) -> list[str]:
    """Every API name is introduced before its first use, once, in backticks, and exists.

    ``earlier`` are the names that earlier lessons introduce.
    """
    problems = []
    known, introduces = set(earlier), list(notebook.metadata.course.introduces)
    for name in introduces:
        if name in known or introduces.count(name) > 1:
            problems.append(f"{name} is introduced twice")
        if _normal(name) != name or public(name) != name:
            problems.append(f"{name} is introduced, but is no public name of tf or keras")
    used = names_used(notebook, solutions)
    first: dict[str, int] = {}
    for index, dotted in used:
        if any(PRIVATE.match(part) for part in dotted.split(".")):
            problems.append(f"cell '{notebook.cells[index].id}' uses {dotted}, which is private")
        if name := public(dotted):
            first.setdefault(name, index)
    for name, index in first.items():
        where = f"cell '{notebook.cells[index].id}'"
        if name in known:
            continue
        if name not in introduces:
            problems.append(f"{where} uses {name}, which no lesson has introduced")
        elif not _named_above(notebook, index, name):
            problems.append(f"{where} uses {name}, which no text above names in backticks")
    for name in introduces:
        if name not in first:
            problems.append(f"{name} is introduced, but not used")
    return problems


def _named_above(notebook: NotebookNode, index: int, name: str) -> bool:
    """Say whether a Markdown cell above a cell has a name in backticks."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    return any(
        pattern.search(span)
        for cell in notebook.cells[:index]
        if cell.cell_type == "markdown"
        for span in code_spans(cell.source)
    )
