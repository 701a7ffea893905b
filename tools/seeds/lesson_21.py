"""Check the claims of lesson 21 about trained networks over several seeds.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_21 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = ("conv_unit", "convolution", "train_images", "reader", "encoder", "rows")


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    return {
        "digits read": f"{lesson['right'].mean():.3f}",
        "rows read": f"{lesson['right'].all(axis=1).mean():.3f}",
        "odd or even": f"{lesson['accuracy']:.3f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "21", CELLS, row))
