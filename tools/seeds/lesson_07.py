"""Check what lesson 07 claims about the training on its small tape, over several seeds.

Runs the very cells of the notebook, once a seed, with the lesson's own tape and then with the one
of the builders, and prints the test accuracy of both. Ends with an error if the claim of
the lesson (above 0.85) fails for a seed, or if the two tapes end in different weights.

    python -m tools.seeds.lesson_07 --seeds 5

About 10 s a seed on two cores.
"""

import argparse
import contextlib
import io
import sys
import time
from typing import Any

import numpy as np

from course_utils.builders import tape
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

CLAIM = 0.85  # the accuracy above which the lesson says that it ends
CELLS = ("Node", "sum_to_shape", "SmallTape", "flatten", "start_weights", "weights", "train")


def load(**replaced: Any) -> dict[str, Any]:
    """Return the lesson's tape, data, network and training loop, with some names replaced."""
    import_tensorflow()  # quietly
    with contextlib.redirect_stdout(io.StringIO()):
        lesson = lesson_code("07", *CELLS)
    lesson.update(replaced)
    return lesson


def train(lesson: dict[str, Any], seed: int) -> tuple[list[np.ndarray], list[float]]:
    """Return weights and losses after the lesson's training with one seed."""
    weights = lesson["start_weights"](np.random.default_rng(seed))
    return lesson["train"](weights, np.random.default_rng(seed))


def accuracy(lesson: dict[str, Any], weights: list[np.ndarray]) -> float:
    """Return the share of the 1,000 test digits that the network names rightly."""
    w1, b1, w2, b2 = weights
    outputs = np.maximum(lesson["test_x"] @ w1 + b1, 0) @ w2 + b2
    return float(np.mean(np.argmax(outputs, axis=1) == lesson["test_labels"]))


def main() -> None:
    """Measure, print, and end with an error if a claim failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    count = parser.parse_args().seeds
    lesson = load()
    helper = load(Node=tape.Node, SmallTape=tape.SmallTape)
    print("seed  first loss  last 20  accuracy  helper's tape  seconds")
    failed = []
    for seed in range(count):
        start = time.perf_counter()
        weights, losses = train(lesson, seed)
        seconds = time.perf_counter() - start
        found = accuracy(lesson, weights)
        other, _ = train(helper, seed)
        same = all(np.array_equal(a, b) for a, b in zip(weights, other, strict=True))
        print(
            f"{seed:>4}  {losses[0]:>10.3f}  {np.mean(losses[-20:]):>7.3f}  {found:>8.3f}"
            f"  {'the same' if same else 'DIFFERENT':>13}  {seconds:>7.1f}",
            flush=True,
        )
        if found <= CLAIM or not same:
            failed.append(seed)
    if failed:
        sys.exit(f"Seeds for which a claim fails: {failed}")
    print(f"Above {CLAIM} for all {count} seeds.")


if __name__ == "__main__":
    main()
