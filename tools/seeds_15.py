"""Repeat what lesson 15 trains over several seeds and print what came out.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python tools/seeds_15.py --seeds 5
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
    "Silent",
    "measured",
    "two_inputs",
    "FirstDraft",
    "draft",
    "PythonDice",
    "TensorDice",
    "StochasticDepth",
    "deep_model",
    "FormulaReader",
    "formulas",
    "losses",
    "rights",
)


def run(seed: int) -> dict:
    """Return the namespace of the lesson's cells after a run with this seed."""
    seed_everything(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        return lesson_code("15", *CELLS)


def main() -> None:
    """Run the seeds, print a row for each, and end with an error if a claim failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    options = parser.parse_args()
    # TensorFlow warns of the functions that each new model traces.
    import_tensorflow().get_logger().setLevel("ERROR")
    print("seed  wide and deep  of the mean's  stochastic depth  formulas' last loss  seconds")
    failed = []
    for seed in range(options.first, options.first + options.seeds):
        start = time.perf_counter()
        try:
            lesson = run(seed)
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed:>4}  a claim of the lesson does not hold {error}".rstrip())
            continue
        share = lesson["draft_error"] / lesson["mean_error"]
        print(
            f"{seed:>4}  {lesson['draft_error']:>13.3f}  {share:>13.3f}"
            f"  {lesson['accuracy']:>16.3f}  {lesson['losses'][-1]:>19.5f}"
            f"  {time.perf_counter() - start:>7.1f}",
            flush=True,
        )
    if failed:
        sys.exit(f"Seeds for which a claim fails: {failed}")


if __name__ == "__main__":
    main()
