"""Calling what was exported: fresh processes, interpreters, agreement, sizes."""

import json
import logging
import sys
import warnings

import numpy as np
import pytest

from course_utils import exports
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

ROOT = exports.Path(exports.__file__).resolve().parents[1]


def batch(count=5):
    return np.random.default_rng(0).normal(size=(count, 4)).astype("float32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((4,), name="row"), layers.Dense(8, activation="relu"), layers.Dense(3)]
    )


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """Return a folder with a SavedModel, a LiteRT file and one of whole numbers."""
    folder = tmp_path_factory.mktemp("exports")
    with exports.quietly():
        model.export(folder / "saved", verbose=False)
        model.export(folder / "model.tflite", format="litert", verbose=False)
        model.export(
            folder / "whole.tflite",
            format="litert",
            verbose=False,
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=lambda: ([row[None]] for row in batch(50)),
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
            inference_input_type=tf.int8,
            inference_output_type=tf.int8,
        )
    return folder


# ---------------------------------------------------------------- a fresh process


def test_a_program_prints_and_works_in_its_folder(tmp_path):
    printed = exports.run_elsewhere(
        "import os; open('left.txt', 'w').close(); print(os.getcwd(), 'é')", folder=tmp_path
    )
    assert printed.split() == [str(tmp_path.resolve()), "é"]
    assert (tmp_path / "left.txt").exists()


@pytest.mark.parametrize("package", ["course_utils", "course_utils.data", "numpy", "json"])
def test_hidden_packages_cannot_be_imported(tmp_path, package):
    program = f"""
try:
    import {package}
except ModuleNotFoundError as error:
    print(error.name)
"""
    top = package.split(".")[0]
    assert exports.run_elsewhere(program, folder=tmp_path, hide=[top]).strip() == top


def test_what_is_not_hidden_is_found(tmp_path):
    printed = exports.run_elsewhere("import numpy; print(numpy.pi)", folder=tmp_path)
    assert printed.startswith("3.14")


def test_the_course_is_hidden_however_it_is_found(tmp_path, monkeypatch):
    """Neither PYTHONPATH nor the working directory nor a path of this process shows it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(sys, "path", [str(ROOT), "", *sys.path])
    for folder in (tmp_path, ROOT):
        with pytest.raises(exports.ExportError, match="No module named 'course_utils'"):
            exports.run_elsewhere("import course_utils", folder=folder)


def test_the_course_is_hidden_where_it_is_installed_beside_the_others(tmp_path, monkeypatch):
    """As after pip install, when it lies in one folder with NumPy and TensorFlow."""
    site = exports.Path(np.__file__).parents[1]
    (tmp_path / "site" / "course_utils").mkdir(parents=True)
    (tmp_path / "site" / "course_utils" / "__init__.py").touch()
    (tmp_path / "site" / "beside.py").write_text("found = True")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), str(site), *sys.path])
    monkeypatch.setattr(exports, "__file__", str(tmp_path / "site" / "course_utils" / "x.py"))
    program = "import beside, numpy; print(beside.found)"
    assert exports.run_elsewhere(program, folder=tmp_path).strip() == "True"
    with pytest.raises(exports.ExportError, match="No module named 'course_utils'"):
        exports.run_elsewhere("import course_utils", folder=tmp_path)
    printed = exports.run_elsewhere("import course_utils; print(1)", folder=tmp_path, hide=[])
    assert printed.strip() == "1"


def test_the_process_sees_no_gpu_and_no_start_up_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONSTARTUP", "no_such_file.py")
    program = """
import json, os
names = ("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "PYTHONSTARTUP")
print(json.dumps([os.environ.get(name) for name in names]))
"""
    printed = exports.run_elsewhere(program, folder=tmp_path)
    assert json.loads(printed) == ["-1", None, None]


def test_a_program_that_fails_says_why(tmp_path):
    with pytest.raises(exports.ExportError, match="The program failed: KeyError: 'missing'"):
        exports.run_elsewhere("{}['missing']", folder=tmp_path)
    with pytest.raises(exports.ExportError, match="ended with the code 3"):
        exports.run_elsewhere("import os; os._exit(3)", folder=tmp_path)


def test_a_program_that_does_not_end_is_ended(tmp_path):
    with pytest.raises(exports.ExportError, match="longer than 1 seconds"):
        exports.run_elsewhere("import time; time.sleep(60)", folder=tmp_path, seconds=1)


def test_arguments_of_run_elsewhere_are_checked(tmp_path):
    with pytest.raises(TypeError, match="program: expected a text"):
        exports.run_elsewhere(print, folder=tmp_path)
    with pytest.raises(TypeError, match="hide: expected a list"):
        exports.run_elsewhere("pass", folder=tmp_path, hide="keras")
    with pytest.raises(NotADirectoryError, match="there is no folder"):
        exports.run_elsewhere("pass", folder=tmp_path / "none")


def test_a_saved_model_answers_without_course_and_keras(model, folder):
    x = batch()
    answers = exports.call_elsewhere(folder / "saved", x)
    np.testing.assert_allclose(answers, model(x), atol=1e-4)


def test_endpoints_with_names_and_texts_come_back_as_a_dict(tmp_path):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def count(texts):
        return {"letters": tf.strings.length(texts), "twice": texts + texts}

    module.count = count
    with exports.quietly():
        tf.saved_model.save(module, tmp_path / "texts")
    objects = np.array(["ab", "é"], dtype=object)
    answers = exports.call_elsewhere(tmp_path / "texts", objects, endpoint="count")
    assert answers["letters"].tolist() == [2, 2]  # bytes
    assert answers["twice"].tolist() == ["abab", "éé"]


def test_errors_of_call_elsewhere(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no saved_model"):
        exports.call_elsewhere(tmp_path, batch())
    with pytest.raises(exports.ExportError, match="AttributeError"):
        exports.call_elsewhere(folder / "saved", batch(), endpoint="answer")


# ---------------------------------------------------------------- quiet


def test_quietly_mutes_and_restores(capfd):
    logger = logging.getLogger("tensorflow")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with exports.quietly():
            warnings.warn("a converter warns", stacklevel=1)
            logger.error("a converter logs")
            exports.os.write(2, b"C++ writes")
        with pytest.raises(UserWarning):
            warnings.warn("warnings are back", stacklevel=1)
    assert logger.level == level
    assert capfd.readouterr().err == ""


def test_quietly_lets_errors_through():
    level = logging.getLogger("absl").level
    with pytest.raises(ZeroDivisionError), exports.quietly():
        1 / 0  # noqa: B018
    assert logging.getLogger("absl").level == level


# ---------------------------------------------------------------- interpreters


def test_litert_answers_as_the_model(model, folder, capfd):
    x = batch()
    np.testing.assert_allclose(exports.call_litert(folder / "model.tflite", x), model(x), atol=1e-4)
    one = exports.call_litert(folder / "model.tflite", x[:1].astype("float64"))
    np.testing.assert_allclose(one, model(x[:1]), atol=1e-4)
    assert capfd.readouterr() == ("", "")


def test_whole_numbers_are_converted_both_ways(model, folder):
    x = batch(50)
    answers = exports.call_litert(folder / "whole.tflite", x)
    assert answers.dtype == np.float32
    span = np.ptp(model(x))
    assert 0 < np.abs(answers - model(x)).max() < 0.1 * span


def test_units_of_whole_numbers():
    detail = {"quantization": (0.5, -1), "dtype": np.int8}
    whole = exports._to_units(np.array([0.0, 1.0, -0.5, 1000.0, -1000.0]), detail)
    assert whole.dtype == np.int8 and whole.tolist() == [-1, 1, -2, 127, -128]
    assert exports._from_units(whole[:3], detail).tolist() == [0.0, 1.0, -0.5]


def test_errors_of_interpreters(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        exports.call_litert(tmp_path / "none.tflite", batch())
    with pytest.raises(FileNotFoundError, match="there is no file"):
        exports.call_onnx(tmp_path / "none.onnx", batch())
    (tmp_path / "junk.tflite").write_bytes(b"junk" * 100)
    with pytest.raises(ValueError):
        exports.load_interpreter(tmp_path / "junk.tflite")


def test_litert_own_package_comes_first(monkeypatch):
    own = type("Interpreter", (), {})
    module = type(sys)("ai_edge_litert.interpreter")
    module.Interpreter = own
    monkeypatch.setitem(sys.modules, "ai_edge_litert", type(sys)("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    assert exports._interpreter_class() is own


def test_without_any_interpreter_the_error_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    bare = type("tensorflow", (), {"lite": type("lite", (), {})})
    monkeypatch.setattr("course_utils.session.import_tensorflow", lambda: bare)
    with pytest.raises(ImportError, match="pip install ai-edge-litert"):
        exports._interpreter_class()


def test_several_inputs_are_refused(tmp_path):
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    both = keras.Model([left, right], layers.Add()([left, right]))
    with exports.quietly():
        both.export(tmp_path / "both.tflite", format="litert", verbose=False)
    with pytest.raises(ValueError, match="expected a model with one input"):
        exports.call_litert(tmp_path / "both.tflite", batch())


def test_onnx_where_its_packages_are(model, tmp_path):
    missing = exports.missing_packages("onnx", "tf2onnx", "onnxruntime")
    if missing:
        (tmp_path / "model.onnx").write_bytes(b"junk")
        if "onnxruntime" in missing:
            with pytest.raises(ImportError, match="onnxruntime"):
                exports.call_onnx(tmp_path / "model.onnx", batch())
        return
    with exports.quietly():
        model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    x = batch()
    np.testing.assert_allclose(exports.call_onnx(tmp_path / "model.onnx", x), model(x), atol=1e-4)


# ---------------------------------------------------------------- agreement, sizes


def test_agreement_counts_classes_and_takes_the_largest_difference():
    agreement = exports.compare([[1, 5], [4, 2], [0, 1]], [[1, 4.5], [1, 2], [0, 1]])
    assert agreement == exports.Agreement(same=2, count=3, difference=3.0)
    assert not agreement.within(10)
    assert exports.compare([[1, 5]], [[1, 4.5]]).within(0.5)
    assert not exports.compare([[1, 5]], [[1, 4.5]]).within(0.4)
    assert not exports.compare([[np.nan, 5]], [[1, 5]]).within(10)


@pytest.mark.parametrize(
    ("one", "other"),
    [([[1, 2]], [[1, 2], [3, 4]]), ([1, 2], [1, 2]), (np.zeros((0, 2)), np.zeros((0, 2)))],
)
def test_compare_refuses_other_shapes(one, other):
    with pytest.raises(ValueError, match=r"expected one shape \(n, classes\)"):
        exports.compare(one, other)


def test_softmax_is_that_of_tensorflow_and_survives_large_numbers():
    logits = np.array([[1.0, 2.0, -3.0], [1000.0, 0.0, 999.0]])
    np.testing.assert_allclose(exports.softmax(logits), tf.nn.softmax(logits), atol=1e-6)


def test_sizes_of_files_and_folders(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "inner" / "b").write_bytes(b"45")
    assert exports.size_of(tmp_path / "a") == 3 and exports.size_of(tmp_path) == 5
    with pytest.raises(FileNotFoundError, match="no file and no folder"):
        exports.size_of(tmp_path / "none")


def test_missing_packages_are_named_and_not_imported():
    assert exports.missing_packages("numpy", "no_such_package_at_all") == ["no_such_package_at_all"]
    assert "this" not in sys.modules
    assert exports.missing_packages("this") == [] and "this" not in sys.modules
