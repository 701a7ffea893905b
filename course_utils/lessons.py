"""The map of the course: which lessons there are, what each needs and introduces."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_utils.diagrams import Diagram


@dataclass(frozen=True)
class Lesson:
    """One lesson, as its notebook describes it.

    ``needs`` holds file names without their ending, ``introduces`` the public ``tf.`` and
    ``keras.`` names that the core of no earlier lesson uses. ``minutes`` is the length of the
    core, ``further`` that of what follows it; ``road`` says whether the lesson is on the main road
    from a tensor to a ResNet.
    """

    file: str
    number: str
    title: str
    question: str
    needs: tuple[str, ...]
    introduces: tuple[str, ...]
    minutes: int
    further: int
    road: bool = False

    @property
    def name(self) -> str:
        """The file name without its ending, such as ``01_tensors``."""
        return self.file.removesuffix(".ipynb")


def lessons() -> list[Lesson]:
    """Return all lessons in order.

    Raises:
        FileNotFoundError: the installed course is incomplete.
    """
    path = Path(__file__).with_name("lessons.json")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "The map of the course (course_utils/lessons.json) is missing. "
            "Install the course again, or write the map with `make refresh`."
        ) from error
    return [
        Lesson(**entry | {key: tuple(entry[key]) for key in ("needs", "introduces")})
        for entry in entries
    ]


def show_map() -> "Diagram":
    """Return the course as a picture: a box a lesson, an arrow to each lesson that needs it.

    The boxes of the main road are highlighted, and the title says how many hours it takes.
    """
    from course_utils.diagrams import draw_graph

    # The names hold all that the picture shows, so that a comparison of texts notices a change.
    every = lessons()
    road = [one for one in every if one.road]
    boxes = {one.name: f"{one.number} {one.title}, {one.minutes} min" for one in every}
    nodes = {boxes[one.name]: {"kind": "highlight" if one.road else "operation"} for one in every}
    edges = [(boxes[need], boxes[one.name]) for one in every for need in one.needs]
    hours, of_all = (round(sum(one.minutes for one in part) / 60) for part in (road, every))
    title = f"The lessons: main road (orange) {hours} hours, all {of_all} hours"
    return draw_graph(nodes, edges, title=title)
