"""The ways to install the course agree: pip's pins, conda's file, the metadata and the workflow."""

import importlib.metadata
import itertools
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_utils import session
from tools import find_python, settings

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ("3.11", "3.12", "3.13")
# What pip's markers ask of a system on which the course runs.
SYSTEMS = {
    "linux": ("posix", "Linux", "x86_64"),
    "darwin": ("posix", "Darwin", "arm64"),
    "win32": ("nt", "Windows", "AMD64"),
}


def read_pins(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


def marker_environment(python: str, platform: str) -> dict[str, str]:
    os_name, system, machine = SYSTEMS[platform]
    return {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": platform,
        "os_name": os_name,
        "platform_system": system,
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def pins_for(environment: dict[str, str]) -> dict[str, Version]:
    """Return the version of each package that pip would take there, by canonical name."""
    pins: dict[str, Version] = {}
    for pin in read_pins("requirements.txt"):
        if pin.marker and not pin.marker.evaluate(environment):
            continue
        name = canonicalize_name(pin.name)
        assert name not in pins, f"{name} is pinned twice for {environment}"
        pins[name] = Version(next(iter(pin.specifier)).version)
    return pins


def direct_requirements() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *extras["lab"], *extras["dev"]]
    return [Requirement(line) for line in lines]


def workflow() -> dict:
    return yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-gpu.txt"])
def test_every_line_is_one_exact_pin_and_names_no_server(name):
    pins = read_pins(name)  # an option, a hash or a path is no requirement and raises
    assert pins
    for pin in pins:
        assert pin.url is None, f"{pin} names a place"
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), f"{pin} is no exact pin"
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("python", "platform"), list(itertools.product(PYTHONS, SYSTEMS)))
def test_what_the_project_asks_for_is_pinned_everywhere(python, platform):
    pins = pins_for(marker_environment(python, platform))
    for requirement in direct_requirements():
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{requirement} has no pin: run make lock"
        assert requirement.specifier.contains(pins[name]), f"{requirement}, pinned {pins[name]}"


def test_the_versions_are_the_same_for_every_python_and_system():
    seen: dict[str, set[Version]] = {}
    for python, platform in itertools.product(PYTHONS, SYSTEMS):
        for name, version in pins_for(marker_environment(python, platform)).items():
            seen.setdefault(name, set()).add(version)
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}


def test_the_pins_are_complete_and_suit_each_other():
    """Checks the requirements of every package that is installed here in its pinned version."""
    pins = pins_for({})
    checked = 0
    for name, version in pins.items():
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if Version(found.version) != version:
            continue  # another TensorFlow was asked for
        for requirement in map(Requirement, found.requires or []):
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            needed = canonicalize_name(requirement.name)
            assert needed in pins, f"{name} needs {requirement}, which is not pinned"
            assert requirement.specifier.contains(pins[needed], prereleases=True), (
                f"{name} needs {requirement}, pinned is {pins[needed]}"
            )
            checked += 1
    assert checked > 100


def test_the_gpu_pins_are_what_this_tensorflow_asks_for():
    pins = {pin.name: pin for pin in read_pins("requirements-gpu.txt")}
    assert all(name.startswith("nvidia-") for name in pins)
    tensorflow = importlib.metadata.distribution("tensorflow")
    if Version(tensorflow.version) != pins_for({})["tensorflow"]:
        pytest.skip("another TensorFlow than the pinned one is installed")
    linux = {**marker_environment("3.12", "linux"), "extra": "and-cuda"}
    asked = [
        requirement
        for requirement in map(Requirement, tensorflow.requires)
        if "and-cuda" in str(requirement.marker) and requirement.marker.evaluate(linux)
    ]
    for requirement in asked:
        version = next(iter(pins[requirement.name].specifier)).version
        assert requirement.specifier.contains(version), f"{requirement}, pinned {version}"
    assert len(asked) >= 10


def test_conda_takes_the_same_pins_graphviz_and_the_course():
    found = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert "conda-forge" in found["channels"]
    plain = [entry for entry in found["dependencies"] if isinstance(entry, str)]
    pip = [entry["pip"] for entry in found["dependencies"] if isinstance(entry, dict)]
    # pip's own lines alone decide on versions: a package of conda's would be a second opinion.
    assert [re.split(r"[=<> ]", entry)[0] for entry in plain] == ["python", "graphviz", "pip"]
    assert pip == [["-r requirements.txt", "-e ."]]
    python = re.fullmatch(r"python=(\d+\.\d+)", plain[0])
    assert python and python[1] in PYTHONS


def test_the_supported_pythons_are_the_same_everywhere():
    wanted = SpecifierSet(PROJECT["project"]["requires-python"])
    minors = [f"3.{minor}" for minor in range(8, 20)]
    assert [minor for minor in minors if wanted.contains(f"{minor}.5")] == list(PYTHONS)
    classifiers = PROJECT["project"]["classifiers"]
    named = [line.rpartition(" ")[2] for line in classifiers if "Python :: 3." in line]
    assert named == list(PYTHONS)
    assert [f"{major}.{minor}" for major, minor in find_python.PYTHONS] == list(PYTHONS)
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + PYTHONS[0].replace(".", "")
    assert workflow()["jobs"]["tests"]["strategy"]["matrix"]["python"] == list(PYTHONS)


def test_the_oldest_tensorflow_is_the_same_everywhere():
    floor = next(line for line in direct_requirements() if line.name == "tensorflow")
    oldest = str(floor.specifier).removeprefix(">=")
    numbers = tuple(map(int, oldest.split(".")))
    assert numbers == settings.OLDEST_TENSORFLOW
    assert numbers == session.OLDEST_TENSORFLOW
    assert extra_settings()["TENSORFLOW"] == {f"{oldest}.*"}


def extra_settings() -> dict[str, set[str]]:
    """Return the values that the workflow's additional rows give to each variable."""
    found: dict[str, set[str]] = {}
    for entry in workflow()["jobs"]["tests"]["strategy"]["matrix"]["include"]:
        for word in entry["settings"].split():
            name, _, value = word.partition("=")
            found.setdefault(name, set()).add(value)
    return found


def test_the_workflow_tries_the_pins_and_the_oldest_tensorflow_on_the_three_systems():
    job = workflow()["jobs"]["tests"]
    matrix = job["strategy"]["matrix"]
    systems = ["ubuntu-latest", "macos-latest", "windows-latest"]
    assert matrix["os"] == systems
    assert matrix["settings"] == [""]
    oldest = [entry["os"] for entry in matrix["include"] if "TENSORFLOW" in entry["settings"]]
    assert sorted(oldest) == sorted(systems)
    (run,) = [step["run"] for step in job["steps"] if "run" in step]
    by_hand = "runner.os == 'Windows' && 'python -m tools.manage' || 'make'"
    assert run == f"env ${{{{ matrix.settings }}}} ${{{{ {by_hand} }}}} test"


def test_the_workflow_tries_what_contributing_says_that_lessons_must_pass():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(
        r"^Lessons must pass with oneDNN.*?\n\n", text, re.DOTALL | re.MULTILINE
    )
    named = re.findall(r"(TF_\w+)=(\d)", sentence)
    assert len(named) == 3
    for name, value in named:
        assert extra_settings()[name] == {value}


def test_the_gpu_job_waits_until_it_is_switched_on():
    job = workflow()["jobs"]["gpu"]
    assert "vars.GPU_RUNNER != ''" in job["if"] and "inputs.gpu" in job["if"]
    assert "github.event_name != 'pull_request'" in job["if"]
    triggers = workflow()[True]  # YAML reads the key "on" as a truth value
    assert triggers["workflow_dispatch"]["inputs"]["gpu"]["default"] is False
    assert any(step.get("run") == "make test" for step in job["steps"])


def test_tensorflow_is_left_to_the_environment():
    """Colab brings TensorFlow, NumPy and matplotlib; installing the course must not touch them."""
    names = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    assert names == {"graphviz-pure", "pydot"}
