"""The commands and their settings."""

import ast
import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools import manage
from tools.settings import Problem, is_on, read_number, read_settings, read_tensorflow

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# --- Settings


def test_settings_come_from_words_and_three_of_them_from_the_environment():
    environ = {"GPU": "0", "PORT": "1", "TENSORFLOW": "2.18.*", "LESSON": "05"}
    found = read_settings("lab", ["LESSON=02", "TENSORFLOW="], environ)
    assert found == {"GPU": "0", "LESSON": "02"}


@pytest.mark.parametrize(
    ("command", "word"), [("lab", "02"), ("lab", "LAX=1"), ("test", "PORT=1"), ("clean", "GPU=0")]
)
def test_an_unknown_setting_is_named_with_those_that_are_known(command, word):
    with pytest.raises(Problem, match="knows: ") as problem:
        read_settings(command, [word], {})
    assert repr(word) in str(problem.value)


@pytest.mark.parametrize(
    ("value", "on"), [("1", True), ("Yes", True), ("0", False), ("off", False)]
)
def test_switches(value, on):
    assert is_on({"LAX": value}, "LAX", default=not on) is on


def test_a_switch_that_is_neither_on_nor_off_is_a_problem():
    assert is_on({}, "GPU", default=True)
    with pytest.raises(Problem, match="LAX is 'maybe'"):
        is_on({"LAX": "maybe"}, "LAX")


@pytest.mark.parametrize("value", ["x", "-1", "0", "65536", "8888 ", "1e3", "٣"])
def test_a_port_is_a_number_in_its_range(value):
    assert read_number({"PORT": "8888"}, "PORT", 1, 65535) == 8888
    assert read_number({}, "PORT", 1, 65535) is None
    with pytest.raises(Problem, match="whole number from 1 to 65535"):
        read_number({"PORT": value}, "PORT", 1, 65535)


@pytest.mark.parametrize(
    ("value", "pip"), [("2.18.0", "2.18.0"), ("2.18.*", "2.18.*"), ("2.19", "2.19.*"), ("", "")]
)
def test_another_tensorflow_is_written_as_pip_reads_it(value, pip):
    assert read_tensorflow({"TENSORFLOW": value}) == pip


@pytest.mark.parametrize("value", ["2.17.1", "1.15", "newest", ">=2.18", "2"])
def test_a_tensorflow_that_is_too_old_or_no_version_is_a_problem(value):
    with pytest.raises(Problem, match=r"2\.18"):
        read_tensorflow({"TENSORFLOW": value})


@pytest.mark.parametrize("version", [(3, 8), (3, 9), (3, 10)])
def test_old_pythons_can_read_the_program_and_need_no_package(version):
    seen, waiting = set(), {"tools.manage"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        text = (ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
        imported = set()
        for node in ast.walk(ast.parse(text, feature_version=version)):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "tools":
                imported |= {f"tools.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
        own = {name for name in imported if name.startswith("tools.")}
        assert {name.partition(".")[0] for name in imported - own} <= sys.stdlib_module_names
        waiting |= own - seen
    targets = PROJECT["tool"]["ruff"]["per-file-target-version"]
    assert targets == {
        f"tools/{{{','.join(sorted(name[6:] for name in seen))}}}.py": "py38",
    }


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


def test_the_command_line_answers_in_plain_words():
    def call(*words):
        command = [sys.executable, "-m", "tools.manage", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    unknown = call("fly")
    assert unknown.returncode == 1
    assert "There is no command 'fly'. There are: setup, lab, test" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    assert "make lab" in call("help").stdout
    lesson = call("lab", "LESSON=99")
    assert lesson.returncode == 1
    assert "There is no lesson '99'" in lesson.stderr
