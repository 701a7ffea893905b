"""Repeat what lesson 26 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed: one block called three times against three
blocks. An assertion of the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_26 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "DNNResidual",
    "FirstCNN",
    "attempt",
    "AsPublished",
    "images",
    "CNNResidual",
    "MyResidual",
    "one",
    "three",
    "copy_weights",
    "yes_or_no",
    "shrink",
    "train",
    "final",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    one, three = lesson["final"].values()
    return {
        "one block": f"{one:.3f}",
        "three blocks": f"{three:.3f}",
        "difference": f"{three - one:+.3f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "26", CELLS, row))
