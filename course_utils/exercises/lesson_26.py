"""Exercises of lesson 26, Residual blocks."""

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
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers, ops  # noqa: E402


def randomise(layer):
    """Give all weights random values; return (kernel, bias) of each dense layer, in order."""
    rng, dense = np.random.default_rng(1), []
    for weight in layer.weights:
        value = rng.normal(size=tuple(weight.shape)).astype(np.float32) / 2
        weight.assign(value)
        if value.ndim == 2:
            dense.append((value, np.zeros(value.shape[1], np.float32)))
        elif value.ndim == 1 and dense:
            dense[-1] = (dense[-1][0], value)
    return dense


def main_path(x, dense):
    for kernel, bias in dense:
        x = np.maximum(x @ kernel + bias, 0)
    return x


def affine(x, one):
    return x @ one[0] + one[1]


# ---------------------------------------------------------------- 26.1


class DNNResidual(layers.Layer):
    """The class of the lesson."""

    def __init__(self, depth, neurons):
        super().__init__()
        self.hidden = [layers.Dense(neurons, activation="relu") for _ in range(depth)]

    def call(self, inputs):
        x = inputs
        for layer in self.hidden:
            x = layer(x)
        return inputs + x


class Tower(keras.Model):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__()
        self.first = layers.Dense(neurons, activation="relu")
        if shared:
            self.blocks = [DNNResidual(2, neurons)] * rounds
        else:
            self.blocks = [DNNResidual(2, neurons) for _ in range(rounds)]
        self.answer = layers.Dense(1)

    def call(self, inputs, training=None):
        x = self.first(inputs)
        for block in self.blocks:
            x = block(x)
        return self.answer(x)


@without_warnings
def check_tower(answer):
    expect_class(answer, keras.Model, "Tower")
    for rounds, shared in ((5, False), (2, False), (2, True), (5, True)):
        check_one_tower(answer, rounds, shared)


def check_one_tower(answer, rounds, shared):
    neurons, x = 4, random_batch(6, 3)
    made = f"Tower({rounds}, 4, shared={shared})"
    model = call(answer, rounds, neurons, shared)
    first = expect_shape(run_layer(model, x), (6, 1), f"{made} on a batch of shape (6, 3)")
    if not is_close(run_layer(model, x), first):
        fail("Called twice on one batch, it answers differently: call makes layers anew.")
    dense = randomise(model)
    starts = [one for one in dense if one[0].shape == (3, neurons)]
    squares = [one for one in dense if one[0].shape == (neurons, neurons)]
    ends = [one for one in dense if one[0].shape == (neurons, 1)]
    if len(starts) != 1 or len(ends) != 1 or not squares:
        fail(
            f"After a call on 3 numbers, the matrices of {made} have the shapes "
            f"{[one[0].shape for one in dense]}. Expected (3, 4) of the first layer, (4, 4) of "
            "the blocks, (4, 1) of the last."
        )
    blocks = [squares[place : place + 2] for place in range(0, len(squares), 2)]
    expect_blocks(len(blocks), rounds, shared, made)
    got = to_array(run_layer(model, x))

    def tower(how_often):
        y = main_path(x, starts)
        for block in blocks * how_often if shared else blocks:
            y = y + main_path(y, block)
        return affine(y, ends[0])

    right = rounds if shared else 1
    if is_close(got, tower(right)):
        return
    if shared:
        for other in range(rounds + 3):
            if other != rounds and is_close(got, tower(other)):
                report_rounds(made, other, rounds)
    fail(
        f"{made} has the right weights and answers with other numbers than the row: dense with "
        "ReLU, the blocks, dense without activation."
    )


def report_rounds(made, other, rounds):
    if other == 3:
        fail(f"{made} calls the block three times, whatever the argument says.")
    times = "once" if other == 1 else f"{other} times"
    fail(f"{made} calls the block {times}, expected {rounds} times. Which numbers has your range?")


def expect_blocks(found, rounds, shared, made):
    """Check how many blocks a tower has."""
    if shared and found == rounds:
        fail(f"{made} has {found} blocks of its own; expected one that is called in each round.")
    if shared and found != 1:
        fail(f"{made} has the weights of {found} blocks; expected those of one.")
    if not shared and found == 1:
        fail(
            f"{made} has the weights of one block only. [block] * n is one block n times, and so "
            "is a loop over one attribute."
        )
    if not shared and found == 3:
        fail(f"{made} has three blocks, whatever the argument says.")
    if not shared and found != rounds:
        fail(f"{made} has {found} blocks, expected {rounds}. Which numbers has your range?")


class TowerShort(Tower):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__(rounds, neurons, shared)
        self.blocks = [DNNResidual(2, neurons) for _ in range(1, rounds)]


class TowerAlwaysShared(Tower):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__(rounds, neurons, shared=True)


class TowerNeverShared(Tower):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__(rounds, neurons, shared=False)


class TowerOfThree(Tower):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__(3, neurons, shared)


class TowerSharedShort(Tower):
    def call(self, inputs, training=None):
        x = self.first(inputs)
        blocks = self.blocks
        if len(blocks) > 1 and blocks[0] is blocks[1]:
            blocks = blocks[1:]
        for block in blocks:
            x = block(x)
        return self.answer(x)


class TowerInCall(Tower):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__(rounds, neurons, shared)
        self.neurons = neurons

    def call(self, inputs, training=None):
        x = self.first(inputs)
        for _ in self.blocks:
            x = DNNResidual(2, self.neurons)(x)
        return self.answer(x)


class TowerActivated(Tower):
    def call(self, inputs, training=None):
        return ops.maximum(super().call(inputs), 0)


class TowerByLoop(keras.Model):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__()
        self.rounds, self.shared = rounds, shared
        self.first = layers.Dense(neurons, activation="relu")
        self.blocks = [DNNResidual(2, neurons) for _ in range(1, 2 if shared else rounds + 1)]
        self.answer = layers.Dense(1)

    def call(self, inputs, training=None):
        x = self.first(inputs)
        for place in range(self.rounds):
            x = self.blocks[0 if self.shared else place](x)
        return self.answer(x)


tower = Exercise(
    id="26.1",
    title="Depth as an argument",
    minutes=10,
    statement="""Write the class `Tower`, a `keras.Model`. `Tower(rounds, neurons, shared=False)` is
called on float32 `(batch, n)` and returns float32 `(batch, 1)`:

- a dense layer with `neurons` units and ReLU;
- `rounds` rounds of `DNNResidual(2, neurons)`. With `shared=False` each round has a block of its
  own, with `shared=True` all rounds call one block. `rounds` is at least 1;
- a dense layer with 1 unit and no activation.

`DNNResidual` is the class of this lesson. Make the blocks in the order of their calls.""",
    stub="""class Tower(keras.Model):
    def __init__(self, rounds, neurons, shared=False):
        super().__init__()

    def call(self, inputs, training=None):
        ...""",
    answer="Tower",
    check=check_tower,
    reference=Tower,
    hints=(
        "All layers are made in __init__, and call only goes through them. A list can hold the "
        "blocks in both cases.",
        "How does a list look that holds one block n times, and one that holds n blocks? The loop "
        "in call is the same for both.",
        "self.blocks = [DNNResidual(2, neurons)] * rounds if shared else [DNNResidual(2, neurons) "
        "for _ in range(rounds)]; then `for block in self.blocks: x = block(x)`.",
    ),
    explanation=(
        "`range(rounds)` has as many numbers as there are rounds. `[block] * rounds` holds one "
        "block several times, a list comprehension makes a new one each time."
    ),
    wrong=(
        Wrong(TowerShort, "has 4 blocks, expected 5"),
        Wrong(TowerAlwaysShared, "has the weights of one block only"),
        Wrong(TowerNeverShared, "has 2 blocks of its own"),
        Wrong(TowerOfThree, "has three blocks, whatever the argument says"),
        Wrong(TowerSharedShort, "calls the block once, expected 2 times"),
        Wrong(TowerInCall, "call makes layers anew"),
        Wrong(TowerActivated, "answers with other numbers"),
    ),
    right=(TowerByLoop,),
    seconds=40,
)

# ---------------------------------------------------------------- 26.2


def count_parameters(channels, filters, depth, blocks, shared):
    def convolution(size, before):
        return size * size * before * filters + filters

    def block(before):
        main_path = convolution(3, before) + (depth - 1) * convolution(3, filters)
        return main_path + (convolution(1, before) if before != filters else 0)

    if shared:
        return block(channels)
    return block(channels) + (blocks - 1) * block(filters)


CHAINS = (
    (30, 32, 2, 1, False),
    (32, 32, 1, 1, False),
    (32, 32, 2, 3, False),
    (16, 16, 3, 4, True),
    (30, 32, 2, 3, False),
    (1, 8, 3, 2, False),
)


def check_count(answer):
    for chain in CHAINS:
        got = to_array(call(answer, *chain), "The count")
        if got.shape != ():
            fail(f"The count is {describe(got)}; expected one number.")
        if not is_close(got, count_parameters(*chain), tolerance=1e-9):
            report_count(chain, got)


def report_count(chain, got):
    channels, filters, depth, blocks, shared = chain
    right = count_parameters(*chain)
    own = blocks if not shared else 1
    where = f"For {chain} it says {int(got) if np.isfinite(got) else got}. "
    projection = (channels + 1) * filters
    if is_close(got, right - own * depth * filters - (channels != filters) * filters):
        fail(where + "The biases are missing: each filter has one.")
    if channels != filters and is_close(got, right - projection):
        fail(
            where + "That is the main path alone. The channels differ, and the shortcut of this "
            "block has weights."
        )
    if shared and is_close(got, blocks * right):
        fail(where + "It counts a shared block once for each call. How often do its weights exist?")
    if channels == filters and is_close(got, right + own * projection):
        fail(where + "It counts a projection where the channels are equal, and there is none.")
    if channels != filters and is_close(got, blocks * count_parameters(*chain[:3], 1, False)):
        fail(
            where + "It takes all blocks for copies of the first. What reaches the second has "
            "another number of channels."
        )
    if is_close(got, count_parameters(filters, *chain[1:]) + (channels != filters) * projection):
        fail(where + "It takes the first convolution for one on `filters` channels.")
    fail(where + f"That is {abs(int(got - right))} off. Count one block first, layer by layer.")


def count_no_bias(channels, filters, depth, blocks, shared):
    block = 9 * channels * filters + (depth - 1) * 9 * filters * filters
    block += channels * filters if channels != filters else 0
    rest = 0 if shared else (blocks - 1) * depth * 9 * filters * filters
    return block + rest


def count_main_path_only(channels, filters, depth, blocks, shared):
    total = count_parameters(channels, filters, depth, blocks, shared)
    return total - ((channels + 1) * filters if channels != filters else 0)


def count_calls(channels, filters, depth, blocks, shared):
    return count_parameters(channels, filters, depth, 1, False) + (blocks - 1) * count_parameters(
        filters, filters, depth, 1, False
    )


def count_always_projected(channels, filters, depth, blocks, shared):
    own = 1 if shared else blocks
    total = count_parameters(channels, filters, depth, blocks, shared)
    return total + (own * (channels + 1) * filters if channels == filters else 0)


def count_copies(channels, filters, depth, blocks, shared):
    own = 1 if shared else blocks
    return own * count_parameters(channels, filters, depth, 1, False)


def count_first_as_others(channels, filters, depth, blocks, shared):
    projection = (channels + 1) * filters if channels != filters else 0
    return count_parameters(filters, filters, depth, blocks, shared) + projection


count = Exercise(
    id="26.2",
    title="Count parameters",
    minutes=10,
    statement="""A chain of `blocks` convolutional blocks starts from an image with `channels`
channels. Each block is a `CNNResidual(depth, filters)` of this lesson: `depth` convolutions of
3 × 3 with bias, and a projection of 1 × 1 with bias where it needs one. With `shared=True` all
of them are one block; then `channels` equals `filters`.

Write `count_parameters(channels, filters, depth, blocks, shared)`. It takes four whole numbers, at
least 1, and a bool, and returns the number of parameters of the chain. Count with arithmetic; no
layer is needed. For `(30, 32, 2, 1, False)` it is 18912.""",
    stub="""def count_parameters(channels, filters, depth, blocks, shared):
    ...""",
    answer="count_parameters",
    check=check_count,
    reference=count_parameters,
    hints=(
        "One convolution of 3 × 3 from a to b channels has 9 · a · b weights and b biases. Which "
        "convolutions of a block do not start from `filters` channels?",
        "The first convolution and the projection start from what comes in; the other convolutions "
        "from `filters`. The second block gets `filters` channels, so it has no projection.",
        "Write an inner function for one block that takes the channels before it. The chain is "
        "block(channels), and without sharing (blocks - 1) times block(filters) more.",
    ),
    explanation=(
        "Only the first block sees the channels of the image, so only it can have a projection. "
        "Sharing leaves one block to count, however often it is called."
    ),
    wrong=(
        Wrong(count_no_bias, "The biases are missing"),
        Wrong(count_main_path_only, "That is the main path alone"),
        Wrong(count_calls, "It counts a shared block once for each call"),
        Wrong(count_always_projected, "It counts a projection where the channels are equal"),
        Wrong(count_copies, "It takes all blocks for copies of the first"),
        Wrong(count_first_as_others, "It takes the first convolution for one on"),
    ),
)

# ---------------------------------------------------------------- 26.3


class ProjectedDNN(layers.Layer):
    def __init__(self, depth, neurons):
        super().__init__()
        self.neurons, self.projection = neurons, None
        self.hidden = [layers.Dense(neurons, activation="relu") for _ in range(depth)]

    def build(self, input_shape):
        if input_shape[-1] != self.neurons:
            self.projection = layers.Dense(self.neurons)
            self.projection.build(input_shape)
        for layer in self.hidden:
            layer.build(input_shape)
            input_shape = (*input_shape[:-1], self.neurons)

    def call(self, inputs):
        x = inputs
        for layer in self.hidden:
            x = layer(x)
        shortcut = inputs if self.projection is None else self.projection(inputs)
        return shortcut + x


UNEQUAL = {
    "ncompatible shapes": "With 5 numbers coming in and 4 neurons, the two paths do not add. The "
    "shortcut needs a projection where the widths differ.",
}


@without_warnings
def check_projected(answer):
    expect_class(answer, layers.Layer, "ProjectedDNN")
    depth, neurons = 3, 4
    for width in (5, 4, 1):
        x = random_batch(6, width)
        layer = call(answer, depth, neurons)
        what = f"ProjectedDNN(3, 4) on a batch of shape (6, {width})"
        first = expect_shape(run_layer(layer, x, says=UNEQUAL), (6, neurons), what)
        if not is_close(run_layer(layer, x), first):
            fail(
                "Called twice on one batch, it answers differently: it makes layers anew at each "
                "call. Make them in __init__ or in build."
            )
        dense = randomise(layer)
        got = to_array(run_layer(layer, x), what)
        if width == neurons:
            check_identity(got, x, dense, depth)
        else:
            check_projection(got, x, dense, depth, width)


def check_identity(got, x, dense, depth):
    if len(dense) > depth:
        fail(
            "With 4 numbers coming in and 4 neurons it projects too: it has "
            f"{len(dense)} matrices, expected {depth}. Where the widths are equal, the shortcut is "
            "the inputs."
        )
    if not is_close(got, x + main_path(x, dense)):
        report_sum(got, x, main_path(x, dense))


def report_sum(got, shortcut, path):
    """Fail with what is known about a result that is not shortcut + path."""
    if is_close(got, np.maximum(shortcut + path, 0)):
        fail("There is a ReLU after the sum. Here the block ends with the sum.")
    if is_close(got, path):
        fail("It returns the main path alone: the shortcut is not added.")
    fail("Where the widths are equal, the result is not the inputs plus the main path.")


def check_projection(got, x, dense, depth, width):
    first = [one for one in dense if one[0].shape[0] == width]
    others = [one for one in dense if one[0].shape[0] != width]
    if len(dense) == depth and len(first) == 1:
        fail(
            f"With {width} coming in and 4 neurons there is no projection. A width of 1 is "
            "stretched by broadcasting, so the sum raises no error."
            if width == 1
            else f"With {width} coming in and 4 neurons, there is no layer for the shortcut."
        )
    if len(first) == 1 and len(others) == depth:
        fail(
            "The projection is on the main path: the first hidden layer works on projected "
            "numbers. Both paths start from the inputs, and only the shortcut is projected."
        )
    if len(first) != 2 or len(others) != depth - 1:
        shapes = [one[0].shape for one in dense]
        fail(f"Its matrices have the shapes {shapes}; expected {depth} for the main path and one.")
    for start, projection in (first, first[::-1]):
        path, shortcut = main_path(x, [start, *others]), affine(x, projection)
        if is_close(got, path + shortcut):
            return
        if is_close(got, path + np.maximum(shortcut, 0)):
            fail(
                "The projection has an activation, so nothing below 0 gets through the shortcut. "
                "It has to hand on what came in, as well as other widths allow."
            )
        if is_close(got, np.maximum(path + shortcut, 0)):
            fail("There is a ReLU after the sum. Here the block ends with the sum.")
    fail("The result is not projection of the inputs + main path of the inputs.")


class ProjectedOnMainPath(ProjectedDNN):
    def build(self, input_shape):
        if input_shape[-1] != self.neurons:
            self.projection = layers.Dense(self.neurons)

    def call(self, inputs):
        x = shortcut = inputs if self.projection is None else self.projection(inputs)
        for layer in self.hidden:
            x = layer(x)
        return shortcut + x


class ProjectedActivated(ProjectedDNN):
    def build(self, input_shape):
        if input_shape[-1] != self.neurons:
            self.projection = layers.Dense(self.neurons, activation="relu")


class ProjectedAlways(ProjectedDNN):
    def build(self, input_shape):
        self.projection = layers.Dense(self.neurons)


class ProjectedNever(ProjectedDNN):
    def build(self, input_shape):
        pass


class ProjectedNotForOne(ProjectedDNN):
    def build(self, input_shape):
        if input_shape[-1] not in (1, self.neurons):
            self.projection = layers.Dense(self.neurons)


class ProjectedReluAfterSum(ProjectedDNN):
    def call(self, inputs):
        return ops.maximum(super().call(inputs), 0)


class ProjectedInCall(ProjectedDNN):
    def build(self, input_shape):
        pass

    def call(self, inputs):
        x = inputs
        for layer in self.hidden:
            x = layer(x)
        shortcut = inputs
        if inputs.shape[-1] != self.neurons:
            shortcut = layers.Dense(self.neurons)(inputs)
        return shortcut + x


class ProjectedFirst(layers.Layer):
    """Makes its projection before its hidden layers."""

    def __init__(self, depth, neurons):
        super().__init__()
        self.depth, self.neurons = depth, neurons

    def build(self, input_shape):
        self.same = input_shape[-1] == self.neurons
        if not self.same:
            self.way = layers.Dense(self.neurons)
            self.way.build(input_shape)
        dense = [layers.Dense(self.neurons, activation="relu") for _ in range(self.depth)]
        self.main_path = keras.Sequential(dense)
        self.main_path.build(input_shape)

    def call(self, inputs):
        return self.main_path(inputs) + (inputs if self.same else self.way(inputs))


projected = Exercise(
    id="26.3",
    title="A projection shortcut",
    minutes=20,
    statement="""Write the class `ProjectedDNN`, a dense residual block for inputs of any width.
`ProjectedDNN(depth, neurons)` is called on float32 `(batch, n)` and returns float32
`(batch, neurons)`: shortcut + main path.

- The main path is `depth` dense layers with `neurons` units and ReLU; the first of them works on
  the inputs.
- Where `n` equals `neurons`, the shortcut is the inputs, and there are no other weights.
- Where not, also for `n = 1`, the shortcut is a projection of the inputs: a dense layer with
  `neurons` units and no activation.
- Each block is used with one `n` only. Nothing comes after the sum.""",
    stub="""class ProjectedDNN(layers.Layer):
    def __init__(self, depth, neurons):
        super().__init__()

    def call(self, inputs):
        ...""",
    answer="ProjectedDNN",
    check=check_projected,
    reference=ProjectedDNN,
    hints=(
        "Whether a projection is needed depends on the width of the inputs. Which of a layer's "
        "methods is told the shape before the first call?",
        "In build, compare input_shape[-1] with the number of neurons, and make the projection or "
        "leave it None. In call, keep two names: one for the main path, one for the shortcut.",
        "shortcut = inputs if self.projection is None else self.projection(inputs), and at the end "
        "return shortcut + x.",
    ),
    explanation=(
        "Both paths start from the inputs. The projection is linear, so that the shortcut hands on "
        "negative numbers too, and exists only where the widths differ."
    ),
    wrong=(
        Wrong(ProjectedOnMainPath, "The projection is on the main path"),
        Wrong(ProjectedActivated, "The projection has an activation"),
        Wrong(ProjectedAlways, "it projects too"),
        Wrong(ProjectedNever, "The shortcut needs a projection"),
        Wrong(ProjectedNotForOne, "stretched by broadcasting"),
        Wrong(ProjectedReluAfterSum, "There is a ReLU after the sum"),
        Wrong(ProjectedInCall, "it makes layers anew at each call"),
    ),
    right=(ProjectedFirst,),
)

EXERCISES = (tower, count, projected)
