"""Repeat the training runs of lesson 13 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_13 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims, and the trial of exercise 13.3; prints a
row a seed. Ends with an error if a claim fails for any seed. About 25 s a seed on two cores.
"""

import sys
from typing import Any

import numpy as np

from course_utils.exercises.lesson_13 import QuantileLoss
from tools.seeds.runs import repeat_cells

CELLS = (
    *("few_images", "train", "plain", "losses", "twin", "dropping", "runs"),
    *("history", "drawn", "robust_loss", "models", "fit_line"),
    *("WorstClass", "metric", "rare"),
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured."""
    plain, found = lesson["plain"], lesson["found"]
    noisy = lesson["y"] + np.random.normal(size=200)
    answers = lesson["fit_line"](QuantileLoss(0.9), noisy)(lesson["x"])[:, 0]
    below = np.mean(noisy < answers)
    assert 0.8 < below < 0.97, f"(below the line of 0.9: {below:.3f})"
    return {
        "best epoch": f"{np.argmin(plain['val_loss']) + 1}",
        "last / best": f"{plain['val_loss'][-1] / min(plain['val_loss']):.2f}",
        "leak": f"{lesson['history']['val_accuracy'][-1]:.2f}",
        "fresh": f"{lesson['fresh']:.2f}",
        "repeated": "{cross-entropy} {robust loss}".format(**lesson["repeated"]),
        "read": "{cross-entropy:.3f} {robust loss:.3f}".format(**lesson["read"]),
        "slopes": "{:.2f} {:.2f}".format(*lesson["slopes"]),
        "below 0.9": f"{below:.2f}",
        "nines": "{without:.2f} {with:.2f}".format(**found),
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "13", CELLS, row))
