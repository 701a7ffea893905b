"""What lesson 04 says about tracing and side effects, beyond what its own outputs show."""

import gc
import importlib
import linecache
import logging
import time
from collections import Counter

import nbformat
import numpy as np
import pytest

from course_utils.graphs import count_operations, trace_graphs
from course_utils.session import import_tensorflow
from tools.find_lesson import find_lesson
from tools.lesson_code import lesson_code, lesson_parts

tf = import_tensorflow()

NOTEBOOK = find_lesson("04")


@pytest.fixture(scope="module", autouse=True)
def sources():
    """Let AutoGraph read the source of the cells, as it does in a notebook."""
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        name = f"{NOTEBOOK.name}:{cell.id}"
        lines = cell.source.splitlines(keepends=True)
        linecache.cache[name] = (len(cell.source), None, lines, name)


def traces(function):
    return function.experimental_get_tracing_count()


# ---------------------------------------------------------------- conditions and loops


@pytest.fixture(scope="module")
def lesson():
    names = ("absolute", "absolute_by_hand", "total", "halvings", "sum_up_to", "count_nodes")
    return lesson_parts("04", only=(*names, "find_between"))


@pytest.mark.parametrize("name", ["absolute", "absolute_by_hand"])
def test_one_graph_holds_both_branches_and_serves_both_signs(lesson, name):
    compiled = tf.function(lesson[name])
    assert [float(compiled(tf.constant(x))) for x in (-3.0, 0.0, 4.0)] == [3.0, 0.0, 4.0]
    assert traces(compiled) == 1
    graph = trace_graphs(lesson[name], tf.constant(1.0)).before
    branches = {
        function.signature.name.split("_")[1]: {node.op for node in function.node_def}
        for function in graph.library.function
    }
    assert set(branches) == {"true", "false"}
    assert "Neg" in branches["true"] and "Neg" not in branches["false"]


def test_what_to_look_for_in_the_generated_code_is_there(lesson):
    code = tf.autograph.to_code(lesson["absolute"])
    (call,) = [line.strip() for line in code.splitlines() if "if_stmt" in line]
    assert call.startswith("ag__.if_stmt(ag__.ld(x) < 0, if_body, else_body, get_state, set_state")
    body = code.split("def if_body():")[1].split("def else_body():")
    assert "x = -ag__.ld(x)" in body[0]
    assert body[1].split("ag__.if_stmt")[0].split() == ["nonlocal", "x", "pass"]


@pytest.mark.parametrize("length", [1, 2, 17, 60])
def test_a_list_unrolls_into_an_argument_and_an_addition_an_item(lesson, length):
    values = [tf.constant(float(n)) for n in range(length)]
    unrolled = trace_graphs(lesson["total"], values).before
    assert count_operations(unrolled) == {"AddV2": length}
    arguments = [node for node in unrolled.node if node.op in ("_Arg", "Placeholder")]
    assert len(arguments) == length
    rolled = trace_graphs(lesson["total"], tf.range(float(length))).before
    assert count_operations(rolled)["StatelessWhile"] == 1
    assert "AddV2" not in count_operations(rolled)
    assert lesson["count_nodes"](tf.ones([length])) == lesson["count_nodes"](tf.ones([3]))
    in_the_loop = [
        node.op
        for function in rolled.library.function
        if "body" in function.signature.name
        for node in function.node_def
    ]
    assert in_the_loop.count("AddV2") >= 1 and "TensorListGetItem" in in_the_loop


def test_a_while_goes_by_its_condition(lesson):
    halvings = lesson["halvings"]
    by_tensor = trace_graphs(halvings, tf.constant(100.0)).before
    assert count_operations(by_tensor) == {"StatelessWhile": 1}
    assert count_operations(trace_graphs(halvings, 100.0).before) == {}
    compiled = tf.function(halvings)
    assert [int(compiled(tf.constant(x))) for x in (0.5, 2.0, 1000.0)] == [0, 1, 10]
    assert traces(compiled) == 1


def test_the_table_is_right_about_what_a_tensor_puts_into_the_graph(lesson):
    """The rows without a cell of their own; a trace holds both ways, so one serves all values."""

    def both(x):
        return 1 if x > 0 and x < 10 else 0

    def either(x):
        return 1 if x < 0 or x > 10 else 0

    def positives_up_to_a_hundred(values):
        result = tf.constant(0.0)
        for value in values:
            if value < 0:
                continue
            if value > 100:
                break
            result += value
        return result

    compiled = tf.function(both), tf.function(either)
    for x, expected in {-3.0: (0, 1), 3.0: (1, 0), 30.0: (0, 1)}.items():
        assert tuple(int(function(tf.constant(x))) for function in compiled) == expected
    assert [traces(function) for function in compiled] == [1, 1]

    loop = tf.function(positives_up_to_a_hundred)
    assert float(loop(tf.constant([1.0, -2.0, 3.0, 200.0, 5.0]))) == 4.0
    assert float(loop(tf.constant([1.0, 2.0, 3.0, 20.0, 5.0]))) == 31.0
    assert traces(loop) == 1

    find, values = tf.function(lesson["find_between"]), tf.constant([1.0, 5.0, 3.0, 3.5])
    limits = [(2.0, 4.0), (0.0, 9.0), (3.0, 5.0), (5.0, 6.0)]
    found = [int(find(values, *map(tf.constant, pair))) for pair in limits]
    assert found == [2, 0, 3, -1] and traces(find) == 1


@pytest.mark.parametrize("n", [0, 1, 10, 100])
def test_the_loop_by_hand_sums(lesson, n):
    compiled = tf.function(lesson["sum_up_to"])
    assert int(compiled(tf.constant(n))) == n * (n + 1) // 2
    graph = compiled.get_concrete_function(tf.constant(n)).graph
    assert {"While", "StatelessWhile"} & {node.type for node in graph.get_operations()}


def test_a_loop_in_the_graph_is_faster_by_far(lesson):
    many = tf.ones([1000])
    compiled = tf.function(lesson["total"])

    def seconds(function):
        start = time.perf_counter()
        function(many)
        return time.perf_counter() - start

    compiled(many)
    eager = min(seconds(lesson["total"]) for _ in range(3))
    assert min(seconds(compiled) for _ in range(3)) < eager / 2


# ---------------------------------------------------------------- traces


def test_one_trace_a_signature():
    square = tf.function(lambda x: x * x)
    counts = []
    for argument in (1, 2, 1.0, tf.constant(1), tf.constant(2), tf.constant(1.0),
                     tf.constant([1, 2]), tf.constant([3, 4]), tf.constant([1, 2, 3]),
                     2, np.array([5, 6], np.int32)):  # fmt: skip
        square(argument)
        counts.append(traces(square))
    assert np.diff([0, *counts]).tolist()[3:] == [1, 0, 1, 1, 0, 1, 0, 0]
    assert counts[:2] == [1, 2]


@pytest.fixture
def log():
    """Return the list to which the messages of TensorFlow's log are added."""
    messages = []

    class Keep(logging.Handler):
        def emit(self, record):
            messages.append(record.getMessage())

    logger, handler = tf.get_logger(), Keep()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield messages
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_changing_python_number_warns_and_a_tensor_does_not(log):
    def shrink(weight, rate):
        return weight - rate * weight

    storm, calm, weight = tf.function(shrink), tf.function(shrink), tf.constant(1.0)
    for n in range(12):
        calm(weight, tf.constant(0.01 * n))
    assert traces(calm) == 1 and log == []
    for n in range(12):
        storm(weight, 0.01 * n)
    assert traces(storm) == 12 and "triggered tf.function retracing" in log[0]


def test_the_lesson_keeps_the_log_to_itself_and_leaves_it_as_it_was():
    logger = tf.get_logger()
    before, level = list(logger.handlers), logger.getEffectiveLevel()
    lesson = lesson_code("04", "with_numbers")
    traced = [traces(lesson[name]) for name in ("with_numbers", "with_tensors")]
    assert traced == [100, 1]
    assert "triggered tf.function retracing" in lesson["log"][0]
    assert logger.handlers == before and logger.getEffectiveLevel() == level == logging.WARNING


def test_one_signature_serves_all_numbers_of_pictures_and_refuses_other_shapes():
    ink = lesson_code("04", "ink")["ink"]
    before = traces(ink)
    for n in (1, 2, 31):
        pictures = tf.random.uniform((n, 28, 28))
        np.testing.assert_allclose(ink(pictures), np.mean(pictures, axis=(1, 2)), atol=1e-6)
    assert traces(ink) == before == 1
    for wrong in (tf.ones((28, 28)), tf.ones((1, 28, 27)), tf.ones((1, 28, 28), tf.float64)):
        with pytest.raises(TypeError, match="Can not cast"):
            ink(wrong)


@pytest.mark.parametrize("shapes", [3, 6])
def test_reduce_retracing_stops_at_two(shapes):
    relaxed = tf.function(lambda x: x + 1, reduce_retracing=True)
    for n in range(1, shapes + 1):
        relaxed(tf.ones([n]))
    assert traces(relaxed) == 2


def test_each_layer_is_a_signature_of_its_own():
    import keras

    lesson = lesson_parts("04", only=("run_layer",))
    run_layer, x = lesson["run_layer"], tf.ones((1, 3))
    first, second = keras.layers.Dense(2), keras.layers.Dense(2)
    first(x), second(x)
    before = traces(run_layer)
    run_layer(first, x), run_layer(first, 2 * x)
    assert traces(run_layer) == before + 1
    run_layer(second, x)
    assert traces(run_layer) == before + 2
    with pytest.raises(ValueError, match=r"singleton|non-first call"):
        run_layer(keras.layers.Dense(2), x)


# ---------------------------------------------------------------- side effects


def test_a_function_that_creates_a_variable_is_traced_once_more():
    runs = []

    @tf.function
    def forgetful(x):
        runs.append(len(runs))
        return tf.Variable(2.0) * x

    with pytest.raises(ValueError, match="singleton"):
        forgetful(tf.constant(1.0))
    assert len(runs) == 2


def test_a_dropped_write_is_silent_in_the_graph_alone(log):
    lesson = lesson_parts("04", only=("dropped", "doubled"))
    tf.get_logger().setLevel(logging.INFO)
    values = tf.constant([1.0, 2.0, 3.0])
    assert tf.function(lesson["dropped"])(values).numpy().tolist() == [0.0, 0.0, 0.0]
    gc.collect()  # the complaint comes when the lost array is thrown away
    assert log == []
    assert lesson["dropped"](values).numpy().tolist() == [2.0, 4.0, 6.0]
    gc.collect()
    assert len(log) == 3 and all("Object was never used" in message for message in log)
    assert lesson["doubled"](tf.constant([3.0, 0.5])).numpy().tolist() == [6.0, 1.0]


# ---------------------------------------------------------------- exercises


def test_python_passes_as_often_as_the_first_exercise_says(tmp_path, monkeypatch):
    from course_utils.exercises.lesson_04 import COUNTS, marks

    (tmp_path / "shown.py").write_text("import tensorflow as tf\n" + shown_code(marks.statement))
    monkeypatch.syspath_prepend(tmp_path)
    assert Counter(importlib.import_module("shown").marks) == COUNTS


def test_the_noise_of_the_last_exercise_is_new_only_where_the_function_is_traced(
    tmp_path, monkeypatch
):
    from course_utils.exercises.lesson_04 import descent

    imports = "import numpy as np\nimport tensorflow as tf\n"
    (tmp_path / "broken.py").write_text(imports + shown_code(descent.statement))
    monkeypatch.syspath_prepend(tmp_path)
    passes = []

    def slope(weight):
        passes.append(weight)
        return weight

    rates = [0.5, 0.5, 0.25, 0.25]
    broken = importlib.import_module("broken").noisy_descent
    weights = np.array(broken(slope, tf.constant(1.0), rates))
    assert len(passes) == len(set(rates))
    before = np.array([1.0, *weights[:-1]])
    noise = (before - weights) / rates - before
    same = np.isclose(noise[:-1], noise[1:], atol=1e-4)
    assert same.tolist() == [True, False, True]


def shown_code(statement):
    """Return the code block of a statement."""
    return statement.split("```python\n")[1].split("```")[0]
