"""Exercises of lesson 08, Keras from scratch."""

import itertools

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

tf = import_tensorflow()

# ---------------------------------------------------------------- 08.1


def count_parameters(sizes):
    total = 0
    for layer in range(1, len(sizes)):
        total += sizes[layer - 1] * sizes[layer] + sizes[layer]
    return total


def check_count_parameters(answer):
    for sizes in ([784, 512, 10], [784, 10], [5, 4, 3, 2]):
        try:
            got = to_array(call(answer, list(sizes)), "What it returns")
        except Mistake as mistake:
            fail(f"For the sizes {sizes}: {mistake}")
        what = f"For the sizes {sizes} the answer {describe(got.item()) if got.size == 1 else got}"
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        pairs = list(itertools.pairwise(sizes))
        truth = sum(before * after + after for before, after in pairs)
        if is_close(got.reshape(()), truth, tolerance=1e-9):
            continue
        before, after = pairs[0]
        mistakes = {
            before * after + after: (
                "counts the first layer alone. Is the `return` inside the loop?"
            ),
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
        fail(f"{what} {mistakes.get(got.item(), f'is not right; expected {truth}.')}")


def count_by_comprehension(sizes):
    return sum((before + 1) * after for before, after in itertools.pairwise(sizes))


def count_by_recursion(sizes):
    if len(sizes) == 1:
        return 0
    return np.int64(sizes[0] + 1) * sizes[1] + count_by_recursion(sizes[1:])


def count_without_bias(sizes):
    return sum(before * after for before, after in itertools.pairwise(sizes))


def count_bias_of_inputs(sizes):
    return sum(before * after + before for before, after in itertools.pairwise(sizes))


def count_bias_for_all(sizes):
    return count_without_bias(sizes) + sum(sizes)


def count_first_layer(sizes):
    for before, after in itertools.pairwise(sizes):
        return before * after + after


def count_three_sizes(sizes):
    first, second, third = sizes
    return first * second + second + second * third + third


def count_one_bias_a_layer(sizes):
    return count_without_bias(sizes) + len(sizes) - 1


count = Exercise(
    id="08.1",
    title="Count the parameters",
    minutes=5,
    statement="""Write `count_parameters(sizes)`. It takes a list of whole numbers, the size of the
input followed by the output size of each dense layer, and returns how many numbers the
network learns, as one whole number.

For example, `count_parameters([3, 2])` is 8: one layer from three inputs to two outputs.
`[784, 512, 10]` is the network above. It must work for any number of layers.""",
    stub="def count_parameters(sizes):\n    ...",
    answer="count_parameters",
    check=check_count_parameters,
    reference=count_parameters,
    right=(count_by_comprehension, count_by_recursion),
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
        Wrong(count_first_layer, "the first layer alone"),
        Wrong(count_three_sizes, "For the sizes [784, 10]: "),
    ),
)

# ---------------------------------------------------------------- 08.2


def read_digits(weights, images):
    x = images.reshape(len(images), 784) / 255
    for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ W + b, 0)
    W, b = weights[-2:]
    return np.argmax(x @ W + b, axis=1)


SIZES = ([784, 16, 10], [784, 16, 12, 10], [784, 10])  # one hidden layer, two, none


def reading_sample(sizes):
    """Return the weights of a network with these sizes, in one list, and pictures to read.

    All logits are negative. A third of the pictures are dark, so that what is added matters there,
    whatever the scale of the pixels.
    """
    rng = np.random.default_rng(len(sizes))
    weights = []
    for before, after in itertools.pairwise(sizes):
        W = rng.normal(size=(before, after))
        W -= W.mean(axis=0)  # else all units would answer with the brightness
        weights += [5 * W / np.sqrt(before), 0.5 * rng.normal(size=after)]
    weights[-1] -= 60.0
    brightness = np.append(np.geomspace(0.003, 1, 20), np.ones(40))
    images = rng.integers(0, 256, size=(60, 28, 28)) * brightness[:, np.newaxis, np.newaxis]
    return [array.astype(np.float32) for array in weights], images.astype(np.uint8)


def read_by_layers(weights, images, activations, *, scale=255.0, bias=1.0):
    """Return the logits when the layers are followed by these activations."""
    x = images.reshape(len(images), -1) / scale
    for place, activation in enumerate(activations):
        x = activation(x @ weights[2 * place] + bias * weights[2 * place + 1])
    return x


def relu(x):
    return np.maximum(x, 0)


def same(x):
    return x


def check_read_digits(answer):
    for sizes in SIZES:
        weights, images = reading_sample(sizes)
        hidden = len(sizes) - 2
        layers = f"With {hidden} hidden layer{'' if hidden == 1 else 's'}"
        before = images.copy()
        try:
            result = call(answer, [array.copy() for array in weights], images)
        except Mistake as mistake:
            fail(f"{layers}: {mistake}")
        if type(result).__module__.startswith(("tensorflow", "keras")):
            fail(f"It returns {describe(result)}: TensorFlow has computed it. Use NumPy alone.")
        read = to_array(result, "What it returns")
        if read.shape == (len(images), sizes[-1]):
            fail(
                f"It returns {sizes[-1]} numbers for each picture. The digit is the position of "
                "the largest."
            )
        if read.shape == (sizes[-1],) or read.shape == ():
            fail(
                f"For {len(images)} pictures it returns the shape {read.shape}: the largest number "
                "is looked for along the wrong axis, or among all. Each row has an answer."
            )
        expect_shape(read, (len(images),), f"{layers}, for {len(images)} pictures, the result")
        if not np.array_equal(images, before):
            fail("The pictures that came in have changed. They belong to the caller.")
        activations = [relu] * hidden + [same]
        logits = read_by_layers(weights, images, activations)
        if is_close(read, logits.max(axis=1)):
            fail("It returns the largest logit. The digit is the position of the largest.")
        mistakes = {
            "the pixels go in from 0 to 255; the network has learned from 0 to 1.": (
                read_by_layers(weights, images, activations, scale=1.0)
            ),
            "the pixels become whole numbers, 0 or 1. Divide by `/`, not by `//`.": (
                read_by_layers(weights, images // 255, activations, scale=1.0)
            ),
            "the biases are left out.": read_by_layers(weights, images, activations, bias=0.0),
            "the last layer has a ReLU. It turns all negative logits into 0.": (
                read_by_layers(weights, images, [relu] * (hidden + 1))
            ),
            "no layer has an activation. A hidden layer is followed by ReLU.": (
                read_by_layers(weights, images, [same] * (hidden + 1))
            ),
            "only the first layer has a ReLU. Every hidden layer is followed by one.": (
                read_by_layers(weights, images, [relu, same, same][: hidden + 1])
            ),
            "only the first two layers are used. `weights` may hold more pairs.": (
                read_by_layers(weights, images, activations[:2])
            ),
        }
        right = np.argmax(logits, axis=1)
        if np.array_equal(read, right):
            continue
        for mistake, its_logits in mistakes.items():
            if np.array_equal(read, np.argmax(its_logits, axis=1)):
                fail(f"{layers}: {mistake}")
        count = int(np.sum(read == right))
        fail(f"{layers}, {count} of {len(images)} pictures are read as the network reads them.")


def read_recursively(weights, images):
    def logits(x, weights):
        W, b, *others = weights
        x = x @ W + b
        return logits(np.where(x > 0, x, 0), others) if others else x

    return logits(images.reshape(-1, 784) / 255.0, weights).argmax(-1)


def read_as_probabilities(weights, images):
    x = np.stack([image.ravel() for image in images]).astype(np.float32) / 255
    while weights:
        (W, b), weights = weights[:2], weights[2:]
        x = np.dot(x, W) + b
        if weights:
            x[x < 0] = 0
    probabilities = np.exp(x - x.max(axis=1, keepdims=True))
    return [int(row.argmax()) for row in probabilities / probabilities.sum(axis=1, keepdims=True)]


def read_unscaled(weights, images):
    return read_digits(weights, images * 255.0)


def read_without_bias(weights, images):
    return read_digits(
        [0 * array if array.ndim == 1 else array for array in weights],
        images,
    )


def read_relu_everywhere(weights, images):
    x = images.reshape(len(images), -1) / 255
    for W, b in zip(weights[::2], weights[1::2], strict=True):
        x = np.maximum(x @ W + b, 0)
    return x.argmax(axis=1)


def read_no_relu(weights, images):
    x = images.reshape(len(images), -1) / 255
    for W, b in zip(weights[::2], weights[1::2], strict=True):
        x = x @ W + b
    return x.argmax(axis=1)


def read_two_layers(weights, images):
    hidden = np.maximum(images.reshape(len(images), -1) / 255 @ weights[0] + weights[1], 0)
    return (hidden @ weights[2] + weights[3]).argmax(axis=1)


def read_one_relu(weights, images):
    x = np.maximum(images.reshape(len(images), -1) / 255 @ weights[0] + weights[1], 0)
    for W, b in zip(weights[2::2], weights[3::2], strict=True):
        x = x @ W + b
    return x.argmax(axis=1)


def read_logits(weights, images):
    return read_by_layers(weights, images, [relu] * (len(weights) // 2 - 1) + [same])


def read_along_columns(weights, images):
    return read_logits(weights, images).argmax(axis=0)


def read_largest(weights, images):
    return read_logits(weights, images).max(axis=1)


def read_whole_numbers(weights, images):
    return read_digits(weights, images // 255 * 255)


def read_four_arrays(weights, images):
    W1, b1, W2, b2 = weights
    return np.argmax(np.maximum(images.reshape(-1, 784) / 255 @ W1 + b1, 0) @ W2 + b2, axis=1)


def read_by_tensorflow(weights, images):
    return tf.argmax(read_logits(weights, images), axis=1)


read = Exercise(
    id="08.2",
    title="Keras without TensorFlow",
    minutes=10,
    statement="""Your Keras model reads digits. Let it do so where there is no TensorFlow: write
`read_digits(weights, images)` with NumPy alone. It returns the digit that the network reads in each
picture, as integers of shape (n,).

- `weights` is what `model.get_weights()` returns: a list of NumPy arrays, $W$ and $b$ of the first
  layer, then those of the next. There may be any number of layers. Each is followed by ReLU, except
  the last.
- `images` is a uint8 array of shape (n, 28, 28), from 0 to 255. The network has learned from rows
  of 784 numbers from 0 to 1.

For example, with one layer, whose $W$ is zero and whose $b$ is 1 for the digit 3 and 0 elsewhere,
every picture is read as 3.

When it is right, count the validation digits that it reads. The first cell of the lesson printed
how many Keras reads:
`np.sum(read_digits(model.get_weights(), pictures[3500:]) == val_labels)`.""",
    stub="def read_digits(weights, images):\n    ...",
    answer="read_digits",
    check=check_read_digits,
    reference=read_digits,
    right=(read_recursively, read_as_probabilities),
    hints=(
        "Start as the lesson does: rows of 784 numbers, divided by 255.",
        "`weights[0::2]` are the matrices, `weights[1::2]` the biases. `np.maximum(x, 0)` is ReLU.",
        "Treat the last pair by itself: `weights[-2]` and `weights[-1]`, without ReLU.",
        "`np.argmax(logits, axis=1)` is the position of the largest number of each row.",
    ),
    explanation=(
        "A trained network is a list of arrays, and reading with it takes products, sums and "
        "maxima. That is all that a phone or a browser has to do. For the answer, no softmax is "
        "needed: the largest logit has the largest probability."
    ),
    wrong=(
        Wrong(read_unscaled, "the pixels go in from 0 to 255"),
        Wrong(read_without_bias, "the biases are left out"),
        Wrong(read_relu_everywhere, "the last layer has a ReLU"),
        Wrong(read_no_relu, "no layer has an activation"),
        Wrong(read_two_layers, "only the first two layers"),
        Wrong(read_one_relu, "only the first layer has a ReLU"),
        Wrong(read_logits, "The digit is the position of the largest"),
        Wrong(read_largest, "returns the largest logit"),
        Wrong(read_whole_numbers, "the pixels become whole numbers"),
        Wrong(read_four_arrays, "With 2 hidden layers: "),
        Wrong(read_along_columns, "along the wrong axis"),
        Wrong(read_by_tensorflow, "Use NumPy alone"),
    ),
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


def read_batches(answer, rng):
    """Call the learner's function; return the sample numbers, the labels and the batch sizes."""
    images, labels = numbered_samples()
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
            "Images and labels no longer belong together: a label now goes with another image. "
            "Draw one order and use it for both."
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


def shuffled_by_generator(images, labels, batch_size, rng):
    order = np.arange(len(images))
    rng.shuffle(order)
    while len(order):
        piece, order = order[:batch_size], order[batch_size:]
        yield images[piece], labels[piece]


def shuffled_copies(images, labels, batch_size, rng):
    order = rng.permutation(len(labels))
    images, labels = tf.gather(images, order), tf.gather(labels, order)
    cuts = range(0, len(order), batch_size)
    return [[images[cut : cut + batch_size], labels[cut : cut + batch_size]] for cut in cuts]


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
- without changing the two arrays that came in.

For example, 103 samples in batches of 25 give five pairs, with 25, 25, 25, 25 and 3 samples.""",
    stub="def shuffled_batches(images, labels, batch_size, rng):\n    ...",
    answer="shuffled_batches",
    check=check_shuffled,
    reference=shuffled_batches,
    right=(shuffled_by_generator, shuffled_copies),
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
        Wrong(shuffled_apart, "no longer belong together"),
        Wrong(shuffled_without_rest, "The last batch is smaller"),
        Wrong(shuffled_with_replacement, "drawn with replacement"),
        Wrong(shuffled_not_at_all, "Nothing is shuffled yet"),
        Wrong(shuffled_batches_only, "Each batch holds neighbours"),
        Wrong(shuffled_once, "Two calls give the same order"),
        Wrong(shuffled_by_chance, "a run cannot be repeated"),
        Wrong(shuffled_in_place, "shuffled in place"),
    ),
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


def run_dropout(layer, inputs, training):
    """Call an object of the learner's class."""
    try:
        return call(layer, inputs, training)
    except NotAttempted:
        if layer(inputs, not training) is not None:
            fail(f"With training={training} it returns nothing. Both modes need a `return`.")
        raise NotAttempted(
            "An object of NaiveDropout returns nothing when it is called. Complete `__call__`."
        ) from None


def check_dropout(answer):
    layer = call(answer, DROPPED)
    ones = tf.ones([200, 100])
    kept = 1 - DROPPED
    at_inference = expect_shape(run_dropout(layer, ones, False), (200, 100), "At inference")
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
    result = run_dropout(layer, ones, True)
    values = expect_shape(result, (200, 100), "In training")
    dropped = values == 0
    fraction = dropped.mean()
    if fraction == 0:
        fail("In training no number became 0. Which of them should, and how often?")
    if np.any(dropped.all(axis=0)) or np.any(dropped.all(axis=1)):
        fail("Whole rows or columns are dropped together. Draw for each number by itself.")
    if abs(fraction - kept) < 0.05:
        fail(
            f"With rate={DROPPED}, about {kept:.0%} of the numbers are dropped. The rate "
            "is the fraction that is dropped, not the one that is kept."
        )
    if abs(fraction - DROPPED) > 0.05:
        fail(f"With rate={DROPPED}, the fraction of numbers that are dropped is {fraction:.2f}.")
    survivors = values[~dropped]
    if is_close(survivors, np.ones_like(survivors)):
        fail(
            "What is kept is not rescaled: the layer's mean is 0.8 in training and 1 at inference, "
            "so the next layer meets larger numbers than it has learned with."
        )
    if is_close(survivors, np.full_like(survivors, kept)):
        fail("What is kept became smaller. To make up for what is lost, should it shrink or grow?")
    if is_close(survivors, np.full_like(survivors, 1 / DROPPED)):
        fail("What is kept is divided by the rate. Which fraction of the numbers is left?")
    expect_close(survivors, np.full_like(survivors, 1 / kept), "What is kept of ones in training")
    if np.array_equal(to_array(run_dropout(layer, ones, True)) == 0, dropped):
        fail("Two calls drop the same numbers. Draw anew at each call.")
    check_dropout_values(answer)


def check_dropout_values(answer):
    """Negative inputs, gradients, and a rate of 0."""
    layer = call(answer, DROPPED)
    inputs = tf.constant(np.linspace(-3, -1, 600, dtype="float32").reshape(20, 30))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = run_dropout(layer, inputs, True)
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
    nothing_dropped = run_dropout(call(answer, 0.0), inputs, True)
    expect_close(nothing_dropped, inputs, "With rate=0, what comes out in training")


class DropoutByMask:
    def __init__(self, rate):
        self.kept = 1.0 - rate

    def __call__(self, inputs, training):
        if not training:
            return tf.identity(inputs)
        mask = tf.cast(tf.random.uniform(inputs.shape) < self.kept, tf.float32)
        return inputs * mask / self.kept


class DropoutByTensorFlow(NaiveDropout):
    def __call__(self, inputs, training):
        return tf.nn.dropout(inputs, self.rate) if training else inputs


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


class DropoutOneReturn(NaiveDropout):
    def __call__(self, inputs, training):
        if training:
            return super().__call__(inputs, training)


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


dropout = Exercise(
    id="08.4",
    title="Dropout with a training flag",
    minutes=10,
    statement="""Write the class `NaiveDropout`. `NaiveDropout(rate)` takes the fraction of numbers
to drop, from 0 to less than 1. Its objects are called as `layer(inputs, training)`, with a float32
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
    right=(DropoutByMask, DropoutByTensorFlow),
    hints=(
        "`tf.random.uniform` with the shape of the inputs gives each number a draw from 0 to 1. "
        "For which draws is the number kept?",
        "If a fraction 1 - rate is kept, by what must the rest be divided to make up for the loss?",
        "`tf.where(kept, scaled, 0.0)` picks number by number, and gradients flow through it.",
    ),
    explanation=(
        "A draw is at least `rate` with probability 1 - rate, so that fraction is kept; "
        "dividing by it keeps the mean, and nothing is left to do at inference. Keras' layer does "
        "the same."
    ),
    wrong=(
        Wrong(DropoutNoRescale, "is not rescaled"),
        Wrong(DropoutAlways, "At inference numbers are dropped too"),
        Wrong(DropoutNever, "In training no number became 0"),
        Wrong(DropoutOneReturn, "With training=False it returns nothing"),
        Wrong(DropoutKeepsRate, "not the one that is kept"),
        Wrong(DropoutShrinks, "should it shrink or grow"),
        Wrong(DropoutByRate, "is divided by the rate"),
        Wrong(DropoutScalesLater, "training does the scaling"),
        Wrong(DropoutOneMask, "Two calls drop the same numbers"),
        Wrong(DropoutColumns, "Whole rows or columns"),
        Wrong(DropoutNumPy, "no gradient leads back"),
    ),
)

EXERCISES = (count, read, shuffle, dropout)
