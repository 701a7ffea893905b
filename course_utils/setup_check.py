"""Is this machine ready for the course? One readable line a finding."""

import importlib
import os
import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from course_utils.session import OLDEST_TENSORFLOW, import_tensorflow, muted_stderr

PYTHONS = ((3, 11), (3, 13))  # oldest and newest
OLDEST_KERAS = (3, 5)
OLDEST_NUMPY = (1, 26)
OLDEST_MATPLOTLIB = (3, 9)
LEAST_MEMORY = 2**30  # bytes beside what this process has already

RESTART = "then restart the kernel and run this cell again"


@dataclass(frozen=True)
class Finding:
    """What one part of the check found: ``remedy`` says what to do and is empty if all is well."""

    name: str
    found: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether the course can use what was found."""
        return not self.remedy

    def __str__(self) -> str:
        line = f"{'ok  ' if self.ok else 'FIX '}  {self.name:<11} {self.found}"
        if self.ok:
            return line
        remedy = textwrap.fill(
            self.remedy,
            width=92,
            initial_indent=" " * 6 + "What to do: ",
            subsequent_indent=" " * 6,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return f"{line}\n{remedy}"


def check_setup() -> bool:
    """Print one line a finding, with what to do where something is amiss; say if all is well.

    Looks at Python, TensorFlow, Keras, NumPy and Matplotlib, at the devices, draws a small
    diagram, compares the data files with their checksums, and asks for the free memory. Never
    raises: what goes wrong is a finding.
    """
    findings = [finding for look in LOOKS for finding in _look(look)]
    for finding in findings:
        print(finding)
    amiss = sum(not finding.ok for finding in findings)
    print()
    if amiss:
        print(f"{amiss} of {len(findings)} to fix: the lines marked FIX say what to do.")
    else:
        print("All is well. The course runs here.")
    return not amiss


def look_at_python() -> list[Finding]:
    """Compare the running Python with the supported ones."""
    oldest, newest = ("{}.{}".format(*version) for version in PYTHONS)
    found = f"{_dotted(sys.version_info[:3])}, supported: {oldest} to {newest}"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return [Finding("Python", found)]
    remedy = (
        f"Install Python {oldest}, {newest} or one between them. In the course's folder, "
        "`make lab` then finds it and sets itself up anew."
    )
    return [Finding("Python", found, remedy)]


def look_at_tensorflow() -> list[Finding]:
    """Import TensorFlow, compare its version, and list the devices that it sees."""
    oldest = _dotted(OLDEST_TENSORFLOW)
    try:
        tf = import_tensorflow()
    except Exception as error:  # missing, too old, or broken
        version = getattr(sys.modules.get("tensorflow"), "__version__", None)
        found = f"{version}, supported: {oldest} or newer" if version else _first_line(error)
        return [Finding("TensorFlow", found, _install(f"tensorflow>={oldest}"))]
    findings = [Finding("TensorFlow", f"{tf.__version__}, supported: {oldest} or newer")]
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus:
        found = f"{gpus} GPU{'' if gpus == 1 else 's'} and the CPU"
    else:
        found = "the CPU, no GPU; every lesson runs on a CPU"
    return [*findings, Finding("Devices", found)]


def look_at_keras() -> list[Finding]:
    """Import Keras and compare its version and the settings that the lessons rely on."""
    expected = ("tensorflow", "float32", "channels_last")
    remedy = (
        "Remove the variable KERAS_BACKEND from your environment, and the file keras.json from "
        f"the folder .keras in your home, {RESTART}. The lessons expect {', '.join(expected)}."
    )
    found = _look_at_package("Keras", "keras", OLDEST_KERAS)
    if not found.ok:
        other = any(f"needs {backend}," in found.found for backend in ("jax", "openvino", "torch"))
        return [Finding("Keras", found.found, remedy) if other else found]
    import keras

    settings = (keras.config.backend(), keras.config.floatx(), keras.config.image_data_format())
    if settings == expected:
        return [found]
    return [Finding("Keras", f"{keras.__version__}, set to {', '.join(settings)}", remedy)]


def look_at_numpy() -> list[Finding]:
    """Import NumPy and compare its version."""
    return [_look_at_package("NumPy", "numpy", OLDEST_NUMPY)]


def look_at_matplotlib() -> list[Finding]:
    """Import Matplotlib, which draws the figures, and compare its version."""
    return [_look_at_package("Matplotlib", "matplotlib", OLDEST_MATPLOTLIB)]


def look_at_diagrams() -> list[Finding]:
    """Draw a graph of two nodes, for real, and say with which program."""
    from course_utils.diagrams import DiagramError, draw_graph, find_renderer

    try:
        picture = draw_graph({"x": {"kind": "input"}, "y": {}}, [("x", "y")]).png()
        if not picture.startswith(b"\x89PNG"):
            raise DiagramError("what was drawn is not a PNG")
    except DiagramError as error:
        program = find_renderer()
        found = f"{Path(program).stem} fails" if program else "no program that draws them"
        remedy = f"{_install('graphviz-pure')} The error was: {_first_line(error)}"
        return [Finding("Diagrams", found, remedy)]
    return [Finding("Diagrams", f"drawn by {Path(find_renderer()).stem}")]


def look_at_data() -> list[Finding]:
    """Compare each data file with its checksum."""
    from course_utils.data import describe_files

    findings = []
    for report in describe_files():
        if report.ok:
            findings.append(Finding("Data", f"{report.name}, checksum right"))
        else:
            remedy = f"Run `{report.restore}` in the course's folder, {RESTART}."
            findings.append(Finding("Data", f"{report.name}: {report.problem}", remedy))
    return findings


def look_at_memory() -> list[Finding]:
    """Compare the free memory with what the largest lessons take."""
    free = free_memory()
    if free is None:
        return [Finding("Memory", "this system does not tell how much is free")]
    found = f"{free / 2**30:.1f} GiB free, expected: {LEAST_MEMORY / 2**30:.0f} GiB or more"
    if free >= LEAST_MEMORY:
        return [Finding("Memory", found)]
    remedy = (
        "Shut down other kernels (in JupyterLab: menu Kernel, Shut Down All Kernels) and close "
        "other programs. With less, the system may end the kernel in the middle of a lesson."
    )
    return [Finding("Memory", found, remedy)]


# Limit, use, and what of it the system would give back, under Linux' control groups 2 and 1.
CONTROL_GROUP_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)

LOOKS: tuple[Callable[[], list[Finding]], ...] = (
    look_at_python,
    look_at_tensorflow,
    look_at_keras,
    look_at_numpy,
    look_at_matplotlib,
    look_at_diagrams,
    look_at_data,
    look_at_memory,
)


def free_memory(control_group: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return how many bytes of memory a program can still have, None where nobody says.

    In a container with a limit of its own (Binder, Docker), what is left below that limit.
    """
    amounts = []
    try:
        import psutil

        amounts.append(psutil.virtual_memory().available)
    except (ImportError, OSError):
        kilobytes = _read_number(Path("/proc/meminfo"), r"^MemAvailable:\s+(\d+) kB")
        if kilobytes is not None:
            amounts.append(kilobytes * 1024)
    for limit, current, stat, cache in CONTROL_GROUP_FILES:
        most = _read_number(control_group / limit, r"^(\d+)$")
        used = _read_number(control_group / current, r"^(\d+)$")
        if most is not None and used is not None:
            cached = _read_number(control_group / stat, rf"^{cache} (\d+)$") or 0
            amounts.append(max(most - used + cached, 0))
    return min(amounts, default=None)


def _look(look: Callable[[], list[Finding]]) -> list[Finding]:
    """Run a part of the check; what it does not expect becomes a finding."""
    try:
        return look()
    except Exception as error:
        name = look.__name__.removeprefix("look_at_").capitalize()
        found = f"cannot be looked at: {type(error).__name__}: {_first_line(error)}"
        return [Finding(name, found, _install(""))]


def _look_at_package(name: str, module: str, oldest: tuple[int, ...]) -> Finding:
    """Import a package and compare its version with the oldest that will do."""
    wanted = f"{module}>={_dotted(oldest)}"
    try:
        with muted_stderr():
            version = importlib.import_module(module).__version__
    except ModuleNotFoundError as error:
        if error.name in (module, None):
            return Finding(name, "not installed", _install(wanted))
        found = f"needs {error.name}, which is not installed"
        return Finding(name, found, _install(error.name))
    except Exception as error:
        return Finding(name, _first_line(error), _install(wanted))
    found = f"{version}, supported: {_dotted(oldest)} or newer"
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[: len(oldest)])
    return Finding(name, found, "" if numbers >= oldest else _install(wanted))


def _install(requirement: str) -> str:
    """Say how to install a package where this runs; nothing stands for the whole course."""
    if "google.colab" in sys.modules:
        what = f'`%pip install "{requirement}"` in a cell' if requirement else "the set-up cell"
        return f"Run {what}, {RESTART}."
    other = ""
    if requirement:
        other = f' (in an environment of your own: `pip install "{requirement}"`)'
    if os.environ.get("CONDA_PREFIX") == sys.prefix:
        command = "conda env update -f environment.yml"
        return f"Run `{command}` in the course's folder{other}, {RESTART}."
    return f"Run `make lab` in the course's folder, which mends it{other}, {RESTART}."


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _first_line(error: BaseException) -> str:
    """Return the first sentence or line of an error, short enough for a finding."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = re.split(r" \((?:/|[A-Z]:)|(?<=\w\w)\. ", text)[0].rstrip(".")
    return text if len(text) <= 70 else text[:70] + "…"


def _read_number(path: Path, pattern: str) -> int | None:
    """Return the number that a pattern finds in a small system file, None if there is none."""
    try:
        found = re.search(pattern, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(found[1]) if found else None
