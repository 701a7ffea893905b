"""What lesson 19 builds is as it says, and its claims can fail."""

import collections
import math

import numpy as np
import pytest

from course_utils.data import load_digits, load_posts
from course_utils.exercises import lesson_19
from course_utils.exercises.judging import judge
from course_utils.keras_private import list_calls
from course_utils.session import import_tensorflow
from tools.data import build_posts
from tools.lesson_code import lesson_code
from tools.seeds import lesson_19 as seeds

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

BUILT = (
    "digit_pairs",
    "build_digit_tower",
    "build_siamese",
    "encode_posts",
    "post_pairs",
    "build_lstm_encoder",
    "build_fast_encoder",
    "LayerCall",
    "list_calls",
    "habits",
    "SIGNS",
)


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("19", *BUILT)


# ---------------------------------------------------------------- pairs, encoders, networks

PARTS = ("train", "test")


def numbers_of(pictures, part):
    """Return the labels of pictures that come from one part of the digits."""
    images, labels = load_digits()[PARTS.index(part)]
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    grey = np.rint(pictures[..., 0] * 255).astype(np.uint8)
    return np.array([known[image.tobytes()] for image in grey])


@pytest.mark.parametrize("part", PARTS)
def test_digit_pairs_are_balanced_and_come_from_their_part(lesson, part):
    (left, right), same = lesson["digit_pairs"](360, part=part, seed=3)
    numbers = numbers_of(left, part), numbers_of(right, part)  # a KeyError: from the other part
    assert np.array_equal(numbers[0] == numbers[1], same == 1)
    for side in numbers:
        for answer in (0, 1):
            assert np.bincount(side[same == answer]).tolist() == [18] * 10
    other = set(zip(*(n[same == 0].tolist() for n in numbers), strict=True))
    assert len(other) == 90  # each number meets each other one
    assert not np.any(np.all(left == right, axis=(1, 2, 3)))
    _, same = lesson["digit_pairs"](1800, part=part, seed=1)
    assert all(0.4 < few.mean() < 0.6 for few in same.reshape(6, 300))  # in no order


def test_posts_are_aligned_right_and_cut_left(lesson):
    codes = lesson["encode_posts"](["ab", "abcdef", ""], length=4)
    assert codes.tolist() == [[0, 0, 97, 98], [99, 100, 101, 102], [0, 0, 0, 0]]


@pytest.mark.parametrize("part", PARTS)
def test_post_pairs_come_from_their_part(lesson, part):
    (left, right), same = lesson["post_pairs"](300, part=part, length=56, seed=3)
    assert left.shape == right.shape == (300, 56) and same.mean() == 0.5
    posts, authors = load_posts()[PARTS.index(part)]
    known = dict(zip(posts.tolist(), authors.tolist(), strict=True))
    texts = [["".join(map(chr, row[row > 0])) for row in side] for side in (left, right)]
    found = np.array([[known[text] for text in side] for side in texts])
    assert np.array_equal(found[0] == found[1], same == 1)
    assert not any(one == two for one, two in zip(*texts, strict=True))


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("head", seeds.HEADS)
def test_a_two_sided_network_is_its_parts(lesson, head, twins):
    encoders = [lesson["build_fast_encoder"](length=9, filters=4, name=name) for name in "ab"]
    model = lesson["build_siamese"](*encoders[: 1 + twins], head=head, hidden=5)
    x = list(np.random.default_rng(1).integers(0, 128, (2, 5, 9)).astype("uint8"))
    left, right = encoders[0](x[0]), encoders[twins](x[1])
    joined = tf.concat([left, right], 1)
    same = model.get_layer("same")
    hidden = model.get_layer("hidden") if head == "hidden" else None
    inside = {"difference": abs(left - right), "joined": joined}.get(head)
    expected = same(hidden(joined) if inside is None else inside)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5)
    if head == "difference" and not twins:
        np.testing.assert_allclose(model(x), model(x[::-1]), rtol=1e-5)


def test_helper_and_lesson_list_the_same_calls(lesson):
    layer = layers.Dense(2)
    assert lesson["list_calls"](layer) == list_calls(layer) == []
    outputs = [layer(keras.Input((3,))) for _ in range(3)]
    ours, theirs = list_calls(layer), lesson["list_calls"](layer)
    assert len(ours) == len(theirs) == 3
    for call, other, output in zip(ours, theirs, outputs, strict=True):
        assert call.output_tensors[0] is other.outputs[0] is output
        assert call.input_tensors[0] is other.inputs[0]


def test_the_lessons_reader_is_that_of_the_script(lesson):
    for posts, _ in load_posts():
        for post in posts[::7]:
            assert [int(way) for way in lesson["habits"](post)] == [
                dict(zip(build_posts.HABITS, build_posts.read_ways(post), strict=True))[name]
                for name in READ_IN_THE_LESSON
            ]


READ_IN_THE_LESSON = (
    "capital",
    "article",
    "comma",
    "apostrophe",
    "now",
    "marks",
    "face",
    "close",
)


# ---------------------------------------------------------------- what the lesson promises


def test_each_claim_about_training_can_fail():
    for name, holds in seeds.CLAIMS.items():
        assert not holds(collections.defaultdict(lambda: math.nan)), name


def test_no_sum_of_two_sides_loses_less_than_a_coin():
    """The lesson's second line of algebra, for scores of every size."""
    rng = np.random.default_rng(1)
    g, h = rng.normal(size=(2, 1000, 2)) * 10 ** rng.uniform(-3, 3, (1, 1000, 1))
    losses = [
        np.logaddexp(0, -(g[:, 0] + h[:, 0])),
        np.logaddexp(0, -(g[:, 1] + h[:, 1])),
        np.logaddexp(0, g[:, 0] + h[:, 1]),
        np.logaddexp(0, g[:, 1] + h[:, 0]),
    ]
    assert np.min(np.mean(losses, axis=0)) >= math.log(2) - 1e-12
    assert np.min(np.mean(losses, axis=0)) < math.log(2) + 1e-3


# ---------------------------------------------------------------- exercises

EXERCISES = {exercise.id: exercise for exercise in lesson_19.EXERCISES}


@pytest.mark.parametrize("calls", lesson_19.COUNTED)
def test_count_reference_is_keras(calls):
    made, outputs, inputs = {}, [], []
    for name, size, units in calls:
        inputs.append(keras.Input((size,)))
        layer = made.setdefault(name, layers.Dense(units))
        outputs.append(layer(inputs[-1]))
    assert lesson_19.count_parameters(calls) == keras.Model(inputs, outputs).count_params()


def test_proofs_are_right_about_what_the_check_builds():
    for make, truth, _, _ in lesson_19.PROVED:
        assert lesson_19.is_shared(make()) == truth


@pytest.mark.parametrize("seed", range(5))
def test_answers_are_judged_alike_whatever_is_drawn(seed):
    for exercise in lesson_19.EXERCISES[1:]:
        keras.utils.set_random_seed(seed)
        assert judge(exercise, exercise.reference).status == "Correct."
        for wrong in exercise.wrong:
            assert wrong.says in judge(exercise, wrong.answer).message
