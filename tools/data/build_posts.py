"""Write data/posts.csv: short posts by invented authors who differ in habits of order alone.

    python -m tools.data.build_posts                    writes data/posts.csv
    python -m tools.data.build_posts --output FILE      writes it elsewhere

Nobody ever wrote these posts. Each of 72 authors has eight habits. A habit is a choice between two
ways to put the same characters in order (``HABITS``): ``$20`` or ``20$``, ``haha`` or ``ahah``.
Which of the two ways is an author's own is decided by a fair coin, and the author keeps to it with
probability 0.98 (``KEPT``), in each post and for each habit by itself. All other words are drawn in
the same way for all authors.

Two things follow, and tests check them on the file:

- Both ways of a habit use the same characters, so how often each character occurs in a post says
  nothing about its author. Whatever is computed from counts stays at chance.
- To say whether two posts by unknown authors have one author, a reader who knows all this can do
  no better than to count the habits in which the posts differ, and to answer "the same" up to a
  certain number. ``best_accuracy()`` is how often this is right where half of the pairs have the
  same author: 0.964, with up to one difference. A reader of counts is right in half of the cases.

The first 60 authors are for training, the last 12 for testing (``TRAINING_AUTHORS`` in
``course_utils/data.py``), so that the authors of a test are unknown.

Everything is drawn from ``random.Random(seed).random()``, whose numbers Python promises to keep in
all versions, so the file has the same bytes on every machine. Its size and SHA-256 stand in
``course_utils/data.py``; a result that differs is not written. Needs no network, and of Python
packages only NumPy, which ``course_utils/data.py`` imports.
"""

import argparse
import csv
import io
import math
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
from course_utils.data import POSTS_FILE  # noqa: E402  (needs the line above)
from tools.data.files import BuildError, write  # noqa: E402

SEED = 20
AUTHORS, POSTS_EACH = 72, 40
KEPT = 0.98  # how often an author keeps to a habit
TARGET = ROOT / "data" / POSTS_FILE.name
COLUMNS = ("author", "post")

HABITS = {
    "laugh": ("haha", "ahah"),
    "when": ("today at the start", "today at the end"),
    "article": ("the", "teh"),
    "price": ("$20", "20$"),
    "comma": (", ", " ,"),
    "apostrophe": ("don't", "do'nt"),
    "please": ("please at the start", "please at the end"),
    "marks": ("?!", "!?"),
}  # each habit and its two ways, number 0 and number 1

PERSONS = (
    "mum", "dad", "ben", "amy", "joe", "sue", "tom", "liz", "max", "ada", "leo", "mia", "sam",
    "ivy", "gus", "nell",
)  # fmt: skip
DEEDS = (
    "sold", "got", "fixed", "bought", "washed", "found", "made", "cut", "lent", "hung", "wrapped",
    "moved",
)  # fmt: skip
THINGS = (
    "bike", "lamp", "desk", "clock", "tent", "drum", "coat", "rug", "phone", "cake", "kite",
    "bench", "sofa", "oven", "piano", "boat", "shed", "fence", "mirror", "radio", "car", "van",
    "bed", "hat", "book", "doll", "map", "ring", "vase", "shelf",
)  # fmt: skip
PRICES = tuple(map(str, range(10, 100, 10)))  # dollars
REQUESTS = ("tell", "ask", "call", "wake", "help", "text", "pay", "visit", "blame", "join")
WORDS = (PERSONS, DEEDS, THINGS, PRICES, REQUESTS, PERSONS)


def pick(rng: random.Random, choices: Sequence[str]) -> str:
    """Return one of ``choices``, all equally likely, by one draw of ``rng.random()``."""
    return choices[int(rng.random() * len(choices))]


def compose(ways: Sequence[int], words: Sequence[str]) -> str:
    """Return the post that has these habits and these words.

    Args:
        ways: 0 or 1 for each of the ``HABITS``, in their order.
        words: a person, a deed, a thing, a price in dollars, a request and a person.

    >>> compose([0] * 8, ["mum", "sold", "bike", "20", "tell", "ben"])
    "haha today mum sold the bike for $20, please don't tell ben?!"
    >>> compose([1] * 8, ["mum", "sold", "bike", "20", "tell", "ben"])
    "ahah mum sold teh bike for 20$ today ,do'nt tell ben please!?"
    """
    way = dict(zip(HABITS, ways, strict=True))
    chosen = {name: HABITS[name][number] for name, number in way.items()}
    seller, deed, thing, price, request, person = words
    paid = f"${price}" if way["price"] == 0 else f"{price}$"
    news = f"{seller} {deed} {chosen['article']} {thing} for {paid}"
    news = f"today {news}" if way["when"] == 0 else f"{news} today"
    wish = f"{chosen['apostrophe']} {request} {person}"
    wish = f"please {wish}" if way["please"] == 0 else f"{wish} please"
    return f"{chosen['laugh']} {news}{chosen['comma']}{wish}{chosen['marks']}"


def read_ways(post: str) -> list[int]:
    """Return the way, 0 or 1, in which a post has each of the ``HABITS``.

    Raises:
        ValueError: ``compose`` does not make such a post.

    >>> read_ways("haha today mum sold teh bike for $20, don't tell ben please?!")
    [0, 0, 1, 0, 0, 0, 1, 0]
    """
    ways = []
    for name, (first, second) in HABITS.items():
        if name == "when":
            found = "a today " in post or "h today " in post, bool(re.search(" today ?,", post))
        elif name == "price":
            found = bool(re.search(r"\$\d", post)), bool(re.search(r"\d\$", post))
        elif name == "please":
            found = "please do" in post, bool(re.search(r" please[?!]+$", post))
        else:
            found = first in post, second in post
        if found[0] == found[1]:
            raise ValueError(f"post: expected one of {(first, second)}, for {name}, in {post!r}.")
        ways.append(int(found[1]))
    return ways


def draw_posts(seed: int = SEED) -> list[tuple[int, str]]:
    """Return (author, post) for 72 authors with 40 posts each, the posts of an author together.

    No post occurs twice.
    """
    rng = random.Random(seed)
    rows, seen = [], set()
    for author in range(AUTHORS):
        own = [int(rng.random() * 2) for _ in HABITS]
        for _ in range(POSTS_EACH):
            ways = [way if rng.random() < KEPT else 1 - way for way in own]
            post = ""
            while not post or post in seen:
                words = [pick(rng, kind) for kind in WORDS]
                post = compose(ways, words)
            seen.add(post)
            rows.append((author, post))
    return rows


def accuracy_of_reader(most_differences: int) -> float:
    """Return how often it is right to say "same author" up to so many differing habits.

    For pairs of posts by unknown authors, half of them with the same author. Two posts of one
    author differ in a habit where exactly one of them strays, two posts of two authors in half of
    all cases. Eight habits, each by itself, make binomial distributions.

    >>> [round(accuracy_of_reader(most), 3) for most in range(4)]
    [0.861, 0.964, 0.926, 0.818]
    """
    strays = 2 * KEPT * (1 - KEPT)
    count = len(HABITS)
    same = different = 0.0
    for differences in range(most_differences + 1):
        ways = math.comb(count, differences)
        same += ways * strays**differences * (1 - strays) ** (count - differences)
        different += ways * 0.5**count
    return (same + 1 - different) / 2


def best_accuracy() -> float:
    """Return the accuracy of the best reader of habits, to whom all authors are unknown.

    >>> round(best_accuracy(), 3)
    0.964
    """
    return max(accuracy_of_reader(most) for most in range(len(HABITS) + 1))


def build(seed: int = SEED) -> bytes:
    """Return the bytes of posts.csv: a line of column names, then a line a post."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(draw_posts(seed))
    return text.getvalue().encode("ascii")


def main(arguments: list[str] | None = None) -> int:
    """Build the file and say what was written. Returns 0, or 1 with a message on stderr."""
    parser = argparse.ArgumentParser(description="Write data/posts.csv.")
    parser.add_argument("--output", type=Path, default=TARGET, help="where to write the file")
    options = parser.parse_args(arguments)
    try:
        write(build(), options.output, POSTS_FILE)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"best accuracy on pairs: {best_accuracy():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
