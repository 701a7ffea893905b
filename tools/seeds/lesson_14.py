"""Repeat the training runs of lesson 14 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_14 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims; prints a row a seed. Ends with an error if
a claim fails for any seed. About 25 s a seed on two cores. What the lesson shows by comparing names
or counts (hooks, messages, the power cut) does not depend on a seed and is not repeated.
"""

import sys
from typing import Any

import numpy as np

from tools.seeds.runs import repeat_cells

CELLS = (
    *("new_model", "log", "stopped", "patient", "scheduler", "go_on", "built"),
    *("path", "x", "thawed", "broken"),
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured; the losses are validation losses."""
    stopped, runs = lesson["stopped"]["val_loss"], lesson["runs"]
    assert len(lesson["broken"]["loss"]) == 7 and np.isnan(lesson["broken"]["loss"][-1])
    return {
        "best epoch": f"{np.argmin(stopped) + 1}",
        "stopped after": f"{len(stopped)}",
        **{f"last, {name}": f"{run['val_loss'][-1]:.2f}" for name, run in runs.items()},
        "fresh optimizer off by": f"{lesson['distance'](lesson['original'], lesson['fresh']):.0e}",
        "stored, overwritten": f"{lesson['good']:.2f} {lesson['now']:.2f}",
        "thawed": f"{lesson['thawed'][0]:.2f} {lesson['thawed'][-1]:.2f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "14", CELLS, row))
