"""The set-up's decisions on made-up folders: nothing is installed here."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import venv
from tools.find_python import PYTHONS
from tools.settings import Problem

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def places(tmp_path):
    (tmp_path / "requirements.txt").write_text("# pins\nnumpy==1.0\ntensorflow==2.21.0\n")
    (tmp_path / "requirements-gpu.txt").write_text("nvidia-x==1.0\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.ruff]\nw = 1\n')
    return venv.Places(tmp_path)


@pytest.fixture
def made(places, monkeypatch):
    """A folder whose environment is complete, with this test's Python in it."""
    monkeypatch.setattr(venv.Places, "python", property(lambda self: Path(sys.executable)))
    write_stamp(places)
    return places


def wanted(places, gpu=False, tensorflow=""):
    return venv.fingerprint(places, gpu=gpu, tensorflow=tensorflow)


def write_stamp(places, **changes):
    places.venv.mkdir(exist_ok=True)
    stamp = {**wanted(places), "python": list(sys.version_info[:3]), **changes}
    places.stamp.write_text(json.dumps(stamp))


def test_a_complete_environment_is_not_stale(made):
    assert venv.stale(made, wanted(made)) == ""
    assert venv.stale(made, wanted(made), list(sys.version_info[:3])) == ""


def test_no_environment_and_half_an_environment_are_stale(places):
    assert "none yet" in venv.stale(places, wanted(places))
    places.venv.mkdir()
    assert "did not finish" in venv.stale(places, wanted(places))
    places.stamp.write_text("{")
    assert "did not finish" in venv.stale(places, wanted(places))


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
    assert venv.stale(made, wanted(made)).endswith(reason)
    assert bool(venv.stale(made, wanted(made))) == bool(reason)


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
    assert reason in venv.stale(made, wanted(made))


def test_another_tensorflow_a_gpu_and_another_python_are_asked_for(made):
    assert "2.18.0 is asked for" in venv.stale(made, wanted(made, tensorflow="2.18.0"))
    assert "missing" in venv.stale(made, wanted(made, gpu=True))
    other = next(version for version in PYTHONS if version != sys.version_info[:2])
    assert "is asked for" in venv.stale(made, wanted(made), [*other, 0])


def test_an_environment_whose_python_is_gone_is_stale(made, monkeypatch):
    monkeypatch.setattr(venv.Places, "python", property(lambda self: self.venv / "gone"))
    assert "does not start" in venv.stale(made, wanted(made))


def test_a_killed_set_up_gives_the_earlier_environment_back(places):
    write_stamp(places)
    (places.venv / "mine").write_text("earlier")
    places.venv.rename(places.old)
    places.venv.mkdir()
    (places.venv / "half").write_text("new")
    venv.recover(places)
    assert (places.venv / "mine").read_text() == "earlier"
    assert not (places.venv / "half").exists()
    assert not places.old.exists()


def test_a_complete_new_environment_wins_over_the_earlier_one(places):
    places.old.mkdir()
    write_stamp(places)
    venv.recover(places)
    assert venv.read_stamp(places)
    assert not places.old.exists()


def fake_build(monkeypatch, action):
    monkeypatch.setattr(venv, "_build", action)
    monkeypatch.setattr(venv, "find_python", lambda *_, **__: {"executable": sys.executable})
    monkeypatch.setattr(venv, "check_disk", lambda *_, **__: None)
    monkeypatch.setattr(venv, "wants_gpu", lambda *_, **__: False)


def test_a_set_up_that_fails_puts_the_earlier_environment_back(made, monkeypatch, capsys):
    (made.venv / "mine").write_text("earlier")
    (made.root / "requirements.txt").write_text("numpy==2.0\n")

    def fail(places, python, wanted):
        places.venv.mkdir()
        (places.venv / "half").write_text("new")
        raise Problem("No network.")

    fake_build(monkeypatch, fail)
    with pytest.raises(Problem, match="earlier environment was put back"):
        venv.setup({}, made)
    assert (made.venv / "mine").read_text() == "earlier"
    assert not (made.venv / "half").exists()
    assert "pinned packages changed" in capsys.readouterr().out


def test_a_first_set_up_that_fails_leaves_nothing(places, monkeypatch):
    def fail(places, python, wanted):
        places.venv.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    fake_build(monkeypatch, fail)
    with pytest.raises(Problem, match="disk is too full"):
        venv.setup({}, places)
    assert not places.venv.exists()


def test_a_set_up_replaces_what_is_stale_and_then_has_nothing_to_do(made, monkeypatch):
    (made.venv / "mine").write_text("earlier")
    (made.root / "requirements.txt").write_text("numpy==2.0\n")
    fake_build(monkeypatch, lambda places, python, wanted: write_stamp(places))
    assert venv.setup({}, made) is True
    assert not (made.venv / "mine").exists()
    assert not made.old.exists()
    assert venv.setup({}, made) is False


HOLD_LOCK = """
import pathlib, sys, time
from tools import venv
with venv.locked(venv.Places(pathlib.Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold_lock(places, seconds):
    command = [sys.executable, "-c", HOLD_LOCK, str(places.root), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"held"
    return process


def test_a_second_set_up_waits_for_the_first_one(places, capsys):
    with hold_lock(places, 1) as holder:
        with venv.locked(places):
            assert holder.wait(timeout=5) == 0
    assert "waiting" in capsys.readouterr().out


def test_a_killed_set_up_leaves_no_lock_behind(places):
    with hold_lock(places, 60) as holder:
        holder.kill()
        holder.wait(timeout=10)
    start = time.monotonic()
    with venv.locked(places):
        assert time.monotonic() - start < 5


def nvidia_smi(folder, text, code=0):
    folder.mkdir(exist_ok=True)
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\necho '{text}'\nexit {code}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow finds GPUs on Linux alone")
def test_a_gpu_is_found_by_its_driver(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not venv.wants_gpu({})
    nvidia_smi(tmp_path, "No devices found", 6)
    assert not venv.wants_gpu({})
    nvidia_smi(tmp_path, "GPU 0: Some GPU (UUID: GPU-1)")
    assert venv.wants_gpu({})
    assert not venv.wants_gpu({"GPU": "0"})


def test_a_full_disk_is_seen_before_anything_is_written(places):
    with pytest.raises(Problem, match=r"takes 4\.0 GB below .* 1\.5 GB are free"):
        venv.check_disk(places, gpu=False, free=1_500_000_000)
    with pytest.raises(Problem, match="GPU=0"):
        venv.check_disk(places, gpu=True, free=5_000_000_000)
    venv.check_disk(places, gpu=False, free=5_000_000_000)
    assert "make clean" not in venv.disk_message(places, gpu=False, free=0)
    write_stamp(places)
    assert "make clean" in venv.disk_message(places, gpu=False, free=0)


def test_the_kernel_of_the_environment_comes_first():
    environ = venv.environment()
    assert environ["JUPYTER_PREFER_ENV_PATH"] == "1"
    assert environ["PATH"].split(os.pathsep)[0] == str(venv.Places(ROOT).python.parent)
