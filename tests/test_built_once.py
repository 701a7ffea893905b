"""What a lesson builds is built once: later lessons import it, or it is not kept."""

import ast
import functools
import importlib
import json
import re
from pathlib import Path

import pytest

from tools.find_lesson import notebook_paths
from tools.names import parsed

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "course_utils"
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("builders", "training")
    for path in sorted((PACKAGE / folder).glob("*.py"))
    if path.stem != "__init__"
]

# Kept for a lesson that does not import it yet; an entry goes when that lesson does.
AWAITED: dict[str, set[str]] = {}

# Lessons may give a thing another name than the module, which has several of its kind.
NAMES_IN_LESSONS = {"train_on_digits": "train"}

PROMISE = re.compile(
    r"[Ff]rom (?:the next lesson|lesson \d\d|here) on|[Ii]n later lessons|[Ll]ater lessons import"
)
MODULE = re.compile(r"`(course_utils[\w./]*\w)`")


@functools.cache
def lessons():
    """Return the cells of each lesson, by its number."""
    paths = notebook_paths()
    return {path.name[:2]: json.loads(path.read_text("utf-8"))["cells"] for path in paths}


@functools.cache
def statements(number):
    """Return the statements of all code cells of a lesson."""
    found = []
    for cell in lessons()[number]:
        if cell["cell_type"] == "code":
            found += parsed("".join(cell["source"])).body
    return found


@functools.cache
def defined(number):
    """Return the names of the functions and classes that a lesson defines."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {part.name for part in statements(number) if isinstance(part, kinds)}


def imports(body):
    """Return what statements take from the course, as pairs of a module and a name.

    ``from course_utils.builders import costs`` and then ``costs.f`` is the pair of both.
    """
    tree = ast.Module(list(body), [])
    found, modules = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_utils"):
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                if whole in {*MODULES, "course_utils.scenes"}:
                    modules[name.asname or name.name] = whole
                else:
                    found.add((node.module, name.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in modules:
            found.add((modules[node.value.id], node.attr))
    return found


@functools.cache
def users():
    """Return who takes what: from a pair of a module and a name to numbers of lessons.

    The exercises of a lesson count as a later lesson: they come after what it builds.
    """
    found = {}
    for number in lessons():
        for pair in imports(statements(number)):
            found.setdefault(pair, set()).add(float(number))
    for path in sorted((PACKAGE / "exercises").glob("lesson_*.py")):
        for pair in imports(ast.parse(path.read_text("utf-8")).body):
            found.setdefault(pair, set()).add(int(path.stem[-2:]) + 0.5)
    return found


def public(module):
    """Return the functions and classes that a module offers, by name."""
    made = vars(importlib.import_module(module))
    return {
        name: thing
        for name, thing in made.items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module
    }


def source_of(module):
    return ast.parse((ROOT / Path(*module.split("."))).with_suffix(".py").read_text("utf-8"))


def used_inside(module, name):
    """Say whether another public thing of the builders uses it, such as a network its units."""
    own = [
        part
        for part in source_of(module).body
        if not getattr(part, "name", "_").startswith("_") and part.name != name
    ]
    inside = {node.id for part in own for node in ast.walk(part) if isinstance(node, ast.Name)}
    return name in inside or any((module, name) in imports(source_of(m).body) for m in MODULES)


def built_in(thing):
    """Return the number of the lesson that a docstring says has built it."""
    return re.findall(r"Built\s+in\s+lesson\s+(\d\d)", thing.__doc__ or "")


BUILT = [(module, name) for module in MODULES for name in public(module)]


@pytest.mark.parametrize(("module", "name"), BUILT, ids=lambda value: value.split(".")[-1])
def test_each_builder_names_its_lesson_which_defines_it(module, name):
    (number,) = built_in(public(module)[name])
    assert NAMES_IN_LESSONS.get(name, name) in defined(number)


@pytest.mark.parametrize(("module", "name"), BUILT, ids=lambda value: value.split(".")[-1])
def test_each_builder_is_imported_after_its_lesson(module, name):
    (number,) = built_in(public(module)[name])
    later = {user for user in users().get((module, name), ()) if user > float(number)}
    awaited = name in AWAITED.get(module, ())
    assert bool(later or used_inside(module, name)) != awaited, (
        f"{name} is imported: take it off the list" if awaited else f"nobody imports {name}"
    )


def promises():
    """Return the sentences that say where something comes from, each with lesson and cell."""
    found = []
    for number, cells in lessons().items():
        for cell in cells:
            if cell["cell_type"] != "markdown":
                continue
            for paragraph in "".join(cell["source"]).split("\n\n"):
                for sentence in re.split(r"(?<=[.!?:])\s+", " ".join(paragraph.split())):
                    if PROMISE.search(sentence) and MODULE.search(sentence):
                        found.append((number, cell["id"], sentence))
    return found


def broken(number, sentence):
    """Return what is not true in a promise of a lesson, or an empty text."""
    for module in MODULE.findall(sentence):
        module = module.removesuffix(".py").replace("/", ".")
        try:
            offered = set(public(module))
        except ModuleNotFoundError:
            return f"there is no {module}"
        named = set(re.findall(r"`(\w+)`", sentence)) & defined(number)
        renamed = {old: new for new, old in NAMES_IN_LESSONS.items() if new in sentence}
        named = {renamed.get(name, name) for name in named}
        if missing := named - offered:
            return f"{module} offers no {', '.join(sorted(missing))}"
        given = named or {name for name in offered if built_in(public(module)[name]) == [number]}
        later = {name for name in given if max(users().get((module, name), {0})) > float(number)}
        if not later or any(not used_inside(module, name) for name in named - later):
            return f"no later lesson imports {', '.join(sorted(given - later)) or 'anything'}"
    return ""


@pytest.mark.parametrize(
    ("number", "cell", "sentence"), promises(), ids=[f"{n}-{c}" for n, c, _ in promises()]
)
def test_what_lessons_say_of_later_lessons_is_true(number, cell, sentence):
    assert not broken(number, sentence)


def test_promises_are_found_and_can_be_broken():
    assert {"12", "14", "27"} <= {number for number, _, _ in promises()}
    good = "From lesson 13 on, `build_mlp` comes from `course_utils.builders.models`."
    assert broken("12", good) == ""
    assert "offers no build_siamese" in broken("19", good.replace("build_mlp", "build_siamese"))
    assert "there is no" in broken("12", good.replace("models", "nothing"))
    assert "no later lesson" in broken("32", good.replace("`build_mlp`", "it"))


def test_private_attributes_of_keras_are_read_in_one_place():
    private = re.compile(r"\._(?:inbound_nodes|keras_history|flatten_layers|build_shapes_dict)\b")
    readers = {path.name for path in PACKAGE.rglob("*.py") if private.search(path.read_text())}
    assert readers == {"keras_private.py"}
