"""Export: converts a torch network to an ONNX graph with a free batch dimension."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import onnx

from tasks.kernels.onnx.preprocessing_graph import OPSET

if TYPE_CHECKING:
    from torch import nn


def convert(model: nn.Module, shape: tuple[int, ...]) -> onnx.ModelProto:
    """The ONNX graph of a network in evaluation mode, from `input` (batch, *shape) to `output`.

    A fake-quantized network becomes a quantized one (QDQ), with weights in int8 and biases in int32. The output that
    the exporter prints on success is suppressed.
    """
    import torch  # not above: timing processes import this package, and need no torch

    from tasks.kernels.quantization import fake_quantization

    quantized = fake_quantization.is_quantized(model)
    # A batch of 2: an example of 1 would let the exporter specialise on it.
    example = torch.zeros(2, *shape)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            fake_quantization.to_integer_graph(model) if quantized else model,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["input"],
            output_names=["output"],
            external_data=False,
            verbose=False,
            custom_translation_table=translations() if quantized else None,
        )
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    for node in proto.graph.node:
        del node.metadata_props[:]  # stack traces with this machine's paths
    if quantized:
        del proto.graph.value_info[:]  # a tenth of a small file, for shapes that any reader infers
    return proto


def translations() -> dict[Any, Callable[..., Any]]:
    """The exporter's translations of the two fake-quantization operators, to QuantizeLinear and DequantizeLinear."""
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
