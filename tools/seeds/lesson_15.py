"""Repeat the training runs of lesson 15 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_15 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. About 40 s a seed on two cores.
"""

import functools
import math
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils.builders.models import build_mlp
from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from course_utils.training.loop import TrainingLoop, largest_gap, make_batches
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

CHANCE = math.log(10)
FLOOR = -math.log(math.e / (math.e + 9))  # of a second softmax, when the answer is perfect
CAUSES = (
    "softmax twice",
    "rate too low",
    "validation from elsewhere",
    "dead start",
    "labels shuffled apart",
    "rate too high",
    "metric never reset",
    "inputs not scaled",
)


def cross_entropy() -> Any:
    """Return the loss of the lesson."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the functions of the lesson."""
    return SimpleNamespace(**lesson_parts("15", only=("diagnose", "from_probabilities")))


def measure(seed: int) -> dict[str, float]:
    """Run everything that the lesson trains with one seed; return the numbers it speaks of."""
    (images, labels), (test_images, test_labels) = load_digits()
    x, y = images.astype("float32") / 255, labels.astype("int64")
    test = test_images.astype("float32") / 255, test_labels.astype("int64")
    seed_everything(seed)
    found: dict[str, float] = {}

    # The same weights, four ways of which two are here: fit, and the course's loop.
    batches = make_batches((x, y), batch_size=128)
    model, twin = build_mlp(), build_mlp()
    twin.set_weights(model.get_weights())
    start = [weight.copy() for weight in model.get_weights()]
    model.compile(keras.optimizers.SGD(0.1), cross_entropy())
    model.fit(batches, epochs=3, shuffle=False, verbose=0)
    TrainingLoop(twin, optimizer=keras.optimizers.SGD(0.1), loss=cross_entropy()).fit(
        batches, epochs=3
    )
    found["gap: loop and fit"] = largest_gap(model, twin)
    found["moved by training"] = max(
        float(np.abs(old - new).max()) for old, new in zip(start, model.get_weights(), strict=True)
    )

    # Weight decay, remembered and forgotten.
    squares = []
    decaying = [
        keras.Sequential(
            [
                keras.Input((28, 28)),
                layers.Flatten(),
                layers.Dense(128, activation="relu", kernel_regularizer=decay),
                layers.Dense(10),
            ]
        )
        for decay in ("l2", None)
    ]
    decaying[1].set_weights(decaying[0].get_weights())
    for member in decaying:
        TrainingLoop(member, optimizer=keras.optimizers.SGD(0.1), loss=cross_entropy()).fit(
            batches, epochs=3
        )
        squares.append(float(np.sum(member.get_weights()[0] ** 2)))
    found["squares: forgotten over remembered"] = squares[1] / squares[0]

    def run(
        *,
        data: tuple = (x, y),
        validation: tuple = test,
        optimizer: Any = None,
        loss: Callable | None = None,
        model: Any = None,
        epochs: int = 8,
        dataset: Any = None,
    ) -> dict[str, list[float]]:
        loop = TrainingLoop(
            build_mlp() if model is None else model,
            optimizer=optimizer or keras.optimizers.Adam(1e-3),
            loss=loss or cross_entropy(),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        )
        mixed = make_batches(data, batch_size=128, shuffle=True, seed=seed)
        return loop.fit(
            mixed if dataset is None else dataset,
            epochs=epochs,
            validation_data=make_batches(validation, batch_size=250),
        )

    # The metric that is never reset.
    right = run(optimizer=keras.optimizers.SGD(0.03), dataset=batches)["accuracy"]
    published = np.cumsum(right) / np.arange(1, 9)
    found["reset over never reset, smallest lead"] = float(np.min(right[1:] - published[1:]))

    # Sorted labels and a small buffer.
    order = np.argsort(y, kind="stable")
    sorted_digits = tf.data.Dataset.from_tensor_slices((x[order], y[order]))
    for size in (100, 4000):
        dataset = sorted_digits.shuffle(size, seed=seed).batch(32)
        history = run(optimizer=keras.optimizers.SGD(0.1), dataset=dataset, epochs=4)
        found[f"buffer {size}: training"] = history["accuracy"][-1]
        found[f"buffer {size}: test"] = history["val_accuracy"][-1]

    # The clinic.
    zeros = build_mlp()
    zeros.set_weights([np.zeros_like(weight) for weight in zeros.get_weights()])
    healthy, never_reset = run(), run()
    for name in ("loss", "accuracy"):
        never_reset[name] = list(np.cumsum(never_reset[name]) / np.arange(1, 9))
    patients = (
        run(model=build_mlp(output_activation="softmax"), loss=lesson().from_probabilities),
        run(optimizer=keras.optimizers.Adam(1e-5)),
        run(validation=(test[0][:, :, ::-1], test[1])),
        run(model=zeros),
        run(data=(x, np.random.default_rng(seed).permutation(y))),
        run(optimizer=keras.optimizers.Adam(1.0)),
        never_reset,
        run(data=(255 * x, y), validation=(255 * test[0], test[1])),
    )
    found["healthy: training"] = healthy["accuracy"][-1]
    found["healthy: validation"] = healthy["val_accuracy"][-1]
    found["healthy: diagnosed"] = float(lesson().diagnose(healthy) == "healthy")
    for cause, patient in zip(CAUSES, patients, strict=True):
        found[f"{cause}: diagnosed"] = float(lesson().diagnose(patient) == cause)
        for name in ("loss", "val_loss"):
            found[f"{cause}: first {name}"] = patient[name][0]
            found[f"{cause}: last {name}"] = patient[name][-1]
        found[f"{cause}: accuracy"] = patient["accuracy"][-1]
    found["softmax twice: smallest loss"] = min(patients[0]["loss"])
    fresh = build_mlp()
    logits = fresh(255 * x[:500])
    found["inputs not scaled: loss before training"] = float(cross_entropy()(y[:500], logits))

    # The test of learning rates.
    member, optimizer = build_mlp(), keras.optimizers.SGD()
    optimizer.build(member.trainable_variables)
    loss = cross_entropy()

    @tf.function
    def step(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            value = loss(targets, member(inputs, training=True))
        gradients = tape.gradient(value, member.trainable_variables)
        optimizer.apply(gradients, member.trainable_variables)
        return value

    stream = iter(make_batches((x, y), batch_size=128, shuffle=True, seed=seed).repeat())
    losses = []
    for rate in 1e-3 * 10 ** np.linspace(0, 4, 100):
        optimizer.learning_rate = float(rate)
        losses.append(float(step(*next(stream))))
    found["rate test: smallest loss"] = float(np.nanmin(losses))
    found["rate test: largest of the last 20"] = float(np.nanmax(losses[-20:]))
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "loop and fit reach the same weights": lambda m: m["gap: loop and fit"] < 1e-4,
    "training moves the weights by more than 0.05": lambda m: m["moved by training"] > 0.05,
    "forgotten decay leaves larger weights": (
        lambda m: m["squares: forgotten over remembered"] > 1.3
    ),
    "never reset lies below": lambda m: m["reset over never reset, smallest lead"] > 0,
    "small buffer: training above 0.9": lambda m: m["buffer 100: training"] > 0.9,
    "small buffer: test below 0.6": lambda m: m["buffer 100: test"] < 0.6,
    "full buffer: training above 0.85": lambda m: m["buffer 4000: training"] > 0.85,
    "full buffer: test above 0.85": lambda m: m["buffer 4000: test"] > 0.85,
    "healthy above 0.85": (
        lambda m: m["healthy: training"] > 0.85 and m["healthy: validation"] > 0.85
    ),
    "healthy is called healthy": lambda m: m["healthy: diagnosed"] == 1,
    "softmax twice stays above the floor": lambda m: m["softmax twice: smallest loss"] > FLOOR,
    "unscaled: loss above 10 at the start": (
        lambda m: m["inputs not scaled: loss before training"] > 10
    ),
    "rate test: falls below 1.5": lambda m: m["rate test: smallest loss"] < 1.5,
    "rate test: jumps above 4": lambda m: m["rate test: largest of the last 20"] > 4,
    **{
        f"{cause} is recognised": (lambda m, cause=cause: m[f"{cause}: diagnosed"] == 1)
        for cause in CAUSES
    },
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
