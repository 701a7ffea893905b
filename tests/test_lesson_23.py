"""What lesson 23 builds is as it says."""

import numpy as np
import pytest

from course_utils import scenes
from course_utils.builders import visual_questions as vq
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_parts

import_tensorflow()
import keras  # noqa: E402


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("23")


def test_the_join_is_a_product(lesson):
    seen = np.random.default_rng(0).normal(size=(6, 5, 3)).astype("float32")
    asked = scenes.encode_questions(["which digit came last"] * 6)
    words = vq.build_question_encoder(size=3, units=4)
    model = lesson["build_clip_answerer"](words, feature_shape=(5, 3), answers=7, units=8, state=3)
    assert model([seen, asked]).shape == (6, 7)
    assert model.get_layer(words.name) is words
    names = ("of_picture", "of_words", "meet")
    inner = keras.Model(model.inputs, [model.get_layer(name).output for name in names])
    of_picture, of_words, both = map(np.asarray, inner([seen, asked]))
    np.testing.assert_allclose(both, of_picture * of_words, atol=1e-6)


def test_a_whole_model_is_its_parts(lesson):
    clips = scenes.make_clips(2)
    encoder = vq.build_digit_encoder(filters=(2, 3), units=4)
    words = vq.build_question_encoder(size=3, units=4)
    asked = scenes.encode_questions(["is there a two", "which digit came last"])
    answerer = lesson["build_clip_answerer"](words, feature_shape=(5, 4), units=8, state=3)
    whole = lesson["build_video_qa"](encoder, answerer)
    frames = np.stack([encoder(clips.clips[:, frame]) for frame in range(5)], axis=1)
    parts = answerer([frames.reshape(2, 5, 4), asked])
    np.testing.assert_allclose(whole([clips.clips, asked]), parts, atol=1e-5)
