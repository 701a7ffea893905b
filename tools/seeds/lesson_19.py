"""Repeat the training runs of lesson 19 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_19 [--seeds 5] [--first 0] [--part digits|posts]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. The lesson trains the short runs live; the long ones (posts of 140
characters, more pairs, more epochs) stand here alone. About 90 s a seed on two cores.
"""

import functools
import math
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import judge, seed_options

tf = import_tensorflow()
import keras  # noqa: E402

SHORT = 56  # characters to which the lesson cuts the posts
HEADS = ("joined", "hidden", "difference")

Pairs = tuple[tuple[np.ndarray, np.ndarray], np.ndarray]


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the functions of the lesson: pairs, encoders, the two-sided network, training."""
    return SimpleNamespace(**lesson_parts("19"))


def train(model: Any, pairs: Pairs, test: Pairs, *, epochs: int, rate: float) -> dict[str, float]:
    """Train a siamese model as the lesson does; return accuracies, test loss and seconds."""
    start = time.perf_counter()
    history = lesson().train(model, pairs, test, epochs=epochs, rate=rate)
    seconds = time.perf_counter() - start
    (left, right), same = test
    loss, accuracy = model.evaluate([left, right], same, batch_size=256, verbose=0)
    return {
        "train": history["accuracy"][-1],
        "test": accuracy,
        "test loss": loss,
        "seconds": seconds,
    }


def counting_accuracy(length: int = SHORT) -> float:
    """Train a small network on the differences of character counts; return its test accuracy."""
    inputs = [
        lesson().count_differences(pairs_of_posts(part, length)) for part in ("train", "test")
    ]
    answers = [pairs_of_posts(part, length)[1] for part in ("train", "test")]
    model = keras.Sequential(
        [
            keras.Input((255,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(inputs[0], answers[0], batch_size=64, epochs=5, verbose=0)
    return model.evaluate(inputs[1], answers[1], verbose=0)[1]


def pairs_of_posts(part: str, length: int) -> Pairs:
    """Return the lesson's pairs of posts: 4,000 for training, 2,000 for testing."""
    count, seed = {"train": (4_000, 1), "test": (2_000, 2)}[part]
    return lesson().post_pairs(count, part=part, length=length, seed=seed)


def nearest_neighbours(tower: Any) -> float:
    """Return how often a test digit and the nearest other one have one number, by their vectors."""
    _, (images, labels) = load_digits()
    vectors = tower.predict((images[..., None] / 255).astype("float32"), verbose=0)
    squares = np.sum(vectors**2, axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(labels[distances.argmin(axis=1)] == labels))


def measure_digits(seed: int) -> dict[str, float]:
    """Train on pairs of digits with one seed; return the numbers that the lesson speaks of."""
    found: dict[str, float] = {}

    def keep(name: str, result: dict[str, float]) -> None:
        found.update({f"{name}: {what}": value for what, value in result.items()})

    digits = lesson().digit_pairs(3_600, seed=1)
    few = lesson().digit_pairs(1_800, seed=1)
    many = lesson().digit_pairs(10_800, seed=1)
    test = lesson().digit_pairs(1_800, part="test", seed=2)
    seed_everything(seed)
    for head in HEADS:
        tower = lesson().build_digit_tower()
        model = lesson().build_siamese(tower, head=head)
        keep(head, train(model, digits, test, epochs=4, rate=0.003))
        if head == "difference":
            found["difference: neighbours"] = nearest_neighbours(tower)
    model = lesson().build_siamese(lesson().build_digit_tower(), head="joined")
    keep("joined, many", train(model, many, test, epochs=3, rate=0.003))
    model = lesson().build_siamese(lesson().build_digit_tower())
    keep("difference, many", train(model, many, test, epochs=4, rate=0.003))
    for name, pairs, epochs in (("few", few, 2), ("many", many, 4)):
        for kind in ("shared", "twins"):
            if (name, kind) == ("many", "shared"):
                continue
            tower = lesson().build_digit_tower()
            other = lesson().build_digit_tower(name="right_tower") if kind == "twins" else None
            model = lesson().build_siamese(tower, other)
            keep(f"{kind}, {name}", train(model, pairs, test, epochs=epochs, rate=0.003))
    return found


def measure_posts(seed: int) -> dict[str, float]:
    """Train on pairs of posts with one seed; return the numbers that the lesson speaks of."""
    found: dict[str, float] = {}

    def keep(name: str, result: dict[str, float]) -> None:
        found.update({f"{name}: {what}": value for what, value in result.items()})

    seed_everything(seed)
    short = pairs_of_posts("train", SHORT), pairs_of_posts("test", SHORT)
    found["counting: test"] = counting_accuracy()
    fast = lesson().build_siamese(lesson().build_fast_encoder(length=SHORT))
    keep("fast", train(fast, *short, epochs=4, rate=0.01))
    lstm = lesson().build_siamese(lesson().build_lstm_encoder(length=SHORT))
    keep("LSTM", train(lstm, *short, epochs=2, rate=0.01))
    fast = lesson().build_siamese(lesson().build_fast_encoder(length=SHORT), head="joined")
    keep("fast, joined", train(fast, *short, epochs=4, rate=0.01))
    twins = [lesson().build_fast_encoder(length=SHORT, name=name) for name in ("one", "two")]
    keep("fast, twins", train(lesson().build_siamese(*twins), *short, epochs=4, rate=0.01))
    twins = [lesson().build_lstm_encoder(length=SHORT, name=name) for name in ("one", "two")]
    keep("LSTM, twins", train(lesson().build_siamese(*twins), *short, epochs=2, rate=0.01))
    full = pairs_of_posts("train", 140), pairs_of_posts("test", 140)
    lstm = lesson().build_siamese(lesson().build_lstm_encoder(length=140))
    keep("LSTM, 140", train(lstm, *full, epochs=2, rate=0.01))
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "digits, joined: below 0.6": lambda m: m["joined: test"] < 0.6,
    "digits, joined: loss not below log 2": lambda m: m["joined: test loss"] > math.log(2) - 0.01,
    "digits, joined, three times the pairs: below 0.6": lambda m: m["joined, many: test"] < 0.6,
    "digits, hidden: above 0.65": lambda m: m["hidden: test"] > 0.65,
    "digits, difference: above 0.75": lambda m: m["difference: test"] > 0.75,
    "digits, difference, three times the pairs: above 0.85": (
        lambda m: m["difference, many: test"] > 0.85
    ),
    "digits, twins, three times the pairs: above 0.85": lambda m: m["twins, many: test"] > 0.85,
    "digits, few pairs, two epochs: shared ahead of twins": (
        lambda m: m["shared, few: test"] > m["twins, few: test"]
    ),
    "digits: nearest neighbours above 0.8": lambda m: m["difference: neighbours"] > 0.8,
    "posts, counting: below 0.57": lambda m: abs(m["counting: test"] - 0.5) < 0.07,
    "posts, fast: above 0.85": lambda m: m["fast: test"] > 0.85,
    "posts, fast, joined: below 0.6": lambda m: m["fast, joined: test"] < 0.6,
    "posts, LSTM: above 0.75": lambda m: m["LSTM: test"] > 0.75,
    "posts, LSTM, 140 characters: above 0.75": lambda m: m["LSTM, 140: test"] > 0.75,
    "posts: fast takes less time than the LSTM": (
        lambda m: m["fast: seconds"] / 4 < m["LSTM: seconds"] / 2
    ),
    "posts: nobody beats the best reader by more than luck": (
        lambda m: max(m["fast: test"], m["LSTM: test"]) < 0.98
    ),
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""

PARTS = {"digits": measure_digits, "posts": measure_posts}


def main() -> int:
    """Measure, print, and return 1 if a claim failed."""
    parser = seed_options(__doc__)
    parser.add_argument("--part", choices=PARTS, help="one half of the runs alone")
    options = parser.parse_args()
    parts = [options.part] if options.part else list(PARTS)
    claims = {claim: holds for claim, holds in CLAIMS.items() if claim.startswith(tuple(parts))}
    seeds = range(options.first, options.first + options.seeds)
    runs = []
    for seed in seeds:
        runs.append({})
        for part in parts:
            runs[-1] |= PARTS[part](seed)
        kept = sum(holds(runs[-1]) for holds in claims.values())
        print(f"seed {seed} done, {kept} of {len(claims)} claims hold", flush=True)
    return judge(runs, claims)


if __name__ == "__main__":
    sys.exit(main())
