"""Graph reading: an ONNX graph's parameters, multiply-accumulates, and the operators that can run in 8 bits."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.quantization.number_formats import broadcast_along

Array = NDArray[Any]
Shape = Sequence[int]

OPERANDS: Mapping[str, tuple[int, int]] = {
    "Conv": (0, 1),
    "ConvInteger": (0, 1),
    "ConvTranspose": (0, 1),
    "Gemm": (0, 1),
    "MatMul": (0, 1),
    "MatMulInteger": (0, 1),
    "QGemm": (0, 3),
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
}
"""Operators with multiply-accumulates, and the indices of their data and weight inputs."""
QUANTIZED = ("Conv", "Gemm", "MatMul")
RIDERS = (
    *("Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Pad"),
    *("Relu", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
)
"""Operators that are quantized, too, when all of their data are: converting to float and back would cost more."""


class Node(Protocol):
    """The fields of an ONNX node that are read here."""

    @property
    def name(self) -> str: ...
    @property
    def op_type(self) -> str: ...
    @property
    def input(self) -> Sequence[str]: ...
    @property
    def output(self) -> Sequence[str]: ...


def operands(node: Node) -> tuple[str, str, str]:
    """Names of the data, weight and output tensors of an operator in OPERANDS."""
    data, weight = OPERANDS[node.op_type]
    return node.input[data], node.input[weight], node.output[0]


def macs(operator: str, data: Shape, weight: Shape, output: Shape) -> int:
    """Multiply-accumulates of one operator in OPERANDS, from the shapes of its operands (convolutions are NCHW)."""
    if operator == "ConvTranspose":
        return math.prod(data) * math.prod(weight[1:])
    if "Conv" in operator:
        return math.prod(output) * math.prod(weight[1:])
    if "Gemm" in operator:
        return math.prod(data) * output[-1]
    return math.prod(output) * data[-1]


def count_parameters(
    nodes: Sequence[Node], constants: Mapping[str, Array], axis_of: Callable[[Node], int]
) -> tuple[int, int]:
    """(number of parameters, number of non-zero ones) among the `constants` of a graph with these `nodes`.

    Shapes (int64), text, and the scales and zero points of quantization do not count; a quantized weight is zero
    where it equals its zero point. `axis_of` returns the quantization axis of a node.
    """
    zeros: dict[str, Array] = {}
    helpers: set[str] = set()
    for node in nodes:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            helpers.update(node.input[1:])
            if len(node.input) == 3 and node.input[0] in constants:
                stored, zero = constants[node.input[0]], constants[node.input[2]]
                zeros[node.input[0]] = broadcast_along(zero, stored, axis_of(node))
    kept = {
        name: array
        for name, array in constants.items()
        if name not in helpers and array.dtype.kind in "fiu" and array.dtype != np.int64
    }
    nonzero = sum(int(np.count_nonzero(array != zeros.get(name, 0))) for name, array in kept.items())
    return sum(array.size for array in kept.values()), nonzero


def quantizable_nodes(nodes: Sequence[Node], constants: Collection[str]) -> list[str]:
    """Names of the convolutions and matrix products with constant weights, in the order of the graph."""
    return [node.name for node in nodes if node.op_type in QUANTIZED and node.input[1] in constants]


def with_followers(nodes: Sequence[Node], chosen: Collection[str], constants: Collection[str]) -> list[str]:
    """Names of the nodes to quantize: `chosen` and the operators of RIDERS after them, in the order of the graph.

    Such an operator follows when all of its inputs that are not constants (at least one) come from quantized nodes.
    """
    quantized: set[str] = set()
    found = []
    for node in nodes:
        data = [name for name in node.input if name and name not in constants]
        rides = node.op_type in RIDERS and bool(data) and quantized.issuperset(data)
        if rides or node.name in chosen:
            quantized.update(node.output)
            found.append(node.name)
    return found


def activations_of(nodes: Sequence[Node], names: Collection[str], constants: Collection[str]) -> list[str]:
    """Names of the activations that the named nodes read or make: the quantizer needs their ranges."""
    around = {name for node in nodes if node.name in names for name in (*node.input, *node.output)}
    return sorted(name for name in around if name and name not in constants)


def redundant_rounding(nodes: Sequence[Node], names: Collection[str]) -> list[tuple[Node, Node]]:
    """The needless pairs (QuantizeLinear, DequantizeLinear): after a matrix product, and read by no node in `names`.

    The runtime's 8-bit products can return float directly, so that an output keeps its precision: 256 levels are
    few for a prediction in dollars.
    """
    producers = {name: node for node in nodes for name in node.output}
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    pairs = []
    for node in nodes:
        before = producers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        source = producers.get(before.input[0]) if before is not None else None
        if before is None or source is None or source.op_type not in ("Gemm", "MatMul"):
            continue
        if not any(reader.name in names for reader in readers.get(node.output[0], ())):
            pairs.append((before, node))
    return pairs
