"""The small tape: TensorFlow's gradients, the gradients by differences, and readable refusals."""

import numpy as np
import pytest

from course_utils.builders.tape import Node, SmallTape, sum_to_shape
from course_utils.session import import_tensorflow
from course_utils.training.gradients import numeric_gradient

tf = import_tensorflow()


# ---------------------------------------------------------------- operations

ON_TENSORFLOW = {
    "add": tf.add,
    "multiply": tf.multiply,
    "matmul": tf.matmul,
    "relu": tf.nn.relu,
    "sum": tf.reduce_sum,
}

PAIRS = [
    ((), ()),
    ((3,), (3,)),
    ((2, 3), (2, 3)),
    ((2, 3), ()),
    ((), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 3), (1, 3)),
    ((2, 3), (2, 1)),
    ((2, 1), (1, 3)),
    ((2, 1), (3,)),
    ((1,), (4,)),
    ((1, 1), (2, 3)),
    ((4, 2, 3), (2, 1)),
    ((4, 1, 3), (2, 1)),
    ((5, 1, 1), (1, 2, 3)),
    ((1, 3), (1, 3)),
    ((1, 1, 1), ()),
    ((0, 3), (3,)),
    ((0,), (1,)),
]
CASES = [
    *[(name, shapes) for name in ("add", "multiply") for shapes in PAIRS],
    *[("matmul", shapes) for shapes in [((2, 3), (3, 4)), ((1, 3), (3, 1)), ((5, 1), (1, 2))]],
    *[
        (name, (shape,))
        for name in ("relu", "sum")
        for shape in [(), (1,), (4,), (2, 3), (2, 1, 3)]
    ],
]


def numbers(shape, dtype, seed):
    """Return numbers away from 0, where a ReLU bends, with weights that tell them apart."""
    rng = np.random.default_rng(seed)
    return (rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape)).astype(dtype)


def weighed_sum(tape, name, nodes):
    """Return a scalar on the tape in which each number of the result has a weight of its own."""
    result = getattr(tape, name)(*nodes)
    weights = numbers(result.value.shape, result.value.dtype, seed=99)
    return tape.sum(tape.multiply(result, Node(weights))), weights


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "shapes"), CASES)
def test_each_operation_has_the_values_and_gradients_of_tensorflow(name, shapes, dtype):
    values = [numbers(shape, dtype, seed) for seed, shape in enumerate(shapes)]
    small, nodes = SmallTape(), [Node(value) for value in values]
    target, weights = weighed_sum(small, name, nodes)
    ours = small.gradient(target, nodes)

    tensors = [tf.constant(value) for value in values]
    with tf.GradientTape() as big:
        big.watch(tensors)
        y = tf.reduce_sum(ON_TENSORFLOW[name](*tensors) * weights)
    theirs = big.gradient(y, tensors)

    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(target.value, y, rtol=tolerance, atol=tolerance)
    assert target.value.dtype == dtype
    for value, our, their in zip(values, ours, theirs, strict=True):
        assert isinstance(our, np.ndarray)
        assert our.shape == value.shape and our.dtype == dtype
        np.testing.assert_allclose(our, their, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("name", "shapes"), [case for case in CASES if all(np.prod(shape) for shape in case[1])]
)
def test_each_gradient_is_the_one_by_differences(name, shapes):
    values = [numbers(shape, "float64", seed) for seed, shape in enumerate(shapes)]
    tape, nodes = SmallTape(), [Node(value) for value in values]
    target, _ = weighed_sum(tape, name, nodes)
    gradients = tape.gradient(target, nodes)
    for place, gradient in enumerate(gradients):

        def result_when_moved(x, place=place):
            moved = [x.numpy() if place == other else value for other, value in enumerate(values)]
            return float(weighed_sum(SmallTape(), name, [Node(v) for v in moved])[0].value)

        by_differences = numeric_gradient(result_when_moved, values[place])
        assert np.abs(gradient).max() > 0.01
        np.testing.assert_allclose(gradient, by_differences, atol=1e-8)


def test_the_slope_of_relu_at_zero_is_zero_as_in_tensorflow():
    tape, a = SmallTape(), Node([-1.0, 0.0, 1.0])
    (gradient,) = tape.gradient(tape.relu(a), [a])
    x = tf.constant([-1.0, 0.0, 1.0])
    with tf.GradientTape() as big:
        big.watch(x)
        y = tf.nn.relu(x)
    assert gradient.tolist() == big.gradient(y, x).numpy().tolist() == [0.0, 0.0, 1.0]


# ---------------------------------------------------------------- the walk back


@pytest.mark.parametrize(
    ("build", "slope"),
    [
        (lambda tape, x: tape.add(x, x), lambda x: 2 * np.ones_like(x)),
        (lambda tape, x: tape.multiply(x, x), lambda x: 2 * x),
        (lambda tape, x: tape.multiply(tape.multiply(x, x), x), lambda x: 3 * x**2),
        (lambda tape, x: tape.add(tape.relu(x), tape.multiply(x, x)), lambda x: (x > 0) + 2 * x),
        (lambda tape, x: tape.multiply(x, tape.sum(x)), lambda x: x.sum() + x.sum() + 0 * x),
    ],
)
def test_what_is_used_more_than_once_gets_the_sum_of_its_shares(build, slope):
    numbers = np.array([-1.5, 0.5, 2.0])
    tape, x = SmallTape(), Node(numbers)
    (gradient,) = tape.gradient(tape.sum(build(tape, x)), [x])
    np.testing.assert_allclose(gradient, slope(numbers))


def test_one_node_on_both_sides_of_a_product_of_matrices():
    value = np.array([[1.0, 2.0], [3.0, 5.0]])
    tape, a = SmallTape(), Node(value)
    (gradient,) = tape.gradient(tape.sum(tape.matmul(a, a)), [a])
    ones = np.ones((2, 2))
    np.testing.assert_allclose(gradient, ones @ value.T + value.T @ ones)


def test_an_intermediate_result_and_the_target_have_gradients():
    tape, a, b = SmallTape(), Node(2.0), Node(3.0)
    u = tape.add(a, b)
    y = tape.multiply(u, b)
    assert [float(gradient) for gradient in tape.gradient(y, [y, u, a, b])] == [1, 3, 3, 8]


def test_a_deep_computation_is_walked_without_recursion():
    tape, x = SmallTape(), Node(1.0)
    y = x
    for _ in range(5000):
        y = tape.add(y, x)
    assert float(y.value) == 5001 and float(tape.gradient(y, [x])[0]) == 5001


def test_a_target_with_an_axis_stands_for_its_sum():
    tape, x = SmallTape(), Node([[1.0, 2.0], [3.0, 4.0]])
    squares = tape.multiply(x, x)
    np.testing.assert_array_equal(tape.gradient(squares, [x])[0], 2 * x.value)


def test_without_a_path_the_gradient_is_none():
    tape, a, b, unused = SmallTape(), Node(2.0), Node(3.0), Node(4.0)
    y = tape.multiply(a, a)
    tape.multiply(y, b)  # later than y, and nothing that y rests on
    assert tape.gradient(y, [b, unused]) == [None, None]
    assert tape.gradient(y, []) == []
    assert tape.gradient(unused, [a]) == [None]  # a target that no note made
    other = SmallTape()
    assert other.gradient(y, [a]) == [None]  # notes of another tape


def test_a_factor_of_zero_is_a_path():
    tape, a = SmallTape(), Node(2.0)
    (gradient,) = tape.gradient(tape.multiply(a, Node(0.0)), [a])
    assert gradient is not None and float(gradient) == 0.0


def test_a_tape_may_be_asked_twice_and_leaves_the_values_alone():
    tape, a = SmallTape(), Node([1.0, 2.0])
    y = tape.sum(tape.multiply(a, a))
    first, second = tape.gradient(y, [a])[0], tape.gradient(y, [a])[0]
    np.testing.assert_array_equal(first, second)
    first += 100.0  # an array of its own: neither the value nor the next answer changes
    assert a.value.tolist() == [1.0, 2.0]
    assert tape.gradient(y, [a])[0].tolist() == [2.0, 4.0]


def test_a_new_operation_is_noted_by_its_value_and_pullback():
    tape, a = SmallTape(), Node([0.0, 1.0])
    value = np.exp(a.value)
    result = tape.note(value, (a, lambda g: g * value))
    assert isinstance(result, Node)
    np.testing.assert_allclose(tape.gradient(tape.sum(result), [a])[0], [1.0, np.e])


# ---------------------------------------------------------------- sum_to_shape


@pytest.mark.parametrize(
    ("shape", "target"), [(a, np.broadcast_shapes(a, b)) for a, b in PAIRS if 0 not in (*a, *b)]
)
def test_what_is_summed_back_has_the_shape_and_the_whole_sum(shape, target):
    gradient = np.random.default_rng(0).normal(size=target)
    back = sum_to_shape(gradient, shape)
    assert back.shape == shape
    # The rule itself: broadcasting and summing back are each other's transpose.
    x = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_allclose(np.sum(back * x), np.sum(gradient * x))


@pytest.mark.parametrize("shape", [(2,), (2, 3, 1), (3, 2), (1, 2, 3), (0,)])
def test_a_shape_that_did_not_broadcast_is_refused(shape):
    with pytest.raises(ValueError, match=r"broadcasts to \(2, 3\), the shape of the gradient, got"):
        sum_to_shape(np.ones((2, 3)), shape)


# ---------------------------------------------------------------- what a node holds


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2.0, "float64"),
        ([1.0, 2.0], "float64"),
        (np.float32(2.0), "float32"),
        (np.ones((2, 3), np.float32), "float32"),
        (tf.constant([1.0, 2.0]), "float32"),
        (tf.Variable([1.0, 2.0]), "float32"),
    ],
)
def test_numbers_become_arrays_of_their_own_dtype(value, dtype):
    node = Node(value)
    assert isinstance(node.value, np.ndarray) and node.value.dtype == dtype
    np.testing.assert_array_equal(node.value, np.asarray(value))


def test_a_node_says_what_it_is():
    assert repr(Node(np.ones((2, 3), np.float32))) == "Node(shape=(2, 3), dtype=float32)"


def symbolic():
    return tf.keras.Input((3,))


REFUSED_VALUES = {
    "integers": (TypeError, r"value: expected float32 or float64, got int64.*convert",
                 lambda: np.array([1, 2])),
    "a bool": (TypeError, r"value: expected float32 or float64, got bool", lambda: True),
    "a list of strings": (TypeError, r"value: expected float32 or float64 numbers, got text in an "
                          "object of type list", lambda: ["one", "two"]),
    "a string": (TypeError, r"numbers, got 'three'", lambda: "three"),
    "None": (TypeError, r"numbers, got None", lambda: None),
    "an object": (TypeError, r"numbers, got an object of type object", object),
    "a list of nodes": (TypeError, r"numbers, got objects in an object of type list",
                        lambda: [Node(1.0), Node(2.0)]),
    "a list with a gap": (TypeError, r"numbers, got objects in", lambda: [1.0, None]),
    "a node": (TypeError, r"got a Node, which holds some", lambda: Node(1.0)),
    "ragged": (ValueError, r"nested list whose parts differ in length",
               lambda: [[1.0], [1.0, 2.0]]),
    "complex": (TypeError, r"got complex128", lambda: 1j),
    "half precision": (TypeError, r"got float16", lambda: np.float16(1.0)),
    "bfloat16": (TypeError, r"numbers, got an object of type EagerTensor, bfloat16, which",
                 lambda: tf.constant(1.0, tf.bfloat16)),
    "text in a tensor": (TypeError, r"float32 or float64 numbers, got",
                         lambda: tf.constant(["a", "b"])),
    "symbolic": (TypeError, r"numbers, got a symbolic tensor.* outside of", symbolic),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_VALUES)
def test_what_is_no_array_of_floats_is_named(name):
    error, message, make = REFUSED_VALUES[name]
    with pytest.raises(error, match=message):
        Node(make())


def test_a_symbolic_tensor_of_a_graph_is_refused():
    with pytest.raises(TypeError, match=r"value: .* numbers, got a symbolic tensor.* outside of"):
        tf.function(lambda x: Node(x).value)(tf.constant(1.0))


# ---------------------------------------------------------------- wrong inputs of operations


@pytest.mark.parametrize("name", ["add", "multiply"])
@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (2,)), ((2,), (3,)), ((4, 2), (3, 2)), ((0,), (2,)), ((2, 3), (3, 2))]
)
def test_shapes_that_do_not_broadcast_are_named(name, a, b):
    tape = SmallTape()
    with pytest.raises(ValueError) as caught:
        getattr(tape, name)(Node(np.ones(a)), Node(np.ones(b)))
    text = str(caught.value)
    assert text.startswith(f"{name}: expected shapes that broadcast, got {a} and {b}.")
    assert "last axis" in text
    assert tape.notes == []  # what fails leaves no note


@pytest.mark.parametrize("name", ["add", "multiply", "matmul"])
def test_two_dtypes_are_named(name):
    tape = SmallTape()
    a, b = Node(np.ones((2, 2), np.float32)), Node(np.ones((2, 2)))
    with pytest.raises(TypeError, match=rf"{name}: expected one dtype, got float32 for a and float"
                       r"64 for b\. .*astype"):  # fmt: skip
        getattr(tape, name)(a, b)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ((3,), (3, 2), r"matmul: a: expected a matrix \(rank 2\), got the shape \(3,\).*newaxis"),
        ((2, 3), (3,), r"matmul: b: expected a matrix \(rank 2\), got the shape \(3,\)"),
        ((), (3, 2), r"matmul: a: expected a matrix \(rank 2\), got the shape \(\)"),
        ((4, 2, 3), (3, 2), r"matmul: a: .*got the shape \(4, 2, 3\)"),
        ((2, 3), (2, 3), r"matmul: expected shapes \(n, k\) and \(k, m\), got \(2, 3\) and "
         r"\(2, 3\): the inner sizes 3 and 2 differ"),
    ],
)  # fmt: skip
def test_what_is_no_pair_of_matrices_is_named(a, b, message):
    with pytest.raises(ValueError, match=message):
        SmallTape().matmul(Node(np.ones(a)), Node(np.ones(b)))


NO_NODES = {
    "a number": (2.0, r"got 2\.0"),
    "an array": (np.ones((2, 3), np.float32), r"got an array of shape \(2, 3\), float32"),
    "a tensor": (tf.constant(1.0), r"got an object of type EagerTensor"),
    "a string": ("b", r"got 'b'"),
    "nothing": (None, r"got None"),
    "the class": (Node, r"got an object of type type"),
}


@pytest.mark.parametrize("what", NO_NODES)
@pytest.mark.parametrize("name", ["add", "multiply", "matmul"])
def test_something_that_is_no_node_is_named_with_its_place(name, what):
    value, got = NO_NODES[what]
    good = Node(np.ones((3, 3), np.float32))
    with pytest.raises(TypeError, match=rf"{name}: a: expected a Node, {got}.*Node\(\.\.\.\)"):
        getattr(SmallTape(), name)(value, good)
    with pytest.raises(TypeError, match=rf"{name}: b: expected a Node, {got}"):
        getattr(SmallTape(), name)(good, value)


@pytest.mark.parametrize("what", NO_NODES)
@pytest.mark.parametrize("name", ["relu", "sum"])
def test_something_that_is_no_node_is_named_where_there_is_one_input(name, what):
    value, got = NO_NODES[what]
    with pytest.raises(TypeError, match=rf"{name}: a: expected a Node, {got}"):
        getattr(SmallTape(), name)(value)


def test_wrong_arguments_of_gradient_are_named():
    tape, a = SmallTape(), Node(2.0)
    y = tape.multiply(a, a)
    with pytest.raises(TypeError, match=r"gradient: target: expected a Node, got 4\.0"):
        tape.gradient(4.0, [a])
    with pytest.raises(TypeError, match=r"gradient: sources: expected a list of nodes, got Node"):
        tape.gradient(y, a)
    with pytest.raises(TypeError, match=r"gradient: sources\[1\]: expected a Node, got 2\.0"):
        tape.gradient(y, [a, 2.0])


def test_wrong_notes_are_named():
    tape, a = SmallTape(), Node([1.0, 2.0])
    with pytest.raises(TypeError, match=r"note: input 1: expected a pair \(node, pullback\), got "
                       r"Node\(shape=\(2,\)"):  # fmt: skip
        tape.note(a.value, a)
    with pytest.raises(TypeError, match=r"note: input 2: expected a pair"):
        tape.note(a.value, (a, lambda g: g), (lambda g: g, a))
    with pytest.raises(TypeError, match=r"value: expected float32 or float64 numbers, got None"):
        tape.note(None, (a, lambda g: g))
    assert tape.notes == []


@pytest.mark.parametrize("pullback", [lambda g: g, lambda g: g.sum(axis=0), lambda g: None])
def test_a_pullback_that_forgets_to_sum_back_is_named(pullback):
    tape, row = SmallTape(), Node([[1.0, 2.0]])
    wide = tape.note(np.broadcast_to(row.value, (3, 2)), (row, pullback))
    with pytest.raises(ValueError, match=r"for an input of the shape \(1, 2\)\. .*sum_to_shape"):
        tape.gradient(wide, [row])
