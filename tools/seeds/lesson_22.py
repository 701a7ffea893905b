"""Repeat the training runs of lesson 22 over several seeds and check what the lesson claims.

    python -m tools.seeds.lesson_22 [--seeds 5] [--first 0]

Prints what was measured, one column a seed, then one line a claim, and ends with an error if a
claim fails for any seed. Beside the lesson's own runs it trains, for comparison, a second hidden
layer behind the concatenation, and clips with a frozen question encoder. About a minute of
computing a seed.
"""

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from course_utils import scenes
from course_utils.data import load_digits
from course_utils.session import import_tensorflow, seed_everything
from tools.lesson_code import lesson_parts
from tools.seeds.runs import repeat_measurements

import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402

JOINS = ("product", "concatenation")


@functools.cache
def lesson() -> SimpleNamespace:
    """Return the functions of the lesson: encoders, answerers, training, scoring."""
    return SimpleNamespace(**lesson_parts("22"))


def score(
    logits: np.ndarray, questions: scenes.Questions, kinds: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Return, by kind, how often the best of the fitting answers is right."""
    answers = scenes.GRID_ANSWERS if kinds is scenes.GRID_KINDS else scenes.CLIP_ANSWERS
    return lesson().score_by_kind(logits, questions, kinds, answers)


def share_in_asked_place(model: Any, pictures: np.ndarray, questions: scenes.Questions) -> float:
    """Return how much of the gradient of the right answer lies in the place that is asked for."""
    rows = np.flatnonzero(questions.kinds == "which")[:400]
    texts = questions.texts[rows]
    places = [scenes.PLACES.index(text.removeprefix("which digit is ")) for text in texts]
    picture = pictures[questions.rows[rows]]
    words = scenes.encode_questions(texts.tolist())
    right = lesson().numbers_of(questions.answers[rows], scenes.GRID_ANSWERS)
    gradient = np.abs(lesson().pixel_gradients(model, picture, words, right))
    gradient = gradient.reshape(-1, 2, 28, 2, 28)
    by_place = gradient.sum(axis=(2, 4)).reshape(-1, 4)
    asked = by_place[np.arange(len(rows)), places]
    return float(np.mean(asked / by_place.sum(axis=1)))


def measure(seed: int) -> dict[str, float]:
    """Run everything that the lesson trains with one seed; return the numbers it speaks of."""
    keras.utils.clear_session()
    found: dict[str, float] = {}

    def keep(name: str, by_kind: dict[str, float]) -> None:
        found.update({f"{name}: {kind}": value for kind, value in by_kind.items()})
        print(seed, name, {kind: round(value, 3) for kind, value in by_kind.items()}, flush=True)

    seed_everything(seed)
    (images, labels), (test_images, test_labels) = load_digits()
    encoder = lesson().build_digit_encoder()
    one = keras.Input((28, 28, 1))
    x = layers.Dropout(0.3)(layers.Flatten()(encoder(one)))
    reader = keras.Model(one, layers.Dense(10)(x))
    moved = [scenes.shift_images(images, seed=turn) for turn in (1, 2)]
    many = np.concatenate([images, *moved])[..., None] / np.float32(255)
    lesson().train(reader, many, np.tile(labels, 3), epochs=4, peak=3e-3)
    pixels = test_images[..., None] / np.float32(255)
    logits = reader.predict(pixels, verbose=0)
    found["digits"] = float(np.mean(logits.argmax(axis=1) == test_labels))
    encoder.trainable = False

    grids = scenes.make_grids(6_000, seed=1)
    test_grids = scenes.make_grids(1_000, part="test", seed=2)
    asked = scenes.ask_about_grids(grids.digits, each=4, seed=3)
    test_asked = scenes.ask_about_grids(test_grids.digits, each=6, seed=4)
    features = encoder.predict(grids.pictures, batch_size=256, verbose=0)
    test_features = encoder.predict(test_grids.pictures, batch_size=256, verbose=0)
    seen, test_seen = features[asked.rows], test_features[test_asked.rows]
    words, test_words = map(scenes.encode_questions, (asked.texts, test_asked.texts))
    right = lesson().numbers_of(asked.answers, scenes.GRID_ANSWERS)

    keep("picture-blind", lesson().score_picture_blind(asked, test_asked, scenes.GRID_KINDS))
    blind = keras.Sequential(
        [
            keras.Input((2, 2, 64)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(scenes.GRID_ANSWERS)),
        ]
    )
    lesson().train(blind, seen, right)
    logits = blind.predict(test_seen, batch_size=512, verbose=0)
    keep("question-blind", score(logits, test_asked, scenes.GRID_KINDS))

    models = {}
    for join in JOINS:
        models[join] = lesson().build_answerer(lesson().build_question_encoder(), join=join)
        lesson().train(models[join], [seen, words], right)
        logits = models[join].predict([test_seen, test_words], batch_size=512, verbose=0)
        keep(join, score(logits, test_asked, scenes.GRID_KINDS))
        found[f"{join}: all"] = float(
            np.mean(np.array(scenes.GRID_ANSWERS)[logits.argmax(axis=1)] == test_asked.answers)
        )
    deeper = lesson().build_answerer(lesson().build_question_encoder(), join="concatenation")
    x = layers.Dense(128, activation="relu")(deeper.get_layer("hidden").output)
    deeper = keras.Model(deeper.inputs, layers.Dense(len(scenes.GRID_ANSWERS))(x))
    lesson().train(deeper, [seen, words], right)
    logits = deeper.predict([test_seen, test_words], batch_size=512, verbose=0)
    keep("concatenation, two hidden layers", score(logits, test_asked, scenes.GRID_KINDS))

    pooled = lesson().build_answerer(lesson().build_question_encoder(), feature_shape=(64,))
    lesson().train(pooled, [seen.mean(axis=(1, 2)), words], right)
    logits = pooled.predict([test_seen.mean(axis=(1, 2)), test_words], batch_size=512, verbose=0)
    keep("pooled", score(logits, test_asked, scenes.GRID_KINDS))

    product = models["product"]
    whole = lesson().build_visual_qa(encoder, product)
    found["gradient in the asked place"] = share_in_asked_place(
        whole, test_grids.pictures, test_asked
    )

    clips = scenes.make_clips(4_000, seed=1)
    test_clips = scenes.make_clips(1_000, part="test", seed=2)
    frames = _frame_features(encoder, clips.clips)
    test_frames = _frame_features(encoder, test_clips.clips)
    said = scenes.ask_about_clips(clips.digits, clips.ways, seed=3)
    test_said = scenes.ask_about_clips(test_clips.digits, test_clips.ways, seed=4)
    right = lesson().numbers_of(said.answers, scenes.CLIP_ANSWERS)
    clip_words, test_clip_words = map(scenes.encode_questions, (said.texts, test_said.texts))
    keep("clips, picture-blind", lesson().score_picture_blind(said, test_said, scenes.CLIP_KINDS))
    blind = keras.Sequential(
        [
            keras.Input((scenes.FRAMES, 64)),
            layers.LSTM(64, unroll=True),
            layers.Dense(128, activation="relu"),
            layers.Dense(len(scenes.CLIP_ANSWERS)),
        ]
    )
    lesson().train(blind, frames[said.rows], right)
    logits = blind.predict(test_frames[test_said.rows], batch_size=512, verbose=0)
    keep("clips, question-blind", score(logits, test_said, scenes.CLIP_KINDS))

    question_encoder = product.get_layer("question_encoder")
    for name in ("clips", "clips, frozen words"):
        copied = lesson().build_question_encoder()
        copied.set_weights(question_encoder.get_weights())
        copied.trainable = name == "clips"
        answerer = lesson().build_clip_answerer(copied)
        lesson().train(answerer, [frames[said.rows], clip_words], right)
        inputs = [test_frames[test_said.rows], test_clip_words]
        logits = answerer.predict(inputs, batch_size=512, verbose=0)
        keep(name, score(logits, test_said, scenes.CLIP_KINDS))
        if name != "clips":
            continue
        back = [test_frames[test_said.rows][:, ::-1], test_clip_words]
        logits = answerer.predict(back, batch_size=512, verbose=0)
        keep("clips, backwards", score(logits, test_said, scenes.CLIP_KINDS))
        before = question_encoder.get_weights()
        question_encoder.set_weights(copied.get_weights())
        logits = product.predict([test_seen, test_words], batch_size=512, verbose=0)
        keep("product, words trained on", score(logits, test_asked, scenes.GRID_KINDS))
        question_encoder.set_weights(before)
    return found


def _frame_features(encoder: Any, clips: np.ndarray) -> np.ndarray:
    frames = clips.reshape(-1, *clips.shape[2:])
    return encoder.predict(frames, batch_size=512, verbose=0).reshape(*clips.shape[:2], -1)


ANSWERED = ("which", "parity", "there", "count", "larger")


def _ahead(m: dict[str, float], kind: str, margin: float, model: str = "", video: str = "") -> bool:
    """Say whether a model is ahead of both blind ones by a margin."""
    blind = max(m[f"{video}picture-blind: {kind}"], m[f"{video}question-blind: {kind}"])
    return m[f"{model}: {kind}"] > blind + margin


def _mean(m: dict[str, float], model: str) -> float:
    """Return the mean over the kinds of questions about grids."""
    return float(np.mean([m[f"{model}: {kind}"] for kind in scenes.GRID_KINDS]))


CLAIMS: dict[str, Callable[[dict[str, float]], bool]] = {
    "digits: above 0.95": lambda m: m["digits"] > 0.95,
    **{
        f"product, {kind}: 0.15 ahead of both blind ones": (
            lambda m, kind=kind: _ahead(m, kind, 0.15, "product")
        )
        for kind in ANSWERED
    },
    "product, which: above 0.75": lambda m: m["product: which"] > 0.75,
    "product, beside: below 0.65": lambda m: m["product: beside"] < 0.65,
    "product ahead of concatenation, which: 0.2": (
        lambda m: m["product: which"] > m["concatenation: which"] + 0.2
    ),
    "product ahead of concatenation, all: 0.08": (
        lambda m: m["product: all"] > m["concatenation: all"] + 0.08
    ),
    "pooled, which: below 0.5": lambda m: m["pooled: which"] < 0.5,
    "pooled, larger: below 0.6": lambda m: m["pooled: larger"] < 0.6,
    "concatenation, count: at most 0.08 behind": (
        lambda m: m["concatenation: count"] > m["product: count"] - 0.08
    ),
    "pooled, count: at most 0.08 behind": lambda m: m["pooled: count"] > m["product: count"] - 0.08,
    "pooled, there: ahead of the product": lambda m: m["pooled: there"] > m["product: there"],
    "gradient in the asked place: above 0.4": lambda m: m["gradient in the asked place"] > 0.4,
    **{
        f"clips, {kind}: 0.15 ahead of both blind ones": (
            lambda m, kind=kind: _ahead(m, kind, 0.15, "clips", "clips, ")
        )
        for kind in scenes.CLIP_KINDS
    },
    "clips backwards, way: below 0.1": lambda m: m["clips, backwards: way"] < 0.1,
    "clips backwards, order: below 0.2": lambda m: m["clips, backwards: order"] < 0.2,
    "words trained on: the mean over the kinds of grids falls by 0.02": (
        lambda m: _mean(m, "product, words trained on") < _mean(m, "product") - 0.02
    ),
}
"""What the lesson says about its training runs; each takes the numbers of one seed."""


if __name__ == "__main__":
    sys.exit(repeat_measurements(__doc__, measure, CLAIMS))
