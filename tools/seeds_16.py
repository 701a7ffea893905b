"""Repeat what lesson 16 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed: one block called three times against three
blocks. An assertion of the lesson that fails for a seed ends the script with a list of those seeds.

    python tools/seeds_16.py --seeds 5
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.seeds import repeat_cells

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
    sys.exit(repeat_cells(__doc__, "16", CELLS, row))
