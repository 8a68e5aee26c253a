"""Weight-only quantization: weights alone in few bits."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper
from support import onnx_graphs, product_files

from tasks.kernels.onnx import sessions
from tasks.kernels.onnx_passes import dynamic_quantization, weight_only_quantization


@pytest.mark.parametrize(("bits", "bound"), [(4, 0.3), (8, 0.02)])
def test_weights_alone_in_few_bits(bits: weight_only_quantization.Bits, bound: float) -> None:
    model = onnx_graphs.ready(product_files.table_file(64))
    layers = weight_only_quantization.products(model)
    assert layers == {"first_layer": "first", "middle_layer": "middle", "last_layer": "last"}
    data = weight_only_quantization.quantize_weights(model, list(layers), bits, 32)
    assert data == weight_only_quantization.quantize_weights(model, list(layers), bits, 32)
    assert 0 < onnx_graphs.error(model, data, product_files.rows(64)) < bound
    assert onnx_graphs.kinds(data).count("MatMulNBits") == 3
    one = weight_only_quantization.quantize_weights(model, ["middle_layer"], bits, 32)
    assert onnx_graphs.kinds(one).count("MatMulNBits") == 1


def test_a_weight_that_two_products_share_stays_right() -> None:
    """A square weight in two Gemms, once as it is and once transposed."""
    from onnx import helper

    square = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w"], ["a"], name="one", transB=1),
            helper.make_node("Gemm", ["a", "w"], ["y"], name="two"),
        ],
        "shared",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(square, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()
    x = {"x": np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)}
    assert sessions.predict(model, x) == pytest.approx(x["x"] @ square.T @ square, rel=1e-3, abs=1e-2)
    fused = onnx_graphs.ready(model)
    assert onnx_graphs.error(model, weight_only_quantization.quantize_weights(fused, ["one", "two"], 8, 32), x) < 0.05
    assert onnx_graphs.error(model, dynamic_quantization.quantize_dynamic(fused, ["one", "two"]), x) < 0.05


def test_the_root_logger_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers), list(root.filters)
    weight_only_quantization.quantize_weights(onnx_graphs.ready(product_files.table_file(64)), ["middle_layer"], 4, 32)
    assert (root.level, list(root.handlers), list(root.filters)) == before
    assert "INFO" not in capfd.readouterr().err
