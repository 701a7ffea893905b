"""Repeat the training runs of lesson 13 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_13 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. About 35 s a seed on two cores. What the lesson shows by one comparison
of bits or shapes (saving, freezing, hooks) does not depend on a seed and is not repeated here.
"""

import functools
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.builders.models import build_mlp
from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

tf = import_tensorflow()
import keras  # noqa: E402
from keras import callbacks  # noqa: E402

CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@functools.cache
def robust_loss() -> type:
    """Return the loss class of the lesson."""
    return lesson_parts("13", only=("RobustLoss",))["RobustLoss"]


def measure(seed: int) -> dict[str, float]:
    """Run everything that the lesson trains with one seed; return the numbers it speaks of."""
    (pictures, labels), _ = load_digits()
    images, labels = (pictures / 255).astype("float32"), labels.astype("int64")
    rng = np.random.default_rng(seed)
    few_images, few_labels = images[:300], labels[:300].copy()
    spoilt = rng.choice(300, size=60, replace=False)
    few_labels[spoilt] = (few_labels[spoilt] + rng.integers(1, 10, 60)) % 10
    held_out = images[3600:], labels[3600:]
    found: dict[str, float] = {}

    def new_model(*, hidden=(64,), rate=0.01, loss=CROSS_ENTROPY) -> Any:
        seed_everything(seed)
        model = build_mlp(hidden=hidden)
        model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
        return model

    def train(model: Any, *, epochs: int = 16, **options: Any) -> dict[str, list]:
        return model.fit(
            few_images,
            few_labels,
            epochs=epochs,
            batch_size=50,
            validation_data=held_out,
            verbose=0,
            **options,
        ).history

    overfitted = new_model()
    plain = train(overfitted)
    found["plain: loss"] = plain["loss"][-1]
    found["plain: accuracy"] = plain["accuracy"][-1]
    found["plain: best epoch"] = 1 + int(np.argmin(plain["val_loss"]))
    found["plain: last / best"] = plain["val_loss"][-1] / min(plain["val_loss"])

    model = new_model()
    first = train(model, epochs=1)
    found["first epoch: reported / measured"] = (
        first["loss"][0] / model.evaluate(few_images, few_labels, verbose=0)[0]
    )

    for name, hidden, count in (("small", (3,), 300), ("few", (64,), 300), ("many", (64,), 2000)):
        run = new_model(hidden=hidden).fit(
            images[:count],
            labels[:count],
            epochs=8,
            batch_size=50,
            validation_data=held_out,
            verbose=0,
        )
        found[f"{name}: accuracy"] = run.history["accuracy"][-1]
        found[f"{name}: val accuracy"] = run.history["val_accuracy"][-1]

    order = np.argsort(labels[:500], kind="stable")
    run = new_model().fit(
        images[:500][order],
        labels[:500][order],
        validation_split=0.2,
        epochs=5,
        batch_size=50,
        verbose=0,
    )
    found["tail: val accuracy"] = run.history["val_accuracy"][-1]

    lots = rng.integers(0, 10, 200)
    both = np.concatenate([images[1000:1200], 0.8 * images[1000:1200]])
    order = rng.permutation(400)
    model = new_model(rate=0.01)
    run = model.fit(
        both[order],
        np.concatenate([lots, lots])[order],
        validation_split=0.2,
        epochs=12,
        batch_size=50,
        verbose=0,
    )
    found["leak: val accuracy"] = run.history["val_accuracy"][-1]
    fresh = model.evaluate(images[2000:2400], rng.integers(0, 10, 400), verbose=0)
    found["leak: on fresh digits"] = fresh[1]

    right = np.argmax(overfitted(held_out[0]), axis=1) == held_out[1]
    found["worst class"] = worst_class(right, held_out[1])
    parts = [slice(start, start + 7) for start in range(0, 400, 7)]
    of_batches = [worst_class(right[part], held_out[1][part]) for part in parts]
    found["worst class: mean over batches"] = float(np.mean(of_batches))

    robust = train(new_model(loss=robust_loss()()))
    found["robust: gain"] = robust["val_accuracy"][-1] - plain["val_accuracy"][-1]
    found["robust: accuracy"] = robust["accuracy"][-1]

    rare = np.concatenate([np.flatnonzero(labels == 4)[:150], np.flatnonzero(labels == 9)[:6]])
    rare = rng.permutation(rare)
    others = np.flatnonzero(np.isin(labels, (4, 9)))[-300:]
    nines = others[labels[others] == 9]
    weights = dict.fromkeys(range(10), 1.0) | {9: 25.0}
    for name, chosen in (("without", None), ("with", weights)):
        model = new_model(rate=0.003)
        model.fit(
            images[rare], labels[rare], batch_size=50, epochs=8, verbose=0, class_weight=chosen
        )
        found[f"nines found {name}"] = float(np.mean(np.argmax(model(images[nines]), axis=1) == 9))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "best.weights.h5"
        saving = callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
        stopping = callbacks.EarlyStopping(patience=4, restore_best_weights=True)
        model = new_model()
        stopped = train(model, epochs=30, callbacks=[stopping, saving])
        best = int(np.argmin(stopped["val_loss"])) + 1
        found["stopped: epochs"] = len(stopped["val_loss"])
        found["stopped: after the best"] = len(stopped["val_loss"]) - best
        measured = model.evaluate(*held_out, verbose=0)[0]
        found["stopped: restored / best"] = measured / min(stopped["val_loss"])
        resumed(found, new_model, few_images, few_labels, Path(folder))

    scheduler = callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 4 else rate / 2)
    scheduled = train(new_model(), callbacks=[scheduler])
    found["scheduled / plain"] = scheduled["val_loss"][-1] / plain["val_loss"][-1]
    plateau = callbacks.ReduceLROnPlateau(factor=0.1, patience=2, min_lr=1e-4)
    reduced = train(new_model(), callbacks=[plateau])
    rates = reduced["learning_rate"]
    found["plateau: cuts"] = sum(rates[i] < 0.5 * rates[i - 1] for i in range(1, 16))
    found["plateau / plain"] = reduced["val_loss"][-1] / plain["val_loss"][-1]

    slip = callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 6 else 1e30)
    broken = train(new_model(), callbacks=[slip, callbacks.TerminateOnNaN()])
    found["slip: epochs"] = len(broken["loss"])
    found["slip: last loss is finite"] = float(np.isfinite(broken["loss"][-1]))
    return found


def worst_class(right: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of right answers in the class that is read worst."""
    return min(float(right[labels == digit].mean()) for digit in np.unique(labels))


def resumed(
    found: dict[str, float], new_model: Callable, images: Any, labels: Any, folder: Path
) -> None:
    """Save, go on in three ways, and note how far the weights are from the uninterrupted run's."""

    def go_on(model: Any) -> None:
        model.fit(images, labels, epochs=2, batch_size=50, shuffle=False, verbose=0)

    original = new_model()
    go_on(original)
    original.save(folder / "model.keras")
    original.save_weights(folder / "model.weights.h5")
    loaded = keras.models.load_model(folder / "model.keras")
    fresh, prepared = new_model(), new_model()
    with warnings.catch_warnings(action="ignore"):
        fresh.load_weights(folder / "model.weights.h5")
    prepared.optimizer.build(prepared.trainable_variables)
    prepared.load_weights(folder / "model.weights.h5")
    for model in (original, loaded, fresh, prepared):
        go_on(model)
    for name, model in (("loaded", loaded), ("fresh", fresh), ("prepared", prepared)):
        pairs = zip(original.get_weights(), model.get_weights(), strict=True)
        found[f"resumed: {name} is off by"] = max(float(np.abs(a - b).max()) for a, b in pairs)


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "training loss below 0.15": lambda m: m["plain: loss"] < 0.15,
    "best epoch before 9": lambda m: m["plain: best epoch"] < 9,
    "validation loss rises by a tenth": lambda m: m["plain: last / best"] > 1.1,
    "first epoch: reported loss is higher": (lambda m: m["first epoch: reported / measured"] > 1.1),
    "three units underfit": lambda m: m["small: accuracy"] < 0.8,
    "64 units know 300 digits": lambda m: m["few: accuracy"] > 0.97,
    "64 units overfit": lambda m: m["few: accuracy"] - m["few: val accuracy"] > 0.08,
    "more digits help": lambda m: m["many: val accuracy"] > m["few: val accuracy"] + 0.02,
    "nothing is read in the tail": lambda m: m["tail: val accuracy"] < 0.05,
    "the leak looks like learning": lambda m: m["leak: val accuracy"] > 0.4,
    "and is none": lambda m: m["leak: on fresh digits"] < 0.2,
    "the robust loss reads better": lambda m: m["robust: gain"] > 0.02,
    "cross-entropy repeats all labels": lambda m: m["plain: accuracy"] > 0.97,
    "the robust loss does not": lambda m: 0.75 < m["robust: accuracy"] < 0.93,
    "the worst class is no mean over batches": (
        lambda m: abs(m["worst class"] - m["worst class: mean over batches"]) > 0.1
    ),
    "few nines without weights": lambda m: m["nines found without"] < 0.3,
    "more with weights": lambda m: m["nines found with"] > m["nines found without"] + 0.25,
    "stopped early": lambda m: m["stopped: epochs"] < 30,
    "four epochs after the best": lambda m: m["stopped: after the best"] == 4,
    "best weights restored": lambda m: abs(m["stopped: restored / best"] - 1) < 1e-4,
    "halving ends lower": lambda m: m["scheduled / plain"] < 1,
    "two cuts on the plateau": lambda m: m["plateau: cuts"] == 2,
    "cutting ends lower": lambda m: m["plateau / plain"] < 1,
    "the slip ends the run in epoch 7": lambda m: m["slip: epochs"] == 7,
    "the slip loses the loss": lambda m: m["slip: last loss is finite"] == 0,
    ".keras resumes": lambda m: m["resumed: loaded is off by"] < 1e-5,
    "weights into a fresh optimiser do not": lambda m: m["resumed: fresh is off by"] > 1e-3,
    "weights into a built one do": lambda m: m["resumed: prepared is off by"] < 1e-5,
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
