"""The course's data: small, real, checked at the first reading, and the same on every machine.

``data/README.md`` says what each file holds and where it comes from. Needs NumPy and nothing
else; Keras is imported only where the full MNIST is asked for.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.arguments import check_choice, check_flag

Digits = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
Headlines = dict[str, np.ndarray]
Posts = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class DataFile:
    """A file of ``data/``: its name, what it must be, and the script that makes it again."""

    name: str
    size: int  # bytes
    sha256: str
    script: str  # the module that `python -m` runs
    downloads: bool = False  # whether the script needs a network
    measured: bool = False  # whether the script measures, and so makes other bytes each time


# The one place for the size and SHA-256 of each file. Everything else reads them here, and
# tests compare the file and its row in data/README.md with them.
DIGITS_FILE = DataFile(
    name="mnist_5k.npz",
    size=3_925_470,
    sha256="abf8cc0ac601f3c4458f7d9db335977f212e82bb874d551c1a5f22a0869f15d1",
    script="tools.data.build_mnist_5k",
    downloads=True,
)
HEADLINES_FILE = DataFile(
    name="headlines.csv",
    size=528_886,
    sha256="5b89837b0582f70205c9bd69fef0eb6a09c8a4c56a8ff500b2b8ce2d94e666a1",
    script="tools.data.build_headlines",
)
RESULTS_17_FILE = DataFile(
    name="results_17.json",
    size=33_671,
    sha256="e29c78c2b1c1747262b5de01307418978e9620ac084ad4cbbef8a1f2386fd5f7",
    script="tools.seeds.lesson_17",
    measured=True,
)
RESULTS_18_FILE = DataFile(
    name="results_18.json",
    size=5_193,
    sha256="bb1601d68f653c98a927e14462abd95fcc787079d3f1773978a58c8e434c7be4",
    script="tools.seeds.lesson_18",
    measured=True,
)
RESULTS_27_FILE = DataFile(
    name="results_27.json",
    size=5_982,
    sha256="f23f937647d3c43c493a9ae4a57b7ad8510d2facb941dbaaa5d152da5bd23076",
    script="tools.seeds.lesson_27",
    measured=True,
)
RESULTS_29_FILE = DataFile(
    name="results_29.json",
    size=9_260,
    sha256="159325b5462e2093bfa0357355e1e8670a95ec2804f68a012c842a0e865972ca",
    script="tools.seeds.lesson_29",
    measured=True,
)
RESULTS_19_FILE = DataFile(
    name="results_19.json",
    size=503,
    sha256="8ded9ae6203989ebe127c9dc2038a5ea949187479e7bbc15c0499da5e9118d1a",
    script="tools.seeds.lesson_19",
    measured=True,
)
POSTS_FILE = DataFile(
    name="posts.csv",
    size=195_144,
    sha256="608ff1c6d61c2e64d8508b35c4632508bde51a09da55ff3f8d081e891635e0b3",
    script="tools.data.build_posts",
)
FILES = (
    DIGITS_FILE,
    HEADLINES_FILE,
    POSTS_FILE,
    RESULTS_17_FILE,
    RESULTS_18_FILE,
    RESULTS_19_FILE,
    RESULTS_27_FILE,
    RESULTS_29_FILE,
)

TRAINING_HEADLINES = 6_000  # the first rows of the file; the other 2,000 are for testing
TRAINING_AUTHORS = 60  # of the posts, numbers 0 to 59; the others are for testing
TRAINING_DIGITS = 4_000  # the first rows of the file; the other 1,000 are for testing
TEN_DIGITS = (70, 231, 34, 321, 356, 257, 253, 41, 47, 165)  # test rows, chosen by eye
DOWNLOAD_TIMEOUT = 20.0  # seconds without an answer

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE.parent / "data", _PACKAGE / "_data")  # a clone; an installed package
_checked: dict[Path, tuple[int, int]] = {}  # files found right, with their size and time


class DataError(RuntimeError):
    """A data file is missing or damaged, or cannot be fetched.

    The message names the file, what was expected, what was found, and how to restore it.
    """


@dataclass(frozen=True)
class FileReport:
    """What ``describe_files`` says about one file."""

    name: str
    path: Path  # where it is, or where it should be
    sha256: str  # the expected one
    ok: bool
    problem: str  # one line; empty if ok
    restore: str  # one line: the command that brings the file back


def load_digits(*, full: bool = False) -> Digits:
    """Return the course's handwritten digits as ``(images, labels), (images, labels)``.

    The first pair is for training, the second for testing. Images are uint8 grey levels of
    shape (n, 28, 28), 0 for the black paper and 255 for white ink; labels are uint8 of shape
    (n,), 0 to 9. The arrays are yours to change.

    Without ``full``: 4,000 and 1,000 real MNIST digits, 400 and 100 a class, in a fixed mixed
    order, from ``data/mnist_5k.npz``. With ``full=True``: all 60,000 and 10,000 of MNIST through
    ``keras.datasets.mnist``, which downloads 11 MB the first time.

    >>> (train_images, train_labels), (test_images, test_labels) = load_digits()
    >>> train_images.shape, train_images.dtype.name, train_labels.shape
    ((4000, 28, 28), 'uint8', (4000,))
    >>> test_images.shape, test_labels[:10].tolist()
    ((1000, 28, 28), [5, 1, 3, 1, 2, 6, 6, 1, 8, 5])

    Raises:
        TypeError: ``full`` is not True or False.
        DataError: the file is missing or damaged, or the download failed.

    Source: MNIST, by Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0.
    """
    check_flag("full", full)
    if full:
        return _load_full_mnist()
    with np.load(io.BytesIO(read_file(DIGITS_FILE)), allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    train, test = slice(None, TRAINING_DIGITS), slice(TRAINING_DIGITS, None)
    return (images[train], labels[train]), (images[test], labels[test])


def load_headlines() -> tuple[Headlines, Headlines]:
    """Return headlines, when they appeared and how they were received, as ``train, test``.

    Both are dicts of NumPy arrays of one length, 6,000 and 2,000:

    - ``headline``: texts of at most 12 words;
    - ``hour`` and ``weekday``: uint8, 0 to 23, and 0 (Monday) to 6;
    - ``reposts`` and ``likes``: float32, natural logarithms of counts in hundreds;
    - ``expected_reposts`` and ``expected_likes``: float32, the same before the noise, which is the
      best that anybody could answer.

    The headlines were never printed; ``tools/data/build_headlines.py`` makes them and says by which
    rule they are received. The arrays are yours to change.

    >>> train, test = load_headlines()
    >>> len(train["headline"]), len(test["headline"]), train["hour"].dtype.name
    (6000, 2000, 'uint8')
    >>> print(train["headline"][0])
    Angry coffee adopts broccoli

    Raises:
        DataError: the file is missing or damaged.

    Source: the course itself; lesson 18 works with them.
    """
    names, *rows = csv.reader(io.StringIO(read_file(HEADLINES_FILE).decode("ascii")))
    kinds = {"headline": np.str_, "hour": np.uint8, "weekday": np.uint8}
    columns = {
        name: np.array(values).astype(kinds.get(name, np.float32))
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }
    train, test = slice(None, TRAINING_HEADLINES), slice(TRAINING_HEADLINES, None)
    return (
        {name: values[train].copy() for name, values in columns.items()},
        {name: values[test].copy() for name, values in columns.items()},
    )


def load_results(lesson: str) -> dict:
    """Return the stored training runs of a lesson, measured beforehand over several seeds.

    A dict with ``what``, ``made by``, ``settings``, and the measurements under the names that the
    lesson explains. The script that ``made by`` names runs them again.

    >>> sorted(load_results("18"))
    ['curves', 'made by', 'settings', 'what']

    Args:
        lesson: the number of the lesson, in two digits, such as ``"18"``.

    Raises:
        ValueError: no runs are stored for such a lesson.
        DataError: the file is missing or damaged.

    Source: the course itself.
    """
    files = {file.name[len("results_") :][:2]: file for file in FILES if file.measured}
    check_choice("lesson", lesson, sorted(files))
    return json.loads(read_file(files[lesson]))


def load_posts() -> Posts:
    """Return short posts and their authors as ``(posts, authors), (posts, authors)``.

    The first pair is for training, the second for testing; no author is in both. Posts are texts
    in a NumPy array of shape (n,), of 58 to 67 ASCII characters; authors are uint8 of shape (n,),
    0 to 59 for training and 60 to 71 for testing, with 40 posts each that stand together. The
    arrays are yours to change.

    The posts were never written by anybody. The authors differ in habits of order alone, such as
    ``$20`` or ``20$``; ``tools/data/build_posts.py`` makes them and says how well one can tell them
    apart.

    >>> (train_posts, train_authors), (test_posts, test_authors) = load_posts()
    >>> train_posts.shape, test_posts.shape, test_authors[:41].tolist().count(60)
    ((2400,), (480,), 40)
    >>> print(train_posts[0])
    ahah amy bought teh ring for $40 today, do'nt help leo please!?

    Raises:
        DataError: the file is missing or damaged.

    Source: the course itself; lesson 20 works with them.
    """
    _, *rows = csv.reader(io.StringIO(read_file(POSTS_FILE).decode("ascii")))
    authors = np.array([int(author) for author, _ in rows], dtype=np.uint8)
    posts = np.array([post for _, post in rows])
    train = authors < TRAINING_AUTHORS
    return (posts[train], authors[train]), (posts[~train], authors[~train])


def ten_digits() -> np.ndarray:
    """Return the ten digits that go through the whole course, one of each class, 0 to 9 in order.

    uint8 grey levels of shape (10, 28, 28), from the test digits of ``load_digits()``, so that no
    model of the course has been trained on them.

    >>> ten_digits().shape
    (10, 28, 28)

    Raises:
        DataError: the file is missing or damaged.
    """
    _, (images, _) = load_digits()
    return images[list(TEN_DIGITS)]


def shrink(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (n, 28, 28), 0 to 255, as float32 (n, 14, 14, 1), 0 to 1, the mean of four.

    A quarter of the pixels: for networks whose training would take too long otherwise.

    >>> shrink(ten_digits()).shape
    (10, 14, 14, 1)

    Raises:
        ValueError: the pictures have another shape.

    Source: the course itself.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 3 or pictures.shape[1:] != (28, 28):
        raise ValueError(
            f"pictures: expected the shape (n, 28, 28), as load_digits returns them, "
            f"got {pictures.shape}."
        )
    small = (pictures / 255).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return small[..., np.newaxis].astype("float32")


def read_file(file: DataFile) -> bytes:
    """Return the bytes of a data file after comparing size and SHA-256 with what they must be.

    A file that was found right is not compared again in the same process, unless it changes.

    Raises:
        DataError: the file is missing, cannot be read, or has another content.
    """
    path = _find(file)
    try:
        content = path.read_bytes()
        status = path.stat()
    except OSError as error:
        raise DataError(_message(file, path, _why(error))) from error
    stamp = (status.st_size, status.st_mtime_ns)
    if _checked.get(path) != stamp:
        sha256 = hashlib.sha256(content).hexdigest()
        if (len(content), sha256) != (file.size, file.sha256):
            found = f"{len(content)} bytes, SHA-256 {sha256}"
            raise DataError(_message(file, path, found))
        _checked[path] = stamp
    return content


def describe_files() -> list[FileReport]:
    """Compare every data file with its checksum, afresh, and report each in one line.

    >>> for report in describe_files():
    ...     print(report.name, report.ok)
    mnist_5k.npz True
    headlines.csv True
    posts.csv True
    results_17.json True
    results_18.json True
    results_19.json True
    results_27.json True
    results_29.json True
    """
    reports = []
    for file in FILES:
        path = _find(file)
        _checked.pop(path, None)
        problem = ""
        try:
            read_file(file)
        except DataError as error:
            if isinstance(error.__cause__, OSError):
                problem = _why(error.__cause__)
            else:
                problem = "not the file that the course was written with (damaged or changed)"
        restore = _restore(file, path)[0]
        reports.append(FileReport(file.name, path, file.sha256, not problem, problem, restore))
    return reports


def _find(file: DataFile) -> Path:
    """Return where the file is, or, if it is nowhere, where it should be."""
    for folder in _FOLDERS:
        if (folder / file.name).exists():
            return folder / file.name
    clone, installed = _FOLDERS
    return (installed if installed.is_dir() else clone) / file.name


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    return f"a file that cannot be read ({error.strerror or error})"


def _restore(file: DataFile, path: Path) -> list[str]:
    """Return the ways to bring a file back, the quickest first."""
    if path.parent == _FOLDERS[0]:
        ways = [f"git checkout -- data/{file.name}"]
        return ways if file.measured else [*ways, f"python -m {file.script}"]
    command = "pip install --force-reinstall --no-deps"
    return [f'{command} "{_distribution_address()}"']


def _distribution_address() -> str:
    """Return what pip installs the course from: the repository named in its metadata."""
    from importlib import metadata

    name = "from-tensor-to-resnet"
    with contextlib.suppress(metadata.PackageNotFoundError):
        for entry in metadata.metadata(name).get_all("Project-URL") or []:
            label, _, address = entry.partition(", ")
            if label == "Repository":
                return f"{name} @ git+{address}"
    return name


def _message(file: DataFile, path: Path, found: str) -> str:
    ways = _restore(file, path)
    if path.parent == _FOLDERS[0]:
        place = f"in {path.parent.parent}"
    else:
        place = "then restart the kernel"
    network = "    (needs a network)" if file.downloads else ""
    return "\n".join(
        [
            f"The data file {file.name} is missing or damaged.",
            f"  file:     {path}",
            f"  expected: {file.size} bytes, SHA-256 {file.sha256}",
            f"  found:    {found}",
            f"  restore:  {ways[0]}    ({place})",
            *(f"  or:       {way}{network}" for way in ways[1:]),
        ]
    )


def _load_full_mnist() -> Digits:
    """Load MNIST through Keras; Keras compares the SHA-256 of its cached file itself."""
    from keras.datasets import mnist

    before = _stamps(_keras_cache())
    try:
        with _socket_timeout(DOWNLOAD_TIMEOUT):
            return mnist.load_data()
    except Exception as error:  # Keras itself raises a plain Exception
        for path, stamp in _stamps(_keras_cache()).items():
            if stamp != before.get(path):  # written just now, and not what it should be
                with contextlib.suppress(OSError):
                    path.unlink()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            "The full MNIST cannot be loaded.\n"
            f"  file:     {_keras_cache()[0]}\n"
            "  expected: that file as Keras distributes it, or a network to download 11 MB\n"
            f"  found:    {reason}\n"
            "  restore:  try again with a network, or copy the file there from another machine;\n"
            "            load_digits() without full=True needs no network"
        ) from error


def _keras_cache() -> list[Path]:
    """Return the places where Keras may keep MNIST, the usual one first.

    Keras goes to the temporary folder if the usual place cannot be written to.
    """
    usual = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return [folder / "datasets" / "mnist.npz" for folder in (usual, Path("/tmp/.keras"))]


def _stamps(paths: list[Path]) -> dict[Path, tuple[int, int]]:
    stamps = {}
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.stat()
            stamps[path] = (status.st_size, status.st_mtime_ns)
    return stamps


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Let new sockets give up after so many seconds without an answer; Keras sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
