"""Train what lesson 27 compares, over several seeds, and check what the lesson claims.

    python -m tools.seeds.lesson_27 [--seeds 5] [--first 0]   measure, print, and check the claims
    python -m tools.seeds.lesson_27 --write                   the same, and store what was measured

Seven kinds of run, each once a seed: the ResNet as the lesson trains it, with moved digits, the
plain network of the same depth (as published, with batch normalisation, and at the ResNet's rate),
and the ResNet in a short run with both momenta of its batch normalisation. About two and a half
minutes a seed on two cores.

With ``--write`` the curves and their settings go to data/results_27.json after each seed. Trained
numbers differ from machine to machine, so a new file has another content than the one that is
there; its size and SHA-256 then go into ``course_utils/data.py`` and the row of ``data/README.md``,
and the lesson has to be read again.
"""

import functools
import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.builders.resnet import ResNet, prepare, train_on_digits
from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import seed_options

tf = import_tensorflow()
import keras  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

TARGET = ROOT / "data" / "results_27.json"
EPOCHS, BATCH = 4, 32  # of the runs with a schedule
SHORT_EPOCHS, SHORT_BATCH = 3, 64  # of the runs that compare momenta; Adam at its default rate


def plain(**options: Any) -> Any:
    """Return the plain network of the lesson."""
    return plain_class()(**options)


@functools.cache
def plain_class() -> type:
    """Return the class of the plain network, from the lesson."""
    return lesson_parts("27", only=("VGG",))["VGG"]


SCHEDULED: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "ResNet": (ResNet, {"peak": 0.003}),
    "ResNet, moved digits": (ResNet, {"peak": 0.003, "augment": True}),
    "plain": (plain, {"peak": 0.001}),
    "plain, normalised": (lambda: plain(momentum=0.9), {"peak": 0.003}),
    "plain, ResNet's rate": (plain, {"peak": 0.003}),
}
SHORT = {"momentum 0.99": 0.99, "momentum 0.9": 0.9}

Curves = dict[str, list[float]]


def rounded(history: dict[str, list[float]]) -> Curves:
    """Return the accuracies of a run, on training and on test digits, after each epoch."""
    names = {"train": "accuracy", "test": "val_accuracy"}
    return {name: [round(float(v), 5) for v in history[key]] for name, key in names.items()}


def run_scheduled(kind: str, seed: int) -> Curves:
    """Train a network as the lesson does."""
    make, options = SCHEDULED[kind]
    seed_everything(seed)
    return rounded(train_on_digits(make(), epochs=EPOCHS, batch_size=BATCH, **options))


def run_short(kind: str, seed: int) -> Curves:
    """Train the ResNet with one momentum, with Adam as it comes and larger batches."""
    (train_images, train_labels), (test_images, test_labels) = load_digits()
    seed_everything(seed)
    model = ResNet(momentum=SHORT[kind])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(
        prepare(train_images),
        train_labels,
        batch_size=SHORT_BATCH,
        epochs=SHORT_EPOCHS,
        validation_data=(prepare(test_images), test_labels),
        validation_batch_size=250,
        verbose=0,
    )
    return rounded(history.history)


def time_steps(*, rounds: int = 8, steps: int = 10) -> dict[str, float]:
    """Return the processor time of a training step of 32 digits, in milliseconds.

    The time of all cores together, which other work on the machine changes little; the networks
    take turns, and the best of the rounds counts.
    """
    (images, labels), _ = load_digits()
    batch = prepare(images[:BATCH]), labels[:BATCH]
    models = {kind: SCHEDULED[kind][0]() for kind in ("ResNet", "plain", "plain, normalised")}
    for model in models.values():
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        model.train_on_batch(*batch)
    best = dict.fromkeys(models, float("inf"))
    for _ in range(rounds):
        for kind, model in models.items():
            start = time.process_time()
            for _ in range(steps):
                model.train_on_batch(*batch)
            best[kind] = min(best[kind], (time.process_time() - start) / steps)
    return {kind: round(1000 * seconds, 2) for kind, seconds in best.items()}


def ends(runs: dict[str, list[Curves]], kind: str, what: str = "test") -> np.ndarray:
    """Return the last accuracy of each run of a kind."""
    return np.array([run[what][-1] for run in runs[kind]])


CLAIMS: dict[str, Callable[[dict[str, list[Curves]]], bool]] = {
    "ResNet: at least 0.97 for every seed": lambda r: ends(r, "ResNet").min() >= 0.97,
    "ResNet, moved digits: at least 0.98 for every seed": (
        lambda r: ends(r, "ResNet, moved digits").min() >= 0.98
    ),
    "plain: at least 0.94 for every seed": lambda r: ends(r, "plain").min() >= 0.94,
    "plain, normalised: at least 0.95 for every seed": (
        lambda r: ends(r, "plain, normalised").min() >= 0.95
    ),
    "short, both momenta: train above 0.95": (
        lambda r: min(ends(r, kind, "train").min() for kind in SHORT) > 0.95
    ),
    "short, second epoch, 0.99: test below train by 0.1": (
        lambda r: all(run["test"][1] < run["train"][1] - 0.1 for run in r["momentum 0.99"])
    ),
    "short, 0.9: test above 0.9": lambda r: ends(r, "momentum 0.9").min() > 0.9,
}
"""What the lesson says about its training runs; each takes all runs by kind."""


def settings(seeds: range) -> dict[str, Any]:
    """Return how the runs were made."""
    return {
        "seeds": list(seeds),
        "training digits": 4_000,
        "test digits": 1_000,
        "epochs": EPOCHS,
        "batch size": BATCH,
        "schedule": "Adam, 50 steps of warm-up, cosine to 0",
        "peak": {kind: options["peak"] for kind, (_, options) in SCHEDULED.items()},
        "short runs": {
            "epochs": SHORT_EPOCHS,
            "batch size": SHORT_BATCH,
            "schedule": "Adam, constant 0.001",
        },
        "TensorFlow": tf.__version__,
        "Keras": keras.__version__,
    }


def store(runs: dict[str, list[Curves]], times: dict[str, float], seeds: range) -> None:
    """Write what was measured to data/results_27.json and print its size and checksum."""
    results = {
        "what": "Accuracy on training and test digits after each epoch, one entry a seed",
        "made by": "python -m tools.seeds.lesson_27 --write",
        "settings": settings(seeds),
        "processor milliseconds a step": times,
        "runs": runs,
    }
    content = json.dumps(results, indent=1).encode("ascii") + b"\n"
    TARGET.write_bytes(content)
    print(f"{TARGET.name}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


def main() -> int:
    """Measure, print, and return 1 if a claim failed."""
    parser = seed_options(__doc__)
    parser.add_argument("--write", action="store_true", help="write data/results_27.json")
    options = parser.parse_args()
    tf.get_logger().setLevel("ERROR")  # each new model traces its functions anew
    times = time_steps()
    print("processor milliseconds a step:", times, flush=True)
    runs: dict[str, list[Curves]] = {kind: [] for kind in [*SCHEDULED, *SHORT]}
    seeds = range(options.first, options.first + options.seeds)
    for seed in seeds:
        for kind, done in runs.items():
            run = run_scheduled if kind in SCHEDULED else run_short
            done.append(run(kind, seed))
            keras.backend.clear_session()
            print(f"seed {seed}  {kind:22s}", *[f"{v:.3f}" for v in done[-1]["test"]], flush=True)
        if options.write:
            store(runs, times, range(options.first, seed + 1))
    for kind in runs:
        found = ends(runs, kind)
        print(f"{kind:22s} {found.min():.3f} to {found.max():.3f}, mean {found.mean():.3f}")
    failed = [claim for claim, holds in CLAIMS.items() if not holds(runs)]
    for claim in CLAIMS:
        print(f"{'FAIL' if claim in failed else 'ok  '} {claim}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
