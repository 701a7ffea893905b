"""A time limit: code that never ends is stopped, or left behind with a word."""

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class TimeUp(SystemExit):
    """Raised inside the learner's code when its time is over.

    A SystemExit, because a thread that ends by one ends without printing a traceback.
    """


class NoResult(Exception):
    """A function ended without a result, or did not end; the message tells the learner which."""


def run_bounded(function: Callable[[], Result], seconds: float) -> Result:
    """Run ``function`` in a thread of its own, for at most ``seconds``; return its result.

    Python code that outlasts its time gets :class:`TimeUp` raised inside it, which it must let
    through. Compiled code (an endless ``tf.while_loop``) cannot be reached that way: it is left
    behind, and the message says so.

    Raises:
        NoResult: the time is over, or the function raises.
        KeyboardInterrupt: the learner interrupts; the function is stopped first.
    """
    outcome: list[Result] = []
    problems: list[str] = []
    gate, leaving = threading.RLock(), []  # once it is leaving, nothing is raised in the thread
    # Thread.is_alive() does not do: after an interrupt it may deny a thread that runs.
    ended = threading.Event()

    def work() -> None:
        try:
            try:
                outcome.append(function())
            except TimeUp:
                pass
            except BaseException:  # an error that raises while it is being described
                problems.append("Your answer raised an error that cannot be shown.")
        except TimeUp:
            pass
        while not leaving:
            try:
                with gate:
                    leaving.append(True)
            except TimeUp:
                pass
        ended.set()

    def hook(unraisable: Any, usual: Callable = sys.unraisablehook) -> None:
        if not issubclass(unraisable.exc_type, TimeUp):  # raised inside some __del__
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
                        ctypes.c_ulong(thread.ident), ctypes.py_object(TimeUp)
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
    if not problems:
        problems.append(
            f"It did not finish within {seconds:g} seconds. "
            "Look for a loop whose condition never becomes false."
        )
    if not stopped:
        problems.append("It is still running; restart the kernel to stop it.")
    raise NoResult(" ".join(problems))
