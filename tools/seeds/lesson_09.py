"""Repeat the training runs of lesson 09 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_09 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims, and trains the network that exercise 09.1
rescues; prints a row a seed. Ends with an error if a claim fails for any seed. About 25 s a seed on
two cores.
"""

import sys
from typing import Any

from course_utils.exercises.lesson_09 import centre
from course_utils.session import import_tensorflow
from tools.seeds.runs import repeat_cells

import_tensorflow()
import keras  # noqa: E402

CELLS = (
    *("flatten", "published", "runs", "found", "from_zeros", "twins", "limit", "rate_runs"),
    *("batch_runs", "pieces", "optimizer", "paths", "Descent", "Adam", "rule_runs"),
    *("initializers", "single", "wild"),
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured; the numbers are fractions of the validation digits."""
    network = centre(lesson["new_network"](lesson["published"]))
    rescued = lesson["train"](network, keras.optimizers.SGD(0.1))["read"]
    assert rescued > 0.8, f"(rescued: {rescued:.3f})"
    (small, middle, large), rules = lesson["batch_runs"].values(), lesson["rule_runs"].values()
    measured = {f"{start}, {rate}": run for (start, rate), run in lesson["runs"].items()}
    measured |= {name: lesson["rate_runs"][name] for name in ("rate 1", "rate 5")}
    measured |= {"batch 32": small, "128": middle, "1000": large}
    measured |= dict(zip(("SGD", "momentum", "Adam"), rules, strict=True))
    measured["wild"] = lesson["wild"]
    return {name: f"{run['read']:.3f}" for name, run in measured.items()} | {
        "rescued": f"{rescued:.3f}"
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "09", CELLS, row))
