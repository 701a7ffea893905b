"""What lesson 32 says of exports holds, and its exercises judge fairly."""

import numpy as np
import pytest

from course_utils import exports
from course_utils.exercises import lesson_32
from course_utils.exercises.engine import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402


def verdict_on(number, answer):
    return judge(lesson_32.EXERCISES[number - 1], answer)


def expect_right(number, answer):
    verdict = verdict_on(number, answer)
    assert verdict.status == Verdict.CORRECT, verdict


def expect_wrong(number, answer, says):
    verdict = verdict_on(number, answer)
    assert verdict.status == Verdict.NOT_YET and says in verdict.message, verdict


# ---------------------------------------------------------------- what the lesson says


def test_export_int8_of_the_lesson_makes_what_the_helper_reads(tmp_path):
    lesson = lesson_code("32", "export_int8")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10)]
    )
    images = np.random.default_rng(0).uniform(size=(40, 6, 6, 1)).astype("float32")
    lesson |= {"model": model, "folder": tmp_path}
    path = lesson["export_int8"]("small.tflite", images)
    assert path == tmp_path / "small.tflite"
    answers = exports.call_litert(path, images)
    difference = exports.compare(answers, model(images)).difference
    assert 1e-4 < difference < 0.2
    details = exports.load_interpreter(path).get_tensor_details()
    scales = [len(detail["quantization_parameters"]["scales"]) for detail in details]
    assert 4 in scales  # one for each filter of the convolution


def test_shares_of_the_lesson_add_to_one():
    lesson = lesson_code("32", "shares")
    lesson["model"] = lambda images, training: tf.reduce_sum(images, axis=[1, 2])
    images = np.random.default_rng(0).normal(size=(3, 2, 2, 5)).astype("float32")
    shares = lesson["shares"](images)["shares"]
    np.testing.assert_allclose(shares, exports.softmax(images.sum(axis=(1, 2))), atol=1e-5)


def test_has_mode_of_the_lesson_tells_both_apart():
    lesson = lesson_code("32", "has_mode")
    lesson |= {"ten": np.ones(3), "original_ten": np.zeros(3)}
    assert lesson["has_mode"](lambda x, training: x * training)
    assert not lesson["has_mode"](lambda x, training: 0 * x)
    assert not lesson["has_mode"](lambda x: x)


def test_the_model_of_the_exercises_tells_images_and_modes_apart():
    model, pixels = lesson_32.new_reader()
    images = lesson_32.scaled(pixels)
    logits = np.asarray(model(images, training=False))
    assert len(set(logits.argmax(1))) >= 3
    assert np.abs(logits - lesson_32.in_training_mode(model, images)).max() > 0.5
    np.testing.assert_array_equal(logits, model(images, training=False))


# ---------------------------------------------------------------- other right answers

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


@pytest.mark.parametrize(
    "answer",
    [
        save_any_by_archive,
        save_any_in_a_module,
        save_any_by_a_concrete_function,
        save_any_and_more,
        save_any_by_export_with_a_name,
    ],
)
def test_other_right_signatures(answer):
    expect_right(1, answer)


def test_more_wrong_signatures():
    def writes_nothing(model, folder):
        return folder

    def double(model, folder):
        spec = tf.TensorSpec((None, 28, 28, 1), tf.float64, name="images")
        call = lambda images: {"logits": model(tf.cast(images, tf.float32))}  # noqa: E731
        tf.saved_model.save(model, folder, tf.function(call, input_signature=[spec]))
        return folder

    def shares(model, folder):
        call = lambda images: {"logits": tf.nn.softmax(model(images))}  # noqa: E731
        tf.saved_model.save(model, folder, tf.function(call, input_signature=[SPEC]))
        return folder

    expect_wrong(1, writes_nothing, "There is no SavedModel in the folder")
    expect_wrong(1, double, "has the dtype float64")
    expect_wrong(1, shares, "not those of the model in inference mode")


def representative_by_lot(images):
    places = np.random.default_rng(1).choice(len(images), 100, replace=False)

    def samples():
        for place in places:
            yield [tf.constant(images[place : place + 1, :, :, None] / 255, tf.float32)]

    return samples


def representative_as_a_list(images):
    step = len(images) / 100
    chosen = [np.float32(images[int(k * step)].reshape(1, 28, 28, 1)) / 255 for k in range(100)]
    return lambda: [[sample] for sample in chosen]


def representative_as_tuples(images):
    batches = tf.data.Dataset.from_tensor_slices(images[:: len(images) // 100][:100])
    batches = batches.map(lambda image: tf.cast(image, tf.float32)[..., None] / 255).batch(1)
    return lambda: ((batch,) for batch in batches)


def representative_from_each_class(images):
    blocks = np.array_split(images, 10)
    chosen = np.concatenate([block[:10] for block in blocks])[..., np.newaxis] / np.float32(255)
    return lambda: ([sample] for sample in chosen[:, np.newaxis])


class RepresentativeObject:
    """A callable object that draws anew at each call."""

    def __init__(self, images):
        self.images, self.rng = images, np.random.default_rng(2)

    def __call__(self):
        for image in self.rng.permutation(self.images)[:100]:
            yield {"args_0": (image[None, :, :, None] / 255).astype(np.float32)}


@pytest.mark.parametrize(
    "answer",
    [
        representative_by_lot,
        representative_as_a_list,
        representative_as_tuples,
        representative_from_each_class,
        RepresentativeObject,
    ],
)
def test_other_right_representative_data(answer):
    expect_right(2, answer)


def test_more_wrong_representative_data():
    def one_sample(images):
        return lambda: iter([[lesson_32.scaled(images[:1])]])

    def mirrored(images):
        return lambda: ([lesson_32.scaled(image[None, :, ::-1])] for image in images[::15])

    def nothing(images):
        return lambda: iter(())

    def big_batch(images):
        return lambda: iter([[lesson_32.scaled(images[::15])]])

    def spoils(images):
        images[:] = images // 2 * 2
        return lesson_32.representative(images)

    expect_wrong(2, one_sample, "yields 1 samples, expected 100")
    expect_wrong(2, mirrored, "none of the images")
    expect_wrong(2, nothing, "yields 0 samples")
    expect_wrong(2, big_batch, "expected (1, 28, 28, 1)")
    expect_wrong(2, spoils, "It changes the images")
    expect_wrong(2, lambda images: 3, "expected a function without arguments")
    expect_wrong(2, lambda images: lambda count: None, "raised TypeError")


def test_every_wrong_choice_has_its_reason():
    right = lesson_32.choice
    for story in right:
        for given in lesson_32.FORMATS:
            if given != right[story]:
                expect_wrong(3, right | {story: given}, f"{story}:")
    assert verdict_on(3, {"colleague": ".keras"}).status == Verdict.NOT_ATTEMPTED
    expect_wrong(3, right | {"boss": "LiteRT"}, "There is no story 'boss'")
    expect_wrong(3, [".keras", "SavedModel", "LiteRT int8"], "expected a dict")


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


@pytest.mark.parametrize("answer", [reader_in_a_module, reader_on_the_model])
def test_other_right_readers(answer):
    expect_right(4, answer)


def test_more_wrong_readers():
    wrong_axis = lesson_32.reader_with(shares=lambda logits: tf.nn.softmax(logits, axis=0))
    expect_wrong(4, wrong_axis, "digit is right, probability is not")
    one_image = lesson_32.reader_with(spec=tf.TensorSpec((1, 28, 28), tf.uint8))
    expect_wrong(4, one_image, "read refuses uint8 pixels of the shape (7, 28, 28)")
    expect_wrong(4, lesson_32.reader_with(scale=-255.0), "It names other digits")
