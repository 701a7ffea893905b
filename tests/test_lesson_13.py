"""What lesson 13 builds is what it says, and its exercises judge what they say."""

import numpy as np
import pytest

from course_utils.exercises import lesson_13
from course_utils.exercises.judging import judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code, lesson_parts

tf = import_tensorflow()
import keras  # noqa: E402

RNG = np.random.default_rng(13)


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("13", only=("robust_loss", "WorstClass"))


def test_the_robust_loss_is_its_formula(lesson):
    logits = RNG.normal(size=(20, 10)).astype("float32")
    labels = RNG.integers(0, 10, 20)
    p = tf.nn.softmax(logits).numpy()[np.arange(20), labels]
    for given in (labels, labels[:, None], labels.astype("float32")):
        each = lesson["robust_loss"](given, logits)
        np.testing.assert_allclose(each, (1 - p**0.7) / 0.7, rtol=1e-5)


def test_the_worst_class_is_counted_over_batches(lesson):
    labels = RNG.integers(0, 8, 200)  # two classes never come
    scores = RNG.normal(size=(200, 10)) + 2 * np.eye(10)[labels]
    metric = lesson["WorstClass"]()
    for part in np.array_split(np.arange(200), 7):
        metric.update_state(labels[part], scores[part].astype("float32"))
    right = scores.argmax(axis=1) == labels
    worst = min(right[labels == digit].mean() for digit in range(8))
    assert float(metric.result()) == pytest.approx(worst, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 1.0


def test_fit_resets_a_metric_before_each_epoch_and_before_validation(lesson):
    """Else the numbers of a second epoch would hold those of the first."""
    images = RNG.normal(size=(40, 10)).astype("float32")
    labels = RNG.integers(0, 10, 40)
    model = keras.Sequential([keras.Input((10,)), keras.layers.Activation("linear")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[lesson["WorstClass"]()], run_eagerly=True)
    data = {"validation_data": (10 * np.eye(10, dtype="float32"), np.arange(10))}
    run = model.fit(images, labels, epochs=2, verbose=0, **data).history
    assert run["worst_class"][0] == run["worst_class"][1] < 0.5
    assert run["val_worst_class"] == [1.0, 1.0]


def test_a_function_gets_the_rank_of_the_outputs_and_a_class_does_not():
    seen = {}

    def function(y_true, y_pred):
        seen["function"] = tuple(y_true.shape), tuple(y_pred.shape)
        return tf.square(y_true - y_pred)

    class Loss(keras.losses.Loss):
        def call(self, y_true, y_pred):
            seen["class"] = tuple(y_true.shape), tuple(y_pred.shape)
            return tf.square(y_true - y_pred)

    for loss in (function, Loss()):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", loss, run_eagerly=True)
        model.fit(np.ones((4, 1)), np.ones(4), verbose=0)
    assert seen == {"function": ((4, 1), (4, 1)), "class": ((4,), (4, 1))}


def test_the_price_of_the_weights_is_what_the_lesson_says(capsys):
    lesson_code("13", "zeros")
    loss_and_weights = [
        (line.split("loss ")[1].split()[0], line.split("weights ")[1])
        for line in capsys.readouterr().out.splitlines()
    ]
    small, rate = ("[0.99  0.198]", "[0.9 0.1]")
    assert loss_and_weights == [
        ("0.052", small),
        ("0.000", small),
        ("0.052", rate),
        ("0.000", small),
    ]


# ---------------------------------------------------------------- exercises


def test_the_leaky_function_of_the_statement_leaks():
    images, labels = lesson_13.marked_images()
    _, train, _, held = lesson_13.prepare_leaky(images, labels, np.random.default_rng(0))
    assert set(train.tolist()) & set(held.tolist())


def test_a_split_that_changes_the_callers_images_is_refused():
    def in_place(images, labels, rng):
        images -= images.mean()
        return lesson_13.prepare(images, labels, rng)

    assert "belong to the caller" in judge(lesson_13.leak, in_place).message


def test_parted_labels_are_refused():
    def parted(images, labels, rng):
        train, train_labels, held, held_labels = lesson_13.prepare(images, labels, rng)
        return train, rng.permutation(train_labels), held, held_labels

    assert "do not belong together" in judge(lesson_13.leak, parted).message


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_the_cheapest_constant_is_the_quantile(q):
    targets = RNG.normal(size=1001).astype("float32")
    loss = lesson_13.QuantileLoss(q)
    answers = np.linspace(-3, 3, 601, dtype="float32")
    prices = [float(loss(targets, np.full((1001, 1), answer))) for answer in answers]
    assert answers[np.argmin(prices)] == pytest.approx(np.quantile(targets, q), abs=0.02)
