"""The parts of the answerer read what they should, and say what is wrong with an argument."""

import numpy as np
import pytest

from course_utils.builders.visual_questions import (
    build_answerer,
    build_digit_encoder,
    build_question_encoder,
    train_answerer,
)
from course_utils.scenes import encode_questions


def test_the_encoder_reads_four_places_as_four_digits():
    """Where no ink touches the border, a place gives the vector of its digit alone."""
    encoder = build_digit_encoder(filters=(3, 4), units=5)
    tiles = np.zeros((4, 28, 28, 1), np.float32)
    tiles[:, 4:24, 4:24] = np.random.default_rng(0).uniform(size=(4, 20, 20, 1))
    picture = tiles.reshape(1, 2, 2, 28, 28).swapaxes(2, 3).reshape(1, 56, 56, 1)
    together = np.asarray(encoder(picture)).reshape(4, 5)
    np.testing.assert_allclose(together, np.asarray(encoder(tiles)).reshape(4, 5), atol=1e-5)
    assert together.max() > 0


def test_padding_is_not_read():
    long = build_question_encoder(size=3, units=4)
    short = build_question_encoder(size=3, units=4, length=4)
    short.set_weights(long.get_weights())
    text = ["is there a two"]
    np.testing.assert_allclose(
        long(encode_questions(text)), short(encode_questions(text, length=4)), atol=1e-6
    )


REFUSED = [
    (lambda: build_digit_encoder(filters=(3,)), ValueError, "filters: expected 2 numbers"),
    (lambda: build_digit_encoder(filters=(3, 0)), ValueError, r"filters\[1\]"),
    (lambda: build_digit_encoder(filters=3), TypeError, "filters"),
    (lambda: build_digit_encoder(units=0), ValueError, "units"),
    (lambda: build_digit_encoder(name=""), ValueError, "name"),
    (lambda: build_question_encoder(vocabulary=1), ValueError, "vocabulary: .* least 2"),
    (lambda: build_question_encoder(units="3"), TypeError, "units"),
    (lambda: build_question_encoder(name=3), TypeError, "name"),
    (lambda: build_answerer(build_question_encoder(), join="sum"), ValueError, "join: expected"),
    (lambda: build_answerer(build_question_encoder(), units=0), ValueError, "units"),
    (lambda: build_answerer(build_question_encoder(), answers="2"), TypeError, "answers"),
    (lambda: train_answerer(None, [], [], epochs=0), ValueError, "epochs"),
    (lambda: train_answerer(None, [], [], epochs=1, peak=0), ValueError, "peak"),
]


@pytest.mark.parametrize(("attempt", "error", "words_of_it"), REFUSED)
def test_impossible_arguments_are_refused_by_name(attempt, error, words_of_it):
    with pytest.raises(error, match=words_of_it):
        attempt()
