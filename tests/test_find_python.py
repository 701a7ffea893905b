"""Which Python the set-up takes, tried on made-up ones."""

import os
import sys

import pytest

from tools import find_python as pythons
from tools.settings import Problem

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
    assert reason in pythons.objection({**GOOD, **change})


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
    assert pythons.objection({**GOOD, **change}) == ""


def test_an_old_tensorflow_takes_no_newer_python():
    newest = {**GOOD, "version": [3, 13, 0]}
    assert "no TensorFlow 2.18" in pythons.objection(newest, "2.18.0")
    assert pythons.objection(newest, "2.20.*") == ""
    assert pythons.objection(GOOD, "2.18.0") == ""


def test_the_first_python_that_works_is_chosen(monkeypatch):
    answers = {"a": None, "b": {**GOOD, "version": [3, 9, 1]}, "c": GOOD, "d": GOOD}
    monkeypatch.setattr(pythons, "candidates", lambda given: [[name] for name in answers])
    asked = []

    def probe(command):
        asked.append(command[0])
        return answers[command[0]]

    assert pythons.find_python(probe=probe) is GOOD
    assert asked == ["a", "b", "c"]


def test_without_a_supported_python_the_message_lists_what_was_found(monkeypatch):
    answers = {"shim": None, "old": {**GOOD, "version": [3, 9, 1]}}
    monkeypatch.setattr(pythons, "candidates", lambda given: [[name] for name in answers])
    with pytest.raises(Problem) as problem:
        pythons.find_python(probe=lambda command: answers[command[0]])
    text = str(problem.value)
    assert "shim does not start" in text
    assert "old is Python 3.9.1" in text
    assert "PYTHON=/path/to/python3.12" in text


def test_a_python_that_was_named_is_the_only_one_tried():
    assert pythons.candidates("/my/python") == [["/my/python"]]
    with pytest.raises(Problem, match="/no/such/python does not start"):
        pythons.find_python("/no/such/python")


def test_this_python_is_the_first_candidate_and_none_comes_twice():
    found = pythons.candidates()
    assert found[0] == [sys.executable]
    assert len({tuple(command) for command in found}) == len(found)


def test_a_shim_that_fails_is_no_python(tmp_path):
    name = "python3.12.bat" if os.name == "nt" else "python3.12"
    shim = tmp_path / name
    shim.write_text("@exit 127\n" if os.name == "nt" else "#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert pythons.probe([str(shim)]) is None
    here = pythons.probe([sys.executable])
    assert here["version"] == list(sys.version_info[:3])
    assert pythons.objection(here) == ""
