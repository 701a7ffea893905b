"""The rules of lesson 09 are those of Keras, beyond its own numbers, and its exercises too."""

import numpy as np
import pytest

from course_utils.exercises import lesson_09
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()
import keras  # noqa: E402

RNG = np.random.default_rng(9)


@pytest.fixture(scope="module")
def lesson():
    return lesson_code("09", "Descent", "Adam", "flatten", "published", "gradients_of")


def apart(ours, theirs, steps=12, size=1.0):
    """Return how far two rules end apart after steps with two weights."""
    start = [RNG.normal(size=shape).astype("float32") for shape in ((4, 3), (3,))]
    mine, other = [tf.Variable(a) for a in start], [tf.Variable(a) for a in start]
    for _ in range(steps):
        gradients = [tf.constant(size * RNG.normal(size=a.shape), tf.float32) for a in start]
        ours.apply(gradients, mine)
        theirs.apply(gradients, other)
    return max(np.abs(a - b).max() for a, b in zip(mine, other, strict=True))


@pytest.mark.parametrize("rate", [0.001, 0.1])
@pytest.mark.parametrize("size", [0.001, 1.0, 10.0])
def test_the_rules_of_the_lesson_are_those_of_keras(lesson, rate, size):
    assert apart(lesson["Descent"](rate), keras.optimizers.SGD(rate), size=size) < 1e-5
    assert apart(lesson["Adam"](rate), keras.optimizers.Adam(rate), size=size) < 1e-5
    with_betas = {"beta_1": 0.5, "beta_2": 0.9}
    ours, theirs = lesson["Adam"](rate, **with_betas), keras.optimizers.Adam(rate, **with_betas)
    assert apart(ours, theirs, size=size) < 1e-5


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("rule", [lesson_09.MyMomentum, *lesson_09.momentum.right])
def test_the_momentum_of_the_exercise_is_that_of_keras(rule, momentum):
    assert apart(rule(0.1, momentum), keras.optimizers.SGD(0.1, momentum=momentum)) < 1e-5


@pytest.mark.parametrize("pieces", [2, 8])
def test_accumulated_gradients_are_those_of_the_whole_batch(lesson, pieces):
    network = lesson["new_network"](lesson["centred"])
    images, labels = lesson["train_images"][:64], lesson["train_labels"][:64]
    whole = lesson["gradients_of"](network, images, labels)
    parts = [
        lesson["gradients_of"](network, *piece)
        for piece in zip(np.split(images, pieces), np.split(labels, pieces), strict=True)
    ]
    for one, *several in zip(whole, *parts, strict=True):
        np.testing.assert_allclose(sum(several) / pieces, one, atol=1e-6)


@pytest.mark.parametrize("sizes", [(784, 512), (512, 10), (3, 7)])
def test_the_default_of_dense_is_glorots_range(sizes):
    before, after = sizes
    layer = keras.layers.Dense(after)
    layer.build((None, before))
    limit = np.sqrt(6 / (before + after))
    assert 0.5 * limit < np.abs(layer.get_weights()[0]).max() <= limit + 1e-6
    assert not layer.get_weights()[1].any()


def test_a_step_of_the_last_kernel_moves_logits_by_the_sum_of_squares(lesson):
    for start in ("published", "centred"):
        network = lesson["new_network"](lesson[start])
        image, label = lesson["train_images"][:1], lesson["train_labels"][:1]
        answers, before = network.layers[0](image), network(image).numpy()
        error = tf.nn.softmax(before) - tf.one_hot(label, 10)
        gradient = lesson["gradients_of"](network, image, label)[2]
        network.layers[1].kernel.assign_sub(0.01 * gradient)
        moved = -0.01 * tf.reduce_sum(answers**2) * error
        np.testing.assert_allclose(network(image) - before, moved, rtol=1e-3, atol=1e-3)


def test_twins_stay_twins_under_every_rule(lesson):
    for rule in (keras.optimizers.SGD(0.1, momentum=0.9), keras.optimizers.Adam(0.01)):
        network = lesson["new_network"](keras.initializers.Constant(0.01))
        for start in (0, 128, 256):
            batch = slice(start, start + 128)
            images, labels = lesson["train_images"][batch], lesson["train_labels"][batch]
            gradients = lesson["gradients_of"](network, images, labels)
            rule.apply(gradients, network.trainable_variables)
        kernel = network.get_weights()[0]
        assert np.abs(kernel - 0.01).max() > 1e-3, "they have moved"
        np.testing.assert_allclose(kernel, np.tile(kernel[:, :1], 512), atol=1e-5)


def test_the_network_of_the_check_tells_the_mistakes_apart():
    kernel, bias, last_kernel, last_bias = lesson_09.off_centre().get_weights()
    assert kernel.min() >= 0 and kernel.max() <= 0.1 and last_kernel.min() >= 2
    assert bias.all() and last_bias.all()
    assert abs(kernel.mean() - 0.05) > 1e-3, "0.05 is not its mean"
