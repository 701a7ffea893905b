"""Exercises of lesson 05, the gradient tape."""

import numpy as np

from course_utils.exercises.expect import (
    Mistake,
    NotAttempted,
    call,
    describe,
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

# ---------------------------------------------------------------- 04.1


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

    def guarded(loss, start, rate, steps):
        """Call the answer as `call` does, but say more where a gradient is None."""
        try:
            answer(loss, start, rate, steps)
        except (TypeError, ValueError) as error:
            if "None" in str(error):
                fail(UNWATCHED if steps == 1 else REBOUND)
        except RuntimeError as error:
            if "persistent" in str(error):
                fail(SPENT)
        except Exception:
            pass  # `call` describes it
        return call(answer, loss, start, rate, steps)

    def position(start, steps):
        what = f"What it returns from {start}, with the loss (x - 2)², rate 0.1, {steps} steps,"
        result = guarded(loss, start, 0.1, steps)
        value = expect_shape(result, (), what).item()
        returned.append(type(result))
        return value

    returned = []

    first = position(5.0, 1)
    # At 5 the gradient is 6, so one step goes to 5 - 0.1 * 6 = 4.4.
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
    if is_close(first, 5.0) and is_close(position(5.0, 2), 4.4):
        fail("It takes one step fewer than it is asked for.")
    if not is_close(first, 4.4):
        fail(f"One step from 5 lands on {first:.4g}; the gradient there is 6, and the rate is 0.1.")
    left = position(-1.0, 1)
    if is_close(left, -1.6):
        fail(
            "From 5 it walks down, from -1 it walks up. The sign of the gradient says which way is "
            "up on this side; it must not be thrown away."
        )
    third = position(5.0, 3)
    if is_close(third, 3.2):
        fail(
            "Three steps from 5 all have the same length. The slope is measured once, but it "
            "changes with each step; look at what stands inside the loop and what does not."
        )
    if is_close(third, 4.4):
        fail("Three steps from 5 end at 4.4. It stops after one step; look where `return` stands.")
    expect_close(left, -0.4, "One step from -1")
    expect_close(third, 3.536, "Three steps from 5")
    if float in returned:
        fail(
            "It returns one Python number. Return the variable; `start` may be a list, and a list "
            "does not fit into one number."
        )
    expect_close(guarded(loss, 5.0, 0.1, 0), 5.0, "The result of no steps from 5")
    rows = guarded(lambda x: tf.reduce_sum(tf.square(x)), [1.0, -2.0], 0.25, 2)
    expect_close(rows, [0.25, -0.5], "Two steps of rate 0.25 from [1, -2] with the loss Σx²")


UNWATCHED = (
    "The gradient of the very first step is None. The tape watches variables by itself, tensors "
    "not, and it records only what happens inside its block. And are the result and the variable "
    "in that order in `tape.gradient`?"
)
SPENT = (
    "It asks the same tape a second time. A tape is spent after one question; each round needs a "
    "new one."
)
REBOUND = (
    "From the second step on the gradient is None. After `x = x - …` the name x stands for a plain "
    "tensor, and the tape watches variables by itself, tensors not. Change the variable in place."
)


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
    minutes=10,
    statement="""This function is meant to walk downhill. It has two faults: it walks uphill, and
the steps never change.

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

For example, with the loss $(x - 2)^2$, one step of rate 0.1 from 5 ends at 4.4 and three steps end
at 3.536.""",
    stub="def descend(loss, start, rate, steps):\n    ...",
    answer="descend",
    check=check_descend,
    reference=descend,
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
        Wrong(descend_rebinding, "the name x stands for a plain tensor"),
        Wrong(descend_early_return, "look where `return` stands"),
        Wrong(descend_float, "Return the variable"),
        Wrong(descend_one_tape, "each round needs a new one"),
        Wrong(descend_one_short, "one step fewer than it is asked for"),
    ),
)

# ---------------------------------------------------------------- 04.2


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
    except Exception:
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
                "variables by itself. A plain tensor it has to be told about, before `score` runs."
            )
        fail(
            "It returns None, whether the image is watched or not. Does `score` run inside the "
            "`with` block, and does `tape.gradient` get the result first and the image second?"
        )
    if is_close(result, score(image)):
        fail("That is the score itself. What is asked for is its gradient, one number a pixel.")
    if is_close(result, tf.reduce_sum(expected)):
        fail("That is one number, the sum of all slopes. Return the gradient as it is.")
    what = "For a picture of shape (3, 4), the gradient"
    expect_shape(result, (3, 4), what)
    if is_close(result, tf.zeros((3, 4))):
        fail(
            "All zeros: the tape knows of no path from the picture to the score. Was it told about "
            "the picture, before `score` ran inside the block?"
        )
    if times >= image.shape.num_elements() and is_close(result, expected, tolerance=1e-2):
        fail(
            f"Close, but by differences: `score` was called {times} times. Ask a tape; it "
            "needs one call, whatever the number of pixels."
        )
    if is_close(result, tf.abs(expected)):
        fail("The signs are lost. Return the gradient as it is: it says in which direction, too.")
    expect_close(result, expected, what)
    other = call(answer, lambda image: 3.0 * tf.reduce_mean(image), tf.zeros((2, 2)))
    expect_close(other, np.full((2, 2), 0.75), "For the score 3·mean and four pixels, the gradient")


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
    id="05.2",
    title="Watch what must be watched",
    minutes=5,
    statement="""Which pixels does a score depend on? Write `pixel_gradient(score, image)`. `image`
is a float32 **tensor** (not a variable) of shape (height, width); `score` is a function that takes
it and returns a scalar tensor. Return the gradient of the score with regard to the picture, a
tensor of the picture's shape.

For example, `pixel_gradient(tf.reduce_sum, tf.zeros((28, 28)))` is a tensor of 784 ones.""",
    stub="def pixel_gradient(score, image):\n    ...",
    answer="pixel_gradient",
    check=check_pixel_gradient,
    reference=pixel_gradient,
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
        Wrong(pixel_gradient_unwatched, "A plain tensor it has to be told about"),
        Wrong(pixel_gradient_outside, "Does `score` run inside the `with` block"),
        Wrong(pixel_gradient_zero, "the tape knows of no path"),
        Wrong(pixel_gradient_differences, "Close, but by differences"),
        Wrong(pixel_gradient_value, "That is the score itself"),
        Wrong(pixel_gradient_summed, "the sum of all slopes"),
        Wrong(pixel_gradient_absolute, "The signs are lost"),
    ),
)

# ---------------------------------------------------------------- 04.3


def error_gradient(w, x, y):
    with tf.GradientTape() as tape:
        predictions = tf.reduce_sum(x * w, axis=1)
        loss = tf.reduce_mean(tf.square(predictions - y))
    return tape.gradient(loss, w)


def check_error_gradient(answer):
    x = tf.constant([[1.0, 2.0], [0.0, 1.0], [2.0, -1.0], [1.0, 1.0], [3.0, 0.0]])
    y = tf.constant([1.0, 0.0, 2.0, -1.0, 2.0])
    w = tf.Variable([0.5, -1.0])
    rows, columns = x.shape
    gaps = x.numpy() @ w.numpy() - y.numpy()
    expected = 2.0 * x.numpy().T @ gaps / rows
    crossed = 2.0 * (x.numpy() * (x.numpy() @ w.numpy() - y.numpy().mean())[:, None]).mean(axis=0)
    total = (x.numpy() @ w.numpy()).sum()
    added = 2.0 * (total - y.numpy().mean()) * x.numpy().sum(axis=0)
    square_of_mean = 2.0 * gaps.mean() * x.numpy().mean(axis=0)
    called_with = f"With {rows} rows and {columns} weights, the gradient"
    with tf.GradientTape() as witness:  # sees whether the answer reads w
        try:
            result = call(answer, w, x, y)
        except NotAttempted:
            result = None
        except Mistake as mistake:
            if "MatMul" in str(mistake) or "ndims" in str(mistake):
                fail(
                    "`@` multiplies matrices, and `w` is a vector. Multiply each row of x by `w` "
                    "and add up along the row."
                )
            raise
    if result is None:
        if not any(variable is w for variable in witness.watched_variables()):
            raise NotAttempted("`error_gradient` never uses `w`. Complete its body.")
        fail(
            "It returns None. If that is not a missing `return`, `tape.gradient` answered None. Is "
            "the loss computed inside the block, from `w`, with TensorFlow's operations? And is "
            "the order (loss, w)?"
        )
    array = to_array(result, called_with)
    if is_close(array, (gaps**2).mean()):
        fail("That is the loss itself. What is asked for is its gradient, one number a weight.")
    expect_shape(result, (columns,), called_with)
    if is_close(array, rows * expected):
        fail(
            f"It is {rows} times too large, once for each row. A tape adds up what it is given: "
            "the gradient of a vector of errors is the gradient of their sum."
        )
    if is_close(array, expected / rows):
        fail(f"It is {rows} times too small: it is divided by the number of rows twice.")
    if is_close(array, rows * expected / columns):
        fail(
            f"It is divided by {columns}, the number of weights. A mean over the {rows} rows "
            f"divides by {rows}."
        )
    if is_close(array, crossed):
        fail(
            f"The errors have the shape ({rows}, {rows}): each prediction is compared with each "
            "target. Look at the shapes of the predictions and of y before they are subtracted."
        )
    if is_close(array, added):
        fail(
            "All rows are added into one prediction. Each row has a prediction of its own; along "
            "which axis does its sum run?"
        )
    if is_close(array, square_of_mean):
        fail("You square the mean; asked is the mean of the squares.")
    if is_close(array, -expected):
        fail("The sign is turned round. Return the gradient; the step subtracts it later.")
    expect_close(result, expected, called_with)
    twice = call(answer, w, tf.concat([x, x], axis=0), tf.concat([y, y], axis=0))
    expect_close(twice, expected, "With each row given twice, which changes no mean, the gradient")


def error_gradient_vector(w, x, y):
    with tf.GradientTape() as tape:
        predictions = tf.reduce_sum(x * w, axis=1)
        errors = tf.square(predictions - y)
    return tape.gradient(errors, w)


def error_gradient_twice(w, x, y):
    return error_gradient(w, x, y) / x.shape[0]


def error_gradient_by_weights(w, x, y):
    return error_gradient_vector(w, x, y) / x.shape[1]


def error_gradient_crossed(w, x, y):
    with tf.GradientTape() as tape:
        predictions = tf.matmul(x, w[:, tf.newaxis])
        loss = tf.reduce_mean(tf.square(predictions - y))
    return tape.gradient(loss, w)


def error_gradient_added(w, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.reduce_sum(x * w) - y))
    return tape.gradient(loss, w)


def error_gradient_square_of_mean(w, x, y):
    with tf.GradientTape() as tape:
        loss = tf.square(tf.reduce_mean(tf.reduce_sum(x * w, axis=1) - y))
    return tape.gradient(loss, w)


def error_gradient_matmul(w, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(x @ w - y))
    return tape.gradient(loss, w)


def error_gradient_outside(w, x, y):
    with tf.GradientTape() as tape:
        predictions = tf.reduce_sum(x * w, axis=1)
    loss = tf.reduce_mean(tf.square(predictions - y))
    return tape.gradient(loss, w)


def error_gradient_negative(w, x, y):
    return -error_gradient(w, x, y)


def error_gradient_loss(w, x, y):
    return tf.reduce_mean(tf.square(tf.reduce_sum(x * w, axis=1) - y))


off_by_n = Exercise(
    id="05.3",
    title="Off by n",
    minutes=10,
    statement="""Write `error_gradient(w, x, y)`. A row of `x` holds the inputs of one example; its
prediction is the sum of the inputs times the weights. The loss is the **mean** over all rows of the
squared difference between prediction and target. Return the gradient of that loss with regard to
`w`.

`w` is a float32 variable of shape (d,), `x` a float32 tensor of shape (n, d), `y` of shape (n,);
the result has the shape (d,). Giving each row twice must not change it.

For example, with `w` = [1], `x` = [[1], [3]] and `y` = [0, 0], the gradient is [10].""",
    stub="def error_gradient(w, x, y):\n    ...",
    answer="error_gradient",
    check=check_error_gradient,
    reference=error_gradient,
    hints=(
        "The tape gives the gradient of a sum for whatever you hand it. Hand it a scalar.",
        "One prediction a row: `tf.reduce_sum(x * w, axis=1)` has the shape (n,), as `y` has.",
        "Take `tf.reduce_mean` of the squared differences inside the `with` block.",
    ),
    explanation=(
        "The mean makes the loss a scalar, so nothing is summed behind your back, and the size of "
        "the gradient does not depend on how many rows there are."
    ),
    wrong=(
        Wrong(error_gradient_vector, "the gradient of their sum"),
        Wrong(error_gradient_twice, "divided by the number of rows twice"),
        Wrong(error_gradient_by_weights, "the number of weights"),
        Wrong(error_gradient_crossed, "each prediction is compared with each target"),
        Wrong(error_gradient_added, "added into one prediction"),
        Wrong(error_gradient_square_of_mean, "You square the mean"),
        Wrong(error_gradient_matmul, "`w` is a vector"),
        Wrong(error_gradient_outside, "`tape.gradient` answered None"),
        Wrong(error_gradient_negative, "The sign is turned round"),
        Wrong(error_gradient_loss, "That is the loss itself"),
    ),
)

# ---------------------------------------------------------------- 04.4

PROGRAM = """\
def training_gradient(w, images, labels, history):
    with tf.GradientTape() as tape:
        x = tf.cast(images, tf.float32) / 255.0
        x = tf.reshape(x, (-1, 784))
        scale = tf.constant(np.sqrt(784.0), tf.float32)
        scores = tf.reduce_sum(x * w, axis=1) / scale
        history.append(scores.numpy().max())
        guesses = tf.cast(scores, tf.int32)
        errors = tf.cast(guesses, tf.float32) - labels
        shares = tf.stop_gradient(tf.abs(errors))
        loss = tf.reduce_mean(shares * tf.square(errors))
    return tape.gradient(loss, w)"""
NUMBERED = "\n".join(f"{n:>2}  {line}" for n, line in enumerate(PROGRAM.splitlines(), start=1))
GUILTY = 8

INNOCENT = {
    1: "Line 1 only names the arguments, and `w` is a variable: the tape watches it by itself.",
    2: "Line 2 opens the tape before anything is computed, which is right.",
    3: (
        "Line 3 casts integers to floats, but these are the pixels. No gradient has to get through "
        "the pixels on its way from the loss to `w`."
    ),
    4: "Line 4 reshapes the pixels, which the tape can follow, and `w` is not involved.",
    5: (
        "Line 5 uses NumPy, but for a constant. A detour through NumPy only hurts where `w` is on "
        "board."
    ),
    6: "Line 6 is where `w` enters; product, sum and division all have gradients.",
    7: (
        "Line 7 reads a value out with `.numpy()`, and the loss never sees that value again. To "
        "look is not to interrupt."
    ),
    9: (
        "Line 9 casts integers to floats, so it can tell you what went wrong above it: what was it "
        "that turned the scores into integers?"
    ),
    10: (
        "Line 10 does stop a gradient, but `errors` also reaches the loss through the square in "
        "line 11, and one open path is enough."
    ),
    11: "Line 11 multiplies, squares and averages. All three have gradients.",
    12: (
        "Line 12 asks for the gradient after the block, of the loss with regard to `w`: as it "
        "should."
    ),
}


def check_line(answer):
    try:
        line = to_array(answer)
        line = line.item() if line.size == 1 and float(line.item()).is_integer() else None
    except (TypeError, ValueError, OverflowError):
        line = None
    if line is None or isinstance(line, bool) or not 1 <= line <= 12:
        fail(f"Expected the number of a line, from 1 to 12, got {describe(answer)}.")
    if line != GUILTY:
        fail(INNOCENT[int(line)])


find_the_line = Exercise(
    id="05.4",
    title="Find the line",
    minutes=10,
    statement=f"""Somebody's function returns `None`. `w` is a float32 variable of shape (784,),
`images` a uint8 tensor of shape (n, 28, 28), `labels` a float32 tensor of shape (n,), `history` a
Python list.

```text
{NUMBERED}
```

Several lines look suspicious. One of them cuts every path from the loss back to `w`; the others
do no harm. Assign its number to `line`.""",
    stub="line = ...",
    answer="line",
    check=check_line,
    reference=GUILTY,
    reference_source="line = 8",
    hints=(
        "Start at `loss` and walk backwards to `w`. Which names do you pass?",
        "On the way are `errors`, `guesses` and `scores`. Which of them has a dtype that has no "
        "slope?",
    ),
    explanation=(
        "Line 8 turns the scores into integers. A small change of `w` does not change them, so "
        "there is no slope, and the tape has nothing to report."
    ),
    wrong=(
        *(Wrong(line, message) for line, message in INNOCENT.items()),
        Wrong(13, "Expected the number of a line"),
    ),
)

# ---------------------------------------------------------------- 04.5


def shares(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    is_empty = totals == 0.0
    safe_totals = tf.where(is_empty, 1.0, totals)
    return tf.where(is_empty, 0.0, x / safe_totals)


def check_shares(answer):
    weights = tf.constant([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0], [2.0, -2.0, 1.0]])

    def shares_and_gradient(x):
        """Return the answer's shares, and the gradient of their weighted sum."""
        with tf.GradientTape() as tape:
            tape.watch(x)
            found = call(answer, x)
            target = tf.reduce_sum(found * weights) if tf.is_tensor(found) else None
        return found, None if target is None else tape.gradient(target, x)

    full = np.array([[1.0, 3.0, 0.0], [2.0, 2.0, 4.0], [0.5, 0.25, 0.25]], np.float32)
    what = "For three rows without an empty one, the result"
    found = expect_shape(call(answer, tf.constant(full)), (3, 3), what)
    if is_close(found, full / full.sum(axis=1)):
        fail(
            "Each column is divided by the total of a row. Totals of shape (n,) line up with the "
            "last axis of x; `keepdims=True` keeps them beside their rows."
        )
    if is_close(found, full / full.sum(axis=0)):
        fail("The columns add up to 1, not the rows. Which axis does a total run along?")
    if is_close(found, full / full.sum()):
        fail("Everything together adds up to 1. Each row has a total of its own.")
    expected = full / full.sum(axis=1, keepdims=True)
    expect_close(found, expected, what)
    _, gradient = shares_and_gradient(tf.constant(full))
    if gradient is None:
        fail("The tape's gradient is None: some step leaves TensorFlow, or stops the gradient.")
    numbers = weights.numpy()
    fixed = numbers / full.sum(axis=1, keepdims=True)
    slopes = fixed - (numbers * expected / full.sum(axis=1, keepdims=True)).sum(1, keepdims=True)
    if is_close(gradient, fixed):
        fail(
            "The gradient treats the totals as constants. They depend on x as well, and the "
            "gradient has to pass through them."
        )
    what = "For three rows without an empty one, the gradient of a weighted sum of the shares"
    expect_close(gradient, slopes, what)

    full[1] = 0.0
    found, gradient = shares_and_gradient(tf.constant(full))
    if np.isnan(to_array(found)).any():
        fail("For a row of zeros it returns NaN, which is what 0/0 gives.")
    if is_close(found, np.zeros((3, 3))):
        fail(
            "One row of zeros, and all rows become zeros. Whether a row is blank is to be decided "
            "row by row."
        )
    expected[1] = slopes[1] = 0.0
    expect_close(found, expected, "With a row of zeros among the three, the result")
    gradient = to_array(gradient, "The gradient")
    if np.isnan(gradient).any():
        fail(
            "The shares are right, but the gradient at a row of zeros is NaN. `tf.where` picks a "
            "result, yet the division by 0 is still computed, and its infinite slope times 0 is "
            "NaN. Keep the zero away from the division."
        )
    if np.abs(gradient).max() > 1e3:
        fail(
            "The shares are right, but the gradient at a row of zeros is about "
            f"{np.abs(gradient).max():.0e}: what is added to the total is small, and the slope of "
            "a division by it is huge."
        )
    if is_close(gradient[1], numbers[1]):
        fail(
            "The shares are right, and nothing is NaN, but an empty row has the gradient of a row "
            "whose total is 1. Let it take no part in the result."
        )
    expect_close(gradient, slopes, "With a row of zeros among the three, the gradient")
    tiny = np.array([[0.001, 0.003, 0.0]] * 3, np.float32)
    found = call(answer, tf.constant(tiny))
    if is_close(found, np.zeros((3, 3))) or is_close(found, tiny, tolerance=1e-6):
        fail("Nearly blank is not blank: rows with a small total have shares too.")
    if not is_close(found, [[0.25, 0.75, 0.0]] * 3, tolerance=1e-6):
        fail(
            "For the row [0.001, 0.003, 0] it does not return [0.25, 0.75, 0]. A number that is "
            "added to the total changes every share."
        )


def shares_plain(x):
    return x / tf.reduce_sum(x, axis=1, keepdims=True)


def shares_outer_where(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    return tf.where(totals == 0.0, 0.0, x / totals)


def shares_inner_where(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    return x / tf.where(totals == 0.0, 1.0, totals)


def shares_threshold(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    has_ink = totals > 1e-2
    return tf.where(has_ink, x / tf.where(has_ink, totals, 1.0), 0.0)


def shares_all_or_none(x):
    if tf.reduce_any(tf.reduce_sum(x, axis=1) == 0.0):
        return tf.zeros_like(x)
    return shares_plain(x)


def shares_shifted(x):
    return x / (tf.reduce_sum(x, axis=1, keepdims=True) + 1e-12)


def shares_no_keepdims(x):
    return x / tf.reduce_sum(x, axis=1)


def shares_columns(x):
    return x / tf.reduce_sum(x, axis=0, keepdims=True)


def shares_all(x):
    return x / tf.reduce_sum(x)


def shares_constant_total(x):
    return x / tf.stop_gradient(tf.reduce_sum(x, axis=1, keepdims=True))


def shares_numpy(x):
    totals = np.sum(x, axis=1, keepdims=True)
    return tf.constant(np.where(totals == 0, 0, x / np.where(totals == 0, 1, totals)), tf.float32)


without_nan = Exercise(
    id="05.5",
    title="Shares without NaN",
    minutes=10,
    statement="""How is the ink of a picture shared out among its parts? Write `shares(x)`. A row
of `x` holds the amounts of one picture, none of them negative; divide each row by its total, so
that it adds up to 1. A row of zeros, a blank picture, has no shares: **return zeros for it, and let
its gradient be zero**. One NaN there would spoil the weights for the whole batch.

`x` is a float32 tensor of shape (n, d), and so is the result.

For example, `shares` of [[1, 3], [0, 0]] is [[0.25, 0.75], [0, 0]], and the gradient of the sum of
its first column with regard to `x` is [[0.1875, -0.0625], [0, 0]].""",
    stub="def shares(x):\n    ...",
    answer="shares",
    check=check_shares,
    reference=shares,
    hints=(
        "`tf.reduce_sum(x, axis=1, keepdims=True)` gives the totals in the shape (n, 1), one "
        "beside each row.",
        "`tf.where` around the division picks the right value, but the division by 0 is still on "
        "the tape. What does it have to divide by instead?",
        "Two times `tf.where`: the inner one replaces totals that are 0 by 1 before the division, "
        "the outer one puts 0 in place of the blank rows afterwards.",
    ),
    explanation=(
        "The inner tf.where keeps 0 away from the division, so no slope is infinite; the outer one "
        "cuts the blank rows off, so that their gradient is 0."
    ),
    wrong=(
        Wrong(shares_plain, "which is what 0/0 gives"),
        Wrong(shares_outer_where, "the division by 0 is still computed"),
        Wrong(shares_inner_where, "the gradient of a row whose total is 1"),
        Wrong(shares_threshold, "Nearly blank is not blank"),
        Wrong(shares_all_or_none, "all rows become zeros"),
        Wrong(shares_shifted, "the slope of a division by it is huge"),
        Wrong(shares_no_keepdims, "Each column is divided by the total of a row"),
        Wrong(shares_columns, "The columns add up to 1"),
        Wrong(shares_all, "Each row has a total of its own"),
        Wrong(shares_constant_total, "treats the totals as constants"),
        Wrong(shares_numpy, "some step leaves TensorFlow"),
    ),
)

EXERCISES = (wrong_way, watch_it, off_by_n, find_the_line, without_nan)
