"""The conditions under which notebooks and tests run: variables, workers, options of pytest.

conftest.py, the refresh and the benchmarks take them from here, so that all compare and measure
the same. Runs on any Python from 3.8 on and needs no package.
"""

import os
from pathlib import Path
from typing import Dict, List, Optional

from tools.venv import Places, read_stamp

ROOT = Path(__file__).resolve().parent.parent

VARIABLES = {
    # Training shows no progress bars, whose text differs from run to run.
    "COURSE_QUIET": "1",
    # tf.autograph.to_code writes names in the order of a set.
    "PYTHONHASHSEED": "0",
    # TensorFlow's own log lines name times and processes.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Several kernels share one GPU.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    # The kernel is the one of this environment, even if the user has another "python3" kernel.
    "JUPYTER_PREFER_ENV_PATH": "1",
}
# The user's own settings change what a lesson prints, and a home may not be writable.
FOLDERS = (
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "KERAS_HOME",
    "MPLCONFIGDIR",
)


def environment() -> Dict[str, str]:
    """Return the variables of every process under test; one that is set already keeps its value.

    TensorFlow keeps all its threads: with one thread each, two kernels on two cores took no less
    processor time, and the last one could not use the core that gets free.
    """
    home = ROOT / ".pytest_cache" / "home"
    folders = {name: str(home / name.lower()) for name in FOLDERS}
    return {name: os.environ.get(name, value) for name, value in {**VARIABLES, **folders}.items()}


def count_cores() -> int:
    """Return how many processor cores this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def count_workers(*, cores: Optional[int] = None, gpu: Optional[bool] = None) -> int:
    """Return how many test processes run at once: one a core up to four, two on a GPU.

    By default for this machine, and for the packages that the set-up put into .venv.
    """
    if gpu is None:
        gpu = bool((read_stamp(Places(ROOT)) or {}).get("gpu"))
    return max(1, min(cores or count_cores(), 2 if gpu else 4))


def comparison_options(workers: int, *, lax: bool = False) -> List[str]:
    """Return the options of pytest beside those that pyproject.toml holds.

    A notebook's cells stay in one process and in order; conftest.py shares out the
    exercises by lesson, and starts the longest files first.
    """
    options = ["--nbval-lax" if lax else "--nbval", "--doctest-modules"]
    return [*options, "-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]


def what_to_run(notebook: Optional[Path] = None) -> List[str]:
    """Return what pytest runs: all there is, or what belongs to the lesson of one notebook."""
    if notebook is None:
        return ["tests", "course_utils", "notebooks"]
    lesson = ["--lesson", notebook.stem[:2]]
    return [*lesson, "tests", "course_utils", notebook.relative_to(ROOT).as_posix()]
