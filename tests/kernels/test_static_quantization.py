"""Static quantization: ranges of the data, eight bits, and the same answers."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import onnx_files, product_files

from tasks.kernels.onnx import description, sessions
from tasks.kernels.onnx_passes import dynamic_quantization, static_quantization
from tasks.kernels.quantization import number_formats

IMAGES = product_files.images(40)


def quantized(variant: number_formats.Variant = "u8s8", per_channel: bool = True) -> bytes:
    fused = static_quantization.fuse(product_files.image_file())
    nodes = static_quantization.quantizable(fused)
    ranges = static_quantization.collect_ranges(fused, nodes, [IMAGES], "minmax")
    return static_quantization.quantize(fused, nodes, ranges, variant, per_channel)


@pytest.mark.parametrize("variant", number_formats.FORMATS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_quantized_files_answer_alike_and_count_alike(variant: number_formats.Variant, per_channel: bool) -> None:
    data = quantized(variant, per_channel)
    before, after = (sessions.predict(model, IMAGES) for model in (product_files.image_file(), data))
    assert np.sqrt(np.mean((after - before) ** 2)) < 0.1 * before.std()
    assert not np.array_equal(after, before)
    found, fused = (
        description.describe(data),
        description.describe(static_quantization.fuse(product_files.image_file())),
    )
    assert (found.macs, found.parameters) == (fused.macs, fused.parameters)
    assert 0.8 * fused.nonzeros < found.nonzeros <= fused.nonzeros


def test_weights_are_eight_bits_and_preprocessing_is_float() -> None:
    graph = onnx.load_from_string(quantized()).graph
    kinds = Counter(tensor.data_type for tensor in graph.initializer if len(tensor.dims) >= 2)
    assert kinds[TensorProto.INT8] == 3
    assert kinds[TensorProto.FLOAT] == 0
    first = next(node for node in graph.node if node.op_type == "QuantizeLinear")
    before = {name: node for node in graph.node for name in node.output}[first.input[0]]
    assert before.op_type in ("Add", "Sub")


def test_reduced_weights_use_seven_bits() -> None:
    graph = onnx.load_from_string(quantized("u8s8_reduced")).graph
    weights = [numpy_helper.to_array(t) for t in graph.initializer if len(t.dims) >= 2]
    assert max(int(np.abs(w.astype(int)).max()) for w in weights if w.dtype == np.int8) == 64


def test_quantization_is_deterministic_and_keeps_metadata() -> None:
    assert quantized() == quantized()
    before, after = (onnx.load_from_string(data) for data in (product_files.image_file(), quantized()))
    onnx.checker.check_model(after, full_check=True)
    assert list(after.metadata_props) == list(before.metadata_props)
    assert after.producer_name == before.producer_name
    assert description.metadata(quantized())["classes"] == '["a", "b", "c", "d"]'
    assert {entry.domain for entry in after.opset_import} == {""}


def test_a_regression_answers_in_float() -> None:
    """256 levels would be few for a number in the thousands: the last product gives float."""
    columns = product_files.rows(500)
    fused = static_quantization.fuse(product_files.table_file())
    nodes = static_quantization.quantizable(fused)
    assert nodes == ["first_layer", "middle_layer", "last_layer"]
    ranges = static_quantization.collect_ranges(fused, nodes, [columns], "minmax")
    data = static_quantization.quantize(fused, nodes, ranges, "u8s8")
    before, after = (sessions.predict(model, columns) for model in (product_files.table_file(), data))
    assert np.sqrt(np.mean((after - before) ** 2)) < 0.05 * before.std()
    graph = onnx.load_from_string(data).graph
    assert graph.node[-1].op_type == "Mul"
    producers = {name: node.op_type for node in graph.node for name in node.output}
    assert producers[graph.node[-1].input[0]] == "Gemm"


def test_ranges_are_those_of_the_data() -> None:
    columns = product_files.rows(50)
    fused = static_quantization.fuse(product_files.table_file())
    ranges = static_quantization.collect_ranges(fused, ["first_layer"], [columns], "minmax")
    low, high = ranges["features"]
    assert (low, high) == (min(columns["rooms"].min(), 0), max(columns["rooms"].max(), 1))
    narrow = static_quantization.collect_ranges(fused, ["first_layer"], [columns], "entropy")
    assert all(low <= narrow[name][0] < narrow[name][1] <= high for name, (low, high) in ranges.items())


def test_a_relu_behind_the_last_product_stays() -> None:
    """The quantizer lets the rounding stand for the Relu; what no quantized operator reads is else not rounded."""
    weight = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["a"], "product"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("CumSum", ["b", "axis"], ["y"], "sum"),
    ]
    ends = [helper.make_tensor_value_info(name, onnx_files.FLOAT, ["n", 32]) for name in ("x", "y")]
    constants = [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(np.int64(1), "axis")]
    model = onnx_files.model(helper.make_graph(nodes, "net", ends[:1], ends[1:], constants), 17, 8).SerializeToString()
    rows, fused = (
        {"x": np.random.default_rng(1).normal(size=(16, 32)).astype(np.float32)},
        static_quantization.fuse(model),
    )
    ranges = static_quantization.collect_ranges(fused, ["product"], [rows], "minmax")
    data = static_quantization.quantize(fused, ["product"], ranges, "u8s8_reduced")
    before, after = (sessions.predict(each, rows) for each in (model, data))
    assert np.sqrt(np.mean((after - before) ** 2)) < 0.05 * before.std()


def test_types_behind_operators_of_the_runtime_are_known() -> None:
    """A Gelu of ONNX Runtime's own, between two products."""
    weight = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["a"], "first"),
        helper.make_node("Gelu", ["a"], ["b"], "gelu", domain="com.microsoft"),
        helper.make_node("Abs", ["b"], ["c"], "abs"),
        helper.make_node("Gemm", ["c", "weight", "bias"], ["y"], "second"),
    ]
    ends = [helper.make_tensor_value_info(name, onnx_files.FLOAT, ["n", 8]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [
        numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(weight[0], "bias")
    ])  # fmt: skip
    made = onnx_files.model(graph, 17, 8)
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    fused = onnx.load_from_string(static_quantization.fuse(made.SerializeToString()))
    found = {item.name: item.type.tensor_type for item in fused.graph.value_info}
    assert {name: each.elem_type for name, each in found.items()} == dict.fromkeys("abc", TensorProto.FLOAT)
    assert [size.dim_value or size.dim_param for size in found["c"].shape.dim] == ["n", 8]
    rows = {"x": np.random.default_rng(1).normal(size=(16, 8)).astype(np.float32)}
    eight = dynamic_quantization.quantize_dynamic(fused.SerializeToString(), ["first", "second"])
    before, after = (sessions.predict(each, rows) for each in (made.SerializeToString(), eight))
    assert 0 < np.sqrt(np.mean((after - before) ** 2)) < 0.05 * before.std()


def test_percentile_leaves_out_a_lone_outlier() -> None:
    values = np.linspace(-1, 1, 100_000)
    values[0] = 50.0
    full = number_formats.extremes([{"x": values}])
    assert full["x"] == (pytest.approx(-1, abs=1e-4), 50.0)
    low, high = number_formats.clipped_ranges([{"x": values}], full, "percentile")["x"]
    assert low == pytest.approx(-1, abs=1e-4)
    assert 1 <= high < 1.1


def test_entropy_clips_an_outlier_and_keeps_an_even_spread() -> None:
    generator = np.random.default_rng(0)
    bell = np.append(generator.normal(size=50_000), 60.0)
    full = number_formats.extremes([{"x": bell}])
    assert 3 < number_formats.clipped_ranges([{"x": bell}], full, "entropy")["x"][1] < 30
    even = np.append(generator.uniform(0, 1, size=50_000), np.zeros(200_000))
    full = number_formats.extremes([{"x": even}])
    assert number_formats.clipped_ranges([{"x": even}], full, "entropy")["x"][1] > 0.9


def test_the_root_logger_is_left_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers), list(root.filters)
    with caplog.at_level(logging.DEBUG):
        quantized()
    assert [record for record in caplog.records if "quantization" in record.pathname] == []
    assert (root.level, list(root.handlers), list(root.filters)) == before
