"""The claims of lesson 02 hold beyond its own numbers, and its exercises are what they say."""

import numpy as np
import pytest

from course_utils.data import load_digits, ten_digits
from course_utils.exercises import lesson_02
from course_utils.exercises.judging import Verdict, judge
from course_utils.session import import_tensorflow
from tools.lesson_code import lesson_code

tf = import_tensorflow()


def verdict(number, answer):
    (exercise,) = [one for one in lesson_02.EXERCISES if one.id == number]
    return judge(exercise, answer)


# ---------------------------------------------------------------- distances


@pytest.fixture(scope="module")
def squared_distances():
    return lesson_code("02", "digits", "scaled", "train", "squared_distances")["squared_distances"]


def test_the_formula_of_the_lesson_gives_squared_distances(squared_distances):
    random = np.random.default_rng(1)
    a = random.uniform(size=(5, 784)).astype("float32")
    b = random.uniform(size=(7, 784)).astype("float32")
    expected = ((a[:, None].astype(float) - b) ** 2).sum(-1)
    result = squared_distances(tf.constant(a), tf.constant(b)).numpy()
    assert result.shape == (5, 7)
    np.testing.assert_allclose(result, expected, rtol=1e-4)
    np.testing.assert_allclose(lesson_02.pairwise_distances(a, b) ** 2, expected, rtol=1e-4)


def test_the_formula_fails_far_from_zero_and_the_exercise_does_not(squared_distances):
    points = tf.constant([[10_000.0, 0.0], [10_001.0, 0.0]])
    assert squared_distances(points, points)[0, 1] != 1.0
    assert lesson_02.pairwise_distances(points, points)[0, 1] == 1.0


# ---------------------------------------------------------------- what the lesson says of the data


def test_nearest_neighbours_in_double_precision_agree_with_the_claims():
    (train, train_labels), (test, test_labels) = load_digits()
    train, test, ten = (x.reshape(len(x), -1) / 255.0 for x in (train, test, ten_digits()))

    def nearest_labels(x):
        squares = (x**2).sum(1)[:, None] - 2 * x @ train.T + (train**2).sum(1)
        return train_labels[squares.argmin(1)], np.sort(squares, axis=1)

    labels, sorted_squares = nearest_labels(ten)
    assert labels.tolist() == list(range(10))
    # The second nearest is so much farther that rounding on another device changes no answer.
    assert (sorted_squares[:, 1] - sorted_squares[:, 0]).min() > 0.1
    labels, _ = nearest_labels(test)
    assert 0.935 < (labels == test_labels).mean() < 0.95


def test_each_class_has_400_training_digits():
    (_, labels), _ = load_digits()
    assert np.bincount(labels).tolist() == [400] * 10


def test_the_most_alike_pair_is_ahead_of_the_next():
    flat = ten_digits().reshape(10, -1) / 255.0
    lengths = np.sqrt((flat**2).sum(1))
    cosine = np.triu(flat @ flat.T / np.outer(lengths, lengths), k=1)
    assert divmod(cosine.argmax(), 10) == (3, 5)
    first, second = np.sort(cosine, axis=None)[::-1][:2]
    assert first - second > 0.01


# ---------------------------------------------------------------- what the lesson says of shapes


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32"])
def test_an_integer_mean_adds_up_in_a_larger_dtype_and_its_sum_does_not(dtype):
    """The mean has to be right where the sum is many times the range of the dtype."""
    dtype = tf.as_dtype(dtype)
    values = np.full(1_000, dtype.max - 5, dtype.as_numpy_dtype)
    values[0] = dtype.max - 7
    wide = values.astype(np.int64)
    assert tf.reduce_mean(tf.constant(values)).numpy() == wide.sum() // 1_000
    assert tf.reduce_sum(tf.constant(values)).numpy() != wide.sum()


@pytest.mark.parametrize("seed", range(5))
def test_splitting_and_merging_neighbours_keeps_what_belongs_together(seed):
    """Undone, a reshape that merges neighbours gives back each picture; any two axes do not do."""
    pictures = np.random.default_rng(seed).uniform(size=(4, 6, 5))
    merged = tf.reshape(pictures, [4, 30])
    np.testing.assert_array_equal(tf.reshape(merged, [4, 6, 5])[2], pictures[2])
    np.testing.assert_array_equal(merged[2], pictures[2].ravel())
    scrambled = tf.reshape(pictures, [6, 20])
    assert not np.array_equal(tf.reshape(scrambled[:, 10:15], [6, 5]), pictures[2])


def test_scatter_where_and_slices_replace_the_same_block():
    board = np.arange(12, dtype=np.int32).reshape(3, 4)
    indices = [[[y, x] for x in (1, 2)] for y in range(3)]
    block = tf.tensor_scatter_nd_update(board, indices, tf.fill([3, 2], -1))
    grid = tf.Variable(board)
    grid[:, 1:3].assign(tf.fill([3, 2], -1))
    np.testing.assert_array_equal(block, grid)
    np.testing.assert_array_equal(block, tf.where([False, True, True, False], -1, board))


# ---------------------------------------------------------------- mistakes beside the usual ones


def while_loop(a, b):
    rows, i = [], 0
    while i < len(a):
        rows.append(lesson_02.pairwise_distances(a[i : i + 1], b)[0].numpy())
        i += 1
    return np.array(rows)


def comprehension(a, b):
    return np.array([[np.linalg.norm(x - y) for y in b] for x in a])


def loop_in_a_helper(a, b):
    def one(x):
        return [float(tf.norm(x - y)) for y in b]

    return tf.constant([one(x) for x in a])


def mean_for_sum(a, b):
    return tf.sqrt(tf.reduce_mean(tf.square(a[:, tf.newaxis] - b), axis=-1))


def divided_only(images):
    images = tf.cast(images, tf.float32)
    return images / tf.math.reduce_std(images, axis=[0, 1, 2])


def over_channels(images):
    images = tf.cast(images, tf.float32)
    mean = tf.reduce_mean(images, axis=-1, keepdims=True)
    return (images - mean) / tf.math.reduce_std(images, axis=-1, keepdims=True)


def whole_mean(images):
    mean = tf.cast(tf.reduce_mean(images, axis=[0, 1, 2]), tf.float32)
    images = tf.cast(images, tf.float32)
    return (images - mean) / tf.math.reduce_std(images, axis=[0, 1, 2])


def unchanged(average, value, momentum):
    return average


def returns_the_value(average, value, momentum):
    average.assign(momentum * average + (1 - momentum) * value)
    return value


def returns_nothing(average, value, momentum):
    average.assign(momentum * average + (1 - momentum) * value)


BAD = [
    ("02.1", lambda images: tf.squeeze(tf.transpose(images, [0, 3, 1, 2])), "(3, 3)"),
    ("02.2", divided_only, "its mean is not subtracted"),
    ("02.2", over_channels, "each pixel has a mean of its own"),
    ("02.2", whole_mean, "computed with whole numbers"),
    ("02.3", while_loop, "in a loop"),
    ("02.3", comprehension, "in a loop"),
    ("02.3", loop_in_a_helper, "in a loop"),
    ("02.3", mean_for_sum, "roots of a mean"),
    ("02.4", returns_the_value, "returns is something else"),
    ("02.4", unchanged, "the same numbers as before"),
]


@pytest.mark.parametrize(("number", "answer", "says"), BAD, ids=[row[2] for row in BAD])
def test_other_mistakes_are_named(number, answer, says):
    result = verdict(number, answer)
    assert result.status == Verdict.NOT_YET
    assert says in result.message


def test_an_update_without_return_is_told_to_return():
    result = verdict("02.4", returns_nothing)
    assert result.status == Verdict.NOT_ATTEMPTED
    assert "return" in result.message


def test_loops_are_found_in_code_and_nowhere_else():
    assert lesson_02.loops(comprehension) and lesson_02.loops(while_loop)
    assert not lesson_02.loops(lesson_02.pairwise_distances)
    assert not lesson_02.loops(np.add)
