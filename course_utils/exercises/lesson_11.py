"""Exercises of lesson 11, batch normalisation."""

import math

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

# ---------------------------------------------------------------- 11.1

BY_HAND = {
    "batch mean": 4.0,
    "batch variance": 5.0,
    "new moving mean": 0.4,
    "new moving variance": 1.4,
    "7 in training": 3 / math.sqrt(5),
    "7 in inference": 6.6 / math.sqrt(1.4),
}
ROUNDED = 0.051  # how far a number that is rounded to one decimal may be off


def check_by_hand(answer):
    if not isinstance(answer, dict) or set(answer) != set(BY_HAND):
        fail(f"Expected a dict with the keys {', '.join(map(repr, BY_HAND))}.")
    given = {}
    for key, value in answer.items():
        if not is_close(value, value) or to_array(value).shape != ():
            fail(f"{key!r} is {describe(value)}; expected a number.")
        given[key] = float(to_array(value))

    def means(key, wrong, why):
        if abs(given[key] - wrong) <= ROUNDED:
            fail(f"{key!r} is not {given[key]:g}. {why}")

    means("batch variance", 20 / 3, "Batch normalisation divides the sum of squares by n.")
    means("batch variance", 20.0, "The variance is the mean of the squared distances.")
    means("batch variance", math.sqrt(5), "That is its root, the standard deviation.")
    means("new moving mean", 3.6, "The momentum, 0.9, is the part of the old average that stays.")
    means("new moving mean", 4.0, "A moving average moves by a tenth of the way here.")
    means("7 in training", 6.6 / math.sqrt(1.4), "Whose statistics normalise in training?")
    means("7 in training", 3 / 5, "Divide by the root of the variance.")
    means("7 in inference", 3 / math.sqrt(5), "In inference, nobody asks the batch.")
    means("7 in inference", 7.0, "The averages have moved in the training step before.")
    for key, expected in BY_HAND.items():
        if abs(given[key] - expected) > ROUNDED:
            fail(f"{key!r} is not {given[key]:g}. Take the values from top to bottom.")


by_hand = Exercise(
    id="11.1",
    title="One channel by hand",
    minutes=5,
    statement="""A channel of a fresh layer with momentum 0.9 (moving mean 0, moving variance 1)
sees a batch with the four numbers 1, 3, 5 and 7, in training mode. Take gamma 1, beta 0 and epsilon
0.

What are the statistics of the batch, and the averages after this step? What becomes of the number
7 in this training step, and what in inference mode right after it? Fill in the numbers, to one
decimal.""",
    stub="""numbers = {
    "batch mean": ...,
    "batch variance": ...,
    "new moving mean": ...,
    "new moving variance": ...,
    "7 in training": ...,
    "7 in inference": ...,
}""",
    answer="numbers",
    check=check_by_hand,
    reference=BY_HAND,
    reference_source="""numbers = {
    "batch mean": 4.0,
    "batch variance": 5.0,  # (9 + 1 + 1 + 9) / 4
    "new moving mean": 0.4,  # 0.9 · 0 + 0.1 · 4
    "new moving variance": 1.4,  # 0.9 · 1 + 0.1 · 5
    "7 in training": 1.3,  # (7 - 4) / √5
    "7 in inference": 5.6,  # (7 - 0.4) / √1.4
}""",
    hints=(
        "The variance is the mean of the squared distances from the mean.",
        "New average = 0.9 · old average + 0.1 · statistics of the batch.",
        "In training, 7 is normalised by the batch; in inference, by the moving averages.",
    ),
    explanation=(
        "After one step, the same number comes out as 1.3 in training and as 5.6 in inference: "
        "the averages have gone a tenth of the way."
    ),
    right=(
        {key: round(value, 1) for key, value in BY_HAND.items()},
        {key: np.float32(value) for key, value in BY_HAND.items()},
    ),
    wrong=(
        Wrong({**BY_HAND, "batch variance": 6.7}, "divides the sum of squares by n"),
        Wrong({**BY_HAND, "batch variance": 2.2}, "the standard deviation"),
        Wrong({**BY_HAND, "new moving mean": 3.6}, "the part of the old average that stays"),
        Wrong({**BY_HAND, "new moving mean": 4.0}, "moves by a tenth of the way"),
        Wrong({**BY_HAND, "7 in training": 5.6}, "Whose statistics normalise in training?"),
        Wrong({**BY_HAND, "7 in training": 0.6}, "the root of the variance"),
        Wrong({**BY_HAND, "7 in inference": 1.3}, "nobody asks the batch"),
        Wrong({**BY_HAND, "7 in inference": 7.0}, "The averages have moved"),
        Wrong({**BY_HAND, "batch mean": 3.0}, "from top to bottom"),
        Wrong([4, 5, 0.4, 1.4, 1.3, 5.6], "Expected a dict with the keys"),
    ),
)

# ---------------------------------------------------------------- 11.2


def normalise_batch(x, moving_mean, moving_variance, training):
    if training:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        moving_mean = 0.9 * moving_mean + 0.1 * mean
        moving_variance = 0.9 * moving_variance + 0.1 * variance
    else:
        mean, variance = moving_mean, moving_variance
    y = (x - mean) / np.sqrt(variance + 0.001)
    return y, moving_mean, moving_variance


def check_modes(answer):
    rng = np.random.default_rng(74)
    x = (rng.normal(size=(4, 5, 5, 2)) * [0.1, 2.0] + [1.0, -3.0]).astype(np.float32)
    old = (np.array([0.5, 1.0], np.float32), np.array([4.0, 0.25], np.float32))
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    results = {}
    for training in (True, False):
        result = call(answer, x.copy(), old[0].copy(), old[1].copy(), training)
        if not isinstance(result, (tuple, list)) or len(result) != 3:
            fail("Return three things: y, moving_mean and moving_variance.")
        mode = "In training" if training else "In inference"
        results[training] = [
            expect_shape(result[0], x.shape, f"{mode}, y"),
            to_array(result[1], f"{mode}, moving_mean"),
            to_array(result[2], f"{mode}, moving_variance"),
        ]
        if results[training][1].shape != (2,) or results[training][2].shape != (2,):
            fail(
                f"{mode}, the moving averages have the shape {results[training][1].shape}; "
                "expected (2,), one number a channel. Over which axes do mean and variance go?"
            )
    y, new_mean, new_variance = results[True]
    rest_y, rest_mean, rest_variance = results[False]

    if not (is_close(rest_mean, old[0]) and is_close(rest_variance, old[1])):
        fail("In inference the moving averages have changed. Only training may move them.")
    if is_close(new_mean, 0.1 * old[0] + 0.9 * mean):
        fail(
            "In training the moving averages jump: 0.1 of the old and 0.9 of the new. The momentum "
            "is the part that the old one keeps."
        )
    if is_close(new_mean, old[0]):
        fail("In training the moving averages have not moved.")
    expect_close(new_mean, 0.9 * old[0] + 0.1 * mean, "In training, the new moving_mean")
    expect_close(
        new_variance, 0.9 * old[1] + 0.1 * variance, "In training, the new moving_variance"
    )

    outside = {
        True: (x - mean) / (np.sqrt(variance) + 0.001),
        False: (x - old[0]) / (np.sqrt(old[1]) + 0.001),
    }
    batch_y = (x - mean) / np.sqrt(variance + 0.001)
    for other in (old, (new_mean, new_variance)):
        if is_close(y, (x - other[0]) / np.sqrt(other[1] + 0.001)):
            fail(
                "In training, y is made with the moving averages. A training batch is normalised "
                "by its own statistics."
            )
    if is_close(rest_y, batch_y):
        fail(
            "In inference, y is made with the statistics of the batch, so that an image's result "
            "depends on its company. What are the moving averages kept for?"
        )
    if is_close(y, outside[True], tolerance=1e-3) and not is_close(y, batch_y, tolerance=1e-3):
        fail("The 0.001 stands beside the root. It belongs under it, with the variance.")
    expect_close(y, batch_y, "In training, y")
    expect_close(rest_y, (x - old[0]) / np.sqrt(old[1] + 0.001), "In inference, y")


def modes_moving_in_training(x, moving_mean, moving_variance, training):
    _, moving_mean, moving_variance = normalise_batch(x, moving_mean, moving_variance, training)
    return (x - moving_mean) / np.sqrt(moving_variance + 0.001), moving_mean, moving_variance


def modes_batch_in_inference(x, moving_mean, moving_variance, training):
    _, new_mean, new_variance = normalise_batch(x, moving_mean, moving_variance, training)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return (x - mean) / np.sqrt(variance + 0.001), new_mean, new_variance


def modes_always_moves(x, moving_mean, moving_variance, training):
    y, _, _ = normalise_batch(x, moving_mean, moving_variance, training)
    return y, *normalise_batch(x, moving_mean, moving_variance, True)[1:]


def modes_never_moves(x, moving_mean, moving_variance, training):
    return (
        normalise_batch(x, moving_mean, moving_variance, training)[0],
        moving_mean,
        moving_variance,
    )


def modes_momentum_swapped(x, moving_mean, moving_variance, training):
    y, _, _ = normalise_batch(x, moving_mean, moving_variance, training)
    if training:
        moving_mean = 0.1 * moving_mean + 0.9 * x.mean(axis=(0, 1, 2))
        moving_variance = 0.1 * moving_variance + 0.9 * x.var(axis=(0, 1, 2))
    return y, moving_mean, moving_variance


def modes_batch_axis_only(x, moving_mean, moving_variance, training):
    if training:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        moving_mean = 0.9 * moving_mean + 0.1 * mean
        moving_variance = 0.9 * moving_variance + 0.1 * variance
    else:
        mean, variance = moving_mean, moving_variance
    return (x - mean) / np.sqrt(variance + 0.001), moving_mean, moving_variance


def modes_epsilon_outside(x, moving_mean, moving_variance, training):
    if training:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        moving_mean = 0.9 * moving_mean + 0.1 * mean
        moving_variance = 0.9 * moving_variance + 0.1 * variance
    else:
        mean, variance = moving_mean, moving_variance
    return (x - mean) / (np.sqrt(variance) + 0.001), moving_mean, moving_variance


def modes_deviation(x, moving_mean, moving_variance, training):
    y, new_mean, new_variance = normalise_batch(x, moving_mean, moving_variance, training)
    if training:
        new_variance = 0.9 * moving_variance + 0.1 * x.std(axis=(0, 1, 2))
    return y, new_mean, new_variance


def modes_by_tensorflow(x, moving_mean, moving_variance, training):
    mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
    if training:
        moving_mean = moving_mean + 0.1 * (mean - moving_mean)
        moving_variance = moving_variance + 0.1 * (variance - moving_variance)
    else:
        mean, variance = moving_mean, moving_variance
    y = tf.nn.batch_normalization(x, mean, variance, None, None, 0.001)
    return y, tf.convert_to_tensor(moving_mean), tf.convert_to_tensor(moving_variance)


def modes_by_steps(x, moving_mean, moving_variance, training):
    if not training:
        return (x - moving_mean) * (moving_variance + 1e-3) ** -0.5, moving_mean, moving_variance
    rows = x.reshape(-1, x.shape[-1])
    mean = rows.mean(axis=0)
    variance = ((rows - mean) ** 2).mean(axis=0)
    return [
        ((rows - mean) / (variance + 1e-3) ** 0.5).reshape(x.shape),
        np.average([moving_mean, mean], axis=0, weights=[0.9, 0.1]),
        np.average([moving_variance, variance], axis=0, weights=[0.9, 0.1]),
    ]


two_modes = Exercise(
    id="11.2",
    title="Two modes, mixed up",
    minutes=10,
    statement="""This function should do what a batch normalisation layer with momentum 0.9
does, without gamma and beta. It runs without an error on images, and four things in it are
wrong:

```python
def normalise_batch(x, moving_mean, moving_variance, training):
    mean, variance = x.mean(axis=0), x.var(axis=0)
    if training:
        moving_mean = 0.1 * moving_mean + 0.9 * mean
        moving_variance = 0.1 * moving_variance + 0.9 * variance
        mean, variance = moving_mean, moving_variance
    y = (x - mean) / (np.sqrt(variance) + 0.001)
    return y, moving_mean, moving_variance
```

Write it anew, without the faults. `x` is a float32 array of shape (n, height, width, channels), the
moving averages have the shape (channels,), and `training` is True or False. It returns three
things: `y`, of the shape of `x`, and the two moving averages as they are after the call. Epsilon is
0.001.""",
    stub="def normalise_batch(x, moving_mean, moving_variance, training):\n    ...",
    answer="normalise_batch",
    check=check_modes,
    reference=normalise_batch,
    hints=(
        "Ask of each mode: whose statistics normalise, and do the averages move?",
        "Training: statistics of the batch, over all axes but the last; the averages move. "
        "Inference: the averages as they are; nothing moves.",
        "The momentum 0.9 is the part that stays. Epsilon is added before the root is taken.",
    ),
    explanation=(
        "In training the batch is normalised by its own statistics and the averages follow slowly; "
        "in inference the averages stand in and stay as they are."
    ),
    wrong=(
        Wrong(modes_moving_in_training, "In training, y is made with the moving averages"),
        Wrong(modes_batch_in_inference, "depends on its company"),
        Wrong(modes_always_moves, "Only training may move them"),
        Wrong(modes_never_moves, "the moving averages have not moved"),
        Wrong(modes_momentum_swapped, "the part that the old one keeps"),
        Wrong(modes_batch_axis_only, "Over which axes do mean and variance go?"),
        Wrong(modes_epsilon_outside, "It belongs under it, with the variance"),
        Wrong(modes_deviation, "the new moving_variance has the right shape"),
    ),
    right=(modes_by_tensorflow, modes_by_steps),
)

# ---------------------------------------------------------------- 11.3


def fold(kernel, bias, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, (bias - mean) * scale + beta


def check_fold(answer):
    rng = np.random.default_rng(75)
    channels = filters = 3
    kernel = rng.normal(size=(3, 3, channels, filters)).astype(np.float32)
    bias, gamma, beta, mean = rng.normal(size=(4, filters)).astype(np.float32)
    variance = np.array([0.01, 0.5, 3.0], np.float32)
    epsilon = 0.01
    weights = (kernel, bias, gamma, beta, mean, variance)
    result = call(answer, *(weight.copy() for weight in weights), epsilon)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        fail("Return two things: the new kernel and the new bias.")
    new_kernel = expect_shape(result[0], kernel.shape, "The new kernel")
    new_bias = expect_shape(result[1], (filters,), "The new bias")

    deviation = np.sqrt(variance + epsilon)
    scale = gamma / deviation
    if is_close(new_kernel, kernel):
        fail("The kernel is as it was. Each filter's answers have to come out scaled.")
    if is_close(new_kernel, kernel * scale[:, np.newaxis]):
        fail(
            "The kernel is scaled along its input channels. The batch normalisation comes after "
            "the convolution: its channels are the filters."
        )
    if is_close(new_kernel, kernel * gamma / (variance + epsilon)):
        fail("The kernel is divided by the variance. Batch normalisation divides by its root.")
    if is_close(new_kernel, kernel * gamma / np.sqrt(variance)):
        fail("Epsilon is left out. With a variance of 0.01 it weighs as much as the variance does.")
    if is_close(new_kernel, kernel / deviation):
        fail("Gamma is left out of the kernel.")
    expect_close(new_kernel, kernel * scale, "The new kernel")
    if is_close(new_bias, bias - mean * scale + beta):
        fail(
            "The old bias is kept at its old size. It is added before the normalisation, so it is "
            "scaled like everything else."
        )
    if is_close(new_bias, beta - mean * scale):
        fail("The old bias is lost. Apply the normalisation to `convolution + bias` and expand.")
    if is_close(new_bias, bias * scale + beta):
        fail("The moving mean is left out of the new bias.")
    expect_close(new_bias, (bias - mean) * scale + beta, "The new bias")


def fold_kernel_untouched(kernel, bias, gamma, beta, mean, variance, epsilon):
    return kernel, fold(kernel, bias, gamma, beta, mean, variance, epsilon)[1]


def fold_wrong_axis(kernel, bias, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale[:, np.newaxis], (bias - mean) * scale + beta


def fold_by_variance(kernel, bias, gamma, beta, mean, variance, epsilon):
    scale = gamma / (variance + epsilon)
    return kernel * scale, (bias - mean) * scale + beta


def fold_no_epsilon(kernel, bias, gamma, beta, mean, variance, epsilon):
    return fold(kernel, bias, gamma, beta, mean, variance, 0.0)


def fold_no_gamma(kernel, bias, gamma, beta, mean, variance, epsilon):
    return fold(kernel, bias, np.ones_like(gamma), beta, mean, variance, epsilon)


def fold_bias_unscaled(kernel, bias, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, bias - mean * scale + beta


def fold_bias_lost(kernel, bias, gamma, beta, mean, variance, epsilon):
    return fold(kernel, np.zeros_like(bias), gamma, beta, mean, variance, epsilon)


def fold_mean_lost(kernel, bias, gamma, beta, mean, variance, epsilon):
    return fold(kernel, bias, gamma, beta, np.zeros_like(mean), variance, epsilon)


def fold_by_tensorflow(kernel, bias, gamma, beta, mean, variance, epsilon):
    scale = gamma * tf.math.rsqrt(variance + epsilon)
    return tf.einsum("hwcf,f->hwcf", kernel, scale), beta + scale * (bias - mean)


def fold_filter_by_filter(kernel, bias, gamma, beta, mean, variance, epsilon):
    new_kernel, new_bias = kernel.copy(), bias.copy()
    for f in range(len(bias)):
        factor = gamma[f] / (variance[f] + epsilon) ** 0.5
        new_kernel[..., f] *= factor
        new_bias[f] = factor * bias[f] - factor * mean[f] + beta[f]
    return new_kernel, new_bias


fold_away = Exercise(
    id="11.3",
    title="Fold the normalisation into the convolution",
    minutes=10,
    statement="""In inference, mean and variance are fixed numbers. A convolution followed by a
batch normalisation is then the same as **one** convolution with another kernel and another
bias, which is how trained networks are made faster.

Write `fold(kernel, bias, gamma, beta, mean, variance, epsilon)`, which returns the two as
`new_kernel, new_bias`, such that for all images
a convolution with `new_kernel` and `new_bias` gives what the old convolution and the normalisation
after it give together.

`kernel` is a float32 array of shape (height, width, channels, filters), the next five are
float32 arrays of shape (filters,), and `epsilon` is a number. For example, with gamma 1, beta
0, mean 0, variance 1 and epsilon 0, both come back as they were.""",
    stub="def fold(kernel, bias, gamma, beta, mean, variance, epsilon):\n    ...",
    answer="fold",
    check=check_fold,
    reference=fold,
    hints=(
        "Write the normalisation of `convolution + bias` as something times `convolution`, plus "
        "something.",
        "The factor is gamma divided by the root of variance plus epsilon: one number a filter.",
        "All weights of a filter take its factor. The new bias is what the normalisation makes of "
        "the old bias.",
    ),
    explanation=(
        "gamma · (k·x + b − mean) / s + beta is (gamma/s · k)·x + gamma/s · (b − mean) + beta: "
        "again a convolution. Filters are the last axis of the kernel, so broadcasting scales "
        "the right one."
    ),
    wrong=(
        Wrong(fold_kernel_untouched, "The kernel is as it was"),
        Wrong(fold_wrong_axis, "scaled along its input channels"),
        Wrong(fold_by_variance, "divided by the variance"),
        Wrong(fold_no_epsilon, "Epsilon is left out"),
        Wrong(fold_no_gamma, "Gamma is left out"),
        Wrong(fold_bias_unscaled, "The old bias is kept at its old size"),
        Wrong(fold_bias_lost, "The old bias is lost"),
        Wrong(fold_mean_lost, "The moving mean is left out"),
    ),
    right=(fold_by_tensorflow, fold_filter_by_filter),
)

EXERCISES = (by_hand, two_modes, fold_away)
