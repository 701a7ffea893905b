"""Repeat the training runs of lesson 11 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_11 [--seeds 5] [--first 0]

Runs the lesson's cells, whose assertions are the claims, repairs the network as the exercise asks,
and prints a row a seed. Ends with an error if a claim fails for any seed. About 20 s a seed on two
cores.
"""

import sys
from typing import Any

from course_utils.exercises.lesson_11 import repair
from tools.seeds.runs import repeat_cells

CELLS = ("train_images", "build_network", "network", "accuracy", "read", "channel_statistics")
CELLS += ("predicted", "quick")


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what one run measured, by the heading of its column."""
    network, accuracy = lesson["network"], lesson["accuracy"]
    validation = lesson["val_images"], lesson["val_labels"]
    repair(network, lesson["train_images"])
    repaired = accuracy(network, *validation)
    assert repaired > 0.8, "the repaired network reads the validation digits"
    return {
        "says fit": f"{lesson['reported']:.3f}",
        "asked again": f"{lesson['asked_again']:.3f}",
        "training mode": f"{lesson['read'][True]:.3f}",
        "deviation": f"× {lesson['too_large']:.1f}",
        "0.9: fit": f"{lesson['quick_reported']:.3f}",
        "0.9: validation": f"{accuracy(lesson['quick'], *validation):.3f}",
        "repaired: validation": f"{repaired:.3f}",
        "weights differ": f"{lesson['gap']:.1e}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "11", CELLS, row))
