"""Exercises of lesson 24, Subclassing."""

import json
import tempfile
from pathlib import Path

import numpy as np

from course_utils.exercises.expect import (
    NotAttempted,
    call,
    describe,
    expect_class,
    expect_shape,
    fail,
    is_close,
    random_batch,
    run_layer,
    to_array,
    without_warnings,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers, ops  # noqa: E402

# ---------------------------------------------------------------- 24.1


class Affine(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="shift")

    def call(self, inputs):
        return inputs * self.scale + self.shift


@without_warnings
def check_affine(answer):
    expect_class(answer, layers.Layer, "Affine")
    layer, x = call(answer), random_batch(4, 3, seed=24)
    first = expect_shape(run_layer(layer, x), (4, 3), "What the layer returns")
    if not is_close(first, run_layer(layer, x)):
        fail("Two calls on the same rows differ: something is made anew in call.")
    shapes = sorted(tuple(weight.shape) for weight in layer.weights)
    if not layer.weights:
        fail(
            "The layer has no weights. Make them with self.add_weight; Keras does not see a "
            "tf.Variable or an array."
        )
    if any(shape != (3,) for shape in shapes):
        fail(
            f"The weights have the shapes {shapes}; expected (3,) for rows of 3 numbers, one "
            "number a feature. The last entry of input_shape says how many features there are."
        )
    if len(shapes) != 2:
        fail(f"The layer has {len(shapes)} weights; expected two, scale and shift.")
    if len(layer.trainable_weights) != 2:
        fail("A weight is not trainable, so fit leaves it as it is.")
    if not is_close(first, x):
        fail("A new layer should return its inputs as they are: a scale of ones, a shift of zeros.")
    scale, shift = np.array([2.0, -1.0, 0.5], "float32"), np.array([10.0, 20.0, 30.0], "float32")
    one, other = np.array([2.0, -1.0, 0.5], "float32"), np.array([9.0, 20.0, 30.0], "float32")
    layer.set_weights([one, other])
    got = run_layer(layer, x)
    for scale, shift in ((one, other), (other, one)):  # whichever was made first
        if is_close(got, x * scale + shift):
            return
        if is_close(got, (x + shift) * scale):
            fail("It shifts first and scales then. Expected inputs times scale, plus shift.")
        if is_close(got, x * scale):
            fail("The shift is a weight, and has no part in what the layer returns.")
    fail("Expected inputs times scale, plus shift, feature by feature.")


class AffineByVariables(layers.Layer):
    def __init__(self):
        super().__init__()
        self.scale, self.shift = tf.Variable(tf.ones([3])), tf.Variable(tf.zeros([3]))

    def call(self, inputs):
        return inputs * self.scale + self.shift


class AffineOfOneNumber(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones")
        self.shift = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        return inputs * self.scale + self.shift


class AffineOfZeros(Affine):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="zeros")
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros")


class AffineFrozen(Affine):
    def build(self, input_shape):
        super().build(input_shape)
        self.shift.trainable = False


class AffineShiftsFirst(Affine):
    def call(self, inputs):
        return (inputs + self.shift) * self.scale


class AffineWithoutShift(Affine):
    def call(self, inputs):
        return inputs * self.scale


class AffineInCall(Affine):
    def build(self, input_shape):
        pass

    def call(self, inputs):
        self.scale = self.add_weight(shape=(inputs.shape[-1],), initializer="ones")
        self.shift = self.add_weight(shape=(inputs.shape[-1],), initializer="zeros")
        return inputs * self.scale + self.shift


class AffineByVariablesOfKeras(layers.Layer):
    def build(self, input_shape):
        self.shift = keras.Variable(np.zeros(input_shape[-1], "float32"))
        self.scale = keras.Variable(np.ones(input_shape[-1], "float32"))

    def call(self, inputs):
        return ops.add(ops.multiply(inputs, self.scale), self.shift)


affine = Exercise(
    id="24.1",
    title="A layer that scales and shifts",
    minutes=5,
    statement="""Write the layer `Affine`, a class without arguments. It is called on float32
`(batch, n)` and returns float32 of the same shape: inputs times scale, plus shift, feature by
feature. Scale and shift are two trainable weights of shape `(n,)`; the scale starts with ones, the
shift with zeros. `self.add_weight(shape=..., initializer="ones")` makes a weight of ones.""",
    stub="""class Affine(layers.Layer):
    def build(self, input_shape):
        ...

    def call(self, inputs):
        ...""",
    answer="Affine",
    check=check_affine,
    reference=Affine,
    hints=(
        "`build` is given the shape of the first input. Its last entry is n.",
        "In `build`: self.scale = self.add_weight(shape=(input_shape[-1],), initializer='ones'), "
        "and the shift with zeros. In `call`: return one line.",
    ),
    explanation=(
        "`build` knows how many features there are, so the class needs no argument for it. This is "
        "what a batch normalisation learns, too: gamma and beta."
    ),
    wrong=(
        Wrong(AffineByVariables, "The layer has no weights"),
        Wrong(AffineOfOneNumber, "one number a feature"),
        Wrong(AffineOfZeros, "a scale of ones, a shift of zeros"),
        Wrong(AffineFrozen, "A weight is not trainable"),
        Wrong(AffineShiftsFirst, "It shifts first"),
        Wrong(AffineWithoutShift, "has no part in what the layer returns"),
        Wrong(AffineInCall, "call makes new weights or layers"),
    ),
    right=(AffineByVariablesOfKeras,),
)

# ---------------------------------------------------------------- 24.2


@keras.saving.register_keras_serializable(package="exercise_24")
class Reader(keras.Model):
    def __init__(self, encoder, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.classes = encoder, classes
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.head(self.encoder(inputs))

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return super().get_config() | {"encoder": encoder, "classes": self.classes}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config | {"encoder": encoder})


@without_warnings
def check_reader(answer):
    expect_class(answer, keras.Model, "Reader")
    x = random_batch(4, 6)

    def make():
        return answer(layers.Dense(5, activation="tanh"), classes=3, name="my_reader")

    model = call(make)
    expect_shape(run_layer(model, x), (4, 3), "What Reader(encoder, classes=3) returns")
    config = check_config(model)

    def from_config():
        return answer.from_config(config)

    copy = call(from_config)
    if not isinstance(copy, answer):
        fail(f"from_config returns {describe(copy)}; expected a Reader.")
    if not isinstance(getattr(copy, "encoder", None), layers.Layer):
        fail(
            f"After from_config, `encoder` is {describe(getattr(copy, 'encoder', None))}: the dict "
            "that describes the layer. from_config has to make the layer of it."
        )
    if copy.name != "my_reader":
        fail(
            "The model was called my_reader, and the copy is not. super().get_config() holds the "
            "name, and __init__ hands it on with **kwargs."
        )
    run_layer(copy, x)
    if [tuple(w.shape) for w in copy.weights] != [tuple(w.shape) for w in model.weights]:
        fail("The copy made by from_config has weights of other shapes.")
    check_other_encoder(answer)
    with tempfile.TemporaryDirectory() as folder:
        check_file(model, x, Path(folder) / "reader.keras")


def check_other_encoder(answer):
    """Make a model again whose encoder is no dense layer."""
    try:
        copy = answer.from_config(answer(layers.Rescaling(0.5)).get_config())
        same = isinstance(copy.encoder, layers.Rescaling) and copy.encoder.scale == 0.5
    except Exception:
        same = False
    if not same:
        fail(
            "A Reader with another encoder, layers.Rescaling(0.5), is not made again with it. The "
            "configuration has to say of which class the encoder is; serialize_keras_object does."
        )


def check_config(model):
    """Return the configuration of a model, after checking what stands in it."""
    try:
        config = model.get_config()
    except NotImplementedError:
        fail(
            "There is no get_config of its own. Keras cannot guess it, since __init__ needs "
            "an argument that is a layer."
        )
    if config is None:
        raise NotAttempted("get_config returns None. Complete it, then from_config.")
    if not isinstance(config, dict):
        fail(f"get_config returns {describe(config)}; expected a dict.")
    missing = [name for name in ("encoder", "classes") if name not in config]
    if missing:
        fail(
            f"get_config leaves out {' and '.join(missing)}. Every argument of __init__ belongs "
            "into it; without it nobody can make this model again."
        )
    if config["classes"] != 3:
        fail(
            f"The model was made with classes=3, and its configuration says {config['classes']}: "
            "the default instead of the value given. Store the argument on self and return that."
        )
    if isinstance(config["encoder"], layers.Layer):
        fail(
            "The configuration holds the layer itself. It is to hold words and numbers that can be "
            "written to a file; keras.saving.serialize_keras_object describes a layer so."
        )
    try:
        json.dumps(config)
    except (TypeError, ValueError):
        fail("The configuration holds something that JSON cannot write.")
    if config["encoder"] == {} or not isinstance(config["encoder"], dict):
        fail(f"The encoder is described by {describe(config['encoder'])}; expected a dict.")
    if "name" not in config:
        fail("The name is not in the configuration: it comes with super().get_config().")
    return config


def check_file(model, x, path):
    """Save a model, load it, and compare the answers."""

    def save():
        model.save(path)
        return True

    call(save)
    try:
        loaded = keras.models.load_model(path)
    except Exception as error:
        if "Could not locate class" in str(error):
            fail(
                'It can be saved; loading ends with "Could not locate class". The class is not '
                "registered: it needs a line above its first."
            )
        raise
    if not is_close(loaded(x), model(x)):
        fail("The loaded model answers differently.")


def registered(cls):
    return keras.saving.register_keras_serializable(package="exercise_24")(cls)


class PlainReader(keras.Model):
    def __init__(self, encoder, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.classes = encoder, classes
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.head(self.encoder(inputs))


@registered
class ReaderNoConfig(PlainReader):
    pass


@registered
class ReaderWithoutEncoder(PlainReader):
    def get_config(self):
        return super().get_config() | {"classes": self.classes}


class Forgetful(PlainReader):
    def get_config(self):
        return {"name": self.name}


@registered
class ReaderWithDefaults(Reader):
    def get_config(self):
        return super().get_config() | {"classes": 10}


@registered
class ReaderWithLayer(PlainReader):
    def get_config(self):
        return {"name": self.name, "encoder": self.encoder, "classes": self.classes}


@registered
class ReaderWithoutFromConfig(PlainReader):
    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return {"name": self.name, "encoder": encoder, "classes": self.classes}


@registered
class ReaderNameless(Reader):
    def get_config(self):
        config = super().get_config()
        return {"encoder": config["encoder"], "classes": config["classes"]}


@registered
class ReaderSwallowsName(Reader):
    def __init__(self, encoder, classes=10, name=None, **kwargs):
        super().__init__(encoder, classes)


class ReaderUnregistered(Reader):
    pass


@registered
class ReaderNewEncoder(Reader):
    @classmethod
    def from_config(cls, config):
        return cls(layers.Dense(8), config["classes"], name=config["name"])


@registered
class ReaderOnlyDense(Reader):
    def get_config(self):
        return super().get_config() | {"encoder": self.encoder.get_config()}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"encoder": layers.Dense.from_config(config["encoder"])})


@keras.saving.register_keras_serializable(package="another right answer")
class ReaderByHand(PlainReader):
    def get_config(self):
        config = super(PlainReader, self).get_config()
        config.update(
            classes=self.classes, encoder=keras.saving.serialize_keras_object(self.encoder)
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"))
        return cls(encoder, **config)


reader = Exercise(
    id="24.2",
    title="Make a model serialisable",
    minutes=10,
    statement="""The model `Reader` is made of a layer that you hand in, the encoder, and a dense
layer. As it stands, its `save` raises. Complete the class so that it can be saved, and loaded
without `custom_objects`.

- `get_config()` returns a dict with everything needed to make the same model again, in values that
  JSON can write: the encoder, `classes` and what every Keras model has, such as its name.
- `from_config(config)`, a class method, makes the model again, with an encoder of its own.
- The class is registered under a package name of your choice.

Leave `__init__` and `call` as they are. `keras.saving.serialize_keras_object(layer)` describes a
layer as a dict, and `keras.saving.deserialize_keras_object(description)` makes a layer of it.""",
    stub="""class Reader(keras.Model):
    def __init__(self, encoder, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.classes = encoder, classes
        self.head = layers.Dense(classes)

    def call(self, inputs, training=None):
        return self.head(self.encoder(inputs))

    def get_config(self):
        ...

    @classmethod
    def from_config(cls, config):
        ...""",
    answer="Reader",
    check=check_reader,
    reference=Reader,
    hints=(
        "Three things are needed: a get_config that describes, a from_config that makes again, and "
        "a registration, so that Keras finds the class by its name.",
        "Begin with super().get_config(), and add both arguments of __init__ to it. The encoder is "
        "a layer: describe it with serialize_keras_object.",
        "In from_config, replace config['encoder'] by what deserialize_keras_object makes of it, "
        "then return cls(**config). @keras.saving.register_keras_serializable(package=...) stands "
        "above the class.",
    ),
    explanation=(
        "get_config says with which arguments to make the model again. An argument that is a layer "
        "is described by its own configuration, and from_config makes the layer before the model."
    ),
    wrong=(
        Wrong(ReaderNoConfig, "There is no get_config of its own"),
        Wrong(Forgetful, "leaves out encoder and classes"),
        Wrong(ReaderWithDefaults, "the default instead of the value given"),
        Wrong(ReaderWithLayer, "holds the layer itself"),
        Wrong(ReaderWithoutFromConfig, "from_config has to make the layer of it"),
        Wrong(ReaderNameless, "The name is not in the configuration"),
        Wrong(ReaderSwallowsName, "the copy is not"),
        Wrong(ReaderUnregistered, "is not registered"),
        Wrong(ReaderNewEncoder, "weights of other shapes"),
        Wrong(ReaderOnlyDense, "of which class the encoder is"),
    ),
    right=(ReaderByHand,),
    seconds=60,
)

# ---------------------------------------------------------------- 24.3


class Experts(layers.Layer):
    def __init__(self, units, count):
        super().__init__()
        self.count = count
        self.experts = [layers.Dense(units) for _ in range(count)]

    def build(self, input_shape):
        start = keras.initializers.Constant(1 / self.count)
        self.share = self.add_weight(shape=(self.count,), initializer=start, name="share")

    def call(self, inputs):
        answers = [expert(inputs) for expert in self.experts]
        return sum(self.share[place] * answer for place, answer in enumerate(answers))


@without_warnings
def check_experts(answer):
    expect_class(answer, layers.Layer, "Experts")
    units, count, x = 3, 4, random_batch(5, 2)
    layer = call(answer, units, count)
    what = "Experts(3, 4) on a batch of shape (5, 2)"
    first = expect_shape(run_layer(layer, x), (5, units), what)
    if not is_close(run_layer(layer, x), first):
        fail(
            "Called twice on one batch, it answers differently: it makes new dense layers at each "
            "call. Make them once, in __init__."
        )
    shapes = sorted(tuple(weight.shape) for weight in layer.weights)
    kernels = [weight for weight in layer.weights if tuple(weight.shape) == (2, units)]
    if not kernels:
        fail(
            "Keras finds no matrix of a dense layer among its weights. It looks into attributes, "
            "and into lists, tuples and dicts of them, and not into functions or other objects."
        )
    if len(kernels) == 1:
        fail(
            "There is one matrix among its weights, not four. [layer] * 4 is a list that holds "
            "one layer four times."
        )
    shares = [weight for weight in layer.weights if tuple(weight.shape) == (count,)]
    if not shares:
        fail(
            f"The shares, of shape ({count},), are not among its weights, so fit will not train "
            "them. Keras does not see a tf.Variable; what makes a weight of a layer?"
        )
    if len(kernels) != count or len(shapes) != 2 * count + 1:
        fail(f"It has weights of the shapes {shapes}; expected four matrices, four biases, shares.")
    share = shares[0]
    if not share.trainable:
        fail("The shares are a weight that is not trainable, so they stay as they are.")
    if not is_close(share, np.full(count, 1 / count)):
        fail(f"The shares start at {describe(to_array(share))}; expected 1 / count in each place.")
    check_mixing(layer, share, kernels, x)


def check_mixing(layer, share, kernels, x):
    """Give all weights other values and compare the answer with NumPy's."""
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(rng.normal(size=weight.shape))
    biases = [weight for weight in layer.weights if tuple(weight.shape) == (3,)]
    answers = [x @ k.numpy() + b.numpy() for k, b in zip(kernels, biases, strict=True)]
    got = run_layer(layer, x)
    if is_close(got, np.mean(answers, axis=0)) or is_close(got, np.sum(answers, axis=0)):
        fail("It adds the experts' answers and leaves out the shares.")
    expected = sum(part * answer for part, answer in zip(share.numpy(), answers, strict=True))
    if not is_close(got, expected):
        fail("The answer is not the sum of share times answer over all experts.")


class ExpertsRaw(Experts):
    def build(self, input_shape):
        self.share = tf.Variable(tf.ones([self.count]) / self.count)


class ExpertsInCall(Experts):
    def __init__(self, units, count):
        super().__init__(units, 0)
        self.units, self.count = units, count

    def call(self, inputs):
        answers = [layers.Dense(self.units)(inputs) for _ in range(self.count)]
        return sum(self.share[place] * answer for place, answer in enumerate(answers))


class ExpertsAppended(ExpertsInCall):
    def call(self, inputs):
        for _ in range(self.count - len(self.experts)):
            self.experts.append(layers.Dense(self.units))
        return super().call(inputs)


class ExpertsHidden(Experts):
    def __init__(self, units, count):
        super().__init__(units, 0)
        self.count = count
        made = [layers.Dense(units) for _ in range(count)]
        self.answers = lambda inputs: [expert(inputs) for expert in made]

    def call(self, inputs):
        answers = self.answers(inputs)
        return sum(self.share[place] * answer for place, answer in enumerate(answers))


class ExpertsOneOfThem(Experts):
    def __init__(self, units, count):
        super().__init__(units, 0)
        self.count = count
        self.experts = [layers.Dense(units)] * count


class ExpertsFrozen(Experts):
    def build(self, input_shape):
        start = keras.initializers.Constant(1 / self.count)
        self.share = self.add_weight(shape=(self.count,), initializer=start, trainable=False)


class ExpertsRandom(Experts):
    def build(self, input_shape):
        self.share = self.add_weight(shape=(self.count,), initializer="random_normal")


class ExpertsMean(Experts):
    def call(self, inputs):
        return sum(expert(inputs) for expert in self.experts) / self.count


class ExpertsInDict(layers.Layer):
    def __init__(self, units, count):
        super().__init__()
        self.made = {str(place): layers.Dense(units) for place in range(count)}
        self.share = keras.Variable(np.full(count, 1 / count), dtype="float32")

    def call(self, inputs):
        answers = ops.stack([dense(inputs) for dense in self.made.values()])
        return ops.tensordot(self.share, answers, axes=1)


experts = Exercise(
    id="24.3",
    title="Weights that are not found",
    minutes=20,
    statement="""This layer asks several dense layers and adds their answers, each times its share.
A plain call of it
answers differently each time, and `fit` raises.

```python
class Experts(layers.Layer):
    def __init__(self, units, count):
        super().__init__()
        self.count = count
        self.share = tf.Variable(tf.ones([count]) / count)
        self.new_expert = lambda: layers.Dense(units)

    def call(self, inputs):
        answers = [self.new_expert()(inputs) for _ in range(self.count)]
        return sum(self.share[i] * answer for i, answer in enumerate(answers))
```

Write `Experts` anew. `Experts(units, count)` is called on float32 `(batch, n)` and returns float32
`(batch, units)`: the sum over all experts of share times answer. After the first call its `weights`
are those of `count` layers `layers.Dense(units)` and one more, the shares: shape `(count,)`,
trainable, 1 / count in each place at the start.
`add_weight(..., initializer=keras.initializers.Constant(value))` sets a start value.""",
    stub="""class Experts(layers.Layer):
    def __init__(self, units, count):
        super().__init__()

    def call(self, inputs):
        ...""",
    answer="Experts",
    check=check_experts,
    reference=Experts,
    hints=(
        "Two things are hidden from Keras: a variable that is not Keras' own, and layers that live "
        "only while call runs. Print `Experts(3, 4).weights` after a call.",
        "A list of layers, made in __init__ and stored as an attribute, is tracked. The shares are "
        "made with self.add_weight.",
        "self.experts = [layers.Dense(units) for _ in range(count)], and in build: self.share = "
        "self.add_weight(shape=(self.count,), initializer=keras.initializers.Constant(...)).",
    ),
    explanation=(
        "Layers in a list that is an attribute are tracked, and add_weight makes a variable that "
        "Keras lists. Both are made once, before the layer is used."
    ),
    wrong=(
        Wrong(ExpertsRaw, "Keras does not see a tf.Variable"),
        Wrong(ExpertsInCall, "it makes new dense layers at each call"),
        Wrong(ExpertsAppended, "call makes new weights or layers"),
        Wrong(ExpertsHidden, "not into functions or other objects"),
        Wrong(ExpertsOneOfThem, "holds one layer four times"),
        Wrong(ExpertsFrozen, "a weight that is not trainable"),
        Wrong(ExpertsRandom, "expected 1 / count in each place"),
        Wrong(ExpertsMean, "leaves out the shares"),
    ),
    right=(ExpertsInDict,),
)

EXERCISES = (affine, reader, experts)
