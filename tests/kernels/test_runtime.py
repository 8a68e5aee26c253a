"""The runtime's door: running, describing and quantizing small files."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import small_products
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.host import machine
from tasks.kernels.onnx import description, sessions
from tasks.kernels.onnx_passes import static_quantization
from tasks.kernels.quantization import number_formats

IMAGES = small_products.images(40)


def quantized(variant: number_formats.Variant = "u8s8", per_channel: bool = True) -> bytes:
    fused = static_quantization.fuse(small_products.image_file())
    nodes = static_quantization.quantizable(fused)
    ranges = static_quantization.collect_ranges(fused, nodes, [IMAGES], "minmax")
    return static_quantization.quantize(fused, nodes, ranges, variant, per_channel)


def test_predict_does_not_depend_on_chunks_or_source(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(small_products.image_file())
    whole = sessions.predict(path, IMAGES)
    assert whole.shape == (40, 4)
    assert sessions.predict(path.read_bytes(), IMAGES, batch=7) == pytest.approx(whole, abs=1e-5)
    assert sessions.predict(path, IMAGES, threads=2) == pytest.approx(whole, abs=1e-5)
    assert sessions.predict(path, IMAGES, optimized=False) == pytest.approx(whole, abs=1e-4)


def test_predict_takes_text_columns() -> None:
    columns = small_products.rows(5)
    columns["town"][0] = "Oslo"  # unknown: all zeros
    outputs = sessions.predict(small_products.table_file(), columns, batch=2)
    model = onnx.load_from_string(small_products.table_file())
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    features = np.hstack([columns["rooms"], columns["town"] == "Bonn", columns["town"] == "Rome"])
    hidden = np.maximum(features @ values["first"] + values["first_bias"], 0)
    hidden = np.maximum(hidden @ values["middle"] + values["middle_bias"], 0)
    assert outputs == pytest.approx(1000 * hidden @ values["last"], rel=1e-3, abs=1e-1)


def test_a_file_with_a_fixed_batch_decides_itself() -> None:
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "fixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert sessions.predict(model.SerializeToString(), {"x": x}) == pytest.approx(-x)


def test_describe_by_hand() -> None:
    """8x8 pixels: 3·8·9 and 8·8·9 multiplications at each, and 8·4 at the end."""
    data = small_products.image_file()
    found = description.describe(data)
    assert found.macs == 64 * (216 + 576) + 32
    assert found.bytes == len(data)
    assert [(item.name, item.dtype, item.shape[1:]) for item in found.inputs] == [("image", "uint8", (8, 8, 3))]
    assert [(item.name, item.dtype) for item in found.outputs] == [("logits", "float32")]
    fused = description.describe(static_quantization.fuse(data))
    assert fused.parameters == (216 + 8) + (576 + 8) + (32 + 4) + 2  # and the preprocessing's two numbers
    assert fused.macs == found.macs


def test_describe_a_table_and_its_zeros() -> None:
    model = onnx.load_from_string(small_products.table_file())
    first = next(tensor for tensor in model.graph.initializer if tensor.name == "first")
    values = numpy_helper.to_array(first).copy()
    values[0, :5] = 0
    first.CopyFrom(numpy_helper.from_array(values, "first"))
    found = description.describe(model.SerializeToString())
    assert found.parameters == (48 + 16) + (256 + 16) + (16 + 1) + 1
    assert found.parameters - found.nonzeros == 5 + 1  # the last bias is zero
    assert found.macs == 48 + 256 + 16
    assert {item.dtype for item in found.inputs} == {"float32", "string"}


@pytest.mark.parametrize("variant", number_formats.FORMATS)
@pytest.mark.parametrize("per_channel", [True, False])
def test_quantized_files_answer_alike_and_count_alike(variant: number_formats.Variant, per_channel: bool) -> None:
    data = quantized(variant, per_channel)
    before, after = (sessions.predict(model, IMAGES) for model in (small_products.image_file(), data))
    assert np.sqrt(np.mean((after - before) ** 2)) < 0.1 * before.std()
    assert not np.array_equal(after, before)
    found, fused = (
        description.describe(data),
        description.describe(static_quantization.fuse(small_products.image_file())),
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
    before, after = (onnx.load_from_string(data) for data in (small_products.image_file(), quantized()))
    onnx.checker.check_model(after, full_check=True)
    assert list(after.metadata_props) == list(before.metadata_props)
    assert after.producer_name == before.producer_name
    assert description.metadata(quantized())["classes"] == '["a", "b", "c", "d"]'
    assert {entry.domain for entry in after.opset_import} == {""}


def test_a_regression_answers_in_float() -> None:
    """256 levels would be few for a number in the thousands: the last product gives float."""
    columns = small_products.rows(500)
    fused = static_quantization.fuse(small_products.table_file())
    nodes = static_quantization.quantizable(fused)
    assert nodes == ["first_layer", "middle_layer", "last_layer"]
    ranges = static_quantization.collect_ranges(fused, nodes, [columns], "minmax")
    data = static_quantization.quantize(fused, nodes, ranges, "u8s8")
    before, after = (sessions.predict(model, columns) for model in (small_products.table_file(), data))
    assert np.sqrt(np.mean((after - before) ** 2)) < 0.05 * before.std()
    graph = onnx.load_from_string(data).graph
    assert graph.node[-1].op_type == "Mul"
    producers = {name: node.op_type for node in graph.node for name in node.output}
    assert producers[graph.node[-1].input[0]] == "Gemm"


def test_ranges_are_those_of_the_data() -> None:
    columns = small_products.rows(50)
    fused = static_quantization.fuse(small_products.table_file())
    ranges = static_quantization.collect_ranges(fused, ["first_layer"], [columns], "minmax")
    low, high = ranges["features"]
    assert (low, high) == (min(columns["rooms"].min(), 0), max(columns["rooms"].max(), 1))
    narrow = static_quantization.collect_ranges(fused, ["first_layer"], [columns], "entropy")
    assert all(low <= narrow[name][0] < narrow[name][1] <= high for name, (low, high) in ranges.items())


def test_percentile_leaves_out_a_lone_outlier() -> None:
    values = np.linspace(-1, 1, 100_000)
    values[0] = 50.0
    full = number_formats.extremes([{"x": values}])
    assert full["x"] == (pytest.approx(-1, abs=1e-4), 50.0)
    low, high = number_formats.clipped([{"x": values}], full, "percentile")["x"]
    assert low == pytest.approx(-1, abs=1e-4)
    assert 1 <= high < 1.1


def test_entropy_clips_an_outlier_and_keeps_an_even_spread() -> None:
    generator = np.random.default_rng(0)
    bell = np.append(generator.normal(size=50_000), 60.0)
    full = number_formats.extremes([{"x": bell}])
    assert 3 < number_formats.clipped([{"x": bell}], full, "entropy")["x"][1] < 30
    even = np.append(generator.uniform(0, 1, size=50_000), np.zeros(200_000))
    full = number_formats.extremes([{"x": even}])
    assert number_formats.clipped([{"x": even}], full, "entropy")["x"][1] > 0.9


def test_the_root_logger_is_left_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers), list(root.filters)
    with caplog.at_level(logging.DEBUG):
        quantized()
    assert [record for record in caplog.records if "quantization" in record.pathname] == []
    assert (root.level, list(root.handlers), list(root.filters)) == before


def test_the_host_has_a_stable_name() -> None:
    found = machine.host()
    assert found["cores"] >= 1
    assert found["memory_gb"] > 0
    assert machine.host_name() == machine.host_name()
    assert found["onnxruntime"] in machine.host_name()


def test_an_absent_provider_is_an_error() -> None:
    if sessions.available("cuda"):
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(RuntimeError, match="CUDAExecutionProvider"):
        sessions.open_session(small_products.table_file(), provider="cuda")
