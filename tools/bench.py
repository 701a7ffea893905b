"""Measure what the course costs: seconds and memory of imports, lessons, training, the suite.

    python -m tools.bench                      imports, then each lesson in a kernel of its own
    python -m tools.bench --lesson 03_eager_and_graph
    python -m tools.bench imports              only this benchmark
    python -m tools.bench loops                training loops: steps a second, and their ratios
    python -m tools.bench --suite              all tests and notebooks, too, and the slowest files
    python -m tools.bench --json bench.json    the same table for a program

Seconds differ from machine to machine, so a lesson's cells are also given in epochs of the
published ResNet loop, which is timed before the lessons and after them. A lesson may take six.

This is no test: nothing fails for being slow. It ends with 1 if a lesson or the suite fails. The
notebooks are read and not written. A new benchmark is a function below ``@benchmark("name")``
that yields rows.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

from tools.conditions import comparison_options, environment, what_to_run
from tools.find_lesson import find_lesson, notebook_paths
from tools.settings import Problem

ROOT = Path(__file__).resolve().parents[1]
MEBIBYTE = 2**20
CELL_TIMEOUT = 300  # seconds
IMPORTS = (
    ("course_utils", 5),
    ("course_utils.data", 5),
    ("course_utils.plots", 5),
    ("tensorflow", 3),
)  # modules, and how often each is measured
MEASURE_IMPORT = """
import time
started = time.perf_counter()
import {module}
seconds = time.perf_counter() - started
import psutil
print("MEASURED", seconds, psutil.Process().memory_info().rss)
"""


@dataclass(frozen=True)
class Row:
    """One measurement."""

    benchmark: str
    subject: str
    seconds: float
    mebibytes: float  # the largest memory seen; at the end for imports and loops
    note: str = ""
    ok: bool = True
    epochs: float | None = None  # of the published ResNet loop, where these were measured


@dataclass(frozen=True)
class Options:
    """What the benchmarks may depend on."""

    notebooks: tuple[Path, ...]


Benchmark = Callable[[Options], Iterator[Row]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Register a function that yields rows as the benchmark of this name.

    Raises:
        ValueError: there is one of this name already.
    """

    def register(function: Benchmark) -> Benchmark:
        if name in BENCHMARKS:
            raise ValueError(f"name: there is a benchmark {name!r} already.")
        BENCHMARKS[name] = function
        return function

    return register


class PeakMemory:
    """Watches how much memory the processes below this one hold, while the block runs.

    Resident memory of all processes that this one has started, and of theirs, added up twenty
    times a second: shared pages count more than once, and a shorter peak may be missed.
    """

    def __init__(self) -> None:
        self.mebibytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._stop.wait(0.05):
            total = 0
            for process in own.children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it has just ended
                    continue
            self.mebibytes = max(self.mebibytes, total / MEBIBYTE)


def child_environment() -> dict[str, str]:
    """Return the environment of measured processes: that of the tests, and this checkout first."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **environment(), "PYTHONPATH": path}


def measure_import(module: str, repeats: int) -> Row:
    """Import a module in fresh processes; return the median of seconds and of memory."""
    seconds, memory = [], []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-c", MEASURE_IMPORT.format(module=module)],
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"^MEASURED (\S+) (\d+)$", done.stdout, re.MULTILINE)
        if found is None:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return Row("imports", module, 0.0, 0.0, f"failed: {last}", ok=False)
        seconds.append(float(found[1]))
        memory.append(int(found[2]) / MEBIBYTE)
    note = f"median of {repeats} processes, {min(seconds):.3f} to {max(seconds):.3f} s"
    return Row("imports", module, statistics.median(seconds), statistics.median(memory), note)


def measure_notebook(path: Path) -> Row:
    """Run a notebook in a fresh kernel, from its first cell to the end of the last one.

    The note names the slowest cell, or the cell that failed and why.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.resolve().parent)}},
    )
    slowest, number, failure, started = (0.0, 0), 0, "", time.perf_counter()
    with PeakMemory() as memory:
        try:
            with client.setup_kernel(env=child_environment()):
                started = time.perf_counter()
                for index, cell in enumerate(notebook.cells):
                    if cell.cell_type != "code":
                        continue
                    number += 1
                    begun = time.perf_counter()
                    client.execute_cell(cell, index)
                    slowest = max(slowest, (time.perf_counter() - begun, number))
                seconds = time.perf_counter() - started
        except (CellControlSignal, DeadKernelError) as error:
            seconds = time.perf_counter() - started
            reason = str(error)
            if isinstance(error, CellExecutionError):
                reason = f"{error.ename}: {error.evalue}"
            failure = f"failed in code cell {number}: {reason.strip().splitlines()[0]}"
    note = failure or f"slowest: code cell {slowest[1]}, {slowest[0]:.1f} s"
    return Row("lessons", path.stem, seconds, memory.mebibytes, note, ok=not failure)


def measure_command(name: str, subject: str, command: Sequence[str]) -> Row:
    """Run a command in the project's folder; the note is its last line."""
    started = time.perf_counter()
    with PeakMemory() as memory:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=child_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    seconds = time.perf_counter() - started
    note = (done.stdout.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return Row(name, subject, seconds, memory.mebibytes, note, ok=done.returncode == 0)


@benchmark("imports")
def imports(options: Options) -> Iterator[Row]:
    """What the parts of the course and TensorFlow cost before they do anything."""
    for module, repeats in IMPORTS:
        yield measure_import(module, repeats)


def train_published_resnet(digits: int) -> None:
    """Train a ResNet for an epoch as its published loop does, and print what it took as JSON.

    The pre-activation ResNet of lesson 27, so many digits in batches of 64, Adam, and a training
    step under ``tf.function``. The first step, which traces, is taken before and does not count.
    """
    from course_utils.builders.resnet import ResNet, prepare
    from course_utils.data import load_digits
    from course_utils.session import seed_everything
    from course_utils.training.loop import make_batches

    seed_everything(0)
    import keras
    import tensorflow as tf

    (images, labels), _ = load_digits()
    rows = prepare(images[:digits]), labels[:digits]
    batches = make_batches(rows, batch_size=64, shuffle=True, seed=0)
    model, optimizer = ResNet(), keras.optimizers.Adam()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model(prepare(images[:1]))
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(pictures: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(targets, model(pictures, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return value

    for pictures, targets in batches.take(1):
        step(pictures, targets)
    started = time.perf_counter()
    for pictures, targets in batches:
        step(pictures, targets)
    seconds = time.perf_counter() - started
    memory = psutil.Process().memory_info().rss
    print("MEASURED", json.dumps({"seconds": seconds, "memory": memory}))


def measure_epoch(digits: int = 4_000) -> Row:
    """Return what an epoch of the published ResNet loop costs, in a process of its own."""
    subject = "published ResNet loop"
    measured, failure = call_in_process(f"train_published_resnet({digits})")
    if measured is None:
        return Row("epoch", subject, 0.0, 0.0, failure, ok=False)
    memory = measured["memory"] / MEBIBYTE
    return Row("epoch", subject, measured["seconds"], memory, f"{digits:,} digits")


def call_in_process(call: str) -> tuple[Any, str]:
    """Call a function of this module in a fresh process; return what it measured, or why not."""
    done = subprocess.run(
        [sys.executable, "-c", f"from tools import bench; bench.{call}"],
        cwd=ROOT,
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^MEASURED (.+)$", done.stdout, re.MULTILINE)
    if found is None:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return None, f"failed: {last}"
    return json.loads(found[1]), ""


@benchmark("lessons")
def lessons(options: Options) -> Iterator[Row]:
    """What the cells of each lesson cost, between two epochs of the published ResNet loop."""
    yield measure_epoch()
    for path in options.notebooks:
        yield measure_notebook(path)
    yield measure_epoch()


def in_epochs(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with those of lessons in epochs, too: of the mean of the measured ones."""
    measured = [row.seconds for row in rows if row.benchmark == "epoch" and row.ok]
    if not measured:
        return list(rows)
    epoch = statistics.mean(measured)
    return [
        replace(row, epochs=row.seconds / epoch) if row.benchmark == "lessons" else row
        for row in rows
    ]


def race(contestants: Mapping[str, tuple[Callable[[], object], int]], rounds: int) -> dict:
    """Return the steps a second of each contestant, the best of ``rounds`` that count.

    Contestants are functions that take a number of steps. They take turns within a round, so that
    whatever else the machine does hits all of them; one round before traces, and does not count.
    """
    best = dict.fromkeys(contestants, 0.0)
    for number in range(rounds + 1):
        for name, (run, steps) in contestants.items():
            started = time.perf_counter()
            run()
            if number > 0:
                best[name] = max(best[name], steps / (time.perf_counter() - started))
    return best


def loop_contestants(build: Callable[[], Any], steps: int, eager_steps: int) -> dict:
    """Return ways to train a model on batches of 32 digits, for :func:`race`.

    Same model, optimiser, loss, metric and batches for all. "1" and "32" are the steps in one call
    of a graph.
    """
    from course_utils.data import load_digits
    from course_utils.session import import_tensorflow
    from course_utils.training.loop import TrainingLoop, make_batches

    tf = import_tensorflow()
    import keras

    (images, labels), _ = load_digits()
    shape = (-1, *build().input_shape[1:])
    data = images.reshape(shape).astype("float32") / 255, labels.astype("int64")
    batches = make_batches(data, shuffle=True, seed=0).take(steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def parts() -> tuple[Any, Any, Any]:
        metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        return build(), keras.optimizers.Adam(), metric

    def step_by_step(count: int, compile_step: Callable) -> tuple[Callable[[], None], int]:
        model, optimizer, metric = parts()
        optimizer.build(model.trainable_variables)

        def step(inputs: Any, targets: Any) -> None:
            with tf.GradientTape() as tape:
                outputs = model(inputs, training=True)
                value = loss(targets, outputs)
            gradients = tape.gradient(value, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            metric.update_state(targets, outputs)

        chosen, few = compile_step(step), batches.take(count)

        def run() -> None:
            for inputs, targets in few:
                chosen(inputs, targets)

        return run, count

    def fit(per_call: int) -> tuple[Callable[[], object], int]:
        model, optimizer, metric = parts()
        options = {"jit_compile": False, "steps_per_execution": per_call}
        model.compile(optimizer, loss, metrics=[metric], **options)
        return lambda: model.fit(batches, shuffle=False, verbose=0), steps

    def loop(per_call: int, *, jit_compile: bool = False) -> tuple[Callable[[], object], int]:
        model, optimizer, metric = parts()
        made = TrainingLoop(
            model,
            optimizer=optimizer,
            loss=loss,
            metrics=[metric],
            steps_per_call=per_call,
            jit_compile=jit_compile,
        )
        return lambda: made.fit(batches, progress=False), steps

    return {
        "eager": step_by_step(eager_steps, lambda step: step),
        "graph": step_by_step(steps, tf.function),
        "fit 1": fit(1),
        "fit 32": fit(32),
        "loop 1": loop(1),
        "loop 32": loop(32),
        "loop 32 xla": loop(32, jit_compile=True),
    }


RATIOS = (("loop 1", "fit 1"), ("loop 32", "fit 32"), ("loop 32", "fit 1"), ("loop 32", "eager"))


def measure_loops(name: str, steps: int, eager_steps: int, rounds: int) -> None:
    """Let the loops race on the model that ``build_<name>`` makes; print the result as JSON."""
    from course_utils.builders import models

    build = getattr(models, f"build_{name}")
    speeds = race(loop_contestants(build, steps, eager_steps), rounds)
    memory = psutil.Process().memory_info().rss
    print("MEASURED", json.dumps({"speeds": speeds, "memory": memory}))


LOOPS = (("mlp", 125, 25, 12), ("cnn", 60, 5, 8))  # model, steps, eager steps, rounds


@benchmark("loops")
def loops(options: Options) -> Iterator[Row]:
    """What 1,000 training steps cost in the course's loop, in ``fit`` and in plain loops."""
    for name, *sizes in LOOPS:
        measured, failure = call_in_process(f"measure_loops({name!r}, *{sizes})")
        if measured is None:
            yield Row("loops", name, 0.0, 0.0, failure, ok=False)
            continue
        speeds, memory = measured["speeds"], measured["memory"] / MEBIBYTE
        for contestant, speed in speeds.items():
            against = [
                f"{speed / speeds[other]:.2f} times {other}"
                for own, other in RATIOS
                if own == contestant
            ]
            note = "; ".join([f"{speed:.0f} steps a second", *against])
            yield Row("loops", f"{name}, {contestant}", 1_000 / speed, memory, note)


SLOWEST = 10  # files of the suite that are named


@benchmark("suite")
def suite(options: Options) -> Iterator[Row]:
    """What ``make test`` costs with two workers, without the style check; the slowest files."""
    arguments = [*comparison_options(workers=2), *what_to_run()]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "suite.xml"
        command = [sys.executable, "-m", "pytest", "-q", *arguments]
        command += ["-o", "junit_family=xunit1", f"--junitxml={report}"]
        yield measure_command("suite", "all", command)
        if report.exists():
            yield from slowest_files(report.read_text(encoding="utf-8"))


def slowest_files(report: str) -> Iterator[Row]:
    """Yield the files of a JUnit report whose tests took longest, added up over the workers."""
    seconds: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for case in ElementTree.fromstring(report).iter("testcase"):
        file = case.get("file", "?")
        seconds[file] += float(case.get("time", 0))
        count[file] += 1
    for file in sorted(seconds, key=seconds.__getitem__, reverse=True)[:SLOWEST]:
        yield Row("suite", file, seconds[file], 0.0, f"{count[file]} tests")


def format_table(rows: Sequence[Row]) -> str:
    """Return the rows as one aligned table.

    >>> print(format_table([Row("lessons", "03", 12.3456, 900.0, "slowest: 7", epochs=2.4)]))
    benchmark  subject  seconds  epochs  MiB  note
    lessons    03        12.346     2.4  900  slowest: 7
    """
    cells = [("benchmark", "subject", "seconds", "epochs", "MiB", "note")]
    for row in rows:
        epochs = "" if row.epochs is None else f"{row.epochs:.1f}"
        mebibytes = f"{row.mebibytes:.0f}" if row.mebibytes else ""
        numbers = (f"{row.seconds:.3f}", epochs, mebibytes)
        cells.append((row.benchmark, row.subject, *numbers, row.note))
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    lines = []
    for line in cells:
        left = [f"{text:<{width}}" for text, width in zip(line[:2], widths[:2], strict=True)]
        right = [f"{text:>{width}}" for text, width in zip(line[2:5], widths[2:], strict=True)]
        lines.append("  ".join([*left, *right, line[5]]).rstrip())
    return "\n".join(lines)


def describe_machine() -> dict[str, str | int]:
    """Return what the numbers depend on."""
    versions = {}
    for package in ("tensorflow", "keras", "numpy", "matplotlib"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": len(psutil.Process().cpu_affinity())
        if hasattr(psutil.Process, "cpu_affinity")
        else psutil.cpu_count() or 1,
        "memory in MiB": psutil.virtual_memory().total // MEBIBYTE,
        **versions,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks and print their table. Returns 1 if something failed to run, else 0."""
    parser = argparse.ArgumentParser(description="Measure what the course costs.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="BENCHMARK",
        help=f"which ones: {', '.join(BENCHMARKS)} (by default all but suite)",
    )
    parser.add_argument(
        "--lesson", action="append", help="only this lesson, such as 02; repeatable"
    )
    parser.add_argument("--suite", action="store_true", help="all tests and notebooks, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}. There are: {', '.join(BENCHMARKS)}.")
    try:
        notebooks = [find_lesson(name) for name in options.lesson or ()] or notebook_paths()
    except Problem as problem:
        parser.error(str(problem))
    names = list(options.names)
    if not names:
        names = ["lessons"] if options.lesson else [name for name in BENCHMARKS if name != "suite"]
    if options.suite and "suite" not in names:
        names.append("suite")

    rows = []
    for name in names:
        for row in BENCHMARKS[name](Options(notebooks=tuple(notebooks))):
            print(f"{name}: {row.subject}, {row.seconds:.1f} s", file=sys.stderr, flush=True)
            rows.append(row)
    rows = in_epochs(rows)
    machine = describe_machine()
    print(", ".join(f"{name} {value}" for name, value in machine.items()), end="\n\n")
    print(format_table(rows))
    if options.json is not None:
        content = {"machine": machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
