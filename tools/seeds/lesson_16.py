"""Repeat the training runs of lesson 16 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_16 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims, and prints a row a seed. What is drawn
with seeds that stand in the cells, the order of the digits and the labels by lot, is the same in
all runs. Ends with an error if a claim fails for any seed. About 10 s a seed on two cores.
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = ("raw", "in_order", "train", "runs", "lottery", "start")


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured: accuracies in training and validation."""
    return {
        f"{name}: {part}": f"{value:.2f}"
        for name, pair in (lesson["runs"] | lesson["flattered"]).items()
        for part, value in zip(("training", "validation"), pair, strict=True)
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "16", CELLS, row))
