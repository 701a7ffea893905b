"""The ResNet and the plain network compute what they say, train, and can be saved."""

import numpy as np
import pytest
from fresh_process import run_python
from random_values import batch

from course_utils.builders import resnet
from course_utils.builders.resnet import (
    ResidualUnit,
    ResNet,
    ResNetLayer,
    prepare,
    train_on_digits,
)
from course_utils.session import import_tensorflow, seed_everything

tf = import_tensorflow()

import keras  # noqa: E402

SMALL = {"filters": (4, 6), "units": 1}


def digits(train=96, test=40):
    """Return digits as load_digits does: bright in the upper or in the lower half."""
    rng = np.random.default_rng(0)

    def some(count):
        labels = np.arange(count, dtype=np.uint8) % 2
        images = rng.integers(0, 60, size=(count, 28, 28), dtype=np.uint8)
        images[labels == 0, :14] += 150
        images[labels == 1, 14:] += 150
        return images, labels

    return some(train), some(test)


@pytest.fixture
def few_digits(monkeypatch):
    monkeypatch.setattr(resnet, "load_digits", lambda *, full=False: digits())


# --- what is computed -----------------------------------------------------------------------


def normalise(norm, x, training):
    if training:
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    else:
        mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    scale = norm.gamma.numpy() / np.sqrt(variance + norm.epsilon)
    return (x - mean) * scale + norm.beta.numpy()


def convolve(conv, x):
    return (tf.nn.conv2d(x, conv.kernel, 1, "SAME") + conv.bias).numpy()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("channels", [4, 3, 1])
def test_unit_by_its_parts(channels, training):
    unit, x = ResidualUnit(4), batch(5, 6, 6, channels)
    unit(x)
    rng = np.random.default_rng(1)
    for weight in unit.weights:
        weight.assign(np.abs(rng.normal(size=weight.shape)) - 0.3 * (len(weight.shape) == 4))
    path = convolve(unit.conv_1, np.maximum(normalise(unit.norm_1, x, training), 0))
    path = convolve(unit.conv_2, np.maximum(normalise(unit.norm_2, path, training), 0))
    shortcut = x if channels == 4 else convolve(unit.projection, x)
    assert (unit.projection is None) == (channels == 4)
    np.testing.assert_allclose(unit(x, training=training), shortcut + path, rtol=1e-3, atol=1e-3)


def test_momentum_is_that_of_every_normalisation():
    model = ResNet(momentum=0.7, **SMALL)
    x = batch(8, 8, 8, 1)
    model(x)
    norms = [n for chain in model.chains for u in chain.units for n in (u.norm_1, u.norm_2)]
    assert [norm.momentum for norm in norms] == [0.7] * 4
    stem = model.stem(x)
    model(x, training=True)
    first = norms[0].moving_mean.numpy()
    np.testing.assert_allclose(first, 0.3 * np.mean(stem, axis=(0, 1, 2)), atol=1e-5)


def test_chain_calls_each_of_its_units_once():
    chain, x = ResNetLayer(3, 5), batch(2, 6, 6, 2)
    got = chain(x)
    for unit in chain.units:
        x = unit(x)
    np.testing.assert_allclose(got, x, atol=1e-5)
    assert len({id(unit) for unit in chain.units}) == 3
    assert [unit.projection is None for unit in chain.units] == [False, True, True]


def test_network_by_its_parts():
    model, x = ResNet(), np.abs(batch(2, 28, 28, 1))
    got, inside = model(x), model.stem(x)
    shapes = []
    for n, chain in enumerate(model.chains):
        if n:
            inside = tf.nn.max_pool2d(inside, 2, 2, "VALID")
        inside = chain(inside)
        shapes.append(tuple(inside.shape[1:]))
    assert shapes == [(28, 28, 16), (14, 14, 32), (7, 7, 64)]
    hidden = tf.nn.relu(tf.reshape(inside, (2, -1)) @ model.hidden.kernel + model.hidden.bias)
    expected = hidden @ model.logits.kernel + model.logits.bias
    np.testing.assert_allclose(got, expected, atol=1e-4)


# --- training -------------------------------------------------------------------------------


def test_training_learns_and_moves_all_weights(few_digits):
    seed_everything(3)
    model = ResNet(**SMALL)
    model(np.zeros((1, 28, 28, 1), "float32"))
    before = model.get_weights()
    run = train_on_digits(model, epochs=6, batch_size=16, peak=0.01)
    assert sorted(run) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert [len(values) for values in run.values()] == [6] * 4
    assert run["val_accuracy"][-1] > 0.9
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(moved)


def test_the_schedule_ends_at_zero_and_callbacks_are_called(few_digits):
    model, ends = ResNet(filters=(2,), units=1), []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(epoch))
    # 60 steps, 6 of them warm-up
    train_on_digits(model, epochs=5, batch_size=8, peak=0.02, callbacks=[watch])
    assert ends == [0, 1, 2, 3, 4]
    rate = model.optimizer._learning_rate
    assert int(model.optimizer.iterations) == 60
    np.testing.assert_allclose([float(rate(s)) for s in (0, 6, 60)], [0, 0.02, 0], atol=1e-6)


def test_augmented_digits_are_moved_and_tests_are_not(few_digits):
    seen = {"train": [], "test": []}

    class Watching(ResNet):
        def call(self, images, training=None):
            tf.py_function(
                lambda x: seen["train" if training else "test"].append(x.numpy()), [images], []
            )
            return super().call(images, training=training)

    (train, _), (test, _) = digits()
    known = {image.tobytes() for image in prepare(train)}
    for augment in (False, True):
        for images in seen.values():
            images.clear()
        model = Watching(filters=(2,), units=1)
        train_on_digits(model, augment=augment, epochs=1, batch_size=96)
        batches = [images for images in seen["train"] if len(images) == 96]
        assert batches
        kept = [image.tobytes() in known for image in batches[-1]]
        assert all(kept) if not augment else np.mean(kept) < 0.5
        np.testing.assert_array_equal(np.concatenate(seen["test"])[-40:], prepare(test))


def test_one_argument_switches_to_the_full_mnist(monkeypatch):
    from keras.datasets import mnist

    asked = []

    def in_place_of_mnist():
        asked.append("full")
        return digits(train=128, test=64)

    monkeypatch.setattr(mnist, "load_data", in_place_of_mnist)
    model = ResNet(filters=(2,), units=1)
    history = train_on_digits(model, full=True, epochs=1, batch_size=32)
    assert asked == ["full"] and int(model.optimizer.iterations) == 4
    assert len(history["val_accuracy"]) == 1


# --- saving ---------------------------------------------------------------------------------


def test_a_network_loads_in_another_process(tmp_path):
    x = batch(3, 8, 8, 1)
    model = ResNet(momentum=0.8, classes=3, **SMALL)
    model(x, training=True)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    program = (
        "import numpy as np, course_utils.builders.resnet, keras\n"
        "model = keras.models.load_model('model.keras')\n"
        "np.save('answers.npy', model(np.load('x.npy')))\n"
        "print(sorted(model.get_config().items()))\n"
    )
    done = run_python(program, cwd=tmp_path)
    for text in ("('momentum', 0.8)", "('classes', 3)", "('filters', [4, 6])", "('units', 1)"):
        assert text in done.stdout
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), model(x), atol=1e-5)


@pytest.mark.parametrize(
    "part", [ResidualUnit(5, momentum=0.8), ResNetLayer(2, 5, momentum=0.8)], ids=["unit", "chain"]
)
def test_parts_round_trip_in_a_functional_model(part, tmp_path):
    inputs, x = keras.Input((6, 6, 3)), batch(3, 6, 6, 3)
    model = keras.Model(inputs, part(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(x), model(x), atol=1e-6)
    assert again.layers[1].momentum == 0.8
    assert model.output_shape == again.output_shape == part.compute_output_shape((None, 6, 6, 3))


# --- refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: ResidualUnit(0), ValueError, "filters: expected at least 1, got 0"),
        (lambda: ResidualUnit(2.0), TypeError, "filters: expected a whole number, got 2.0"),
        (lambda: ResidualUnit(2, momentum=1.5), ValueError, "momentum: .* from 0 to 1, got 1.5"),
        (lambda: ResidualUnit(2, momentum=None), TypeError, "momentum: .* got None"),
        (lambda: ResNetLayer(0, 4), ValueError, "units: expected at least 1, got 0"),
        (lambda: ResNetLayer(2, "4"), TypeError, "filters: expected a whole number, got '4'"),
        (lambda: ResNet(filters=16), TypeError, "filters: expected a tuple .* got 16"),
        (lambda: ResNet(filters=()), ValueError, "filters: .* got none"),
        (lambda: ResNet(filters=(4, 0)), ValueError, r"filters\[1\]: expected at least 1, got 0"),
        (lambda: ResNet(classes=True), TypeError, "classes: expected a whole number"),
        (lambda: ResNet(units=0), ValueError, "units: expected at least 1"),
        (lambda: ResNet(momentum=-1), ValueError, "momentum: .* got -1"),
        (lambda: ResidualUnit(4)(batch(3, 28)), ValueError, r"inputs: .* got \(3, 28\)"),
        (lambda: ResNet()(batch(3, 28, 28)), ValueError, "last axis of size 1"),
        (lambda: ResNet()(batch(3, 28, 28)), ValueError, "last axis of size 1"),
        (lambda: prepare(batch(3, 28, 28)), ValueError, "images: expected uint8 .* got float32"),
        (lambda: prepare(np.zeros((28, 28), np.uint8)), ValueError, r"shape \(28, 28\)"),
        (
            lambda: train_on_digits(ResNet(), augment=1),
            TypeError,
            "augment: expected True or False",
        ),
        (lambda: train_on_digits(ResNet(), full="yes"), TypeError, "full: expected True or False"),
        (lambda: train_on_digits(ResNet(), epochs=0), ValueError, "epochs: expected at least 1"),
        (
            lambda: train_on_digits(ResNet(), batch_size=1.5),
            TypeError,
            "batch_size: expected a whole",
        ),
        (lambda: train_on_digits(ResNet(), peak=0), ValueError, "peak: "),
    ],
)
def test_impossible_arguments_are_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()
