"""Helpers shared by the lessons of *From Tensor to ResNet*.

Each module has one subject; import the one that you need:

- ``session``: a quiet start for a lesson, and seeds;
- ``setup_check``: is this machine ready for the course?
- ``data``: the small real data sets of the course;
- ``graphs``: traced graphs, before and after optimisation;
- ``gradients``: gradients by differences, to check what a tape says;
- ``tape``: a reverse-mode tape to read in one sitting;
- ``from_scratch``: layers, models, training and optimizers without Keras;
- ``convolution``: convolution, pooling and batch normalisation in NumPy;
- ``diagrams``: pictures of graphs and of Keras models;
- ``plots``: image grids, curves, timings;
- ``lessons``: the list of lessons and their map;
- ``exercises``: ``check``, ``hint`` and ``solution``.

Importing ``course_utils`` itself loads none of them.
"""

__version__ = "1.0.0"
