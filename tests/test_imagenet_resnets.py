"""The ResNets of ImageNet have the published sizes, and Keras' weights give Keras' logits."""

import numpy as np
import pytest
from random_values import batch, randomise

from course_utils.builders.imagenet_resnets import (
    BasicBlock,
    Bottleneck,
    ConvNorm,
    ResNet18,
    ResNet50,
    copy_resnet50,
)
from course_utils.session import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


# ---------------------------------------------------------------- blocks


def normalised(x, part, size_of_step=1, padding="SAME"):
    """Return what a ConvNorm computes, by TensorFlow's operations."""
    x = tf.nn.conv2d(x, part.convolution.kernel, size_of_step, padding)
    if part.convolution.use_bias:
        x = x + part.convolution.bias
    norm = part.norm
    scale = norm.gamma / tf.sqrt(norm.moving_variance + norm.epsilon)
    return (x - norm.moving_mean) * scale + norm.beta


@pytest.mark.parametrize("use_bias", [False, True])
def test_conv_norm_by_tensorflow(use_bias):
    part, x = ConvNorm(5, 3, strides=2, use_bias=use_bias, padding="valid"), batch(2, 7, 7, 3)
    part(x)
    randomise(part)
    np.testing.assert_allclose(part(x), normalised(x, part, 2, "VALID"), atol=1e-4)
    assert len(part.weights) == 5 + use_bias


@pytest.mark.parametrize(
    ("kind", "filters", "strides", "projected"),
    [
        (BasicBlock, 8, 1, False),
        (BasicBlock, 8, 2, True),
        (BasicBlock, 4, 1, True),
        (Bottleneck, 2, 1, False),
        (Bottleneck, 2, 2, True),
        (Bottleneck, 3, 1, True),
    ],
)
def test_block_by_tensorflow(kind, filters, strides, projected):
    block, x = kind(filters, strides=strides), batch(2, 6, 6, 8)
    block(x)
    randomise(block)
    assert (block.projection is not None) == projected
    path, last = x, block.main_path[-1]
    for place, part in enumerate(block.main_path):
        path = normalised(path, part, strides if place == 0 else 1)
        path = path if part is last else tf.nn.relu(path)
    shortcut = normalised(x, block.projection, strides) if projected else x
    np.testing.assert_allclose(block(x), tf.nn.relu(path + shortcut), atol=1e-4)
    assert block.compute_output_shape(x.shape) == tuple(block(x).shape)


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck])
def test_training_mode_reaches_the_normalisations(kind):
    block, x = kind(4, strides=2), batch(4, 6, 6, 8)
    block(x, training=True)
    parts = [block.projection, *block.main_path]
    assert all(np.any(part.norm.moving_mean) for part in parts)


# ---------------------------------------------------------------- models


def test_sizes_of_resnet18():
    photographs, digits = ResNet18(), ResNet18(classes=10)
    assert photographs(keras.Input((64, 64, 3))).shape == (None, 1000)
    assert digits(keras.Input((28, 28, 1))).shape == (None, 10)
    assert trainable(photographs) == 11_689_512
    assert trainable(digits) == 11_175_370


def small(kind, **options):
    """Return a network of a kind with one block in each of two stages."""
    return type(f"Small{kind.__name__}", (kind,), {"counts": (2, 1)})(classes=3, **options)


@pytest.mark.parametrize("kind", [ResNet18, ResNet50])
def test_a_step_moves_all_weights(kind):
    keras.utils.set_random_seed(0)
    model, x = small(kind, use_bias=False), batch(6, 32, 32, 1)
    labels = np.arange(6) % 3
    model(x)
    before = [weight.numpy() for weight in model.trainable_weights]
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(x, labels, verbose=0)
    moved = [
        not np.array_equal(old, new.numpy())
        for old, new in zip(before, model.trainable_weights, strict=True)
    ]
    assert all(moved)
    assert np.any(model.stem.norm.moving_mean)


def test_model_can_be_saved(tmp_path):
    model, x = ResNet18(classes=4, name="reader"), batch(2, 28, 28, 1)
    model(x)
    randomise(model)
    model.save(tmp_path / "reader.keras")
    loaded = keras.models.load_model(tmp_path / "reader.keras")
    np.testing.assert_allclose(loaded(x), model(x), atol=1e-5)
    assert loaded.get_config() == model.get_config()


@pytest.fixture(scope="module")
def pair():
    """Return Keras' ResNet-50 with random statistics, and ours with its weights."""
    theirs = keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classifier_activation=None, classes=10
    )
    randomise(theirs)
    ours = ResNet50(classes=10)
    ours(np.zeros((1, 64, 64, 3), "float32"))
    copy_resnet50(theirs, ours)
    return theirs, ours


def test_copied_weights_give_the_same_logits(pair):
    theirs, ours = pair
    x = batch(2, 64, 64, 3)
    wanted = theirs(x, training=False).numpy()
    np.testing.assert_allclose(ours(x), wanted, atol=1e-4 * np.abs(wanted).max())
    assert ours.count_params() == theirs.count_params() == 25_636_712 - 990 * 2049


def test_every_copied_weight_matters(pair):
    theirs, ours = pair
    left = {id(value): value for value in theirs.weights}
    assert len(left) == len(ours.weights)
    x = batch(1, 64, 64, 3)
    before = ours(x, training=False).numpy()
    for weight in (ours.stages[1][0].projection.norm.beta, ours.stages[3][2].expand.norm.gamma):
        kept = weight.numpy()
        weight.assign(kept + 0.5)
        assert np.abs(ours(x, training=False).numpy() - before).max() > 1e-3
        weight.assign(kept)


# ---------------------------------------------------------------- errors


def test_copying_says_what_does_not_fit(pair):
    theirs, ours = pair
    with pytest.raises(TypeError, match="target: expected a ResNet50 of the course, got str"):
        copy_resnet50(theirs, "ours")
    with pytest.raises(ValueError, match="target: it was never called"):
        copy_resnet50(theirs, ResNet50())
    with pytest.raises(ValueError, match="source: its layer 'conv1_conv' does not fit"):
        copy_resnet50(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), ours)


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: BasicBlock(0), ValueError, "filters: expected at least 1, got 0"),
        (lambda: BasicBlock(8.0), TypeError, "filters: expected a whole number, got 8.0"),
        (lambda: Bottleneck(8, strides=True), TypeError, "strides: expected a whole number"),
        (lambda: Bottleneck(8, use_bias=1), TypeError, "use_bias: expected True or False"),
        (lambda: BasicBlock(8, epsilon=0), ValueError, "epsilon: expected a number above 0"),
        (lambda: BasicBlock(8, epsilon="small"), TypeError, "epsilon: expected a number"),
        (lambda: ConvNorm(8, 3, padding="zero"), ValueError, 'padding: expected "same" or "valid"'),
        (lambda: ConvNorm(8, 0), ValueError, "size: expected at least 1"),
        (lambda: ResNet18(classes=0), ValueError, "classes: expected at least 1"),
        (lambda: ResNet18(use_bias=None), TypeError, "use_bias: expected True or False"),
        (lambda: ResNet18()(batch(2, 28, 28)), ValueError, "Grey images need a last axis"),
        (lambda: BasicBlock(8)(batch(2, 8)), ValueError, "inputs: expected the shape"),
    ],
)
def test_errors_say_what_to_do(make, kind, says):
    with pytest.raises(kind, match=says):
        make()
