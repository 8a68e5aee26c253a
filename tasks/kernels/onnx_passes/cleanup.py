"""Cleanup: fewer and faster operators with the same outputs, as the first pass over an ONNX file."""

from __future__ import annotations

import onnx

from tasks.kernels.onnx.serialization import dump, load_proto
from tasks.kernels.onnx.subgraphs import graphs_of, hide_subgraphs, name_operators, restore_subgraphs
from tasks.kernels.onnx_passes import fusion_patterns
from tasks.kernels.onnx_passes.finalize import drop_unused, finalize_graph
from tasks.kernels.onnx_passes.static_quantization import fuse

IMPROVEMENTS = (
    *(fusion_patterns.merge_slices, fusion_patterns.convolve_shortcuts, fusion_patterns.pool_means),
    *(fusion_patterns.share_constants, fusion_patterns.share_decoding),
)


def clean(model: bytes) -> bytes:
    """The file fused, without unused parts, and with faster operators for the same arithmetic.

    Initializers listed among the inputs become constants, and every operator gets a unique name. Outputs differ by
    float rounding only. Cleaning a cleaned file removes no further operator. Graphs inside operators keep theirs.
    """
    origin = load_proto(model)
    proto = load_proto(fuse(dump(_freed(origin))))
    name_operators(proto)
    bodies = hide_subgraphs(proto)
    for improve in IMPROVEMENTS:
        improve(fusion_patterns.view(proto))
    drop_unused(proto.graph)
    del proto.graph.value_info[:]
    restore_subgraphs(proto, bodies)
    return dump(finalize_graph(proto, origin))


def _freed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the graph without constants among its inputs, where files of IR version 3 list them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    names = {tensor.name for tensor in copy.graph.initializer}
    inputs = [item for item in copy.graph.input if item.name not in names]
    if len(inputs) < len(copy.graph.input):
        del copy.graph.input[:]
        copy.graph.input.extend(inputs)
        copy.ir_version = max(copy.ir_version, 4)
    return copy


def without_shapes(model: bytes) -> bytes:
    """The file without the types and shapes of inner values, which every runtime infers itself."""
    proto = load_proto(model)
    for graph in graphs_of(proto.graph):
        del graph.value_info[:]
    return dump(proto)
