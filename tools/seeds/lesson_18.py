"""Repeat the training runs of lesson 18 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_18 [--seeds 5] [--first 0]      what the lesson trains itself
    python -m tools.seeds.lesson_18 --write                      what it draws from stored results

Without ``--write`` prints what was measured, one column a seed, then one line a claim, and ends
with an error if a claim fails. About 20 s a seed on two cores.

With ``--write`` trains the headline model on few headlines with five kinds of auxiliary loss, eight
seeds each (about four minutes), prints where each run ended, and writes all curves with their
settings to data/results_18.json. Trained numbers differ from machine to machine, so a new file has
another content than the one that is there; its size and SHA-256 then go into
``course_utils/data.py`` and the row of ``data/README.md``, and the lesson has to be read again.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.session import import_tensorflow, seed_everything
from tools.seeds.runs import judge, quiet_lesson, seed_options

tf = import_tensorflow()
import keras  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]

TARGET = ROOT / "data" / "results_18.json"
EPOCHS, BATCH, RATE = 10, 64, 0.005  # of the model on all 6,000 headlines
FEW, FEW_EPOCHS, FEW_BATCH, FEW_SEEDS = 2_000, 14, 32, 8  # of the comparison of auxiliary losses
ARMS = {  # name -> target of the auxiliary output, weight of its loss
    "none": ("likes", 0.0),
    "reposts 0.2": ("reposts", 0.2),
    "reposts 1.0": ("reposts", 1.0),
    "likes 0.2": ("likes", 0.2),
    "likes 1.0": ("likes", 1.0),
}


class Data:
    """The headlines as numbers, and the models of the lesson: what its cells make."""

    def __init__(self) -> None:
        lesson = quiet_lesson("18", "train", "floor", "vectorize", "encode_context",
                                   "build_headline_model", "inputs")  # fmt: skip
        self.train, self.test = lesson["train"], lesson["test"]
        self.x, self.test_x = lesson["inputs"], lesson["test_inputs"]
        self.error, self.encode_context = lesson["error"], lesson["encode_context"]
        self.build = lesson["build_headline_model"]


def compare(data: Data, seed: int, target: str, weight: float) -> list[float]:
    """Train on few headlines with one auxiliary loss; return the test error after each epoch."""
    seed_everything(seed)
    model = data.build()
    model.compile(
        keras.optimizers.Adam(RATE),
        loss={"reposts": "mse", "likes": "mse"},
        loss_weights={"reposts": 1.0, "likes": weight},
    )
    errors = []

    def measure(epoch: int, logs: dict) -> None:
        errors.append(data.error("reposts", model.predict_on_batch(data.test_x)["reposts"]))

    model.fit(
        {name: values[:FEW] for name, values in data.x.items()},
        {"reposts": data.train["reposts"][:FEW], "likes": data.train[target][:FEW]},
        epochs=FEW_EPOCHS,
        batch_size=FEW_BATCH,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=measure)],
    )
    return errors


def compare_all(data: Data, seed: int) -> dict[str, list[float]]:
    """Return the curve of each kind of auxiliary loss with one seed, and print where it ended."""
    curves = {arm: compare(data, seed, *settings) for arm, settings in ARMS.items()}
    for arm, curve in curves.items():
        print(f"seed {seed}  {arm:12s} end {curve[-1]:.3f}  best {min(curve):.3f}", flush=True)
    return curves


def measure(data: Data, seed: int) -> dict[str, float]:
    """Run what the lesson trains with one seed; return the numbers that it speaks of."""
    test, found = data.test, {}
    for name in ("reposts", "likes"):
        found[f"{name}: floor"] = data.error(name, test[f"expected_{name}"])
        found[f"{name}: mean"] = data.error(name, np.full(2000, data.train[name].mean()))

    shift = np.mean(data.train["reposts"] - data.train["likes"])
    perfect = data.error("reposts", test["expected_likes"] + shift)
    found["reposts: text, read perfectly"] = perfect

    seed_everything(seed)
    model = data.build()
    model.compile(
        keras.optimizers.Adam(RATE),
        loss={"reposts": "mse", "likes": "mse"},
        loss_weights={"reposts": 1.0, "likes": 0.2},
    )
    targets = {name: data.train[name] for name in ("reposts", "likes")}
    shares("start", model, data, found)
    model.fit(data.x, targets, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    shares("end", model, data, found)
    answers = model.predict_on_batch(data.test_x)
    for name in ("reposts", "likes"):
        found[f"{name}: model"] = data.error(name, answers[name])
    gap = (answers["reposts"][:, 0] - test["expected_reposts"]) ** 2
    never = np.array([" never " in headline for headline in test["headline"]])
    found["gap, never"], found["gap, not never"] = gap[never].mean(), gap[~never].mean()
    weekend = test["weekday"] >= 5
    found["gap, weekend"], found["gap, working day"] = gap[weekend].mean(), gap[~weekend].mean()
    times = data.encode_context(range(24), [2] * 24)
    words = data.test_x["headline"]
    for name in ("hamster", "pizza"):
        rows = np.flatnonzero([name in text.lower() for text in test["headline"]])[:1]  # drawn
        day = np.array(
            [
                model.predict_on_batch(
                    {"headline": words[rows], "context": np.repeat(times[[hour]], len(rows), 0)}
                )["reposts"].mean()
                for hour in (12, 23)
            ]
        )
        found[f"{name}: noon minus 23 h"] = float(day[0] - day[1])
    return found


def shares(when: str, model: Any, data: Data, found: dict[str, float]) -> None:
    """Measure the length of each head's gradient at the LSTM's kernel, on 256 headlines."""
    part = {name: values[:256] for name, values in data.x.items()}
    kernel = model.get_layer("lstm").trainable_variables[0]
    with tf.GradientTape(persistent=True) as tape:
        answers = model(part)
        losses = {
            name: tf.reduce_mean((answers[name][:, 0] - data.train[name][:256]) ** 2)
            for name in answers
        }
    for name, loss in losses.items():
        found[f"gradient at the {when}, {name}"] = float(tf.norm(tape.gradient(loss, kernel)))


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "the model is ahead of a perfect reader of the text by 0.3": (
        lambda m: m["reposts: model"] < m["reposts: text, read perfectly"] - 0.3
    ),
    "over 80 % of the way down to the floor": (
        lambda m: (
            m["reposts: mean"] - m["reposts: model"]
            > 0.8 * (m["reposts: mean"] - m["reposts: floor"])
        )
    ),
    "likes within 0.1 of their floor": lambda m: 0 < m["likes: model"] - m["likes: floor"] < 0.1,
    "the likes come closer to their floor than the reposts": (
        lambda m: m["likes: model"] - m["likes: floor"] < m["reposts: model"] - m["reposts: floor"]
    ),
    "the gap is wider with never": lambda m: m["gap, never"] > 1.2 * m["gap, not never"],
    "hamsters: better at 23 h than at noon": lambda m: m["hamster: noon minus 23 h"] < -0.5,
    "pizza: better at noon than at 23 h": (lambda m: m["pizza: noon minus 23 h"] > 0.5),
    "before training, the likes pull harder": (
        lambda m: 0.2 * m["gradient at the start, likes"] > m["gradient at the start, reposts"]
    ),
    "after training, the likes' part is below 35 %": (
        lambda m: (
            0.65 * 0.2 * m["gradient at the end, likes"] < 0.35 * m["gradient at the end, reposts"]
        )
    ),
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


def main() -> int:
    """Measure, print, and return 1 if a claim failed."""
    parser = seed_options(__doc__)
    parser.add_argument("--write", action="store_true", help="write data/results_18.json")
    options = parser.parse_args()
    tf.get_logger().setLevel("ERROR")  # many models are traced
    data = Data()
    if options.write:
        write([compare_all(data, seed) for seed in range(FEW_SEEDS)])
        return 0
    runs = []
    for seed in range(options.first, options.first + options.seeds):
        runs.append(measure(data, seed))
        print("seed", seed, "done", flush=True)
    return judge(runs, CLAIMS)


def write(curves: list[dict[str, list[float]]]) -> None:
    """Write the curves of the auxiliary losses, with the settings of the runs."""
    content = {
        "what": "mean squared test error of the reposts after each epoch, one list a seed",
        "made by": "python -m tools.seeds.lesson_18 --write",
        "settings": {
            "training headlines": FEW,
            "test headlines": 2000,
            "epochs": FEW_EPOCHS,
            "batch size": FEW_BATCH,
            "optimizer": f"Adam, learning rate {RATE}",
            "seeds": list(range(len(curves))),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "curves": {
            arm: [[round(error, 4) for error in curve[arm]] for curve in curves] for arm in ARMS
        },
    }
    text = json.dumps(content, indent=1).replace("\n    ", " ").replace("\n   ]", "]") + "\n"
    TARGET.write_text(text, encoding="ascii", newline="\n")
    digest = hashlib.sha256(text.encode("ascii")).hexdigest()
    print(f"{TARGET.name}: {len(text)} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    sys.exit(main())
