"""Feature cut: the part of an ONNX graph up to the input of its last layer, as a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx

from tasks.kernels.onnx.graph_reading import OPERANDS, operator_of
from tasks.kernels.onnx.serialization import dump, load_proto
from tasks.kernels.onnx.sessions import MEASURED, measured_output, open_session
from tasks.kernels.onnx.subgraphs import names_read

_ROUNDING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast")


def cut_features(model: Path | bytes) -> bytes | None:
    """The graph up to the input of the last layer, whose weights are constants; its only output is that input.

    The last layer is the last convolution or matrix product on the way to the measured output. What rounds its input is
    left out, so that features are real numbers where the file has them. Inputs are those of the model.

    Returns:
        The file's bytes; None where no layer is before the last one, as in trees and linear models.
    """
    proto = load_proto(model)
    producers = {name: node for node in proto.graph.node for name in node.output if name}
    fixed = _constants(proto)
    target = measured_output(open_session(model, optimized=False)).name
    layers = [node for node in _ancestors(target, producers, proto) if _is_layer(node, fixed)]
    if len(layers) < 2:
        return None
    place, _ = OPERANDS[operator_of(layers[-1])]
    name = layers[-1].input[place]
    while name in producers and operator_of(producers[name]) in _ROUNDING:
        name = producers[name].input[0]
    return _cut(proto, name, producers) if name in producers else None


def _is_layer(node: onnx.NodeProto, fixed: set[str]) -> bool:
    operands = OPERANDS.get(operator_of(node))
    return operands is not None and node.input[operands[1]] in fixed and node.input[operands[0]] not in fixed


def _constants(proto: onnx.ModelProto) -> set[str]:
    """Names of the tensors that depend on no input."""
    found = {tensor.name for tensor in proto.graph.initializer} | {""}
    found |= {tensor.values.name for tensor in proto.graph.sparse_initializer}
    for node in proto.graph.node:  # in topological order
        if all(name in found for name in names_read(node)):
            found |= {*node.output}
    return found


def _ancestors(name: str, producers: Mapping[str, onnx.NodeProto], proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The operators that a tensor depends on, in the graph's order."""
    wanted, waiting = set[str](), [name]
    while waiting:
        each = waiting.pop()
        if each in wanted or each not in producers:
            continue
        wanted |= {*producers[each].output}
        waiting += names_read(producers[each])
    return [node for node in proto.graph.node if wanted & {*node.output}]


def _cut(proto: onnx.ModelProto, name: str, producers: Mapping[str, onnx.NodeProto]) -> bytes:
    kept = _ancestors(name, producers, proto)
    read = {each for node in kept for each in names_read(node)}
    part = onnx.ModelProto()
    part.CopyFrom(proto)
    graph = part.graph
    tensors = [each for each in graph.initializer if each.name in read]
    sparse = [each for each in graph.sparse_initializer if each.values.name in read]
    for field, values in ((graph.node, kept), (graph.initializer, tensors), (graph.sparse_initializer, sparse)):
        copies = [each.__class__.FromString(each.SerializeToString()) for each in values]
        del field[:]
        field.extend(copies)
    del graph.output[:]
    graph.output.append(onnx.ValueInfoProto(name=name))
    said = [each for each in part.metadata_props if each.key != MEASURED]
    copies = [onnx.StringStringEntryProto(key=each.key, value=each.value) for each in said]
    del part.metadata_props[:]
    part.metadata_props.extend(copies)
    return dump(part)
