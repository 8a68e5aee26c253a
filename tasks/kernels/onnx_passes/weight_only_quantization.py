"""Weight-only quantization: weights of matrix products in 4 or 8 bits, with one scale for each block of weights."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
import onnx

from tasks.kernels.onnx.graph_reading import operator_of
from tasks.kernels.onnx.serialization import constants, dump, load_proto
from tasks.kernels.onnx.subgraphs import hide_subgraphs, restore_subgraphs
from tasks.kernels.onnx_passes.dynamic_quantization import split_linear
from tasks.kernels.onnx_passes.finalize import drop_unused, finalize_graph, quiet

Bits = Literal[4, 8]
FLOATS, INTEGERS = 1, 4
"""Values of the runtime's `accuracy_level`: multiply in float32, or in int8."""


def shrinking(fused: bytes, bits: Bits, block_size: int) -> dict[str, str]:
    """Those of `products` that become smaller with these settings; short ones may not, as blocks have a fixed size."""
    proto, _ = _split(fused)
    known = constants(proto)
    layers, weights = products(fused), {}
    for node in proto.graph.node:
        if node.name in layers:
            inputs, outputs = known[node.input[1]].shape
            # Each block has its weights, a float scale and a zero point of the same bits.
            packed = outputs * -(-inputs // block_size) * (block_size * bits // 8 + 4 + 1)
            weights[node.name] = packed < 4 * inputs * outputs
    return {name: layer for name, layer in layers.items() if weights[name]}


def products(fused: bytes) -> dict[str, str]:
    """The matrix products (also linear layers) with constant float32 weights: operator's name → layer's name."""
    proto, _ = _split(fused)
    known = constants(proto)
    return {
        node.name: node.input[1].rpartition("/")[2].removesuffix("_transposed").removesuffix(".weight")
        for node in proto.graph.node
        if operator_of(node) == "MatMul"
        and (weight := known.get(node.input[1])) is not None
        and weight.ndim == 2
        and weight.dtype == np.float32
    }


def quantize_weights(fused: bytes, names: Collection[str], bits: Bits, block_size: int, integers: bool = True) -> bytes:
    """The fused file with the named products as MatMulNBits, whose weights are rounded block by block.

    A block is `block_size` weights of one output; it has a scale and a zero point. With `integers`, the runtime
    rounds each block of activations to 8 bits and multiplies integers; otherwise it unpacks the weights and
    multiplies floats. Deterministic; needs no data. Graphs inside operators stay as they are.
    """
    origin = load_proto(fused)
    proto, bodies = _split(fused)
    with quiet():
        # Imported here, because on import it configures the caller's log.
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        others = [node.name for node in proto.graph.node if node.name not in names]
        level = INTEGERS if integers else FLOATS
        quantizer = MatMulNBitsQuantizer(
            proto,
            bits=bits,
            block_size=block_size,
            accuracy_level=level,
            nodes_to_exclude=others,
        )
        quantizer.process()
    written = quantizer.model.model
    drop_unused(written.graph)
    del written.graph.value_info[:]
    restore_subgraphs(written, bodies)
    return dump(finalize_graph(written, origin))


def _split(fused: bytes) -> tuple[onnx.ModelProto, list[onnx.NodeProto]]:
    """The graph with hidden subgraphs and each Gemm as MatMul and Add; and what `restore_subgraphs` needs."""
    proto = load_proto(fused)
    bodies = hide_subgraphs(proto)
    return split_linear(proto), bodies
