"""Exercises of lesson 21, graphs of layers."""

import graphlib

import numpy as np

from course_utils.exercises.expect import (
    call,
    describe,
    expect_shape,
    fail,
    is_close,
    lent,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.keras_private import list_calls, origin
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 21.1


def drawn_block(x):
    a = layers.Conv2D(4, 1, activation="relu")(x)
    b = layers.Conv2D(3, 1, activation="relu")(x)
    b = layers.Conv2D(4, 3, padding="same", activation="relu")(b)
    c = layers.Conv2D(2, 1, activation="relu")(x)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    d = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    d = layers.Conv2D(4, 1, activation="relu")(d)
    return layers.Concatenate(axis=-1)([a, b, c, d])


BLOCK_INPUT = (12, 10, 7)
DRAWN_KERNELS = [
    *[(1, 1, 7, 2), (1, 1, 7, 3), (1, 1, 7, 4), (1, 1, 7, 4)],
    *[(3, 3, 2, 4), (3, 3, 3, 4), (3, 3, 4, 4)],
]


def _layers_inside(model):
    """Return the layers of a model, those of models inside it included."""
    found = []
    for layer in model.layers:
        found += _layers_inside(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def _with_known_weights(model):
    """Give each weight of a model numbers that depend on its shape alone."""
    for weight in model.weights:
        rng = np.random.default_rng(list(weight.shape))
        weight.assign(rng.normal(size=weight.shape) / np.sqrt(np.prod(weight.shape[:-1])))
    return model


def check_drawn(answer):
    x = keras.Input(BLOCK_INPUT)
    result = call(answer, x)
    if isinstance(result, keras.Model):
        fail("It returns a model. A block returns a symbolic tensor, as `four_paths` makes them.")
    if isinstance(result, (list, tuple)):
        fail(f"It returns {describe(result)}. The four paths are not joined yet.")
    if not isinstance(result, keras.KerasTensor):
        fail(f"It returns {describe(result)}; expected a symbolic tensor that comes from `x`.")
    try:
        model = keras.Model(x, result)
    except ValueError:
        fail("No way leads from `x` to what it returns. Start each path from the argument `x`.")
    rows, columns, _ = BLOCK_INPUT
    shape = tuple(result.shape)
    shown = f"For an input of shape (None, 12, 10, 7) the result has the shape {shape}. "
    if shape in {(None, 4 * rows, columns, 4), (None, rows, 4 * columns, 4)}:
        fail(shown + "The maps are stacked on top of or beside each other. Which axis is joined?")
    inside = _layers_inside(model)
    kernels = sorted(tuple(one.kernel.shape) for one in inside if hasattr(one, "kernel"))
    if any(kernel[:2] == (5, 5) for kernel in kernels):
        fail("There is a 5 × 5 convolution. The drawing has two of 3 × 3, one after the other.")
    if shape == (None, rows, columns, 4):
        fail(shown + "Four channels: the paths are added up or in a row, and not side by side.")
    if len(kernels) < len(DRAWN_KERNELS) and shape[-1] == 16:
        fail(
            f"There are {len(kernels)} convolutions with weights of their own; the drawing has "
            "7 boxes. Is one layer called in two places?"
        )
    if shape[-1] == 12 + BLOCK_INPUT[-1]:
        fail(shown + "The pooled path hands on all channels of `x`: a box of it is missing.")
    if shape[1:3] != (rows, columns):
        fail(shown + "Height and width of `x` must stay as they are, in each path.")
    if shape[-1] != 16:
        fail(shown + "Four paths of 4 channels each make 16.")
    if kernels != DRAWN_KERNELS:
        odd = next((one for one in kernels if kernels.count(one) != DRAWN_KERNELS.count(one)), None)
        fail(
            f"A kernel has the shape {odd} (height, width, channels in, channels out), which the "
            "drawing does not have, or not as often. Does each box read the box above it?"
        )
    if any(isinstance(one, layers.MaxPooling2D) for one in inside):
        fail("The pooled path takes the largest. In the drawing it takes the average.")
    images = np.random.default_rng(131).normal(size=(3, *BLOCK_INPUT)).astype("float32")
    result = to_array(_with_known_weights(model)(images), "The result")
    y = keras.Input(BLOCK_INPUT)
    expected = to_array(_with_known_weights(keras.Model(y, drawn_block(y)))(images))
    if is_close(result, expected, tolerance=1e-3):
        return
    if result.min() < 0:
        fail("Some results are negative. Each convolution of the drawing ends with ReLU.")
    parts, wanted = np.split(result, 4, axis=-1), np.split(expected, 4, axis=-1)
    if all(any(is_close(part, one, tolerance=1e-3) for one in wanted) for part in parts):
        fail("All four paths are right, and they are joined in another order than a, b, c, d.")
    wrong = [
        name
        for name, part, one in zip("abcd", parts, wanted, strict=True)
        if not is_close(part, one, tolerance=1e-3)
    ]
    fail(
        f"The shapes are right and the numbers of path {' and '.join(wrong)} are not. Follow its "
        "arrows in the drawing: window, padding, activation, in this order."
    )


def drawn_wrong_axis(x):
    a = layers.Conv2D(4, 1, activation="relu")(x)
    b = layers.Conv2D(3, 1, activation="relu")(x)
    b = layers.Conv2D(4, 3, padding="same", activation="relu")(b)
    c = layers.Conv2D(2, 1, activation="relu")(x)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    d = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    d = layers.Conv2D(4, 1, activation="relu")(d)
    return layers.Concatenate(axis=1)([a, b, c, d])


def _variant(
    *, pool=layers.AveragePooling2D, relu="relu", order="abcd", large=False, bare=False, same="same"
):
    """Return the drawn block with one thing changed."""

    def block(x):
        def unit(start, filters, size):
            return layers.Conv2D(filters, size, padding=same, activation=relu)(start)

        paths = {"a": unit(x, 4, 1), "b": unit(unit(x, 3, 1), 4, 3)}
        paths["c"] = unit(unit(x, 2, 1), 4, 5) if large else unit(unit(unit(x, 2, 1), 4, 3), 4, 3)
        pooled = pool(3, strides=1, padding=same)(x)
        paths["d"] = pooled if bare else unit(pooled, 4, 1)
        return layers.Concatenate()([paths[name] for name in order])

    return block


drawn_max_pooling = _variant(pool=layers.MaxPooling2D)
drawn_linear = _variant(relu=None)
drawn_other_order = _variant(order="abdc")
drawn_five = _variant(large=True)
drawn_bare_pooling = _variant(bare=True)


def drawn_in_a_row(x):
    for filters, size in ((4, 1), (3, 1), (4, 3), (2, 1), (4, 3), (4, 3)):
        x = layers.Conv2D(filters, size, padding="same", activation="relu")(x)
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return layers.Conv2D(4, 1, activation="relu")(x)


def drawn_shared(x):
    mix = layers.Conv2D(4, 1, activation="relu")
    b = layers.Conv2D(3, 1, activation="relu")(x)
    b = layers.Conv2D(4, 3, padding="same", activation="relu")(b)
    c = layers.Conv2D(2, 1, activation="relu")(x)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    d = mix(layers.AveragePooling2D(3, strides=1, padding="same")(x))
    return layers.Concatenate()([mix(x), b, c, d])


def drawn_reads_the_path_before(x):
    a = layers.Conv2D(4, 1, activation="relu")(x)
    b = layers.Conv2D(3, 1, activation="relu")(a)
    b = layers.Conv2D(4, 3, padding="same", activation="relu")(b)
    c = layers.Conv2D(2, 1, activation="relu")(b)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    c = layers.Conv2D(4, 3, padding="same", activation="relu")(c)
    d = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    d = layers.Conv2D(4, 1, activation="relu")(d)
    return layers.Concatenate()([a, b, c, d])


def drawn_list(x):
    return [layers.Conv2D(4, 1, activation="relu")(x) for _ in range(4)]


def drawn_model(x):
    return keras.Model(x, drawn_block(x))


def block_of_functions(x):
    """The drawn block with activation layers, another order of building, and a model inside."""

    def unit(start, filters, size):
        start = layers.Conv2D(filters, size, padding="same")(start)
        return layers.Activation("relu")(start)

    d = unit(layers.AveragePooling2D(3, strides=1, padding="same")(x), 4, 1)
    inside = keras.Input(x.shape[1:])
    c = keras.Model(inside, unit(unit(unit(inside, 2, 1), 4, 3), 4, 3))(x)
    return keras.ops.concatenate([unit(x, 4, 1), unit(unit(x, 3, 1), 4, 3), c, d], axis=3)


from_drawing = Exercise(
    id="21.1",
    title="An Inception block from its drawing",
    minutes=10,
    statement="""Write `drawn_block(x)`, the block that is drawn above. `x` is a symbolic tensor
of shape (None, height, width, channels), and the result is a symbolic tensor of shape (None,
height, width, 16).

- Each box of convolutions is a `layers.Conv2D` of its own, with ReLU and a bias and without
  batch normalisation. The number of filters is in the box.
- Height and width stay as they are along each path, also in
  `layers.AveragePooling2D(size, ...)`.
- The four paths are joined by channel, in the order a, b, c, d.

For example, `drawn_block(keras.Input((12, 10, 7))).shape` is `(None, 12, 10, 16)`.""",
    stub="def drawn_block(x):\n    ...",
    answer="drawn_block",
    check=check_drawn,
    reference=drawn_block,
    hints=(
        "Write path a and path d first, join the two, and look at the shape. Then add b and c.",
        "A path is a chain of calls: each call is given the result of the call before it, and the "
        "first one of each path is given `x`.",
        'The pooling needs `strides=1, padding="same"`, and so does each 3 × 3 convolution need '
        "its padding. The join is `layers.Concatenate(axis=-1)` of a list of four.",
    ),
    explanation=(
        "Four chains start from the same x and keep its height and width, so they can be joined "
        "along the channels. The two 3 × 3 convolutions of path c see as far as one of 5 × 5."
    ),
    wrong=(
        Wrong(drawn_wrong_axis, "Which axis is joined?"),
        Wrong(drawn_in_a_row, "added up or in a row"),
        Wrong(drawn_max_pooling, "In the drawing it takes the average"),
        Wrong(drawn_linear, "ends with ReLU"),
        Wrong(drawn_five, "two of 3 × 3, one after the other"),
        Wrong(drawn_shared, "Is one layer called in two places?"),
        Wrong(drawn_other_order, "in another order than a, b, c, d"),
        Wrong(drawn_bare_pooling, "a box of it is missing"),
        Wrong(drawn_reads_the_path_before, "Does each box read the box above it?"),
        Wrong(drawn_list, "The four paths are not joined yet"),
        Wrong(drawn_model, "It returns a model"),
    ),
    right=(block_of_functions,),
    seconds=30,
)

# ---------------------------------------------------------------- 21.2


def train_head(model, images, labels):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    encoder = model.get_layer("encoder")
    encoder.trainable = False
    model.compile(keras.optimizers.SGD(0.1), loss)
    model.fit(images, labels, batch_size=16, epochs=1, verbose=0)
    encoder.trainable = True
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def _loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def head_data():
    """Return 64 images of 8 x 8 pixels, and labels from 0 to 2."""
    rng = np.random.default_rng(133)
    return rng.normal(size=(64, 8, 8, 1)).astype("float32"), rng.integers(0, 3, size=64)


@lent
def trained_model():
    """Return a model of two layers, "encoder" and "head", that has been fitted."""
    start = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3)(start)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    encoder = keras.Model(start, x, name="encoder")
    picture = keras.Input((8, 8, 1))
    model = keras.Model(picture, layers.Dense(3, name="head")(encoder(picture)))
    model.compile(keras.optimizers.SGD(0.1), _loss())
    model.fit(*head_data(), batch_size=16, verbose=0)
    return model


def _moved(weights, before):
    return [
        weight.name
        for weight, old in zip(weights, before, strict=True)
        if not np.array_equal(weight.numpy(), old)
    ]


def check_train_head(answer):
    with trained_model() as model:
        judge_train_head(answer, model)


def judge_train_head(answer, model):
    images, labels = head_data()
    encoder, head = model.get_layer("encoder"), model.get_layer("head")
    old_encoder, old_head = encoder.get_weights(), head.get_weights()
    fit, moved_in_fit = model.fit, []

    def watched_fit(*args, **settings):
        before = encoder.get_weights()
        history = fit(*args, **settings)
        moved_in_fit.extend(_moved(encoder.weights, before))
        return history

    model.fit = watched_fit
    try:
        result = call(answer, model, images, labels)
    finally:
        del model.fit
    if result is not model:
        fail(f"It returns {describe(result)}. Return the model that was passed in, trained.")
    moved = _moved(encoder.weights, old_encoder)
    if len(moved) == len(old_encoder) and "kernel" in moved:
        fail(
            "All weights of the encoder moved during your `fit`. The model had been fitted before: "
            "setting `trainable` alone is not noticed by a training step that is made already."
        )
    if moved:
        fail(
            f"These weights of the encoder moved during your `fit`: {', '.join(moved)}. Freeze the "
            "encoder as a whole; then its batch normalisation keeps its averages, too."
        )
    if moved_in_fit:
        fail(
            "The encoder moved during your `fit`, and its old weights were put back afterwards. So "
            "the head was trained for features that the encoder no longer makes. Freeze it instead."
        )
    if not _moved(head.weights, old_head):
        fail("The head did not move. Was it frozen as well, or was there no `fit`?")
    if not getattr(model, "compiled", False) or not model.trainable:
        fail("A `fit` after yours cannot train the model: it is frozen or not compiled.")
    old_encoder = encoder.get_weights()
    if not encoder.trainable:
        fail("The encoder is still frozen after your function. Unfreeze it at the end.")
    model.fit(images, labels, batch_size=16, verbose=0)
    if not {"kernel", "gamma"} <= set(_moved(encoder.weights, old_encoder)):
        fail(
            "`encoder.trainable` is True again, and still the next `fit` left its kernel as it "
            "was. That training step was made while the encoder was frozen."
        )


def head_not_compiled_first(model, images, labels):
    model.get_layer("encoder").trainable = False
    model.fit(images, labels, batch_size=16, verbose=0)
    model.get_layer("encoder").trainable = True
    model.compile(keras.optimizers.SGD(0.1), _loss())
    return model


def head_not_compiled_after(model, images, labels):
    model.get_layer("encoder").trainable = False
    model.compile(keras.optimizers.SGD(0.1), _loss())
    model.fit(images, labels, batch_size=16, verbose=0)
    model.get_layer("encoder").trainable = True
    return model


def head_still_frozen(model, images, labels):
    model.get_layer("encoder").trainable = False
    model.compile(keras.optimizers.SGD(0.1), _loss())
    model.fit(images, labels, batch_size=16, verbose=0)
    return model


def head_all_frozen(model, images, labels):
    for layer in model.layers:
        layer.trainable = False
    model.compile(keras.optimizers.SGD(0.1), _loss())
    model.evaluate(images, labels, verbose=0)
    for layer in model.layers:
        layer.trainable = True
    model.compile(keras.optimizers.SGD(0.1), _loss())
    return model


def head_convolutions_only(model, images, labels):
    encoder = model.get_layer("encoder")
    for layer in encoder.layers:
        layer.trainable = not isinstance(layer, layers.Conv2D)
    model.compile(keras.optimizers.SGD(0.1), _loss())
    model.fit(images, labels, batch_size=16, verbose=0)
    encoder.trainable = True
    model.compile(keras.optimizers.SGD(0.1), _loss())
    return model


def head_and_encoder_put_back(model, images, labels):
    encoder = model.get_layer("encoder")
    kept = encoder.get_weights()
    model.fit(images, labels, batch_size=16, verbose=0)
    encoder.set_weights(kept)
    return model


def head_of_a_copy(model, images, labels):
    return train_head(keras.models.clone_model(model), images, labels)


def head_by_layers(model, images, labels):
    encoder = model.layers[1]
    for trainable in (False, True):
        for layer in encoder.layers:
            layer.trainable = trainable
        model.compile(
            keras.optimizers.SGD(0.1),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        if not trainable:
            model.fit(images, labels, batch_size=16, verbose=0)
    return model


head_only = Exercise(
    id="21.2",
    title="Freeze and unfreeze around a fit",
    minutes=10,
    statement="""A model has two layers with weights: `"encoder"`, itself a model, and `"head"`, a
dense layer without an activation. It has been compiled and fitted before, with nothing frozen.
Write `train_head(model, images, labels)`, which

- trains the head alone for one epoch, by `fit` with `batch_size=16` and `verbose=0`, so that
  every weight of the encoder stays bit for bit as it is;
- leaves the model such that the next `fit`, by somebody else, trains encoder and head;
- returns the model that it was given, changed in place.

`images` is float32 of shape (n, 8, 8, 1), `labels` holds whole numbers of shape (n,). Compile with
`keras.optimizers.SGD(0.1)` and
`keras.losses.SparseCategoricalCrossentropy(from_logits=True)`.""",
    stub="def train_head(model, images, labels):\n    ...",
    answer="train_head",
    check=check_train_head,
    reference=train_head,
    hints=(
        '`model.get_layer("encoder").trainable` reaches everything in the encoder. When does '
        "`fit` look at it?",
        "`fit` makes its training step once after a `compile`, and keeps it. What changes "
        "`trainable` later goes unnoticed.",
        "Freeze, compile, fit, unfreeze, compile.",
    ),
    explanation=(
        "The training step is made from the weights that are trainable at the first fit after a "
        "compile. So both changes need a compile after them. A frozen batch normalisation also "
        "keeps its moving averages."
    ),
    wrong=(
        Wrong(head_not_compiled_first, "All weights of the encoder moved"),
        Wrong(head_not_compiled_after, "made while the encoder was frozen"),
        Wrong(head_still_frozen, "still frozen after your function"),
        Wrong(head_all_frozen, "The head did not move"),
        Wrong(head_convolutions_only, "Freeze the encoder as a whole"),
        Wrong(head_and_encoder_put_back, "put back afterwards"),
        Wrong(head_of_a_copy, "Return the model that was passed in"),
    ),
    right=(head_by_layers,),
    seconds=60,
)

# ---------------------------------------------------------------- 21.3


def inception_cost(
    height, width, channels, ones, reduce_threes, threes, reduce_fives, fives, pooled
):
    weights = channels * ones
    weights += channels * reduce_threes + 3 * 3 * reduce_threes * threes
    weights += channels * reduce_fives + 5 * 5 * reduce_fives * fives
    weights += channels * pooled
    return height * width * weights


COST_CASES = (
    (28, 28, 192, 64, 96, 128, 16, 32, 32),
    (14, 10, 24, 8, 6, 12, 2, 4, 5),
    (7, 7, 3, 1, 1, 1, 1, 1, 1),
)


def cost_without_reductions(height, width, channels, ones, r3, threes, r5, fives, pooled):
    weights = channels * (ones + 9 * threes + 25 * fives + pooled)
    return height * width * weights


def cost_reductions_free(height, width, channels, ones, r3, threes, r5, fives, pooled):
    return height * width * (channels * (ones + pooled) + 9 * r3 * threes + 25 * r5 * fives)


def cost_one_place(height, width, *settings):
    return inception_cost(1, 1, *settings)


def cost_with_biases(height, width, channels, ones, r3, threes, r5, fives, pooled):
    numbers = ones + r3 + threes + r5 + fives + pooled
    cost = inception_cost(height, width, channels, ones, r3, threes, r5, fives, pooled)
    return cost + height * width * numbers


def cost_parameters(height, width, channels, ones, r3, threes, r5, fives, pooled):
    numbers = ones + r3 + threes + r5 + fives + pooled
    return inception_cost(1, 1, channels, ones, r3, threes, r5, fives, pooled) + numbers


def cost_with_pooling(height, width, channels, *settings):
    return inception_cost(height, width, channels, *settings) + 9 * height * width * channels


def cost_pooled_free(height, width, channels, ones, r3, threes, r5, fives, pooled):
    return inception_cost(height, width, channels, ones, r3, threes, r5, fives, 0)


def cost_flat_windows(height, width, channels, ones, r3, threes, r5, fives, pooled):
    weights = channels * (ones + r3 + r5 + pooled) + 3 * r3 * threes + 5 * r5 * fives
    return height * width * weights


def cost_pooled_on_joined(height, width, channels, ones, r3, threes, r5, fives, pooled):
    cost = inception_cost(height, width, channels, ones, r3, threes, r5, fives, 0)
    return cost + height * width * (ones + threes + fives) * pooled


COST_MISTAKES = (
    (cost_without_reductions, "The windows of 3 and 5 pixels work on all channels of the input. "
     "What does a reduction leave them?"),
    (cost_reductions_free, "The reductions themselves are left out. They are convolutions too."),
    (cost_one_place, "This is the cost at one place. A convolution stops at each pixel."),
    (cost_with_biases, "The biases are counted in. By custom they are left out: a bias is added, "
     "not multiplied."),
    (cost_parameters, "This is the number of parameters. Each weight is used at every place, and a "
     "bias is not multiplied."),
    (cost_with_pooling, "The pooling is counted in. It compares numbers and has no weights."),
    (cost_pooled_free, "The 1 × 1 convolution behind the pooling is left out."),
    (cost_flat_windows, "A window of 3 × 3 has 9 pixels, one of 5 × 5 has 25."),
    (cost_pooled_on_joined, "The convolution of the pooled path reads the pooled input, not what "
     "the other paths make."),
)  # fmt: skip


def check_cost(answer):
    for case in COST_CASES:
        result = expect_shape(call(answer, *case), (), "The cost")
        if result.dtype.kind not in "iuf":
            fail(f"The cost is {describe(result[()])}; expected a whole number.")
        expected = inception_cost(*case)
        if float(result) == expected:
            continue
        where = f"For {case}: "
        for mistake, message in COST_MISTAKES:
            if float(result) == mistake(*case) and mistake(*case) != expected:
                fail(where + message)
        fail(
            where + f"the cost is {expected:,} multiplications and not {float(result):,.0f}. Write "
            "down places times weights for each of the six convolutions, then add."
        )


block_cost = Exercise(
    id="21.3",
    title="The cost of an Inception block",
    minutes=10,
    statement="""Write `inception_cost(height, width, channels, ones, reduce_threes, threes,
reduce_fives, fives, pooled)`. It returns the number of multiplications by weights, for one
image, of `inception_block` with all its reductions, as a whole number. Do it by arithmetic,
without building a layer.

All nine arguments are whole numbers of at least 1. The first three are the shape of the input,
the others are filters, with the names that they have in `inception_block`. Only kernels count:
no biases, no pooling, no ReLU.

For example, `inception_cost(28, 28, 192, 64, 96, 128, 16, 32, 32)` is the number that the
lesson prints for the reduced block, 128,049,152.""",
    stub=(
        "def inception_cost(height, width, channels, ones, reduce_threes, threes,\n"
        "                   reduce_fives, fives, pooled):\n    ..."
    ),
    answer="inception_cost",
    check=check_cost,
    reference=inception_cost,
    hints=(
        "The block has six convolutions. All keep height and width, so all have the same number "
        "of places.",
        "The weights of a kernel are height · width · channels in · channels out, those of the "
        "window. Which channels does each of the six get?",
        "`channels` go into four of them, all of 1 × 1. The 3 × 3 convolution gets "
        "`reduce_threes`, the 5 × 5 one `reduce_fives`.",
    ),
    explanation=(
        "Places times weights, summed over six kernels. The 3 × 3 and 5 × 5 windows multiply with "
        "the few channels that a reduction leaves, and each reduction costs one product a channel."
    ),
    wrong=tuple(
        Wrong(mistake, message[:45].rsplit(" ", 1)[0]) for mistake, message in COST_MISTAKES
    ),
    right=(lambda *case: np.int64(inception_cost(*case)),),
)

# ---------------------------------------------------------------- 21.4


def rebuild(shape, parts, edges):
    inputs = keras.Input(shape, name="input")
    tensors = {"input": inputs}
    waiting = list(parts)
    while waiting:
        for name in list(waiting):
            sources = [source for source, target in edges if target == name]
            if all(source in tensors for source in sources):
                given = [tensors[source] for source in sources]
                tensors[name] = parts[name](given[0] if len(given) == 1 else given)
                waiting.remove(name)
    begins = {source for source, _ in edges}
    (last,) = [name for name in parts if name not in begins]
    return keras.Model(inputs, tensors[last])


def network_cases():
    """Return (what it is, shape, parts, edges, name of the output), with layers that are new."""

    def dense(name, units=4):
        return layers.Dense(units, name=name)

    chain = {name: dense(name, units) for name, units in (("a", 5), ("b", 3), ("c", 2))}
    yield "a chain", (6,), chain, [("input", "a"), ("a", "b"), ("b", "c")], "c"

    diamond = {"a": dense("a"), "b": dense("b", 3), "c": dense("c", 5)}
    diamond["join"] = layers.Concatenate(name="join")
    wires = [("input", "a"), ("a", "b"), ("a", "c"), ("c", "join"), ("b", "join")]
    yield "a fork that is joined again, c before b", (6,), diamond, wires, "join"

    tangle = {"out": dense("out", 2), "sum": layers.Add(name="sum"), "c": dense("c")}
    tangle |= {"b": dense("b"), "a": dense("a")}
    wires = [("sum", "out"), ("c", "sum"), ("a", "sum"), ("b", "c"), ("input", "a"), ("a", "b")]
    yield "a shortcut, with the edges in another order", (6,), tangle, wires, "out"


def _edges_of(model):
    """Return the edges of a model by name, in the order of each call's arguments, and the calls."""
    edges, calls = [], {}
    for entry in model.get_config()["layers"]:
        calls[entry["name"]] = len(entry["inbound_nodes"])
        for node in entry["inbound_nodes"]:
            edges += [(source, entry["name"]) for source in _sources(node["args"])]
    return edges, calls


def _sources(item):
    """Return the names of the layers that the tensors in a config come from."""
    if isinstance(item, dict):
        if item.get("class_name") == "__keras_tensor__":
            return [item["config"]["keras_history"][0]]
        return _sources(list(item.values()))
    if isinstance(item, (list, tuple)):
        return [name for part in item for name in _sources(part)]
    return []


def check_rebuild(answer):
    for case, shape, parts, edges, last in network_cases():
        where = f"For {case}: "
        if case == "a chain":
            model = call(answer, shape, dict(parts), list(edges))
        else:
            try:
                model = answer(shape, dict(parts), list(edges))
            except Exception as error:
                reason = "A part can be called only when all that it needs has been called."
                if type(error) is ValueError and case.startswith("a fork"):
                    reason = "The part `join` needs a list of both tensors, in one call."
                fail(f"{where}it raises {type(error).__name__}. {reason}")
        if not isinstance(model, keras.Model) or isinstance(model, keras.Sequential):
            fail(f"{where}it returns {describe(model)}; expected a model by `keras.Model(...)`.")
        given = tuple(model.inputs[0].shape)
        if given != (None, *shape):
            fail(f"{where}the input has the shape {given}; expected {(None, *shape)}.")
        _compare_edges(where, model, parts, edges, last)


def _compare_edges(where, model, parts, edges, last):
    start = origin(model.inputs[0]).operation.name
    found, calls = _edges_of(model)
    found = [("input" if source == start else source, target) for source, target in found]
    end = origin(model.outputs[0]).operation.name
    for name, part in parts.items():
        if len(list_calls(part)) > 1 or calls.get(name, 1) > 1:
            fail(
                f"{where}the part {name!r} is called {len(list_calls(part))} times. Two parts "
                "read it, and both can be given the one tensor: keep it."
            )
    if end != last:
        fail(
            f"{where}the output comes from {end!r}. It is the part from which no edge leaves, "
            "wherever it stands in the lists."
        )
    missing = [edge for edge in edges if edge not in found]
    if missing or len(found) != len(edges):
        more = [edge for edge in found if edge not in edges]
        said = f"The edge {missing[0]} is missing." if missing else f"There is an edge {more[0]}."
        fail(f"{where}the graph is another one. {said}")
    for name in parts:
        wanted = [source for source, target in edges if target == name]
        order = [source for source, target in found if target == name]
        if order != wanted:
            fail(
                f"{where}{name!r} is given {order}, and its edges stand in the order {wanted}. A "
                "concatenation makes another tensor of that."
            )


def rebuild_in_order(shape, parts, edges):
    tensors = {"input": keras.Input(shape)}
    for _, target in edges:
        if target in tensors:
            continue
        given = [tensors[source] for source, end in edges if end == target]
        tensors[target] = parts[target](given[0] if len(given) == 1 else given)
    begins = {source for source, _ in edges}
    (last,) = [name for name in parts if name not in begins]
    return keras.Model(tensors["input"], tensors[last])


def rebuild_edge_by_edge(shape, parts, edges):
    tensors = {"input": keras.Input(shape)}
    for source, target in edges:
        tensors[target] = parts[target](tensors[source])
    return keras.Model(tensors["input"], tensors[edges[-1][1]])


def _rebuild_backwards(shape, parts, edges, *, keep=True, last=None, order=lambda names: names):
    inputs = keras.Input(shape)
    kept = {"input": inputs}

    def tensor_of(name):
        if name in kept:
            return kept[name]
        given = [tensor_of(source) for source in order([s for s, t in edges if t == name])]
        tensor = parts[name](given[0] if len(given) == 1 else given)
        if keep:
            kept[name] = tensor
        return tensor

    begins = {source for source, _ in edges}
    last = last or next(name for name in parts if name not in begins)
    return keras.Model(inputs, tensor_of(last))


def rebuild_without_keeping(shape, parts, edges):
    return _rebuild_backwards(shape, parts, edges, keep=False)


def rebuild_sorted_sources(shape, parts, edges):
    return _rebuild_backwards(shape, parts, edges, order=sorted)


def rebuild_last_part(shape, parts, edges):
    return _rebuild_backwards(shape, parts, edges, last=list(parts)[-1])


def rebuild_as_a_chain(shape, parts, edges):
    inputs = x = keras.Input(shape)
    for part in parts.values():
        merges = isinstance(part, layers.Add | layers.Concatenate)
        x = part([inputs, x] if merges else x)
    return keras.Model(inputs, x)


def rebuild_sequential(shape, parts, edges):
    return keras.Sequential([keras.Input(shape), *parts.values()])


def rebuild_with_batch(shape, parts, edges):
    return _rebuild_backwards((None, *shape), parts, edges)


def rebuild_by_graphlib(shape, parts, edges):
    tensors = {"input": keras.Input(shape)}
    sorter = graphlib.TopologicalSorter()
    for source, target in edges:
        sorter.add(target, source)
    for name in sorter.static_order():
        if name != "input":
            given = [tensors[source] for source, target in edges if target == name]
            tensors[name] = parts[name](given if len(given) > 1 else given[0])
    (end,) = set(parts) - {source for source, _ in edges}
    return keras.Model(tensors["input"], tensors[end])


from_edges = Exercise(
    id="21.4",
    title="Rebuild a network from a list of edges",
    minutes=20,
    statement="""Write `rebuild(shape, parts, edges)`, which returns a `keras.Model`:

- `shape` is the shape of one example, without the batch axis, such as `(6,)`.
- `parts` is a dict from a name to a layer that nobody has called yet.
- `edges` is a list of pairs `(source, target)` of names, **in any order**. The name `"input"`
  stands for the model's input and is no part.

Each part is called exactly once. If one edge leads to it, it is called on a tensor; if several
do, on a list of tensors, in the order in which these edges are listed. The output is
that of the one part from which no edge leaves. There is no cycle.

For example, with `parts = {"a": layers.Dense(4), "sum": layers.Add()}` and
`edges = [("a", "sum"), ("input", "sum"), ("input", "a")]`, `rebuild((4,), parts, edges)` is a
model that computes `a(x) + x`.""",
    stub="def rebuild(shape, parts, edges):\n    ...",
    answer="rebuild",
    check=check_rebuild,
    reference=rebuild,
    hints=(
        'Keep a dict from name to tensor that starts with `"input"`. A part can be called as soon '
        "as all its sources are in it.",
        "Go through the parts that are left again and again, until none is left. Or let "
        "`graphlib.TopologicalSorter`, as in the lesson, give you the order.",
        "The sources of a part are `[source for source, target in edges if target == name]`. The "
        "last part is the one that is no source.",
    ),
    explanation=(
        "A graph without a cycle always has a part whose sources are all there. Each tensor is "
        "kept by its name, so a part that two others read is called once."
    ),
    wrong=(
        Wrong(rebuild_in_order, "only when all that it needs has been called"),
        Wrong(rebuild_edge_by_edge, "needs a list of both tensors"),
        Wrong(rebuild_without_keeping, "both can be given the one tensor"),
        Wrong(rebuild_sorted_sources, "A concatenation makes another tensor"),
        Wrong(rebuild_last_part, "the part from which no edge leaves"),
        Wrong(rebuild_as_a_chain, "the graph is another one"),
        Wrong(rebuild_sequential, "expected a model by `keras.Model"),
        Wrong(rebuild_with_batch, "the input has the shape"),
    ),
    right=(rebuild_by_graphlib,),
    seconds=30,
)

EXERCISES = (from_drawing, head_only, block_cost, from_edges)
