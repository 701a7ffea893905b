"""Repeat the training runs of lesson 29 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_29 [--seeds 5] [--first 0] [--part depth] [--write]

Trains plain and residual towers of several depths, with batch normalisation and without; two
towers four times as long; and towers from which one unit after another is left out. Prints what was
measured, then one line a claim, and ends with an error if a claim fails for a seed. About four
minutes a seed on two cores.

With ``--write`` (which needs all parts) it also writes the measurements with their settings to
data/results_29.json, from which the lesson draws. Trained numbers differ from machine to machine,
so a new file has another content than the one that is there; its size and SHA-256 then go into
``course_utils/data.py`` and the row of ``data/README.md``, and the lesson has to be read again.
"""

import functools
import gc
import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils.data import load_digits, shrink
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import seed_options

tf = import_tensorflow()
import keras  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "data" / "results_29.json"
BATCH = 64  # digits in a step of the lesson's training
DEPTHS = (8, 14, 20, 30)
KINDS = {"plain": False, "residual": True}
ARMS = {"with batch norm": (True, 0.002), "without batch norm": (False, 0.001)}
FEW, EPOCHS = 2_000, 3  # training digits and epochs of the comparison of depths
LONG_DEPTH, LONG_EPOCHS = 20, 12
DELETED = {"8": (8, 24), "14": (14, 24)}  # depth and filters of the towers that lose a unit
DELETED_EPOCHS, DELETED_RATE = 6, 0.003


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the towers of the lesson, and what it does to them."""
    return SimpleNamespace(**lesson_parts("29", "cross_entropy"))


class Data:
    """The digits at 14 x 14 pixels, as the lesson prepares them."""

    def __init__(self) -> None:
        (images, self.labels), (test_images, self.test_labels) = load_digits()
        self.images, self.test_images = shrink(images), shrink(test_images)
        self.few, self.few_labels = self.images[:FEW], self.labels[:FEW]


def accuracy(model: Any, images: Any, labels: Any) -> float:
    """Return the share of right answers."""
    return float(np.mean(np.argmax(model.predict_on_batch(images), axis=1) == labels))


def measure_depth(data: Data, seed: int) -> dict[str, Any]:
    """Train towers of all depths; return [train accuracy, test accuracy, first norm] of each."""
    found: dict[str, Any] = {}
    for arm, (batch_norm, rate) in ARMS.items():
        for kind, shortcuts in KINDS.items():
            for depth in DEPTHS:
                seed_everything(seed)
                tower = lesson().Tower(depth, shortcuts=shortcuts, batch_norm=batch_norm)
                tower(data.few[:1])
                norms = lesson().gradient_norms(tower, data.few[:BATCH], data.few_labels[:BATCH])
                lesson().train(tower, data.few, data.few_labels, epochs=EPOCHS, rate=rate)
                scores = [
                    accuracy(tower, data.few, data.few_labels),
                    accuracy(tower, data.test_images, data.test_labels),
                ]
                found[f"{arm}, {kind}, {depth}"] = [*scores, norms[0]]
                keras.utils.clear_session()
                gc.collect()
    return found


def measure_longer(data: Data, seed: int) -> dict[str, Any]:
    """Train one plain and one residual tower for longer; return the training accuracy by epoch."""
    found = {}
    for kind, shortcuts in KINDS.items():
        seed_everything(seed)
        tower = lesson().Tower(LONG_DEPTH, shortcuts=shortcuts, batch_norm=True)
        history = lesson().train(
            tower, data.few, data.few_labels, epochs=LONG_EPOCHS, rate=ARMS["with batch norm"][1]
        )
        found[f"longer, {kind}"] = history.history["accuracy"]
        keras.utils.clear_session()
        gc.collect()
    return found


def measure_deletion(data: Data, seed: int) -> dict[str, Any]:
    """Train towers well, leave out one unit after another; return the test accuracies.

    The first number is that of the whole tower.
    """
    found = {}
    for name, (depth, filters) in DELETED.items():
        for kind, shortcuts in KINDS.items():
            seed_everything(seed)
            tower = lesson().Tower(depth, shortcuts=shortcuts, batch_norm=True, filters=filters)
            steps = DELETED_EPOCHS * math.ceil(len(data.labels) / BATCH)
            rate = keras.optimizers.schedules.CosineDecay(DELETED_RATE, steps)
            lesson().train(tower, data.images, data.labels, epochs=DELETED_EPOCHS, rate=rate)
            models = [lesson().without_units(tower, [place]) for place in range(len(tower.units))]
            found[f"deleted, {name}, {kind}"] = [
                accuracy(model, data.test_images, data.test_labels) for model in (tower, *models)
            ]
            keras.utils.clear_session()
            gc.collect()
    return found


PARTS = {"depth": measure_depth, "longer": measure_longer, "deleted": measure_deletion}


def _depth(arm: str, kind: str, depth: int) -> str:
    return f"{arm} batch norm, {kind}, {depth}"


CLAIMS: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


def claim(part: str, text: str) -> Callable:
    """Keep a claim under a text, with the part of the runs that it needs."""

    def keep(holds: Callable[[dict[str, Any]], bool]) -> Callable:
        CLAIMS[text] = (part, holds)
        return holds

    return keep


@claim("depth", "residual: above 0.7 at every depth, with and without batch norm")
def _residual_learns(m: dict[str, Any]) -> bool:
    return all(
        m[_depth(arm, "residual", d)][1] > 0.7 for arm in ("with", "without") for d in DEPTHS
    )


@claim("depth", "plain, 30 layers: below 0.5 on training digits, with and without batch norm")
def _plain_fails(m: dict[str, Any]) -> bool:
    return all(m[_depth(arm, "plain", 30)][0] < 0.5 for arm in ("with", "without"))


@claim("depth", "plain with batch norm: 8 layers above 0.75, and above 20 layers")
def _plain_degrades(m: dict[str, Any]) -> bool:
    eight, twenty = (m[_depth("with", "plain", d)][0] for d in (8, 20))
    return eight > 0.75 and eight > twenty + 0.1


@claim("depth", "with batch norm, 20 layers: residual above plain by 0.1, on training digits")
def _live_pair(m: dict[str, Any]) -> bool:
    plain, residual = (m[_depth("with", kind, 20)][0] for kind in KINDS)
    return residual > plain + 0.1


@claim("depth", "first gradient without batch norm, 30 layers: plain below 1e-4 of the residual")
def _vanishes(m: dict[str, Any]) -> bool:
    plain, residual = (m[_depth("without", kind, 30)][2] for kind in KINDS)
    return plain < 1e-4 * residual


@claim("depth", "first gradient with batch norm, plain: above 5 times as long at 30 layers as at 8")
def _explodes(m: dict[str, Any]) -> bool:
    return m[_depth("with", "plain", 30)][2] > 5 * m[_depth("with", "plain", 8)][2]


@claim("depth", "first gradient with batch norm, 14 layers: plain and residual within factor 4")
def _healthy(m: dict[str, Any]) -> bool:
    plain, residual = (m[_depth("with", kind, 14)][2] for kind in KINDS)
    return 1 / 4 < plain / residual < 4


@claim("longer", "12 epochs: plain ends above 0.75, and below the residual at each epoch")
def _catches_up(m: dict[str, Any]) -> bool:
    plain, residual = m["longer, plain"], m["longer, residual"]
    return plain[-1] > 0.75 and all(p < r for p, r in zip(plain, residual, strict=True))


@claim("deleted", "the towers have something to lose: all above 0.93")
def _something_to_lose(m: dict[str, Any]) -> bool:
    return all(m[f"deleted, {name}, {kind}"][0] > 0.93 for name in DELETED for kind in KINDS)


@claim("deleted", "plain: below 0.5 without any of its units")
def _collapses(m: dict[str, Any]) -> bool:
    return all(max(m[f"deleted, {name}, plain"][1:]) < 0.5 for name in DELETED)


@claim("deleted", "residual, 14 layers: above 0.8 without any unit but the first")
def _loses_little(m: dict[str, Any]) -> bool:
    return min(m["deleted, 14, residual"][2:]) > 0.8


@claim("deleted", "residual: loses less by its worst unit than plain by its best")
def _worst_against_best(m: dict[str, Any]) -> bool:
    return all(
        min(m[f"deleted, {name}, residual"][1:]) > max(m[f"deleted, {name}, plain"][1:])
        for name in DELETED
    )


def main() -> int:
    """Measure, print, and return 1 if a claim failed."""
    parser = seed_options(__doc__)
    parser.add_argument("--part", choices=PARTS, help="one part of the runs alone")
    parser.add_argument("--write", action="store_true", help="write data/results_29.json")
    options = parser.parse_args()
    if options.write and options.part:
        parser.error("--write needs all parts")
    tf.get_logger().setLevel("ERROR")  # many models are traced
    data, parts = Data(), [options.part] if options.part else list(PARTS)
    seeds, runs = range(options.first, options.first + options.seeds), []
    for seed in seeds:
        runs.append({})
        for part in parts:
            found = PARTS[part](data, seed)
            for name, values in found.items():
                print(f"seed {seed}  {name:36s}", *[f"{v:8.3g}" for v in values], flush=True)
            runs[-1] |= found
    failed = 0
    for text, (part, holds) in CLAIMS.items():
        if part in parts:
            kept = sum(bool(holds(run)) for run in runs)
            failed += kept < len(runs)
            print(f"{'ok  ' if kept == len(runs) else 'FAIL'} {kept}/{len(runs)}  {text}")
    if options.write:
        write(runs, list(seeds))
    return 1 if failed else 0


def write(runs: list[dict[str, Any]], seeds: list[int]) -> None:
    """Write the measurements of all seeds, with the settings of the runs."""

    def column(name: str, place: int) -> list[float]:
        return [_short(run[name][place]) for run in runs]

    def rows(name: str) -> list[list[float]]:
        return [[_short(value) for value in run[name]] for run in runs]

    measures = ("train accuracy", "test accuracy", "first gradient")
    content = {
        "what": "towers of several depths, a longer run, and towers without one of their units; "
        "innermost lists of depth have one number a seed, all others one list a seed",
        "made by": "python -m tools.seeds.lesson_29 --write",
        "settings": {
            "digits": "14 x 14",
            "test digits": 1000,
            "batch size": BATCH,
            "seeds": seeds,
            "depth": {
                "training digits": FEW,
                "filters": 8,
                "epochs": EPOCHS,
                "optimizer": {
                    arm: f"Adam, learning rate {rate}" for arm, (_, rate) in ARMS.items()
                },
            },
            "longer": {"depth": LONG_DEPTH, "epochs": LONG_EPOCHS, "arm": "with batch norm"},
            "deleted": {
                "training digits": 4000,
                "filters": 24,
                "epochs": DELETED_EPOCHS,
                "optimizer": f"Adam, learning rate {DELETED_RATE}, cosine to 0",
            },
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "depth": {
            arm: {
                kind: {
                    str(depth): {
                        measure: column(f"{arm}, {kind}, {depth}", place)
                        for place, measure in enumerate(measures)
                    }
                    for depth in DEPTHS
                }
                for kind in KINDS
            }
            for arm in ARMS
        },
        "longer": {kind: rows(f"longer, {kind}") for kind in KINDS},
        "deleted": {
            name: {kind: rows(f"deleted, {name}, {kind}") for kind in KINDS} for name in DELETED
        },
    }
    text = json.dumps(content, indent=1) + "\n"
    TARGET.write_text(text, encoding="ascii", newline="\n")
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    print(f"{TARGET.name}: {len(text)} bytes, SHA-256 {digest}")


def _short(value: float) -> float:
    return float(f"{value:.5g}")


if __name__ == "__main__":
    sys.exit(main())
