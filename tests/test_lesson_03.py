"""What lesson 03 builds is what ``course_utils.graphs`` offers to the lessons after it."""

import time

import numpy as np
import pytest

from course_utils import graphs
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()


@pytest.fixture(scope="module")
def lesson():
    return lesson_code(
        "03",
        "trace_graphs",
        "read_graphs",
        "PLUMBING",
        "ARGUMENTS",
        "count_operations",
        "describe_node",
        "show_graph",
    )


def compute(a, b, c):
    return a * b + c, a * b * c


WEIGHT = tf.Variable([1.0, 2.0])


def weigh(x):
    return tf.reduce_sum(tf.tanh(x) * WEIGHT + tf.constant(2.0))


def guard(x):
    tf.debugging.assert_less(x, 5.0, message="a constant of text")
    return tf.argmax(x) + 1


def noise(x):
    return x + tf.random.normal([2])


CASES = {
    "two results": (compute, [tf.constant(value) for value in (2.0, 3.0, 4.0)]),
    "a captured variable": (weigh, [tf.constant([0.5, -0.5])]),
    "a text constant and an ArgMax": (guard, [tf.constant([0.0, 1.0])]),
    "random numbers": (noise, [tf.constant([0.0, 1.0])]),
}


@pytest.mark.parametrize("name", CASES)
def test_helper_and_lesson_trace_count_and_draw_alike(lesson, name):
    function, args = CASES[name]
    ours = graphs.trace_graphs(function, *args)
    theirs = lesson["trace_graphs"](function, *args)
    for our_graph, their_graph in zip(ours, theirs, strict=True):
        counts = graphs.count_operations(our_graph)
        assert counts and counts == lesson["count_operations"](their_graph)
        drawn = graphs.show_graph(our_graph, highlight={"Mul"}, title="t")
        assert drawn.source == lesson["show_graph"](our_graph, highlight={"Mul"}, title="t").source
        assert drawn.text.startswith("t\n")


def test_the_claim_of_the_lesson_holds_on_this_tensorflow(lesson):
    before, after = lesson["trace_graphs"](compute, *CASES["two results"][1])
    assert lesson["count_operations"](before) == {"Mul": 3, "AddV2": 1}
    assert lesson["count_operations"](after) == {"Mul": 2, "AddV2": 1}


def test_fair_timing_takes_turns_and_keeps_the_best_round():
    lesson = lesson_code("03", "seconds_per_call")
    seen = []

    def contestant(name, naps):
        def work(x):
            seen.append(name)
            time.sleep(naps[seen.count(name) - 1])
            return tf.constant(np.float32(x))

        return work

    functions = {
        "steady": contestant("steady", [0.02] * 6),
        "disturbed": contestant("disturbed", [0.1, 0.1, 0.1, 0.1, 0.0, 0.0]),
    }
    best = lesson["seconds_per_call"](functions, 1.0, calls=2, rounds=3)
    assert seen == ["steady", "steady", "disturbed", "disturbed"] * 3
    assert 0 < best["disturbed"] < 0.02 <= best["steady"]
