"""Exercises of lesson 28, ResNet-18."""

import functools
import itertools

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    fail,
    random_batch,
    to_array,
    without_warnings,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 28.1


@keras.saving.register_keras_serializable(package="lesson_28")
class ConvNorm(layers.Layer):
    """The class of the lesson: a convolution and its normalisation."""

    def __init__(self, filters, size, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.given = {"filters": filters, "size": size, "strides": strides}
        self.convolution = layers.Conv2D(
            filters, size, strides=strides, padding="same", use_bias=False
        )
        self.norm = layers.BatchNormalization()

    def call(self, inputs):
        return self.norm(self.convolution(inputs))

    def get_config(self):
        return super().get_config() | self.given


@keras.saving.register_keras_serializable(package="lesson_28")
class BasicBlock(layers.Layer):
    """The class of the lesson: relu(shortcut + main path)."""

    sizes, expansion = (3, 3), 1

    def __init__(self, filters, *, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.given = {"filters": filters, "strides": strides}
        self.width, self.strides = self.expansion * filters, strides
        *inner, last = self.sizes
        parts = [ConvNorm(filters, size, strides if n == 0 else 1) for n, size in enumerate(inner)]
        self.main_path, self.projection = [*parts, ConvNorm(self.width, last)], None

    def build(self, input_shape):
        if input_shape[-1] != self.width or self.strides != 1:
            self.projection = ConvNorm(self.width, 1, self.strides)

    def call(self, inputs):
        x = inputs
        for layer in self.main_path[:-1]:
            x = tf.nn.relu(layer(x))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return tf.nn.relu(shortcut + self.main_path[-1](x))

    def get_config(self):
        return super().get_config() | self.given


@keras.saving.register_keras_serializable(package="lesson_28")
class Bottleneck(BasicBlock):
    sizes, expansion = (1, 3, 1), 4


def start_as_shortcut(block):
    gamma = block.main_path[-1].norm.gamma
    gamma.assign(np.zeros(gamma.shape))
    return block


def parts_of(block):
    """Return {name: variable} of all weights of a block."""
    sections = {f"convolution {n}": part for n, part in enumerate(block.main_path, start=1)}
    if block.projection is not None:
        sections["projection"] = block.projection
    found = {}
    for name, part in sections.items():
        found[f"the kernel of {name}"] = part.convolution.kernel
        for weight in ("gamma", "beta", "moving_mean", "moving_variance"):
            found[f"{weight} of {name}"] = getattr(part.norm, weight)
    return found


def make_blocks():
    """Yield a block that was called: identity and projection, basic and bottleneck."""
    for kind, filters, strides in (
        (BasicBlock, 4, 1),
        (BasicBlock, 8, 2),
        (Bottleneck, 1, 1),
        (Bottleneck, 2, 2),
    ):
        block, x = kind(filters, strides=strides), random_batch(3, 6, 6, 4)
        block(x)
        yield block


@without_warnings
def check_start(answer):
    for block in make_blocks():
        rng = np.random.default_rng(1)
        before = {}
        for name, weight in parts_of(block).items():
            if not name.startswith("the kernel"):
                weight.assign(rng.uniform(0.5, 1.5, tuple(weight.shape)))
            before[name] = weight.numpy()
        variables = parts_of(block)
        got = call(answer, block)
        if got is not block:
            fail(f"It returns {describe(got)}; expected the block that came in, changed.")
        report_changes(block, before, variables)


def report_changes(block, before, variables):
    try:
        parts = parts_of(block)
        replaced = [name for name in variables if parts[name] is not variables[name]]
        after = {name: variable.numpy() for name, variable in variables.items()}
    except Exception:
        fail("The block has lost a layer or a weight. Change values, and leave the layers as are.")
    if replaced:
        fail(
            f"It puts something else in the place of {replaced[0]}. The variable has to stay, so "
            "that it can be trained; it gets a new value by assign."
        )
    count = len(block.main_path)
    last = f"gamma of convolution {count}"
    kind = type(block).__name__
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    if not changed:
        fail("Nothing in the block has changed. A variable gets a new value by assign.")
    if changed == {last}:
        if np.any(after[last]):
            fail("It changes the last gamma, but not to 0.")
        return
    if changed == {f"beta of convolution {count}"}:
        fail(
            "It changes the last beta, the shift. The main path still adds gamma times the "
            "normalised maps; beta is 0 at the start anyway."
        )
    if changed == {f"the kernel of convolution {count}"}:
        fail(
            "It changes the last kernel. The maps are then 0 before the normalisation, which "
            "divides by their spread: the first steps are wild. Which factor comes after that?"
        )
    if last in changed and "gamma of projection" in changed:
        fail("The projection has lost its scale as well: nothing gets through the shortcut.")
    if changed == {"gamma of projection"}:
        fail("It closes the shortcut instead of the main path.")
    if last in changed and changed <= {name for name in before if "gamma" in name}:
        fail(
            "More than one gamma has become 0. Behind the first one there would be no signal, and "
            "no gradient, for the convolutions of the main path."
        )
    if last not in changed and all("gamma" in name for name in changed):
        fail(
            f"In a {kind} with {count} convolutions, it is the gamma of another one than the last. "
            "What comes behind it would get nothing, and would have no gradient."
        )
    extra = sorted(changed - {last})
    if last in changed:
        fail(f"The last gamma is right, but it also changes {extra[0]}. All else has to stay.")
    fail(f"It changes {extra[0]}. Which number scales all that the main path adds?")


def start_by_beta(block):
    beta = block.main_path[-1].norm.beta
    beta.assign(np.zeros(beta.shape))
    return block


def start_by_first_gamma(block):
    gamma = block.main_path[0].norm.gamma
    gamma.assign(np.zeros(gamma.shape))
    return block


def start_by_second_gamma(block):
    gamma = block.main_path[1].norm.gamma
    gamma.assign(np.zeros(gamma.shape))
    return block


def start_by_all_gammas(block):
    for part in block.main_path:
        part.norm.gamma.assign(np.zeros(part.norm.gamma.shape))
    return block


def start_by_kernel(block):
    kernel = block.main_path[-1].convolution.kernel
    kernel.assign(np.zeros(kernel.shape))
    return block


def start_with_projection(block):
    start_as_shortcut(block)
    if block.projection is not None:
        gamma = block.projection.norm.gamma
        gamma.assign(np.zeros(gamma.shape))
    return block


def start_by_all_of_norm(block):
    norm = block.main_path[-1].norm
    norm.set_weights([np.zeros(weight.shape) for weight in norm.weights])
    return block


def start_on_copy(block):
    copy = type(block).from_config(block.get_config())
    copy(keras.Input((6, 6, 4)))
    return start_as_shortcut(copy)


def start_by_replacing(block):
    norm = block.main_path[-1].norm
    norm.gamma = np.zeros(norm.gamma.shape, np.float32)
    return block


def start_by_product(block):
    block.main_path[-1].norm.gamma.numpy()[:] *= 0
    return block


def start_by_set_weights(block):
    norm = block.main_path[-1].norm
    gamma, *others = norm.get_weights()
    norm.set_weights([0 * gamma, *others])
    return block


def start_by_path_length(block):
    place = len(block.main_path) - 1
    gamma = block.main_path[place].norm.gamma
    gamma.assign(tf.zeros_like(gamma))
    return block


def start_by_subtraction(block):
    gamma = block.main_path[-1].norm.trainable_weights[0]
    gamma.assign_sub(gamma)
    return block


start = Exercise(
    id="28.1",
    title="A block that starts as its shortcut",
    minutes=5,
    statement="""In a new block each gamma (scale) of a normalisation is 1, each beta (shift) 0.
Let a block start as its shortcut instead: the main path adds nothing to the sum at first, and yet
takes part after the first step. For that **one variable of one normalisation** has to become 0.

Write `start_as_shortcut(block)`. `block` is a `BasicBlock` or a `Bottleneck` that has been called.
`block.main_path` is the list of its `ConvNorm` layers, two or three, each with `convolution` and
`norm`; `block.projection` is one more, or `None`. A `norm` has the variables `gamma` and `beta`.
The function sets the right variable to 0, changes nothing else, and returns the same block.""",
    stub="""def start_as_shortcut(block):
    ...""",
    answer="start_as_shortcut",
    check=check_start,
    reference=start_as_shortcut,
    hints=(
        "The last thing on the main path before the sum is a normalisation, which multiplies by "
        "gamma and adds beta. Which of the two has to be 0 so that nothing of the maps is left?",
        "A normalisation layer has the variables gamma and beta. A list gives its last item at the "
        "place -1, whether the block has two convolutions or three.",
        "gamma = block.main_path[-1].norm.gamma, then gamma.assign(np.zeros(gamma.shape)), and "
        "return the block.",
    ),
    explanation=(
        "With gamma 0 the main path adds beta, which is 0 at the start. The gradient of gamma is "
        "not 0, so after one step the main path takes part. Goyal et al. (2017) start like this."
    ),
    wrong=(
        Wrong(start_by_beta, "It changes the last beta"),
        Wrong(start_by_first_gamma, "it is the gamma of another one than the last"),
        Wrong(start_by_second_gamma, "In a Bottleneck with 3 convolutions"),
        Wrong(start_by_all_gammas, "More than one gamma has become 0"),
        Wrong(start_by_kernel, "It changes the last kernel"),
        Wrong(start_with_projection, "The projection has lost its scale"),
        Wrong(start_by_all_of_norm, "The last gamma is right, but it also changes"),
        Wrong(start_on_copy, "expected the block that came in"),
        Wrong(start_by_replacing, "It puts something else in the place of gamma"),
        Wrong(start_by_product, "Nothing in the block has changed"),
    ),
    right=(
        start_by_set_weights,
        start_by_path_length,
        start_by_subtraction,
    ),
    seconds=40,
)

# ---------------------------------------------------------------- 28.2


def count_resnet(blocks, channels, classes):
    layers = 1 + 2 * sum(blocks) + 1
    parameters = 49 * channels * 64 + 2 * 64
    before = 64
    for stage, count in enumerate(blocks):
        filters = 64 * 2**stage
        for number in range(count):
            parameters += 9 * before * filters + 2 * filters
            parameters += 9 * filters * filters + 2 * filters
            if stage > 0 and number == 0:
                parameters += before * filters + 2 * filters
            before = filters
    return layers, parameters + before * classes + classes


NETWORKS = (
    ((2, 2, 2, 2), 3, 1000),
    ((3, 4, 6, 3), 3, 1000),
    ((1, 1), 3, 10),
    ((2,), 1, 10),
    ((1, 2, 1), 1, 5),
)


def check_count(answer):
    for network in NETWORKS:
        got = call(answer, *network)
        values = to_array(got, "The answer")
        if values.shape != (2,):
            fail(f"It returns {describe(got)}; expected two numbers, (layers, parameters).")
        report_layers(network, values[0])
        report_parameters(network, values[1])


def where(network):
    blocks, channels, classes = network
    return f"For count_resnet({blocks}, {channels}, {classes}): "


def report_layers(network, got):
    blocks = network[0]
    right = count_resnet(*network)[0]
    if got == right:
        return
    text = where(network) + f"it counts {got:g} layers. "
    if len(blocks) > 1 and got == right + len(blocks) - 1:
        fail(
            text + "A projection lies beside two other layers, not behind them, so it does not "
            "make the network deeper."
        )
    if got in (right - 1, right - 2):
        fail(text + "Stem and dense layer have weights, too.")
    if got == 2 + sum(blocks):
        fail(text + "A basic block has two convolutions on its main path.")
    fail(text + f"Expected {right}: what lies one behind the other and multiplies by weights.")


def report_parameters(network, got):
    blocks, channels, classes = network
    right = count_resnet(*network)[1]
    if got == right:
        return
    text = where(network) + f"it counts {got:,.0f} parameters. "
    widths = [64 * 2**stage for stage in range(len(blocks))]
    projections = sum(a * b for a, b in itertools.pairwise(widths))
    normalised = 64 + sum(2 * n * w for n, w in zip(blocks, widths, strict=True)) + sum(widths[1:])
    off = got - right
    reasons = {
        2 * normalised: "Of the four numbers that batch normalisation keeps for a channel, two are "
        "averages that no gradient trains.",
        normalised: "The convolutions have no bias: the shift of the normalisation does its work.",
        -2 * normalised: "The normalisation has parameters: a scale and a shift for each channel.",
        -normalised: "Batch normalisation trains two numbers for each channel, gamma and beta.",
        -(projections + 2 * sum(widths[1:])): "The projections are missing. Where a stage halves "
        "the maps, the shapes differ.",
        -2 * sum(widths[1:]): "The projections are normalised, too.",
        len(blocks) > 1
        and (64 * 64 + 2 * 64): "There is a projection too many: into the first stage come 64 "
        "channels, and none of its blocks has a stride.",
        -classes: "The dense layer has a bias for each class.",
        49 * 64 * (3 - channels): "The stem reads as many channels as the images have, here "
        f"{channels}.",
    }
    for difference, reason in reasons.items():
        if difference and off == difference:
            fail(text + reason)
    if off == -(64 + sum(2 * n * w for n, w in zip(blocks, widths, strict=True))) * 2:
        fail(text + "The main path and the stem are normalised, too.")
    copies = [w != 64 and (n - 1) * w * w // 2 * 9 for n, w in zip(blocks, widths, strict=True)]
    if off == -sum(copies):
        fail(
            text + "Only the first block of a stage gets half as many channels. The next ones get "
            "what it makes."
        )
    fail(text + f"That is {abs(off):,.0f} off. Count one stage at a time, convolution by it.")


def with_parameters(change):
    """Return the reference with another count of the parameters."""

    @functools.wraps(count_resnet)
    def count(blocks, channels, classes):
        layers, parameters = count_resnet(blocks, channels, classes)
        widths = [64 * 2**stage for stage in range(len(blocks))]
        return layers, parameters + change(blocks, widths, channels, classes)

    return count


def normalised_channels(blocks, widths):
    return 64 + sum(2 * n * w for n, w in zip(blocks, widths, strict=True)) + sum(widths[1:])


count_all_statistics = with_parameters(lambda b, w, c, k: 2 * normalised_channels(b, w))
count_biases = with_parameters(lambda b, w, c, k: normalised_channels(b, w))
count_without_norm = with_parameters(lambda b, w, c, k: -2 * normalised_channels(b, w))
count_gamma_only = with_parameters(lambda b, w, c, k: -normalised_channels(b, w))
count_no_projection = with_parameters(
    lambda b, w, c, k: -sum(x * y + 2 * y for x, y in itertools.pairwise(w))
)
count_bare_projection = with_parameters(lambda b, w, c, k: -2 * sum(w[1:]))
count_first_projection = with_parameters(lambda b, w, c, k: 64 * 64 + 128)
count_no_dense_bias = with_parameters(lambda b, w, c, k: -k)
count_colours = with_parameters(lambda b, w, c, k: 49 * 64 * (3 - c))


def count_projections_as_layers(blocks, channels, classes):
    layers, parameters = count_resnet(blocks, channels, classes)
    return layers + len(blocks) - 1, parameters


def count_convolutions_only(blocks, channels, classes):
    layers, parameters = count_resnet(blocks, channels, classes)
    return layers - 1, parameters


def count_blocks_as_layers(blocks, channels, classes):
    return 2 + sum(blocks), count_resnet(blocks, channels, classes)[1]


def count_by_list(blocks, channels, classes):
    kernels = [(7, channels, 64)]
    for stage, count in enumerate(blocks):
        before, filters = 64 * 2 ** max(stage - 1, 0), 64 * 2**stage
        kernels += [(3, before, filters)] + [(3, filters, filters)] * (2 * count - 1)
    depth = len(kernels) + 1
    kernels += [(1, 32 * 2**stage, 64 * 2**stage) for stage in range(1, len(blocks))]
    total = sum(size**2 * a * b + 2 * b for size, a, b in kernels)
    return np.array([depth, total + (kernels[depth - 2][2] + 1) * classes])


count = Exercise(
    id="28.2",
    title="Layers and parameters by hand",
    minutes=20,
    statement="""Networks like `ResNet18` differ in the numbers of their blocks: `(2, 2, 2, 2)` are
four stages of two basic blocks each, and `(3, 4, 6, 3)` is ResNet-34.

Write `count_resnet(blocks, channels, classes)`. `blocks` is a tuple with the number of basic blocks
of each stage, one stage or more; `channels` are those of the images, `classes` those of the answer.
It returns `(layers, parameters)`, two whole numbers:

- `layers` counts the convolutions and dense layers that follow one another, as the name of a
  ResNet does;
- `parameters` counts the **trainable** ones.

The stages have 64, 128, 256 … filters, and each but the first begins with stride 2. Stem, blocks
and dense layer are those of this lesson. Count with arithmetic; no layer is needed. For
`((2, 2, 2, 2), 3, 1000)` it is `(18, 11689512)`, and for `((1, 1), 3, 10)` it is `(6, 315722)`.""",
    stub="""def count_resnet(blocks, channels, classes):
    ...""",
    answer="count_resnet",
    check=check_count,
    reference=count_resnet,
    hints=(
        "Write down ((1, 1), 3, 10) first: a stem, two blocks of two convolutions, one projection, "
        "a dense layer. Which of these lie one behind the other?",
        "A convolution from a to b channels with kernel size s has s · s · a · b parameters here, "
        "and its normalisation trains 2 · b more. The dense layer has a bias.",
        "Loop over the stages and their blocks with a variable for the channels that come in. Only "
        "the first block of a later stage gets other channels, and has a projection of 1 × 1.",
    ),
    explanation=(
        "The name counts depth: projections lie beside the main path, and normalisation is not "
        "counted. The parameters of a stage grow fourfold when its filters double."
    ),
    wrong=(
        Wrong(count_projections_as_layers, "A projection lies beside two other layers"),
        Wrong(count_convolutions_only, "Stem and dense layer have weights, too"),
        Wrong(count_blocks_as_layers, "A basic block has two convolutions"),
        Wrong(count_all_statistics, "two are averages that no gradient trains"),
        Wrong(count_biases, "The convolutions have no bias"),
        Wrong(count_without_norm, "The normalisation has parameters"),
        Wrong(count_gamma_only, "gamma and beta"),
        Wrong(count_no_projection, "The projections are missing"),
        Wrong(count_bare_projection, "The projections are normalised, too"),
        Wrong(count_first_projection, "a projection too many"),
        Wrong(count_no_dense_bias, "The dense layer has a bias"),
        Wrong(count_colours, "as many channels as the images have"),
    ),
    right=(count_by_list,),
)

EXERCISES = (start, count)
