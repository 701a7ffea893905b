"""Check what lesson 07 claims about the training on its small tape, over several seeds.

    python -m tools.seeds.lesson_07 [--seeds 5] [--first 0]

Trains with the tape, the network and the loop of the notebook. Prints what was measured, one
column a seed, then one line a claim, and ends with an error if a claim fails for any seed. About
4 s a seed on two cores.
"""

import functools
import sys
from typing import Any

import numpy as np

from tools.seeds.runs import quiet_lesson, repeat_measurements

CELLS = ("Node", "sum_to_shape", "SmallTape", "flatten", "start_weights", "weights", "train")


@functools.cache
def lesson() -> dict[str, Any]:
    """Return the lesson's tape, data, network and training loop."""
    return quiet_lesson("07", *CELLS)


def measure(seed: int) -> dict[str, float]:
    """Train with one seed; return the numbers that the lesson speaks of."""
    weights = lesson()["start_weights"](np.random.default_rng(seed))
    (w1, b1, w2, b2), losses = lesson()["train"](weights, np.random.default_rng(seed))
    outputs = np.maximum(lesson()["test_x"] @ w1 + b1, 0) @ w2 + b2
    return {
        "first loss": losses[0],
        "last 20 losses": float(np.mean(losses[-20:])),
        "accuracy": float(np.mean(np.argmax(outputs, axis=1) == lesson()["test_labels"])),
    }


CLAIMS = {
    "loss starts above 1, ends below 0.4": lambda found: (
        found["first loss"] > 1 and found["last 20 losses"] < 0.4
    ),
    "reads some nine test digits of ten": lambda found: 0.88 < found["accuracy"] < 0.93,
}
"""What the lesson says about its training; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
