"""The course's own environment in .venv: made where it is missing, stale or broken.

A set-up that fails or is killed gives the earlier environment back. Runs on any Python from 3.8
on and needs no package.
"""

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

from tools import install
from tools.find_python import PYTHONS, dotted, find_python
from tools.settings import Problem, is_on, read_tensorflow, say

ROOT = Path(__file__).resolve().parent.parent

# JupyterLab asks at its first start whether it may fetch news. The course asks nobody anything.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}
}


class Places(NamedTuple):
    """The folders and files of a set-up below the folder of the project."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def old(self) -> Path:
        return self.root / ".venv.old"

    @property
    def cache(self) -> Path:
        """Downloads, kept on the same disk, so that the environment shares their files."""
        return self.root / ".venv.cache"

    @property
    def lock(self) -> Path:
        return self.root / ".venv.lock"

    @property
    def stamp(self) -> Path:
        return self.venv / "course-setup.json"

    @property
    def python(self) -> Path:
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def requirements(self) -> Path:
        return self.root / "requirements.txt"

    @property
    def gpu_requirements(self) -> Path:
        return self.root / "requirements-gpu.txt"


def relevant(pyproject: str) -> str:
    """Return the part of pyproject.toml that an installation depends on, without the tools'."""
    kept, keep = [], True
    for line in pyproject.splitlines():
        if re.match(r"\s*\[", line) and not line.startswith(" "):
            keep = not line.startswith("[tool.") or line.startswith("[tool.hatch")
        if keep and line.strip():
            kept.append(line.rstrip())
    return "\n".join(kept)


def fingerprint(places: Places, *, gpu: bool, tensorflow: str) -> dict:
    """Return all that the environment depends on but the Python; another value makes it stale."""
    digest = hashlib.sha256()
    files = [places.requirements] + ([places.gpu_requirements] if gpu else [])
    for file in files:
        digest.update(file.read_text(encoding="utf-8").encode("utf-8") + b"\0")
    pyproject = (places.root / "pyproject.toml").read_text(encoding="utf-8")
    digest.update(relevant(pyproject).encode("utf-8"))
    return {
        "format": 1,
        "folder": str(places.root),
        "requirements": digest.hexdigest(),
        "platform": f"{platform.system()} {platform.machine()}",
        "tensorflow": tensorflow,
        "gpu": gpu,
    }


def read_stamp(places: Places) -> Optional[dict]:
    """Return what the last complete set-up wrote, None where there was none."""
    try:
        stamp = json.loads(places.stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def stale(places: Places, wanted: dict, python: Optional[Sequence[int]] = None) -> str:
    """Return why the environment must be made anew, "" where it is as wanted.

    ``python`` is the version that the user asks for, None where any supported one will do.
    """
    if not places.venv.exists():
        return "there is none yet"
    stamp = read_stamp(places)
    if stamp is None:
        return "the last set-up did not finish"
    reasons = {
        "format": "it was made by another version of this program",
        "folder": "the folder was moved or copied",
        "platform": "it was made on another kind of machine",
        "tensorflow": f"TensorFlow {wanted['tensorflow'] or 'as pinned'} is asked for",
        "gpu": "the GPU packages are " + ("missing" if wanted["gpu"] else "not wanted any more"),
        "requirements": "the pinned packages changed",
    }
    for name, reason in reasons.items():
        if stamp.get(name) != wanted[name]:
            return reason
    try:
        out = subprocess.run(
            [str(places.python), "-I", "-S", "-c", "import sys; print(*sys.version_info[:3])"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=True,
        ).stdout
        version = [int(part) for part in out.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return "its Python does not start any more"
    if stamp.get("python", [])[:2] != version[:2] or tuple(version[:2]) not in PYTHONS:
        return "its Python was replaced by another version"
    if python is not None and list(python[:2]) != version[:2]:
        return f"Python {dotted(python[:2])} is asked for"
    return ""


def wants_gpu(settings: Dict[str, str], stamp: Optional[dict] = None) -> bool:
    """Return whether TensorFlow's CUDA packages belong here: Linux, and a GPU that answers.

    GPU=0 says no. An environment that has them keeps them as long as the driver is there.
    """
    if platform.system() != "Linux" or not is_on(settings, "GPU", default=True):
        return False
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    if stamp and stamp.get("gpu"):
        return True
    try:
        done = subprocess.run(
            [program, "-L"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0 and b"GPU " in done.stdout


def check_disk(places: Places, *, gpu: bool, free: Optional[int] = None) -> None:
    """Raise a Problem where the disk has no room for the environment."""
    free = shutil.disk_usage(places.root).free if free is None else free
    if free < install.DISK[gpu]:
        raise Problem(disk_message(places, gpu=gpu, free=free))


def disk_message(places: Places, *, gpu: bool, free: int) -> str:
    """Return what to tell somebody whose disk is full."""
    text = (
        f"The disk is too full: setting the course up takes {install.DISK[gpu] / 1e9:.1f} GB below "
        f"{places.root}, and {free / 1e9:.1f} GB are free. Make room there, or move the folder of "
        "the course to another disk, and call the same command again."
    )
    if gpu:
        text += f" With GPU=0 it takes less: {install.DISK[False] / 1e9:.1f} GB."
    if places.venv.exists():
        text += " The earlier environment in .venv stays until the new one is ready; make clean "
        text += "deletes it before."
    return text


@contextlib.contextmanager
def locked(places: Places) -> Iterator[None]:
    """Let one set-up work at a time; the system frees the lock when its process ends."""
    with open(places.lock, "a+b") as file:
        told = False
        while not _try_lock(file):
            if not told:
                say("Another set-up is at work in this folder; waiting for it.")
                told = True
            time.sleep(0.5)
        yield


def _try_lock(file) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove(path: Path) -> None:
    """Delete a folder, a file or a link, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def recover(places: Places) -> None:
    """Put back the environment that a set-up had set aside when it was killed."""
    if not places.old.exists():
        return
    if read_stamp(places) is None:
        remove(places.venv)
        places.old.rename(places.venv)
    else:
        remove(places.old)


def setup(settings: Dict[str, str], places: Optional[Places] = None) -> bool:
    """Make the environment in .venv where it is missing, broken or stale; return whether it was.

    The stamp that calls an environment complete is written last, and an earlier environment is
    put back where the new one cannot be made.

    Raises:
        Problem: no supported Python, a full disk, no network, a failing package.
    """
    places = places or Places(ROOT)
    tensorflow = read_tensorflow(settings)
    given = settings.get("PYTHON", "")
    asked = find_python(given, tensorflow) if given else None
    version = asked["version"] if asked else None

    def why() -> Tuple[str, dict]:
        gpu = wants_gpu(settings, read_stamp(places))
        wanted = fingerprint(places, gpu=gpu, tensorflow=tensorflow)
        return stale(places, wanted, version), wanted

    if not why()[0]:
        return False
    try:
        with locked(places):
            recover(places)
            reason, wanted = why()  # another set-up may have done the work in the meantime
            if not reason:
                return False
            python = asked or find_python("", tensorflow)
            check_disk(places, gpu=wanted["gpu"])
            say(f"Setting up the course's own environment in .venv: {reason}.")
            _replace(places, python, wanted)
    except OSError as error:
        if error.errno == errno.ENOSPC or getattr(error, "winerror", None) == 112:
            free = shutil.disk_usage(places.root).free
            raise Problem(disk_message(places, gpu=False, free=free)) from error
        if isinstance(error, PermissionError):
            raise Problem(
                f"{error.filename or places.venv} cannot be changed ({error.strerror}). Close "
                "whatever uses the environment (JupyterLab, a terminal, an editor), check that "
                "the folder of the course is yours to write in, and call the same command again."
            ) from error
        raise
    return True


def _replace(places: Places, python: dict, wanted: dict) -> None:
    """Build a new environment in the place of the present one."""
    if read_stamp(places) is None:
        remove(places.venv)
    else:
        places.venv.rename(places.old)
    try:
        _build(places, python, wanted)
    except BaseException as error:
        with contextlib.suppress(OSError):
            remove(places.venv)
            if places.old.exists():
                places.old.rename(places.venv)
                if isinstance(error, Problem):
                    error.args = (
                        f"{error}\nThe earlier environment was put back; you can start it by hand:"
                        f"\n    {places.python} -m jupyter lab notebooks",
                    )
        raise
    with contextlib.suppress(OSError):
        remove(places.old)


def _build(places: Places, python: dict, wanted: dict) -> None:
    start = time.monotonic()
    gpu = wanted["gpu"]
    say(f"  Python {dotted(python['version'])} from {python['executable']}")
    make = [python["executable"], "-m", "venv", "--prompt", "from-tensor-to-resnet", places.venv]
    install.run(make, install.clean_environment(), "The environment could not be made.", gpu=gpu)
    lines = install.packages(
        places.requirements, places.gpu_requirements, gpu=gpu, tensorflow=wanted["tensorflow"]
    )
    say(f"  fetching {len(lines)} packages; on a slow line this takes some minutes")
    scratch = places.venv / "tmp"
    scratch.mkdir()
    install.install(places.python, places.root, lines, scratch=scratch, cache=places.cache, gpu=gpu)
    remove(scratch)
    lab = places.venv / "share" / "jupyter" / "lab" / "settings"
    lab.mkdir(parents=True, exist_ok=True)
    (lab / "overrides.json").write_text(json.dumps(LAB_SETTINGS, indent=2), encoding="utf-8")
    draft = places.stamp.with_suffix(".part")
    stamp = {**wanted, "python": python["version"], "executable": python["executable"]}
    draft.write_text(json.dumps(stamp, indent=2), encoding="utf-8")
    os.replace(draft, places.stamp)
    say(f"  ready after {time.monotonic() - start:.0f} s")


def environment(places: Optional[Places] = None) -> Dict[str, str]:
    """Return the environment variables under which the environment's programs run.

    Its own Python comes first on the PATH, and its own kernel before the user's kernels.
    """
    places = places or Places(ROOT)
    environ = install.clean_environment()
    environ["VIRTUAL_ENV"] = str(places.venv)
    environ["PATH"] = os.pathsep.join([str(places.python.parent), environ.get("PATH", "")])
    environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    return environ
