"""Repeat the training runs of lesson 22 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_22 [--seeds 5] [--first 0]

Runs the lesson's own cells once a seed, whose assertions are claims, and checks what the text says
of the table beside them. Some 20 s a seed on two cores.
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "grids",
    "show_answers",  # read by a later cell
    "words",
    "scores",
    "build_digit_encoder",
    "train_answerer",
    "reader",
    "features",
    "question_blind",
    "build_question_encoder",
    "build_answerer",
    "concatenation",
    "bar",
    "build_visual_qa",
    "pixel_gradients",
    "in_place",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured; raise an AssertionError where the text would be wrong."""
    product, pooled, joined = (
        lesson["scores"][name] for name in ("product", "pooled", "concatenation")
    )
    assert pooled["there"] > product["there"], "pooled is not ahead in 'there'"
    assert pooled["count"] > product["count"] - 0.08, "pooled is behind in 'count'"
    assert product["larger"] > joined["larger"] + 0.1, "product is not ahead in 'larger'"
    assert pooled["larger"] < 0.6, "pooled answers 'larger'"
    values = {f"product {kind}": f"{value:.2f}" for kind, value in product.items()}
    values |= {f"pooled {kind}": f"{pooled[kind]:.2f}" for kind in ("which", "there", "count")}
    values |= {"joined which": f"{joined['which']:.2f}", "in place": f"{lesson['in_place']:.2f}"}
    return values


def main() -> int:
    """Run the cells once a seed; return 1 if a claim failed."""
    return repeat_cells(__doc__, "22", CELLS, row)


if __name__ == "__main__":
    sys.exit(main())
