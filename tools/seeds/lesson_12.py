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
    "added",
    "called",
    "same",
    "build_cnn",
    "cnn",
    "told",
    "pictures",
    "inside",
    "cross_entropy",
    "prefer_flat",
    "features",
    "reader",
    "before",
    "rivals",
    "attempts",
    "hiding",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    return {
        "accuracy": f"{lesson['accuracy']:.3f}",
        "from pixels": f"{lesson['by_pixels']:.3f}",
        "from features": f"{lesson['by_features']:.3f}",
        "prefer flat": f"{lesson['prefer_flat']}",
        "prefer upright": f"{lesson['prefer_upright']}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "12", CELLS, row))
