"""Graph reading: an ONNX graph's parameters, multiply-accumulates, and the operators that can run in 8 bits.

Operators are recognized by their domain and type: another domain may call an operator of its own `Conv`.
"""

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
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
    "com.microsoft.FusedConv": (0, 1),
    "com.microsoft.FusedGemm": (0, 1),
    "com.microsoft.FusedMatMul": (0, 1),
    "com.microsoft.QGemm": (0, 3),
    "com.microsoft.nchwc.Conv": (0, 1),
}
"""Operators with multiply-accumulates (`operator_of`), and the indices of their data and weight inputs."""
QUANTIZED = ("Conv", "Gemm", "MatMul")
RIDERS = (
    *("Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Pad"),
    *("Relu", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"),
)
"""Operators that are quantized, too, when all of their data are: converting to float and back would cost more."""
OWN = ("", "ai.onnx")
"""Names of the operator domain that is ONNX's own."""
LAYOUTS = ("com.microsoft.nchwc", "com.ms.internal.nhwc")
"""Operator domains of ONNX Runtime for the layouts that it chooses for one host."""
_MICROSOFT = "com.microsoft"


class Node(Protocol):
    """The fields of an ONNX node that are read here."""

    @property
    def name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def op_type(self) -> str: ...
    @property
    def input(self) -> Sequence[str]: ...
    @property
    def output(self) -> Sequence[str]: ...


def operator_of(node: Node) -> str:
    """The operator's type where it is ONNX's own, such as `Conv`; else `domain.type`, such as `my.domain.Conv`."""
    return node.op_type if node.domain in OWN else f"{node.domain}.{node.op_type}"


def is_rounding(node: Node) -> bool:
    """Whether the operator quantizes, dequantizes, or computes with quantized numbers, in ONNX or ONNX Runtime."""
    if node.domain not in (*OWN, _MICROSOFT):
        return False
    kind = node.op_type
    return "quantize" in kind.lower() or kind.endswith(("Integer", "NBits")) or kind.startswith(("QLinear", "QGemm"))


def laid_out(nodes: Sequence[Node]) -> list[str]:
    """Names of the operators that ONNX Runtime put into a layout for the host on which it optimized the file."""
    return [node.name for node in nodes if node.domain in LAYOUTS]


def fused(nodes: Sequence[Node]) -> list[str]:
    """Names of the operators that ONNX Runtime made of several when it optimized the file, such as FusedConv."""
    return [node.name for node in nodes if node.domain == _MICROSOFT and not is_rounding(node)]


def operands(node: Node) -> tuple[str, str, str]:
    """Names of the data, weight and output tensors of an operator in OPERANDS."""
    data, weight = OPERANDS[operator_of(node)]
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
        if operator_of(node).removeprefix(f"{_MICROSOFT}.") in ("QuantizeLinear", "DequantizeLinear"):
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


def quantizable_nodes(nodes: Sequence[Node], constants: Mapping[str, Array]) -> list[str]:
    """Names of the convolutions and matrix products with constant weights, in the order of the graph.

    A product with a vector is none of them: the runtime has no integer operator for it.
    """
    found = [node for node in nodes if operator_of(node) in QUANTIZED and node.input[1] in constants]
    return [node.name for node in found if constants[node.input[1]].ndim > 1]


def with_followers(nodes: Sequence[Node], chosen: Collection[str], constants: Collection[str]) -> list[str]:
    """Names of the nodes to quantize: `chosen` and the operators of RIDERS after them, in the order of the graph.

    Such an operator follows when all of its inputs that are not constants (at least one) come from quantized nodes.
    """
    quantized: set[str] = set()
    found = []
    for node in nodes:
        data = [name for name in node.input if name and name not in constants]
        rides = operator_of(node) in RIDERS and bool(data) and quantized.issuperset(data)
        if rides or node.name in chosen:
            quantized.update(node.output)
            found.append(node.name)
    return found


def activations_of(nodes: Sequence[Node], names: Collection[str], constants: Collection[str]) -> list[str]:
    """Names of the activations that the named nodes read or make: the quantizer needs their ranges."""
    around = {name for node in nodes if node.name in names for name in (*node.input, *node.output)}
    return sorted(name for name in around if name and name not in constants)


def matrix_products(nodes: Sequence[Node]) -> set[str]:
    """Names of what the matrix products make."""
    return {node.output[0] for node in nodes if operator_of(node) in ("Gemm", "MatMul")}


def redundant_rounding(
    nodes: Sequence[Node], names: Collection[str], products: Collection[str]
) -> list[tuple[Node, Node]]:
    """The needless pairs (QuantizeLinear, DequantizeLinear): after a matrix product, and read by no node in `names`.

    `products` are the `matrix_products` before the quantization: where the quantizer took out a Relu behind the
    product, the rounding stands for it and is needed. The runtime's 8-bit products can return float directly, so that
    an output keeps its precision: 256 levels are few for a prediction in dollars.
    """
    producers = {name: node for node in nodes for name in node.output}
    readers: dict[str, list[Node]] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    pairs = []
    for node in nodes:
        before = producers.get(node.input[0]) if operator_of(node) == "DequantizeLinear" else None
        # The quantizer renames what it rounds where that is an output of the graph.
        if before is None or not {before.input[0], node.output[0]} & set(products):
            continue
        if not any(reader.name in names for reader in readers.get(node.output[0], ())):
            pairs.append((before, node))
    return pairs
