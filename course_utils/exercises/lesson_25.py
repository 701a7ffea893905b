"""Exercises of lesson 25, Python in call."""

import inspect

import numpy as np

from course_utils.exercises.expect import (
    call,
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


def run(layer, *args, **kwargs):
    """Call a learner's layer, also one that cannot do without a mask."""
    says = {
        "argument: 'mask'": "It cannot be called without a mask. Not every row has one: give the "
        "argument the default None."
    }
    takes_mask = "mask" in inspect.signature(layer.call).parameters
    if takes_mask and isinstance(args[0], np.ndarray):
        says["NoneType"] = (
            "It fails when no mask comes along: mask is None then, and nothing can be computed "
            "with None. Without a mask, all steps count."
        )
    return run_layer(layer, *args, says=says, **kwargs)


# ---------------------------------------------------------------- 25.1


class TurnBright(layers.Layer):
    def call(self, images):
        bright = ops.mean(images, axis=(1, 2), keepdims=True) > 0.5
        return ops.where(bright, 1.0 - images, images)


def mixed_images():
    """Return bright and dark images, float32 (4, 5, 6); the batch as a whole is dark."""
    images = np.random.default_rng(25).uniform(-0.15, 0.15, (4, 5, 6))
    images += np.array([0.2, 0.8, 0.05, 0.6])[:, None, None]
    images[0, 2], images[3, 1] = 0.9, 0.1  # a bright row in a dark image, and the other way round
    return np.clip(images, 0, 1).astype("float32")


@without_warnings
def check_turn_bright(answer):
    expect_class(answer, layers.Layer, "TurnBright")
    images = mixed_images()
    truth = np.where(images.mean(axis=(1, 2), keepdims=True) > 0.5, 1 - images, images)
    got = expect_shape(run(call(answer), images), images.shape, "What the layer returns")
    mistakes = {
        "turns no image. Which of them has a mean above 0.5?": images,
        "turns every image. ops.where takes one condition for each of them.": 1 - images,
        "turns pixel by pixel. Take the mean of each image first, over the axes 1 and 2.": np.where(
            images > 0.5, 1 - images, images
        ),
        "turns the dark images and leaves the bright ones.": np.where(
            images.mean(axis=(1, 2), keepdims=True) > 0.5, images, 1 - images
        ),
        "decides row by row of an image. Take the mean over both axes, 1 and 2.": np.where(
            images.mean(axis=2, keepdims=True) > 0.5, 1 - images, images
        ),
    }
    if not is_close(got, truth):
        for words, made in mistakes.items():
            if is_close(got, made):
                fail(f"For two dark and two bright images, it {words}")
        fail("Expected 1 - image where the mean of the image is above 0.5, else the image.")
    compiled = tf.function(lambda batch: call(answer)(batch))
    try:
        in_a_graph = compiled(tf.constant(images))
    except tf.errors.OperatorNotAllowedInGraphError:
        fail(
            "It works on data and not in fit: Python's `if` cannot decide about a tensor there. "
            "Use ops.where, with one condition for each image."
        )
    if not is_close(in_a_graph, truth):
        fail("In a graph it answers differently than on data.")


class TurnByIf(layers.Layer):
    def call(self, images):
        return 1.0 - images if ops.mean(images) > 0.5 else images


class TurnEachByIf(layers.Layer):
    def call(self, images):
        turned = [1.0 - image if ops.mean(image) > 0.5 else image for image in images]
        return ops.stack(turned)


class TurnPixels(layers.Layer):
    def call(self, images):
        return ops.where(images > 0.5, 1.0 - images, images)


class TurnRows(layers.Layer):
    def call(self, images):
        return ops.where(ops.mean(images, axis=2, keepdims=True) > 0.5, 1.0 - images, images)


class TurnDark(layers.Layer):
    def call(self, images):
        bright = ops.mean(images, axis=(1, 2), keepdims=True) > 0.5
        return ops.where(bright, images, 1.0 - images)


class TurnAll(layers.Layer):
    def call(self, images):
        return 1.0 - images


class TurnByArithmetic(layers.Layer):
    def call(self, images):
        bright = tf.cast(tf.reduce_mean(images, axis=[1, 2]) > 0.5, images.dtype)[:, None, None]
        return bright * (1 - images) + (1 - bright) * images


turn = Exercise(
    id="25.1",
    title="Turn each bright image",
    minutes=5,
    statement="""Write the layer `TurnBright`, a class without arguments. It is called on images,
float32 `(batch, height, width)` from 0 to 1, and returns float32 of the same shape: `1 - image` for
each image whose own mean is above 0.5, and the other images as they are. It must work in `fit` as
well.
`ops.mean(images, axis=(1, 2), keepdims=True)` is one mean for each image, of shape
`(batch, 1, 1)`.""",
    stub="""class TurnBright(layers.Layer):
    def call(self, images):
        ...""",
    answer="TurnBright",
    check=check_turn_bright,
    reference=TurnBright,
    hints=(
        "Both results exist for each image. What chooses between two tensors, with a condition for "
        "each place?",
        "ops.where(condition, a, b) broadcasts a condition of shape (batch, 1, 1).",
    ),
    explanation=(
        "where computes both and chooses for each image. cond would decide once, for the batch."
    ),
    wrong=(
        Wrong(TurnByIf, "turns no image"),
        Wrong(TurnEachByIf, "Python's `if` cannot decide"),
        Wrong(TurnPixels, "turns pixel by pixel"),
        Wrong(TurnRows, "decides row by row"),
        Wrong(TurnDark, "turns the dark images"),
        Wrong(TurnAll, "turns every image"),
    ),
    right=(TurnByArithmetic,),
)

# ---------------------------------------------------------------- 25.2


class Centre(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return inputs - ops.mean(inputs, axis=1, keepdims=True)
        real = ops.cast(ops.expand_dims(mask, -1), inputs.dtype)
        count = ops.maximum(ops.sum(real, axis=1, keepdims=True), 1)
        return inputs - ops.sum(inputs * real, axis=1, keepdims=True) / count


class MaskReader(layers.Layer):
    """Answers with the mask that came along, as 0 and 1, or with -1 where none came."""

    def call(self, inputs, mask=None):
        if mask is None:
            return -ops.ones_like(inputs[..., 0])
        return ops.cast(mask, "float32")


@without_warnings
def check_centre(answer):
    expect_class(answer, layers.Layer, "Centre")
    layer = call(answer)
    words = np.array([[3, 1, 0, 0], [2, 4, 1, 3], [0, 0, 0, 0]])
    embedding = layers.Embedding(5, 3, mask_zero=True, embeddings_initializer="normal")
    rows = embedding(words)
    values, mask = to_array(rows), words != 0
    plain = run(layer, values)
    expected = values - values.mean(axis=1, keepdims=True)
    expect_shape(plain, values.shape, "Without a mask, what Centre()(rows) returns")
    if not is_close(plain, expected):
        fail(
            "Without a mask, the mean over the steps (axis 1) is to be taken away from each step, "
            "feature by feature. What it returns is something else."
        )
    got = to_array(run(layer, rows), "What Centre()(rows) returns")
    means = values[:2].copy() * mask[:2, :, None]
    counts = mask[:2].sum(axis=1)[:, None, None]
    right = values[:2] - means.sum(axis=1, keepdims=True) / counts
    if not is_close(got[:2][mask[:2]], right[mask[:2]]):
        if is_close(got, expected):
            fail(
                "The mean is taken over all steps, padding included. Keras hands the mask to a "
                "call that names it."
            )
        short = values[:2] - means.mean(axis=1, keepdims=True)
        if is_close(got[:2][mask[:2]], short[mask[:2]]):
            fail(
                "The sum is over the real steps, and it is divided by the number of all steps. "
                "Divide by the number of real ones."
            )
        fail("With a mask, the mean over the real steps of a row is to be taken away from them.")
    if not np.all(np.isfinite(got)):
        fail("A row without any real step gives NaN: 0 is divided by 0.")
    seen = to_array(MaskReader()(run(layer, rows)))
    if is_close(seen, -np.ones_like(seen)):
        fail(
            "The values are right, and the mask ends here: the next layer is given none. Say that "
            "the layer supports masking."
        )
    if not is_close(seen, mask.astype("float32")):
        fail("The next layer is given another mask than the one that came in.")
    fit_in_a_model(layer)


def fit_in_a_model(layer):
    """Train the layer inside a model for one step, so that it runs in a graph as well."""

    def fit_with_your_layer():
        model = keras.Sequential(
            [layers.Embedding(5, 3, mask_zero=True), layer, layers.GlobalAveragePooling1D()]
        )
        model.compile("sgd", "mse")
        try:
            model.fit(np.array([[1, 2, 0], [3, 0, 0]]), np.zeros((2, 3)), verbose=0)
        except Exception as error:
            if "numpy" in str(error).lower():
                fail(
                    "It works when called on data, and fails in fit: NumPy cannot read a tensor of "
                    "a graph. Compute with keras.ops."
                )
            raise
        return True

    call(fit_with_your_layer)


class CentreDeaf(layers.Layer):
    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs):
        return inputs - ops.mean(inputs, axis=1, keepdims=True)


class CentreEndsMask(Centre):
    def __init__(self):
        super().__init__()
        self.supports_masking = False


class CentreOtherMask(Centre):
    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.logical_not(mask)


class CentreAllSteps(Centre):
    def call(self, inputs, mask=None):
        real = 1.0 if mask is None else ops.cast(ops.expand_dims(mask, -1), inputs.dtype)
        return inputs - ops.mean(inputs * real, axis=1, keepdims=True)


class CentreNotANumber(Centre):
    def call(self, inputs, mask=None):
        real = ops.ones_like(inputs[..., :1])
        if mask is not None:
            real = ops.cast(ops.expand_dims(mask, -1), inputs.dtype)
        total = ops.sum(inputs * real, axis=1, keepdims=True)
        return inputs - total / ops.sum(real, axis=1, keepdims=True)


class CentreOtherAxis(Centre):
    def call(self, inputs, mask=None):
        return inputs - ops.mean(inputs, axis=-1, keepdims=True)


class CentreNeedsMask(Centre):
    def call(self, inputs, mask):
        return super().call(inputs, mask)


class CentreTakesNone(Centre):
    def call(self, inputs, mask=None):
        real = ops.cast(ops.expand_dims(mask, -1), inputs.dtype)
        return super().call(inputs * real, mask)


class CentreInNumpy(Centre):
    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        kept = np.array(mask)[..., None]
        count = np.maximum(kept.sum(axis=1, keepdims=True), 1)
        return inputs - ops.sum(inputs * kept, axis=1, keepdims=True) / count


class CentreOwnMask(layers.Layer):
    def call(self, inputs, mask=None):
        real = ops.ones_like(inputs[..., :1])
        if mask is not None:
            real = ops.cast(mask, "float32")[..., None]
        total = ops.sum(inputs * real, axis=1, keepdims=True)
        return (inputs - total / (ops.sum(real, axis=1, keepdims=True) + 1e-9)) * real

    def compute_mask(self, inputs, mask=None):
        return mask


centre = Exercise(
    id="25.2",
    title="A layer that keeps masks",
    minutes=10,
    statement="""Write the class `Centre`, a layer without arguments. It is called on float32
`(batch, steps, features)`, and on a mask, boolean `(batch, steps)` with `True` for real steps, or
none. It returns float32 of the same shape: each row minus its own mean over the steps, feature by
feature.

- With a mask, the mean is over the real steps only. The values at padded steps of the result do
  not matter, as long as they are numbers: a row without any real step must not give NaN.
- Without a mask, all steps count.
- The mask goes on to the next layer, unchanged.

It has no weights, and it must also work in `fit`, so compute with `ops`, not with NumPy.""",
    stub="""class Centre(layers.Layer):
    def call(self, inputs):
        ...""",
    answer="Centre",
    check=check_centre,
    reference=Centre,
    hints=(
        "Two separate things: to use the mask, call names it; to hand it on, the layer says that "
        "it supports masking.",
        "The mask as numbers 0 and 1, with a last axis of 1, multiplies the inputs. The sum of "
        "these products, divided by the number of ones, is the mean over the real steps.",
        "def call(self, inputs, mask=None), and in __init__ self.supports_masking = True. "
        "ops.maximum(count, 1) keeps the division safe.",
    ),
    explanation=(
        "A call with an argument mask is given the mask; supports_masking hands it on as it is. "
        "A mean over real steps is a masked sum divided by the number of real steps."
    ),
    wrong=(
        Wrong(CentreDeaf, "padding included"),
        Wrong(CentreEndsMask, "the mask ends here"),
        Wrong(CentreOtherMask, "another mask"),
        Wrong(CentreAllSteps, "divided by the number of all steps"),
        Wrong(CentreNotANumber, "gives NaN"),
        Wrong(CentreOtherAxis, "the mean over the steps (axis 1)"),
        Wrong(CentreNeedsMask, "It cannot be called without a mask"),
        Wrong(CentreTakesNone, "It fails when no mask comes along"),
        Wrong(CentreInNumpy, "NumPy cannot read a tensor of a graph"),
    ),
    right=(CentreOwnMask,),
)

# ---------------------------------------------------------------- 25.3


class Settle(layers.Layer):
    def __init__(self, tolerance=1e-3, limit=50):
        super().__init__()
        self.tolerance, self.limit = tolerance, limit

    def build(self, input_shape):
        width = input_shape[-1]
        self.w = self.add_weight(shape=(width, width), initializer="zeros", name="w")

    def call(self, inputs):
        def unsettled(state, change):
            return change > self.tolerance

        def next_round(state, change):
            new = ops.tanh(inputs + ops.matmul(state, self.w))
            return new, ops.max(ops.abs(new - state))

        start = ops.zeros_like(inputs), ops.convert_to_tensor(float("inf"), dtype="float32")
        state, _ = ops.while_loop(unsettled, next_round, start, maximum_iterations=self.limit)
        return state


def settle_by_numpy(x, w, tolerance, limit):
    """Return the state after each round."""
    states, state = [], np.zeros_like(x)
    for _ in range(limit):
        new = np.tanh(x + state @ w)
        change, state = np.abs(new - state).max(), new
        states.append(state)
        if change <= tolerance:
            break
    return states


@without_warnings
def check_settle(answer):
    expect_class(answer, layers.Layer, "Settle")
    x = random_batch(6, 3, seed=2)
    layer = call(answer)
    expect_shape(run(layer, x), x.shape, "Settle()(x) for x of shape (6, 3)")
    if [tuple(weight.shape) for weight in layer.trainable_weights] != [(3, 3)]:
        fail("Expected one trainable weight, the matrix of shape (3, 3), made with add_weight.")
    if not is_close(layer.trainable_weights[0], np.zeros((3, 3))):
        fail("The matrix should start with zeros.")
    w = random_batch(3, 3, seed=3) * 0.4
    for tolerance, limit in ((0.05, 50), (1e-4, 50), (1e-6, 4)):
        layer = call(answer, tolerance, limit)
        run(layer, x)
        layer.set_weights([w])
        got = to_array(run(layer, x))
        states = settle_by_numpy(x, w, tolerance, limit)
        if is_close(got, states[-1], tolerance=1e-5):
            continue
        said = f"With tolerance={tolerance} and limit={limit}"
        further = settle_by_numpy(x, w, 0, 200)
        rounds = [place for place, s in enumerate(further, 1) if is_close(got, s, tolerance=1e-5)]
        if rounds and limit == 4:
            fail(f"{said} it goes on past the limit. It should stop after {limit} rounds.")
        if rounds and rounds[0] > len(states):
            fail(
                f"{said} it goes on after it has settled; expected {len(states)} rounds. Does the "
                "change decide when the loop ends?"
            )
        if rounds:
            fail(f"{said} it ends with round {rounds[0]}; expected {len(states)} rounds.")
        if is_close(got, np.zeros_like(x)):
            fail(f"{said} it returns zeros: there was no round. What does the first test compare?")
        fail(f"{said} the answer is no state of the loop. Each round: tanh(inputs + state · W).")
    fit_settle(answer, x)


def fit_settle(answer, x):
    """Train a model with the layer for one step: in a graph, with gradients."""
    layer = call(answer)
    model = keras.Sequential([layer, layers.Dense(2)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    try:
        model.fit(x, np.ones((6, 2), np.float32), verbose=0)
    except Exception as error:
        text = str(error)
        if "Python `bool`" in text or "SymbolicTensor" in text or "numpy" in text.lower():
            fail(
                "It settles eagerly, and fails in fit: while a graph is traced a tensor has no "
                "value, so Python cannot ask it. Let TensorFlow ask: keras.ops.while_loop."
            )
        raise
    if is_close(layer.trainable_weights[0], np.zeros((3, 3)), tolerance=1e-7):
        fail("It runs in fit, and W stays at 0: no gradient reaches it through the loop.")


class SettlePython(Settle):
    def call(self, inputs):
        state, change, rounds = ops.zeros_like(inputs), float("inf"), 0
        while change > self.tolerance and rounds < self.limit:
            new = ops.tanh(inputs + ops.matmul(state, self.w))
            change, state, rounds = ops.max(ops.abs(new - state)), new, rounds + 1
        return state


class SettleFixed(Settle):
    def call(self, inputs):
        state = ops.zeros_like(inputs)
        for _ in range(self.limit):
            state = ops.tanh(inputs + ops.matmul(state, self.w))
        return state


class SettleUnlimited(Settle):
    def __init__(self, tolerance=1e-3, limit=50):
        super().__init__(tolerance, 1000)


class SettleOnce(Settle):
    def call(self, inputs):
        return ops.tanh(inputs)


class SettleNever(Settle):
    def call(self, inputs):
        def unsettled(old, state):
            return ops.max(ops.abs(state - old)) > self.tolerance

        def next_round(old, state):
            return state, ops.tanh(inputs + ops.matmul(state, self.w))

        start = ops.zeros_like(inputs), ops.zeros_like(inputs)
        return ops.while_loop(unsettled, next_round, start, maximum_iterations=self.limit)[1]


class SettleLinear(Settle):
    def call(self, inputs):
        return super().call(inputs) + inputs


class SettleNoGradient(Settle):
    def call(self, inputs):
        return ops.stop_gradient(super().call(inputs))


class SettleRaw(Settle):
    def build(self, input_shape):
        self.w = tf.Variable(tf.zeros([input_shape[-1]] * 2))


class SettleInTensorFlow(Settle):
    @tf.function
    def call(self, inputs):
        state, change, rounds = tf.zeros_like(inputs), tf.constant(1e9), 0
        while rounds < self.limit and change > self.tolerance:
            new = tf.tanh(inputs + tf.matmul(state, self.w))
            change, state, rounds = tf.reduce_max(tf.abs(new - state)), new, rounds + 1
        return state


settle = Exercise(
    id="25.3",
    title="A loop that depends on the data",
    minutes=20,
    statement="""Write the layer `Settle(tolerance=1e-3, limit=50)`. It has one trainable weight $W$
of shape `(n, n)` that starts with zeros, and is called on `inputs`, float32 `(batch, n)`.

It begins with a state of zeros, shaped like the inputs. In each round the new state is
$\\tanh(\\text{inputs} + \\text{state} \\cdot W)$. The loop ends after the round in which no number
of the state, in the whole batch, has changed by more than `tolerance`, and in any case after
`limit` rounds. The layer returns the last state, float32 `(batch, n)`.

So how many rounds there are depends on the data. It must work when called on data, and in `fit`,
where the gradient reaches $W$. `keras.ops.while_loop(cond, body, loop_vars, maximum_iterations=n)`
is `tf.while_loop` of lesson 04, with at most `n` rounds: `cond` and `body` are given the loop
variables, `body` returns the new ones, and the loop returns the last ones.""",
    stub="""class Settle(layers.Layer):
    def __init__(self, tolerance=1e-3, limit=50):
        super().__init__()

    def call(self, inputs):
        ...""",
    answer="Settle",
    check=check_settle,
    reference=Settle,
    hints=(
        "What does a round need from the one before, and what does the condition need? These are "
        "the loop variables. cond and body have an argument for each of them.",
        "Two variables go round: the state, and the largest change of the last round. The change "
        "starts at infinity, so that there is a first round.",
        "body(state, change): new = ops.tanh(inputs + ops.matmul(state, self.w)); return new, "
        "ops.max(ops.abs(new - state)). cond(state, change): return change > self.tolerance.",
    ),
    explanation=(
        "The condition is a tensor that the graph itself evaluates after each round. The state "
        "and its last change are the loop variables, and gradients flow through the rounds."
    ),
    wrong=(
        Wrong(SettlePython, "It settles eagerly, and fails in fit"),
        Wrong(SettleFixed, "it goes on after it has settled"),
        Wrong(SettleUnlimited, "past the limit"),
        Wrong(SettleOnce, "it ends with round 1"),
        Wrong(SettleNever, "there was no round"),
        Wrong(SettleLinear, "is no state of the loop"),
        Wrong(SettleNoGradient, "no gradient reaches it"),
        Wrong(SettleRaw, "Expected one trainable weight"),
    ),
    right=(SettleInTensorFlow,),
    seconds=60,
)

EXERCISES = (turn, centre, settle)
