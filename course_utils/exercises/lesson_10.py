"""Exercises of lesson 10, convolution from scratch."""

import math

import numpy as np

from course_utils.exercises.expect import call, expect_close, expect_shape, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402

# ---------------------------------------------------------------- 10.1

STROKES = [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]


def check_strokes(answer):
    kernel = expect_shape(answer, (3, 3), "The kernel")
    if kernel.dtype.kind not in "iuf" or not np.all(np.isfinite(kernel)):
        fail("The kernel must hold nine finite numbers.")
    kernel = kernel.astype(np.float64)
    if not kernel.any():
        fail("A kernel of zeros answers 0 to everything.")
    kernel = kernel / np.abs(kernel).max()
    down, across = kernel.sum(axis=0), kernel.sum(axis=1)
    # A stroke one pixel wide inside the window; the centre column is where the window sits on it.
    upright, level = down[1], across[1]
    if abs(upright) < 1e-6 and abs(kernel.sum()) < 1e-6 and down.any():
        fail(
            "Where the window sits on a thin upright stroke, the answer is 0: this kernel finds "
            "the two edges of a stroke, one as positive and one as negative, and not its middle."
        )
    if upright < 1e-6 and level > 1e-6:
        fail("It answers to a horizontal stroke and not to an upright one. Which axis comes first?")
    if abs(kernel.sum()) > 1e-6:
        fail(
            "A patch that is ink all over gives an answer other than 0, so a thick blot counts "
            "as a stroke too. What must the nine numbers add up to?"
        )
    if upright < 0:
        fail("On an upright stroke the answer is negative. Where ink should be, weigh it as plus.")
    if upright < 1e-6:
        fail("Where the window sits on an upright stroke, the answer is 0.")
    if np.abs(across).max() > 0.5 * upright:
        fail(
            "A horizontal stroke gives an answer that is nearly as strong as an upright one's. Let "
            "each row add up to 0, so that a horizontal stroke weighs as much for as against."
        )


find_strokes = Exercise(
    id="10.1",
    title="A filter that finds upright strokes",
    minutes=5,
    statement="""The kernel of the lesson answers to *edges*, where dark meets bright. Set
`strokes` to nine numbers, shape (3, 3), that answer to upright **strokes**: bright lines one
pixel wide.

- Where the window sits on an upright stroke, the answer is above 0.
- On a horizontal stroke, one row of ink, it is 0 or at most half as strong.
- On a patch without ink, and on a patch that is ink all over, it is 0.

For example, the window on an upright stroke reads `[[0, 1, 0], [0, 1, 0], [0, 1, 0]]`. To look
at your kernel's answers, put it in the place of `upright_edges` in the cell that opens this
lesson.""",
    stub="strokes = ...",
    answer="strokes",
    check=check_strokes,
    reference=STROKES,
    reference_source="strokes = [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]",
    hints=(
        "Draw the stroke over the nine places. Which places hold ink, which do not?",
        "Ink on the stroke speaks for it, ink beside the stroke against it. In all they cancel.",
        "Each row can be the same: a positive number in the middle, and half of it, negative, on "
        "both sides.",
    ),
    explanation=(
        "On an upright stroke only the middle column meets ink: 2 + 2 + 2 = 6. Each row adds up to "
        "0, so a horizontal stroke and a full patch give 0."
    ),
    wrong=(
        Wrong([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]], "It answers to a horizontal stroke"),
        Wrong([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], "finds the two edges of a stroke"),
        Wrong([[0, 1, 0], [0, 1, 0], [0, 1, 0]], "What must the nine numbers add up to?"),
        Wrong([[1, -2, 1], [1, -2, 1], [1, -2, 1]], "the answer is negative"),
        Wrong([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "nearly as strong as an upright one's"),
        Wrong([-1, 2, -1], "has the shape (3,); expected (3, 3)"),
    ),
    right=(
        [[0, 0, 0], [-1, 2, -1], [0, 0, 0]],
        tf.constant([[-1.0, 2, -1], [-2, 4, -2], [-1, 2, -1]]),
        np.array(STROKES) / 3000,
    ),
)

# ---------------------------------------------------------------- 10.2


def layer_facts(input_shape, filters, size, stride, padding):
    height, width, channels = input_shape
    if padding == "same":
        rows, columns = -(-height // stride), -(-width // stride)
    else:
        rows, columns = (height - size) // stride + 1, (width - size) // stride + 1
    parameters = size * size * channels * filters + filters
    return (rows, columns, filters), parameters


FACTS_CASES = (
    ((28, 28, 1), 8, 3, 1, "same"),
    ((28, 28, 1), 8, 3, 1, "valid"),
    ((28, 28, 16), 32, 3, 2, "same"),
    ((28, 20, 3), 6, 5, 3, "same"),
    ((28, 28, 3), 4, 5, 2, "valid"),
    ((7, 7, 64), 128, 1, 1, "valid"),
)


def check_facts(answer):
    for case in FACTS_CASES:
        (height, width, channels), filters, size, stride, padding = case
        result = call(answer, *case)
        where = f"For the input {case[0]}, {filters} filters of {size} × {size}, stride {stride}, "
        where += f'padding "{padding}", '
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            fail("Return two things: the output's shape, a tuple of three, and the parameters.")
        if isinstance(result[0], (tuple, list)) and len(result[0]) == 4:
            fail("The output's shape has four numbers. Leave out the axis of the batch.")
        shape = expect_shape(result[0], (3,), "The output's shape").tolist()
        (rows, columns, _), parameters = layer_facts(*case)
        count = float(expect_shape(result[1], (), "The number of parameters"))
        if count != parameters:
            if count == parameters - filters:
                fail(where + "filters are missing from the count: each has a bias as well.")
            if count == size * size * filters + filters:
                fail(
                    where + f"a filter has more weights than {size} × {size}: it looks at all "
                    "channels of its window at once."
                )
            if count == rows * columns * parameters:
                fail(where + "weights were counted anew for each place. They are shared.")
            fail(where + f"the number of parameters is not {count:g}.")
        if shape == [rows, columns, filters]:
            continue
        if shape == [rows, columns, channels] and channels != filters:
            fail(
                where + "the output keeps the channels of the input. Each filter makes one map; "
                "count those."
            )
        if shape == [height, width, filters] and padding == "same":
            fail(where + 'the size is kept. "same" keeps it at stride 1 only.')
        if padding == "same" and shape == [height // stride, width // stride, filters]:
            fail(
                where + "the division rounds down. With padding, a last window that has begun "
                "counts, so it rounds up."
            )
        if padding == "valid" and shape == [rows - 1, columns - 1, filters]:
            fail(where + "one place is missing along each axis: the very first one.")
        if shape[:2] == [height - size + 1, width - size + 1]:
            fail(where + "the stride is left out: the window does not stop at each pixel.")
        fail(where + f"the output's shape is not {tuple(shape)}.")


def facts_no_bias(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    return shape, parameters - filters


def facts_one_channel(input_shape, filters, size, stride, padding):
    shape, _ = layer_facts(input_shape, filters, size, stride, padding)
    return shape, size * size * filters + filters


def facts_not_shared(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    return shape, shape[0] * shape[1] * parameters


def facts_same_is_same(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    return ((*input_shape[:2], filters) if padding == "same" else shape), parameters


def facts_rounds_down(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    if padding == "same":
        shape = (input_shape[0] // stride, input_shape[1] // stride, filters)
    return shape, parameters


def facts_off_by_one(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    if padding == "valid":
        shape = (shape[0] - 1, shape[1] - 1, filters)
    return shape, parameters


def facts_no_stride(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    if padding == "valid":
        shape = (input_shape[0] - size + 1, input_shape[1] - size + 1, filters)
    return shape, parameters


def facts_input_channels(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    return (*shape[:2], input_shape[2]), parameters


def facts_with_batch(input_shape, filters, size, stride, padding):
    shape, parameters = layer_facts(input_shape, filters, size, stride, padding)
    return (None, *shape), parameters


def facts_by_keras(input_shape, filters, size, stride, padding):
    layer = keras.layers.Conv2D(filters, size, strides=stride, padding=padding)
    output = layer(np.zeros((1, *input_shape), np.float32))
    return list(output.shape[1:]), layer.count_params()


def facts_by_ceil(input_shape, filters, size, stride, padding):
    lost = size - 1 if padding == "valid" else 0
    rows, columns = (math.ceil((side - lost) / stride) for side in input_shape[:2])
    return (rows, columns, filters), (size * size * input_shape[2] + 1) * filters


predict = Exercise(
    id="10.2",
    title="Predict the shape and the parameters",
    minutes=10,
    statement="""Write `layer_facts(input_shape, filters, size, stride, padding)`. It describes
the layer `layers.Conv2D(filters, size, strides=stride, padding=padding)` on one image, without
building it:

- `input_shape` is (height, width, channels), all whole numbers; `size` is the kernel's height
  and width;
- `padding` is `"valid"` or `"same"`;
- it returns two things: the shape of the output as a tuple (rows, columns, channels), and the
  number of the layer's parameters, weights and biases.

For example, `layer_facts((28, 28, 1), 8, 3, 1, "same")` returns `((28, 28, 8), 80)`.""",
    stub="def layer_facts(input_shape, filters, size, stride, padding):\n    ...",
    answer="layer_facts",
    check=check_facts,
    reference=layer_facts,
    hints=(
        "The shape depends on size, stride and padding; the parameters on none of height, width, "
        "stride and padding.",
        "Without padding the first place is always there; each further one costs a stride.",
        "One filter has size · size · channels weights and one bias. `-(-a // b)` divides and "
        "rounds up.",
    ),
    explanation=(
        "The shape follows from counting the places of the window; the parameters from counting "
        "what one filter holds. A larger image makes more places and no more parameters."
    ),
    wrong=(
        Wrong(facts_no_bias, "each has a bias as well"),
        Wrong(facts_one_channel, "it looks at all channels of its window"),
        Wrong(facts_not_shared, "They are shared"),
        Wrong(facts_same_is_same, '"same" keeps it at stride 1 only'),
        Wrong(facts_rounds_down, "so it rounds up"),
        Wrong(facts_off_by_one, "the very first one"),
        Wrong(facts_no_stride, "the stride is left out"),
        Wrong(facts_input_channels, "Each filter makes one map"),
        Wrong(facts_with_batch, "Leave out the axis of the batch"),
    ),
    right=(facts_by_keras, facts_by_ceil),
)

# ---------------------------------------------------------------- 10.3


def convolve(images, kernel):
    """Return what the lesson's function of this name returns, with stride 1 and no padding."""
    windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape[:2], axis=(1, 2))
    return np.einsum("nrschw,hwcf->nrsf", windows, kernel)


def depthwise(images, kernels):
    maps = []
    for channel in range(images.shape[-1]):
        plane = images[..., channel : channel + 1]
        maps.append(convolve(plane, kernels[:, :, channel : channel + 1]))
    return np.concatenate(maps, axis=-1)


def check_depthwise(answer):
    rng = np.random.default_rng(73)
    for channels, multiplier in ((3, 1), (2, 3)):
        images = rng.normal(size=(2, 6, 5, channels)).astype(np.float32)
        kernels = rng.normal(size=(3, 3, channels, multiplier)).astype(np.float32)
        expected = depthwise(images, kernels)
        result = to_array(call(answer, images, kernels), "What it returns")
        where = f"With {channels} channels and {multiplier} "
        where += f"kernel{'' if multiplier == 1 else 's'} for each, "
        if is_close(result, expected):
            continue
        if is_close(result, convolve(images, kernels)):
            fail(
                where + "the channels are added up, as in an ordinary convolution. Depthwise, each "
                "channel keeps a map of its own."
            )
        first = np.concatenate([kernels[:, :, :1]] * channels, axis=2)
        if is_close(result, depthwise(images, first)):
            fail(where + "every channel is filtered by the kernels of channel 0.")
        if multiplier > 1:
            if is_close(result, expected[..., ::multiplier]):
                fail(
                    where + "there is one map a channel. The last axis of `kernels` holds several "
                    "kernels for each channel; all of them make a map."
                )
            mixed = expected.reshape(2, 4, 3, channels, multiplier).swapaxes(3, 4)
            if is_close(result, mixed.reshape(expected.shape)):
                fail(
                    where + "the maps stand in another order: first all maps of channel 0, then "
                    "those of channel 1."
                )
        expect_close(result, expected, where + "the result")


def depthwise_summed(images, kernels):
    return convolve(images, kernels)


def depthwise_one_kernel(images, kernels):
    planes = [images[..., c : c + 1] for c in range(images.shape[-1])]
    return np.concatenate([convolve(plane, kernels[:, :, :1]) for plane in planes], axis=-1)


def depthwise_first_only(images, kernels):
    return depthwise(images, kernels[..., :1])


def depthwise_other_order(images, kernels):
    each = [depthwise(images, kernels[..., m : m + 1]) for m in range(kernels.shape[-1])]
    return np.concatenate(each, axis=-1)


def depthwise_padded(images, kernels):
    return depthwise(np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)]), kernels)


def depthwise_by_tensorflow(images, kernels):
    return tf.nn.depthwise_conv2d(images, kernels, [1, 1, 1, 1], "VALID")


def depthwise_by_loops(images, kernels):
    height, width, channels, m = kernels.shape
    rows, columns = images.shape[1] - height + 1, images.shape[2] - width + 1
    result = np.zeros((len(images), rows, columns, channels * m))
    for r, c in np.ndindex(rows, columns):
        window = images[:, r : r + height, c : c + width]
        result[:, r, c] = np.einsum("nhwc,hwcm->ncm", window, kernels).reshape(-1, channels * m)
    return result


depthwise_convolution = Exercise(
    id="10.3",
    title="Depthwise convolution",
    minutes=10,
    statement="""An ordinary filter adds up all channels. In a **depthwise** convolution no
channel meets another: each has kernels of its own, and each of these makes a map of its own.

Write `depthwise(images, kernels)` with stride 1 and without padding:

- `images`: float32 array of shape (n, height, width, channels);
- `kernels`: float32 array of shape (kernel height, kernel width, channels, m), of which
  `kernels[:, :, c, :]` are the `m` kernels of channel `c`;
- it returns an array of shape (n, rows, columns, channels · m): first the `m` maps of
  channel 0, then those of channel 1, and so on.

You may call the lesson's `convolve`. For example, images of shape (2, 6, 5, 2) and kernels of
shape (3, 3, 2, 3) give a result of shape (2, 4, 3, 6).""",
    stub="def depthwise(images, kernels):\n    ...",
    answer="depthwise",
    check=check_depthwise,
    reference=depthwise,
    hints=(
        "A convolution of one channel has nothing to add up over channels.",
        "Loop over the channels. `images[..., c : c + 1]` keeps the axis of channels, of length 1.",
        "`kernels[:, :, c : c + 1]` has the shape of an ordinary kernel with one input channel and "
        "m filters. Join the maps with np.concatenate along the last axis.",
    ),
    explanation=(
        "Each channel goes through an ordinary convolution of its own, with one input channel. For "
        "m = 1 that takes 1/filters of the multiplications of an ordinary convolution."
    ),
    wrong=(
        Wrong(depthwise_summed, "the channels are added up"),
        Wrong(depthwise_one_kernel, "by the kernels of channel 0"),
        Wrong(depthwise_first_only, "there is one map a channel"),
        Wrong(depthwise_other_order, "the maps stand in another order"),
        Wrong(depthwise_padded, "has the shape (2, 6, 5, 3); expected (2, 4, 3, 3)"),
    ),
    right=(depthwise_by_tensorflow, depthwise_by_loops),
)

EXERCISES = (find_strokes, predict, depthwise_convolution)
