"""Exercises: ``check`` an answer, ask for a ``hint``, see the ``solution``.

The exercises of lesson NN stand in ``lesson_NN.py`` beside this file; ``engine.py`` holds
what they are made of.
"""

from course_utils.exercises.engine import check, hint, solution

__all__ = ["check", "hint", "solution"]
