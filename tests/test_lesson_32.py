"""What lesson 32 says of exports holds, and its exercises judge fairly."""

import numpy as np

from course_utils import exports
from course_utils.exercises import lesson_32
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

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


def test_int8_of_the_lesson_keeps_a_scale_for_each_filter(tmp_path):
    lesson = lesson_parts("32", only=("convert", "convert_int8"))
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10)]
    )
    images = np.random.default_rng(0).uniform(size=(40, 6, 6, 1)).astype("float32")
    with exports.quietly():
        model.export(tmp_path / "resnet", verbose=False)
    lesson["convert"].__globals__["folder"] = tmp_path
    path = lesson["convert_int8"]("small.tflite", images)
    assert path == tmp_path / "small.tflite"
    difference = exports.compare(exports.call_litert(path, images), model(images)).difference
    assert 1e-4 < difference < 0.2
    details = exports.load_interpreter(path).get_tensor_details()
    scales = [len(detail["quantization_parameters"]["scales"]) for detail in details]
    assert 4 in scales  # one for each filter of the convolution


def test_the_model_of_the_exercises_tells_images_and_modes_apart():
    images = lesson_32.scaled(lesson_32.seven_digits())
    with lesson_32.small_reader() as model:
        logits = np.asarray(model(images, training=False))
    assert len(set(logits.argmax(1))) >= 3
    assert np.abs(logits - lesson_32.in_training_mode(model, images)).max() > 0.5
    np.testing.assert_array_equal(logits, model(images, training=False))


# ---------------------------------------------------------------- exercises


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
        tf.saved_model.save(model, folder, tf.function(call, input_signature=[lesson_32.SPEC]))
        return folder

    expect_wrong(1, writes_nothing, "There is no SavedModel in the folder")
    expect_wrong(1, double, "has the dtype float64")
    expect_wrong(1, shares, "not those of the model in inference mode")


def test_every_wrong_choice_has_its_reason():
    right = lesson_32.choice
    for story in right:
        for given in lesson_32.FORMATS:
            if given != right[story]:
                expect_wrong(2, right | {story: given}, f"{story}:")
    assert verdict_on(2, {"colleague": ".keras"}).status == Verdict.NOT_ATTEMPTED
    expect_wrong(2, right | {"boss": "LiteRT"}, "There is no story 'boss'")
    expect_wrong(2, [".keras", "SavedModel", "LiteRT int8"], "expected a dict")


def test_more_wrong_readers():
    wrong_axis = lesson_32.reader_with(shares=lambda logits: tf.nn.softmax(logits, axis=0))
    expect_wrong(3, wrong_axis, "digit is right, probability is not")
    one_image = lesson_32.reader_with(spec=tf.TensorSpec((1, 28, 28), tf.uint8))
    expect_wrong(3, one_image, "read refuses uint8 pixels of the shape (7, 28, 28)")
    expect_wrong(3, lesson_32.reader_with(scale=-255.0), "It names other digits")
