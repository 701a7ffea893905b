"""What an exercise is made of, and how an answer is judged.

An answer is passed in, never looked up. Whatever it is, judging it ends in a
:class:`Verdict`: exceptions, wrong signatures and endless loops included.
"""

import ctypes
import functools
import importlib
import inspect
import linecache
import logging
import re
import sys
import sysconfig
import textwrap
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.session import without_color, without_machine

LONGEST_MESSAGE = 1_000  # characters
LONGEST_SEQUENCE = 10_000_000  # items that are turned into an array


class Mistake(Exception):
    """The answer is wrong; the message tells the learner what it shows and what to look at."""


class NotAttempted(Exception):
    """There is no answer yet; the message says what is still missing."""


class _TimeUp(SystemExit):
    """Raised inside the learner's code when its time is over.

    A SystemExit, because a thread that ends by one ends without printing a traceback.
    """


@dataclass(frozen=True)
class Wrong:
    """An answer that people really give, and what its verdict must contain."""

    answer: Any
    says: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: statement, check, hints, reference solution and known wrong answers.

    ``minutes`` is what it takes somebody who has read the lesson up to there: 5, 10 or 20.
    ``check(answer)`` returns when the answer is right and raises :class:`Mistake` (through
    :func:`fail`) when it is not. ``reference`` is an answer that passes: a function or class,
    whose source is the solution, or a value, whose solution is ``reference_source``. ``right``
    are answers that differ from it and pass as well.
    ``stub`` is the code that the learner completes and ``answer`` the name that it defines.
    """

    id: str
    title: str
    minutes: int
    statement: str
    stub: str
    answer: str
    check: Callable[[Any], None]
    reference: Any
    hints: tuple[str, ...]
    explanation: str
    wrong: tuple[Wrong, ...]
    right: tuple[Any, ...] = ()
    reference_source: str | None = None
    seconds: float = 20.0

    def solution_text(self) -> str:
        """Return the source of the reference solution, as the learner may read it."""
        function = getattr(self.reference, "python_function", self.reference)
        source = self.reference_source or inspect.getsource(function)
        return textwrap.dedent(source).strip()


@dataclass(frozen=True)
class Verdict:
    """How an answer was judged: ``status`` is one of the three class constants."""

    exercise_id: str
    status: str
    message: str

    CORRECT = "Correct."
    NOT_YET = "Not yet."
    NOT_ATTEMPTED = "Not attempted."

    def __str__(self) -> str:
        message = _printable(self.message, LONGEST_MESSAGE)
        text = f"{self.exercise_id}  {self.status} {message}".rstrip()
        return textwrap.fill(text, width=92, subsequent_indent=" " * 6, break_long_words=False)


# ---------------------------------------------------------------- what a learner calls


def check(exercise_id: str, answer: Any) -> None:
    """Print a verdict on ``answer``: correct, not yet (and why), or not attempted.

    Nothing that you pass in makes this raise, and code that does not end is stopped after a
    time limit where the platform allows it.
    """
    exercise = _find_or_explain(exercise_id)
    if exercise is not None:
        print(judge(exercise, answer))


def hint(exercise_id: str) -> None:
    """Print one hint more at each call, until there are no more."""
    exercise = _find_or_explain(exercise_id)
    if exercise is None:
        return
    shown = min(_hints_shown.get(exercise.id, 0) + 1, len(exercise.hints))
    _hints_shown[exercise.id] = shown
    for number, text in enumerate(exercise.hints[:shown], start=1):
        line = f"Hint {number} of {len(exercise.hints)}: {text}"
        print(textwrap.fill(line, width=92, subsequent_indent=" " * 6))
    if shown == len(exercise.hints):
        print(f'That was the last hint. solution("{exercise.id}") shows one way to do it.')


def solution(exercise_id: str) -> None:
    """Print the reference solution and why it is right."""
    exercise = _find_or_explain(exercise_id)
    if exercise is not None:
        print(exercise.solution_text())
        print()
        print(textwrap.fill(exercise.explanation, width=92))


# ---------------------------------------------------------------- what a check is written with


def fail(message: str) -> None:
    """End the check: the answer is wrong, and ``message`` says what to look at."""
    raise Mistake(message)


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the learner's function and return what it returns.

    Raises:
        NotAttempted: it returns ``None`` or ``...``, as an unfinished function does.
        Mistake: it cannot be called, or it raises; the message quotes the line.
    """
    if not callable(function):
        fail(f"Expected a function, got {describe(function)}. Pass the function itself.")
    try:
        result = function(*args, **kwargs)
    except (Mistake, NotAttempted):  # from a part of the check that the answer calls
        raise
    except Exception as error:
        fail(_describe_exception(error, _name_of(function)))
    if _is_blank(result):
        raise NotAttempted(
            f"{_name_of(function)} returns {'None' if result is None else '...'}. "
            "Complete its body, and end it with `return`."
        )
    return result


def without_warnings(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Keep Python's warnings, which a wrong answer earns in Keras, out of a check's verdict."""

    @functools.wraps(check)
    def quiet(answer: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(answer)

    return quiet


def to_array(value: Any, what: str = "The answer") -> np.ndarray:
    """Return ``value`` (tensor, variable, array, nested list, number) as a NumPy array.

    Raises:
        Mistake: it has no value yet (a symbolic tensor) or is not an array of numbers.
    """
    if _type_name(value) in {"SymbolicTensor", "KerasTensor"}:
        fail(f"{what} is a symbolic tensor: a node of a graph, which holds no value.")
    try:
        if hasattr(value, "numpy"):
            value = value.numpy()
        elif isinstance(value, (list, tuple, str)) and len(value) > LONGEST_SEQUENCE:
            raise ValueError("too long")
        array = np.asarray(value)
        if array.dtype.kind == "V":  # bfloat16 is of this kind; so are records, which fail here
            array.astype(np.float64)
    except Exception:
        fail(f"{what} is {describe(value)}; expected numbers that fit in an array.")
    if array.dtype.kind not in "biufcV":
        fail(f"{what} is {describe(value)}; expected numbers.")
    return array


def expect_shape(value: Any, shape: tuple[int, ...], what: str = "The answer") -> np.ndarray:
    """Return ``value`` as an array, after checking that it has exactly this ``shape``."""
    array = to_array(value, what)
    if array.shape != tuple(shape):
        fail(f"{what} has the shape {array.shape}; expected {tuple(shape)}.")
    return array


def is_close(value: Any, expected: Any, *, tolerance: float = 1e-4) -> bool:
    """Say whether two arrays have one shape and agree within ``tolerance`` (absolute + relative).

    Never raises: what is not an array of numbers is not close.
    """
    try:
        value, expected = _wide(to_array(value)), _wide(to_array(expected))
    except Exception:
        return False
    return value.shape == expected.shape and bool(
        np.allclose(value, expected, rtol=tolerance, atol=tolerance)
    )


def expect_close(
    value: Any, expected: Any, what: str = "The answer", *, tolerance: float = 1e-4
) -> None:
    """Check shape and values of an array against ``expected``."""
    array = _wide(expect_shape(value, to_array(expected).shape, what))
    if is_close(array, expected, tolerance=tolerance):
        return
    if not np.all(np.isfinite(array)):
        fail(f"{what} holds NaN or infinity.")
    with np.errstate(all="ignore"):
        gap = np.abs(array - _wide(to_array(expected))).max()
    fail(f"{what} has the right shape, but its values are off by up to {gap:.3g}.")


def _wide(array: np.ndarray) -> np.ndarray:
    """Return numbers in double precision, so that differences are those of the answer."""
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def describe(value: Any) -> str:
    """Say in a few words what a value is; survives objects that raise when they are looked at."""
    try:
        if value is None or isinstance(value, (bool, int, float, str)):
            text = repr(value)
            return text if len(text) <= 40 else f"{text[:36]}…{text[-1]}"
        if isinstance(value, np.ndarray):
            return f"a NumPy array of shape {value.shape}, {value.dtype}"
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            dtype = getattr(value.dtype, "name", value.dtype)
            return f"a {_type_name(value)} of shape {tuple(value.shape)}, {dtype}"
        if isinstance(value, (list, tuple, dict, set)):
            count = len(value)
            return f"a {_type_name(value)} of {count} item{'' if count == 1 else 's'}"
        if inspect.isclass(value):
            return f"the class {value.__name__}"
        if inspect.isroutine(value):
            name = _name_of(value)
            return "a function" if name == "Your function" else f"the function {name}"
    except Exception:
        pass
    return f"an object of type {_type_name(value)}"


# ---------------------------------------------------------------- how an answer is judged


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Judge ``answer`` within the exercise's time limit and return the verdict.

    Raises:
        KeyboardInterrupt: the learner interrupts; the answer's code is stopped first.
    """

    def verdict() -> Verdict:
        try:
            if _is_blank(answer):
                raise NotAttempted(f"Fill in `{exercise.answer}`, then run this cell.")
            exercise.check(answer)
        except NotAttempted as reason:
            return Verdict(exercise.id, Verdict.NOT_ATTEMPTED, _text_of(reason))
        except Mistake as reason:
            return Verdict(exercise.id, Verdict.NOT_YET, _text_of(reason))
        except _TimeUp:
            raise
        except BaseException as error:
            text = _describe_exception(error, "Your answer")
            return Verdict(exercise.id, Verdict.NOT_YET, text)
        return Verdict(exercise.id, Verdict.CORRECT, exercise.title + ".")

    log = logging.getLogger("tensorflow")  # a check traces and retraces on purpose
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        outcome = _run_bounded(verdict, exercise.seconds)
    finally:
        log.setLevel(level)
    if isinstance(outcome, Verdict):
        return outcome
    return Verdict(exercise.id, Verdict.NOT_YET, outcome)


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id, such as ``"02.1"``.

    Raises:
        KeyError: there is none; the message lists the ids of the lesson.
    """
    if type(exercise_id) is not str or not re.fullmatch(r"[0-9]{2}\.[0-9]{1,3}", exercise_id):
        raise KeyError(f'An exercise id looks like "02.1"; got {describe(exercise_id)}.')
    lesson = exercise_id.split(".")[0]
    name = f"{__package__}.lesson_{lesson}"
    try:
        exercises = importlib.import_module(name).EXERCISES
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise KeyError(f"Lesson {lesson} has no exercises.") from None
    for exercise in exercises:
        if exercise.id == exercise_id:
            return exercise
    known = ", ".join(exercise.id for exercise in exercises)
    raise KeyError(f"There is no exercise {exercise_id}. Lesson {lesson} has {known}.")


_hints_shown: dict[str, int] = {}


def _find_or_explain(exercise_id: str) -> Exercise | None:
    try:
        return find(exercise_id)
    except KeyError as error:
        print(error.args[0])
        return None


def _is_blank(value: Any) -> bool:
    """Say whether a value is ``None``, ``...``, or a container with a gap in it.

    A gap is a ``...`` at any depth of lists, tuples and dicts, or a ``None`` as the value of a
    dict; a ``None`` in a list may be meant, as in a shape.
    """
    if value is None:
        return True
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if item is Ellipsis:
            return True
        if type(item) not in (list, tuple, dict) or id(item) in seen:
            continue
        seen.add(id(item))
        if type(item) is dict:
            item = item.values()
            if any(part is None for part in item):
                return True
        waiting.extend(part for part in item if type(part) in _MAY_HOLD_A_GAP)
    return False


_MAY_HOLD_A_GAP = (list, tuple, dict, type(Ellipsis))


def _run_bounded(function: Callable[[], Verdict], seconds: float) -> Verdict | str:
    """Run ``function`` in a thread of its own; return its result, or why there is none.

    Python code that outlasts ``seconds`` gets an exception raised inside it. Compiled code
    (an endless ``tf.while_loop``) cannot be reached that way: it is left behind, and the
    returned text says so.
    """
    outcome: list[Verdict | str] = []
    gate, leaving = threading.RLock(), []  # once it is leaving, nothing is raised in the thread
    # Thread.is_alive() does not do: after an interrupt it may deny a thread that runs.
    ended = threading.Event()

    def work() -> None:
        try:
            try:
                outcome.append(function())
            except _TimeUp:
                pass
            except BaseException:  # an error that raises while it is being described
                outcome.append("Your answer raised an error that cannot be shown.")
        except _TimeUp:
            pass
        while not leaving:
            try:
                with gate:
                    leaving.append(True)
            except _TimeUp:
                pass
        ended.set()

    def hook(unraisable: Any, usual: Callable = sys.unraisablehook) -> None:
        if not issubclass(unraisable.exc_type, _TimeUp):  # raised inside some __del__
            usual(unraisable)

    def stop(seconds: float) -> bool:
        """Raise an exception inside the thread until it ends; say if it did within ``seconds``.

        Code that catches everything inside a loop is hit outside its ``try`` sooner or later.
        """
        last = time.monotonic() + seconds
        usual_hook, sys.unraisablehook = sys.unraisablehook, hook
        try:
            while not ended.is_set() and time.monotonic() < last:
                with gate:
                    reached = leaving or ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread.ident), ctypes.py_object(_TimeUp)
                    )
                if not reached:  # there is no such thread any more
                    return True
                ended.wait(0.05)
        finally:
            sys.unraisablehook = usual_hook
        return ended.is_set()

    thread = threading.Thread(target=work, name="exercise", daemon=True)
    try:
        previous_size = threading.stack_size(16 * 2**20)  # macOS gives threads 512 KiB
        try:
            thread.start()
        finally:
            threading.stack_size(previous_size)
    except RuntimeError:  # a platform without threads: no limit there
        work()
    try:
        last = time.monotonic() + seconds
        while not ended.is_set() and time.monotonic() < last:
            ended.wait(0.05)  # in small steps: a long wait cannot be interrupted on Windows
    except KeyboardInterrupt:
        stop(0.5)
        raise
    stopped = ended.is_set() or stop(2.0)
    if outcome:
        return outcome[0]
    text = (
        f"It did not finish within {seconds:g} seconds. "
        "Look for a loop whose condition never becomes false."
    )
    if not stopped:
        text += " It is still running; restart the kernel to stop it."
    return text


# ---------------------------------------------------------------- errors in a learner's words


def _name_of(function: Any) -> str:
    for candidate in (function, getattr(function, "python_function", None)):
        name = getattr(candidate, "__name__", None)
        if isinstance(name, str):
            return "Your function" if name == "<lambda>" else f"`{_printable(name, 60)}`"
    return "Your function"


def _type_name(value: Any) -> str:
    """Return the name of a value's type, whatever a metaclass says about it."""
    return _printable(type.__dict__["__name__"].__get__(type(value)), 60)


def _printable(text: str, longest: int) -> str:
    """Return text that every front end can show: no control characters, not too long."""
    text = text if len(text) <= longest else text[:longest] + "…"
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _text_of(error: BaseException) -> str:
    """Return an exception's message; survives a ``__str__`` that raises."""
    try:
        return str(error)
    except _TimeUp:
        raise
    except BaseException:
        return ""


def _describe_exception(error: BaseException, who: str) -> str:
    """Say what an exception was, in one line that is the same on every machine."""
    text = without_color(_text_of(error)).strip()
    message, line = _take_apart(text, _type_name(error))
    message = without_machine(message)
    message = re.sub(r"\{\{function_node [^}]*\}\} ?", "", message)
    message = re.sub(r"\{\{node ([^}]*)\}\}", r"\1", message)
    message = re.sub(r"\s*\[Op:[^\]]*\](?: name:)?", "", message)
    message = re.sub(r"<(?:\w+\.)*(\w+) object>", r"<\1 object>", message).strip()
    if len(message) > 200:
        message = message[:200] + "…"
    line = _line_of_learner(error) or line
    where = f" at the line `{_printable(line, 100)}`" if line else ""
    return f"{who} raised {_type_name(error)}{where}: {message}".rstrip(": ")


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
