"""What every pytest run of this project shares: the kernels' environment and the order of files.

pytest reads this file in the main process and in each of its workers, before any test module or
any notebook kernel starts, so `make test`, `make refresh` and a plain
`pytest --nbval notebooks/02*.ipynb` run notebooks under the same conditions.
"""

import os
from collections import defaultdict

import pytest

ENVIRONMENT = {
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
"""Environment variables of every notebook kernel under test; a value that is set already wins."""

for _name, _value in ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

SECONDS = "course/seconds"


def _file(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


def pytest_configure(config: pytest.Config) -> None:
    """Find the rules for outputs from any folder, and read how long each file took last time.

    A worker is told the times by the main process instead.
    """
    rules = config.option.nbval_sanitize_with
    config.option.nbval_sanitize_with = str(config.rootpath / rules)
    workerinput = getattr(config, "workerinput", None)
    if workerinput is not None:
        config._course_seconds = workerinput["course_seconds"]
        return
    cache = getattr(config, "cache", None)  # None under "-p no:cacheprovider"
    config._course_seconds = cache.get(SECONDS, {}) if cache else {}
    if cache:
        config.pluginmanager.register(_Stopwatch(config), "course-stopwatch")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Hand the main process's table to a worker: all workers must agree on one order."""
    node.workerinput["course_seconds"] = node.config._course_seconds


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start the longest files first, so that parallel workers end together.

    A file that was never timed counts as long when it is a notebook and as short otherwise.
    """
    seconds = config._course_seconds

    def longest_first(item: pytest.Item) -> float:
        name = _file(item.nodeid)
        return -seconds.get(name, 60.0 if name.endswith(".ipynb") else 5.0)

    items.sort(key=longest_first)


class _Stopwatch:
    """Adds up the seconds of each file and keeps them in pytest's cache."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[_file(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        if self.seconds:
            kept = self.config._course_seconds
            rounded = {name: round(value, 1) for name, value in self.seconds.items()}
            self.config.cache.set(SECONDS, {**kept, **rounded})
