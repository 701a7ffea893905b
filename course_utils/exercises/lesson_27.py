"""Exercises of lesson 27, A ResNet from scratch."""

import functools
import itertools

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    expect_class,
    expect_close,
    expect_shape,
    fail,
    is_close,
    random_batch,
    run_layer,
    to_array,
    without_warnings,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.keras_private import inner_layers
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers, ops  # noqa: E402

from course_utils.builders.resnet import ResidualUnit, ResNetLayer  # noqa: E402


def parts(layer, kind):
    """Return the layers of a kind that a layer has used, each once."""
    found = []
    for inner in inner_layers(layer):
        if isinstance(inner, kind) and inner.built and not any(inner is one for one in found):
            found.append(inner)
    return found


def randomise(layer, seed=1):
    """Give all weights random values; variances are above 0."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        value = rng.normal(size=tuple(weight.shape)).astype(np.float32) / 2
        if "moving_variance" in weight.path:
            value = np.abs(value) + 0.5
        elif value.ndim == 4:
            value /= np.sqrt(np.prod(value.shape[:3]) / 4)
        elif "gamma" in weight.path:
            value += 1
        weight.assign(value)


@functools.lru_cache(maxsize=1)
def model_of(layer, shape):
    """Return a model of one layer, for inputs of a shape."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, layer(inputs))


def in_mode(layer, x, training):
    """Return what a layer gives in a mode, with its moving averages left as they are."""
    before = [weight.numpy() for weight in layer.non_trainable_weights]
    result = model_of(layer, x.shape[1:])(x, training=training).numpy()
    moved = any(
        not np.array_equal(old, new.numpy())
        for old, new in zip(before, layer.non_trainable_weights, strict=True)
    )
    for old, weight in zip(before, layer.non_trainable_weights, strict=True):
        weight.assign(old)
    return result, moved


def expect_mode(moved, training, whose="its", who=""):
    """Check that the moving averages move in training mode, and only there."""
    if training and not moved:
        fail(
            f"{who}In training mode {whose} moving averages stay where they are. Hand the argument "
            "training of call on to the layers of batch normalisation."
        )
    if moved and not training:
        fail(
            f"{who}In inference mode {whose} moving averages move: a batch normalisation is in "
            "training mode for ever. Hand the argument training of call on to it."
        )


def in_both_modes(verdict, training):
    """Return a verdict; inference mode is judged first, so in training mode it was right."""
    if not training:
        return verdict
    return (
        "In inference mode the result is right, in training mode it is not. Does every batch "
        "normalisation get the argument training of call?"
    )


def normalise(norm, x, training):
    """Return batch normalisation by hand, with a layer's weights."""
    mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    if training:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    gamma = 1.0 if norm.gamma is None else norm.gamma.numpy()
    beta = 0.0 if norm.beta is None else norm.beta.numpy()
    return (x - mean) / np.sqrt(variance + norm.epsilon) * gamma + beta


def relu(x):
    return np.maximum(x, 0)


def convolve(conv, x, by_hand=(1, 1)):
    """Return a convolution with a layer's weights, without its activation.

    Where a 3 x 3 one pads nothing, the maps were padded before, ``by_hand`` on the two sides.
    """
    if conv.padding == "valid" and conv.kernel_size == (3, 3):
        x = np.pad(x, [(0, 0), by_hand, by_hand, (0, 0)])
    y = tf.nn.conv2d(x, conv.kernel, conv.strides, conv.padding.upper()).numpy()
    return y if conv.bias is None else y + conv.bias.numpy()


def shapes_of(convolutions):
    return [tuple(conv.kernel.shape) for conv in convolutions]


def expect_no_activation(convolutions):
    for conv in convolutions:
        if conv.activation not in (None, keras.activations.linear):
            fail(
                "A convolution has an activation of its own. In this unit the normalisation "
                "stands between the convolution and the ReLU."
            )


def expect_same_twice(layer, x, first, says=None):
    if not is_close(run_layer(layer, x, says=says), first):
        fail(
            "Called twice on one batch, it answers differently: it makes layers anew at each "
            "call. Make them in __init__ or in build."
        )


# ---------------------------------------------------------------- 27.1


class PostActivationUnit(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.filters, self.projection = filters, None
        self.conv_1 = layers.Conv2D(filters, 3, padding="same")
        self.norm_1 = layers.BatchNormalization(momentum=0.9)
        self.conv_2 = layers.Conv2D(filters, 3, padding="same")
        self.norm_2 = layers.BatchNormalization(momentum=0.9)
        self.relu = layers.ReLU()

    def build(self, input_shape):
        if input_shape[-1] != self.filters:
            self.projection = layers.Conv2D(self.filters, 1)

    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(self.conv_1(inputs), training=training))
        x = self.norm_2(self.conv_2(x), training=training)
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return self.relu(shortcut + x)


NOT_ADDED = {
    "ncompatible shapes": "The two paths do not have one shape. Convolutions of 3 x 3 need "
    'padding="same", and the shortcut a 1 x 1 convolution where the channels differ.',
}


@without_warnings
def check_post_activation(answer):
    expect_class(answer, layers.Layer, "PostActivationUnit")
    filters = 4
    for channels in (5, 4, 1):
        x = random_batch(3, 6, 6, channels)
        layer = call(answer, filters)
        what = f"PostActivationUnit(4) on a batch of shape (3, 6, 6, {channels})"
        first = expect_shape(run_layer(layer, x, says=NOT_ADDED), (3, 6, 6, filters), what)
        expect_same_twice(layer, x, first)
        randomise(layer)
        convolutions = parts(layer, layers.Conv2D)
        expect_post_activation_parts(layer, convolutions, channels, filters)
        for training in (False, True):
            check_post_activation_mode(layer, convolutions, x, training)


def expect_post_activation_parts(layer, convolutions, channels, filters):
    ones = [conv for conv in convolutions if conv.kernel_size == (1, 1)]
    if len(convolutions) - len(ones) != 2:
        fail(
            f"The kernels of its convolutions have the shapes {shapes_of(convolutions)}; expected "
            "two of 3 x 3 on the main path."
        )
    if channels == filters and ones:
        fail(
            "With 4 channels coming in and 4 filters it has a 1 x 1 convolution too. Where the "
            "channels are equal, the shortcut is the inputs."
        )
    if len(ones) > 1:
        fail(f"It has {len(ones)} convolutions of 1 x 1; expected one, on the shortcut.")
    if channels != filters and not ones:
        fail(
            f"With {channels} channels coming in and 4 filters it has no 1 x 1 convolution."
            + (" One channel is stretched by broadcasting without an error." * (channels == 1))
        )
    if len(parts(layer, layers.BatchNormalization)) != 2:
        fail(
            "Number of its layers of batch normalisation: "
            f"{len(parts(layer, layers.BatchNormalization))}; expected one after each 3 x 3 "
            "convolution, none elsewhere."
        )
    expect_no_activation(convolutions)


def check_post_activation_mode(layer, convolutions, x, training):
    got, moved = in_mode(layer, x, training)
    expect_mode(moved, training)
    threes = [conv for conv in convolutions if conv.kernel_size == (3, 3)]
    ones = [conv for conv in convolutions if conv.kernel_size == (1, 1)]
    shortcut = convolve(ones[0], x) if ones else x
    misses = set()
    for first, second in itertools.permutations(threes):
        if first.kernel.shape[2] != x.shape[-1]:
            continue
        for norms in itertools.permutations(parts(layer, layers.BatchNormalization)):
            found = compare_post_activation(got, x, shortcut, (first, second), norms, training)
            if not found:
                return
            misses.add(found)
    told = misses - {OTHERWISE}
    fail(told.pop() if told else in_both_modes(OTHERWISE, training))


OTHERWISE = (
    "The result is not ReLU(shortcut + main path), with the main path convolution, batch "
    "normalisation, ReLU, convolution, batch normalisation."
)


def compare_post_activation(got, x, shortcut, convolutions, norms, training):
    """Return an empty text where the result is right, else what is known about it."""
    if norms[0].gamma is None or norms[0].moving_mean.shape != norms[1].moving_mean.shape:
        return compare_pre_activation(got, x, shortcut, convolutions, norms, training)
    one = normalise(norms[0], convolve(convolutions[0], x), training)
    two = normalise(norms[1], convolve(convolutions[1], relu(one)), training)
    if is_close(got, relu(shortcut + two), tolerance=1e-3):
        return ""
    if is_close(got, shortcut + two, tolerance=1e-3):
        return "There is no ReLU after the sum. In this unit it is the last step."
    if is_close(got, shortcut + relu(two), tolerance=1e-3):
        return "The last ReLU stands on the main path. In this unit it comes after the sum."
    if is_close(got, relu(shortcut + relu(two)), tolerance=1e-3):
        return "There is a ReLU before the sum as well, so the main path can only add."
    linear = normalise(norms[1], convolve(convolutions[1], one), training)
    if is_close(got, relu(shortcut + linear), tolerance=1e-3):
        return "There is no ReLU between the two convolutions."
    if is_close(got, relu(two), tolerance=1e-3):
        return "The shortcut is not added: it returns the main path alone."
    return compare_pre_activation(got, x, shortcut, convolutions, norms, training) or OTHERWISE


def compare_pre_activation(got, x, shortcut, convolutions, norms, training):
    if norms[0].moving_mean.shape != x.shape[-1:]:
        return OTHERWISE
    y = convolve(convolutions[0], relu(normalise(norms[0], x, training)))
    y = convolve(convolutions[1], relu(normalise(norms[1], y, training)))
    if is_close(got, shortcut + y, tolerance=1e-3) or is_close(
        got, relu(shortcut + y), tolerance=1e-3
    ):
        return (
            "It normalises and activates before each convolution, as the unit of the lesson does. "
            "Here each convolution comes first."
        )
    return OTHERWISE


class PostWithoutLastRelu(PostActivationUnit):
    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(self.conv_1(inputs), training=training))
        x = self.norm_2(self.conv_2(x), training=training)
        return x + (inputs if self.projection is None else self.projection(inputs))


class PostReluBeforeSum(PostActivationUnit):
    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(self.conv_1(inputs), training=training))
        x = self.relu(self.norm_2(self.conv_2(x), training=training))
        return x + (inputs if self.projection is None else self.projection(inputs))


class PostReluTwice(PostActivationUnit):
    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(self.conv_1(inputs), training=training))
        x = self.relu(self.norm_2(self.conv_2(x), training=training))
        return self.relu(x + (inputs if self.projection is None else self.projection(inputs)))


class PostActivatedInConv(PostActivationUnit):
    def __init__(self, filters):
        super().__init__(filters)
        self.conv_1 = layers.Conv2D(filters, 3, padding="same", activation="relu")


class PostWithoutFlag(PostActivationUnit):
    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(self.conv_1(inputs), training=False))
        x = self.norm_2(self.conv_2(x), training=False)
        return self.relu(x + (inputs if self.projection is None else self.projection(inputs)))


class PostForEverTraining(PostActivationUnit):
    def call(self, inputs, training=None):
        return super().call(inputs, training=True)


class PostHalfTold(PostActivationUnit):
    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(self.conv_1(inputs), training=training))
        x = self.norm_2(self.conv_2(x), training=False)
        return self.relu(x + (inputs if self.projection is None else self.projection(inputs)))


class PostNotForOne(PostActivationUnit):
    def build(self, input_shape):
        if input_shape[-1] not in (1, self.filters):
            self.projection = layers.Conv2D(self.filters, 1)


class PostNormOnShortcut(PostActivationUnit):
    def build(self, input_shape):
        if input_shape[-1] != self.filters:
            self.projection = keras.Sequential(
                [layers.Conv2D(self.filters, 1), layers.BatchNormalization()]
            )


class PostAsInTheLesson(ResidualUnit):
    pass


class PostInBuild(layers.Layer):
    """Makes everything in build, without biases, the projection first."""

    def __init__(self, filters):
        super().__init__()
        self.filters = filters

    def build(self, shape):
        f = self.filters
        self.way = layers.Conv2D(f, 1, use_bias=False) if shape[-1] != f else layers.Identity()
        self.second = layers.Conv2D(f, 3, padding="same", use_bias=False)
        self.norm_b = layers.BatchNormalization()
        self.norm_a = layers.BatchNormalization()
        self.first = layers.Conv2D(f, 3, padding="same", use_bias=False)

    def call(self, x):
        y = self.norm_b(self.second(tf.nn.relu(self.norm_a(self.first(x)))))
        return tf.nn.relu(y + self.way(x))


class PostBySequential(layers.Layer):
    def __init__(self, filters):
        super().__init__()
        self.filters = filters
        self.main = keras.Sequential(
            [
                layers.Conv2D(filters, (3, 3), padding="same"),
                layers.BatchNormalization(),
                layers.Activation("relu"),
                layers.Conv2D(filters, (3, 3), padding="same"),
                layers.BatchNormalization(scale=False),
            ]
        )
        self.project = layers.Conv2D(filters, 1)

    def call(self, inputs, training=False):
        shortcut = inputs if inputs.shape[-1] == self.filters else self.project(inputs)
        return ops.relu(layers.add([shortcut, self.main(inputs, training=training)]))


post_activation = Exercise(
    id="27.1",
    title="A post-activation unit",
    minutes=20,
    statement="""The first residual networks, and ResNet-18 in the next lesson, order the parts
otherwise. Write the layer `PostActivationUnit(filters)`. It is called on float32 `(batch, height,
width, channels)` and returns float32 `(batch, height, width, filters)`:

- main path: convolution 3 × 3, batch normalisation, ReLU, convolution 3 × 3, batch normalisation;
- shortcut: the inputs where they have `filters` channels, else a 1 × 1 convolution of them, with
  no batch normalisation (one channel counts as different, too);
- then the sum, and **a ReLU after it**.

Convolutions have stride 1 and keep the image's size; whether they have a bias is free, and so are
the momentum and the names (but for `path`, which Keras uses itself). Use the Keras layers
`Conv2D` and `BatchNormalization`. Both modes, training and inference, are judged.""",
    stub="""class PostActivationUnit(layers.Layer):
    def __init__(self, filters):
        super().__init__()

    def call(self, inputs, training=None):
        ...""",
    answer="PostActivationUnit",
    check=check_post_activation,
    reference=PostActivationUnit,
    hints=(
        "Take the unit of the lesson apart: it has the same six layers. Which of them has another "
        "number of channels once the convolution comes first?",
        "The last batch normalisation is followed by the sum, and only then by ReLU: nothing is "
        "cut off on the main path alone.",
        "x = self.norm_2(self.conv_2(x), training=training), then return "
        "self.relu(shortcut + x). build makes the 1 x 1 convolution where the channels differ.",
    ),
    explanation=(
        "Here the ReLU after the sum stands on the way of the shortcut too, so what a unit hands "
        "on is never negative, and the identity is one only for what was not negative before."
    ),
    wrong=(
        Wrong(PostWithoutLastRelu, "There is no ReLU after the sum"),
        Wrong(PostReluBeforeSum, "The last ReLU stands on the main path"),
        Wrong(PostReluTwice, "There is a ReLU before the sum as well"),
        Wrong(PostActivatedInConv, "A convolution has an activation of its own"),
        Wrong(PostWithoutFlag, "its moving averages stay where they are"),
        Wrong(PostForEverTraining, "In inference mode its moving averages move"),
        Wrong(PostHalfTold, "Does every batch normalisation get the argument training"),
        Wrong(PostNotForOne, "One channel is stretched by broadcasting"),
        Wrong(PostNormOnShortcut, "expected one after each 3 x 3 convolution, none elsewhere"),
        Wrong(PostAsInTheLesson, "It normalises and activates before each convolution"),
    ),
    right=(
        PostInBuild,
        PostBySequential,
    ),
)

# ---------------------------------------------------------------- 27.2


class BottleneckUnit(layers.Layer):
    def __init__(self, filters, strides=1):
        super().__init__()
        self.filters, self.strides, self.projection = filters, strides, None
        self.reduce = layers.Conv2D(filters, 1)
        self.conv = layers.Conv2D(filters, 3, strides=strides, padding="same")
        self.expand = layers.Conv2D(4 * filters, 1)
        self.norms = [layers.BatchNormalization(momentum=0.9) for _ in range(3)]
        self.relu = layers.ReLU()

    def build(self, input_shape):
        if self.strides != 1 or input_shape[-1] != 4 * self.filters:
            self.projection = layers.Conv2D(4 * self.filters, 1, strides=self.strides)

    def call(self, inputs, training=None):
        x = inputs
        for norm, conv in zip(self.norms, (self.reduce, self.conv, self.expand), strict=True):
            x = conv(self.relu(norm(x, training=training)))
        return x + (inputs if self.projection is None else self.projection(inputs))


BOTTLENECK_PATHS = {
    "ncompatible shapes": "The two paths do not have one shape. The 3 x 3 convolution needs "
    "padding, and the shortcut a 1 x 1 convolution with the same stride wherever the channels or "
    "the size change.",
}


@without_warnings
def check_bottleneck(answer):
    expect_class(answer, layers.Layer, "BottleneckUnit")
    filters = 4
    for channels, strides in ((12, 1), (16, 1), (12, 2), (16, 2)):
        x = random_batch(2, 8, 8, channels)
        layer = call(answer, filters, strides)
        made = f"BottleneckUnit(4, {strides}) on a batch of shape {x.shape}"
        first = to_array(run_layer(layer, x, says=BOTTLENECK_PATHS), made)
        if first.shape[-1:] == (filters,):
            fail(
                f"{made} returns 4 channels: the expansion is missing. The last 1 x 1 convolution "
                "has four times as many filters as the others."
            )
        if strides == 2 and first.shape[1:3] == (8, 8):
            fail(f"{made} returns maps of 8 x 8: no layer has the stride.")
        expect_shape(first, (2, 8 // strides, 8 // strides, 4 * filters), made)
        expect_same_twice(layer, x, first)
        randomise(layer)
        path, projection = bottleneck_parts(layer, made, channels, strides, filters)
        for training in (False, True):
            check_bottleneck_mode(layer, path, projection, x, training)


def bottleneck_parts(layer, made, channels, strides, filters):
    """Return the convolutions of the main path in order, and that of the shortcut or None."""
    wide = 4 * filters
    convolutions = parts(layer, layers.Conv2D)
    expect_no_activation(convolutions)
    by_shape = {
        name: [conv for conv in convolutions if tuple(conv.kernel.shape) == shape]
        for name, shape in {
            "reduce": (1, 1, channels, filters),
            "conv": (3, 3, filters, filters),
            "expand": (1, 1, filters, wide),
            "projection": (1, 1, channels, wide),
        }.items()
    }
    if any(len(by_shape[name]) != 1 for name in ("reduce", "conv", "expand")):
        fail(
            f"In {made} the kernels have the shapes {shapes_of(convolutions)}. Expected "
            f"(1, 1, {channels}, 4), (3, 3, 4, 4) and (1, 1, 4, 16) on the main path."
        )
    needed = strides != 1 or channels != wide
    if len(by_shape["projection"]) > needed:
        fail(
            "With 16 channels coming in and stride 1 the shapes agree, so the shortcut is the "
            "inputs, without a convolution."
        )
    if needed and len(by_shape["projection"]) != 1:
        fail(f"In {made} the shortcut has no 1 x 1 convolution of its own.")
    if len(convolutions) != 3 + needed:
        fail(f"In {made} there are {len(convolutions)} convolutions; expected {3 + needed}.")
    reduce, conv, expand = (by_shape[name][0] for name in ("reduce", "conv", "expand"))
    if strides == 2:
        if (2, 2) in (reduce.strides, expand.strides):
            which = "first" if reduce.strides == (2, 2) else "last"
            fail(
                f"The stride is at the {which} 1 x 1 convolution. That one looks at one pixel in "
                "four and never at the other three. Here the 3 x 3 convolution has the stride."
            )
        if conv.strides != (2, 2):
            fail("The 3 x 3 convolution has no stride; another layer makes the maps smaller.")
    projection = by_shape["projection"][0] if needed else None
    return (reduce, conv, expand), projection


def check_bottleneck_mode(layer, path, projection, x, training):
    norms = parts(layer, layers.BatchNormalization)
    if len(norms) != 3:
        fail(
            f"Number of its layers of batch normalisation: {len(norms)}; expected one before each "
            "convolution of the main path."
        )
    got, moved = in_mode(layer, x, training)
    expect_mode(moved, training)
    shortcut = x if projection is None else convolve(projection, x)
    widths = [conv.kernel.shape[2] for conv in path]
    paddings = ((1, 1),) if path[1].strides == (1, 1) else ((1, 1), (0, 1), (1, 0))
    for order, by_hand in itertools.product(itertools.permutations(norms), paddings):
        if [norm.moving_mean.shape[0] for norm in order] != widths:
            continue
        y = x
        for norm, conv in zip(order, path, strict=True):
            y = convolve(conv, relu(normalise(norm, y, training)), by_hand)
        if is_close(got, shortcut + y, tolerance=1e-3):
            return
        if is_close(got, relu(shortcut + y), tolerance=1e-3):
            fail("There is a ReLU after the sum. A pre-activation unit ends with the sum.")
        if is_close(got, y, tolerance=1e-3):
            fail("The shortcut is not added: it returns the main path alone.")
    if sorted(norm.moving_mean.shape[0] for norm in norms) != sorted(widths):
        fail(
            "Its layers of batch normalisation work on "
            f"{sorted(norm.moving_mean.shape[0] for norm in norms)} channels; expected "
            f"{sorted(widths)}. In a pre-activation unit each stands before its convolution."
        )
    otherwise = (
        "The result is not shortcut + main path, with batch normalisation and ReLU before each of "
        "the three convolutions, and a shortcut that starts from the inputs."
    )
    fail(in_both_modes(otherwise, training))


class BottleneckNotExpanded(BottleneckUnit):
    def __init__(self, filters, strides=1):
        super().__init__(filters, strides)
        self.expand = layers.Conv2D(filters, 1)

    def build(self, input_shape):
        if self.strides != 1 or input_shape[-1] != self.filters:
            self.projection = layers.Conv2D(self.filters, 1, strides=self.strides)


class BottleneckStrideFirst(BottleneckUnit):
    def __init__(self, filters, strides=1):
        super().__init__(filters, strides)
        self.reduce = layers.Conv2D(filters, 1, strides=strides)
        self.conv = layers.Conv2D(filters, 3, padding="same")


class BottleneckStrideLast(BottleneckUnit):
    def __init__(self, filters, strides=1):
        super().__init__(filters, strides)
        self.conv = layers.Conv2D(filters, 3, padding="same")
        self.expand = layers.Conv2D(4 * filters, 1, strides=strides)


class BottleneckNoStride(BottleneckUnit):
    def __init__(self, filters, strides=1):
        super().__init__(filters)


class BottleneckShortcutWithoutStride(BottleneckUnit):
    def build(self, input_shape):
        if input_shape[-1] != 4 * self.filters:
            self.projection = layers.Conv2D(4 * self.filters, 1)


class BottleneckAlwaysProjected(BottleneckUnit):
    def build(self, input_shape):
        self.projection = layers.Conv2D(4 * self.filters, 1, strides=self.strides)


class BottleneckPost(BottleneckUnit):
    def call(self, inputs, training=None):
        x = self.relu(self.norms[0](self.reduce(inputs), training=training))
        x = self.relu(self.norms[1](self.conv(x), training=training))
        x = self.norms[2](self.expand(x), training=training)
        return self.relu(x + (inputs if self.projection is None else self.projection(inputs)))


class BottleneckReluAfterSum(BottleneckUnit):
    def call(self, inputs, training=None):
        return self.relu(super().call(inputs, training=training))


class BottleneckBySequential(layers.Layer):
    def __init__(self, f, s=1):
        super().__init__()
        self.f, self.s = f, s

        def step(filters, size, strides=1):
            conv = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)
            return [layers.BatchNormalization(), layers.ReLU(), conv]

        self.main = keras.Sequential(step(f, 1) + step(f, 3, (s, s)) + step(4 * f, 1))

    def build(self, shape):
        if (shape[-1], self.s) != (4 * self.f, 1):
            self.short = layers.Conv2D(4 * self.f, 1, self.s, padding="same")
        else:
            self.short = layers.Identity()

    def call(self, x, training=None):
        return self.main(x, training=training) + self.short(x)


class BottleneckOneRelu(BottleneckUnit):
    def call(self, x, training=None):
        shortcut = x if self.projection is None else self.projection(x)
        one, two, three = self.norms
        y = self.reduce(ops.relu(one(x)))
        y = self.conv(ops.relu(two(y)))
        return layers.Add()([shortcut, self.expand(ops.relu(three(y)))])


class BottleneckPaddedByHand(BottleneckUnit):
    def __init__(self, filters, strides=1):
        super().__init__(filters, strides)
        self.pad = layers.ZeroPadding2D(1)
        self.conv = layers.Conv2D(filters, 3, strides=strides)

    def call(self, x, training=None):
        y = self.reduce(ops.relu(self.norms[0](x, training=training)))
        y = self.conv(self.pad(ops.relu(self.norms[1](y, training=training))))
        y = self.expand(ops.relu(self.norms[2](y, training=training)))
        return y + (x if self.projection is None else self.projection(x))


bottleneck = Exercise(
    id="27.2",
    title="A bottleneck unit",
    minutes=20,
    statement="""Deep ResNets save work by narrowing the maps before the 3 × 3 convolution. Write
the layer `BottleneckUnit(filters, strides=1)`, a pre-activation unit with three convolutions. It
is called on float32 `(batch, height, width, channels)`, and returns `4 * filters` channels:

- main path: a 1 × 1 convolution to `filters` channels, a 3 × 3 convolution with `filters` and with
  `strides`, a 1 × 1 convolution that **expands** to `4 * filters`; before each of them batch
  normalisation and ReLU;
- shortcut: the inputs where they have the shape of the result, else a 1 × 1 convolution of the
  inputs, with the same `strides`;
- nothing comes after the sum.

Pad so that stride 1 keeps the size and stride 2 halves it: 8 × 8 becomes 4 × 4. Bias, momentum and
names are free, but for `path`. Use the Keras layers `Conv2D` and `BatchNormalization`.""",
    stub="""class BottleneckUnit(layers.Layer):
    def __init__(self, filters, strides=1):
        super().__init__()

    def call(self, inputs, training=None):
        ...""",
    answer="BottleneckUnit",
    check=check_bottleneck,
    reference=BottleneckUnit,
    hints=(
        "Three normalisations, three convolutions, in turns. Only one of the three on the main "
        "path has strides; the shortcut's convolution has them as well.",
        "The shortcut is the inputs only if both hold: strides is 1, and the inputs have "
        "4 * filters channels. build knows the second, __init__ the first.",
        'layers.Conv2D(filters, 1), layers.Conv2D(filters, 3, strides=strides, padding="same"), '
        "layers.Conv2D(4 * filters, 1) are the main path.",
    ),
    explanation=(
        "The 3 x 3 convolution works on a quarter of the channels, where it costs a sixteenth. Its "
        "windows overlap, so with stride 2 it still sees every pixel; a 1 x 1 convolution with "
        "stride 2 would not."
    ),
    wrong=(
        Wrong(BottleneckNotExpanded, "the expansion is missing"),
        Wrong(BottleneckStrideFirst, "The stride is at the first 1 x 1 convolution"),
        Wrong(BottleneckStrideLast, "The stride is at the last 1 x 1 convolution"),
        Wrong(BottleneckNoStride, "no layer has the stride"),
        Wrong(BottleneckShortcutWithoutStride, "The two paths do not have one shape"),
        Wrong(BottleneckAlwaysProjected, "the shapes agree, so the shortcut is the inputs"),
        Wrong(BottleneckPost, "each stands before its convolution"),
        Wrong(BottleneckReluAfterSum, "A pre-activation unit ends with the sum"),
    ),
    right=(
        BottleneckBySequential,
        BottleneckOneRelu,
        BottleneckPaddedByHand,
    ),
)

# ---------------------------------------------------------------- 27.3


def smoothed_loss(labels, logits, smoothing=0.1):
    classes = logits.shape[-1]
    targets = (1 - smoothing) * tf.one_hot(labels, classes) + smoothing / classes
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@without_warnings
def check_smoothing(answer):
    for rows, classes, smoothing in ((6, 10, 0.1), (5, 4, 0.3), (3, 10, 0.0)):
        rng = np.random.default_rng(rows)
        logits = rng.normal(0, 3, size=(rows, classes)).astype(np.float32)
        labels = rng.integers(0, classes, size=rows).astype(np.int32)
        given = tf.constant(labels), tf.constant(logits)
        got = to_array(call(answer, *given, smoothing), "The loss")
        report_smoothing(got, labels, logits.astype(np.float64), smoothing)
    check_large_logits(answer)
    check_smoothing_gradient(answer)
    labels, logits = np.array([1, 0], np.int32), random_batch(2, 4)
    targets = 0.9 * np.eye(4)[labels] + 0.025
    got = call(answer, tf.constant(labels), tf.constant(logits))
    right = -np.mean(np.sum(targets * log_softmax(logits), axis=1))
    expect_close(got, right, "The loss without a third argument (smoothing 0.1)")


def report_smoothing(got, labels, logits, smoothing):
    rows, classes = logits.shape
    one_hot, logs = np.eye(classes)[labels], log_softmax(logits)
    targets = (1 - smoothing) * one_hot + smoothing / classes
    each = -np.sum(targets * logs, axis=1)
    if got.shape == (rows,):
        fail(f"It returns {rows} losses, one for each row; expected their mean, one number.")
    right = expect_shape(got, (), "The loss")
    if is_close(right, each.mean()):
        return
    if is_close(got, each.sum()):
        fail("It returns the sum over the rows; expected the mean.")
    others = one_hot * (1 - smoothing) + (1 - one_hot) * smoothing / (classes - 1)
    if is_close(got, -np.mean(np.sum(others * logs, axis=1))):
        fail(
            "The smoothing is shared by the other classes only. Here it is shared by all of them, "
            "so the right class gets its part too."
        )
    if is_close(got, -np.mean(np.sum(one_hot * (1 - smoothing) * logs, axis=1))):
        fail(
            "The targets of a row add up to 1 - smoothing. What was taken from the right class has "
            "to be shared out."
        )
    if is_close(got, -np.mean(np.sum((one_hot + smoothing / classes) * logs, axis=1))):
        fail("The targets of a row add up to more than 1. The right class has to give some away.")
    if smoothing and is_close(got, -np.mean(np.sum(one_hot * logs, axis=1))):
        fail("It is the plain cross-entropy: smoothing has no effect.")
    twice = log_softmax(np.exp(logs))
    if is_close(got, -np.mean(np.sum(targets * twice, axis=1))):
        fail("It takes the softmax twice: a function that wants logits was given probabilities.")
    clipped = np.clip(logits, 1e-7, 1 - 1e-7)
    shares = np.clip(logits / logits.sum(axis=1, keepdims=True), 1e-7, 1 - 1e-7)
    for values in (clipped, shares):
        if is_close(got, -np.mean(np.sum(targets * np.log(values), axis=1))):
            fail("It reads logits as if they were probabilities. Say from_logits=True.")
    fail(
        f"With {classes} classes and smoothing {smoothing} the loss is {float(right):.3f}, "
        f"expected {each.mean():.3f}: the mean of the cross-entropies between the smoothed targets "
        "and the softmax of the logits."
    )


def check_large_logits(answer):
    logits = tf.constant([[1000.0, 0.0, 0.0, 0.0]])
    got = to_array(call(answer, tf.constant([1]), logits, 0.2), "The loss")
    if not is_close(got, 0.95 * 1000.0, tolerance=1e-3):
        fail(
            "With a logit of 1000 the loss is not 950: the softmax has overflowed or was clipped "
            "before the logarithm. Take the cross-entropy from the logits."
        )


def check_smoothing_gradient(answer):
    labels, logits = np.array([2, 0], np.int32), tf.Variable(random_batch(2, 4))
    with tf.GradientTape() as tape:
        loss = call(answer, tf.constant(labels), logits, 0.2)
    gradient = tape.gradient(loss, logits) if tf.is_tensor(loss) else None
    if gradient is None:
        fail("No gradient reaches the logits: something on the way is not TensorFlow's.")
    targets = 0.8 * np.eye(4)[labels] + 0.05
    expect_close(gradient, (np.exp(log_softmax(logits.numpy())) - targets) / 2, "The gradient")


def smoothed_over_others(labels, logits, smoothing=0.1):
    classes = logits.shape[-1]
    one_hot = ops.one_hot(labels, classes)
    targets = (1 - smoothing) * one_hot + (1 - one_hot) * smoothing / (classes - 1)
    return ops.mean(ops.categorical_crossentropy(targets, logits, from_logits=True))


def smoothed_not_shared(labels, logits, smoothing=0.1):
    targets = (1 - smoothing) * ops.one_hot(labels, logits.shape[-1])
    return ops.mean(ops.categorical_crossentropy(targets, logits, from_logits=True))


def smoothed_not_taken(labels, logits, smoothing=0.1):
    classes = logits.shape[-1]
    targets = ops.one_hot(labels, classes) + smoothing / classes
    return ops.mean(ops.categorical_crossentropy(targets, logits, from_logits=True))


def smoothed_from_probabilities(labels, logits, smoothing=0.1):
    classes = logits.shape[-1]
    targets = (1 - smoothing) * ops.one_hot(labels, classes) + smoothing / classes
    return ops.mean(ops.categorical_crossentropy(targets, logits))


def smoothed_twice(labels, logits, smoothing=0.1):
    return smoothed_loss(labels, ops.softmax(logits), smoothing)


def smoothed_sum(labels, logits, smoothing=0.1):
    return smoothed_loss(labels, logits, smoothing) * logits.shape[0]


def smoothed_rows(labels, logits, smoothing=0.1):
    classes = logits.shape[-1]
    targets = (1 - smoothing) * ops.one_hot(labels, classes) + smoothing / classes
    return ops.categorical_crossentropy(targets, logits, from_logits=True)


def smoothed_unstable(labels, logits, smoothing=0.1):
    classes = logits.shape[-1]
    targets = (1 - smoothing) * ops.one_hot(labels, classes) + smoothing / classes
    shares = ops.exp(logits) / ops.sum(ops.exp(logits), axis=1, keepdims=True)
    return -ops.mean(ops.sum(targets * ops.log(shares), axis=1))


def smoothed_ignored(labels, logits, smoothing=0.1):
    return smoothed_loss(labels, logits, 0.0)


def smoothed_in_numpy(labels, logits, smoothing=0.1):
    logits, classes = logits.numpy(), logits.shape[-1]
    targets = (1 - smoothing) * np.eye(classes)[labels] + smoothing / classes
    return tf.constant(-np.mean(np.sum(targets * log_softmax(logits), axis=1)))


def by_hand(labels, logits, smoothing=0.1):
    classes = tf.shape(logits)[1]
    share = smoothing / tf.cast(classes, tf.float32)
    targets = tf.one_hot(labels, classes, on_value=1 - smoothing + share, off_value=share)
    return -tf.reduce_mean(tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1))


def by_keras_class(labels, logits, smoothing=0.1):
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    return loss(tf.one_hot(labels, logits.shape[1]), logits)


def by_parts(labels, logits, s=0.1):
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    return (1 - s) * plain - s * tf.reduce_mean(tf.nn.log_softmax(logits))


smoothing_exercise = Exercise(
    id="27.3",
    title="Label smoothing",
    minutes=10,
    statement="""A network that is asked for a probability of exactly 1 has to make its logits
ever larger. **Label smoothing** asks for less: of the 1 that the right class should get, a share
`smoothing` is taken away and divided equally among all classes, the right one included. With ten
classes and `smoothing=0.1` the targets are 0.91 for the right class and 0.01 for each other one.

Write `smoothed_loss(labels, logits, smoothing=0.1)`. `labels` is an int32 tensor `(n,)`, `logits`
a float32 tensor `(n, classes)` with any number of classes. It returns the mean cross-entropy of the
rows, a float32 scalar through which a tape can differentiate, also for logits as large as 1000.""",
    stub="""def smoothed_loss(labels, logits, smoothing=0.1):
    ...""",
    answer="smoothed_loss",
    check=check_smoothing,
    reference=smoothed_loss,
    hints=(
        "Make the targets first, (n, classes): what does a row of them add up to?",
        "One-hot rows times 1 - smoothing, plus smoothing / classes everywhere.",
        "tf.nn.softmax_cross_entropy_with_logits takes such targets and logits, and "
        "keras.ops.categorical_crossentropy does with from_logits=True. Then take the mean.",
    ),
    explanation=(
        "The gradient for a logit is its probability minus its target, divided by n. It vanishes "
        "at finite logits now. Keras offers the same as CategoricalCrossentropy(from_logits=True, "
        "label_smoothing=0.1), for one-hot labels."
    ),
    wrong=(
        Wrong(smoothed_over_others, "shared by the other classes only"),
        Wrong(smoothed_not_shared, "add up to 1 - smoothing"),
        Wrong(smoothed_not_taken, "add up to more than 1"),
        Wrong(smoothed_from_probabilities, "It reads logits as if they were probabilities"),
        Wrong(smoothed_twice, "It takes the softmax twice"),
        Wrong(smoothed_sum, "It returns the sum over the rows"),
        Wrong(smoothed_rows, "expected their mean, one number"),
        Wrong(smoothed_unstable, "the softmax has overflowed"),
        Wrong(smoothed_ignored, "smoothing has no effect"),
        Wrong(smoothed_in_numpy, "No gradient reaches the logits"),
    ),
    right=(
        by_hand,
        by_keras_class,
        by_parts,
        tf.function(by_hand),
    ),
)

# ---------------------------------------------------------------- 27.4


class UnitA(ResidualUnit):
    """Its shortcut starts behind batch normalisation and ReLU."""

    def call(self, inputs, training=None):
        x = self.relu(self.norm_1(inputs, training=training))
        shortcut = x if self.projection is None else self.projection(x)
        x = self.conv_1(x)
        x = self.conv_2(self.relu(self.norm_2(x, training=training)))
        return shortcut + x


class UnitB(ResidualUnit):
    """Its batch normalisation never learns that the network is being trained."""

    def call(self, inputs, training=False):
        x = self.conv_1(self.relu(self.norm_1(inputs, training=False)))
        x = self.conv_2(self.relu(self.norm_2(x, training=False)))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x


class LayerC(ResNetLayer):
    """Its units are one."""

    def __init__(self, units, filters, **kwargs):
        super().__init__(1, filters, **kwargs)
        self.units = [self.units[0]] * units


class MendedUnit(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs, training=training)))
        x = self.conv_2(self.relu(self.norm_2(x, training=training)))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x


class MendedLayer(layers.Layer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(**kwargs)
        self.units = [ResidualUnit(filters) for _ in range(units)]

    def call(self, inputs, training=None):
        x = inputs
        for unit in self.units:
            x = unit(x, training=training)
        return x


@without_warnings
def check_mended(answer):
    if not isinstance(answer, dict) or set(answer) != {"A", "B", "C"}:
        fail(f'Got {describe(answer)}; expected a dict with the keys "A", "B" and "C".')
    for letter in "AB":
        check_unit(letter, answer[letter])
    check_chain(answer["C"])


def check_unit(letter, unit_class):
    expect_class(unit_class, layers.Layer, f"for {letter}")
    for channels in (4, 3):
        x = random_batch(4, 5, 5, channels)
        unit = call(unit_class, 4)
        what = f"{letter}, called on a batch of shape {x.shape},"
        expect_shape(run_layer(unit, x), (4, 5, 5, 4), what)
        randomise(unit)
        convolutions = parts(unit, layers.Conv2D)
        threes = [conv for conv in convolutions if conv.kernel_size == (3, 3)]
        ones = [conv for conv in convolutions if conv.kernel_size == (1, 1)]
        norms = parts(unit, layers.BatchNormalization)
        if len(threes) != 2 or len(ones) != (channels != 4) or len(norms) != 2:
            fail(
                f"{letter} has convolutions with the kernels {shapes_of(convolutions)} and "
                f"{len(norms)} layers of batch normalisation. Keep the layers as they are: only "
                "their order in call is at fault."
            )
        for training in (False, True):
            check_unit_mode(letter, unit, threes, ones, norms, x, training)


def check_unit_mode(letter, unit, threes, ones, norms, x, training):
    got, moved = in_mode(unit, x, training)
    if training and not moved:
        fail(
            f"{letter}: in training mode the moving averages do not move, so it normalises by what "
            "they were at the start, for ever. What do its layers get for training?"
        )
    expect_mode(moved, training, who=f"{letter}: ")
    orders = list(itertools.product(itertools.permutations(threes), itertools.permutations(norms)))
    told = None
    for (conv_1, conv_2), (norm_1, norm_2) in orders:
        if (conv_1.kernel.shape[2], norm_1.moving_mean.shape[0]) != (x.shape[-1],) * 2:
            continue
        before = relu(normalise(norm_1, x, training))
        inside = relu(normalise(norm_2, convolve(conv_1, before), training))
        path = convolve(conv_2, inside)
        shortcut = convolve(ones[0], x) if ones else x
        blocked = convolve(ones[0], before) if ones else before
        if is_close(got, shortcut + path, tolerance=1e-3):
            return
        if is_close(got, blocked + path, tolerance=1e-3):
            told = (
                f"{letter}: the shortcut does not carry the inputs. It starts behind a "
                "normalisation and a ReLU, which cut off what is negative."
            )
        elif is_close(got, relu(shortcut + path), tolerance=1e-3):
            told = f"{letter}: there is a ReLU after the sum, and none belongs there."
        elif is_close(got, path, tolerance=1e-3):
            told = f"{letter}: the shortcut is gone. It returns the main path alone."
    otherwise = "The result is not shortcut + main path of a pre-activation unit."
    fail(told or f"{letter}: {in_both_modes(otherwise, training)}")


def check_chain(chain_class):
    expect_class(chain_class, layers.Layer, "for C")
    for units in (3, 2):
        x = random_batch(2, 5, 5, 4)
        chain = call(chain_class, units, 4)
        expect_shape(run_layer(chain, x), x.shape, "C, called on a batch of shape (2, 5, 5, 4),")
        found = len(parts(chain, layers.Conv2D)) // 2
        if found == 1:
            fail(
                f"C: with units={units} it has the weights of one unit. The list holds one object "
                f"{units} times."
            )
        if found != units:
            fail(
                f"C: with units={units} it has the weights of {found} units. Is each of them made, "
                "and each of them called?"
            )
        randomise(chain)
        before = in_mode(chain, x, False)[0]
        for kernel in (conv.kernel for conv in parts(chain, layers.Conv2D)):
            old = kernel.numpy()
            kernel.assign(old + 1)
            changed = not is_close(in_mode(chain, x, False)[0], before)
            kernel.assign(old)
            if not changed:
                fail("C: it has units that are never called.")
        for kernel in (conv.kernel for conv in parts(chain, layers.Conv2D)):
            kernel.assign(0 * kernel)
        for bias in (conv.bias for conv in parts(chain, layers.Conv2D)):
            if bias is not None:
                bias.assign(0 * bias)
        if not is_close(in_mode(chain, x, False)[0], x):
            fail("C: with all kernels 0 every unit hands on its inputs, and so should the chain.")
        for training in (False, True):
            expect_mode(in_mode(chain, x, training)[1], training, who="C: ")


class UnitWithoutShortcut(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs, training=training)))
        return self.conv_2(self.relu(self.norm_2(x, training=training)))


class UnitActivatedSum(MendedUnit):
    def call(self, inputs, training=None):
        return self.relu(super().call(inputs, training=training))


class LayerUncalled(MendedLayer):
    def call(self, inputs, training=None):
        return self.units[0](inputs, training=training) + 0 * self.units[-1](inputs)


MENDED = {"A": MendedUnit, "B": MendedUnit, "C": MendedLayer}


class MendedA(ResidualUnit):
    def call(self, inputs, training=None):
        shortcut = inputs if self.projection is None else self.projection(inputs)
        x = self.relu(self.norm_1(inputs, training=training))
        x = self.relu(self.norm_2(self.conv_1(x), training=training))
        return self.conv_2(x) + shortcut


class MendedC(ResNetLayer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(units, filters, **kwargs)
        self.units = [ResidualUnit(filters) for _ in range(units)]


class ImplicitFlag(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs)))
        x = self.conv_2(self.relu(self.norm_2(x)))
        return x + (inputs if self.projection is None else self.projection(inputs))


three_broken = Exercise(
    id="27.4",
    title="Three broken ResNets",
    minutes=20,
    statement="""Mend the parts of the three networks above: `UnitA`, `UnitB` and `LayerC`. All
three run without an error. Find what is at fault in each; the symptoms of the cell above say where
to look.

Set `mended` to a dict with the keys `"A"`, `"B"`, `"C"` and three **classes**:
`mended["A"](filters)` and `mended["B"](filters)` are pre-activation units as in the lesson, and
`mended["C"](units, filters)` is a chain of `units` units. You may derive from `ResidualUnit` and
`ResNetLayer`, or write the classes anew with Keras layers.""",
    stub="""mended = {
    "A": ...,
    "B": ...,
    "C": ...,
}""",
    answer="mended",
    check=check_mended,
    reference=MENDED,
    reference_source="""class MendedUnit(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs, training=training)))
        x = self.conv_2(self.relu(self.norm_2(x, training=training)))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x


class MendedLayer(layers.Layer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(**kwargs)
        self.units = [ResidualUnit(filters) for _ in range(units)]

    def call(self, inputs, training=None):
        x = inputs
        for unit in self.units:
            x = unit(x, training=training)
        return x


mended = {"A": MendedUnit, "B": MendedUnit, "C": MendedLayer}""",
    hints=(
        "A: follow the shortcut back to where it starts. B: who tells a batch normalisation in "
        "which mode it is? C: how many units are in a list that one unit was put into twice?",
        "A: shortcut must be made from inputs, before x is overwritten. B: call has an argument "
        "training; hand it on. C: make a new unit in each round of the loop.",
        "A and B end in one and the same call: that of the lesson. C is a comprehension with "
        "ResidualUnit(filters) inside.",
    ),
    explanation=(
        "None of the three raises an error, so only a test of what was promised finds them: that a "
        "unit with a silent main path is the identity, that its averages move in training, and "
        "that a chain has the weights of all its units."
    ),
    wrong=(
        Wrong({"A": UnitA, "B": MendedUnit, "C": MendedLayer}, "the shortcut does not carry"),
        Wrong({"A": MendedUnit, "B": UnitB, "C": MendedLayer}, "the moving averages do not move"),
        Wrong({"A": MendedUnit, "B": MendedUnit, "C": LayerC}, "The list holds one object"),
        Wrong({"A": UnitWithoutShortcut, "B": MendedUnit, "C": MendedLayer}, "A: the shortcut is"),
        Wrong({"A": MendedUnit, "B": UnitActivatedSum, "C": MendedLayer}, "B: there is a ReLU"),
        Wrong({"A": MendedUnit, "B": MendedUnit, "C": LayerUncalled}, "each of them called"),
    ),
    right=(
        {"A": MendedA, "B": ImplicitFlag, "C": MendedC},
        {"A": ResidualUnit, "B": ResidualUnit, "C": ResNetLayer},
    ),
)

EXERCISES = (post_activation, bottleneck, smoothing_exercise, three_broken)
