"""Set the course up, open it, test it and refresh it: `make lab` is `python tools/manage.py lab`.

    setup    make or mend the course's own environment in .venv      GPU=0  TENSORFLOW=2.18.*
    lab      open the course in JupyterLab     LESSON=02  PORT=8888  IP=0.0.0.0  BROWSER=0
    test     check the style, run all tests and compare all notebooks
                                                     LESSON=02  LAX=1  WORKERS=4
    refresh  run the notebooks and store what changed                LESSON=02  RENEW=1
    bench    measure import cost, seconds and memory of each lesson  LESSON=02  SUITE=1
    lock     choose the newest versions and pin them in requirements.txt (needs uv)
    clean    delete .venv and all caches
    help     show this text

Settings are words of the form NAME=value. All commands but lock and clean set the course up first
and take PYTHON=/path/to/python3.12, which says which Python to use; GPU=0, which leaves
TensorFlow's CUDA packages away; and TENSORFLOW=2.18.*, which sets up that TensorFlow instead of
the pinned one. These three are read from the environment, too.

This file needs no package and runs on any Python from 3.8 on, so that an unsupported Python
says what is wrong instead of failing on a line that it cannot read.
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
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ((3, 11), (3, 12), (3, 13))
OLDEST_TENSORFLOW = (2, 18)
FIRST_TENSORFLOW_FOR_PYTHON_313 = (2, 20)

# Bytes that a set-up takes at its peak, with and without TensorFlow's CUDA packages: the
# environment, and the downloads that pip keeps for the next time.
DISK = {False: 4_000_000_000, True: 13_000_000_000}

# What an older TensorFlow needs in other versions than the pinned ones.
RULED_BY_TENSORFLOW = ("ml-dtypes", "numpy", "protobuf", "tensorflow")

FROM_ENVIRONMENT = ("GPU", "PYTHON", "TENSORFLOW")
SETTINGS: Dict[str, Tuple[str, ...]] = {
    "setup": FROM_ENVIRONMENT,
    "lab": (*FROM_ENVIRONMENT, "BROWSER", "IP", "LESSON", "PORT"),
    "test": (*FROM_ENVIRONMENT, "LAX", "LESSON", "WORKERS"),
    "refresh": (*FROM_ENVIRONMENT, "LESSON", "RENEW"),
    "bench": (*FROM_ENVIRONMENT, "LESSON", "SUITE"),
    "lock": ("TENSORFLOW",),
    "clean": (),
    "help": (),
}

# JupyterLab asks at its first start whether it may fetch news. The course asks nobody anything.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}
}


class Problem(Exception):
    """Something that the user can mend; its text says what is wrong and what to do."""


def say(text: str) -> None:
    """Print a line at once, also where the output goes into a file or a pipe."""
    print(text, flush=True)


# --- Settings ------------------------------------------------------------------------------------


def read_settings(
    command: str, words: Sequence[str], environ: Optional[Dict[str, str]] = None
) -> Dict[str, str]:
    """Return the settings of a command by name: words first, then the environment.

    Raises:
        Problem: a word that is not NAME=value, or a name that the command does not know.
    """
    environ = dict(os.environ) if environ is None else environ
    known = SETTINGS[command]
    settings = {
        name: environ[name] for name in known if name in FROM_ENVIRONMENT and environ.get(name)
    }
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            names = ", ".join(sorted(known)) or "none"
            raise Problem(
                f"{command} does not know what {word!r} means. Settings are written NAME=value; "
                f"{command} knows: {names}."
            )
        if value:
            settings[name] = value
        else:
            settings.pop(name, None)
    return settings


def is_on(settings: Dict[str, str], name: str, default: bool = False) -> bool:
    """Return whether a setting is switched on: 1, yes, true or on, against 0, no, false or off."""
    value = settings.get(name, "").lower()
    if not value:
        return default
    if value not in ("0", "1", "false", "no", "off", "on", "true", "yes"):
        raise Problem(f"{name} is {value!r}. It is switched on by {name}=1, off by {name}=0.")
    return value in ("1", "on", "true", "yes")


def read_number(settings: Dict[str, str], name: str, least: int, most: int) -> Optional[int]:
    """Return a whole number among the settings, None where it was not given."""
    value = settings.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise Problem(f"{name} is {value!r}. It must be a whole number from {least} to {most}.")
    return int(value)


def read_tensorflow(settings: Dict[str, str]) -> str:
    """Return the TensorFlow asked for as pip writes it, such as 2.18.*; "" means the pinned one."""
    value = settings.get("TENSORFLOW", "")
    if not value:
        return ""
    match = re.fullmatch(r"(\d+)\.(\d+)(\.(\d+|\*))?", value)
    if not match:
        raise Problem(f"TENSORFLOW is {value!r}. It must be a version such as 2.18.0 or 2.18.*.")
    if (int(match[1]), int(match[2])) < OLDEST_TENSORFLOW:
        oldest = ".".join(map(str, OLDEST_TENSORFLOW))
        raise Problem(f"TENSORFLOW is {value!r}. The course needs TensorFlow {oldest} or newer.")
    return value if match[3] else value + ".*"


def find_lesson(settings: Dict[str, str], root: Path = ROOT) -> Optional[Path]:
    """Return the notebook that LESSON names by number or name, None where nothing is named.

    Raises:
        Problem: there is no such lesson; the message lists those that there are.
    """
    wanted = settings.get("LESSON")
    if wanted is None:
        return None
    notebooks = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    stem = wanted[: -len(".ipynb")] if wanted.endswith(".ipynb") else wanted
    for notebook in notebooks:
        if notebook.stem == stem or notebook.stem[:2] == stem.zfill(2):
            return notebook
    have = ", ".join(notebook.stem[:2] for notebook in notebooks) or "none"
    raise Problem(f"There is no lesson {wanted!r}. There are: {have}. For example: LESSON=02")


# --- A Python that TensorFlow supports -----------------------------------------------------------

PROBE = """
import json, platform, struct, sys, sysconfig
missing = []
for name in ("venv", "ensurepip"):
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
inside = sys.prefix != getattr(sys, "base_prefix", sys.prefix)
base = getattr(sys, "_base_executable", None) if inside else None
print(json.dumps({
    "executable": base or sys.executable,
    "version": list(sys.version_info[:3]),
    "bits": struct.calcsize("P") * 8,
    "implementation": platform.python_implementation(),
    "machine": platform.machine().lower(),
    "system": platform.system(),
    "libc": platform.libc_ver()[0],
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "missing": missing,
}))
"""


def probe(command: Sequence[str]) -> Optional[dict]:
    """Start a Python and return what it says of itself, None where it does not start.

    A name on the PATH proves little: it may be a shim for a Python that is not installed.
    """
    try:
        done = subprocess.run(
            [*command, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=True,
        )
        return json.loads(done.stdout.decode("utf-8").strip().splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def dotted(version: Sequence[int]) -> str:
    """Return a version as it is written: 3.12.1."""
    return ".".join(str(part) for part in version)


def objection(found: dict, tensorflow: str = "") -> str:
    """Return why TensorFlow cannot run on the Python that was found, "" where it can."""
    version = tuple(found["version"][:2])
    if found["implementation"] != "CPython":
        return f"is {found['implementation']}; TensorFlow needs CPython"
    if version not in PYTHONS:
        return f"is Python {dotted(found['version'])}, which TensorFlow does not support"
    if found["bits"] != 64:
        return "is a 32-bit Python; TensorFlow needs a 64-bit one"
    if found["free_threaded"]:
        return "is a free-threaded Python, which TensorFlow does not support"
    if found["system"] == "Darwin" and found["machine"] == "x86_64":
        return (
            "is built for Intel Macs, for which there is no TensorFlow 2.18 or newer. On a Mac "
            "with Apple's processor install an arm64 Python; on an Intel Mac use Colab"
        )
    if found["system"] == "Windows" and found["machine"] in ("arm64", "aarch64"):
        return "is built for Windows on ARM, for which there is no TensorFlow; use Colab"
    if found["system"] == "Linux" and found["libc"] != "glibc":
        return "runs on a Linux without glibc (such as Alpine), for which there is no TensorFlow"
    if tensorflow and version >= (3, 13):
        wanted = tuple(int(part) for part in tensorflow.split(".")[:2])
        if wanted < FIRST_TENSORFLOW_FOR_PYTHON_313:
            return f"is Python {dotted(version)}, for which there is no TensorFlow {tensorflow}"
    if found["missing"]:
        package = f"python{dotted(version)}-venv"
        return (
            f"lacks the module {found['missing'][0]}, which makes environments; on Debian and "
            f"Ubuntu: sudo apt install {package}"
        )
    return ""


def candidates(given: str = "") -> List[List[str]]:
    """Return the commands that may start a supported Python, the best first."""
    if given:
        return [[given]]
    commands = [[sys.executable]] if sys.executable else []
    names = ["python" + dotted(version) for version in reversed(PYTHONS)] + ["python3", "python"]
    commands += [[path] for path in map(shutil.which, names) if path]
    if os.name == "nt" and shutil.which("py"):
        commands += [["py", "-" + dotted(version)] for version in reversed(PYTHONS)]
    return [command for at, command in enumerate(commands) if command not in commands[:at]]


def find_python(
    given: str = "",
    tensorflow: str = "",
    probe: Callable[[Sequence[str]], Optional[dict]] = probe,
) -> dict:
    """Return the first Python that TensorFlow supports, as :func:`probe` describes it.

    ``given`` is the only one that is tried, where the user names one.

    Raises:
        Problem: there is none; the message says what was found, and what to do.
    """
    refused = []
    for command in candidates(given):
        found = probe(command)
        reason = objection(found, tensorflow) if found else "does not start"
        if not reason:
            return found
        refused.append(f"    {' '.join(command)} {reason}.")
    raise Problem(
        "The course needs a 64-bit Python 3.11, 3.12 or 3.13, because TensorFlow does. Found:\n"
        + "\n".join(refused)
        + "\nInstall one (from python.org, or with your system's package manager), or say where "
        "one is:\n    make lab PYTHON=/path/to/python3.12"
    )


# --- The environment in .venv --------------------------------------------------------------------


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
    if free < DISK[gpu]:
        raise Problem(disk_message(places, gpu=gpu, free=free))


def disk_message(places: Places, *, gpu: bool, free: int) -> str:
    """Return what to tell somebody whose disk is full."""
    text = (
        f"The disk is too full: setting the course up takes {DISK[gpu] / 1e9:.1f} GB below "
        f"{places.root}, and {free / 1e9:.1f} GB are free. Make room there, or move the folder of "
        "the course to another disk, and call the same command again."
    )
    if gpu:
        text += f" With GPU=0 it takes less: {DISK[False] / 1e9:.1f} GB."
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
    say(f"  Python {dotted(python['version'])} from {python['executable']}")
    _run(
        [python["executable"], "-m", "venv", "--prompt", "from-tensor-to-resnet", places.venv],
        "The environment could not be made.",
        gpu=wanted["gpu"],
    )
    lines = packages(places, gpu=wanted["gpu"], tensorflow=wanted["tensorflow"])
    chosen = places.venv / "requirements.txt"
    chosen.write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"  fetching some {len(lines)} packages; the first time this takes a few minutes")
    scratch = places.venv / "tmp"  # on the disk that was checked, wherever /tmp may be
    scratch.mkdir()
    options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    install = [places.python, "-m", "pip", "install", *options]
    _run(
        [*install, "--only-binary", ":all:", "-r", chosen],
        "The packages could not be installed.",
        gpu=wanted["gpu"],
        scratch=scratch,
        total=len(lines),
    )
    # hatchling, which builds the course, is among the pinned packages: nothing else is fetched.
    _run(
        [*install, "--no-deps", "--no-build-isolation", "--editable", places.root],
        "The course itself could not be installed.",
        gpu=wanted["gpu"],
        scratch=scratch,
    )
    remove(scratch)
    lab = places.venv / "share" / "jupyter" / "lab" / "settings"
    lab.mkdir(parents=True, exist_ok=True)
    (lab / "overrides.json").write_text(json.dumps(LAB_SETTINGS, indent=2), encoding="utf-8")
    draft = places.stamp.with_suffix(".part")
    stamp = {**wanted, "python": python["version"], "executable": python["executable"]}
    draft.write_text(json.dumps(stamp, indent=2), encoding="utf-8")
    os.replace(draft, places.stamp)
    say(f"  ready after {time.monotonic() - start:.0f} s")


def packages(places: Places, *, gpu: bool, tensorflow: str) -> List[str]:
    """Return the lines that pip installs: the pins, or a chosen TensorFlow and what suits it."""
    lines = _pins(places.requirements)
    if tensorflow:
        free = [re.compile(re.escape(name) + r"\s*(==|$)") for name in RULED_BY_TENSORFLOW]
        lines = [line for line in lines if not any(name.match(line) for name in free)]
        extra = "[and-cuda]" if gpu else ""
        return [*lines, f"tensorflow{extra}=={tensorflow}", "numpy"]
    return lines + (_pins(places.gpu_requirements) if gpu else [])


def _pins(file: Path) -> List[str]:
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def clean_environment(environ: Optional[Dict[str, str]] = None) -> Dict[str, str]:
    """Return the environment without what would let another Python's packages in."""
    unwanted = ("PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_TARGET", "__PYVENV_LAUNCHER__")
    environ = dict(os.environ) if environ is None else dict(environ)
    for name in unwanted:
        environ.pop(name, None)
    environ["PIP_USER"] = "0"
    environ["PIP_REQUIRE_VIRTUALENV"] = "0"
    environ.setdefault("PYTHONUTF8", "1")
    return environ


def _run(
    command: Sequence, failure: str, *, gpu: bool, scratch: Optional[Path] = None, total: int = 0
) -> None:
    """Run a step of the set-up, tell how far it is, and turn its failure into a Problem."""
    lines: List[str] = []
    seen, told = 0, 0
    environ = {**clean_environment(), "PYTHONUNBUFFERED": "1"}
    if scratch is not None:
        environ["TMPDIR"] = str(scratch)
    with subprocess.Popen(
        [str(part) for part in command],
        cwd=str(ROOT),
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            for raw in process.stdout:
                line = raw.decode("utf-8", "replace").rstrip()
                lines.append(line)
                if line.startswith("Installing collected packages") and total:
                    say("  unpacking them")
                seen += line.startswith(("Collecting ", "Processing "))
                if total and seen >= told + 25:
                    told = seen
                    say(f"  {seen} of {total}")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Problem(explain("\n".join(lines), failure, gpu=gpu))


def explain(log: str, failure: str, *, gpu: bool) -> str:
    """Return a readable text for a step that failed: its last lines, and what to do."""
    causes = (
        (
            r"No space left on device|Errno 28\b|Errno 122\b|WinError 112|Disk quota exceeded",
            f"The disk is full. Setting the course up takes {DISK[gpu] / 1e9:.1f} GB. Make room, "
            "and call the same command again.",
        ),
        (
            r"CERTIFICATE_VERIFY_FAILED|SSLError",
            "The connection is not trusted: a proxy or a virus scanner may stand in between. Tell "
            "pip its certificate (PIP_CERT=/path/to/certificate.pem), and call the same command "
            "again.",
        ),
        (
            r"ProxyError|Tunnel connection failed|Cannot connect to proxy|407 Proxy",
            "The proxy does not let the download through. Check HTTPS_PROXY, and call the same "
            "command again.",
        ),
        (
            r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out"
            r"|name resolution|getaddrinfo|Network is unreachable|Connection (?:refused|reset)"
            r"|Connection aborted|IncompleteRead|ProtocolError",
            "The packages' server cannot be reached. The first set-up needs the network: check "
            "the connection (and HTTPS_PROXY, behind a proxy), and call the same command again. "
            "What was fetched already is not fetched twice.",
        ),
        (
            r"No matching distribution found|ResolutionImpossible",
            "There is no build of this package for your system and Python. TensorFlow runs on "
            "Linux (x86-64 and ARM), on Windows (x86-64) and on Macs with Apple's processor; "
            "elsewhere, use Colab.",
        ),
        (
            r"Windows Long Path|Filename too long|WinError 206",
            "A path is too long for Windows. Move the course to a short folder such as "
            r"C:\course, and call the same command again.",
        ),
        (
            r"ensurepip",
            "This Python cannot make environments with pip. On Debian and Ubuntu: "
            "sudo apt install python3-venv. Or use another one: make lab PYTHON=/path/to/python",
        ),
    )
    for pattern, text in causes:
        if re.search(pattern, log):
            advice = text
            break
    else:
        advice = "Call the same command again; if it fails again, the lines above say why."
    if gpu and "disk" not in advice:
        advice += " Without the GPU's packages: GPU=0."
    tail = [line for line in log.splitlines() if line.strip()][-12:]
    return "\n".join(["    " + line for line in tail] + [f"{failure} {advice}"])


def environment(places: Optional[Places] = None) -> Dict[str, str]:
    """Return the environment variables under which the environment's programs run.

    Its own Python comes first on the PATH, and its own kernel before the user's kernels.
    """
    places = places or Places(ROOT)
    environ = clean_environment()
    environ["VIRTUAL_ENV"] = str(places.venv)
    environ["PATH"] = os.pathsep.join([str(places.python.parent), environ.get("PATH", "")])
    environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    return environ


# --- Commands ------------------------------------------------------------------------------------


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
    notebook = find_lesson({"LESSON": "00", **settings})
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


def count_workers(settings: Dict[str, str], *, gpu: bool, cores: Optional[int] = None) -> int:
    """Return how many test processes run at once: one a core up to four, two on a GPU."""
    if cores is None:
        usable = getattr(os, "sched_getaffinity", None)
        cores = len(usable(0)) if usable else os.cpu_count() or 1
    given = read_number(settings, "WORKERS", 1, 64)
    return given or max(1, min(cores, 2 if gpu else 4))


def pytest_arguments(notebook: Optional[Path], *, lax: bool, workers: int) -> List[str]:
    """Return what pytest is told beside the options that pyproject.toml holds.

    A notebook's cells stay in one process and in order; conftest.py starts the longest files
    first. For one lesson the tests are those that carry its number or its name.
    """
    options = ["--nbval-lax" if lax else "--nbval", "--doctest-modules"]
    options += ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    if notebook is None:
        return [*options, "tests", "course_utils", "notebooks"]
    number = notebook.stem[:2]
    names = [notebook.stem, f"lesson_{number}", f"{number}."]
    relative = notebook.relative_to(ROOT).as_posix()
    return [*options, "-k", " or ".join(names), "tests", "course_utils", relative]


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
    notebook, lax = find_lesson(settings), is_on(settings, "LAX")
    count_workers(settings, gpu=False)
    setup(settings)
    places = Places(ROOT)
    stamp = read_stamp(places) or {}
    if not lax:
        for arguments in style_commands(notebook):
            if _call([places.python, "-m", "ruff", *arguments]):
                say(
                    "The style check found something, so the tests were not run. Most of it is "
                    f"mended by:\n    {places.python} -m ruff check --fix .\n    "
                    f"{places.python} -m ruff format ."
                )
                return 1
    workers = count_workers(settings, gpu=bool(stamp.get("gpu")))
    arguments = pytest_arguments(notebook, lax=lax, workers=workers)
    return _call([places.python, "-m", "pytest", *arguments])


def refresh(settings: Dict[str, str]) -> int:
    """Run the notebooks and store what changed, through tools/notebooks.py."""
    notebook, renew = find_lesson(settings), is_on(settings, "RENEW")
    setup(settings)
    arguments = ["--lesson", notebook.stem] if notebook else []
    arguments += ["--renew"] if renew else []
    return _call([Places(ROOT).python, "tools/notebooks.py", "refresh", *arguments])


def bench(settings: Dict[str, str]) -> int:
    """Measure what the lessons cost, through tools/bench.py."""
    notebook, suite = find_lesson(settings), is_on(settings, "SUITE")
    setup(settings)
    arguments = ["--lesson", notebook.stem] if notebook else []
    arguments += ["--suite"] if suite else []
    return _call([Places(ROOT).python, "tools/bench.py", *arguments])


def _call(command: Sequence) -> int:
    """Run a program of the environment in the project's folder and return its exit code."""
    return subprocess.call([str(part) for part in command], cwd=str(ROOT), env=environment())


LOCK_HEADER = (
    "# Pinned versions for Python 3.11 to 3.13 on Linux, macOS and Windows{what}.\n"
    "# Made from pyproject.toml by: make lock\n"
)


def lock(settings: Dict[str, str]) -> int:
    """Pin the newest versions that suit pyproject.toml and each other, with uv's resolver."""
    uv = shutil.which("uv", path=environment()["PATH"])
    if uv is None:
        raise Problem("make lock needs the program uv: python -m pip install uv")
    places = Places(ROOT)
    options = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--upgrade"]
    compile_command = [uv, "pip", "compile", *options, "--python-version", dotted(PYTHONS[0])]

    def resolve(arguments: Sequence[str], text: str) -> List[str]:
        environ = {name: value for name, value in os.environ.items() if "FIND_LINKS" not in name}
        done = subprocess.run(
            [*compile_command, *arguments],
            input=text.encode("utf-8"),
            cwd=str(ROOT),
            env=environ,
            capture_output=True,
        )
        if done.returncode:
            raise Problem(
                "uv found no set of versions:\n" + done.stderr.decode("utf-8", "replace").strip()
            )
        return done.stdout.decode("utf-8").replace("\r\n", "\n").splitlines()

    override = read_tensorflow(settings)
    universal = ["--universal", "--fork-strategy", "fewest", "--extra", "lab", "--extra", "dev"]
    if override:
        raise_to = places.root / ".tensorflow.in"
        raise_to.write_text(f"tensorflow=={override}\n", encoding="utf-8")
        universal += ["--constraint", str(raise_to)]
    try:
        pins = resolve([*universal, "pyproject.toml"], "")
    finally:
        if override:
            raise_to.unlink()
    tensorflow = next(line for line in pins if line.startswith("tensorflow=="))
    version = tensorflow.split(" ")[0].partition("==")[2]
    linux = ["--python-platform", "x86_64-manylinux_2_28", "-"]
    cuda = resolve(linux, f"tensorflow[and-cuda]=={version}\n")
    cuda = [line for line in cuda if line.startswith("nvidia-")]
    header = LOCK_HEADER.format(what="")
    places.requirements.write_bytes((header + "\n".join(pins) + "\n").encode("utf-8"))
    header = LOCK_HEADER.format(what=": what TensorFlow needs besides\n# on Linux with a GPU")
    places.gpu_requirements.write_bytes((header + "\n".join(cuda) + "\n").encode("utf-8"))
    say(f"Pinned {len(pins)} packages and {len(cuda)} for a GPU; TensorFlow {version}.")
    return 0


def clean() -> None:
    """Delete the environment and all caches; notebooks and data stay."""
    places = Places(ROOT)
    with locked(places):
        for path in (places.venv, places.old, ROOT / ".pytest_cache", ROOT / ".ruff_cache"):
            remove(path)
        for folder in ("course_utils", "notebooks", "tests", "tools"):
            for name in ("__pycache__", ".ipynb_checkpoints"):
                for path in (ROOT / folder).rglob(name):
                    remove(path)
        remove(ROOT / "__pycache__")
    remove(places.lock)
    say("Deleted .venv and all caches.")


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
