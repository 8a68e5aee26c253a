"""Precision: pixels read as they are, ranges at run time, float16, and weights alone in few bits."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest
import small_graphs
import small_products
from onnx import TensorProto, numpy_helper

from tasks.kernels.onnx import sessions
from tasks.kernels.onnx_passes import (
    cleanup,
    dynamic_quantization,
    float16,
    int8_variants,
    pixel_folding,
    static_quantization,
    weight_only_quantization,
)
from tasks.kernels.onnx_passes.int8_variants import Setting

IMAGES = small_products.images(64)


def error(before: bytes, after: bytes, inputs: dict[str, np.ndarray]) -> float:
    """Root mean squared difference over the standard deviation."""
    was, now = (sessions.predict(data, inputs) for data in (before, after))
    return float(np.sqrt(np.mean((now - was) ** 2)) / was.std())


def ready(model: bytes) -> bytes:
    return static_quantization.fuse(cleanup.clean(model))


def test_folded_pixels_are_exact_where_nothing_is_padded() -> None:
    before = small_graphs.padded_file(pads=0)
    folded = pixel_folding.fold_pixels(ready(before))
    assert folded is not None
    after, ranges = folded
    assert error(before, after, IMAGES) < 1e-5
    assert small_graphs.kinds(after)[:3] == ["DequantizeLinear", "Transpose", "Conv"]
    assert set(ranges) == {"pixels", "planes"}
    assert {high - low for low, high in ranges.values()} == {255.0}


def test_folded_pixels_differ_a_little_at_a_padded_border() -> None:
    before = small_graphs.padded_file()
    folded = pixel_folding.fold_pixels(ready(before))
    assert folded is not None
    assert 0 < error(before, folded[0], IMAGES) < 0.1


def test_a_quantized_network_begins_with_its_first_convolution() -> None:
    """The runtime then runs no operator before it: the eight bits of a pixel are the activation."""
    model = small_graphs.padded_file()
    source = int8_variants.source(model, pixels=True)
    assert source is not None
    nodes = static_quantization.quantizable(source.graph)
    ranges = {**static_quantization.collect_ranges(source.graph, nodes, [IMAGES], "minmax"), **source.fixed}
    data = int8_variants.build_variant(source.graph, nodes, ranges, Setting("u8s8", True, "minmax", True))
    graph = onnx.load_from_string(data).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scales = [constants[node.input[1]] for node in graph.node if node.op_type == "QuantizeLinear"][:1]
    assert scales == [1.0]
    assert error(model, data, IMAGES) < 0.15


def test_other_beginnings_are_left_alone() -> None:
    assert pixel_folding.fold_pixels(ready(small_products.table_file())) is None
    assert pixel_folding.fold_pixels(ready(small_products.image_file())) is None
    assert int8_variants.source(small_products.table_file(), pixels=True) is None


@pytest.mark.parametrize("per_channel", [True, False])
def test_dynamic_files_answer_alike_without_data(per_channel: bool) -> None:
    model = ready(small_graphs.padded_file())
    nodes = static_quantization.quantizable(model)
    data = dynamic_quantization.quantize_dynamic(model, nodes, per_channel)
    assert data == dynamic_quantization.quantize_dynamic(model, nodes, per_channel)
    assert error(model, data, IMAGES) < 0.1
    counts = small_graphs.kinds(data)
    assert (counts.count("ConvInteger"), counts.count("MatMulInteger")) == (4, 1)
    assert len(data) < len(model)


def test_dynamic_takes_the_named_operators_only() -> None:
    model = ready(small_products.table_file(64))
    data = dynamic_quantization.quantize_dynamic(model, ["middle_layer"])
    assert small_graphs.kinds(data).count("MatMulInteger") == 1
    assert small_graphs.kinds(data).count("MatMul") == 2
    assert error(model, data, small_products.rows(64)) < 0.05


def test_half_precision_between_the_products() -> None:
    model = ready(small_products.table_file(64))
    assert list(float16.between(model)) == ["first_layer", "first_relu", "middle_layer", "middle_relu", "last_layer"]
    data = float16.halve(model, float16.between(model))
    assert 0 < error(model, data, small_products.rows(64)) < 0.01
    graph = onnx.load_from_string(data).graph
    onnx.checker.check_model(onnx.load_from_string(data))
    weights = {tensor.name: tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 2}
    assert weights == {
        "first": TensorProto.FLOAT16,
        "middle": TensorProto.FLOAT16,
        "last": TensorProto.FLOAT16,
        "unit": TensorProto.FLOAT,  # answers in the ten thousands: no matter for float16
    }
    assert [item.type.tensor_type.elem_type for item in graph.output] == [TensorProto.FLOAT]


def test_operators_that_stay_float_are_not_rounded_on_the_way() -> None:
    """Between two of them no value passes through float16: 1e6 would not come out again."""
    model = ready(small_products.table_file(64))
    data = float16.halve(model, ["first_layer"])
    columns = small_products.rows(64)
    assert error(model, data, columns) < 0.01
    casts = small_graphs.kinds(data).count("Cast")
    assert casts <= 4


def test_magnitudes_by_hand() -> None:
    model = ready(small_products.table_file())
    columns = small_products.rows(10)
    found = float16.magnitudes(model, ["first_layer"], [columns])
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(model).graph.initializer}
    assert found["first"] == pytest.approx(float(np.abs(weights["first"]).max()))
    assert found["features"] == pytest.approx(max(1.0, float(np.abs(columns["rooms"]).max())))
    assert set(found) == {"first", "first_bias", "features", "a"}


@pytest.mark.parametrize(("bits", "bound"), [(4, 0.3), (8, 0.02)])
def test_weights_alone_in_few_bits(bits: weight_only_quantization.Bits, bound: float) -> None:
    model = ready(small_products.table_file(64))
    layers = weight_only_quantization.products(model)
    assert layers == {"first_layer": "first", "middle_layer": "middle", "last_layer": "last"}
    data = weight_only_quantization.quantize_weights(model, list(layers), bits, 32)
    assert data == weight_only_quantization.quantize_weights(model, list(layers), bits, 32)
    assert 0 < error(model, data, small_products.rows(64)) < bound
    assert small_graphs.kinds(data).count("MatMulNBits") == 3
    one = weight_only_quantization.quantize_weights(model, ["middle_layer"], bits, 32)
    assert small_graphs.kinds(one).count("MatMulNBits") == 1


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
    fused = ready(model)
    assert error(model, weight_only_quantization.quantize_weights(fused, ["one", "two"], 8, 32), x) < 0.05
    assert error(model, dynamic_quantization.quantize_dynamic(fused, ["one", "two"]), x) < 0.05


def test_the_root_logger_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers), list(root.filters)
    weight_only_quantization.quantize_weights(ready(small_products.table_file(64)), ["middle_layer"], 4, 32)
    assert (root.level, list(root.handlers), list(root.filters)) == before
    assert "INFO" not in capfd.readouterr().err
