"""Exercises of lesson 03, eager and graph execution."""

import numpy as np

from course_utils.exercises.expect import (
    Mistake,
    call,
    describe,
    expect_close,
    expect_counts,
    fail,
    is_close,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 03.1

COUNTS = {"Mul traced": 2, "Mul optimised": 1, "Sin traced": 1, "Sin optimised": 0}

WHY = {
    "Mul traced": "Tracing writes down each `x * y` that Python runs, the same product or not.",
    "Sin traced": "Tracing writes down tf.sin too: Python does call it.",
    "Mul optimised": "Both products have the same two inputs. What does the optimiser do then?",
    "Sin optimised": "No result needs the sine. What does the optimiser do with such a node?",
}


def mystery(x, y):
    grown = tf.exp(x * y)
    squeezed = tf.tanh(x * y)
    tf.sin(x)
    return grown - squeezed


def check_counts(answer):
    expect_counts(answer, COUNTS, WHY)


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
    right=(
        dict(reversed(COUNTS.items())),
        {key: np.int64(count) for key, count in COUNTS.items()},
    ),
    hints=(
        "Tracing runs the Python code line by line and writes down each operation that it meets.",
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
        Wrong([2, 1, 1, 0], "Expected a dict with the keys"),
    ),
)

# ---------------------------------------------------------------- 03.2


def make_shrink(rate):
    variable = tf.Variable(rate)

    @tf.function
    def shrink(x):
        return x - variable * x

    def set_rate(value):
        variable.assign(value)

    return shrink, set_rate


def check_make_shrink(answer):
    def made(rate):
        """Return the pair that the answer makes for a rate, once it is known to be one."""
        pair = call(answer, rate)
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(callable, pair)):
            fail(f"It returns {describe(pair)}; expected two functions, `shrink` and `set_rate`.")
        compiled = [hasattr(function, "get_concrete_function") for function in pair]
        if compiled == [False, True]:
            fail("The first of the two functions is not compiled, the second is. Swap them?")
        if not compiled[0]:
            fail("`shrink` is plain Python. Keep it compiled, with `@tf.function` above it.")
        return pair

    shrink, set_rate = made(0.1)
    try:
        shrink(tf.constant(10.0))
    except ValueError as error:
        if "variables" in str(error).lower():
            fail(
                "The variable is made inside the compiled function, where each trace would make "
                "a new one. TensorFlow refuses that: make the variable before."
            )
    expect_close(call(shrink, tf.constant(10.0)), 9.0, "With the rate 0.1, `shrink(10)`")
    set_to(set_rate, 0.5)
    found = call(shrink, tf.constant(10.0))
    if is_close(found, 9.0):
        fail(f"After `set_rate(0.5)`, `shrink(10)` is 9 as before. {why_it_stays(shrink)}")
    if is_close(found, 4.0):
        fail("After `set_rate(0.5)`, the rate is 0.6: the new value was added to the old one.")
    expect_close(found, 5.0, "After `set_rate(0.5)`, `shrink(10)`")
    rows = tf.constant([[4.0, 8.0]])
    expect_close(call(shrink, rows), [[2.0, 4.0]], "`shrink` of a tensor of shape (1, 2)")
    set_to(set_rate, 0.25)
    expect_close(call(shrink, tf.constant(10.0)), 7.5, "After `set_rate(0.25)`, `shrink(10)`")
    expect_close(call(shrink, rows), [[3.0, 6.0]], "After `set_rate(0.25)`, `shrink([[4, 8]])`")

    other, _ = made(0.2)
    expect_close(call(other, tf.constant(10.0)), 8.0, "A second pair, made with the rate 0.2,")
    if not is_close(call(shrink, tf.constant(10.0)), 7.5):
        fail("A second pair changes the rate of the first. Each pair needs a variable of its own.")


def why_it_stays(shrink):
    """Say why a compiled function computes with the old rate: what its graph holds on to."""
    captured = shrink.get_concrete_function(tf.constant(10.0)).captured_inputs
    if any(tensor.dtype == tf.resource for tensor in captured):
        return (
            "The graph has captured a variable, and `set_rate` does not change its value. To give "
            "its name to something else is not enough: write into it."
        )
    if captured:
        return (
            "The graph has captured a tensor, and a tensor keeps its numbers for life. What can it "
            "capture whose value changes? Compute with that inside `shrink`."
        )
    return (
        "Tracing wrote the number into the graph, and there it stays. What does a graph read anew "
        "at each run?"
    )


def set_to(set_rate, value):
    """Call a function that may return nothing."""

    def set_and_say(rate):
        set_rate(rate)
        return True

    call(set_and_say, value)


def make_shrink_bound(rate):
    rate = tf.Variable(rate, dtype=tf.float32)
    return tf.function(lambda x: (1.0 - rate) * x), rate.assign


class Shrinker:
    def __init__(self, rate):
        self.rate = tf.Variable(float(rate))

    @tf.function
    def shrink(self, x):
        return tf.math.subtract(x, self.rate.read_value() * x)

    def set_rate(self, value):
        self.rate.assign(tf.cast(value, tf.float32))


def make_shrink_class(rate):
    shrinker = Shrinker(rate)
    return [shrinker.shrink, shrinker.set_rate]


def make_shrink_frozen(rate):
    @tf.function
    def shrink(x):
        return x - rate * x

    def set_rate(value):
        nonlocal rate
        rate = value

    return shrink, set_rate


def make_shrink_new_variable(rate):
    variable = tf.Variable(rate)

    @tf.function
    def shrink(x):
        return x - variable * x

    def set_rate(value):
        nonlocal variable
        variable = tf.Variable(value)

    return shrink, set_rate


def make_shrink_tensor(rate):
    tensor = tf.constant(rate)

    @tf.function
    def shrink(x):
        return x - tensor * x

    def set_rate(value):
        nonlocal tensor
        tensor = tf.constant(value)

    return shrink, set_rate


def make_shrink_plain(rate):
    def shrink(x):
        return x - rate * x

    def set_rate(value):
        nonlocal rate
        rate = value

    return shrink, set_rate


def make_shrink_inside(rate):
    @tf.function
    def shrink(x):
        variable = tf.Variable(rate)
        return x - variable * x

    return shrink, lambda value: None


def make_shrink_added(rate):
    variable = tf.Variable(rate)
    return tf.function(lambda x: x - variable * x), variable.assign_add


def make_shrink_swapped(rate):
    shrink, set_rate = make_shrink(rate)
    return set_rate, shrink


def make_shrink_alone(rate):
    return make_shrink(rate)[0]


SHARED = tf.Variable(0.0)


def make_shrink_shared(rate):
    SHARED.assign(rate)
    return tf.function(lambda x: x - SHARED * x), SHARED.assign


def make_shrink_factor(rate):
    variable = tf.Variable(rate)
    return tf.function(lambda x: variable * x), variable.assign


a_rate_that_changes = Exercise(
    id="03.2",
    title="A rate that can still change",
    minutes=5,
    statement="""This function makes two others: `shrink`, which is compiled, and `set_rate`, which
is to change the rate.

```python
def make_shrink(rate):
    @tf.function
    def shrink(x):
        return x - rate * x

    def set_rate(value):
        nonlocal rate
        rate = value

    return shrink, set_rate
```

It works until `shrink` is called for the first time; from then on `set_rate` has no effect. Write
`make_shrink` so that it has. `shrink` stays compiled, and each pair that `make_shrink` makes has a
rate of its own.

For example, after `shrink, set_rate = make_shrink(0.1)`, `shrink(tf.constant(10.0))` is 9; after
`set_rate(0.5)` it is 5.""",
    stub="def make_shrink(rate):\n    ...",
    answer="make_shrink",
    check=check_make_shrink,
    reference=make_shrink,
    right=(make_shrink_bound, make_shrink_class),
    hints=(
        "While `shrink` is traced, `rate` is a Python number. What does the graph make of it, and "
        "what would it read at each run instead?",
        "Make a `tf.Variable` of the rate in `make_shrink`, outside `shrink`.",
        "`set_rate` calls the variable's `assign`. A new variable would not do: the graph has "
        "captured the first one.",
    ),
    explanation=(
        "The graph captures the variable and reads its value at each run, so assign reaches it "
        "without a new trace."
    ),
    wrong=(
        Wrong(make_shrink_frozen, "Tracing wrote the number into the graph"),
        Wrong(make_shrink_new_variable, "write into it"),
        Wrong(make_shrink_tensor, "a tensor keeps its numbers for life"),
        Wrong(make_shrink_plain, "`shrink` is plain Python"),
        Wrong(make_shrink_inside, "make the variable before"),
        Wrong(make_shrink_added, "was added to the old one"),
        Wrong(make_shrink_swapped, "Swap them?"),
        Wrong(make_shrink_alone, "expected two functions"),
        Wrong(make_shrink_shared, "Each pair needs a variable of its own"),
        Wrong(make_shrink_factor, "With the rate 0.1, `shrink(10)` has the right shape"),
    ),
)

# ---------------------------------------------------------------- 03.3


def first_checked(values, index):
    size = tf.shape(values)[0]
    tf.debugging.assert_less(index, size, message="index is beyond the last value")
    return values[0]


def check_first(answer):
    values = tf.constant([4.0, 5.0, 6.0])
    function = getattr(answer, "python_function", answer)
    try:
        result = call(function, values, tf.constant(0))
    except Mistake as mistake:
        refuse_in_range(mistake)
    expect_close(result, 4.0, "With three values and index 0, the result")

    compiled = tf.function(function)
    try:
        for index in (0, 2):
            result = call(compiled, values, tf.constant(index))
            expect_close(result, 4.0, f"Compiled, with three values and index {index}, the result")
        call(compiled, values[:1], tf.constant(0))
    except Mistake as mistake:
        refuse_in_range(mistake)
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
    for count, index in ((3, 7), (3, 3)):
        try:
            function(values[:count], tf.constant(index))
        except tf.errors.InvalidArgumentError:
            continue
        fail(f"Compiled, it refuses index {index} of three values; called eagerly, it accepts it.")


def refuse_in_range(mistake):
    """Say why an index that is in range raises, where the reason is known."""
    text = str(mistake)
    if "as a Python" in text and "bool" in text:
        fail(
            "Python's `assert` wants True or False while the function is traced, when a tensor "
            "has no value. An assertion of TensorFlow is checked when the graph runs."
        )
    if "raised" not in text:
        raise mistake
    why = (
        "assert_less(x, y) wants the smaller one first, and the other is the number of values."
        if "did not hold" in text or "assert" in text
        else "A Python `raise` fires while tracing, whatever the values are."
    )
    fail(f"It refuses an index that is in range. {why} ({text})")


def first_greater(values, index):
    tf.debugging.assert_greater(tf.size(values), index)
    return values[0]


def first_assert(values, index):
    tf.debugging.Assert(index < len(values), [index])
    return values[0]


@tf.function
def first_ordered(values, index):
    with tf.control_dependencies([tf.debugging.assert_less(index, tf.shape(values)[0])]):
        return tf.identity(values[0])


def first_gather(values, index):
    tf.gather(values, index)
    return values[0]


def first_raise(values, index):
    if index >= tf.shape(values)[0]:
        raise IndexError("index is beyond the last value")
    return values[0]


def first_python_assert(values, index):
    assert index < tf.shape(values)[0]
    return values[0]


def first_swapped(values, index):
    tf.debugging.assert_less(tf.shape(values)[0], index)
    return values[0]


def first_fixed_size(values, index):
    tf.debugging.assert_less(index, 3)
    return values[0]


def first_off_by_one(values, index):
    tf.debugging.assert_less_equal(index, tf.shape(values)[0])
    return values[0]


def first_wrong_result(values, index):
    tf.debugging.assert_less(index, tf.shape(values)[0])
    return tf.gather(values, index)


keep_the_check = Exercise(
    id="03.3",
    title="A check that survives",
    minutes=5,
    statement="""Write `first_checked(values, index)`. It takes a float32 tensor of rank 1 and a
scalar int32 tensor, and returns `values[0]`. If `index` is not smaller than the number of
values, it raises `tf.errors.InvalidArgumentError`, **also when it is compiled** with
`tf.function`, although the result does not depend on `index`.

Two names help: `tf.shape(values)[0]` is the number of values as a tensor, and
`tf.debugging.assert_less(x, y)` is an operation that fails unless `x < y`.

For example, with the values [4, 5, 6], index 2 gives 4, and index 3 raises.""",
    stub="def first_checked(values, index):\n    ...",
    answer="first_checked",
    check=check_first,
    reference=first_checked,
    right=(first_greater, first_assert, first_ordered),
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
        Wrong(first_python_assert, "Python's `assert` wants True or False"),
        Wrong(first_swapped, "wants the smaller one first"),
        Wrong(first_fixed_size, "it accepts index 2 with 1 value."),
        Wrong(first_off_by_one, "it accepts index 3 with 3 values"),
        Wrong(first_wrong_result, "its values are off"),
    ),
)

# ---------------------------------------------------------------- 03.4


def for_any_batch(function):
    pictures = tf.TensorSpec([None, 28, 28], tf.float32)
    return tf.function(function).get_concrete_function(pictures)


def check_for_any_batch(answer):
    seen = []

    def brightness(images):
        seen.append(tuple(images.shape))
        return tf.reduce_mean(images, axis=[1, 2])

    found = call(answer, brightness)
    if not callable(found):
        fail(
            f"It returns {describe(found)}; expected a compiled function. Return the function that "
            "runs the graph, without calling it on pictures."
        )
    pictures = tf.reshape(tf.range(10 * 784, dtype=tf.float32), (10, 28, 28))
    averages = tf.reduce_mean(pictures, axis=[1, 2])
    for count in (10, 9, 10, 1):
        what = f"For {count} picture{'s' * (count > 1)}, what the returned function returns"
        try:
            expect_close(call(found, pictures[:count]), averages[:count], what)
        except Mistake as mistake:
            if "was expected to be a" in str(mistake):
                fail("The graph was made for another dtype. The pictures are float32.")
            raise
    if not seen:
        fail("The function that it was given is never traced.")
    if not hasattr(found, "function_type"):
        fail("What it returns is plain Python. Return the compiled function.")
    if len(seen) > 1:
        shapes = ", then for ".join(str(shape) for shape in dict.fromkeys(seen))
        fail(f"The function was traced for {shapes}. One trace for a shape with None is enough.")
    if seen[0] != (None, 28, 28):
        fail(
            f"The graph was made for pictures of shape {seen[0]}; expected (None, 28, 28): any "
            "number of them, each 28 × 28. A concrete function takes other shapes without an "
            "error, and may compute nonsense."
        )


def for_any_batch_signature(function):
    signature = [tf.TensorSpec(shape=(None, 28, 28), dtype=tf.float32)]
    return tf.function(function, input_signature=signature)


def for_any_batch_decorated(function):
    @tf.function
    def compiled(pictures):
        return function(pictures)

    return compiled.get_concrete_function(tf.TensorSpec((None, 28, 28)))


def for_any_batch_plain(function):
    return function


def for_any_batch_bare(function):
    return tf.function(function)


def for_any_batch_relaxed(function):
    return tf.function(function, reduce_retracing=True)


def for_any_batch_fixed(function):
    return tf.function(function).get_concrete_function(tf.zeros((10, 28, 28)))


def for_any_batch_all_open(function):
    return tf.function(function).get_concrete_function(tf.TensorSpec([None, None, None]))


def for_any_batch_uint8(function):
    pictures = tf.TensorSpec([None, 28, 28], tf.uint8)
    return tf.function(function).get_concrete_function(pictures)


def for_any_batch_called(function):
    return for_any_batch(function)(tf.zeros((10, 28, 28)))


one_graph = Exercise(
    id="03.4",
    title="One graph for every batch",
    minutes=5,
    statement="""Write `for_any_batch(function)`. It takes a function of pictures, float32 tensors
of shape (n, 28, 28), and returns a compiled function that does the same for any number of
pictures, with **a single trace**. The graph is made for 28 × 28 pixels and leaves only the number
of pictures open.

For example, `for_any_batch(lambda images: 2.0 * images)(tf.ones((9, 28, 28)))` is a tensor of the
shape (9, 28, 28) full of twos.""",
    stub="def for_any_batch(function):\n    ...",
    answer="for_any_batch",
    check=check_for_any_batch,
    reference=for_any_batch,
    right=(for_any_batch_signature, for_any_batch_decorated),
    hints=(
        "A `tf.TensorSpec` describes a tensor that is not there yet: a shape and a dtype.",
        "`tf.function(function)` traces for what it is called with. Whose method "
        "`get_concrete_function` traces for a description instead?",
        "The shape is [None, 28, 28].",
    ),
    explanation=(
        "The description has no number of pictures, so the graph that is traced for it cannot "
        "depend on one, and serves all."
    ),
    wrong=(
        Wrong(for_any_batch_plain, "is plain Python"),
        Wrong(for_any_batch_bare, "traced for (10, 28, 28), then for (9, 28, 28)"),
        Wrong(for_any_batch_relaxed, "traced for (10, 28, 28), then for (None, 28, 28)"),
        Wrong(for_any_batch_fixed, "made for pictures of shape (10, 28, 28)"),
        Wrong(for_any_batch_all_open, "made for pictures of shape (None, None, None)"),
        Wrong(for_any_batch_uint8, "The graph was made for another dtype"),
        Wrong(for_any_batch_called, "without calling it on pictures"),
    ),
)

EXERCISES = (count_by_hand, a_rate_that_changes, keep_the_check, one_graph)
