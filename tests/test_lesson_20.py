"""What lesson 20 builds is as it says, and its claims can fail."""

import collections
import math

import numpy as np
import pytest

from course_utils.data import load_posts
from course_utils.exercises import lesson_20
from course_utils.session import import_tensorflow
from tools.data import build_posts
from tools.lesson_code import lesson_parts
from tools.seeds import lesson_20 as seeds

tf = import_tensorflow()

PARTS = ("train", "test")
READ_IN_THE_LESSON = (
    "laugh",
    "article",
    "price",
    "comma",
    "apostrophe",
    "marks",
    "when",
    "please",
)


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("20", "SIGNS")


def test_posts_are_aligned_right_and_cut_left(lesson):
    codes = lesson["encode_posts"](["ab", "abcdef", ""], length=4)
    assert codes.tolist() == [[0, 0, 97, 98], [99, 100, 101, 102], [0, 0, 0, 0]]


@pytest.mark.parametrize("part", PARTS)
def test_post_pairs_come_from_their_part(lesson, part):
    (left, right), same = lesson["post_pairs"](300, part=part, length=67, seed=3)
    assert left.shape == right.shape == (300, 67) and same.mean() == 0.5
    posts, authors = load_posts()[PARTS.index(part)]
    known = dict(zip(posts.tolist(), authors.tolist(), strict=True))
    texts = [["".join(map(chr, row[row > 0])) for row in side] for side in (left, right)]
    found = np.array([[known[text] for text in side] for side in texts])
    assert np.array_equal(found[0] == found[1], same == 1)
    assert not any(one == two for one, two in zip(*texts, strict=True))


def test_the_lessons_reader_is_that_of_the_script(lesson):
    for posts, _ in load_posts():
        for post in posts[::7]:
            ways = dict(zip(build_posts.HABITS, build_posts.read_ways(post), strict=True))
            assert lesson["habits"](post).tolist() == [ways[name] for name in READ_IN_THE_LESSON]


def test_one_difference_is_where_the_best_reader_draws_the_line():
    """20.1 asks for the rule whose accuracy is the best possible one."""
    assert build_posts.accuracy_of_reader(1) == build_posts.best_accuracy()


def test_the_convolution_looks_at_all_places(lesson):
    """A pattern gives the same vector wherever it is in the post."""
    encoder = lesson["build_fast_encoder"](length=20, filters=6)
    posts = np.zeros((3, 20), np.uint8)
    for row, place in enumerate((4, 9, 13)):
        posts[row, place : place + 3] = [104, 97, 63]
    vectors = encoder(posts).numpy()
    np.testing.assert_allclose(vectors, np.repeat(vectors[:1], 3, axis=0), atol=1e-6)
    assert len(set(map(tuple, lesson["build_lstm_encoder"](length=20)(posts).numpy().round(4)))) > 1


def test_each_claim_about_training_can_fail():
    for name, holds in seeds.CLAIMS.items():
        assert not holds(collections.defaultdict(lambda: math.nan)), name


def test_each_wrong_name_is_given_by_one_mistake_alone():
    """The vectors of 20.2 tell its mistakes apart."""
    known, authors = lesson_20.KNOWN[lesson_20.MIXED], lesson_20.AUTHORS[lesson_20.MIXED]
    answers = [
        tuple(function(known, authors, vector) for vector, _ in lesson_20.ASKED)
        for function in (lesson_20.name_author, *[mistake for mistake, _ in lesson_20.MISTAKES])
    ]
    assert answers[0] == tuple(author for _, author in lesson_20.ASKED)
    assert len(set(answers)) == len(answers)
