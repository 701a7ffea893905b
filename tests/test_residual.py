"""The residual blocks compute what they say, can be saved, and say what is wrong."""

import numpy as np
import pytest
from fresh_process import run_python
from random_values import batch

from course_utils.builders.residual import CNNResidual, DNNResidual, MyResidual
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_dense_block_by_numpy(depth):
    block, x = DNNResidual(depth, 6), batch(4, 6)
    block(x)
    weights = block.get_weights()
    assert len(weights) == 2 * depth
    path = x
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        path = np.maximum(path @ kernel + bias, 0)
    np.testing.assert_allclose(block(x), x + path, atol=1e-5)


@pytest.mark.parametrize(("channels", "depth"), [(3, 1), (5, 2), (5, 4), (1, 2)])
def test_convolutional_block_by_its_layers(channels, depth):
    block, x = CNNResidual(depth, 5), batch(2, 6, 6, channels)
    got = block(x)
    path = x
    for weights in np.array_split(np.arange(2 * depth), depth):
        kernel, bias = (block.weights[place] for place in weights)
        path = tf.nn.relu(tf.nn.conv2d(path, kernel, 1, "SAME") + bias)
    shortcut = x
    if channels != 5:
        kernel, bias = block.weights[2 * depth :]
        shortcut = tf.nn.conv2d(x, kernel, 1, "SAME") + bias
    assert len(block.weights) == 2 * depth + 2 * (channels != 5)
    np.testing.assert_allclose(got, path + shortcut, atol=1e-5)


def test_shared_model_calls_one_block():
    one, three = MyResidual(rounds=4), MyResidual(rounds=4, shared=False)
    x = batch(2, 6, 6, 1)
    one(x), three(x)
    assert len(three.weights) - len(one.weights) == 3 * 4
    for block in three.dnn:
        block.set_weights(one.dnn[0].get_weights())
    for name in ("first", "cnn", "widen", "answer"):
        getattr(three, name).set_weights(getattr(one, name).get_weights())
    np.testing.assert_allclose(one(x), three(x), atol=1e-5)
    inside = one.widen(one.pool(one.cnn(one.first(x))))
    for _ in range(4):
        inside = one.dnn[0](inside)
    np.testing.assert_allclose(one(x), one.answer(inside), atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_model_learns_and_all_weights_move(shared):
    keras.utils.set_random_seed(0)
    model, x = MyResidual(rounds=2, shared=shared), np.abs(batch(32, 6, 6, 1))
    model(x)
    before = model.get_weights()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    target = x.mean(axis=(1, 2))
    losses = model.fit(x, target, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize(
    ("block", "shape"),
    [(CNNResidual(3, 8), (6, 6, 5)), (CNNResidual(1, 5), (6, 6, 5)), (DNNResidual(2, 5), (5,))],
    ids=["projected", "identity", "dense"],
)
def test_blocks_round_trip_in_a_functional_model(block, shape, tmp_path):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, block(inputs))
    x = batch(3, *shape)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(x), model(x), atol=1e-6)
    assert model.output_shape == again.output_shape == block.compute_output_shape((None, *shape))


@pytest.mark.parametrize("options", [{}, {"shared": False, "rounds": 2}], ids=str)
def test_model_loads_in_another_process(options, tmp_path):
    model, x = MyResidual(name="saved", **options), batch(3, 6, 6, 1)
    answers = model(x)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    program = (
        "import numpy as np, course_utils.builders.residual, keras\n"
        "model = keras.models.load_model('model.keras')\n"
        "np.save('y.npy', model(np.load('x.npy')))\n"
        "print(model.rounds, model.shared, model.name, len(model.weights))\n"
    )
    done = run_python(program, cwd=tmp_path)
    rounds, shared = options.get("rounds", 3), options.get("shared", True)
    assert done.stdout.split() == [str(rounds), str(shared), "saved", str(len(model.weights))]
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), answers, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: CNNResidual(0, 32), ValueError, "layers: expected at least 1, got 0"),
        (lambda: CNNResidual(2, -1), ValueError, "filters: expected at least 1, got -1"),
        (lambda: CNNResidual(2.0, 32), TypeError, "layers: expected a whole number, got 2.0"),
        (lambda: CNNResidual(2, True), TypeError, "filters: expected a whole number, got True"),
        (lambda: DNNResidual("2", 64), TypeError, "layers: expected a whole number, got '2'"),
        (lambda: DNNResidual(2, 0), ValueError, "neurons: expected at least 1, got 0"),
        (lambda: MyResidual(rounds=0), ValueError, "rounds: expected at least 1, got 0"),
        (lambda: MyResidual(shared=1), TypeError, "shared: expected True or False, got 1"),
        (lambda: DNNResidual(2, 64)(batch(3, 32)), ValueError, r"\(batch, 64\), .* got \(3, 32\)"),
        (lambda: DNNResidual(2, 64)(batch(3, 1)), ValueError, r"\(batch, 64\), .* got \(3, 1\)"),
        (lambda: CNNResidual(2, 8)(batch(3, 32)), ValueError, r"height, width.* got \(3, 32\)"),
        (lambda: MyResidual()(batch(3, 196)), ValueError, r"images: .* got \(3, 196\)"),
        (lambda: MyResidual()(batch(3, 6, 6)), ValueError, "last axis of size 1"),
    ],
)
def test_impossible_arguments_are_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()


def test_a_built_dense_block_does_not_stretch_a_row_of_one():
    block = DNNResidual(1, 1)
    block(batch(3, 1))
    wide = DNNResidual(2, 4)
    wide(batch(3, 4))
    with pytest.raises(ValueError):
        wide(batch(3, 1))
