"""Exercises of lesson 27, A ResNet from scratch."""

import functools
import itertools

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    expect_class,
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


def unit_parameters(c, f):
    convolutions = (9 * c + 1) * f + (9 * f + 1) * f
    projection = (c + 1) * f if c != f else 0
    return 4 * c + 4 * f + convolutions + projection


CHANNELS = ((16, 16), (8, 16), (1, 4), (64, 32))


def check_unit_parameters(answer):
    for c, f in CHANNELS:
        got = to_array(call(answer, c, f), "What it returns")
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        truth = unit_parameters(c, f)
        if is_close(got.reshape(()), truth, tolerance=1e-9):
            continue
        made = {
            count_trainable(c, f): (
                "counts two numbers a channel for each normalisation, the trained ones. It holds "
                "two more, the moving mean and variance."
            ),
            count_both_norms_outside(c, f): (
                "takes both normalisations for ones of the result. The first one comes before the "
                "first convolution: how many channels does it see?"
            ),
            count_without_biases(c, f): "leaves out the biases of the convolutions.",
            count_without_projection(c, f): (
                "leaves out the projection, which is there where c and f differ."
            ),
            count_with_projection(c, f): (
                "counts a projection. Where c and f are equal the shortcut has no layer."
            ),
            count_with_wide_projection(c, f): (
                "takes the projection for a convolution of 3 × 3. Its window is 1 × 1."
            ),
            count_second_as_first(c, f): (
                "takes the second convolution for one on c channels. It gets the f of the first."
            ),
        }
        words = made.get(int(got.item()), "is not right.")
        fail(f"For c = {c} and f = {f} the answer {describe(got.item())} {words}")


def count_trainable(c, f):
    return unit_parameters(c, f) - 2 * c - 2 * f


def count_both_norms_outside(c, f):
    return unit_parameters(c, f) - 4 * c + 4 * f


def count_without_biases(c, f):
    return unit_parameters(c, f) - (3 if c != f else 2) * f


def count_without_projection(c, f):
    return unit_parameters(c, f) - ((c + 1) * f if c != f else 0)


def count_with_projection(c, f):
    return unit_parameters(c, f) + ((c + 1) * f if c == f else 0)


def count_with_wide_projection(c, f):
    return unit_parameters(c, f) + (8 * c * f if c != f else 0)


def count_second_as_first(c, f):
    return unit_parameters(c, f) + 9 * (c - f) * f


def count_by_building(c, f):
    unit = ResidualUnit(f)
    unit.build((None, 8, 8, c))
    return unit.count_params()


parameters = Exercise(
    id="27.1",
    title="Parameters of a unit",
    minutes=5,
    statement="""Write `unit_parameters(c, f)`. It takes two whole numbers and returns how many
parameters a `ResidualUnit(f)` has on maps with `c` channels, trained ones and others, as
`count_params` counts them. Count with arithmetic: two convolutions of 3 × 3 with biases; two
normalisations with four numbers a channel; and a projection of 1 × 1 with bias where `c` is not
`f`.

For example, `unit_parameters(16, 16)` is 4768.""",
    stub="def unit_parameters(c, f):\n    ...",
    answer="unit_parameters",
    check=check_unit_parameters,
    reference=unit_parameters,
    hints=(
        "How many channels does each of the two normalisations see, and each convolution?",
        "A convolution of 3 × 3 from m to n channels has (9 m + 1) n parameters.",
        "4 c + 4 f for the normalisations, (9 c + 1) f and (9 f + 1) f for the convolutions, and "
        "(c + 1) f for the projection, if there is one.",
    ),
    explanation=(
        "Nearly all of it are the two convolutions. The shortcut costs a fraction, and nothing "
        "where the channels agree."
    ),
    wrong=(
        Wrong(count_trainable, "the moving mean and variance"),
        Wrong(count_both_norms_outside, "how many channels does it see"),
        Wrong(count_without_biases, "leaves out the biases"),
        Wrong(count_without_projection, "leaves out the projection"),
        Wrong(count_with_projection, "the shortcut has no layer"),
        Wrong(count_with_wide_projection, "Its window is 1 × 1"),
        Wrong(count_second_as_first, "It gets the f of the first"),
    ),
    right=(count_by_building,),
)

# ---------------------------------------------------------------- 27.2


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
    id="27.2",
    title="A post-activation unit",
    minutes=10,
    statement="""The first residual networks, and ResNet-18 in the next lesson, order the parts
differently. Write the layer `PostActivationUnit(filters)`. It is called on float32 `(batch, height,
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

# ---------------------------------------------------------------- 27.3


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


class FixedUnit(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs, training=training)))
        x = self.conv_2(self.relu(self.norm_2(x, training=training)))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x


class FixedLayer(layers.Layer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(**kwargs)
        self.units = [ResidualUnit(filters) for _ in range(units)]

    def call(self, inputs, training=None):
        x = inputs
        for unit in self.units:
            x = unit(x, training=training)
        return x


@without_warnings
def check_repaired(answer):
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


class UnitActivatedSum(FixedUnit):
    def call(self, inputs, training=None):
        return self.relu(super().call(inputs, training=training))


class LayerUncalled(FixedLayer):
    def call(self, inputs, training=None):
        return self.units[0](inputs, training=training) + 0 * self.units[-1](inputs)


REPAIRED = {"A": FixedUnit, "B": FixedUnit, "C": FixedLayer}


class RepairedA(ResidualUnit):
    def call(self, inputs, training=None):
        shortcut = inputs if self.projection is None else self.projection(inputs)
        x = self.relu(self.norm_1(inputs, training=training))
        x = self.relu(self.norm_2(self.conv_1(x), training=training))
        return self.conv_2(x) + shortcut


class RepairedC(ResNetLayer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(units, filters, **kwargs)
        self.units = [ResidualUnit(filters) for _ in range(units)]


class ImplicitFlag(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs)))
        x = self.conv_2(self.relu(self.norm_2(x)))
        return x + (inputs if self.projection is None else self.projection(inputs))


three_broken = Exercise(
    id="27.3",
    title="Three broken ResNets",
    minutes=20,
    statement="""Repair the parts of the three networks above: `UnitA`, `UnitB` and `LayerC`. All
three run without an error. Find what is at fault in each; the symptoms of the cell above say where
to look.

Set `repaired` to a dict with the keys `"A"`, `"B"`, `"C"` and three **classes**:
`repaired["A"](filters)` and `repaired["B"](filters)` are pre-activation units as in the lesson, and
`repaired["C"](units, filters)` is a chain of `units` units. You may derive from `ResidualUnit` and
`ResNetLayer`, or write the classes anew with Keras layers.""",
    stub="""repaired = {
    "A": ...,
    "B": ...,
    "C": ...,
}""",
    answer="repaired",
    check=check_repaired,
    reference=REPAIRED,
    reference_source="""class FixedUnit(ResidualUnit):
    def call(self, inputs, training=None):
        x = self.conv_1(self.relu(self.norm_1(inputs, training=training)))
        x = self.conv_2(self.relu(self.norm_2(x, training=training)))
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x


class FixedLayer(layers.Layer):
    def __init__(self, units, filters, **kwargs):
        super().__init__(**kwargs)
        self.units = [ResidualUnit(filters) for _ in range(units)]

    def call(self, inputs, training=None):
        x = inputs
        for unit in self.units:
            x = unit(x, training=training)
        return x


repaired = {"A": FixedUnit, "B": FixedUnit, "C": FixedLayer}""",
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
        Wrong({"A": UnitA, "B": FixedUnit, "C": FixedLayer}, "the shortcut does not carry"),
        Wrong({"A": FixedUnit, "B": UnitB, "C": FixedLayer}, "the moving averages do not move"),
        Wrong({"A": FixedUnit, "B": FixedUnit, "C": LayerC}, "The list holds one object"),
        Wrong({"A": UnitWithoutShortcut, "B": FixedUnit, "C": FixedLayer}, "A: the shortcut is"),
        Wrong({"A": FixedUnit, "B": UnitActivatedSum, "C": FixedLayer}, "B: there is a ReLU"),
        Wrong({"A": FixedUnit, "B": FixedUnit, "C": LayerUncalled}, "each of them called"),
    ),
    right=(
        {"A": RepairedA, "B": ImplicitFlag, "C": RepairedC},
        {"A": ResidualUnit, "B": ResidualUnit, "C": ResNetLayer},
    ),
)

EXERCISES = (parameters, post_activation, three_broken)
