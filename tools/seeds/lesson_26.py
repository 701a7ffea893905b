"""Repeat what lesson 26 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed: the identity with and without a shortcut, and one
block called three times against three blocks. An assertion of the lesson that fails for a seed ends
the script with a list of those seeds.

    python -m tools.seeds.lesson_26 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "learn_identity",
    "DNNResidual",
    "AsPublished",  # makes nothing that later cells need but the class
    "images",
    "CNNResidual",
    "MyResidual",
    "three",
    "yes_or_no",
    "accuracies",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured; raise an AssertionError where the text would be wrong."""
    one, three = lesson["accuracies"].values()
    plain, shortcut = (after for _, after in lesson["errors"].values())
    return {
        "one block": f"{one:.3f}",
        "three blocks": f"{three:.3f}",
        "difference": f"{three - one:+.3f}",
        "identity, plain": f"{plain:.4f}",
        "identity, shortcut": f"{shortcut:.4f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "26", CELLS, row))
