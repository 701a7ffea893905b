"""Repeat what lesson 31 trains over several seeds: the reference run and the linear rule.

    python -m tools.seeds.lesson_31 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

tf = import_tensorflow()
tf.get_logger().setLevel("ERROR")  # the lesson's functions are traced anew for each seed


@functools.cache
def lesson() -> dict[str, Any]:
    """Return the functions of the lesson."""
    return lesson_parts("31", "GLOBAL_BATCH")


def measure(seed: int) -> dict[str, float]:
    """Run with one seed; return the losses that the lesson speaks of."""
    code = lesson() | {"build": functools.partial(lesson()["build"], seed=seed)}
    strategy = tf.distribute.get_strategy()
    model, optimizer = code["build"](strategy)
    step = code["compile_step"](strategy, model, optimizer)
    batches = strategy.distribute_datasets_from_function(code["input_of"])
    steps = [float(step(*batch)) for _, batch in zip(range(80), batches, strict=False)]
    found = {"step 1": steps[0], "step 80": float(np.mean(steps[-10:]))}
    for batch_size, rate in ((32, 0.1), (128, 0.1), (128, 0.4)):
        found[f"{batch_size}, {rate}"] = code["loss_with"](batch_size, rate, seed=seed)
    return found


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "the reference learns": lambda m: m["step 1"] > 2.2 and m["step 80"] < 0.8,
    "old rate: 1.3 times the loss": lambda m: m["128, 0.1"] > 1.3 * m["32, 0.1"],
    "scaled rate: within 1.25": lambda m: m["128, 0.4"] < 1.25 * m["32, 0.1"],
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
