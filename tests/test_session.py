"""The start of a lesson: quiet, seeded, and readable where something is missing."""

import logging
import os
import sys
import warnings
from types import SimpleNamespace

import pytest
from fresh_process import run_python

from course_utils import session

# --- quiet ----------------------------------------------------------------------------------


def test_is_quiet_reads_the_environment(monkeypatch):
    monkeypatch.setenv("COURSE_QUIET", "1")
    assert session.is_quiet()
    for value in ("0", "", "yes"):
        monkeypatch.setenv("COURSE_QUIET", value)
        assert not session.is_quiet()
    monkeypatch.delenv("COURSE_QUIET")
    assert not session.is_quiet()


def test_a_lesson_starts_without_a_word():
    done = run_python(
        "from course_utils.session import start_lesson; start_lesson(seed=4)",
        TF_CPP_MIN_LOG_LEVEL=None,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_tensorflow_itself_is_not_that_quiet():
    """Without this the test above could not fail."""
    done = run_python("import tensorflow", TF_CPP_MIN_LOG_LEVEL=None, TF_ENABLE_ONEDNN_OPTS=None)
    assert done.stderr != ""


def test_muted_stderr_mutes_the_block_alone():
    done = run_python(
        """
        import os, sys
        from course_utils.session import muted_stderr
        print("before, ", end="", file=sys.stderr)
        with muted_stderr():
            os.write(2, b"from C")
            print("from Python", end="", file=sys.stderr)
            print("printed")
        os.write(2, b"after")
        """
    )
    assert (done.stdout, done.stderr) == ("printed\n", "before, after")


def test_muted_stderr_lets_errors_through_and_leaks_nothing(capfd):
    def descriptors():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    before = descriptors()
    for _ in range(3):
        with pytest.raises(KeyError, match="inside"):
            with session.muted_stderr():
                raise KeyError("inside")
    assert descriptors() == before
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_muted_stderr_without_a_stderr():
    done = run_python(
        """
        import os, sys
        os.close(2)
        sys.stderr = None
        from course_utils.session import muted_stderr
        with muted_stderr():
            print("fine")
        """
    )
    assert done.stdout == "fine\n"


# --- TensorFlow -----------------------------------------------------------------------------


def test_import_keeps_what_was_set_later():
    done = run_python(
        """
        from course_utils.session import import_tensorflow, start_lesson
        tf = import_tensorflow()
        enabled = tf.config.experimental.tensor_float_32_execution_enabled
        print(enabled())
        tf.config.experimental.enable_tensor_float_32_execution(True)
        assert import_tensorflow() is tf
        print(enabled())
        start_lesson(seed=1)
        print(enabled())
        """
    )
    assert done.stdout == "False\nTrue\nTrue\n"


def test_keras_computes_with_tensorflow():
    code = """
        from course_utils.session import start_lesson
        start_lesson(seed=1)
        import keras
        print(keras.config.backend())
    """
    assert run_python(code, KERAS_BACKEND="numpy").stdout == "tensorflow\n"


def test_missing_tensorflow_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(session, "_tensorflow", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError) as caught:
        session.import_tensorflow()
    assert "TensorFlow is not installed in this environment" in str(caught.value)
    assert "`make lab`" in str(caught.value)
    assert "`pip install tensorflow`" in str(caught.value)


def test_a_broken_tensorflow_is_not_called_missing(tmp_path):
    (tmp_path / "tensorflow.py").write_text("import a_part_that_is_missing\n")
    done = run_python(
        "from course_utils.session import import_tensorflow; import_tensorflow()",
        path=[tmp_path],
        check=False,
    )
    assert done.returncode != 0
    assert "No module named 'a_part_that_is_missing'" in done.stderr
    assert "not installed in this environment" not in done.stderr


@pytest.mark.parametrize("version", ["2.17.1", "1.15.0", "2.9.0"])
def test_old_tensorflow_says_what_to_do(monkeypatch, version):
    monkeypatch.setattr(session, "_tensorflow", None)
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(__version__=version))
    with pytest.raises(ImportError, match=f"This is TensorFlow {version}; the course needs 2.18"):
        session.import_tensorflow()


@pytest.mark.parametrize("version", ["2.18.0", "2.18.0-rc1", "2.100.0", "3.0.0"])
def test_newer_versions_are_taken(monkeypatch, version):
    class Config:
        experimental = SimpleNamespace(enable_tensor_float_32_execution=lambda on: None)

        @staticmethod
        def list_physical_devices(kind):
            return []

    module = SimpleNamespace(__version__=version, config=Config)
    monkeypatch.setattr(session, "_tensorflow", None)
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    assert session.import_tensorflow() is module


# --- seeds ----------------------------------------------------------------------------------

DRAW = """
    import random
    import numpy as np
    from course_utils.session import {call}
    {call}({argument})
    import keras, tensorflow as tf
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    print(random.random(), np.random.rand(), float(tf.random.normal([])))
    print(float(keras.random.normal([])), layer.kernel.numpy().ravel().tolist(), layer.name)
"""


def test_one_seed_fixes_every_source_of_chance():
    first = run_python(DRAW.format(call="start_lesson", argument="seed=5")).stdout
    again = run_python(DRAW.format(call="start_lesson", argument="seed=5")).stdout
    other = run_python(DRAW.format(call="start_lesson", argument="seed=6")).stdout
    assert first == again
    assert not set(first.split()[:4]) & set(other.split()[:4])


def test_a_second_start_is_like_the_first():
    import keras
    import numpy as np

    drawn = []
    for _ in range(2):
        session.start_lesson(seed=10)
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
        drawn.append((layer.name, np.random.rand(), layer.kernel.numpy().tolist()))
    assert drawn[0] == drawn[1]
    assert drawn[0][0] == "dense"


@pytest.mark.parametrize("seed", [True, 1.0, "1", None])
def test_seed_must_be_a_whole_number(seed):
    with pytest.raises(TypeError, match="seed: expected a whole number, got"):
        session.start_lesson(seed=seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_must_be_in_numpys_range(seed):
    with pytest.raises(ValueError, match="seed: expected a number from 0 to 4294967295"):
        session.seed_everything(seed)
    session.seed_everything(2**32 - 1)


def test_missing_matplotlib_says_what_to_do(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "course_utils.plots", raising=False)
    monkeypatch.delattr("course_utils.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"matplotlib is not installed .*`make lab`"):
        session.start_lesson(seed=0)


def test_start_lesson_styles_the_figures():
    import matplotlib

    from course_utils.plots import STYLE

    matplotlib.rcdefaults()
    session.start_lesson(seed=0)
    for key, value in STYLE.items():
        found = matplotlib.rcParams[key]
        assert found == value or list(found) == list(value), key


# --- errors, shown --------------------------------------------------------------------------


def shown(expected, phrase, error):
    with session.show_error(expected, phrase):
        raise error


def test_an_error_is_shown_whole(capsys):
    shown(LookupError, "no such", KeyError("no such\nkey"))
    assert capsys.readouterr().out == "KeyError\n│ 'no such\\nkey'\n"
    shown(ValueError, "two", ValueError("one\n\n  two \n"))
    assert capsys.readouterr().out == "ValueError\n│ one\n│\n│   two\n"
    shown(SystemExit, "5", SystemExit(5))
    assert capsys.readouterr().out == "SystemExit\n│ 5\n"


def test_a_warning_is_shown_and_the_block_goes_on(capsys):
    with session.show_error(UserWarning, "gradients"):
        warnings.warn("first, another", stacklevel=1)
        warnings.warn("no gradients", stacklevel=1)
        print("went on")
    assert capsys.readouterr().out == "went on\nUserWarning\n│ no gradients\n"


def test_an_expected_warning_that_does_not_come():
    with pytest.raises(AssertionError, match="raised nothing"):
        with session.show_error(UserWarning, "gradients"):
            pass
    with pytest.raises(AssertionError, match="It is:\nanother"):
        with session.show_error(UserWarning, "gradients"):
            warnings.warn("another", stacklevel=1)


def test_a_warning_beside_an_expected_error_is_not_swallowed():
    with pytest.warns(UserWarning, match="beside"):
        with session.show_error(ValueError, "no"):
            warnings.warn("beside", stacklevel=1)
            raise ValueError("no")


def test_an_error_in_a_graph_names_no_folder(capsys):
    tf = session.import_tensorflow()

    @tf.function
    def branch(x):
        if x > 0:
            sign = 1
        return sign

    with session.show_error(ValueError, "'sign' must also be initialized"):
        branch(tf.constant(1.0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["ValueError", "│ in user code:"]
    assert any('File "…/test_session.py", line' in line for line in lines)
    assert all(line.startswith("│") and '"/' not in line for line in lines[1:])


def test_the_middle_of_a_very_long_message_is_left_out(capsys):
    shown(ValueError, "line 100", ValueError("\n".join(f"line {n}" for n in range(1, 101))))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "│ line 1" and lines[30] == "│ line 30"
    assert lines[31] == "│ … (60 lines are left out here)"
    assert lines[32] == "│ line 91" and lines[-1] == "│ line 100"


@pytest.mark.parametrize(
    ("expected", "phrase", "error", "says"),
    [
        (ValueError, "no", None, "Expected ValueError, but the block raised nothing."),
        (ValueError, "no", KeyError("no"), "but the block raised KeyError: 'no'"),
        (ValueError, "no", ValueError("yes"), "to contain 'no'. It is:\nyes"),
    ],
)
def test_an_error_that_is_not_as_expected(expected, phrase, error, says):
    with pytest.raises(AssertionError) as failure:
        with session.show_error(expected, phrase):
            if error:
                raise error
    assert says in str(failure.value)


def test_a_phrase_that_any_message_would_contain_is_refused():
    with pytest.raises(ValueError, match="telling part"):
        shown(ValueError, "", ValueError("no"))


def test_an_interrupt_passes_through():
    with pytest.raises(KeyboardInterrupt):
        shown(ValueError, "no", KeyboardInterrupt())


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        ("\x1b[1mException\x1b[0m", "Exception"),
        ("<a.B object at 0x7f3c5a1b2d30>", "<a.B object>"),
        ("id 0x7f3c5a1b2d30", "id 0x…"),
        ('File "/home/ann/a.py", line 3', 'File "…/a.py", line 3'),
        ("No such file: '/a/b/c.csv'", "No such file: '…/c.csv'"),
        (r"No such file: 'C:\a\b\c.csv'", "No such file: '…/c.csv'"),
        ("~/course/a.py", "…/a.py"),
        ("node model/dense/MatMul", "node model/dense/MatMul"),
        ("see https://keras.io/api/models", "see https://keras.io/api/models"),
        ("/job:localhost/replica:0/device:CPU:0", "/job:localhost/replica:0/device:CPU:0"),
        *((text, text) for text in ("a/b", "1/2/3", "and/or", "x / y / z", "images/255")),
    ],
)
def test_what_is_of_this_machine_goes_from_a_message(message, plain):
    assert session.without_machine(message) == plain


def test_the_log_is_kept_in_a_list_and_then_shown_again(capfd):
    logger = logging.getLogger("tensorflow")
    before = logger.handlers[:], logger.propagate
    with pytest.raises(KeyError), session.keep_log() as log:
        logger.warning("about %s", "<function f at 0x7f3c5a1b2d30>")
        logging.getLogger("tensorflow.inner").warning("inner")
        raise KeyError
    assert log == ["about <function f>", "inner"]
    assert capfd.readouterr() == ("", "")
    assert (logger.handlers, logger.propagate) == before
