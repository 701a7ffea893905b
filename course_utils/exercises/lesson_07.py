"""Exercises of lesson 07, autodiff from the inside."""

import numpy as np

from course_utils.exercises.expect import call, expect_close, expect_shape, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 07.1


def backward(steps, target):
    gradients = {target: 1.0}
    for result, inputs in reversed(steps):
        for name, local in inputs:
            share = gradients.get(result, 0.0) * local
            gradients[name] = gradients.get(name, 0.0) + share
    return gradients


# y = (a + b) * b at a = 2, b = 3, and z = y * y
STEPS = [
    ("u", [("a", 1.0), ("b", 1.0)]),
    ("y", [("u", 3.0), ("b", 5.0)]),
    ("z", [("y", 15.0), ("y", 15.0)]),
]


def check_backward(answer):
    chain = [("u", [("a", 2.0)]), ("y", [("u", 5.0)])]
    gradients = call(answer, chain, "y")
    if not isinstance(gradients, dict) or "a" not in gradients:
        fail(
            "Expected a dict with a gradient for each name, such as 'a', that the target rests on."
        )
    if is_close(gradients["a"], 0.0):
        fail(
            "For y = 5u and u = 2a it says dy/da = 0: when the note of u was read, no gradient "
            "had arrived at u yet. Which note has to come first?"
        )
    if is_close(gradients["a"], 2.0):
        fail(
            "For y = 5u and u = 2a it says dy/da = 2: the gradient that arrives at u was not "
            "passed on. Multiply it by the local derivative."
        )
    expect_close(gradients["a"], 10.0, "For y = 5u and u = 2a, dy/da")
    gradients = call(answer, STEPS[:2], "y")
    if is_close(gradients.get("b"), 1.0) or is_close(gradients.get("b"), 3.0):
        fail(
            f"For y = (a + b)b at a = 2 and b = 3 it says dy/db = {float(gradients['b']):g}: b is "
            "used twice, and the second share has overwritten the first. Shares add up."
        )
    if is_close(gradients.get("b"), 5.0):
        fail(
            "For y = (a + b)b at a = 2 and b = 3 it says dy/db = 5, the share of one use alone. b "
            "is used twice, and both shares count."
        )
    expect_close(gradients.get("b"), 8.0, "For y = (a + b)b at a = 2 and b = 3, dy/db")
    expect_close(call(answer, STEPS, "z").get("b"), 240.0, "For z = y·y, dz/db")


def backward_assigns(steps, target):
    gradients = {target: 1.0}
    for result, inputs in reversed(steps):
        for name, local in inputs:
            gradients[name] = gradients.get(result, 0.0) * local
    return gradients


def backward_forgets(steps, target):
    gradients = {target: 1.0}
    for _, inputs in reversed(steps):
        for name, local in inputs:
            gradients[name] = gradients.get(name, 0.0) + local
    return gradients


def backward_keeps_first(steps, target):
    gradients = {target: 1.0}
    for result, inputs in reversed(steps):
        for name, local in inputs:
            gradients.setdefault(name, gradients.get(result, 0.0) * local)
    return gradients


def backward_in_order(steps, target):
    gradients = {target: 1.0}
    for result, inputs in steps:
        for name, local in inputs:
            share = gradients.get(result, 0.0) * local
            gradients[name] = gradients.get(name, 0.0) + share
    return gradients


walk_back = Exercise(
    id="07.1",
    title="Walk back through the notes",
    minutes=20,
    statement="""Here are the notes of a small computation with numbers, in the order in which it
ran. Each note names a result, and its inputs with the **local derivative** for
each. For `u = a + b` and `y = u * b` at `a = 2`, `b = 3`, they are

```python
steps = [("u", [("a", 1.0), ("b", 1.0)]),
         ("y", [("u", 3.0), ("b", 5.0)])]
```

Write `backward(steps, target)`, which returns a dict: for the target and each name
that it rests on, the derivative of the target with respect to it. For the notes
above and the target `"y"` it returns `{"y": 1.0, "u": 3.0, "a": 3.0, "b": 8.0}`.""",
    stub="def backward(steps, target):\n    ...",
    answer="backward",
    check=check_backward,
    reference=backward,
    hints=(
        "The derivative of the target with respect to itself is 1. Start there and go backwards.",
        "At each note, the gradient at the result times the local derivative is the share of an "
        "input.",
        "A name that is used twice receives two shares. What do you do with both?",
    ),
    explanation=(
        "Going backwards, the gradient at a result is complete before it is passed on, and every "
        "use of a value adds its share."
    ),
    wrong=(
        Wrong(backward_assigns, "the second share has overwritten the first"),
        Wrong(backward_forgets, "was not passed on"),
        Wrong(backward_keeps_first, "the share of one use alone"),
        Wrong(backward_in_order, "Which note has to come first"),
    ),
)

# ---------------------------------------------------------------- 07.2


class Node:
    def __init__(self, value):
        self.value = np.asarray(value)


class SmallTape:
    """The lesson's tape with what the check needs: numbers of one shape, no matrices."""

    def __init__(self):
        self.notes = []

    def note(self, value, *inputs):
        result = Node(value)
        self.notes.append((result, inputs))
        return result

    def multiply(self, a, b):
        return self.note(a.value * b.value, (a, lambda g: g * b.value), (b, lambda g: g * a.value))

    def gradient(self, target, sources):
        gradients = {target: np.ones_like(target.value)}
        for result, inputs in reversed(self.notes):
            if result in gradients:
                for node, pullback in inputs:
                    share = pullback(gradients[result])
                    gradients[node] = gradients.get(node, 0) + share
        return [gradients.get(source) for source in sources]


def tanh(tape, a):
    value = np.tanh(a.value)
    return tape.note(value, (a, lambda g: g * (1 - value**2)))


def check_tanh(answer):
    numbers = np.array([-1.0, 0.0, 0.5, 2.0])
    tape, a = SmallTape(), Node(numbers)
    result = call(answer, tape, a)
    if not isinstance(result, Node):
        fail("Return the node that `tape.note` returns, so that the next operation can use it.")
    expect_close(result.value, np.tanh(numbers), "The value of the result")
    (gradient,) = tape.gradient(result, [a])
    if gradient is None:
        fail("No gradient reaches `a`: note it as an input of the result, with its pullback.")
    slope = 1 - np.tanh(numbers) ** 2
    if is_close(gradient, 1 - numbers**2):
        fail("The pullback takes 1 - a², but the derivative of tanh a is 1 - (tanh a)².")
    expect_close(gradient, slope, "The gradient of the sum of the results")
    tape = SmallTape()
    scaled = tape.multiply(call(answer, tape, a), Node(np.full(4, 3.0)))
    (gradient,) = tape.gradient(scaled, [a])
    if is_close(gradient, slope):
        fail(
            "With 3·tanh(a) the gradient stays that of tanh(a): the pullback ignores the gradient "
            "`g` that arrives at the result."
        )
    expect_close(gradient, 3 * slope, "The gradient of the sum of 3·tanh(a)")


def tanh_at_input(tape, a):
    return tape.note(np.tanh(a.value), (a, lambda g: g * (1 - a.value**2)))


def tanh_without_chain(tape, a):
    value = np.tanh(a.value)
    return tape.note(value, (a, lambda g: 1 - value**2))


def tanh_unlinked(tape, a):
    return tape.note(np.tanh(a.value))


add_operation = Exercise(
    id="07.2",
    title="Teach the small tape an operation",
    minutes=10,
    statement="""Write `tanh(tape, a)`. It takes a `SmallTape` and a `Node` of any shape, adds the
hyperbolic tangent to the tape with `tape.note`, and returns the resulting node, so
that gradients flow through it.

For a node with the values `[0.0, 0.5]` the values of the result are `[0.0, 0.462]`,
and the gradient of their sum is `[1.0, 0.786]`.""",
    stub="def tanh(tape, a):\n    ...",
    answer="tanh",
    check=check_tanh,
    reference=tanh,
    hints=(
        "Look at `relu` in the small tape: a value, and one pair of an input and its pullback.",
        "The derivative of tanh a is 1 - (tanh a)².",
        "A pullback receives the gradient at the result, `g`, and returns the one at the input.",
    ),
    explanation=(
        "The pullback multiplies the gradient that arrives by the local derivative, which for "
        "tanh is known from the value already computed."
    ),
    wrong=(
        Wrong(tanh_at_input, "takes 1 - a²"),
        Wrong(tanh_without_chain, "ignores the gradient `g`"),
        Wrong(tanh_unlinked, "No gradient reaches `a`"),
    ),
)

# ---------------------------------------------------------------- 07.3


def newton_step(function, x):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        slope = inner.gradient(y, x)
    curvature = outer.gradient(slope, x)
    return x - slope / curvature


def check_newton(answer):
    def parabola(x):
        return 3.0 * (x - 2.0) ** 2

    def wave(x):
        return x**4 - 3.0 * x**2 + x

    x = tf.constant(5.0, tf.float64)
    try:
        result = call(answer, parabola, x)
    except Exception as mistake:
        if "NoneType" in str(mistake):
            fail(
                "The second derivative is None: the outer tape did not see how the first one was "
                "computed. Take the inner gradient while the outer tape is recording."
            )
        raise
    if is_close(result, 8.0):
        fail("From x = 5 the step leads to 8, away from the minimum at 2. Mind the sign.")
    expect_close(result, 2.0, "After one step from 5 on the parabola 3(x - 2)², x")
    start = tf.constant(1.5, tf.float64)
    slope, curvature = 4 * 1.5**3 - 6 * 1.5 + 1, 12 * 1.5**2 - 6
    expect_close(
        call(answer, wave, start),
        1.5 - slope / curvature,
        "After a step from 1.5 on x⁴ - 3x² + x, x",
    )
    tensor = call(answer, wave, tf.constant(1.5))
    if to_array(tensor).dtype != np.float32:
        fail("A float32 start must give a float32 result.")


def newton_outer_too_small(function, x):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
    slope = inner.gradient(y, x)
    curvature = outer.gradient(slope, x)
    return x - slope / curvature


def newton_sign(function, x):
    return x + (x - newton_step(function, x))


def newton_gradient_step(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return x - 0.1 * tape.gradient(y, x)


newton = Exercise(
    id="07.3",
    title="A Newton step",
    minutes=10,
    statement="""Write `newton_step(function, x)`. It takes a smooth function of one number and a
scalar tensor `x` (float32 or float64), and returns the next `x` of Newton's method,
$x - f'(x) / f''(x)$, with both derivatives from tapes.

For $3(x-2)^2$, one step from anywhere leads to 2.""",
    stub="def newton_step(function, x):\n    ...",
    answer="newton_step",
    check=check_newton,
    reference=newton_step,
    hints=(
        "Two tapes, one inside the other. Both watch x.",
        "The outer tape has to record the computation of the first derivative.",
        "So `inner.gradient(...)` stands inside the `with` of the outer tape.",
    ),
    explanation=(
        "The inner gradient is computed while the outer tape records, so the outer tape can "
        "differentiate it once more."
    ),
    wrong=(
        Wrong(newton_outer_too_small, "The second derivative is None"),
        Wrong(newton_sign, "Mind the sign"),
        Wrong(newton_gradient_step, "its values are off by up to"),
    ),
)

# ---------------------------------------------------------------- 07.4


@tf.custom_gradient
def round_through(x):
    return tf.round(x), lambda upstream: upstream


def check_round(answer):
    x = tf.constant([0.2, 0.7, -1.4])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = call(answer, x)
        expect_shape(y, (3,), "The result for three numbers")
        weighted = tf.reduce_sum(tf.convert_to_tensor(y) * tf.constant([1.0, 2.0, 3.0]))
    gradient = tape.gradient(weighted, x)
    if is_close(y, x):
        fail("The values are not rounded: 0.7 stays 0.7.")
    expect_close(y, [0.0, 1.0, -1.0], "The result for [0.2, 0.7, -1.4]")
    if gradient is None or not to_array(gradient).any():
        fail(
            "The values are right, but no gradient comes through: rounding is flat between its "
            "steps. Say with tf.custom_gradient what the gradient should be."
        )
    if is_close(gradient, [1.0, 1.0, 1.0]):
        fail(
            "With the weights 1, 2 and 3 behind it, the gradient is 1 everywhere: pass on the "
            "gradient that arrives, in place of ones."
        )
    expect_close(gradient, [1.0, 2.0, 3.0], "The gradient with the weights 1, 2 and 3")


def round_plain(x):
    return tf.round(x)


def round_identity(x):
    return tf.identity(x)


@tf.custom_gradient
def round_ones(x):
    return tf.round(x), lambda upstream: tf.ones_like(upstream)


straight_through = Exercise(
    id="07.4",
    title="Round, and let the gradient through",
    minutes=10,
    statement="""A network that has to end up with whole numbers still needs gradients while it
learns. Write `round_through(x)`: it takes a float32 tensor of any shape and returns
it rounded to whole numbers, and in the backward pass it behaves as if it had done
nothing: the gradient that arrives is the gradient that leaves. This is called a
*straight-through* estimator.""",
    stub="def round_through(x):\n    ...",
    answer="round_through",
    check=check_round,
    reference=round_through,
    hints=(
        "A function decorated with `@tf.custom_gradient` returns two things: its value, and a "
        "function.",
        "That function receives the gradient that arrives, and returns the one for `x`.",
    ),
    explanation=(
        "The forward pass rounds; the backward pass hands the arriving gradient on unchanged, in "
        "place of the zero that the derivative of rounding is."
    ),
    wrong=(
        Wrong(round_plain, "no gradient comes through"),
        Wrong(round_identity, "The values are not rounded"),
        Wrong(round_ones, "pass on the gradient that arrives"),
    ),
)

EXERCISES = (walk_back, add_operation, newton, straight_through)
