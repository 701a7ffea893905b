"""What lesson 11 builds gives the numbers of Keras, and so do its exercises."""

import numpy as np
import pytest

from course_utils.exercises import lesson_11
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()
from keras import layers  # noqa: E402

IMAGES = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype(np.float32)
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(scope="module")
def lesson():
    names = ("channel_statistics", "normalise", "NaiveBatchNorm", "moving_averages")
    return lesson_parts("11", only=names)


@pytest.mark.parametrize("shape", [(7, 3), (4, 5, 5, 3)])
def test_the_lesson_normalises_as_keras_does(lesson, shape):
    rng = np.random.default_rng(2)
    ours = lesson["NaiveBatchNorm"](3, momentum=0.8, epsilon=0.01)
    theirs = layers.BatchNormalization(momentum=0.8, epsilon=0.01)
    theirs.build((None, *shape[1:]))
    ours.gamma, ours.beta = rng.normal(size=(2, 3)).astype(np.float32)
    theirs.gamma.assign(ours.gamma)
    theirs.beta.assign(ours.beta)
    for _ in range(3):
        x = rng.normal(3.0, 2.0, size=shape).astype(np.float32)
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), **CLOSE)
        np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, **CLOSE)
        np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, **CLOSE)
    np.testing.assert_allclose(ours(x), theirs(x), **CLOSE)
    averages = lesson["moving_averages"](np.array([1.0, 3.0]), 0.9, start=2.0)
    np.testing.assert_allclose(averages, [1.9, 2.01])


def test_fold_reference_makes_one_layer_of_two():
    rng = np.random.default_rng(4)
    conv, norm = layers.Conv2D(5, 3), layers.BatchNormalization(epsilon=0.01)
    conv.build(IMAGES.shape)
    norm.build((None, 7, 6, 5))
    conv.set_weights([rng.normal(size=(3, 3, 3, 5)), rng.normal(size=5)])
    gamma, beta, mean = rng.normal(size=(3, 5))
    variance = rng.uniform(0.1, 2.0, size=5)
    norm.set_weights([gamma, beta, mean, variance])
    expected = norm(conv(IMAGES), training=False)
    kernel, bias = conv.get_weights()
    folded = lesson_11.fold(kernel, bias, gamma, beta, mean, variance, 0.01)
    conv.set_weights(folded)
    np.testing.assert_allclose(conv(IMAGES), expected, rtol=1e-3, atol=1e-3)


def test_modes_reference_is_keras():
    x = IMAGES * 3 + 1
    layer = layers.BatchNormalization(momentum=0.9, center=False, scale=False)
    layer.build(x.shape)
    mean, variance = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    layer.set_weights([mean, variance])
    for training in (False, True):
        y, new_mean, new_variance = lesson_11.normalise_batch(x, mean, variance, training)
        np.testing.assert_allclose(y, layer(x, training=training), rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(new_mean, layer.moving_mean, rtol=1e-4)
        np.testing.assert_allclose(new_variance, layer.moving_variance, rtol=1e-4)


def test_the_numbers_by_hand_are_those_of_keras():
    numbers = np.array([[1.0], [3.0], [5.0], [7.0]], np.float32)
    layer = layers.BatchNormalization(momentum=0.9, epsilon=0.0)
    in_training = float(layer(numbers, training=True)[-1, 0])
    found = [numbers.mean(), numbers.var(), float(layer.moving_mean[0])]
    found += [float(layer.moving_variance[0]), in_training, float(layer(numbers)[-1, 0])]
    assert found == pytest.approx(list(lesson_11.BY_HAND.values()), rel=1e-4)
