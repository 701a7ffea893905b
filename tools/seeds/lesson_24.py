"""Repeat what lesson 24 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_24 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = ("Silent", "mean_after_fit", "train", "draft", "WithKwargs", "called")


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    of_mean = lesson["draft_error"] / lesson["mean_error"]
    return {
        "wide and deep": f"{lesson['draft_error']:.3f}",
        "of the mean's": f"{of_mean:.3f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "24", CELLS, row))
