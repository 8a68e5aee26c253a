"""Subgraphs: the graphs inside the operators If, Loop and Scan, and what they read from the graphs around them.

A pass that knows nothing of subgraphs runs between `hide_subgraphs` and `restore_subgraphs`: there every such operator
has no graphs inside, and what these read from outside is among its inputs, so that it counts as a use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import onnx
from onnx import helper

from tasks.kernels.onnx.serialization import graph_constants
from tasks.kernels.onnx.sessions import Array

HIDDEN = "paredown.hidden"
"""Operator domain of the operators whose graphs are hidden."""
_PLACE = "place"


def inner_graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that are attributes of an operator, without those further inside."""
    found = []
    for attribute in node.attribute:
        found += [attribute.g] if attribute.HasField("g") else []
        found += attribute.graphs
    return found


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph itself, then all graphs inside its operators, at any depth."""
    yield graph
    for inner in (inner for node in graph.node for inner in inner_graphs(node)):
        yield from graphs_of(inner)


def nodes_of(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every operator of a model, in all graphs and in the bodies of its functions."""
    for graph in graphs_of(proto.graph):
        yield from graph.node
    for node in chain.from_iterable(function.node for function in proto.functions):
        yield node
        for graph in chain.from_iterable(map(graphs_of, inner_graphs(node))):
            yield from graph.node


def outer_reads(node: onnx.NodeProto) -> list[str]:
    """Names of the tensors that an operator's inner graphs read from the graphs around them, each once."""
    return list(dict.fromkeys(name for graph in inner_graphs(node) for name in _reads(graph)))


def names_read(node: onnx.NodeProto) -> list[str]:
    """Names of all tensors that an operator reads: its inputs, and what its inner graphs read from outside."""
    return [*filter(None, node.input), *outer_reads(node)]


def _reads(graph: onnx.GraphProto) -> list[str]:
    """Names that a graph uses and does not define."""
    constants = (tensor.name for tensor in graph.initializer)
    sparse = (tensor.values.name for tensor in graph.sparse_initializer)
    made = chain.from_iterable(node.output for node in graph.node)
    defined = {*constants, *sparse, *made, *(item.name for item in graph.input)}
    used = chain(chain.from_iterable(map(names_read, graph.node)), (item.name for item in graph.output))
    return [name for name in used if name not in defined]


def name_operators(proto: onnx.ModelProto) -> None:
    """Gives a name to operators without one or with a shared one, in place; names are unique over all graphs."""
    nodes = [(at, node) for graph in graphs_of(proto.graph) for at, node in enumerate(graph.node)]
    seen: dict[str, int] = {}
    for _, node in nodes:
        seen[node.name] = seen.get(node.name, 0) + 1
    for at, node in nodes:
        if not node.name or seen[node.name] > 1:
            name = f"{node.op_type}_{at}"
            while name in seen:
                name += "_"
            seen[name] = 1
            node.name = name


def flatten(proto: onnx.ModelProto) -> tuple[list[onnx.NodeProto], dict[str, Array]]:
    """The operators of all graphs without their inner graphs, and the constants of all graphs by tensor name.

    A constant of an inner graph, whose name may occur in other graphs too, is named after the operator around it.
    """
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, Array] = {}

    def visit(graph: onnx.GraphProto, outer: Mapping[str, str], prefix: str) -> None:
        own = graph_constants(graph)
        names = {**outer, **{name: f"{prefix}{name}" for name in own}}
        constants.update({names[name]: array for name, array in own.items()})
        for at, node in enumerate(graph.node):
            nodes.append(_without_graphs(node))
            for field in (nodes[-1].input, nodes[-1].output):
                field[:] = [names.get(name, name) for name in field]
            for branch, inner in enumerate(inner_graphs(node)):
                visit(inner, names, f"{prefix}{node.name or at}:{branch}/")

    visit(proto.graph, {}, "")
    return nodes, constants


def hide_subgraphs(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Replaces every operator with inner graphs by one without, in place, and returns the operators that it replaced.

    The new operator is of the domain HIDDEN; after the inputs of the old one come the tensors that the inner graphs
    read from outside.
    """
    bodies: list[onnx.NodeProto] = []
    for node in proto.graph.node:
        if not inner_graphs(node):
            continue
        body = onnx.NodeProto()
        body.CopyFrom(node)
        bare = helper.make_node(
            node.op_type, [*node.input, *outer_reads(node)], node.output, node.name, domain=HIDDEN, place=len(bodies)
        )
        node.CopyFrom(bare)
        bodies.append(body)
    if bodies:
        proto.opset_import.append(helper.make_opsetid(HIDDEN, 1))
    return bodies


def restore_subgraphs(proto: onnx.ModelProto, bodies: list[onnx.NodeProto]) -> None:
    """Undoes `hide_subgraphs` in place; what was renamed outside is renamed inside as well."""
    for node in proto.graph.node:
        if node.domain != HIDDEN:
            continue
        body = onnx.NodeProto()
        body.CopyFrom(bodies[helper.get_node_attr_value(node, _PLACE)])
        count = len(body.input)
        new = dict(zip(outer_reads(body), node.input[count:], strict=True))
        body.input[:], body.output[:] = node.input[:count], node.output
        for graph in inner_graphs(body):
            _rename_reads(graph, new)
        node.CopyFrom(body)
    kept = [entry for entry in proto.opset_import if entry.domain != HIDDEN]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)


def _rename_reads(graph: onnx.GraphProto, new: Mapping[str, str]) -> None:
    """Renames tensors from outside, in a graph and all graphs inside it."""
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        for inner in inner_graphs(node):
            _rename_reads(inner, new)
    for item in graph.output:
        item.name = new.get(item.name, item.name)


def _without_graphs(node: onnx.NodeProto) -> onnx.NodeProto:
    kept = [item for item in node.attribute if not item.HasField("g") and not item.graphs]
    copy = onnx.NodeProto(op_type=node.op_type, domain=node.domain, name=node.name)
    copy.input.extend(node.input)
    copy.output.extend(node.output)
    copy.attribute.extend(kept)
    return copy
