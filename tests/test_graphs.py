"""Graphs of traced functions: taken from the real optimiser, counted, and drawn."""

import tempfile

import numpy as np
import pytest
from fresh_process import run_python

from course_utils.graphs import count_operations, read_profile, show_graph, trace_graphs
from course_utils.session import import_tensorflow

tf = import_tensorflow()

ONE, TWO, THREE = (tf.constant(value) for value in (1.0, 2.0, 3.0))


def compute(a, b, c):
    return a * b + c, a * b * c


def loop(x):
    return tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, y * 2.0), [tf.constant(0), x])[1]


def fails_when_run(x):
    tf.debugging.assert_less(x, 0.0, "while running")
    return x


@tf.function
def squared(x):
    return x * x


class Scale:
    def __init__(self):
        self.weight = tf.Variable([1.0, 2.0])

    def plain(self, x):
        return x * self.weight

    @tf.function
    def compiled(self, x):
        return x * self.weight + 1.0


def tracing_is_on():
    from tensorflow.python.ops import summary_ops_v2

    return summary_ops_v2._current_trace_context is not None


# --- the claim of lesson 03 -----------------------------------------------------------------


def test_the_product_is_computed_once():
    before, after = trace_graphs(compute, ONE, TWO, THREE)
    assert count_operations(before) == {"Mul": 3, "AddV2": 1}
    assert count_operations(after) == {"Mul": 2, "AddV2": 1}


def test_without_that_optimisation_it_is_computed_twice():
    options = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    try:
        after = trace_graphs(compute, ONE, TWO, THREE).after
        assert count_operations(after) == {"Mul": 3, "AddV2": 1}
    finally:
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": True})
    assert not options.get("disable_meta_optimizer", False)
    assert count_operations(trace_graphs(compute, ONE, TWO, THREE).after)["Mul"] == 2


# --- what can be traced ---------------------------------------------------------------------


def test_methods_and_captured_variables():
    scale = Scale()
    for method, expected in [
        (scale.plain, {"Mul": 1, "ReadVariableOp": 1}),
        (scale.compiled, {"AddV2": 1, "Mul": 1, "ReadVariableOp": 1}),
    ]:
        graphs = trace_graphs(method, tf.constant([1.0, 2.0]))
        for graph in graphs:
            assert count_operations(graph) == expected
            text = show_graph(graph).text
            assert "variable -> ReadVariableOp" in text
            assert "x -> Mul [mul]" in text


def test_a_compiled_function_is_traced_anew():
    calls = []

    @tf.function
    def f(x):
        calls.append(1)
        return x * x + x

    f(ONE)
    trace_graphs(f, ONE)
    assert len(calls) == 2
    assert f.experimental_get_tracing_count() == 1  # its own traces are left alone


def test_the_function_runs_once():
    counter = tf.Variable(0)
    trace_graphs(lambda x: counter.assign_add(x), tf.constant(1))
    assert counter.numpy() == 1


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (lambda: tf.constant(3.0) * tf.constant(4.0), (), {"Mul": 1}),
        (lambda x: x, (ONE,), {}),
        (lambda x: None, (ONE,), {}),
        (lambda a, b: a * b, (TWO, 3), {"Mul": 1}),
        (lambda a: a + 1, (np.ones(3, np.float32),), {"AddV2": 1}),
        (
            lambda d: {"p": d["x"] * d["x"], "q": d["x"] + 1.0},
            ({"x": ONE},),
            {"AddV2": 1, "Mul": 1},
        ),
        (lambda x: squared(x) + squared(x + 1.0), (ONE,), {"AddV2": 2, "PartitionedCall": 2}),
        (loop, (ONE,), {"StatelessWhile": 1}),
        (
            lambda x: tf.cond(x > 0, lambda: x + 1, lambda: x),
            (ONE,),
            {"Greater": 1, "StatelessIf": 1},
        ),
        (lambda x: tf.strings.join([x, "!"]), (tf.constant("a"),), {"StringJoin": 1}),
        (lambda x: tf.split(x, 2), (tf.constant([1.0, 2.0]),), {"Split": 1}),
    ],
    ids=lambda part: "" if isinstance(part, (tuple, dict)) else "function",
)
def test_all_kinds_of_functions_are_counted_and_drawn(function, args, expected):
    graphs = trace_graphs(function, *args)
    assert count_operations(graphs.before) == expected
    for graph in graphs:
        copy = type(graph)()
        copy.CopyFrom(graph)
        diagram = show_graph(graph, highlight=["Mul"], title="A title")
        assert graph == copy, "drawing a graph changes it"
        assert diagram.text.startswith("A title\n")
        assert diagram.png().startswith(b"\x89PNG")


def test_a_keras_model_is_traced(request):
    import keras

    keras.utils.clear_session()
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, activation="relu")])
    before = count_operations(trace_graphs(model, tf.ones((1, 4))).before)
    assert before["MatMul"] == 1
    assert before["Relu"] == 1


# --- errors ---------------------------------------------------------------------------------


def test_what_cannot_be_called():
    with pytest.raises(TypeError, match="function: expected a function, got 3"):
        trace_graphs(3)


def test_an_error_while_tracing_leaves_nothing_on():
    def bad(x):
        raise ValueError("while tracing")

    with pytest.raises(ValueError, match="while tracing"):
        trace_graphs(bad, ONE)
    assert not tracing_is_on()
    assert count_operations(trace_graphs(compute, ONE, TWO, THREE).before)["Mul"] == 3


def test_an_error_while_running_leaves_nothing_on():
    with pytest.raises(tf.errors.InvalidArgumentError, match="while running"):
        trace_graphs(fails_when_run, ONE)
    assert not tracing_is_on()
    assert count_operations(trace_graphs(compute, ONE, TWO, THREE).before)["Mul"] == 3


def test_what_is_no_graph():
    graphs = trace_graphs(compute, ONE, TWO, THREE)
    for function in (count_operations, show_graph):
        with pytest.raises(TypeError, match=r"got TracedGraphs\. .* take \.before or \.after"):
            function(graphs)
    with pytest.raises(TypeError, match=r"highlight: expected a list of texts, got 'Mul'"):
        show_graph(graphs.before, highlight="Mul")


# --- traces left behind -----------------------------------------------------------------------


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    trace_graphs(compute, ONE, TWO, THREE)
    with pytest.raises(tf.errors.InvalidArgumentError):
        trace_graphs(fails_when_run, ONE)
    assert list(tmp_path.iterdir()) == []


def test_many_traces_print_no_warning():
    """A lesson traces the same function again and again; TensorFlow must not complain."""
    code = """
        from course_utils.session import import_tensorflow
        tf = import_tensorflow()
        from course_utils.graphs import trace_graphs
        for number in range(8):
            trace_graphs(lambda x: x * 2.0, tf.constant(float(number)))
    """
    done = run_python(code, check=False, TF_CPP_MIN_LOG_LEVEL="3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- drawing --------------------------------------------------------------------------------


def test_the_text_says_what_is_drawn():
    before, after = trace_graphs(compute, ONE, TWO, THREE)
    assert show_graph(before, highlight={"Mul"}).text == (
        "9 nodes: a, b, c, AddV2 [add], Mul [mul], Mul [mul_1], Mul [mul_2], result 1, result 2\n"
        "10 edges: Mul [mul] -> AddV2 [add]; c -> AddV2 [add]; a -> Mul [mul]; b -> Mul [mul]; "
        "a -> Mul [mul_1]; b -> Mul [mul_1]; Mul [mul_1] -> Mul [mul_2]; c -> Mul [mul_2]; "
        "AddV2 [add] -> result 1; Mul [mul_2] -> result 2"
    )
    text = show_graph(after).text
    assert text.startswith("8 nodes: a, b, c, AddV2 [add], ")
    assert text.count("c -> Mul") == text.count("a -> Mul") == text.count("b -> Mul") == 1


def test_two_calls_draw_one_picture():
    first, second = (
        [show_graph(graph) for graph in trace_graphs(compute, ONE, TWO, THREE)] for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert one.text == other.text
        assert one.source == other.source


def test_highlighted_operations_stand_out():
    graph = trace_graphs(compute, ONE, TWO, THREE).before
    plain, marked = show_graph(graph).source, show_graph(graph, highlight=["Mul"]).source
    assert plain.count("#D55E00") == 0
    assert marked.count("#D55E00") == 3


def test_a_graph_can_be_drawn_without_running_it():
    concrete = tf.function(compute).get_concrete_function(ONE, TWO, THREE)
    text = show_graph(concrete.graph.as_graph_def()).text
    assert "Mul [mul_1] -> Mul [mul_2]" in text


def test_constants_show_their_value_or_shape():
    def f(x):
        return x + 0.5 + tf.cast(tf.reduce_sum(x + tf.constant([1.0, 2.0, 4.0])), tf.float32)

    text = show_graph(trace_graphs(f, tf.ones(3)).before).text
    assert "constant 0.5" in text
    assert "shape (3,)" in text


# --- profiles -------------------------------------------------------------------------------


def test_a_profile_is_read_by_kind(tmp_path):
    multiply = tf.function(lambda x: tf.matmul(x, x))
    x = tf.ones((64, 64))
    multiply(x)
    with tf.profiler.experimental.Profile(str(tmp_path)):
        for _ in range(3):
            multiply(x).numpy()
    spent = read_profile(tmp_path)
    assert spent and all(time >= 0 for time in spent.values())
    assert list(spent.values()) == sorted(spent.values(), reverse=True)
    assert any("MatMul" in kind for kind in spent)
