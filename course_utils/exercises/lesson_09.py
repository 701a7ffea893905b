"""Exercises of lesson 09, weights and steps."""

from typing import ClassVar

import numpy as np

from course_utils.exercises.expect import (
    NotAttempted,
    call,
    describe,
    expect_close,
    fail,
    is_close,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402

# ---------------------------------------------------------------- 09.1


def centre(network):
    for variable in network.trainable_variables:
        if len(variable.shape) == 2:
            variable.assign(variable - tf.reduce_mean(variable))
    return network


def off_centre():
    """Return a network whose two kernels have ranges of their own, and no bias is 0."""
    network = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)]
    )
    rng = np.random.default_rng(9)
    ranges = [((3, 4), 0.0, 0.1), ((4,), 0.2, 0.4), ((4, 2), 2.0, 6.0), ((2,), 0.5, 0.7)]
    network.set_weights([rng.uniform(low, high, shape) for shape, low, high in ranges])
    return network


def check_centre(answer):
    network = off_centre()
    before = network.get_weights()
    try:
        result = call(answer, network)
    except NotAttempted:
        if is_close(network.get_weights()[0], before[0]):
            raise
        fail("The network has changed, but nothing comes back. End the function with `return`.")
    if not isinstance(result, keras.Model):
        fail(f"It returns {describe(result)}; expected the network.")
    after = network.get_weights()
    if len(after) != 4 or any(a.shape != b.shape for a, b in zip(after, before, strict=True)):
        fail("The network has other variables than before. Change their values alone.")
    if all(np.array_equal(a, b) for a, b in zip(after, before, strict=True)):
        fail(
            "The network's weights are as they were. `get_weights` hands out copies, and "
            "`w = w - …` makes a new tensor. A variable changes by `assign` or `assign_sub`, "
            "all of them by `network.set_weights`."
        )
    if result is not network:
        fail("It returns another network. Change the one that comes in, and return it.")
    first, second = after[0], after[2]
    if is_close(second, before[2] - 0.05) and is_close(first, before[0] - 0.05):
        fail(
            "It subtracts 0.05, which is right for the range from 0 to 0.1. The second kernel of "
            "the test lies between 2 and 6: subtract its own mean."
        )
    kernels = np.concatenate([before[0].ravel(), before[2].ravel()])
    everything = np.concatenate([array.ravel() for array in before])
    for mean in (kernels.mean(), everything.mean()):
        if is_close(first, before[0] - mean):
            fail("It subtracts one mean from both kernels. Each kernel has a mean of its own.")
    for axis in (0, 1):
        if is_close(first, before[0] - before[0].mean(axis=axis, keepdims=True)):
            fail(
                f"The mean is taken along axis {axis} only, so each {('column', 'row')[axis]} is "
                "centred by itself. Take one mean over all numbers of a kernel."
            )
    if is_close(first, before[0] - before[0].mean()) and np.array_equal(second, before[2]):
        fail("Only the first kernel has moved. Is the `return` inside the loop?")
    for place in (0, 2):
        kernel = before[place]
        scaled = (after[place] - after[place].mean()) / after[place].std()
        if not is_close(scaled, (kernel - kernel.mean()) / kernel.std(), tolerance=1e-3):
            fail("The numbers of a kernel have other distances from each other than before.")
        if not is_close(after[place].std(), kernel.std()):
            fail("The range of a kernel has another width now. Move it, and do not scale it.")
        expect_close(
            after[place],
            kernel - kernel.mean(),
            f"The kernel of layer {1 + place // 2}, which had the mean {kernel.mean():.3g},",
        )
    for place in (1, 3):
        if not is_close(after[place], before[place]):
            fail("A bias has changed, too. Only the kernels, which have two axes, are to move.")


def centre_by_layers(network):
    for layer in network.layers:
        layer.kernel.assign_sub(tf.fill(layer.kernel.shape, tf.reduce_mean(layer.kernel)))
    return network


def centre_by_numpy(network):
    network.set_weights(
        [array - array.mean() if array.ndim == 2 else array for array in network.get_weights()]
    )
    return network


def centre_copies(network):
    for array in network.get_weights():
        if array.ndim == 2:
            array -= array.mean()
    return network


def centre_by_constant(network):
    for variable in network.trainable_variables[::2]:
        variable.assign_sub(0.05 * tf.ones(variable.shape))
    return network


def centre_columns(network):
    for variable in network.trainable_variables[::2]:
        variable.assign(variable - tf.reduce_mean(variable, axis=0))
    return network


def centre_together(network):
    kernels = network.get_weights()[::2]
    mean = np.concatenate([kernel.ravel() for kernel in kernels]).mean()
    for variable in network.trainable_variables[::2]:
        variable.assign(variable - mean)
    return network


def centre_first(network):
    for variable in network.trainable_variables:
        if len(variable.shape) == 2:
            variable.assign(variable - tf.reduce_mean(variable))
            return network


def centre_biases_too(network):
    for variable in network.trainable_variables:
        variable.assign(variable - tf.reduce_mean(variable))
    return network


def centre_and_scale(network):
    for variable in network.trainable_variables[::2]:
        mean, deviation = tf.reduce_mean(variable), tf.math.reduce_std(variable)
        variable.assign((variable - mean) / deviation)
    return network


def centre_returns_nothing(network):
    centre(network)


def centre_returns_kernels(network):
    return [kernel - kernel.mean() for kernel in network.get_weights()[::2]]


def centre_clone_and_original(network):
    centre(network)
    return keras.models.clone_model(network)


rescue = Exercise(
    id="09.1",
    title="Rescue the published network",
    minutes=5,
    statement="""The first weights of the published network are all positive. Move their range, and
keep it as wide as it is: write `centre(network)`, which subtracts from each kernel the mean of all
its numbers. It changes the network in place, leaves the biases as they are, and returns the
network.

`network.trainable_variables` lists the variables: the kernel of the first layer, its bias, and so
on. A kernel has two axes, a bias has one. `variable.assign(value)` changes a variable.

For example, the kernel [[1, 3], [0, 4]] becomes [[−1, 1], [−2, 2]].

When it is right, train the network that it has changed:
`train(centre(new_network(published)), keras.optimizers.SGD(0.1))["read"]`.""",
    stub="def centre(network):\n    ...",
    answer="centre",
    check=check_centre,
    reference=centre,
    right=(centre_by_layers, centre_by_numpy),
    hints=(
        "Go through `network.trainable_variables`. `len(variable.shape)` says how many axes a "
        "variable has.",
        "`tf.reduce_mean(variable)` is one number. Subtract it, and hand the result to `assign`.",
        "After the loop, `return network`.",
    ),
    explanation=(
        "The kernels are as wide as before, but positive and negative weights cancel now, so units "
        "differ. One subtraction takes the network from where no rate helps to some 0.86."
    ),
    wrong=(
        Wrong(centre_copies, "`get_weights` hands out copies"),
        Wrong(centre_by_constant, "It subtracts 0.05"),
        Wrong(centre_columns, "each column is centred by itself"),
        Wrong(centre_together, "one mean from both kernels"),
        Wrong(centre_first, "Only the first kernel has moved"),
        Wrong(centre_biases_too, "A bias has changed, too"),
        Wrong(centre_and_scale, "another width now"),
        Wrong(centre_returns_nothing, "nothing comes back"),
        Wrong(centre_returns_kernels, "expected the network"),
        Wrong(centre_clone_and_original, "It returns another network"),
    ),
)

# ---------------------------------------------------------------- 09.2


class MyMomentum:
    def __init__(self, learning_rate, momentum):
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocities = None

    def apply(self, gradients, weights):
        if self.velocities is None:
            self.velocities = [tf.zeros_like(weight) for weight in weights]
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            velocity = self.momentum * self.velocities[i] - self.learning_rate * gradient
            self.velocities[i] = velocity
            weight.assign_add(velocity)


RATE, KEPT = 0.1, 0.5
FIRST = np.array([[1.0, -2.0], [4.0, 0.5], [-3.0, 2.5]], "float32")  # for three weights
SECOND = np.array([[3.0, 1.0], [-1.0, 2.0], [0.5, -4.0]], "float32")


def momentum_step(optimizer, gradients, weights):
    """Call the learner's object and return by how much each weight moved."""
    before = [weight.numpy() for weight in weights]

    def apply():
        optimizer.apply([tf.constant(gradient) for gradient in gradients], weights)
        return True

    call(apply)
    return np.array([weight.numpy() - old for weight, old in zip(weights, before, strict=True)])


def new_weights():
    return [tf.Variable([1.0, 2.0]), tf.Variable([3.0, -4.0]), tf.Variable([0.5, 6.0])]


def check_momentum(answer):
    optimizer = call(answer, RATE, KEPT)
    if not callable(getattr(optimizer, "apply", None)):
        fail("Its objects have no method `apply`. Give the class one.")
    weights = new_weights()
    plain, alone = -RATE * FIRST, -RATE * SECOND
    moved = momentum_step(optimizer, FIRST, weights)
    if not np.any(moved):
        if not getattr(optimizer, "__dict__", None):
            raise NotAttempted("An object of MyMomentum changes no weight. Complete both methods.")
        if is_close(momentum_step(optimizer, SECOND, weights), plain):
            fail("A weight moves by its old velocity. Compute the new one first, then move by it.")
        fail("After a step the weights are where they were. Change them in place: `assign_add`.")
    if is_close(moved, -FIRST):
        fail("The first step is the gradient itself. Where does the learning rate come in?")
    if is_close(moved, -plain):
        fail(
            "The first step goes along the gradient, which leads uphill. The velocity points "
            "against the gradient: look at the signs."
        )
    if is_close(moved, (1 - KEPT) * plain):
        fail(
            "The first step is too short: the gradient comes in by (1 - momentum). That is a "
            "running mean; here the gradient comes in whole, times the learning rate."
        )
    if is_close(moved[0], plain[0]) and is_close(moved[1], KEPT * plain[0] + plain[1]):
        fail(
            "The second weight moved with the velocity of the first. Each weight has a velocity "
            "of its own."
        )
    expect_close(moved, plain, "The first step")
    moved = momentum_step(optimizer, SECOND, weights)
    if is_close(moved, alone):
        fail(
            "The second step is as if there had been no first one: the velocity is lost between "
            "the steps. Where can an object keep what it needs again?"
        )
    if is_close(moved, alone - KEPT * plain):
        fail("In the second step the old velocity is subtracted; it should be added.")
    if is_close(moved, alone + plain):
        fail("In the second step the old velocity is there in full: multiply it by `momentum`.")
    velocities = KEPT * plain + alone
    expect_close(moved, velocities, "The second step")
    moved = momentum_step(optimizer, FIRST, weights)
    expect_close(moved, KEPT * velocities + plain, "The third step")
    moved = momentum_step(call(answer, RATE, KEPT), FIRST, new_weights())
    if not is_close(moved, plain):
        fail(
            "A second object of the class does not start at velocity 0: it sees the velocities "
            "of the first. Keep them in `self`, not in the class or outside."
        )


class VelocityWithoutRate:
    """The other usual form: the learning rate multiplies the velocity."""

    def __init__(self, learning_rate, momentum):
        self.learning_rate, self.momentum, self.sums = learning_rate, momentum, {}

    def apply(self, gradients, weights):
        for place, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            self.sums[place] = self.momentum * self.sums.get(place, 0.0) + gradient
            weight.assign_sub(self.learning_rate * self.sums[place])


class VelocityVariables(MyMomentum):
    def apply(self, gradients, weights):
        if self.velocities is None:
            self.velocities = [tf.Variable(tf.zeros(weight.shape)) for weight in weights]
        for gradient, weight, velocity in zip(gradients, weights, self.velocities, strict=True):
            velocity.assign(self.momentum * velocity)
            velocity.assign_sub(self.learning_rate * gradient)
            weight.assign(weight + velocity)


class MomentumForgets(MyMomentum):
    def apply(self, gradients, weights):
        velocities = [tf.zeros_like(weight) for weight in weights]
        for velocity, gradient, weight in zip(velocities, gradients, weights, strict=True):
            velocity = self.momentum * velocity - self.learning_rate * gradient
            weight.assign_add(velocity)


class MomentumUphill(MyMomentum):
    def apply(self, gradients, weights):
        super().apply([-gradient for gradient in gradients], weights)


class MomentumAverage(MyMomentum):
    def apply(self, gradients, weights):
        super().apply([(1 - self.momentum) * gradient for gradient in gradients], weights)


class MomentumShared(MyMomentum):
    velocity = 0.0

    def apply(self, gradients, weights):
        for gradient, weight in zip(gradients, weights, strict=True):
            self.velocity = self.momentum * self.velocity - self.learning_rate * gradient
            weight.assign_add(self.velocity)


class MomentumUndamped(MyMomentum):
    def __init__(self, learning_rate, momentum):
        super().__init__(learning_rate, 1.0)


class MomentumBackwards(MyMomentum):
    def __init__(self, learning_rate, momentum):
        super().__init__(learning_rate, -momentum)


class MomentumElsewhere(MyMomentum):
    kept: ClassVar[list] = []
    objects = 0

    def __init__(self, learning_rate, momentum):
        super().__init__(learning_rate, momentum)
        MomentumElsewhere.objects += 1
        if MomentumElsewhere.objects % 2:  # a check makes two objects; the next one starts anew
            MomentumElsewhere.kept.clear()

    def apply(self, gradients, weights):
        if not self.kept:
            self.kept.extend(tf.zeros_like(weight) for weight in weights)
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            self.kept[i] = self.momentum * self.kept[i] - self.learning_rate * gradient
            weight.assign_add(self.kept[i])


class MomentumNotInPlace(MyMomentum):
    def apply(self, gradients, weights):
        self.velocities = [0.0] * len(weights)
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            self.velocities[i] = self.momentum * self.velocities[i] - self.learning_rate * gradient
            weight = weight + self.velocities[i]


class MomentumLate(MyMomentum):
    def apply(self, gradients, weights):
        if self.velocities is None:
            self.velocities = [tf.zeros_like(weight) for weight in weights]
        for i, (gradient, weight) in enumerate(zip(gradients, weights, strict=True)):
            weight.assign_add(self.velocities[i])
            self.velocities[i] = self.momentum * self.velocities[i] - self.learning_rate * gradient


class MomentumWithoutRate(MyMomentum):
    def __init__(self, learning_rate, momentum):
        super().__init__(1.0, momentum)


class MomentumForTwo(MyMomentum):
    def __init__(self, learning_rate, momentum):
        super().__init__(learning_rate, momentum)
        self.velocities = [0.0, 0.0]


class MomentumCalled(MyMomentum):
    apply = None

    def __call__(self, gradients, weights):
        MyMomentum.apply(self, gradients, weights)


momentum = Exercise(
    id="09.2",
    title="Momentum",
    minutes=10,
    statement="""With **momentum**, each weight has a velocity $v$, which starts at 0. A step keeps
a fraction $\\mu$ of the velocity, adds the push of the gradient $g$ at the learning rate $\\eta$,
and moves the weight by the result:

$$v \\leftarrow \\mu v - \\eta g, \\qquad w \\leftarrow w + v$$

Write the class `MyMomentum`. `MyMomentum(learning_rate, momentum)` takes $\\eta$ and $\\mu$. Its
objects have the method `apply(gradients, weights)`, as `Descent` does: it gets a list of float32
tensors and a list of `tf.Variable` of the same shapes, changes the variables in place, and returns
nothing. `tf.zeros_like(weight)` makes zeros of the shape of a weight.

For example, with the learning rate 0.1, momentum 0.5 and a gradient of 1 at each step, a weight
moves by −0.1, then −0.15, then −0.175.

When it is right, put it beside Keras':
`largest_gap(MyMomentum(0.1, 0.9), keras.optimizers.SGD(0.1, momentum=0.9))`.""",
    stub="""class MyMomentum:
    def __init__(self, learning_rate, momentum):
        ...

    def apply(self, gradients, weights):
        ...""",
    answer="MyMomentum",
    check=check_momentum,
    reference=MyMomentum,
    right=(VelocityWithoutRate, VelocityVariables),
    hints=(
        "What has to survive from one step to the next? Attributes of `self` do.",
        "You know the shapes of the weights at the first step: make a list of zeros there.",
        "For each weight: compute the new velocity, store it in the list, `assign_add` it.",
    ),
    explanation=(
        "The velocities live in the object, one a weight, made at the first step, when the shapes "
        "are known. Keras' SGD(momentum=...) computes the same two lines."
    ),
    wrong=(
        Wrong(MomentumForgets, "the velocity is lost between the steps"),
        Wrong(MomentumUphill, "leads uphill"),
        Wrong(MomentumAverage, "That is a running mean"),
        Wrong(MomentumShared, "Each weight has a velocity of its own"),
        Wrong(MomentumUndamped, "multiply it by `momentum`"),
        Wrong(MomentumBackwards, "the old velocity is subtracted"),
        Wrong(MomentumElsewhere, "it sees the velocities of the first"),
        Wrong(MomentumNotInPlace, "the weights are where they were"),
        Wrong(MomentumLate, "moves by its old velocity"),
        Wrong(MomentumWithoutRate, "Where does the learning rate come in"),
        Wrong(MomentumForTwo, "`apply` raised IndexError"),
        Wrong(MomentumCalled, "no method `apply`"),
    ),
)

EXERCISES = (rescue, momentum)
