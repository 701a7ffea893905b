"""Repeat the training runs of lesson 20 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_20 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.builders.siamese import build_siamese
from course_utils.data import load_posts
from course_utils.session import seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

PAIRS = ("train_pairs", "test_pairs")


@functools.cache
def lesson() -> dict[str, Any]:
    """Return the functions of the lesson and its pairs of posts."""
    return lesson_parts("20", "SHORT", *PAIRS)


def train(model: Any, *, epochs: int) -> float:
    """Train a siamese model as the lesson does; return its last test accuracy."""
    left_right = [list(lesson()[name][0]) for name in PAIRS]
    return lesson()["train"](model, *left_right, epochs=epochs)[-1]


def name_authors(encoder: Any) -> float:
    """Return how often the nearest of twelve mean vectors belongs to the author of a post."""
    posts = load_posts()[1][0]
    codes = lesson()["encode_posts"](posts, length=lesson()["SHORT"])
    vectors = encoder.predict(codes, verbose=0).reshape(12, 40, -1)
    centres = vectors[:, :5].mean(axis=1)
    gaps = np.abs(vectors[:, 5:, np.newaxis] - centres).sum(axis=-1)
    return float(np.mean(gaps.argmin(axis=-1) == np.arange(12)[:, np.newaxis]))


def measure(seed: int) -> dict[str, float]:
    """Train with one seed; return the numbers that the lesson speaks of."""
    seed_everything(seed)
    short = {"length": lesson()["SHORT"]}
    lstm, fast = lesson()["build_lstm_encoder"], lesson()["build_fast_encoder"]
    found = {
        "counting": lesson_parts("20", "SHORT", *PAIRS, "counter", "counting")["counting"],
        "LSTM": train(build_siamese(lstm(**short)), epochs=3),
    }
    encoder = fast(**short)
    found["convolution"] = train(build_siamese(encoder), epochs=4)
    found["named"] = name_authors(encoder)
    found["joined"] = train(build_siamese(fast(**short), head="joined"), epochs=4)
    twins = build_siamese(fast(**short, name="one"), fast(**short, name="two"))
    found["twins"] = train(twins, epochs=4)
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "counting: a coin": lambda m: abs(m["counting"] - 0.5) < 0.07,
    "LSTM: above 0.7": lambda m: m["LSTM"] > 0.7,
    "convolution: above 0.85": lambda m: m["convolution"] > 0.85,
    "convolution ahead of the LSTM": lambda m: m["convolution"] > m["LSTM"],
    "convolution, joined: below 0.6": lambda m: m["joined"] < 0.6,
    "shared ahead of twins": lambda m: m["convolution"] > m["twins"],
    "nobody beats the best reader": lambda m: max(m["convolution"], m["LSTM"]) < 0.98,
    "named: above 0.5": lambda m: m["named"] > 0.5,
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


def main() -> int:
    """Measure, print, and return 1 if a claim failed."""
    return repeat_measurements(__doc__, measure, CLAIMS)


if __name__ == "__main__":
    sys.exit(main())
