"""Exercises of lesson 07, autodiff from the inside."""

import numpy as np

from course_utils.exercises.expect import (
    Mistake,
    call,
    describe,
    expect_close,
    expect_keys,
    expect_shape,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 07.1

BY_HAND = {"v": 16.0, "u": 16.0, "b": 32.0, "a": 64.0}


def check_by_hand(answer):
    expect_keys(answer, BY_HAND)
    for name in BY_HAND:
        expect_shape(answer[name], (), f"The gradient of {name}")
    if is_close(answer["v"], 8.0):
        fail("The gradient of v is not 8: v is used twice in v · v. Each use sends back 8.")
    expect_close(answer["v"], 16.0, "The gradient of v")
    expect_close(answer["u"], 16.0, "u enters v = u + a with the factor 1. The gradient of u")
    if is_close(answer["b"], 48.0):
        fail("The gradient of b is not 48: b enters u = a · b with the factor a, which is 2.")
    expect_close(answer["b"], 32.0, "The gradient of b")
    for part, use in ((16.0, "in v = u + a"), (48.0, "in u = a · b")):
        if is_close(answer["a"], part):
            fail(f"{part:g} is what comes back from one use of a, {use}. a is used twice.")
    expect_close(answer["a"], 64.0, "The gradient of a")


by_hand = Exercise(
    id="07.1",
    title="Backwards by hand",
    minutes=5,
    statement="""Take $y = v \\cdot v$ with $v = u + a$ and $u = a \\cdot b$, at $a = 2$ and
$b = 3$. Forwards, $u = 6$, $v = 8$ and $y = 64$.

Go backwards on paper: how much does $y$ change with $v$, with $u$, with $b$ and with $a$? Then
let a tape check it, if you like.""",
    stub="""gradients = {
    "v": ...,
    "u": ...,
    "b": ...,
    "a": ...,
}""",
    answer="gradients",
    check=check_by_hand,
    reference=BY_HAND,
    reference_source="""gradients = {
    "v": 16.0,  # 8 + 8: v is used twice
    "u": 16.0,  # 16 · 1
    "b": 32.0,  # 16 · a
    "a": 64.0,  # 16 · 1 from v, and 16 · b from u
}""",
    hints=(
        "In v · v, v is used twice, each time with the other v as the factor.",
        "Which two results use a? What comes back from both adds up.",
    ),
    explanation=(
        "v gets 8 from each of its two uses. u and a get 16 from v. b gets 16 · 2, and a another "
        "16 · 3 from u: 16 + 48 = 64."
    ),
    right=(
        {"a": 64, "b": 32, "u": 16, "v": 16},
        {name: tf.constant(value) for name, value in BY_HAND.items()},
    ),
    wrong=(
        Wrong({**BY_HAND, "v": 8.0}, "Each use sends back 8"),
        Wrong({**BY_HAND, "u": 8.0}, "u enters v = u + a with the factor 1"),
        Wrong({**BY_HAND, "b": 48.0}, "with the factor a, which is 2"),
        Wrong({**BY_HAND, "a": 16.0}, "a is used twice"),
        Wrong({**BY_HAND, "a": 48.0}, "in u = a · b"),
        Wrong({**BY_HAND, "a": [16.0, 48.0]}, "The gradient of a has the shape (2,)"),
        Wrong([16, 16, 32, 64], "Expected a dict with the keys"),
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
                    part = pullback(gradients[result])
                    gradients[node] = gradients.get(node, 0) + part
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
    for _, inputs in tape.notes:
        for entry in inputs:
            expect_input(entry)
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


def expect_input(entry):
    """Check that a note holds a pair of a node and a pullback."""
    if not isinstance(entry, (tuple, list)) or len(entry) != 2:
        fail(
            f"After the value, `tape.note` got {describe(entry)}; expected a pair in parentheses: "
            "the input's node and its pullback."
        )
    node, pullback = entry
    if not hasattr(node, "value"):
        fail(f"A pair begins with {describe(node)}; expected the node itself, `a`.")
    if not callable(pullback):
        fail(
            f"A pair ends with {describe(pullback)}; expected a pullback: a function that takes "
            "the gradient `g` at the result. Put `lambda g:` in front."
        )


def tanh_at_input(tape, a):
    return tape.note(np.tanh(a.value), (a, lambda g: g * (1 - a.value**2)))


def tanh_without_chain(tape, a):
    value = np.tanh(a.value)
    return tape.note(value, (a, lambda g: 1 - value**2))


def tanh_unlinked(tape, a):
    return tape.note(np.tanh(a.value))


def tanh_without_pair(tape, a):
    value = np.tanh(a.value)
    return tape.note(value, a, lambda g: g * (1 - value**2))


def tanh_with_slopes(tape, a):
    value = np.tanh(a.value)
    return tape.note(value, (a, 1 - value**2))


def tanh_with_the_input_value(tape, a):
    value = np.tanh(a.value)
    return tape.note(value, (a.value, lambda g: g * (1 - value**2)))


def tanh_value(tape, a):
    return np.tanh(a.value)


def tanh_by_exponentials(tape, a):
    grown = np.exp(2 * a.value)
    return tape.note((grown - 1) / (grown + 1), (a, lambda g: 4 * grown * g / (grown + 1) ** 2))


def tanh_with_named_pullback(tape, a):
    result = tape.note(np.tanh(a.value), (a, lambda g: g / np.cosh(a.value) ** 2))
    return result


add_operation = Exercise(
    id="07.2",
    title="Teach the small tape an operation",
    minutes=5,
    statement="""Write `tanh(tape, a)`. It takes a `SmallTape` and a `Node` of any shape, adds the
hyperbolic tangent to the tape with `tape.note`, and returns the resulting node, so
that gradients flow through it. The derivative of $\\tanh a$ is $1 - (\\tanh a)^2$.

For a node with the values `[0.0, 0.5]` the values of the result are `[0.0, 0.462]`,
and the gradient of their sum is `[1.0, 0.786]`.""",
    stub="def tanh(tape, a):\n    ...",
    answer="tanh",
    check=check_tanh,
    reference=tanh,
    hints=(
        "Look at `relu` in the small tape: a value, and one pair of an input and its pullback.",
        "`np.tanh(a.value)` is the value. The derivative needs it once more.",
        "A pullback receives the gradient at the result, `g`, and returns the one at the input.",
    ),
    explanation=(
        "The pullback multiplies the gradient that arrives by the local derivative, which for "
        "tanh is known from the value already computed."
    ),
    right=(tanh_by_exponentials, tanh_with_named_pullback),
    wrong=(
        Wrong(tanh_at_input, "takes 1 - a²"),
        Wrong(tanh_without_chain, "ignores the gradient `g`"),
        Wrong(tanh_unlinked, "No gradient reaches `a`"),
        Wrong(tanh_without_pair, "expected a pair in parentheses"),
        Wrong(tanh_with_slopes, "expected a pullback"),
        Wrong(tanh_with_the_input_value, "expected the node itself"),
        Wrong(tanh_value, "Return the node that `tape.note` returns"),
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
        # Differences see the second term, tapes do not.
        return 3.0 * (x - 2.0) ** 2 + tf.stop_gradient(12.0 * x)

    def wave(x):
        return x**4 - 3.0 * x**2 + x

    result = step_from(answer, parabola, tf.constant(5.0, tf.float64))
    for value, message in (
        (8.0, "From x = 5 the step leads to 8, away from the minimum at 2. Mind the sign."),
        (3.0, "At x = 5 the result is 3, which is f'(x) / f''(x). Subtract it from x."),
        (
            4.0,
            "From x = 5 the step leads to 4: both derivatives are f'(x). Ask the outer tape for "
            "the gradient of the slope, not of the value.",
        ),
        (0.0, "These derivatives come from differences. Take both from tapes."),
    ):
        if is_close(result, value):
            fail(message)
    expect_close(result, 2.0, "After one step from 5 on the parabola 3(x - 2)², x")
    slope, curvature = 4 * 1.5**3 - 6 * 1.5 + 1, 12 * 1.5**2 - 6
    for dtype in ("float32", "float64"):
        result = step_from(answer, wave, tf.constant(1.5, dtype))
        expect_close(result, 1.5 - slope / curvature, "After a step from 1.5 on x⁴ - 3x² + x, x")
        if to_array(result).dtype != dtype:
            fail(f"From a {dtype} start, the result is {to_array(result).dtype}; expected {dtype}.")


def step_from(answer, function, x):
    """Return the answer's next x; a derivative that is None earns a verdict with its cause."""
    try:
        return call(answer, function, x)
    except Mistake as mistake:
        if "received None" in str(mistake):
            fail(
                "The first derivative is None: x is a tensor, not a variable, so the inner tape "
                "has to watch it."
            )
        if "NoneType" not in str(mistake):
            raise
    try:
        call(answer, function, tf.Variable(x))
    except Mistake:
        fail(
            "The second derivative is None: the outer tape did not see how the first one was "
            "computed. Take the inner gradient while the outer tape is recording."
        )
    fail(
        "The second derivative is None, though with a variable it is not: the outer tape has to "
        "watch x, too."
    )


def newton_outer_too_small(function, x):
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
    slope = inner.gradient(y, x)
    curvature = outer.gradient(slope, x)
    return x - slope / curvature


def newton_unwatched(function, x):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = function(x)
        slope = inner.gradient(y, x)
    return x - slope / outer.gradient(slope, x)


def newton_outer_unwatched(function, x):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = function(x)
        slope = inner.gradient(y, x)
    return x - slope / outer.gradient(slope, x)


def newton_slope_twice(function, x):
    with tf.GradientTape() as outer, tf.GradientTape() as inner:
        outer.watch(x)
        inner.watch(x)
        y = function(x)
    return x - inner.gradient(y, x) / outer.gradient(y, x)


def newton_step_alone(function, x):
    return x - newton_step(function, x)


def newton_by_differences(function, x):
    above, here, below = function(x + 0.01), function(x), function(x - 0.01)
    return x - 0.005 * (above - below) / (above - 2.0 * here + below)


def newton_in_float32(function, x):
    return newton_step(function, tf.cast(x, tf.float32))


def newton_sign(function, x):
    return x + (x - newton_step(function, x))


def newton_gradient_step(function, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return x - 0.1 * tape.gradient(y, x)


def newton_persistent(function, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        slope = tape.gradient(function(x), x)
    return x - slope / tape.gradient(slope, x)


def newton_by_hessian(function, x):
    point = tf.Variable(x)
    with tf.GradientTape() as outer, tf.GradientTape() as inner:
        slope = inner.gradient(function(point), point)
    return point - slope / outer.gradient(slope, point)


def newton_compiled(function, x):
    @tf.function
    def slope(at):
        with tf.GradientTape() as tape:
            tape.watch(at)
            y = function(at)
        return tape.gradient(y, at)

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = slope(x)
    return x - value / tape.gradient(value, x)


newton = Exercise(
    id="07.3",
    title="A Newton step",
    minutes=10,
    statement="""Write `newton_step(function, x)`. It takes a smooth function of one number and a
scalar tensor `x` (float32 or float64), and returns the next `x` of Newton's method,
$x - f'(x) / f''(x)$, with both derivatives from tapes.

For $3(x-2)^2$, one step from anywhere leads to 2. Then try
`lambda x: x**3 / 3 - 2 * x`, whose slope is $x^2 - 2$: from 1.5 in float64, four steps
lead to $\\sqrt 2$, to 15 digits.""",
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
    right=(newton_persistent, newton_by_hessian, newton_compiled),
    wrong=(
        Wrong(newton_unwatched, "The first derivative is None"),
        Wrong(newton_outer_too_small, "The second derivative is None"),
        Wrong(newton_outer_unwatched, "the outer tape has to watch x, too"),
        Wrong(newton_slope_twice, "not of the value"),
        Wrong(newton_step_alone, "Subtract it from x"),
        Wrong(newton_by_differences, "come from differences"),
        Wrong(newton_in_float32, "From a float64 start, the result is float32"),
        Wrong(newton_sign, "Mind the sign"),
        Wrong(newton_gradient_step, "its values are off by up to"),
    ),
)

# ---------------------------------------------------------------- 07.4


@tf.custom_gradient
def round_through(x):
    return tf.round(x), lambda upstream: upstream


def check_round(answer):
    x, weights = tf.constant([0.2, 0.7, -1.4]), [0.5, 2.0, -3.0]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = rounded(answer, x)
        expect_shape(y, (3,), "The result for three numbers")
        weighted = tf.reduce_sum(tf.convert_to_tensor(y) * tf.constant(weights))
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
            "With the weights 0.5, 2 and -3 after it, the gradient is 1 everywhere: pass on the "
            "gradient that arrives, in place of ones."
        )
    expect_close(gradient, weights, "The gradient with the weights 0.5, 2 and -3")


def rounded(answer, x):
    """Return what the answer makes of x; half a custom gradient earns a verdict of its own."""
    try:
        return call(answer, x)
    except Mistake as mistake:
        if "unpack" in str(mistake):
            fail(
                "Under @tf.custom_gradient a function returns two things, its value and a "
                "function. This one returns its value alone."
            )
        if "callable" in str(mistake):
            fail(
                "What stands after the value has to be a function, which takes the gradient that "
                "arrives and returns the one for x."
            )
        raise


def round_plain(x):
    return tf.round(x)


def round_identity(x):
    return tf.identity(x)


@tf.custom_gradient
def round_ones(x):
    return tf.round(x), lambda upstream: tf.ones_like(upstream)


@tf.custom_gradient
def round_value_alone(x):
    return tf.round(x)


@tf.custom_gradient
def round_with_a_number(x):
    return tf.round(x), 1.0


@tf.custom_gradient
def round_gradient_too(x):
    return tf.round(x), lambda upstream: tf.round(upstream)


def round_by_stopping(x):
    return x + tf.stop_gradient(tf.round(x) - x)


def round_with_inner_function(x):
    @tf.custom_gradient
    def rounded(value):
        def gradient(upstream):
            return tf.identity(upstream)

        return tf.math.rint(value), gradient

    return rounded(x)


straight_through = Exercise(
    id="07.4",
    title="Round, and let the gradient through",
    minutes=5,
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
    right=(round_by_stopping, round_with_inner_function),
    wrong=(
        Wrong(round_plain, "no gradient comes through"),
        Wrong(round_identity, "The values are not rounded"),
        Wrong(round_ones, "pass on the gradient that arrives"),
        Wrong(round_value_alone, "returns its value alone"),
        Wrong(round_with_a_number, "has to be a function"),
        Wrong(round_gradient_too, "The gradient with the weights"),
    ),
)

EXERCISES = (by_hand, add_operation, newton, straight_through)
