"""Repeat the training runs of lesson 08 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_08 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. About 20 s a seed on two cores.
"""

import functools
import math
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils.data import load_digits, ten_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

tf = import_tensorflow()

STUCK = 0.9 * math.log(1e7)  # nine of ten classes at the clipped probability, one right


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the functions and classes of the lesson."""
    return SimpleNamespace(**lesson_parts("08"))


def measure(seed: int) -> dict[str, float]:
    """Run everything that the lesson trains with one seed; return the numbers it speaks of."""
    scratch, network, flat = lesson(), lesson().new_network, lesson().flatten
    (train_images, train_labels), (test_images, test_labels) = load_digits()
    x, y = flat(train_images), train_labels.astype("int64")
    test = flat(test_images), test_labels.astype("int64")
    seed_everything(seed)
    found: dict[str, float] = {}

    def run(name: str, model: Any, labels: np.ndarray = y, **options: Any) -> dict[str, list]:
        history = scratch.fit(model, x, labels, validation_data=test, **options)
        found[name] = history["val_accuracy"][-1]
        found[f"{name}: loss"] = history["loss"][-1]
        return history

    model = network()
    start = time.perf_counter()
    run("main", model, epochs=10)
    found["main: seconds"] = time.perf_counter() - start
    readings = np.argmax(model(flat(ten_digits())), axis=1)
    found["main: ten digits"] = float(np.sum(readings == np.arange(10)))

    for rate in (0.001, 0.01, 0.1):
        for name, start_values in (("published", scratch.published), ("centred", scratch.centred)):
            options = {"epochs": 5, "learning_rate": rate}
            options["loss_function"] = scratch.loss_from_probabilities
            run(f"{name} {rate}", network(start_values), **options)
    run("published 0.1, joint loss", network(scratch.published), epochs=5)
    hidden = {
        name: np.asarray(network(start_values).layers[0](x[:1000]))
        for name, start_values in (("published", scratch.published), ("centred", scratch.centred))
    }
    for name, values in hidden.items():
        found[f"hidden {name}: active"] = float(np.mean(values > 0))
        found[f"hidden {name}: square"] = float(np.mean(np.sum(values**2, axis=1)))
        varied = values[:, np.std(values, axis=0) > 0][:, :50]
        correlation = np.corrcoef(varied.T)
        found[f"hidden {name}: alike"] = float(np.median(correlation[np.triu_indices(50, 1)]))
    run("zeros", network(tf.zeros), epochs=3)
    twins = network(scratch.twin_columns, scratch.twin_rows)
    run("twins", twins, epochs=5)
    columns = twins.layers[0].W.numpy()
    found["twins: spread"] = float(np.abs(columns - columns[:, :1]).max())

    for rate in (0.001, 0.1, 1.0, 5.0):
        run(f"rate {rate}", network(), epochs=5, learning_rate=rate)
    for size in (32, 128, 1000):
        run(f"batch {size}", network(), epochs=3, batch_size=size)
    run("momentum", network(), epochs=3, update=scratch.Momentum())
    run("adam", network(), epochs=3, learning_rate=0.001, update=scratch.Adam())
    run("adam 1.0", network(), epochs=3, learning_rate=1.0, update=scratch.Adam())
    order = np.random.default_rng(seed).permutation(len(y))
    run("parted", network(), y[order], epochs=5)
    one_layer = scratch.NaiveSequential([scratch.NaiveDense(784, 10, initial=tf.zeros)])
    run("one layer from zeros", one_layer, epochs=5)
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "at least 0.85 on the test digits": lambda m: m["main"] >= 0.85,
    "in under 30 s": lambda m: m["main: seconds"] < 30,
    "at least eight of the ten digits": lambda m: m["main: ten digits"] >= 8,
    "published start below 0.4 at 0.001": lambda m: m["published 0.001"] < 0.4,
    "published start below 0.4 at 0.01": lambda m: m["published 0.01"] < 0.4,
    "published start below 0.4 at 0.1": lambda m: m["published 0.1"] < 0.4,
    "centred start above 0.85 at 0.1": lambda m: m["centred 0.1"] > 0.85,
    "published start: stuck at 0.9 log 1e7": (
        lambda m: abs(m["published 0.1: loss"] - STUCK) < 0.5
    ),
    "published start, joint loss: loss below 5": (
        lambda m: m["published 0.1, joint loss: loss"] < 5
    ),
    "published start: nearly all units answer": lambda m: m["hidden published: active"] > 0.99,
    "centred start: half of the units answer": (
        lambda m: abs(m["hidden centred: active"] - 0.5) < 0.1
    ),
    "published start: units alike": lambda m: m["hidden published: alike"] > 0.95,
    "centred start: units not alike": lambda m: abs(m["hidden centred: alike"]) < 0.2,
    "sum of squares over 500 times": (
        lambda m: m["hidden published: square"] > 500 * m["hidden centred: square"]
    ),
    "zeros: loss at log 10": lambda m: abs(m["zeros: loss"] - math.log(10)) < 0.005,
    "twins stay twins": lambda m: m["twins: spread"] < 1e-3,
    "twins below 0.4": lambda m: m["twins"] < 0.4,
    "rate 0.001 below 0.5": lambda m: m["rate 0.001"] < 0.5,
    "rate 0.1 above 0.85": lambda m: m["rate 0.1"] > 0.85,
    "rate 1 above 0.9": lambda m: m["rate 1.0"] > 0.9,
    "rate 5 below 0.4": lambda m: m["rate 5.0"] < 0.4,
    "smaller batches are further": lambda m: m["batch 32"] > m["batch 128"] > m["batch 1000"],
    "momentum ahead of SGD": lambda m: m["momentum"] > m["batch 128"],
    "Adam ahead of SGD": lambda m: m["adam"] > m["batch 128"],
    "Adam at rate 1 below 0.6": lambda m: m["adam 1.0"] < 0.6,
    "shuffled apart: loss at log 10": lambda m: abs(m["parted: loss"] - math.log(10)) < 0.1,
    "shuffled apart: below 0.3": lambda m: m["parted"] < 0.3,
    "one layer from zeros above 0.85": lambda m: m["one layer from zeros"] > 0.85,
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
