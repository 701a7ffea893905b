"""The course's loop learns what ``fit`` learns, resumes exactly, and says what is wrong."""

import contextlib
import io

import numpy as np
import pytest

from course_utils.session import import_tensorflow, seed_everything
from course_utils.training.loop import TrainingLoop, make_batches

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

RNG = np.random.default_rng(10)
IMAGES = RNG.uniform(size=(70, 12)).astype(np.float32)
LABELS = RNG.integers(0, 4, size=70)


def network(*, seed=0, dropout=0.0):
    """A network with weight decay, batch normalisation and, on demand, dropout."""
    seed_everything(seed)
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(momentum=0.9),
            *([layers.Dropout(dropout)] if dropout else []),
            layers.Dense(4),
        ]
    )


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def accuracy():
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def make_loop(model=None, **options):
    options = {"optimizer": keras.optimizers.Adam(0.01), "loss": cross_entropy(), **options}
    return TrainingLoop(network() if model is None else model, **options)


def assert_same_weights(model, other, tolerance=1e-5):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


def labels_of(batches):
    return np.concatenate([labels for _, labels in batches])


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("count", [1, 31, 32, 33, 70])
@pytest.mark.parametrize("drop", [False, True])
def test_batches_hold_all_samples_in_order(count, drop):
    if drop and count < 32:
        with pytest.raises(ValueError, match="do not fill one batch of 32"):
            make_batches((IMAGES[:count], LABELS[:count]), drop_remainder=True)
        return
    batches = make_batches((IMAGES[:count], LABELS[:count]), drop_remainder=drop)
    kept = count - count % 32 if drop else count
    np.testing.assert_array_equal(labels_of(batches), LABELS[:kept])
    assert len(batches) == -(-kept // 32)
    assert batches.element_spec[0].shape[0] == (32 if drop else None)


def test_shuffling_keeps_pairs_and_mixes_each_epoch_anew():
    numbers = np.arange(500)
    batches = make_batches((numbers.astype("float32"), numbers), shuffle=True, seed=3)
    epochs = [[np.concatenate(part) for part in zip(*batches, strict=True)] for _ in range(2)]
    for values, labels in epochs:
        np.testing.assert_array_equal(values, labels)
        np.testing.assert_array_equal(np.sort(labels), numbers)
        assert abs(np.corrcoef(labels, numbers)[0, 1]) < 0.25
    assert not np.array_equal(epochs[0][1], epochs[1][1])


def test_seed_and_reshuffle_fix_the_order():
    def order(**options):
        seed_everything(5)
        return labels_of(make_batches((IMAGES, np.arange(70)), shuffle=True, **options))

    assert np.array_equal(order(seed=1), order(seed=1))
    assert not np.array_equal(order(seed=1), order(seed=2))
    fixed = make_batches((IMAGES, np.arange(70)), shuffle=True, seed=1, reshuffle=False)
    assert np.array_equal(labels_of(fixed), labels_of(fixed))


def test_transform_sees_whole_batches_and_structures_stay():
    data = ({"a": IMAGES, "b": np.array(["x"] * 70)}, LABELS)
    batches = make_batches(
        data, transform=lambda inputs, labels: ({**inputs, "a": inputs["a"] * 2}, labels)
    )
    inputs, labels = next(iter(batches))
    np.testing.assert_allclose(inputs["a"], 2 * IMAGES[:32])
    assert inputs["b"].dtype == tf.string and labels.shape == (32,)
    assert make_batches(IMAGES).element_spec.shape == (None, 12)


BAD_BATCHES = {
    "lengths": (lambda: make_batches((IMAGES, LABELS[:9])), r"data\[0\] has 70, data\[1\] has 9"),
    "nested lengths": (lambda: make_batches(({"a": IMAGES}, LABELS[:9])), r"data\[0\]\['a'\]"),
    "empty": (lambda: make_batches((IMAGES[:0], LABELS[:0])), "at least one sample"),
    "nothing": (lambda: make_batches(()), "at least one array"),
    "none": (lambda: make_batches((IMAGES, None)), r"data\[1\]: expected an array, got None"),
    "scalar": (lambda: make_batches((IMAGES, 3)), r"data\[1\]: expected an array with a sample"),
    "function": (lambda: make_batches(print), "data: expected an array"),
    "ragged": (lambda: make_batches(([[1], [2, 3]], LABELS)), r"data\[0\]: expected an array of"),
    "size": (lambda: make_batches(IMAGES, batch_size=0), "batch_size: expected at least 1, got 0"),
    "size type": (lambda: make_batches(IMAGES, batch_size=2.0), "batch_size: expected a whole"),
    "flag": (lambda: make_batches(IMAGES, shuffle=1), "shuffle: expected True or False, got 1"),
    "seed": (lambda: make_batches(IMAGES, shuffle=True, seed=-1), "seed: expected at least 0"),
    "idle seed": (lambda: make_batches(IMAGES, seed=1), "seed: 1 has nothing to fix"),
    "idle flag": (lambda: make_batches(IMAGES, reshuffle=False), "reshuffle: False means"),
    "transform": (lambda: make_batches(IMAGES, transform="x"), "transform: expected a function"),
}


@pytest.mark.parametrize("name", BAD_BATCHES)
def test_bad_arguments_of_batches_are_named(name):
    make, message = BAD_BATCHES[name]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


# ---------------------------------------------------------------- the same as fit


@pytest.mark.parametrize(
    ("steps_per_call", "jit_compile", "rule"),
    [(1, False, "adam"), (2, False, "sgd"), (100, False, "adam"), (2, True, "sgd")],
)
def test_weights_and_history_are_those_of_fit(steps_per_call, jit_compile, rule):
    # Not Adam with XLA: the bias before the normalisation has a gradient of rounding errors alone,
    # which Adam makes as long as any other.
    def make_optimizer():
        return keras.optimizers.Adam(0.01) if rule == "adam" else keras.optimizers.SGD(0.1, 0.9)

    def batches():
        return make_batches((IMAGES, LABELS), batch_size=16, shuffle=True, seed=1, reshuffle=False)

    validation = make_batches((IMAGES[:25], LABELS[:25]), batch_size=10)
    loop = make_loop(
        optimizer=make_optimizer(),
        metrics=[accuracy()],
        steps_per_call=steps_per_call,
        jit_compile=jit_compile,
    )
    ours = loop.fit(batches(), epochs=3, validation_data=validation)
    model = network()
    model.compile(make_optimizer(), cross_entropy(), metrics=[accuracy()])
    theirs = model.fit(
        batches(), epochs=3, validation_data=validation, shuffle=False, verbose=0
    ).history
    assert_same_weights(loop.model, model, tolerance=1e-4)
    assert set(ours) == set(theirs)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4)
        assert all(type(value) is float for value in values)
    measured = loop.evaluate(validation)
    expected = model.evaluate(validation, return_dict=True, verbose=0)
    for name, value in measured.items():
        assert value == pytest.approx(expected[name], rel=1e-4)


def test_sample_weights_count_as_in_fit():
    weights = RNG.uniform(0.5, 2.0, size=70).astype("float32")
    batches = make_batches((IMAGES, LABELS, weights), batch_size=16)
    loop = make_loop(metrics=[accuracy()])
    ours = loop.fit(batches)
    model = network()
    model.compile(keras.optimizers.Adam(0.01), cross_entropy(), metrics=[accuracy()])
    theirs = model.fit(batches, shuffle=False, verbose=0).history
    assert_same_weights(loop.model, model)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-4)


def test_structures_of_inputs_and_targets_are_passed_on():
    inputs = {"a": keras.Input((12,), name="a"), "b": keras.Input((12,), name="b")}
    joined = layers.concatenate([inputs["a"], inputs["b"]])
    model = keras.Model(inputs, {"one": layers.Dense(4)(joined), "two": layers.Dense(1)(joined)})

    def loss(targets, outputs):
        first = cross_entropy()(targets["one"], outputs["one"])
        return first + tf.reduce_mean((targets["two"] - outputs["two"]) ** 2)

    batches = make_batches(
        ({"a": IMAGES, "b": 1 - IMAGES}, {"one": LABELS, "two": IMAGES[:, :1]}), batch_size=32
    )
    history = make_loop(model, loss=loss).fit(batches, epochs=5)
    assert history["loss"][-1] < history["loss"][0]


def test_losses_a_sample_are_averaged():
    pairs = make_batches((IMAGES, LABELS))
    one_number = make_loop(loss=cross_entropy()).evaluate(pairs)

    def a_sample(labels, logits):
        return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)

    assert make_loop(loss=a_sample).evaluate(pairs)["loss"] == pytest.approx(one_number["loss"])


def test_epochs_may_be_cut_anywhere():
    batches = make_batches((IMAGES, LABELS), batch_size=16)
    loop, other = make_loop(), make_loop()
    history = loop.fit(batches, epochs=2, steps_per_epoch=3)
    assert len(history["loss"]) == 2 and int(loop.optimizer.iterations) == 6
    other.fit(batches.repeat().take(6))
    assert_same_weights(loop.model, other.model)
    endless = make_loop()
    endless.fit(batches.repeat(), epochs=2, steps_per_epoch=3)
    assert_same_weights(endless.model, other.model)


def test_metrics_start_anew_and_a_second_fit_goes_on():
    batches = make_batches((IMAGES, LABELS))
    loop, other = make_loop(metrics=[accuracy()]), make_loop(metrics=[accuracy()])
    in_two = loop.fit(batches, epochs=2)["loss"] + loop.fit(batches, epochs=1)["loss"]
    np.testing.assert_allclose(in_two, other.fit(batches, epochs=3)["loss"], rtol=1e-5)


def test_frozen_layers_stay():
    model = network()
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    loop = make_loop(model)
    loop.fit(make_batches((IMAGES, LABELS)), epochs=2)
    np.testing.assert_array_equal(before[0], model.layers[0].get_weights()[0])
    model.layers[0].trainable = True
    with pytest.raises(ValueError, match=r"trainable weights now.*make a new TrainingLoop"):
        loop.fit(make_batches((IMAGES, LABELS)))


def test_a_graph_serves_all_calls():
    loop = make_loop(steps_per_call=2)
    for size in (16, 32):
        loop.fit(make_batches((IMAGES, LABELS), batch_size=size), epochs=2)
    assert loop._train.experimental_get_tracing_count() == 1


# ---------------------------------------------------------------- resuming


def interrupted(folder, epochs, *, seed, dropout):
    model = network(seed=seed, dropout=dropout)
    seed_everything(7)
    loop = make_loop(model, metrics=[accuracy()])
    batches = make_batches((IMAGES, LABELS), batch_size=16, shuffle=True, seed=1)
    history = loop.fit(batches, epochs=epochs, checkpoint=folder)
    return model, history, int(loop.optimizer.iterations)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_a_resumed_run_ends_where_the_whole_one_does(tmp_path, dropout):
    whole, history, steps = interrupted(tmp_path / "a", 4, seed=0, dropout=dropout)
    interrupted(tmp_path / "b", 2, seed=0, dropout=dropout)
    resumed, again, steps_again = interrupted(tmp_path / "b", 4, seed=99, dropout=dropout)
    assert_same_weights(whole, resumed, tolerance=1e-6)
    assert steps == steps_again == 20
    for name, values in history.items():
        np.testing.assert_allclose(values, again[name], rtol=1e-5)
    _, finished, _ = interrupted(tmp_path / "b", 4, seed=5, dropout=dropout)
    assert finished == again


def test_the_state_of_another_model_is_refused(tmp_path):
    make_loop().fit(make_batches((IMAGES, LABELS)), checkpoint=tmp_path)
    other = keras.Sequential([keras.Input((12,)), layers.Dense(4)])
    with pytest.raises(ValueError, match=r"checkpoint: the state in .* is not that of this model"):
        make_loop(other).fit(make_batches((IMAGES, LABELS)), epochs=2, checkpoint=tmp_path)


# ---------------------------------------------------------------- progress


@pytest.mark.parametrize(
    ("quiet", "progress", "shows"),
    [("1", None, False), ("0", None, True), ("1", True, True), ("0", False, False)],
)
def test_the_bar_is_quiet_under_test(monkeypatch, quiet, progress, shows):
    monkeypatch.setenv("COURSE_QUIET", quiet)
    loop = make_loop(metrics=[accuracy()], steps_per_call=1)
    with contextlib.redirect_stdout(io.StringIO()) as caught:
        loop.fit(make_batches((IMAGES, LABELS)), epochs=2, progress=progress)
    assert ("Epoch 2/2" in caught.getvalue()) == shows
    assert ("accuracy" in caught.getvalue()) == shows


# ---------------------------------------------------------------- what is refused

PAIRS = (IMAGES, LABELS)


def unbuilt():
    return keras.Sequential([layers.Dense(4)])


def all_frozen():
    model = network()
    model.trainable = False
    return model


def unknown_number():
    return make_batches(PAIRS).filter(lambda images, labels: True)


def vector_metric():
    class PerClass(keras.metrics.Metric):
        def update_state(self, targets, outputs, sample_weight=None):
            pass

        def result(self):
            return tf.zeros(4)

    return PerClass(name="per_class")


BAD_LOOPS = {
    "model": (lambda: make_loop(lambda x: x), "model: expected a Keras model"),
    "unbuilt": (lambda: make_loop(unbuilt()), "has no weights yet. Call it once"),
    "frozen": (lambda: make_loop(all_frozen()), "are frozen"),
    "optimizer": (lambda: make_loop(optimizer="adam"), "optimizer: expected a Keras optimizer"),
    "loss": (lambda: make_loop(loss="mse"), "loss: expected a function of targets and outputs"),
    "loss class": (
        lambda: make_loop(loss=keras.losses.MeanSquaredError),
        "loss: .* got the class MeanSquaredError",
    ),
    "metrics": (lambda: make_loop(metrics="accuracy"), "metrics: expected a list"),
    "metric": (lambda: make_loop(metrics=["accuracy"]), r"metrics\[0\]: expected a Keras metric"),
    "names": (lambda: make_loop(metrics=[accuracy(), accuracy()]), r"metrics\[1\]: the name"),
    "loss name": (
        lambda: make_loop(metrics=[keras.metrics.Mean(name="loss")]),
        r"metrics\[0\]: the name 'loss' is taken",
    ),
    "vector": (
        lambda: make_loop(metrics=[vector_metric()]).fit(make_batches(PAIRS)),
        r"'per_class' has a result of shape \(4,\)",
    ),
    "steps": (lambda: make_loop(steps_per_call=0), "steps_per_call: expected at least 1"),
    "jit": (lambda: make_loop(jit_compile="auto"), "jit_compile: expected True or False"),
    "arrays": (lambda: make_loop().fit(PAIRS), "batches: expected a tf.data.Dataset"),
    "one part": (lambda: make_loop().fit(make_batches(IMAGES)), "batches: .* got no tuple"),
    "samples": (
        lambda: make_loop().fit(tf.data.Dataset.from_tensor_slices(PAIRS)),
        "batches: expected batches, got single samples",
    ),
    "epochs": (lambda: make_loop().fit(make_batches(PAIRS), epochs=0), "epochs: expected at least"),
    "endless": (
        lambda: make_loop().fit(make_batches(PAIRS).repeat()),
        "steps_per_epoch: the batches have no end",
    ),
    "unknown": (
        lambda: make_loop().fit(unknown_number()),
        "steps_per_epoch: the number of batches is not known",
    ),
    "no batch": (lambda: make_loop().fit(make_batches(PAIRS).take(0)), "at least one batch"),
    "no batch after all": (
        lambda: make_loop().evaluate(make_batches(PAIRS).filter(lambda images, labels: False)),
        "at least one batch with a sample",
    ),
    "endless validation": (
        lambda: make_loop().fit(make_batches(PAIRS), validation_data=make_batches(PAIRS).repeat()),
        "validation_data: it has no end",
    ),
    "endless evaluation": (
        lambda: make_loop().evaluate(make_batches(PAIRS).repeat()),
        "batches: it has no end",
    ),
    "checkpoint": (
        lambda: make_loop().fit(make_batches(PAIRS), checkpoint=True),
        "checkpoint: expected a folder, got True",
    ),
    "progress": (
        lambda: make_loop().fit(make_batches(PAIRS), progress="yes"),
        "progress: expected True or False",
    ),
}


@pytest.mark.parametrize("name", BAD_LOOPS)
def test_bad_arguments_of_the_loop_are_named(name):
    make, message = BAD_LOOPS[name]
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_an_unknown_number_of_batches_can_be_evaluated_and_counted_out():
    loop = make_loop()
    expected = loop.evaluate(make_batches(PAIRS))["loss"]
    assert loop.evaluate(unknown_number())["loss"] == pytest.approx(expected)
    history = loop.fit(unknown_number(), steps_per_epoch=3, validation_data=unknown_number())
    assert set(history) == {"loss", "val_loss"}
