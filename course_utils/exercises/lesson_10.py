"""Exercises of lesson 10, convolution from scratch."""

import numpy as np

from course_utils.builders.costs import output_size
from course_utils.exercises.expect import (
    call,
    describe,
    expect_close,
    expect_shape,
    fail,
    is_close,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

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
    vertical, horizontal = down[1], across[1]
    if abs(vertical) < 1e-6 and abs(kernel.sum()) < 1e-6 and down.any():
        fail(
            "Where the window sits on a thin vertical stroke, the answer is 0: this kernel finds "
            "the two edges of a stroke, one as positive and one as negative, and not its middle."
        )
    if vertical < 1e-6 and horizontal > 1e-6:
        fail("It answers to a horizontal stroke, not to a vertical one. Which axis comes first?")
    if abs(kernel.sum()) > 1e-6:
        fail(
            "Where all nine pixels are bright, the answer is not 0, so a thick blot counts as a "
            "stroke too. What must the nine numbers add up to?"
        )
    if vertical < 0:
        fail(
            "On a vertical stroke the answer is negative. Give a positive weight to the places "
            "where the stroke is."
        )
    if vertical < 1e-6:
        fail("Where the window sits on a vertical stroke, the answer is 0.")
    if np.abs(across).max() > 0.5 * vertical:
        fail(
            "A horizontal stroke gets an answer nearly as large as a vertical one. Let each row "
            "add up to 0, so that the pixels of a horizontal stroke cancel."
        )


find_strokes = Exercise(
    id="10.1",
    title="A filter that finds vertical strokes",
    minutes=5,
    statement="""The kernel of the lesson answers to *edges*, where dark meets bright. Set
`strokes` to nine numbers, shape (3, 3), that answer to vertical **strokes**: bright lines one
pixel wide.

- Where the middle of the window is on a vertical stroke, the answer is above 0. That window is
  `[[0, 1, 0], [0, 1, 0], [0, 1, 0]]`.
- On a horizontal stroke, `[[0, 0, 0], [1, 1, 1], [0, 0, 0]]`, it is 0, or at most half as large.
- Where all nine pixels are alike, bright or dark, it is 0.

To look at the answers of your kernel, put it in the place of `vertical_edges` in the cell that
opens this lesson.""",
    stub="strokes = ...",
    answer="strokes",
    check=check_strokes,
    reference=STROKES,
    reference_source="strokes = [[-1, 2, -1], [-1, 2, -1], [-1, 2, -1]]",
    hints=(
        "Draw the stroke over the nine places. Which are bright, and which are dark?",
        "A bright pixel on the stroke speaks for it, one beside it against it. Together they "
        "cancel.",
        "Each row can be the same: a positive number in the middle, and half of it, negative, on "
        "both sides.",
    ),
    explanation=(
        "On a vertical stroke only the middle column is bright: 2 + 2 + 2 = 6. Each row adds up to "
        "0, so a horizontal stroke and a bright patch give 0."
    ),
    wrong=(
        Wrong([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]], "It answers to a horizontal stroke"),
        Wrong([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]], "finds the two edges of a stroke"),
        Wrong([[0, 1, 0], [0, 1, 0], [0, 1, 0]], "What must the nine numbers add up to?"),
        Wrong([[1, -2, 1], [1, -2, 1], [1, -2, 1]], "the answer is negative"),
        Wrong([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "nearly as large as a vertical one"),
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
    rows = output_size(height, size, stride, padding)
    columns = output_size(width, size, stride, padding)
    return (rows, columns, filters), (size * size * channels + 1) * filters


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


def facts_by_hand(input_shape, filters, size, stride, padding):
    sides = []
    for side in input_shape[:2]:
        room = side - 1 if padding == "same" else side - size
        sides.append(1 + room // stride)
    weights = size**2 * input_shape[2] * filters
    return [*sides, filters], weights + filters


def facts_of_the_layer(input_shape, filters, size, stride, padding):
    import keras

    layer = keras.layers.Conv2D(filters, size, strides=stride, padding=padding)
    layer.build((None, *input_shape))
    shape = layer.compute_output_shape((None, *input_shape))
    return shape[1:], layer.count_params()


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


predict = Exercise(
    id="10.2",
    title="Predict the shape and the parameters",
    minutes=5,
    statement="""Write `layer_facts(input_shape, filters, size, stride, padding)`. It describes
the layer `layers.Conv2D(filters, size, strides=stride, padding=padding)` on one image, without
building it:

- `input_shape` is (height, width, channels), all whole numbers; `size` is the kernel's height
  and width;
- `padding` is `"valid"` or `"same"`;
- it returns two things: the shape of the output as a tuple (rows, columns, channels), and the
  number of the layer's parameters, weights and biases.

You may call the lesson's `output_size`. For example,
`layer_facts((28, 28, 1), 8, 3, 1, "same")` returns `((28, 28, 8), 80)`.""",
    stub="def layer_facts(input_shape, filters, size, stride, padding):\n    ...",
    answer="layer_facts",
    check=check_facts,
    reference=layer_facts,
    hints=(
        "The shape depends on size, stride and padding; the parameters on none of height, width, "
        "stride and padding.",
        "`output_size` says how many rows there are; call it again for the columns. Each filter "
        "makes one channel.",
        "One filter has size · size · channels weights and one bias.",
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
    right=(facts_by_hand, facts_of_the_layer),
)

# ---------------------------------------------------------------- 10.3


def slide(image, kernel):
    """Return what the lesson's function of this name returns."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
    answers = np.einsum("rcij,ij->rc", windows, kernel)
    return answers, answers.size * kernel.size


def find(picture, piece):
    squares, _ = slide(picture**2, np.ones_like(piece))
    products, _ = slide(picture, piece)
    difference = squares - 2 * products
    return np.unravel_index(np.argmin(difference), difference.shape)


def scenes():
    """Return triples of a picture, a piece of it, and the place of the piece.

    Elsewhere the picture holds a bright block, where the piece as a kernel has its largest answer,
    and the piece once more, brighter and with some noise, where the piece less its mean has.
    """
    rng = np.random.default_rng(103)
    result = []
    for (top, left), (height, width), twin, block in (
        ((3, 17), (5, 6), (14, 2), (12, 16)),
        ((18, 20), (4, 8), (2, 3), (10, 12)),
        ((0, 0), (7, 5), (13, 20), (2, 11)),
    ):
        picture = rng.uniform(0, 0.3, size=(22, 28)).astype(np.float32)
        piece = picture[top : top + height, left : left + width].copy()
        noise = rng.uniform(0, 0.1, size=piece.shape)
        picture[twin[0] : twin[0] + height, twin[1] : twin[1] + width] = 3 * piece + noise
        picture[block[0] : block[0] + height, block[1] : block[1] + width] = 1.0
        result.append((picture, piece, (top, left)))
    return result


def largest_answer(picture, kernel):
    answers, _ = slide(picture, kernel)
    return np.unravel_index(np.argmax(answers), answers.shape)


def check_find(answer):
    for picture, piece, place in scenes():
        result = call(answer, picture.copy(), piece.copy())
        found = to_array(result, "What it returns")
        if found.shape == ():
            fail(
                "Return two numbers, a row and a column. `np.unravel_index(number, answers.shape)` "
                "turns the number of a place, as `np.argmin` gives it, into both."
            )
        found = expect_shape(found, (2,), "What it returns")
        if not np.all(found == np.round(found)):
            fail(f"Expected two whole numbers, got {describe(result)}.")
        found = tuple(int(number) for number in found)
        if found == place:
            continue
        where = f"For a piece of {piece.shape[0]} × {piece.shape[1]} at {place}, you found {found}"
        if found == largest_answer(picture, piece):
            fail(
                f"{where}. There the picture is bright, and bright pixels make a large answer, "
                "whatever the piece looks like. Where is the *difference* between the window and "
                "the piece smallest?"
            )
        if found == largest_answer(picture, piece - piece.mean()):
            fail(
                f"{where}. There is a brighter copy with more contrast, and that makes the answer "
                "large. You look for the place where each pixel is the same."
            )
        if found == place[::-1]:
            fail(f"{where}: the two numbers are swapped. The row comes first.")
        if found == (place[0] + piece.shape[0] // 2, place[1] + piece.shape[1] // 2):
            fail(f"{where}: that is the middle of the piece. Return its top left pixel.")
        if found == (place[0] + 1, place[1] + 1):
            fail(f"{where}. Rows and columns count from 0.")
        fail(f"{where}, where the picture is different.")


def find_by_loops(picture, piece):
    height, width = piece.shape
    for row in range(picture.shape[0] - height + 1):
        for column in range(picture.shape[1] - width + 1):
            if (picture[row : row + height, column : column + width] == piece).all():
                return row, column


def find_by_windows(picture, piece):
    windows = np.lib.stride_tricks.sliding_window_view(picture, piece.shape)
    difference = np.abs(windows - piece).sum(axis=(2, 3))
    return list(divmod(int(difference.argmin()), difference.shape[1]))


def find_by_tensorflow(picture, piece):
    kernels = np.stack([piece, np.ones_like(piece)], axis=-1)[:, :, np.newaxis]
    images = np.stack([picture, picture**2])[..., np.newaxis]
    answers = tf.nn.conv2d(images, kernels, 1, "VALID")
    difference = answers[1, :, :, 1] - 2 * answers[0, :, :, 0]
    place = tf.argmin(tf.reshape(difference, [-1]))
    return tf.unravel_index(place, tf.shape(difference, tf.int64))


def find_brightest(picture, piece):
    return largest_answer(picture, piece)


def find_by_contrast(picture, piece):
    return largest_answer(picture, piece - piece.mean())


def find_swapped(picture, piece):
    return find(picture, piece)[::-1]


def find_middle(picture, piece):
    row, column = find(picture, piece)
    return row + piece.shape[0] // 2, column + piece.shape[1] // 2


def find_from_one(picture, piece):
    row, column = find(picture, piece)
    return row + 1, column + 1


def find_flat(picture, piece):
    return np.argmin(slide(picture**2, np.ones_like(piece))[0] - 2 * slide(picture, piece)[0])


def find_without_squares(picture, piece):
    answers = slide(picture, piece)[0]
    return np.unravel_index(np.argmin(answers), answers.shape)


find_piece = Exercise(
    id="10.3",
    title="Where was it cut out?",
    minutes=10,
    statement="""A piece was cut out of a picture. Write `find(picture, piece)`, which says where:
it returns `(row, column)` of the piece's top left pixel in the picture, two whole numbers.

`picture` and `piece` are float32 arrays of shape (height, width), and the piece is smaller. It
occurs in the picture exactly once, each pixel the same. You may call the lesson's `slide`.

Start with the obvious way: the piece is the kernel, and the place is where the answer is
largest. Check that, and read what the check says.

For example, with `row = np.concatenate(digits[..., 0], axis=1)`, the ten digits side by side,
`find(row, row[5:20, 150:160])` is (5, 150).""",
    stub="def find(picture, piece):\n    ...",
    answer="find",
    check=check_find,
    reference=find,
    right=(find_by_loops, find_by_windows, find_by_tensorflow),
    hints=(
        "At the right place all differences between window and piece are 0, and so is the sum of "
        "their squares. Everywhere else it is larger.",
        "(a - b)² = a² - 2ab + b². Added up over the window, the middle term is a convolution with "
        "the piece. Which kernel adds up the squares of the picture? The last term is the same "
        "at all places.",
        "`slide(picture**2, np.ones_like(piece))[0]` adds up the squares. `np.argmin` gives the "
        "number of the smallest value, and `np.unravel_index` makes row and column of it.",
    ),
    explanation=(
        "The sum of squared differences is made of convolutions, and it is 0 at one place only. "
        "Such matching of templates found faces and letters before there were networks. A layer "
        "of a network does it with many small pieces at once, and learns which ones to look for."
    ),
    wrong=(
        Wrong(find_brightest, "There the picture is bright"),
        Wrong(find_by_contrast, "a brighter copy with more contrast"),
        Wrong(find_swapped, "the two numbers are swapped"),
        Wrong(find_middle, "the middle of the piece"),
        Wrong(find_from_one, "count from 0"),
        Wrong(find_flat, "Return two numbers, a row and a column"),
        Wrong(find_without_squares, "where the picture is different"),
    ),
)

# ---------------------------------------------------------------- 10.4


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
                    where + "the maps are in another order: first all maps of channel 0, then "
                    "those of channel 1."
                )
        expect_close(result, expected, where + "the result")


def depthwise_by_tensorflow(images, kernels):
    return tf.nn.depthwise_conv2d(images, kernels, [1, 1, 1, 1], "VALID")


def depthwise_by_einsum(images, kernels):
    windows = np.lib.stride_tricks.sliding_window_view(images, kernels.shape[:2], axis=(1, 2))
    maps = np.einsum("nrschw,hwcm->nrscm", windows, kernels)
    return maps.reshape(*maps.shape[:3], -1)


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


depthwise_convolution = Exercise(
    id="10.4",
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
        Wrong(depthwise_other_order, "the maps are in another order"),
        Wrong(depthwise_padded, "has the shape (2, 6, 5, 3); expected (2, 4, 3, 3)"),
    ),
    right=(depthwise_by_tensorflow, depthwise_by_einsum),
)

EXERCISES = (find_strokes, predict, find_piece, depthwise_convolution)
