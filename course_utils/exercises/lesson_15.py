"""Exercises of lesson 15, Training loops by hand."""

import functools
import math

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    expect_close,
    expect_shape,
    fail,
    is_close,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 15.1


def clip_gradients(gradients, limit):
    squares = [tf.reduce_sum(gradient**2) for gradient in gradients]
    norm = tf.sqrt(sum(squares))
    factor = limit / tf.maximum(norm, limit)
    return [gradient * factor for gradient in gradients]


LARGE = (np.array([[3.0, 0.0], [0.0, 0.0]], "float32"), np.array([4.0, 12.0], "float32"))  # 13
SMALL = (np.array([[0.3, 0.0], [0.0, -0.4]], "float32"), np.array([0.0, 0.0], "float32"))  # 0.5


def check_clip_gradients(answer):
    def clipped(gradients, limit):
        given = [tf.constant(gradient) for gradient in gradients]
        result = call(answer, given, limit)
        if not isinstance(result, list | tuple) or len(result) != len(gradients):
            fail(
                f"Expected a list of {len(gradients)} tensors, one for each gradient, got "
                f"{describe(result)}."
            )
        return [
            expect_shape(part, gradient.shape, f"Gradient {place} of the result")
            for place, (part, gradient) in enumerate(zip(result, gradients, strict=True))
        ]

    def same(values, expected):
        return all(is_close(*pair) for pair in zip(values, expected, strict=True))

    got = clipped(LARGE, 6.5)
    right = [gradient * 0.5 for gradient in LARGE]
    shown = "For gradients of norm 13 and a limit of 6.5"
    norms = [np.sqrt(np.sum(gradient**2)) for gradient in LARGE]
    if not same(got, right):
        if same(got, LARGE):
            fail(f"{shown} nothing was clipped.")
        if same(got, [np.clip(gradient, -6.5, 6.5) for gradient in LARGE]):
            fail(
                f"{shown} each number was cut by itself. That bends the direction of the step; "
                "multiply all numbers by one factor instead."
            )
        each = [g * min(1, 6.5 / norm) for g, norm in zip(LARGE, norms, strict=True)]
        if same(got, each):
            fail(
                f"{shown} each tensor was clipped by its own norm. The direction of the whole step "
                "changes that way; the norm to look at is that of all numbers together."
            )
        if same(got, [gradient / 13 for gradient in LARGE]):
            fail(f"{shown} the result has the norm 1. To which length should it be cut?")
        if same(got, [gradient * 6.5 / 169 for gradient in LARGE]):
            fail(f"{shown} the factor is 6.5 / 169: that divides by the square of the norm.")
        if same(got, [gradient * 6.5 / sum(norms) for gradient in LARGE]):
            fail(
                f"{shown} the factor divides by the sum of the two norms. Norms do not add up; "
                "their squares do."
            )
        for part, expected in zip(got, right, strict=True):
            expect_close(part, expected, f"{shown} a gradient of the result")
    got = clipped(SMALL, 6.5)
    if same(got, [gradient * 13 for gradient in SMALL]):
        fail(
            "Gradients of norm 0.5 were made longer, up to the limit of 6.5. Clipping never makes "
            "a gradient longer."
        )
    for part, expected in zip(got, SMALL, strict=True):
        expect_close(part, expected, "For gradients of norm 0.5 and a limit of 6.5 a gradient")
    zeros = clipped([np.zeros(3, "float32")], 1.0)
    if not np.all(np.isfinite(zeros)):
        fail("Gradients that are all zero become NaN. By what do you divide there?")
    expect_close(zeros[0], np.zeros(3), "For gradients of zero the result")

    @tf.function
    def in_graph(first, second):
        return answer([first, second], 6.5)

    result = call(in_graph, *map(tf.constant, LARGE))
    for part, expected in zip(result, right, strict=True):
        expect_close(part, expected, "Inside a tf.function a gradient of the result")


def clip_each_number(gradients, limit):
    return [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]


def clip_each_tensor(gradients, limit):
    return [clip_gradients([gradient], limit)[0] for gradient in gradients]


def clip_to_one(gradients, limit):
    norm = tf.sqrt(sum(tf.reduce_sum(gradient**2) for gradient in gradients))
    return [gradient / norm for gradient in gradients]


def clip_always(gradients, limit):
    norm = tf.sqrt(sum(tf.reduce_sum(gradient**2) for gradient in gradients))
    return [gradient * limit / norm for gradient in gradients]


def clip_without_root(gradients, limit):
    norm = sum(tf.reduce_sum(gradient**2) for gradient in gradients)
    return [gradient * limit / tf.maximum(norm, limit) for gradient in gradients]


def clip_by_sum_of_norms(gradients, limit):
    norm = sum(tf.sqrt(tf.reduce_sum(gradient**2)) for gradient in gradients)
    return [gradient * limit / tf.maximum(norm, limit) for gradient in gradients]


def clip_dividing_by_zero(gradients, limit):
    norm = tf.sqrt(sum(tf.reduce_sum(gradient**2) for gradient in gradients))
    return [gradient * tf.minimum(norm, limit) / norm for gradient in gradients]


def clip_in_numpy(gradients, limit):
    norm = math.sqrt(sum(float(np.sum(gradient.numpy() ** 2)) for gradient in gradients))
    return [gradient * (limit / max(norm, limit)) for gradient in gradients]


def clip_with_if(gradients, limit):
    norm = tf.norm(tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0))
    return tuple(
        tf.where(norm > limit, gradient * limit / tf.maximum(norm, 1e-12), gradient)
        for gradient in gradients
    )


clip = Exercise(
    id="15.1",
    title="Clip the gradients",
    minutes=10,
    statement="""One odd batch can have a gradient so large that its step ruins the weights. The
usual guard cuts the length of the step and keeps its direction. Write
`clip_gradients(gradients, limit)`.

- `gradients`: a list of float32 tensors of any shapes, one for each variable; none is `None`.
- `limit`: a Python float above 0.

The **norm** is the square root of the sum of the squares of **all** numbers in all tensors. If it
is above `limit`, return the gradients multiplied by one common factor, so that the norm of the
result is `limit`. Otherwise return them as they are. The result is a list of tensors of the same
shapes. The function must also work inside a `tf.function`.

For example, gradients `[3.0]` and `[4.0]` with a limit of 1.0 have the norm 5 and become `[0.6]`
and `[0.8]`.""",
    stub="def clip_gradients(gradients, limit):\n    ...",
    answer="clip_gradients",
    check=check_clip_gradients,
    reference=clip_gradients,
    hints=(
        "Two steps: one number, the norm of everything; then one factor for everything.",
        "`tf.reduce_sum(gradient ** 2)` for each tensor, Python's `sum` over the list, `tf.sqrt` "
        "once.",
        "The factor is limit / norm where the norm is larger, and 1 elsewhere. Which denominator "
        "gives both, and is never 0? `tf.maximum` picks the larger of two numbers.",
    ),
    explanation=(
        "Dividing by the larger of norm and limit gives limit / norm for long gradients and 1 for "
        "short ones, with no `if` and no division by zero. tf.clip_by_global_norm does the same, "
        "and so do Keras' optimizers with global_clipnorm=..."
    ),
    wrong=(
        Wrong(lambda gradients, limit: gradients, "nothing was clipped"),
        Wrong(clip_each_number, "each number was cut by itself"),
        Wrong(clip_each_tensor, "each tensor was clipped by its own norm"),
        Wrong(clip_to_one, "has the norm 1"),
        Wrong(clip_always, "never makes a gradient longer"),
        Wrong(clip_without_root, "the square of the norm"),
        Wrong(clip_by_sum_of_norms, "the sum of the two norms"),
        Wrong(clip_dividing_by_zero, "all zero become NaN"),
        Wrong(clip_in_numpy, "has no attribute 'numpy'"),
    ),
    right=(
        lambda gradients, limit: tf.clip_by_global_norm(gradients, limit)[0],
        clip_with_if,
    ),
)

# ---------------------------------------------------------------- 15.2


def fixed_loop(model, optimizer, loss_function, metric, batches, epochs):
    history = []
    for _ in range(epochs):
        metric.reset_state()
        for inputs, targets in batches:
            with tf.GradientTape() as tape:
                outputs = model(inputs, training=True)
                loss = loss_function(targets, outputs) + sum(model.losses)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            metric.update_state(targets, outputs)
        history.append(float(metric.result()))
    return history


EPOCHS = 3
NUMBERS = np.random.default_rng(3)
INPUTS = NUMBERS.normal(loc=2.0, size=(12, 4)).astype("float32")
CLASSES = NUMBERS.integers(0, 3, size=12)


def small_model():
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, kernel_regularizer="l2", name="decayed"),
            layers.BatchNormalization(momentum=0.5, name="normalised"),
            layers.Dense(3, name="logits"),
        ]
    )
    rng = np.random.default_rng(3)
    kernels = [rng.normal(size=(4, 5)), np.zeros(5), np.ones(5), np.zeros(5)]
    model.set_weights([*kernels, np.zeros(5), np.ones(5), rng.normal(size=(5, 3)), np.zeros(3)])
    return model


def run_loop(loop):
    """Run a loop on the small problem; return weights, history and the optimizer's steps."""
    import keras

    model, optimizer = small_model(), keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)
    batches = [
        (tf.constant(INPUTS[start : start + 4]), tf.constant(CLASSES[start : start + 4]))
        for start in (0, 4, 8)
    ]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = keras.metrics.SparseCategoricalAccuracy()
    history = loop(model, optimizer, loss, metric, batches, EPOCHS)
    return model.get_weights(), history, int(optimizer.iterations)


@functools.cache
def run_variant(**settings):
    """Run a loop of train_variant with these settings; return the weights and its history."""
    return run_loop(train_variant(**settings))[:2]


def train_variant(*, training=True, losses=True, reset="epoch"):
    """Return a loop with some of the three bugs, or with another mistake about them."""

    def loop(model, optimizer, loss_function, metric, batches, epochs):
        history = []
        for _ in range(epochs):
            if reset == "epoch":
                metric.reset_state()
            for inputs, targets in batches:
                with tf.GradientTape() as tape:
                    outputs = model(inputs, training=training)
                    loss = loss_function(targets, outputs)
                    if losses is True:
                        loss += sum(model.losses)
                if losses == "outside":
                    loss += sum(model.losses)
                if losses == "twice":
                    with tape:
                        loss += 2 * sum(model.losses)
                gradients = tape.gradient(loss, model.trainable_variables)
                optimizer.apply(gradients, model.trainable_variables)
                if reset == "batch":
                    metric.reset_state()
                metric.update_state(targets, outputs)
            history.append(float(metric.result()))
            if reset == "before result":
                metric.reset_state()
                history[-1] = float(metric.result())
        return history

    return loop


def check_fixed_loop(answer):
    def same(weights, **settings):
        pairs = zip(weights, run_variant(**settings)[0], strict=True)
        return all(is_close(ours, theirs, tolerance=1e-3) for ours, theirs in pairs)

    def attempt(*parts):
        return call(answer, *parts)

    weights, history, steps = run_loop(attempt)
    if steps != 3 * EPOCHS:
        fail(
            f"The optimizer took {steps} steps in {EPOCHS} epochs of 3 batches; expected "
            f"{3 * EPOCHS}. The number of steps was right before: do not change the loops."
        )
    if not same(weights):
        if same(weights, training=False, losses=False):
            fail(
                "Two bugs change the weights, and both are still there. Compare the two lines "
                "inside the tape with the lesson's training step."
            )
        if same(weights, training=False):
            fail(
                "The batch normalisation of the model still works as at inference: its moving "
                "averages never move. How does a layer know that it is being trained?"
            )
        if same(weights, losses=False):
            fail(
                "The weight decay of the model still has no effect: its part of the loss does not "
                "reach the gradients. Where does a model keep it, and where must it be added so "
                "that the tape sees it?"
            )
        if same(weights, losses="twice"):
            fail("The weight decay counts double. Add the model's losses once.")
        fail(
            "The weights at the end are not those of a right loop. Change the loop at the three "
            "bugs and nowhere else."
        )
    if isinstance(history, list | tuple) and len(history) != EPOCHS:
        fail(f"Expected a list of {EPOCHS} numbers, one an epoch, got {describe(history)}.")
    values = expect_shape(history, (EPOCHS,), "The history")

    def reported_by(**settings):
        return is_close(values, run_variant(**settings)[1], tolerance=1e-3)

    if reported_by():
        return
    if reported_by(reset="never"):
        fail(
            "The weights are right. The reported accuracy of an epoch still holds the epochs "
            "before it."
        )
    if reported_by(reset="batch"):
        fail(
            "The weights are right. The reported accuracy is that of the last batch of each epoch: "
            "the metric starts again too often."
        )
    if not np.any(values):
        fail("The weights are right. The metric is reset right before its result is read.")
    fail("The weights are right, but the reported accuracies are not those of the epochs.")


BROKEN = """def broken_loop(model, optimizer, loss_function, metric, batches, epochs):
    history = []
    for _ in range(epochs):
        for inputs, targets in batches:
            with tf.GradientTape() as tape:
                outputs = model(inputs)
                loss = loss_function(targets, outputs)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            metric.update_state(targets, outputs)
        history.append(float(metric.result()))
    return history"""


def fix_at_the_end(model, optimizer, loss_function, metric, batches, epochs):
    reported = np.zeros(epochs)
    for epoch in range(epochs):
        for inputs, targets in batches:
            with tf.GradientTape() as tape:
                outputs = model(inputs, training=True)
                loss = tf.add_n([loss_function(targets, outputs), *model.losses])
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            metric.update_state(targets, outputs)
        reported[epoch] = metric.result()
        metric.reset_state()
    return list(reported)


def fix_compiled(model, optimizer, loss_function, metric, batches, epochs):
    @tf.function
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = loss_function(targets, outputs)
            for term in model.losses:
                loss = loss + term
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        metric.update_state(targets, outputs)

    def epoch():
        metric.reset_state()
        for batch in batches:
            step(*batch)
        return metric.result().numpy()

    return [epoch() for _ in range(epochs)]


fix = Exercise(
    id="15.2",
    title="A loop with three bugs",
    minutes=10,
    statement=f"""This loop runs without an error and has three bugs. Two of them change what is
learned, one changes what is reported.

```python
{BROKEN}
```

Write `fixed_loop`, with the same arguments and without the three bugs.

- `model`: a Keras model with its weights; `optimizer`: a Keras optimizer, built.
- `loss_function(targets, outputs)` returns the mean loss of a batch; `metric` is a Keras metric.
- `batches`: a list of pairs `(inputs, targets)` of tensors; `epochs`: a whole number.

It changes the model's weights in place and returns a list with the metric of each epoch, as floats.
The check trains a model that has weight decay and batch normalisation, and compares its weights and
the list with those of a right loop.""",
    stub=("def fixed_loop(model, optimizer, loss_function, metric, batches, epochs):\n    ..."),
    answer="fixed_loop",
    check=check_fixed_loop,
    reference=fixed_loop,
    hints=(
        "Copy the loop and put it beside `training_step` and `TrainingLoop` above. Which three "
        "things do those have?",
        "What do batch normalisation and dropout have to be told? What do layers with weight decay "
        "leave in a list?",
        "One argument in the call of the model, one sum added to the loss inside the tape, and one "
        "call at the start of each epoch.",
    ),
    explanation=(
        "`training=True` lets batch normalisation use the batch and move its averages, "
        "`model.losses` brings the weight decay into the gradient, and `reset_state` at the start "
        "of an epoch makes the metric speak of that epoch alone. `fit` does all three."
    ),
    wrong=(
        Wrong(train_variant(training=False, losses=False, reset="never"), "both are still there"),
        Wrong(train_variant(training=False), "moving averages never move"),
        Wrong(train_variant(losses=False), "does not reach the gradients"),
        Wrong(train_variant(losses="outside"), "No gradients provided for any variable"),
        Wrong(train_variant(losses="twice"), "counts double"),
        Wrong(train_variant(reset="never"), "still holds the epochs before it"),
        Wrong(train_variant(reset="batch"), "starts again too often"),
        Wrong(train_variant(reset="before result"), "right before its result is read"),
    ),
    right=(fix_at_the_end, fix_compiled),
    seconds=60,
)

# ---------------------------------------------------------------- 15.3


def accumulated_step(model, optimizer, loss_function, batches):
    total, count = 0.0, 0
    sums = [tf.zeros_like(weight) for weight in model.trainable_variables]
    for inputs, targets in batches:
        size = len(targets)
        with tf.GradientTape() as tape:
            loss = loss_function(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        sums = [old + size * new for old, new in zip(sums, gradients, strict=True)]
        total, count = total + size * loss, count + size
    optimizer.apply([each / count for each in sums], model.trainable_variables)
    return total / count


SIZES = (6, 6, 3)
SAMPLES = np.random.default_rng(10).normal(size=(sum(SIZES), 4)).astype("float32")
TARGETS = (SAMPLES @ np.array([[1.0], [-2.0], [0.5], [3.0]]) + 1).astype("float32")
TARGETS[-SIZES[-1] :] += 20.0  # the short batch has a gradient of its own


def line_model():
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.set_weights([np.full((4, 1), 0.1, "float32"), np.zeros(1, "float32")])
    return model


def squared_error(targets, outputs):
    return tf.reduce_mean((targets - outputs) ** 2)


def cut(sizes=SIZES):
    ends = np.cumsum(sizes)
    return [
        (tf.constant(SAMPLES[end - size : end]), tf.constant(TARGETS[end - size : end]))
        for size, end in zip(sizes, ends, strict=True)
    ]


def gradient_of(weights, batch):
    """Return the gradient of the squared error of a line, computed by hand, as one vector."""
    inputs, targets = (np.asarray(part, "float64") for part in batch)
    slack = inputs @ weights[:4, None] + weights[4] - targets
    return np.append((2 * inputs * slack).mean(axis=0), 2 * slack.mean())


def flat(model):
    return np.concatenate([weight.ravel() for weight in model.get_weights()]).astype("float64")


def check_accumulated_step(answer):
    import keras

    rate = 0.01

    def moved(batches):
        model, optimizer = line_model(), keras.optimizers.SGD(rate)
        optimizer.build(model.trainable_variables)
        before = flat(model)
        result = call(answer, model, optimizer, squared_error, batches)
        return flat(model) - before, result, int(optimizer.iterations)

    batches = cut()
    step, result, taken = moved(batches)
    start = flat(line_model())
    each = [gradient_of(start, batch) for batch in batches]
    weighted = [size * gradient for size, gradient in zip(SIZES, each, strict=True)]
    if taken == 0 and not np.any(step):
        fail(
            "No step was taken. After the last batch, hand the gradients to `optimizer.apply`, "
            "together with `model.trainable_variables`."
        )
    if taken > 1:
        fail(
            f"The optimizer took {taken} steps for {len(batches)} batches. Accumulating means one "
            "step, after the last batch, with what all of them say."
        )
    known = {
        "is the sum of the batches' gradients. It is as many times too long as there are batches: "
        "a mean needs a division.": sum(each),
        "is that of the last batch alone: what the batches before said is overwritten.": each[-1],
        "is that of the first batch alone. Does the loop end too early?": each[0],
        "is the mean of the batches' gradients. The batches have 6, 6 and 3 samples: how much "
        "should the last one count?": sum(each) / 3,
        "counts each gradient by the size of its batch, and divides by the number of batches: by "
        "how many samples should it be?": sum(weighted) / 3,
        "counts each gradient by the size of its batch, and is then not divided.": sum(weighted),
        "divides the sum of the batches' gradients by the number of samples. Each of them is "
        "a mean over its batch already.": sum(each) / sum(SIZES),
    }
    whole = sum(weighted) / sum(SIZES)
    for text, gradient in known.items():
        if is_close(step, -rate * gradient) and not is_close(step, -rate * whole):
            fail(f"The gradient that you apply {text}")
    if is_close(step, rate * whole):
        fail("The weights moved uphill. `apply` takes the gradients as they are.")
    expect_close(step, -rate * whole, "The step")
    losses = [np.mean((np.asarray(y) - 0.1 * np.sum(x, axis=1)[:, None]) ** 2) for x, y in batches]
    mean_loss = np.average(losses, weights=SIZES)
    value = expect_shape(result, (), "The loss that you return")
    if is_close(value, np.mean(losses)) or is_close(value, np.sum(losses)):
        fail(
            "The step is right. The loss that you return is not the mean over the samples: the "
            "batches have different sizes there, too."
        )
    if is_close(value, losses[-1]):
        fail("The step is right. The loss that you return is that of the last batch.")
    expect_close(value, mean_loss, "The loss that you return")
    step, _, _ = moved(cut((5, 5, 5)))
    expect_close(step, -rate * whole, "With three batches of 5 samples, the step")
    if not all(modes_of_calls(answer, batches)):
        fail(
            "The step is right for a model without dropout. Say `training=True` when you call the "
            "model: dropout and batch normalisation work differently in training."
        )


def modes_of_calls(answer, batches):
    """Return the ``training`` of each of the answer's calls, as a layer of the model sees it."""
    import keras

    modes = []

    class Listener(keras.layers.Layer):
        def call(self, inputs, training=None):
            modes.append(training)
            return inputs

    model = keras.Sequential([keras.Input((4,)), Listener(), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.01)
    optimizer.build(model.trainable_variables)
    modes.clear()  # building called it, too
    call(answer, model, optimizer, squared_error, batches)
    return modes


def _accumulate(weigh, divide, *, loss_of=None):
    """Return an answer that weighs each batch, and divides by what ``divide`` gives."""

    def answer(model, optimizer, loss_function, batches):
        sums = [tf.zeros_like(weight) for weight in model.trainable_variables]
        losses, sizes = [], []
        for inputs, targets in batches:
            with tf.GradientTape() as tape:
                loss = loss_function(targets, model(inputs, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            sizes.append(len(targets))
            losses.append(loss)
            sums = [a + weigh(sizes[-1]) * b for a, b in zip(sums, gradients, strict=True)]
        scale = divide(sizes)
        optimizer.apply([each / scale for each in sums], model.trainable_variables)
        return (loss_of or (lambda losses, sizes: np.average(losses, weights=sizes)))(losses, sizes)

    return answer


def accumulate_as_in_use(model, optimizer, loss_function, batches):
    class AsInUse:
        trainable_variables = model.trainable_variables

        def __call__(self, inputs, training):
            return model(inputs)

    return accumulated_step(AsInUse(), optimizer, loss_function, batches)


def accumulate_and_step(model, optimizer, loss_function, batches):
    for inputs, targets in batches:
        with tf.GradientTape() as tape:
            loss = loss_function(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
    return loss


def accumulate_overwriting(model, optimizer, loss_function, batches):
    for inputs, targets in batches:
        with tf.GradientTape() as tape:
            loss = loss_function(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss


def accumulate_and_return_early(model, optimizer, loss_function, batches):
    return accumulate_overwriting(model, optimizer, loss_function, batches[:1])


def accumulate_without_apply(model, optimizer, loss_function, batches):
    total = 0.0
    for inputs, targets in batches:
        total += loss_function(targets, model(inputs, training=True))
    return total


def accumulate_one_tape(model, optimizer, loss_function, batches):
    count = sum(len(targets) for _, targets in batches)
    with tf.GradientTape() as tape:
        total = 0.0
        for inputs, targets in batches:
            share = len(targets) / count
            total += share * loss_function(targets, model(inputs, training=True))
    gradients = tape.gradient(total, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return float(total)


def accumulate_whole(model, optimizer, loss_function, batches):
    variables = model.trainable_variables
    measured = []
    for inputs, targets in batches:
        with tf.GradientTape() as tape:
            loss = loss_function(targets, model(inputs, training=True))
        measured.append((loss, *tape.gradient(loss, variables)))
    sizes = tf.constant([float(len(targets)) for _, targets in batches])
    weights = sizes / tf.reduce_sum(sizes)
    loss, *gradients = (
        tf.tensordot(weights, tf.stack(parts), 1) for parts in zip(*measured, strict=True)
    )
    optimizer.apply(gradients, variables)
    return loss


accumulate = Exercise(
    id="15.3",
    title="One step from several batches",
    minutes=20,
    statement="""A large batch may not fit into memory. Cut it into small ones, add up what their
gradients say, and take **one** step. Write
`accumulated_step(model, optimizer, loss_function, batches)`.

- `model`: a Keras model that adds no losses of its own; `optimizer`: a Keras optimizer, built.
- `loss_function(targets, outputs)` returns the mean loss of a batch, a float32 scalar.
- `batches`: a list of pairs `(inputs, targets)` of float32 tensors. **Their sizes may differ**;
  `len(targets)` is the number of samples.

Take the very step that the optimizer would take for all samples in a single batch, in training
mode: call `optimizer.apply(gradients, model.trainable_variables)` once. Return the mean loss over
all samples before the step, a scalar.""",
    stub="def accumulated_step(model, optimizer, loss_function, batches):\n    ...",
    answer="accumulated_step",
    check=check_accumulated_step,
    reference=accumulated_step,
    hints=(
        "Start with a list of zeros, one tensor a variable: `tf.zeros_like(weight)`. After each "
        "batch, add its gradients to the list.",
        "The gradient of a batch is that of a mean over its samples. Times the number of samples, "
        "it is that of a sum. Sums add up.",
        "At the end, divide the sums by the number of all samples. The loss goes the same way.",
    ),
    explanation=(
        "Each batch's mean times its size is a sum over samples; the sums add up, and one division "
        "by the number of all samples makes the mean of the large batch. With batches of equal "
        "size the mean of the gradients is enough; Keras' optimizers do that with "
        "gradient_accumulation_steps=..."
    ),
    wrong=(
        Wrong(_accumulate(lambda size: 1.0, lambda sizes: 1.0), "a mean needs a division"),
        Wrong(_accumulate(lambda size: 1.0, len), "how much should the last one count"),
        Wrong(_accumulate(lambda size: 1.0, sum), "a mean over its batch already"),
        Wrong(_accumulate(float, lambda sizes: 1.0), "is then not divided"),
        Wrong(_accumulate(float, len), "by how many samples should it be"),
        Wrong(accumulate_and_step, "took 3 steps for 3 batches"),
        Wrong(accumulate_overwriting, "is overwritten"),
        Wrong(accumulate_and_return_early, "end too early"),
        Wrong(accumulate_without_apply, "No step was taken"),
        Wrong(
            _accumulate(float, sum, loss_of=lambda losses, sizes: np.mean(losses)),
            "is not the mean over the samples",
        ),
        Wrong(
            _accumulate(float, sum, loss_of=lambda losses, sizes: losses[-1]),
            "that of the last batch",
        ),
        Wrong(accumulate_as_in_use, "Say `training=True` when you call"),
    ),
    right=(accumulate_one_tape, accumulate_whole),
)

EXERCISES = (clip, fix, accumulate)
