"""What the scripts ``build_*.py`` share: a file is written whole and as expected, or not at all."""

import hashlib
import os
from pathlib import Path

from course_utils.data import DataFile


class BuildError(RuntimeError):
    """A data file cannot be built, or is not the expected one."""


def write(content: bytes, target: Path, file: DataFile) -> None:
    """Write ``content`` to ``target``, whole or not at all, and say so.

    Raises:
        BuildError: size or SHA-256 are not those of ``file`` in ``course_utils/data.py``;
            ``target`` stays as it is.
    """
    found = (len(content), hashlib.sha256(content).hexdigest())
    if found != (file.size, file.sha256):
        raise BuildError(
            f"Built {found[0]} bytes with SHA-256 {found[1]}, "
            f"expected {file.size} bytes with {file.sha256}. Nothing was written.\n"
            "If you changed the recipe on purpose, put the new size and SHA-256 into "
            "course_utils/data.py and the row of data/README.md, and run this again."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    print(f"{target}: {file.size} bytes, SHA-256 {file.sha256}")
