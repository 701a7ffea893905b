"""Repeat the training runs of lesson 19 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_19 [--seeds 5] [--first 0]     measure and judge
    python -m tools.seeds.lesson_19 --write                     the stored runs

Without ``--write`` prints what was measured, one column a seed, then one line a claim, and ends
with an error if a claim fails for any seed. With ``--write`` trains a shared tower and twin towers
with five seeds each and writes their test accuracies to data/results_19.json; its size and SHA-256
then go into ``course_utils/data.py`` and the row of ``data/README.md``.
"""

import functools
import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import judge, seed_options

tf = import_tensorflow()
import keras  # noqa: E402

TARGET = Path(__file__).resolve().parents[2] / "data" / "results_19.json"
HEADS = ("joined", "hidden", "difference")
SEEDS = range(5)
PAIRS, EPOCHS, RATE = 1_800, 4, 0.003  # of the stored runs

Pairs = tuple[tuple[np.ndarray, np.ndarray], np.ndarray]


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the functions of the lesson: pairs, towers, the two-sided network, training."""
    return SimpleNamespace(**lesson_parts("19"))


@functools.cache
def pairs(count: int) -> tuple[Pairs, Pairs]:
    """Return so many pairs for training, and the lesson's test pairs."""
    return (
        lesson().digit_pairs(count, seed=1),
        lesson().digit_pairs(1_800, part="test", seed=2),
    )


def build(kind: str) -> Any:
    """Return a siamese model: a head's name, or ``"twins"`` with the head of the difference."""
    tower = lesson().build_digit_tower()
    if kind == "twins":
        return lesson().build_siamese(tower, lesson().build_digit_tower(name="right_tower"))
    return lesson().build_siamese(tower, head="difference" if kind == "shared" else kind)


def train(model: Any, count: int, *, epochs: int = EPOCHS) -> dict[str, list[float]]:
    """Train a model as the lesson does; return the values after each epoch."""
    return lesson().train(model, *pairs(count), epochs=epochs, rate=RATE)


def nearest_neighbours(tower: Any) -> float:
    """Return how often a test digit and the nearest other one have one number, by their vectors."""
    _, (images, labels) = load_digits()
    vectors = tower.predict((images[..., None] / 255).astype("float32"), verbose=0)
    squares = np.sum(vectors**2, axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(labels[distances.argmin(axis=1)] == labels))


def measure(seed: int) -> dict[str, float]:
    """Train with one seed; return the numbers that the lesson speaks of."""
    found: dict[str, float] = {}
    seed_everything(seed)
    for kind in HEADS:
        model = build(kind)
        run = train(model, 3_600)
        found[kind] = run["val_accuracy"][-1]
        found[f"{kind}: loss"] = run["val_loss"][-1]
        if kind == "difference":
            found["difference: neighbours"] = nearest_neighbours(model.get_layer("tower"))
    for kind in ("shared", "twins"):
        run = train(build(kind), PAIRS)
        found[f"{kind}, few, two epochs"] = run["val_accuracy"][1]
        found[f"{kind}, few"] = run["val_accuracy"][-1]
        found[f"{kind}, many"] = train(build(kind), 10_800)["val_accuracy"][-1]
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "joined: below 0.6": lambda m: m["joined"] < 0.6,
    "joined: loss not below log 2": lambda m: m["joined: loss"] > math.log(2) - 0.01,
    "hidden: above 0.65": lambda m: m["hidden"] > 0.65,
    "difference: above 0.75": lambda m: m["difference"] > 0.75,
    "nearest neighbours above 0.8": lambda m: m["difference: neighbours"] > 0.8,
    "few pairs, two epochs: shared ahead of twins": (
        lambda m: m["shared, few, two epochs"] > m["twins, few, two epochs"]
    ),
    "many pairs: both above 0.85": lambda m: min(m["shared, many"], m["twins, many"]) > 0.85,
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


def write() -> None:
    """Train shared and twin towers with all seeds, and write their test accuracies."""
    stored: dict[str, list[list[float]]] = {"shared": [], "twins": []}
    for seed in SEEDS:
        seed_everything(seed)
        for kind, runs in stored.items():
            runs.append([round(value, 3) for value in train(build(kind), PAIRS)["val_accuracy"]])
        print("seed", seed, "done", flush=True)
    content = {
        "what": "test accuracy after each of 4 epochs, one run a seed",
        "made by": "python -m tools.seeds.lesson_19 --write",
        "settings": {
            "pairs": PAIRS,
            "rate": RATE,
            "seeds": list(SEEDS),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "runs": stored,
    }
    text = json.dumps(content, separators=(",", ":")).replace('],"', '],\n"') + "\n"
    TARGET.write_text(text, encoding="ascii", newline="\n")
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    print(f"{TARGET.name}: {len(text)} bytes, SHA-256 {digest}")


def main() -> int:
    """Measure or write, as the command line says."""
    parser = seed_options(__doc__)
    parser.add_argument("--write", action="store_true", help="write data/results_19.json")
    options = parser.parse_args()
    if options.write:
        write()
        return 0
    runs = []
    for seed in range(options.first, options.first + options.seeds):
        runs.append(measure(seed))
        print("seed", seed, "done", flush=True)
    return judge(runs, CLAIMS)


if __name__ == "__main__":
    sys.exit(main())
