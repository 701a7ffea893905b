"""The set-up's decisions, tried on made-up folders and Pythons: nothing is installed here."""

import errno
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import conftest

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tools" / "manage.py"


def _load():
    spec = importlib.util.spec_from_file_location("manage", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


manage = _load()
Problem = manage.Problem

GOOD = {
    "executable": "/somewhere/python3",
    "version": [3, 12, 1],
    "bits": 64,
    "implementation": "CPython",
    "machine": "x86_64",
    "system": "Linux",
    "libc": "glibc",
    "free_threaded": False,
    "missing": [],
}


@pytest.fixture
def places(tmp_path):
    (tmp_path / "requirements.txt").write_text("# pins\nnumpy==1.0\ntensorflow==2.21.0\n")
    (tmp_path / "requirements-gpu.txt").write_text("nvidia-x==1.0\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.ruff]\nw = 1\n')
    return manage.Places(tmp_path)


@pytest.fixture
def made(places, monkeypatch):
    """A folder whose environment is complete, with this test's Python in it."""
    monkeypatch.setattr(manage.Places, "python", property(lambda self: Path(sys.executable)))
    write_stamp(places)
    return places


def wanted(places, gpu=False, tensorflow=""):
    return manage.fingerprint(places, gpu=gpu, tensorflow=tensorflow)


def write_stamp(places, **changes):
    places.venv.mkdir(exist_ok=True)
    stamp = {**wanted(places), "python": list(sys.version_info[:3]), **changes}
    places.stamp.write_text(json.dumps(stamp))


# --- Settings


def test_settings_come_from_words_and_three_of_them_from_the_environment():
    environ = {"GPU": "0", "PORT": "1", "TENSORFLOW": "2.18.*", "LESSON": "05"}
    settings = manage.read_settings("lab", ["LESSON=02", "TENSORFLOW="], environ)
    assert settings == {"GPU": "0", "LESSON": "02"}


@pytest.mark.parametrize(
    ("command", "word"), [("lab", "02"), ("lab", "LAX=1"), ("test", "PORT=1"), ("clean", "GPU=0")]
)
def test_an_unknown_setting_is_named_with_those_that_are_known(command, word):
    with pytest.raises(Problem, match="knows: ") as problem:
        manage.read_settings(command, [word], {})
    assert repr(word) in str(problem.value)


@pytest.mark.parametrize(
    ("value", "on"), [("1", True), ("Yes", True), ("0", False), ("off", False)]
)
def test_switches(value, on):
    assert manage.is_on({"LAX": value}, "LAX", default=not on) is on


def test_a_switch_that_is_neither_on_nor_off_is_a_problem():
    assert manage.is_on({}, "GPU", default=True)
    with pytest.raises(Problem, match="LAX is 'maybe'"):
        manage.is_on({"LAX": "maybe"}, "LAX")


@pytest.mark.parametrize("value", ["x", "-1", "0", "65536", "8888 ", "1e3", "٣"])
def test_a_port_is_a_number_in_its_range(value):
    assert manage.read_number({"PORT": "8888"}, "PORT", 1, 65535) == 8888
    assert manage.read_number({}, "PORT", 1, 65535) is None
    with pytest.raises(Problem, match="whole number from 1 to 65535"):
        manage.read_number({"PORT": value}, "PORT", 1, 65535)


@pytest.mark.parametrize(
    ("value", "pip"), [("2.18.0", "2.18.0"), ("2.18.*", "2.18.*"), ("2.19", "2.19.*"), ("", "")]
)
def test_another_tensorflow_is_written_as_pip_reads_it(value, pip):
    assert manage.read_tensorflow({"TENSORFLOW": value}) == pip


@pytest.mark.parametrize("value", ["2.17.1", "1.15", "newest", ">=2.18", "2"])
def test_a_tensorflow_that_is_too_old_or_no_version_is_a_problem(value):
    with pytest.raises(Problem, match=r"2\.18"):
        manage.read_tensorflow({"TENSORFLOW": value})


def test_a_lesson_is_found_by_number_and_by_name(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("00_start_here", "02_eager_and_graph", "12_shared_layers"):
        (folder / f"{name}.ipynb").write_text("{}")
    for value in ("02", "2", "02_eager_and_graph", "02_eager_and_graph.ipynb"):
        assert manage.find_lesson({"LESSON": value}, tmp_path).stem == "02_eager_and_graph"
    assert manage.find_lesson({}, tmp_path) is None
    with pytest.raises(Problem, match="There are: 00, 02, 12"):
        manage.find_lesson({"LESSON": "1"}, tmp_path)


# --- Python


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": [3, 10, 13]}, "Python 3.10.13, which TensorFlow does not support"),
        ({"version": [3, 14, 0]}, "Python 3.14.0, which TensorFlow does not support"),
        ({"bits": 32}, "32-bit"),
        ({"implementation": "PyPy"}, "PyPy"),
        ({"free_threaded": True, "version": [3, 13, 0]}, "free-threaded"),
        ({"system": "Darwin", "libc": ""}, "Intel Macs"),
        ({"system": "Windows", "libc": "", "machine": "arm64"}, "Windows on ARM"),
        ({"libc": ""}, "glibc"),
        ({"missing": ["ensurepip"]}, "apt install python3.12-venv"),
    ],
)
def test_a_python_that_tensorflow_cannot_use_is_refused_with_the_reason(change, reason):
    assert reason in manage.objection({**GOOD, **change})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"version": [3, 11, 0]},
        {"version": [3, 13, 0]},
        {"machine": "aarch64"},
        {"system": "Darwin", "machine": "arm64", "libc": ""},
        {"system": "Windows", "machine": "amd64", "libc": ""},
    ],
)
def test_a_python_that_tensorflow_can_use_is_taken(change):
    assert manage.objection({**GOOD, **change}) == ""


def test_an_old_tensorflow_takes_no_newer_python():
    newest = {**GOOD, "version": [3, 13, 0]}
    assert "no TensorFlow 2.18" in manage.objection(newest, "2.18.0")
    assert manage.objection(newest, "2.20.*") == ""
    assert manage.objection(GOOD, "2.18.0") == ""


def test_the_first_python_that_works_is_chosen(monkeypatch):
    answers = {"a": None, "b": {**GOOD, "version": [3, 9, 1]}, "c": GOOD, "d": GOOD}
    monkeypatch.setattr(manage, "candidates", lambda given: [[name] for name in answers])
    asked = []

    def probe(command):
        asked.append(command[0])
        return answers[command[0]]

    assert manage.find_python(probe=probe) is GOOD
    assert asked == ["a", "b", "c"]


def test_without_a_supported_python_the_message_lists_what_was_found(monkeypatch):
    answers = {"shim": None, "old": {**GOOD, "version": [3, 9, 1]}}
    monkeypatch.setattr(manage, "candidates", lambda given: [[name] for name in answers])
    with pytest.raises(Problem) as problem:
        manage.find_python(probe=lambda command: answers[command[0]])
    text = str(problem.value)
    assert "shim does not start" in text
    assert "old is Python 3.9.1" in text
    assert "PYTHON=/path/to/python3.12" in text


def test_a_python_that_was_named_is_the_only_one_tried():
    assert manage.candidates("/my/python") == [["/my/python"]]
    with pytest.raises(Problem, match="/no/such/python does not start"):
        manage.find_python("/no/such/python")


def test_this_python_is_the_first_candidate_and_none_comes_twice():
    found = manage.candidates()
    assert found[0] == [sys.executable]
    assert len({tuple(command) for command in found}) == len(found)


def test_a_shim_that_fails_is_no_python(tmp_path):
    name = "python3.12.bat" if os.name == "nt" else "python3.12"
    shim = tmp_path / name
    shim.write_text("@exit 127\n" if os.name == "nt" else "#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert manage.probe([str(shim)]) is None
    here = manage.probe([sys.executable])
    assert here["version"] == list(sys.version_info[:3])
    assert manage.objection(here) == ""


@pytest.mark.parametrize("version", [(3, 8), (3, 9), (3, 10)])
def test_old_pythons_can_read_the_program(version):
    import ast

    ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=version)


# --- The state of the environment


def test_a_complete_environment_is_not_stale(made):
    assert manage.stale(made, wanted(made)) == ""
    assert manage.stale(made, wanted(made), list(sys.version_info[:3])) == ""


def test_no_environment_and_half_an_environment_are_stale(places):
    assert "none yet" in manage.stale(places, wanted(places))
    places.venv.mkdir()
    assert "did not finish" in manage.stale(places, wanted(places))
    places.stamp.write_text("{")
    assert "did not finish" in manage.stale(places, wanted(places))


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("requirements.txt", "numpy==2.0\n", "pinned packages changed"),
        ("pyproject.toml", '[project]\nname = "y"\n', "pinned packages changed"),
        ("pyproject.toml", '[project]\nname = "x"\n\n[tool.ruff]\nw = 2\n', ""),
        ("requirements-gpu.txt", "nvidia-x==2.0\n", ""),
    ],
)
def test_what_an_installation_depends_on_makes_it_stale(made, file, text, reason):
    (made.root / file).write_text(text)
    assert manage.stale(made, wanted(made)).endswith(reason)
    assert bool(manage.stale(made, wanted(made))) == bool(reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"folder": "/elsewhere"}, "moved or copied"),
        ({"platform": "Plan9 mips"}, "another kind of machine"),
        ({"tensorflow": "2.18.*"}, "as pinned is asked for"),
        ({"gpu": True}, "not wanted any more"),
        ({"format": 0}, "another version of this program"),
        ({"python": [3, 5, 0]}, "replaced by another version"),
    ],
)
def test_an_environment_made_otherwise_is_stale(made, change, reason):
    write_stamp(made, **change)
    assert reason in manage.stale(made, wanted(made))


def test_another_tensorflow_a_gpu_and_another_python_are_asked_for(made):
    assert "2.18.0 is asked for" in manage.stale(made, wanted(made, tensorflow="2.18.0"))
    assert "missing" in manage.stale(made, wanted(made, gpu=True))
    other = next(version for version in manage.PYTHONS if version != sys.version_info[:2])
    assert "is asked for" in manage.stale(made, wanted(made), [*other, 0])


def test_an_environment_whose_python_is_gone_is_stale(made, monkeypatch):
    monkeypatch.setattr(manage.Places, "python", property(lambda self: self.venv / "gone"))
    assert "does not start" in manage.stale(made, wanted(made))


def test_a_killed_set_up_gives_the_earlier_environment_back(places):
    write_stamp(places)
    (places.venv / "mine").write_text("earlier")
    places.venv.rename(places.old)
    places.venv.mkdir()
    (places.venv / "half").write_text("new")
    manage.recover(places)
    assert (places.venv / "mine").read_text() == "earlier"
    assert not (places.venv / "half").exists()
    assert not places.old.exists()


def test_a_complete_new_environment_wins_over_the_earlier_one(places):
    places.old.mkdir()
    write_stamp(places)
    manage.recover(places)
    assert manage.read_stamp(places)
    assert not places.old.exists()


def fake_build(monkeypatch, action):
    monkeypatch.setattr(manage, "_build", action)
    monkeypatch.setattr(manage, "find_python", lambda *_, **__: GOOD)
    monkeypatch.setattr(manage, "check_disk", lambda *_, **__: None)
    monkeypatch.setattr(manage, "wants_gpu", lambda *_, **__: False)


def test_a_set_up_that_fails_puts_the_earlier_environment_back(made, monkeypatch, capsys):
    (made.venv / "mine").write_text("earlier")
    (made.root / "requirements.txt").write_text("numpy==2.0\n")

    def fail(places, python, wanted):
        places.venv.mkdir()
        (places.venv / "half").write_text("new")
        raise Problem("No network.")

    fake_build(monkeypatch, fail)
    with pytest.raises(Problem, match="earlier environment was put back"):
        manage.setup({}, made)
    assert (made.venv / "mine").read_text() == "earlier"
    assert not (made.venv / "half").exists()
    assert "pinned packages changed" in capsys.readouterr().out


def test_a_first_set_up_that_fails_leaves_nothing(places, monkeypatch):
    def fail(places, python, wanted):
        places.venv.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    fake_build(monkeypatch, fail)
    with pytest.raises(Problem, match="disk is too full"):
        manage.setup({}, places)
    assert not places.venv.exists()


def test_a_set_up_replaces_what_is_stale_and_then_has_nothing_to_do(made, monkeypatch):
    (made.venv / "mine").write_text("earlier")
    (made.root / "requirements.txt").write_text("numpy==2.0\n")
    fake_build(monkeypatch, lambda places, python, wanted: write_stamp(places))
    assert manage.setup({}, made) is True
    assert not (made.venv / "mine").exists()
    assert not made.old.exists()
    assert manage.setup({}, made) is False


HOLD_LOCK = """
import importlib.util, pathlib, sys, time
spec = importlib.util.spec_from_file_location("manage", sys.argv[1])
manage = importlib.util.module_from_spec(spec)
spec.loader.exec_module(manage)
with manage.locked(manage.Places(pathlib.Path(sys.argv[2]))):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def hold_lock(places, seconds):
    command = [sys.executable, "-c", HOLD_LOCK, str(PROGRAM), str(places.root), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"held"
    return process


def test_a_second_set_up_waits_for_the_first_one(places, capsys):
    with hold_lock(places, 1) as holder:
        with manage.locked(places):
            assert holder.wait(timeout=5) == 0
    assert "waiting" in capsys.readouterr().out


def test_a_killed_set_up_leaves_no_lock_behind(places):
    with hold_lock(places, 60) as holder:
        holder.kill()
        holder.wait(timeout=10)
    start = time.monotonic()
    with manage.locked(places):
        assert time.monotonic() - start < 5


# --- What is installed


def test_the_pins_are_installed_and_those_of_a_gpu_where_there_is_one(places):
    assert manage.packages(places, gpu=False, tensorflow="") == ["numpy==1.0", "tensorflow==2.21.0"]
    assert manage.packages(places, gpu=True, tensorflow="")[-1] == "nvidia-x==1.0"


def test_another_tensorflow_frees_only_what_it_rules():
    places = manage.Places(ROOT)
    pinned = manage.packages(places, gpu=False, tensorflow="")
    lines = manage.packages(places, gpu=False, tensorflow="2.18.*")
    assert lines[-2:] == ["tensorflow==2.18.*", "numpy"]
    freed = {line.split("==")[0] for line in set(pinned) - set(lines)}
    assert freed == set(manage.RULED_BY_TENSORFLOW)
    assert "tensorflow[and-cuda]==2.18.*" in manage.packages(places, gpu=True, tensorflow="2.18.*")


def nvidia_smi(folder, text, code=0):
    folder.mkdir(exist_ok=True)
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\necho '{text}'\nexit {code}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow finds GPUs on Linux alone")
def test_a_gpu_is_found_by_its_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not manage.wants_gpu({})
    nvidia_smi(tmp_path, "No devices found", 6)
    assert not manage.wants_gpu({})
    nvidia_smi(tmp_path, "GPU 0: Some GPU (UUID: GPU-1)")
    assert manage.wants_gpu({})
    assert not manage.wants_gpu({"GPU": "0"})


def test_a_full_disk_is_seen_before_anything_is_written(places):
    with pytest.raises(Problem, match=r"takes 4\.0 GB below .* 1\.5 GB are free"):
        manage.check_disk(places, gpu=False, free=1_500_000_000)
    with pytest.raises(Problem, match="GPU=0"):
        manage.check_disk(places, gpu=True, free=5_000_000_000)
    manage.check_disk(places, gpu=False, free=5_000_000_000)
    assert "make clean" not in manage.disk_message(places, gpu=False, free=0)
    write_stamp(places)
    assert "make clean" in manage.disk_message(places, gpu=False, free=0)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("NewConnectionError: Failed to establish a new connection", "needs the network"),
        ("NameResolutionError: Temporary failure in name resolution", "needs the network"),
        ("ProxyError('Cannot connect to proxy.')", "HTTPS_PROXY"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "use Colab"),
        ("something else", "Call the same command again"),
    ],
)
def test_the_end_of_a_failed_step_is_shown_with_what_to_do(line, advice):
    log = "\n".join([f"line {number}" for number in range(30)] + [line])
    text = manage.explain(log, "It failed.", gpu=False)
    assert advice in text
    assert line in text
    assert "line 5\n" not in text
    assert "GPU=0" not in text


def test_no_network_is_not_taken_for_a_missing_build():
    log = "NewConnectionError\nERROR: No matching distribution found for numpy"
    assert "needs the network" in manage.explain(log, "It failed.", gpu=False)


def test_a_step_that_fails_becomes_a_problem():
    with pytest.raises(Problem, match="It failed") as problem:
        manage._run([sys.executable, "-c", "import sys; sys.exit('why')"], "It failed.", gpu=False)
    assert "why" in str(problem.value)


def test_another_pythons_packages_stay_outside():
    environ = manage.clean_environment({"PYTHONPATH": "x", "PIP_TARGET": "y", "HOME": "z"})
    assert "PYTHONPATH" not in environ
    assert "PIP_TARGET" not in environ
    assert environ["HOME"] == "z"


# --- Opening and testing


def test_jupyterlab_is_told_the_folder_the_page_and_nothing_about_the_token(tmp_path):
    notebook = tmp_path / "notebooks" / "00_start_here.ipynb"
    command = manage.lab_command("python", notebook, tmp_path)
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in command
    text = " ".join(command).lower()
    assert "token" not in text
    assert "password" not in text
    assert "--ServerApp.port" not in " ".join(command)
    command = manage.lab_command("python", notebook, tmp_path, port=9000, browser=False)
    assert command.count("--ServerApp.port=9000") == 1
    assert "--ServerApp.port_retries=0" in command
    assert "--no-browser" in command


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_root_is_allowed_only_where_the_user_is_root(tmp_path, monkeypatch, user, allowed):
    monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    command = manage.lab_command("python", tmp_path / "x.ipynb", tmp_path)
    assert ("--allow-root" in command) is allowed


def test_a_browser_opens_where_there_is_a_screen():
    assert manage.has_screen({}, "win32")
    assert manage.has_screen({"DISPLAY": ":0"}, "linux")
    assert not manage.has_screen({}, "linux")


def test_a_busy_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Problem, match=f"Port {port} is in use.*PORT={port + 1}"):
            manage.check_port(port, "127.0.0.1")
    manage.check_port(port, "127.0.0.1")


def test_the_kernel_of_the_environment_comes_first():
    environ = manage.environment()
    assert environ["JUPYTER_PREFER_ENV_PATH"] == "1"
    assert environ["PATH"].split(os.pathsep)[0] == str(manage.Places(ROOT).python.parent)


def test_the_number_of_workers():
    assert manage.count_workers({}, gpu=False, cores=1) == 1
    assert manage.count_workers({}, gpu=False, cores=2) == 2
    assert manage.count_workers({}, gpu=False, cores=64) == 4
    assert manage.count_workers({}, gpu=True, cores=64) == 2
    assert manage.count_workers({"WORKERS": "7"}, gpu=True, cores=1) == 7


def test_all_tests_or_those_of_one_lesson_are_run():
    everything = manage.pytest_arguments(None, lax=False, workers=2)
    assert everything[-3:] == ["tests", "course_utils", "notebooks"]
    assert "--nbval" in everything
    notebook = ROOT / "notebooks" / "02_eager_and_graph.ipynb"
    lesson = manage.pytest_arguments(notebook, lax=True, workers=2)
    assert "--nbval-lax" in lesson
    assert "notebooks/02_eager_and_graph.ipynb" in lesson
    assert lesson[lesson.index("-k") + 1] == "02_eager_and_graph or lesson_02 or 02."


def test_the_longest_files_start_first_and_unknown_notebooks_count_as_long():
    items = [
        SimpleNamespace(nodeid=name)
        for name in (
            "tests/test_a.py::test_one",
            "tests/test_slow.py::test_two",
            "notebooks/02_new.ipynb::Cell 0",
            "notebooks/02_new.ipynb::Cell 1",
            "tests/test_a.py::test_three",
        )
    ]
    config = SimpleNamespace(_course_seconds={"tests/test_slow.py": 90.0})
    conftest.pytest_collection_modifyitems(config, items)
    assert [item.nodeid for item in items] == [
        "tests/test_slow.py::test_two",
        "notebooks/02_new.ipynb::Cell 0",
        "notebooks/02_new.ipynb::Cell 1",
        "tests/test_a.py::test_one",
        "tests/test_a.py::test_three",
    ]


def test_kernels_started_from_here_have_the_environment_of_the_comparison():
    missing = [name for name in conftest.ENVIRONMENT if name not in os.environ]
    assert missing == []


def test_the_command_line_answers_in_plain_words():
    def call(*words):
        command = [sys.executable, str(PROGRAM), *words]
        return subprocess.run(command, capture_output=True, text=True)

    unknown = call("fly")
    assert unknown.returncode == 1
    assert "There is no command 'fly'. There are: setup, lab, test" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    assert "make lab" in call("help").stdout
    lesson = call("lab", "LESSON=99")
    assert lesson.returncode == 1
    assert "There is no lesson '99'" in lesson.stderr
