"""Exercises: ``check`` an answer, ask for a ``hint``, see the ``solution``.

The exercises of lesson NN are in ``lesson_NN.py`` beside this file. ``judging`` holds what they
are made of, ``expect`` what their checks are written with, ``sandbox`` the time limit, and
``errors`` puts an error into a learner's words.
"""

from course_utils.exercises.judging import check, hint, solution

__all__ = ["check", "hint", "solution"]
