"""What lesson 19 builds is what ``sharing`` offers, and its claims can fail."""

import collections
import math

import numpy as np
import pytest

from course_utils.builders import sharing
from course_utils.data import load_posts
from course_utils.exercises import lesson_19
from course_utils.exercises.judging import judge
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


# ---------------------------------------------------------------- helper and lesson


@pytest.mark.parametrize("part", sharing.PARTS)
@pytest.mark.parametrize("name", ["digit_pairs", "post_pairs"])
def test_helper_and_lesson_make_the_same_pairs(lesson, name, part):
    for options in ({}, {"seed": 5}):
        (left, right), same = getattr(sharing, name)(60, part=part, **options)
        (other_left, other_right), other_same = lesson[name](60, part=part, **options)
        for ours, theirs in ((left, other_left), (right, other_right), (same, other_same)):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("length", [140, 56, 10])
def test_helper_and_lesson_encode_alike(lesson, length):
    posts = [*load_posts()[1][0], "", "x" * 150]
    ours = sharing.encode_posts(posts, length=length)
    np.testing.assert_array_equal(ours, lesson["encode_posts"](posts, length=length))
    np.testing.assert_array_equal(sharing.encode_posts(posts), lesson["encode_posts"](posts))


@pytest.mark.parametrize(
    ("builder", "options"),
    [
        ("build_digit_tower", {}),
        ("build_digit_tower", {"filters": (4,), "units": 3, "name": "small"}),
        ("build_lstm_encoder", {}),
        ("build_lstm_encoder", {"length": 9, "units": 3, "name": "small"}),
        ("build_fast_encoder", {}),
        ("build_fast_encoder", {"length": 9, "size": 3, "filters": 4, "width": 2}),
    ],
)
def test_helper_and_lesson_build_the_same_encoders(lesson, builder, options):
    ours, theirs = getattr(sharing, builder)(**options), lesson[builder](**options)
    assert (ours.name, ours.input_shape) == (theirs.name, theirs.input_shape)
    theirs.set_weights(ours.get_weights())
    x = np.random.default_rng(1).integers(0, 2, (3, *ours.input_shape[1:]))
    x = x.astype(ours.inputs[0].dtype)
    assert ours.inputs[0].dtype == theirs.inputs[0].dtype
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6)


@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("options", [{}, *({"head": head} for head in sharing.HEADS)])
def test_helper_and_lesson_build_the_same_siamese_model(lesson, options, twins):
    encoders = [sharing.build_fast_encoder(length=9, filters=4, name=name) for name in "ab"]
    encoders = encoders if twins else encoders[:1]
    ours = sharing.build_siamese(*encoders, **options)
    theirs = lesson["build_siamese"](*encoders, **options)
    theirs.set_weights(ours.get_weights())
    x = list(np.random.default_rng(1).integers(0, 128, (2, 5, 9)).astype("uint8"))
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6)
    assert [layer.name for layer in ours.layers if layer.name in sharing.OWN_NAMES] == [
        layer.name for layer in theirs.layers if layer.name in sharing.OWN_NAMES
    ]


def test_helper_and_lesson_list_the_same_calls(lesson):
    layer = layers.Dense(2)
    assert lesson["list_calls"](layer) == []
    outputs = [layer(keras.Input((3,))) for _ in range(3)]
    ours, theirs = sharing.list_calls(layer), lesson["list_calls"](layer)
    assert len(ours) == len(theirs) == 3
    for call, other, output in zip(ours, theirs, outputs, strict=True):
        assert call._fields == other._fields
        assert call.outputs[0] is other.outputs[0] is output
        assert call.inputs[0] is other.inputs[0]


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
