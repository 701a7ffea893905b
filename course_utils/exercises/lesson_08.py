"""Exercises of lesson 08, Keras from scratch."""

import itertools

import numpy as np

from course_utils.exercises.expect import (
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

tf = import_tensorflow()

# ---------------------------------------------------------------- 08.1


def count_parameters(sizes):
    total = 0
    for layer in range(1, len(sizes)):
        total += sizes[layer - 1] * sizes[layer] + sizes[layer]
    return total


def check_count_parameters(answer):
    for sizes in ([784, 512, 10], [784, 10], [5, 4, 3, 2]):
        got = to_array(call(answer, list(sizes)), "What it returns")
        what = f"For the sizes {sizes} the answer {describe(got.item()) if got.size == 1 else got}"
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        pairs = list(itertools.pairwise(sizes))
        truth = sum(before * after + after for before, after in pairs)
        if is_close(got.reshape(()), truth, tolerance=1e-9):
            continue
        mistakes = {
            sum(before * after for before, after in pairs): (
                "counts the matrices and leaves out the biases: each layer adds one number to each "
                "of its outputs."
            ),
            sum(before * after + before for before, after in pairs): (
                "gives each layer one bias for each input. The bias is added after the product: "
                "how many numbers are there then?"
            ),
            sum(before * after for before, after in pairs) + sum(sizes): (
                "gives a bias to the inputs as well. They are what the first layer reads; no layer "
                "makes them."
            ),
            sum(before * after for before, after in pairs) + len(pairs): (
                "counts one bias a layer. The bias is a vector with a number for each output."
            ),
            sum(sizes): "adds the sizes up. How many numbers does a matrix of two sizes hold?",
        }
        fail(f"{what} {mistakes.get(int(got.item()), f'is not right; expected {truth}.')}")


def count_without_bias(sizes):
    return sum(before * after for before, after in itertools.pairwise(sizes))


def count_bias_of_inputs(sizes):
    return sum(before * after + before for before, after in itertools.pairwise(sizes))


def count_bias_for_all(sizes):
    return count_without_bias(sizes) + sum(sizes)


def count_one_bias_a_layer(sizes):
    return count_without_bias(sizes) + len(sizes) - 1


count = Exercise(
    id="08.1",
    title="Count the parameters",
    minutes=5,
    statement="""Write `count_parameters(sizes)`. It takes a list of whole numbers, the size of the
input followed by the output size of each dense layer, and returns how many numbers the
network learns, as one whole number.

For example, `sizes = [784, 10]` is one layer from 784 inputs to 10 outputs, and
`[784, 512, 10]` is the network above. Use the sizes alone, for any number of layers.""",
    stub="def count_parameters(sizes):\n    ...",
    answer="count_parameters",
    check=check_count_parameters,
    reference=count_parameters,
    hints=(
        "Which two variables does a dense layer hold, and what are their shapes?",
        "A layer from 784 to 512 has a matrix of 784 × 512 numbers and a vector of 512.",
        "Layer number i leads from sizes[i - 1] to sizes[i], for i from 1 on.",
    ),
    explanation=(
        "A layer from m to n holds a matrix of m × n numbers and a bias of n. For [784, 512, 10] "
        "that is 401,920 and 5,130, together 407,050."
    ),
    wrong=(
        Wrong(count_without_bias, "leaves out the biases"),
        Wrong(count_bias_of_inputs, "one bias for each input"),
        Wrong(count_bias_for_all, "gives a bias to the inputs as well"),
        Wrong(count_one_bias_a_layer, "counts one bias a layer"),
        Wrong(sum, "adds the sizes up"),
    ),
    right=(lambda sizes: np.int64(count_parameters(sizes)),),
)

# ---------------------------------------------------------------- 08.2


class MyMomentum:
    def __init__(self, momentum):
        self.momentum = momentum
        self.velocities = None

    def __call__(self, gradients, weights, learning_rate):
        if self.velocities is None:
            self.velocities = [tf.zeros_like(weight) for weight in weights]
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            velocity = self.momentum * self.velocities[i] - learning_rate * gradient
            self.velocities[i] = velocity
            weight.assign_add(velocity)


RATE, KEPT = 0.1, 0.5
FIRST = (np.array([1.0, -2.0], "float32"), np.array([4.0, 0.5], "float32"))
SECOND = (np.array([3.0, 1.0], "float32"), np.array([-1.0, 2.0], "float32"))


def momentum_step(optimizer, gradients, weights):
    """Call the learner's object and return by how much each weight moved."""
    before = [weight.numpy() for weight in weights]

    def step():
        optimizer([tf.constant(gradient) for gradient in gradients], weights, RATE)
        return True

    call(step)
    return [weight.numpy() - old for weight, old in zip(weights, before, strict=True)]


def new_weights():
    return [tf.Variable([1.0, 2.0]), tf.Variable([3.0, -4.0])]


def check_momentum(answer):
    optimizer = call(answer, KEPT)
    if not callable(optimizer):
        fail("The object cannot be called. Give the class a method `__call__`.")
    weights = new_weights()
    moved = momentum_step(optimizer, FIRST, weights)
    if not np.any(moved):
        if not getattr(optimizer, "__dict__", None):
            raise NotAttempted("MyMomentum changes no weight yet. Complete its two methods.")
        fail("After a step the weights are where they were. Change them in place: `assign_add`.")
    plain = [-RATE * gradient for gradient in FIRST]
    if is_close(moved, [-step for step in plain]):
        fail(
            "The first step goes along the gradient, which leads uphill. The velocity points "
            "against the gradient: look at the signs."
        )
    if is_close(moved, [(1 - KEPT) * step for step in plain]):
        fail(
            "The first step is too short: the gradient comes in by (1 - momentum). That is a "
            "running mean; here the gradient comes in whole, times the learning rate."
        )
    if is_close(moved[0], plain[0]) and is_close(moved[1], KEPT * plain[0] + plain[1]):
        fail(
            "The second weight moved with the velocity of the first. Each weight has a velocity "
            "of its own."
        )
    expect_close(np.array(moved), np.array(plain), "The first step")
    moved = momentum_step(optimizer, SECOND, weights)
    alone = [-RATE * gradient for gradient in SECOND]
    if is_close(moved, alone):
        fail(
            "The second step is as if there had been no first one: the velocity is lost between "
            "the calls. Where can an object keep what it needs again?"
        )
    if is_close(moved, [new - KEPT * old for new, old in zip(alone, plain, strict=True)]):
        fail("In the second step the old velocity is subtracted; it should be added.")
    if is_close(moved, [new + old for new, old in zip(alone, plain, strict=True)]):
        fail("In the second step the old velocity is there in full: multiply it by `momentum`.")
    velocities = [KEPT * old + new for new, old in zip(alone, plain, strict=True)]
    expect_close(np.array(moved), np.array(velocities), "The second step")
    moved = momentum_step(optimizer, FIRST, weights)
    expected = [KEPT * old + step for step, old in zip(plain, velocities, strict=True)]
    expect_close(np.array(moved), np.array(expected), "The third step")
    moved = momentum_step(call(answer, KEPT), FIRST, new_weights())
    if not is_close(moved, plain):
        fail(
            "A second object of the class does not start at velocity 0: it sees the velocities "
            "of the first. Keep them in `self`, not in the class or outside."
        )


class MomentumForgets:
    def __init__(self, momentum):
        self.momentum = momentum

    def __call__(self, gradients, weights, learning_rate):
        velocities = [tf.zeros_like(weight) for weight in weights]
        for velocity, gradient, weight in zip(velocities, gradients, weights, strict=True):
            velocity = self.momentum * velocity - learning_rate * gradient
            weight.assign_add(velocity)


class MomentumUphill(MyMomentum):
    def __call__(self, gradients, weights, learning_rate):
        super().__call__([-gradient for gradient in gradients], weights, learning_rate)


class MomentumAverage:
    def __init__(self, momentum):
        self.momentum = momentum
        self.means = None

    def __call__(self, gradients, weights, learning_rate):
        if self.means is None:
            self.means = [tf.zeros_like(weight) for weight in weights]
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            self.means[i] = self.momentum * self.means[i] + (1 - self.momentum) * gradient
            weight.assign_sub(learning_rate * self.means[i])


class MomentumShared:
    def __init__(self, momentum):
        self.momentum = momentum
        self.velocity = 0.0

    def __call__(self, gradients, weights, learning_rate):
        for gradient, weight in zip(gradients, weights, strict=True):
            self.velocity = self.momentum * self.velocity - learning_rate * gradient
            weight.assign_add(self.velocity)


class MomentumUndamped(MyMomentum):
    def __init__(self, momentum):
        super().__init__(1.0)


class MomentumBackwards(MyMomentum):
    def __init__(self, momentum):
        super().__init__(-momentum)


class MomentumElsewhere:
    velocities = None
    objects = 0

    def __init__(self, momentum):
        self.momentum = momentum
        MomentumElsewhere.objects += 1
        if MomentumElsewhere.objects % 2:  # a check makes two objects; the next one starts anew
            MomentumElsewhere.velocities = None

    def __call__(self, gradients, weights, learning_rate):
        if MomentumElsewhere.velocities is None:
            MomentumElsewhere.velocities = [tf.zeros_like(weight) for weight in weights]
        velocities = MomentumElsewhere.velocities
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            velocities[i] = self.momentum * velocities[i] - learning_rate * gradient
            weight.assign_add(velocities[i])


class MomentumNotInPlace:
    def __init__(self, momentum):
        self.momentum = momentum
        self.velocities = [0.0, 0.0]

    def __call__(self, gradients, weights, learning_rate):
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            self.velocities[i] = self.momentum * self.velocities[i] - learning_rate * gradient
            weight = weight + self.velocities[i]


class VelocityWithoutRate:
    """The other usual form: the learning rate multiplies the velocity."""

    def __init__(self, momentum):
        self.momentum, self.sums = momentum, {}

    def __call__(self, gradients, weights, learning_rate):
        for place, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            self.sums[place] = self.momentum * self.sums.get(place, 0.0) + gradient
            weight.assign_sub(learning_rate * self.sums[place])


momentum = Exercise(
    id="08.2",
    title="Momentum",
    minutes=20,
    statement="""Gradient descent takes each step as if it were the first. With **momentum** each
weight has a velocity $v$, which starts at 0. A step keeps a share $\\mu$ of the velocity, adds the
push of the gradient $g$ at the learning rate $\\eta$, and moves the weight by the result:

$$v \\leftarrow \\mu v - \\eta g, \\qquad w \\leftarrow w + v$$

Write the class `MyMomentum`. `MyMomentum(momentum)` takes $\\mu$. Its objects are called as
`update_weights` is: `optimizer(gradients, weights, learning_rate)`, with a list of float32
tensors and a list of `tf.Variable` of the same shapes, changes the variables in place and
returns nothing. `tf.zeros_like(weight)` makes zeros of the shape of a weight.

For example, with `momentum=0.5`, a learning rate of 0.1 and a gradient of 1 at each call, a weight
moves by −0.1, then −0.15, then −0.175.""",
    stub="""class MyMomentum:
    def __init__(self, momentum):
        ...

    def __call__(self, gradients, weights, learning_rate):
        ...""",
    answer="MyMomentum",
    check=check_momentum,
    reference=MyMomentum,
    hints=(
        "What has to survive from one call to the next? Attributes of `self` do.",
        "You know the shapes of the weights at the first call: make a list of zeros there.",
        "For each weight: compute the new velocity, store it in the list, `assign_add` it.",
    ),
    explanation=(
        "The velocities live in the object, one a weight, made at the first call, when the shapes "
        "are known. Keras' SGD(momentum=...) computes the same two lines."
    ),
    wrong=(
        Wrong(MomentumForgets, "the velocity is lost between the calls"),
        Wrong(MomentumUphill, "leads uphill"),
        Wrong(MomentumAverage, "That is a running mean"),
        Wrong(MomentumShared, "Each weight has a velocity of its own"),
        Wrong(MomentumUndamped, "multiply it by `momentum`"),
        Wrong(MomentumBackwards, "the old velocity is subtracted"),
        Wrong(MomentumElsewhere, "it sees the velocities of the first"),
        Wrong(MomentumNotInPlace, "the weights are where they were"),
    ),
    right=(VelocityWithoutRate,),
)

# ---------------------------------------------------------------- 08.3


def shuffled_batches(images, labels, batch_size, rng):
    order = rng.permutation(len(images))
    batches = []
    for start in range(0, len(images), batch_size):
        chosen = order[start : start + batch_size]
        batches.append((images[chosen], labels[chosen]))
    return batches


SAMPLES, BATCH = 103, 25


def numbered_samples():
    """Return images that hold their own number, and labels that follow from it."""
    images = np.repeat(np.arange(SAMPLES, dtype="float32")[:, np.newaxis], 2, axis=1)
    return images, np.arange(SAMPLES) * 7 % 10


def read_batches(answer, seed_or_rng):
    """Call the learner's function; return the sample numbers, the labels and the batch sizes."""
    images, labels = numbered_samples()
    rng = seed_or_rng
    result = call(answer, images, labels, BATCH, rng)
    if isinstance(result, (str, bytes, dict)) or not hasattr(result, "__iter__"):
        fail(f"Expected a list of pairs (images, labels), got {describe(result)}.")
    numbers, found_labels, sizes = [], [], []
    for batch in result:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            fail(f"Expected pairs (images, labels), got {describe(batch)} among the batches.")
        batch_images = to_array(batch[0], "The first of a pair")
        batch_labels = to_array(batch[1], "The second of a pair")
        if batch_images.ndim != 2 or batch_images.shape[1] != 2:
            fail(f"The images of a batch have the shape {batch_images.shape}; expected (n, 2).")
        expect_shape(batch_labels, (len(batch_images),), "The labels of a batch")
        numbers.append(batch_images[:, 0])
        found_labels.append(batch_labels)
        sizes.append(len(batch_images))
        if len(sizes) > SAMPLES:
            fail("There are more batches than samples. One epoch shows each sample once.")
    if not sizes:
        fail("There is no batch in the result.")
    unchanged = numbered_samples()
    if not all(map(np.array_equal, (images, labels), unchanged)):
        fail(
            "The arrays that came in are in another order now: they were shuffled in place, and "
            "belong to the caller. Index them with a shuffled order instead."
        )
    return np.concatenate(numbers), np.concatenate(found_labels), sizes


def check_shuffled(answer):
    rng = np.random.default_rng(3)
    numbers, labels, sizes = read_batches(answer, rng)
    if not np.array_equal(labels, numbers.astype(int) * 7 % 10):
        fail(
            "Images and labels are parted: a label belongs to another image now. Draw one order "
            "and use it for both."
        )
    if len(numbers) == SAMPLES - SAMPLES % BATCH:
        fail(
            f"Of {SAMPLES} samples in batches of {BATCH}, {SAMPLES % BATCH} are missing. The last "
            "batch is smaller, and it counts too."
        )
    if len(numbers) == SAMPLES and len(set(numbers.tolist())) < SAMPLES:
        fail(
            "Some samples come twice and others never: they are drawn with replacement. An epoch "
            "shows each sample once."
        )
    if sorted(numbers.tolist()) != list(range(SAMPLES)):
        fail(f"The batches hold {len(numbers)} samples; expected each of the {SAMPLES} once.")
    if sorted(sizes) != sorted([BATCH] * (SAMPLES // BATCH) + [SAMPLES % BATCH]):
        fail(f"The batches have the sizes {sizes}; expected {BATCH}, and what is left in the last.")
    if np.array_equal(numbers, np.arange(SAMPLES)):
        fail("The samples come in the order in which they were stored. Nothing is shuffled yet.")
    ends = np.cumsum(sizes)[:-1]
    parts = np.split(numbers, ends)
    if all(np.ptp(part) == len(part) - 1 for part in parts):
        fail(
            "Each batch holds neighbours: the same samples meet in each epoch, in another order of "
            "batches or inside them. Shuffle all samples, then cut."
        )
    again, _, _ = read_batches(answer, rng)
    if np.array_equal(numbers, again):
        fail(
            "Two calls give the same order. A new epoch needs a new one: draw it from the `rng` "
            "that is passed, and do not seed inside."
        )
    repeated, _, _ = read_batches(answer, np.random.default_rng(3))
    if not np.array_equal(numbers, repeated):
        fail(
            "Two generators with the same seed give different orders, so a run cannot be repeated. "
            "Draw from `rng`, and from nothing else."
        )


def shuffled_apart(images, labels, batch_size, rng):
    return [
        (left[1], right[1])
        for left, right in zip(
            shuffled_batches(images, images, batch_size, rng),
            shuffled_batches(labels, labels, batch_size, rng),
            strict=True,
        )
    ]


def shuffled_without_rest(images, labels, batch_size, rng):
    batches = shuffled_batches(images, labels, batch_size, rng)
    return [batch for batch in batches if len(batch[0]) == batch_size]


def shuffled_with_replacement(images, labels, batch_size, rng):
    order = rng.integers(0, len(images), len(images))
    return [
        (images[order[start : start + batch_size]], labels[order[start : start + batch_size]])
        for start in range(0, len(images), batch_size)
    ]


def shuffled_not_at_all(images, labels, batch_size, rng):
    return [
        (images[start : start + batch_size], labels[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]


def shuffled_batches_only(images, labels, batch_size, rng):
    batches = shuffled_not_at_all(images, labels, batch_size, rng)
    return [batches[place] for place in rng.permutation(len(batches))]


def shuffled_once(images, labels, batch_size, rng):
    return shuffled_batches(images, labels, batch_size, np.random.default_rng(0))


def shuffled_by_chance(images, labels, batch_size, rng):
    return shuffled_batches(images, labels, batch_size, np.random.default_rng())


def shuffled_in_place(images, labels, batch_size, rng):
    order = rng.permutation(len(images))
    images[:], labels[:] = images[order], labels[order]
    return shuffled_not_at_all(images, labels, batch_size, rng)


def batches_by_generator(images, labels, batch_size, rng):
    order = np.arange(len(images))
    rng.shuffle(order)
    while len(order):
        piece, order = order[:batch_size], order[batch_size:]
        yield images[piece], tf.constant(labels[piece])


shuffle = Exercise(
    id="08.3",
    title="Shuffled epochs",
    minutes=10,
    statement="""Write `shuffled_batches(images, labels, batch_size, rng)`, one epoch of data.
`images` is a float32 array of shape `(n, features)`, `labels` an integer array of shape `(n,)`, and
`rng` a `numpy.random.Generator`. Return a list of pairs `(images, labels)`:

- in an order that `rng` draws anew at each call;
- each image with its own label, and each sample exactly once;
- `batch_size` samples in a batch, and what is left in the last one;
- with the two arrays that came in left as they were.

For example, 103 samples in batches of 25 give five pairs, with 25, 25, 25, 25 and 3 samples.""",
    stub="def shuffled_batches(images, labels, batch_size, rng):\n    ...",
    answer="shuffled_batches",
    check=check_shuffled,
    reference=shuffled_batches,
    hints=(
        "You need one order for both arrays. What can be used as an index?",
        "`rng.permutation(len(images))` is a new order of the sample numbers at each call.",
        "Cut the order into pieces of `batch_size`; `images[piece]` is a batch.",
    ),
    explanation=(
        "The order is drawn once and cut into pieces; each piece picks images and labels alike. "
        "Indexing with an array makes a copy, so what came in stays as it was."
    ),
    wrong=(
        Wrong(shuffled_apart, "Images and labels are parted"),
        Wrong(shuffled_without_rest, "The last batch is smaller"),
        Wrong(shuffled_with_replacement, "drawn with replacement"),
        Wrong(shuffled_not_at_all, "Nothing is shuffled yet"),
        Wrong(shuffled_batches_only, "Each batch holds neighbours"),
        Wrong(shuffled_once, "Two calls give the same order"),
        Wrong(shuffled_by_chance, "a run cannot be repeated"),
        Wrong(shuffled_in_place, "shuffled in place"),
    ),
    right=(batches_by_generator,),
)

# ---------------------------------------------------------------- 08.4


class NaiveDropout:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, inputs, training):
        if not training:
            return inputs
        kept = tf.random.uniform(tf.shape(inputs)) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), 0.0)


DROPPED = 0.2


def check_dropout(answer):
    layer = call(answer, DROPPED)
    ones = tf.ones([200, 100])
    kept = 1 - DROPPED
    at_inference = expect_shape(call(layer, ones, training=False), (200, 100), "At inference")
    if is_close(at_inference, kept * np.ones((200, 100))):
        fail(
            "At inference everything is multiplied by 1 - rate. That is the other way to keep the "
            "mean; here training does the scaling, and inference changes nothing."
        )
    if np.any(at_inference == 0):
        fail(
            "At inference numbers are dropped too, so a trained network would answer differently "
            "at each call. What does `training` say then?"
        )
    expect_close(at_inference, np.ones((200, 100)), "What comes out at inference for ones")
    result = call(layer, ones, training=True)
    values = expect_shape(result, (200, 100), "In training")
    dropped = values == 0
    share = dropped.mean()
    if share == 0:
        fail("In training no number became 0. Which of them should, and how often?")
    if np.any(dropped.all(axis=0)) or np.any(dropped.all(axis=1)):
        fail("Whole rows or columns are dropped together. Draw for each number by itself.")
    if abs(share - kept) < 0.05:
        fail(
            f"With rate={DROPPED}, about {kept:.0%} of the numbers go. The rate is the share "
            "that goes, not the share that stays."
        )
    if abs(share - DROPPED) > 0.05:
        fail(f"With rate={DROPPED}, the share of numbers that are dropped is far from {DROPPED}.")
    survivors = values[~dropped]
    if is_close(survivors, np.ones_like(survivors)):
        fail(
            "What is kept is not rescaled: the layer's mean is 0.8 in training and 1 at inference, "
            "so the next layer meets larger numbers than it has learned with."
        )
    if is_close(survivors, np.full_like(survivors, kept)):
        fail("What is kept became smaller. To make up for what is lost, should it shrink or grow?")
    if is_close(survivors, np.full_like(survivors, 1 / DROPPED)):
        fail("What is kept is divided by the rate. Which share of the numbers is left?")
    expect_close(survivors, np.full_like(survivors, 1 / kept), "What is kept of ones in training")
    if np.array_equal(to_array(call(layer, ones, training=True)) == 0, dropped):
        fail("Two calls drop the same numbers. Draw anew at each call.")
    check_dropout_values(answer)


def check_dropout_values(answer):
    """Negative inputs, gradients, and a rate of 0."""
    layer = call(answer, DROPPED)
    inputs = tf.constant(np.linspace(-3, -1, 600, dtype="float32").reshape(20, 30))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = call(layer, inputs, training=True)
        total = tf.reduce_sum(outputs)
    values = to_array(outputs)
    expected = np.where(values == 0, 0, inputs / (1 - DROPPED))
    expect_close(values, expected, "In training, for negative numbers, what is kept")
    gradient = tape.gradient(total, inputs)
    if gradient is None:
        fail(
            "The values are right, but no gradient leads back through the layer. Stay with "
            "TensorFlow's operations; NumPy's are invisible to a tape."
        )
    expect_close(gradient, np.where(values == 0, 0, 1 / (1 - DROPPED)), "The gradient")
    nothing_dropped = call(call(answer, 0.0), inputs, training=True)
    expect_close(nothing_dropped, inputs, "With rate=0, what comes out in training")


class DropoutNoRescale(NaiveDropout):
    def __call__(self, inputs, training):
        if not training:
            return inputs
        return tf.where(tf.random.uniform(tf.shape(inputs)) >= self.rate, inputs, 0.0)


class DropoutAlways(NaiveDropout):
    def __call__(self, inputs, training):
        return super().__call__(inputs, True)


class DropoutNever(NaiveDropout):
    def __call__(self, inputs, training):
        return inputs


class DropoutKeepsRate(NaiveDropout):
    def __init__(self, rate):
        self.rate = 1 - rate


class DropoutShrinks(NaiveDropout):
    def __call__(self, inputs, training):
        if not training:
            return inputs
        kept = tf.random.uniform(tf.shape(inputs)) >= self.rate
        return tf.where(kept, inputs * (1 - self.rate), 0.0)


class DropoutByRate(NaiveDropout):
    def __call__(self, inputs, training):
        if not training:
            return inputs
        return tf.where(tf.random.uniform(tf.shape(inputs)) >= self.rate, inputs / self.rate, 0.0)


class DropoutScalesLater(NaiveDropout):
    def __call__(self, inputs, training):
        if not training:
            return inputs * (1 - self.rate)
        return tf.where(tf.random.uniform(tf.shape(inputs)) >= self.rate, inputs, 0.0)


class DropoutOneMask(NaiveDropout):
    mask = None

    def __call__(self, inputs, training):
        if not training:
            return inputs
        if self.mask is None or self.mask.shape != inputs.shape:
            self.mask = tf.random.uniform(tf.shape(inputs)) >= self.rate
        return tf.where(self.mask, inputs / (1 - self.rate), 0.0)


class DropoutColumns(NaiveDropout):
    def __call__(self, inputs, training):
        if not training:
            return inputs
        kept = tf.random.uniform(tf.shape(inputs)[1:]) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), 0.0)


class DropoutNumPy(NaiveDropout):
    def __call__(self, inputs, training):
        if not training:
            return inputs
        kept = np.random.uniform(size=inputs.shape) >= self.rate
        return tf.constant(np.where(kept, inputs.numpy() / (1 - self.rate), 0.0), tf.float32)


class DropoutByTensorFlow:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, inputs, training):
        return tf.nn.dropout(inputs, self.rate) if training else tf.identity(inputs)


dropout = Exercise(
    id="08.4",
    title="Dropout with a training flag",
    minutes=10,
    statement="""Write the class `NaiveDropout`. `NaiveDropout(rate)` takes the share of numbers to
drop, from 0 to less than 1. Its objects are called as `layer(inputs, training)`, with a float32
tensor of any shape and `True` or `False`, and return a float32 tensor of the same shape:

- in training, each number becomes 0 with probability `rate`, each by itself and anew at each call,
  and what is kept is scaled so that the mean stays what it was;
- at inference (`training=False`), `inputs` as they are.

Gradients must flow through it. For example, with `rate=0.2` and ones as inputs, about a fifth of
the outputs in training are 0, and all others are 1.25.""",
    stub="""class NaiveDropout:
    def __init__(self, rate):
        ...

    def __call__(self, inputs, training):
        ...""",
    answer="NaiveDropout",
    check=check_dropout,
    reference=NaiveDropout,
    hints=(
        "`tf.random.uniform` with the shape of the inputs gives each number a draw from 0 to 1. "
        "For which draws is the number kept?",
        "If a share 1 - rate is kept, by what must the rest be divided to make up for the loss?",
        "`tf.where(kept, scaled, 0.0)` picks number by number, and gradients flow through it.",
    ),
    explanation=(
        "A draw is at least `rate` with probability 1 - rate, so that is the share that is kept; "
        "dividing by it keeps the mean, and nothing is left to do at inference. Keras' layer does "
        "the same."
    ),
    wrong=(
        Wrong(DropoutNoRescale, "is not rescaled"),
        Wrong(DropoutAlways, "At inference numbers are dropped too"),
        Wrong(DropoutNever, "In training no number became 0"),
        Wrong(DropoutKeepsRate, "The rate is the share that goes"),
        Wrong(DropoutShrinks, "should it shrink or grow"),
        Wrong(DropoutByRate, "is divided by the rate"),
        Wrong(DropoutScalesLater, "training does the scaling"),
        Wrong(DropoutOneMask, "Two calls drop the same numbers"),
        Wrong(DropoutColumns, "Whole rows or columns"),
        Wrong(DropoutNumPy, "no gradient leads back"),
    ),
    right=(DropoutByTensorFlow,),
)

EXERCISES = (count, momentum, shuffle, dropout)
