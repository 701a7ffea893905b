"""The set-up check: each finding passes here, and says what to do where it is made to fail."""

import builtins
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from fresh_process import run_python

from course_utils import data, diagrams, session, setup_check
from course_utils.setup_check import Finding, check_setup

ROOT = Path(__file__).resolve().parents[1]


def only(findings):
    """Return the one finding that is not right, after a look at how it reads."""
    (finding,) = [finding for finding in findings if not finding.ok]
    line, *remedy = str(finding).splitlines()
    assert line.startswith(f"FIX   {finding.name}")
    assert len(line) <= 110
    assert remedy[0].startswith("      What to do: ")
    return finding


def run(code, **options):
    """Run Python code in a fresh process and return what it printed."""
    return run_python(code, **options).stdout


@pytest.fixture
def missing(monkeypatch):
    """Return a function that makes a module impossible to import."""

    def remove(name):
        for loaded in [key for key in sys.modules if key.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        usual = builtins.__import__

        def refuse(module, *args, **kwargs):
            if module.split(".")[0] == name:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)
            return usual(module, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", refuse)
        usual_import = setup_check.importlib.import_module

        def refuse_too(module, *args):
            if module.split(".")[0] == name:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)
            return usual_import(module, *args)

        monkeypatch.setattr(setup_check.importlib, "import_module", refuse_too)

    return remove


# --- all is well ------------------------------------------------------------------------------


def test_this_machine_is_ready(capsys, monkeypatch):
    monkeypatch.setattr(setup_check, "free_memory", lambda: 3 * 2**30)
    assert check_setup() is True
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[-1] == "All is well. The course runs here."
    names = [line.split()[1] for line in lines if line.startswith("ok ")]
    assert names == [
        *("Python", "TensorFlow", "Devices", "Keras", "NumPy", "Matplotlib", "Diagrams"),
        *["Data"] * len(data.FILES),
        "Memory",
    ]
    assert "FIX" not in out
    assert str(ROOT) not in out
    assert err == ""


def test_supported_versions_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = f"3.{setup_check.PYTHONS[0][1]}"
    after = f"3.{setup_check.PYTHONS[1][1] + 1}"
    assert project["requires-python"] == f">={oldest},<{after}"
    floors = dict(
        re.fullmatch(r"([a-z]+)>=([\d.]+)", requirement).groups()
        for requirement in project["optional-dependencies"]["lab"]
    )
    for name, version in [
        ("numpy", setup_check.OLDEST_NUMPY),
        ("matplotlib", setup_check.OLDEST_MATPLOTLIB),
        ("tensorflow", session.OLDEST_TENSORFLOW),
    ]:
        assert floors[name] == ".".join(map(str, version))


# --- each finding made to fail ----------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 14, 0)])
def test_unsupported_python(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    finding = only(setup_check.look_at_python())
    assert finding.found == f"{'.'.join(map(str, version))}, supported: 3.11 to 3.13"
    assert "Install Python 3.11, 3.13 or one between them" in finding.remedy


def test_python_at_the_ends_of_the_range(monkeypatch):
    for version in [(3, 11, 0), (3, 13, 12)]:
        monkeypatch.setattr(sys, "version_info", version)
        assert setup_check.look_at_python()[0].ok


def test_missing_tensorflow(monkeypatch, missing):
    monkeypatch.setattr(session, "_tensorflow", None)
    missing("tensorflow")
    finding = only(setup_check.look_at_tensorflow())
    assert finding.found == "TensorFlow is not installed in this environment"
    assert "make lab" in finding.remedy
    assert 'pip install "tensorflow>=2.18"' in finding.remedy


def test_old_tensorflow(monkeypatch):
    old = SimpleNamespace(__version__="2.17.1")
    monkeypatch.setattr(session, "_tensorflow", None)
    monkeypatch.setitem(sys.modules, "tensorflow", old)
    finding = only(setup_check.look_at_tensorflow())
    assert finding.found == "2.17.1, supported: 2.18 or newer"


def test_broken_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise OSError('libfoo.so: no such file. Sorry.')")
    out = run(
        "from course_utils.setup_check import look_at_tensorflow\nprint(*look_at_tensorflow())",
        path=[tmp_path],
    )
    assert out.startswith("FIX   TensorFlow  libfoo.so: no such file\n      What to do: Run")


def test_gpus_are_counted(monkeypatch):
    tf = session.import_tensorflow()
    for count, text in [(1, "1 GPU and the CPU"), (2, "2 GPUs and the CPU")]:
        monkeypatch.setattr(
            tf.config, "list_physical_devices", lambda kind, count=count: ["GPU"] * count
        )
        assert setup_check.look_at_tensorflow()[1] == Finding("Devices", text)


@pytest.mark.parametrize(
    ("look", "module", "old", "floor"),
    [
        ("keras", "keras", "2.15.0", "3.5"),
        ("numpy", "numpy", "1.25.2", "1.26"),
        ("matplotlib", "matplotlib", "3.8.4", "3.9"),
    ],
)
def test_missing_and_old_packages(monkeypatch, missing, look, module, old, floor):
    look = getattr(setup_check, f"look_at_{look}")
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[module], "__version__", old)
        finding = only(look())
        assert finding.found == f"{old}, supported: {floor} or newer"
        assert f'pip install "{module}>={floor}"' in finding.remedy
    assert all(finding.ok for finding in look())
    missing(module)
    finding = only(look())
    assert finding.found == "not installed"
    assert f'pip install "{module}>={floor}"' in finding.remedy


def test_versions_are_compared_as_numbers(monkeypatch):
    import matplotlib

    for version in ("3.10.0", "3.10", "4.0.0rc1", "3.9.dev0"):
        monkeypatch.setattr(matplotlib, "__version__", version)
        assert setup_check.look_at_matplotlib()[0].ok, version


def test_keras_set_up_for_something_else(monkeypatch):
    import keras

    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    finding = only(setup_check.look_at_keras())
    assert "set to tensorflow, float32, channels_first" in finding.found
    assert "keras.json" in finding.remedy


def test_keras_with_another_backend():
    code = """
        from course_utils.session import import_tensorflow
        from course_utils.setup_check import look_at_keras
        {first}
        print(*look_at_keras())
    """
    lesson = run(code.format(first="import_tensorflow()"), KERAS_BACKEND="jax")
    assert lesson.startswith("ok    Keras")
    alone = run(code.format(first=""), KERAS_BACKEND="jax")
    assert "FIX   Keras" in alone
    assert "Remove the variable KERAS_BACKEND" in alone


def test_no_program_that_draws(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(diagrams.sysconfig, "get_path", lambda name: str(tmp_path))
    finding = only(setup_check.look_at_diagrams())
    assert finding.found == "no program that draws them"
    assert 'pip install "graphviz-pure"' in finding.remedy


def test_a_program_that_draws_nonsense(monkeypatch):
    monkeypatch.setattr(diagrams, "render", lambda source, *, format: b"no picture")
    finding = only(setup_check.look_at_diagrams())
    assert finding.found.endswith(" fails")
    assert "not a PNG" in finding.remedy


def test_damaged_and_missing_data(monkeypatch, tmp_path):
    clone, installed = tmp_path / "data", tmp_path / "course_utils" / "_data"
    clone.mkdir()
    monkeypatch.setattr(data, "_FOLDERS", (clone, installed))
    monkeypatch.setattr(data, "FILES", (data.DIGITS_FILE,))
    finding = only(setup_check.look_at_data())
    assert finding.found == "mnist_5k.npz: no such file"
    assert "`git checkout -- data/mnist_5k.npz`" in finding.remedy

    content = bytearray((ROOT / "data" / "mnist_5k.npz").read_bytes())
    content[1000] ^= 1
    (clone / "mnist_5k.npz").write_bytes(content)
    finding = only(setup_check.look_at_data())
    assert "damaged" in finding.found


def test_little_memory(monkeypatch):
    monkeypatch.setattr(setup_check, "free_memory", lambda: 0.4 * 2**30)
    finding = only(setup_check.look_at_memory())
    assert finding.found == "0.4 GiB free, expected: 1 GiB or more"
    assert "Shut Down All Kernels" in finding.remedy
    monkeypatch.setattr(setup_check, "free_memory", lambda: None)
    assert setup_check.look_at_memory()[0].ok


def test_an_unforeseen_error_is_a_finding(monkeypatch, capsys):
    def look_at_stars():
        raise ValueError("cloudy\ntonight")

    monkeypatch.setattr(setup_check, "LOOKS", (setup_check.look_at_python, look_at_stars))
    assert check_setup() is False
    out = capsys.readouterr().out
    assert "FIX   Stars       cannot be looked at: ValueError: cloudy\n" in out
    assert out.endswith("\n1 of 2 to fix: the lines marked FIX say what to do.\n")


# --- what to do, in three places ----------------------------------------------------------------


def test_remedies_fit_the_place(monkeypatch):
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert "`make lab`" in setup_check._install("numpy>=1.26")
    monkeypatch.setenv("CONDA_PREFIX", sys.prefix)
    assert "conda env update" in setup_check._install("numpy>=1.26")
    monkeypatch.setenv("CONDA_PREFIX", "another")  # conda's base beside the course's own
    assert "`make lab`" in setup_check._install("numpy>=1.26")
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert '`%pip install "numpy>=1.26"`' in setup_check._install("numpy>=1.26")


# --- memory -------------------------------------------------------------------------------------


def test_free_memory_is_plausible():
    assert 2**20 < setup_check.free_memory() < 2**50


def test_a_container_with_a_limit(tmp_path):
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("2500\n")
    assert setup_check.free_memory(tmp_path) == 500
    (tmp_path / "memory.stat").write_text("anon 9\ninactive_file 200\nactive_file 7\n")
    assert setup_check.free_memory(tmp_path) == 700
    (tmp_path / "memory.max").write_text("max\n")
    assert setup_check.free_memory(tmp_path) > 2**20


def test_a_container_of_the_first_kind(tmp_path):
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text("3000\n")
    (folder / "memory.usage_in_bytes").write_text("2500\n")
    (folder / "memory.stat").write_text("inactive_file 1\ntotal_inactive_file 200\n")
    assert setup_check.free_memory(tmp_path) == 700


def test_without_psutil(missing, tmp_path):
    missing("psutil")
    if Path("/proc/meminfo").exists():
        assert setup_check.free_memory(tmp_path) > 2**20
    else:
        assert setup_check.free_memory(tmp_path) is None
