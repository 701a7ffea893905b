"""Exercises of lesson 18, many inputs, many outputs."""

import numpy as np

from course_utils.exercises.expect import (
    NotAttempted,
    call,
    describe,
    expect_close,
    expect_shape,
    fail,
    is_close,
    lent,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 18.1


def mean_of_words(rows, numbers):
    is_word = tf.cast(numbers != 0, tf.float32)[:, :, tf.newaxis]
    return tf.reduce_sum(rows * is_word, axis=1) / tf.reduce_sum(is_word, axis=1)


def some_words():
    """Return rows (3, 5, 2) and numbers (3, 5); where a word is padding, its row is far away."""
    rows = np.random.default_rng(181).normal(size=(3, 5, 2)).astype(np.float32)
    numbers = np.array([[4, 2, 9, 0, 0], [7, 0, 0, 0, 0], [3, 3, 1, 5, 8]])
    rows[numbers == 0] = [50.0, -70.0]
    rows[0, 1] = 0.0  # a word whose vector is zero is a word all the same
    return rows, numbers


def check_mean_of_words(answer):
    rows, numbers = some_words()
    is_word = (numbers != 0)[..., None]
    expected = (rows * is_word).sum(axis=1) / is_word.sum(axis=1)
    found = expect_shape(call(answer, tf.constant(rows), tf.constant(numbers)), (3, 2), "The means")
    if is_close(found, rows.mean(axis=1)):
        fail("The padding counts like words: this is the mean over all places.")
    if is_close(found, (rows * is_word).mean(axis=1)):
        fail(
            "The padding adds nothing to the sum, but the sum is divided by the number of places. "
            "Divide by the number of words of each headline."
        )
    if is_close(found, (rows * is_word).sum(axis=1)):
        fail("These are sums. Divide each by the number of words of its headline.")
    if is_close(found[1:], expected[1:]) and not is_close(found, expected):
        fail(
            "A word whose vector is all zeros was left out. What is padding is said by the word "
            "numbers, not by the rows."
        )
    expect_close(found, expected, "The means of the words")


def mean_of_all_places(rows, numbers):
    return tf.reduce_mean(rows, axis=1)


def mean_over_the_length(rows, numbers):
    return tf.reduce_mean(rows * tf.cast(numbers != 0, tf.float32)[:, :, None], axis=1)


def mean_without_division(rows, numbers):
    return tf.reduce_sum(rows * tf.cast(numbers != 0, tf.float32)[:, :, None], axis=1)


def mean_of_nonzero_rows(rows, numbers):
    is_word = (numbers != 0)[:, :, None] & tf.reduce_any(rows != 0, axis=2, keepdims=True)
    is_word = tf.cast(is_word, tf.float32)
    return tf.reduce_sum(rows * is_word, axis=1) / tf.reduce_sum(is_word, axis=1)


def mean_of_words_by_keras(rows, numbers):
    pool = layers.GlobalAveragePooling1D()
    return pool(rows, mask=tf.not_equal(numbers, 0))


def mean_of_words_row_by_row(rows, numbers):
    pairs = zip(rows.numpy(), numbers.numpy(), strict=True)
    return np.stack([vectors[places > 0].mean(axis=0) for vectors, places in pairs])


masked = Exercise(
    id="18.1",
    title="The mean of the words",
    minutes=5,
    statement="""The shortest way to make one vector of a headline is the mean of its word vectors.
Write `mean_of_words(rows, numbers)`, which leaves the padding out:

- `rows` is a float32 tensor of shape (n, length, d), the vectors of the words;
- `numbers` is a tensor of shape (n, length), the numbers of the words, 0 for padding;
- it returns a tensor of shape (n, d). Each headline has at least one word.

For example, a headline with the numbers `[5, 7, 0, 0]` gets the mean of its first two rows.""",
    stub="def mean_of_words(rows, numbers):\n    ...",
    answer="mean_of_words",
    check=check_mean_of_words,
    reference=mean_of_words,
    hints=(
        "`numbers != 0` says which places hold a word. Cast it to float32.",
        "It has to be as long as a word vector, or broadcast: `[:, :, tf.newaxis]`.",
        "Multiply, sum over the places, and divide by the number of words.",
    ),
    explanation=(
        "Times 0, a row adds nothing to the sum; and the sum is divided by how many words there "
        "are, not by how many places."
    ),
    wrong=(
        Wrong(mean_of_all_places, "The padding counts like words"),
        Wrong(mean_over_the_length, "Divide by the number of words of each headline"),
        Wrong(mean_without_division, "These are sums"),
        Wrong(mean_of_nonzero_rows, "A word whose vector is all zeros was left out"),
    ),
    right=(mean_of_words_by_keras, mean_of_words_row_by_row),
)

# ---------------------------------------------------------------- 18.2


def compile_with_metrics(model):
    model.compile(
        "adam",
        loss={"reposts": "mse", "likes": "mse"},
        loss_weights={"reposts": 1.0, "likes": 0.2},
        metrics={"reposts": ["mae"], "likes": ["mae", "mape"]},
    )
    return model


@lent
def model_to_compile():
    keras.utils.set_random_seed(11)
    return small_model()


def check_metrics(answer):
    with model_to_compile() as model:
        judge_metrics(answer, model)


def judge_metrics(answer, model):
    compiled = call(answer, model)
    if compiled is not model:
        fail(f"Expected the model that came in, compiled; got {describe(compiled)}.")
    if not model.compiled:
        raise NotAttempted("The model has not been compiled yet.")
    inputs = {name: value for name, value in some_inputs().items() if name != "followers"}
    targets = {"reposts": np.arange(1, 9) / 2.0, "likes": 3.0 + np.arange(8) / 4.0}
    answers = {name: value.numpy()[:, 0] for name, value in model(inputs).items()}
    model.run_eagerly = True  # the numbers are the same, and no graph has to be made
    try:
        logs = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    except Exception as error:
        text = " ".join(str(error).split())
        if "metrics" in text:
            fail(
                "Keras refuses these metrics at the first batch. They need the shape of the "
                "outputs: a dict with the same keys as the outputs, with a list for each."
            )
        if "loss" in text:
            fail(
                "Keras refuses these losses at the first batch: "
                f"{text[:200]} Losses and weights are dicts with the same keys as the outputs."
            )
        fail(f"The first batch raises {type(error).__name__}: {text[:200]}")
    errors = {name: answers[name] - targets[name] for name in targets}
    squared = {name: np.mean(error**2) for name, error in errors.items()}
    check_loss(logs, squared)
    kinds = {
        "mean absolute error": {name: np.mean(np.abs(error)) for name, error in errors.items()},
        "mean absolute percentage error": {
            name: 100 * np.mean(np.abs(error / targets[name])) for name, error in errors.items()
        },
    }
    wanted = {
        "reposts": {"mean absolute error"},
        "likes": {"mean absolute error", "mean absolute percentage error"},
    }
    for name in ("reposts", "likes"):
        extra = {
            key: value
            for key, value in logs.items()
            if key.startswith(f"{name}_") and key != f"{name}_loss"
        }
        found = set()
        for key, value in extra.items():
            for kind, truth in kinds.items():
                if is_close(value, truth[name]):
                    found.add(kind)
                    break
            else:
                fail(f"{key} is a metric that was not asked for. Which belong to the {name}?")
        if missing := sorted(wanted[name] - found):
            fail(f"The {name} lack the {' and the '.join(missing)}.")
        if too_many := sorted(found - wanted[name]):
            fail(f"The {' and the '.join(too_many)} was asked for the likes, not for the {name}.")


def check_loss(logs, squared):
    """Fail unless the losses are squared errors with the weights 1.0 and 0.2."""
    if "reposts_loss" not in logs or "likes_loss" not in logs:
        fail("Only one output has a loss, so the other will not be trained. Name a loss for each.")
    for name in squared:
        if not is_close(logs[f"{name}_loss"], squared[name]):
            fail(f"The loss of the {name} is not the mean squared error.")
    total = {
        "right": squared["reposts"] + 0.2 * squared["likes"],
        "plain": squared["reposts"] + squared["likes"],
        "swapped": 0.2 * squared["reposts"] + squared["likes"],
    }
    if is_close(logs["loss"], total["plain"]):
        fail("Both losses count in full. The likes should count with the weight 0.2.")
    if is_close(logs["loss"], total["swapped"]):
        fail(
            "The weights have been exchanged: the reposts count with 0.2. A list is given to a "
            "dict of outputs in the alphabetical order of its keys; dicts name what they mean."
        )
    if not is_close(logs["loss"], total["right"]):
        fail("The total is not the reposts' loss plus 0.2 times the likes' loss.")


METRICS = {"reposts": ["mae"], "likes": ["mae", "mape"]}
LOSSES = {"reposts": "mse", "likes": "mse"}
WEIGHTS = {"reposts": 1.0, "likes": 0.2}


def compiled(model, *, loss=LOSSES, loss_weights=WEIGHTS, metrics=METRICS):
    model.compile("adam", loss=loss, loss_weights=loss_weights, metrics=metrics)
    return model


def metrics_in_one_list(model):
    return compiled(model, metrics=["mae"])


def metrics_for_both(model):
    return compiled(model, metrics={"reposts": ["mae", "mape"], "likes": ["mae", "mape"]})


def metrics_for_one(model):
    return compiled(model, metrics={"reposts": ["mae"]})


def metrics_without_weights(model):
    return compiled(model, loss_weights=None)


def metrics_with_listed_weights(model):
    return compiled(model, loss=["mse", "mse"], loss_weights=[1.0, 0.2])


def metrics_and_half_a_loss(model):
    return compiled(model, loss={"reposts": "mse"}, loss_weights=None, metrics={"reposts": ["mae"]})


def metrics_squared(model):
    return compiled(model, metrics={"reposts": ["mae", "mse"], "likes": ["mae", "mape"]})


def metrics_absolute_loss(model):
    return compiled(model, loss={"reposts": "mae", "likes": "mae"})


def metrics_by_objects(model):
    model.compile(
        keras.optimizers.SGD(0.1),
        loss=dict.fromkeys(("reposts", "likes"), keras.losses.MeanSquaredError()),
        loss_weights={"likes": 0.2, "reposts": 1.0},
        metrics={
            "likes": [
                keras.metrics.MeanAbsolutePercentageError(),
                keras.metrics.MeanAbsoluteError(),
            ],
            "reposts": [keras.metrics.MeanAbsoluteError(name="distance")],
        },
    )
    return model


def metrics_by_longer_names(model):
    names = ["mean_absolute_error", "mean_absolute_percentage_error"]
    model.compile(
        optimizer="sgd",
        loss={"likes": "mean_squared_error", "reposts": "mean_squared_error"},
        loss_weights={"likes": 0.2, "reposts": 1},
        metrics={"likes": names, "reposts": names[:1]},
    )
    return model


per_output = Exercise(
    id="18.2",
    title="Metrics for each output",
    minutes=10,
    statement="""Write `compile_with_metrics(model)`. It takes the lesson's model with its dict of
outputs `"reposts"` and `"likes"`, not compiled, compiles it, and returns it, such that

- both outputs are trained on the mean squared error, with the weights 1.0 for the reposts and 0.2
  for the likes;
- `evaluate` reports the mean absolute error for the reposts;
- and for the likes the mean absolute error and the mean absolute percentage error (`"mape"`);
- and no further metric. The optimiser is yours to choose.""",
    stub="def compile_with_metrics(model):\n    ...",
    answer="compile_with_metrics",
    check=check_metrics,
    reference=compile_with_metrics,
    hints=(
        "`loss`, `loss_weights` and `metrics` can each be a dict. What are its keys?",
        "An output can have several metrics: the value in the dict is then a list.",
        '`metrics={"reposts": [...], "likes": [...]}`; `compile` returns nothing, so the model has '
        "to be returned in a line of its own.",
    ),
    explanation=(
        "Dicts with the keys of the outputs say for each output what is meant. A list has to have "
        "the structure of the outputs too, and then depends on an order."
    ),
    wrong=(
        Wrong(metrics_in_one_list, "Keras refuses these metrics"),
        Wrong(metrics_for_both, "asked for the likes, not for the reposts"),
        Wrong(metrics_for_one, "The likes lack"),
        Wrong(metrics_without_weights, "Both losses count in full"),
        Wrong(metrics_with_listed_weights, "The weights have been exchanged"),
        Wrong(metrics_and_half_a_loss, "Only one output has a loss"),
        Wrong(metrics_squared, "a metric that was not asked for"),
        Wrong(metrics_absolute_loss, "is not the mean squared error"),
    ),
    right=(metrics_by_objects, metrics_by_longer_names),
    seconds=60,
)

# ---------------------------------------------------------------- 18.3


def build_with_followers():
    headline = keras.Input((12,), dtype="int32", name="headline")
    context = keras.Input((31,), name="context")
    followers = keras.Input((1,), name="followers")
    x = layers.Embedding(107, 32, mask_zero=True)(headline)
    text = layers.LSTM(32)(x)
    likes = layers.Dense(1, name="likes")(text)
    x = layers.Concatenate()([text, context, followers])
    for _ in range(3):
        x = layers.Dense(64, activation="relu")(x)
    reposts = layers.Dense(1, name="reposts")(x)
    return keras.Model([headline, context, followers], {"reposts": reposts, "likes": likes})


INPUTS = {"headline", "context", "followers"}


def some_inputs():
    """Return eight different headlines with context and followers."""
    rng = np.random.default_rng(11)
    headline = rng.integers(2, 107, (8, 12)).astype("int32")
    headline[:, 7:] = 0
    context = np.concatenate([np.eye(24)[rng.integers(0, 24, 8)], np.eye(7)[:1].repeat(8, 0)], 1)
    followers = rng.normal(size=(8, 1))
    return {
        "headline": headline,
        "context": context.astype("float32"),
        "followers": followers.astype("float32"),
    }


def answers_of(model, inputs):
    """Return what the model answers, as arrays of shape (8,), or fail."""
    result = call(model, inputs)
    if not isinstance(result, dict) or set(result) != {"reposts", "likes"}:
        fail(
            f"The model answers with {describe(result)}; expected a dict with the keys reposts and "
            "likes. Give keras.Model a dict as its outputs."
        )
    return {
        name: expect_shape(value, (8, 1), f"The answer {name}")[:, 0].astype("float64")
        for name, value in result.items()
    }


def small_model():
    """Return the model of the lesson, with few units."""
    headline = keras.Input((12,), dtype="int32", name="headline")
    context = keras.Input((31,), name="context")
    text = layers.LSTM(4, name="lstm")(layers.Embedding(107, 4, mask_zero=True)(headline))
    joined = layers.Concatenate(name="joined")([text, context])
    x = layers.Dense(8, activation="relu", name="hidden_1")(joined)
    outputs = {"reposts": layers.Dense(1, name="reposts")(x)}
    outputs["likes"] = layers.Dense(1, name="likes")(text)
    return keras.Model([headline, context], outputs)


def check_with_followers(answer):
    if isinstance(answer, keras.Model):
        fail("Expected the function that builds the model, got a model. Pass the function itself.")
    model = call(answer)
    if not isinstance(model, keras.Model):
        fail(f"Expected a keras.Model, got {describe(model)}.")
    names = {tensor.name for tensor in getattr(model, "inputs", None) or []}
    if names != INPUTS:
        fail(
            f"The inputs are named {', '.join(sorted(names)) or 'nothing'}; expected headline, "
            "context and followers. Name each keras.Input, and give all three to keras.Model."
        )
    inputs = some_inputs()
    first = answers_of(model, inputs)
    changed = {
        "followers": inputs | {"followers": inputs["followers"] + 3.0},
        "context": inputs | {"context": np.roll(inputs["context"], 5, axis=1)},
        "headline": inputs | {"headline": inputs["headline"][::-1].copy()},
    }
    moved = {
        part: {name: values - first[name] for name, values in answers_of(model, other).items()}
        for part, other in changed.items()
    }
    seen = [
        part
        for part in ("context", "followers")
        if not is_close(moved[part]["likes"], np.zeros(8), tolerance=1e-6)
    ]
    if len(seen) == 2:
        fail(
            "The likes change with the context and the followers: the auxiliary output leaves "
            "after the join. What should the likes depend on?"
        )
    if seen:
        fail(
            f"The likes change with the {seen[0]}: they have been joined before the LSTM, so it "
            "reads them with the words. What should the likes depend on?"
        )
    for part in ("followers", "context", "headline"):
        if is_close(moved[part]["reposts"], np.zeros(8), tolerance=1e-7):
            fail(f"The reposts stay the same, whatever the {part}: no path leads there from it.")
    if is_close(moved["headline"]["likes"], np.zeros(8), tolerance=1e-7):
        fail("The likes stay the same, whatever the headline. They should come from the LSTM.")
    for part in ("followers", "context"):
        shift = moved[part]["reposts"]
        if part == "followers" and is_close(shift, np.full(8, shift.mean()), tolerance=1e-6):
            fail(
                "More followers add the same amount to every headline: they come in after the last "
                "hidden layer, where nothing can combine them with the text. Join them earlier."
            )
    check_padding_is_ignored(model, inputs, first)


def check_padding_is_ignored(model, inputs, first):
    """Fail if the word number 0 matters, as it does without a mask."""
    for layer in model.layers:
        if isinstance(layer, layers.Embedding):
            table = layer.get_weights()
            other = [values.copy() for values in table]
            other[0][0] += 1.0
            layer.set_weights(other)
            again = answers_of(model, inputs)
            layer.set_weights(table)
            if not is_close(again["likes"], first["likes"], tolerance=1e-6):
                fail(
                    "The LSTM reads the padding as if it were a word: no mask reaches it. Which "
                    "argument of the embedding makes one?"
                )


def followers_before_the_lstm():
    headline = keras.Input((12,), dtype="int32", name="headline")
    context = keras.Input((31,), name="context")
    followers = keras.Input((1,), name="followers")
    x = layers.Embedding(107, 8, mask_zero=True)(headline)
    x = layers.Concatenate()([x, layers.RepeatVector(12)(followers)])
    text = layers.LSTM(8)(x)
    likes = layers.Dense(1)(text)
    x = layers.Dense(16, activation="relu")(layers.Concatenate()([text, context]))
    outputs = {"reposts": layers.Dense(1)(x), "likes": likes}
    return keras.Model([headline, context, followers], outputs)


def followers_model(*, late=False, unused=False, masked=True, as_list=False, shared=False):
    """Return a model with three inputs and one mistake."""
    headline = keras.Input((12,), dtype="int32", name="headline")
    context = keras.Input((31,), name="context")
    followers = keras.Input((1,), name="followers")
    x = layers.Embedding(107, 8, mask_zero=masked)(headline)
    text = layers.LSTM(8)(x)
    early = [text, context] if late or unused else [text, context, followers]
    joined = layers.Concatenate()(early)
    likes = layers.Dense(1)(joined if shared else text)
    x = layers.Dense(16, activation="relu")(joined)
    if late:
        x = layers.Concatenate()([x, followers])
    if unused:
        x = layers.Concatenate()([x, 0.0 * followers])
    outputs = [layers.Dense(1)(x), likes]
    if not as_list:
        outputs = {"reposts": outputs[0], "likes": outputs[1]}
    return keras.Model([headline, context, followers], outputs)


def followers_too_late():
    return followers_model(late=True)


def followers_unused():
    return followers_model(unused=True)


def followers_without_mask():
    return followers_model(masked=False)


def followers_as_list():
    return followers_model(as_list=True)


def likes_from_the_joined():
    return followers_model(shared=True)


def followers_forgotten():
    return small_model()


def followers_by_add():
    model = build_with_followers()
    return keras.Model(
        {tensor.name: tensor for tensor in model.inputs},
        {"likes": model.output["likes"], "reposts": model.output["reposts"]},
    )


third_input = Exercise(
    id="18.3",
    title="A third input",
    minutes=10,
    statement="""How often a headline is passed on also depends on how many people see it. Write
`build_with_followers()`, which takes nothing and returns a model that is not compiled:

- three inputs: `headline`, int32 of shape `(12,)`; `context`, float32 of shape `(31,)`; and
  `followers`, float32 of shape `(1,)`. The names are those of the `keras.Input` objects;
- a dict of two outputs, `"reposts"` and `"likes"`, of shape `(1,)` each;
- 107 word numbers, of which 0 is padding and ignored;
- the likes depend on the headline alone. The reposts depend on all three, and the followers can
  matter more for one headline than for another.

The sizes of the layers are yours to choose.""",
    stub="def build_with_followers():\n    ...",
    answer="build_with_followers",
    check=check_with_followers,
    reference=build_with_followers,
    hints=(
        "Start from the lesson's model. At which of its layers does the context come in, and why "
        "there?",
        "The list that `layers.Concatenate()` is called with can have three members.",
        "The likes leave right after the LSTM; the join comes after that, the dense layers after "
        "the join.",
    ),
    explanation=(
        "What joins after the LSTM cannot change what the LSTM makes of the text, so the likes "
        "depend on the text alone; and the dense layers after the join can combine all three."
    ),
    wrong=(
        Wrong(followers_before_the_lstm, "joined before the LSTM"),
        Wrong(likes_from_the_joined, "the auxiliary output leaves after the join"),
        Wrong(followers_too_late, "add the same amount to every headline"),
        Wrong(followers_unused, "no path leads there"),
        Wrong(followers_without_mask, "reads the padding as if it were a word"),
        Wrong(followers_as_list, "Give keras.Model a dict as its outputs"),
        Wrong(followers_forgotten, "Name each keras.Input"),
        Wrong(build_with_followers(), "got a model"),
    ),
    right=(followers_by_add,),
    seconds=60,
)

# ---------------------------------------------------------------- 18.4


def total_loss(model, inputs, targets, weights):
    answers = model(inputs)
    total = sum(model.losses)
    for name, weight in weights.items():
        errors = answers[name][:, 0] - targets[name]
        total += weight * tf.reduce_mean(tf.square(errors))
    return float(total)


@lent
def regularised_model():
    """Return a small two-headed model with penalties on the weights of two layers."""
    keras.utils.set_random_seed(3)
    x = keras.Input((5,), name="x")
    penalty = keras.regularizers.L2(0.1)
    hidden = layers.Dense(4, activation="relu", kernel_regularizer=penalty)(x)
    likes = layers.Dense(1, kernel_regularizer=penalty)(hidden)
    outputs = {"reposts": layers.Dense(1)(hidden), "likes": likes}
    model = keras.Model(x, outputs)
    model(np.zeros((1, 5)))  # as the check does: a call alone is no change then
    return model


def check_total(answer):
    with regularised_model() as model:
        judge_total(answer, model)


def judge_total(answer, model):
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(16, 5)).astype("float32")
    targets = {
        "reposts": rng.normal(2.0, 1.0, 16).astype("float32"),
        "likes": rng.normal(1.0, 2.0, 16).astype("float32"),
    }
    answers = {name: value.numpy() for name, value in model(inputs).items()}
    terms = [float(term) for term in model.losses]
    penalty = sum(terms)
    squared = {name: np.mean((answers[name][:, 0] - targets[name]) ** 2) for name in targets}
    crossed = {name: np.mean((answers[name] - targets[name]) ** 2) for name in targets}
    for weights in ({"reposts": 1.0, "likes": 0.2}, {"likes": 3.0, "reposts": 0.5}):
        got = to_array(call(answer, model, inputs, targets, weights), "What it returns")
        if got.size != 1:
            fail(
                f"Expected one number, got an array of shape {got.shape}. Where is the mean taken?"
            )
        parts = [weights[name] * squared[name] for name in weights]
        mistakes = {
            "leaves out what the model itself adds to the loss: a penalty on its weights. Which "
            "attribute of a model holds such terms?": sum(parts),
            "counts both losses in full. The weights are there to be used.": (
                sum(squared.values()) + penalty
            ),
            "counts both losses in full, and leaves out what the model itself adds.": (
                sum(squared.values())
            ),
            "divides by the number of outputs. The losses are added, not averaged.": (
                sum(parts) / 2 + penalty
            ),
            "divides by the number of outputs, and leaves out what the model itself adds.": (
                sum(parts) / 2
            ),
            "divides by the sum of the weights. Keras does not.": (
                sum(parts) / sum(weights.values()) + penalty
            ),
            "compares each answer with each target: answers of shape (n, 1) minus targets of shape "
            "(n,) broadcast to (n, n).": (
                sum(weights[name] * crossed[name] for name in weights) + penalty
            ),
            "compares each answer with each target, as shapes (n, 1) and (n,) broadcast to (n, n), "
            "and leaves out what the model itself adds.": (
                sum(weights[name] * crossed[name] for name in weights)
            ),
            "counts the penalty once for each output. It belongs to the model, and counts once.": (
                sum(parts) + 2 * penalty
            ),
            "takes the first of the terms that the model adds, and leaves out the others.": (
                sum(parts) + terms[0]
            ),
            "takes the mean of the terms that the model adds. Keras adds them up.": (
                sum(parts) + penalty / len(terms)
            ),
        }
        if is_close(got.reshape(()), sum(parts) + penalty):
            continue
        for message, value in mistakes.items():
            if is_close(got.reshape(()), value):
                fail(f"The sum {message}")
        expect_close(got.reshape(()), sum(parts) + penalty, "The total")


def total_without_penalty(model, inputs, targets, weights):
    return total_loss(model, inputs, targets, weights) - float(sum(model.losses))


def total_unweighted(model, inputs, targets, weights):
    return total_loss(model, inputs, targets, dict.fromkeys(weights, 1.0))


def total_plain(model, inputs, targets, weights):
    return total_without_penalty(model, inputs, targets, dict.fromkeys(weights, 1.0))


def total_averaged(model, inputs, targets, weights):
    return total_without_penalty(model, inputs, targets, weights) / len(weights)


def total_normalised(model, inputs, targets, weights):
    weight = sum(weights.values())
    return total_loss(model, inputs, targets, {k: v / weight for k, v in weights.items()})


def total_broadcast(model, inputs, targets, weights):
    answers, total = model(inputs), sum(model.losses)
    for name, weight in weights.items():
        total += weight * tf.reduce_mean(tf.square(answers[name] - targets[name]))
    return total


def total_penalty_twice(model, inputs, targets, weights):
    return total_loss(model, inputs, targets, weights) + float(sum(model.losses))


def total_first_penalty(model, inputs, targets, weights):
    return total_without_penalty(model, inputs, targets, weights) + model.losses[0]


def total_mean_penalty(model, inputs, targets, weights):
    return total_without_penalty(model, inputs, targets, weights) + np.mean(model.losses)


def total_not_reduced(model, inputs, targets, weights):
    answers = model(inputs)
    return sum(
        weight * (answers[name][:, 0] - targets[name]) ** 2 for name, weight in weights.items()
    )


def total_as_a_tensor(model, inputs, targets, weights):
    answers = model(inputs)
    return tf.add_n(
        [
            weights[name] * keras.losses.MeanSquaredError()(targets[name][:, None], answers[name])
            for name in weights
        ]
        + list(model.losses)
    )


adds_up = Exercise(
    id="18.4",
    title="A loss that does not add up",
    minutes=5,
    statement="""Somebody reads in a training log

    loss: 2.40   likes_loss: 1.00   reposts_loss: 2.00      with the weights 1.0 and 0.2

and wonders: 2.00 + 0.2 · 1.00 is 2.20. Write `total_loss(model, inputs, targets, weights)`, which
computes the whole number, as a float or a scalar tensor, without `compile` or `evaluate`:

- `model(inputs)` is a dict of two tensors of shape `(n, 1)`, under `"reposts"` and `"likes"`;
- `targets` is a dict of arrays of shape `(n,)`, `weights` a dict of floats, with the same keys;
- the loss of each output is the mean squared error;
- the model may have terms of its own. `model.losses` lists them.""",
    stub="def total_loss(model, inputs, targets, weights):\n    ...",
    answer="total_loss",
    check=check_total,
    reference=total_loss,
    hints=(
        "What in a model can add to the loss and is no output's loss? A penalty on large weights, "
        "for example.",
        "After the model has been called, `model.losses` is a list of scalar tensors.",
        "Take `[:, 0]` of an answer before you subtract targets of shape (n,).",
    ),
    explanation=(
        "The total is the weighted sum of the losses of the outputs plus all of `model.losses`, "
        "which have no weight of their own here. In the log above they are 0.20."
    ),
    wrong=(
        Wrong(total_without_penalty, "leaves out what the model itself adds to the loss"),
        Wrong(total_unweighted, "The weights are there to be used"),
        Wrong(total_plain, "in full, and leaves out"),
        Wrong(total_averaged, "divides by the number of outputs, and"),
        Wrong(total_normalised, "divides by the sum of the weights"),
        Wrong(total_broadcast, "broadcast to (n, n)"),
        Wrong(total_penalty_twice, "once for each output"),
        Wrong(total_first_penalty, "leaves out the others"),
        Wrong(total_mean_penalty, "Keras adds them up"),
        Wrong(total_not_reduced, "Where is the mean taken?"),
    ),
    right=(total_as_a_tensor,),
    seconds=60,
)

# ---------------------------------------------------------------- 18.5


def leave_out_unknown(targets):
    known = ~np.isnan(targets["likes"])
    filled = {**targets, "likes": np.where(known, targets["likes"], 0.0)}
    sample_weight = {
        "reposts": np.ones(len(known), "float32"),
        "likes": known.astype("float32"),
    }
    return filled, sample_weight


def some_targets():
    rng = np.random.default_rng(4)
    targets = {name: rng.normal(3.0, 1.0, 20).astype("float32") for name in ("reposts", "likes")}
    targets["likes"][[2, 3, 11, 17]] = np.nan
    return targets


def check_unknown(answer):
    targets, original = some_targets(), some_targets()
    known = ~np.isnan(original["likes"])
    result = call(answer, targets)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        fail(f"Expected a pair of dicts, targets and sample weights, got {describe(result)}.")
    for part, what in zip(result, ("targets", "sample weights"), strict=True):
        if not isinstance(part, dict):
            fail(f"The {what} are {describe(part)}; expected a dict with a key for each output.")
        if missing := {"reposts", "likes"} - set(part):
            fail(
                f"The {what} lack the key {sorted(missing)[0]}. Keras wants the same keys in the "
                "weights as in the targets, even where all weights are 1."
            )
    if not all(np.array_equal(targets[name], original[name], equal_nan=True) for name in original):
        fail("The arrays that came in have been changed. They belong to the caller: make new ones.")
    filled, weight = (
        {name: to_array(part[name], f"The {what} of the {name}") for name in original}
        for part, what in zip(result, ("targets", "sample weights"), strict=True)
    )
    for name in original:
        for part, what in ((filled, "targets"), (weight, "sample weights")):
            if part[name].shape == (known.sum(),):
                fail(
                    f"The {what} of the {name} have {known.sum()} rows of {len(known)}: rows have "
                    "been dropped. Their reposts are known, and can be learned from."
                )
            expect_shape(part[name], (len(known),), f"The {what} of the {name}")
    if np.isnan(filled["likes"]).any():
        fail(
            "There are still NaN among the likes. A weight of 0 does not help there: 0 times NaN "
            "is NaN, and so is the mean of the batch."
        )
    if is_close(weight["reposts"], known) and is_close(weight["likes"], known):
        fail("Where the likes are unknown, the reposts have lost their weight as well.")
    if is_close(weight["reposts"], known) and is_close(weight["likes"], np.ones(len(known))):
        fail("The weights have been exchanged between the two outputs.")
    if is_close(weight["likes"], np.ones(len(known))):
        fail(
            "All likes count in full, so the model learns the numbers that fill the gaps as if "
            "they had been observed."
        )
    if is_close(weight["likes"], ~known):
        fail("The weights are upside down: the unknown likes count, the known ones do not.")
    values = np.unique(weight["likes"][known])
    if len(values) == 1 and values[0] not in (0, 1) and not weight["likes"][~known].any():
        fail(
            f"The known likes have the weight {values[0]:.2f}. To count in full is a weight of 1, "
            "however many are unknown."
        )
    expect_close(weight["likes"], known.astype(float), "The array of the likes' sample weights")
    expect_close(weight["reposts"], np.ones(len(known)), "The array of the reposts' sample weights")
    expect_close(filled["reposts"], original["reposts"], "The targets of the reposts")
    expect_close(filled["likes"][known], original["likes"][known], "The known likes")


def unknown_still_nan(targets):
    return dict(targets), leave_out_unknown(targets)[1]


def unknown_for_both(targets):
    filled, weight = leave_out_unknown(targets)
    return filled, {"reposts": weight["likes"], "likes": weight["likes"]}


def unknown_only_likes(targets):
    filled, weight = leave_out_unknown(targets)
    return filled, {"likes": weight["likes"]}


def unknown_as_zero(targets):
    filled, weight = leave_out_unknown(targets)
    return filled, {name: np.ones_like(weight["likes"]) for name in weight}


def unknown_dropped(targets):
    known = ~np.isnan(targets["likes"])
    kept = {name: values[known] for name, values in targets.items()}
    return kept, {name: np.ones(known.sum()) for name in kept}


def unknown_upside_down(targets):
    filled, weight = leave_out_unknown(targets)
    return filled, weight | {"likes": 1.0 - weight["likes"]}


def unknown_in_place(targets):
    weight = leave_out_unknown(targets)[1]
    targets["likes"][np.isnan(targets["likes"])] = 0.0
    return targets, weight


def unknown_scaled_up(targets):
    filled, weight = leave_out_unknown(targets)
    return filled, weight | {"likes": weight["likes"] / weight["likes"].mean()}


def unknown_exchanged(targets):
    filled, weight = leave_out_unknown(targets)
    return filled, {"reposts": weight["likes"], "likes": weight["reposts"]}


def unknown_by_bool(targets):
    known = np.isfinite(targets["likes"])
    filled = {"likes": np.nan_to_num(targets["likes"], nan=7.0), "reposts": targets["reposts"]}
    return filled, {"likes": known, "reposts": np.ones_like(known)}


one_head = Exercise(
    id="18.5",
    title="Sample weights for one output",
    minutes=5,
    statement="""For some headlines the likes were not counted. Write `leave_out_unknown(targets)`:

- `targets` is a dict of two float32 arrays of shape `(n,)`, `"reposts"` and `"likes"`; where the
  likes are unknown they are NaN;
- return a pair of dicts with the same two keys, `(targets, sample_weight)`, ready for
  `fit(x, targets, sample_weight=sample_weight)`. A **sample weight** is a number for each row
  by which its loss is multiplied;
- all reposts count in full, known likes count in full, and unknown likes not at all;
- no loss may become NaN, no row is dropped, and the arrays that came in stay as they were.""",
    stub="def leave_out_unknown(targets):\n    ...",
    answer="leave_out_unknown",
    check=check_unknown,
    reference=leave_out_unknown,
    hints=(
        "Find the known rows first: `~np.isnan(...)`. The weights of the likes follow from them.",
        "What is 0 times NaN? The target has to be a number, even where it does not count.",
        "`np.where(known, values, 0.0)` makes a new array. The reposts need weights too: ones.",
    ),
    explanation=(
        "A weight of 0 takes a row out of one loss and leaves it in the other. The number that "
        "fills the gap has no effect, as long as it is a number."
    ),
    wrong=(
        Wrong(unknown_still_nan, "0 times NaN is NaN"),
        Wrong(unknown_for_both, "the reposts have lost their weight as well"),
        Wrong(unknown_only_likes, "lack the key reposts"),
        Wrong(unknown_as_zero, "as if they had been observed"),
        Wrong(unknown_dropped, "rows have been dropped"),
        Wrong(unknown_upside_down, "upside down"),
        Wrong(unknown_in_place, "They belong to the caller"),
        Wrong(unknown_scaled_up, "The known likes have the weight 1.25"),
        Wrong(unknown_exchanged, "exchanged between the two outputs"),
    ),
    right=(unknown_by_bool,),
)

EXERCISES = (masked, per_output, third_input, adds_up, one_head)
