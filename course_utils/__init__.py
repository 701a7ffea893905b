"""Helpers shared by the lessons of *From Tensor to ResNet*.

Each module has one subject; import the one that you need:

- ``session``: a quiet start for a lesson, seeds, errors shown whole;
- ``setup_check``: is this machine ready for the course?
- ``data``: the small real data sets of the course;
- ``scenes``: pictures of four digits, clips of a moving one, and questions about both;
- ``graphs``: traced graphs, before and after optimisation;
- ``diagrams``: pictures of graphs and of Keras models;
- ``plots``: image grids, curves, timings;
- ``lessons``: the list of lessons and their map;
- ``workers``: several Python processes that train together;
- ``exports``: a model outside of Keras, and outside of this Python;
- ``arguments``: checks of arguments, and a value in a few words;
- ``keras_private``: what Keras keeps to itself about calls and layers;
- ``builders``: the models and blocks that lessons build;
- ``training``: the loop, the callbacks and the gradients that lessons build;
- ``exercises``: ``check``, ``hint`` and ``solution``.

Importing ``course_utils`` itself loads none of them.
"""

__version__ = "1.0.0"
