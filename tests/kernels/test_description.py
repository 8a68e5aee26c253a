"""Descriptions: operations, sizes and inputs of small files, counted by hand."""

from __future__ import annotations

import onnx
from onnx import numpy_helper
from support import product_files

from tasks.kernels.onnx import description
from tasks.kernels.onnx_passes import static_quantization


def test_describe_by_hand() -> None:
    """8x8 pixels: 3·8·9 and 8·8·9 multiplications at each, and 8·4 at the end."""
    data = product_files.image_file()
    found = description.describe(data)
    assert found.macs == 64 * (216 + 576) + 32
    assert found.bytes == len(data)
    assert [(item.name, item.dtype, item.shape[1:]) for item in found.inputs] == [("image", "uint8", (8, 8, 3))]
    assert [(item.name, item.dtype) for item in found.outputs] == [("logits", "float32")]
    fused = description.describe(static_quantization.fuse(data))
    assert fused.parameters == (216 + 8) + (576 + 8) + (32 + 4) + 2  # and the preprocessing's two numbers
    assert fused.macs == found.macs


def test_describe_a_table_and_its_zeros() -> None:
    model = onnx.load_from_string(product_files.table_file())
    first = next(tensor for tensor in model.graph.initializer if tensor.name == "first")
    values = numpy_helper.to_array(first).copy()
    values[0, :5] = 0
    first.CopyFrom(numpy_helper.from_array(values, "first"))
    found = description.describe(model.SerializeToString())
    assert found.parameters == (48 + 16) + (256 + 16) + (16 + 1) + 1
    assert found.parameters - found.nonzeros == 5 + 1  # the last bias is zero
    assert found.macs == 48 + 256 + 16
    assert {item.dtype for item in found.inputs} == {"float32", "string"}
