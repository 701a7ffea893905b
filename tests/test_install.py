"""What is installed, what uv is told, how pip takes over, and how failures read."""

import base64
import doctest
import hashlib
import json
import os
import shutil
import sys
import venv as standard_venv
import zipfile
from pathlib import Path

import pytest

from tools import install
from tools.settings import Problem
from tools.venv import Places

ROOT = Path(__file__).resolve().parent.parent


def test_the_examples_in_the_module():
    assert doctest.testmod(install) == (0, 3)


# --- What is installed


def packages(places, **asked):
    return install.packages(places.requirements, places.gpu_requirements, **asked)


def test_the_pins_are_installed_and_those_of_a_gpu_where_there_is_one(tmp_path):
    places = Places(tmp_path)
    places.requirements.write_text("# pins\nnumpy==1.0\ntensorflow==2.21.0\n")
    places.gpu_requirements.write_text("nvidia-x==1.0\n")
    pins = ["numpy==1.0", "tensorflow==2.21.0"]
    assert packages(places, gpu=False, tensorflow="") == pins
    assert packages(places, gpu=True, tensorflow="") == [*pins, "nvidia-x==1.0"]


def test_another_tensorflow_frees_only_what_it_rules():
    places = Places(ROOT)
    pinned = packages(places, gpu=False, tensorflow="")
    lines = packages(places, gpu=False, tensorflow="2.18.*")
    assert lines[-2:] == ["tensorflow==2.18.*", "numpy"]
    freed = {line.split("==")[0] for line in set(pinned) - set(lines)}
    assert freed == set(install.RULED_BY_TENSORFLOW)
    assert "tensorflow[and-cuda]==2.18.*" in packages(places, gpu=True, tensorflow="2.18.*")


def test_uv_itself_is_pinned():
    lines = packages(Places(ROOT), gpu=False, tensorflow="2.18.*")
    assert sum(line.startswith("uv==") for line in lines) == 1


# --- uv and pip, in a real environment, with packages made here and no network

# Stands for uv: it writes down how it was called, and works or does not.
FAKE_UV = """
import json, os, sys
told = {name: value for name, value in os.environ.items() if name.startswith(("UV_", "SSL_"))}
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps({"words": sys.argv[1:], "told": told}) + "\\n")
if os.environ["UV_WORKS"] == "no":
    sys.exit("error: it is too old\\n  cause: this machine is too old")
"""
BACKEND = """
import pathlib
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "course-1-py3-none-any.whl"
    (pathlib.Path(folder) / name).write_bytes(pathlib.Path(WHEEL).read_bytes())
    return name
"""


def make_wheel(folder: Path, name: str, version: str, **files: str) -> Path:
    """Write the package ``name`` with these modules, ready to be installed."""
    info = f"{name}-{version}.dist-info"
    texts = {f"{name}/{module}.py": text for module, text in {"__init__": "", **files}.items()}
    texts[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    texts[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = []
    for path, text in texts.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        lines.append(f"{path},sha256={digest.rstrip('=')},{len(text)}")
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for path, text in {
            **texts,
            f"{info}/RECORD": "\n".join([*lines, f"{info}/RECORD,,"]),
        }.items():
            file.writestr(path, text)
    return wheel


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an environment, packages, and a project that can be installed."""
    place = tmp_path_factory.mktemp("to install")
    standard_venv.create(place / "venv", with_pip=True)
    (place / "wheels").mkdir()
    make_wheel(place / "wheels", "uv", "1.0", __main__=FAKE_UV)
    make_wheel(place / "wheels", "thing", "2.0")
    wheel = make_wheel(place, "course", "1")
    (place / "project").mkdir()
    (place / "project" / "backend.py").write_text(f"WHEEL = {str(wheel)!r}\n{BACKEND}")
    (place / "project" / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return place


@pytest.fixture
def try_install(place, tmp_path, monkeypatch):
    """Return a function that installs lines; it returns what is there, and how uv was called."""
    python = place / "venv" / Places(place).python.relative_to(place / ".venv")
    (pip,) = (place / "venv").rglob("site-packages/pip")
    before = set(pip.parent.iterdir())
    calls = tmp_path / "calls"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)  # which means: no file at all
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", (place / "wheels").as_uri())
    monkeypatch.setenv("CALLS", str(calls))

    def run(lines, *, uv_works):
        monkeypatch.setenv("UV_WORKS", "yes" if uv_works else "no")
        where = {"scratch": tmp_path, "cache": tmp_path}
        install.install(python, place / "project", lines, **where, gpu=False)
        there = {path.stem for path in pip.parent.glob("*.dist-info") if path not in before}
        told = calls.read_text().splitlines() if calls.exists() else []
        return there, [json.loads(line) for line in told]

    yield run
    for path in set(pip.parent.iterdir()) - before:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_uv_is_fetched_told_what_pip_knows_and_used(try_install, place, capsys):
    there, (packages, project) = try_install(["thing==2.0", "uv==1.0"], uv_works=True)
    assert there == {"uv-1.0"}  # the rest would be the work of the true uv
    assert packages["words"][:3] == ["pip", "install", "--python"]
    assert "--no-index" in packages["words"] and "--only-binary" in packages["words"]
    assert packages["told"]["UV_FIND_LINKS"] == (place / "wheels").as_uri()
    assert project["words"][-2:] == ["--editable", str(place / "project")]
    assert "pip does it" not in capsys.readouterr().out


def test_where_uv_fails_pip_does_it_and_says_so_in_one_line(try_install, capsys):
    there, calls = try_install(["thing==2.0", "uv==1.0"], uv_works=False)
    assert there == {"uv-1.0", "thing-2.0", "course-1"}
    assert len(calls) == 1
    assert capsys.readouterr().out.splitlines() == [
        "  uv cannot do it (cause: this machine is too old); pip does it, which takes some minutes"
    ]


def test_where_uv_cannot_be_fetched_pip_does_it(try_install, capsys):
    there, calls = try_install(["thing==2.0", "uv==9.9"], uv_works=True)
    assert (there, calls) == ({"thing-2.0", "course-1"}, [])
    assert "No matching distribution found for uv==9.9" in capsys.readouterr().out


def test_what_neither_can_do_is_a_problem(try_install):
    with pytest.raises(Problem, match=r"thing==3\.0\nThe packages could not .*Colab"):
        try_install(["thing==3.0", "uv==9.9"], uv_works=True)


@pytest.mark.parametrize("cause", ["disk", "network", "proxy"])
def test_pip_is_not_tried_where_it_would_fail_as_well(tmp_path, monkeypatch, cause):
    commands = []

    def fail(command, *args, **options):
        commands.append(command)
        raise install.Failed("It failed.", cause, ["why"])

    monkeypatch.setattr(install, "run", fail)
    with pytest.raises(install.Failed):
        install.install(
            Path("python"), tmp_path, ["uv==1"], scratch=tmp_path, cache=tmp_path, gpu=False
        )
    assert len(commands) == 1


# --- What uv is told

LISTING = """:env:.index-url='https://name:secret@mirror/simple'
global.index-url='https://other/simple'
global.extra-index-url='\\nhttps://one/simple\\nhttps://two/simple'
global.cert='/etc/my certificates.pem'
download.timeout='5'
install.find-links='/a /b'
global.proxy='http://proxy:3128'
"""


def test_what_pip_was_told_is_said_in_uvs_words():
    told = install.parse_pip_settings(LISTING)
    variables = install.uv_variables(told)
    assert {
        name: variables[name] for name in variables if name not in install.uv_variables({})
    } == {
        "UV_DEFAULT_INDEX": "https://name:secret@mirror/simple",
        "UV_INDEX": "https://one/simple https://two/simple",
        "UV_FIND_LINKS": "/a,/b",
        "SSL_CERT_FILE": "/etc/my certificates.pem",
        "HTTP_PROXY": "http://proxy:3128",
        "HTTPS_PROXY": "http://proxy:3128",
    }
    assert install.uv_options(told) == []
    assert install.uv_options({"no-index": "true"}) == ["--no-index"]


def test_pips_variables_and_the_certificate_of_requests_are_found(monkeypatch):
    for name in ("PIP_CERT", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_TRUSTED_HOST", "mirror")
    environ = {**install.clean_environment(), "REQUESTS_CA_BUNDLE": "bundle.pem"}
    found = install.read_pip_settings(Path(sys.executable), environ)
    assert (found["trusted-host"], found["cert"]) == ("mirror", "bundle.pem")
    found = install.read_pip_settings(Path(sys.executable), {**environ, "PIP_CERT": "mine.pem"})
    assert found["cert"] == "mine.pem"


def test_another_pythons_packages_stay_outside():
    environ = install.clean_environment({"PYTHONPATH": "x", "PIP_TARGET": "y", "HOME": "z"})
    assert "PYTHONPATH" not in environ
    assert "PIP_TARGET" not in environ
    assert environ["HOME"] == "z"


# --- How a step fails


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full. Setting the course up"),
        ("  cause: failed to copy file: No space left on device (os error 28)", "The disk is full"),
        ("  cause: There is not enough space on the disk. (os error 112)", "The disk is full"),
        ("NewConnectionError: Failed to establish a new connection", "needs the network"),
        ("NameResolutionError: Temporary failure in name resolution", "needs the network"),
        ("  cause: error sending request for url (https://server/simple/x/)", "needs the network"),
        ("  cause: dns error", "needs the network"),
        ("ProxyError('Cannot connect to proxy.')", "HTTPS_PROXY"),
        ("  cause: tunnel error: proxy authorization required", "HTTPS_PROXY"),
        ("SSLError: CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("  cause: invalid peer certificate: UnknownIssuer", "PIP_CERT"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "use Colab"),
        ("error: No solution found when resolving dependencies", "use Colab"),
        ("something else", "Call the same command again"),
    ],
)
def test_the_end_of_a_failed_step_is_shown_with_what_to_do(line, advice):
    log = [f"line {number}" for number in range(30)] + [line]
    _, text = install.explain(log, "It failed.", gpu=False)
    assert advice in text
    assert line in text
    assert "line 5\n" not in text
    assert "GPU=0" not in text


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("NewConnectionError\nERROR: No matching distribution found for numpy", "network"),
        ("error: Failed to fetch\n  cause: error sending request\n  cause: tunnel error", "proxy"),
        ("  cause: error sending request\n  cause: invalid peer certificate", "certificate"),
        ("  cause: Connection refused (os error 111)", "network"),
    ],
)
def test_the_deeper_cause_is_told(log, cause):
    assert install.explain(log.splitlines(), "It failed.", gpu=False)[0] == cause


def test_on_a_gpu_the_way_without_it_is_named():
    assert "GPU=0" in install.explain(["something"], "It failed.", gpu=True)[1]


def test_a_step_that_fails_becomes_a_problem():
    with pytest.raises(Problem, match="It failed") as problem:
        install.run(
            [sys.executable, "-c", "import sys; sys.exit('why')"], {}, "It failed.", gpu=False
        )
    assert "why" in str(problem.value)


@pytest.mark.parametrize(
    ("line", "news"),
    [
        (
            "  Downloading tensorflow-2.21.0-cp311-x.whl (545.9 MB)",
            "fetching tensorflow (545.9 MB)",
        ),
        ("  Downloading idna-3.4-py3-none-any.whl (61 kB)", ""),
        ("Prepared 135 packages in 18.83s", "unpacking them"),
        ("Installing collected packages: a, b", "unpacking them"),
        ("Installing collected packages: uv", ""),
    ],
)
def test_only_what_takes_long_is_told(line, news):
    assert install.progress(line) == news
