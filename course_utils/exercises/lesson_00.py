"""The exercise of lesson 00, which shows how exercises work."""

from course_utils.exercises.expect import call, fail, is_close
from course_utils.exercises.judging import Exercise, Wrong

TRIALS = ((1, 2, 6), (0.5, -0.5, 0.25), (10, 10, 10))


def mean_of_three(a, b, c):
    return (a + b + c) / 3


def check_mean(answer):
    results = [call(answer, *numbers) for numbers in TRIALS]
    expected = [mean_of_three(*numbers) for numbers in TRIALS]
    if all(map(is_close, results, expected)):
        return
    if all(map(is_close, results, [sum(numbers) for numbers in TRIALS])):
        fail("That is the sum. How many numbers is it shared among?")
    if all(map(is_close, results, [a + b + c / 3 for a, b, c in TRIALS])):
        fail("Only the last number is divided. Which comes first in Python, `/` or `+`?")
    if all(map(is_close, results, [sum(numbers) // 3 for numbers in TRIALS])):
        fail("Whole numbers come out right, fractions do not. Which division did you take?")
    if all(map(is_close, results, [sorted(numbers)[1] for numbers in TRIALS])):
        fail("That is the median, the number in the middle. The mean takes all three into account.")
    given = next(n for n, r, e in zip(TRIALS, results, expected, strict=True) if not is_close(r, e))
    fail(f"For the numbers {given[0]}, {given[1]} and {given[2]} it does not return their mean.")


def forgets_to_divide(a, b, c):
    return a + b + c


def divides_the_last(a, b, c):
    return a + b + c / 3


def rounds_down(a, b, c):
    return (a + b + c) // 3


def takes_the_middle(a, b, c):
    return sorted([a, b, c])[1]


def ignores_the_last(a, b, c):
    return (a + b) / 2


mean = Exercise(
    id="00.1",
    title="The mean of three numbers",
    minutes=5,
    statement="""\
Write `mean_of_three(a, b, c)`. It takes three numbers, whole or with a fraction, and returns
their mean. For example, `mean_of_three(1, 2, 6)` is 3.""",
    stub="""\
def mean_of_three(a, b, c):
    ...""",
    answer="mean_of_three",
    check=check_mean,
    reference=mean_of_three,
    hints=(
        "The mean is the sum of the numbers, divided by how many they are.",
        "Python divides before it adds. Put the sum in parentheses, then divide it by 3.",
    ),
    explanation=(
        "The parentheses make Python add first; `/` keeps the fraction, as `//` would not."
    ),
    wrong=(
        Wrong(forgets_to_divide, "That is the sum"),
        Wrong(divides_the_last, "Only the last number is divided"),
        Wrong(rounds_down, "Which division did you take?"),
        Wrong(takes_the_middle, "That is the median"),
        Wrong(ignores_the_last, "For the numbers 1, 2 and 6"),
    ),
)

EXERCISES = (mean,)
