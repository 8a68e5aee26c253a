"""Cleaning: an ONNX file with the same answers and fewer operators, before anything else is done to it."""

from __future__ import annotations

import onnx

from tasks.kernels.onnx.serialization import dump, load_proto
from tasks.kernels.onnx_passes import fusion_patterns
from tasks.kernels.onnx_passes.finalize import drop_unused, tidy
from tasks.kernels.onnx_passes.static_quantization import fuse

IMPROVEMENTS = (
    *(fusion_patterns.merge_slices, fusion_patterns.convolve_shortcuts, fusion_patterns.pool_means),
    *(fusion_patterns.share_constants, fusion_patterns.share_decoding),
)


def clean(model: bytes) -> bytes:
    """The file fused, without what nothing needs, and with faster operators for the same arithmetic.

    Initializers listed among the inputs are constants from then on, and every operator has a name of its own.
    Answers differ by float rounding only. Cleaning what is clean takes no operator away.
    """
    origin = load_proto(model)
    proto = load_proto(fuse(dump(_freed(origin))))
    _name(proto.graph)
    for improve in IMPROVEMENTS:
        improve(fusion_patterns.view(proto))
    drop_unused(proto.graph)
    del proto.graph.value_info[:]
    return dump(tidy(proto, origin))


def _freed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with its constants out of its inputs, where exporters of IR 3 had to list them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    names = {tensor.name for tensor in copy.graph.initializer}
    inputs = [item for item in copy.graph.input if item.name not in names]
    if len(inputs) < len(copy.graph.input):
        del copy.graph.input[:]
        copy.graph.input.extend(inputs)
        copy.ir_version = max(copy.ir_version, 4)
    return copy


def _name(graph: onnx.GraphProto) -> None:
    """Names the operators that have none, or another one's, after their outputs, which differ."""
    taken: set[str] = set()
    for node in graph.node:
        if not node.name or node.name in taken:
            node.name = f"{node.op_type} {node.output[0]}"
        taken.add(node.name)


def without_shapes(model: bytes) -> bytes:
    """The file without the types of inner values, which every runtime infers for itself."""
    proto = load_proto(model)
    del proto.graph.value_info[:]
    return dump(proto)
