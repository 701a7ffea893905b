"""Exercises of lesson 04, AutoGraph and tracing."""

import numpy as np

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
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 04.1

COUNTS = {"start": 1, "positive": 1, "negative": 1, "Python round": 3, "tensor round": 1}

WHY = {
    "start": "The first call traces the function, the second runs its graph, without Python.",
    "positive": "Both branches of a tensor's `if` are in the graph. When does Python run them?",
    "negative": "Both branches of a tensor's `if` are in the graph. When does Python run them?",
    "Python round": "A loop over `range` is not about a tensor. Who runs its rounds, and when?",
    "tensor round": "A loop over `tf.range` becomes a node. How often is its body traced for that?",
}


def check_marks(answer):
    if not isinstance(answer, dict) or set(answer) != set(COUNTS):
        fail(f"Expected a dict with the keys {', '.join(map(repr, COUNTS))}.")
    for key, why in WHY.items():
        if not is_close(answer[key], answer[key]) or to_array(answer[key]).shape != ():
            fail(f"{key!r} is {describe(answer[key])}; expected a whole number.")
        if to_array(answer[key]) != COUNTS[key]:
            fail(f"{key!r} is not {answer[key]}. {why}")


marks = Exercise(
    id="04.1",
    title="How often does Python pass here?",
    minutes=5,
    statement="""This function leaves a mark in a list wherever Python passes. It is called twice.

```python
marks = []

@tf.function
def visit(x):
    marks.append("start")
    if x > 0:
        marks.append("positive")
    else:
        marks.append("negative")
    for i in range(3):
        marks.append("Python round")
    for i in tf.range(3):
        marks.append("tensor round")
    return x

visit(tf.constant(1.0))
visit(tf.constant(-1.0))
```

How often is each text in `marks` afterwards? Decide first, then run the code if you want to see
it.""",
    stub="""counts = {
    "start": ...,
    "positive": ...,
    "negative": ...,
    "Python round": ...,
    "tensor round": ...,
}""",
    answer="counts",
    check=check_marks,
    reference=COUNTS,
    reference_source="""counts = {
    "start": 1,
    "positive": 1,
    "negative": 1,
    "Python round": 3,
    "tensor round": 1,
}""",
    right=(
        dict(reversed(COUNTS.items())),
        {key: np.int64(count) for key, count in COUNTS.items()},
    ),
    hints=(
        "How many signatures do the two calls have? Python runs the function once for each.",
        "Which of the two loops, and which of the branches, depend on a tensor?",
        "What depends on a tensor is traced once and becomes a node. The rest is plain Python.",
    ),
    explanation=(
        "Both calls have the same signature, so there is one trace. In it, Python goes through "
        "both branches, and once through the body of the loop over a tensor: each becomes a part "
        "of a node. The loop over `range` it runs as always, three times."
    ),
    wrong=(
        Wrong({**COUNTS, "start": 2}, "the second runs its graph"),
        Wrong({**COUNTS, "negative": 0}, "Both branches of a tensor's `if`"),
        Wrong({**COUNTS, "positive": 2}, "Both branches of a tensor's `if`"),
        Wrong({**COUNTS, "Python round": 1}, "Who runs its rounds"),
        Wrong({**COUNTS, "tensor round": 3}, "How often is its body traced"),
        Wrong([1, 1, 1, 3, 1], "Expected a dict with the keys"),
    ),
)

# ---------------------------------------------------------------- 04.2


def collatz_steps(n):
    steps = tf.constant(0)
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def check_collatz(answer):
    try:
        call(answer, tf.constant(1))
        compiled = tf.function(
            getattr(answer, "python_function", answer),
            input_signature=[tf.TensorSpec((), tf.int32)],
        )
        results = {n: call(compiled, tf.constant(n)) for n in (1, 2, 6, 9)}
    except Mistake as mistake:
        if "has no attribute 'numpy'" in str(mistake):
            fail(
                "`.numpy()` asks for a value while the function is traced. Compare the tensor "
                "itself: AutoGraph turns a condition on a tensor into a node."
            )
        raise
    for n, steps in {1: 0, 2: 1, 6: 8, 9: 19}.items():
        if is_close(results[n], steps + 1):
            fail(f"For {n} it returns {steps + 1}: that counts the numbers, not the steps between.")
        expect_close(results[n], steps, f"What it returns for {n}")
    operations = compiled.get_concrete_function().graph.get_operations()
    if not any(operation.type in {"While", "StatelessWhile"} for operation in operations):
        fail(
            f"The values are right, but the graph has {len(operations)} nodes and no loop: a loop "
            "over Python numbers was unrolled, and a longer chain would need a longer graph."
        )


def collatz_numpy(n):
    steps = 0
    while n.numpy() != 1:
        n = n // 2 if n.numpy() % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def collatz_unrolled(n):
    steps = tf.constant(0)
    for _ in range(20):
        running = tf.cast(n != 1, tf.int32)
        following = tf.cond(n % 2 == 0, lambda n=n: n // 2, lambda n=n: 3 * n + 1)
        n = running * following + (1 - running) * n
        steps += running
    return steps


def collatz_numbers(n):
    steps = tf.constant(1)
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def collatz_by_hand(n):
    _, steps = tf.while_loop(
        lambda n, steps: n != 1,
        lambda n, steps: (tf.where(n % 2 == 0, n // 2, 3 * n + 1), steps + 1),
        (n, tf.constant(0)),
    )
    return steps


def collatz_int(n):
    steps = 0
    while int(n) != 1:
        n = n // 2 if int(n) % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


collatz = Exercise(
    id="04.2",
    title="A loop that depends on data",
    minutes=10,
    statement="""A Collatz chain starts at a whole number. An even number `n` is followed by
`n // 2`, an odd one by `3 * n + 1`; the chain ends at 1. Write `collatz_steps(n)`,
which takes a scalar int32 tensor and returns the number of steps to 1 as an int32
tensor, **as one graph for every start**.

For example, 6 → 3 → 10 → 5 → 16 → 8 → 4 → 2 → 1 takes 8 steps.""",
    stub="def collatz_steps(n):\n    ...",
    answer="collatz_steps",
    check=check_collatz,
    reference=collatz_steps,
    hints=(
        "Write it as you would for Python numbers. AutoGraph translates `while` and `if`.",
        "The condition of the loop has to be a tensor, such as `n != 1`.",
        "Start the count with `tf.constant(0)`, and add 1 in each round.",
    ),
    explanation=(
        "The condition `n != 1` is a tensor, so AutoGraph turns the loop into one tf.while_loop, "
        "whose number of rounds is decided when the graph runs."
    ),
    wrong=(
        Wrong(collatz_numpy, "asks for a value while the function is traced"),
        Wrong(collatz_unrolled, "was unrolled"),
        Wrong(collatz_numbers, "counts the numbers, not the steps"),
    ),
    right=(
        collatz_by_hand,
        collatz_int,
        tf.function(collatz_steps),
    ),
)

# ---------------------------------------------------------------- 04.3


def take_steps(step, weight, rates):
    for rate in rates:
        weight = step(weight, tf.constant(rate))
    return weight


def check_take_steps(answer):
    def shrink(weight, rate):
        return weight - rate * weight

    rates = [0.5, 0.25, 0.2, 0.125]
    step = tf.function(shrink)
    start = tf.constant(16.0)
    result = call(answer, step, start, rates)
    if is_close(result, 14.0):
        fail("Each step starts from the first weight again. Feed the result of one into the next.")
    expect_close(result, 4.2, "The weight after four steps from 16")
    traces = step.experimental_get_tracing_count()
    if traces == 0:
        fail("The values are right, but `step` itself was never called: it holds the graph to use.")
    if traces > 1:
        fail(
            f"The values are right, but `step` was traced {traces} times. A Python number is part "
            "of the signature: each new value asks for a graph of its own."
        )


def take_steps_python(step, weight, rates):
    for rate in rates:
        weight = step(weight, rate)
    return weight


def take_steps_forgetful(step, weight, rates):
    result = weight
    for rate in rates:
        result = step(weight, tf.constant(rate))
    return result


def take_steps_eager(step, weight, rates):
    for rate in rates:
        weight = step.python_function(weight, tf.constant(rate))
    return weight


def take_steps_tensor(step, weight, rates):
    for rate in tf.constant(rates):
        weight = step(weight, rate)
    return weight


cure = Exercise(
    id="04.3",
    title="Cure a function that traces at each call",
    minutes=5,
    statement="""`step(weight, rate)` is a `tf.function` that somebody else has written; it takes a
scalar float32 tensor and a rate, and returns the next weight. Write
`take_steps(step, weight, rates)`: it takes the step, a first weight and a list of
**Python floats**, calls the step once for each rate, feeds each result into the
next call, and returns the last weight. However long and varied the list, `step` is
traced **once**.""",
    stub="def take_steps(step, weight, rates):\n    ...",
    answer="take_steps",
    check=check_take_steps,
    reference=take_steps,
    hints=(
        "What is part of a signature: the value of a Python number, or the value of a tensor?",
        "Turn each rate into a tensor before you hand it over.",
    ),
    explanation=(
        "A tensor is described by shape and dtype alone, and all rates share those, so one graph "
        "serves them all."
    ),
    wrong=(
        Wrong(take_steps_python, "A Python number is part of the signature"),
        Wrong(take_steps_forgetful, "Each step starts from the first weight again"),
        Wrong(take_steps_eager, "was never called"),
    ),
    right=(take_steps_tensor,),
)

# ---------------------------------------------------------------- 04.4


def cumulative_product(x):
    size = tf.shape(x)[0]
    results = tf.TensorArray(tf.float32, size=size)
    product = tf.constant(1.0)
    for i in tf.range(size):
        product = product * x[i]
        results = results.write(i, product)
    return results.stack()


def check_cumulative(answer):
    x = tf.constant([2.0, 3.0, 0.5, 4.0])
    try:
        call(answer, x)
        compiled = tf.function(
            getattr(answer, "python_function", answer),
            input_signature=[tf.TensorSpec((None,), tf.float32)],
        )
        result = call(compiled, x)
        shorter = call(compiled, x[:2])
    except Mistake as mistake:
        if any(word in str(mistake) for word in ("InaccessibleTensorError", "out of scope")):
            fail(
                "A Python list cannot collect what a loop in the graph computes: the append ran "
                "once, while tracing, and kept a symbolic tensor. Collect in a tf.TensorArray."
            )
        raise
    values = to_array(result)
    if values.shape == (4,) and not values.any():
        fail(
            "In a graph it returns zeros: each `write` returns a new array, and the results of the "
            "writes were dropped."
        )
    if is_close(result, [1.0, 2.0, 6.0, 3.0]):
        fail("Each value is the product of those before it, without its own. Multiply, then write.")
    expect_close(result, [2.0, 6.0, 3.0, 12.0], "The result for [2, 3, 0.5, 4]")
    expect_close(shorter, [2.0, 6.0], "The result for [2, 3], from the same graph,")


def cumulative_list(x):
    results = []
    product = tf.constant(1.0)
    for value in x:
        product = product * value
        results.append(product)
    return tf.stack(results)


def cumulative_dropped(x):
    size = tf.shape(x)[0]
    results = tf.TensorArray(tf.float32, size=size)
    product = tf.constant(1.0)
    for i in tf.range(size):
        product = product * x[i]
        results.write(i, product)  # the returned array is dropped
    return results.stack()


def cumulative_exclusive(x):
    size = tf.shape(x)[0]
    results = tf.TensorArray(tf.float32, size=size)
    product = tf.constant(1.0)
    for i in tf.range(size):
        results = results.write(i, product)
        product = product * x[i]
    return results.stack()


def cumulative_counting(x):
    results = tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False)
    product = tf.constant(1.0)
    for value in x:
        product *= value
        results = results.write(results.size(), product)
    return results.stack()


collect = Exercise(
    id="04.4",
    title="Collect what a loop computes",
    minutes=10,
    statement="""Write `cumulative_product(x)`. It takes a float32 tensor of shape `(n,)`, where `n`
may be unknown while tracing, and returns a float32 tensor of the same shape: value
`i` is the product of `x[0]` to `x[i]`. Use a loop and a `tf.TensorArray`.

For example, `[2, 3, 0.5, 4]` gives `[2, 6, 3, 12]`.""",
    stub="def cumulative_product(x):\n    ...",
    answer="cumulative_product",
    check=check_cumulative,
    reference=cumulative_product,
    hints=(
        "Loop over `tf.range(tf.shape(x)[0])` and keep the running product in a tensor.",
        "Make the array with `tf.TensorArray(tf.float32, size=tf.shape(x)[0])`; `stack()` turns it "
        "into a tensor.",
        "`write` returns the array to go on with: `results = results.write(i, product)`.",
    ),
    explanation=(
        "The array is part of the loop's state because its name is assigned in the loop. Each "
        "write returns the next version of it, and `stack` joins what was written."
    ),
    wrong=(
        Wrong(cumulative_list, "A Python list cannot collect"),
        Wrong(cumulative_dropped, "the results of the writes were dropped"),
        Wrong(cumulative_exclusive, "without its own"),
    ),
    right=(
        cumulative_counting,
        tf.function(cumulative_product),
    ),
)

# ---------------------------------------------------------------- 04.5


def make_counter():
    count = tf.Variable(0)

    @tf.function
    def counter():
        return count.assign_add(1)

    return counter


def check_counter(answer):
    counter = call(answer)
    if not hasattr(counter, "get_concrete_function"):
        fail(
            "make_counter returns something that is not a tf.function. Decorate the inner function."
        )
    try:
        values = [int(to_array(call(counter))) for _ in range(3)]
    except Mistake as mistake:
        if "singleton" in str(mistake) or "non-first call" in str(mistake):
            fail(
                "The variable is created inside the compiled function, which would make a new one "
                "at each trace. Create it once, outside."
            )
        raise
    if values == [1, 1, 1]:
        fail(
            "It answers 1, 1, 1. What Python counts, it counts while tracing, once; the graph "
            "holds the number that came out."
        )
    if values == [0, 1, 2]:
        fail("It answers 0, 1, 2: it returns the count from before the call.")
    if values != [1, 2, 3]:
        fail(f"Called three times it answers {values}; expected [1, 2, 3].")
    other = call(answer)
    first = int(to_array(call(other)))
    if first != 1:
        fail(f"A second counter starts at {first}: both share one variable. Each needs its own.")


def counter_python():
    count = 0

    @tf.function
    def counter():
        nonlocal count
        count += 1
        return tf.constant(count)

    return counter


def counter_inner_variable():
    @tf.function
    def counter():
        count = tf.Variable(0)
        return count.assign_add(1)

    return counter


_shared = tf.Variable(0)


def counter_shared():
    if _shared > 3:
        _shared.assign(0)

    @tf.function
    def counter():
        return _shared.assign_add(1)

    return counter


def counter_before():
    count = tf.Variable(0)

    @tf.function
    def counter():
        value = count.read_value()
        count.assign_add(1)
        return value

    return counter


def counter_that_creates_once():
    created = []

    @tf.function
    def counter():
        if not created:
            created.append(tf.Variable(0))
        return created[0].assign_add(1)

    return counter


count_on = Exercise(
    id="04.5",
    title="A counter that counts",
    minutes=10,
    statement="""Write `make_counter()`. It returns a new `tf.function` without arguments. At its
first call that function returns 1, then 2, then 3, as int32 tensors. Two
counters do not disturb each other.""",
    stub="def make_counter():\n    ...",
    answer="make_counter",
    check=check_counter,
    reference=make_counter,
    hints=(
        "State that a graph changes lives in a `tf.Variable`.",
        "Create the variable in `make_counter`, and use it in a function defined inside.",
        "`assign_add(1)` adds and returns the new value.",
    ),
    explanation=(
        "Each call of make_counter creates one variable, outside the compiled function, which "
        "captures it; the addition is a node of the graph and happens at each run."
    ),
    wrong=(
        Wrong(counter_python, "It answers 1, 1, 1"),
        Wrong(counter_inner_variable, "Create it once, outside"),
        Wrong(counter_before, "the count from before the call"),
        Wrong(counter_shared, "both share one variable"),
    ),
    right=(counter_that_creates_once,),
)

EXERCISES = (marks, collatz, cure, collect, count_on)
