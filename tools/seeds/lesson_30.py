"""Repeat what lesson 30 trains over several seeds and print what came out.

Runs the cells of the notebook that train, once a seed: float32 against mixed precision, the 80
steps that all strategies are compared with, and the linear rule for the learning rate. An
assertion of the lesson that fails for a seed ends the script with a list of those seeds.

    python -m tools.seeds.lesson_30 --seeds 5
"""

import argparse
import contextlib
import functools
import io
import sys
import time

from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_code

BEFORE = ("policy", "mixed", "digits", "GLOBAL_BATCH", "compile_step", "input_of")
NAMES = ("float32", "mixed", "step 1", "step 80", "32, 0.1", "128, 0.1", "128, 0.4")


def run(seed: int) -> list[float]:
    """Return the losses that the lesson speaks of, in the order of ``NAMES``."""
    import keras
    import numpy as np

    tf = import_tensorflow()
    seed_everything(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        lesson = lesson_code("30", *BEFORE, "losses_with")
    final = lesson["final"]
    lesson["build"] = functools.partial(lesson["build"], seed=seed)
    _, steps = lesson["run_steps"](tf.distribute.get_strategy(), 80)
    assert steps[0] > 2.2 and np.mean(steps[-10:]) < 0.8, "the reference does not learn"
    last = []
    for batch_size, rate in ((32, 0.1), (128, 0.1), (128, 0.4)):
        losses = lesson["losses_with"](batch_size, rate, seed=seed)
        last.append(float(np.mean(losses[-(len(losses) // 3) :])))
    first, unscaled, scaled = last
    assert unscaled > 1.4 * first and scaled < 1.25 * first, f"linear rule: {last}"
    keras.utils.clear_session()
    return [*final, steps[0], float(np.mean(steps[-10:])), *last]


def main() -> None:
    """Run the seeds, print a row for each, and end with an error if a claim failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    options = parser.parse_args()
    # TensorFlow warns of the functions that each new model traces.
    import_tensorflow().get_logger().setLevel("ERROR")
    print("seed  " + "  ".join(f"{name:>8}" for name in NAMES) + "  seconds")
    failed = []
    for seed in range(options.first, options.first + options.seeds):
        start = time.perf_counter()
        try:
            losses = run(seed)
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed:>4}  a claim of the lesson does not hold {error}".rstrip())
            continue
        row = "  ".join(f"{loss:>8.3f}" for loss in losses)
        print(f"{seed:>4}  {row}  {time.perf_counter() - start:>7.1f}", flush=True)
    if failed:
        sys.exit(f"Seeds for which a claim fails: {failed}")


if __name__ == "__main__":
    main()
