"""Check the claims of lesson 07 about a trained network over several seeds.

Runs the very cells of the notebook, once a seed, and prints what they measured. An assertion of
the lesson that fails for a seed ends the script with a list of those seeds.

    python tools/seeds_07.py --seeds 5
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

CELLS = ("train_images", "build_network", "network", "when")


def run(seed: int) -> dict:
    """Return the namespace of the lesson's cells after a run with this seed."""
    seed_everything(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        return lesson_code("07", *CELLS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    count = parser.parse_args().seeds
    # AutoGraph warns that code which was read from a notebook belongs to no module.
    import_tensorflow().get_logger().setLevel("ERROR")
    print("seed  inference  training mode  after 60: 0.99, 0.9  after 300: 0.99, 0.9  seconds")
    failed = []
    for seed in range(count):
        start = time.perf_counter()
        try:
            lesson = run(seed)
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed:>4}  a claim of the lesson does not hold {error}".rstrip())
            continue
        slow, fast, at_60 = lesson["slow"], lesson["fast"], lesson["when"].index(60)
        print(
            f"{seed:>4}  {lesson['in_inference']:>9.3f}  {lesson['in_training_mode']:>13.3f}"
            f"  {slow[at_60]:>15.3f}, {fast[at_60]:.3f}  {slow[-1]:>16.3f}, {fast[-1]:.3f}"
            f"  {time.perf_counter() - start:>7.1f}",
            flush=True,
        )
    if failed:
        sys.exit(f"Seeds for which a claim fails: {failed}")


if __name__ == "__main__":
    main()
