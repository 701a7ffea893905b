"""Install the pinned packages into an environment: by uv, or by pip where uv cannot.

uv is one of the pinned packages. pip fetches it first, and what the user told pip is said to uv,
too: the index, the proxy, the certificate. Runs on any Python from 3.8 on and needs no package.
"""

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from tools.settings import Problem, say

# Bytes that a set-up takes at its peak, with and without TensorFlow's CUDA packages: the
# environment, and the downloads that are kept for the next time.
DISK = {False: 4_000_000_000, True: 13_000_000_000}

# What an older TensorFlow needs in other versions than the pinned ones.
RULED_BY_TENSORFLOW = ("ml-dtypes", "numpy", "protobuf", "tensorflow")


class Failed(Problem):
    """A step of the installation failed; ``cause`` names an entry of CAUSES, "" if none fits."""

    def __init__(self, text: str, cause: str, log: Sequence[str]) -> None:
        super().__init__(text)
        self.cause = cause
        self.log = log


# --- What to install -----------------------------------------------------------------------------


def packages(
    requirements: Path, gpu_requirements: Path, *, gpu: bool, tensorflow: str
) -> List[str]:
    """Return the lines to install: the pins, or a chosen TensorFlow and what suits it."""
    lines = _pins(requirements)
    if tensorflow:
        free = [re.compile(re.escape(name) + r"\s*(==|$)") for name in RULED_BY_TENSORFLOW]
        lines = [line for line in lines if not any(name.match(line) for name in free)]
        extra = "[and-cuda]" if gpu else ""
        return [*lines, f"tensorflow{extra}=={tensorflow}", "numpy"]
    return lines + (_pins(gpu_requirements) if gpu else [])


def _pins(file: Path) -> List[str]:
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


# --- Installing it -------------------------------------------------------------------------------


def install(
    python: Path, project: Path, lines: Sequence[str], *, scratch: Path, cache: Path, gpu: bool
) -> None:
    """Install packages, and the project itself in place, into the environment of ``python``.

    Args:
        python: The Python of a fresh environment that has pip.
        project: The folder with pyproject.toml.
        lines: What to install, each as a line of a requirements file.
        scratch: A folder for what is needed meanwhile.
        cache: A folder in which downloads are kept, where the user names no other.
        gpu: Whether CUDA packages are among the lines; failures then say how to go without.

    Raises:
        Failed: a step failed; the text says why and what to do.
    """
    environ = clean_environment()
    environ["TMPDIR"] = str(scratch)  # on the disk that was checked, wherever /tmp may be
    environ.setdefault("PIP_CACHE_DIR", str(cache / "pip"))
    environ.setdefault("UV_CACHE_DIR", str(cache / "uv"))
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--progress-bar", "off"]
    uv = [line for line in lines if line.startswith("uv==")]
    wanted = scratch / "requirements.txt"
    wanted.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        run([*pip, "--only-binary", ":all:", "--no-deps", *uv], environ, FETCHING_UV, gpu=gpu)
        told = read_pip_settings(python, environ)
        fast = [python, "-m", "uv", "pip", "install", "--python", python, *uv_options(told)]
        quick = {**uv_variables(told), **environ}
        # A first import would take twice as long otherwise, in each kernel that starts by then.
        binary = ["--only-binary", ":all:", "--compile-bytecode"]
        run([*fast, *binary, "-r", wanted], quick, PACKAGES, gpu=gpu)
        run([*fast, *EDITABLE, project], quick, COURSE, gpu=gpu)
    except Failed as failed:
        if failed.cause in ("disk", "network", "proxy"):
            raise
        reason = failed.log[-1].strip() if failed.log else "it does not start"
        say(f"  uv cannot do it ({reason}); pip does it, which takes some minutes")
        others = [line for line in lines if line not in uv]
        wanted.write_text("\n".join(others) + "\n", encoding="utf-8")
        # What uv may have left half done does not count as installed.
        whole = ["--only-binary", ":all:", "--ignore-installed"]
        run([*pip, *whole, "-r", wanted], environ, PACKAGES, gpu=gpu)
        run([*pip, *EDITABLE, project], environ, COURSE, gpu=gpu)


FETCHING_UV = "The installer uv could not be fetched."
PACKAGES = "The packages could not be installed."
COURSE = "The course itself could not be installed."

# hatchling, which builds the course, is among the pinned packages: nothing else is fetched.
EDITABLE = ("--no-deps", "--no-build-isolation", "--editable")


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


# --- What the user told pip, said to uv ----------------------------------------------------------


def read_pip_settings(python: Path, environ: Dict[str, str]) -> Dict[str, str]:
    """Return what pip's files and variables tell ``pip install``, by the name of the option."""
    done = subprocess.run(
        [str(python), "-m", "pip", "config", "list"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")  # pip reads these
    found = parse_pip_settings(done.stdout.decode("utf-8", "replace"))
    return {"cert": bundle, **found} if bundle else found


def parse_pip_settings(listing: str) -> Dict[str, str]:
    """Return the options in the output of ``pip config list``; the narrower section wins.

    >>> parse_pip_settings("global.index-url='https://a'\\n:env:.index-url='https://b'")
    {'index-url': 'https://b'}
    """
    sections: Dict[str, Dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        if section in sections:
            sections[section][name] = str(ast.literal_eval(value))
    return {**sections["global"], **sections["install"], **sections[":env:"]}


# pip's option, uv's variables, and what stands between several values there.
SAME_FOR_UV: Tuple[Tuple[str, Tuple[str, ...], str], ...] = (
    ("index-url", ("UV_DEFAULT_INDEX",), " "),
    ("extra-index-url", ("UV_INDEX",), " "),
    ("find-links", ("UV_FIND_LINKS",), ","),
    ("constraint", ("UV_CONSTRAINT",), " "),
    ("trusted-host", ("UV_INSECURE_HOST",), " "),
    ("cert", ("SSL_CERT_FILE",), " "),
    ("client-cert", ("SSL_CLIENT_CERT",), " "),
    ("proxy", ("HTTP_PROXY", "HTTPS_PROXY"), " "),
    ("timeout", ("UV_HTTP_TIMEOUT",), " "),
    ("default-timeout", ("UV_HTTP_TIMEOUT",), " "),
)


def uv_variables(told: Dict[str, str]) -> Dict[str, str]:
    """Return the variables that tell uv what pip was told.

    >>> uv_variables({"index-url": "https://mirror/simple"})["UV_DEFAULT_INDEX"]
    'https://mirror/simple'
    """
    # As pip does: trust what the system trusts, and take a version from whichever index has it.
    variables = {"UV_SYSTEM_CERTS": "true", "UV_INDEX_STRATEGY": "unsafe-best-match"}
    for option, names, between in SAME_FOR_UV:
        value = between.join(told.get(option, "").split())
        if value:
            variables.update(dict.fromkeys(names, value))
    return variables


def uv_options(told: Dict[str, str]) -> List[str]:
    """Return the options of uv for what pip was told and uv has no variable for."""
    return ["--no-index"] if told.get("no-index", "0").lower() in ("1", "true", "yes", "on") else []


# --- Running a step ------------------------------------------------------------------------------


def run(command: Sequence, environ: Dict[str, str], failure: str, *, gpu: bool) -> None:
    """Run a step of the set-up, tell how far it is, and turn its failure into a readable one."""
    lines: List[str] = []
    with subprocess.Popen(
        [str(part) for part in command],
        env={**environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            for raw in process.stdout:
                lines.append(raw.decode("utf-8", "replace").rstrip())
                news = progress(lines[-1])
                if news:
                    say(f"  {news}")
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        cause, text = explain(lines, failure, gpu=gpu)
        raise Failed(text, cause, lines)


def progress(line: str) -> str:
    """Return what a line of uv or pip means to the person who waits, "" for most of them.

    >>> progress("Downloading tensorflow (545.9MiB)")
    'fetching tensorflow (545.9MiB)'
    """
    large = re.match(r" *Downloading ([A-Za-z0-9_.]+).*\(([\d.]+ ?M\w+)\)", line)
    if large:
        return f"fetching {large[1]} ({large[2]})"
    if re.match(r"Installing collected packages: .*,|Prepared \d+ packages", line):
        return "unpacking them"
    return ""


# What went wrong, by what uv and pip write, and what to do. The first that fits is told: where
# the network fails, pip also says that it finds no distribution.
CAUSES = (
    (
        "disk",
        r"No space left on device|Errno 28\b|Errno 122\b|WinError 112|Disk quota exceeded"
        r"|not enough space on the disk",
        "The disk is full. Setting the course up takes {room:.1f} GB. Make room, and call the "
        "same command again.",
    ),
    (
        "certificate",
        r"CERTIFICATE_VERIFY_FAILED|SSLError|invalid peer certificate",
        "The connection is not trusted: a proxy or a virus scanner may stand in between. Tell "
        "pip its certificate (PIP_CERT=/path/to/certificate.pem), and call the same command "
        "again.",
    ),
    (
        "proxy",
        r"ProxyError|Tunnel connection failed|Cannot connect to proxy|407 Proxy|tunnel error",
        "The proxy does not let the download through. Check HTTPS_PROXY, and call the same "
        "command again.",
    ),
    (
        "network",
        r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out"
        r"|name resolution|getaddrinfo|Network is unreachable|Connection (?:refused|reset)"
        r"|Connection aborted|IncompleteRead|ProtocolError|dns error|error sending request"
        r"|operation timed out|network timeout|error decoding response body",
        "The packages' server cannot be reached. The first set-up needs the network: check "
        "the connection (and HTTPS_PROXY, behind a proxy), and call the same command again. "
        "What was fetched already is not fetched twice.",
    ),
    (
        "build",
        r"No matching distribution found|ResolutionImpossible|No solution found",
        "There is no build of this package for your system and Python. TensorFlow runs on "
        "Linux (x86-64 and ARM), on Windows (x86-64) and on Macs with Apple's processor; "
        "elsewhere, use Colab.",
    ),
    (
        "path",
        r"Windows Long Path|Filename too long|WinError 206|filename or extension is too long",
        "A path is too long for Windows. Move the course to a short folder such as "
        r"C:\course, and call the same command again.",
    ),
    (
        "ensurepip",
        r"ensurepip",
        "This Python cannot make environments with pip. On Debian and Ubuntu: "
        "sudo apt install python3-venv. Or use another one: make lab PYTHON=/path/to/python",
    ),
)


def explain(log: Sequence[str], failure: str, *, gpu: bool) -> Tuple[str, str]:
    """Return the cause of a failed step, and a readable text: its last lines, and what to do."""
    whole = "\n".join(log)
    cause, advice = "", "Call the same command again; if it fails again, the lines above say why."
    for name, pattern, text in CAUSES:
        if re.search(pattern, whole):
            cause, advice = name, text.format(room=DISK[gpu] / 1e9)
            break
    if gpu and cause != "disk":
        advice += " Without the GPU's packages: GPU=0."
    tail = [line for line in log if line.strip()][-12:]
    return cause, "\n".join(["    " + line for line in tail] + [f"{failure} {advice}"])
