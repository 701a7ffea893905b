"""Repeat what lesson 12 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_12 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "train_images",
    "as_list",
    "build_mlp",
    "mlp",
    "gap",
    "cross_entropy",
    "both",
    "answers",
    "digit",
    "build_cnn",
    "inside",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    return {
        "digits read": f"{lesson['digit']:.3f}",
        "odd or even": f"{lesson['odd']:.3f}",
        "accuracy of the CNN": f"{lesson['accuracy']:.3f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "12", CELLS, row))
