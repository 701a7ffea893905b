"""Exercises of lesson 04, AutoGraph and tracing."""

import numpy as np

from course_utils.exercises.expect import (
    Mistake,
    call,
    expect_close,
    expect_counts,
    expect_shape,
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
    expect_counts(answer, COUNTS, WHY)


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


def noisy_descent(slope, weight, rates):
    @tf.function
    def step(weight, rate):
        noise = tf.random.normal([])
        return weight - rate * (slope(weight) + noise)

    weights = []
    for rate in rates:
        weight = step(weight, tf.constant(rate))
        weights.append(weight)
    return weights


def check_descent(answer):
    passes = []

    def slope(weight):
        passes.append("eager" if tf.executing_eagerly() else "traced")
        return weight

    rates = [0.5, 0.25, 0.125] * 8
    start = 100.0
    result = call(answer, slope, tf.constant(start), rates)
    weights = expect_shape(result, (len(rates),), f"What it returns for {len(rates)} rates")
    if not passes:
        fail("`slope` was never called. Each step needs the slope at its weight.")
    if "eager" in passes:
        fail("`slope` gets eager tensors: the step runs without a graph. Keep the `tf.function`.")
    if len(passes) >= len(rates):
        fail(
            "Python passed through `slope` once for each rate. `tf.function` makes a new graph for "
            "each Python number that it has not seen, and in each round of a loop that calls "
            "`tf.function` itself; and in a graph, a loop over a list is unrolled."
        )
    if len(passes) > 1:
        fail(
            f"Python passed through `slope` {len(passes)} times. A Python number is part of the "
            "signature: each new value asks for a graph of its own."
        )
    if weights[-1] > start / 4:
        fail("Each step starts from the first weight again. Feed the result of one into the next.")
    before = np.array([start, *weights[:-1]])
    noise = (before - weights) / rates - before
    if np.ptp(noise) < 0.01:
        fail(
            "One graph serves all rates, but the noise is the same in all steps, "
            f"{noise.mean().round(3) + 0.0}. What Python draws while tracing is a constant of the "
            "graph, and so is a draw from a fixed seed."
        )
    if not (abs(noise.mean()) < 1 and 0.35 < noise.std() < 1.75):
        fail(
            f"The noise has the mean {noise.mean():.2f} and the standard deviation "
            f"{noise.std():.2f}; expected about 0 and 1. A step is "
            "`weight - rate * (slope(weight) + noise)`."
        )


def descent_as_it_was(slope, weight, rates):
    @tf.function
    def step(weight, rate):
        noise = np.random.default_rng().normal()
        return weight - rate * (slope(weight) + noise)

    weights = []
    for rate in rates:
        weight = step(weight, rate)
        weights.append(weight)
    return weights


def descent_frozen(slope, weight, rates):
    return descent_as_it_was(slope, weight, tf.constant(rates))


def descent_from_a_seed(slope, weight, rates):
    @tf.function
    def step(weight, rate):
        noise = tf.random.stateless_normal([], seed=(1, 2))
        return weight - rate * (slope(weight) + noise)

    weights = []
    for rate in tf.constant(rates):
        weight = step(weight, rate)
        weights.append(weight)
    return weights


def descent_with_python_noise(slope, weight, rates):
    @tf.function
    def step(weight, rate, noise):
        return weight - rate * (slope(weight) + noise)

    weights = []
    for rate in rates:
        weight = step(weight, tf.constant(rate), np.random.default_rng().normal())
        weights.append(weight)
    return weights


def descent_eager(slope, weight, rates):
    weights = []
    for rate in rates:
        weight = weight - rate * (slope(weight) + tf.random.normal([]))
        weights.append(weight)
    return weights


def descent_without_noise(slope, weight, rates):
    step = tf.function(lambda weight, rate: weight - rate * slope(weight))
    weights = []
    for rate in rates:
        weight = step(weight, tf.constant(rate))
        weights.append(weight)
    return weights


def descent_forgetful(slope, weight, rates):
    @tf.function
    def step(weight, rate):
        return weight - rate * (slope(weight) + tf.random.normal([]))

    return [step(weight, tf.constant(rate)) for rate in rates]


def descent_with_uniform_noise(slope, weight, rates):
    @tf.function
    def step(weight, rate):
        return weight - rate * (slope(weight) + tf.random.uniform([]))

    weights = []
    for rate in rates:
        weight = step(weight, tf.constant(rate))
        weights.append(weight)
    return weights


def descent_last_alone(slope, weight, rates):
    return noisy_descent(slope, weight, rates)[-1]


def descent_with_a_signature(slope, weight, rates):
    number = tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[number, number])
    def step(weight, rate):
        return weight - rate * (slope(weight) + tf.random.normal([]))

    weights = [weight]
    for rate in rates:
        weights.append(step(weights[-1], rate))
    return weights[1:]


def descent_with_noise_as_an_argument(slope, weight, rates):
    step = tf.function(lambda weight, rate, noise: weight - rate * (slope(weight) + noise))
    generator = np.random.default_rng()
    weights = []
    for rate in np.asarray(rates, np.float32):
        weight = step(weight, tf.constant(rate), tf.constant(generator.normal(), tf.float32))
        weights.append(float(weight))
        weight = tf.constant(weights[-1])
    return weights


def descent_as_one_graph(slope, weight, rates):
    @tf.function
    def run(weight, rates):
        weights = tf.TensorArray(tf.float32, size=tf.size(rates))
        for i in tf.range(tf.size(rates)):
            weight = weight - rates[i] * (slope(weight) + tf.random.normal([]))
            weights = weights.write(i, weight)
        return weights.stack()

    return run(weight, tf.constant(rates))


descent = Exercise(
    id="04.3",
    title="Two faults without a message",
    minutes=5,
    statement="""This function takes a noisy step for each rate of a list of **Python floats**, and
returns the weights after each step. `slope` is a function of a tensor.

```python
def noisy_descent(slope, weight, rates):
    @tf.function
    def step(weight, rate):
        noise = np.random.default_rng().normal()
        return weight - rate * (slope(weight) + noise)

    weights = []
    for rate in rates:
        weight = step(weight, rate)
        weights.append(weight)
    return weights
```

It raises nothing, and yet it has two faults. One makes it slow. The other one spoils the noise,
and gets worse when you repair the first. Repair both: Python passes through `slope` **once**,
however many rates there are, and each step has **noise of its own**, from a normal distribution
with mean 0 and standard deviation 1.""",
    stub="def noisy_descent(slope, weight, rates):\n    ...",
    answer="noisy_descent",
    check=check_descent,
    reference=noisy_descent,
    hints=(
        "Slow: what part of a signature is the value of a Python number? And that of a tensor?",
        "Noise: who draws it, Python or the graph? How often does Python run that line?",
        "Turn each rate into a tensor before the call, and draw with `tf.random.normal([])`.",
    ),
    explanation=(
        "All rates, as tensors, share one signature, so there is one graph. In the broken function "
        "the noise was new for each new rate only because each new rate was traced. With one "
        "graph, NumPy would draw once for all steps; tf.random.normal is a node and draws in each."
    ),
    wrong=(
        Wrong(descent_as_it_was, "passed through `slope` 3 times"),
        Wrong(descent_with_python_noise, "once for each rate"),
        Wrong(descent_frozen, "the noise is the same in all steps"),
        Wrong(descent_from_a_seed, "so is a draw from a fixed seed"),
        Wrong(descent_eager, "runs without a graph"),
        Wrong(descent_without_noise, "the same in all steps, 0.0"),
        Wrong(descent_forgetful, "Each step starts from the first weight again"),
        Wrong(descent_with_uniform_noise, "expected about 0 and 1"),
        Wrong(descent_last_alone, "expected (24,)"),
    ),
    right=(
        descent_with_a_signature,
        descent_with_noise_as_an_argument,
        descent_as_one_graph,
    ),
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

EXERCISES = (marks, collatz, descent, collect, count_on)
