"""Dynamic quantization: weights in 8 bits; activations are quantized at run time by the range of each batch."""

from __future__ import annotations

from collections.abc import Collection

import onnx

from tasks.kernels.onnx import graph_reading
from tasks.kernels.onnx.serialization import constants, dump, load_proto
from tasks.kernels.onnx.subgraphs import hide_subgraphs, restore_subgraphs
from tasks.kernels.onnx_passes import fusion_patterns
from tasks.kernels.onnx_passes.finalize import drop_unused, finalize_graph, quiet


def quantize_dynamic(fused: bytes, nodes: Collection[str], per_channel: bool = True) -> bytes:
    """The fused file with `nodes` (names of convolutions and matrix products) as integer operators.

    Needs no data. `per_channel`: one weight scale for each output channel, otherwise one for each tensor. Graphs
    inside operators stay as they are.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
    from onnxruntime.quantization.quant_utils import QuantizationMode

    proto = load_proto(fused)
    bodies = hide_subgraphs(proto)
    proto = split_linear(proto)
    names = [name for name in graph_reading.quantizable_nodes(proto.graph.node, constants(proto)) if name in nodes]
    with quiet():
        quantizer = ONNXQuantizer(
            proto,
            per_channel,
            False,
            QuantizationMode.IntegerOps,
            False,
            QuantType.QUInt8,  # ConvInteger on this runtime's processors takes unsigned weights only
            QuantType.QUInt8,
            None,
            names,
            [],
            list(graph_reading.QUANTIZED),
            {"MatMulConstBOnly": True},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    written = quantizer.model.model
    drop_unused(written.graph)
    del written.graph.value_info[:]
    restore_subgraphs(written, bodies)
    return dump(finalize_graph(written, load_proto(fused)))


def split_linear(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with each Gemm as MatMul and Add, for which integer operators exist. Changes `proto`, too."""
    fusion_patterns.split_products(fusion_patterns.view(proto))
    drop_unused(proto.graph)
    known = list(proto.graph.value_info)
    del proto.graph.value_info[:]
    written = onnx.shape_inference.infer_shapes(proto)
    found = {item.name for item in written.graph.value_info}
    # Behind operators of others nothing is inferred: there the types from before are kept, and inferred from again.
    written.graph.value_info.extend(item for item in known if item.name not in found)
    return onnx.shape_inference.infer_shapes(written)
