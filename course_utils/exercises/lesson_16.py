"""Exercises of lesson 16, Input pipelines."""

from typing import Any

import numpy as np

from course_utils.exercises.expect import call, describe, expect_shape, fail, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()


def read_epoch(dataset: Any, what: str, *, samples: int) -> tuple[np.ndarray, np.ndarray, list]:
    """Return the images and the labels of an epoch, and the sizes of its batches.

    An epoch that does not end after so many samples is a mistake, and so is a dataset of anything
    but batches of images with their labels.
    """
    if not isinstance(dataset, tf.data.Dataset):
        fail(f"Expected {what} as a tf.data.Dataset, got {describe(dataset)}.")
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        fail(f"Expected pairs (images, labels) from {what}, got {describe(spec)} as its elements.")
    parts, count = ([], []), 0
    for images, labels in dataset:
        if labels.shape.rank == 0:
            fail(f"From {what} come single samples. Collect them with `batch`.")
        expect_shape(labels, (len(images),), f"From {what}, the labels of a batch")
        count += len(images)
        if count > samples:
            fail(
                f"Expected {samples} samples in an epoch of {what}, but more than these come. Hand "
                "out each sample once, and leave `repeat` out."
            )
        for part, value in zip(parts, (images, labels), strict=True):
            part.append(to_array(value))
    if not count:
        fail(f"Expected {samples} samples in an epoch of {what}, got none.")
    images, labels = map(np.concatenate, parts)
    return images, labels, [len(batch) for batch in parts[1]]


def expected_sizes(samples: int, batch_size: int) -> list[int]:
    """Return the sizes of the batches of an epoch, where the last one holds what is left."""
    rest = samples % batch_size
    return [batch_size] * (samples // batch_size) + ([rest] if rest else [])


# ---------------------------------------------------------------- 16.1


def make_pipeline(images, labels, batch_size):
    samples = tf.data.Dataset.from_tensor_slices((images, labels))
    batches = samples.shuffle(len(images)).batch(batch_size)
    return batches.map(lambda images, labels: (tf.cast(images, tf.float32) / 255, labels))


SAMPLES, BATCH, MANY = 103, 25, 5000


def check_make_pipeline(answer):
    numbers = np.arange(SAMPLES)
    grey = np.broadcast_to((2 * numbers).astype("uint8")[:, None, None], (SAMPLES, 2, 2))
    dataset = call(answer, grey.copy(), numbers * 7 % 100, BATCH)
    orders = []
    for _ in range(2):
        images, labels, sizes = read_epoch(dataset, "the pipeline", samples=SAMPLES)
        if images.dtype != np.float32:
            fail(f"The images come out as {images.dtype}; expected float32.")
        expect_shape(images[0], (2, 2), "An image")
        if images.max() > 1:
            fail(f"The largest number in the images is {images.max():g}; expected 0 to 1.")
        found = np.rint(images[:, 0, 0] * 255 / 2).astype(int)
        if len(found) < SAMPLES:
            fail(
                f"{len(found)} of {SAMPLES} samples come out. The last batch holds what is left, "
                "even if it is not full."
            )
        different = len(np.unique(found))
        if different <= 2:
            fail(
                f"Only {different} different images come out of {SAMPLES}. Are they divided by 255 "
                "as whole numbers?"
            )
        if different < SAMPLES:
            fail("Some samples come twice in an epoch, and others not at all.")
        if not np.array_equal(labels, found * 7 % 100):
            fail("The labels belong to other images: both are mixed, each in an order of its own.")
        if sizes != expected_sizes(SAMPLES, BATCH) and sorted(sizes) == sorted(
            expected_sizes(SAMPLES, BATCH)
        ):
            fail("Whole batches are mixed: what comes after `batch` no longer sees single samples.")
        if sizes != expected_sizes(SAMPLES, BATCH):
            fail(f"The batches have the sizes {sizes}; expected {expected_sizes(SAMPLES, BATCH)}.")
        orders.append(found)
    if all(np.array_equal(order, numbers) for order in orders):
        fail("The samples come in the order in which they went in. Mix them.")
    batches = np.split(orders[0], range(BATCH, SAMPLES, BATCH))
    if all(np.ptp(batch) == len(batch) - 1 for batch in batches):
        fail("Whole batches are mixed: what comes after `batch` no longer sees single samples.")
    if np.array_equal(*orders):
        fail(
            "Two epochs have the same order. What keeps it? A `cache` after `shuffle` does, and so "
            "does `reshuffle_each_iteration=False`."
        )
    check_buffer(orders, SAMPLES)
    many = call(answer, np.zeros((MANY, 1, 1), "uint8"), np.arange(MANY), 500)
    check_buffer([read_epoch(many, "the pipeline", samples=MANY)[1]], MANY)


def check_buffer(orders, samples):
    """A sample cannot come out earlier than the buffer reaches ahead."""
    ahead = max(int(np.max(order - np.arange(samples))) for order in orders)
    if ahead < 0.6 * samples:
        fail(
            f"With {samples} samples, none comes out more than {ahead} places before its own: the "
            "buffer of `shuffle` is too small to mix all of them."
        )


def pipeline_of_samples(images, labels, batch_size):
    def scale(image, label):
        return tf.image.convert_image_dtype(image, tf.float32), label

    samples = tf.data.Dataset.from_tensor_slices((images, labels)).map(scale).cache()
    return samples.shuffle(100_000).batch(batch_size).prefetch(tf.data.AUTOTUNE)


def pipeline_of_zipped(images, labels, batch_size):
    pictures = tf.data.Dataset.from_tensor_slices(np.float32(images) / np.float32(255))
    both = tf.data.Dataset.zip((pictures, tf.data.Dataset.from_tensor_slices(labels)))
    return both.shuffle(both.cardinality(), seed=1).batch(batch_size)


def _pipeline(arrange, scale=lambda images: tf.cast(images, tf.float32) / 255):
    """Return an answer that arranges the stages after the slices as ``arrange`` does."""

    def answer(images, labels, batch_size):
        samples = tf.data.Dataset.from_tensor_slices((images, labels))
        stages = arrange(samples, batch_size)
        return stages.map(lambda images, labels: (scale(images), labels))

    return answer


def pipeline_apart(images, labels, batch_size):
    apart = [tf.data.Dataset.from_tensor_slices(x).shuffle(len(x)) for x in (images, labels)]
    batches = tf.data.Dataset.zip(tuple(apart)).batch(batch_size)
    return batches.map(lambda images, labels: (tf.cast(images, tf.float32) / 255, labels))


def pipeline_of_lists(images, labels, batch_size):
    return [(images[:batch_size] / np.float32(255), labels[:batch_size])]


def pipeline_of_images(images, labels, batch_size):
    return make_pipeline(images, labels, batch_size).map(lambda images, labels: images)


pipeline = Exercise(
    id="16.1",
    title="A first pipeline",
    minutes=5,
    statement="""Write `make_pipeline(images, labels, batch_size)`, the pipeline that most trainings
need.

- `images` is a uint8 array of shape (n, height, width), `labels` an integer array of shape (n,).

Return a `tf.data.Dataset` of batches `(images, labels)`:

- the images as float32 from 0 to 1, each with its own label;
- `batch_size` samples in a batch, and in the last one what is left;
- each sample once in an epoch, and all of them mixed anew for each epoch. `shuffle(k)` mixes within
  the next k samples, so it needs a k that is large enough, whatever n is.""",
    stub="def make_pipeline(images, labels, batch_size):\n    ...",
    answer="make_pipeline",
    check=check_make_pipeline,
    reference=make_pipeline,
    right=(pipeline_of_samples, pipeline_of_zipped),
    hints=(
        "Start with `tf.data.Dataset.from_tensor_slices((images, labels))`, which keeps the pairs "
        "together. Which stage has to see single samples?",
        "First `.shuffle(len(images))`, then `.batch(batch_size)`.",
        "Then `.map(function)`, where the function gets images and labels and returns both: "
        "`tf.cast(images, tf.float32) / 255, labels`.",
    ),
    explanation=(
        "A buffer for all samples mixes all of them, and a dataset shuffles anew for each loop. "
        "The function after `batch` is called once a batch."
    ),
    wrong=(
        Wrong(_pipeline(lambda samples, size: samples.batch(size)), "in which they went in"),
        Wrong(
            _pipeline(lambda samples, size: samples.batch(size).shuffle(100)),
            "Whole batches are mixed",
        ),
        Wrong(
            _pipeline(lambda samples, size: samples.shuffle(size).batch(size)),
            "the buffer of `shuffle` is too small",
        ),
        Wrong(
            _pipeline(lambda samples, size: samples.shuffle(1000).batch(size)),
            "With 5000 samples",
        ),
        Wrong(
            _pipeline(
                lambda samples, size: samples.shuffle(5000, reshuffle_each_iteration=False).batch(
                    size
                )
            ),
            "Two epochs have the same order",
        ),
        Wrong(
            _pipeline(lambda samples, size: samples.shuffle(5000).batch(size, drop_remainder=True)),
            "The last batch holds what is left",
        ),
        Wrong(_pipeline(lambda samples, size: samples.shuffle(5000)), "come single samples"),
        Wrong(
            _pipeline(lambda samples, size: samples.shuffle(5000).repeat().batch(size)),
            "leave `repeat` out",
        ),
        Wrong(
            _pipeline(
                lambda samples, size: samples.shuffle(5000).batch(size),
                scale=lambda images: tf.cast(images, tf.float32),
            ),
            "expected 0 to 1",
        ),
        Wrong(
            _pipeline(
                lambda samples, size: samples.shuffle(5000).batch(size),
                scale=lambda images: tf.cast(images // 255, tf.float32),
            ),
            "divided by 255 as whole numbers",
        ),
        Wrong(
            _pipeline(
                lambda samples, size: samples.shuffle(5000).batch(size),
                scale=lambda images: tf.cast(images, tf.float64) / 255,
            ),
            "come out as float64",
        ),
        Wrong(pipeline_apart, "The labels belong to other images"),
        Wrong(pipeline_of_lists, "as a tf.data.Dataset, got a list"),
        Wrong(pipeline_of_images, "Expected pairs (images, labels)"),
    ),
)

# ---------------------------------------------------------------- 16.2

BROKEN = """def broken_pipeline(images, labels, augment, batch_size):
    samples = tf.data.Dataset.from_tensor_slices((images, labels))
    samples = samples.shuffle(len(images))
    size = len(images) // 5
    validation = samples.take(size).batch(batch_size)
    training = samples.skip(size).map(augment).cache()
    return training.batch(batch_size).shuffle(100), validation"""


def fixed_pipeline(images, labels, augment, batch_size):
    samples = tf.data.Dataset.from_tensor_slices((images, labels))
    samples = samples.shuffle(len(images), reshuffle_each_iteration=False)
    size = len(images) // 5
    validation = samples.take(size).batch(batch_size)
    training = samples.skip(size).cache().shuffle(len(images)).map(augment)
    return training.batch(batch_size), validation


COUNT, HELD_OUT, SMALL = 60, 12, 13


def check_fixed_pipeline(answer):
    draw = tf.random.Generator.from_seed(16)

    def augment(image, label):
        return image + tf.stack([0.0, draw.uniform([], 0.1, 1.0)]), label

    numbers = np.arange(COUNT)
    images = np.stack([numbers, np.zeros(COUNT)], axis=1).astype("float32")
    result = call(answer, images.copy(), numbers // 6, augment, SMALL)
    if not isinstance(result, tuple | list) or len(result) != 2:
        fail(f"Expected a pair of datasets, training and validation, got {describe(result)}.")
    epochs = [
        [
            read_epoch(dataset, f"the {name} data", samples=COUNT)
            for dataset, name in zip(result, ("training", "validation"), strict=True)
        ]
        for _ in range(3)
    ]
    training, validation = zip(*epochs, strict=True)
    check_division(training, validation)
    if any(np.any(images[:, 1]) for images, *_ in validation):
        fail("The validation samples are augmented. Measure on samples as they are.")
    check_augmentation([images for images, *_ in training])
    batches = [np.split(images[:, 0], np.cumsum(sizes)[:-1]) for images, _, sizes in training]
    groups = [{frozenset(batch) for batch in epoch} for epoch in batches]
    orders = [np.concatenate(epoch) for epoch in batches]
    if np.array_equal(orders[0], orders[1]) and np.array_equal(orders[1], orders[2]):
        fail(
            "The training samples come in the same order in each epoch. The order of the split "
            "has to stay; that of the training has to be drawn anew."
        )
    if groups[0] == groups[1] == groups[2]:
        fail(
            "The same training samples meet in a batch in each epoch: only the order of the "
            "batches changes. Where does `shuffle` see single samples?"
        )
    for name, epoch, samples in (
        ("training", training[0], COUNT - HELD_OUT),
        ("validation", validation[0], HELD_OUT),
    ):
        if sorted(epoch[2]) != sorted(expected_sizes(samples, SMALL)):
            fail(
                f"The {name} batches have the sizes {epoch[2]}; expected "
                f"{expected_sizes(samples, SMALL)}."
            )


def check_division(training, validation):
    """Each sample is either for training or for validation, in all epochs, and pairs stay."""
    for images, labels, _ in (*training, *validation):
        if not np.array_equal(labels, images[:, 0] // 6):
            fail("The labels belong to other images.")
    trained, measured = (
        [images[:, 0].astype(int) for images, *_ in epochs] for epochs in (training, validation)
    )
    if len(trained[0]) < len(measured[0]):
        fail("There are more samples for validation than for training. Return training first.")
    leaked = set(np.concatenate(trained)) & set(np.concatenate(measured))
    if leaked:
        fail(
            f"In three epochs, {len(leaked)} of {COUNT} samples are used for validation and for "
            "training. Both parts must come from one order that stays."
        )
    for name, epochs, size in (
        ("validation", measured, HELD_OUT),
        ("training", trained, COUNT - HELD_OUT),
    ):
        for found in epochs:
            if len(found) != size or len(set(found)) != size:
                fail(
                    f"An epoch of the {name} data has {len(found)} samples, {len(set(found))} of "
                    f"them different; expected {size} of the {COUNT}, each once."
                )
    if np.ptp(measured[0]) == HELD_OUT - 1:
        fail(
            "The validation samples are neighbours. The data are sorted by label, so these are all "
            "of one or two classes: draw them from all samples."
        )


def check_augmentation(epochs):
    """Each training sample is augmented, in each epoch in another way."""
    drawn = np.stack([images[np.argsort(images[:, 0]), 1] for images in epochs])
    if not np.any(drawn):
        fail("The training samples are not augmented. Give `augment` to `map`.")
    if not np.all(drawn):
        fail("Some of the training samples are augmented, and others are not.")
    if np.any(drawn[0] == drawn[1]) and np.any(drawn[1] == drawn[2]):
        fail(
            "The augmentation is the same in each epoch: it is drawn once and kept. What keeps it?"
        )
    if np.any(drawn >= 1.0):
        fail("The training samples are augmented more than once.")


def fixed_by_numpy(images, labels, augment, batch_size):
    order = np.random.default_rng().permutation(len(images))
    size = len(order) // 5
    held_out, others = order[:size], order[size:]
    validation = tf.data.Dataset.from_tensor_slices((images[held_out], labels[held_out]))
    training = tf.data.Dataset.from_tensor_slices((images[others], labels[others]))
    training = training.map(augment).shuffle(len(others)).batch(batch_size)
    return training.prefetch(tf.data.AUTOTUNE), validation.batch(batch_size).cache()


def fixed_by_seed(images, labels, augment, batch_size):
    count = len(images)
    mixed = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(
        count, seed=5, reshuffle_each_iteration=False
    )
    validation, training = mixed.take(count // 5), mixed.skip(count // 5)
    return [
        training.shuffle(count, seed=6).map(augment, num_parallel_calls=2).batch(batch_size),
        validation.batch(batch_size),
    ]


def _fixed(*, stays=True, cached=False, late=False, again=True, both=False, **options):
    """Return an answer with some of the three faults, or with another mistake about them."""

    def answer(images, labels, augment, batch_size):
        count = len(images)
        samples = tf.data.Dataset.from_tensor_slices((images, labels))
        if both:
            samples = samples.map(augment)
        samples = samples.shuffle(count, reshuffle_each_iteration=not stays)
        training, validation = samples.skip(count // 5), samples.take(count // 5)
        if not both:
            training = training.map(augment)
        if cached:
            training = training.cache()
        if again and not late:
            training = training.shuffle(count)
        training = training.batch(**{"batch_size": batch_size} | options)
        if late:
            training = training.shuffle(100)
        return training, validation.batch(batch_size)

    return answer


def fixed_by_head(images, labels, augment, batch_size):
    samples = tf.data.Dataset.from_tensor_slices((images, labels))
    size = len(images) // 5
    training = samples.skip(size).shuffle(len(images)).map(augment)
    return training.batch(batch_size), samples.take(size).batch(batch_size)


def fixed_the_other_way_round(images, labels, augment, batch_size):
    training, validation = fixed_pipeline(images, labels, augment, batch_size)
    return validation, training


def fixed_without_augment(images, labels, augment, batch_size):
    return fixed_pipeline(images, labels, lambda image, label: (image, label), batch_size)


def fixed_training_alone(images, labels, augment, batch_size):
    return fixed_pipeline(images, labels, augment, batch_size)[0]


fix = Exercise(
    id="16.2",
    title="A pipeline with three faults",
    minutes=10,
    statement=f"""This function divides data that are sorted by label. It runs without an error, and
has three faults.

```python
{BROKEN}
```

Write `fixed_pipeline`, with the same arguments and without the faults.

- `images` is a float32 array of n images, `labels` an integer array of shape (n,).
- `augment(image, label)` changes one image by chance, and returns both. It draws anew at each call,
  with or without a seed.

Return two datasets of batches `(images, labels)`, training and validation:

- validation is `n // 5` samples, drawn from all n, as they are, and the same ones in each epoch;
- training is all others, augmented anew in each epoch;
- in each epoch the training samples are mixed anew, so that other samples meet in a batch.""",
    stub="def fixed_pipeline(images, labels, augment, batch_size):\n    ...",
    answer="fixed_pipeline",
    check=check_fixed_pipeline,
    reference=fixed_pipeline,
    right=(fixed_by_numpy, fixed_by_seed),
    hints=(
        "Go through the stages one by one and ask of each: what happens here in the second epoch?",
        "The first `shuffle` needs an order that stays: `reshuffle_each_iteration=False`.",
        "After the split, the training needs a `shuffle` of its own, before `batch`. And what "
        "draws may not stand before `cache`.",
    ),
    explanation=(
        "The first order divides and stays; the second one mixes the training samples anew, before "
        "they are put into batches. What is always the same may be cached; the augmentation comes "
        "after it."
    ),
    wrong=(
        Wrong(_fixed(stays=False, cached=True, late=True), "for validation and for training"),
        Wrong(_fixed(stays=False), "for validation and for training"),
        Wrong(_fixed(cached=True), "it is drawn once and kept"),
        Wrong(_fixed(late=True), "only the order of the batches changes"),
        Wrong(_fixed(again=False), "in the same order in each epoch"),
        Wrong(_fixed(both=True), "The validation samples are augmented"),
        Wrong(_fixed(drop_remainder=True), "of the training data has 39 samples"),
        Wrong(_fixed(batch_size=32), "training batches have the sizes"),
        Wrong(fixed_by_head, "The validation samples are neighbours"),
        Wrong(fixed_the_other_way_round, "Return training first"),
        Wrong(fixed_without_augment, "are not augmented"),
        Wrong(fixed_training_alone, "Expected a pair of datasets"),
    ),
)

EXERCISES = (pipeline, fix)
