"""Saturation: whether 8-bit products are exact on this host, tested with one small convolution."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from tasks.kernels.onnx.sessions import open_session

CHANNELS, SIZE = 16, 6


def saturates() -> bool:
    """Whether a convolution of u8 activations with s8 weights saturates in 16 bits.

    Processors without VNNI add two products in 16 bits: 2 x 255 x 127 exceeds 32,767. With 7-bit weights, at most
    64, no sum does.
    """
    image = np.full((1, CHANNELS, SIZE, SIZE), 255, np.float32)
    [answer] = open_session(_convolution(127)).run(None, {"image": image})
    return bool(np.any(answer != 255 * 127 * 9 * CHANNELS))


def _convolution(weight: int) -> bytes:
    """A 3x3 convolution with equal weights; the output's scale is such that the true sum is exactly 255 steps."""
    top = 255 * weight * 9 * CHANNELS
    shape, count = (CHANNELS, CHANNELS, 3, 3), CHANNELS * CHANNELS * 9
    constants = [
        helper.make_tensor("one", TensorProto.FLOAT, (), [1.0]),
        helper.make_tensor("unit", TensorProto.FLOAT, (), [top / 255]),
        helper.make_tensor("zero", TensorProto.UINT8, (), [0]),
        helper.make_tensor("middle", TensorProto.INT8, (), [0]),
        helper.make_tensor("stored", TensorProto.INT8, shape, [weight] * count),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "one", "zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "one", "zero"], ["values"]),
        helper.make_node("DequantizeLinear", ["stored", "one", "middle"], ["weight"]),
        helper.make_node("Conv", ["values", "weight"], ["sum"]),
        helper.make_node("QuantizeLinear", ["sum", "unit", "zero"], ["short"]),
        helper.make_node("DequantizeLinear", ["short", "unit", "zero"], ["answer"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, CHANNELS, SIZE, SIZE])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, CHANNELS, SIZE - 2, SIZE - 2])
    graph = helper.make_graph(nodes, "saturation", [image], [answer], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())
