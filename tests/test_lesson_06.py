"""The claims of lesson 06 hold beyond its own numbers, and its exercises are what they say."""

import re

import numpy as np
import pytest

from course_utils.exercises import lesson_06
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()


# ---------------------------------------------------------------- the root of zero


@pytest.fixture(scope="module")
def lesson():
    return lesson_code(
        "06", "slope_at", "lengths", "draw_together", "optimizer", "require_gradients"
    )


@pytest.mark.parametrize("point", [[0.0], [3.0, 4.0], [-1.5, 2.0, 1e-3]])
def test_every_way_to_a_length_has_no_slope_at_zero(lesson, point):
    lesson["point"] = tf.constant(point)
    for name, length in lesson["lengths"].items():
        assert float(length(tf.constant(point))) == 0.0
        assert np.isnan(lesson["slope_at"](length, point)).all(), name


def losses(draw_together, distance, capsys):
    """Return the three losses that the lesson's training prints."""
    capsys.readouterr()
    draw_together(distance)
    return [float(loss) for loss in re.findall(r"loss ([\d.]+|nan)", capsys.readouterr().out)]


@pytest.mark.parametrize(
    "distance",
    [lesson_06.safe_distance.reference, *lesson_06.safe_distance.right],
    ids=lambda distance: distance.__name__,
)
@pytest.mark.parametrize("seed", range(3))
def test_a_right_distance_repairs_the_training(lesson, distance, seed, capsys):
    start = np.random.default_rng(seed).normal(scale=0.05, size=(784, 2))
    lesson["start"] = start.astype(np.float32)
    first, second, third = losses(lesson["draw_together"], distance, capsys)
    assert third < second < first


@pytest.mark.parametrize("row", range(8))
def test_one_equal_pair_anywhere_in_the_batch_makes_every_weight_nan(lesson, row, capsys):
    pairs = np.random.default_rng(row).uniform(size=(2, 8, 784)).astype(np.float32)
    pairs[1, row] = pairs[0, row]
    lesson["pairs"] = pairs
    first, *others = losses(lesson["draw_together"], lesson_06.distance_plain, capsys)
    assert np.isfinite(first) and np.isnan(others).all()


def test_gradients_that_are_all_there_pass_through(lesson):
    gradients = {"w": tf.constant(1.0), "b": tf.constant(0.0)}
    assert lesson["require_gradients"](gradients) is gradients


# ---------------------------------------------------------------- finding the line


def test_the_search_stops_at_the_broken_line_wherever_it_is(capsys):
    show_slopes = lesson_code("06", "show_slopes")["show_slopes"]
    breaks = {"None": tf.round, "0.0": lambda x: 0.0 * x, "nan": lambda x: (x - x) ** 0.5}
    for says, broken in breaks.items():
        for place in range(4):
            w, results = tf.Variable(2.0), {}
            with tf.GradientTape(persistent=True) as tape:
                value = w
                for line in range(4):
                    value = broken(value) if line == place else 3.0 * value
                    results[f"line {line}"] = value
            capsys.readouterr()
            show_slopes(tape, results, w)
            answers = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
            assert answers[place] == says
            assert says not in answers[:place]


# ---------------------------------------------------------------- exercise 06.1

HARMLESS = {
    3: "        x = tf.constant(images.numpy() / 255.0, tf.float32)",
    5: "        scale = tf.constant(28.0)",
    7: "        history.append(0.0)",
    8: "        guesses = scores",
    10: "        importance = tf.where(labels > 4.0, 2.0, 1.0)",
}


def run_program(replaced=()):
    """Run the program of exercise 06.1 with some of its lines replaced; return the gradient."""
    lines = lesson_06.PROGRAM.splitlines()
    for number in replaced:
        assert lines[number - 1] != HARMLESS[number]
        lines[number - 1] = HARMLESS[number]
    namespace = {"tf": tf, "np": np}
    exec("\n".join(lines), namespace)
    rng = np.random.default_rng(0)
    w = tf.Variable(rng.normal(size=784).astype(np.float32) * 5)
    images = tf.constant(rng.integers(0, 256, size=(6, 28, 28)), tf.uint8)
    labels = tf.constant([0.0, 1.0, 2.0, 5.0, 7.0, 9.0])
    return namespace["training_gradient"](w, images, labels, [])


def test_the_program_of_the_exercise_returns_none_because_of_that_line_alone():
    suspicious = set(HARMLESS)
    assert run_program() is None
    assert run_program(suspicious - {lesson_06.GUILTY}) is None
    gradient = run_program([lesson_06.GUILTY])
    assert gradient.shape == (784,) and np.abs(gradient).max() > 0
    np.testing.assert_allclose(run_program(suspicious), gradient, rtol=1e-3, atol=1e-4)


def test_every_line_of_the_program_has_its_answer():
    count = len(lesson_06.PROGRAM.splitlines())
    assert sorted([*lesson_06.INNOCENT, lesson_06.GUILTY]) == list(range(1, count + 1))


# ---------------------------------------------------------------- exercise 06.2


def test_the_check_asks_the_compiler_too():
    """Otherwise a root that is protected from outside would pass unseen."""
    twins = lesson_06.B.copy()
    twins[lesson_06.EQUAL] = lesson_06.A[lesson_06.EQUAL]
    compiled = lesson_06.compiled_slopes(lesson_06.distance, lesson_06.A, twins)
    assert np.isfinite(compiled).all()
    outside = lesson_06.distance_where_on_top
    assert np.isnan(lesson_06.compiled_slopes(outside, lesson_06.A, twins)[lesson_06.EQUAL]).all()


def test_what_cannot_be_compiled_is_judged_as_it_runs():
    def by_numpy(a, b):
        return tf.numpy_function(lambda a, b: np.linalg.norm(a - b, axis=1), [a, b], tf.float32)

    assert lesson_06.compiled_slopes(by_numpy, lesson_06.A, lesson_06.B) is None
