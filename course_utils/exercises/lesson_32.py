"""Exercises of lesson 32, Export."""

import functools
import tempfile
from pathlib import Path

import numpy as np

from course_utils.data import load_digits
from course_utils.exercises.expect import (
    NotAttempted,
    call,
    describe,
    expect_shape,
    fail,
    is_close,
    lent,
    to_array,
)
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.exports import quietly, softmax
from course_utils.session import import_tensorflow

tf = import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402


class Reader(keras.Model):
    """A small model with batch normalisation, as the exercises get it."""

    def __init__(self):
        super().__init__()
        self.pool = layers.AveragePooling2D(7)
        self.flatten = layers.Flatten()
        self.norm = layers.BatchNormalization()
        self.logits = layers.Dense(10)

    def call(self, images, training=None):
        x = self.norm(self.flatten(self.pool(images)), training=training)
        return self.logits(x)


@functools.cache
def seven_digits():
    """Return the pixels of seven real digits, uint8 of shape (7, 28, 28)."""
    return load_digits()[1][0][:7]


@lent
def small_reader():
    """Return a model that has been called on three images."""
    rng = np.random.default_rng(20)
    model = Reader()
    model(scaled(seven_digits()[:3]))
    for weight in model.weights:
        value = rng.normal(size=tuple(weight.shape))
        if "moving" in weight.path:  # near those of the images, and not the same
            value = 0.2 + 0.1 * np.abs(value)
        elif "beta" in weight.path or "bias" in weight.path:
            value = 0.1 * value
        weight.assign(value)
    return model


def scaled(pixels):
    return (pixels[..., np.newaxis] / 255).astype("float32")


def written(answer, model, folder):
    """Call a function that saves a model; return what is loaded from the folder."""

    def your_call(*args):
        try:
            with quietly():
                return answer(*args)
        except AssertionError as error:
            if "untracked" in str(error):
                fail(
                    "TensorFlow refuses it: the function uses weights that do not belong to the "
                    "object that you save. Save the model itself, or keep the model in an "
                    "attribute of what you save."
                )
            raise

    your_call.__name__ = getattr(answer, "__name__", "your function")
    call(your_call, model, folder)
    if not (folder / "saved_model.pb").is_file():
        fail("There is no SavedModel in the folder afterwards: saved_model.pb is missing.")
    with quietly():
        return tf.saved_model.load(folder)


def in_training_mode(model, images):
    """Return what a model answers with the statistics of the batch, its weights unchanged."""
    kept = model.get_weights()
    answers = to_array(model(images, training=True))
    model.set_weights(kept)
    return answers


# ---------------------------------------------------------------- 32.1


def save_any(model, folder):
    spec = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="images")

    @tf.function(input_signature=[spec])
    def serve(images):
        return {"logits": model(images, training=False)}

    tf.saved_model.save(model, folder, signatures={"serving_default": serve})
    return folder


def check_any(answer):
    images = scaled(seven_digits())
    with small_reader() as model, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
        loaded = written(answer, model, Path(root) / "export")
        signature = find_signature(loaded)
        for count in (3, 1, 7):
            check_signature(signature, model, images[:count])


def find_signature(loaded):
    """Return the signature of a SavedModel, after checking its input and its output."""
    names = sorted(getattr(loaded, "signatures", {}))
    if "serving_default" not in names:
        fail(f'The SavedModel has the signatures {names}; "serving_default" is missing.')
    signature = loaded.signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    shapes = {name: spec.shape for name, spec in inputs.items()}
    if len(shapes) != 1:
        fail(f"The signature takes the inputs {sorted(shapes)}; expected one, images.")
    ((name, shape),) = shapes.items()
    if shape.rank and shape[0] is not None:
        fail(
            f"The signature is made for batches of {shape[0]}: the first size of its input is not "
            "None. Without a signature of yours, it is the size of the batch that the model has "
            "seen."
        )
    if name != "images":
        fail(f"The input is named {name}; expected images. A TensorSpec has a name.")
    if inputs[name].dtype != tf.float32:
        fail(f"The input has the dtype {inputs[name].dtype.name}; expected float32.")
    return signature


def check_signature(signature, model, images):
    def your_signature():
        return signature(images=tf.constant(images))

    count, answers = len(images), call(your_signature)
    if "logits" not in answers:
        fail(
            f"The signature returns the names {sorted(answers)}; expected logits. Names come from "
            "a dict that the function returns."
        )
    got = expect_shape(answers["logits"], (count, 10), f"For {count} images, logits")
    if is_close(got, model(images, training=False), tolerance=1e-3):
        return
    if is_close(got, in_training_mode(model, images), tolerance=1e-3):
        fail(
            "It answers in training mode: batch normalisation takes the mean of the batch, so an "
            "image gets another answer in other company. Which argument of the model says so?"
        )
    fail("The answers are not those of the model in inference mode.")


def save_without_signature(model, folder):
    tf.saved_model.save(model, folder)
    return folder


def save_for_one(model, folder):
    spec = tf.TensorSpec((1, 28, 28, 1), tf.float32, name="images")
    serve = tf.function(lambda images: {"logits": model(images)}, input_signature=[spec])
    tf.saved_model.save(model, folder, signatures={"serving_default": serve})
    return folder


def save_in_training_mode(model, folder):
    spec = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="images")

    def serve(images):
        return {"logits": model(images, training=True)}

    function = tf.function(serve, input_signature=[spec])
    tf.saved_model.save(model, folder, signatures={"serving_default": function})
    return folder


def save_by_export(model, folder):
    model.export(folder, verbose=False)
    return folder


def save_without_output_name(model, folder):
    spec = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="images")
    serve = tf.function(lambda images: model(images, training=False), input_signature=[spec])
    tf.saved_model.save(model, folder, signatures=serve)
    return folder


def save_untracked(model, folder):
    spec = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="images")
    serve = tf.function(lambda images: {"logits": model(images)}, input_signature=[spec])
    tf.saved_model.save(tf.Module(), folder, signatures=serve)
    return folder


def save_under_another_name(model, folder):
    spec = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="images")
    serve = tf.function(lambda images: {"logits": model(images)}, input_signature=[spec])
    tf.saved_model.save(model, folder, signatures={"serve": serve})
    return folder


SPEC = tf.TensorSpec((None, 28, 28, 1), tf.float32, name="images")


def save_any_by_archive(model, folder):
    archive = keras.export.ExportArchive()
    archive.track(model)
    serve = lambda images: {"logits": model(images, training=False)}  # noqa: E731
    archive.add_endpoint("serving_default", serve, input_signature=[SPEC])
    archive.write_out(folder, verbose=False)
    return folder


def save_any_in_a_module(model, folder):
    module = tf.Module()
    module.model = model
    module.serve = tf.function(lambda images: {"logits": model(images)}, input_signature=[SPEC])
    tf.saved_model.save(module, str(folder), signatures=module.serve)
    return folder


def save_any_by_a_concrete_function(model, folder):
    function = tf.function(lambda images: {"logits": model(images, training=False)})
    concrete = function.get_concrete_function(SPEC)
    tf.saved_model.save(model, str(folder), signatures=concrete)
    return str(folder)


def save_any_and_more(model, folder):
    serve = tf.function(lambda images: {"logits": model(images)}, input_signature=[SPEC])
    other = tf.function(lambda images: {"sum": tf.reduce_sum(images)}, input_signature=[SPEC])
    tf.saved_model.save(model, folder, {"serving_default": serve, "other": other})
    return folder


def save_any_by_export_with_a_name(model, folder):
    """Wrap the model in a functional one, whose input and output have the names."""
    images = keras.Input((28, 28, 1), name="images")
    keras.Model(images, {"logits": model(images)}).export(folder, verbose=False)
    return folder


any_batch = Exercise(
    id="32.1",
    title="A signature for any batch size",
    minutes=10,
    statement="""`model` is a subclassed model that has been called on three images. It takes
float32 `(batch, 28, 28, 1)` and answers with logits `(batch, 10)`; it has batch normalisation, and
its `call` takes `training`. Write `save_any(model, folder)`, which writes a SavedModel into
`folder` (a `Path` that does not exist yet) and returns `folder`. The SavedModel has a signature
with the name `"serving_default"`, which

- takes one input with the name `images`, float32 `(n, 28, 28, 1)` with any `n`;
- returns a dict with one entry, `logits`: the answers of the model in inference mode.

How you write it is free. Weights and layers of `model` stay as they are. For example, with
`signature = tf.saved_model.load(folder).signatures["serving_default"]`, five images get
`signature(images=five)["logits"]` of shape `(5, 10)`.""",
    stub="""def save_any(model, folder):
    ...""",
    answer="save_any",
    check=check_any,
    reference=save_any,
    hints=(
        "tf.saved_model.save takes signatures: a dict from names to functions made by tf.function. "
        "What does a function promise about its input with input_signature?",
        "A TensorSpec has a shape, a dtype and a name. None in the shape stands for any size. The "
        "names of the outputs are those of a dict that the function returns.",
        "Inside save_any, define serve(images) under @tf.function(input_signature=[...]); it "
        'returns {"logits": ...}. Save with signatures={"serving_default": serve}.',
    ),
    explanation=(
        "The function is traced once, with None for the size of the batch, so the graph holds no "
        "number for it. The model is the object that is saved, so its weights go along, and "
        "training=False is written into the graph."
    ),
    wrong=(
        Wrong(save_without_signature, "made for batches of 3"),
        Wrong(save_for_one, "made for batches of 1"),
        Wrong(save_in_training_mode, "It answers in training mode"),
        Wrong(save_by_export, "expected images. A TensorSpec has a name"),
        Wrong(save_without_output_name, "expected logits. Names come from a dict"),
        Wrong(save_untracked, "weights that do not belong to the object"),
        Wrong(save_under_another_name, '"serving_default" is missing'),
    ),
    right=(
        save_any_by_archive,
        save_any_in_a_module,
        save_any_by_a_concrete_function,
        save_any_and_more,
        save_any_by_export_with_a_name,
    ),
    seconds=60,
)

# ---------------------------------------------------------------- 32.2

FORMATS = (".weights.h5", ".keras", "SavedModel", "LiteRT", "LiteRT int8")
choice = {"colleague": ".keras", "service": "SavedModel", "watch": "LiteRT int8"}

WHY_NOT = {
    ("colleague", ".weights.h5"): "colleague: a file of weights holds no layers, and a fresh Adam "
    "takes its running means from it only if it is built first (lesson 14). There is one file "
    "that brings everything.",
    ("colleague", "SavedModel"): "colleague: a SavedModel has no optimiser and no fit, so nobody "
    "goes on where you stopped.",
    ("colleague", "LiteRT"): "colleague: a LiteRT file only answers. It cannot be trained.",
    ("colleague", "LiteRT int8"): "colleague: an int8 file only answers, and its weights are "
    "rounded.",
    (
        "service",
        ".weights.h5",
    ): "service: weights without a graph. Who would make the layers there?",
    ("service", ".keras"): "service: the file needs Keras and your class, and they will not "
    "install either.",
    ("service", "LiteRT"): "service: the converter refuses text with its own operations, as the "
    "lesson shows.",
    ("service", "LiteRT int8"): "service: text is refused, and int8 saves bytes that nobody asked "
    "for.",
    ("watch", ".weights.h5"): "watch: weights without a graph, and nothing there that could run "
    "it.",
    ("watch", ".keras"): "watch: the file needs Python, Keras and your classes.",
    ("watch", "SavedModel"): "watch: a SavedModel needs TensorFlow, which has no room there.",
    ("watch", "LiteRT"): "watch: 221,786 parameters of 4 bytes are 887 kB. There is room for 400.",
}


def check_choice(answer):
    if not isinstance(answer, dict):
        fail(f"Got {describe(answer)}; expected a dict with the three stories.")
    wrong_keys = [key for key in answer if not isinstance(key, str) or key not in choice]
    if wrong_keys:
        fail(f"There is no story {describe(wrong_keys[0])}; expected {list(choice)}.")
    missing = [story for story in choice if story not in answer]
    if missing:
        raise NotAttempted(f"There is no answer yet for {', '.join(missing)}.")
    for story, right in choice.items():
        given = answer[story]
        if not isinstance(given, str) or given not in FORMATS:
            fail(f"{story}: {describe(given)} is none of {', '.join(FORMATS)}.")
        if given != right:
            fail(WHY_NOT[story, given])


stories = Exercise(
    id="32.2",
    title="Three stories",
    minutes=5,
    statement="""Choose an export for each of three people. The choices are `".weights.h5"`,
`".keras"`, `"SavedModel"`, `"LiteRT"` and `"LiteRT int8"`; several may do, and one fits best.

- `"colleague"` has this course installed and goes on with the training of your ResNet tonight,
  where you stopped, as if nobody had stopped it.
- `"service"` runs a server with TensorFlow in it. The team sends headlines as texts, one or a
  thousand at a time, and installs neither Keras nor code of yours.
- `"watch"` builds an app that reads digits with your ResNet of 221,786 parameters, without
  TensorFlow, in 400 kB. Five more mistakes in a thousand do no harm.

`choice` is a dict with the three names as keys and a choice as the value of each.""",
    stub="""choice = {
    "colleague": ...,
    "service": ...,
    "watch": ...,
}""",
    answer="choice",
    check=check_choice,
    reference=choice,
    reference_source="""choice = {
    "colleague": ".keras",
    "service": "SavedModel",
    "watch": "LiteRT int8",
}""",
    hints=(
        "Ask of each: what is installed there, what must come along, and how much room is there? "
        "The table above has the answers.",
        "One of them trains on, and needs the optimiser. One needs text inside the graph. One "
        "counts bytes: four for a float32, one for an int8.",
    ),
    explanation=(
        "Only a .keras file keeps the optimiser, and the colleague has the classes. Only the "
        "SavedModel reads text, with TensorFlow and nothing else. 221,786 numbers of one byte fit "
        "into 400 kB, of four bytes they do not."
    ),
    wrong=(
        Wrong(choice | {"colleague": "SavedModel"}, "has no optimiser and no fit"),
        Wrong(choice | {"colleague": ".weights.h5"}, "a file of weights holds no layers"),
        Wrong(choice | {"service": ".keras"}, "the file needs Keras and your class"),
        Wrong(choice | {"service": "LiteRT"}, "the converter refuses text"),
        Wrong(choice | {"watch": "LiteRT"}, "There is room for 400"),
        Wrong(choice | {"watch": "SavedModel"}, "needs TensorFlow, which has no room there"),
        Wrong(choice | {"watch": "int8"}, "is none of"),
    ),
)

# ---------------------------------------------------------------- 32.3


def export_reader(model, folder):
    def read(pixels):
        images = tf.cast(pixels, tf.float32)[..., tf.newaxis] / 255
        shares = tf.nn.softmax(model(images, training=False))
        return {"digit": tf.argmax(shares, axis=1), "probability": tf.reduce_max(shares, axis=1)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = tf.TensorSpec((None, 28, 28), tf.uint8, name="pixels")
    archive.add_endpoint("read", read, input_signature=[spec])
    archive.write_out(folder, verbose=False)
    return folder


def check_reader(answer):
    pixels = seven_digits()
    with small_reader() as model, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as root:
        loaded = written(answer, model, Path(root) / "export")
        if not callable(getattr(loaded, "read", None)):
            fail("The loaded object has no function read. An endpoint has a name.")
        for count in (7, 1):
            check_read(loaded.read, model, pixels[:count])


def check_read(function, model, pixels):
    count = len(pixels)

    def read():
        try:
            return function(tf.constant(pixels))
        except (TypeError, ValueError) as error:
            if "Can not cast" in str(error) or "Could not find matching" in str(error):
                fail(
                    f"read refuses uint8 pixels of the shape {pixels.shape}. Which shape and dtype "
                    "does its TensorSpec promise?"
                )
            raise

    answers = call(read)
    if not isinstance(answers, dict) or set(answers) != {"digit", "probability"}:
        got = sorted(answers) if isinstance(answers, dict) else describe(answers)
        fail(f"read returns {got}; expected a dict with digit and probability.")
    digits = expect_shape(answers["digit"], (count,), "digit")
    shares = expect_shape(answers["probability"], (count,), "probability")
    if digits.dtype.kind not in "iu":
        fail(f"digit has the dtype {digits.dtype}; expected whole numbers.")
    logits = to_array(model(scaled(pixels), training=False))
    right = softmax(logits)
    if np.array_equal(digits, logits.argmax(1)) and is_close(shares, right.max(1), tolerance=1e-3):
        return
    report_reading(digits, shares, model, pixels)


def report_reading(digits, shares, model, pixels):
    """Fail with what is known about answers that are wrong."""
    images = scaled(pixels)
    logits = to_array(model(images, training=False))
    if is_close(shares, logits.max(1), tolerance=1e-3):
        fail("probability is the largest logit. What makes probabilities of logits?")
    if is_close(shares, softmax(to_array(model(images * 255, training=False))).max(1)):
        fail("The model gets pixels from 0 to 255. It was trained on 0 to 1.")
    if is_close(shares, softmax(in_training_mode(model, images)).max(1), tolerance=1e-3):
        fail("It answers in training mode: a digit gets another answer in other company.")
    if np.array_equal(digits, logits.argmax(1)):
        fail("digit is right, probability is not that of the digit that is named.")
    fail("It names other digits than the model does for the same pixels, divided by 255.")


def reader_with(*, scale=255.0, training=False, shares=tf.nn.softmax, spec=None, named=True):
    """Return a wrong answer to 20.4, with one thing changed."""
    spec = spec or tf.TensorSpec((None, 28, 28), tf.uint8, name="pixels")

    def export_reader(model, folder):
        def read(pixels):
            images = tf.reshape(tf.cast(pixels, tf.float32), (-1, 28, 28, 1)) / scale
            logits = model(images, training=training)
            digit = tf.argmax(logits, axis=1)
            probability = tf.reduce_max(shares(logits), axis=1)
            return {"digit": digit, "probability": probability} if named else digit

        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("read", read, input_signature=[spec])
        archive.write_out(folder, verbose=False)
        return folder

    return export_reader


def reader_in_a_module(model, folder):
    module = tf.Module()
    module.model = model

    @tf.function(input_signature=[tf.TensorSpec((None, 28, 28), tf.uint8)])
    def read(pixels):
        images = tf.image.convert_image_dtype(tf.expand_dims(pixels, -1), tf.float32)
        shares = tf.nn.softmax(model(images, training=False))
        digit = tf.argmax(shares, axis=-1, output_type=tf.int32)
        return {"digit": digit, "probability": tf.gather(shares, digit, batch_dims=1)}

    module.read = read
    tf.saved_model.save(module, str(folder))
    return folder


def reader_on_the_model(model, folder):
    def read(pixels):
        shares = keras.ops.softmax(model(tf.cast(pixels, tf.float32)[..., None] / 255.0))
        digit = keras.ops.argmax(shares, axis=1)
        return {"digit": digit, "probability": keras.ops.max(shares, axis=1)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda x: model(x), input_signature=[SPEC])
    archive.add_endpoint("read", read, [tf.TensorSpec(shape=[None, 28, 28], dtype="uint8")])
    archive.write_out(str(folder), verbose=False)
    return folder


reader = Exercise(
    id="32.3",
    title="A reader of raw pixels",
    minutes=20,
    statement="""Nobody who uses your model should have to know how it was trained. `model` takes
float32 `(batch, 28, 28, 1)`, 0 to 1, and answers with logits `(batch, 10)`; it has batch
normalisation, and its `call` takes `training`. Write `export_reader(model, folder)`, which writes a
SavedModel into `folder` (a `Path` that does not exist yet) and returns `folder`. With
`loaded = tf.saved_model.load(folder)`, `loaded.read(pixels)`

- takes raw pixels, uint8 `(n, 28, 28)`, 0 to 255, with any `n`;
- returns a dict with `digit`, whole numbers `(n,)`: the class with the largest logit; and
  `probability`, float32 `(n,)`: the softmax of the logits at that class;
- answers in inference mode.

How you write it is free; other endpoints do no harm. For example, five images get a `digit` of
shape `(5,)`.""",
    stub="""def export_reader(model, folder):
    ...""",
    answer="export_reader",
    check=check_reader,
    reference=export_reader,
    hints=(
        "Write a function read(pixels) first and try it without any export: cast, new axis, "
        "divide, model, softmax. All of it with tf. functions, since it becomes a graph.",
        "keras.export.ExportArchive has track(model), add_endpoint(name, function, "
        "input_signature=[...]) and write_out(folder).",
        "The TensorSpec is that of the raw pixels: (None, 28, 28), tf.uint8. The function returns "
        "a dict; tf.argmax(..., axis=1) and tf.reduce_max(..., axis=1) give its two entries.",
    ),
    explanation=(
        "Cast and division are operations of the graph like all others, so they travel along. "
        "Whoever calls it needs no knowledge of the training, and uint8 is a promise that floats "
        "from 0 to 1 cannot slip through."
    ),
    wrong=(
        Wrong(reader_with(scale=1.0), "The model gets pixels from 0 to 255"),
        Wrong(reader_with(shares=tf.identity), "probability is the largest logit"),
        Wrong(reader_with(training=True), "It answers in training mode"),
        Wrong(
            reader_with(spec=tf.TensorSpec((None, 28, 28, 1), tf.float32)),
            "read refuses uint8 pixels",
        ),
        Wrong(reader_with(named=False), "expected a dict with digit and probability"),
        Wrong(save_by_export, "has no function read"),
    ),
    right=(
        reader_in_a_module,
        reader_on_the_model,
    ),
    seconds=60,
)

EXERCISES = (any_batch, stories, reader)
