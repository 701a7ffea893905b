"""Repeat what lesson 24 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_24 --seeds 5
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "Silent",
    "measured",
    "two_inputs",
    "FirstDraft",
    "draft",
    "PythonDice",
    "TensorDice",
    "StochasticDepth",
    "deep_model",
    "FormulaReader",
    "formulas",
    "losses",
    "rights",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured, by the heading of its column."""
    share = lesson["draft_error"] / lesson["mean_error"]
    return {
        "wide and deep": f"{lesson['draft_error']:.3f}",
        "of the mean's": f"{share:.3f}",
        "stochastic depth": f"{lesson['accuracy']:.3f}",
        "formulas' last loss": f"{lesson['losses'][-1]:.5f}",
    }


if __name__ == "__main__":
    sys.exit(repeat_cells(__doc__, "24", CELLS, row))
