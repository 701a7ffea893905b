"""Exercises of lesson 05, the gradient tape."""

import numpy as np

from course_utils.exercises.expect import (
    NotAttempted,
    call,
    expect_close,
    expect_shape,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow
from course_utils.training.gradients import numeric_gradient

tf = import_tensorflow()

UNWATCHED = (
    "The gradient of the very first step is None. A tape watches variables by itself, but not "
    "plain tensors, and it records only what happens inside its block. And does `tape.gradient` "
    "get the loss first and the variable second?"
)
REBOUND = (
    "From the second step on, the gradient is None. After `w = w - …` the name stands for a plain "
    "tensor, which the next tape does not watch. Change the variable in place."
)
FUNCTION = (
    "`tape.gradient` gets a function. Hand it what the function returned inside the block, and "
    "then what to differentiate it by."
)
STANDSTILL = (
    "Is `return` inside the loop, is the start made again in each round, or does the step come "
    "below the loop?"
)
SPENT = (
    "It asks the same tape a second time. A tape is spent after one question; each round needs a "
    "new one."
)


def walk(answer, *args):
    """Call a function that takes gradient steps, and say more than ``call`` where it raises.

    The last of ``args`` is the number of steps.
    """
    if callable(answer):
        try:
            answer(*args)
        except (TypeError, ValueError) as error:
            if "None" in str(error):
                fail(UNWATCHED if args[-1] == 1 else REBOUND)
            if "<function" in str(error):
                fail(FUNCTION)
        except RuntimeError as error:
            if "persistent" in str(error):
                fail(SPENT)
        except Exception:
            pass  # `call` describes it
    return call(answer, *args)


# ---------------------------------------------------------------- 05.1


def descend(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        gradient = tape.gradient(value, x)
        x.assign_sub(rate * gradient)
    return x


def check_descend(answer):
    def loss(x):
        return tf.square(x - 2.0)

    returned = []

    def position(start, steps):
        result = walk(answer, loss, start, 0.1, steps)
        returned.append(type(result))
        noun = "step" if steps == 1 else "steps"
        what = f"What it returns from {start}, with the loss (x - 2)², rate 0.1, {steps} {noun},"
        return expect_shape(result, (), what).item()

    # At 5 the gradient is 6, so one step goes to 5 - 0.1 * 6 = 4.4.
    first = position(5.0, 1)
    if is_close(first, 5.6):
        fail(
            "One step from 5 lands on 5.6, farther from the minimum at 2. The gradient points to "
            "where the loss grows, and this walk follows it."
        )
    if is_close(first, -1.0):
        fail(
            "One step from 5 lands on -1: the step is as long as the gradient. `rate` is there to "
            "make it shorter."
        )
    if is_close(first, 9.0):
        fail("After one step from 5 it returns 9, which is the loss at 5. Return the variable.")
    if is_close(first, 5.0) and is_close(position(5.0, 2), 4.4):
        fail("It takes one step fewer than you ask for.")
    if not is_close(first, 4.4):
        fail(f"One step from 5 lands on {first:.4g}; the gradient there is 6, and the rate is 0.1.")
    left = position(-1.0, 1)
    if is_close(left, -1.6):
        fail(
            "From 5 it walks down, from -1 it walks up. The sign of the gradient says which way is "
            "up on this side; keep it."
        )
    third = position(5.0, 3)
    if is_close(third, 3.2):
        fail(
            "Three steps from 5 all have the same length. The slope is measured once, but it "
            "changes with each step. Which lines belong inside the loop?"
        )
    if is_close(third, 4.4):
        fail(f"Three steps from 5 end at 4.4, where one step ends. {STANDSTILL}")
    expect_close(left, -0.4, "One step from -1")
    expect_close(third, 3.536, "Three steps from 5")
    if float in returned:
        fail(
            "It returns one Python number. Return the variable; `start` may be a list, and a list "
            "does not fit into one number."
        )
    expect_close(walk(answer, loss, 5.0, 0.1, 0), 5.0, "The result of no steps from 5")
    rows = walk(answer, lambda x: tf.reduce_sum(tf.square(x)), [1.0, -2.0], 0.25, 2)
    expect_close(rows, [0.25, -0.5], "Two steps of rate 0.25 from [1, -2] with the loss Σx²")


def descend_assign(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x.assign(x - rate * tape.gradient(value, x))
    return x


def descend_watched(loss, start, rate, steps):
    x = tf.constant(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        x = x - rate * tape.gradient(value, x)
    return x


def descend_recursive(loss, start, rate, steps):
    x = tf.Variable(start)
    if steps == 0:
        return x
    with tf.GradientTape() as tape:
        value = loss(x)
    return descend_recursive(loss, x - rate * tape.gradient(value, x), rate, steps - 1)


def descend_uphill(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x.assign_add(rate * tape.gradient(value, x))
    return x


def descend_stale(loss, start, rate, steps):
    x = tf.Variable(start)
    with tf.GradientTape() as tape:
        value = loss(x)
    gradient = tape.gradient(value, x)
    for _ in range(steps):
        x.assign_sub(rate * gradient)
    return x


def descend_no_rate(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x.assign_sub(tape.gradient(value, x))
    return x


def descend_absolute(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x.assign_sub(rate * abs(tape.gradient(value, x)))
    return x


def descend_rebinding(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x = x - rate * tape.gradient(value, x)
    return x


def descend_unwatched(loss, start, rate, steps):
    x = tf.constant(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x = x - rate * tape.gradient(value, x)
    return x


def descend_early_return(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x.assign_sub(rate * tape.gradient(value, x))
        return x
    return x


def descend_function(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss(x)
        x.assign_sub(rate * tape.gradient(loss, x))
    return x


def descend_loss(loss, start, rate, steps):
    x = tf.Variable(start)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            value = loss(x)
        x.assign_sub(rate * tape.gradient(value, x))
    return value


def descend_float(loss, start, rate, steps):
    return float(descend(loss, start, rate, steps))


def descend_one_tape(loss, start, rate, steps):
    x = tf.Variable(start)
    with tf.GradientTape() as tape:
        value = loss(x)
    for _ in range(steps):
        x.assign_sub(rate * tape.gradient(value, x))
    return x


def descend_one_short(loss, start, rate, steps):
    return descend(loss, start, rate, max(steps - 1, 0))


wrong_way = Exercise(
    id="05.1",
    title="A step that moves the wrong way",
    minutes=5,
    statement="""This function is meant to walk downhill. It has two faults: it walks uphill, and
all its steps are the same.

```python
def descend(loss, start, rate, steps):
    x = tf.Variable(start)
    with tf.GradientTape() as tape:
        value = loss(x)
    gradient = tape.gradient(value, x)
    for _ in range(steps):
        x.assign_add(rate * gradient)
    return x
```

Write `descend` so that it takes `steps` gradient steps of learning rate `rate` from `start` and
returns the variable. `start` is a float or a list of floats; `loss` takes the variable and returns
a scalar tensor.

For example, with the loss $(x - 2)^2$, one step of rate 0.1 from 5 ends at 4.4, and three steps end
at 3.536.""",
    stub="def descend(loss, start, rate, steps):\n    ...",
    answer="descend",
    check=check_descend,
    reference=descend,
    right=(descend_assign, descend_watched, descend_recursive),
    hints=(
        "The gradient points to where the loss grows. Which of `assign_add` and `assign_sub` goes "
        "the other way?",
        "After a step the variable is somewhere else, and the slope there is another. Which lines "
        "have to be repeated?",
        "Put the tape, the call of `tape.gradient` and `x.assign_sub(...)` inside the loop.",
    ),
    explanation=(
        "Each round records the loss at the place where the variable is now, asks for the slope "
        "there, and moves against it by the rate times the slope."
    ),
    wrong=(
        Wrong(descend_uphill, "The gradient points to where the loss grows"),
        Wrong(descend_stale, "The slope is measured once"),
        Wrong(descend_no_rate, "the step is as long as the gradient"),
        Wrong(descend_absolute, "The sign of the gradient says which way is up"),
        Wrong(descend_unwatched, "The gradient of the very first step is None"),
        Wrong(descend_rebinding, "the name stands for a plain tensor"),
        Wrong(descend_early_return, "Is `return` inside the loop"),
        Wrong(descend_function, "`tape.gradient` gets a function"),
        Wrong(descend_loss, "which is the loss at 5"),
        Wrong(descend_float, "Return the variable"),
        Wrong(descend_one_tape, "each round needs a new one"),
        Wrong(descend_one_short, "one step fewer than you ask for"),
    ),
)

# ---------------------------------------------------------------- 05.2


def learn(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[1], y.shape[1])))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ weights - y))
        weights.assign_sub(rate * tape.gradient(loss, weights))
    return weights


def check_learn(answer):
    x = np.array([[1, 0, 2], [0, 1, 1], [2, 1, 0], [1, 1, 1], [0, 2, 1], [1, 0, 0]], np.float32)
    y = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 1, 0]]
    rows, inputs, columns, rate = *x.shape, y.shape[1], 0.3
    given = tf.constant(x), tf.constant(y), rate
    of = f"With {rows} rows, {inputs} inputs and {columns} columns,"

    def weights_after(steps):
        what = f"{of} the result of {steps} {'step' if steps == 1 else 'steps'}"
        array = to_array(walk(answer, *given, steps), what)
        if array.shape == y.shape:
            fail(f"{what} has the shape {y.shape}, as scores have. Return the weights.")
        if array.shape == (784, 10):
            fail(f"{what} has the shape (784, 10). Take the sizes from the shapes of x and y.")
        return expect_shape(array, (inputs, columns), what)

    start = weights_after(0)
    if not is_close(start, np.zeros((inputs, columns))):
        fail("After no steps the weights are not zero. Start from `tf.zeros`.")

    first, expected = weights_after(1), rate * 2 * x.T @ y / (rows * columns)
    if is_close(first, 0 * expected):
        fail("One step changes nothing. Does the step reach the variable that you return?")
    if is_close(first, -expected):
        fail("The first step goes uphill: the gradient points to where the loss grows.")
    if is_close(first, expected / rate):
        fail("The first step is as long as the gradient. `rate` is there to make it shorter.")
    by_what = {
        rows * columns: (
            f"one for each of the {rows} · {columns} squares. A tape adds up what it is given. "
            "Hand it the mean of all squares"
        ),
        columns: f"one for each of the {columns} columns. Take the mean over rows *and* columns",
        rows: f"one for each of the {rows} rows. Take the mean over rows *and* columns",
    }
    for times, why in by_what.items():
        if is_close(first, times * expected):
            fail(f"The first step is {times} times too long, {why}.")
    expect_close(first, expected, f"{of} the weights after one step")

    third = weights_after(3)
    if is_close(third, first):
        fail(f"Three steps end where one step ends. {STANDSTILL}")
    if is_close(third, 3 * first):
        fail(
            "Three steps are all the same. The slope is measured once, but it changes with each "
            "step: the tape belongs inside the loop."
        )
    expected = np.zeros((inputs, columns))
    for _ in range(3):
        expected -= rate * 2 * x.T @ (x @ expected - y) / (rows * columns)
    expect_close(third, expected, f"{of} the weights after three steps")


def learn_assign(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[-1], y.shape[-1])))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            squares = (tf.matmul(x, weights) - y) ** 2
            loss = tf.reduce_sum(squares) / (x.shape[0] * y.shape[1])
        (gradient,) = tape.gradient(loss, [weights])
        weights.assign(weights - rate * gradient)
    return weights


def learn_watched(x, y, rate, steps):
    weights = tf.zeros((x.shape[1], y.shape[1]))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = tf.reduce_mean(tf.square(x @ weights - y))
        weights -= rate * tape.gradient(loss, weights)
    return weights


def learn_by_descend(x, y, rate, steps):
    start = tf.zeros((x.shape[1], y.shape[1]))
    return descend(lambda w: tf.reduce_mean(tf.square(x @ w - y)), start, rate, steps)


def learn_sum(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[1], y.shape[1])))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.square(x @ weights - y)
        weights.assign_sub(rate * tape.gradient(loss, weights))
    return weights


def learn_mean_of_rows(x, y, rate, steps):
    return learn(x, y, rate * y.shape[1], steps)


def learn_mean_of_columns(x, y, rate, steps):
    return learn(x, y, rate * x.shape[0], steps)


def learn_uphill(x, y, rate, steps):
    return -learn(x, y, rate, steps)


def learn_no_rate(x, y, rate, steps):
    return learn(x, y, 1.0, steps)


def learn_random(x, y, rate, steps):
    start = tf.ones((x.shape[1], y.shape[1]))
    return descend(lambda w: tf.reduce_mean(tf.square(x @ w - y)), start, rate, steps)


def learn_scores(x, y, rate, steps):
    return x @ learn(x, y, rate, steps)


def learn_only_digits(x, y, rate, steps):
    return tf.zeros((784, 10))


def learn_stale(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[1], y.shape[1])))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(x @ weights - y))
    gradient = tape.gradient(loss, weights)
    for _ in range(steps):
        weights.assign_sub(rate * gradient)
    return weights


def learn_early_return(x, y, rate, steps):
    return learn(x, y, rate, min(steps, 1))


def learn_rebinding(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[1], y.shape[1])))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ weights - y))
        weights = weights - rate * tape.gradient(loss, weights)
    return weights


def learn_outside(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[1], y.shape[1])))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            scores = x @ weights
        loss = tf.reduce_mean(tf.square(scores - y))
        weights.assign_sub(rate * tape.gradient(loss, weights))
    return weights


def learn_one_tape(x, y, rate, steps):
    weights = tf.Variable(tf.zeros((x.shape[1], y.shape[1])))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(x @ weights - y))
    for _ in range(steps):
        weights.assign_sub(rate * tape.gradient(loss, weights))
    return weights


def learn_lost(x, y, rate, steps):
    weights = tf.zeros((x.shape[1], y.shape[1]))
    learn(x, y, rate, steps)
    return weights


read_digits = Exercise(
    id="05.2",
    title="Read 850 digits of 1,000",
    minutes=10,
    statement="""One step reads more than 600 of the 1,000 test digits. Take more steps: write
`learn(x, y, rate, steps)`. It starts from weights that are all zero, takes `steps` gradient steps
of learning rate `rate`, and returns the weights. The scores are `x @ weights`, and the loss is the
mean, over all rows and columns, of the squared difference between the scores and `y`.

`x` is a float32 tensor of shape (n, d), `y` of shape (n, k); the weights have the shape (d, k).

For example, with `x` = [[1], [3]], `y` = [[0], [1]] and the rate 0.05, one step ends at [[0.15]]
and two steps end at [[0.225]].

When it is right, look at `count_right(learn(pictures, wanted, 0.2, 50))`. Then try the rate
0.3.""",
    stub="def learn(x, y, rate, steps):\n    ...",
    answer="learn",
    check=check_learn,
    reference=learn,
    right=(learn_assign, learn_watched, learn_by_descend),
    hints=(
        "It is the walk of exercise 05.1, with `tf.Variable(tf.zeros((d, k)))` for a start. Take d "
        "and k from `x.shape` and `y.shape`.",
        "The tape adds up what you hand it. Make the loss a single number inside the block.",
        "In the loop: a tape, the loss `tf.reduce_mean(tf.square(...))`, its gradient, and "
        "`assign_sub`.",
    ),
    explanation=(
        "A new tape for each step, a loss that is a mean and so does not depend on the number of "
        "rows, and a step against its gradient. Nothing more is needed to read 860 digits of "
        "1,000; with the rate 0.3 the walk explodes, as the one on (3X - 6)² did."
    ),
    wrong=(
        Wrong(learn_sum, "A tape adds up what it is given"),
        Wrong(learn_mean_of_rows, "one for each of the 2 columns"),
        Wrong(learn_mean_of_columns, "one for each of the 6 rows"),
        Wrong(learn_uphill, "The first step goes uphill"),
        Wrong(learn_no_rate, "as long as the gradient"),
        Wrong(learn_random, "Start from `tf.zeros`"),
        Wrong(learn_scores, "Return the weights"),
        Wrong(learn_only_digits, "Take the sizes from the shapes"),
        Wrong(learn_stale, "the tape belongs inside the loop"),
        Wrong(learn_early_return, "Is `return` inside the loop"),
        Wrong(learn_rebinding, "From the second step on"),
        Wrong(learn_outside, "The gradient of the very first step is None"),
        Wrong(learn_one_tape, "each round needs a new one"),
        Wrong(learn_lost, "One step changes nothing"),
    ),
)

# ---------------------------------------------------------------- 05.3


def pixel_gradient(score, image):
    with tf.GradientTape() as tape:
        tape.watch(image)
        result = score(image)
    return tape.gradient(result, image)


def check_pixel_gradient(answer):
    ramp = tf.reshape(tf.range(12, dtype=tf.float32), (3, 4)) / 12.0
    called = []

    def score(image):
        called.append(image)
        return tf.reduce_sum(tf.square(image) * ramp)

    image = tf.reshape(tf.range(12, dtype=tf.float32), (3, 4)) - 5.0
    expected = 2.0 * image * ramp
    try:
        result = answer(score, image)
    except Exception as error:
        if any(one is None for one in called):
            fail(
                "`score` gets None in place of the picture. `tape.watch` returns nothing: call it, "
                "and leave `image` as it is."
            )
        if "<function" in str(error):
            fail(FUNCTION)
        result = call(answer, score, image)
    times = len(called)
    if result is Ellipsis or (result is None and not called):
        raise NotAttempted("`pixel_gradient` never calls `score`. Complete its body.")
    if not called:
        fail("It never calls `score`, so there is nothing to differentiate.")
    if result is None:
        try:
            with_variable = answer(score, tf.Variable(image))
        except Exception:
            with_variable = None
        if is_close(with_variable, expected):
            fail(
                "It returns None. With a variable in place of the image it works: a tape watches "
                "variables by itself. A plain tensor you have to announce, before `score` runs."
            )
        fail(
            "It returns None, whether the image is watched or not. Does it end with `return`, does "
            "`score` run inside the `with` block, and does `tape.gradient` get the result first "
            "and the image second?"
        )
    if is_close(result, score(image)):
        fail("That is the score itself. Return its gradient, one number for each pixel.")
    if is_close(result, tf.reduce_sum(expected)):
        fail("That is one number, the sum of all slopes. Return the gradient as it is.")
    what = "For a picture of shape (3, 4), the gradient"
    expect_shape(result, (3, 4), what)
    if is_close(result, tf.zeros((3, 4))):
        fail(
            "All zeros: the tape knows of no path from the picture to the score. Did you announce "
            "the picture, before `score` ran inside the block?"
        )
    if times >= image.shape.num_elements() and is_close(result, expected, tolerance=1e-2):
        fail(
            f"Close, but by differences: `score` was called {times} times. Ask a tape; it "
            "needs one call, however many pixels there are."
        )
    if is_close(result, tf.abs(expected)):
        fail("The signs are lost. Return the gradient as it is: it says in which direction, too.")
    expect_close(result, expected, what)
    other = call(answer, lambda image: 3.0 * tf.reduce_mean(image), tf.zeros((2, 2)))
    expect_close(other, np.full((2, 2), 0.75), "For the score 3·mean and four pixels, the gradient")


def pixel_gradient_variable(score, image):
    image = tf.Variable(image)
    with tf.GradientTape() as tape:
        result = score(image)
    return tape.gradient(result, image)


def pixel_gradient_only_named(score, image):
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch([image])
        result = score(image)
    (gradient,) = tape.gradient(result, [image])
    return gradient


def pixel_gradient_unwatched(score, image):
    with tf.GradientTape() as tape:
        result = score(image)
    return tape.gradient(result, image)


def pixel_gradient_outside(score, image):
    with tf.GradientTape() as tape:
        tape.watch(image)
    result = score(image)
    return tape.gradient(result, image)


def pixel_gradient_zero(score, image):
    with tf.GradientTape() as tape:
        result = score(image)
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(result, image, unconnected_gradients=zero)


def pixel_gradient_renamed(score, image):
    with tf.GradientTape() as tape:
        image = tape.watch(image)
        result = score(image)
    return tape.gradient(result, image)


def pixel_gradient_function(score, image):
    with tf.GradientTape() as tape:
        tape.watch(image)
        score(image)
    return tape.gradient(score, image)


def pixel_gradient_differences(score, image):
    return numeric_gradient(score, image)


def pixel_gradient_value(score, image):
    with tf.GradientTape() as tape:
        tape.watch(image)
        result = score(image)
    return result


def pixel_gradient_summed(score, image):
    return tf.reduce_sum(pixel_gradient(score, image))


def pixel_gradient_absolute(score, image):
    return tf.abs(pixel_gradient(score, image))


watch_it = Exercise(
    id="05.3",
    title="Watch what must be watched",
    minutes=5,
    statement="""Write `pixel_gradient(score, image)`. `image` is a float32 **tensor** (not a
variable) of shape (height, width); `score` is a function that takes it and returns a scalar tensor.
Return the gradient of the score with respect to the picture, a tensor of the picture's shape.

For example, `pixel_gradient(tf.reduce_sum, tf.zeros((28, 28)))` is a tensor of 784 ones.""",
    stub="def pixel_gradient(score, image):\n    ...",
    answer="pixel_gradient",
    check=check_pixel_gradient,
    reference=pixel_gradient,
    right=(pixel_gradient_variable, pixel_gradient_only_named),
    hints=(
        "A tape records what happens to variables without being asked. What about tensors?",
        "`tape.watch(image)` has to come before the operations that it is meant to record.",
        "Inside the `with` block: watch, then call `score`. Below it: "
        "`tape.gradient(result, image)`.",
    ),
    explanation=(
        "The picture is watched before the score is computed, so every operation on the way from "
        "the picture to the score is on the tape."
    ),
    wrong=(
        Wrong(pixel_gradient_unwatched, "A plain tensor you have to announce"),
        Wrong(pixel_gradient_outside, "does `score` run inside the `with` block"),
        Wrong(pixel_gradient_zero, "the tape knows of no path"),
        Wrong(pixel_gradient_renamed, "`tape.watch` returns nothing"),
        Wrong(pixel_gradient_function, "`tape.gradient` gets a function"),
        Wrong(pixel_gradient_differences, "Close, but by differences"),
        Wrong(pixel_gradient_value, "That is the score itself"),
        Wrong(pixel_gradient_summed, "the sum of all slopes"),
        Wrong(pixel_gradient_absolute, "The signs are lost"),
    ),
)

EXERCISES = (wrong_way, read_digits, watch_it)
