"""Repeat what lesson 25 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_25 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "PythonDie",
    "TensorDie",
    "StochasticDepth",
    "deep_model",
    "embedding",
    "FormulaReader",
    "losses",
    "rights",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    return {
        "kept of 40": f"{lesson['count']}",
        "stochastic depth": f"{lesson['accuracy']:.3f}",
        "formulas' last loss": f"{lesson['losses'][-1]:.5f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "25", CELLS, row))
