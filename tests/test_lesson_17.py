"""What lesson 17 says of its diagnosis is so, and its exercise asks for what the lesson draws."""

import pytest

from course_utils.data import load_results
from course_utils.exercises import lesson_17
from tools.lesson_code import lesson_parts
from tools.seeds import lesson_17 as seeds


@pytest.fixture(scope="module")
def lesson():
    return lesson_parts("17", "causes", only=("diagnose", "causes"))


def test_the_letters_of_the_exercise_are_those_of_the_panels(lesson):
    assert lesson["causes"] == lesson_17.CAUSES


def test_stored_runs_are_those_of_the_script():
    stored = load_results("17")
    assert stored["made by"] == "python -m tools.seeds.lesson_17 --write"
    assert stored["settings"]["seeds"] == list(seeds.SEEDS)
    assert list(stored["runs"]) == list(seeds.NETWORKS)
    for by_cause in stored["runs"].values():
        assert set(by_cause) == {"healthy", *lesson_17.CAUSES.values()}
        for runs in by_cause.values():
            assert [{len(values) for values in run.values()} for run in runs] == [{8}] * 5


def test_the_hit_rate_is_what_the_text_says(lesson):
    rates, missed = {}, {}
    for network, by_cause in load_results("17")["runs"].items():
        named = {
            cause: [lesson["diagnose"](run) for run in runs] for cause, runs in by_cause.items()
        }
        rates[network] = sum(names.count(cause) for cause, names in named.items())
        missed[network] = {cause for cause, names in named.items() if names.count(cause) < 3}
    assert rates == {"same network": 45, "three narrow": 36, "one wide": 45}
    assert missed["three narrow"] == {"labels shuffled apart", "inputs not scaled"}
