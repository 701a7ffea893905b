"""The generator of data/headlines.csv: same bytes everywhere, and a rule that says what it says."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from course_utils import data
from tools.data import build_headlines as build

ROOT = Path(__file__).resolve().parents[1]
HEADLINES = ROOT / "data" / "headlines.csv"


@pytest.fixture(scope="module")
def rows():
    names, *lines = HEADLINES.read_text(encoding="ascii").splitlines()
    assert names == build.COLUMNS
    return [line.split(",") for line in lines]


def test_the_file_is_what_the_script_makes():
    assert build.build() == HEADLINES.read_bytes()


def test_a_fresh_process_makes_the_same(tmp_path):
    target = tmp_path / "new" / "headlines.csv"
    command = [sys.executable, "-m", "tools.data.build_headlines", "--output", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == HEADLINES.read_bytes()
    assert [path.name for path in target.parent.iterdir()] == ["headlines.csv"]
    assert data.HEADLINES_FILE.sha256 in done.stdout


def test_only_the_promised_method_of_the_generator_is_used(monkeypatch):
    """Python promises the same numbers in all versions for ``random`` alone."""

    real = random.Random

    class OnlyRandom:
        def __init__(self, seed):
            self.random = real(seed).random

    monkeypatch.setattr(build.random, "Random", OnlyRandom)
    content = HEADLINES.read_bytes()
    assert content.startswith(build.build(rows=200))


def test_another_seed_makes_another_file():
    assert build.build(seed=12, rows=20) != build.build(rows=20)


def test_grammar(rows):
    headlines = [row[0] for row in rows]
    assert len(headlines) == build.ROWS == len(set(headlines))
    assert max(len(headline.split()) for headline in headlines) == 12
    assert min(len(headline.split()) for headline in headlines) == 3
    for headline in headlines:
        parts = build.parse(headline)
        assert build.TOPIC_OF[parts["subject"]] == build.TOPIC_OF[parts["object"]]
        assert parts["subject"] != parts["object"]
        words = " ".join(part for part in parts.values() if part)
        assert words == headline.lower()
    never = sum(" never " in headline for headline in headlines) / len(headlines)
    assert abs(never - build.NEVER) < 0.02


def test_context_is_spread_evenly(rows):
    for column, count in ((1, 24), (2, 7)):
        values = [int(row[column]) for row in rows]
        assert set(values) == set(range(count))
        assert all(abs(values.count(v) * count / len(rows) - 1) < 0.3 for v in range(count))


@pytest.mark.parametrize(
    "headline",
    ["", "Kitten", "Kitten praises", "Kitten praises otter loudly", "Dragon praises otter"],
)
def test_other_sentences_are_refused(headline):
    with pytest.raises(ValueError, match=r"^headline: expected"):
        build.parse(headline)


def test_expected_columns_follow_from_the_rule(rows):
    for headline, hour, weekday, _, _, *stored in rows:
        rule = build.expected(headline, int(hour), int(weekday))
        assert [f"{value:.2f}" for value in rule] == stored


def test_rule_by_hand():
    # kitten 1.0, otter 0.9, tiny 0.5, hostile: 2 + (0.5 + 1.0 - 0.63) + 0.4 (12 h) - 0.6 (day)
    reposts, likes = build.expected("Tiny kitten chases otter", 12, 0)
    assert likes == pytest.approx(3.87)
    assert reposts == pytest.approx(2.67)


def test_order_never_and_time_matter():
    def likes(text, hour=0, weekday=0):
        return build.expected(text, hour, weekday)[1]

    def reposts(text, hour, weekday):
        return build.expected(text, hour, weekday)[0]

    assert likes("Kitten chases mosquito") != likes("Mosquito chases kitten")
    assert likes("Kitten never chases otter") == likes("Kitten praises otter")
    assert likes("Kitten never praises otter") == likes("Kitten chases otter")
    for hour in range(24):
        for weekday in range(7):
            assert likes("Boxer thanks coach", hour, weekday) == likes("Boxer thanks coach")
    sport, food = "Boxer thanks coach", "Soup thanks cheese"
    assert reposts(sport, 9, 6) - reposts(sport, 9, 1) == pytest.approx(2.1)
    assert reposts(food, 9, 6) - reposts(food, 9, 1) == pytest.approx(0.0)


def test_noise_has_the_variance_that_is_said(rows):
    for place, spread in ((0, build.REPOSTS_NOISE), (1, build.LIKES_NOISE)):
        noise = [float(row[3 + place]) - float(row[5 + place]) for row in rows]
        variance = sum(value**2 for value in noise) / len(noise)
        assert variance == pytest.approx(spread**2, rel=0.05)
        assert abs(sum(noise)) / len(noise) < 0.02


def test_readme_says_the_floors_and_the_means(rows):
    text = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    (paragraph,) = [part for part in text.split("\n\n") if part.startswith("**Headlines: the best")]
    paragraph = " ".join(paragraph.split())
    floors = build.floors(HEADLINES.read_bytes())
    assert set(floors) == {"reposts", "likes"}
    assert f"{floors['reposts']:.3f} (reposts) and {floors['likes']:.3f} (likes)" in paragraph
    train, test = data.load_headlines()
    means = [((test[name] - train[name].mean()) ** 2).mean() for name in floors]
    assert f"has {means[0]:.3f} and {means[1]:.3f}" in paragraph
    variances = [build.REPOSTS_NOISE**2, build.LIKES_NOISE**2]
    assert f"variance {variances[0]:.2f} for the reposts and {variances[1]:.2f}" in paragraph


def test_an_unexpected_result_is_not_written(tmp_path, monkeypatch, capsys):
    target = tmp_path / "headlines.csv"
    target.write_bytes(b"as it was")
    monkeypatch.setattr(build, "SEED", 12)
    monkeypatch.setattr(build, "build", lambda: b"something new")
    assert build.main(["--output", str(target)]) == 1
    message = capsys.readouterr().err
    digest = hashlib.sha256(b"something new").hexdigest()
    assert f"Built 13 bytes with SHA-256 {digest}" in message
    assert "course_utils/data.py" in message
    assert target.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [target]
