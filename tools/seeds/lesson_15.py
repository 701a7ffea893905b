"""Repeat the training runs of lesson 15 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_15 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims, and prints a row a seed. Ends with an
error if a claim fails for any seed. About 10 s a seed on two cores.
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    *("batches", "loss_function", "simple_step", "first_batch", "first_weights", "train"),
    *("largest_gap", "penalized_model", "penalized", "forgetful", "training_step", "mindful"),
    *("published", "TrainingLoop", "history", "OwnStep", "by_step"),
    *("new_run", "draws", "saved", "gaps"),
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured."""
    return {
        "loss, 3 epochs": f"{lesson['history']['loss'][-1]:.3f}",
        "squares with": f"{lesson['squares'][0]:.0f}",
        "and without": f"{lesson['squares'][1]:.0f}",
        "reset": f"{lesson['right'][-1]:.3f}",
        "never reset": f"{lesson['published'][-1]:.3f}",
        "resumed": f"{lesson['gaps'][-1]:.1g}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "15", CELLS, row))
