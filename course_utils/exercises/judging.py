"""What an exercise is made of, and how an answer is judged.

An answer is passed in, never looked up. Whatever it is, judging it ends in a
:class:`Verdict`: exceptions, wrong signatures and endless loops included.
"""

import importlib
import inspect
import logging
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils.exercises.errors import describe_exception, printable, text_of
from course_utils.exercises.expect import (
    Mistake,
    NotAttempted,
    describe,
    expect_function,
    fail,
    is_blank,
)
from course_utils.exercises.sandbox import NoResult, TimeUp, run_bounded

LONGEST_MESSAGE = 1_000  # characters


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
        message = printable(self.message, LONGEST_MESSAGE)
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


# ---------------------------------------------------------------- how an answer is judged


def judge(exercise: Exercise, answer: Any) -> Verdict:
    """Judge ``answer`` within the exercise's time limit and return the verdict.

    Raises:
        KeyboardInterrupt: the learner interrupts; the answer's code is stopped first.
    """

    def verdict() -> Verdict:
        try:
            if is_blank(answer):
                raise NotAttempted(
                    f"Fill in `{exercise.answer}`, then run this cell.{_still_open(answer)}"
                )
            _expect_kind(exercise, answer)
            exercise.check(answer)
        except NotAttempted as reason:
            return Verdict(exercise.id, Verdict.NOT_ATTEMPTED, text_of(reason))
        except Mistake as reason:
            return Verdict(exercise.id, Verdict.NOT_YET, text_of(reason))
        except TimeUp:
            raise
        except BaseException as error:
            text = describe_exception(error, "Your answer")
            return Verdict(exercise.id, Verdict.NOT_YET, text)
        return Verdict(exercise.id, Verdict.CORRECT, exercise.title + ".")

    log = logging.getLogger("tensorflow")  # a check traces and retraces on purpose
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        return run_bounded(verdict, exercise.seconds)
    except NoResult as reason:
        return Verdict(exercise.id, Verdict.NOT_YET, str(reason))
    finally:
        log.setLevel(level)


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


def _expect_kind(exercise: Exercise, answer: Any) -> None:
    """Refuse what cannot be the answer, before a check builds or trains anything for it."""
    if isinstance(exercise.reference, type):
        if not issubclass(type(answer), type):
            fail(f"Expected the class `{exercise.answer}` itself, got {describe(answer)}.")
    elif callable(exercise.reference):
        expect_function(answer)


def _still_open(answer: Any) -> str:
    """Say which entries of a dict are gaps, where some are and others are not."""
    if type(answer) is not dict:
        return ""
    gaps = [describe(key) for key, value in answer.items() if is_blank(value)]
    return f" Still open: {', '.join(gaps)}." if 0 < len(gaps) < len(answer) else ""


_hints_shown: dict[str, int] = {}


def _find_or_explain(exercise_id: str) -> Exercise | None:
    try:
        return find(exercise_id)
    except KeyError as error:
        print(error.args[0])
        return None
