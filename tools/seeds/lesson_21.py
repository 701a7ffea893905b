"""Repeat the training runs of lesson 21 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_21 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. About 40 s of computing a seed.
"""

import functools
import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

CONTESTANTS = ("plain", "residual", "inception", "separable")


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the blocks, the classifier, the training and the prepared digits of the lesson."""
    space = lesson_parts("21", "contestants", "widths")
    (images, labels), (test_images, test_labels) = load_digits()
    space |= {"train_labels": labels, "test_labels": test_labels}
    for name, each in (("train_images", images), ("test_images", test_images)):
        space[name] = (each / 255).astype("float32")[..., np.newaxis]
    return SimpleNamespace(**space)


def measure(seed: int) -> dict[str, float]:
    """Run everything that the lesson trains with one seed; return the numbers it speaks of."""
    made = lesson()
    keras.utils.clear_session()
    seed_everything(seed)
    found: dict[str, float] = {}
    models = {
        name: made.classifier(made.contestants[name], made.widths[name]) for name in CONTESTANTS
    }
    for name, model in models.items():
        found[f"{name}: million multiplications"] = made.model_multiplications(model) / 1e6
        found[f"{name}: parameters"] = model.count_params()
        run = made.train(model, made.train_labels, made.test_labels, epochs=3).history
        for epoch, value in enumerate(run["val_accuracy"], start=1):
            found[f"{name}: epoch {epoch}"] = value
        found[name] = run["val_accuracy"][-1]

    reader = models["residual"]
    encoder = keras.Model(reader.input, reader.get_layer("features").output)
    images = keras.Input((28, 28, 1))
    odd = keras.Model(images, layers.Dense(2)(encoder(images)))
    encoder.trainable = False
    before = reader.predict(made.test_images, verbose=0)
    run = made.train(odd, made.train_labels % 2, made.test_labels % 2, epochs=2)
    found["odd or even"] = run.history["val_accuracy"][-1]
    after = reader.predict(made.test_images, verbose=0)
    found["reader changed"] = float(np.abs(after - before).max())
    right = (np.argmax(after, axis=-1) == made.test_labels).reshape(200, 5)
    found["digits"], found["codes"] = float(right.mean()), float(right.all(axis=1).mean())
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "equal cost within 2 %": (
        lambda m: (
            max(m[f"{name}: million multiplications"] for name in CONTESTANTS)
            < 1.02 * min(m[f"{name}: million multiplications"] for name in CONTESTANTS)
        )
    ),
    "all above 0.85": lambda m: min(m[name] for name in CONTESTANTS) > 0.85,
    "separable 0.01 ahead of Inception": lambda m: m["separable"] > m["inception"] + 0.01,
    "Inception last": lambda m: m["inception"] < min(m["plain"], m["residual"], m["separable"]),
    "the other three within 0.03": (
        lambda m: (
            max(m["plain"], m["residual"], m["separable"])
            < 0.03 + min(m["plain"], m["residual"], m["separable"])
        )
    ),
    "odd or even above 0.8": lambda m: m["odd or even"] > 0.8,
    "the reader answers as before": lambda m: m["reader changed"] == 0,
    "codes right less often than digits": lambda m: m["codes"] < m["digits"],
    "codes near the fifth power": lambda m: abs(m["codes"] - m["digits"] ** 5) < 0.08,
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
