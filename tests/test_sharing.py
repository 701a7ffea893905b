"""Pairs, encoders, siamese networks and the calls of a layer."""

import numpy as np
import pytest

from course_utils.builders import sharing
from course_utils.data import load_digits, load_posts
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

# ---------------------------------------------------------------- pairs of digits


def numbers_of(pictures, part):
    """Return the labels of pictures that come from one part of the digits."""
    images, labels = load_digits()[sharing.PARTS.index(part)]
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    grey = np.rint(pictures[..., 0] * 255).astype(np.uint8)
    return np.array([known[image.tobytes()] for image in grey])


@pytest.mark.parametrize("part", sharing.PARTS)
def test_digit_pairs_are_balanced_and_come_from_their_part(part):
    (left, right), same = sharing.digit_pairs(360, part=part, seed=3)
    for pictures in (left, right):
        assert pictures.shape == (360, 28, 28, 1)
        assert pictures.dtype == np.float32
        assert pictures.min() == 0 and pictures.max() == 1
    assert same.shape == (360,) and same.dtype == np.float32
    numbers = numbers_of(left, part), numbers_of(right, part)  # a KeyError: from the other part
    assert np.array_equal(numbers[0] == numbers[1], same == 1)
    for side in numbers:
        for answer in (0, 1):
            assert np.bincount(side[same == answer]).tolist() == [18] * 10
    other = set(zip(*(n[same == 0].tolist() for n in numbers), strict=True))
    assert len(other) == 90  # each number meets each other one
    assert not np.any(np.all(left == right, axis=(1, 2, 3)))


def test_digit_pairs_follow_the_seed():
    first, again, other = (sharing.digit_pairs(50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0][0], again[0][0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0][0], other[0][0])


def test_answers_are_in_no_order():
    _, same = sharing.digit_pairs(1800, seed=1)
    assert all(0.4 < part.mean() < 0.6 for part in same.reshape(6, 300))


# ---------------------------------------------------------------- posts and their pairs


def test_encode_posts_aligns_right_and_cuts_left():
    codes = sharing.encode_posts(["ab", "abcdef", ""], length=4)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0, 0, 97, 98], [99, 100, 101, 102], [0, 0, 0, 0]]
    posts, _ = load_posts()[0]
    codes = sharing.encode_posts(posts)
    assert codes.shape == (2400, 140)
    assert ["".join(map(chr, row[row > 0])) for row in codes[:50]] == posts[:50].tolist()


@pytest.mark.parametrize("part", sharing.PARTS)
def test_post_pairs_come_from_their_part(part):
    (left, right), same = sharing.post_pairs(300, part=part, length=56, seed=3)
    assert left.shape == right.shape == (300, 56)
    assert left.dtype == right.dtype == np.uint8
    assert same.shape == (300,) and same.dtype == np.float32 and same.mean() == 0.5
    posts, authors = load_posts()[sharing.PARTS.index(part)]
    known = dict(zip(posts.tolist(), authors.tolist(), strict=True))
    texts = [["".join(map(chr, row[row > 0])) for row in side] for side in (left, right)]
    found = np.array([[known[text] for text in side] for side in texts])
    assert np.array_equal(found[0] == found[1], same == 1)
    assert not any(one == two for one, two in zip(*texts, strict=True))
    assert len(set(found.ravel().tolist())) > 10


def test_post_pairs_follow_the_seed():
    first, again, other = (sharing.post_pairs(50, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0][1], again[0][1])
    assert not np.array_equal(first[0][1], other[0][1])


@pytest.mark.parametrize("make", [sharing.digit_pairs, sharing.post_pairs])
@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"count": 0}, ValueError, "^count: expected at least 1, got 0"),
        ({"count": 2.0}, TypeError, "^count: expected a whole number, got 2.0"),
        ({"count": True}, TypeError, "^count: "),
        ({"count": 2, "seed": -1}, ValueError, "^seed: expected at least 0"),
        ({"count": 2, "part": "validation"}, ValueError, '^part: expected one of "train", "test"'),
    ],
)
def test_pairs_refuse(make, arguments, error, says):
    with pytest.raises(error, match=says):
        make(**arguments)


@pytest.mark.parametrize(
    ("posts", "length", "error", "says"),
    [
        ("one text", 140, TypeError, r"^posts: .* Write \[post\]"),
        (7, 140, TypeError, "^posts: expected a list of texts, got 7"),
        ([7], 140, TypeError, r"^posts\[0\]: expected a text, got 7"),
        (["fine", "né"], 140, ValueError, r"^posts\[1\]: expected ASCII"),
        (["fine"], 0, ValueError, "^length: expected at least 1"),
        (["fine"], "a", TypeError, "^length: expected a whole number"),
    ],
)
def test_encode_posts_refuses(posts, length, error, says):
    with pytest.raises(error, match=says):
        sharing.encode_posts(posts, length=length)


# ---------------------------------------------------------------- encoders

ENCODERS = {
    "tower": (lambda: sharing.build_digit_tower(filters=(4, 8), units=5), (28, 28, 1), 5),
    "lstm": (lambda: sharing.build_lstm_encoder(length=9, units=4), (9,), 4),
    "fast": (
        lambda: sharing.build_fast_encoder(length=9, size=3, filters=6, width=2),
        (9,),
        6,
    ),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_make_vectors(name):
    make, shape, units = ENCODERS[name]
    encoder = make()
    assert encoder.input_shape == (None, *shape)
    assert encoder.output_shape == (None, units)
    x = np.random.default_rng(1).integers(0, 2, (3, *shape)).astype(encoder.inputs[0].dtype)
    assert encoder(x).shape == (3, units)


def test_sizes_of_encoders_at_the_lessons_size():
    assert sharing.build_digit_tower().count_params() == 160 + 4_640 + 100_416
    lstm = sharing.build_lstm_encoder()
    assert lstm.get_layer("one_hot").output.shape == (None, 140, 256)
    assert lstm.count_params() == 4 * (256 * 32 + 32 * 32 + 32)
    assert sharing.build_fast_encoder().count_params() == 256 * 16 + 5 * 16 * 64 + 64


def test_lstm_encoder_is_an_lstm_on_one_hot_characters():
    encoder = sharing.build_lstm_encoder(length=7, units=4)
    codes = np.random.default_rng(2).integers(0, 256, (3, 7)).astype(np.uint8)
    expected = encoder.get_layer("lstm")(tf.one_hot(codes, 256))
    np.testing.assert_allclose(encoder(codes), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "arguments", "error", "says"),
    [
        (sharing.build_digit_tower, {"filters": ()}, ValueError, "^filters: expected at least 1"),
        (sharing.build_digit_tower, {"filters": 8}, TypeError, "^filters: expected a tuple"),
        (sharing.build_digit_tower, {"filters": (8, 0)}, ValueError, r"^filters\[1\]: "),
        (sharing.build_digit_tower, {"units": 1.5}, TypeError, "^units: "),
        (sharing.build_lstm_encoder, {"length": 0}, ValueError, "^length: "),
        (sharing.build_lstm_encoder, {"units": -1}, ValueError, "^units: "),
        (sharing.build_lstm_encoder, {"name": 3}, TypeError, "^name: "),
        (sharing.build_fast_encoder, {"size": 0}, ValueError, "^size: "),
        (sharing.build_fast_encoder, {"filters": None}, TypeError, "^filters: "),
        (sharing.build_fast_encoder, {"width": 0}, ValueError, "^width: "),
        (sharing.build_fast_encoder, {"name": ""}, ValueError, "^name: "),
    ],
)
def test_encoders_refuse(make, arguments, error, says):
    with pytest.raises(error, match=says):
        make(**arguments)


# ---------------------------------------------------------------- siamese networks


def dense_encoder(name="encoder", units=3):
    return keras.Sequential([keras.Input((6,)), layers.Dense(units, activation="tanh")], name=name)


LEFT, RIGHT = np.random.default_rng(5).normal(size=(2, 8, 6)).astype(np.float32)


@pytest.mark.parametrize("head", sharing.HEADS)
def test_heads_compute_what_they_say(head):
    encoder = dense_encoder()
    model = sharing.build_siamese(encoder, head=head, hidden=4)
    left, right = np.asarray(encoder(LEFT)), np.asarray(encoder(RIGHT))
    x = np.abs(left - right) if head == "difference" else np.concatenate([left, right], axis=1)
    if head == "hidden":
        kernel, bias = model.get_layer("hidden").get_weights()
        x = np.maximum(x @ kernel + bias, 0)
    kernel, bias = model.get_layer("same").get_weights()
    expected = 1 / (1 + np.exp(-(x @ kernel + bias)))
    np.testing.assert_allclose(model([LEFT, RIGHT]), expected, rtol=1e-4)


def test_weights_are_shared_or_not():
    encoder = dense_encoder()
    own = encoder.count_params()
    assert sharing.build_siamese(encoder).count_params() == own + 4
    twins = sharing.build_siamese(dense_encoder("one"), dense_encoder("two"))
    assert twins.count_params() == 2 * own + 4
    model = sharing.build_siamese(encoder, encoder)
    assert model.count_params() == own + 4
    np.testing.assert_allclose(model([LEFT, RIGHT]), model([RIGHT, LEFT]), rtol=1e-5)
    assert not np.allclose(twins([LEFT, RIGHT]), twins([RIGHT, LEFT]), rtol=1e-3)


def test_a_siamese_model_trains_and_is_saved(tmp_path):
    model = sharing.build_siamese(sharing.build_fast_encoder(length=56))
    (left, right), same = sharing.post_pairs(64, length=56)
    model.compile("adam", "binary_crossentropy")
    model.fit([left, right], same, verbose=0)
    path = tmp_path / "siamese.keras"
    model.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_allclose(again([left, right]), model([left, right]), rtol=1e-5)
    assert again.count_params() == model.count_params()


def two_inputs():
    left, right = keras.Input((3,)), keras.Input((3,))
    return keras.Model([left, right], layers.Add()([left, right]))


def picture_out():
    image = keras.Input((8, 8, 1))
    return keras.Model(image, layers.Conv2D(2, 3)(image))


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (lambda: ([layers.Dense(3)], {}), TypeError, "^encoder: expected a keras.Model, got Dense"),
        (
            lambda: ([keras.Sequential([layers.Dense(3)])], {}),
            ValueError,
            "^encoder: .* no known input",
        ),
        (lambda: ([two_inputs()], {}), ValueError, "^encoder: expected one input and one output"),
        (lambda: ([picture_out()], {}), ValueError, r"^encoder: expected vectors, shape \(batch"),
        (
            lambda: ([dense_encoder("left")], {}),
            ValueError,
            "^encoder: expected a name that is not one of left",
        ),
        (lambda: ([dense_encoder(), "twin"], {}), TypeError, "^other: expected a keras.Model"),
        (
            lambda: ([dense_encoder(), dense_encoder("two", units=4)], {}),
            ValueError,
            r"^other: expected a model to return \(None, 3\)",
        ),
        (
            lambda: ([dense_encoder(), dense_encoder()], {}),
            ValueError,
            "^other: expected another name",
        ),
        (
            lambda: ([dense_encoder()], {"head": "distance"}),
            ValueError,
            '^head: expected one of "joined", "hidden", "difference", got',
        ),
        (lambda: ([dense_encoder()], {"head": None}), ValueError, "^head: "),
        (lambda: ([dense_encoder()], {"hidden": 0}), ValueError, "^hidden: expected at least 1"),
        (lambda: ([dense_encoder()], {"hidden": 2.5}), TypeError, "^hidden: "),
    ],
)
def test_build_siamese_refuses(arguments, error, says):
    encoders, options = arguments()
    with pytest.raises(error, match=says):
        sharing.build_siamese(*encoders, **options)


# ---------------------------------------------------------------- calls of a layer


def test_each_symbolic_call_is_listed_and_no_other():
    conv = layers.Conv2D(2, 3)
    assert sharing.list_calls(conv) == []
    small, large = keras.Input((8, 8, 1)), keras.Input((9, 9, 1))
    outputs = [conv(small), conv(large)]
    conv(np.zeros((1, 5, 5, 1), np.float32))
    keras.Model([small, large], outputs)
    calls = sharing.list_calls(conv)
    assert len(calls) == 2
    for call, given, returned in zip(calls, (small, large), outputs, strict=True):
        assert call.inputs[0] is given
        assert call.outputs[0] is returned
        assert len(call.inputs) == len(call.outputs) == 1
    assert conv.output is outputs[0]


def test_calls_of_models_and_of_layers_with_several_inputs():
    encoder = dense_encoder()
    sharing.build_siamese(encoder)
    assert len(sharing.list_calls(encoder)) == 2
    add, left, right = layers.Add(), keras.Input((3,)), keras.Input((3,))
    add([left, right])
    (call,) = sharing.list_calls(add)
    assert call.inputs[0] is left and call.inputs[1] is right


def test_list_calls_refuses():
    with pytest.raises(TypeError, match=r"^layer: expected a Keras layer, got int"):
        sharing.list_calls(3)
    with pytest.raises(TypeError, match=r"^layer: "):
        sharing.list_calls(layers.Dense)


def test_a_keras_without_the_private_list_is_reported(monkeypatch):
    layer = layers.Dense(3)
    monkeypatch.setattr(sharing, "getattr", lambda *arguments: None, raising=False)
    with pytest.raises(RuntimeError, match="does not keep the calls of a layer"):
        sharing.list_calls(layer)
