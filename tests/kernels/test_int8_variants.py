"""Int8 variants: a quantized network begins with its first convolution."""

from __future__ import annotations

import onnx
from onnx import numpy_helper
from support import onnx_graphs, product_files

from tasks.kernels.onnx_passes import int8_variants, static_quantization
from tasks.kernels.onnx_passes.int8_variants import Setting

IMAGES = product_files.images(64)


def test_a_quantized_network_begins_with_its_first_convolution() -> None:
    """The runtime then runs no operator before it: the eight bits of a pixel are the activation."""
    model = onnx_graphs.padded_file()
    source = int8_variants.source(model, pixels=True)
    assert source is not None
    nodes = static_quantization.quantizable(source.graph)
    ranges = {**static_quantization.collect_ranges(source.graph, nodes, [IMAGES], "minmax"), **source.fixed}
    data = int8_variants.build_variant(source.graph, nodes, ranges, Setting("u8s8", True, "minmax", True))
    graph = onnx.load_from_string(data).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scales = [constants[node.input[1]] for node in graph.node if node.op_type == "QuantizeLinear"][:1]
    assert scales == [1.0]
    assert onnx_graphs.error(model, data, IMAGES) < 0.15


def test_the_usual_variant_is_the_quantized_network() -> None:
    model = onnx_graphs.padded_file()
    data = int8_variants.usual_variant(model, IMAGES)
    operators = [node.op_type for node in onnx.load_from_string(data).graph.node]
    assert {"QuantizeLinear", "DequantizeLinear"} <= set(operators)
    assert onnx_graphs.error(model, data, IMAGES) < 0.15
