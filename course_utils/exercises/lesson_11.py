"""Exercises of lesson 11, batch normalisation."""

import numpy as np

from course_utils.exercises.expect import (
    call,
    expect_close,
    expect_shape,
    fail,
    is_close,
    lent,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 11.1


def normalise_images(x):
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    variance = x.var(axis=(1, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(variance + 0.001)


def normalised_over(x, axes):
    """Return x with mean 0 and variance 1 over these axes."""
    mean, variance = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + 0.001)


def check_normalise_images(answer):
    rng = np.random.default_rng(111)
    scales = rng.uniform(0.05, 3.0, size=(3, 1, 1, 3))
    places = rng.uniform(-4.0, 4.0, size=(3, 1, 1, 3))
    x = (rng.normal(size=(3, 5, 4, 3)) * scales + places).astype(np.float32)
    result = expect_shape(call(answer, x.copy()), x.shape, "The result")
    expected = normalise_images(x)
    if is_close(result, expected):
        return
    mean, variance = (f(x, axis=(1, 2, 3), keepdims=True) for f in (np.mean, np.var))
    mistakes = {
        "Each channel is normalised over the whole batch, as in the lesson, so an image still "
        "depends on its company. Which axis must stay out of the mean?": (
            normalised_over(x, (0, 1, 2))
        ),
        "Each channel of each image is normalised by itself. Here all channels of an image "
        "share one mean and one variance.": normalised_over(x, (1, 2)),
        "There is one mean for the whole batch. Each image needs its own.": (
            normalised_over(x, (0, 1, 2, 3))
        ),
        "The mean is right. The variance is not divided by: the scale is still that of the "
        "image.": x - mean,
        "It is divided by the variance. Divide by its root.": (x - mean) / (variance + 0.001),
        "The means went to the wrong axis: an array of shape (n,) is laid along the channels, "
        "which are as many as the images here. `keepdims=True` keeps the axes.": (
            (x - mean.ravel()) / np.sqrt(variance.ravel() + 0.001)
        ),
    }
    for message, mistake in mistakes.items():
        if is_close(result, mistake):
            fail(message)
    expect_close(result, expected, "The result")


def normalise_images_by_loop(x):
    images = []
    for image in x:
        images.append((image - image.mean()) / (image.var() + 0.001) ** 0.5)
    return np.stack(images)


def normalise_images_by_moments(x):
    mean, variance = tf.nn.moments(x, axes=[1, 2, 3], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 0.001)


def normalise_images_by_keras(x):
    import keras

    axes = [1, 2, 3]
    return keras.layers.LayerNormalization(axis=axes, epsilon=0.001, center=False, scale=False)(x)


def normalise_images_by_channel(x):
    return normalised_over(x, (0, 1, 2))


def normalise_images_each_channel(x):
    return normalised_over(x, (1, 2))


def normalise_images_together(x):
    return normalised_over(x, (0, 1, 2, 3))


def normalise_images_mean_only(x):
    return x - x.mean(axis=(1, 2, 3), keepdims=True)


def normalise_images_by_variance(x):
    mean, variance = x.mean(axis=(1, 2, 3), keepdims=True), x.var(axis=(1, 2, 3), keepdims=True)
    return (x - mean) / (variance + 0.001)


def normalise_images_lost_axes(x):
    return (x - x.mean(axis=(1, 2, 3))) / np.sqrt(x.var(axis=(1, 2, 3)) + 0.001)


each_image = Exercise(
    id="11.1",
    title="Each image by itself",
    minutes=5,
    statement="""A result that depends on the company can be avoided: take the statistics from
one image instead of the batch. Write `normalise_images(x)`. It gives **each image** the mean 0 and
the variance 1, over its rows, columns and channels together:

$$y = \\frac{x - \\mathrm{mean}}{\\sqrt{\\mathrm{variance} + 0.001}}$$

`x` is a float32 array of shape (n, height, width, channels), and so is the result. There is no
gamma and no beta.

For example, an image whose numbers are all alike becomes zeros.""",
    stub="def normalise_images(x):\n    ...",
    answer="normalise_images",
    check=check_normalise_images,
    reference=normalise_images,
    right=(
        normalise_images_by_loop,
        normalise_images_by_moments,
        normalise_images_by_keras,
    ),
    hints=(
        "The lesson left the axis of channels out of the mean. Which axis is left out here?",
        "`x.mean(axis=(1, 2, 3))` has one number for each image. Subtracting it from x needs the "
        "other axes, too: `keepdims=True` gives it the shape (n, 1, 1, 1).",
    ),
    explanation=(
        "The mean goes over all axes but that of the images. This is layer normalisation "
        "(`keras.layers.LayerNormalization`). It has no two modes, since no image depends on "
        "another. Language models use it, or a relative of it."
    ),
    wrong=(
        Wrong(normalise_images_by_channel, "still depends on its company"),
        Wrong(normalise_images_each_channel, "share one mean and one variance"),
        Wrong(normalise_images_together, "Each image needs its own"),
        Wrong(normalise_images_mean_only, "The mean is right"),
        Wrong(normalise_images_by_variance, "Divide by its root"),
        Wrong(normalise_images_lost_axes, "went to the wrong axis"),
    ),
)

# ---------------------------------------------------------------- 11.2


def repair(network, images):
    import keras

    norms = [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return network


REPAIR_SOURCE = """def repair(network, images):
    norms = [one for one in network.layers if isinstance(one, layers.BatchNormalization)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    network(images, training=True)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    return network
"""


@lent
def lagging_network():
    """Return a small network whose moving averages are far from the truth."""
    import keras
    from keras import layers

    rng = np.random.default_rng(113)
    network = keras.Sequential(
        [
            keras.Input((7, 7, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(momentum=0.99),
            layers.ReLU(),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(momentum=0.98),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    for weight in network.trainable_weights:
        weight.assign(rng.uniform(0.3, 1.5, size=weight.shape) * rng.choice([-1, 1], weight.shape))
    return network


def images_to_look_at():
    rng = np.random.default_rng(114)
    return (rng.uniform(size=(160, 7, 7, 1)) * rng.uniform(size=(160, 1, 1, 1))).astype(np.float32)


def true_averages(network, images, *, repaired=True):
    """Return (mean, variance) of what each normalisation gets, first layer first.

    With ``repaired=False``, each gets what the network hands on with the averages that it has.
    """
    result, x = [], images
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            x = np.asarray(x)
            result.append((x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))))
            x = layer(x, training=False) if not repaired else normalised_by(layer, x, *result[-1])
        else:
            x = layer(x)
    return result


def normalised_by(layer, x, mean, variance):
    scale = layer.gamma.numpy() / np.sqrt(variance + layer.epsilon)
    return scale * (x - mean) + layer.beta.numpy()


def near(found, truth):
    """Say whether the averages (mean, variance) of a layer are those of the images."""
    (mean, variance), (true_mean, true_variance) = found, truth
    deviation = np.sqrt(true_variance)
    return bool(
        np.all(np.abs(mean - true_mean) < 0.1 * deviation)
        and np.all(np.abs(variance / true_variance - 1) < 0.1)
    )


def check_repair(answer):
    images = images_to_look_at()
    with lagging_network() as network:
        norms = [layer for layer in network.layers if hasattr(layer, "moving_mean")]
        truth = true_averages(network, images)
        while_lagging = true_averages(network, images, repaired=False)
        trained = [weight.numpy() for weight in network.trainable_weights]
        momenta = [norm.momentum for norm in norms]
        result = call(answer, network, images.copy())
        if result is not network:
            fail("Return the network that came in. It is repaired in place.")
        now = [weight.numpy() for weight in network.trainable_weights]
        if not all(map(is_close, now, trained)):
            fail(
                "Trained weights have changed. Only the moving averages are wrong: leave kernels, "
                "biases, gamma and beta alone."
            )
        found = [(norm.moving_mean.numpy(), norm.moving_variance.numpy()) for norm in norms]
        if all(not mean.any() and np.all(variance == 1) for mean, variance in found):
            fail(
                "The moving averages have not moved. They follow the data only when the network is "
                "called with `training=True`."
            )
        good = [near(mine, right) for mine, right in zip(found, truth, strict=True)]
        if good == [True, False]:
            if near(found[1], while_lagging[1]):
                fail(
                    "The second normalisation has the statistics of what it got while the first "
                    "one still lagged. Put the first one right before you look at what follows it."
                )
            fail("The first normalisation is repaired, the others are not.")
        for mine, right in zip(found, truth, strict=True):
            if near(mine, right):
                continue
            (mean, variance), (true_mean, true_variance) = mine, right
            if is_close(variance, np.sqrt(true_variance), tolerance=1e-3):
                fail("A moving variance is set to the standard deviation. Leave the root out.")
            way = np.median(mean / true_mean)
            if 0 < way < 0.9 and is_close(mean, way * true_mean, tolerance=1e-3):
                fail(
                    f"The moving means have gone {100 * way:.0f} % of the way: they still lag. "
                    "With which momentum is nothing of the old average left after one call?"
                )
            fail(
                "The moving averages are not those of the images. Each normalisation needs mean "
                "and variance of what arrives at *it*."
            )
        if [norm.momentum for norm in norms] != momenta:
            fail(
                "The averages are right. Now give the layers their momentum back: whoever trains "
                "the network later would be surprised."
            )


def repair_layer_by_layer(network, images):
    x = images
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(variance)
        x = layer(x)
    return network


def repair_by_batches(network, images):
    import keras

    norms = [one for one in network.layers if type(one) is keras.layers.BatchNormalization]
    before = {norm.name: norm.momentum for norm in norms}
    for count, start in enumerate(range(0, len(images), 40), start=1):
        for norm in norms:
            norm.momentum = 1 - 1 / count  # the mean of all batches
        network(images[start : start + 40], training=True)
    for norm in norms:
        norm.momentum = before[norm.name]
    return network


def repair_by_looking_often(network, images):
    momenta = []
    for layer in network.layers:
        momenta.append(getattr(layer, "momentum", None))
        if momenta[-1] is not None:
            layer.momentum = 0.5
    for _ in range(12):
        network(images, training=True)
    for layer, momentum in zip(network.layers, momenta, strict=True):
        if momentum is not None:
            layer.momentum = momentum
    return network


def repair_by_predict(network, images):
    network.predict(images, verbose=0)
    return network


def repair_once(network, images):
    network(images, training=True)
    return network


def repair_and_forget(network, images):
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            layer.momentum = 0.0
    network(images, training=True)
    return network


def repair_first(network, images):
    norm = network.layers[1]
    before, norm.momentum = norm.momentum, 0.0
    network(images, training=True)
    norm.momentum = before
    return network


def repair_all_at_once(network, images):
    averages = iter(true_averages(network, images, repaired=False))
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            for weight, value in zip(layer.non_trainable_weights, next(averages), strict=True):
                weight.assign(value)
    return network


def repair_with_the_images(network, images):
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            layer.moving_mean.assign(layer.moving_mean * 0 + images.mean())
            layer.moving_variance.assign(layer.moving_variance * 0 + images.var())
    return network


def repair_with_the_deviation(network, images):
    repair(network, images)
    for layer in network.layers:
        if hasattr(layer, "moving_mean"):
            layer.moving_variance.assign(np.sqrt(layer.moving_variance))
    return network


def repair_gamma_too(network, images):
    repair(network, images)
    for layer in network.layers:
        if hasattr(layer, "gamma"):
            layer.gamma.assign(layer.gamma * 0 + 1)
    return network


def repair_and_say_nothing(network, images):
    return repair(network, images).predict(images, verbose=0)


repair_network = Exercise(
    id="11.2",
    title="Repair a network without training it",
    minutes=10,
    statement="""The network of this lesson, `network`, has good weights and wrong averages. Write
`repair(network, images)`, which makes the averages right. It returns the network that came in.

- Afterwards, each `layers.BatchNormalization` among `network.layers` has, as its moving mean and
  moving variance, those of what arrives at it when the network looks at `images`; 10 % off is good
  enough.
- Nothing else has changed: no kernel, no bias, no gamma, no beta, no momentum.

`images` is a float32 array of shape (n, height, width, channels) and small enough for one call.

The attribute `momentum` of a layer can be set. When your function is right, repair the network of
the lesson: `repair(network, train_images)`, then `accuracy(network, val_images, val_labels)`.""",
    stub="def repair(network, images):\n    ...",
    answer="repair",
    check=check_repair,
    reference=repair,
    reference_source=REPAIR_SOURCE,
    right=(repair_layer_by_layer, repair_by_batches, repair_by_looking_often),
    hints=(
        "What moves the averages, without a gradient step? And how much of the old average stays?",
        "`network(images, training=True)` moves all averages. With a momentum of 0, nothing of the "
        "old one stays.",
        "Collect the layers with `isinstance(layer, layers.BatchNormalization)`, note the momentum "
        "of each, set it to 0, call the network once, and put the momenta back.",
    ),
    explanation=(
        "In training mode each normalisation uses the batch and notes its statistics, so one call "
        "over all images measures every layer at once. The network then reads as well as it did in "
        "training, though nothing has been learned."
    ),
    wrong=(
        Wrong(repair_by_predict, "have not moved"),
        Wrong(repair_once, "they still lag"),
        Wrong(repair_and_forget, "give the layers their momentum back"),
        Wrong(repair_first, "The first normalisation is repaired, the others are not"),
        Wrong(repair_all_at_once, "while the first one still lagged"),
        Wrong(repair_with_the_images, "not those of the images"),
        Wrong(repair_with_the_deviation, "Leave the root out"),
        Wrong(repair_gamma_too, "Trained weights have changed"),
        Wrong(repair_and_say_nothing, "Return the network that came in"),
    ),
)

# ---------------------------------------------------------------- 11.3


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
            "is the fraction of the old one that stays."
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
        fail("The 0.001 is added to the root. It belongs under it, to the variance.")
    expect_close(y, batch_y, "In training, y")
    expect_close(rest_y, (x - old[0]) / np.sqrt(old[1] + 0.001), "In inference, y")


def modes_by_moments(x, moving_mean, moving_variance, training):
    mean, variance = moving_mean, moving_variance
    if training:
        mean, variance = tf.nn.moments(x, axes=[0, 1, 2])
        moving_mean = moving_mean + 0.1 * (mean - moving_mean)
        moving_variance = moving_variance + 0.1 * (variance - moving_variance)
    y = tf.nn.batch_normalization(x, mean, variance, None, None, 0.001)
    return y, moving_mean, moving_variance


def modes_with_early_return(x, moving_mean, moving_variance, training):
    if not training:
        y = (x - moving_mean) * (moving_variance + 1e-3) ** -0.5
        return [y, moving_mean, moving_variance]
    flat = x.reshape(-1, x.shape[-1])
    y = (x - flat.mean(0)) / (flat.var(0) + 1e-3) ** 0.5
    averages = np.stack([moving_mean, moving_variance])
    return [y, *(0.9 * averages + 0.1 * np.stack([flat.mean(0), flat.var(0)]))]


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


two_modes = Exercise(
    id="11.3",
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

Write the function again, without the mistakes. `x` is a float32 array of shape (n, height, width,
channels), the moving averages have the shape (channels,), and `training` is True or False. It
returns three things: `y`, of the shape of `x`, and the two moving averages as they are after the
call. Epsilon is 0.001.""",
    stub="def normalise_batch(x, moving_mean, moving_variance, training):\n    ...",
    answer="normalise_batch",
    check=check_modes,
    reference=normalise_batch,
    hints=(
        "Ask of each mode: whose statistics normalise, and do the averages move?",
        "Training: statistics of the batch, over all axes but the last; the averages move. "
        "Inference: the averages as they are; nothing moves.",
        "The momentum 0.9 is the fraction that stays. Epsilon is added before the root is taken.",
    ),
    explanation=(
        "In training the batch is normalised by its own statistics and the averages follow slowly; "
        "in inference the averages take their place and stay as they are."
    ),
    wrong=(
        Wrong(modes_moving_in_training, "In training, y is made with the moving averages"),
        Wrong(modes_batch_in_inference, "depends on its company"),
        Wrong(modes_always_moves, "Only training may move them"),
        Wrong(modes_never_moves, "the moving averages have not moved"),
        Wrong(modes_momentum_swapped, "the fraction of the old one that stays"),
        Wrong(modes_batch_axis_only, "Over which axes do mean and variance go?"),
        Wrong(modes_epsilon_outside, "It belongs under it, to the variance"),
        Wrong(modes_deviation, "the new moving_variance has the right shape"),
    ),
    right=(modes_by_moments, modes_with_early_return),
)

# ---------------------------------------------------------------- 11.4


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


def fold_by_filter(kernel, bias, gamma, beta, mean, variance, epsilon):
    new_kernel, new_bias = kernel.copy(), bias.copy()
    for f in range(kernel.shape[-1]):
        factor = gamma[f] / (variance[f] + epsilon) ** 0.5
        new_kernel[..., f] *= factor
        new_bias[f] = factor * bias[f] + beta[f] - factor * mean[f]
    return new_kernel, new_bias


def fold_by_tensorflow(kernel, bias, gamma, beta, mean, variance, epsilon):
    numbers = (mean, variance, beta, gamma, epsilon)
    new_bias = tf.nn.batch_normalization(bias, *numbers)
    return kernel * (gamma * tf.math.rsqrt(variance + epsilon)), new_bias


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


fold_away = Exercise(
    id="11.4",
    title="Fold the normalisation into the convolution",
    minutes=10,
    statement="""In inference, mean and variance are fixed numbers. A convolution followed by a
batch normalisation is then the same as **one** convolution with another kernel and another bias.

Write `fold(kernel, bias, gamma, beta, mean, variance, epsilon)`, which returns the two as
`new_kernel, new_bias`: for all images, the convolution with the new kernel and the new bias equals
the old convolution followed by the normalisation.

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
    right=(fold_by_filter, fold_by_tensorflow),
)

EXERCISES = (each_image, repair_network, two_modes, fold_away)
