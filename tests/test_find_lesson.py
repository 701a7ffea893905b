"""A lesson is found by its number and by its name."""

import pytest

from tools.find_lesson import find_lesson, notebook_paths
from tools.settings import Problem


@pytest.fixture
def project(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("00_start_here", "03_eager_and_graph", "13_fit_and_callbacks", "scratch"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("which", ["03", "3", "03_eager_and_graph", "03_eager_and_graph.ipynb"])
def test_a_lesson_is_found_by_number_and_by_name(project, which):
    assert find_lesson(which, project).name == "03_eager_and_graph.ipynb"


def test_the_first_lesson_has_the_number_nought(project):
    assert find_lesson("0", project) == find_lesson("00", project) == notebook_paths(project)[0]


@pytest.mark.parametrize("which", ["1", "30", "", "scratch", "eager_and_graph", "03_eager"])
def test_another_name_is_a_problem_that_lists_the_lessons(project, which):
    with pytest.raises(Problem, match=rf"no lesson '{which}'\. There are: 00, 03, 13\."):
        find_lesson(which, project)


def test_a_project_without_lessons_says_so(tmp_path):
    with pytest.raises(Problem, match="There are: none"):
        find_lesson("00", tmp_path)
