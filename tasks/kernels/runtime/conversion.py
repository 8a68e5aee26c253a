"""Conversion: a torch network becomes an ONNX graph with a dynamic batch."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from typing import TYPE_CHECKING

import onnx

from tasks.kernels.runtime.prefixes import OPSET

if TYPE_CHECKING:
    from torch import nn


def convert(model: nn.Module, shape: tuple[int, ...]) -> onnx.ModelProto:
    """The graph of a network in evaluation mode: `input` (batch, *shape) → `output`, as torch's exporter writes it.

    What the exporter prints on success is kept from the terminal.
    """
    import torch  # not above: timing processes import this package, and need no torch

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
            model,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=["input"],
            output_names=["output"],
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    for node in proto.graph.node:
        del node.metadata_props[:]  # stack traces with this machine's paths
    return proto
