"""Exercises of lesson 03, eager and graph execution."""

import functools

from course_utils.exercises.expect import (
    Mistake,
    call,
    describe,
    expect_close,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.graphs import count_operations, trace_graphs
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 03.1


def mystery(x, y):
    grown = tf.exp(x * y)
    squeezed = tf.tanh(x * y)
    tf.sin(x)
    return grown - squeezed


def check_counts(answer):
    keys = ("Mul traced", "Mul optimised", "Sin traced", "Sin optimised")
    if not isinstance(answer, dict) or set(answer) != set(keys):
        fail(f"Expected a dict with the keys {', '.join(map(repr, keys))}.")
    graphs = trace_graphs(mystery, tf.constant(1.0), tf.constant(2.0))
    before, after = count_operations(graphs.before), count_operations(graphs.after)
    truth = {
        "Mul traced": before.get("Mul", 0),
        "Mul optimised": after.get("Mul", 0),
        "Sin traced": before.get("Sin", 0),
        "Sin optimised": after.get("Sin", 0),
    }
    messages = {
        "Mul traced": "Tracing writes down each `x * y` that Python runs, the same product or not.",
        "Sin traced": "Tracing writes down tf.sin too: Python does call it.",
        "Mul optimised": "Both products have the same two inputs. What does the optimiser do then?",
        "Sin optimised": "No result needs the sine. What does the optimiser do with such a node?",
    }
    for key, message in messages.items():
        if not is_close(answer[key], answer[key]) or to_array(answer[key]).shape != ():
            fail(f"{key!r} is {describe(answer[key])}; expected a whole number.")
        if to_array(answer[key]) != truth[key]:
            fail(f"{key!r} is not {answer[key]}. {message}")


COUNTS = {"Mul traced": 2, "Mul optimised": 1, "Sin traced": 1, "Sin optimised": 0}

count_by_hand = Exercise(
    id="03.1",
    title="Count before you look",
    minutes=5,
    statement="""Here is a function of two tensors:

```python
def mystery(x, y):
    grown = tf.exp(x * y)
    squeezed = tf.tanh(x * y)
    tf.sin(x)
    return grown - squeezed
```

How many `Mul` and how many `Sin` nodes does its graph hold as it is traced, and how many are
left after optimisation? Fill in the four whole numbers. Decide first; then draw the graphs if
you want to see them.""",
    stub="""counts = {
    "Mul traced": ...,
    "Mul optimised": ...,
    "Sin traced": ...,
    "Sin optimised": ...,
}""",
    answer="counts",
    check=check_counts,
    reference=COUNTS,
    reference_source="""counts = {
    "Mul traced": 2,
    "Mul optimised": 1,
    "Sin traced": 1,
    "Sin optimised": 0,
}""",
    hints=(
        "Tracing runs the Python code line by line and writes down each operation it meets.",
        "Two nodes of one type with the same inputs give the same result. One is enough.",
        "A node from which no path leads to a result is pruned.",
    ),
    explanation=(
        "Tracing records what Python does, so both products and the sine are there. The optimiser "
        "merges the two products and prunes the sine, because no result needs it."
    ),
    wrong=(
        Wrong({**COUNTS, "Mul traced": 1}, "Tracing writes down each `x * y`"),
        Wrong({**COUNTS, "Sin traced": 0}, "Tracing writes down tf.sin too"),
        Wrong({**COUNTS, "Mul optimised": 2}, "Both products have the same two inputs"),
        Wrong({**COUNTS, "Sin optimised": 1}, "No result needs the sine"),
    ),
)

# ---------------------------------------------------------------- 03.2


def redundant(a, b, k):
    return [a * b for _ in range(k + 1)]


def check_redundant(answer):
    answer = getattr(answer, "python_function", answer)
    a, b = tf.constant(3.0), tf.constant(5.0)
    for k in (1, 4):
        results = call(answer, a, b, k)
        if not isinstance(results, (list, tuple)):
            fail("Return a list with all the products, so that each of them is a result.")
        for result in results:
            expect_close(result, 15.0, f"With k = {k}, a = 3 and b = 5, one of the results")
        distinct = len({id(result) for result in results})
        graphs = trace_graphs(lambda a, b, k=k: answer(a, b, k), a, b)
        before = count_operations(graphs.before).get("Mul", 0)
        after = count_operations(graphs.after).get("Mul", 0)
        if len(results) == k + 1 and distinct == 1:
            fail(
                f"With k = {k} all {k + 1} results are one and the same: Python computed the "
                "product once and used its name again, so there is no duplicate to merge."
            )
        if before - after != k:
            fail(
                f"With k = {k} the traced graph holds {before} Mul and the optimised one {after}: "
                f"{before - after} vanished instead of {k}. One product is always needed."
            )
        if len(results) != k + 1 or distinct != k + 1:
            fail(
                f"With k = {k} there are {distinct} different results; expected {k + 1}. Products "
                "that are not results are pruned as unused, not merged as duplicates."
            )


def redundant_reuse(a, b, k):
    product = a * b
    return [product] * (k + 1)


def redundant_too_few(a, b, k):
    return [a * b for _ in range(k)]


def redundant_unused(a, b, k):
    products = [a * b for _ in range(k + 1)]
    return products[:1]


make_redundant = Exercise(
    id="03.2",
    title="Products that vanish",
    minutes=10,
    statement="""Write `redundant(a, b, k)`. It takes two scalar float32 tensors and a Python number
`k` of at least 1, and returns a list of `k + 1` tensors, each equal to `a * b`,
such that the optimiser **merges exactly `k` multiplications**: the traced graph
holds `k` more `Mul` nodes than the optimised one, and each product is one of the
results.

For example, `redundant(tf.constant(3.0), tf.constant(5.0), 2)` returns three
tensors of value 15.""",
    stub="def redundant(a, b, k):\n    ...",
    answer="redundant",
    check=check_redundant,
    reference=redundant,
    hints=(
        "The optimiser can only remove what tracing has written down.",
        "Each time Python evaluates the expression `a * b`, tracing adds a node.",
    ),
    explanation=(
        "The list comprehension evaluates `a * b` k + 1 times, so k + 1 nodes are traced. They "
        "have the same inputs; one is kept, and all results point to it."
    ),
    wrong=(
        Wrong(redundant_reuse, "Python computed the product once"),
        Wrong(redundant_too_few, "One product is always needed"),
        Wrong(redundant_unused, "pruned as unused"),
    ),
)

# ---------------------------------------------------------------- 03.3


def step(x):
    return tf.tanh(0.9 * x + 0.1)


def slow(x):
    for _ in range(300):
        x = step(x)
    return x


@tf.function
def fast(x):
    for _ in range(300):
        x = tf.tanh(0.9 * x + 0.1)
    return x


@functools.cache
def expected_of_fast():
    return slow(tf.constant([0.5, -2.0, 1.0])).numpy()


def check_fast(answer):
    x = tf.constant([0.5, -2.0, 1.0])
    try:
        result = call(answer, x)
    except Mistake as mistake:
        if "has no attribute 'numpy'" in str(mistake):
            fail(
                "`.numpy()` asks for a value while the function is traced, when tensors are "
                "symbolic and have none. Stay with tensors from the first line to the last."
            )
        raise
    expect_close(result, expected_of_fast(), "What it returns for [0.5, -2, 1]")
    if isinstance(answer, tf.types.experimental.ConcreteFunction):
        graph = answer.graph.as_graph_def()
    elif hasattr(answer, "get_concrete_function"):
        graph = answer.get_concrete_function(x).graph.as_graph_def()
    else:
        fail(
            "The values are right, but the function that you passed is plain Python. Pass a "
            "compiled function: the one that holds the loop, not what it calls."
        )
    if any(node.op in {"While", "StatelessWhile"} for node in graph.node):
        return
    tanhs = _count_with_calls(graph, "Tanh")
    if tanhs < 300:
        fail(
            f"Its graph holds {tanhs} tanh, but `slow` computes 300: the loop is not in the graph."
        )


def _count_with_calls(graph, kind):
    """Count the nodes of a kind in a graph, those of the functions that it calls included."""
    library = {function.signature.name: function.node_def for function in graph.library.function}

    def count(nodes):
        total = 0
        for node in nodes:
            total += node.op == kind
            if "PartitionedCall" in node.op:
                total += count(library[node.attr["f"].func.name])
        return total

    return count(graph.node)


@tf.function
def fast_inner_step(x):
    return tf.tanh(0.9 * x + 0.1)


def fast_inner(x):
    for _ in range(300):
        x = fast_inner_step(x)
    return x


@tf.function
def fast_numpy(x):
    for _ in range(300):
        x = tf.tanh(0.9 * x.numpy() + 0.1)
    return x


@tf.function
def fast_one_step(x):
    return tf.tanh(0.9 * x + 0.1)


@tf.function
def fast_few_rounds(x):
    for _ in range(100):  # the values have settled by then
        x = tf.tanh(0.9 * x + 0.1)
    return x


speed_up = Exercise(
    id="03.3",
    title="Make a slow loop fast",
    minutes=5,
    statement="""This loop runs 900 small operations, one after the other, eagerly:

```python
def step(x):
    return tf.tanh(0.9 * x + 0.1)

def slow(x):
    for _ in range(300):
        x = step(x)
    return x
```

Define `fast`, which takes a float32 tensor of any shape and returns what `slow` returns, with
**the whole loop in one graph**. For `x = tf.constant([0.5, -2.0, 1.0])`, `fast(x)` and `slow(x)`
agree.""",
    stub="def fast(x):\n    ...",
    answer="fast",
    check=check_fast,
    reference=fast,
    hints=(
        "Which function has to be traced so that all 900 operations end in one graph?",
        "Put the decorator `@tf.function` on the function that holds the loop.",
    ),
    explanation=(
        "The decorator is on the function with the loop, so tracing unrolls the loop into one "
        "graph, and a call hands over to TensorFlow once instead of 900 times."
    ),
    wrong=(
        Wrong(fast_inner, "the one that holds the loop"),
        Wrong(fast_few_rounds, "the loop is not in the graph"),
        Wrong(fast_numpy, "`.numpy()` asks for a value while the function is traced"),
        Wrong(tf.constant([0.1, 0.2, 0.3]), "Pass the function itself, without parentheses"),
        Wrong(fast_one_step, "its values are off"),
    ),
)

# ---------------------------------------------------------------- 03.4


def first_checked(values, index):
    size = tf.shape(values)[0]
    tf.debugging.assert_less(index, size, message="index is beyond the last value")
    return values[0]


def check_first(answer):
    values = tf.constant([4.0, 5.0, 6.0])
    function = getattr(answer, "python_function", answer)
    compiled = tf.function(function) if callable(function) else function
    call(function, values, tf.constant(0))
    try:
        for index in (0, 2):
            result = call(compiled, values, tf.constant(index))
            expect_close(result, 4.0, f"With three values and index {index}, the result")
        call(compiled, values[:1], tf.constant(0))
    except Mistake as mistake:
        if "raised" not in str(mistake):
            raise
        fail(
            f"It refuses an index that is in range. A Python `raise` fires while tracing, whatever "
            f"the values are; and assert_less(x, y) wants the smaller one first. ({mistake})"
        )
    for count, index in ((3, 7), (3, 3), (1, 2)):
        try:
            compiled(values[:count], tf.constant(index))
        except tf.errors.InvalidArgumentError:
            continue
        if (count, index) == (3, 7):
            fail(
                "Compiled, it accepts index 7 of three values. An operation whose result nobody "
                "needs is pruned, together with its error."
            )
        fail(
            f"Compiled, it accepts index {index} with {count} value{'s' * (count > 1)}. The index "
            "has to be smaller than the number of values, whatever that is."
        )


def first_gather(values, index):
    tf.gather(values, index)
    return values[0]


def first_raise(values, index):
    if index >= tf.shape(values)[0]:
        raise IndexError("index is beyond the last value")
    return values[0]


def first_fixed_size(values, index):
    tf.debugging.assert_less(index, 3)
    return values[0]


def first_off_by_one(values, index):
    tf.debugging.assert_less_equal(index, tf.shape(values)[0])
    return values[0]


def first_wrong_result(values, index):
    return tf.gather(values, index)


keep_the_check = Exercise(
    id="03.4",
    title="A check that survives",
    minutes=10,
    statement="""Write `first_checked(values, index)`. It takes a float32 tensor of rank 1 and a
scalar int32 tensor, and returns `values[0]`. If `index` is not smaller than the
number of values it raises `tf.errors.InvalidArgumentError`, **also when it is
compiled** with `tf.function`, although the result does not depend on `index`.

Two names help: `tf.shape(values)[0]` is the number of values as a tensor, and
`tf.debugging.assert_less(x, y)` is an operation that fails unless `x < y`.""",
    stub="def first_checked(values, index):\n    ...",
    answer="first_checked",
    check=check_first,
    reference=first_checked,
    hints=(
        "An unused `tf.gather` is pruned. The optimiser never prunes an operation whose purpose is "
        "its effect.",
        "A Python `raise` runs while the function is traced, once, whatever the values are later.",
        "Compare `index` with `tf.shape(values)[0]` in tf.debugging.assert_less.",
    ),
    explanation=(
        "An assertion is an operation with an effect, so the graph keeps it, and tf.function runs "
        "it before the function returns."
    ),
    wrong=(
        Wrong(first_gather, "is pruned, together with its error"),
        Wrong(first_raise, "A Python `raise` fires while tracing"),
        Wrong(first_fixed_size, "it accepts index 2 with 1 value."),
        Wrong(first_off_by_one, "it accepts index 3 with 3 values"),
        Wrong(first_wrong_result, "its values are off"),
    ),
)

EXERCISES = (count_by_hand, make_redundant, speed_up, keep_the_check)
