"""Run Python code in a process of its own, in which nothing has been imported yet."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def obey_interrupts() -> None:
    """Let SIGINT interrupt this process, as it does in a terminal and in a kernel.

    A child inherits what its parent ignores, and a job in the background of a script ignores
    SIGINT: a process that a test interrupts calls this first.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run_python(
    code: str,
    *,
    path: Any = (),
    cwd: Path | None = None,
    check: bool = True,
    timeout: float = 300,
    **environment: str | None,
) -> "subprocess.CompletedProcess[str]":
    """Run code that can import the course and its tests; return the ended process.

    Args:
        code: May be indented as a whole.
        path: Folders that stand before the course on the path of modules.
        cwd: The folder in which it runs.
        check: Whether a failure of the code is a failure of the test.
        timeout: In seconds.
        **environment: Variables to set, or with None to remove.
    """
    paths = [
        *map(str, path),
        str(ROOT),
        str(ROOT / "tests"),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={name: value for name, value in variables.items() if value is not None},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert not check or done.returncode == 0, done.stderr
    return done
