"""The time limit: what never ends is stopped, or left behind with a word."""

import contextlib
import dataclasses
import threading
import time

from fresh_process import run_python
from toy_exercise import EXERCISE, QUICK, double

from course_utils.exercises.judging import Verdict, judge


def run(code, timeout=120):
    """Run code in a fresh process that may leave threads behind; return the process."""
    return run_python(code, check=False, timeout=timeout, TF_CPP_MIN_LOG_LEVEL="3")


def test_endless_loop_is_stopped():
    def double(x):
        while True:
            x += 1

    threads = threading.active_count()
    begun = time.monotonic()
    verdict = judge(QUICK, double)
    assert time.monotonic() - begun < 15  # not for ever, on a busy machine either
    assert verdict.status == Verdict.NOT_YET
    assert verdict.message == (
        "It did not finish within 0.3 seconds. Look for a loop whose condition never becomes false."
    )
    assert threading.active_count() <= threads


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
    for answer in (polite, greedy):
        verdict = judge(QUICK, answer)
        assert "did not finish" in verdict.message
        assert "still running" not in verdict.message
    assert threading.active_count() <= threads


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
        from toy_exercise import EXERCISE
        from course_utils.exercises.judging import judge

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
        from fresh_process import obey_interrupts
        from toy_exercise import EXERCISE
        from course_utils.exercises.judging import judge

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
