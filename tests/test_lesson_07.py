"""The tape that lesson 07 builds is right, and so are its drawn numbers."""

import linecache
import logging
import re

import nbformat
import numpy as np
import pytest

from course_utils.exercises import lesson_07
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code, lesson_parts

tf = import_tensorflow()

NOTEBOOK = find_lesson("07")
CELLS = nbformat.read(NOTEBOOK, as_version=4).cells


@pytest.fixture(scope="module", autouse=True)
def sources():
    """Let AutoGraph read the source of the cells, as it does in a notebook."""
    for cell in CELLS:
        name = f"{NOTEBOOK.name}:{cell.id}"
        lines = cell.source.splitlines(keepends=True)
        linecache.cache[name] = (len(cell.source), None, lines, name)


@pytest.fixture(scope="module")
def lesson():
    names = ("Node", "sum_to_shape", "SmallTape", "train_x", "start_weights")
    return lesson_code("07", *names)


# ---------------------------------------------------------------- the tape, against TensorFlow's

COMPUTATIONS = {
    "a value used twice": (lambda tape, a, b: tape.multiply(tape.add(a, b), b), [(), ()]),
    "a scalar and a matrix": (lambda tape, a, b: tape.multiply(a, tape.add(b, a)), [(), (2, 3)]),
    "a bias": (lambda tape, x, b: tape.relu(tape.add(x, b)), [(5, 3), (3,)]),
    "a column and a row": (lambda tape, a, b: tape.multiply(a, b), [(4, 1), (1, 3)]),
    "three axes": (lambda tape, a, b: tape.add(a, tape.multiply(a, b)), [(4, 2, 3), (2, 1)]),
    "products of matrices": (
        lambda tape, a, b: tape.sum(tape.matmul(tape.matmul(a, b), a)),
        [(2, 3), (3, 2)],
    ),
    "no path": (lambda tape, a, b: tape.sum(tape.relu(a)), [(3,), (3,)]),
}


def by_tensorflow(compute, values):
    """Return value and gradients of a computation with operations of TensorFlow's tape."""

    class Operations:
        add, multiply, matmul = tf.add, tf.multiply, tf.matmul
        relu, sum = tf.nn.relu, tf.reduce_sum

    variables = [tf.Variable(value) for value in values]
    with tf.GradientTape() as tape:
        target = compute(Operations, *variables)
    return target, tape.gradient(target, variables)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", COMPUTATIONS)
def test_values_and_gradients_are_those_of_tensorflow(lesson, name, dtype):
    compute, shapes = COMPUTATIONS[name]
    rng = np.random.default_rng(7)
    values = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    tape, nodes = lesson["SmallTape"](), [lesson["Node"](value) for value in values]
    target = compute(tape, *nodes)
    expected, theirs = by_tensorflow(compute, values)
    assert target.value.dtype == dtype
    np.testing.assert_allclose(target.value, expected, rtol=1e-4)
    ours = tape.gradient(target, nodes)
    for our, their, value in zip(ours, theirs, values, strict=True):
        assert (our is None) == (their is None)
        if our is not None:
            assert np.dtype(our.dtype) == dtype and np.shape(our) == value.shape
            np.testing.assert_allclose(our, their, rtol=1e-4)
    assert (ours[1] is None) == (name == "no path")


@pytest.mark.parametrize("shape", [(), (3,), (1,), (2, 3), (1, 3), (2, 1), (5, 2, 3), (5, 1, 1)])
def test_a_gradient_is_summed_back_to_any_shape(lesson, shape):
    gradient = np.random.default_rng(0).normal(size=(5, 2, 3))
    ours = lesson["sum_to_shape"](gradient, shape)
    start = tf.zeros(shape, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(start)
        stretched = tf.broadcast_to(start, gradient.shape)
    assert ours.shape == shape
    np.testing.assert_allclose(ours, tape.gradient(stretched, start, gradient))


@pytest.mark.parametrize("seed", range(3))
def test_same_gradients_as_tensorflow_for_the_network(lesson, seed):
    weights = lesson["start_weights"](np.random.default_rng(seed))
    x, y = lesson["train_x"][:50], lesson["train_y"][:50]
    tape, nodes = lesson["SmallTape"](), [lesson["Node"](weight) for weight in weights]
    loss = lesson["loss_on_small_tape"](tape, x, y, *nodes)
    ours = tape.gradient(loss, nodes)
    variables = [tf.Variable(weight) for weight in weights]
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        outputs = tf.nn.relu(x @ w1 + b1) @ w2 + b2
        tensorflow_loss = tf.reduce_mean(tf.reduce_sum((outputs - y) ** 2, axis=1))
    assert float(loss.value) == pytest.approx(float(tensorflow_loss), rel=1e-4)
    for our, gradient in zip(ours, tape.gradient(tensorflow_loss, variables), strict=True):
        assert np.abs(our - gradient).max() < 1e-4 * np.abs(gradient).max()


def test_the_tape_of_the_exercise_is_that_of_the_lesson(lesson):
    a = np.array([0.5, 2.0])
    found = []
    for names in (lesson, vars(lesson_07)):
        tape, nodes = names["SmallTape"](), [names["Node"](a), names["Node"](3 * a)]
        target = tape.multiply(tape.multiply(*nodes), nodes[0])
        found.append([target.value, *tape.gradient(target, nodes)])
    np.testing.assert_array_equal(*found)


def test_the_tape_has_some_50_lines():
    starts = ("class Node:", "def sum_to_shape(", "class SmallTape:")
    sources = [cell.source for cell in CELLS if cell.source.startswith(starts)]
    assert len(sources) == 3
    lines = [source.split("\n\n\nprint(")[0].count("\n") + 1 for source in sources]
    assert 45 <= sum(lines) <= 55
    assert any("some 50 lines" in cell.source for cell in CELLS)


# ---------------------------------------------------------------- the first diagram


def last_number(text):
    return float(re.findall(r"-?\d+(?:\.\d+)?", text)[-1])


def test_the_drawn_numbers_are_right(lesson):
    drawn = lesson_code("07", "nodes", "edges")
    numbers = {name: last_number(node["label"]) for name, node in drawn["nodes"].items()}
    tape = lesson["SmallTape"]()
    made = {name: lesson["Node"](numbers[name]) for name in ("a", "b")}
    made["u"] = tape.add(made["a"], made["b"])
    made["y"] = tape.multiply(made["u"], made["b"])
    assert numbers == {name: float(node.value) for name, node in made.items()}

    names = list(made)
    gradients = dict(zip(names, tape.gradient(made["y"], list(made.values())), strict=True))
    for name, node in drawn["nodes"].items():
        assert last_number(node["note"]) == float(gradients[name]), name

    by_node = {node: name for name, node in made.items()}
    shares = {
        (by_node[source], by_node[result]): float(pullback(gradients[by_node[result]]))
        for result, inputs in tape.notes
        for source, pullback in inputs
    }
    assert {(a, b): last_number(label) for a, b, label in drawn["edges"]} == shares
    # What arrives at a node is the sum of what its note says.
    total = drawn["nodes"]["b"]["note"].removeprefix("gradient ").split(" = ")[0]
    assert sorted(map(float, total.split(" + "))) == sorted(
        share for (source, _), share in shares.items() if source == "b"
    )


def test_exercise_1_is_right(lesson):
    tape, a, b = lesson["SmallTape"](), lesson["Node"](2.0), lesson["Node"](3.0)
    u = tape.multiply(a, b)
    v = tape.add(u, a)
    y = tape.multiply(v, v)
    found = dict(zip("vuba", tape.gradient(y, [v, u, b, a]), strict=True))
    assert {name: float(value) for name, value in found.items()} == lesson_07.BY_HAND
    assert (float(u.value), float(v.value), float(y.value)) == (6.0, 8.0, 64.0)


# ---------------------------------------------------------------- claims beyond the notebook


@pytest.fixture(scope="module")
def modes():
    return lesson_code("07", "chain")


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_reverse_is_one_pass_and_forward_one_an_input(modes, size, monkeypatch):
    passes = []
    one_pass = modes["slope_along"]

    def counted(x, direction):
        passes.append(direction.numpy().tolist())
        return one_pass(x, direction)

    monkeypatch.setitem(modes, "slope_along", counted)
    x = tf.constant(np.linspace(-1, 1, size), tf.float32)
    forward = modes["gradient_by_forward"](x)
    assert passes == np.eye(size).tolist()
    np.testing.assert_allclose(forward, modes["gradient_by_reverse"](x), atol=1e-5)
    assert one_pass.experimental_get_tracing_count() == 1
    assert modes["gradient_by_reverse"].experimental_get_tracing_count() == 1


@pytest.fixture(scope="module")
def valley():
    return lesson_parts("07", only=("rosenbrock", "slope_and_curvature", "newton", "descend"))


@pytest.mark.parametrize("point", [(1.0, 1.0), (-1.2, 1.0), (0.3, -2.0)])
def test_slope_and_curvature_of_the_valley(valley, point):
    slope, hessian = valley["slope_and_curvature"](tf.constant(point, tf.float64))
    x, y = point
    expected = [-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)]
    curvature = [[2 - 400 * y + 1200 * x**2, -400 * x], [-400 * x, 200]]
    np.testing.assert_allclose(slope, expected, atol=1e-9)
    np.testing.assert_allclose(hessian, curvature, atol=1e-9)


def test_eager_jacobians_trace_at_each_call_and_compiled_ones_do_not():
    lesson = lesson_code("07", "jacobian_of_product_and_sum")
    compiled = lesson["jacobian_of_product_and_sum"]
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger, level = tf.get_logger(), tf.get_logger().level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    try:
        for _ in range(8):
            compiled(tf.constant([3.0, 5.0]))
        assert messages == [] and compiled.experimental_get_tracing_count() == 1
        for _ in range(8):
            compiled.python_function(tf.constant([3.0, 5.0]))
        assert "pfor" in messages[0] and "triggered tf.function retracing" in messages[0]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_newton_arrives_from_other_starts_too(valley):
    for start in ((-1.2, 1.0), (0.0, 0.0), (2.0, -1.0), (-2.0, 3.0)):
        point = tf.constant(start, tf.float64)
        for _ in range(12):
            point = valley["newton"](point)
        np.testing.assert_allclose(point, [1.0, 1.0], atol=1e-6)


def test_newton_walks_away_once_and_then_doubles_the_correct_digits(valley):
    point = tf.constant([-1.2, 1.0], tf.float64)
    distances = [np.linalg.norm(point - 1)]
    for _ in range(6):
        point = valley["newton"](point)
        distances.append(np.linalg.norm(point - 1))
    assert distances[2] > distances[0]
    digits = -np.log10(distances)
    assert digits[5] >= 2 * digits[4] > 0 and digits[6] >= 2 * digits[5]


def test_four_newton_steps_find_the_root_of_two():
    x = tf.constant(1.5, tf.float64)
    for _ in range(4):
        x = lesson_07.newton_step(lambda x: x**3 / 3 - 2 * x, x)
    assert float(x) == pytest.approx(np.sqrt(2), abs=1e-15)


@pytest.mark.parametrize("rate", [0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003])
def test_no_learning_rate_brings_gradient_descent_to_the_minimum(valley, rate):
    start = tf.constant([-1.2, 1.0], tf.float64)
    path = valley["descend"](start, tf.constant(rate, tf.float64)).numpy()
    assert path.shape == (3001, 2) and np.isfinite(path).all()
    np.testing.assert_array_equal(path[0], start)
    assert 0.01 < np.linalg.norm(path[-1] - 1) < np.linalg.norm(path[0] - 1)


@pytest.mark.parametrize("x", [-100.0, -5.0, 0.0, 1e-4, 5.0, 100.0])
def test_softplus_has_the_right_value_and_slope_everywhere(x):
    lesson = lesson_parts("07", only=("rewritten_softplus", "softplus"))
    point = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(point)
        y = lesson["softplus"](point)
    slope = float(tape.gradient(y, point))
    assert float(y) == pytest.approx(np.logaddexp(0.0, x), rel=1e-5, abs=1e-30)
    assert slope == pytest.approx(1 / (1 + np.exp(-x)), rel=1e-5, abs=1e-30)


def test_tensorflow_knows_the_pullbacks_of_hundreds_of_operations():
    from tensorflow.python.framework import ops  # no public way leads there

    entries = ops.gradient_registry._registry.values()
    assert 300 < sum(entry["type"] is not None for entry in entries) < 1000
