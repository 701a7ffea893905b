"""Repeat the training runs of lesson 21 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_21 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. About 40 s of computing a seed.
"""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.builders import blocks
from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.seeds.runs import repeat_measurements

import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

MOMENTUM = 0.9


def plain(x: Any, width: int) -> Any:
    """Return two 3x3 convolutions of x."""
    return blocks.plain_block(x, width, momentum=MOMENTUM)


def residual(x: Any, width: int) -> Any:
    """Return the same with a shortcut."""
    return blocks.residual_block(x, width, momentum=MOMENTUM)


def separable(x: Any, width: int) -> Any:
    """Return two depthwise separable convolutions of x."""
    x = blocks.separable_block(x, width, momentum=MOMENTUM)
    return blocks.separable_block(x, width, momentum=MOMENTUM)


def inception(x: Any, width: int) -> Any:
    """Return four looks at x that share the width in the proportions 2 : 4 : 1 : 1."""
    return blocks.inception_block(
        x,
        ones=width // 4,
        threes=width // 2,
        fives=width // 8,
        pooled=width // 8,
        reduce_threes=width // 4,
        reduce_fives=width // 16,
        momentum=MOMENTUM,
    )


CONTESTANTS = {
    "plain": (plain, (10, 22)),
    "residual": (residual, (10, 21)),
    "inception": (inception, (32, 64)),
    "separable": (separable, (30, 64)),
}
"""Name -> block and its widths at 14x14 and at 7x7, such that all cost the same."""


def classifier(block: Callable[[Any, int], Any], widths: tuple[int, int]) -> Any:
    """Return the lesson's classifier: a stem, a block, pooling, a wider block, a head."""
    images = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(images)
    x = block(x, widths[0])
    x = layers.MaxPooling2D()(x)
    x = block(x, widths[1])
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(images, layers.Dense(10)(x))


def train(model: Any, data: tuple, test: tuple, epochs: int) -> list[float]:
    """Fit a model as the lesson does; return the accuracy on the test digits by epoch."""
    steps = epochs * math.ceil(len(data[0]) / 64)
    schedule = keras.optimizers.schedules.CosineDecay(0.005, steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(*data, batch_size=64, epochs=epochs, verbose=0, validation_data=test)
    return history.history["val_accuracy"]


def measure(seed: int) -> dict[str, float]:
    """Run everything that the lesson trains with one seed; return the numbers it speaks of."""
    (train_images, train_labels), (test_images, test_labels) = load_digits()
    x, test_x = ((each / 255).astype("float32")[..., None] for each in (train_images, test_images))
    keras.utils.clear_session()
    seed_everything(seed)
    found: dict[str, float] = {}
    models = {name: classifier(*contestant) for name, contestant in CONTESTANTS.items()}
    for name, model in models.items():
        found[f"{name}: million multiplications"] = blocks.model_multiplications(model) / 1e6
        found[f"{name}: parameters"] = model.count_params()
        accuracies = train(model, (x, train_labels), (test_x, test_labels), 3)
        for epoch, value in enumerate(accuracies, start=1):
            found[f"{name}: epoch {epoch}"] = value
        found[name] = accuracies[-1]

    reader = models["residual"]
    encoder = keras.Model(reader.input, reader.get_layer("features").output)
    images = keras.Input((28, 28, 1))
    odd = keras.Model(images, layers.Dense(2)(encoder(images)))
    encoder.trainable = False
    before = reader.predict(test_x, verbose=0)
    found["odd or even"] = train(odd, (x, train_labels % 2), (test_x, test_labels % 2), 2)[-1]
    after = reader.predict(test_x, verbose=0)
    found["reader changed"] = float(np.abs(after - before).max())
    right = (np.argmax(after, axis=-1) == test_labels).reshape(200, 5)
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
