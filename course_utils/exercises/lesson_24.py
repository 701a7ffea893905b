"""Exercises of lesson 24, Subclassing."""

import inspect
import json
import tempfile
from pathlib import Path

import numpy as np

from course_utils.exercises.expect import (
    NotAttempted,
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


# ---------------------------------------------------------------- 24.1


class Experts(layers.Layer):
    def __init__(self, units, count):
        super().__init__()
        self.count = count
        self.experts = [layers.Dense(units) for _ in range(count)]

    def build(self, input_shape):
        start = keras.initializers.Constant(1 / self.count)
        self.share = self.add_weight(shape=(self.count,), initializer=start, name="share")

    def call(self, inputs):
        answers = [expert(inputs) for expert in self.experts]
        return sum(self.share[place] * answer for place, answer in enumerate(answers))


@without_warnings
def check_experts(answer):
    expect_class(answer, layers.Layer, "Experts")
    units, count, x = 3, 4, random_batch(5, 2)
    layer = call(answer, units, count)
    first = expect_shape(run(layer, x), (5, units), "Experts(3, 4) on a batch of shape (5, 2)")
    if not is_close(run(layer, x), first):
        fail(
            "Called twice on one batch, it answers differently: it makes new dense layers at each "
            "call. Make them once, in __init__."
        )
    shapes = sorted(tuple(weight.shape) for weight in layer.weights)
    kernels = [weight for weight in layer.weights if tuple(weight.shape) == (2, units)]
    if not kernels:
        fail(
            "Keras finds no matrix of a dense layer among its weights. It looks into attributes, "
            "and into lists, tuples and dicts of them, and not into functions or other objects."
        )
    if len(kernels) == 1:
        fail(
            "There is one matrix among its weights, not four. [layer] * 4 is a list that holds "
            "one layer four times."
        )
    shares = [weight for weight in layer.weights if tuple(weight.shape) == (count,)]
    if not shares:
        fail(
            f"The shares, of shape ({count},), are not among its weights, so fit will not train "
            "them. Keras does not see a tf.Variable; what makes a weight of a layer?"
        )
    if len(kernels) != count or len(shapes) != 2 * count + 1:
        fail(f"It has weights of the shapes {shapes}; expected four matrices, four biases, shares.")
    share = shares[0]
    if not share.trainable:
        fail("The shares are a weight that is not trainable, so they stay as they are.")
    if not is_close(share, np.full(count, 1 / count)):
        fail(f"The shares start at {describe(to_array(share))}; expected 1 / count in each place.")
    check_mixing(layer, share, kernels, x)


def check_mixing(layer, share, kernels, x):
    """Give all weights other values and compare the answer with NumPy's."""
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    biases = [weight for weight in layer.weights if tuple(weight.shape) == (3,)]
    answers = [x @ k.numpy() + b.numpy() for k, b in zip(kernels, biases, strict=True)]
    got = run(layer, x)
    if is_close(got, np.mean(answers, axis=0)) or is_close(got, np.sum(answers, axis=0)):
        fail("It adds the experts' answers and leaves out the shares.")
    expected = sum(part * answer for part, answer in zip(share.numpy(), answers, strict=True))
    if not is_close(got, expected):
        fail("The answer is not the sum of share times answer over all experts.")


class ExpertsRaw(Experts):
    def build(self, input_shape):
        self.share = tf.Variable(tf.ones([self.count]) / self.count)


class ExpertsInCall(Experts):
    def __init__(self, units, count):
        super().__init__(units, 0)
        self.units, self.count = units, count

    def call(self, inputs):
        answers = [layers.Dense(self.units)(inputs) for _ in range(self.count)]
        return sum(self.share[place] * answer for place, answer in enumerate(answers))


class ExpertsAppended(ExpertsInCall):
    def call(self, inputs):
        for _ in range(self.count - len(self.experts)):
            self.experts.append(layers.Dense(self.units))
        return super().call(inputs)


class ExpertsHidden(Experts):
    def __init__(self, units, count):
        super().__init__(units, 0)
        self.count = count
        made = [layers.Dense(units) for _ in range(count)]
        self.answers = lambda inputs: [expert(inputs) for expert in made]

    def call(self, inputs):
        answers = self.answers(inputs)
        return sum(self.share[place] * answer for place, answer in enumerate(answers))


class ExpertsOneOfThem(Experts):
    def __init__(self, units, count):
        super().__init__(units, 0)
        self.count = count
        self.experts = [layers.Dense(units)] * count


class ExpertsFrozen(Experts):
    def build(self, input_shape):
        start = keras.initializers.Constant(1 / self.count)
        self.share = self.add_weight(shape=(self.count,), initializer=start, trainable=False)


class ExpertsRandom(Experts):
    def build(self, input_shape):
        self.share = self.add_weight(shape=(self.count,), initializer="random_normal")


class ExpertsMean(Experts):
    def call(self, inputs):
        return sum(expert(inputs) for expert in self.experts) / self.count


class ExpertsInDict(layers.Layer):
    def __init__(self, units, count):
        super().__init__()
        self.made = {str(place): layers.Dense(units) for place in range(count)}
        self.share = keras.Variable(np.full(count, 1 / count), dtype="float32")

    def call(self, inputs):
        answers = ops.stack([dense(inputs) for dense in self.made.values()])
        return ops.tensordot(self.share, answers, axes=1)


experts = Exercise(
    id="24.1",
    title="Weights that are not found",
    minutes=20,
    statement="""This layer asks several dense layers and adds their answers, each times its share.
It runs, and `fit` trains nothing of it.

```python
class Experts(layers.Layer):
    def __init__(self, units, count):
        super().__init__()
        self.count = count
        self.share = tf.Variable(tf.ones([count]) / count)
        self.new_expert = lambda: layers.Dense(units)

    def call(self, inputs):
        answers = [self.new_expert()(inputs) for _ in range(self.count)]
        return sum(self.share[i] * answer for i, answer in enumerate(answers))
```

Write `Experts` anew. `Experts(units, count)` is called on float32 `(batch, n)` and returns float32
`(batch, units)`: the sum over all experts of share times answer. After the first call its `weights`
are those of `count` layers `layers.Dense(units)` and one more, the shares: shape `(count,)`,
trainable, 1 / count in each place at the start.
`add_weight(..., initializer=keras.initializers.Constant(value))` sets a start value.""",
    stub="""class Experts(layers.Layer):
    def __init__(self, units, count):
        super().__init__()

    def call(self, inputs):
        ...""",
    answer="Experts",
    check=check_experts,
    reference=Experts,
    hints=(
        "Two things are hidden from Keras: a variable that is not Keras' own, and layers that live "
        "only while call runs. Print `Experts(3, 4).weights` after a call.",
        "A list of layers, made in __init__ and stored as an attribute, is tracked. The shares are "
        "made with self.add_weight.",
        "self.experts = [layers.Dense(units) for _ in range(count)], and in build: self.share = "
        "self.add_weight(shape=(self.count,), initializer=keras.initializers.Constant(...)).",
    ),
    explanation=(
        "Layers in a list that is an attribute are tracked, and add_weight makes a variable that "
        "Keras lists. Both are made once, before the layer is used."
    ),
    wrong=(
        Wrong(ExpertsRaw, "Keras does not see a tf.Variable"),
        Wrong(ExpertsInCall, "it makes new dense layers at each call"),
        Wrong(ExpertsAppended, "call makes new weights or layers"),
        Wrong(ExpertsHidden, "not into functions or other objects"),
        Wrong(ExpertsOneOfThem, "holds one layer four times"),
        Wrong(ExpertsFrozen, "a weight that is not trainable"),
        Wrong(ExpertsRandom, "expected 1 / count in each place"),
        Wrong(ExpertsMean, "leaves out the shares"),
    ),
    right=(ExpertsInDict,),
)

# ---------------------------------------------------------------- 24.2


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
    id="24.2",
    title="A layer that keeps masks",
    minutes=20,
    statement="""Write the class `Centre`, a layer without arguments. It is called on float32
`(batch, steps, features)`, and on a mask, boolean `(batch, steps)` with `True` for real steps, or
none. It returns float32 of the same shape: each row minus its own mean over the steps, feature by
feature.

- With a mask, the mean is over the real steps only. What stands at padded steps of the result does
  not matter, as long as it is a number: a row without any real step must not give NaN.
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

# ---------------------------------------------------------------- 24.3


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
    id="24.3",
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

# ---------------------------------------------------------------- 24.4


@keras.saving.register_keras_serializable(package="exercise_24")
class Reader(keras.Model):
    def __init__(self, encoder, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.classes = encoder, classes
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.head(self.encoder(inputs))

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return super().get_config() | {"encoder": encoder, "classes": self.classes}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config | {"encoder": encoder})


@without_warnings
def check_reader(answer):
    expect_class(answer, keras.Model, "Reader")
    x = random_batch(4, 6)

    def make():
        return answer(layers.Dense(5, activation="tanh"), classes=3, name="my_reader")

    model = call(make)
    expect_shape(run(model, x), (4, 3), "What Reader(encoder, classes=3) returns")
    config = check_config(model)

    def from_config():
        return answer.from_config(config)

    copy = call(from_config)
    if not isinstance(copy, answer):
        fail(f"from_config returns {describe(copy)}; expected a Reader.")
    if not isinstance(getattr(copy, "encoder", None), layers.Layer):
        fail(
            f"After from_config, `encoder` is {describe(getattr(copy, 'encoder', None))}: the dict "
            "that describes the layer. from_config has to make the layer of it."
        )
    if copy.name != "my_reader":
        fail(
            "The model was called my_reader, and the copy is not. super().get_config() holds the "
            "name, and __init__ hands it on with **kwargs."
        )
    run(copy, x)
    if [tuple(w.shape) for w in copy.weights] != [tuple(w.shape) for w in model.weights]:
        fail("The copy made by from_config has weights of other shapes.")
    check_other_encoder(answer)
    with tempfile.TemporaryDirectory() as folder:
        check_file(model, x, Path(folder) / "reader.keras")


def check_other_encoder(answer):
    """Make a model again whose encoder is no dense layer."""
    try:
        copy = answer.from_config(answer(layers.Rescaling(0.5)).get_config())
        same = isinstance(copy.encoder, layers.Rescaling) and copy.encoder.scale == 0.5
    except Exception:
        same = False
    if not same:
        fail(
            "A Reader with another encoder, layers.Rescaling(0.5), is not made again with it. The "
            "configuration has to say of which class the encoder is; serialize_keras_object does."
        )


def check_config(model):
    """Return the configuration of a model, after checking what stands in it."""
    try:
        config = model.get_config()
    except NotImplementedError:
        fail(
            "There is no get_config of its own. Keras cannot guess it, since __init__ needs "
            "an argument that is a layer."
        )
    if config is None:
        raise NotAttempted("get_config returns None. Complete it, then from_config.")
    if not isinstance(config, dict):
        fail(f"get_config returns {describe(config)}; expected a dict.")
    missing = [name for name in ("encoder", "classes") if name not in config]
    if missing:
        fail(
            f"get_config leaves out {' and '.join(missing)}. Every argument of __init__ belongs "
            "into it; without it nobody can make this model again."
        )
    if config["classes"] != 3:
        fail(
            f"The model was made with classes=3, and its configuration says {config['classes']}: "
            "the default instead of the value given. Store the argument on self and return that."
        )
    if isinstance(config["encoder"], layers.Layer):
        fail(
            "The configuration holds the layer itself. It is to hold words and numbers that can be "
            "written to a file; keras.saving.serialize_keras_object describes a layer so."
        )
    try:
        json.dumps(config)
    except (TypeError, ValueError):
        fail("The configuration holds something that JSON cannot write.")
    if config["encoder"] == {} or not isinstance(config["encoder"], dict):
        fail(f"The encoder is described by {describe(config['encoder'])}; expected a dict.")
    if "name" not in config:
        fail("The name is not in the configuration: it comes with super().get_config().")
    return config


def check_file(model, x, path):
    """Save a model, load it, and compare the answers."""

    def save():
        model.save(path)
        return True

    call(save)
    try:
        loaded = keras.models.load_model(path)
    except Exception as error:
        if "Could not locate class" in str(error):
            fail(
                'It can be saved; loading ends with "Could not locate class". The class is not '
                "registered: it needs a line above its first."
            )
        raise
    if not is_close(loaded(x), model(x)):
        fail("The loaded model answers differently.")


def registered(cls):
    return keras.saving.register_keras_serializable(package="exercise_24")(cls)


class PlainReader(keras.Model):
    def __init__(self, encoder, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.classes = encoder, classes
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.head(self.encoder(inputs))


@registered
class ReaderNoConfig(PlainReader):
    pass


@registered
class ReaderWithoutEncoder(PlainReader):
    def get_config(self):
        return super().get_config() | {"classes": self.classes}


class Forgetful(PlainReader):
    def get_config(self):
        return {"name": self.name}


@registered
class ReaderWithDefaults(Reader):
    def get_config(self):
        return super().get_config() | {"classes": 10}


@registered
class ReaderWithLayer(PlainReader):
    def get_config(self):
        return {"name": self.name, "encoder": self.encoder, "classes": self.classes}


@registered
class ReaderWithoutFromConfig(PlainReader):
    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {"name": self.name, "encoder": encoder, "classes": self.classes}


@registered
class ReaderNameless(Reader):
    def get_config(self):
        config = super().get_config()
        return {"encoder": config["encoder"], "classes": config["classes"]}


@registered
class ReaderSwallowsName(Reader):
    def __init__(self, encoder, classes=10, name=None, **kwargs):
        super().__init__(encoder, classes)


class ReaderUnregistered(Reader):
    pass


@registered
class ReaderNewEncoder(Reader):
    @classmethod
    def from_config(cls, config):
        return cls(layers.Dense(8), config["classes"], name=config["name"])


@registered
class ReaderOnlyDense(Reader):
    def get_config(self):
        return super().get_config() | {"encoder": self.encoder.get_config()}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"encoder": layers.Dense.from_config(config["encoder"])})


@keras.saving.register_keras_serializable(package="another right answer")
class ReaderByHand(PlainReader):
    def get_config(self):
        config = super(PlainReader, self).get_config()
        config.update(
            classes=self.classes, encoder=keras.saving.serialize_keras_object(self.encoder)
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"))
        return cls(encoder, **config)


reader = Exercise(
    id="24.4",
    title="Make a model serialisable",
    minutes=20,
    statement="""The model `Reader` is made of a layer that you hand in, the encoder, and a dense
layer. As it stands, its `save` raises. Complete the class so that it can be saved, and loaded
without `custom_objects`.

- `get_config()` returns a dict with everything needed to make the same model again, in values that
  JSON can write: the encoder, `classes` and what every Keras model has, such as its name.
- `from_config(config)`, a class method, makes the model again, with an encoder of its own.
- The class is registered under a package name of your choice.

Leave `__init__` and `call` as they are. `keras.saving.serialize_keras_object(layer)` describes a
layer as a dict, and `keras.saving.deserialize_keras_object(description)` makes a layer of it.""",
    stub="""class Reader(keras.Model):
    def __init__(self, encoder, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.classes = encoder, classes
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.head(self.encoder(inputs))

    def get_config(self):
        ...

    @classmethod
    def from_config(cls, config):
        ...""",
    answer="Reader",
    check=check_reader,
    reference=Reader,
    hints=(
        "Three things are needed: a get_config that describes, a from_config that makes again, and "
        "a registration, so that Keras finds the class by its name.",
        "Begin with super().get_config(), and add both arguments of __init__ to it. The encoder is "
        "a layer: describe it with serialize_keras_object.",
        "In from_config, replace config['encoder'] by what deserialize_keras_object makes of it, "
        "then return cls(**config). @keras.saving.register_keras_serializable(package=...) stands "
        "above the class.",
    ),
    explanation=(
        "get_config says with which arguments to make the model again. An argument that is a layer "
        "is described by its own configuration, and from_config makes the layer before the model."
    ),
    wrong=(
        Wrong(ReaderNoConfig, "There is no get_config of its own"),
        Wrong(Forgetful, "leaves out encoder and classes"),
        Wrong(ReaderWithDefaults, "the default instead of the value given"),
        Wrong(ReaderWithLayer, "holds the layer itself"),
        Wrong(ReaderWithoutFromConfig, "from_config has to make the layer of it"),
        Wrong(ReaderNameless, "The name is not in the configuration"),
        Wrong(ReaderSwallowsName, "the copy is not"),
        Wrong(ReaderUnregistered, "is not registered"),
        Wrong(ReaderNewEncoder, "weights of other shapes"),
        Wrong(ReaderOnlyDense, "of which class the encoder is"),
    ),
    right=(ReaderByHand,),
    seconds=60,
)

EXERCISES = (experts, centre, settle, reader)
