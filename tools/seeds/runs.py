"""What the scripts ``lesson_NN.py`` share: repeat a lesson's runs over seeds and judge its claims.

``repeat_measurements`` is for a script that measures by itself and keeps the claims in a table;
``repeat_cells`` runs the very cells of the notebook, whose assertions are the claims. Both return
what the process ends with: 0, or 1 if a claim failed for a seed.
"""

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_code

Run = Mapping[str, float]


def seed_options(document: str) -> argparse.ArgumentParser:
    """Return a parser with --seeds and --first; the script's docstring begins its help."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    return parser


def judge(runs: Sequence[Run], claims: Mapping[str, Callable[[Run], bool]]) -> int:
    """Print each measured number, a column a seed, and each claim; return 1 if one failed."""
    width = max(map(len, runs[0]))
    for name in runs[0]:
        print(f"{name:{width}s}", *[f"{run[name]:9.4f}" for run in runs])
    failed = 0
    for claim, holds in claims.items():
        kept = sum(bool(holds(run)) for run in runs)
        failed += kept < len(runs)
        print(f"{'ok  ' if kept == len(runs) else 'FAIL'} {kept}/{len(runs)}  {claim}")
    return 1 if failed else 0


def repeat_measurements(
    document: str,
    measure: Callable[[int], Run],
    claims: Mapping[str, Callable[[Run], bool]],
) -> int:
    """Measure once a seed, as the command line says, and judge the claims."""
    options = seed_options(document).parse_args()
    runs = []
    for seed in range(options.first, options.first + options.seeds):
        runs.append(measure(seed))
        print("seed", seed, "done", flush=True)
    return judge(runs, claims)


def quiet_lesson(number: str, *cells: str) -> dict[str, Any]:
    """Return the namespace of a lesson's cells, as ``lesson_code`` does, without their prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        return lesson_code(number, *cells)


def run_cells(lesson: str, cells: Sequence[str], seed: int) -> dict[str, Any]:
    """Return the namespace of a lesson's cells after a run with this seed.

    Args:
        lesson: the number of the lesson, such as ``"08"``.
        cells: a name that each of the cells defines.
    """
    seed_everything(seed)
    return quiet_lesson(lesson, *cells)


def repeat_cells(
    document: str,
    lesson: str,
    cells: Sequence[str],
    row: Callable[[dict[str, Any]], Mapping[str, str]],
) -> int:
    """Run a lesson's cells once a seed, as the command line says, and print a row for each.

    A row says what a run measured, by the heading of the column. A run in which an assertion of
    the lesson fails has no row; such seeds are listed at the end.
    """
    options = seed_options(document).parse_args()
    import_tensorflow().get_logger().setLevel("ERROR")  # each new model traces its functions anew
    failed, headed = [], False
    for seed in range(options.first, options.first + options.seeds):
        start = time.perf_counter()
        try:
            values = row(run_cells(lesson, cells, seed))
        except AssertionError as error:
            failed.append(seed)
            print(f"{seed:>4}  a claim of the lesson does not hold {error}".rstrip(), flush=True)
            continue
        if not headed:
            print("seed", *values, "seconds", sep="  ")
            headed = True
        columns = [f"{value:>{len(heading)}}" for heading, value in values.items()]
        print(f"{seed:>4}", *columns, f"{time.perf_counter() - start:>7.1f}", sep="  ", flush=True)
    if failed:
        print(f"Seeds for which a claim fails: {failed}", file=sys.stderr)
    return 1 if failed else 0
