"""Repeat the training runs of lesson 23 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_23 [--seeds 5] [--first 0]

Runs the lesson's own cells once a seed, whose assertions are the claims. Some 20 s a seed on two
cores.
"""

import sys
from typing import Any

from tools.seeds.runs import repeat_cells

CELLS = (
    "clips",
    "score_pictures",
    "frame_reader",
    "clip_words",
    "build_clip_answerer",
    "bar",
    "backwards",
    "means",
    "build_video_qa",
    "thawed",
)


def row(lesson: dict[str, Any]) -> dict[str, str]:
    """Return what a run measured."""
    values = {
        f"clips {kind}": f"{value:.2f}" for kind, value in lesson["on_clips"]["product"].items()
    }
    values |= {f"thawed {kind}": f"{value:.2f}" for kind, value in lesson["thawed"].items()}
    values |= {name: f"{mean:.3f}" for name, mean in lesson["means"].items()}
    return values | {"digits": f"{lesson['read']:.3f}", "and thawed": f"{lesson['still']:.3f}"}


def main() -> int:
    """Run the cells once a seed; return 1 if a claim failed."""
    return repeat_cells(__doc__, "23", CELLS, row)


if __name__ == "__main__":
    sys.exit(main())
