"""Start a lesson (TensorFlow imported quietly, seeds set, figures styled), and show its errors."""

import contextlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator

from course_utils.arguments import check_whole

OLDEST_TENSORFLOW = (2, 18)
LONGEST_MESSAGE = 40  # lines that show_error prints


def is_quiet() -> bool:
    """Say whether output is being recorded or compared, so that progress bars stay away.

    True where the environment variable ``COURSE_QUIET`` is ``1``, as it is under test.
    """
    return os.environ.get("COURSE_QUIET") == "1"


@contextlib.contextmanager
def muted_stderr() -> Iterator[None]:
    """Send everything written to file descriptor 2 to nowhere while the block runs.

    TensorFlow's C++ code writes there at import, past Python's ``sys.stderr`` and whatever
    ``TF_CPP_MIN_LOG_LEVEL`` says. Exceptions raised in the block pass through unchanged.
    """
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no such descriptor, as under pythonw on Windows: nothing to mute
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        with contextlib.suppress(AttributeError, OSError, ValueError):
            sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)


def import_tensorflow():
    """Import TensorFlow without its start-up noise and return the module.

    Keras computes with TensorFlow, whatever its settings file says, and oneDNN stays as
    TensorFlow sets it. On a GPU, memory is taken as it is needed and TensorFloat-32 is off, so
    that a float32 product means the same on every device. All of this happens at the first call
    in a process; what you set later stays.

    Raises:
        ImportError: TensorFlow is missing, or older than 2.18; the message says what to do.
    """
    global _tensorflow
    if _tensorflow is not None:
        return _tensorflow
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with muted_stderr():
            import tensorflow as tf
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise ImportError(
            "TensorFlow is not installed in this environment "
            f"({sys.executable}). The course needs TensorFlow 2.18 or newer: "
            "run `make lab` in the course's folder, or `pip install tensorflow`."
        ) from error
    found = tuple(int(part) for part in tf.__version__.split(".")[:2])
    if found < OLDEST_TENSORFLOW:
        raise ImportError(
            f"This is TensorFlow {tf.__version__}; the course needs 2.18 or newer (Keras 3). "
            "Run `make lab` in the course's folder, which brings a fitting version, "
            "or `pip install --upgrade tensorflow`."
        )
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # the device is already in use
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    _tensorflow = tf
    return tf


_tensorflow = None


def seed_everything(seed: int) -> None:
    """Seed Python's ``random``, NumPy, TensorFlow and Keras with the same whole number.

    Raises:
        TypeError: ``seed`` is not a whole number.
        ValueError: ``seed`` is below 0 or above 2**32 - 1, the range that NumPy accepts.
    """
    check_whole("seed", seed, least=0, most=2**32 - 1)
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)


def start_lesson(*, seed: int) -> None:
    """Do what each lesson's set-up cell needs, in one call, as often as you like.

    Imports TensorFlow quietly, forgets the Keras names of an earlier run (so that the first
    ``Dense`` layer is called ``dense`` again), sets all seeds and the style of the figures.

    Raises:
        ImportError: TensorFlow is missing or too old, or Matplotlib is missing.
        TypeError, ValueError: ``seed`` is not a whole number from 0 to 2**32 - 1.
    """
    seed_everything(seed)
    import keras

    try:
        from course_utils.plots import use_course_style
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is not installed in this environment ({sys.executable}). "
            f"Run `make lab` in the course's folder, or `pip install {error.name}`."
        ) from error

    keras.utils.clear_session()
    use_course_style()


# ---------------------------------------------------------------- errors, shown


@contextlib.contextmanager
def show_error(expected: type[BaseException], phrase: str) -> Iterator[None]:
    """Run a block that must raise, and print the error whole, as you will meet and search for it.

    The name of the error's type comes first, then the message, each line behind ``│``, without
    addresses in memory and folders of this machine. Of a message of more than 40 lines, the
    middle is left out, and a line says so. A subclass of ``expected`` will do, and is named. A
    warning, if that is what you expect, is shown in the same way; the block runs to its end.

    Raises:
        ValueError: ``phrase`` is empty, which any message would contain.
        AssertionError: the block raises nothing, something else, or a message without ``phrase``.

    >>> with show_error(ZeroDivisionError, "by zero"):
    ...     1 // 0
    ZeroDivisionError
    │ integer division or modulo by zero
    """
    if not phrase:
        raise ValueError("phrase: expected a telling part of the message, got nothing.")
    try:
        with warnings.catch_warnings(record=issubclass(expected, Warning)) as caught:
            if caught is not None:
                warnings.simplefilter("always", expected)
            yield
        found = [each.message for each in caught or () if isinstance(each.message, expected)]
        if found:
            raise max(found, key=lambda warning: phrase in str(warning))
    except expected as error:
        kind, message = type(error).__name__, without_machine(str(error))
        if phrase not in message:
            raise AssertionError(
                f"Expected the message to contain {phrase!r}. It is:\n{message}"
            ) from error
    except Exception as error:
        raise AssertionError(
            f"Expected {expected.__name__}, but the block raised {type(error).__name__}: "
            f"{without_machine(str(error))}"
        ) from error
    else:
        raise AssertionError(f"Expected {expected.__name__}, but the block raised nothing.")
    lines = message.splitlines() or [""]
    if left_out := max(len(lines) - LONGEST_MESSAGE, 0):
        end = LONGEST_MESSAGE // 4
        lines[LONGEST_MESSAGE - end : -end] = [f"… ({left_out} lines are left out here)"]
    print(kind)
    for line in lines:
        print(f"│ {line}".rstrip())


@contextlib.contextmanager
def keep_log() -> Iterator[list[str]]:
    """Keep what TensorFlow's Python code logs in a list, instead of showing it, during a block.

    Each message is text without addresses in memory and folders of this machine. What C++ code
    writes passes by.

    >>> with keep_log() as log:
    ...     logging.getLogger("tensorflow").warning("traced %d times", 5)
    >>> log
    ['traced 5 times']
    """
    messages: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(without_machine(record.getMessage()))

    logger = logging.getLogger("tensorflow")
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers[:], logger.propagate = [Keeper()], False
    try:
        yield messages
    finally:
        logger.handlers[:], logger.propagate = handlers, propagate


def without_machine(message: str) -> str:
    """Return an error's message without colors, addresses and this machine's folders.

    >>> without_machine("<function f at 0x7f3c5a1b2d30> of /home/ann/.venv/lib/keras/models.py")
    '<function f> of …/models.py'
    """
    message = _ADDRESS_OF.sub("", without_color(message))
    message = _ADDRESS.sub("0x…", message)
    return _PATH.sub(r"…/\1", message)


def without_color(text: str) -> str:
    """Return text without the codes by which a terminal colors it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


_ADDRESS_OF = re.compile(r"(?<=\w) at 0x[0-9a-fA-F]+(?=>)")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?<![\w.~\\/])(?:~|[A-Za-z]:)?(?:[\\/][\w.~+-]+)+[\\/]([\w.~+-]+)")
