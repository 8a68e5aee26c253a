"""Serialization: ONNX graphs from and to bytes, their constants, and sessions that return inner values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import helper, numpy_helper

from tasks.kernels.onnx import bitmasks
from tasks.kernels.onnx.graph_reading import operator_of
from tasks.kernels.onnx.sessions import Array, open_session

MASKED = "paredown.storage"
"""Operator domain of the nodes that restore a constant from its bit mask."""


def load_proto(model: Path | bytes) -> onnx.ModelProto:
    """The model from a file or its bytes."""
    return onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)


def dump(proto: onnx.ModelProto) -> bytes:
    """The bytes of a model; equal models give equal bytes."""
    return bytes(proto.SerializeToString(deterministic=True))


def constants(proto: onnx.ModelProto) -> dict[str, Array]:
    """`graph_constants` of the model's own graph, without the graphs inside its operators."""
    return graph_constants(proto.graph)


def graph_constants(graph: onnx.GraphProto) -> dict[str, Array]:
    """Initializers and constant nodes, by tensor name; constants stored as bit masks are restored."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if operator_of(node) == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.domain == MASKED:
            bits, values = (found.pop(name) for name in node.input)
            found[node.output[0]] = bitmasks.unmask(bits, values, helper.get_node_attr_value(node, "shape"))
    return found


def session_with_outputs(proto: onnx.ModelProto, names: Sequence[str]) -> Any:
    """A session of the unoptimized graph that has the named tensors among its outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    present = {item.name for item in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    return open_session(copy.SerializeToString(), optimized=False)
