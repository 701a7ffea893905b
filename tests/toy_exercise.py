"""A small exercise, on which the parts of the exercises are tested."""

import dataclasses

from course_utils.exercises.expect import call, fail
from course_utils.exercises.judging import Exercise, Wrong


def double(x):
    return x * 2


def check_double(answer):
    if call(answer, 3) != 6:
        fail("Three is not doubled.")


EXERCISE = Exercise(
    id="99.1",
    title="Double",
    minutes=5,
    statement="Write `double(x)`.",
    stub="def double(x):\n    ...",
    answer="double",
    check=check_double,
    reference=double,
    hints=("Multiply.", "By two.", "`x * 2`."),
    explanation="Twice is times two.",
    wrong=(Wrong(lambda x: x, "not doubled"),),
    seconds=20,
)
QUICK = dataclasses.replace(EXERCISE, seconds=0.3)
