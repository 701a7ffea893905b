"""Exercises of lesson 23, video questions."""

import numpy as np

from course_utils.exercises.expect import call, describe, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402  (after the quiet import)
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 23.1


def honest_split(sources, held_out):
    held = np.isin(sources, held_out)
    train_rows = np.flatnonzero(~held.any(axis=1))
    test_rows = np.flatnonzero(held.all(axis=1))
    return train_rows, test_rows


SOURCES = np.array([[0, 1, 2, 3], [6, 7, 8, 9], [0, 7, 2, 1], [9, 8, 9, 6], [3, 3, 5, 0],
                    [6, 1, 8, 9], [4, 5, 2, 2], [7, 7, 6, 8], [5, 4, 3, 9],
                    [8, 2, 0, 1]])  # fmt: skip
HELD_OUT = [6, 7, 8, 9]


def check_honest_split(answer):
    sources = SOURCES.copy()
    got = call(answer, sources, list(HELD_OUT))
    if not np.array_equal(sources, SOURCES):
        fail("The array `sources` has changed. Leave it as it is.")
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        fail(f"Expected two things, train_rows and test_rows, got {describe(got)}.")
    train, test = (to_array(part, name) for part, name in zip(got, ("train_rows", "test_rows"),
                                                              strict=True))  # fmt: skip
    for name, part in (("train_rows", train), ("test_rows", test)):
        if part.dtype.kind == "b":
            fail(f"{name} is a mask of True and False. Expected the numbers of the rows.")
        if part.ndim == 2 and part.shape[1] == 4:
            fail(f"{name} holds the pictures' sources. Expected the numbers of the rows.")
        if part.ndim == 2 and part.shape[0] == 1:
            fail(
                f"{name} has the shape {part.shape}; expected (n,). `np.where` returns a tuple: "
                "take its first part, or use `np.flatnonzero`."
            )
        if part.ndim != 1:
            fail(f"{name} has the shape {part.shape}; expected (n,), numbers of rows.")
        if part.size and (
            part.dtype.kind not in "iu" or part.min() < 0 or part.max() >= len(SOURCES)
        ):
            fail(
                f"{name} should hold numbers of rows, 0 to {len(SOURCES) - 1} in the check; got "
                f"{part.tolist()}."
            )
    right_train, right_test = honest_split(SOURCES, HELD_OUT)
    if set(train) & set(test):
        fail("Some pictures are in both parts.")
    if set(train) == set(right_test) and set(test) == set(right_train):
        fail("The two parts are swapped: the held-out digits are for the test.")
    used_to_train = set(SOURCES[train.astype(int)].ravel().tolist())
    used_to_test = set(SOURCES[test.astype(int)].ravel().tolist())
    if np.array_equal(np.isin(SOURCES[:, 0], HELD_OUT), np.isin(np.arange(len(SOURCES)), test)):
        fail(
            "Only the first digit of each picture decides. The other three may be on the other "
            "side. A picture is made of four."
        )
    for least in (2, 3):
        if set(test) == set(np.flatnonzero(np.isin(SOURCES, HELD_OUT).sum(axis=1) >= least)):
            fail(
                "The majority of the four digits decides, so single digits get to the wrong side. "
                "One is enough to spoil a picture."
            )
    if used_to_train & set(HELD_OUT) and used_to_test - set(HELD_OUT):
        fail(
            "Both parts mix: training pictures hold held-out digits, and test pictures hold "
            "others. New pictures are not enough; what they are made of must be new."
        )
    if used_to_train & set(HELD_OUT):
        fail(
            "Some training pictures hold a held-out digit, which is then no longer new in the "
            "test. One is enough to spoil it."
        )
    if used_to_test - set(HELD_OUT):
        fail("Some test pictures hold a digit that was trained on. All four must be held out.")
    for name, part, truth in (("train_rows", train, right_train), ("test_rows", test, right_test)):
        if set(part) != set(truth):
            left_out = sorted(set(truth.tolist()) - set(part.tolist()))
            fail(f"{name} leaves out pictures that could be used, such as row {left_out[0]}.")
        if part.tolist() != truth.tolist():
            fail(f"{name} holds the right rows; return each once, in rising order.")


def split_by_position(sources, held_out):
    rows = np.arange(len(sources))
    return rows[:6], rows[6:]


def split_any(sources, held_out):
    held = np.isin(sources, held_out).any(axis=1)
    return np.flatnonzero(~held), np.flatnonzero(held)


def split_all(sources, held_out):
    held = np.isin(sources, held_out).all(axis=1)
    return np.flatnonzero(~held), np.flatnonzero(held)


def split_first_tile(sources, held_out):
    held = np.isin(sources[:, 0], held_out)
    return np.flatnonzero(~held), np.flatnonzero(held)


def split_majority(sources, held_out):
    held = np.isin(sources, held_out).sum(axis=1)
    return np.flatnonzero(held < 2), np.flatnonzero(held >= 2)


def split_where(sources, held_out):
    held = np.isin(sources, held_out)
    return np.where(~held.any(axis=1)), np.where(held.all(axis=1))


def split_sources(sources, held_out):
    train, test = honest_split(sources, held_out)
    return sources[train], sources[test]


def split_masks(sources, held_out):
    held = np.isin(sources, held_out)
    return ~held.any(axis=1), held.all(axis=1)


def split_swapped(sources, held_out):
    train, test = honest_split(sources, held_out)
    return test, train


def split_too_strict(sources, held_out):
    train, test = honest_split(sources, held_out)
    return train[:1], test[:1]


split = Exercise(
    id="23.1",
    title="An honest test split",
    minutes=10,
    statement="""Somebody hands you pictures that are already composed, without a split. You decide
that some digit images are for the test. Write `honest_split(sources, held_out)`.

- `sources` is an integer NumPy array of shape (n, 4): the numbers of the digit images that each
  picture is made of. Leave it as it is.
- `held_out` is a list of numbers of digit images.

Return two integer arrays, `(train_rows, test_rows)`, each in rising order: the rows of all pictures
that may be used for training, and of all that may be used for the test, so that **no digit image
occurs in both parts**, and only held-out ones occur in the test. A picture may be in neither part.

For example, for `[[0, 1, 0, 2], [8, 9, 9, 8], [1, 9, 0, 0]]` and `[8, 9]` the answer is row 0 for
training and row 1 for the test.""",
    stub="def honest_split(sources, held_out):\n    ...",
    answer="honest_split",
    check=check_honest_split,
    reference=honest_split,
    hints=(
        "There are three sorts of pictures: without a held-out digit, with held-out ones only, and "
        "mixed ones. Where may the mixed ones go?",
        "`np.isin(sources, held_out)` says for each of the four digits whether it is held out.",
        "`.any(axis=1)` and `.all(axis=1)` turn four booleans into one; `np.flatnonzero` turns "
        "a mask into the numbers of rows.",
    ),
    explanation=(
        "Training takes the pictures without any held-out digit, the test those with held-out "
        "digits only. The mixed ones are lost; that is the price of splitting after composing, and "
        "why this course splits the digits first."
    ),
    wrong=(
        Wrong(split_by_position, "Both parts mix"),
        Wrong(split_any, "Some test pictures hold a digit that was trained on"),
        Wrong(split_all, "Some training pictures hold a held-out digit"),
        Wrong(split_first_tile, "Only the first digit of each picture"),
        Wrong(split_majority, "The majority"),
        Wrong(split_where, "returns a tuple"),
        Wrong(split_sources, "Expected the numbers of the rows"),
        Wrong(split_masks, "a mask of True and False"),
        Wrong(split_swapped, "The two parts are swapped"),
        Wrong(split_too_strict, "leaves out pictures that could be used"),
    ),
)

# ---------------------------------------------------------------- 23.2


def over_frames(frames):
    x = layers.Flatten()(frames)
    return layers.Dense(32, activation="relu")(x)


def inner_layers(model):
    """Return the layers of a model and of the models in it."""
    inner = []
    for layer in model.layers:
        inner += [layer, *inner_layers(layer)] if isinstance(layer, keras.Model) else [layer]
    return inner


def check_over_frames(answer):
    frames = keras.Input((5, 64))
    result = call(answer, frames)
    if not isinstance(result, keras.KerasTensor):
        fail(f"Expected a symbolic tensor, got {describe(result)}. Return what your layers return.")
    if len(result.shape) == 3:
        fail(
            f"The result has the shape {tuple(result.shape)}: still one vector for each frame. "
            "Expected (None, 32), one vector for the clip."
        )
    if tuple(result.shape) != (None, 32):
        fail(f"The result has the shape {tuple(result.shape)}; expected (None, 32).")
    try:
        model = keras.Model(frames, result)
    except ValueError:
        fail("The result does not come from `frames`.")
    if any(isinstance(layer, (layers.RNN, layers.Bidirectional)) for layer in inner_layers(model)):
        fail("There is a recurrent layer in it. Swap it for layers that read all frames at once.")
    if not model.trainable_weights:
        fail("There is nothing to learn in this head. Give it a layer with weights.")
    rng = np.random.default_rng(3)
    clips = 3 * rng.normal(size=(16, 5, 64)).astype("float32")
    base = to_array(call(model, tf.constant(clips)), "The result")
    orders = ([4, 3, 2, 1, 0], [1, 0, 2, 3, 4], [0, 1, 2, 4, 3])
    shuffled = [to_array(call(model, tf.constant(clips[:, order]))) for order in orders]
    blind = []
    for frame in range(5):
        changed = clips.copy()
        changed[:, frame] = 3 * rng.normal(size=(16, 64))
        if is_close(to_array(call(model, tf.constant(changed))), base):
            blind.append(frame)
    if len(blind) == 5:
        fail("The result is the same whatever the frames hold.")
    if blind == [0, 1, 2, 3]:
        fail(
            "Only the last frame is read. It answers 'which digit came last', but not where the "
            "digit moves or what came first."
        )
    if blind:
        fail(f"These frames are not read, counted from 0: {', '.join(map(str, blind))}.")
    if all(is_close(each, base) for each in shuffled):
        for layer in inner_layers(model):
            if isinstance(layer, layers.Conv1D) and tuple(layer.kernel_size) == (1,):
                fail(
                    "A convolution with a window of one frame never sees two frames together, and "
                    "the pooling behind it forgets which one came first."
                )
        fail(
            "A clip that is played backwards gives the same vector: the order of the frames is "
            "lost. To left and to right look alike to this head. Which operation forgets the order?"
        )
    alone = to_array(call(model, tf.constant(clips[:1])), "The result")
    if not is_close(alone, base[:1], tolerance=1e-3):
        fail("The vector of a clip depends on the other clips of the batch.")


def head_average(frames):
    return layers.Dense(32, activation="relu")(keras.ops.mean(frames, axis=1))


def head_window_of_one(frames):
    return layers.GlobalMaxPooling1D()(layers.Conv1D(32, 1, activation="relu")(frames))


def head_lstm(frames):
    return layers.LSTM(32)(frames)


def head_last(frames):
    return layers.Dense(32, activation="relu")(frames[:, -1])


def head_each_frame(frames):
    return layers.Dense(32, activation="relu")(frames)


def head_flat_only(frames):
    return layers.Flatten()(frames)


head = Exercise(
    id="23.2",
    title="Another head for the clips",
    minutes=10,
    statement="""Write `over_frames(frames)`, which could take the place of the LSTM over the
frames. It takes a symbolic float32 tensor of shape (None, 5, 64), one vector for each of five
frames, and returns a symbolic tensor of shape (None, 32), one vector for the clip. It must

- have no recurrent layer (`LSTM`, `GRU` and the like);
- read all five frames;
- tell a clip from the same clip with its frames in another order;
- have weights to learn.

For example, `keras.Model(frames, over_frames(frames))` with `frames = keras.Input((5, 64))` has the
output shape (None, 32).""",
    stub="def over_frames(frames):\n    ...",
    answer="over_frames",
    check=check_over_frames,
    reference=over_frames,
    hints=(
        "A mean, a sum and a maximum over the frames forget the order. What keeps it, as it kept "
        "the places of the picture?",
        "Five frames of 64 numbers are 320 numbers, each in its place.",
        "Flatten, then a dense layer of 32 units. A `Conv1D` with a window of two or more frames "
        "would do as well.",
    ),
    explanation=(
        "After flattening, each frame has weights of its own, so the order matters. The price: "
        "the number of frames is fixed, where an LSTM takes any."
    ),
    wrong=(
        Wrong(head_average, "the order of the frames is lost"),
        Wrong(head_window_of_one, "a window of one frame"),
        Wrong(head_lstm, "a recurrent layer"),
        Wrong(head_last, "Only the last frame"),
        Wrong(head_each_frame, "still one vector for each frame"),
        Wrong(head_flat_only, "expected (None, 32)"),
    ),
)

EXERCISES = (split, head)
