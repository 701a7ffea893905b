"""Exercises of lesson 12, Sequential and Functional."""

import functools
from collections import Counter

import numpy as np

from course_utils.exercises.expect import (
    Mistake,
    call,
    describe,
    expect_close,
    expect_shape,
    fail,
    is_close,
    to_array,
    without_warnings,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402


def random_batch(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(3, *shape[1:])).astype(np.float32)


def shake(model, seed):
    """Give a model other weights, so that its answers change."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape) * 0.5 for w in model.get_weights()])


def run(model, x):
    """Call a learner's model on a batch; an error becomes a verdict."""

    def your_model():
        return model(x)

    return call(your_model)


def ids_of(weights):
    return {id(weight) for weight in weights}


def expect_model(value, what):
    """Check that a value is a model that is a graph or a list of layers, and built."""
    if isinstance(value, keras.KerasTensor):
        fail(f"{what} is a placeholder, not a model. keras.Model makes one from first and last.")
    if not isinstance(value, keras.Model):
        fail(f"{what} is {describe(value)}; expected a model.")
    if not value.built or getattr(value, "inputs", None) is None:
        fail(f"{what} has no inputs and outputs yet. Make it with keras.Model(inputs, outputs).")


# ---------------------------------------------------------------- 12.1


LISTED = """keras.Sequential([
    keras.Input((20,)),
    layers.Dense(12, activation="tanh"),
    layers.BatchNormalization(),
    layers.Dense(5),
])"""


def build_by_calls():
    inputs = keras.Input((20,))
    x = layers.Dense(12, activation="tanh")(inputs)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.Dense(5)(x))


@without_warnings
def check_by_calls(answer):
    model = call(answer)
    expect_model(model, "What it returns")
    if isinstance(model, keras.Sequential):
        fail("It returns a list of layers. Call each layer, and make the model with keras.Model.")
    if [tuple(tensor.shape) for tensor in model.inputs] != [(None, 20)]:
        fail(f"It reads {[tuple(tensor.shape) for tensor in model.inputs]}; expected (None, 20).")
    own = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    kinds = [type(layer).__name__ for layer in own]
    if any(isinstance(layer, keras.Model) for layer in own):
        fail("It calls a whole model in one step. Call each layer by itself, on a placeholder.")
    if "BatchNormalization" not in kinds:
        fail("The normalisation is not in the graph. Is what it returns used by the next layer?")
    if kinds != ["Dense", "BatchNormalization", "Dense"]:
        fail(f"Its layers are {', '.join(kinds)}; expected Dense, BatchNormalization, Dense.")
    first, _, last = own
    if (first.units, last.units) != (12, 5):
        fail(f"The dense layers have {first.units} and {last.units} units; expected 12 and 5.")
    if len(model.outputs) != 1:
        fail(f"It has {len(model.outputs)} outputs; expected one, that of the last layer.")
    values = np.linspace(-3, 3, 20, dtype=np.float32).reshape(1, 20)
    for layer, name, expected in ((first, "tanh", np.tanh(values)), (last, "linear", values)):
        where = f"The layer of {layer.units} units has"
        if not layer.use_bias:
            fail(f"{where} no bias; in the list it has one.")
        if not is_close(layer.activation(tf.constant(values)), expected):
            fail(f"{where} another activation; in the list it is {name!r}.")
    if call(answer) is model:
        fail("It returns the same model each time; a builder makes a new one.")
    right = build_by_calls()
    if shapes_of(model) != shapes_of(right):
        fail("The normalisation has other weights than in the list. Give it no options.")
    rng = np.random.default_rng(1)
    right.set_weights([rng.uniform(0.1, 1, size=shape) for shape in shapes_of(right)])
    model.set_weights(right.get_weights())
    rows = random_batch((None, 20))
    answers = run(model, rows)
    if isinstance(answers, dict):
        fail("The model answers with a dict. Give keras.Model the last placeholder as it is.")
    if not is_close(as_list(answers)[0], right(rows)):
        fail("With equal weights it answers otherwise than the list. Compare the normalisation.")


def calls_as_list():
    model = keras.Sequential([keras.Input((20,)), layers.Dense(12, activation="tanh")])
    model.add(layers.BatchNormalization())
    model.add(layers.Dense(5))
    return model


def calls_skip_norm():
    inputs = keras.Input((20,))
    x = layers.Dense(12, activation="tanh")(inputs)
    layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.Dense(5)(x))


def calls_without_activation():
    inputs = keras.Input((20,))
    x = layers.BatchNormalization()(layers.Dense(12)(inputs))
    return keras.Model(inputs, layers.Dense(5)(x))


def calls_last_activated():
    inputs = keras.Input((20,))
    x = layers.BatchNormalization()(layers.Dense(12, activation="tanh")(inputs))
    return keras.Model(inputs, layers.Dense(5, activation="softmax")(x))


def calls_end():
    return build_by_calls().output


def calls_end_too_early():
    inputs = keras.Input((20,))
    x = layers.Dense(12, activation="tanh")(inputs)
    return keras.Model(inputs, layers.BatchNormalization()(x))


def calls_the_list():
    inputs = keras.Input((20,))
    return keras.Model(inputs, calls_as_list()(inputs))


def calls_without_bias():
    inputs = keras.Input((20,))
    x = layers.Dense(12, activation="tanh", use_bias=False)(inputs)
    return keras.Model(inputs, layers.Dense(5)(layers.BatchNormalization()(x)))


def calls_with_two_ends():
    model = build_by_calls()
    return keras.Model(model.input, [model.output, model.layers[1].output])


def calls_with_norm(**options):
    inputs = keras.Input((20,))
    x = layers.Dense(12, activation="tanh")(inputs)
    return keras.Model(inputs, layers.Dense(5)(layers.BatchNormalization(**options)(x)))


def calls_without_scale():
    return calls_with_norm(scale=False)


def calls_with_epsilon():
    return calls_with_norm(epsilon=0.1)


def calls_in_a_dict():
    model = build_by_calls()
    return keras.Model(model.input, {"answer": model.output})


@functools.cache
def calls_one_model():
    return build_by_calls()


def calls_with_another_axis():
    inputs = keras.Input((20, 1))
    x = layers.BatchNormalization()(layers.Dense(12, activation="tanh")(inputs))
    return keras.Model(inputs, layers.Dense(5)(x))


def calls_in_one_line():
    inputs = keras.Input(shape=(20,), name="row")
    hidden = layers.Dense(units=12, activation=layers.Activation("tanh"))
    answer = layers.Dense(5, name="answer")(layers.BatchNormalization(name="norm")(hidden(inputs)))
    return keras.Model(inputs=inputs, outputs=answer, name="called")


def calls_in_a_loop():
    x = inputs = keras.Input((20,))
    for layer in (layers.Dense(12, "tanh"), layers.BatchNormalization(), layers.Dense(5, "linear")):
        x = layer(x)
    return keras.Model([inputs], [x])


by_calls = Exercise(
    id="12.1",
    title="The same model by calls",
    minutes=5,
    statement=f"""Here is a model as a list:

```python
{LISTED}
```

Write `build_by_calls()`, which takes no arguments and returns a new model with the same layers,
written as a graph: call each layer on a placeholder.""",
    stub="def build_by_calls():\n    ...",
    answer="build_by_calls",
    check=check_by_calls,
    reference=build_by_calls,
    hints=(
        "Begin with `inputs = keras.Input((20,))`.",
        "Make a layer, and call it on what the layer before returned: `x = layers.Dense(...)(x)`.",
        "`keras.Model(inputs, outputs)` takes the first and the last placeholder.",
    ),
    explanation=(
        "Each call notes which layer reads what. keras.Model keeps the layers that lie on the way "
        "from the first placeholder to the last."
    ),
    wrong=(
        Wrong(calls_as_list, "It returns a list of layers"),
        Wrong(calls_skip_norm, "Is what it returns used by the next layer?"),
        Wrong(calls_without_activation, "in the list it is 'tanh'"),
        Wrong(calls_last_activated, "in the list it is 'linear'"),
        Wrong(calls_end, "is a placeholder, not a model"),
        Wrong(calls_end_too_early, "expected Dense, BatchNormalization, Dense"),
        Wrong(calls_the_list, "It calls a whole model in one step"),
        Wrong(calls_without_bias, "has no bias"),
        Wrong(calls_with_two_ends, "It has 2 outputs"),
        Wrong(calls_without_scale, "The normalisation has other weights"),
        Wrong(calls_with_epsilon, "With equal weights it answers otherwise"),
        Wrong(calls_in_a_dict, "The model answers with a dict"),
        Wrong(calls_one_model, "It returns the same model each time"),
        Wrong(calls_with_another_axis, "expected (None, 20)"),
    ),
    right=(calls_in_one_line, calls_in_a_loop),
)

# ---------------------------------------------------------------- 12.2


def build_two_paths():
    image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    b = layers.Conv2D(4, 5, padding="same", activation="relu")(image)
    join = layers.Concatenate()([a, b])
    c = layers.Conv2D(12, 3, padding="same", activation="relu")(join)
    added = layers.Add()([c, join])
    pool = layers.GlobalAveragePooling2D()(added)
    return keras.Model(image, layers.Dense(10)(pool))


def two_paths(
    *, skip="join", order=1, missing="", pooling=layers.GlobalAveragePooling2D, last=None
):
    """Return the model of the exercise, or one that differs from it in a single place."""
    act = {name: None if name == missing else "relu" for name in "abc"}
    image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, padding="same", activation=act["a"])(image)
    b = layers.Conv2D(4, 5, padding="same", activation=act["b"])(image)
    join = layers.Concatenate()([a, b][::order])
    x = layers.Conv2D(12, 3, padding="same", activation=act["c"])(join)
    if skip == "join":
        x = layers.Add()([x, join])
    elif skip == "image":
        x = layers.Add()([x, image])
    elif skip == "product":
        x = layers.Multiply()([x, join])
    return keras.Model(image, layers.Dense(10, activation=last)(pooling()(x)))


def shapes_of(model):
    return [tuple(weight.shape) for weight in model.weights]


TWO_PATHS = [(3, 3, 1, 8), (8,), (5, 5, 1, 4), (4,), (3, 3, 12, 12), (12,), (12, 10), (10,)]
TELLING_SHAPES = {
    (5, 5, 8, 4): "The 5 × 5 convolution reads the answers of the 3 × 3 one. In the drawing both "
    "arrows start at the image: call both layers on it.",
    (3, 3, 4, 8): "The first 3 × 3 convolution reads the answers of the 5 × 5 one. In the drawing "
    "both arrows start at the image: call both layers on it.",
    (24, 10): "The dense layer reads 24 numbers: the skip is concatenated. In the drawing the two "
    "arrows meet at an addition.",
    (9408, 10): "The dense layer reads 9,408 numbers, all that the addition returns. The global "
    "average pooling before it leaves 12.",
    (3, 3, 8, 12): "The third convolution reads 8 channels. It should read what the concatenation "
    "returns, 12 channels.",
    (3, 3, 4, 12): "The third convolution reads 4 channels. It should read what the concatenation "
    "returns, 12 channels.",
}


@without_warnings
def check_two_paths(answer):
    model = call(answer)
    expect_model(model, "What build_two_paths() returns")
    ends = [tuple(t.shape) for t in model.inputs], [tuple(t.shape) for t in model.outputs]
    if ends[0] != [(None, 28, 28, 1)]:
        fail(f"The model has inputs of the shapes {ends[0]}; expected one image of (28, 28, 1).")
    if len(ends[1]) == 1 and len(ends[1][0]) == 4:
        fail(
            f"The answer has the shape {ends[1][0]}: it still has height and width. What takes "
            "them away in the drawing?"
        )
    if ends[1] != [(None, 10)]:
        fail(f"The model has outputs of the shapes {ends[1]}; expected one of (None, 10).")
    shapes = shapes_of(model)
    for shape, message in TELLING_SHAPES.items():
        if shape in shapes:
            fail(message)
    if Counter(shapes) != Counter(TWO_PATHS):
        missing = list((Counter(TWO_PATHS) - Counter(shapes)).keys())
        extra = list((Counter(shapes) - Counter(TWO_PATHS)).keys())
        fail(
            "Its weights do not have the shapes that the drawing asks for. "
            f"Missing: {missing or 'none'}; not in the drawing: {extra or 'none'}."
        )
    rng = np.random.default_rng(81)
    values = {shape: rng.normal(size=shape).astype(np.float32) for shape in TWO_PATHS}
    images = rng.uniform(size=(3, 28, 28, 1)).astype(np.float32)

    def answers(some_model):
        some_model.set_weights([values[shape] for shape in shapes_of(some_model)])
        return run(some_model, images)

    got = expect_shape(answers(model), (3, 10), "The answer for three images")
    right = answers(two_paths())
    if is_close(got, right, tolerance=1e-3):
        return
    variants = [
        ({"skip": "none"}, "The skip is missing: the pooling reads the last convolution alone."),
        (
            {"skip": "image"},
            "The skip starts at the image. One channel is added to each of 12, without an error. "
            "In the drawing it starts at the concatenation.",
        ),
        (
            {"skip": "product"},
            "The two arrows meet at a product. In the drawing they meet at an addition.",
        ),
        (
            {"order": -1},
            "The branches are joined in the other order: in the drawing the 8 channels of the "
            "3 × 3 convolution come first.",
        ),
        (
            {"pooling": layers.GlobalMaxPooling2D},
            "The pooling takes the largest number of each channel; the drawing asks for the "
            "average.",
        ),
        ({"last": "softmax"}, "The last layer has a softmax; the drawing gives it no activation."),
        ({"last": "relu"}, "The last layer has a ReLU; the drawing gives it no activation."),
        ({"missing": "a"}, "The 3 × 3 convolution at the image has no ReLU."),
        ({"missing": "b"}, "The 5 × 5 convolution has no ReLU."),
        ({"missing": "c"}, "The convolution before the addition has no ReLU."),
    ]
    for options, message in variants:
        if is_close(got, answers(two_paths(**options)), tolerance=1e-3):
            fail(message)
    fail(
        "All weights have the right shapes, but the answers are not those of the drawing. Draw "
        "your model with show_model and compare it arrow by arrow."
    )


def two_paths_in_series():
    x = image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    b = layers.Conv2D(4, 5, padding="same", activation="relu")(a)
    join = layers.Concatenate()([a, b])
    c = layers.Conv2D(12, 3, padding="same", activation="relu")(join)
    pool = layers.GlobalAveragePooling2D()(layers.Add()([c, join]))
    return keras.Model(image, layers.Dense(10)(pool))


def two_paths_no_skip():
    return two_paths(skip="none")


def two_paths_skip_from_image():
    return two_paths(skip="image")


def two_paths_concatenated():
    image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    b = layers.Conv2D(4, 5, padding="same", activation="relu")(image)
    join = layers.Concatenate()([a, b])
    c = layers.Conv2D(12, 3, padding="same", activation="relu")(join)
    pool = layers.GlobalAveragePooling2D()(layers.Concatenate()([c, join]))
    return keras.Model(image, layers.Dense(10)(pool))


def two_paths_flattened():
    image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    b = layers.Conv2D(4, 5, padding="same", activation="relu")(image)
    join = layers.Concatenate()([a, b])
    c = layers.Conv2D(12, 3, padding="same", activation="relu")(join)
    flat = layers.Flatten()(layers.Add()([c, join]))
    return keras.Model(image, layers.Dense(10)(flat))


def two_paths_not_pooled():
    image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    b = layers.Conv2D(4, 5, padding="same", activation="relu")(image)
    join = layers.Concatenate()([a, b])
    c = layers.Conv2D(12, 3, padding="same", activation="relu")(join)
    return keras.Model(image, layers.Dense(10)(layers.Add()([c, join])))


def two_paths_returns_output():
    return build_two_paths().output


def two_paths_without_padding():
    image = keras.Input((28, 28, 1))
    a = layers.Conv2D(8, 3, activation="relu")(image)
    b = layers.Conv2D(4, 5, activation="relu")(image)
    return keras.Model(image, layers.Concatenate()([a, b]))


def two_paths_swapped():
    return two_paths(order=-1)


def two_paths_softmax():
    return two_paths(last="softmax")


def two_paths_no_relu():
    return two_paths(missing="c")


def two_paths_with_plus():
    image = keras.Input((28, 28, 1))
    b = layers.Conv2D(4, 5, padding="same", activation="relu")(image)
    a = layers.ReLU()(layers.Conv2D(8, 3, padding="same")(image))
    join = layers.concatenate([a, b])
    c = layers.Conv2D(12, 3, padding="same", activation=tf.nn.relu)(join)
    pool = keras.ops.mean(join + c, axis=(1, 2))
    return keras.Model([image], [layers.Dense(10)(pool)])


def two_paths_of_parts():
    """Branches that are small models, and an activation of its own."""
    image = keras.Input(shape=(28, 28, 1), name="image")

    def conv(filters, size):
        return layers.Conv2D(filters=filters, kernel_size=(size, size), padding="SAME")

    left = keras.Sequential([conv(8, 3), layers.ReLU()])
    right = keras.Sequential([conv(4, 5), layers.Activation("relu")])
    join = layers.Concatenate(axis=-1)([left(image), right(image)])
    added = layers.add([join, keras.ops.relu(conv(12, 3)(join))])
    pooled = layers.GlobalAveragePooling2D()(added)
    return keras.Model(inputs=image, outputs=[layers.Dense(units=10, activation="linear")(pooled)])


from_drawing = Exercise(
    id="12.2",
    title="From a drawing to a model",
    minutes=10,
    statement="""Write `build_two_paths()`, which takes no arguments and returns a new model, wired
as in the drawing above. Its input is one image of shape (28, 28, 1), its answer has ten numbers.

- The strides are 1 and the padding of all three convolutions is "same": height and width stay 28.
- The concatenation joins the channels, those of the 3 × 3 convolution first.
- Only the convolutions have an activation, ReLU.

The names of the layers are free. With `show_model(build_two_paths())` you can compare your
drawing with this one.""",
    stub="def build_two_paths():\n    ...",
    answer="build_two_paths",
    check=check_two_paths,
    reference=build_two_paths,
    hints=(
        "Give each arrow's tensor a name of its own: image, a, b, join, c. Which box is called on "
        "which name?",
        "Two boxes are called on `image`, and two boxes read `join`: the third convolution and the "
        "addition.",
        "`layers.Add()([c, join])` is the addition; after it come `layers.GlobalAveragePooling2D` "
        "and `layers.Dense(10)`, and at the end `keras.Model(image, ...)`.",
    ),
    explanation=(
        "Each box is one call, and each arrow is a name that is used. `image` and `join` are used "
        "twice, which is where the graph forks."
    ),
    wrong=(
        Wrong(two_paths_in_series, "The 5 × 5 convolution reads the answers of the 3 × 3 one"),
        Wrong(two_paths_no_skip, "The skip is missing"),
        Wrong(two_paths_skip_from_image, "The skip starts at the image"),
        Wrong(two_paths_concatenated, "the skip is concatenated"),
        Wrong(two_paths_flattened, "reads 9,408 numbers"),
        Wrong(two_paths_not_pooled, "it still has height and width"),
        Wrong(two_paths_returns_output, "is a placeholder, not a model"),
        Wrong(two_paths_without_padding, "raised ValueError"),
        Wrong(two_paths_swapped, "in the other order"),
        Wrong(two_paths_softmax, "The last layer has a softmax"),
        Wrong(two_paths_no_relu, "The convolution before the addition has no ReLU"),
    ),
    right=(two_paths_with_plus, two_paths_of_parts),
)

# ---------------------------------------------------------------- 12.3


def feature_extractor(model, names):
    return keras.Model(model.input, [model.get_layer(name).output for name in names])


def a_model_with_a_skip(seed=0):
    inputs = keras.Input((6,), name="row")
    left = layers.Dense(5, activation="relu", name="left")(inputs)
    right = layers.Dense(5, activation="tanh", name="right")(inputs)
    join = layers.Add(name="join")([left, right])
    deep = layers.Dense(4, name="deep")(join)
    model = keras.Model(inputs, layers.Dense(2, name="last")(deep), name="with_a_skip")
    shake(model, seed)
    return model


def answers_by_hand(model, x):
    """Return what each layer of the small model answers, computed with NumPy."""
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    dense = {name: lambda v, k=kernel: v @ k[0] + k[1] for name, kernel in weights.items()}
    left, right = np.maximum(dense["left"](x), 0), np.tanh(dense["right"](x))
    deep = dense["deep"](left + right)
    return {
        "row": x,
        "left": left,
        "right": right,
        "join": left + right,
        "deep": deep,
        "last": dense["last"](deep),
    }


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


@without_warnings
def check_extractor(answer):
    model = a_model_with_a_skip(1)
    x = random_batch((None, 6))
    for names in (["deep", "left"], ["join"]):
        got = call(answer, model, list(names))
        if isinstance(got, (list, tuple)):
            fail(
                "It returns a list. Expected one model, whose outputs are a list: put the list "
                "into keras.Model."
            )
        expect_model(got, "What it returns")
        hand = answers_by_hand(model, x)
        answers = run(got, x)
        if isinstance(answers, dict):
            fail("The new model answers with a dict. Expected a list, in the order of `names`.")
        values = as_list(answers)
        if len(values) == len(names) + 1 and is_close(values[-1], hand["last"]):
            fail("There is one answer too many: nobody asked for that of the whole model.")
        if len(values) != len(names):
            fail(
                f"For the {len(names)} names {names} the number of answers is {len(values)}. "
                "Expected one answer for each name."
            )
        values = [to_array(value, f"Answer {i}") for i, value in enumerate(values)]
        wanted = [hand[name] for name in names]
        if all(is_close(*pair) for pair in zip(values, wanted, strict=True)):
            weights = ids_of(got.weights)
            if not weights <= ids_of(model.weights):
                fail(
                    "The answers are right today, but its weights are copies: when the model is "
                    "trained further, the extractor stays behind. Use the model's own layers."
                )
            continue
        if not ids_of(got.weights) & ids_of(model.weights):
            fail(
                "The new model has weights of its own, so it answers like another network. "
                "Which placeholders does the given model have already?"
            )
        if len(names) > 1 and all(
            is_close(*pair) for pair in zip(values, [hand["left"], hand["deep"]], strict=True)
        ):
            fail(
                f"For {names} the answers come in the order of the model's layers. Expected the "
                "order of `names`."
            )
        if is_close(values[0], hand["join"]) and names[0] == "deep":
            fail("The answers are what the layers read. Expected what they return.")
        if is_close(values[0], hand["last"]):
            fail("The answer is that of the whole model. A model ends at the outputs you give it.")
        where = "" if len(names) == 1 else " The network has two branches: a list cannot hold it."
        for value, name in zip(values, names, strict=True):
            if not is_close(value, hand[name]):
                fail(f"The answer for '{name}' is not what that layer returns.{where}")
    shake(model, 2)
    expect_close(
        as_list(got(x))[0], answers_by_hand(model, x)["join"], "After a change of weights, 'join'"
    )


def extractor_clone(model, names):
    return feature_extractor(keras.models.clone_model(model), names)


def extractor_copy(model, names):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return feature_extractor(copy, names)


def extractor_in_model_order(model, names):
    wanted = [layer.output for layer in model.layers if layer.name in names]
    return keras.Model(model.input, wanted)


def extractor_of_inputs(model, names):
    return keras.Model(model.input, [model.get_layer(name).input for name in names])


def extractor_in_a_dict(model, names):
    return keras.Model(model.input, {name: model.get_layer(name).output for name in names})


def extractor_with_the_end(model, names):
    return keras.Model(
        model.input, [model.get_layer(name).output for name in names] + [model.output]
    )


def extractor_list_of_placeholders(model, names):
    return [model.get_layer(name).output for name in names]


def extractor_sequential(model, names):
    inputs = x = keras.Input((6,))
    outputs = {}
    for layer in model.layers[1:]:
        x = layer([x, x]) if isinstance(layer, layers.Add) else layer(x)
        outputs[layer.name] = x
        if layer.name == "left":
            x = inputs
    return keras.Model(inputs, [outputs[name] for name in names])


def extractor_whole(model, names):
    return keras.Model(model.input, [model.output for name in names])


def extractor_by_places(model, names):
    wanted = {layer.name: layer.output for layer in model.layers}
    return keras.Model(model.inputs, [wanted[name] for name in names])


def extractor_called(model, names):
    """A view of a view, behind an input of its own."""
    inner = extractor_by_places(model, names)
    inputs = keras.Input(model.input_shape[1:])
    return keras.Model(inputs, inner(inputs))


extract = Exercise(
    id="12.3",
    title="A feature extractor",
    minutes=5,
    statement="""Write `feature_extractor(model, names)`.

- `model` is a Functional model with one input. It may have branches.
- `names` is a list with the names of one or more of its layers, each called once.

Return a new model. It has the same input, and its outputs are a list: what the named layers
return, in the order of `names`. It shares the weights of `model` and follows when those change.
Do not change `model` itself.

For example, `feature_extractor(cnn, ["hidden", "conv_1"])` answers a batch of ten pictures with
a list of two tensors, of shapes (10, 64) and (10, 28, 28, 8).""",
    stub="def feature_extractor(model, names):\n    ...",
    answer="feature_extractor",
    check=check_extractor,
    reference=feature_extractor,
    hints=(
        "A model may end at any placeholder of the graph. Where does a layer keep the one that it "
        "returned?",
        "`model.get_layer(name).output` is that placeholder, and `model.input` is where the graph "
        "begins.",
        "keras.Model takes a list of outputs: one placeholder for each name.",
    ),
    explanation=(
        "The placeholders are there already; keras.Model only frames another part of the same "
        "graph. So nothing is copied, branches come along, and training one trains the other."
    ),
    wrong=(
        Wrong(extractor_clone, "has weights of its own"),
        Wrong(extractor_copy, "its weights are copies"),
        Wrong(extractor_in_model_order, "in the order of the model's layers"),
        Wrong(extractor_of_inputs, "what the layers read"),
        Wrong(extractor_with_the_end, "one answer too many"),
        Wrong(extractor_in_a_dict, "answers with a dict"),
        Wrong(extractor_list_of_placeholders, "It returns a list"),
        Wrong(extractor_sequential, "a list cannot hold it"),
        Wrong(extractor_whole, "that of the whole model"),
    ),
    right=(
        extractor_by_places,
        extractor_called,
    ),
)

# ---------------------------------------------------------------- 12.4


def split_and_join(model, name):
    middle = model.get_layer(name).output
    first = keras.Model(model.input, middle)
    second = keras.Model(middle, model.output)
    joined = keras.Model(first.input, second(first.output))
    return first, second, joined


def a_chain(seed=0):
    inputs = x = keras.Input((6,), name="row")
    for name in ("one", "two", "three", "four"):
        x = layers.Dense(6, activation="tanh", name=name)(x)
    model = keras.Model(inputs, x, name="chain")
    shake(model, seed)
    return model


def a_model_with_a_waist(seed=0):
    """Return a model in which all paths meet at the layer "waist", with branches behind it."""
    inputs = keras.Input((6,), name="row")
    a = layers.Dense(6, activation="tanh", name="a")(inputs)
    waist = layers.Dense(6, activation="tanh", name="waist")(layers.Add(name="add")([inputs, a]))
    b = layers.Dense(6, activation="tanh", name="b")(waist)
    outputs = layers.Dense(6, name="last")(layers.Multiply(name="product")([waist, b]))
    model = keras.Model(inputs, outputs, name="waisted")
    shake(model, seed)
    return model


def parts_of(model, name, x):
    """Return what the named layer of a small model, and the layer before it, answer."""
    before = {"two": "one", "waist": "add"}[name]
    places = [model.get_layer(layer).output for layer in (before, name)]
    return keras.Model(model.input, places)(x)


@without_warnings
def check_split(answer):
    for make, name in ((a_chain, "two"), (a_model_with_a_waist, "waist")):
        model = make(4)
        x = random_batch((None, 6), 5)
        result = call(answer, model, name)
        if not isinstance(result, (list, tuple)) or len(result) != 3:
            fail(f"It returns {describe(result)}; expected three models: first, second, joined.")
        for part, what in zip(result, ("first", "second", "joined"), strict=True):
            expect_model(part, f"`{what}`")
        first, second, joined = result
        early, middle = parts_of(model, name, x)
        got = run(first, x)
        if is_close(got, early):
            fail(f"`first` ends before '{name}'. The named layer is the last of the first half.")
        if not ids_of(first.weights) & ids_of(model.weights):
            fail("`first` has weights of its own. The halves are to share those of the model.")
        expect_close(got, middle, f"For a model cut at '{name}', the answer of `first`")
        theirs = run(second, middle)
        if ids_of(model.get_layer(name).weights) & ids_of(second.weights):
            fail(f"'{name}' is in both halves, so it is applied twice. It belongs to the first.")
        if not ids_of(second.weights) <= ids_of(model.weights):
            fail("`second` has weights of its own. The halves are to share those of the model.")
        if not is_close(theirs, model(x)):
            detail = (
                " Behind the cut this model has branches: is your second half a list of layers?"
                if make is a_model_with_a_waist
                else ""
            )
            fail(f"`second` does not make the model's answer of what `first` returns.{detail}")
        if joined is model:
            fail("`joined` is the model that was given. Put it together from the two halves.")
        if not is_close(run(joined, x), model(x)):
            fail("`joined` does not give the model's answers.")
        if not any(part is second for part in joined.layers):
            fail("`joined` does not call `second`. Put it together from the two halves.")
        shake(model, 6)
        if not is_close(joined(x), model(x)):
            fail("When the model's weights change, `joined` stays behind: its weights are copies.")


def split_before(model, name):
    layer = model.get_layer(name)
    first = keras.Model(model.input, layer.input)
    second = keras.Model(layer.input, model.output)
    return first, second, keras.Model(first.input, second(first.output))


def split_in_both(model, name):
    layer = model.get_layer(name)
    first = keras.Model(model.input, layer.output)
    second = keras.Model(layer.input, model.output)
    return first, second, keras.Model(first.input, second(first.output))


def split_joined_by_ends(model, name):
    first, second, _ = split_and_join(model, name)
    return first, second, keras.Model(first.input, second.output)


def split_clones(model, name):
    return split_and_join(keras.models.clone_model(model), name)


def split_copied_tail(model, name):
    first, second, _ = split_and_join(model, name)
    copy = keras.models.clone_model(second)
    copy.set_weights(second.get_weights())
    return first, copy, keras.Model(first.input, copy(first.output))


def split_as_lists(model, name):
    place = [layer.name for layer in model.layers].index(name) + 1
    first = keras.Model(model.input, model.layers[place - 1].output)
    second_input = x = keras.Input((6,))
    for layer in model.layers[place:]:
        x = layer([x, x]) if isinstance(layer, layers.Multiply) else layer(x)
    second = keras.Model(second_input, x)
    return first, second, keras.Model(first.input, second(first.output))


def split_gives_back_the_model(model, name):
    first, second, _ = split_and_join(model, name)
    return first, second, model


def split_only(model, name):
    return split_and_join(model, name)[:2]


def split_in_a_list(model, name):
    first, second, _ = split_and_join(model, name)
    return [first, second, keras.Sequential([first, second])]


def split_with_inputs(model, name):
    first, second, _ = split_and_join(model, name)
    inputs = keras.Input(model.input_shape[1:])
    return first, second, keras.Model(inputs, second(first(inputs)))


split = Exercise(
    id="12.4",
    title="Split a model in two and join it again",
    minutes=10,
    statement="""Write `split_and_join(model, name)`.

- `model` is a Functional model with one input and one output. It may have branches and skips.
- `name` is the name of one of its layers, at which all paths meet, so that a cut is possible.

Return three models, `first, second, joined`:

- `first` leads from the model's input to what the named layer returns;
- `second` leads from there to the model's output, without the named layer;
- `joined` calls `second` on what `first` returns, and so gives the answers of `model`.

All three share the weights of `model`. Leave `model` itself as it is.""",
    stub="def split_and_join(model, name):\n    ...",
    answer="split_and_join",
    check=check_split,
    reference=split_and_join,
    hints=(
        "One placeholder is the end of the first half and the beginning of the second. Which one?",
        "A model may begin at a placeholder in the middle: `keras.Model(middle, model.output)`.",
        "`second` has placeholders of its own, so a model cannot end at `second.output`. Call "
        "`second` on `first.output`, and end there.",
    ),
    explanation=(
        "Both halves are views between placeholders of one graph, so the weights are shared. "
        "Calling the second half on the output of the first makes the link that "
        "keras.Model(first.input, second.output) is missing."
    ),
    wrong=(
        Wrong(split_before, "`first` ends before 'two'"),
        Wrong(split_in_both, "'two' is in both halves"),
        Wrong(split_joined_by_ends, "is not connected to"),
        Wrong(split_clones, "`first` has weights of its own"),
        Wrong(split_copied_tail, "`second` has weights of its own"),
        Wrong(split_as_lists, "is your second half a list of layers"),
        Wrong(split_gives_back_the_model, "`joined` is the model that was given"),
        Wrong(split_only, "expected three models"),
    ),
    right=(
        split_in_a_list,
        split_with_inputs,
    ),
)

# ---------------------------------------------------------------- 12.5


def count_shared(first, second):
    own = {id(weight) for weight in first.weights}
    return sum(int(np.prod(weight.shape)) for weight in second.weights if id(weight) in own)


def a_small_model(*, units=3, name="small"):
    """Return a model with a batch normalisation, whose layers always have the same names."""
    inputs = keras.Input((4,), name="row")
    x = layers.Dense(units, name="hidden")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, layers.Dense(2, name="last")(x), name=name)


def pairs_of_models():
    """Yield (what it is, first, second, numbers shared) for several pairs of models."""
    model = a_small_model()
    shake(model, 3)
    part = keras.Model(model.input, model.get_layer("norm").output, name="part")
    yield "a model and a view of its first part", model, part, part.count_params()
    yield "two models whose layers have the same names", model, a_small_model(), 0
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    yield "a model and its clone with the weights copied", model, copy, 0
    inputs = keras.Input((4,), name="row")
    outer = keras.Model(inputs, layers.Dense(5, name="more")(model(inputs)), name="outer")
    total = model.count_params()
    yield "a model and a larger one that calls it", model, outer, total
    yield "a larger model and the one that it calls", outer, model, total
    twice = keras.Model(inputs, layers.Add()([model(inputs), model(-inputs)]), name="twice")
    yield "a model and one that calls it twice", model, twice, total
    x = layers.Dense(3, name="own")(inputs)
    one_layer = keras.Model(inputs, model.get_layer("last")(x), name="one_layer")
    yield "two models with one layer in common", model, one_layer, 3 * 2 + 2
    yield "a model and itself", model, model, total


def shared_by(method, first, second):
    """Return what several ways to count, right and wrong, give."""
    sizes = lambda weights: sum(int(np.prod(weight.shape)) for weight in weights)  # noqa: E731
    if method == "names":
        names = {weight.path for weight in first.weights}
        return sizes(weight for weight in second.weights if weight.path in names)
    if method == "values":
        return sizes(
            weight
            for weight in second.weights
            if any(np.array_equal(weight, other) for other in first.weights)
        )
    if method == "layers":
        own = {id(layer) for layer in first.layers}
        return sum(layer.count_params() for layer in second.layers if id(layer) in own)
    kind = "trainable_weights" if method == "trainable" else "weights"
    own = ids_of(getattr(first, kind))
    both = [weight for weight in getattr(second, kind) if id(weight) in own]
    return len(both) if method == "variables" else sizes(both)


MISTAKEN_COUNTS = {
    "trainable": "leaves out the moving averages of the batch normalisation: they are weights as "
    "well, and shared with the layer.",
    "variables": "is the number of variables. Expected how many numbers they hold together.",
    "values": "counts weights that hold equal numbers. Copies do; change one of them, and the "
    "other stays. What tells two variables apart?",
    "names": "goes by names. Keras, or you, may give two layers the same name.",
    "layers": "compares the layers at the top of both models, and misses those of a model inside "
    "a model. `weights` lists all.",
}


@without_warnings
def check_count_shared(answer):
    for what, first, second, expected in pairs_of_models():
        try:
            got = to_array(call(answer, first, second), "What it returns")
        except Mistake as mistake:
            if "truth value of an array" in str(mistake):
                fail(f"{mistake}. Between variables `==` and `in` compare numbers, one by one.")
            raise
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        if got.dtype.kind == "b":
            fail("It returns True or False. Expected how many numbers the two share.")
        if is_close(got.reshape(()), expected, tolerance=1e-9):
            continue
        number = got.item()
        said = f"For {what} the answer {describe(number)}"
        for method, message in MISTAKEN_COUNTS.items():
            if number == shared_by(method, first, second):
                fail(f"{said} {message}")
        fail(f"{said} is not right; expected {expected}.")


def shared_by_values(first, second):
    return shared_by("values", first, second)


def shared_by_paths(first, second):
    return shared_by("names", first, second)


def shared_by_layers(first, second):
    return shared_by("layers", first, second)


def shared_variables(first, second):
    return shared_by("variables", first, second)


def shared_trainable(first, second):
    return shared_by("trainable", first, second)


def shared_yes_or_no(first, second):
    return count_shared(first, second) > 0


def shared_by_in(first, second):
    return sum(int(np.prod(w.shape)) for w in second.weights if w in first.weights)


def count_with_is(first, second):
    return sum(w.numpy().size for w in first.weights if any(w is v for v in second.weights))


def count_in_numpy(first, second):
    return np.int64(count_with_is(first, second))


share = Exercise(
    id="12.5",
    title="How much two models share",
    minutes=5,
    statement="""Write `count_shared(first, second)`. Both arguments are built models. Return how
many numbers they share, as one whole number: the sizes of all weights, trainable or not, that
belong to both. Return 0 when they share nothing, and count each weight once.

For example, `count_shared(reader, cnn)` is `cnn.count_params()`, since `reader` calls the CNN,
and `count_shared(copy, cnn)` is 0. Do not train or change the models.""",
    stub="def count_shared(first, second):\n    ...",
    answer="count_shared",
    check=check_count_shared,
    reference=count_shared,
    hints=(
        "`weights` of a model lists all its variables, those of models inside it included.",
        "Shared means one object. Two objects can have the same name, the same shape and the same "
        "numbers. `==` and `in` compare numbers; compare with `is`, or compare what `id` returns.",
        "Make the set of the ids of the first model's weights. Then add up the sizes "
        "(`np.prod(weight.shape)`) of those weights of the second whose id is in it.",
    ),
    explanation=(
        "A weight is shared when both models hold the same variable object. `weights` reaches into "
        "models inside models and lists each variable once, however often it is used."
    ),
    wrong=(
        Wrong(shared_by_values, "counts weights that hold equal numbers"),
        Wrong(shared_by_paths, "goes by names"),
        Wrong(shared_by_layers, "misses those of a model inside"),
        Wrong(shared_variables, "is the number of variables"),
        Wrong(shared_trainable, "leaves out the moving averages"),
        Wrong(shared_yes_or_no, "returns True or False"),
        Wrong(shared_by_in, "`==` and `in` compare numbers"),
    ),
    right=(
        count_with_is,
        count_in_numpy,
    ),
)

EXERCISES = (by_calls, from_drawing, extract, split, share)
