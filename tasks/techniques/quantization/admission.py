"""Admission: which ONNX files can be lowered in precision, and which of their operators stay in float."""

from __future__ import annotations

from typing import Any

from tasks.core import Refusal

INSIDE = "inside If, Loop or Scan"
FUSED = "already fused by ONNX Runtime"


def check_layout(tag: str, model: bytes) -> None:
    """Raises Refusal for a file that ONNX Runtime optimized for one host; `tag` is the technique's."""
    from tasks.kernels.onnx import graph_reading, serialization, subgraphs

    if names := graph_reading.laid_out(list(subgraphs.nodes_of(serialization.load_proto(model)))):
        way_out = "give the file from before that optimization"
        raise Refusal(f"{tag}: {names[0]} was already laid out by ONNX Runtime for one host; {way_out}")


def check_unquantized(tag: str, model: bytes) -> None:
    """Raises Refusal for a file with operators that quantize or compute with quantized numbers."""
    if found := _quantized(model):
        raise Refusal(f"{tag}: {found}")


def in_float(model: bytes) -> dict[str, str]:
    """The convolutions and matrix products that no technique lowers: the operator's name → the reason."""
    from tasks.kernels.onnx import graph_reading, serialization, subgraphs
    from tasks.kernels.onnx_passes import static_quantization

    nodes = list(subgraphs.nodes_of(serialization.load_proto(model)))
    products = {node.name for node in nodes if graph_reading.operator_of(node) in graph_reading.OPERANDS}
    merged = [name for name in graph_reading.fused(nodes) if name in products]
    return dict.fromkeys(merged, FUSED) | dict.fromkeys(static_quantization.inner_products(model), INSIDE)


def no_products(tag: str, model: bytes, wanted: str) -> Refusal:
    """Why nothing can be lowered in a file without `wanted` (such as `matrix product`) of constant float weights."""
    if found := _quantized(model):
        return Refusal(f"{tag}: {found}")
    if stays := in_float(model):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(stays.items())[:5])
        way_out = "; give the file from before that optimization" if FUSED in stays.values() else ""
        return Refusal(f"{tag}: no {wanted} with constant float weights is left to lower: {reasons}{way_out}")
    return Refusal(f"{tag}: the graph has no {wanted} with constant float weights")


def words(plan: dict[str, Any]) -> str:
    """How many operators stay in float, and why, as the end of a summary; empty when none does."""
    stays: dict[str, str] = plan.get("stays_float", {})
    reasons = ", ".join(dict.fromkeys(stays.values()))
    return f", {len(stays)} operators stay in float: {reasons}" if stays else ""


def _quantized(model: bytes) -> str:
    """That the file is quantized already, in words; empty when it is not."""
    from tasks.kernels.onnx import graph_reading, serialization, subgraphs

    nodes = [each for each in subgraphs.nodes_of(serialization.load_proto(model)) if graph_reading.is_rounding(each)]
    if not nodes:
        return ""
    kinds = ", ".join(dict.fromkeys(node.op_type for node in nodes))
    return f"the file is quantized already: {len(nodes)} of its operators are {kinds}"
