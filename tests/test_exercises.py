"""Every exercise of every lesson: what must pass passes, what must fail says why, and soon.

Answers are judged as in a notebook.
"""

import ast
import dataclasses
import functools
import importlib
import linecache
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest

from course_utils.exercises.judging import Exercise, Verdict, Wrong, judge
from course_utils.session import import_tensorflow

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "course_utils" / "exercises"
LESSONS = sorted(path.stem[-2:] for path in FOLDER.glob("lesson_[0-9][0-9].py"))
ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
# Seconds of the processor for a verdict, which is to come within 2 on an idle pair of cores.
SOON = 4.0


def load(number):
    """Return the exercises of a lesson; TensorFlow comes first, and quietly."""
    import_tensorflow()
    return importlib.import_module(f"course_utils.exercises.lesson_{number}").EXERCISES


def is_function(value):
    return callable(value) and not isinstance(value, type)


def each(exercises):
    """Run a test for each of these exercises, under whose id conftest.py groups them by lesson."""
    return pytest.mark.parametrize("exercise", exercises, ids=lambda exercise: exercise.id)


EXERCISES = [exercise for number in LESSONS for exercise in load(number)]
FUNCTIONS_ASKED = [exercise for exercise in EXERCISES if is_function(exercise.reference)]
each_exercise, each_function = each(EXERCISES), each(FUNCTIONS_ASKED)
first_of_each_lesson = each(list({one.id[:2]: one for one in FUNCTIONS_ASKED[::-1]}.values()))


def name_of(answer):
    return getattr(answer, "__name__", type(answer).__name__)


def judge_soon(exercise, answer):
    """Return the verdict, after checking that it took little time and can be read.

    The time is that of the processor, since other tests run beside this one.
    """
    begun = time.process_time()
    verdict = judge(dataclasses.replace(exercise, seconds=3 * exercise.seconds), answer)
    seconds = time.process_time() - begun
    assert isinstance(verdict, Verdict)
    assert_readable(verdict)
    assert seconds < SOON, f"{seconds:.1f} s for: {verdict}"
    return verdict


def assert_readable(verdict):
    """Fail unless the text of a verdict can be printed anywhere, and be compared by nbval."""
    text = str(verdict)
    assert all(line.isprintable() for line in text.splitlines())
    assert not ADDRESS.search(text), text
    assert str(ROOT) not in text
    assert not re.search(r"/(?:home|tmp|usr)/|\.py\b", text), text
    assert len(text) < 1_500


def run_source(source, **given):
    """Run Python source with what a lesson's set-up cell imports, and return what it defines."""
    import keras
    import matplotlib.pyplot as plt

    tf = import_tensorflow()
    names = {"__name__": "answer", "tf": tf, "np": np, "keras": keras, "plt": plt}
    names |= {"layers": keras.layers} | given
    file = f"<answer {len(linecache.cache)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)  # AutoGraph reads the source, as it does a cell's
    return names


def code_in_statement(exercise):
    """Return the blocks of Python that the statement shows."""
    return re.findall(r"^```python\n(.*?)^```", exercise.statement, re.MULTILINE | re.DOTALL)


def named_in_statement(exercise):
    """Return what the statement says is there to be used, such as a function of the lesson."""
    module = vars(importlib.import_module(f"course_utils.exercises.lesson_{exercise.id[:2]}"))
    code = " ".join(re.findall(r"`+([^`]+)`+", exercise.statement))
    named = set(re.findall(r"[A-Za-z_]\w*", code)) - {exercise.answer}
    return {name: module[name] for name in named if name in module}


# --- what an exercise is made of --------------------------------------------------------------


def test_there_are_exercises():
    assert "00" in LESSONS
    assert len({exercise.id for exercise in EXERCISES}) == len(EXERCISES)


@pytest.mark.parametrize("number", LESSONS)
def test_ids_match_the_file_and_count_up(number):
    exercises = load(number)
    assert all(type(exercise) is Exercise for exercise in exercises)
    assert [exercise.id for exercise in exercises] == [
        f"{number}.{count}" for count in range(1, len(exercises) + 1)
    ]


@each_exercise
def test_parts_are_complete(exercise):
    assert exercise.answer.isidentifier()
    assert len(exercise.hints) >= 2
    assert len(set(exercise.hints)) == len(exercise.hints)
    assert exercise.explanation.strip()
    assert exercise.wrong
    assert all(isinstance(wrong, Wrong) and wrong.says.strip() for wrong in exercise.wrong)
    assert 0 < exercise.seconds <= 60
    assert exercise.minutes in (5, 10, 20)
    texts = [exercise.title, exercise.statement, exercise.explanation, *exercise.hints]
    for text in texts:
        assert text == text.strip() or text is exercise.statement
        assert "TODO" not in text and "!" not in re.sub(r"`[^`]*`|!=", "", text), text
    if callable(exercise.reference):
        assert exercise.answer in exercise.statement, "the statement names what to define"


@each_exercise
def test_reference_passes(exercise):
    verdict = judge_soon(exercise, exercise.reference)
    assert verdict.status == Verdict.CORRECT, verdict


RIGHT = [
    pytest.param(exercise, answer, id=f"{exercise.id}-{count}-{name_of(answer)}")
    for exercise in EXERCISES
    for count, answer in enumerate(exercise.right, start=1)
]


@pytest.mark.parametrize(("exercise", "answer"), RIGHT)
def test_other_right_answers_pass(exercise, answer):
    verdict = judge_soon(exercise, answer)
    assert verdict.status == Verdict.CORRECT, verdict


@each_exercise
def test_wrong_answers_earn_their_messages_and_the_solution_then_passes(exercise):
    """Judging keeps nothing from one answer to the next, and the text that a learner reads is one.

    The solution needs nothing but a lesson's imports and what the statement names.
    """
    messages = []
    for wrong in exercise.wrong:
        verdict = judge_soon(exercise, wrong.answer)
        assert verdict.status == Verdict.NOT_YET, verdict
        assert wrong.says in verdict.message, verdict
        messages.append(verdict.message)
    assert len(set(messages)) == len(messages), "two mistakes get one message"
    names = run_source(exercise.solution_text(), **named_in_statement(exercise))
    assert exercise.answer in names, f"the solution does not define {exercise.answer}"
    verdict = judge_soon(exercise, names[exercise.answer])
    assert verdict.status == Verdict.CORRECT, verdict


SHOWN = [
    pytest.param(exercise, code, id=f"{exercise.id}-{count}")
    for exercise in EXERCISES
    for count, code in enumerate(code_in_statement(exercise), start=1)
]


@pytest.mark.parametrize(("exercise", "code"), SHOWN)
def test_code_in_a_statement_runs_and_is_no_right_answer(exercise, code):
    """It needs what the statement names; where it defines the answer, that is to be put right."""
    names = run_source(code, **named_in_statement(exercise))
    if exercise.answer in names:
        verdict = judge_soon(exercise, names[exercise.answer])
        assert verdict.status == Verdict.NOT_YET, verdict
        assert any(wrong.says in verdict.message for wrong in exercise.wrong), verdict


@each_exercise
def test_stub_is_not_attempted(exercise):
    names = run_source(exercise.stub)
    assert exercise.answer in names
    verdict = judge_soon(exercise, names[exercise.answer])
    assert verdict.status == Verdict.NOT_ATTEMPTED, verdict


@each_exercise
def test_solution_keeps_the_stubs_signature(exercise):
    def signatures(source):
        return {
            node.name: ast.dump(node.args)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef)
        }

    stub, solution = signatures(exercise.stub), signatures(exercise.solution_text())
    if exercise.answer in stub:
        assert solution[exercise.answer] == stub[exercise.answer]


@each_exercise
def test_no_hint_is_the_solution(exercise):
    code = [line.strip() for line in exercise.solution_text().splitlines()]
    body = "\n".join(line for line in code if line and not line.startswith(("def ", "@", "class ")))
    for text in [exercise.statement, *exercise.hints]:
        assert len(body) < 12 or body not in "\n".join(line.strip() for line in text.splitlines())


# --- whatever a learner passes in ---------------------------------------------------------------


@each_exercise
@pytest.mark.parametrize(
    "blank",
    [None, ..., lambda *args, **kwargs: None, lambda *args, **kwargs: ...],
    ids=["None", "dots", "returns-None", "returns-dots"],
)
def test_blank_answers_are_not_attempted(exercise, blank):
    if callable(blank) and not is_function(exercise.reference):
        assert judge_soon(exercise, blank).status != Verdict.CORRECT
        return
    verdict = judge_soon(exercise, blank)
    assert verdict.status == Verdict.NOT_ATTEMPTED, verdict


class Hostile:
    """Raises whatever is done with it."""

    def _raise(self, *args, **kwargs):
        raise ValueError(f"leave me alone at {id(self):#x}")

    for _name in (
        *("eq", "ne", "lt", "le", "gt", "ge", "hash", "bool", "len", "iter", "next", "getitem"),
        *("contains", "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "neg", "abs"),
        *("int", "float", "index", "complex", "str", "repr", "format", "bytes", "array", "call"),
        *("enter", "exit", "setattr", "getattr", "matmul", "rmatmul", "tf_tensor", "array_ufunc"),
    ):
        locals()[f"__{_name}__"] = _raise


class Agreeable:
    """Is equal to everything, and has every length."""

    __hash__ = None

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __len__(self):
        return 3

    def __getitem__(self, index):
        if isinstance(index, int) and index > 100:
            raise IndexError
        return self

    def __call__(self, *args, **kwargs):
        return self


class Endless:
    """Yields numbers for ever."""

    def __iter__(self):
        while True:
            yield 1.0


class Picky:
    """A class that cannot be made."""

    def __init__(self):
        raise SystemExit("not today")


def quits(*args, **kwargs):
    raise SystemExit("enough")


def interrupts(*args, **kwargs):
    raise KeyboardInterrupt


def raises_with_an_address(*args, **kwargs):
    text = "/".join(["", "home", "ada", "course.txt"])
    raise RuntimeError(f"{object()!r} in {text}\x1b[1m")


def never_ends(*args, **kwargs):
    while True:
        time.sleep(0)


def counts(*args, **kwargs):
    yield from range(3)


def needs_no_argument():
    return 1.0


def needs_many_arguments(a, b, c, d, e, f, g, h, i, j):
    return 1.0


def gives_back(*args, **kwargs):
    return args[0] if args else kwargs


@functools.cache
def tensors():
    """Return tensors of every kind, by name."""
    import keras

    tf = import_tensorflow()
    traced = []
    tf.function(traced.append).get_concrete_function(tf.constant(1.0))
    return {
        "graph tensor": traced[0],
        "Keras tensor": keras.Input((3,)),
        "scalar tensor": tf.constant(1.0),
        "int tensor": tf.constant([[1, 2]]),
        "string tensor": tf.constant("text"),
        "ragged": tf.ragged.constant([[1], [1, 2]]),
        "variable": tf.Variable([1.0, float("nan")]),
    }


def junk():
    """Return values of every kind, by name; those that change when they are used are new."""
    import keras

    loop: list = [1]
    loop.append(loop)
    return {
        **tensors(),
        "hostile": Hostile(),
        "agreeable": Agreeable(),
        "mock": MagicMock(),
        "endless": Endless(),
        "hostile list": [Hostile()],
        "list of itself": loop,
        "generator": iter([1, 2]),
        "empty array": np.zeros((0, 3)),
        "wide array": np.zeros((2, 3, 4, 5), np.float64),
        "object array": np.array([None, "a"], dtype=object),
        "scalar NaN": float("nan"),
        "infinity": float("inf"),
        "complex": 1 + 2j,
        "huge integer": 10**5000,
        "negative": -1,
        "True": True,
        "text": "an answer",
        "empty text": "",
        "surrogate": "\ud800\x00\x1b[31m",
        "bytes": b"\xff",
        "empty list": [],
        "uneven list": [[1], [1, 2]],
        "list of None": [None, None],
        "dict": {"a": 1},
        "set": {1, 2},
        "namespace": SimpleNamespace(shape=(1, "a"), dtype=None, numpy=3),
        "type": int,
        "class": Picky,
        "layer": keras.layers.Dense(3),
        "layer class": keras.layers.Dense,
        "module": np,
        "function": len,
        "exception": ValueError("x"),
        "long range": range(10**12),
    }


FUNCTIONS = [
    *(quits, interrupts, raises_with_an_address, counts),
    *(needs_no_argument, needs_many_arguments, gives_back),
]


def assert_refused(exercise, answer, name):
    """Judge an answer that must earn no praise."""
    verdict = judge_soon(exercise, answer)
    assert verdict.status != Verdict.CORRECT, f"{name}: {verdict}"


@each_exercise
def test_hostile_values_get_a_verdict(exercise, capfd):
    threads = threading.active_count()
    for name, value in junk().items():
        assert_refused(exercise, value, name)
    assert threading.active_count() <= threads
    assert capfd.readouterr().err == ""


@each_exercise
def test_hostile_functions_get_a_verdict(exercise):
    for function in FUNCTIONS:
        assert_refused(exercise, function, function.__name__)


@each_function
def test_functions_that_return_junk_get_a_verdict(exercise):
    for name, value in junk().items():
        assert_refused(exercise, lambda *args, value=value, **kwargs: value, f"returns {name}")


@first_of_each_lesson
def test_an_answer_that_never_ends_gets_a_verdict(exercise):
    threads = threading.active_count()
    verdict = judge(dataclasses.replace(exercise, seconds=1.0), never_ends)
    assert verdict.status == Verdict.NOT_YET
    assert "did not finish within 1 seconds" in verdict.message
    assert_readable(verdict)
    assert threading.active_count() <= threads


@each_function
def test_numpy_for_tensors_and_back(exercise):
    """An answer that gives arrays where tensors are usual, or the reverse, gets a verdict."""
    tf = import_tensorflow()
    reference = getattr(exercise.reference, "python_function", exercise.reference)

    def in_numpy(*args, **kwargs):
        result = reference(*args, **kwargs)
        return tf.nest.map_structure(lambda x: x.numpy() if hasattr(x, "numpy") else x, result)

    def in_tensorflow(*args, **kwargs):
        result = reference(*args, **kwargs)
        return tf.nest.map_structure(lambda x: tf.constant(x) if np.isscalar(x) else x, result)

    for answer in (in_numpy, in_tensorflow):
        judge_soon(exercise, answer)
