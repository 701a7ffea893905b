"""What Keras keeps about calls and layers, and offers no public way to read.

The only place of the course that reads private attributes of Keras, so that a Keras that keeps
these things elsewhere breaks one module. ``tests/test_keras_private.py`` says what they must be.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def list_calls(layer: "keras.Operation") -> list[Any]:
    """Return the symbolic calls of a layer, in order.

    Each call of a layer on symbolic tensors leaves a *node*, with ``input_tensors`` and
    ``output_tensors``. Calls on real tensors leave none.

    Built in lesson 19.
    """
    return list(layer._inbound_nodes)


def forget_calls(layer: "keras.Operation", count: int) -> None:
    """Forget the symbolic calls of a layer but the first ``count``."""
    del layer._inbound_nodes[count:]


def origin(tensor: "keras.KerasTensor") -> Any:
    """Return the call that made a symbolic tensor, a node as in :func:`list_calls`."""
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index]


def inner_layers(layer: "keras.Layer") -> list["keras.Layer"]:
    """Return all layers that a layer has made or used, at any depth, without itself."""
    return list(layer._flatten_layers(include_self=False))


def shapes_of_build(model: "keras.Model") -> dict[str, Any]:
    """Return the shapes with which a model was built, by the argument of its call."""
    return getattr(model, "_build_shapes_dict", None) or {}
