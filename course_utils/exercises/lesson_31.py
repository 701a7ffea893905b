"""Exercises of lesson 31, many machines."""

import functools

import numpy as np

from course_utils.exercises.expect import call, describe, expect_shape, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 31.1


def replica_loss(labels, logits, global_batch_size):
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.reduce_sum(losses) / global_batch_size


SHARES = ((6, 6), (7, 5), (1, 4, 7), (12,))


@functools.cache
def global_batch():
    rng = np.random.default_rng(19)
    return rng.integers(0, 10, 12), rng.normal(scale=2, size=(12, 10)).astype("float32")


def check_replica_loss(answer):
    results = {sizes: replicas_together(answer, sizes) for sizes in SHARES}
    labels, logits = map(tf.constant, global_batch())
    with tf.GradientTape() as tape:
        tape.watch(logits)
        mean = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    gradient = tape.gradient(mean, logits)
    wrong = [sizes for sizes, (total, _) in results.items() if not is_close(total, mean)]
    if wrong:
        report_loss(results, float(mean), wrong)
    for _, found in results.values():
        if not is_close(found, gradient):
            fail("The losses add up to the mean of the batch, and their gradients do not.")


def replicas_together(answer, sizes):
    """Return the sum of the replicas' losses and its gradient, traced as strategy.run does."""
    labels, logits = map(tf.constant, global_batch())
    shares = list(zip(tf.split(labels, sizes), tf.split(logits, sizes), strict=True))

    @functools.partial(tf.function, autograph=False)
    def together():
        total, gradients = 0.0, []
        for its_labels, its_logits in shares:
            its_logits = tf.identity(its_logits)
            with tf.GradientTape() as tape:
                tape.watch(its_logits)
                loss = call(answer, its_labels, its_logits, 12)
                if isinstance(loss, np.ndarray) or not tf.is_tensor(loss):
                    fail(
                        f"It returns {describe(loss)}, so no gradient can go back. Compute with "
                        "TensorFlow and return a tensor."
                    )
            check_kind(loss, len(its_labels))
            gradient = tape.gradient(loss, its_logits)
            if gradient is None:
                fail("No gradient goes back from the loss to the logits.")
            total += loss
            gradients.append(gradient)
        return total, tf.concat(gradients, axis=0)

    return [part.numpy() for part in together()]


def check_kind(loss, samples):
    if loss.dtype != tf.float32:
        fail(f"The loss has the dtype {loss.dtype.name}; expected float32.")
    if loss.shape == (samples,):
        fail(
            f"It returns {samples} numbers, one for each sample. A replica differentiates one "
            "number: add them up."
        )
    if loss.shape != ():
        fail(f"The loss has the shape {tuple(loss.shape)}; expected one number.")


def report_loss(results, mean, wrong):
    (half, _), (uneven, _), (three, _) = (results[sizes] for sizes in SHARES[:3])
    if wrong == list(SHARES[1:]):
        fail(
            "It fits two equal shares only. With 7 and 5 samples, a mean over each share counts "
            "the samples of the small share more."
        )
    if is_close(three, 12 * mean) and is_close(half, 12 * mean):
        fail("Nothing is divided: together the replicas find 12 times the mean of 12 samples.")
    if is_close(half, 2 * mean) and not is_close(uneven, 2 * mean):
        fail(
            "Each replica takes the mean over its own share. The gradients of the replicas are "
            "added, so two replicas take a step that is twice as long."
        )
    labels, logits = global_batch()
    probabilities = keras.losses.sparse_categorical_crossentropy(labels, logits)
    if is_close(half, np.mean(probabilities)):
        fail(
            "It takes the logits for probabilities. Keras' functions of the loss need "
            "from_logits=True."
        )
    if is_close(half, 12 / 64 * mean):
        fail("It divides by 64, whatever the global batch is. Use the argument global_batch_size.")
    if is_close(half, 144 * mean):
        fail("It multiplies by the size of the global batch. Divide by it.")
    fail(
        "For two replicas with 6 samples each, the losses add up to "
        f"{float(half) / mean:.3g} times the mean over all 12."
    )


def own_mean(labels, logits, global_batch_size):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def own_mean_halved(labels, logits, global_batch_size):
    return own_mean(labels, logits, global_batch_size) / 2


def own_sum(labels, logits, global_batch_size):
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def not_summed(labels, logits, global_batch_size):
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return losses / global_batch_size


def mean_divided(labels, logits, global_batch_size):
    return own_mean(labels, logits, global_batch_size) / global_batch_size


def loss_as_number(labels, logits, global_batch_size):
    return float(global_batch_size)


def loss_by_64(labels, logits, global_batch_size):
    return replica_loss(labels, logits, 64)


def loss_of_probabilities(labels, logits, global_batch_size):
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits)
    return tf.reduce_sum(losses) / global_batch_size


def loss_stopped(labels, logits, global_batch_size):
    return tf.stop_gradient(replica_loss(labels, logits, global_batch_size))


def loss_average(labels, logits, global_batch_size):
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return tf.nn.compute_average_loss(losses, global_batch_size=global_batch_size)


def loss_keras(labels, logits, global_batch_size):
    add_up = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return add_up(labels, logits) / global_batch_size


def loss_single(labels, logits, global_batch_size):
    single = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    return tf.reduce_sum(single(labels, logits)) * (1.0 / global_batch_size)


def loss_share(labels, logits, global_batch_size):
    mean = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, logits, True))
    return mean * len(labels) / global_batch_size


def loss_by_hand(labels, logits, global_batch_size):
    chosen = tf.reduce_sum(tf.one_hot(labels, 10) * tf.math.log(tf.nn.softmax(logits)), axis=-1)
    return -tf.reduce_sum(chosen / tf.cast(global_batch_size, tf.float32))


loss = Exercise(
    id="31.1",
    title="The loss of one replica",
    minutes=10,
    statement="""A strategy adds up the gradients of all replicas. Write
`replica_loss(labels, logits, global_batch_size)`, the number that **one** replica
differentiates, so that the sum over the replicas is the mean cross-entropy over the global
batch.

- `labels`: the replica's own share, integers of shape `(n,)`;
- `logits`: float32 of shape `(n, 10)`;
- `global_batch_size`: a Python integer, the samples of all replicas together;
- it returns a float32 tensor with one number, and works inside a `tf.function`.

The shares need not be equal: of 12 samples, one replica may get 7 and the other 5.""",
    stub="""def replica_loss(labels, logits, global_batch_size):
    ...""",
    answer="replica_loss",
    check=check_replica_loss,
    reference=replica_loss,
    hints=(
        "Write the mean over 12 samples as one sum with a factor in front. Which part of that sum "
        "can a replica compute alone, and what must it know about the others?",
        "Two steps: the losses of the samples, from "
        "tf.nn.sparse_softmax_cross_entropy_with_logits; then one number from them. The size of "
        "the replica's own share does not appear.",
        "tf.reduce_sum(losses) / global_batch_size, or tf.nn.compute_average_loss with its "
        "argument global_batch_size.",
    ),
    explanation=(
        "A mean is a sum with one divisor. The sum can be split in any way; the divisor is the "
        "number of all samples, on every replica."
    ),
    wrong=(
        Wrong(own_mean, "Each replica takes the mean over its own share"),
        Wrong(own_mean_halved, "It fits two equal shares only"),
        Wrong(own_sum, "Nothing is divided"),
        Wrong(not_summed, "one for each sample"),
        Wrong(mean_divided, "0.167 times the mean"),
        Wrong(loss_by_64, "It divides by 64"),
        Wrong(loss_of_probabilities, "It takes the logits for probabilities"),
        Wrong(loss_as_number, "so no gradient can go back"),
        Wrong(loss_stopped, "No gradient goes back from the loss"),
    ),
    right=(
        loss_average,
        loss_keras,
        loss_single,
        loss_share,
        loss_by_hand,
        tf.function(loss_average),
    ),
)

# ---------------------------------------------------------------- 31.2


def scaled_rate(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    if step >= warmup_steps:
        return target
    return base_rate + (target - base_rate) * step / warmup_steps


RUNS = (
    (0.1, 32, 32, 4, 0),
    (0.1, 32, 32, 4, 20),
    (0.1, 64, 32, 2, 10),
    (0.2, 64, 64, 8, 50),
    (0.05, 256, 64, 2, 8),
)


def check_scaled_rate(answer):
    for run in RUNS:
        warmup = run[-1]
        steps = sorted({0, 1, warmup // 2, max(warmup - 1, 0), warmup, warmup + 1, 3 * warmup + 5})
        found = {}
        for step in steps:
            rate = to_array(call(answer, step, *run), "The rate")
            if rate.shape != ():
                fail(f"The rate is {describe(rate)}; expected one number.")
            found[step] = float(rate.real)
        if any(
            not is_close(found[step], scaled_rate(step, *run), tolerance=1e-5) for step in found
        ):
            report_rate(run, found)


def report_rate(run, found):
    base_rate, base_batch, replica_batch, replicas, warmup = run
    target, late = scaled_rate(warmup, *run), found[3 * warmup + 5]
    case = f"For {run} after `step`, "
    if not is_close(late, target, tolerance=1e-5):
        batch = replica_batch * replicas
        if is_close(late, base_rate * replicas, tolerance=1e-5):
            fail(
                case + f"the rate ends at {late:.3g}: it counts the replicas. What counts is how "
                f"the global batch grew, here from {base_batch} to {batch}."
            )
        if is_close(late, base_rate * replica_batch / base_batch, tolerance=1e-5):
            fail(
                case + f"the rate ends at {late:.3g}: the batch of one replica is not the global "
                "batch."
            )
        if is_close(late, base_rate * np.sqrt(target / base_rate), tolerance=1e-5):
            fail(case + f"the rate ends at {late:.3g}: that is the square-root rule.")
        if is_close(late, base_rate**2 / target, tolerance=1e-5):
            fail(case + f"the rate ends at {late:.3g}: it shrinks where the batch grows.")
        if late > target > base_rate and found[warmup] < late:
            fail(case + "the rate goes on growing after the warm-up.")
        fail(case + f"the rate ends at {late:.3g}, expected {target:.3g}.")
    if warmup == 0:
        fail(case + f"step 0 has {found[0]:.3g}. Without a warm-up it has the full rate already.")
    if is_close(found[0], target, tolerance=1e-5):
        fail(case + "there is no warm-up: step 0 has the full rate already.")
    if is_close(found[0], 0.0):
        fail(case + "the rate starts from 0. It starts from base_rate, which is known to be safe.")
    if is_close(found[warmup - 1], target, tolerance=1e-5):
        fail(
            case + f"the full rate comes with step {warmup - 1}, one step too early: step 0 has "
            f"base_rate, step {warmup} is the first with the full rate."
        )
    if is_close(found[0], base_rate + (target - base_rate) / warmup, tolerance=1e-5):
        fail(case + "step 0 has gone one part of the way already. It has base_rate.")
    if all(is_close(found[step], base_rate, tolerance=1e-5) for step in found if step < warmup):
        fail(case + "the rate stays at base_rate and then jumps. Let it grow in equal parts.")
    fail(case + "the ends are right, and the rates between them are not on a straight line.")


def rate_by_replicas(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    return scaled_rate(step, base_rate, 1, 1, replicas, warmup_steps)


def rate_of_one_replica(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    return scaled_rate(step, base_rate, base_batch, replica_batch, 1, warmup_steps)


def rate_by_root(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    factor = (replica_batch * replicas / base_batch) ** 0.5
    return scaled_rate(step, base_rate, 1, factor, 1, warmup_steps)


def rate_inverted(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    return scaled_rate(step, base_rate, replica_batch, base_batch / replicas, 1, warmup_steps)


def rate_at_once(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    return base_rate * replica_batch * replicas / base_batch


def rate_from_zero(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    return target if step >= warmup_steps else target * step / warmup_steps


def rate_early(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    if step >= warmup_steps - 1:
        return target
    return base_rate + (target - base_rate) * step / (warmup_steps - 1)


def rate_shifted(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    if step >= warmup_steps:
        return target
    return base_rate + (target - base_rate) * (step + 1) / (warmup_steps + 0.5)


def rate_jumps(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    return target if step >= warmup_steps else base_rate


def rate_always_from_base(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    return base_rate + (target - base_rate) * min(1, step / max(1, warmup_steps))


def rate_unbounded(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    target = base_rate * replica_batch * replicas / base_batch
    return base_rate + (target - base_rate) * step / warmup_steps if warmup_steps else target


def rate_interpolated(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    full = base_rate * (replica_batch * replicas) / base_batch
    return np.interp(step, [0, warmup_steps], [base_rate, full]) if warmup_steps else full


def rate_as_tensor(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    done = tf.minimum(1.0, step / warmup_steps) if warmup_steps > 0 else tf.constant(1.0)
    factor = replica_batch * replicas / base_batch
    return base_rate * (1 + done * (factor - 1))


def rate_by_loop(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    rate = base_rate * replicas * replica_batch / base_batch
    for _ in range(warmup_steps - step):
        rate -= (base_rate * replicas * replica_batch / base_batch - base_rate) / warmup_steps
    return rate


rate = Exercise(
    id="31.2",
    title="Scale the learning rate",
    minutes=10,
    statement="""Write `scaled_rate(step, base_rate, base_batch, replica_batch, replicas,
warmup_steps)`. A network trains well with the rate `base_rate` and batches of `base_batch` on one
device. It moves to `replicas` devices with `replica_batch` samples each.

- The full rate follows the linear rule: it grows as the **global** batch does.
- Step 0 has `base_rate`. The rate grows by equal parts, and step `warmup_steps` is the first
  with the full rate, which then stays.
- With `warmup_steps` equal to 0, every step has the full rate.

All arguments are Python numbers, `step` counts from 0; return one number, a float or a tensor.
`scaled_rate(5, 0.1, 32, 32, 3, 10)` is 0.2: halfway from 0.1 to 0.3.""",
    stub="""def scaled_rate(step, base_rate, base_batch, replica_batch, replicas, warmup_steps):
    ...""",
    answer="scaled_rate",
    check=check_scaled_rate,
    reference=scaled_rate,
    hints=(
        "How large is the global batch now, and how many times the old batch is that? Two "
        "replicas that share the old batch need no other rate at all.",
        "The full rate is base_rate * replica_batch * replicas / base_batch. Deal with the steps "
        "from warmup_steps on first; what remains is a straight line.",
        "On the line, step / warmup_steps of the way from base_rate to the full rate is done. "
        "Add that part of the difference to base_rate.",
    ),
    explanation=(
        "k times the samples in a step make k times fewer steps, and k times the rate makes up "
        "for them. What counts is the global batch; replicas that only share the old batch "
        "change nothing."
    ),
    wrong=(
        Wrong(rate_by_replicas, "it counts the replicas"),
        Wrong(rate_of_one_replica, "the batch of one replica is not the global batch"),
        Wrong(rate_by_root, "that is the square-root rule"),
        Wrong(rate_inverted, "it shrinks where the batch grows"),
        Wrong(rate_at_once, "there is no warm-up"),
        Wrong(rate_from_zero, "the rate starts from 0"),
        Wrong(rate_early, "one step too early"),
        Wrong(rate_always_from_base, "Without a warm-up it has the full rate already"),
        Wrong(rate_jumps, "stays at base_rate and then jumps"),
        Wrong(rate_unbounded, "goes on growing after the warm-up"),
        Wrong(rate_shifted, "not on a straight line"),
    ),
    right=(
        rate_interpolated,
        rate_as_tensor,
        rate_by_loop,
    ),
)

# ---------------------------------------------------------------- 31.3


class OnDevice(layers.Layer):
    def __init__(self, layer, device):
        super().__init__()
        self.layer = layer
        self.device = device

    def build(self, input_shape):
        with tf.device(self.device):
            self.layer.build(input_shape)

    def call(self, inputs):
        with tf.device(self.device):
            return self.layer(inputs)


class Witness(layers.Dense):
    """A dense layer that notes the device scope in which it is built and called."""

    def __init__(self, units):
        super().__init__(units, activation="tanh")
        self.built_on, self.called_on = [], []

    def build(self, input_shape):
        self.built_on.append(device_scope())
        super().build(input_shape)

    def call(self, inputs):
        self.called_on.append(device_scope())
        return super().call(inputs)


def device_scope():
    """Return the device asked for, such as "GPU:0", whether or not this machine has it."""
    if tf.executing_eagerly():
        return ""  # there a tensor names the device that it really got
    return tf.zeros(()).device.rpartition("device:")[2]


def check_on_device(answer):
    if not issubclass(answer, layers.Layer):
        fail(f"Expected a class derived from layers.Layer, got {describe(answer)}.")
    # Without this, a TensorFlow that has not run yet would start inside the function that is traced
    # below, and then it refuses devices that this machine has not.
    tf.config.list_logical_devices()
    for device, elsewhere in (("CPU:1", "CPU:0"), ("GPU:0", "CPU:0"), ("CPU:0", "CPU:1")):
        check_scope(answer, device, elsewhere)
    check_numbers(answer)


def check_scope(answer, device, elsewhere):
    witness = Witness(3)
    wrapper = call(answer, witness, device)

    @functools.partial(tf.function, autograph=False)
    def called_elsewhere(x):
        with tf.device(elsewhere):
            return call(wrapper, x)

    graph = called_elsewhere.get_concrete_function(tf.TensorSpec((2, 4))).graph
    result = graph.structured_outputs
    if not (tf.is_tensor(result) and result.shape == (2, 3)):
        fail("It does not return what the layer returns.")
    if not witness.called_on:
        fail("The layer that it was given is never called.")
    case = f"Asked for {device}, and called in a scope of {elsewhere}: "
    computed, made = witness.called_on[-1], [place for place in witness.built_on if place]
    if {computed, *made} == {"CPU:1"} != {device}:
        fail(case + "the layer is still on CPU:1. Use the device that is given.")
    if computed != device and made[-1:] == [device]:
        fail(case + "the weights are there, and the layer computes elsewhere.")
    if computed != device:
        moved = [op for op in graph.get_operations() if op.device.endswith(device)]
        if moved:
            fail(case + "only the result is moved there. The layer is built and called elsewhere.")
        fail(
            case + "nothing happens there. A scope counts for what is made or called inside it, "
            "and __init__ makes no weights and computes nothing."
        )
    if made and made[-1] != device:
        fail(
            case + "the layer computes there, and its weights are made elsewhere: they travel at "
            "each call."
        )


def check_numbers(answer):
    plain = layers.Dense(3, activation="tanh")
    wrapper = call(answer, plain, "CPU:0")
    x = tf.constant(np.random.default_rng(3).normal(size=(5, 4)).astype("float32"))
    got = expect_shape(call(wrapper, x), (5, 3), "The result")
    if not is_close(got, plain(x)):
        fail("Its result is not that of the layer.")
    if len(wrapper.trainable_weights) != 2:
        fail(
            f"It has {len(wrapper.trainable_weights)} trainable weights, its layer has 2. Keep "
            "the layer as an attribute, so that Keras finds it."
        )
    call(wrapper, x[:2])
    if len(wrapper.weights) != 2:
        fail("A second call adds weights.")
    call(wrapper, keras.Input((4,)))


class OnDeviceCallOnly(OnDevice):
    def build(self, input_shape):
        self.layer.build(input_shape)


class OnDeviceBuildOnly(OnDevice):
    def call(self, inputs):
        return self.layer(inputs)


class OnDeviceInInit(OnDevice):
    def __init__(self, layer, device):
        super().__init__(layer, device)
        with tf.device(device):
            self.layer = layer

    def build(self, input_shape):
        self.layer.build(input_shape)

    def call(self, inputs):
        return self.layer(inputs)


class OnDeviceResult(OnDeviceInInit):
    def call(self, inputs):
        outputs = self.layer(inputs)
        with tf.device(self.device):
            return tf.identity(outputs)


class OnDeviceFixed(OnDevice):
    def __init__(self, layer, device):
        super().__init__(layer, "CPU:1")


class OnDeviceForgets(OnDevice):
    def call(self, inputs):
        return inputs


class OnDeviceHidden(OnDevice):
    def __init__(self, layer, device):
        layers.Layer.__init__(self)
        self.hidden = lambda: layer
        self.device = device

    @property
    def layer(self):
        return self.hidden()


class BuiltInCall(layers.Layer):
    def __init__(self, layer, device):
        super().__init__()
        self.inner, self.place = layer, device

    def call(self, inputs):
        with tf.device(self.place):
            return self.inner(inputs)


class AWrapper(layers.Wrapper):
    def __init__(self, layer, device, **kwargs):
        super().__init__(layer, **kwargs)
        self.scope = f"/{device}"

    def build(self, input_shape=None):
        with tf.device(self.scope):
            super().build(input_shape)

    def call(self, inputs, training=None):
        with tf.device(self.scope):
            outputs = self.layer(inputs)
        return outputs


class BuiltOnce(layers.Layer):
    def __init__(self, layer, device):
        super().__init__()
        self.parts = [layer]
        self.device = device

    def build(self, shape):
        with tf.device(self.device):
            if not self.parts[0].built:
                self.parts[0].build(shape)
        self.built = True

    def call(self, x):
        with tf.device(self.device):
            x = self.parts[0](x)
            return tf.identity(x) if tf.is_tensor(x) else x


class FullName(OnDevice):
    def __init__(self, layer, device):
        super().__init__(layer, f"/job:localhost/replica:0/task:0/device:{device}")


on_device = Exercise(
    id="31.3",
    title="Place a layer",
    minutes=20,
    statement="""Write the layer `OnDevice(layer, device)`. It wraps a layer that is not built yet,
and puts it on a device, wherever the wrapper itself is called:

- it is called on what `layer` takes, and returns what `layer` returns;
- the weights of `layer` are made on `device`, and it computes on `device`, also when the call
  is in a `tf.device` scope of another device;
- Keras finds the weights of `layer` in `OnDevice(layer, device).weights`.

`device` is text such as `"CPU:1"`. With it, a `keras.Sequential` can be spread over devices:
`keras.Sequential([keras.Input((28, 28)), layers.Flatten(), OnDevice(layers.Dense(64), "CPU:0"),
OnDevice(layers.Dense(10), "CPU:1")])`.""",
    stub="""class OnDevice(layers.Layer):
    def __init__(self, layer, device):
        super().__init__()

    def call(self, inputs):
        ...""",
    answer="OnDevice",
    check=check_on_device,
    reference=OnDevice,
    hints=(
        "Two things happen at two times: the weights are made, and the layer computes. Where in "
        "the life of a layer does each happen?",
        "`__init__` only keeps the layer and the device, as attributes. The weights are made in "
        "`build(self, input_shape)`, and the computing is in `call`.",
        "In build: `with tf.device(self.device):`, and inside it self.layer.build(input_shape). "
        "In call the same scope, around the call of self.layer.",
    ),
    explanation=(
        "A device scope counts for what is made or called inside it. Weights made in another "
        "scope are copied over at each call, which costs more than the layer gains."
    ),
    wrong=(
        Wrong(OnDeviceCallOnly, "its weights are made elsewhere"),
        Wrong(OnDeviceBuildOnly, "the layer computes elsewhere"),
        Wrong(OnDeviceInInit, "nothing happens there"),
        Wrong(OnDeviceResult, "only the result is moved there"),
        Wrong(OnDeviceFixed, "the layer is still on CPU:1"),
        Wrong(OnDeviceForgets, "It does not return what the layer returns"),
        Wrong(OnDeviceHidden, "so that Keras finds it"),
    ),
    right=(
        BuiltInCall,
        AWrapper,
        BuiltOnce,
        FullName,
    ),
    seconds=30,
)

EXERCISES = (loss, rate, on_device)
