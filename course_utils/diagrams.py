"""Pictures of graphs and of Keras models, with or without Graphviz on the machine.

A :class:`Diagram` is drawn by Graphviz' ``dot`` where there is one, else by the program
``graphviz-pure`` that comes with the course. Its text form lists nodes and edges, so a
notebook test compares what the diagram says and not how a renderer drew it.
"""

import contextlib
import html
import os
import re
import shutil
import struct
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.arguments import check_choice, short
from course_utils.keras_private import (
    forget_calls,
    inner_layers,
    list_calls,
    origin,
    shapes_of_build,
)

if TYPE_CHECKING:
    import keras

# Tints and lines of the Okabe-Ito palette; text stays black on all of them.
KINDS = {
    "input": {
        "fillcolor": "#D6ECFA",
        "color": "#0072B2",
        "shape": "box",
        "style": "rounded,filled",
    },
    "operation": {"fillcolor": "#FFFFFF", "color": "#333333", "shape": "box", "style": "filled"},
    "highlight": {"fillcolor": "#FBE3C3", "color": "#D55E00", "shape": "box", "style": "filled"},
    "constant": {"fillcolor": "#EEEEEE", "color": "#666666", "shape": "box", "style": "filled"},
    "variable": {"fillcolor": "#F6DDEA", "color": "#CC79A7", "shape": "box", "style": "filled"},
    "output": {
        "fillcolor": "#CDEBDF",
        "color": "#009E73",
        "shape": "box",
        "style": "rounded,filled",
    },
    "plain": {
        "fillcolor": "#FFFFFF",
        "color": "#999999",
        "shape": "box",
        "style": "rounded,filled",
    },
}
NOTEBOOK_WIDTH = 760  # CSS pixels that a notebook page leaves for an output
SMALLEST_SCALE = 0.7  # below, small print cannot be read; a wider picture is scrolled instead
RESOLUTION = 192  # dots an inch: two device pixels for each CSS pixel


class DiagramError(RuntimeError):
    """A diagram could not be drawn; the message says what is missing and how to get it."""


class Diagram:
    """A picture of a graph, given as Graphviz source text.

    Shown as the last expression of a cell, it is a PNG of twice the screen's resolution on a
    light card (so that it reads in a dark theme too), shrunk to the width of the notebook as
    long as it stays readable. Where nothing can draw it, its text is shown, and why.

    Args:
        source: the graph in the DOT language.
        text: what the diagram says, in words; it stands in for the picture.
    """

    def __init__(self, source: str, text: str):
        self.source = source
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def png(self) -> bytes:
        """Return the picture as PNG bytes. Raises DiagramError when nothing can draw it."""
        return render(self.source, format="png")

    def svg(self) -> str:
        """Return the picture as SVG text. Raises DiagramError when nothing can draw it."""
        return render(self.source, format="svg").decode("utf-8")

    def save(self, path: str | os.PathLike) -> Path:
        """Write the picture to ``path``, which ends in ``.png`` or ``.svg``; return the path.

        Raises:
            ValueError: another ending.
            DiagramError: nothing on this machine can draw it.
        """
        path = Path(path)
        if path.suffix not in {".png", ".svg"}:
            raise ValueError(f"path: expected a name ending in .png or .svg, got {path.name!r}.")
        path.write_bytes(render(self.source, format=path.suffix[1:]))
        return path

    def _repr_mimebundle_(self, include=None, exclude=None):
        try:
            picture = self.png()
        except DiagramError as error:
            return {"text/plain": f"{self.text}\n({error})"}
        width = struct.unpack(">I", picture[16:20])[0] * 96 / RESOLUTION
        shown = max(min(width, NOTEBOOK_WIDTH), width * SMALLEST_SCALE)
        metadata: dict[str, Any] = {"width": round(shown)}
        if shown > NOTEBOOK_WIDTH:
            metadata["unconfined"] = True  # JupyterLab scrolls it instead of shrinking it
        return {"image/png": picture, "text/plain": self.text}, {"image/png": metadata}


def find_renderer() -> str | None:
    """Return the program that draws diagrams, or None.

    Graphviz' ``dot`` on the PATH comes first, then ``graphviz-pure``, on the PATH or among
    the programs of this Python environment.
    """
    scripts = sysconfig.get_path("scripts")
    return (
        shutil.which("dot")
        or shutil.which("graphviz-pure")
        or shutil.which("graphviz-pure", path=scripts)
    )


def render(source: str, *, format: str) -> bytes:
    """Draw DOT source as ``"png"`` or ``"svg"`` and return the bytes.

    Raises:
        DiagramError: there is no renderer, or it refuses the source or takes over a minute.
    """
    program = find_renderer()
    if program is None:
        raise DiagramError(
            "Neither `dot` nor `graphviz-pure` was found, so the diagram cannot be drawn. "
            "Run `pip install graphviz-pure` in this environment, then run the cell again."
        )
    resolution = RESOLUTION if format == "png" else 72
    try:
        done = subprocess.run(
            [program, f"-T{format}", f"-Gdpi={resolution}"],
            input=source.encode("utf-8"),
            capture_output=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DiagramError(f"{Path(program).name} could not draw the diagram: {error}") from error
    if done.returncode != 0 or not done.stdout:
        reason = done.stderr.decode("utf-8", "replace").strip() or "no reason given"
        raise DiagramError(f"{Path(program).name} could not draw the diagram: {reason}")
    return done.stdout


def draw_graph(
    nodes: Mapping[str, Mapping[str, str]],
    edges: Iterable[tuple[str, ...]],
    *,
    title: str | None = None,
    direction: str = "TB",
) -> Diagram:
    """Draw named nodes and directed edges.

    Args:
        nodes: name of a node -> its ``label`` (default: the name), its ``kind`` (one of
            ``input``, ``operation``, ``highlight``, ``constant``, ``variable``, ``output``,
            ``plain``; default ``operation``), a ``note``, set small below the label, and a
            ``group``: nodes of one group are framed together, under its name.
        edges: ``(from, to)`` or ``(from, to, label)``.
        title: the message of the picture.
        direction: ``"TB"``, top to bottom, or ``"LR"``, left to right.

    Raises:
        ValueError: an edge names a node that is not there, an unknown kind or direction.

    >>> diagram = draw_graph({"x": {"kind": "input"}, "y": {}}, [("x", "y", "float32")])
    >>> print(diagram)
    2 nodes: x, y
    1 edge: x -> y (float32)
    """
    check_choice("direction", direction, ("TB", "LR"))
    lines = [
        "digraph {",
        f'  graph [rankdir={direction} ranksep=0.35 nodesep=0.3 bgcolor="white" pad=0.15',
        f'         fontname="Helvetica" fontsize=13 labelloc=t label={_quote(title or "")}]',
        '  node [fontname="Helvetica" fontsize=13 fontcolor="#111111" penwidth=1.4 height=0.35]',
        '  edge [fontname="Helvetica" fontsize=11 color="#444444" fontcolor="#111111"',
        "        arrowsize=0.7]",
    ]
    labels: dict[str, str] = {}
    groups: dict[str, list[int]] = {}
    for index, (name, attributes) in enumerate(nodes.items()):
        kind = attributes.get("kind", "operation")
        if kind not in KINDS:
            raise ValueError(f"nodes: {name!r} has the kind {kind!r}; expected one of {[*KINDS]}.")
        label, note = str(attributes.get("label", name)), attributes.get("note")
        labels[name] = label if not note else f"{label} [{note}]"
        style = " ".join(f'{key}="{value}"' for key, value in KINDS[kind].items())
        lines.append(f"  n{index} [label={_html_label(label, note)} {style}]")
        if group := attributes.get("group"):
            groups.setdefault(group, []).append(index)
    for number, (group, members) in enumerate(groups.items()):
        inside = " ".join(f"n{index};" for index in members)
        lines.append(
            f"  subgraph cluster_{number} {{ label={_quote(group)} fontsize=11 labeljust=l"
        )
        lines.append(f'    color="#999999" style="rounded" margin=10 {inside} }}')
    numbers = {name: index for index, name in enumerate(nodes)}
    said = []
    for start, end, *label in edges:
        for name in (start, end):
            if name not in numbers:
                raise ValueError(f"edges: {(start, end)} names {name!r}; the nodes are {[*nodes]}.")
        text = label[0] if label else ""
        lines.append(f"  n{numbers[start]} -> n{numbers[end]} [label={_quote(text)}]")
        said.append(f"{labels[start]} -> {labels[end]}" + (f" ({text})" if text else ""))
    lines.append("}")
    words = [title] if title else []
    words.append(_counted(len(labels), "node") + ": " + ", ".join(labels.values()))
    words.append(_counted(len(said), "edge") + (": " + "; ".join(said) if said else ""))
    return Diagram("\n".join(lines), "\n".join(words))


def show_model(
    model: "keras.Model",
    *,
    shapes: bool = True,
    nested: bool = False,
    title: str | None = None,
    direction: str = "TB",
) -> Diagram:
    """Draw a Keras model, one box for each call of a layer.

    A layer that is called more than once, and so shares its weights, has a box of another colour
    for each call, with its number. The same model always gives the same picture.

    A Functional or Sequential model is drawn as it is. A subclassed model has no graph of
    layers to read: it is traced on symbolic inputs of the shapes that it was built with.

    Args:
        model: a ``keras.Model`` that has been built.
        shapes: write the shape of what a layer returns into its box.
        nested: draw the layers of a model inside the model, in a frame, instead of one box.
        title: the message of the picture.
        direction: ``"TB"``, top to bottom, or ``"LR"``, left to right.

    Raises:
        TypeError: ``model`` is not a ``keras.Model``.
        ValueError: the model has never been built or cannot be traced, or ``direction`` is
            unknown.

    Source: the Keras guides "The Functional API" and "The Sequential model". Lesson 12 reads
    its pictures.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(f"model: expected a keras.Model, got {short(model)}.")
    if not model.built:
        raise ValueError(
            f"model: {model.name!r} has not been built, so its layers have no shapes yet. "
            "Call it once on a batch of data, or on keras.Input(...), then draw it."
        )
    kind = type(model).__name__
    with _functional_twin(model) as (twin, own):
        graph = _LayerGraph(twin, nested=nested, own=own)
    boxes, edges, words = {}, [], [*([title] if title else []), f"{kind} model {model.name!r}"]
    for call in graph.calls:
        shape = [call.shape] if shapes and call.shape else []
        boxes[call.key] = {
            "label": call.name,
            "kind": call.box,
            "note": "\n".join([", ".join(call.kinds), *shape]),
        }
        if call.group:
            boxes[call.key]["group"] = call.group
        edges += [(source, call.key) for source in call.sources]
        after = f" <- {', '.join(dict.fromkeys(call.sources))}" if call.sources else ""
        words.append(f"  {call.key} ({', '.join(call.kinds)}) {' '.join(shape)}".rstrip() + after)
    picture = draw_graph(boxes, dict.fromkeys(edges), title=title, direction=direction)
    return Diagram(picture.source, "\n".join(words))


@dataclass
class _Call:
    """One call of a layer, or an input, in the graph of a model."""

    key: str  # unique in the picture
    name: str
    kinds: list[str]  # the layer's class, its activation, which call of several it is
    shape: str
    box: str
    group: str
    sources: list[str]


class _LayerGraph:
    """The calls of layers in a Functional or Sequential model, from the inputs on.

    Keras keeps the calls of a layer as nodes: where a symbolic tensor comes from stands in its
    ``_keras_history``, and what a call was given in ``_inbound_nodes`` of the layer. Lesson 19
    looks at both.
    """

    def __init__(self, model: Any, *, nested: bool, own: set[int] | None):
        self.calls: list[_Call] = []
        self._own = own  # the ids of the layers that are not made anew by each trace
        self._nested = nested
        self._keys: set[str] = set()
        results = set(map(id, model.outputs))
        self._add(model, {}, results)

    def _add(
        self,
        model: Any,
        given: dict[int, list[str]],
        results: set[int],
        *,
        path: str = "",
        group: str = "",
        repeated: bool = False,
    ) -> dict[int, list[str]]:
        """Add the calls of a model; return, by the id of a tensor, the keys that it comes from.

        ``given`` holds the keys from which the inputs of a model inside a model come, ``path``
        and ``group`` say which one it is, and ``repeated`` whether it is called more than once.
        """
        nodes = _nodes_in_order(model)
        times = Counter(id(node.operation) for node in nodes)
        seen: Counter = Counter()
        comes_from = dict(given)
        for node in nodes:
            layer, outputs = node.operation, node.output_tensors
            seen[id(layer)] += 1
            if all(id(tensor) in comes_from for tensor in outputs):
                continue  # an input of a model inside a model: its wires end further out
            sources = [key for tensor in node.input_tensors for key in comes_from[id(tensor)]]
            shared = times[id(layer)] > 1
            call = f"call {seen[id(layer)]} of {times[id(layer)]}"
            name = layer.name
            if self._own is not None and id(layer) not in self._own:
                name = re.sub(r"_\d+$", "", name)  # Keras counts the traces
            key = self._unique(path + name + (f" #{seen[id(layer)]}" if shared else ""))
            if self._nested and _is_graph_of_layers(layer):
                inner = zip(layer.inputs, node.input_tensors, strict=True)
                inside = {id(place): comes_from[id(tensor)] for place, tensor in inner}
                frame = (f"{group} / " if group else "") + name + (f", {call}" if shared else "")
                ends = self._add(
                    layer,
                    inside,
                    {
                        id(end)
                        for tensor, end in zip(outputs, layer.outputs, strict=True)
                        if id(tensor) in results
                    },
                    path=f"{key}/",
                    group=frame,
                    repeated=repeated or shared,
                )
                for tensor, end in zip(outputs, layer.outputs, strict=True):
                    comes_from[id(tensor)] = ends[id(end)]
                continue
            kinds = [type(layer).__name__, *_activation_of(layer), *([call] if shared else [])]
            box = "operation"
            if not node.input_tensors:
                box = "input"
            elif shared or repeated:
                box = "highlight"
            elif any(id(tensor) in results for tensor in outputs):
                box = "output"
            shape = ", ".join(str(tuple(tensor.shape)) for tensor in outputs)
            self.calls.append(_Call(key, name, kinds, shape, box, group, sources))
            comes_from |= {id(tensor): [key] for tensor in outputs}
        return comes_from

    def _unique(self, key: str) -> str:
        """Return the key, numbered where two layers of a model share one name."""
        number, tried = 2, key
        while tried in self._keys:
            tried, number = f"{key} ({number})", number + 1
        self._keys.add(tried)
        return tried


def _nodes_in_order(model: Any) -> list[Any]:
    """Return the calls that lead from a model's inputs to its outputs, each after its sources."""
    done, order = set(), []
    ends = {id(tensor) for tensor in model.inputs}
    waiting = [(tensor, False) for tensor in reversed([*model.inputs, *model.outputs])]
    while waiting:
        tensor, sources_done = waiting.pop()
        node = origin(tensor)
        if id(node) in done:
            continue
        if sources_done or id(tensor) in ends or not node.input_tensors:
            done.add(id(node))
            order.append(node)
        else:
            waiting.append((tensor, True))
            waiting += [(source, False) for source in reversed(node.input_tensors)]
    return order


def _is_graph_of_layers(layer: Any) -> bool:
    return getattr(layer, "inputs", None) is not None and hasattr(layer, "outputs")


def _activation_of(layer: Any) -> list[str]:
    """Return the name of a layer's activation, where it has one that says something."""
    activation = getattr(layer, "activation", None)
    if activation is None or hasattr(layer, "recurrent_activation"):
        return []
    name = getattr(activation, "__name__", type(activation).__name__)
    return [] if name == "linear" else [name]


@contextlib.contextmanager
def _functional_twin(model: Any) -> Iterator[tuple[Any, set[int] | None]]:
    """Give a model whose graph of layers can be read: itself, or a trace of a subclassed one.

    Of a trace, the ids of the layers that belong to the model are given, too. What tracing adds
    to the layers' nodes is taken away again.
    """
    if _is_graph_of_layers(model):
        yield model, None
        return
    import keras

    inputs = [_symbolic(shape) for shape in shapes_of_build(model).values()]
    traced = {layer: len(list_calls(layer)) for layer in (model, *inner_layers(model))}
    try:
        try:
            outputs = model.call(*inputs)
            twin = keras.Model(inputs if len(inputs) != 1 else inputs[0], outputs)
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(
                f"model: {model.name!r} cannot be traced on a symbolic input, which a subclassed "
                f"model must be to be drawn ({reason}). If its `call` takes several arguments or "
                "keyword arguments, call it on keras.Input(...) yourself, and draw "
                "keras.Model(inputs, outputs)."
            ) from error
        yield twin, set(map(id, traced))
    finally:
        for layer, count in traced.items():
            forget_calls(layer, count)


def _symbolic(shape: Any, name: str | None = None) -> Any:
    """Return symbolic inputs for a shape, or a structure of shapes, with any batch size."""
    import keras

    if isinstance(shape, dict):
        return {key: _symbolic(value, key) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple, dict)):
        return [_symbolic(value) for value in shape]
    return keras.Input(batch_shape=(None, *shape[1:]), name=name)


def _quote(text: str) -> str:
    text = _drawable(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n") + '"'


def _html_label(label: str, note: str | None) -> str:
    main = html.escape(_drawable(label)).replace("\n", "<br/>") or " "
    if not note:
        return f"<{main}>"
    small = html.escape(_drawable(note)).replace("\n", "<br/>")
    return f'<{main}<br/><font point-size="10">{small}</font>>'


def _drawable(text: str) -> str:
    """Replace the characters that the drawing programs refuse, and lone surrogates."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", " ", text)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
