"""The script that makes the posts: its promises, checked on the file and on its parts."""

import collections
import csv
import hashlib
import itertools
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from course_utils import data
from tools.data import build_posts as build

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def rows():
    with open(ROOT / "data" / "posts.csv", newline="", encoding="ascii") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == build.COLUMNS
    return [(int(author), post) for author, post in rows]


def own_ways(rows):
    """Return, by author, the way that most of the posts have, for each habit."""
    ways = collections.defaultdict(list)
    for author, post in rows:
        ways[author].append(build.read_ways(post))
    return {author: np.mean(own, axis=0) > 0.5 for author, own in ways.items()}


# --- the file -------------------------------------------------------------------------------


def test_the_script_makes_the_file_byte_by_byte(tmp_path, capsys):
    target = tmp_path / "deep" / "posts.csv"
    assert build.main(["--output", str(target)]) == 0
    assert target.read_bytes() == (ROOT / "data" / "posts.csv").read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["posts.csv"]
    assert "best accuracy on pairs: 0.964" in capsys.readouterr().out


def test_the_script_runs_by_itself(tmp_path):
    target = tmp_path / "posts.csv"
    command = [sys.executable, "-m", "tools.data.build_posts", "--output", str(target)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(target.read_bytes()).hexdigest() == data.POSTS_FILE.sha256


def test_python_still_draws_the_same_numbers():
    rng = random.Random(build.SEED)
    drawn = [rng.random() for _ in range(3)]
    assert drawn == [0.9056396761745207, 0.6862541570267026, 0.7665092563626442]


def test_another_seed_makes_another_file():
    assert build.build(seed=21) != build.build()


def test_an_unexpected_result_is_not_written(tmp_path, monkeypatch, capsys):
    target = tmp_path / "posts.csv"
    target.write_bytes(b"as it was")
    monkeypatch.setattr(build, "build", lambda: b"something new")
    assert build.main(["--output", str(target)]) == 1
    assert "Nothing was written" in capsys.readouterr().err
    assert target.read_bytes() == b"as it was"


def test_numbers_lengths_and_characters(rows):
    counts = collections.Counter(author for author, _ in rows)
    assert counts == dict.fromkeys(range(72), 40)
    assert [author for author, _ in rows] == sorted(author for author, _ in rows)
    posts = [post for _, post in rows]
    assert len(set(posts)) == len(posts)
    assert all(post.isascii() and post.isprintable() for post in posts)
    assert (min(map(len, posts)), max(map(len, posts))) == (58, 67)


# --- habits ---------------------------------------------------------------------------------


def test_both_ways_of_a_habit_use_the_same_characters():
    words = ["mum", "sold", "bike", "20", "tell", "ben"]
    for ways in itertools.product((0, 1), repeat=8):
        post = build.compose(ways, words)
        assert sorted(post) == sorted(build.compose([0] * 8, words))
        assert build.read_ways(post) == list(ways)


@pytest.mark.parametrize("post", ["", "haha mum", "haha ahah today mum sold the bike"])
def test_what_is_no_post_has_no_ways(post):
    with pytest.raises(ValueError, match=r"^post: expected one of"):
        build.read_ways(post)


def test_words_give_no_sign_of_a_habit():
    for word in itertools.chain(*build.WORDS):
        for ways in build.HABITS.values():
            assert not any(way in word for way in ways)
    for words in build.WORDS:
        assert len(set(words)) == len(words)


def test_authors_keep_to_their_habits_as_often_as_stated(rows):
    own = own_ways(rows)
    kept = np.mean([build.read_ways(post) == own[author] for author, post in rows])
    assert abs(kept - build.KEPT) < 0.003  # 23,040 habits, standard deviation 0.001
    share = np.mean(list(own.values()))
    assert 0.4 < share < 0.6  # fair coins


def test_words_do_not_depend_on_the_author(rows):
    for word in ("bike", "piano", "sold", "made", "ask", "mum", "max"):
        share = [
            np.mean([word in post.split() for number, post in rows if number % 2 == half])
            for half in (0, 1)
        ]
        assert abs(share[0] - share[1]) < 0.04


# --- the best score -------------------------------------------------------------------------


def test_best_accuracy_is_that_of_simulated_pairs():
    rng = np.random.default_rng(3)
    count = 200_000
    same = rng.random(count) < 0.5
    first = rng.random((count, 8)) < 0.5
    second = np.where(same[:, None], first, rng.random((count, 8)) < 0.5)
    posts = [ways ^ (rng.random((count, 8)) >= build.KEPT) for ways in (first, second)]
    differences = np.sum(posts[0] != posts[1], axis=1)
    for most in range(9):
        measured = np.mean((differences <= most) == same)
        assert abs(measured - build.accuracy_of_reader(most)) < 0.005
    # The best answer for each number of differences by itself gives the same: it is the optimum.
    best = sum(
        max(np.sum(same[differences == d]), np.sum(~same[differences == d])) for d in range(9)
    )
    assert abs(best / count - build.best_accuracy()) < 0.005


def test_the_best_reader_on_the_file(rows):
    for part in (range(60), range(60, 72)):
        ways = np.array([build.read_ways(post) for author, post in rows if author in part])
        authors = np.array([author for author, _ in rows if author in part])
        differences = np.sum(ways[:, None] != ways, axis=2)
        one = authors[:, None] == authors
        others = ~np.eye(len(ways), dtype=bool)
        right = (np.mean(differences[one & others] <= 1) + np.mean(differences[~one] > 1)) / 2
        assert abs(right - build.best_accuracy()) < 0.03


def test_the_score_stands_beside_the_data():
    page = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert f"right in {build.best_accuracy():.3f} of them" in page
    assert f"{build.best_accuracy():.3f}" in build.__doc__


def test_counts_of_characters_do_not_tell_authors_apart(rows):
    """Posts by one author are no more alike in their counts than posts by different ones."""
    authors = np.array([author for author, _ in rows])
    counts = np.array([np.bincount(list(post.encode()), minlength=128) for _, post in rows])
    rng = np.random.default_rng(4)
    first = rng.integers(0, len(rows), 40_000)
    other = rng.integers(1, 40, len(first))
    alike = authors[first] * 40 + (first % 40 + other) % 40
    unlike = (first + 40 * rng.integers(1, 72, len(first))) % len(rows)
    assert np.array_equal(authors[first], authors[alike])
    assert not np.any(authors[first] == authors[unlike])
    gaps = [np.abs(counts[first] - counts[second]).sum(axis=1) for second in (alike, unlike)]
    threshold = np.median(np.concatenate(gaps))
    right = (np.mean(gaps[0] <= threshold) + np.mean(gaps[1] > threshold)) / 2
    assert abs(right - 0.5) < 0.05
