"""Run one script in several processes that form a TensorFlow cluster on this machine.

``run_workers`` finds free ports, tells each process through ``TF_CONFIG`` who it is and who the
others are, watches what they print, and leaves no process behind: not when a worker hangs, not
when you interrupt the cell, not when the kernel itself is killed. Only the standard library is
needed. Used in lesson 31, which explains ``TF_CONFIG``.
"""

import contextlib
import faulthandler
import json
import os
import queue
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.arguments import check_callable, check_number, check_whole, short

HOST = "127.0.0.1"
PORT_TAKEN = (
    "Could not start gRPC server",
    "Address already in use",
    "Only one usage of each socket address",
)
"""What a worker's output holds when somebody took its port before it did."""

ATTEMPTS = 3  # with fresh ports each, when a port was taken
PATIENCE = 60.0  # seconds that the others get to end by themselves after one has failed
LAST_LINES = 200  # of the error stream that are kept
ORPHANED = 75  # exit code of a worker whose starter is gone
_GUARDED_MAIN = "course_utils.workers"


class WorkersError(RuntimeError):
    """The workers cannot run here, or did not finish in time; the message says what to do."""


@dataclass(frozen=True)
class WorkerResult:
    """What one worker left behind.

    ``returncode`` is 0 when the script reached its end; ``killed`` says whether it was ended from
    outside; ``lines`` is what it printed, ``errors`` the end of its error stream, as text.
    """

    index: int
    returncode: int
    killed: bool
    lines: tuple[str, ...]
    errors: str


class Worker:
    """A running worker, as ``on_line`` of :func:`run_workers` gets it.

    ``index`` is its number from 0, ``pid`` its process, ``lines`` what it printed so far.
    """

    def __init__(self, index: int, process: subprocess.Popen, events: "queue.Queue") -> None:
        self.index = index
        self.pid = process.pid
        self.lines: list[str] = []
        self.killed = False
        self._process = process
        self._errors: deque[str] = deque(maxlen=LAST_LINES)
        self._readers = [
            threading.Thread(target=self._read, args=(stream, put), daemon=True)
            for stream, put in (
                (process.stdout, lambda line: events.put((self, line))),
                (process.stderr, self._errors.append),
            )
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream, put: Callable[[str], None]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed while it was read
            for line in stream:
                put(line.rstrip("\r\n"))

    def is_running(self) -> bool:
        """Say whether the process has not ended yet."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once, and those that it started; nothing happens if it has ended."""
        if not self.is_running():
            return
        self.killed = True
        if os.name == "posix":  # it leads a session of its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def _reap(self) -> None:
        """Kill the process if it runs, wait for its end, and close what led to it."""
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=30)
        for reader in self._readers:
            reader.join(timeout=5)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()

    def _result(self) -> WorkerResult:
        code = self._process.returncode
        return WorkerResult(
            self.index,
            -1 if code is None else code,
            self.killed,
            tuple(self.lines),
            "\n".join(self._errors),
        )


def free_ports(count: int) -> list[int]:
    """Return ``count`` different TCP ports of this machine that nobody uses now.

    Another process may take one before you do; :func:`run_workers` then tries again.

    Raises:
        TypeError, ValueError: ``count`` is not a whole number of at least 1.
        WorkersError: this machine gives no ports on the loopback address 127.0.0.1.

    >>> len(set(free_ports(3)))
    3
    """
    count = check_whole("count", count)
    with contextlib.ExitStack() as stack:  # all are held until all are found
        ports = []
        try:
            for _ in range(count):
                probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
                probe.bind((HOST, 0))
                ports.append(probe.getsockname()[1])
        except OSError as error:
            raise WorkersError(
                f"No free port on {HOST} ({error.strerror or error}). The workers talk over the "
                "loopback network of this machine; allow it, or run the lesson elsewhere."
            ) from error
    return ports


def tf_config(ports: Sequence[int], index: int) -> str:
    """Return the value of ``TF_CONFIG`` for worker number ``index`` of a cluster on this machine.

    It is JSON: the addresses of all workers, the same for each, and the place of this one. Worker
    0 is the chief.

    Raises:
        TypeError, ValueError: ``ports`` is empty, or ``index`` is not a place in it.

    Source: TensorFlow guide "Distributed training with TensorFlow". Built in lesson 31.

    >>> print(tf_config([2001, 2002], 1))
    {"cluster": {"worker": ["127.0.0.1:2001", "127.0.0.1:2002"]}, "task": {"type": "worker", \
"index": 1}}
    """
    ports = list(ports)
    if not ports:
        raise ValueError("ports: expected at least one port, got none. free_ports(2) finds two.")
    index = check_whole("index", index, least=0, most=len(ports) - 1)
    return json.dumps(
        {
            "cluster": {"worker": [f"{HOST}:{port}" for port in ports]},
            "task": {"type": "worker", "index": index},
        }
    )


def run_workers(
    script: str | os.PathLike,
    *,
    workers: int = 2,
    arguments: Sequence[object] = (),
    seconds: float = 240.0,
    on_line: Callable[[Worker, str], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[WorkerResult]:
    """Run a Python script in several processes that know each other, and wait for all of them.

    Each process finds its own ``TF_CONFIG`` in the environment, with fresh ports on the loopback
    address, computes on the CPU with one thread for each operation, and can import
    ``course_utils``. If a port was taken meanwhile, all are started again on other ports, three
    times at most.

    Args:
        script: path of the script.
        workers: how many processes, at least 1.
        arguments: what the script finds in ``sys.argv[1:]``, as text.
        seconds: how long one start may take; what still runs then is killed.
        on_line: called as ``on_line(worker, line)`` for each line that a worker prints, in this
            process. It may call ``worker.kill()``; what it raises ends all workers.
        environment: variables to add for all workers.

    Returns:
        One :class:`WorkerResult` for each worker, in order. A script that failed, or was killed by
        ``on_line``, is no error here: look at ``returncode``. After one has failed, the others
        get a minute to end by themselves, then they are killed.

    Raises:
        TypeError, ValueError: an argument is not what it should be.
        FileNotFoundError: there is no such script.
        WorkersError: no process or port can be had, or the time is over.

    However this ends, by an interrupt too, no worker is left running, and what the workers put into
    their temporary folder is gone. Used in lesson 31.
    """
    path = Path(script)
    if not path.is_file():
        raise FileNotFoundError(f"script: there is no file {path.name!r} in {path.parent}.")
    workers = check_whole("workers", workers)
    seconds = check_number("seconds", seconds, above=0)
    if isinstance(arguments, str):
        raise TypeError(f"arguments: expected a list of them, got the text {short(arguments)}.")
    if on_line is not None:
        check_callable("on_line", on_line)
    for _ in range(ATTEMPTS):
        ports = free_ports(workers)
        # What a killed worker leaves behind in its temporary folder goes with this one.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            more = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch) | dict(environment or {})
            variables = [_variables(tf_config(ports, index), more) for index in range(workers)]
            results = _run_once(path, list(map(str, arguments)), variables, float(seconds), on_line)
        if results is not None:
            return results
    raise WorkersError(
        f"{ATTEMPTS} times another process took a port before the workers did. Run the cell again."
    )


# ---------------------------------------------------------------- the process that starts them


def _run_once(
    script: Path,
    arguments: list[str],
    variables: list[dict[str, str]],
    seconds: float,
    on_line: Callable[[Worker, str], None] | None,
) -> list[WorkerResult] | None:
    """Start, watch and reap the workers; return None if a port was taken."""
    events: queue.Queue = queue.Queue()
    running: list[Worker] = []
    last = time.monotonic() + seconds
    try:
        for index, environment in enumerate(variables):
            running.append(_start(index, script, arguments, environment, seconds, events))
        failed_at = None
        while any(worker.is_running() for worker in running):
            _hand_out(events, on_line, wait=0.1)
            now = time.monotonic()
            failed = [worker for worker in running if _has_failed(worker)]
            if failed and failed_at is None:
                failed_at = now
                if any(map(_port_was_taken, failed)):
                    return None
            if now > last:
                raise WorkersError(_too_late(running, seconds))
            if failed_at is not None and now > failed_at + PATIENCE:
                break
        for worker in running:
            worker._reap()
        _hand_out(events, on_line, wait=0.0)
        if any(_has_failed(worker) and _port_was_taken(worker) for worker in running):
            return None
        return [worker._result() for worker in running]
    finally:
        for worker in running:  # all are hit before any is waited for
            worker.kill()
        for worker in running:
            worker._reap()


def _hand_out(events: queue.Queue, on_line: Callable | None, *, wait: float) -> None:
    """Give the lines that have come in to their worker and to ``on_line``."""
    with contextlib.suppress(queue.Empty):
        worker, line = events.get(timeout=wait) if wait else events.get_nowait()
        while True:
            worker.lines.append(line)
            if on_line is not None:
                on_line(worker, line)
            worker, line = events.get_nowait()


def _has_failed(worker: Worker) -> bool:
    return not worker.is_running() and worker._process.returncode != 0


def _port_was_taken(worker: Worker) -> bool:
    if worker.killed:
        return False
    for reader in worker._readers:
        reader.join(timeout=5)  # its last words may still be on their way
    text = "\n".join([*worker.lines, *worker._errors])
    return any(words in text for words in PORT_TAKEN)


def _too_late(running: list[Worker], seconds: float) -> str:
    late = [worker for worker in running if worker.is_running()]
    names = " and ".join(str(worker.index) for worker in late)
    said = late[0].lines[-1] if late and late[0].lines else "nothing"
    return (
        f"Not finished after {seconds:g} s: worker {names or 'output'}. "
        f"The last line printed was: {said[:100]}. Close other programs, or give more `seconds`."
    )


def _start(
    index: int,
    script: Path,
    arguments: list[str],
    environment: dict[str, str],
    seconds: float,
    events: queue.Queue,
) -> Worker:
    """Start one worker, in a session of its own: the kernel's interrupt must not reach it."""
    command = [sys.executable, "-m", _GUARDED_MAIN, f"{seconds + 30:g}", str(script), *arguments]
    own_group = (
        {"start_new_session": True}
        if os.name == "posix"
        else {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    )
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # its end tells the worker that this process is gone
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
            **own_group,
        )
    except OSError as error:
        raise WorkersError(
            f"No process can be started here ({error.strerror or error}). The lesson needs a "
            "platform on which Python may start another Python."
        ) from error
    return Worker(index, process, events)


def _variables(config: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker."""
    course = str(Path(__file__).resolve().parents[1])
    before = os.environ.get("PYTHONPATH")
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([course, before] if before else [course]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
        "CUDA_VISIBLE_DEVICES": "-1",  # processes that share a GPU would compete for it
        "TF_NUM_INTRAOP_THREADS": "1",
    }
    for name in ("no_proxy", "NO_PROXY"):  # gRPC asks a proxy even for the loopback address
        others = os.environ.get(name)
        variables[name] = ",".join([others, HOST, "localhost"] if others else [HOST, "localhost"])
    return {**variables, **more, "TF_CONFIG": config}


# ---------------------------------------------------------------- the worker's own process


def _run_guarded(seconds: str, script: str, *arguments: str) -> None:
    """Run a script as the main program, in a process that cannot outlive its starter.

    A thread waits for the end of the standard input, which the starter holds open as long as it
    lives. A clock that needs no Python thread ends the process after ``seconds``.
    """
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def end_with_starter() -> None:
        with contextlib.suppress(OSError):
            while os.read(lifeline, 1024):
                pass
        os._exit(ORPHANED)

    threading.Thread(target=end_with_starter, daemon=True).start()
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    runpy.run_path(script, run_name="__main__")
    faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    _run_guarded(*sys.argv[1:])
