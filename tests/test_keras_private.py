"""Keras keeps calls and layers where the course looks for them."""

import numpy as np

from course_utils.keras_private import (
    forget_calls,
    inner_layers,
    list_calls,
    origin,
    shapes_of_build,
)
from course_utils.session import import_tensorflow

import_tensorflow()
import keras  # noqa: E402
from keras import layers  # noqa: E402


def test_each_symbolic_call_is_listed_and_real_ones_are_not():
    dense = layers.Dense(2)
    dense(np.ones((1, 3)))
    assert list_calls(dense) == []
    inputs = [keras.Input((3,)) for _ in range(3)]
    outputs = [dense(each) for each in inputs]
    calls = list_calls(dense)
    assert [call.input_tensors[0] for call in calls] == inputs
    assert all(call.output_tensors[0] is made for call, made in zip(calls, outputs, strict=True))
    assert [origin(made) for made in outputs] == calls
    assert origin(inputs[0]).input_tensors == []
    forget_calls(dense, 1)
    assert list_calls(dense) == calls[:1]


def test_layers_are_found_at_any_depth_without_the_outermost():
    inside = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model = keras.Sequential([inside, layers.ReLU()])
    found = inner_layers(model)
    assert all(layer in found for layer in (inside, *inside.layers, *model.layers))
    assert model not in found


def test_the_shapes_of_a_build_are_kept():
    class Sum(keras.Model):
        def call(self, inputs):
            return inputs + 1

    model = Sum()
    assert shapes_of_build(model) == {}
    model(np.ones((4, 3), "float32"))
    assert [tuple(shape) for shape in shapes_of_build(model).values()] == [(4, 3)]
