"""Translation: the operators of fake-quantized networks in ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def translations() -> dict[Any, Callable[..., Any]]:
    """The two operators of `tasks.kernels.fake_quantization` for torch's exporter: QuantizeLinear, DequantizeLinear."""
    import torch
    from onnxscript import opset20 as op

    # The exporter reads the parameters' names, and opset 20 is what `convert` writes.
    def quantize(values: Any, scale: Any, zero: Any) -> Any:
        return op.QuantizeLinear(values, scale, zero)

    def dequantize(integers: Any, scale: Any, zero: Any, axis: int) -> Any:
        return op.DequantizeLinear(integers, scale, zero, axis=axis)

    return {
        torch.ops.paredown.quantize.default: quantize,
        torch.ops.paredown.dequantize.default: dequantize,
    }
