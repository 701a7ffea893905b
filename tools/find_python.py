"""Find a Python that TensorFlow supports, or say what was found instead and what to do.

Runs on any Python from 3.8 on and needs no package.
"""

import json
import os
import shutil
import subprocess
import sys
from typing import Callable, List, Optional, Sequence

from tools.settings import Problem

PYTHONS = ((3, 11), (3, 12), (3, 13))
FIRST_TENSORFLOW_FOR_PYTHON_313 = (2, 20)

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
