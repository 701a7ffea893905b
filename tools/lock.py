"""Choose the newest versions that suit pyproject.toml and each other, and pin them: `make lock`.

Runs on any Python from 3.8 on and needs the program uv, which the environment in .venv has.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Sequence

from tools.find_python import PYTHONS, dotted
from tools.install import read_pip_settings, uv_variables
from tools.settings import Problem, read_tensorflow, say
from tools.venv import ROOT, Places, environment

HEADER = (
    "# Pinned versions for Python 3.11 to 3.13 on Linux, macOS and Windows{what}.\n"
    "# Made from pyproject.toml by: make lock\n"
)


def lock(settings: Dict[str, str]) -> int:
    """Pin the newest versions that suit pyproject.toml and each other, with uv's resolver."""
    uv = shutil.which("uv", path=environment()["PATH"])
    if uv is None:
        raise Problem("make lock needs the program uv. It comes with the environment: make setup")
    places = Places(ROOT)
    options = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--upgrade"]
    told = uv_variables(read_pip_settings(Path(sys.executable), dict(os.environ)))
    environ = {**told, **os.environ}
    for name in ("UV_CONSTRAINT", "UV_FIND_LINKS"):  # what lies on this machine decides nothing
        environ.pop(name, None)
    compile_command = [uv, "pip", "compile", *options, "--python-version", dotted(PYTHONS[0])]

    def resolve(arguments: Sequence[str], text: str) -> List[str]:
        done = subprocess.run(
            [*compile_command, *arguments],
            input=text.encode("utf-8"),
            cwd=str(ROOT),
            env=environ,
            capture_output=True,
        )
        if done.returncode:
            raise Problem(
                "uv found no set of versions:\n" + done.stderr.decode("utf-8", "replace").strip()
            )
        return done.stdout.decode("utf-8").replace("\r\n", "\n").splitlines()

    override = read_tensorflow(settings)
    universal = ["--universal", "--fork-strategy", "fewest", "--extra", "lab", "--extra", "dev"]
    if override:
        raise_to = places.root / ".tensorflow.in"
        raise_to.write_text(f"tensorflow=={override}\n", encoding="utf-8")
        universal += ["--constraint", str(raise_to)]
    try:
        pins = resolve([*universal, "pyproject.toml"], "")
    finally:
        if override:
            raise_to.unlink()
    tensorflow = next(line for line in pins if line.startswith("tensorflow=="))
    version = tensorflow.split(" ")[0].partition("==")[2]
    linux = ["--python-platform", "x86_64-manylinux_2_28", "-"]
    cuda = resolve(linux, f"tensorflow[and-cuda]=={version}\n")
    cuda = [line for line in cuda if line.startswith("nvidia-")]
    header = HEADER.format(what="")
    places.requirements.write_bytes((header + "\n".join(pins) + "\n").encode("utf-8"))
    header = HEADER.format(what=": what TensorFlow needs besides\n# on Linux with a GPU")
    places.gpu_requirements.write_bytes((header + "\n".join(cuda) + "\n").encode("utf-8"))
    say(f"Pinned {len(pins)} packages and {len(cuda)} for a GPU; TensorFlow {version}.")
    return 0
