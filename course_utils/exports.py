"""What an exported model needs around it: a fresh process, an interpreter, a measure of agreement.

Used in lesson 32. Nothing here exports: ``model.export`` does, and the lesson shows it.
"""

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.arguments import check_text, check_texts
from course_utils.session import muted_stderr

HIDDEN = ("course_utils", "keras")
"""The packages that a fresh process cannot import unless it is told otherwise."""

_HIDE = """\
import sys


class _Hide:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {hidden!r}:
            return None
        return self.finder.find_spec(name, path, target)


sys.path[:] = {path!r}
sys.meta_path[:] = [_Hide(finder) for finder in sys.meta_path]
"""

_CALL = """\
import numpy as np
import tensorflow as tf

with np.load("inputs.npz", allow_pickle=False) as file:
    inputs = file["inputs"]
loaded = tf.saved_model.load({folder!r})
answers = getattr(loaded, {endpoint!r})(tf.constant(inputs))
if not isinstance(answers, dict):
    answers = {{"": answers}}
arrays = {{name: np.asarray(value) for name, value in answers.items()}}
for name, array in arrays.items():
    if array.dtype == object:  # texts
        arrays[name] = np.char.decode(array.astype(bytes), "utf-8")
np.savez("answers.npz", **arrays)
"""


class ExportError(RuntimeError):
    """An exported model could not be made, loaded or called; the message says why."""


# --- a fresh process ------------------------------------------------------------------------


def run_elsewhere(
    program: str,
    *,
    folder: str | os.PathLike,
    hide: Sequence[str] = HIDDEN,
    seconds: float = 240,
) -> str:
    """Run a Python program in a new process that cannot import some packages.

    The process starts in ``folder``, finds the packages that this one finds, except the hidden
    ones, and sees no GPU.

    Args:
        program: Python code.
        folder: the working directory of the program.
        hide: names of packages. For the program, they are not installed.
        seconds: the longest time that it may take. It is ended then.

    Returns:
        What the program printed.

    Raises:
        TypeError: ``program`` is not a string, or ``hide`` not a list of names.
        NotADirectoryError: there is no such folder.
        ExportError: the program ended with an error, whose last lines are in the message, or it
            took too long.

    Used in lesson 32.

    >>> print(run_elsewhere("import course_utils", folder="."))
    Traceback (most recent call last):
    ...
    course_utils.exports.ExportError: The program failed: ModuleNotFoundError: No module named 'course_utils'
    """  # noqa: E501
    check_text("program", program)
    hide = check_texts("hide", hide)
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"folder: there is no folder {folder}.")
    path = [os.path.abspath(place) for place in sys.path if place]
    head = _HIDE.format(hidden=tuple(hide), path=path)
    unset = ("PYTHONPATH", "PYTHONSTARTUP", "MPLBACKEND")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUTF8": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-"],
            input=head + program,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(f"The program took longer than {seconds:g} seconds.") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else f"it ended with the code {done.returncode}"
        raise ExportError(f"The program failed: {reason}")
    return done.stdout


def call_elsewhere(
    saved_model: str | os.PathLike,
    inputs: Any,
    *,
    endpoint: str = "serve",
    hide: Sequence[str] = HIDDEN,
) -> Any:
    """Load a SavedModel in a new process, without the course and without Keras, and call it.

    Args:
        saved_model: the folder of the SavedModel.
        inputs: one array of numbers or texts.
        endpoint: the name of the function to call.
        hide: names of packages that the process cannot import.

    Returns:
        An array, or a dict of arrays where the function returns a dict.

    Raises:
        FileNotFoundError: the folder holds no SavedModel.
        ExportError: loading or calling it failed; the message says how.

    Source: TensorFlow guide "Using the SavedModel format". Used in lesson 32.
    """
    saved_model = Path(saved_model).resolve()
    if not (saved_model / "saved_model.pb").is_file():
        raise FileNotFoundError(f"saved_model: there is no saved_model.pb in {saved_model}.")
    inputs = np.asarray(inputs)
    if inputs.dtype.kind == "O":
        inputs = inputs.astype(str)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "inputs.npz", inputs=inputs)
        program = _CALL.format(folder=str(saved_model), endpoint=endpoint)
        run_elsewhere(program, folder=folder, hide=hide)
        with np.load(Path(folder) / "answers.npz", allow_pickle=False) as file:
            answers = dict(file)
    return answers[""] if list(answers) == [""] else answers


# --- quiet converters and interpreters --------------------------------------------------------


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep warnings and log lines of converters and interpreters away while the block runs.

    They come from C++ code past ``sys.stderr``, from Python's warnings and from its loggers.
    Exceptions pass through. Used in lessons 03 and 32.
    """
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx", "absl")]
    levels = [logger.level for logger in loggers]
    with muted_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def load_interpreter(path: str | os.PathLike) -> Any:
    """Return a LiteRT interpreter for a .tflite file.

    It is that of the package ``ai_edge_litert`` where this is installed, and else the one that
    TensorFlow brings (with a warning that it will leave TensorFlow, which is muted).

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: there is no interpreter here; the message says which package has one.
        ValueError: the file holds no LiteRT model.

    Source: LiteRT guide "Get started with LiteRT". Used in lesson 32.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {path}.")
    with quietly():
        return _interpreter_class()(model_path=str(path))


def _interpreter_class() -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except Exception:  # not installed, or not made for this platform
        from course_utils.session import import_tensorflow

        try:
            return import_tensorflow().lite.Interpreter
        except AttributeError:
            raise ImportError(
                "This TensorFlow has no LiteRT interpreter any more. Install it with "
                "`pip install ai-edge-litert`."
            ) from None
    return Interpreter


def call_litert(path: str | os.PathLike, inputs: Any) -> Any:
    """Call a LiteRT model with one input and return its answers.

    Where the model takes or gives whole numbers with a scale, inputs and answers are converted,
    so that both are in the units of the original model.

    Args:
        path: a .tflite file.
        inputs: an array, with the axis of the batch.

    Returns:
        An array, or a dict of arrays where there are several outputs.

    Raises:
        FileNotFoundError, ImportError, ValueError: as for :func:`load_interpreter`, or the model
            does not have exactly one input.

    Used in lesson 32.
    """
    interpreter = load_interpreter(path)
    with quietly():
        runner = interpreter.get_signature_runner()
        details = runner.get_input_details()
        if len(details) != 1:
            raise ValueError(f"path: expected a model with one input, this has {sorted(details)}.")
        ((name, detail),) = details.items()
        answers = runner(**{name: _to_units(np.asarray(inputs), detail)})
        outputs = runner.get_output_details()
    answers = {key: _from_units(value, outputs[key]) for key, value in answers.items()}
    return next(iter(answers.values())) if len(answers) == 1 else answers


def _to_units(values: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    """Return numbers as a LiteRT model takes them."""
    scale, zero = detail["quantization"]
    if scale == 0:  # not quantised
        return values.astype(detail["dtype"])
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(detail["dtype"])


def _from_units(values: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    scale, zero = detail["quantization"]
    return values if scale == 0 else ((values.astype("float32") - zero) * scale).astype("float32")


def call_onnx(path: str | os.PathLike, inputs: Any) -> np.ndarray:
    """Call an ONNX model with one input in ONNX Runtime and return its first answer.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: the package ``onnxruntime`` is missing.

    Source: documentation of ONNX Runtime. Used in lesson 32.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {path}.")
    with quietly():
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: np.asarray(inputs)})[0]


def missing_packages(*names: str) -> list[str]:
    """Return those of the packages that cannot be imported here, without importing them.

    >>> missing_packages("numpy", "no_such_package")
    ['no_such_package']
    """
    return [name for name in names if importlib.util.find_spec(name) is None]


# --- agreement ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Agreement:
    """How far the logits of an exported model are from those of the original."""

    same: int  # examples for which both name the same class
    count: int
    difference: float  # the largest between two logits

    def within(self, tolerance: float) -> bool:
        """Say whether no logit is off by more than ``tolerance``, and no class is another."""
        return self.same == self.count and self.difference <= tolerance


def compare(answers: Any, original: Any) -> Agreement:
    """Compare the logits of an exported model with those of the original, (n, classes) both.

    >>> compare([[1.0, 3.0], [2.0, 0.0]], [[1.0, 2.5], [0.0, 1.0]])
    Agreement(same=1, count=2, difference=2.0)

    Raises:
        ValueError: the shapes differ or are not (n, classes), or there is no example.

    Used in lesson 32.
    """
    answers, original = np.asarray(answers, "float64"), np.asarray(original, "float64")
    if answers.shape != original.shape or answers.ndim != 2 or not answers.size:
        raise ValueError(
            "answers, original: expected one shape (n, classes), got "
            f"{answers.shape} and {original.shape}."
        )
    same = int(np.sum(answers.argmax(axis=1) == original.argmax(axis=1)))
    return Agreement(same, len(original), float(np.abs(answers - original).max()))


def softmax(logits: Any) -> np.ndarray:
    """Return the probabilities of logits, over the last axis.

    >>> softmax([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """
    logits = np.asarray(logits, "float64")
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def size_of(path: str | os.PathLike) -> int:
    """Return the bytes of a file, or of all files in a folder.

    Raises:
        FileNotFoundError: there is neither.
    """
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    if not path.is_dir():
        raise FileNotFoundError(f"path: there is no file and no folder {path}.")
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
