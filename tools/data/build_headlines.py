"""Make data/headlines.csv: headlines from a small grammar, and what an invented audience did.

    python -m tools.data.build_headlines

No headline was ever printed, and no audience ever read it. The sentences come from the grammar
below, hours and weekdays are drawn, and the audience follows a rule that stands below as well. So
it is known how well any model can do at best: its mean squared error cannot stay below that of
the rule itself, which is the variance of the noise. ``floors()`` computes it for the test rows.

A headline is, in this order and of at most 12 words,

    [opening] [adjective] subject [never] verb object [place]

where subject and object are two nouns of one topic, and "never" comes with one headline in ten.

The audience
    The *appeal* of a headline is a sum of numbers from the tables below: the opening's, the
    adjective's, the place's, the subject's, and 0.7 times the object's, which is added where the
    verb is friendly and subtracted where it is hostile. "never" turns a friendly verb into a
    hostile one, and the reverse. So the order of the words matters, and so does one small word.

    likes     = 3 + appeal                                      + noise of variance 0.09
    reposts   = 2 + appeal + time of day + topic at its time    + noise of variance 0.25

    Both are natural logarithms of a count in hundreds. The likes depend on the text alone, and are
    the cleaner of the two. The reposts depend on the text, on hour and weekday, and on how these
    fit: sport at the weekend, money on working days, food from 10 to 20 h, politics in the
    morning, animals at night; science is read at all times.

Everything is drawn from ``random.Random(seed).random()``, whose numbers are promised to stay the
same in all versions of Python, and the noise is the sum of twelve of them (variance 1 exactly,
nearly normal), so that no mathematical library has a part in it: the file has the same bytes on
every machine. No headline occurs twice; the first 6,000 rows are for training, the other 2,000
for testing. Needs Python and NumPy and no network.
"""

import argparse
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
from course_utils.data import HEADLINES_FILE, TRAINING_HEADLINES  # noqa: E402  (needs the line above)
from tools.data.files import BuildError, write  # noqa: E402

SEED = 11
ROWS = 8_000
TARGET = ROOT / "data" / HEADLINES_FILE.name
COLUMNS = "headline,hour,weekday,reposts,likes,expected_reposts,expected_likes"

LIKES_BASE, REPOSTS_BASE = 3.0, 2.0
LIKES_NOISE, REPOSTS_NOISE = 0.3, 0.5  # standard deviations
OBJECT_SHARE = 0.7  # of an object's number in the appeal
NEVER, PLACED, OPENED, DESCRIBED = 0.1, 0.5, 0.4, 0.7  # how often a part is there

# What each word adds to the appeal. Nouns by topic.
NOUNS = {
    "sport": {"striker": 0.7, "goalkeeper": 0.5, "coach": 0.2, "referee": -0.5, "sprinter": 0.3,
              "cyclist": 0.1, "boxer": 0.0, "rower": -0.3},
    "money": {"bank": -0.7, "investor": -0.4, "startup": 0.1, "treasury": -0.8,
              "brewery": 0.5, "bakery": 0.3, "airline": -0.2, "landlord": -0.6},
    "food": {"pizza": 0.7, "cook": 0.3, "chocolate": 0.8, "broccoli": -0.4, "coffee": 0.6,
             "soup": 0.0, "cheese": 0.4, "canteen": -0.5},
    "politics": {"mayor": 0.0, "minister": -0.3, "senator": -0.5, "parliament": -0.6,
                 "protesters": 0.3, "embassy": -0.2, "judge": 0.1, "council": -0.1},
    "animals": {"kitten": 1.0, "otter": 0.9, "wolf": 0.4, "goose": 0.2, "hamster": 0.6,
                "spider": -0.6, "rat": -0.5, "mosquito": -0.9},
    "science": {"astronomer": 0.4, "robot": 0.5, "telescope": 0.3, "virologist": -0.1,
                "fossil": 0.2, "satellite": 0.1, "laboratory": -0.2, "statistician": -0.4},
}  # fmt: skip
FRIENDLY = ("praises", "rescues", "adopts", "welcomes", "thanks", "celebrates", "joins", "helps")
HOSTILE = ("attacks", "blames", "chases", "sues", "mocks", "ignores", "fears", "replaces")
ADJECTIVES = {
    "heroic": 0.6, "tiny": 0.5, "brave": 0.4, "famous": 0.3, "secret": 0.7, "lonely": 0.2,
    "angry": -0.2, "boring": -0.7, "retired": -0.3, "local": -0.1, "expensive": -0.4,
    "broken": -0.5,
}  # fmt: skip
OPENINGS = {
    "breaking:": 0.3, "study says": -0.2, "video shows": 0.5, "nobody knows why": -0.6,
    "opinion:": -0.4, "exclusive:": 0.4,
}  # fmt: skip
PLACES = {
    "in the city park": 0.1, "at the airport": -0.2, "on live television": 0.5, "in court": -0.3,
    "under the sea": 0.6, "in a car park": -0.1, "behind the station": 0.0,
    "at the annual meeting": -0.6,
}  # fmt: skip
TOPIC_OF = {noun: topic for topic, nouns in NOUNS.items() for noun in nouns}
PULL = {noun: pull for nouns in NOUNS.values() for noun, pull in nouns.items()}

# What the time of day adds to the reposts, whatever the headline: 0 h to 23 h.
TIME_OF_DAY = (
    -0.3, -0.4, -0.5, -0.5, -0.4, -0.3, -0.1, 0.1, 0.2, 0.2, 0.2, 0.3,
    0.4, 0.3, 0.2, 0.1, 0.1, 0.2, 0.3, 0.4, 0.4, 0.3, 0.1, -0.1,
)  # fmt: skip


def topic_at_its_time(topic: str, hour: int, weekday: int) -> float:
    """Return what a topic gains at this hour (0 to 23) and weekday (0 is Monday)."""
    weekend = weekday >= 5
    if topic == "sport":
        return 1.5 if weekend else -0.6
    if topic == "money":
        return -1.5 if weekend else 0.6
    if topic == "food":
        return 1.0 if 10 <= hour < 20 else -0.8
    if topic == "politics":
        return 1.2 if 5 <= hour < 13 else -0.6
    if topic == "animals":
        return 1.2 if hour >= 20 or hour < 6 else -0.6
    return 0.0


def appeal(parts: dict[str, str]) -> float:
    """Return the appeal of a headline, from its parts as ``parse`` returns them."""
    friendly = (parts["verb"] in FRIENDLY) != bool(parts["never"])
    towards_object = OBJECT_SHARE * (PULL[parts["object"]] if friendly else -PULL[parts["object"]])
    return (
        OPENINGS.get(parts["opening"], 0.0)
        + ADJECTIVES.get(parts["adjective"], 0.0)
        + PULL[parts["subject"]]
        + towards_object
        + PLACES.get(parts["place"], 0.0)
    )


def parse(headline: str) -> dict[str, str]:
    """Return the parts of a headline; a part that is not there is an empty text.

    Raises:
        ValueError: the grammar does not make such a headline.
    """
    rest = headline.lower()
    parts = {}

    def take(name: str, choices, required: bool = False) -> None:
        nonlocal rest
        for choice in choices:
            if rest == choice or rest.startswith(choice + " "):
                parts[name] = choice
                rest = rest[len(choice) + 1 :]
                return
        if required:
            raise ValueError(f"headline: expected a {name} at {rest!r} in {headline!r}.")
        parts[name] = ""

    take("opening", OPENINGS)
    take("adjective", ADJECTIVES)
    take("subject", PULL, required=True)
    take("never", ["never"])
    take("verb", FRIENDLY + HOSTILE, required=True)
    take("object", PULL, required=True)
    take("place", PLACES)
    if rest:
        raise ValueError(f"headline: expected nothing after a place, got {rest!r}.")
    return parts


def expected(headline: str, hour: int, weekday: int) -> tuple[float, float]:
    """Return the reposts and likes that the rule leads to, before the noise.

    Raises:
        ValueError: the grammar does not make such a headline.
    """
    parts = parse(headline)
    pull = appeal(parts)
    fit = topic_at_its_time(TOPIC_OF[parts["subject"]], hour, weekday)
    return REPOSTS_BASE + pull + TIME_OF_DAY[hour] + fit, LIKES_BASE + pull


class Dice:
    """Draws from one seeded generator, by its ``random`` alone."""

    def __init__(self, seed: int):
        self._next = random.Random(seed).random

    def below(self, count: int) -> int:
        """Return a whole number from 0 to ``count`` - 1."""
        return int(self._next() * count)

    def pick(self, choices) -> str:
        """Return one of the choices."""
        choices = list(choices)
        return choices[self.below(len(choices))]

    def happens(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._next() < probability

    def noise(self) -> float:
        """Return a number of mean 0 and variance 1: the sum of twelve uniform ones, minus 6."""
        total = 0.0
        for _ in range(12):  # sum() rounds in another way from Python 3.12 on
            total += self._next()
        return total - 6.0


def draw_headline(dice: Dice) -> str:
    """Return a headline of the grammar."""
    nouns = list(NOUNS[dice.pick(NOUNS)])
    subject = nouns.pop(dice.below(len(nouns)))
    parts = [
        dice.pick(OPENINGS) if dice.happens(OPENED) else "",
        dice.pick(ADJECTIVES) if dice.happens(DESCRIBED) else "",
        subject,
        "never" if dice.happens(NEVER) else "",
        dice.pick(FRIENDLY + HOSTILE),
        dice.pick(nouns),
        dice.pick(PLACES) if dice.happens(PLACED) else "",
    ]
    text = " ".join(part for part in parts if part)
    return text[0].upper() + text[1:]


def build(*, seed: int = SEED, rows: int = ROWS) -> bytes:
    """Return the bytes of headlines.csv: a line of column names, then one line a headline."""
    dice = Dice(seed)
    lines, seen = [COLUMNS], set()
    while len(lines) <= rows:
        headline = draw_headline(dice)
        hour, weekday = dice.below(24), dice.below(7)
        noise = REPOSTS_NOISE * dice.noise(), LIKES_NOISE * dice.noise()
        if headline in seen:
            continue
        seen.add(headline)
        rule = expected(headline, hour, weekday)
        numbers = [rule[0] + noise[0], rule[1] + noise[1], *rule]
        lines.append(f"{headline},{hour},{weekday}," + ",".join(f"{n:.2f}" for n in numbers))
    return ("\n".join(lines) + "\n").encode("ascii")


def floors(content: bytes) -> dict[str, float]:
    """Return the mean squared error of the rule itself on the test rows: the best score there is.

    The rule is asked again for each row, from its words, hour and weekday.
    """
    errors: dict[str, list[float]] = {"reposts": [], "likes": []}
    for line in content.decode("ascii").splitlines()[1 + TRAINING_HEADLINES :]:
        headline, hour, weekday, *numbers = line.split(",")
        rule = expected(headline, int(hour), int(weekday))
        for name, number, truth in zip(errors, numbers, rule, strict=False):
            errors[name].append((float(number) - truth) ** 2)
    return {name: sum(values) / len(values) for name, values in errors.items()}


def main(arguments: list[str] | None = None) -> int:
    """Build the file and say what was written. Returns 0, or 1 with a message on stderr."""
    parser = argparse.ArgumentParser(description="Make data/headlines.csv.")
    parser.add_argument("--output", type=Path, default=TARGET, help="where to write the file")
    options = parser.parse_args(arguments)
    content = build()
    try:
        write(content, options.output, HEADLINES_FILE)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for name, floor in floors(content).items():
        print(f"best possible mean squared error of the {name} on the test rows: {floor:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
