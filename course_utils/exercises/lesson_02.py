"""Exercises of lesson 02, shapes at work."""

import dis
import types

import numpy as np

from course_utils.exercises.expect import (
    call,
    expect_close,
    expect_shape,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 02.1


def to_channels_first(images):
    return tf.transpose(images, [0, 3, 1, 2])


def check_channels_first(answer):
    images = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)
    expected = images.transpose(0, 3, 1, 2)
    result = to_array(call(answer, tf.constant(images)), "The result")
    if result.shape == expected.shape and not is_close(result, expected):
        if is_close(result, images.reshape(expected.shape)):
            fail(
                "The shape is right, but the pixels are scrambled. Reshaping keeps the numbers in "
                "their old order and cuts that row elsewhere; here the axes have to move."
            )
        fail("The shape is right, but the numbers are not where they belong.")
    if result.shape == expected.shape[::-1] or is_close(result, images.T):
        fail(
            f"The result has the shape {result.shape}: all axes are reversed, the batch axis too. "
            "Say where each axis goes."
        )
    if is_close(result, images.transpose(0, 3, 2, 1)):
        fail(
            f"The result has the shape {result.shape}: the channels are where they should be, but "
            "height and width have changed places, so each picture lies on its side."
        )
    if is_close(result, images.transpose(0, 2, 3, 1)):
        fail(
            f"The result has the shape {result.shape}. Entry k of the permutation is the old axis "
            "that becomes new axis k; yours answers the opposite question."
        )
    if result.shape != expected.shape:
        fail(
            f"For images of shape {images.shape} the result has the shape {result.shape}; "
            f"expected {expected.shape}."
        )
    one = np.zeros((1, 3, 3, 1), np.float32)
    expect_shape(call(answer, tf.constant(one)), (1, 1, 3, 3), "The result for one grey picture")


def channels_first_reshape(images):
    n, height, width, channels = images.shape
    return tf.reshape(images, [n, channels, height, width])


def channels_first_reversed(images):
    return tf.transpose(images)


def channels_first_swapped(images):
    return tf.transpose(images, [0, 3, 2, 1])


def channels_first_inverse(images):
    return tf.transpose(images, [0, 2, 3, 1])


def channels_first_by_einsum(images):
    return tf.einsum("nhwc->nchw", images)


def channels_first_by_numpy(images):
    return np.moveaxis(images.numpy(), -1, 1)


def channels_first_by_stack(images):
    channels = [images[..., channel] for channel in range(images.shape[-1])]
    return tf.stack(channels, axis=1)


channels_first = Exercise(
    id="02.1",
    title="Channels first",
    minutes=5,
    statement="""TensorFlow's layers expect pictures as (batch, height, width, channels), in
short **NHWC**. PyTorch's expect (batch, channels, height, width), **NCHW**. Write
`to_channels_first(images)`, which takes a float32 tensor in NHWC order, of any sizes, and returns
the same pictures in NCHW order: the pixel `images[n, h, w, c]` becomes `result[n, c, h, w]`.

For example, shape `(2, 4, 5, 3)` becomes `(2, 3, 4, 5)`.""",
    stub="def to_channels_first(images):\n    ...",
    answer="to_channels_first",
    check=check_channels_first,
    reference=to_channels_first,
    right=(
        channels_first_by_einsum,
        channels_first_by_numpy,
        channels_first_by_stack,
        tf.function(to_channels_first),
    ),
    hints=(
        "Do the axes have to move, or only the places where one row of numbers is cut?",
        "tf.transpose takes a permutation. Its entry k names the old axis that becomes new axis k.",
        "New axis 1 is the channels, and they are old axis 3.",
    ),
    explanation=(
        "The permutation [0, 3, 1, 2] says: first the old axis 0 (batch), then 3 (channels), then "
        "1 (height) and 2 (width)."
    ),
    wrong=(
        Wrong(channels_first_reshape, "the pixels are scrambled"),
        Wrong(channels_first_reversed, "all axes are reversed"),
        Wrong(channels_first_swapped, "height and width have changed places"),
        Wrong(channels_first_inverse, "yours answers the opposite question"),
    ),
)

# ---------------------------------------------------------------- 02.2


def standardise(images):
    images = tf.cast(images, tf.float32)
    mean = tf.reduce_mean(images, axis=[0, 1, 2])
    deviation = tf.math.reduce_std(images, axis=[0, 1, 2])
    return (images - mean) / deviation


def check_standardise(answer):
    random = np.random.default_rng(1)
    levels = np.array([40, 120, 250]) * random.uniform(0.2, 1.0, size=(6, 4, 5, 3))
    images = levels.astype(np.uint8)
    # A cube of axes of one length: there a statistic over the wrong axes broadcasts without error.
    cube = (np.array([40, 120, 250]) * random.uniform(0.2, 1.0, size=(3, 3, 3, 3))).astype(np.uint8)
    for pictures in (images, cube):
        wide = pictures.astype(np.float64)
        axes = (0, 1, 2)
        expected = (wide - wide.mean(axes)) / wide.std(axes)
        result = expect_shape(call(answer, tf.constant(pictures)), pictures.shape, "The result")
        if is_close(result, expected, tolerance=1e-3):
            if result.dtype.kind != "f":
                fail(f"The result is of dtype {result.dtype}; expected floating point numbers.")
            continue
        if result.dtype.kind in "iu":
            fail(
                f"The result is of dtype {result.dtype}. A standardised pixel is a small number "
                "around 0, and whole numbers cannot say 0.3. Change the dtype first."
            )
        explain_standardised(result, wide, pictures)
        expect_close(result, expected, "The result", tolerance=1e-3)


def explain_standardised(result, wide, pictures):
    """End the check where the numbers are those of a known mistake."""
    axes = (0, 1, 2)
    with np.errstate(all="ignore"):
        for scaled in (wide, wide / 255):
            centred = scaled - scaled.mean(axes)
            if is_close(result, centred / scaled.var(axes), tolerance=1e-3):
                fail(
                    "Each channel has mean 0, but not deviation 1. You divided by the variance; "
                    "the standard deviation is its square root."
                )
            if is_close(result, centred, tolerance=1e-2):
                fail("Each channel has mean 0, but it is not yet divided by its deviation.")
            if is_close(result, scaled - scaled.mean(axes) / scaled.std(axes), tolerance=1e-3):
                fail(
                    "A division comes before a subtraction, so you divide the mean only. Put "
                    "parentheses around the difference."
                )
        if is_close(result, wide / wide.std(axes), tolerance=1e-3):
            fail("Each channel is divided by its deviation, but its mean is not subtracted.")
        for wrong, name in (
            ((0,), "the batch axis only, so each pixel of each channel has a mean of its own"),
            ((1, 2), "height and width only, so each picture has a mean of its own"),
            ((3,), "the channels, so each pixel has a mean of its own"),
            ((0, 1, 2, 3), "everything, so the channels share one mean"),
        ):
            for keep in (True, False):
                try:
                    mean = wide.mean(wrong, keepdims=keep)
                    candidate = (wide - mean) / wide.std(wrong, keepdims=keep)
                except ValueError:
                    continue
                known = np.isfinite(candidate)
                if known.any() and is_close(result[known], candidate[known], tolerance=1e-3):
                    fail(
                        f"You took the mean over {name}. There should be one mean and one "
                        "deviation for each channel. Which axes have to disappear?"
                    )
        wholes = pictures - tf.reduce_mean(pictures, axis=[0, 1, 2]).numpy()
        whole_mean = np.floor(wide.mean(axes))
        for numerator in (wholes, wide - whole_mean):
            for axis in (axes, None):
                if is_close(result, numerator / wide.std(axis), tolerance=1e-3):
                    fail(
                        "The mean was computed with whole numbers: it lost its decimals, and what "
                        "falls below 0 in uint8 comes back from above. Change the dtype first."
                    )
        means, deviations = result.mean(axes), result.std(axes)
        if np.isfinite(result).all() and not (
            is_close(means, np.zeros_like(means), tolerance=1e-2)
            and is_close(deviations, np.ones_like(deviations), tolerance=1e-2)
        ):
            fail(
                f"The channels of the result have the means {listed(means)} and the deviations "
                f"{listed(deviations)}; expected mean 0 and deviation 1 for each."
            )


def listed(numbers):
    return ", ".join(f"{number:z.2f}" for number in numbers)


def standardise_batch_axis(images):
    images = tf.cast(images, tf.float32)
    return (images - tf.reduce_mean(images, axis=0)) / tf.math.reduce_std(images, axis=0)


def standardise_each_picture(images):
    images = tf.cast(images, tf.float32)
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
    return (images - mean) / tf.math.reduce_std(images, axis=[1, 2], keepdims=True)


def standardise_all(images):
    images = tf.cast(images, tf.float32)
    return (images - tf.reduce_mean(images)) / tf.math.reduce_std(images)


def standardise_variance(images):
    images = tf.cast(images, tf.float32) / 255
    mean = tf.reduce_mean(images, axis=[0, 1, 2])
    return (images - mean) / tf.math.reduce_variance(images, axis=[0, 1, 2])


def standardise_integers(images):
    centred = images - tf.reduce_mean(images, axis=[0, 1, 2])
    deviation = tf.math.reduce_std(tf.cast(images, tf.float32), axis=[0, 1, 2])
    return tf.cast(centred, tf.float32) / deviation


def standardise_whole_division(images):
    deviation = tf.math.reduce_std(tf.cast(images, tf.float32), axis=[0, 1, 2])
    return (images - tf.reduce_mean(images, axis=[0, 1, 2])) // tf.cast(deviation, tf.uint8)


def standardise_mean_only(images):
    images = tf.cast(images, tf.float32)
    return images - tf.reduce_mean(images, axis=[0, 1, 2])


def standardise_no_parentheses(images):
    images = tf.cast(images, tf.float32)
    mean = tf.reduce_mean(images, axis=[0, 1, 2])
    return images - mean / tf.math.reduce_std(images, axis=[0, 1, 2])


def standardise_one_deviation(images):
    images = tf.cast(images, tf.float32)
    centred = images - tf.reduce_mean(images, axis=[0, 1, 2])
    return centred / tf.math.reduce_std(centred)


def standardise_by_numpy(images):
    wide = images.numpy().astype("float64")
    return (wide - wide.mean((0, 1, 2))) / wide.std((0, 1, 2))


def standardise_scaled_first(images):
    images = tf.cast(images, tf.float32) / 255.0
    centred = images - tf.reduce_mean(images, axis=[0, 1, 2], keepdims=True)
    return centred / tf.sqrt(tf.reduce_mean(tf.square(centred), axis=[0, 1, 2]))


standardise_channels = Exercise(
    id="02.2",
    title="Standardise each channel",
    minutes=10,
    statement="""Inputs are often brought to one scale, around 0, before a network sees them.
Write `standardise(images)`. It takes a **uint8** tensor of shape `(n, height, width, channels)`
and returns a float32 tensor of the same shape, in which **each channel**, taken over all pictures
and all pixels, has mean 0 and standard deviation 1. No channel is constant.

`tf.math.reduce_std` computes a standard deviation, with the same `axis` and `keepdims` as
`tf.reduce_mean`. For two grey pictures of one pixel each, with the values 10 and 30, the result
holds -1 and 1.""",
    stub="def standardise(images):\n    ...",
    answer="standardise",
    check=check_standardise,
    reference=standardise,
    right=(standardise_by_numpy, standardise_scaled_first, tf.function(standardise)),
    hints=(
        "What is the dtype of the mean of a uint8 tensor? Change the dtype first.",
        "One mean for each channel: its shape is (channels,). All other axes have to disappear.",
        "Reduce over axis=[0, 1, 2], subtract, and divide by the deviation over the same axes.",
    ),
    explanation=(
        "Reducing over batch, height and width leaves one number for each channel. Its shape, "
        "(channels,), broadcasts along the last axis of the images."
    ),
    wrong=(
        Wrong(standardise_batch_axis, "over the batch axis only"),
        Wrong(standardise_each_picture, "each picture has a mean of its own"),
        Wrong(standardise_all, "the channels share one mean"),
        Wrong(standardise_variance, "You divided by the variance"),
        Wrong(standardise_integers, "computed with whole numbers"),
        Wrong(standardise_whole_division, "whole numbers cannot say 0.3"),
        Wrong(standardise_mean_only, "not yet divided"),
        Wrong(standardise_no_parentheses, "Put parentheses around the difference"),
        Wrong(standardise_one_deviation, "The channels of the result have the means"),
    ),
)

# ---------------------------------------------------------------- 02.3


def pairwise_distances(a, b):
    differences = a[:, tf.newaxis, :] - b[tf.newaxis, :, :]
    return tf.sqrt(tf.reduce_sum(tf.square(differences), axis=-1))


def check_pairwise(answer):
    random = np.random.default_rng(5)
    # As many rows on both sides first: there a forgotten axis broadcasts without an error.
    for n, m, d in ((4, 4, 4), (3, 3, 2), (3, 5, 2), (1, 4, 6)):
        a = random.normal(size=(n, d)).astype(np.float32)
        b = random.normal(size=(m, d)).astype(np.float32)
        differences = a[:, None] - b[None]
        expected = np.sqrt((differences**2).sum(-1))
        result = to_array(call(answer, tf.constant(a), tf.constant(b)), "The result")
        if result.shape == (n, m) and is_close(result, expected, tolerance=1e-4):
            continue
        explain_distances(result, a, b, differences)
        expect_close(result, expected, f"For {n} and {m} points with {d} numbers each, the result")
    far = np.array([[10_000.0, 0.0], [10_001.0, 0.0]], np.float32)
    result = to_array(call(answer, tf.constant(far), tf.constant(far)), "The result")
    if not is_close(result, [[0.0, 1.0], [1.0, 0.0]], tolerance=1e-3):
        fail(
            "It is right for small numbers, but not for two neighbours far from 0, the points "
            "(10000, 0) and (10001, 0). Squares of large numbers lose their last digits, and the "
            "distance is in those. Subtract first, then square."
        )
    if loops(answer):
        fail(
            "The numbers are right, but Python goes through them in a loop. One subtraction can "
            "form all differences at once, if the shapes broadcast."
        )


def explain_distances(result, a, b, differences):
    """End the check where the numbers are those of a known mistake."""
    n, m, d = differences.shape
    if n == m and result.shape in {(n,), (n, 1)}:
        fail(
            "It compares point i of `a` with point i of `b` only. For all pairs, `a` and `b` need "
            "axes of their own for their points: (n, 1, d) and (1, m, d)."
        )
    squares = differences**2
    if is_close(result, squares.sum(-1)):
        fail("These are the squares of the distances. The root is missing.")
    if is_close(result, np.abs(differences).sum(-1)):
        fail(
            "These are sums of absolute differences. The distance in the statement squares the "
            "differences, adds them and takes the root."
        )
    if is_close(result, np.sqrt(squares.mean(-1))):
        fail("These are roots of a mean. The distance adds the squares up; nothing is divided.")
    if is_close(result, differences.sum(-1)) or is_close(result, np.abs(differences.sum(-1))):
        fail("Differences of opposite sign cancel in your sum. Square each before you add.")
    if is_close(result, np.sqrt(squares.sum(0))) or is_close(result, np.sqrt(squares.sum(1))):
        fail(
            f"For {n} and {m} points with {d} numbers each the result has the shape "
            f"{result.shape}. The sum has to remove the axis of the {d} numbers, the last one; it "
            "removed an axis of points."
        )
    if n != m and is_close(result, np.sqrt(squares.sum(-1)).T):
        fail(
            f"For {n} and {m} points the result has the shape {result.shape}; expected {(n, m)}. "
            "Rows belong to `a`, columns to `b`: which of them has its new axis where?"
        )
    if n == m and is_close(result, np.sqrt(squares.sum(-1)).T):
        fail("Rows and columns have changed places: rows belong to `a`, columns to `b`.")


def loops(function):
    """Say whether the Python code of a function holds a loop or a comprehension."""
    function = getattr(function, "python_function", function)
    waiting = [getattr(function, "__code__", None)]
    while waiting:
        code = waiting.pop()
        if not isinstance(code, types.CodeType):
            continue
        for step in dis.get_instructions(code):
            if step.opname == "FOR_ITER" or "JUMP_BACKWARD" in step.opname:
                return True
        waiting.extend(code.co_consts)
    return False


def distances_no_axis(a, b):
    return tf.sqrt(tf.reduce_sum(tf.square(a - b), axis=-1))


def distances_squared(a, b):
    return tf.reduce_sum(tf.square(a[:, tf.newaxis] - b), axis=-1)


def distances_wrong_axis(a, b):
    return tf.sqrt(tf.reduce_sum(tf.square(a[:, tf.newaxis] - b), axis=1))


def distances_swapped(a, b):
    return tf.sqrt(tf.reduce_sum(tf.square(a - b[:, tf.newaxis]), axis=-1))


def distances_absolute(a, b):
    differences = a[:, tf.newaxis] - b
    return tf.reduce_sum(tf.maximum(differences, -differences), axis=-1)


def distances_cancel(a, b):
    return tf.reduce_sum(a[:, tf.newaxis] - b, axis=-1)


def distances_expanded(a, b):
    products = tf.matmul(a, b, transpose_b=True)
    lengths = tf.reduce_sum(tf.square(a), axis=1)[:, tf.newaxis] + tf.reduce_sum(tf.square(b), 1)
    return tf.sqrt(tf.maximum(lengths - 2.0 * products, 0.0))


def distances_loop(a, b):
    rows = []
    for point in a:
        rows.append(tf.sqrt(tf.reduce_sum(tf.square(point - b), axis=-1)).numpy())
    return tf.constant(np.array(rows))


def distances_by_norm(a, b):
    return tf.norm(tf.expand_dims(a, 1) - b, axis=-1)


def distances_by_einsum(a, b):
    gaps = a[:, tf.newaxis] - b
    return tf.einsum("ijk,ijk->ij", gaps, gaps) ** 0.5


def distances_by_columns(a, b):
    gaps = a[tf.newaxis] - b[:, tf.newaxis]
    return tf.transpose(tf.sqrt(tf.reduce_sum(gaps * gaps, axis=2)))


all_distances = Exercise(
    id="02.3",
    title="All distances, no loop",
    minutes=10,
    statement="""Write `pairwise_distances(a, b)`. `a` is a float32 tensor of shape `(n, d)`:
`n` points with `d` coordinates each. `b` has the shape `(m, d)`. The result has the shape
`(n, m)`, and its entry `[i, j]` is the Euclidean distance between point `a[i]` and point `b[j]`,

$$\\sqrt{\\sum_k (a_{ik} - b_{jk})^2}.$$

Use broadcasting and no loop: form all `n * m` differences with one subtraction. `tf.square` and
`tf.sqrt`, the root, work on each number of a tensor.

For example, from the points `(0, 0)` and `(3, 0)` to the single point `(0, 4)` the distances are
`[[4], [5]]`.

When your answer is correct, let it read the ten digits:
`train_labels[np.argmin(pairwise_distances(flat, tf.reshape(train, [4000, -1])), axis=1)]`.""",
    stub="def pairwise_distances(a, b):\n    ...",
    answer="pairwise_distances",
    check=check_pairwise,
    reference=pairwise_distances,
    right=(
        distances_by_norm,
        distances_by_einsum,
        distances_by_columns,
        tf.function(distances_by_norm),
    ),
    hints=(
        "The differences have three axes: point of `a`, point of `b`, coordinate. That is the "
        "shape (n, m, d).",
        "Which shapes broadcast to (n, m, d), if one has n points and the other m? Give each an "
        "axis of size 1 where the other has its points.",
        "a[:, tf.newaxis, :] has the shape (n, 1, d). Square, add up over the last axis, take "
        "the root.",
    ),
    explanation=(
        "(n, 1, d) and (1, m, d) broadcast to (n, m, d): each point of `a` meets each point of "
        "`b`. The sum removes the last axis, the coordinates."
    ),
    wrong=(
        Wrong(distances_no_axis, "point i of `a` with point i of `b` only"),
        Wrong(distances_squared, "The root is missing"),
        Wrong(distances_wrong_axis, "it removed an axis of points"),
        Wrong(distances_swapped, "Rows and columns have changed places"),
        Wrong(distances_absolute, "sums of absolute differences"),
        Wrong(distances_cancel, "opposite sign cancel"),
        Wrong(distances_expanded, "Subtract first, then square"),
        Wrong(distances_loop, "Python goes through them in a loop"),
    ),
)

# ---------------------------------------------------------------- 02.4


def update_average(average, value, momentum):
    average.assign(momentum * average + (1.0 - momentum) * value)
    return average


def check_update_average(answer):
    average = tf.Variable([0.0, 10.0])
    value = tf.constant([4.0, 2.0])
    result = call(answer, average, value, 0.75)
    right, unchanged = [1.0, 8.0], [0.0, 10.0]
    if is_close(average, unchanged) and is_close(result, right):
        if isinstance(result, tf.Variable):
            fail(
                "You made a second variable, with the right numbers. Whoever holds the first one, "
                "as the caller does, sees nothing of it. Write into the one that came in."
            )
        fail(
            "What you return holds the right numbers, but the variable that came in still holds "
            "the old ones. `=` gives a name to another object; it does not write into a variable."
        )
    if is_close(average, unchanged):
        fail("The variable holds the same numbers as before the call.")
    if is_close(average, [3.0, 4.0]):
        fail(
            "The two weights have changed places: with momentum 0.75, three quarters of the "
            "old average stay."
        )
    if is_close(average, [1.0, 10.5]):
        fail(
            "The new value is added, but the old average has kept its full weight, which has to "
            "shrink to `momentum`."
        )
    if not is_close(average, right):
        holds = ", ".join(f"{number:g}" for number in average.numpy())
        fail(f"With the numbers of the example, the variable holds [{holds}]; expected [1, 8].")
    if not is_close(result, average):
        fail("The variable is right, but what the function returns is something else.")
    call(answer, average, value, 0.75)
    expect_close(average, [1.75, 6.5], "The variable, after a second update,")


def update_rebinds(average, value, momentum):
    average = momentum * average + (1.0 - momentum) * value
    return average


def update_new_variable(average, value, momentum):
    return tf.Variable(momentum * average + (1.0 - momentum) * value)


def update_swapped(average, value, momentum):
    average.assign((1.0 - momentum) * average + momentum * value)
    return average


def update_adds(average, value, momentum):
    average.assign_add((1.0 - momentum) * value)
    return average


def update_adds_all(average, value, momentum):
    average.assign_add(momentum * average + (1.0 - momentum) * value)
    return average


def update_in_place_sign(average, value, momentum):
    average += (1.0 - momentum) * (value - average)
    return average


def update_by_difference(average, value, momentum):
    return average.assign_add((1.0 - momentum) * (value - average))


def update_and_return_tensor(average, value, momentum):
    average.assign(momentum * average + (1.0 - momentum) * value)
    return tf.convert_to_tensor(average)


def update_by_numpy(average, value, momentum):
    average.assign(momentum * average.numpy() + (1 - momentum) * value.numpy())
    return average


moving_average = Exercise(
    id="02.4",
    title="A moving average",
    minutes=5,
    statement="""A moving average follows a stream of values and forgets the old ones slowly.
Write `update_average(average, value, momentum)`. `average` is a float32 `tf.Variable`, `value` a
tensor of its shape and `momentum` a Python number between 0 and 1. After the call **the variable
itself** holds

$$\\text{momentum}\\cdot\\text{average} + (1 - \\text{momentum})\\cdot\\text{value},$$

and the function returns the variable. For example, an average of `[0, 10]` with the value
`[4, 2]` and momentum 0.75 becomes `[1, 8]`, and at a second call with the same value
`[1.75, 6.5]`.""",
    stub="def update_average(average, value, momentum):\n    ...",
    answer="update_average",
    check=check_update_average,
    reference=update_average,
    right=(update_by_difference, update_and_return_tensor, update_by_numpy),
    hints=(
        "Compute the new numbers first. Then ask: what puts them into the variable that came in?",
        "A variable changes through its methods `assign`, `assign_add` and `assign_sub` only.",
    ),
    explanation=(
        "`assign` writes into the variable that the caller holds. With `=`, the name inside the "
        "function would stand for a new tensor, and the caller's variable would stay as it was."
    ),
    wrong=(
        Wrong(update_rebinds, "the variable that came in still holds the old ones"),
        Wrong(update_new_variable, "You made a second variable"),
        Wrong(update_swapped, "The two weights have changed places"),
        Wrong(update_adds, "has kept its full weight"),
        Wrong(update_adds_all, "the variable holds [1, 18]"),
        Wrong(update_in_place_sign, "`variable += value`"),
    ),
)

EXERCISES = (channels_first, standardise_channels, all_distances, moving_average)
