"""Find a lesson's notebook by its number or its name.

Runs on any Python from 3.8 on and needs no package.
"""

from pathlib import Path
from typing import List

from tools.settings import Problem

ROOT = Path(__file__).resolve().parent.parent


def notebook_paths(root: Path = ROOT) -> List[Path]:
    """Return the lessons' notebooks below the folder of the project, in order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def find_lesson(which: str, root: Path = ROOT) -> Path:
    """Return the notebook of a lesson, named as 5, 05, 05_gradient_tape or 05_gradient_tape.ipynb.

    Raises:
        Problem: there is no such lesson; the message lists those that there are.
    """
    paths = notebook_paths(root)
    for path in paths:
        number = path.stem[:2]
        if which in (number, str(int(number)), path.stem, path.name):
            return path
    have = ", ".join(path.stem[:2] for path in paths) or "none"
    raise Problem(f"There is no lesson {which!r}. There are: {have}.")
