"""Repeat the training runs of lesson 08 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_08 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims, and prints a row a seed. Ends with an
error if a claim fails for any seed. About 10 s a seed on two cores.
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    *("validation", "model", "NaiveDense", "NaiveSequential", "new_network", "cross_entropy"),
    *("BatchGenerator", "one_training_step", "losses", "accuracy", "history", "test_accuracy"),
    *("small_batches", "twin", "largest_gap", "ours", "counts", "order"),
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured."""
    history = lesson["history"]
    return {
        "Keras, 3 epochs": f"{lesson['accuracy_by_keras']:.3f}",
        "own, 3 epochs": f"{history['val_accuracy'][2]:.3f}",
        "own, batches of 32": f"{lesson['small_batches']['val_accuracy'][-1]:.3f}",
        "own, 10 epochs": f"{history['val_accuracy'][-1]:.3f}",
        "test": f"{lesson['test_accuracy']:.3f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "08", CELLS, row))
