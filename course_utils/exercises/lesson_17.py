"""Exercises of lesson 17, Clinic."""

import math

import numpy as np

from course_utils.exercises.expect import call, describe, expect_keys, fail, is_close, to_array
from course_utils.exercises.judging import Exercise, Wrong

# ---------------------------------------------------------------- 17.1

CAUSES = {
    "A": "softmax twice",
    "B": "rate too low",
    "C": "validation from elsewhere",
    "D": "dead start",
    "E": "labels shuffled apart",
    "F": "rate too high",
    "G": "metric never reset",
    "H": "inputs not scaled",
}
SIGNS = {
    "A": "It reads most digits, and its loss stays high: right, and never sure.",
    "B": "Both curves fall together, in a straight line, and have not come far.",
    "C": "Training is healthy. The validation loss rises: what differs between the two?",
    "D": "Both curves lie on the dotted line from beginning to end. What never moved?",
    "E": "Training falls a little, validation rises: it learns by heart, nothing carries over.",
    "F": "It begins far above the dotted line and ends near it: it knows nothing in the end.",
    "G": "The dashed curve is that of a healthy run. Which of the two reports is wrong?",
    "H": "It begins far above the dotted line, and recovers to read most digits.",
}


def check_causes(answer):
    expect_keys(answer, CAUSES)
    for letter, cause in answer.items():
        if not isinstance(cause, str) or cause not in CAUSES.values():
            fail(f"{letter}: {describe(cause)} is no cause of the list. Copy one from there.")
    wrong = [letter for letter in CAUSES if answer[letter] != CAUSES[letter]]
    if wrong:
        fail(
            f"{len(CAUSES) - len(wrong)} of 8 are right. Look at {wrong[0]} again, which is not "
            f"{answer[wrong[0]]!r}. {SIGNS[wrong[0]]}"
        )


def swapped(first, second):
    """Return the causes with two letters exchanged."""
    return {**CAUSES, first: CAUSES[second], second: CAUSES[first]}


match = Exercise(
    id="17.1",
    title="Which is which?",
    minutes=5,
    statement="""Which mistake belongs to which panel? Fill in one of the eight causes for each
letter, as it is written in the list.""",
    stub="""causes_guessed = {
    "A": ...,
    "B": ...,
    "C": ...,
    "D": ...,
    "E": ...,
    "F": ...,
    "G": ...,
    "H": ...,
}""",
    answer="causes_guessed",
    check=check_causes,
    reference=CAUSES,
    reference_source="""causes_guessed = {
    "A": "softmax twice",
    "B": "rate too low",
    "C": "validation from elsewhere",
    "D": "dead start",
    "E": "labels shuffled apart",
    "F": "rate too high",
    "G": "metric never reset",
    "H": "inputs not scaled",
}""",
    hints=(
        "Begin with the panels that do not start near the dotted line.",
        "Then look at the accuracies: which runs read most digits although their loss is high?",
        "Where the two curves part, ask which of the two is healthy.",
    ),
    explanation=(
        "The loudest signs: D never moves; F and H begin far too high, and H recovers; A reads "
        "well with a high loss; in C and E validation rises; B falls too slowly; G reports an old "
        "mean."
    ),
    right=(
        dict(reversed(CAUSES.items())),
        dict(zip("ABCDEFGH", CAUSES.values(), strict=True)),
    ),
    wrong=(
        Wrong(swapped("F", "H"), "It begins far above the dotted line and ends near it"),
        Wrong(swapped("A", "B"), "right, and never sure"),
        Wrong(swapped("C", "E"), "Training is healthy"),
        Wrong(swapped("B", "D"), "Both curves fall together"),
        Wrong(swapped("D", "G"), "What never moved?"),
        Wrong(swapped("E", "G"), "learns by heart"),
        Wrong(swapped("G", "H"), "Which of the two reports is wrong?"),
        Wrong({**CAUSES, "A": "double softmax"}, "is no cause of the list"),
        Wrong(list(CAUSES.values()), "Expected a dict with the keys"),
    ),
)

# ---------------------------------------------------------------- 17.2


def find_learning_rate(step, low, high, steps):
    factor = (high / low) ** (1 / (steps - 1))
    best_rate, best_loss = low, float("inf")
    for number in range(steps):
        rate = low * factor**number
        loss = step(rate)
        if not loss < 4 * best_loss:  # NaN is not smaller than anything
            break
        if loss < best_loss:
            best_rate, best_loss = rate, loss
    return best_rate / 10


class Stepper:
    """A training step that only answers with prepared losses and notes the rates."""

    def __init__(self, losses):
        self.losses, self.rates = losses, []

    def __call__(self, rate):
        self.rates.append(float(rate))
        place = len(self.rates) - 1
        return self.losses[place] if place < len(self.losses) else self.losses[-1]


SMOOTH = [2.3, 2.2, 1.8, 1.1, 0.7, 0.9, 1.5]
EXPLODING = [2.3, 2.0, 1.0, 1.7, 3.9, 4.1, 0.2, 1.0, 0.1]
LOST = [2.3, 2.0, 1.5, math.nan, 0.2, 0.1]


def check_find_learning_rate(answer):
    low, high = 1e-4, 1e2
    count = len(SMOOTH)
    step = Stepper(SMOOTH)
    result = to_array(call(answer, step, low, high, count), "The rate that you return")
    rates = np.array(step.rates)
    expected = low * (high / low) ** (np.arange(count) / (count - 1))
    if result.shape != ():
        fail(f"Expected a single rate, got an array of shape {result.shape}.")
    if len(rates) == 0:
        fail("`step` was never called. Call step(rate) for each rate; it returns the loss.")
    if len(rates) != count:
        fail(
            f"`step` was called {len(rates)} times; expected {count}, as no loss was NaN or above "
            "four times the smallest."
        )
    if not is_close(rates / expected, np.ones(count), tolerance=1e-3):
        if is_close(rates, np.linspace(low, high, count)):
            fail(
                "The rates grow by the same amount each time, so nearly all of them are large. "
                "They should grow by the same factor."
            )
        if is_close(rates / low, (high / low) ** (np.arange(count) / count), tolerance=1e-3):
            fail(
                f"The last rate is {rates[-1]:.3g} and not `high`. How many factors lie between "
                f"the first and the last of {count} rates?"
            )
        if is_close(rates / low, (high / low) ** (np.arange(1, count + 1) / count), tolerance=1e-3):
            fail(f"The first rate is {rates[0]:.3g} and not `low`: multiply after the step.")
        if is_close(rates / expected[::-1], np.ones(count), tolerance=1e-3):
            fail("The rates fall from `high` to `low`: the first step would ruin the weights.")
        fail(
            f"The rates go from {rates[0]:.3g} to {rates[-1]:.3g}, but not by one constant factor "
            "from `low` to `high`."
        )
    best = expected[int(np.argmin(SMOOTH))]
    value = float(result)
    if math.isclose(value, best, rel_tol=1e-3):
        fail(
            "You return the rate with the smallest loss itself. Right after it the run breaks "
            "apart: return a tenth of it."
        )
    if math.isclose(value, min(SMOOTH), rel_tol=1e-3) or math.isclose(
        value, min(SMOOTH) / 10, rel_tol=1e-3
    ):
        fail("You return a loss. The rate that belongs to it is asked for.")
    if math.isclose(value, expected[-1] / 10, rel_tol=1e-3):
        fail("You return a tenth of the last rate. At which rate was the loss smallest?")
    if not math.isclose(value, best / 10, rel_tol=1e-3):
        fail(f"The loss was smallest at {best:.3g}; a tenth of it is not {value:.3g}.")

    def stops(losses, after, why):
        stepper = Stepper(losses)
        found = float(to_array(call(answer, stepper, 1e-3, 10.0, len(losses)), "The rate"))
        rates = 1e-3 * 1e4 ** (np.arange(len(losses)) / (len(losses) - 1))
        taken = len(stepper.rates)
        if losses is EXPLODING and taken == 8:
            fail(
                "The loss went from 1.0 to 1.7, 3.9 and 4.1, and your run went on. You compare a "
                "loss with the one before it; compare it with the smallest so far."
            )
        if taken != after:
            fail(why.format(taken))
        smallest = rates[int(np.nanargmin(losses[:after]))] / 10
        if not math.isclose(found, smallest, rel_tol=1e-3):
            fail(
                "When the run is stopped early, the rate that you return does not belong to the "
                "smallest loss until then."
            )

    stops(
        LOST,
        4,
        "A loss of NaN at the fourth step did not end the run there: {} steps were taken. "
        "Comparisons with NaN are all False; on which side of your `if` does it land?",
    )
    stops(
        EXPLODING,
        6,
        "The losses were 2.3, 2.0, 1.0, 1.7, 3.9, 4.1, and the run was to end with the 4.1, more "
        "than four times the smallest loss so far; {} steps were taken.",
    )


def find_linearly(step, low, high, steps):
    losses = []
    rates = np.linspace(low, high, steps)
    for rate in rates:
        losses.append(step(rate))
    return rates[int(np.argmin(losses))] / 10


def _find(*, exponent=lambda steps: 1 / (steps - 1), first=0, stop=True, nan=True, answer="tenth"):
    def find(step, low, high, steps):
        factor = (high / low) ** exponent(steps)
        best_rate, best_loss, before = low, float("inf"), float("inf")
        for number in range(first, steps + first):
            rate = low * factor**number
            loss = step(rate)
            reference = before if stop == "before" else best_loss
            if stop and loss > 4 * reference:
                break
            if nan and math.isnan(loss):
                break
            if loss < best_loss:
                best_rate, best_loss = rate, loss
            before = loss
        return {"tenth": best_rate / 10, "best": best_rate, "loss": best_loss, "last": rate / 10}[
            answer
        ]

    return find


def find_downwards(step, low, high, steps):
    return _find(stop=False)(step, high, low, steps)


def find_without_steps(step, low, high, steps):
    return math.sqrt(low * high)


def find_with_lists(step, low, high, steps):
    rates, losses = np.geomspace(low, high, steps), []
    for rate in rates:
        loss = step(rate)
        if np.isnan(loss) or (losses and loss > 4 * min(losses)):
            break
        losses.append(loss)
    return rates[np.argmin(losses)] * 0.1


def find_by_recursion(step, low, high, steps):
    def go_on(number, smallest, rate_of_smallest):
        if number == steps:
            return rate_of_smallest
        rate = low * (high / low) ** (number / (steps - 1))
        loss = step(rate)
        if math.isnan(loss) or loss > 4 * smallest:
            return rate_of_smallest
        return go_on(number + 1, *min((smallest, rate_of_smallest), (loss, rate)))

    return 0.1 * go_on(0, math.inf, low)


finder = Exercise(
    id="17.2",
    title="A learning-rate finder",
    minutes=20,
    statement="""Write `find_learning_rate(step, low, high, steps)`.

- `step(rate)` takes one training step at a learning rate, a Python float, and returns the loss
  before the step as a Python float. The function `rate_stepper()` above returns such a function.
- `low` and `high`: the first and the last rate, floats, 0 < low < high.
- `steps`: the number of rates, a whole number of 2 or more.

Call `step` with rates that grow by one constant factor from `low` to `high`, both included, in this
order. End early, right after a loss that is NaN or more than 4 times the smallest loss seen
before it. Return **a tenth of the rate whose call gave the smallest loss**, as a float.

For example, `low=0.001`, `high=10.0`, `steps=5` means the rates 0.001, 0.01, 0.1, 1 and 10. When it
is right, try `find_learning_rate(rate_stepper(), 0.001, 10.0, 100)`.""",
    stub="def find_learning_rate(step, low, high, steps):\n    ...",
    answer="find_learning_rate",
    check=check_find_learning_rate,
    reference=find_learning_rate,
    hints=(
        "Between the first and the last of n rates lie n - 1 equal factors, and together they make "
        "high / low.",
        "Keep two things while you go: the smallest loss, and the rate that gave it. Infinity is a "
        "good smallest loss to begin with.",
        'Write the question so that NaN gives the answer "stop": `if not loss < 4 * best_loss: '
        "break`.",
    ),
    explanation=(
        "The loss falls while the rate learns and rises when it breaks. Its smallest value lies "
        "near the break, so a tenth is a safe choice. `not loss < ...` is True for NaN, for which "
        "every comparison is False."
    ),
    wrong=(
        Wrong(find_linearly, "They should grow by the same factor"),
        Wrong(_find(exponent=lambda steps: 1 / steps), "and not `high`"),
        Wrong(_find(exponent=lambda steps: 1 / steps, first=1), "multiply after the step"),
        Wrong(find_downwards, "the first step would ruin the weights"),
        Wrong(_find(answer="best"), "return a tenth of it"),
        Wrong(_find(answer="loss"), "You return a loss"),
        Wrong(_find(answer="last"), "a tenth of the last rate"),
        Wrong(_find(nan=False), "A loss of NaN at the fourth step"),
        Wrong(_find(stop=False), "was to end with the 4.1"),
        Wrong(_find(stop="before"), "with the one before it"),
        Wrong(find_without_steps, "never called"),
    ),
    right=(find_with_lists, find_by_recursion),
)

EXERCISES = (match, finder)
