"""What lesson 11 builds gives the numbers of Keras, and its claims hold."""

import numpy as np
import pytest

from course_utils.exercises import lesson_11
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

tf = import_tensorflow()
from keras import layers  # noqa: E402

RNG = np.random.default_rng(11)
IMAGES = RNG.normal(size=(2, 9, 8, 3)).astype(np.float32)
CLOSE = {"rtol": 1e-3, "atol": 1e-4}


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("11")


@pytest.mark.parametrize("shape", [(7, 3), (4, 5, 5, 3)])
def test_the_lesson_normalises_as_keras_does(lesson, shape):
    ours = lesson["NaiveBatchNorm"](3, momentum=0.8)
    theirs = layers.BatchNormalization(momentum=0.8)
    theirs.build((None, *shape[1:]))
    ours.gamma, ours.beta = RNG.normal(size=(2, 3))
    theirs.gamma.assign(ours.gamma)
    theirs.beta.assign(ours.beta)
    for _ in range(3):
        x = RNG.normal(3.0, 2.0, size=shape).astype(np.float32)
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), **CLOSE)
        np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, **CLOSE)
        np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, **CLOSE)
    np.testing.assert_allclose(ours(x), theirs(x), **CLOSE)


def test_keras_has_the_momentum_and_epsilon_of_the_lesson(lesson):
    layer, ours = layers.BatchNormalization(), lesson["NaiveBatchNorm"](3)
    assert layer.momentum == ours.momentum == 0.99
    assert layer.epsilon == lesson["normalise"].__kwdefaults__["epsilon"] == 0.001


def test_gamma_and_beta_can_undo_the_normalisation(lesson):
    mean, variance = lesson["channel_statistics"](IMAGES)
    undone = lesson["normalise"](IMAGES, mean, variance, np.sqrt(variance + 0.001), mean)
    np.testing.assert_allclose(undone, IMAGES, **CLOSE)


def test_a_summary_counts_the_averages_as_not_trainable(lesson):
    lines = []
    lesson["build_network"]().summary(print_fn=lines.append)
    assert "Non-trainable params: 352" in "\n".join(map(str, lines))  # 2 · (16 + 5 · 32)


def test_moving_averages_are_those_of_the_layer(lesson):
    averages = lesson["moving_averages"](np.array([1.0, 3.0]), 0.9, start=2.0)
    np.testing.assert_allclose(averages, [1.9, 2.01])
    left = lesson["moving_averages"](np.zeros(110), 0.99, start=1.0)
    assert left[-1] == pytest.approx(0.99**110)


# ---------------------------------------------------------------- exercises


def test_one_image_by_itself_is_layer_normalisation():
    layer = layers.LayerNormalization(axis=[1, 2, 3], epsilon=0.001)
    np.testing.assert_allclose(lesson_11.normalise_images(IMAGES), layer(IMAGES), **CLOSE)
    alike = np.full((1, 3, 3, 2), 7.0, np.float32)
    np.testing.assert_array_equal(lesson_11.normalise_images(alike), np.zeros_like(alike))


@pytest.mark.parametrize("answer", [lesson_11.repair, lesson_11.repair_layer_by_layer])
def test_repair_measures_what_arrives_at_each_layer(answer):
    images = lesson_11.images_to_look_at()
    with lesson_11.lagging_network() as network:
        truth = lesson_11.true_averages(network, images)
        answer(network, images)
        for norm, (mean, variance) in zip(
            [network.layers[1], network.layers[4]], truth, strict=True
        ):
            np.testing.assert_allclose(norm.moving_mean, mean, **CLOSE)
            np.testing.assert_allclose(norm.moving_variance, variance, **CLOSE)
        in_use = network(images, training=False)
        np.testing.assert_allclose(in_use, network(images, training=True), rtol=0.01, atol=0.01)


def test_modes_reference_is_keras():
    x = IMAGES * 3 + 1
    layer = layers.BatchNormalization(momentum=0.9, center=False, scale=False)
    layer.build(x.shape)
    mean, variance = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    layer.set_weights([mean, variance])
    for training in (False, True):
        y, new_mean, new_variance = lesson_11.normalise_batch(x, mean, variance, training)
        np.testing.assert_allclose(y, layer(x, training=training), **CLOSE)
        np.testing.assert_allclose(new_mean, layer.moving_mean, **CLOSE)
        np.testing.assert_allclose(new_variance, layer.moving_variance, **CLOSE)


def test_fold_reference_makes_one_layer_of_two():
    conv, norm = layers.Conv2D(5, 3), layers.BatchNormalization(epsilon=0.01)
    conv.build(IMAGES.shape)
    norm.build((None, 7, 6, 5))
    conv.set_weights([RNG.normal(size=(3, 3, 3, 5)), RNG.normal(size=5)])
    gamma, beta, mean = RNG.normal(size=(3, 5))
    variance = RNG.uniform(0.1, 2.0, size=5)
    norm.set_weights([gamma, beta, mean, variance])
    expected = norm(conv(IMAGES), training=False)
    conv.set_weights(lesson_11.fold(*conv.get_weights(), gamma, beta, mean, variance, 0.01))
    np.testing.assert_allclose(conv(IMAGES), expected, rtol=1e-3, atol=1e-3)
