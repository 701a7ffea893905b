"""Set the course up, open it, test it and refresh it: `make lab` is `python -m tools.manage lab`.

    setup    make or repair the course's own environment in .venv      GPU=0  TENSORFLOW=2.18.*
    lab      open the course in JupyterLab     LESSON=03  PORT=8888  IP=0.0.0.0  BROWSER=0
    test     check the style, run all tests and compare all notebooks
                                                     LESSON=03  LAX=1  WORKERS=4
    refresh  run the notebooks and store what changed                LESSON=03  RENEW=1
    bench    measure import cost, seconds and memory of each lesson  LESSON=03  SUITE=1
    lock     choose the newest versions and pin them in requirements.txt (needs uv)
    clean    delete .venv, the downloads and all caches
    help     show this text

Settings are words of the form NAME=value. All commands but lock and clean set the course up first
and take PYTHON=/path/to/python3.12, which says which Python to use; GPU=0, which leaves
TensorFlow's CUDA packages away; and TENSORFLOW=2.18.*, which sets up that TensorFlow instead of
the pinned one. These three are read from the environment, too.

Like all that it imports, this file needs no package and runs on any Python from 3.8 on, so that an
unsupported Python says what is wrong instead of failing on a line that it cannot read.
"""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from tools import conditions
from tools.find_lesson import find_lesson
from tools.lock import lock
from tools.settings import SETTINGS, Problem, is_on, read_number, read_settings, say
from tools.venv import ROOT, Places, environment, locked, remove, setup


def lab_command(
    python: str,
    notebook: Path,
    root: Path = ROOT,
    *,
    port: Optional[int] = None,
    ip: str = "",
    browser: bool = True,
) -> List[str]:
    """Return the command that opens a notebook below ``root`` in JupyterLab.

    The token stays as JupyterLab makes it. Without ``port``, JupyterLab takes the first free one
    from 8888 on.
    """
    command = [python, "-m", "jupyterlab", f"--ServerApp.root_dir={root}"]
    command.append(f"--LabApp.default_url=/lab/tree/{notebook.relative_to(root).as_posix()}")
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if ip:
        command.append(f"--ServerApp.ip={ip}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def has_screen(environ: Optional[Dict[str, str]] = None, system: str = sys.platform) -> bool:
    """Return whether a browser can show a window here."""
    environ = dict(os.environ) if environ is None else environ
    if system in ("win32", "darwin"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def check_port(port: int, ip: str = "") -> None:
    """Raise a Problem where the port cannot be had."""
    import socket

    try:
        family, _, _, _, address = socket.getaddrinfo(
            ip or "localhost", port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            if os.name != "nt":
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except PermissionError as error:
        raise Problem(f"Port {port} is not yours to use. Choose one from 1024 on.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE or getattr(error, "winerror", None) == 10048:
            raise Problem(
                f"Port {port} is in use, perhaps by another JupyterLab. Choose another one, such "
                f"as PORT={port + 1}, or leave PORT away, and JupyterLab finds a free one."
            ) from error
        raise Problem(f"Port {port} cannot be used on {ip or 'localhost'}: {error}.") from error


def lab(settings: Dict[str, str]) -> int:
    """Open JupyterLab on a lesson, the first one where none is named."""
    places = Places(ROOT)
    notebook = find_lesson(settings.get("LESSON", "00"))
    port, ip = read_number(settings, "PORT", 1, 65535), settings.get("IP", "")
    browser = is_on(settings, "BROWSER", default=has_screen())
    if port is not None:
        check_port(port, ip)
    setup(settings)
    say(f"Opening {notebook.name} in JupyterLab. Ctrl-C in this window ends it.")
    python = str(places.python)
    command = lab_command(python, notebook, port=port, ip=ip, browser=browser)
    if os.name != "nt":
        os.chdir(str(ROOT))
        os.execve(python, command, environment())
    process = subprocess.Popen(command, cwd=str(ROOT), env=environment())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # Ctrl-C reaches JupyterLab as well, which asks back
            continue


def chosen_lesson(settings: Dict[str, str]) -> Optional[Path]:
    """Return the notebook that LESSON names, None where nothing is named."""
    return find_lesson(settings["LESSON"]) if "LESSON" in settings else None


def style_commands(notebook: Optional[Path]) -> List[List[str]]:
    """Return ruff's arguments that check the whole project, or the files of one lesson."""
    files = ["."]
    if notebook is not None:
        number = notebook.stem[:2]
        others = [f"course_utils/exercises/lesson_{number}.py", f"tests/test_lesson_{number}.py"]
        files = [notebook.relative_to(ROOT).as_posix()]
        files += [name for name in others if (ROOT / name).exists()]
    # Files that are named are left out all the same where pyproject.toml says so.
    return [["check", "--force-exclude", *files], ["format", "--check", "--force-exclude", *files]]


def test(settings: Dict[str, str]) -> int:
    """Check the style, then run the tests and the notebooks; return pytest's exit code."""
    notebook, lax = chosen_lesson(settings), is_on(settings, "LAX")
    workers = read_number(settings, "WORKERS", 1, 64)
    setup(settings)
    if not lax:
        python = Places(ROOT).python
        for arguments in style_commands(notebook):
            if _call("ruff", *arguments):
                say(
                    "The style check found something, so the tests were not run. Most of it is "
                    f"fixed by:\n    {python} -m ruff check --fix .\n    "
                    f"{python} -m ruff format ."
                )
                return 1
    options = conditions.comparison_options(workers or conditions.count_workers(), lax=lax)
    return _call("pytest", *options, *conditions.what_to_run(notebook))


def refresh(settings: Dict[str, str]) -> int:
    """Run the notebooks and store what changed."""
    notebook, renew = chosen_lesson(settings), is_on(settings, "RENEW")
    setup(settings)
    arguments = ["--lesson", notebook.stem] if notebook else []
    arguments += ["--renew"] if renew else []
    return _call("tools.notebooks", "refresh", *arguments)


def bench(settings: Dict[str, str]) -> int:
    """Measure what the lessons cost."""
    notebook, suite = chosen_lesson(settings), is_on(settings, "SUITE")
    setup(settings)
    arguments = ["--lesson", notebook.stem] if notebook else []
    arguments += ["--suite"] if suite else []
    return _call("tools.bench", *arguments)


def _call(module: str, *arguments: str) -> int:
    """Run a module with the environment's Python in the project's folder; return the exit code."""
    command = [str(Places(ROOT).python), "-m", module, *arguments]
    return subprocess.call(command, cwd=str(ROOT), env=environment())


def clean() -> None:
    """Delete the environment and all caches; notebooks and data stay."""
    places = Places(ROOT)
    with locked(places):
        for path in (places.venv, places.old, places.cache):
            remove(path)
        for name in (".pytest_cache", ".ruff_cache"):
            remove(ROOT / name)
        for folder in ("course_utils", "notebooks", "tests", "tools"):
            for name in ("__pycache__", ".ipynb_checkpoints"):
                for path in (ROOT / folder).rglob(name):
                    remove(path)
        remove(ROOT / "__pycache__")
    remove(places.lock)
    say("Deleted .venv, what was downloaded for it, and all caches.")


def main(words: Optional[Sequence[str]] = None) -> int:
    """Run a command from the command line and return its exit code."""
    words = list(sys.argv[1:] if words is None else words)
    command = words.pop(0) if words else "help"
    try:
        if command in ("-h", "--help"):
            command = "help"
        if command not in SETTINGS:
            raise Problem(f"There is no command {command!r}. There are: {', '.join(SETTINGS)}.")
        settings = read_settings(command, words)
        if command == "help":
            say(__doc__.strip())
            return 0
        if command == "clean":
            clean()
            return 0
        if command == "setup":
            if not setup(settings):
                say("Everything is set up.")
            return 0
        return {"lab": lab, "test": test, "refresh": refresh, "bench": bench, "lock": lock}[
            command
        ](settings)
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
