"""Plain and residual towers differ by the shortcut alone, and lose the units that they are told."""

import numpy as np
import pytest
from random_values import batch, randomise

from course_utils.builders.towers import (
    Tower,
    TowerUnit,
    gradient_norms,
    shrink,
    train_tower,
    without_units,
)
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402


@pytest.mark.parametrize("batch_norm", [True, False])
def test_units_differ_by_the_inputs(batch_norm):
    x = batch(2, 5, 5, 3)
    plain = TowerUnit(3, shortcut=False, batch_norm=batch_norm)
    residual = TowerUnit(3, shortcut=True, batch_norm=batch_norm)
    plain(x), residual(x)
    randomise(plain, spread=0.3)
    residual.set_weights(plain.get_weights())
    path = plain.main_path(x)
    assert np.min(path) < 0 < np.max(path)
    np.testing.assert_allclose(plain(x), np.maximum(path, 0), atol=1e-6)
    np.testing.assert_allclose(residual(x), np.maximum(x + path, 0), atol=1e-6)
    assert len(plain.weights) == (10 if batch_norm else 4)


def test_main_path_by_tensorflow():
    unit, x = TowerUnit(3, shortcut=False, batch_norm=False), batch(2, 5, 5, 3)
    unit(x)
    randomise(unit, spread=0.3)
    first, bias, second, other = (weight.numpy() for weight in unit.weights)
    inside = tf.nn.relu(tf.nn.conv2d(x, first, 1, "SAME") + bias)
    wanted = tf.nn.conv2d(inside, second, 1, "SAME") + other
    np.testing.assert_allclose(unit.main_path(x), wanted, atol=1e-5)


@pytest.mark.parametrize(("depth", "filters"), [(4, 2), (8, 8), (14, 3)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_depth_counts_layers_with_weights(depth, filters, batch_norm):
    tower = Tower(depth, shortcuts=True, batch_norm=batch_norm, filters=filters)
    x = batch(2, 14, 14, 1)
    assert tower(x).shape == (2, 10)
    kernels = [weight for weight in tower.weights if len(weight.shape) in (2, 4)]
    assert len(kernels) == depth and len(tower.units) == depth // 2 - 1
    assert kernels[0].shape == (3, 3, 1, filters) and kernels[-1].shape == (49 * filters, 10)
    assert len(gradient_norms(tower, x, np.array([1, 2]))) == depth - 1


def test_gradient_norms_by_a_tape():
    tower, x, labels = Tower(6, shortcuts=True, batch_norm=True), batch(4, 14, 14, 1), np.arange(4)
    tower(x)
    randomise(tower, spread=0.3)
    kernel = tower.units[0].hidden[0].kernel
    with tf.GradientTape() as tape:
        chances = tf.nn.softmax(tower(x, training=True))
        loss = -tf.reduce_mean(tf.math.log(tf.gather(chances, labels, batch_dims=1)))
    wanted = np.linalg.norm(tape.gradient(loss, kernel))
    norms = gradient_norms(tower, x, labels)
    assert norms[1] == pytest.approx(wanted, rel=1e-3)
    assert len(set(np.round(norms, 6))) == 5


# ---------------------------------------------------------------- leaving units out


@pytest.mark.parametrize("places", [[], [0], [2], [0, 1], {0, 1, 2}, 1], ids=str)
@pytest.mark.parametrize("shortcuts", [True, False])
def test_without_units_is_what_is_left(places, shortcuts):
    tower, x = Tower(8, shortcuts=shortcuts, batch_norm=True), batch(3, 14, 14, 1)
    tower(x)
    randomise(tower, spread=0.3)
    gone = {places} if isinstance(places, int) else set(places)
    inside = tower.stem(x)
    for place in range(3):
        inside = inside if place in gone else tower.units[place](inside)
    model = without_units(tower, places)
    np.testing.assert_allclose(model(x), tower.head(inside), atol=1e-5)
    assert (np.abs(model(x) - tower(x)).max() > 1e-3) == bool(gone)
    assert len(tower.units) == 3
    tower.head.layers[-1].bias.assign(np.arange(10.0))  # shared, not copied
    np.testing.assert_allclose(model(x), tower.head(inside), atol=1e-5)


def test_without_units_says_what_does_not_fit():
    tower = Tower(8, shortcuts=True, batch_norm=True)
    with pytest.raises(ValueError, match="tower: it was never called"):
        without_units(tower, 0)
    tower(batch(1, 14, 14, 1))
    with pytest.raises(ValueError, match="places: expected places from 0 to 2, got 3"):
        without_units(tower, [1, 3])
    with pytest.raises(TypeError, match="places: expected whole numbers, got 'first'"):
        without_units(tower, ["first"])
    for function in (lambda: without_units(3, 0), lambda: gradient_norms(3, [], [])):
        with pytest.raises(TypeError, match="tower: expected a Tower, got int"):
            function()


# ---------------------------------------------------------------- training and saving


@pytest.mark.parametrize("shortcuts", [True, False])
def test_training_moves_all_weights(shortcuts):
    keras.utils.set_random_seed(0)
    tower, x, labels = Tower(6, shortcuts=shortcuts, batch_norm=True), batch(80, 14, 14, 1), None
    labels = np.arange(80) % 10
    tower(x)
    before = tower.get_weights()
    history = train_tower(tower, x, labels, epochs=1, rate=0.01, cosine=True, measure=(x, labels))
    assert set(history.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}
    assert tower.optimizer.iterations == 2
    assert all(
        not np.array_equal(old, new) for old, new in zip(before, tower.get_weights(), strict=True)
    )


def test_tower_can_be_saved(tmp_path):
    tower, x = Tower(6, shortcuts=True, batch_norm=True, filters=4), batch(2, 14, 14, 1)
    tower(x)
    randomise(tower, spread=0.3)
    tower.save(tmp_path / "tower.keras")
    loaded = keras.models.load_model(tmp_path / "tower.keras")
    np.testing.assert_allclose(loaded(x), tower(x), atol=1e-5)
    assert loaded.get_config() == tower.get_config()


def test_shrink_takes_the_mean():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 4, 6)).astype("uint8")
    small = shrink(pictures)
    assert small.shape == (2, 2, 3, 1) and small.dtype == np.float32
    assert small[1, 1, 2, 0] == pytest.approx(pictures[1, 2:, 4:].mean() / 255, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: Tower(7, shortcuts=True, batch_norm=True), ValueError, "an even number of layers"),
        (lambda: Tower(2, shortcuts=True, batch_norm=True), ValueError, "at least 4, got 2"),
        (lambda: Tower("8", shortcuts=True, batch_norm=True), TypeError, "depth: expected a whole"),
        (lambda: Tower(8, shortcuts=1, batch_norm=True), TypeError, "shortcuts: expected True or"),
        (lambda: Tower(8, shortcuts=True, batch_norm=None), TypeError, "batch_norm: expected True"),
        (lambda: TowerUnit(0, shortcut=True, batch_norm=True), ValueError, "filters: expected at"),
        (lambda: TowerUnit(3, shortcut="no", batch_norm=True), TypeError, "shortcut: expected"),
        (
            lambda: TowerUnit(3, shortcut=True, batch_norm=True)(batch(2, 5, 5, 1)),
            ValueError,
            "as many channels as filters",
        ),
        (
            lambda: Tower(8, shortcuts=True, batch_norm=True)(batch(2, 14, 14)),
            ValueError,
            "Grey images need a last axis of size 1",
        ),
        (lambda: train_tower(None, [], [], epochs=0, rate=1), ValueError, "epochs: expected at"),
        (
            lambda: train_tower(None, [], [], epochs=1, rate=0),
            ValueError,
            "rate: expected a number",
        ),
        (lambda: train_tower(None, [], [], epochs=1, rate="a"), TypeError, "rate: expected a"),
        (lambda: shrink(batch(2, 28, 28, 1)), ValueError, "pictures: expected the shape"),
        (lambda: shrink(batch(2, 7, 8)), ValueError, "pictures: expected the shape"),
    ],
)
def test_errors_say_what_to_do(make, kind, says):
    with pytest.raises(kind, match=says):
        make()
