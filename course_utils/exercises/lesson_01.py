"""Exercises of lesson 01, tensors."""

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
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()


def expect_tensor(result, what):
    """End the check where a result is no tensor (a variable and an array are none)."""
    if not isinstance(result, tf.Tensor):
        fail(f"{what} is {describe(result)}; expected a tensor.")


# ---------------------------------------------------------------- 01.1

SHAPES = {
    "images[5]": (28, 28, 3),
    "images[:5]": (5, 28, 28, 3),
    "images[..., 0]": (32, 28, 28),
    "images[:, 7:21, 7:21]": (32, 14, 14, 3),
    "images[:, tf.newaxis]": (32, 1, 28, 28, 3),
    "images[30:40, ::2, 0]": (2, 14, 3),
}

CLUES = {
    "images[5]": "A single number picks one entry of the first axis, and that axis is gone.",
    "images[:5]": "A slice keeps its axis, and takes the entries before 5.",
    "images[..., 0]": "The dots stand for all axes before the last, which stay whole.",
    "images[:, 7:21, 7:21]": (
        "The slice 7:21 ends before 21, and axes that an index does not mention stay whole."
    ),
    "images[:, tf.newaxis]": "A new axis has the size 1 and stands where tf.newaxis stands.",
    "images[30:40, ::2, 0]": (
        "Go through it axis by axis: a slice stops where the tensor stops, a step of 2 takes every "
        "other row, and a single number removes its axis."
    ),
}

# What a shape that people give for the last expression says about how they read it.
MISREAD = {
    (10, 14, 3): "A slice stops where the tensor stops, and `images` holds 32 pictures.",
    (2, 14, 28): "The 0 is the third part of the index, so it removes the third axis, the width.",
    (2, 14): "Three parts of an index speak of three axes. The fourth, the channels, stays whole.",
}


def as_shape(answer):
    """Return an answer as a tuple of whole numbers, or None where it is no shape."""
    try:
        return tuple(int(size) for size in answer)
    except Exception:
        return None


def check_shapes(answer):
    if not isinstance(answer, dict) or set(answer) != set(SHAPES):
        fail("Expected the dict of the stub, with its six keys unchanged.")
    images = tf.zeros([32, 28, 28, 3])
    for expression, value in answer.items():
        result = eval(expression, {"images": images, "tf": tf})
        truth = tuple(result.shape)
        given = as_shape(value)
        if given == truth:
            continue
        said = f"The shape of `{expression}` is not {describe(value) if given is None else given}."
        if given is None and is_close(value, len(truth)):
            fail(
                f"{len(truth)} is the rank of `{expression}`: how many axes it has. The shape is "
                "a tuple with the size of each of them."
            )
        if given is None:
            quotes = ", without quotes" if isinstance(value, str) else ""
            fail(f"{said} Write a tuple of whole numbers, such as (28, 28){quotes}.")
        if given == truth[1:]:
            fail(
                f"{said} It is the shape of one entry. The batch axis comes first and counts "
                "them; say how many there are."
            )
        last = expression == "images[30:40, ::2, 0]" and MISREAD.get(given)
        fail(f"{said} {last or CLUES[expression]}")


predict_shapes = Exercise(
    id="01.1",
    title="Predict shapes",
    minutes=5,
    statement="""Let `images` be a tensor of shape `(32, 28, 28, 3)`: 32 pictures, 28 pixels high
and 28 wide, with three channels. Fill in `shapes`: the shape of each expression, as a tuple,
without running it. For example, the shape of `images[:, 0]`, the top row of each picture, is
`(32, 28, 3)`.""",
    stub="""shapes = {
    "images[5]": ...,
    "images[:5]": ...,
    "images[..., 0]": ...,
    "images[:, 7:21, 7:21]": ...,
    "images[:, tf.newaxis]": ...,
    "images[30:40, ::2, 0]": ...,
}""",
    answer="shapes",
    check=check_shapes,
    reference=SHAPES,
    reference_source="""shapes = {
    "images[5]": (28, 28, 3),
    "images[:5]": (5, 28, 28, 3),
    "images[..., 0]": (32, 28, 28),
    "images[:, 7:21, 7:21]": (32, 14, 14, 3),
    "images[:, tf.newaxis]": (32, 1, 28, 28, 3),
    "images[30:40, ::2, 0]": (2, 14, 3),
}""",
    right=(
        {key: list(shape) for key, shape in SHAPES.items()},
        {key: tf.TensorShape(shape) for key, shape in SHAPES.items()},
        {key: np.array(shape) for key, shape in SHAPES.items()},
    ),
    hints=(
        "Go through the index from left to right, one axis of `images` for each part of it.",
        "A number removes its axis, a slice keeps it, tf.newaxis adds one of size 1, and the axes "
        "that are not mentioned stay as they are.",
        "`images[..., 0]` picks channel 0 of each pixel, so only the axis of size 3 goes.",
    ),
    explanation=(
        "Numbers remove axes, slices shorten them, tf.newaxis adds one. There are only two "
        "pictures from number 30 on, so the slice 30:40 has two."
    ),
    wrong=(
        Wrong({**SHAPES, "images[5]": 3}, "is the rank of `images[5]`"),
        Wrong({**SHAPES, "images[:5]": (28, 28, 3)}, "The batch axis comes first"),
        Wrong({**SHAPES, "images[5]": (1, 28, 28, 3)}, "that axis is gone"),
        Wrong({**SHAPES, "images[..., 0]": (32, 28, 28, 1)}, "all axes before the last"),
        Wrong({**SHAPES, "images[:, 7:21, 7:21]": (32, 14, 14)}, "does not mention stay whole"),
        Wrong({**SHAPES, "images[:, tf.newaxis]": (1, 32, 28, 28, 3)}, "where tf.newaxis stands"),
        Wrong({**SHAPES, "images[30:40, ::2, 0]": (10, 14, 3)}, "holds 32 pictures"),
        Wrong({**SHAPES, "images[30:40, ::2, 0]": (2, 14, 28)}, "removes the third axis"),
        Wrong({**SHAPES, "images[30:40, ::2, 0]": (2, 14)}, "the channels, stays whole"),
        Wrong({**SHAPES, "images[30:40, ::2, 0]": (3, 28, 3)}, "Go through it axis by axis"),
        Wrong({**SHAPES, "images[:5]": (6, 28, 28, 3)}, "takes the entries before 5"),
        Wrong({**SHAPES, "images[:, 7:21, 7:21]": (32, 15, 15, 3)}, "ends before 21"),
        Wrong({**SHAPES, "images[5]": "(28, 28, 3)"}, "without quotes"),
    ),
)

# ---------------------------------------------------------------- 01.2


def prepare(images):
    return tf.cast(images, tf.float32)[..., tf.newaxis] / 255


BRIGHT = np.array([[[0, 51, 255], [7, 128, 254]], [[200, 3, 90], [1, 0, 17]]], np.uint8)
DARK = BRIGHT // 2

# What errors say where a uint8 tensor meets a floating-point number, or a method of an array.
UNCAST = ("of dtype uint8", "must have the same dtype", "Expected tensor", "'astype'")


def check_prepare(answer):
    for images in (BRIGHT, DARK):
        try:
            result = call(answer, tf.constant(images))
        except Mistake as mistake:
            if any(sign in str(mistake) for sign in UNCAST):
                fail(f"Change the dtype first, by tf.cast. ({mistake})")
            raise
        expect_tensor(result, "The result")
        explain_prepared(to_array(result, "The result"), images)
        expect_close(result, images[..., None] / 255, "The result")
    larger = np.zeros((1, 28, 28), np.uint8)
    expect_shape(call(answer, tf.constant(larger)), (1, 28, 28, 1), "For one picture, the result")


def explain_prepared(result, images):
    """End the check where a result is that of a known mistake."""
    shape = images.shape
    if result.dtype.kind in "iub":
        fail(
            f"The result is of dtype {result.dtype}. A grey pixel lies between 0 and 1, where "
            "there are no whole numbers. Change the dtype before you divide."
        )
    if result.dtype != np.float32:
        fail(f"The result is of dtype {result.dtype}; expected float32. Cast before you divide.")
    if result.shape == shape:
        fail(f"The result has the shape {shape}, as the pictures had. The channels have no axis.")
    if result.ndim == 4 and result.shape != (*shape, 1) and result.size == images.size:
        fail(
            f"The result has the shape {result.shape}; expected {(*shape, 1)}. The channels come "
            "last."
        )
    values = result.reshape(-1)
    grey = images.reshape(-1).astype(np.float64)
    if is_close(values, grey):
        fail(f"The largest number of the result is {values.max():g}. It is not yet divided by 255.")
    if is_close(values, grey / 256):
        fail("You divide by 256, so white becomes 0.996. The largest uint8 is 255.")
    if grey.max() < 255 and is_close(values, grey / grey.max()):
        fail(
            "You divide by the largest number in these pictures. Dark pictures would become as "
            "bright as others. Always divide by 255."
        )
    if is_close(values, grey > 0) or is_close(values, grey // 255):
        fail("Each pixel is 0 or 1, the grey ones too. Change the dtype before you divide.")
    if result.shape == (*shape, 1):
        black, white = values[grey.argmin()], values[grey.argmax()] * 255 / grey.max()
        if not is_close([black, white], [0, 1]):
            fail(f"In the result, black is {black:g} and white is {white:g}; expected 0 and 1.")


def prepare_no_axis(images):
    return tf.cast(images, tf.float32) / 255


def prepare_axis_first(images):
    return tf.cast(images, tf.float32)[tf.newaxis] / 255


def prepare_not_divided(images):
    return tf.cast(images, tf.float32)[..., tf.newaxis]


def prepare_whole_division(images):
    return images[..., tf.newaxis] // 255


def prepare_cast_too_late(images):
    return tf.cast(images // 255, tf.float32)[..., tf.newaxis]


def prepare_double(images):
    return tf.cast(images, tf.int32)[..., tf.newaxis] / 255


def prepare_by_largest(images):
    images = tf.cast(images, tf.float32)[..., tf.newaxis]
    return images / tf.reduce_max(images)


def prepare_by_256(images):
    return tf.cast(images, tf.float32)[..., tf.newaxis] / 256


def prepare_array(images):
    return images.numpy()[..., None].astype("float32") / 255


def prepare_no_cast(images):
    return images[..., tf.newaxis] / 255.0


def prepare_by_product(images):
    return images[..., tf.newaxis] * (1 / 255)


def prepare_by_constant(images):
    return tf.constant(images, tf.float32)[..., tf.newaxis] / 255


def prepare_by_astype(images):
    return images.astype("float32")[..., tf.newaxis] / 255


def prepare_around_zero(images):
    return tf.cast(images, tf.float32)[..., tf.newaxis] / 127.5 - 1


def prepare_by_expand_dims(images):
    return tf.expand_dims(tf.cast(images, "float32"), -1) / 255.0


def prepare_through_numpy(images):
    return tf.constant(images.numpy()[..., None] / 255, tf.float32)


prepare_pictures = Exercise(
    id="01.2",
    title="Three steps before a network",
    minutes=5,
    statement="""Pictures come as uint8 of shape `(n, height, width)`. A network wants something
else, and most programs on pictures begin with the same three steps: **float32**, since training
moves numbers by small amounts; **values from 0 to 1**, black to white, since a network begins by
adding up all pixels; and **an axis for the channels** at the end, of size 1 for grey pictures.

Write `prepare(images)`. It takes a uint8 tensor of shape `(n, height, width)` and returns a float32
tensor of shape `(n, height, width, 1)`, in which 255 has become 1.

For example, a picture of one row of three pixels, `[[[0, 51, 255]]]`, becomes
`[[[[0.0], [0.2], [1.0]]]]`.""",
    stub="def prepare(images):\n    ...",
    answer="prepare",
    check=check_prepare,
    reference=prepare,
    right=(
        prepare_by_expand_dims,
        prepare_through_numpy,
        lambda images: (images / 255)[:, :, :, None],
        tf.function(prepare),
    ),
    hints=(
        "Take the steps one by one, in the order in which they are named.",
        "tf.cast changes the dtype, `/ 255` the range, and tf.newaxis in an index adds an axis.",
        "In the index, three dots stand for all axes that are there, so the new axis comes last.",
    ),
    explanation=(
        "The cast comes first, so that the division gives float32 whatever the whole numbers were. "
        "The dots keep all axes, and tf.newaxis adds one of size 1 after them."
    ),
    wrong=(
        Wrong(prepare_no_axis, "The channels have no axis"),
        Wrong(prepare_axis_first, "The channels come last"),
        Wrong(prepare_not_divided, "not yet divided by 255"),
        Wrong(prepare_whole_division, "there are no whole numbers"),
        Wrong(prepare_cast_too_late, "the grey ones too"),
        Wrong(prepare_double, "of dtype float64; expected float32"),
        Wrong(prepare_by_largest, "Always divide by 255"),
        Wrong(prepare_by_256, "You divide by 256"),
        Wrong(prepare_array, "expected a tensor"),
        Wrong(prepare_no_cast, "must have the same dtype"),
        Wrong(prepare_by_product, "Change the dtype first, by tf.cast"),
        Wrong(prepare_by_constant, "Change the dtype first, by tf.cast"),
        Wrong(prepare_by_astype, "Change the dtype first, by tf.cast"),
        Wrong(prepare_around_zero, "black is -1 and white is 1"),
    ),
)

# ---------------------------------------------------------------- 01.3


def reveal(pictures):
    return pictures * 32


EVERY_PIXEL = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)


def check_reveal(answer):
    try:
        result = call(answer, tf.constant(EVERY_PIXEL))
    except Mistake as mistake:
        if "division by zero" in str(mistake):
            fail(
                "uint8 ends at 255, so 256 becomes 0, and nothing can be divided by 0. You need no "
                "remainder of 256: it is what uint8 keeps by itself."
            )
        raise
    expect_tensor(result, "The result")
    array = expect_shape(result, EVERY_PIXEL.shape, "The result")
    pixels = EVERY_PIXEL.astype(np.int64)
    hidden = pixels % 8
    if is_close(array, 32 * hidden):
        if array.dtype != np.uint8:
            fail(
                f"The numbers are right, but their dtype is {array.dtype}; expected uint8, as the "
                "pictures have."
            )
        return
    if is_close(array, 32 * pixels):
        fail(
            f"In {array.dtype}, the largest number of the result is {array.max():g}: nothing has "
            "fallen off the end. Stay in uint8."
        )
    if is_close(array, hidden):
        fail(
            "That is b, a number from 0 to 7, which still looks black. The hidden brightness is "
            "32 · b."
        )
    if is_close(array, pixels // 8) or is_close(array, pixels // 8 * 8):
        fail("That keeps a, the visible picture. The hidden one is in b, the remainder.")
    if is_close(array, pixels / 8):
        fail("a + b / 8 still holds both pictures. What gives the remainder of a division?")
    for factor in (2, 4, 8, 16, 64, 128):
        if is_close(array, pixels * factor % 256):
            rest = factor * 8 % 256
            left = f"{rest} · a is still there" if rest else "b has lost its upper part, too"
            fail(f"You multiply by {factor}, and {factor} · (8 · a + b) in uint8: {left}.")
    fail(
        f"The pixel 203 is 8 · 25 + 3, so 96 was hidden in it; your result has "
        f"{array.reshape(-1)[203]:g}."
    )


def reveal_in_int32(pictures):
    return tf.cast(pictures, tf.int32) * 32


def reveal_by_256(pictures):
    return pictures * 32 % 256


def reveal_visible(pictures):
    return pictures // 8 * 8


def reveal_black(pictures):
    return pictures % 8


def reveal_by_8(pictures):
    return pictures * 8


def reveal_by_64(pictures):
    return pictures * 64


def reveal_divides(pictures):
    return pictures / 8


def reveal_as_int32(pictures):
    return tf.cast(pictures, tf.int32) % 8 * 32


def reveal_coarse(pictures):
    return pictures // 32 * 32


def reveal_as_array(pictures):
    return pictures.numpy() * np.uint8(32)


def reveal_by_remainder(pictures):
    return pictures % 8 * 32


def reveal_by_difference(pictures):
    return (pictures - pictures // 8 * 8) * 32


def reveal_by_shift(pictures):
    return tf.bitwise.left_shift(pictures, tf.constant(5, tf.uint8))


def reveal_in_int32_and_back(pictures):
    return tf.cast(tf.cast(pictures, tf.int32) * 32, tf.uint8)


reveal_the_hidden = Exercise(
    id="01.3",
    title="Read the secret",
    minutes=10,
    statement="""Each pixel of `secret` holds two pictures: it is the number $8a + b$. The visible
picture is in $a$, from 0 to 31; the hidden one is in $b$, from 0 to 7, too dark to be seen. Write
`reveal(pictures)`. It takes a uint8 tensor of any shape and returns a uint8 tensor of the same
shape that holds $32 \\cdot b$ in place of $8a + b$.

For example, the pixel 203, which is $8 \\cdot 25 + 3$, becomes 96.

There are several ways. The shortest has one multiplication, and uint8 does the rest: what is
$32 \\cdot (8a + b)$, and which part of it falls off the end? When your answer is correct, run
`show_images(reveal(tf.constant(secret)))` and read the number. Which one is it?""",
    stub="def reveal(pictures):\n    ...",
    answer="reveal",
    check=check_reveal,
    reference=reveal,
    right=(
        reveal_by_remainder,
        reveal_by_difference,
        reveal_by_shift,
        reveal_in_int32_and_back,
        tf.function(reveal_by_remainder),
    ),
    hints=(
        "uint8 counts from 0 to 255 and then begins again at 0. What is left of 256? And of 256 "
        "times any whole number?",
        "Multiply out: 32 · (8a + b) is 256a + 32b.",
        "The first part is a whole number of rounds, whatever a is. So multiply in uint8, and only "
        "the second part is left.",
    ),
    explanation=(
        "32 · (8a + b) = 256a + 32b. In uint8, every 256 falls off the end, so 32b is left: the "
        "overflow that spoils a sum removes the visible picture. The digits are the first ten of π."
    ),
    wrong=(
        Wrong(reveal_in_int32, "nothing has fallen off the end"),
        Wrong(reveal_by_256, "it is what uint8 keeps by itself"),
        Wrong(reveal_visible, "That keeps a"),
        Wrong(reveal_black, "still looks black"),
        Wrong(reveal_by_8, "64 · a is still there"),
        Wrong(reveal_by_64, "b has lost its upper part"),
        Wrong(reveal_divides, "still holds both pictures"),
        Wrong(reveal_as_int32, "their dtype is int32"),
        Wrong(reveal_coarse, "so 96 was hidden in it"),
        Wrong(reveal_as_array, "expected a tensor"),
    ),
)

EXERCISES = (predict_shapes, prepare_pictures, reveal_the_hidden)
