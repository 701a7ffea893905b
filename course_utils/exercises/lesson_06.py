"""Exercises of lesson 06, missing gradients."""

import numpy as np

from course_utils.exercises.expect import (
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

tf = import_tensorflow()

# ---------------------------------------------------------------- 06.1

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
        importance = tf.constant(np.where(labels > 4, 2.0, 1.0), tf.float32)
        loss = tf.reduce_mean(importance * tf.square(errors))
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
        "Line 5 uses NumPy, but for a constant. NumPy only does harm to what depends on `w`, and "
        "this does not."
    ),
    6: "Line 6 is where `w` enters; product, sum and division all have slopes.",
    7: (
        "Line 7 reads a value out with `.numpy()`, and the loss never sees that value again. "
        "Looking at a value does not cut its path."
    ),
    9: (
        "Line 9 casts integers to floats, so it can tell you what went wrong above it: what turned "
        "the scores into integers?"
    ),
    10: (
        "Line 10 goes through NumPy, but it computes with `labels` alone. They are given, and "
        "nothing leads from them to `w`."
    ),
    11: "Line 11 multiplies, squares and averages. All three have slopes.",
    12: (
        "Line 12 asks for the gradient after the block, of the loss with respect to `w`: as it "
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
    id="06.1",
    title="The line that cuts the path",
    minutes=5,
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
    right=(np.int64(GUILTY), float(GUILTY), tf.constant(GUILTY)),
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

# ---------------------------------------------------------------- 06.2


def distance(a, b):
    squares = tf.reduce_sum(tf.square(a - b), axis=1)
    return tf.sqrt(tf.maximum(squares, 1e-7))


A = np.array([[1.0, 2.0, 2.0], [3.0, -1.0, 0.5], [0.5, 0.5, 0.5], [0.0, 4.0, 1.0]], np.float32)
GAPS = np.array([[3.0, 4.0, 0.0], [0.5, -0.5, 1.0], [2.0, 1.0, -2.0], [0.06, 0.0, 0.08]])
B = (A - GAPS).astype(np.float32)
NEAR, EQUAL = 3, 2  # the row of the pair at a distance of 0.1, and of the one that is made equal


def distances_and_slopes(answer, a, b):
    """Return the answer's distances, and the gradient of their sum with respect to a."""
    a, b = tf.constant(a), tf.constant(b)
    with tf.GradientTape() as tape:
        tape.watch(a)
        found = call(answer, a, b)
    return found, tape.gradient(found, a) if tf.is_tensor(found) else None


def compiled_slopes(answer, a, b):
    """Return the gradient as XLA computes it, or None where it cannot compile the answer."""

    @tf.function(jit_compile=True, autograph=False)
    def slopes(a, b):
        with tf.GradientTape() as tape:
            tape.watch(a)
            found = answer(a, b)
        return tape.gradient(found, a)

    try:
        return slopes(tf.constant(a), tf.constant(b)).numpy()
    except Exception:
        return None


def check_distance(answer):
    expected = np.linalg.norm(GAPS, axis=1)
    what = "For four pairs of vectors, all of them different, the result"
    found, slopes = distances_and_slopes(answer, A, B)
    size = to_array(found, what).shape
    if size == (3,):
        fail("It returns one number a column. The squares are to be added along each row, axis 1.")
    if size == ():
        fail(
            "It returns one number for all pairs together. Each pair, a row, has its own distance."
        )
    expect_shape(found, (4,), what)
    if is_close(found, expected**2):
        fail("That is the square of the distance. The root is missing.")
    if is_close(found, np.abs(GAPS).sum(axis=1)):
        fail("That adds up the absolute differences. A distance is the root of a sum of squares.")
    if is_close(found, expected / np.sqrt(3)):
        fail("That is the root of the mean of the squares. Take the root of their sum.")
    near = to_array(found)[NEAR].item()
    if is_close(np.delete(found, NEAR), np.delete(expected, NEAR), tolerance=0.05) and not (
        abs(near - 0.1) < 0.0001
    ):
        fail(
            f"Two vectors whose distance is 0.1 get {near:.4g}. What protects the root has to be "
            "much smaller than the squares of the distances that you measure."
        )
    expect_close(found, expected, what, tolerance=0.001)
    if slopes is None:
        fail("The gradient is None: some step leaves TensorFlow, or stops the gradient.")
    what = "For four pairs of vectors, all of them different, the gradient"
    expect_close(slopes, GAPS / expected[:, None], what, tolerance=0.01)

    twins = B.copy()
    twins[EQUAL] = A[EQUAL]
    found, slopes = distances_and_slopes(answer, A, twins)
    found, slopes = to_array(found), to_array(slopes, "The gradient")
    if not np.isfinite(found).all():
        fail("With an equal pair among the four, the distances hold NaN or infinity.")
    if abs(found[EQUAL]) > 0.01:
        fail(f"Two equal vectors get the distance {found[EQUAL]:.3g}; below 0.01 would be fine.")
    if not np.isfinite(slopes).all():
        fail(
            "All distances are right, but for the equal pair the gradient is NaN. "
            + (
                "The root is taken of 0, where its slope is infinite."
                if found[EQUAL] == 0.0
                else "What you put on top of the root comes too late: the root below it is still "
                "taken of 0, where its slope is infinite."
            )
        )
    if np.linalg.norm(slopes[EQUAL]) > 1.01:
        fail(
            f"For the equal pair the gradient has the length {np.linalg.norm(slopes[EQUAL]):.3g}. "
            "A distance never grows faster than its vectors move apart, so 1 is the most."
        )
    others = [row for row in range(4) if row != EQUAL]
    slopes_of_others = (GAPS / expected[:, None])[others]
    expect_close(
        found[others],
        expected[others],
        "Beside an equal pair, the other distances",
        tolerance=0.001,
    )
    expect_close(
        slopes[others],
        slopes_of_others,
        "Beside an equal pair, the gradient of the others",
        tolerance=0.01,
    )

    compiled = compiled_slopes(answer, A, twins)
    if compiled is not None and not np.isfinite(compiled).all():
        fail(
            "Run line by line, the gradient is finite; compiled with `jit_compile=True`, it is "
            "NaN. TensorFlow's own root forgives that it is taken of 0, the compiler does not. "
            "Protect the root before it is taken."
        )
    _, slopes = distances_and_slopes(answer, A, A)
    if not np.isfinite(to_array(slopes, "The gradient")).all():
        fail("When all pairs are equal, the gradient is NaN.")


def distance_added(a, b):
    return tf.sqrt(tf.reduce_sum(tf.square(a - b), axis=1) + 1e-8)


def distance_two_wheres(a, b):
    squares = tf.reduce_sum((a - b) ** 2, axis=-1)
    is_zero = squares == 0.0
    return tf.where(is_zero, 0.0, tf.where(is_zero, 1.0, squares) ** 0.5)


def distance_shifted(a, b):
    return tf.norm(a - b + 1e-6, axis=1)


def distance_keras(a, b):
    import keras

    return keras.ops.sqrt(keras.ops.maximum(keras.ops.sum((a - b) ** 2, axis=-1), 1e-12))


def distance_plain(a, b):
    return tf.sqrt(tf.reduce_sum(tf.square(a - b), axis=1))


def distance_on_top(a, b):
    return tf.maximum(tf.reduce_sum(tf.square(a - b), axis=1) ** 0.5, 1e-7)


def distance_where_on_top(a, b):
    root = tf.norm(a - b, axis=1)
    return tf.where(root == 0.0, 0.0, root)


def distance_high_floor(a, b):
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(a - b), axis=1), 0.1))


def distance_added_much(a, b):
    return tf.sqrt(tf.reduce_sum(tf.square(a - b), axis=1) + 1e-4)


def distance_squared(a, b):
    return tf.maximum(tf.reduce_sum(tf.square(a - b), axis=1), 1e-7)


def distance_columns(a, b):
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(a - b), axis=0), 1e-7))


def distance_of_all(a, b):
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(a - b)), 1e-7))


def distance_absolute(a, b):
    return tf.reduce_sum(tf.abs(a - b), axis=1)


def distance_mean(a, b):
    return tf.sqrt(tf.maximum(tf.reduce_mean(tf.square(a - b), axis=1), 1e-7))


def distance_numpy(a, b):
    return tf.constant(np.linalg.norm(a - b, axis=1))


def distance_one_far(a, b):
    squares = tf.reduce_sum(tf.square(a - b), axis=1)
    return tf.sqrt(tf.where(squares == 0.0, 1.0, squares))


safe_distance = Exercise(
    id="06.2",
    title="A distance that survives equal vectors",
    minutes=10,
    statement="""Write `distance(a, b)`. `a` and `b` are float32 tensors of shape (n, d); the result
has the shape (n,) and holds the distance of each row of `a` from the same row of `b`: the root of
the sum of the squared differences. The gradient must be finite for equal rows too.

Keep 0 away from the root itself. `tf.sqrt` forgives some repairs of its result, but a program that
is compiled with `tf.function(jit_compile=True)` does not, and the check tries that, too.

Distances of 0.1 and more must be right within one part in a thousand. For equal rows, anything
below 0.01 will do.

For example, the distance of [[3, 4]] from [[0, 0]] is [5], and its gradient with respect to `a` is
[[0.6, 0.8]]. When your answer is correct, run `draw_together(distance)` and watch the loss.""",
    stub="def distance(a, b):\n    ...",
    answer="distance",
    check=check_distance,
    reference=distance,
    right=(distance_added, distance_two_wheres, distance_shifted, distance_keras),
    hints=(
        "`tf.reduce_sum(tf.square(a - b), axis=1)` gives the squares, one for each pair. Which "
        "value of theirs makes the slope of the root infinite?",
        "Keep that value away from the root: `tf.maximum(squares, 1e-7)` is never 0.",
        "First the squares, then the floor, then `tf.sqrt` of the result.",
    ),
    explanation=(
        "The root is never taken of anything below 1e-7, so its slope stays finite. Below the "
        "floor tf.maximum is flat, so equal vectors get the gradient 0."
    ),
    wrong=(
        Wrong(distance_plain, "The root is taken of 0"),
        Wrong(distance_on_top, "What you put on top of the root comes too late"),
        Wrong(distance_where_on_top, "the compiler does not"),
        Wrong(distance_high_floor, "Two vectors whose distance is 0.1 get 0.3162"),
        Wrong(distance_added_much, "Two vectors whose distance is 0.1 get 0.1005"),
        Wrong(distance_squared, "The root is missing"),
        Wrong(distance_columns, "one number a column"),
        Wrong(distance_of_all, "one number for all pairs"),
        Wrong(distance_absolute, "adds up the absolute differences"),
        Wrong(distance_mean, "the root of the mean"),
        Wrong(distance_numpy, "some step leaves TensorFlow"),
        Wrong(distance_one_far, "Two equal vectors get the distance 1"),
    ),
)

# ---------------------------------------------------------------- 06.3


def proportions(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    is_empty = totals == 0.0
    safe_totals = tf.where(is_empty, 1.0, totals)
    return tf.where(is_empty, 0.0, x / safe_totals)


def check_proportions(answer):
    weights = tf.constant([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0], [2.0, -2.0, 1.0]])

    def proportions_and_gradient(x):
        """Return the answer's proportions, and the gradient of their weighted sum."""
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
    _, gradient = proportions_and_gradient(tf.constant(full))
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
    what = "For three rows without an empty one, the gradient of a weighted sum of the proportions"
    expect_close(gradient, slopes, what)

    full[1] = 0.0
    found, gradient = proportions_and_gradient(tf.constant(full))
    if np.isnan(to_array(found)).any():
        fail("For a row of zeros it returns NaN, which is what 0/0 gives.")
    if is_close(found, np.zeros((3, 3))):
        fail("One row of zeros, and all rows become zeros. Decide row by row which one is blank.")
    expected[1] = slopes[1] = 0.0
    expect_close(found, expected, "With a row of zeros among the three, the result")
    gradient = to_array(gradient, "The gradient")
    if np.isnan(gradient).any():
        fail(
            "The proportions are right, but the gradient at a row of zeros is NaN. `tf.where` "
            "picks a result, yet the division by 0 is still computed, and its infinite slope times "
            "0 is NaN. Keep the zero away from the division."
        )
    if np.abs(gradient).max() > 1e3:
        fail(
            "The proportions are right, but the gradient at a row of zeros is about "
            f"{np.abs(gradient).max():.0e}: what you divide by in place of 0 is small, and the "
            "slope of a division by it is huge."
        )
    if is_close(gradient[1], numbers[1]):
        fail(
            "The proportions are right, and nothing is NaN, but an empty row has the gradient of a "
            "row whose total is 1. Let it take no part in the result."
        )
    expect_close(gradient, slopes, "With a row of zeros among the three, the gradient")
    tiny = np.array([[0.001, 0.003, 0.0]] * 3, np.float32)
    found = call(answer, tf.constant(tiny))
    if is_close(found, np.zeros((3, 3))) or is_close(found, tiny, tolerance=1e-6):
        fail("Nearly blank is not blank: rows with a small total have proportions too.")
    if not is_close(found, [[0.25, 0.75, 0.0]] * 3, tolerance=5e-5):
        fail(
            "For the row [0.001, 0.003, 0] it does not return [0.25, 0.75, 0]. A number that is "
            "added to the total changes every proportion."
        )


def proportions_no_nan(x):
    return tf.math.divide_no_nan(x, tf.reduce_sum(x, axis=1, keepdims=True))


def proportions_masked(x):
    totals = tf.reduce_sum(x, axis=-1)[:, tf.newaxis]
    is_blank = tf.cast(totals == 0, tf.float32)
    return (1.0 - is_blank) * x / (totals + is_blank)


def proportions_counted_as_one(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    has_ink = tf.cast(totals > 0.0, tf.float32)
    return has_ink * x / (totals + 1.0 - has_ink)


def proportions_plain(x):
    return x / tf.reduce_sum(x, axis=1, keepdims=True)


def proportions_outer_where(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    return tf.where(totals == 0.0, 0.0, x / totals)


def proportions_inner_where(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    return x / tf.where(totals == 0.0, 1.0, totals)


def proportions_threshold(x):
    totals = tf.reduce_sum(x, axis=1, keepdims=True)
    has_ink = totals > 1e-2
    return tf.where(has_ink, x / tf.where(has_ink, totals, 1.0), 0.0)


def proportions_all_or_none(x):
    if tf.reduce_any(tf.reduce_sum(x, axis=1) == 0.0):
        return tf.zeros_like(x)
    return proportions_plain(x)


def proportions_shifted(x):
    return x / (tf.reduce_sum(x, axis=1, keepdims=True) + 1e-12)


def proportions_no_keepdims(x):
    return x / tf.reduce_sum(x, axis=1)


def proportions_columns(x):
    return x / tf.reduce_sum(x, axis=0, keepdims=True)


def proportions_of_all(x):
    return x / tf.reduce_sum(x)


def proportions_constant_total(x):
    return x / tf.stop_gradient(tf.reduce_sum(x, axis=1, keepdims=True))


def proportions_numpy(x):
    totals = np.sum(x, axis=1, keepdims=True)
    return tf.constant(np.where(totals == 0, 0, x / np.where(totals == 0, 1, totals)), tf.float32)


without_nan = Exercise(
    id="06.3",
    title="Proportions without NaN",
    minutes=10,
    statement="""How is the ink of a picture distributed over its parts? Write `proportions(x)`. A
row of `x` holds the amounts of one picture, none of them negative; divide each row by its total, so
that it adds up to 1. A row of zeros is a blank picture: **return zeros for it, and let its gradient
be zero**. One NaN there would spoil the weights for the whole batch.

`x` is a float32 tensor of shape (n, d), and so is the result.

For example, `proportions` of [[1, 3], [0, 0]] is [[0.25, 0.75], [0, 0]], and the gradient of the
sum of its first column with respect to `x` is [[0.1875, -0.0625], [0, 0]].""",
    stub="def proportions(x):\n    ...",
    answer="proportions",
    check=check_proportions,
    reference=proportions,
    right=(proportions_no_nan, proportions_masked, proportions_counted_as_one),
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
        "cuts the blank rows off, so that their gradient is 0. "
        "`tf.math.divide_no_nan(x, totals)` does both in one call."
    ),
    wrong=(
        Wrong(proportions_plain, "which is what 0/0 gives"),
        Wrong(proportions_outer_where, "the division by 0 is still computed"),
        Wrong(proportions_inner_where, "the gradient of a row whose total is 1"),
        Wrong(proportions_threshold, "Nearly blank is not blank"),
        Wrong(proportions_all_or_none, "all rows become zeros"),
        Wrong(proportions_shifted, "the slope of a division by it is huge"),
        Wrong(proportions_no_keepdims, "Each column is divided by the total of a row"),
        Wrong(proportions_columns, "The columns add up to 1"),
        Wrong(proportions_of_all, "Each row has a total of its own"),
        Wrong(proportions_constant_total, "treats the totals as constants"),
        Wrong(proportions_numpy, "some step leaves TensorFlow"),
    ),
)

EXERCISES = (find_the_line, safe_distance, without_nan)
