"""Dynamic quantization: ranges at run time."""

from __future__ import annotations

import pytest
from support import onnx_graphs, product_files

from tasks.kernels.onnx_passes import dynamic_quantization, static_quantization

IMAGES = product_files.images(64)


@pytest.mark.parametrize("per_channel", [True, False])
def test_dynamic_files_answer_alike_without_data(per_channel: bool) -> None:
    model = onnx_graphs.ready(onnx_graphs.padded_file())
    nodes = static_quantization.quantizable(model)
    data = dynamic_quantization.quantize_dynamic(model, nodes, per_channel)
    assert data == dynamic_quantization.quantize_dynamic(model, nodes, per_channel)
    assert onnx_graphs.error(model, data, IMAGES) < 0.1
    counts = onnx_graphs.kinds(data)
    assert (counts.count("ConvInteger"), counts.count("MatMulInteger")) == (4, 1)
    assert len(data) < len(model)


def test_dynamic_takes_the_named_operators_only() -> None:
    model = onnx_graphs.ready(product_files.table_file(64))
    data = dynamic_quantization.quantize_dynamic(model, ["middle_layer"])
    assert onnx_graphs.kinds(data).count("MatMulInteger") == 1
    assert onnx_graphs.kinds(data).count("MatMul") == 2
    assert onnx_graphs.error(model, data, product_files.rows(64)) < 0.05
