"""An error in a learner's words: what was raised, at which of their lines, in one line of text."""

import linecache
import re
import sysconfig
import traceback
from pathlib import Path
from typing import Any

from course_utils.exercises.sandbox import TimeUp
from course_utils.session import without_color, without_machine


def describe_exception(error: BaseException, who: str) -> str:
    """Say what an exception was, in one line that is the same on every machine."""
    text = without_color(text_of(error)).strip()
    message, line = _take_apart(text, type_name(error))
    message = without_machine(message)
    message = re.sub(r"\{\{function_node [^}]*\}\} ?", "", message)
    message = re.sub(r"\{\{node ([^}]*)\}\}", r"\1", message)
    message = re.sub(r"\s*\[Op:[^\]]*\](?: name:)?", "", message)
    message = re.sub(r"<(?:\w+\.)*(\w+) object>", r"<\1 object>", message).strip()
    if len(message) > 200:
        message = message[:200] + "…"
    line = _line_of_learner(error) or line
    where = f" at the line `{printable(line, 100)}`" if line else ""
    return f"{who} raised {type_name(error)}{where}: {message}".rstrip(": ")


def _take_apart(text: str, kind: str) -> tuple[str, str]:
    """Return the telling line of an error message, and the line of code that it names.

    TensorFlow and Keras wrap what happened: in "in user code" where AutoGraph rewrote the
    code, in "Graph execution error" where a graph ran, in "Exception encountered when calling"
    where a layer was called.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "", ""
    named = ""
    for place in re.finditer(r'^\s*File "([^"\n]+)", line (\d+), in .*$', text, re.MULTILINE):
        if _is_learners(place[1]):
            named = linecache.getline(place[1], int(place[2])).strip() or named
    if lines[0] == "in user code:":
        start = f"{kind}: "
        message = next((line for line in lines if line.startswith(start)), lines[-1])
        return message.removeprefix(start), named
    if lines[0] == "Graph execution error:":
        before_node = re.findall(r"^(.+)\n\s*\[\[\{\{node", text, re.MULTILINE)
        return (before_node[-1].strip() if before_node else lines[-1]), named
    if lines[0].startswith("Exception encountered when calling") and len(lines) > 1:
        return lines[1], ""
    return lines[0], ""


def _line_of_learner(error: BaseException) -> str:
    """Return the innermost line of the traceback that is neither ours nor a library's."""
    found = ""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if _is_learners(frame.f_code.co_filename):
            found = linecache.getline(frame.f_code.co_filename, number).strip() or found
    return found


_OURS = str(Path(__file__).resolve().parents[1])
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def _is_learners(file: str) -> bool:
    """Say whether a file of code is the learner's: not the course's, not a library's."""
    parts = re.split(r"[\\/]", file)
    return not (
        file.startswith((_OURS, *_LIBRARIES))
        or "site-packages" in parts
        or "dist-packages" in parts
        or parts[-1].startswith("__autograph_generated_file")
    )


def name_of(function: Any) -> str:
    for candidate in (function, getattr(function, "python_function", None)):
        name = getattr(candidate, "__name__", None)
        if isinstance(name, str):
            return "Your function" if name == "<lambda>" else f"`{printable(name, 60)}`"
    return "Your function"


def type_name(value: Any) -> str:
    """Return the name of a value's type, whatever a metaclass says about it."""
    return printable(type.__dict__["__name__"].__get__(type(value)), 60)


def printable(text: str, longest: int) -> str:
    """Return text that every front end can show: no control characters, not too long."""
    text = text if len(text) <= longest else text[:longest] + "…"
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def text_of(error: BaseException) -> str:
    """Return an exception's message; survives a ``__str__`` that raises."""
    try:
        return str(error)
    except TimeUp:
        raise
    except BaseException:
        return ""
