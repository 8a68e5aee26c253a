"""Cleanup: the same answers from fewer operators, pattern by pattern."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import onnx_graphs, product_files

from tasks.kernels.onnx import description, sessions
from tasks.kernels.onnx_passes import cleanup, static_quantization

IMAGES = product_files.images(32)
CHAIN = ["Cast", "Transpose", "Mul", "Add"]


def tiny(nodes: list[onnx.NodeProto], shape: tuple[int, ...], constants: dict[str, np.ndarray], **kind: int) -> bytes:
    """x (batch, *shape) → y, whatever the nodes make of it."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opset = helper.make_opsetid("", kind.get("opset", 20))
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())


def alike(before: bytes, after: bytes, shape: tuple[int, ...]) -> bool:
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    return np.allclose(*(sessions.predict(data, {"x": x}) for data in (before, after)), rtol=1e-5, atol=1e-6)


def test_a_residual_network_becomes_all_convolutions() -> None:
    before = onnx_graphs.padded_file()
    after = cleanup.clean(before)
    head = ["GlobalAveragePool", "Flatten", "Gemm"]
    body = ["Conv", "Relu", "Conv", "Relu", "Conv", "Conv", "Add", "Relu"]
    assert sorted(onnx_graphs.kinds(after)) == sorted([*CHAIN, *body, *head])
    answers = [sessions.predict(data, IMAGES) for data in (before, after)]
    assert answers[1] == pytest.approx(answers[0], rel=1e-4, abs=1e-4)
    onnx.checker.check_model(onnx.load_from_string(after), full_check=True)
    assert description.metadata(after) == description.metadata(before)


def test_cleaning_is_deterministic_and_done_once() -> None:
    for model in (onnx_graphs.padded_file(), product_files.image_file(), product_files.table_file()):
        cleaned = cleanup.clean(model)
        assert cleanup.clean(model) == cleaned
        assert cleanup.clean(cleaned) == cleaned


def test_every_operator_has_its_own_name() -> None:
    names = [node.name for node in onnx.load_from_string(cleanup.clean(product_files.table_file())).graph.node]
    assert len({*names, ""}) == len(names) + 1
    assert "first_layer" in names


def test_what_nobody_reads_is_gone_and_equal_constants_are_one() -> None:
    names = {
        tensor.name for tensor in onnx.load_from_string(cleanup.clean(onnx_graphs.padded_file())).graph.initializer
    }
    assert "nobody" not in names
    nodes = [helper.make_node("Add", ["x", "a"], ["s"]), helper.make_node("Mul", ["s", "b"], ["y"])]
    twins = {"a": np.arange(4, dtype=np.float32), "b": np.arange(4, dtype=np.float32)}
    model = tiny(nodes, (4,), twins)
    cleaned = cleanup.clean(model)
    assert len(onnx.load_from_string(cleaned).graph.initializer) == 1
    assert alike(model, cleaned, (4,))


def test_initializers_leave_the_inputs() -> None:
    """As exporters of IR version 3 had to list them."""
    model = onnx.load_from_string(
        tiny([helper.make_node("Add", ["x", "a"], ["y"])], (4,), {"a": np.ones(4, np.float32)})
    )
    model.graph.input.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [4]))
    model.ir_version = 3
    cleaned = onnx.load_from_string(cleanup.clean(model.SerializeToString()))
    assert [item.name for item in cleaned.graph.input] == ["x"]
    assert cleaned.ir_version >= 4


def slices(second_axis: int, start: int = 1) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Slice", ["x", "start", "end", "two", "step"], ["s"]),
        helper.make_node("Slice", ["s", "start", "end", "axis", "step"], ["y"]),
    ]


@pytest.mark.parametrize(("axis", "left"), [(3, 1), (2, 2)])
def test_slices_on_other_axes_are_one(axis: int, left: int) -> None:
    constants = {
        "start": np.array([1], np.int64),
        "end": np.array([7], np.int64),
        "two": np.array([2], np.int64),
        "axis": np.array([axis], np.int64),
        "step": np.array([2], np.int64),
    }
    model = tiny(slices(axis), (2, 8, 8), constants)
    cleaned = cleanup.clean(model)
    assert onnx_graphs.kinds(cleaned) == ["Slice"] * left
    assert alike(model, cleaned, (2, 8, 8))


PADS = {"channels": [0, 1, 0, 0, 0, 2, 0, 0], "rows": [0, 0, 1, 0, 0, 0, 1, 0], "batch": [0, 0, 0, 0, 1, 0, 0, 0]}


@pytest.mark.parametrize(("pads", "start", "value", "becomes"), [
    ("channels", 0, 0.0, ["Conv"]),
    ("channels", 1, 0.0, ["Slice", "Pad"]),
    ("channels", 0, 1.0, ["Slice", "Pad"]),
    ("rows", 0, 0.0, ["Slice", "Pad"]),
    ("batch", 0, 0.0, ["Slice", "Pad"]),
])  # fmt: skip
def test_only_a_zero_padded_shortcut_becomes_a_convolution(
    pads: str, start: int, value: float, becomes: list[str]
) -> None:
    constants = {
        "start": np.array([start, 0], np.int64),
        "end": np.array([2**31, 2**31], np.int64),
        "axes": np.array([2, 3], np.int64),
        "step": np.array([2, 3], np.int64),
        "pads": np.array(PADS[pads], np.int64),
        "value": np.array(value, np.float32),
    }
    cut = helper.make_node("Slice", ["x", "start", "end", "axes", "step"], ["s"])
    model = tiny([cut, helper.make_node("Pad", ["s", "pads", "value"], ["y"])], (2, 7, 8), constants)
    cleaned = cleanup.clean(model)
    assert onnx_graphs.kinds(cleaned) == becomes
    assert alike(model, cleaned, (2, 7, 8))


@pytest.mark.parametrize(("axes", "keepdims", "becomes"), [
    ([2, 3], 0, ["GlobalAveragePool", "Flatten"]),
    ([-1, -2], 1, ["GlobalAveragePool"]),
    ([1, 2], 0, ["ReduceMean"]),
    ([3], 1, ["ReduceMean"]),
])  # fmt: skip
def test_means_over_all_places_are_pooling(axes: list[int], keepdims: int, becomes: list[str]) -> None:
    mean = helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=keepdims)
    model = tiny([mean], (3, 4, 5), {"axes": np.array(axes, np.int64)})
    cleaned = cleanup.clean(model)
    assert onnx_graphs.kinds(cleaned) == becomes
    assert alike(model, cleaned, (3, 4, 5))


def test_axes_as_an_attribute_as_older_files_have_them() -> None:
    model = tiny([helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3])], (3, 4, 5), {}, opset=13)
    cleaned = cleanup.clean(model)
    assert onnx_graphs.kinds(cleaned) == ["GlobalAveragePool"]
    assert alike(model, cleaned, (3, 4, 5))


def test_a_quantized_graph_is_cleaned_bit_by_bit() -> None:
    """The shortcut and the mean in eight bits: other operators, the same integers."""
    model = onnx_graphs.padded_file()
    fused = static_quantization.fuse(model)
    ranges = static_quantization.collect_ranges(fused, static_quantization.quantizable(fused), [IMAGES], "minmax")
    before = static_quantization.quantize(fused, static_quantization.quantizable(fused), ranges, "u8s8")
    after = cleanup.clean(before)
    kinds = onnx_graphs.kinds(after)
    assert not {"Slice", "Pad", "ReduceMean"} & set(kinds)
    assert kinds.count("Conv") == onnx_graphs.kinds(before).count("Conv") + 1
    graph = onnx.load_from_string(after).graph
    assert {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4 and tensor.dims[0] > 1} == {
        TensorProto.INT8
    }
    answers = [sessions.predict(data, IMAGES) for data in (before, after)]
    assert answers[1] == pytest.approx(answers[0], abs=1e-5)
    assert len(onnx_graphs.kinds(cleanup.clean(after))) == len(kinds)
