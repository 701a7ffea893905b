"""What lesson 19 builds is as it says, and its claims can fail."""

import collections
import math

import numpy as np
import pytest

from course_utils.builders.siamese import build_siamese
from course_utils.data import load_digits, load_results
from course_utils.exercises import lesson_19
from course_utils.exercises.judging import judge
from course_utils.keras_private import list_calls
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code
from tools.seeds import lesson_19 as seeds

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

BUILT = (
    "digit_pairs",
    "build_digit_tower",
    "build_siamese",
    "list_calls",
)


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("19", *BUILT)


# ---------------------------------------------------------------- pairs and networks

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


def encoder(name):
    return keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="tanh")], name=name)


@pytest.mark.parametrize("make", ["lesson", "helper"])
@pytest.mark.parametrize("twins", [False, True])
@pytest.mark.parametrize("head", seeds.HEADS)
def test_a_two_sided_network_is_its_parts(lesson, head, twins, make):
    encoders = [encoder(name) for name in "ab"]
    build = lesson["build_siamese"] if make == "lesson" else build_siamese
    model = build(*encoders[: 1 + twins], head=head, hidden=5)
    x = list(np.random.default_rng(1).normal(size=(2, 5, 6)).astype("float32"))
    left, right = encoders[0](x[0]), encoders[twins](x[1])
    joined = tf.concat([left, right], 1)
    same = model.get_layer("same")
    hidden = model.get_layer("hidden") if head == "hidden" else None
    inside = {"difference": abs(left - right), "joined": joined}.get(head)
    expected = same(hidden(joined) if inside is None else inside)
    np.testing.assert_allclose(model(x), expected, rtol=1e-5)
    assert len(model.weights) == 2 * (1 + twins) + 2 + 2 * (head == "hidden")
    if head == "difference" and not twins:
        np.testing.assert_allclose(model(x), model(x[::-1]), rtol=1e-5)


@pytest.mark.parametrize(("wrong", "says"), [({"head": "sum"}, "head"), ({"hidden": 0}, "hidden")])
def test_a_wrong_head_is_named(wrong, says):
    with pytest.raises(ValueError, match=f"^{says}: expected"):
        build_siamese(encoder("one"), **wrong)


def test_helper_and_lesson_list_the_same_calls(lesson):
    layer = layers.Dense(2)
    assert lesson["list_calls"](layer) == list_calls(layer) == []
    outputs = [layer(keras.Input((3,))) for _ in range(3)]
    ours, theirs = list_calls(layer), lesson["list_calls"](layer)
    assert len(ours) == len(theirs) == 3
    for call, other, output in zip(ours, theirs, outputs, strict=True):
        assert call is other and call.output_tensors[0] is output


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


def test_stored_runs_say_what_the_lesson_says_of_them():
    """After two epochs every run of twins is behind every run of a shared tower."""
    runs = {kind: np.array(runs) for kind, runs in load_results("19")["runs"].items()}
    assert {kind: run.shape for kind, run in runs.items()} == {"shared": (5, 4), "twins": (5, 4)}
    assert runs["twins"][:, 1].max() < runs["shared"][:, 1].min()


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
