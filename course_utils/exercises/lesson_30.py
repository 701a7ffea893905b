"""Exercises of lesson 30, One machine."""

import numpy as np

from course_utils.exercises.expect import call, describe, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong
from course_utils.session import import_tensorflow

tf = import_tensorflow()

# ---------------------------------------------------------------- 30.1


def lost(gradients, scale):
    import numpy as np

    scaled = (np.float32(scale) * gradients).astype(np.float16)
    return int(np.sum((gradients != 0) & (scaled == 0)))


GRADIENTS = np.array([0.5, -3e-9, 0.0, 2e-8, -1e-5, 4e-12, 0.0, -5e-8, 7e-10], "float32")
SCALES = (1.0, 2.0**15, 2.0**5)


def check_lost(answer):
    for scale in SCALES:
        got = to_array(call(answer, GRADIENTS.copy(), scale), "What it returns")
        if got.size != 1:
            fail(f"Expected one whole number, got an array of shape {got.shape}.")
        truth = lost(GRADIENTS, scale)
        if is_close(got.reshape(()), truth, tolerance=1e-9):
            continue
        made = {
            lost_and_zero(GRADIENTS, scale): (
                "counts gradients that were 0 in float32 already. They are not lost."
            ),
            lost_unscaled(GRADIENTS, scale): (
                "does not depend on the scale. Multiply in float32 first, then cast."
            ),
            lost_divided(GRADIENTS, scale): (
                "divides by the scale before the cast. The loss, and with it each gradient, is "
                "multiplied by the scale."
            ),
            kept(GRADIENTS, scale): "counts the gradients that are kept.",
        }
        words = made.get(int(got.item()), f"is not right; expected {truth}.")
        fail(f"With a scale of {scale:g} the answer {describe(got.item())} {words}")


def lost_and_zero(gradients, scale):
    return int(np.sum((np.float32(scale) * gradients).astype(np.float16) == 0))


def lost_unscaled(gradients, scale):
    return lost(gradients, 1.0)


def lost_divided(gradients, scale):
    return lost(gradients, 1 / scale)


def kept(gradients, scale):
    return int(np.sum((np.float32(scale) * gradients).astype(np.float16) != 0))


def lost_in_tensorflow(gradients, scale):
    half = tf.cast(tf.constant(gradients) * scale, tf.float16)
    return tf.reduce_sum(tf.cast((half == 0) & (tf.constant(gradients) != 0), tf.int32))


vanished = Exercise(
    id="30.1",
    title="Gradients that are lost",
    minutes=5,
    statement="""Write `lost(gradients, scale)`. `gradients` is a float32 NumPy array of shape (n,),
`scale` a number. Return how many gradients that are not 0 become 0, if each is multiplied by
`scale` in float32 and then cast to float16. `array.astype(np.float16)` casts an array.

For example, for the gradients `[0.5, 0.0, 1e-9]` it is 1 with a scale of 1, and 0 with 32768.""",
    stub="def lost(gradients, scale):\n    ...",
    answer="lost",
    check=check_lost,
    reference=lost,
    hints=(
        "Two conditions: the gradient is not 0, and the scaled one is 0 in float16.",
        "`np.sum` counts the places where a condition is true; `&` is 'and', place by place.",
    ),
    explanation=(
        "The scale moves the gradients up into the range of float16. Those that are too small even "
        "then stay lost."
    ),
    wrong=(
        Wrong(lost_and_zero, "They are not lost"),
        Wrong(lost_unscaled, "does not depend on the scale"),
        Wrong(lost_divided, "divides by the scale"),
        Wrong(kept, "the gradients that are kept"),
    ),
    right=(lost_in_tensorflow,),
)

# ---------------------------------------------------------------- 30.2


def speedup(fraction, factor):
    return 1 / (1 - fraction + fraction / factor)


GAINS = ((0.6, 4.0), (0.9, 10.0), (0.1, 1000.0), (0.25, 1.0))


def check_speedup(answer):
    for fraction, factor in GAINS:
        got = to_array(call(answer, fraction, factor), "What it returns")
        if got.size != 1:
            fail(f"Expected one number, got an array of shape {got.shape}.")
        truth = speedup(fraction, factor)
        got = got.reshape(())
        if is_close(got, truth):
            continue
        mistakes = (
            (gain_of_all, "is the gain of the part. The rest of the step is as slow as before."),
            (time_left, "is the time that is left. How many times faster is 1 over it."),
            (gain_by_share, "adds up factors. Add up times, of the part and of the rest."),
            (gain_without_part, "leaves the part out. It still takes its time, but less."),
        )
        made = [text for mistake, text in mistakes if is_close(got, mistake(fraction, factor))]
        words = made[0] if made else f"is not right; expected {truth:.3f}."
        fail(
            f"For a part that takes {fraction} of the time and gets {factor:g} times as fast, the "
            f"answer {describe(got.item())} {words}"
        )


def gain_of_all(fraction, factor):
    return factor


def time_left(fraction, factor):
    return 1 - fraction + fraction / factor


def gain_by_share(fraction, factor):
    return (1 - fraction) + fraction * factor


def gain_without_part(fraction, factor):
    return 1 / (1 - fraction)


def speedup_of_times(fraction, factor):
    before = np.array([fraction, 1 - fraction])
    return before.sum() / (before / [factor, 1]).sum()


gain = Exercise(
    id="30.2",
    title="What would it gain?",
    minutes=5,
    statement="""A part of a step takes the fraction `fraction` of its time, a number from 0 to 1
(below 1), and is made `factor` times as fast; the rest stays as it is. Write
`speedup(fraction, factor)`, which returns how many times as fast the whole step becomes, one
float.

For example, if half of the time is spent in a part that becomes twice as fast, the step takes 0.75
of the time: `speedup(0.5, 2.0)` is 1.333.""",
    stub="def speedup(fraction, factor):\n    ...",
    answer="speedup",
    check=check_speedup,
    reference=speedup,
    hints=(
        "Let the step take 1 second. How long does the part take after, and how long the rest?",
        "The new time is (1 - fraction) + fraction / factor.",
    ),
    explanation=(
        "This is Amdahl's law. Even an infinitely fast part leaves the rest: if it takes 40 % of "
        "the time, the step gets at most 1.67 times as fast."
    ),
    wrong=(
        Wrong(gain_of_all, "as slow as before"),
        Wrong(time_left, "is the time that is left"),
        Wrong(gain_by_share, "Add up times"),
        Wrong(gain_without_part, "It still takes its time"),
    ),
    right=(speedup_of_times,),
)

EXERCISES = (vanished, gain)
