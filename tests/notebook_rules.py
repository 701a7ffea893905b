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
from tools import names, structure
from tools import notebooks as tool

LARGEST = 1_500_000  # bytes of a file
LONGEST_CELL = 40  # lines
WIDEST_LINE = 100  # characters
TAGS = {structure.FOLDED, "nbval-ignore-output", "raises-exception"}
PATHS = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work|tmp|private|mnt|var/folders)/"
    r"|\b[A-Z]:\\+(?:Users|Windows|Program|Python|Documents|Temp|work)"
)
CODE_SPAN = re.compile(r"(`+)(?!`)((?:(?!\n\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u26ff\u2705\u2728\u274c\u2757\ufe0f]")
WORDS = re.compile(r"\bsimply\b|\bas you can see\b|\bobviously\b", re.IGNORECASE)
PRIVATE = re.compile(r"_(?!_)|(?:src|python)$")  # a part of a dotted name


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


def tags_of(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return cell.metadata.get("tags", [])


def without_code(markdown: str) -> str:
    """Return a Markdown source without its code, inline or fenced."""
    text = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.sub(CODE_SPAN, "", text)


def code_spans(markdown: str) -> list[str]:
    """Return what stands in backticks in a Markdown source."""
    return [span for _, span in CODE_SPAN.findall(markdown)]


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
        if output.output_type == "error" and "raises-exception" not in tags_of(cell)
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
            for line in names.parsed(cell.source).body
        )
        if prints and not cell.outputs:
            problems.append(f"cell '{cell.id}' prints, but stores no output")
    return problems


def comparison_is_not_evaded(notebook: NotebookNode) -> list[str]:
    """Few cells keep their outputs from comparison, and each of them asserts something."""
    problems = []
    cells = tool.code_cells(notebook)
    ignoring = [cell for cell in cells if "nbval-ignore-output" in tags_of(cell)]
    for cell in ignoring:
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(names.parsed(cell.source)))
        if not asserts:
            problems.append(f"cell '{cell.id}' ignores its output and asserts nothing")
    if len(ignoring) * 5 >= max(len(cells), 1):
        problems.append(f"{len(ignoring)} of {len(cells)} cells ignore their output: 20 % or more")
    for cell in cells:
        for tag in sorted(set(tags_of(cell)) - TAGS):
            problems.append(f"cell '{cell.id}' has the tag {tag}; allowed are {sorted(TAGS)}")
        for marker in re.findall(r"#\s*((?:NBVAL|PYTEST)_\w+)", cell.source):
            tag = marker.lower().replace("_", "-")
            problems.append(f"cell '{cell.id}' says {marker} in its code: give it the tag {tag}")
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
        if cell.metadata != structure.cell_metadata(tags_of(cell)):
            problems.append(f"cell '{cell.id}' has metadata that do not follow from its tags")
    return problems


def size_bounded(text: str) -> list[str]:
    """A file is small enough to be read on the web."""
    size = len(text.encode("utf-8"))
    return [f"{size} bytes, at most {LARGEST} are allowed"] if size > LARGEST else []


# --- text ----------------------------------------------------------------------------------


def images_have_alt_text(notebook: NotebookNode) -> list[str]:
    """Every Markdown image has alt text, and comes from the repository."""
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
            if re.match(r"https?:", source):
                problems.append(f"cell '{cell.id}': the image {source} is not in the repository")
    return problems


def headings_in_order(notebook: NotebookNode) -> list[str]:
    """There is exactly one H1, it comes first, and no level is skipped."""
    problems = []
    found = [
        entry for cell in markdown_cells(notebook) for entry in structure.headings(cell.source)
    ]
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


# --- folded cells --------------------------------------------------------------------------


def folded_cells_are_marked(notebook: NotebookNode) -> list[str]:
    """A folded cell is code and says in its first line what it does; no other cell does so."""
    problems = []
    for cell in notebook.cells:
        begins = re.match(re.escape(structure.FOLDED_TITLE) + r"\S", cell.source)
        if structure.is_folded(cell) and not (begins and cell.cell_type == "code"):
            problems.append(
                f"cell '{cell.id}' is folded, but does not begin with "
                f"'{structure.FOLDED_TITLE}…' and what it does"
            )
        elif begins and not structure.is_folded(cell):
            problems.append(f"cell '{cell.id}' is titled as a folded one: give it the tag 'folded'")
    return problems


def folded_cells_hold_no_subject(notebook: NotebookNode) -> list[str]:
    """No folded cell uses a name that the lesson introduces, or builds what others import."""
    problems = []
    introduces = notebook.metadata.course.introduces
    folded = [cell for cell in notebook.cells if structure.is_folded(cell)]
    for index, dotted in names.names_used(notebook):
        if notebook.cells[index] in folded:
            for name in introduces:
                if f"{dotted}.".startswith(f"{name}."):
                    cell_id = notebook.cells[index].id
                    problems.append(
                        f"folded cell '{cell_id}' uses {name}, which is introduced here"
                    )
    for cell in folded:
        for statement in names.parsed(cell.source).body:
            if isinstance(statement, DEFINING) and statement.name in helpers():
                problems.append(
                    f"folded cell '{cell.id}' builds {statement.name}, a helper of later lessons"
                )
    return problems


DEFINING = (ast.ClassDef, ast.FunctionDef)


@functools.cache
def helpers(root: Path = tool.ROOT) -> frozenset[str]:
    """Return the names of all functions and classes that lessons can import."""
    return frozenset(
        statement.name
        for path in (root / "course_utils").rglob("*.py")
        if path.parent.name != "exercises"
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, DEFINING) and not statement.name.startswith("_")
    )


# --- links ---------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Return the anchors of a notebook's or a Markdown file's headings."""
    if path.suffix == ".ipynb":
        cells = markdown_cells(tool.read_notebook(path))
        texts = [text for cell in cells for _, text in structure.headings(cell.source)]
        return {structure.heading_anchor(text) for text in texts}
    texts = [text for _, text in structure.headings(path.read_text(encoding="utf-8"))]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def dead_links(markdown: str, file: Path, root: Path = tool.ROOT) -> list[str]:
    """Links from a Markdown source in ``file`` to the repository lead to something."""
    problems = []
    address = tool.repository(root)
    own = (f"{address}/blob/{tool.BRANCH}/", f"{address}/tree/{tool.BRANCH}/")
    own += ((tool.colab_link(address, "") or own[0]).removesuffix("notebooks/"),)
    text = without_code(markdown)
    targets = re.findall(r"\]\(\s*<?((?:[^()\s>]|\([^()\s]*\))+)", text)
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
    """The notebook's exercises are those of the code, in order."""
    problems = []
    ids = [cell.id for cell in notebook.cells if re.match(r"(exercise|attempt)-", cell.id)]
    expected = [part for exercise in exercises for part in tool.exercise_cell_ids(exercise)]
    if ids != expected:
        problems.append(f"the notebook has {ids}, the code has {expected}")
    if any(not exercise.id.startswith(f"{number}.") for exercise in exercises):
        problems.append(f"an exercise of lesson {number} has the number of another lesson")
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
    folded_cells_are_marked,
    folded_cells_hold_no_subject,
    exercises_not_attempted,
)


# --- one sitting ---------------------------------------------------------------------------

LONGEST_CORE = 45  # minutes
LONGEST_START = 15  # of lesson 00, which teaches no TensorFlow
LATEST_EXERCISE = 12  # the minute at which the first exercise begins
LINES_A_VERDICT = 12  # printed, for each that says no more than True or False


def core_is_one_sitting(notebook: NotebookNode, exercises: Sequence[Any], number: str) -> list[str]:
    """The core is no longer than an evening allows."""
    core, _ = structure.sitting(notebook, tool.exercise_minutes(exercises))
    longest = LONGEST_START if number == "00" else LONGEST_CORE
    return [f"the core takes {core} minutes, at most {longest}"] if core > longest else []


def first_exercise_comes_early(
    notebook: NotebookNode, exercises: Sequence[Any], number: str
) -> list[str]:
    """There is an exercise, and a reader reaches it within minutes."""
    minutes = tool.exercise_minutes(exercises)
    first = next((at for at, cell in enumerate(notebook.cells) if cell.id in minutes), None)
    if first is None:
        return ["there is no exercise"]
    begins = structure.minutes_before(notebook, first, minutes)
    if begins > LATEST_EXERCISE:
        return [f"the first exercise begins at minute {begins:.1f}, at most {LATEST_EXERCISE}"]
    return []


def core_has_two_or_three_exercises(
    notebook: NotebookNode, exercises: Sequence[Any], number: str
) -> list[str]:
    """The core has two or three exercises (00: one, the walk through); others are in Further."""
    minutes = tool.exercise_minutes(exercises)
    core = notebook.cells[: structure.further_at(notebook)]
    count = sum(cell.id in minutes for cell in core)
    if number == "00" or count in (2, 3):
        return []
    return [f"the core has {count} exercises, expected 2 or 3"]


def core_ends_as_agreed(notebook: NotebookNode, exercises: Sequence[Any], number: str) -> list[str]:
    """The core ends with what you can do now and where it comes from, then comes Further."""
    ends = ["What you can do now", "Where this comes from"]
    if number == "00":
        ends.pop()
    sections = [
        text
        for cell in markdown_cells(notebook)
        for level, text in structure.headings(cell.source)
        if level == 2
    ]
    at = sections.index("Further") if "Further" in sections else len(sections)
    problems = []
    if sections[:at][-len(ends) :] != ends:
        problems.append(f"the core ends with the sections {sections[:at][-2:]}, expected {ends}")
    if after := sections[at + 1 :]:
        problems.append(f"Further holds headings of level 2: {after}, expected level 3")
    return problems


def further_is_in_sections(
    notebook: NotebookNode, exercises: Sequence[Any], number: str
) -> list[str]:
    """Further is a heading and sections, and each section says first when you need it."""
    after = notebook.cells[structure.further_at(notebook) :]
    written = [cell for cell in after if not re.match("exercise-|attempt-|footer$", cell.id)]
    if not written:
        return []
    problems = []
    text = "\n\n".join(cell.source for cell in written if cell.cell_type == "markdown")
    if not re.match(r"## Further\s+### ", text):
        problems.append("Further does not begin with its heading and that of its first section")
    for title, opening in re.findall(r"^### +(.+)\s+(.*)", text, re.MULTILINE):
        if not opening.startswith("You need this when"):
            problems.append(f"the section '{title}' does not open with 'You need this when …'")
    return problems


def numbers_rather_than_verdicts(
    notebook: NotebookNode, exercises: Sequence[Any], number: str
) -> list[str]:
    """Few printed lines end in True or False: where a number stands behind, it is printed."""
    lines = [
        line.strip()
        for cell in tool.code_cells(notebook)
        if not cell.id.startswith("attempt-")
        for text in output_texts(cell)
        for line in text.splitlines()
        if line.strip() and not line.startswith("│")
    ]
    verdicts = sum(bool(re.search(r"\b(?:True|False)\W*$", line)) for line in lines)
    if verdicts * LINES_A_VERDICT > len(lines):
        return [
            f"{verdicts} of {len(lines)} printed lines end in True or False, "
            f"at most one in {LINES_A_VERDICT}"
        ]
    return []


def no_solution_is_printed(
    notebook: NotebookNode, exercises: Sequence[Any], number: str
) -> list[str]:
    """No cell prints a solution, but where lesson 00 shows what `solution` does."""
    return [
        f"cell '{cell.id}' prints a solution"
        for cell in tool.code_cells(notebook)
        for node in ast.walk(names.parsed(cell.source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "solution"
        if number != "00"
    ]


# Rules that make a lesson one sitting, which need to know the exercises, too.
SITTING = (
    core_is_one_sitting,
    first_exercise_comes_early,
    core_has_two_or_three_exercises,
    core_ends_as_agreed,
    further_is_in_sections,
    numbers_rather_than_verdicts,
    no_solution_is_printed,
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


def names_in_order(
    notebook: NotebookNode,
    earlier: Iterable[str],
    solutions: Mapping[str, str] | None = None,
    public: Callable[[str], str | None] = public_name,
) -> list[str]:
    """Every API name is introduced before its first use, once, in backticks, and exists.

    ``earlier`` are the names that the cores of earlier lessons introduce. Nobody has to read
    a Further: a name that stands only there is introduced again where a later lesson needs it.
    """
    problems = []
    known, introduces = set(earlier), list(notebook.metadata.course.introduces)
    for name in introduces:
        if name in known or introduces.count(name) > 1:
            problems.append(f"{name} is introduced twice")
        if names.normal(name) != name or public(name) != name:
            problems.append(f"{name} is introduced, but is no public name of tf or keras")
    used = names.names_used(notebook, solutions)
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
