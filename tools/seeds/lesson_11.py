"""Check the claims of lesson 11 about a trained network over several seeds.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_11 --seeds 6
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = ("train_images", "build_network", "in_fit", "when", "quick")


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    slow, fast, at_60 = lesson["slow"], lesson["fast"], lesson["when"].index(60)
    return {
        "in fit": f"{lesson['in_fit']:.3f}",
        "afterwards": f"{lesson['afterwards']:.3f}",
        "0.99 after 60": f"{slow[at_60]:.3f}",
        "0.9 after 60": f"{fast[at_60]:.3f}",
        "0.99 after 300": f"{slow[-1]:.3f}",
        "0.9 trained": f"{lesson['on_training']:.3f}",
        "0.9 test": f"{lesson['on_test']:.3f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "11", CELLS, row))
