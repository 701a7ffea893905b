"""What lesson 03 says about graphs, and what its exercises expect, holds on this TensorFlow."""

import time

import numpy as np

from course_utils.exercises.lesson_03 import COUNTS, mystery
from course_utils.graphs import count_operations, trace_graphs
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()


def test_what_the_lesson_records_by_hand_is_what_trace_graphs_returns():
    lesson = lesson_code("03", "compute", "writer", "recorded")
    by_hand = lesson["ours"].pre_optimization_graph, lesson["ours"].post_optimization_graph
    traced = trace_graphs(lesson["compute"], *map(tf.constant, (2.0, 3.0, 4.0)))
    for ours, theirs in zip(traced, by_hand, strict=True):
        assert count_operations(ours) == count_operations(theirs)
        assert {node.name for node in ours.node} == {node.name for node in theirs.node}


def test_the_exercise_counts_what_the_graphs_hold():
    before, after = (
        count_operations(graph)
        for graph in trace_graphs(mystery, tf.constant(1.0), tf.constant(2.0))
    )
    found = (before["Mul"], after["Mul"], before["Sin"], after.get("Sin", 0))
    assert found == tuple(COUNTS.values())


def test_fair_timing_warms_up_takes_turns_and_keeps_the_best_round():
    lesson = lesson_code("03", "seconds_per_call")
    seen = []

    def contestant(name, naps):
        def work(x):
            seen.append(name)
            time.sleep(naps[seen.count(name) - 1])
            return tf.constant(np.float32(x))

        return work

    functions = {
        "steady": contestant("steady", [0.3] + [0.02] * 6),
        "disturbed": contestant("disturbed", [0.3, 0.1, 0.1, 0.1, 0.1, 0.0, 0.0]),
    }
    best = lesson["seconds_per_call"](functions, 1.0, calls=2, rounds=3)
    assert seen == ["steady", "disturbed"] + ["steady", "steady", "disturbed", "disturbed"] * 3
    assert 0 < best["disturbed"] < 0.02 <= best["steady"]
