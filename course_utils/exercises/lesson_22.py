"""Exercises of lesson 22, visual questions."""

from collections import Counter

import numpy as np

from course_utils.exercises.expect import call, describe, expect_shape, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402  (after the quiet import)
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- 22.1


def picture_blind(train, test):
    from collections import Counter

    by_question, by_kind = {}, {}
    for kind, question, answer in train:
        by_question.setdefault(question, Counter())[answer] += 1
        by_kind.setdefault(kind, Counter())[answer] += 1
    right = {}
    for kind, question, answer in test:
        counts = by_question.get(question, by_kind[kind])
        right.setdefault(kind, []).append(counts.most_common(1)[0][0] == answer)
    return {kind: sum(each) / len(each) for kind, each in right.items()}


def examples(*rows):
    """Return (kind, question, answer) triples from rows (kind, question, answers in words)."""
    return [(kind, text, answer) for kind, text, answers in rows for answer in answers.split()]


TRAIN = examples(
    ("there", "is there a two", "yes yes yes no"),
    ("there", "is there a nine", "no no yes no no no"),
    ("count", "how many are even", "two two two one three two two"),
    ("count", "how many are odd", "one one one three"),
    ("which", "which digit is top left", "five five six"),
)
TEST = examples(
    ("there", "is there a two", "yes no no yes no"),
    ("there", "is there a nine", "no no yes"),
    ("there", "is there a four", "no no"),
    ("count", "how many are even", "two one"),
    ("count", "how many are odd", "one four one"),
    ("which", "which digit is top left", "five six six six"),
    ("which", "which digit is top right", "five six five"),
)


def check_picture_blind(answer):
    got = call(answer, list(TRAIN), list(TEST))
    if isinstance(got, (int, float, np.number)) and not isinstance(got, bool):
        fail(
            f"Got the single number {describe(got)}. Expected a dict with one share for each kind: "
            "one number hides the kinds that are not answered."
        )
    if not isinstance(got, dict):
        fail(f"Expected a dict from a kind to a share, got {describe(got)}.")
    truth = picture_blind(TRAIN, TEST)
    if set(got) != set(truth):
        fail(f"The keys should be the kinds, {', '.join(sorted(truth))}; got {describe(got)}.")
    got = {kind: to_array(got[kind], f"The share of {kind!r}") for kind in truth}
    if all(is_close(got[kind], truth[kind]) for kind in truth):
        return
    numbers = {kind: np.asarray(value, dtype=float) for kind, value in got.items()}
    if any(np.any(value > 1) for value in numbers.values()):
        fail(
            "Some values are above 1: they are counts, or per cent. Expected shares from 0 to 1: "
            "the right answers of a kind, divided by its number of test questions."
        )
    for mistake, words in (
        (
            blind_peeking,
            "counts the answers of the test questions. A blind answerer has seen the "
            "training questions only; the test is for judging it.",
        ),
        (
            blind_one_answer,
            "gives one answer to everything. It may not see the picture, but it "
            "does hear the question.",
        ),
        (
            blind_by_kind,
            "gives one answer to a whole kind. It hears the words: 'is there a two' "
            "may have another most frequent answer than 'is there a nine'.",
        ),
        (
            blind_skipping,
            "leaves out the test questions that were never asked in training. They "
            "belong to the test; fall back to their kind.",
        ),
        (
            blind_giving_up,
            "takes a test question that was never asked in training for wrong. Its "
            "kind still says something; fall back to it.",
        ),
        (
            blind_by_all,
            "falls back on the most frequent answer of all where a question was never asked "
            "in training. Count its kind alone: 'no' answers no question with 'which'.",
        ),
        (
            blind_by_question,
            "averages the shares of the questions. One that is asked more often should count more "
            "often: divide the right answers of a kind by its number of test questions.",
        ),
        (
            blind_by_total,
            "is judged by the number of all test questions. Divide by the number of those of the "
            "same kind.",
        ),
    ):
        made = mistake(TRAIN, TEST)
        if all(is_close(got[kind], made[kind]) for kind in truth):
            fail(f"This answerer {words}")
    kind = next(kind for kind in truth if not is_close(got[kind], truth[kind]))
    fail(
        f"The share of {kind!r} should be {truth[kind]:.3f} for the examples of the check. "
        "Go through its questions by hand: which answer was the most frequent in training?"
    )


def _shares(test, guess):
    """Return the share of right guesses by kind; ``guess`` maps (kind, question) to an answer."""
    right = {}
    for kind, question, answer in test:
        right.setdefault(kind, []).append(guess(kind, question) == answer)
    return {kind: sum(each) / len(each) for kind, each in right.items()}


def _most_frequent(examples, key):
    counts = {}
    for kind, question, answer in examples:
        counts.setdefault(key(kind, question), Counter())[answer] += 1
    return {name: count.most_common(1)[0][0] for name, count in counts.items()}


def blind_one_answer(train, test):
    table = _most_frequent(train, lambda kind, question: None)
    return _shares(test, lambda kind, question: table[None])


def blind_by_kind(train, test):
    table = _most_frequent(train, lambda kind, question: kind)
    return _shares(test, lambda kind, question: table[kind])


def blind_peeking(train, test):
    table = _most_frequent(test, lambda kind, question: question)
    return _shares(test, lambda kind, question: table[question])


def blind_skipping(train, test):
    table = _most_frequent(train, lambda kind, question: question)
    known = [example for example in test if example[1] in table]
    return _shares(known, lambda kind, question: table[question])


def blind_giving_up(train, test):
    table = _most_frequent(train, lambda kind, question: question)
    return _shares(test, lambda kind, question: table.get(question))


def blind_by_all(train, test):
    table = _most_frequent(train, lambda kind, question: question)
    overall = _most_frequent(train, lambda kind, question: None)[None]
    return _shares(test, lambda kind, question: table.get(question, overall))


def blind_by_question(train, test):
    asked = dict.fromkeys((kind, question) for kind, question, _ in test)
    each = {
        pair: picture_blind(train, [example for example in test if example[:2] == pair])[pair[0]]
        for pair in asked
    }
    return {
        kind: float(np.mean([share for pair, share in each.items() if pair[0] == kind]))
        for kind, _ in asked
    }


def blind_by_total(train, test):
    return {kind: count / len(test) for kind, count in blind_counts(train, test).items()}


def blind_counts(train, test):
    sizes = Counter(kind for kind, _, _ in test)
    return {kind: share * sizes[kind] for kind, share in picture_blind(train, test).items()}


def blind_one_number(train, test):
    counts = blind_counts(train, test)
    return sum(counts.values()) / len(test)


blind = Exercise(
    id="22.1",
    title="The picture-blind baseline",
    minutes=20,
    statement="""Write `picture_blind(train, test)`. Both arguments are lists of tuples of
three texts: `(kind, question, answer)`. Answer each test question without any picture:

- with the most frequent answer to **the same question** in `train`;
- if the question does not occur in `train`, with the most frequent answer to **its kind** in
  `train`. Each kind of the test occurs in `train`, and there are no ties.

Return a dict from each kind in `test` to the share of its questions that are answered right, a
number from 0 to 1.

For example, trained on `[("there", "is there a two", "yes")]` and tested on
`[("there", "is there a two", "no"), ("there", "is there a six", "yes")]`, it returns
`{"there": 0.5}`.""",
    stub="def picture_blind(train, test):\n    ...",
    answer="picture_blind",
    check=check_picture_blind,
    reference=picture_blind,
    hints=(
        "You need two tables of counts, both made from `train` alone. What is looked up in each?",
        "`table.setdefault(question, Counter())[answer] += 1` counts; `most_common(1)[0][0]` is "
        "the most frequent answer.",
        "Collect True and False by kind in lists, and divide the sum of a list by its length. "
        "`by_question.get(question, by_kind[kind])` falls back.",
    ),
    explanation=(
        "All counting is done on the training questions, by the words first and by the kind where "
        "the words are new. One share a kind shows where words alone get far."
    ),
    wrong=(
        Wrong(blind_one_answer, "gives one answer to everything"),
        Wrong(blind_by_kind, "gives one answer to a whole kind"),
        Wrong(blind_peeking, "counts the answers of the test questions"),
        Wrong(blind_skipping, "leaves out the test questions"),
        Wrong(blind_giving_up, "for wrong"),
        Wrong(blind_by_all, "most frequent answer of all"),
        Wrong(blind_by_question, "averages the shares of the questions"),
        Wrong(blind_by_total, "the number of all test questions"),
        Wrong(blind_counts, "they are counts"),
        Wrong(blind_one_number, "hides the kinds"),
    ),
)

# ---------------------------------------------------------------- 22.2


def pooled_twin(picture, digits, place):
    other = next(each for each in range(4) if digits[each] != digits[place])
    tiles = picture.reshape(2, 28, 2, 28).swapaxes(1, 2).reshape(4, 28, 28).copy()
    tiles[[place, other]] = tiles[[other, place]]
    return tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)


RNG = np.random.default_rng(14)
TILES = RNG.uniform(size=(5, 28, 28)).astype("float32")  # two of the first digit, then three others
CASES = (((0, 2, 3, 4), (3, 7, 1, 8), 0), ((0, 1, 2, 3), (3, 3, 7, 1), 0),
         ((2, 0, 1, 3), (7, 3, 3, 1), 2), ((2, 0, 3, 1), (7, 3, 1, 3), 3))  # fmt: skip


def tiles_of(picture):
    """Return the four tiles of a picture (56, 56, 1), in the order of the places."""
    return picture.reshape(2, 28, 2, 28).swapaxes(1, 2).reshape(4, 28, 28)


def check_pooled_twin(answer):
    for numbers, digits, place in CASES:
        tiles = TILES[list(numbers)]
        picture = tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)
        given = picture.copy()
        got = call(answer, given, np.array(digits), place)
        got = expect_shape(got, (56, 56, 1), "The twin")
        if not np.array_equal(given, picture):
            fail("The picture that was given has changed. Work on a copy, and return that.")
        found = [
            next((n for n, tile in enumerate(tiles) if is_close(each, tile)), None)
            for each in tiles_of(got)
        ]
        if None in found:
            corner = tiles_of(got)[0]
            strips = picture.reshape(4, 784)
            if all(any(is_close(each, strip) for strip in strips) for each in got.reshape(4, 784)):
                fail(
                    "Strips of 14 lines have moved, not tiles: a picture holds its pixels line by "
                    "line, so `reshape` alone does not cut out a tile. Slice it, or look at how "
                    "the lesson puts a picture together."
                )
            if any(is_close(corner, np.flip(tile, axis)) for tile in tiles for axis in (0, 1)):
                fail(
                    "The digits themselves are mirrored, so their vectors change, and with them "
                    "the mean. Move whole tiles, each as it is."
                )
            if any(is_close(corner, np.rot90(tile.T, turn)) for tile in tiles for turn in range(4)):
                fail(
                    "The digits themselves are turned, or rows and columns swapped, so their "
                    "vectors change, and with them the mean. Move whole tiles, each as it is."
                )
            fail(
                "Not all four tiles of the twin are tiles of the picture. Move whole tiles of "
                "28 x 28 pixels, each as it is."
            )
        if sorted(found) != [0, 1, 2, 3]:
            fail(
                "One tile is there twice and another is gone, so the mean over the places changes. "
                "The twin needs the same four tiles."
            )
        if found[place] == place:
            fail(
                f"The tile at place {place} is where it was, so the right answer to 'which digit' "
                "is the same for both pictures."
            )
        if digits[found[place]] == digits[place]:
            fail(
                f"For the digits {list(digits)} and place {place}, the new tile there shows the "
                "same number, written by another hand. Look in `digits` for a place with another "
                "number."
            )


def twin_same(picture, digits, place):
    return picture.copy()


def twin_mirrored(picture, digits, place):
    return picture[:, ::-1].copy()


def twin_transposed(picture, digits, place):
    return picture.transpose(1, 0, 2).copy()


def twin_next(picture, digits, place):
    tiles = tiles_of(picture).copy()
    tiles[[place, place ^ 1]] = tiles[[place ^ 1, place]]
    return tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)


def twin_copied(picture, digits, place):
    other = next(each for each in range(4) if digits[each] != digits[place])
    tiles = tiles_of(picture).copy()
    tiles[place] = tiles[other]
    return tiles.reshape(2, 2, 28, 28).swapaxes(1, 2).reshape(56, 56, 1)


def twin_in_place(picture, digits, place):
    picture[:] = pooled_twin(picture, digits, place)
    return picture


def twin_strips(picture, digits, place):
    other = next(each for each in range(4) if digits[each] != digits[place])
    strips = picture.reshape(4, 28, 28).copy()
    strips[[place, other]] = strips[[other, place]]
    return strips.reshape(56, 56, 1)


def twin_half_shift(picture, digits, place):
    return np.roll(picture, 14, axis=1)


twin = Exercise(
    id="22.2",
    title="Two pictures that pooling cannot tell apart",
    minutes=10,
    statement="""An encoder turns each tile of a picture into a vector, and pooling takes the mean
of the four vectors. Write `pooled_twin(picture, digits, place)`. It returns another picture with
**the same mean**, whatever the encoder, for which the question "which digit is at `place`" has
**another right answer**.

- `picture` is a NumPy array, float32 of shape (56, 56, 1). Leave it as it is.
- `digits` is an integer array of shape (4,): the numbers at top left, top right, bottom left and
  bottom right. At least one of them is not the number at `place`.
- `place` is a whole number from 0 to 3.
- Return an array of shape (56, 56, 1), in which each tile of 28 × 28 is one of the four tiles.

For example, with `digits` 3, 3, 7, 1 and `place` 0, the number at top left becomes 7 or 1.""",
    stub="def pooled_twin(picture, digits, place):\n    ...",
    answer="pooled_twin",
    check=check_pooled_twin,
    reference=pooled_twin,
    hints=(
        "A mean does not change when its parts change places.",
        "Two tiles swap places: the one at `place`, and one with another number.",
        "`picture.reshape(2, 28, 2, 28).swapaxes(1, 2).reshape(4, 28, 28)` gives the four tiles; "
        "the start of the lesson shows the way back.",
    ),
    explanation=(
        "The same four vectors in another order have the same mean. So no network behind the "
        "pooling can give the two pictures different answers, though one of its answers is wrong."
    ),
    wrong=(
        Wrong(twin_same, "is where it was"),
        Wrong(twin_mirrored, "digits themselves are mirrored"),
        Wrong(twin_transposed, "rows and columns swapped"),
        Wrong(twin_next, "written by another hand"),
        Wrong(twin_copied, "One tile is there twice"),
        Wrong(twin_in_place, "that was given has changed"),
        Wrong(twin_strips, "Strips of 14 lines"),
        Wrong(twin_half_shift, "Not all four tiles"),
    ),
)

# ---------------------------------------------------------------- 22.3


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
    id="22.3",
    title="Another head for the clips",
    minutes=10,
    statement="""Write `over_frames(frames)`, which could stand in the place of the LSTM over the
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

# ---------------------------------------------------------------- 22.4


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
    id="22.4",
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

EXERCISES = (blind, twin, head, split)
