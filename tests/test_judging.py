"""Judging: whatever is passed in ends in a readable verdict."""

import dataclasses
import sys
from pathlib import Path

import pytest
from fresh_process import run_python
from toy_exercise import EXERCISE, QUICK, double

from course_utils.exercises import judging
from course_utils.exercises.expect import call, fail
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tf():
    """Import TensorFlow for the tests that need it."""
    return import_tensorflow()


@pytest.fixture
def exercises(monkeypatch):
    """Let a made-up lesson 99 have exercises, and forget shown hints."""
    module = type(sys)("course_utils.exercises.lesson_99")
    module.EXERCISES = (EXERCISE, dataclasses.replace(EXERCISE, id="99.2"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(judging, "_hints_shown", {})


# --- verdicts -------------------------------------------------------------------------------


def test_right_wrong_and_missing():
    assert str(judge(EXERCISE, double)) == "99.1  Correct. Double."
    assert str(judge(EXERCISE, lambda x: x)) == "99.1  Not yet. Three is not doubled."
    assert judge(EXERCISE, None).status == Verdict.NOT_ATTEMPTED
    assert judge(EXERCISE, ...).message == "Fill in `double`, then run this cell."


def test_an_answer_with_gaps_hears_which_are_open():
    one_filled = {"first": ..., "second": 2, "third": None}
    text = "Fill in `double`, then run this cell."
    assert judge(EXERCISE, one_filled).message == f"{text} Still open: 'first', 'third'."
    assert judge(EXERCISE, {"first": ..., "second": ...}).message == text


def test_a_function_without_a_result_is_not_attempted():
    def double(x):
        pass

    verdict = judge(EXERCISE, double)
    assert verdict.status == Verdict.NOT_ATTEMPTED
    assert "`double` returns None." in verdict.message
    verdict = judge(EXERCISE, lambda x: (1, [...]))
    assert verdict.status == Verdict.NOT_ATTEMPTED
    assert "Your function returns ...." in verdict.message


def test_containers_that_hold_themselves_are_judged():
    items: list = [1]
    items.append(items)
    table: dict = {"a": 1}
    table["b"] = table
    for answer in (items, table):
        assert judge(QUICK, answer).status == Verdict.NOT_YET


def test_not_a_function():
    assert judge(EXERCISE, 7).message == (
        "Expected a function, got 7. Pass the function itself, without parentheses."
    )


def test_the_wrong_kind_is_refused_before_the_check_begins():
    def check(answer):
        raise AssertionError("the check has begun")

    function = dataclasses.replace(EXERCISE, check=check)
    asks_for_class = dataclasses.replace(function, reference=Verdict, answer="Model")
    for answer in (7, "text", [double], Poison()):
        assert "Expected a function, got" in judge(function, answer).message
    for answer in (7, double, Poison()):
        assert "Expected the class `Model` itself, got" in judge(asks_for_class, answer).message
    for exercise, answer in ((function, double), (function, Verdict), (asks_for_class, Verdict)):
        assert "the check has begun" in judge(exercise, answer).message


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_exceptions_that_are_no_exceptions(error):
    def double(x):
        raise error("enough")

    verdict = judge(EXERCISE, double)
    assert verdict.status == Verdict.NOT_YET
    assert error.__name__ in verdict.message


def test_a_check_may_fail_from_inside_the_answer():
    def check(answer):
        call(answer, lambda: fail("Called it."))

    exercise = dataclasses.replace(EXERCISE, check=check)
    assert judge(exercise, lambda probe: probe()).message == "Called it."


def test_verdicts_do_not_depend_on_the_folder(tmp_path):
    code = """
        import os
        from course_utils.session import import_tensorflow
        tf = import_tensorflow()
        from toy_exercise import EXERCISE
        from course_utils.exercises.judging import judge
        @tf.function
        def graph(x):
            return tf.reshape(tf.zeros(3), (2, x))
        answers = [
            lambda x: open("nothing/here.txt"),
            lambda x: open(os.path.abspath("nothing")),
            lambda x: tf.zeros(2) + tf.zeros(3),
            graph,
        ]
        for answer in answers:
            print(judge(EXERCISE, answer))
    """
    texts = []
    for folder in (ROOT, tmp_path):
        done = run_python(code, cwd=folder, TF_CPP_MIN_LOG_LEVEL="3")
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert texts[0].count("Not yet.") == 4
    assert str(ROOT) not in texts[0]


# --- what a learner calls -------------------------------------------------------------------


def test_check_prints_one_verdict(exercises, capsys):
    assert judging.check("99.1", double) is None
    judging.check("99.1", lambda x: x)
    judging.check("99.1", ...)
    assert capsys.readouterr().out == (
        "99.1  Correct. Double.\n"
        "99.1  Not yet. Three is not doubled.\n"
        "99.1  Not attempted. Fill in `double`, then run this cell.\n"
    )


def test_hints_grow_and_end(exercises, capsys):
    counts = []
    for _ in range(5):
        judging.hint("99.1")
        counts.append(capsys.readouterr().out)
    assert [text.count("Hint ") for text in counts] == [1, 2, 3, 3, 3]
    assert counts[0] == "Hint 1 of 3: Multiply.\n"
    assert "last hint" not in counts[1]
    assert 'solution("99.1") shows one way to do it.' in counts[2]
    judging.hint("99.2")
    assert capsys.readouterr().out == "Hint 1 of 3: Multiply.\n"


def test_solution_prints_source_and_reason(exercises, capsys):
    judging.solution("99.1")
    assert capsys.readouterr().out == ("def double(x):\n    return x * 2\n\nTwice is times two.\n")


def test_solution_of_a_compiled_function(tf):
    @tf.function
    def compiled(x):
        return x + 1

    text = dataclasses.replace(EXERCISE, reference=compiled).solution_text()
    assert text == "@tf.function\ndef compiled(x):\n    return x + 1"


class Poison:
    """Raises whatever is done with it."""

    def __getattribute__(self, name):
        raise RuntimeError("poison")

    def _poison(self, *args):
        raise RuntimeError("poison")

    __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __str__ = __repr__ = _poison


@pytest.mark.parametrize(
    ("identifier", "says"),
    [
        ("99.7", "There is no exercise 99.7. Lesson 99 has 99.1, 99.2."),
        ("98.1", "Lesson 98 has no exercises."),
        ("2.1", "An exercise id looks like \"02.1\"; got '2.1'."),
        (2.1, 'An exercise id looks like "02.1"; got 2.1.'),
        (None, 'An exercise id looks like "02.1"; got None.'),
        ("٠٢.١", 'An exercise id looks like "02.1"'),
        ("99.1\n", 'An exercise id looks like "02.1"'),
        (Poison(), 'An exercise id looks like "02.1"; got an object of type Poison.'),
    ],
    ids=lambda part: type(part).__name__,
)
@pytest.mark.parametrize("function", ["check", "hint", "solution"])
def test_unknown_ids_are_explained(exercises, capsys, function, identifier, says):
    arguments = (identifier, 3) if function == "check" else (identifier,)
    getattr(judging, function)(*arguments)
    out = capsys.readouterr().out
    assert out.startswith(says)
    assert out.count("\n") == 1


def test_a_broken_lesson_is_not_taken_for_a_missing_one(monkeypatch):
    module = "course_utils.exercises.lesson_97"

    def broken(name):
        assert name == module
        raise ModuleNotFoundError("No module named 'absent'", name="absent")

    monkeypatch.setattr(judging.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="absent"):
        judging.find("97.1")
