"""Idle nodes: a converted graph without nodes that change nothing, each of which would cost a part of a microsecond."""

from __future__ import annotations

from collections import Counter

import onnx
from onnx import TensorProto, helper, numpy_helper

ELEMENTWISE = ("LabelEncoder", "Cast", "Identity")
"""Operators whose output has the shape of their input, among those that a converted column goes through."""


def drop_idle_nodes(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without a Reshape of a column (batch, 1) to (-1, 1), and with nested Concat nodes as one; in place.

    The answers stay the same to the bit.
    """
    _drop_reshapes(proto.graph)
    _join_concats(proto.graph)
    used = {name for node in proto.graph.node for name in node.input}
    left = [each for each in proto.graph.initializer if each.name in used]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(left)
    return proto


def _drop_reshapes(graph: onnx.GraphProto) -> None:
    columns = {each.name for each in graph.input if _is_column(each)}
    shapes = {each.name: numpy_helper.to_array(each).tolist() for each in graph.initializer if _is_shape(each)}
    outputs, same, kept = {each.name for each in graph.output}, dict[str, str](), []
    for node in graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
        is_column = node.input and node.input[0] in columns
        if node.op_type == "Reshape" and is_column and shapes.get(node.input[1]) == [-1, 1]:
            columns.add(node.output[0])
            if node.output[0] not in outputs:
                same[node.output[0]] = node.input[0]
                continue
        if node.op_type in ELEMENTWISE and is_column:
            columns.add(node.output[0])
        kept.append(node)
    _replace_nodes(graph, kept)


def _is_column(value: onnx.ValueInfoProto) -> bool:
    sizes = value.type.tensor_type.shape.dim
    return len(sizes) == 2 and sizes[1].dim_value == 1


def _is_shape(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_type == TensorProto.INT64 and list(tensor.dims) == [2])


def _join_concats(graph: onnx.GraphProto) -> None:
    """Puts the inputs of a Concat in its place, where a Concat along the same axis is all that reads it."""
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(each.name for each in graph.output)
    made = {node.output[0]: node for node in graph.node if node.op_type == "Concat"}
    gone: set[str] = set()
    for node in made.values():
        inputs: list[str] = []
        for name in node.input:
            inner = made.get(name)
            if inner is not None and readers[name] == 1 and _axis(inner) == _axis(node):
                inputs += inner.input
                gone.add(name)
            else:
                inputs.append(name)
        node.input[:] = inputs
    _replace_nodes(graph, [node for node in graph.node if not gone.intersection(node.output)])


def _axis(node: onnx.NodeProto) -> int:
    return int(next(helper.get_attribute_value(each) for each in node.attribute if each.name == "axis"))


def _replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
