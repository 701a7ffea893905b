"""Repeat the training of lesson 32 over several seeds and check what int8 costs.

    python -m tools.seeds.lesson_32 [--seeds 5] [--first 0]

Trains the small ResNet of the lesson, exports it to LiteRT with 32-bit numbers and with int8,
calibrated with fitting and with unfitting images, and measures each on the 1,000 test digits.
Prints one column a seed, then one line a claim, and ends with an error if a claim fails for any
seed. About 40 s a seed on one core.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from course_utils import exports
from course_utils.builders.resnet import ResNet, prepare, train_on_digits
from course_utils.data import load_digits, ten_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.seeds.runs import repeat_measurements

tf = import_tensorflow()

DIFFERENCE = 1e-3  # between the logits of the original and those of LiteRT with 32 bits


def calibration_sets() -> dict[str, np.ndarray]:
    """Return images for the calibration of int8, by name, each float32 (n, 28, 28, 1)."""
    (images, labels), _ = load_digits()
    fitting = prepare(images[:100])
    noise = np.random.default_rng(20).uniform(size=fitting.shape).astype("float32")
    return {
        "real": fitting,
        "unscaled": fitting * 255,
        "noise": noise,
        "only ones": prepare(images[labels == 1][:100]),
    }


def convert(model: Any, path: Path, calibration: np.ndarray | None = None) -> Path:
    """Export a model to LiteRT, with int8 where images for the calibration are given."""
    options = {}
    if calibration is not None:
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
        options["representative_dataset"] = lambda: ([image[None]] for image in calibration)
    with exports.quietly():
        model.export(path, format="litert", verbose=False, **options)
    return path


def measure(seed: int) -> dict[str, float]:
    """Train with a seed; return what was measured."""
    _, (test_images, test_labels) = load_digits()
    test, ten = prepare(test_images), prepare(ten_digits())
    seed_everything(seed)
    model = ResNet(filters=(8, 16, 32), units=1)
    train_on_digits(model, epochs=3, batch_size=64)
    original, original_ten = model.predict(test, verbose=0), model.predict(ten, verbose=0)

    found = {
        "parameters": model.count_params(),
        "float: accuracy": np.mean(original.argmax(1) == test_labels),
        "float: of ten": np.sum(original_ten.argmax(1) == np.arange(10)),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = convert(model, Path(folder) / "float.tflite")
        answers = exports.call_litert(path, test)
        found["litert: kB"] = exports.size_of(path) / 1000
        found["litert: difference"] = np.abs(answers - original).max()
        for name, images in calibration_sets().items():
            path = convert(model, Path(folder) / "int8.tflite", images)
            answers, answers_ten = exports.call_litert(path, test), exports.call_litert(path, ten)
            found[f"{name}: accuracy"] = np.mean(answers.argmax(1) == test_labels)
            right, was_right = answers.argmax(1) == test_labels, original.argmax(1) == test_labels
            found[f"{name}: lost of 1,000"] = np.sum(was_right & ~right)
            found[f"{name}: won of 1,000"] = np.sum(right & ~was_right)
            found[f"{name}: as original"] = np.mean(answers.argmax(1) == original.argmax(1))
            found[f"{name}: ten as original"] = np.sum(
                answers_ten.argmax(1) == original_ten.argmax(1)
            )
            found[f"{name}: ten, difference"] = np.abs(answers_ten - original_ten).max()
            found[f"{name}: difference"] = np.abs(answers - original).max()
            found[f"{name}: probability"] = np.abs(
                exports.softmax(answers_ten) - exports.softmax(original_ten)
            ).max()
            found[f"{name}: kB"] = exports.size_of(path) / 1000
    return {name: float(value) for name, value in found.items()}


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "the original reads more than 0.95 of the test digits": lambda r: r["float: accuracy"] > 0.95,
    "LiteRT answers within 1e-3": lambda r: r["litert: difference"] < DIFFERENCE,
    "int8 changes the accuracy by at most 0.01": lambda r: (
        abs(r["real: accuracy"] - r["float: accuracy"]) <= 0.01
    ),
    "int8 loses at most 10 of 1,000 digits, and wins at most 10": lambda r: (
        max(r["real: lost of 1,000"], r["real: won of 1,000"]) <= 10
    ),
    "int8 reads the ten digits as the original, logits within 1.0": lambda r: (
        r["real: ten as original"] == 10 and r["real: ten, difference"] <= 1.0
    ),
    "calibrated with ones only, the accuracy stays within 0.02": lambda r: (
        abs(r["only ones: accuracy"] - r["float: accuracy"]) < 0.02
    ),
    "calibrated with ones only, a logit of the ten is off by over 1.5": lambda r: (
        r["only ones: ten, difference"] > 1.5
    ),
    "int8 with unscaled calibration is below 0.3": lambda r: r["unscaled: accuracy"] < 0.3,
    "the int8 file is between 3.3 and 4 times smaller": lambda r: (
        3.3 < r["litert: kB"] / r["real: kB"] < 4
    ),
}


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
