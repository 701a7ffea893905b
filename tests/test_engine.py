"""The exercise engine: whatever is passed in ends in a readable verdict, in bounded time."""

import contextlib
import dataclasses
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fresh_process import run_python

from course_utils.exercises import engine
from course_utils.exercises.engine import (
    Exercise,
    Mistake,
    NotAttempted,
    Verdict,
    Wrong,
    call,
    describe,
    expect_close,
    expect_shape,
    fail,
    is_close,
    judge,
    to_array,
)
from course_utils.session import import_tensorflow

ROOT = Path(__file__).resolve().parents[1]


def double(x):
    return x * 2


def check_double(answer):
    if call(answer, 3) != 6:
        fail("Three is not doubled.")


EXERCISE = Exercise(
    id="99.1",
    title="Double",
    minutes=5,
    statement="Write `double(x)`.",
    stub="def double(x):\n    ...",
    answer="double",
    check=check_double,
    reference=double,
    hints=("Multiply.", "By two.", "`x * 2`."),
    explanation="Twice is times two.",
    wrong=(Wrong(lambda x: x, "not doubled"),),
    seconds=20,
)
QUICK = dataclasses.replace(EXERCISE, seconds=0.3)


def run(code, timeout=120):
    """Run code in a fresh process that may leave threads behind; return the process."""
    return run_python(code, check=False, timeout=timeout, TF_CPP_MIN_LOG_LEVEL="3")


@pytest.fixture
def tf():
    """Import TensorFlow for the tests that need it."""
    return import_tensorflow()


@pytest.fixture
def exercises(monkeypatch):
    """Let the engine find the exercises of a made-up lesson 99, and forget shown hints."""
    module = type(sys)("course_utils.exercises.lesson_99")
    module.EXERCISES = (EXERCISE, dataclasses.replace(EXERCISE, id="99.2"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(engine, "_hints_shown", {})


# --- verdicts -------------------------------------------------------------------------------


def test_right_wrong_and_missing():
    assert str(judge(EXERCISE, double)) == "99.1  Correct. Double."
    assert str(judge(EXERCISE, lambda x: x)) == "99.1  Not yet. Three is not doubled."
    assert judge(EXERCISE, None).status == Verdict.NOT_ATTEMPTED
    assert judge(EXERCISE, ...).message == "Fill in `double`, then run this cell."


def test_a_function_without_a_result_is_not_attempted():
    def double(x):
        pass

    verdict = judge(EXERCISE, double)
    assert verdict.status == Verdict.NOT_ATTEMPTED
    assert "`double` returns None." in verdict.message
    verdict = judge(EXERCISE, lambda x: (1, [...]))
    assert verdict.status == Verdict.NOT_ATTEMPTED
    assert "Your function returns ...." in verdict.message


@pytest.mark.parametrize(
    ("answer", "blank"),
    [
        ([1, ...], True),
        ((1, (2, [...])), True),
        ({"a": None}, True),
        ({"a": [...]}, True),
        ([{"a": {"b": ...}}], True),
        ((None, None, 3), False),
        ([], False),
        ({}, False),
        (0, False),
        ("", False),
        (np.zeros(3), False),
    ],
)
def test_what_counts_as_blank(answer, blank):
    assert engine._is_blank(answer) is blank


def test_containers_that_hold_themselves_are_judged():
    items: list = [1]
    items.append(items)
    table: dict = {"a": 1}
    table["b"] = table
    for answer in (items, table):
        assert judge(QUICK, answer).status == Verdict.NOT_YET


def test_exception_quotes_the_learners_line():
    def double(x):
        return x.nothing * 2

    message = judge(EXERCISE, double).message
    assert message == (
        "`double` raised AttributeError at the line `return x.nothing * 2`: "
        "'int' object has no attribute 'nothing'"
    )


def test_wrong_signature_is_named():
    message = judge(EXERCISE, lambda: 3).message
    assert "Your function raised TypeError" in message
    assert "takes 0 positional arguments but 1 was given" in message


def test_not_a_function():
    assert judge(EXERCISE, 7).message == ("Expected a function, got 7. Pass the function itself.")


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


def test_errors_without_addresses_paths_or_control_characters():
    said = "at 0x7f00deadbeef in /home/ada/course/file.txt \x1b[31m\x00\ud800"

    def double(x):
        raise ValueError(said)

    text = str(judge(EXERCISE, double))
    assert "0x7f" not in text
    assert "/home" not in text
    assert "…/file.txt" in text
    assert all(line.isprintable() for line in text.splitlines())
    text.encode("utf-8")


def test_long_messages_are_cut():
    def double(x):
        raise ValueError("x " * 10**6)

    assert len(str(judge(EXERCISE, double))) < 500
    exercise = dataclasses.replace(EXERCISE, check=lambda answer: fail("y" * 10**6))
    assert len(str(judge(exercise, double))) < 1_200


def test_messages_of_hostile_exceptions():
    class Rude(Exception):
        def __str__(self):
            raise RuntimeError("no")

    class Ruder(Exception):
        def __str__(self):
            raise SystemExit("no")

    class Endless(BaseException):
        def __str__(self):
            while True:
                pass

    def raises(error):
        def double(x):
            raise error

        return double

    assert "`double` raised Rude" in judge(QUICK, raises(Rude())).message
    assert "`double` raised Ruder" in judge(QUICK, raises(Ruder())).message
    begun = time.monotonic()
    assert "did not finish" in judge(QUICK, raises(Endless())).message
    assert time.monotonic() - begun < 5


def test_a_metaclass_cannot_hide_a_type():
    class Meta(type):
        @property
        def __name__(cls):
            raise RuntimeError("no")

    class Thing(metaclass=Meta):
        @property
        def shape(self):
            raise RuntimeError("no")

    assert describe(Thing()) == "an object of type Thing"
    assert judge(EXERCISE, Thing()).status == Verdict.NOT_YET


# --- errors that TensorFlow and Keras wrap ----------------------------------------------------


def test_tensorflow_errors_are_unwrapped(tf):
    import keras

    def double(x):
        return tf.constant([1, 2]) + tf.constant([1, 2, 3])

    assert judge(EXERCISE, double).message == (
        "`double` raised InvalidArgumentError at the line "
        "`return tf.constant([1, 2]) + tf.constant([1, 2, 3])`: Incompatible shapes: [2] vs. [3]"
    )

    @tf.function
    def traced(x):
        if tf.constant(True):
            y = tf.constant([1, 2]) + tf.constant([1, 2, 3])
        else:
            y = tf.constant(1)
        return y

    message = judge(EXERCISE, traced).message
    assert message.startswith(
        "`traced` raised ValueError at the line `y = tf.constant([1, 2]) + tf.constant([1, 2, 3])`"
    )
    assert "Dimensions must be equal, but are 2 and 3" in message

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def ran(x):
        return tf.gather(tf.zeros(3), x)

    message = judge(EXERCISE, ran).message
    assert "at the line `return tf.gather(tf.zeros(3), x)`: indices = 3 is not in [0, 3)" in message

    class Layer(keras.layers.Layer):
        def call(self, x):
            return tf.zeros(2) + tf.zeros(3)

    message = judge(EXERCISE, lambda x: Layer()(tf.constant([1.0]))).message
    assert "Incompatible shapes: [2] vs. [3]" in message
    for text in (message, judge(EXERCISE, double).message):
        assert "function_node" not in text
        assert "Op:" not in text


# --- time -----------------------------------------------------------------------------------


def test_endless_loop_is_stopped():
    def double(x):
        while True:
            x += 1

    threads = threading.active_count()
    begun = time.monotonic()
    verdict = judge(QUICK, double)
    assert time.monotonic() - begun < 3
    assert verdict.status == Verdict.NOT_YET
    assert verdict.message == (
        "It did not finish within 0.3 seconds. Look for a loop whose condition never becomes false."
    )
    assert threading.active_count() == threads


def test_endless_recursion_and_generators_end():
    def deep(x):
        return deep(x)

    assert "RecursionError" in judge(EXERCISE, deep).message

    def numbers():
        while True:
            yield 1

    assert "did not finish" in judge(QUICK, lambda x: sum(numbers())).message


def test_loop_that_catches_exceptions_is_stopped():
    def step():
        return 1

    def polite(x):
        while True:
            with contextlib.suppress(Exception):
                step()

    def greedy(x):
        while True:
            try:  # noqa: SIM105
                step()
            except:  # noqa: E722
                pass

    threads = threading.active_count()
    for double in (polite, greedy):
        verdict = judge(QUICK, double)
        assert "did not finish" in verdict.message
        assert "still running" not in verdict.message
    assert threading.active_count() == threads


def test_a_stopped_answer_prints_nothing(capfd):
    def double(x):
        while True:
            pass

    for _ in range(5):
        judge(dataclasses.replace(EXERCISE, seconds=0.05), double)
    assert capfd.readouterr() == ("", "")


def test_sleeping_code_is_left_behind_with_a_word():
    def double(x):
        threading.Event().wait(6)
        return 6

    verdict = judge(dataclasses.replace(EXERCISE, seconds=0.1), double)
    assert "It is still running; restart the kernel to stop it." in verdict.message


def test_endless_compiled_loop_is_left_behind():
    done = run(
        """
        import dataclasses, os
        from course_utils.session import import_tensorflow
        tf = import_tensorflow()
        from tests.test_engine import EXERCISE
        from course_utils.exercises.engine import judge

        @tf.function
        def double(x):
            return tf.while_loop(lambda i: i < 1, lambda i: (i * 1,), [tf.constant(0)])

        print(judge(dataclasses.replace(EXERCISE, seconds=3), double))
        print("The kernel goes on:", 1 + 1, flush=True)
        os._exit(0)
        """
    )
    assert done.stdout == (
        "99.1  Not yet. It did not finish within 3 seconds. Look for a loop whose condition never\n"
        "      becomes false. It is still running; restart the kernel to stop it.\n"
        "The kernel goes on: 2\n"
    ), done.stderr
    assert done.returncode == 0


def test_interrupting_the_kernel_stops_the_answer():
    done = run(
        """
        import _thread, threading, time
        from tests.fresh_process import obey_interrupts
        from tests.test_engine import EXERCISE
        from course_utils.exercises.engine import judge

        obey_interrupts()
        counter = 0
        def double(x):
            global counter
            while True:
                counter += 1

        def interrupt():
            while not counter:  # an interrupt before the answer runs would test something else
                time.sleep(0.05)
            _thread.interrupt_main()

        threading.Thread(target=interrupt, daemon=True).start()
        try:
            judge(EXERCISE, double)
        except KeyboardInterrupt:
            reached = counter
            time.sleep(0.3)
            print("interrupted", counter == reached, reached > 0)
        """,
        timeout=60,
    )
    assert done.stdout == "interrupted True True\n", done.stderr
    assert done.stderr == ""


def test_without_threads_there_is_no_limit_but_a_verdict(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert judge(EXERCISE, double).status == Verdict.CORRECT
    assert judge(EXERCISE, lambda x: x).status == Verdict.NOT_YET


# --- the words of a check -------------------------------------------------------------------


def test_to_array_accepts_what_holds_numbers(tf):
    import keras

    for value in (2, 2.5, True, [1, 2], ((1, 2), (3, 4)), np.float16(3), tf.constant([1.0])):
        assert to_array(value).dtype.kind in "biuf"
    assert to_array(tf.Variable([1, 2])).tolist() == [1, 2]
    assert to_array(keras.Variable([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert to_array(tf.constant([1.5], tf.bfloat16)).astype(float).tolist() == [1.5]


def test_to_array_explains_what_holds_none(tf):
    import keras

    symbolic = []
    tf.function(symbolic.append).get_concrete_function(tf.constant(1.0))
    for value in (symbolic[0], keras.Input((3,))):
        with pytest.raises(Mistake, match="The mean is a symbolic tensor"):
            to_array(value, "The mean")
    for value in ("three", [1, "a"], [[1], [1, 2]], object(), {1}, iter([1]), 10**400, b"x"):
        with pytest.raises(Mistake, match="expected numbers"):
            to_array(value)
    records = np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])
    with pytest.raises(Mistake, match="a NumPy array of shape"):
        to_array(records)


def test_to_array_refuses_to_fill_the_memory():
    begun = time.monotonic()
    with pytest.raises(Mistake, match="numbers that fit in an array"):
        to_array(range(10**12))
    assert time.monotonic() - begun < 1


def test_expectations():
    assert expect_shape([[1, 2]], (1, 2)).shape == (1, 2)
    with pytest.raises(Mistake, match=r"The sum has the shape \(2,\); expected \(1, 2\)\."):
        expect_shape([1, 2], (1, 2), "The sum")
    assert expect_close([1.0, 2.0], np.array([1.0, 2.00001])) is None
    with pytest.raises(Mistake, match=r"off by up to 0\.5\."):
        expect_close([1.0, 2.0], [1.0, 2.5])
    with pytest.raises(Mistake, match="NaN or infinity"):
        expect_close([1.0, float("nan")], [1.0, 2.5])
    with pytest.raises(Mistake, match="shape"):
        expect_close(1.0, [1.0])


def test_is_close_never_raises_and_never_broadcasts(recwarn):
    assert is_close([1, 2], [1.00001, 2])
    assert not is_close([1, 1], 1)
    assert not is_close("one", 1)
    assert not is_close(object(), object())
    assert not is_close(float("nan"), float("nan"))
    assert not is_close([1 + 1j], [1.0])  # the imaginary part counts
    assert is_close(1.0, 1.05, tolerance=0.1)
    assert not recwarn.list


def test_call_needs_a_function():
    with pytest.raises(Mistake, match="Expected a function, got 'text'"):
        call("text")
    with pytest.raises(NotAttempted):
        call(lambda: None)
    assert call(lambda *, key: key, key=4) == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (3.5, "3.5"),
        ("short", "'short'"),
        ("x" * 60, "'" + "x" * 35 + "…'"),
        (np.zeros((2, 3), "uint8"), "a NumPy array of shape (2, 3), uint8"),
        ([1], "a list of 1 item"),
        ((1, 2), "a tuple of 2 items"),
        (dict, "the class dict"),
        (double, "the function `double`"),
        (lambda: 0, "a function"),
        (10**5000, "an object of type int"),
        (object(), "an object of type object"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_describe(value, text):
    assert describe(value) == text


def test_describe_tensors(tf):
    assert describe(tf.zeros((2, 3))) == "a EagerTensor of shape (2, 3), float32"


# --- what a learner calls -------------------------------------------------------------------


def test_check_prints_one_verdict(exercises, capsys):
    assert engine.check("99.1", double) is None
    engine.check("99.1", lambda x: x)
    engine.check("99.1", ...)
    assert capsys.readouterr().out == (
        "99.1  Correct. Double.\n"
        "99.1  Not yet. Three is not doubled.\n"
        "99.1  Not attempted. Fill in `double`, then run this cell.\n"
    )


def test_hints_grow_and_end(exercises, capsys):
    counts = []
    for _ in range(5):
        engine.hint("99.1")
        counts.append(capsys.readouterr().out)
    assert [text.count("Hint ") for text in counts] == [1, 2, 3, 3, 3]
    assert counts[0] == "Hint 1 of 3: Multiply.\n"
    assert "last hint" not in counts[1]
    assert 'solution("99.1") shows one way to do it.' in counts[2]
    engine.hint("99.2")
    assert capsys.readouterr().out == "Hint 1 of 3: Multiply.\n"


def test_solution_prints_source_and_reason(exercises, capsys):
    engine.solution("99.1")
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
    getattr(engine, function)(*arguments)
    out = capsys.readouterr().out
    assert out.startswith(says)
    assert out.count("\n") == 1


def test_a_broken_lesson_is_not_taken_for_a_missing_one(monkeypatch):
    module = "course_utils.exercises.lesson_97"

    def broken(name):
        assert name == module
        raise ModuleNotFoundError("No module named 'absent'", name="absent")

    monkeypatch.setattr(engine.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="absent"):
        engine.find("97.1")


def test_verdicts_do_not_depend_on_the_folder(tmp_path):
    code = """
        import os
        from course_utils.session import import_tensorflow
        tf = import_tensorflow()
        from tests.test_engine import EXERCISE
        from course_utils.exercises.engine import judge
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
