"""A reverse-mode tape small enough to read in one sitting (lesson 07)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Pullback = Callable[[np.ndarray], np.ndarray]

DTYPES = ("float32", "float64")


class Node:
    """A value that a tape computes with: ``value`` is a float32 or float64 NumPy array.

    Args:
        value: numbers of any shape; an array, tensor, variable, list or number. Python's own
            numbers become float64, as everywhere in NumPy. An array is not copied.

    >>> Node([[1.0, 2.0]])
    Node(shape=(1, 2), dtype=float64)

    Raises:
        TypeError: ``value`` is no array of float32 or float64 and does not become one.
        ValueError: ``value`` is a nested list whose rows differ in length.

    Built in lesson 07.
    """

    def __init__(self, value: Any):
        self.value = _as_floats(value)

    def __repr__(self) -> str:
        return f"Node(shape={self.value.shape}, dtype={self.value.dtype})"


class SmallTape:
    """Records additions, products, matrix products, ReLUs and sums, and differentiates them.

    Each operation takes nodes, computes its value at once, and notes how a gradient at its
    result passes back to each of its inputs. ``gradient`` walks through these notes from the
    last to the first: reverse-mode automatic differentiation.

    >>> tape = SmallTape()
    >>> a, b = Node(2.0), Node(3.0)
    >>> y = tape.multiply(tape.add(a, b), b)
    >>> [float(gradient) for gradient in tape.gradient(y, [a, b])]
    [3.0, 8.0]

    Two nodes that meet have one dtype: nothing is promoted, as with tensors.

    Source: A. G. Baydin et al. 2018, *Automatic Differentiation in Machine Learning: a Survey*.
    Built in lesson 07, where its gradients are compared with those of ``tf.GradientTape``.
    """

    def __init__(self) -> None:
        self.notes: list[tuple[Node, tuple[tuple[Node, Pullback], ...]]] = []

    def note(self, value: Any, *inputs: tuple[Node, Pullback]) -> Node:
        """Add a result to the tape, with its inputs and the pullback to each; return its node.

        A pullback takes the gradient of the target with respect to the result, an array of the
        result's shape, and returns the one with respect to the input, of the input's shape.

        Raises:
            TypeError: ``value`` cannot be the value of a node, or an input is not a pair of a
                node and a function.
        """
        for place, pair in enumerate(inputs, start=1):
            if not (
                isinstance(pair, tuple)
                and len(pair) == 2
                and isinstance(pair[0], Node)
                and callable(pair[1])
            ):
                raise TypeError(
                    f"note: input {place}: expected a pair (node, pullback), got {_short(pair)}. "
                    "A pullback is a function from the gradient at the result to the one there."
                )
        result = Node(value)
        self.notes.append((result, inputs))
        return result

    def add(self, a: Node, b: Node) -> Node:
        """Return ``a + b``; shapes broadcast as in NumPy.

        Raises:
            TypeError: ``a`` or ``b`` is no node, or their dtypes differ.
            ValueError: their shapes do not broadcast.
        """
        _check_pair("add", a, b, broadcast=True)
        return self.note(
            a.value + b.value,
            (a, lambda g: sum_to_shape(g, a.value.shape)),
            (b, lambda g: sum_to_shape(g, b.value.shape)),
        )

    def multiply(self, a: Node, b: Node) -> Node:
        """Return ``a * b``, number by number; shapes broadcast as in NumPy.

        Raises:
            TypeError: ``a`` or ``b`` is no node, or their dtypes differ.
            ValueError: their shapes do not broadcast.
        """
        _check_pair("multiply", a, b, broadcast=True)
        return self.note(
            a.value * b.value,
            (a, lambda g: sum_to_shape(g * b.value, a.value.shape)),
            (b, lambda g: sum_to_shape(g * a.value, b.value.shape)),
        )

    def matmul(self, a: Node, b: Node) -> Node:
        """Return the product of matrices of shapes ``(n, k)`` and ``(k, m)``, shape ``(n, m)``.

        Raises:
            TypeError: ``a`` or ``b`` is no node, or their dtypes differ.
            ValueError: one of the two is no matrix, or the inner sizes differ.
        """
        _check_pair("matmul", a, b)
        for name, node in (("a", a), ("b", b)):
            if node.value.ndim != 2:
                raise ValueError(
                    f"matmul: {name}: expected a matrix (rank 2), got the shape "
                    f"{node.value.shape}. Give a single example a batch axis: [np.newaxis, :]."
                )
        if a.value.shape[1] != b.value.shape[0]:
            raise ValueError(
                f"matmul: expected shapes (n, k) and (k, m), got {a.value.shape} and "
                f"{b.value.shape}: the inner sizes {a.value.shape[1]} and {b.value.shape[0]} "
                "differ. Check the order of the two, or transpose one."
            )
        return self.note(
            a.value @ b.value,
            (a, lambda g: g @ b.value.T),
            (b, lambda g: a.value.T @ g),
        )

    def relu(self, a: Node) -> Node:
        """Return ``a`` where it is positive, else 0; the gradient at 0 is 0.

        Raises:
            TypeError: ``a`` is no node.
        """
        _check_node("relu: a", a)
        return self.note(np.maximum(a.value, 0), (a, lambda g: g * (a.value > 0)))

    def sum(self, a: Node) -> Node:
        """Return the sum of all numbers of ``a``, a scalar.

        Raises:
            TypeError: ``a`` is no node.
        """
        _check_node("sum: a", a)
        return self.note(a.value.sum(), (a, lambda g: np.broadcast_to(g, a.value.shape)))

    def gradient(self, target: Node, sources: Sequence[Node]) -> list[np.ndarray | None]:
        """Return the gradient of ``target`` with respect to each source, or None without a path.

        A target that is not a scalar stands for the sum of its numbers, as with
        ``tf.GradientTape``. A tape may be asked more than once.

        Raises:
            TypeError: ``target`` is no node, or ``sources`` is no list or tuple of nodes.
            ValueError: a pullback returned an array of another shape than its input has.
        """
        _check_node("gradient: target", target)
        if not isinstance(sources, list | tuple):
            raise TypeError(
                f"gradient: sources: expected a list of nodes, got {_short(sources)}. "
                "Write a single node in brackets."
            )
        for place, source in enumerate(sources):
            _check_node(f"gradient: sources[{place}]", source)
        gradients = {target: np.ones_like(target.value)}
        for result, inputs in reversed(self.notes):
            if result not in gradients:
                continue
            for node, pullback in inputs:
                share = np.asarray(pullback(gradients[result]))
                if share.shape != node.value.shape:
                    raise ValueError(
                        f"gradient: a pullback returned the shape {share.shape} for an input of "
                        f"the shape {node.value.shape}. Where the input was broadcast, sum its "
                        "gradient back with sum_to_shape."
                    )
                gradients[node] = np.asarray(gradients.get(node, 0) + share)
        return [gradients.get(source) for source in sources]


def sum_to_shape(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum a gradient over the axes that broadcasting had added or stretched, back to ``shape``.

    >>> sum_to_shape(np.ones((5, 3)), (3,))
    array([5., 5., 5.])

    Raises:
        ValueError: nothing of ``shape`` broadcasts to the shape of ``gradient``.

    Built in lesson 07.
    """
    extra = np.ndim(gradient) - len(shape)
    if extra < 0 or any(
        size not in (1, whole)
        for size, whole in zip(shape, np.shape(gradient)[extra:], strict=True)
    ):
        raise ValueError(
            f"shape: expected one that broadcasts to {np.shape(gradient)}, the shape of the "
            f"gradient, got {tuple(shape)}."
        )
    gradient = gradient.sum(axis=tuple(range(extra)))
    stretched = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return gradient.sum(axis=stretched, keepdims=True)


# --- checking arguments ---------------------------------------------------------------------


def _short(value: Any) -> str:
    """Name a value in a few words."""
    if isinstance(value, Node):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, {value.dtype}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        dtype = getattr(value.dtype, "name", value.dtype)
        return f"an object of type {type(value).__name__}, {dtype}"
    if value is None or isinstance(value, bool | int | float | str):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:36]}…{text[-1]}"
    return f"an object of type {type(value).__name__}"


def _as_floats(value: Any) -> np.ndarray:
    """Return ``value`` as an array of float32 or float64, without converting its numbers."""
    if isinstance(value, Node):
        raise TypeError("value: expected numbers, got a Node, which holds some: use it as it is.")
    try:
        array = np.asarray(value)
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(value, list | tuple):
            raise ValueError(
                "value: expected numbers that fill an array, got a nested list whose parts differ "
                "in length. Give all rows one length."
            ) from error
        if type(value).__name__ in {"SymbolicTensor", "KerasTensor"}:
            raise TypeError(
                "value: expected float32 or float64 numbers, got a symbolic tensor, which holds no "
                "value. Use this tape eagerly, outside of tf.function and of a model's graph."
            ) from error
        raise TypeError(
            f"value: expected float32 or float64 numbers, got {_short(value)}, which NumPy cannot "
            "read as such. Pass an array, or cast the tensor and pass its .numpy()."
        ) from error
    if array.dtype.kind in "biu":
        raise TypeError(
            f"value: expected float32 or float64, got {array.dtype}. Gradients need numbers that "
            "can change by a little: convert them first, for example with .astype(np.float32)."
        )
    if array.dtype.kind not in "fcV":
        kind = {"U": "text", "S": "text", "O": "objects"}.get(array.dtype.kind, "other values")
        what = _short(value) if array.ndim == 0 else f"{kind} in {_short(value)}"
        raise TypeError(f"value: expected float32 or float64 numbers, got {what}.")
    if array.dtype.name not in DTYPES:
        raise TypeError(
            f"value: expected float32 or float64, got {array.dtype}. Convert it first, for example "
            "with .astype(np.float32)."
        )
    return array


def _check_node(name: str, value: Any) -> None:
    if not isinstance(value, Node):
        raise TypeError(f"{name}: expected a Node, got {_short(value)}. Wrap numbers: Node(...).")


def _check_pair(operation: str, a: Any, b: Any, *, broadcast: bool = False) -> None:
    """Check the two inputs of an operation: nodes, one dtype, shapes that go together."""
    _check_node(f"{operation}: a", a)
    _check_node(f"{operation}: b", b)
    if a.value.dtype != b.value.dtype:
        raise TypeError(
            f"{operation}: expected one dtype, got {a.value.dtype} for a and {b.value.dtype} for "
            "b. Convert one of them before you make its node, for example with .astype(np.float32)."
        )
    if not broadcast:
        return
    try:
        np.broadcast_shapes(a.value.shape, b.value.shape)
    except ValueError:
        raise ValueError(
            f"{operation}: expected shapes that broadcast, got {a.value.shape} and "
            f"{b.value.shape}. From the last axis on, sizes must be equal or 1."
        ) from None
