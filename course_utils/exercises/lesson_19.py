"""Exercises of lesson 19, shared layers."""

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.keras_private import list_calls
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402  (after the quiet import)
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 19.1


def count_parameters(calls):
    sizes = {name: (inputs, outputs) for name, inputs, outputs in calls}
    return sum(inputs * outputs + outputs for inputs, outputs in sizes.values())


COUNTED = (
    [("tower", 784, 64), ("tower", 784, 64), ("head", 128, 1)],
    [("left", 10, 5), ("right", 10, 5), ("head", 5, 1)],
    [("block", 8, 8), ("block", 8, 8), ("block", 8, 8), ("last", 8, 3)],
)


def check_count_parameters(answer):
    for calls in COUNTED:
        got = to_array(call(answer, list(calls)), "What it returns")
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        truth = count_parameters(calls)
        if is_close(got.reshape(()), truth, tolerance=1e-9):
            continue
        names = [name for name, _, _ in calls]
        once = {name: (inputs, outputs) for name, inputs, outputs in calls}
        alone = {name: size for name, size in once.items() if names.count(name) == 1}
        mistakes = {
            count_each_call(calls): (
                "counts a layer again at each of its calls. How many matrices does a layer have "
                "that is called twice?"
            ),
            sum(inputs * outputs for inputs, outputs in once.values()): "leaves out the biases.",
            count_by_size(calls): (
                "takes two layers of the same sizes for one. What makes a layer the same layer?"
            ),
            sum(inputs * outputs + outputs for inputs, outputs in alone.values()): (
                "leaves out the layers that are called more than once. Their weights are there "
                "once."
            ),
        }
        words = mistakes.get(int(got.item()), f"is not right; expected {truth}.")
        fail(f"For {calls} the answer {describe(got.item())} {words}")


def count_each_call(calls):
    return sum(inputs * outputs + outputs for _, inputs, outputs in calls)


def count_without_bias(calls):
    sizes = {name: (inputs, outputs) for name, inputs, outputs in calls}
    return sum(inputs * outputs for inputs, outputs in sizes.values())


def count_by_size(calls):
    return sum(m * n + n for m, n in {(inputs, outputs) for _, inputs, outputs in calls})


def count_unshared_only(calls):
    names = [name for name, _, _ in calls]
    return sum(m * n + n for name, m, n in calls if names.count(name) == 1)


count = Exercise(
    id="19.1",
    title="Count parameters under sharing",
    minutes=5,
    statement="""Write `count_parameters(calls)`. `calls` is a list with one entry for each call
of a dense layer: `(name, inputs, outputs)`, a text and two whole numbers. Entries with the same
name are calls of the same layer; entries with different names are different layers, whatever their
sizes. Return how many numbers the network learns, weights and biases, as one whole number.

For example, `[("tower", 3, 2), ("tower", 3, 2), ("head", 4, 1)]` is a layer "tower" that is called
twice, and a layer "head": 8 + 5 = 13.""",
    stub="def count_parameters(calls):\n    ...",
    answer="count_parameters",
    check=check_count_parameters,
    reference=count_parameters,
    hints=(
        "What does a layer make at its first call, and what does it make at its second?",
        "A dense layer from m to n has m · n + n numbers. Count each name once.",
        "A dict from the name to (inputs, outputs) keeps one entry a name.",
    ),
    explanation=(
        "The dict keeps one entry a layer, however often the layer is called. Two layers of equal "
        "sizes have two names, so both count."
    ),
    wrong=(
        Wrong(count_each_call, "again at each of its calls"),
        Wrong(count_without_bias, "leaves out the biases"),
        Wrong(count_by_size, "two layers of the same sizes for one"),
        Wrong(count_unshared_only, "leaves out the layers that are called more than once"),
    ),
    right=(lambda calls: np.int64(count_parameters(list(dict.fromkeys(calls)))),),
)

# ---------------------------------------------------------------- 19.2


def symmetric_head(left, right):
    distance = keras.ops.abs(left - right)
    return layers.Dense(1)(distance)


def scores(model, first, second):
    """Return the scores of a model for pairs, as float64 of shape (n,)."""
    value = call(model, [tf.constant(first), tf.constant(second)])
    return to_array(value, "The score").astype("float64").reshape(-1)


def lies_in_unit_interval(*values):
    return min(map(np.min, values)) >= 0 and max(map(np.max, values)) <= 1


def stays_there(model, a, b):
    """Say whether the scores lie between 0 and 1 with far larger weights, too."""
    before = model.get_weights()
    model.set_weights([weight + 5 for weight in before])
    larger = [scores(model, *pair) for pair in ((a, b), (b, a), (a, a), (b, b))]
    model.set_weights(before)
    return lies_in_unit_interval(*larger)


def check_symmetric_head(answer):
    left, right = keras.Input((4,)), keras.Input((4,))
    score = call(answer, left, right)
    if not isinstance(score, keras.KerasTensor):
        fail(
            f"Expected a symbolic tensor, got {describe(score)}. Return what your last layer "
            "returns."
        )
    if tuple(score.shape) != (None, 1):
        fail(f"The score has the shape {tuple(score.shape)}; expected (None, 1), one a pair.")
    try:
        model = keras.Model([left, right], score)
    except ValueError:
        fail("The score does not come from `left` and `right`.")
    a, b = 3 * np.random.default_rng(3).normal(size=(2, 64, 4)).astype("float32")
    if not model.trainable_weights:
        fail("There is nothing to learn in this head. End it with a dense layer of one unit.")
    for weight in model.trainable_weights:  # biases start at 0; here they shall count
        weight.assign_add(np.full(weight.shape, 0.1, "float32"))
    ab, ba, aa, bb = (scores(model, *pair) for pair in ((a, b), (b, a), (a, a), (b, b)))
    if lies_in_unit_interval(ab, ba, aa, bb) and stays_there(model, a, b):
        fail("All scores lie between 0 and 1. Return the score itself, without an activation.")
    if is_close(ab, np.full_like(ab, ab[0])):
        fail("The score is the same for all pairs: it does not look at the vectors.")
    symmetric = is_close(ab, ba, tolerance=1e-3)
    additive = is_close(aa + bb, ab + ba, tolerance=1e-3)
    if not symmetric and additive and is_close(ab + ba, aa + bb) and is_close(aa, bb):
        fail(
            "Swapping left and right changes the score: a difference turns its sign. What of it "
            "stays the same when the two are swapped?"
        )
    if not symmetric and additive:
        fail(
            "Swapping left and right changes the score, because each side has weights of its own "
            "in the unit, and no weights at all make this head say 'same': s(a, a) + s(b, b) = "
            "s(a, b) + s(b, a)."
        )
    if not symmetric:
        fail(
            "Swapping left and right changes the score. After joining, each place of the joined "
            "vector has a weight of its own, and a difference that is not made absolute has a "
            "sign. Build first what both orders have in common."
        )
    if additive:
        fail(
            "The score is symmetric, but a sum of two sides, so it cannot say 'same': s(a, a) + "
            "s(b, b) = s(a, b) + s(b, a). The two vectors have to meet in something that is not "
            "a sum."
        )
    with tf.GradientTape() as tape:
        x = tf.constant(a)
        tape.watch(x)
        score = call(model, [x, tf.constant(a)])
    slope = tape.gradient(score, x)
    if slope is None or not np.all(np.isfinite(slope)):
        fail(
            "For two equal vectors the score is a number, but its gradient is not: a root has none "
            "at 0, and one equal pair in a batch ruins every weight. Put a floor under the root, "
            "or leave the root out."
        )


def head_length(left, right):
    total = keras.ops.sum(keras.ops.square(left - right), axis=1, keepdims=True)
    return layers.Dense(1)(keras.ops.sqrt(total))


def head_length_above_a_floor(left, right):
    total = keras.ops.sum(keras.ops.square(left - right), axis=1, keepdims=True)
    return layers.Dense(1)(keras.ops.sqrt(keras.ops.maximum(total, 1e-7)))


def head_joined(left, right):
    return layers.Dense(1)(layers.Concatenate()([left, right]))


def head_joined_hidden(left, right):
    x = layers.Dense(16, activation="relu")(layers.Concatenate()([left, right]))
    return layers.Dense(1)(x)


def head_signed(left, right):
    return layers.Dense(1)(left - right)


def head_sum(left, right):
    return layers.Dense(1)(left + right)


def head_sigmoid(left, right):
    return layers.Dense(1, activation="sigmoid")(keras.ops.abs(left - right))


def head_without_weights(left, right):
    return -keras.ops.sum(keras.ops.square(left - right), axis=1, keepdims=True)


def head_no_unit(left, right):
    return keras.ops.abs(left - right)


def head_product(left, right):
    return layers.Dense(1)(layers.Multiply()([left, right]))


def head_squares(left, right):
    x = keras.ops.square(left - right)
    return layers.Dense(1)(layers.Dense(8, activation="relu")(x))


def head_both_orders(left, right):
    hidden, unit = layers.Dense(8, activation="relu"), layers.Dense(1)
    orders = [layers.Concatenate()(pair) for pair in ([left, right], [right, left])]
    return layers.Average()([unit(hidden(order)) for order in orders])


def head_cosine(left, right):
    return layers.Dense(1)(layers.Dot(axes=1, normalize=True)([left, right]))


symmetric = Exercise(
    id="19.2",
    title="A symmetric head",
    minutes=10,
    statement="""Write `symmetric_head(left, right)`. It takes two symbolic float32 tensors of shape
(None, 4), the vectors of the two sides, and returns a symbolic tensor of shape (None, 1): the score
of the pair, without an activation. The head must

- give the same score when left and right are swapped, whatever its weights are;
- be able to learn "same": for some vectors a and b, s(a, a) + s(b, b) is not s(a, b) + s(b, a);
- have weights to learn, such as those of a dense layer of one unit at its end;
- have a gradient that is a number also where the two vectors are equal.

Use `layers` and `keras.ops`. There is more than one right answer.""",
    stub="def symmetric_head(left, right):\n    ...",
    answer="symmetric_head",
    check=check_symmetric_head,
    reference=symmetric_head,
    hints=(
        "Which operations on two vectors do not care about the order? Which of them are more than "
        "a sum of a part from the left and a part from the right?",
        "The difference turns its sign when the two are swapped. What removes a sign?",
        "`keras.ops.abs`, then `layers.Dense(1)`.",
    ),
    explanation=(
        "|a - b| is |b - a|, whatever comes after it. It is 0 exactly where the two agree, and the "
        "unit after it says how much each place counts."
    ),
    wrong=(
        Wrong(head_joined, "no weights at all make this head say 'same'"),
        Wrong(head_joined_hidden, "each place of the joined vector has a weight of its own"),
        Wrong(head_signed, "turns its sign"),
        Wrong(head_sum, "symmetric, but a sum of two sides"),
        Wrong(head_sigmoid, "without an activation"),
        Wrong(head_without_weights, "nothing to learn"),
        Wrong(head_no_unit, "expected (None, 1)"),
        Wrong(head_length, "Put a floor under the root"),
    ),
    right=(
        head_product,
        head_squares,
        head_length_above_a_floor,
        head_both_orders,
        head_cosine,
    ),
)

# ---------------------------------------------------------------- 19.3


def is_shared(pair):
    ones = [tf.ones([1, *tensor.shape[1:]]) for tensor in pair.inputs]
    with tf.GradientTape(persistent=True) as tape:
        left, right = pair(ones)
    weights = pair.trainable_weights
    from_left = tape.gradient(left, weights)
    from_right = tape.gradient(right, weights)
    return all(gradient is not None for gradient in from_left + from_right)


def small_encoder(name="encoder"):
    return keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, activation="tanh"), layers.Dense(3)], name=name
    )


def shared_pair():
    encoder = small_encoder()
    left, right = keras.Input((6,)), keras.Input((6,))
    return keras.Model([left, right], [encoder(left), encoder(right)])


def shared_layers_pair():
    """Return a pair without an inner model: two plain layers, each called twice."""
    first, second = layers.Dense(4, activation="relu"), layers.Dense(3)
    left, right = keras.Input((6,)), keras.Input((6,))
    return keras.Model([left, right], [second(first(left)), second(first(right))])


def twin_pair():
    left, right = keras.Input((6,)), keras.Input((6,))
    return keras.Model([left, right], [small_encoder("one")(left), small_encoder("two")(right)])


def copied_pair():
    encoder = small_encoder()
    twin = keras.models.clone_model(encoder)
    twin.name = "twin"
    twin.set_weights(encoder.get_weights())
    left, right = keras.Input((6,)), keras.Input((6,))
    return keras.Model([left, right], [encoder(left), twin(right)])


def half_shared_pair():
    """Return a pair whose first layer is shared and whose last layers are not."""
    first = layers.Dense(4, activation="relu")
    left, right = keras.Input((6,)), keras.Input((6,))
    outputs = [layers.Dense(3)(first(left)), layers.Dense(3)(first(right))]
    return keras.Model([left, right], outputs)


def half_shared_at_the_end():
    """Return a pair whose last layer is shared and whose first layers are not."""
    last = layers.Dense(3)
    left, right = keras.Input((6,)), keras.Input((6,))
    outputs = [last(layers.Dense(4, activation="relu")(side)) for side in (left, right)]
    return keras.Model([left, right], outputs)


def twins_that_repeat():
    """Return a pair of two layers, each called twice, but on its own side only."""
    left, right = keras.Input((6,)), keras.Input((6,))
    first, second = layers.Dense(6), layers.Dense(6)
    return keras.Model([left, right], [first(first(left)), second(second(right))])


PROVED = (
    (shared_pair, True, "one encoder called twice", "It says False. Both sides use its weights."),
    (
        twin_pair,
        False,
        "two encoders",
        "It says True. Each weight belongs to one side alone.",
    ),
    (
        copied_pair,
        False,
        "an encoder and a clone with copied weights",
        "It says True. The two answer alike now, but a change of one leaves the other as it is. "
        "Equal values are no proof: which weights does each output depend on?",
    ),
    (
        shared_layers_pair,
        True,
        "two plain layers, each called twice, with no model inside",
        "It says False. Do not count layers: ask which weights each output depends on.",
    ),
    (
        half_shared_pair,
        False,
        "a first layer that is shared and last layers that are not",
        "It says True. Some weights are shared; the question is whether all are.",
    ),
    (
        half_shared_at_the_end,
        False,
        "first layers of their own and a last layer that is shared",
        "It says True. The last layer is shared, but each of the first ones belongs to one side.",
    ),
    (
        twins_that_repeat,
        False,
        "two layers, each called twice on its own side",
        "It says True. Two calls are no proof: both may belong to one side.",
    ),
)


def check_is_shared(answer):
    for make, truth, what, says in PROVED:
        pair = make()
        before = pair.get_weights()
        got = call(answer, pair)
        if not isinstance(got, bool | np.bool_):
            fail(f"Expected True or False, got {describe(got)}.")
        if not all(map(np.array_equal, before, pair.get_weights())):
            fail("Your function leaves the model with other weights than it found. Put them back.")
        if bool(got) != truth:
            fail(f"A pair of {what}: {says}")


def shared_by_answers(pair):
    x = np.ones((1, 6), "float32")
    left, right = pair([x, x])
    return bool(np.allclose(left, right))


def shared_by_layers(pair):
    return len(pair.layers) == 3


def shared_if_any(pair):
    ones = [tf.ones([1, 6]), tf.ones([1, 6])]
    with tf.GradientTape(persistent=True) as tape:
        left, right = pair(ones)
    weights = pair.trainable_weights
    both = zip(tape.gradient(left, weights), tape.gradient(right, weights), strict=True)
    return any(one is not None and other is not None for one, other in both)


def shared_by_change(pair):
    x = np.ones((1, 6), "float32")
    before = [np.asarray(output) for output in pair([x, x])]
    for weight in pair.trainable_weights:
        weight.assign_add(tf.ones_like(weight))
    after = [np.asarray(output) for output in pair([x, x])]
    return not any(map(np.array_equal, before, after))


def shared_by_last_weight(pair):
    x = np.ones((1, 6), "float32")
    weight = pair.trainable_weights[-1]
    old, before = weight.numpy(), [np.asarray(output) for output in pair([x, x])]
    weight.assign(old + 1)
    after = [np.asarray(output) for output in pair([x, x])]
    weight.assign(old)
    return not any(map(np.array_equal, before, after))


def shared_by_calls(pair):
    return all(
        len(list_calls(layer)) >= 2
        for layer in pair.layers
        if not isinstance(layer, layers.InputLayer)
    )


def shared_never(pair):
    return False


def is_shared_by_change(pair):
    before = pair.get_weights()
    ones = [np.ones((1, 6), "float32")] * 2
    try:
        for place in range(len(before)):
            changed = [w + 0.5 if n == place else w for n, w in enumerate(before)]
            pair.set_weights([np.abs(w) for w in before])
            old = [np.asarray(output) for output in pair(ones)]
            pair.set_weights([np.abs(w) for w in changed])
            new = [np.asarray(output) for output in pair(ones)]
            if any(np.array_equal(*both) for both in zip(old, new, strict=True)):
                return False
        return True
    finally:
        pair.set_weights(before)


prove = Exercise(
    id="19.3",
    title="Prove it",
    minutes=20,
    statement="""Write `is_shared(pair)`. It takes a Functional model from two inputs, left and
right, to two outputs, such as `two_vectors` above. It returns `True` if **every** trainable weight
of the model has a part in both outputs, else `False`. The model stays as it is: afterwards its
weights have the values that they had before.

Each input is float32 of shape (batch, n). The first output depends on the left input alone, the
second on the right one. A proof is not fooled by a copy: an encoder and a clone that holds the same
values are not shared. `pair.trainable_weights` lists the weights, and `pair.inputs[0].shape` is the
shape of an input.""",
    stub="def is_shared(pair):\n    ...",
    answer="is_shared",
    check=check_is_shared,
    reference=is_shared,
    hints=(
        "Do not ask whether the two sides answer alike. Ask what each answer depends on.",
        "Lesson 05: what is the gradient of a result with respect to a weight that has no part in "
        "it?",
        "With a persistent tape, take the gradients of the left output and those of the right "
        "output. None of them may be `None`.",
    ),
    explanation=(
        "A gradient is None where no path leads from a weight to the output. If no gradient is "
        "None on either side, each weight has a part in both outputs. Values play no role, so "
        "copies do not deceive, and nothing is changed."
    ),
    wrong=(
        Wrong(shared_by_answers, "Equal values are no proof"),
        Wrong(shared_by_layers, "Do not count layers"),
        Wrong(shared_if_any, "the question is whether all are"),
        Wrong(shared_by_change, "Put them back"),
        Wrong(shared_by_last_weight, "each of the first ones belongs to one side"),
        Wrong(shared_by_calls, "Two calls are no proof"),
        Wrong(shared_never, "Both sides use its weights"),
        Wrong(lambda pair: True, "Each weight belongs to one side alone"),
    ),
    right=(is_shared_by_change,),
)

EXERCISES = (count, symmetric, prove)
