"""Repeat what lesson 30 trains over several seeds: float32 against mixed precision.

Runs the very cells of the notebook, once a seed. An assertion of the lesson that fails for a seed
ends the script with a list of those seeds.

    python -m tools.seeds.lesson_30 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = ("policy", "final")


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    return {name: f"{loss:.4f}" for name, loss in lesson["final"].items()}


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "30", CELLS, row))
