"""Repeat what lesson 16 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed: one block called three times against three
blocks. An assertion of the lesson that fails for a seed ends the script with a list of those seeds.

    python tools/seeds_16.py --seeds 5
"""

import argparse
import contextlib
import io
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from lesson_code import lesson_code  # noqa: E402

from course_utils.session import import_tensorflow, seed_everything  # noqa: E402

CELLS = (
    "DNNResidual",
    "FirstCNN",
    "attempt",
    "AsPublished",
    "images",
    "CNNResidual",
    "MyResidual",
    "one",
    "three",
    "copy_weights",
    "yes_or_no",
    "shrink",
    "train",
    "final",
)


def run(seed: int) -> dict:
    """Return the namespace of the lesson's cells after a run with this seed."""
    seed_everything(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        return lesson_code("16", *CELLS)


def main() -> None:
    """Run the seeds, print a row for each, and end with an error if a claim failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    options = parser.parse_args()
    # TensorFlow warns of the functions that each new model traces.
    import_tensorflow().get_logger().setLevel("ERROR")
    print("seed  one block  three blocks  difference  seconds")
    failed, ahead = [], 0
    for seed in range(options.first, options.first + options.seeds):
        start = time.perf_counter()
        try:
            one, three = run(seed)["final"].values()
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed:>4}  a claim of the lesson does not hold {error}".rstrip())
            continue
        ahead += three > one
        print(
            f"{seed:>4}  {one:>9.3f}  {three:>12.3f}  {three - one:>+10.3f}"
            f"  {time.perf_counter() - start:>7.1f}",
            flush=True,
        )
    print(f"three blocks ahead in {ahead} of {options.seeds} seeds")
    if failed:
        sys.exit(f"Seeds for which a claim fails: {failed}")


if __name__ == "__main__":
    main()
