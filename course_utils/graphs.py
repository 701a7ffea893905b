"""The graph of a traced function (lesson 03), and what its operations took when it ran (30)."""

import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from course_utils.arguments import check_callable, check_texts
from course_utils.diagrams import Diagram, draw_graph
from course_utils.session import import_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf

# Nodes that hand values in, out or along, and compute nothing.
ARGUMENTS = frozenset({"_Arg", "_DeviceArg", "Placeholder"})
RESULTS = frozenset({"_Retval", "_DeviceRetval"})
PLUMBING = ARGUMENTS | RESULTS | {"Identity", "NoOp", "Const"}


class TracedGraphs(NamedTuple):
    """One function's graph as it was traced, and as the optimiser left it."""

    before: "tf.compat.v1.GraphDef"
    after: "tf.compat.v1.GraphDef"


def trace_graphs(function: Callable, *args: Any) -> TracedGraphs:
    """Run ``function`` once as a new ``tf.function`` and return its graphs.

    The graphs are those that TensorFlow ran: it writes both into a summary file, which is
    read and deleted here.

    Args:
        function: a plain Python function, or a ``tf.function`` (its Python function is traced
            anew, so that earlier traces do not matter).
        *args: what to call it with.

    Raises:
        TypeError: ``function`` cannot be called.
        RuntimeError: TensorFlow recorded no graph.

    Source: the TensorFlow guides "Introduction to graphs and tf.function" and "Graph
    optimization with Grappler". Lesson 03 shows how it is done.
    """
    tf = import_tensorflow()
    check_callable("function", function)
    # Called as a concrete function: fresh traces are meant here, and not worth a warning.
    traced = tf.function(getattr(function, "python_function", function))
    traced = traced.get_concrete_function(*args)
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(tf.summary.create_file_writer(folder)) as writer:
            with writer.as_default():
                tf.summary.trace_on(graph=True, profiler=False)
                try:
                    traced(*args)
                except BaseException:
                    tf.summary.trace_off()
                    raise
                tf.summary.trace_export("graphs", step=0)
        graphs = [graph for path in Path(folder).iterdir() for graph in _read_graphs(tf, path)]
    # TensorFlow records every function that it optimises meanwhile, its own helpers included:
    # ours is the last one that holds all nodes of the trace.
    # (Arguments are left out: TensorFlow may spell their names differently there.)
    traced_nodes = traced.graph.as_graph_def().node
    nodes = {node.name for node in traced_nodes if node.op != "Placeholder"}
    for graph in reversed(graphs):
        if nodes <= {node.name for node in graph.pre_optimization_graph.node}:
            return TracedGraphs(graph.pre_optimization_graph, graph.post_optimization_graph)
    raise RuntimeError(f"function: TensorFlow recorded no graph for {function!r}.")


def read_profile(folder: str | Path) -> dict[str, float]:
    """Return the microseconds that each kind of operation took, most first.

    Operations have names such as ``logits/MatMul:MatMul``, with their kind after the colon.

    Args:
        folder: where ``tf.profiler.experimental.Profile`` wrote its files; all of them are added.

    Source: the format of the profiler, which TensorFlow brings along. Used in lesson 30.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    spent: Counter[str] = Counter()
    for path in Path(folder).rglob("*.xplane.pb"):
        for plane in xplane_pb2.XSpace.FromString(path.read_bytes()).planes:
            for line in plane.lines:
                for event in line.events:
                    name = plane.event_metadata[event.metadata_id].name
                    if re.fullmatch(r"[^:]+:\w+", name):
                        spent[name.partition(":")[2]] += event.duration_ps / 1e6
    return dict(spent.most_common())


def _read_graphs(tf: Any, path: Path) -> list:
    """Return the function graphs that a summary file holds."""
    found = []
    for record in tf.data.TFRecordDataset(str(path)):
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
            if value.metadata.plugin_data.plugin_name.startswith("graph_run_metadata"):
                run = tf.compat.v1.RunMetadata.FromString(value.tensor.string_val[0])
                found.extend(run.function_graphs)
    return found


def count_operations(graph: "tf.compat.v1.GraphDef") -> dict[str, int]:
    """Count the operations of a graph by type, most frequent first, then by name.

    Nodes that only hand values along (arguments, results, identities, constants) do not count.
    Nor do those inside the functions that a graph calls, such as the body of a loop.
    First used in lesson 03.

    Raises:
        TypeError: ``graph`` is not a graph.
    """
    _expect_graph(graph)
    counts = Counter(node.op for node in graph.node if node.op not in PLUMBING)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def show_graph(
    graph: "tf.compat.v1.GraphDef", *, highlight: Iterable[str] = (), title: str | None = None
) -> Diagram:
    """Draw a graph: data flows from the arguments at the top to the results below.

    Args:
        graph: as ``trace_graphs`` returns it, or ``concrete_function.graph.as_graph_def()``.
        highlight: operation types, such as ``"Mul"``, to set off in colour.
        title: the message of the picture.

    Identity nodes are drawn through, as the wires that they are. First used in lesson 03.

    Raises:
        TypeError: ``graph`` is not a graph, or ``highlight`` is one string.
    """
    _expect_graph(graph)
    highlight = set(check_texts("highlight", highlight))
    by_name = {node.name: node for node in graph.node}
    outputs = {node.name for node in graph.node if node.op in RESULTS}

    def source_of(name: str) -> str:
        name = name.lstrip("^").split(":")[0]
        node = by_name[name]
        return source_of(node.input[0]) if node.op == "Identity" else name

    nodes, edges = {}, []
    for node in sorted(graph.node, key=_drawing_order):
        if node.op in {"Identity", "NoOp"}:
            continue
        nodes[node.name] = _describe_node(node, highlight)
        for name in node.input:
            if not name.startswith("^"):
                edges.append((source_of(name), node.name))
    numbered = iter(range(1, len(outputs) + 1))
    for name in nodes:
        if name in outputs and len(outputs) > 1:
            nodes[name]["label"] = f"result {next(numbered)}"
    return draw_graph(nodes, edges, title=title)


def _expect_graph(graph: Any) -> None:
    if not hasattr(graph, "node"):
        raise TypeError(
            f"graph: expected a GraphDef, got {type(graph).__name__}. trace_graphs returns two: "
            "take .before or .after; of a concrete function take .graph.as_graph_def()."
        )


def _attribute(node: Any, name: str, field: str) -> int:
    """Return a field of a node's attribute, 0 where there is none; reading it adds nothing."""
    return getattr(node.attr[name], field) if name in node.attr else 0


def _drawing_order(node: Any) -> tuple[int, int, str]:
    if node.op in RESULTS:
        return (2, _attribute(node, "index", "i"), node.name)
    if node.op in ARGUMENTS:
        return (0, _attribute(node, "index", "i"), node.name)
    return (1, 0, node.name)


def _describe_node(node: Any, highlight: set[str]) -> dict[str, str]:
    if node.op in ARGUMENTS:
        handle = import_tensorflow().resource.as_datatype_enum  # by which a variable is captured
        captured = handle in (_attribute(node, "T", "type"), _attribute(node, "dtype", "type"))
        kind = "variable" if captured else "input"
        return {"label": "variable" if captured else node.name, "kind": kind}
    if node.op in RESULTS:
        return {"label": "result", "kind": "output"}
    if node.op == "Const":
        return _describe_constant(node)
    kind = "highlight" if node.op in highlight else "operation"
    return {"label": node.op, "kind": kind, "note": node.name}


def _describe_constant(node: Any) -> dict[str, str]:
    """Show a constant's value where it is a single number, else its shape."""
    value = import_tensorflow().make_ndarray(node.attr["value"].tensor)
    if value.size == 1 and value.dtype.kind in "biuf":
        return {"label": f"constant {value.item():g}", "kind": "constant"}
    return {"label": "constant", "kind": "constant", "note": f"shape {value.shape}"}
