"""Make the broken runs on which lesson 17 tests its diagnosis, and check its own over seeds.

    python -m tools.seeds.lesson_17 [--seeds 5] [--first 0]     the nine runs of the lesson
    python -m tools.seeds.lesson_17 --write                     the stored runs

Without ``--write`` prints, once a seed, how many of the lesson's runs are diagnosed rightly, and
ends with an error if fewer than eight of nine are. With ``--write`` trains three networks with
every mistake and five seeds each (some minutes), and writes their histories to
data/results_17.json; its size and SHA-256 then go into ``course_utils/data.py`` and the row of
``data/README.md``. Seeds start at 100, so none of the stored runs is one of the lesson's.
"""

import functools
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from course_utils.builders.models import build_mlp
from course_utils.session import import_tensorflow, seed_everything
from tools.seeds.runs import judge, quiet_lesson, seed_options

tf = import_tensorflow()
import keras  # noqa: E402

TARGET = Path(__file__).resolve().parents[2] / "data" / "results_17.json"
NETWORKS = {
    "same network": {},
    "three narrow": {"hidden": (32, 32, 32)},
    "one wide": {"hidden": (512,)},
}
SEEDS = range(100, 105)
CLAIMS = {"eight of nine runs are diagnosed": lambda run: run["right"] >= 8}


@functools.cache
def lesson() -> dict[str, Any]:
    """Return what the lesson makes its runs and its diagnosis with."""
    return quiet_lesson("17", "train_run", "train_with_old_means", "make_runs") | quiet_diagnosis()


def quiet_diagnosis() -> dict[str, Any]:
    """Return the lesson's diagnosis alone, whose cell also reads the lesson's own runs."""
    from tools.lesson_code import lesson_parts

    return {"diagnose": lesson_parts("17", only=("diagnose",))["diagnose"]}


def measure(seed: int) -> dict[str, float]:
    """Return how many of the nine runs of a seed are diagnosed rightly."""
    seed_everything(seed)
    runs = lesson()["make_runs"](build_mlp)
    return {"right": sum(lesson()["diagnose"](run) == cause for cause, run in runs.items())}


def write() -> None:
    """Train all networks with all mistakes, and write their histories."""
    stored: dict[str, dict[str, list]] = {name: {} for name in NETWORKS}
    for name, sizes in NETWORKS.items():
        for seed in SEEDS:
            seed_everything(seed)
            for cause, run in lesson()["make_runs"](functools.partial(build_mlp, **sizes)).items():
                rounded = {key: [round(value, 3) for value in run[key]] for key in sorted(run)}
                stored[name].setdefault(cause, []).append(rounded)
            print(name, "seed", seed, "done", flush=True)
    content = {
        "what": "losses and accuracies after each of 8 epochs, one run a seed",
        "made by": "python -m tools.seeds.lesson_17 --write",
        "settings": {
            "networks": {name: sizes.get("hidden", (128,)) for name, sizes in NETWORKS.items()},
            "seeds": list(SEEDS),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "runs": stored,
    }
    text = json.dumps(content, separators=(",", ":")).replace('],"', '],\n"') + "\n"
    TARGET.write_text(text, encoding="ascii", newline="\n")
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    print(f"{TARGET.name}: {len(text)} bytes, SHA-256 {digest}")


def main() -> int:
    """Measure or write, as the command line says."""
    parser = seed_options(__doc__)
    parser.add_argument("--write", action="store_true", help="write data/results_17.json")
    options = parser.parse_args()
    tf.get_logger().setLevel("ERROR")  # many models are traced
    if options.write:
        write()
        return 0
    runs = [measure(seed) for seed in range(options.first, options.first + options.seeds)]
    return judge(runs, CLAIMS)


if __name__ == "__main__":
    sys.exit(main())
