"""Sparse storage: smaller, read by the plain runtime, and the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import product_files

from tasks.kernels.onnx import description, sessions, sparse_storage
from tasks.kernels.onnx_passes import static_quantization


def product(share: float, kind: type = np.float32, opset: int = 20, inputs: bool = False) -> bytes:
    """(batch, 64) → (batch, 48): one matrix product, whose weights are zero but for a share, and a bias."""
    generator = np.random.default_rng(0)
    weight = (generator.normal(0, 20, (64, 48)) * (generator.random((64, 48)) < share)).astype(kind)
    scales = np.linspace(0.01, 0.02, 48).astype(np.float32)
    constants = {"weight": weight, "bias": np.ones(48, np.float32), "scales": scales, "zeros": np.zeros(48, kind)}
    dense = "weight" if kind is np.float32 else "dense"
    nodes = [helper.make_node("DequantizeLinear", ["weight", "scales", "zeros"], ["dense"], axis=1)]
    nodes = [*(nodes if dense == "dense" else []), helper.make_node("Gemm", ["x", dense, "bias"], ["y"])]
    shown = [name for name in constants if dense == "dense" or name in ("weight", "bias")]
    taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])]
    if inputs:
        taken += [helper.make_tensor_value_info(name, TensorProto.FLOAT, constants[name].shape) for name in shown]
    graph = helper.make_graph(
        nodes,
        "product",
        taken,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 48])],
        [numpy_helper.from_array(constants[name], name) for name in shown],
    )
    version = 3 if inputs else 10
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=version)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def answers(model: bytes) -> list[bytes]:
    """Of the plain runtime, with and without its optimizations."""
    inputs = {"x": np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)}
    return [sessions.predict(model, inputs, optimized=optimized).tobytes() for optimized in (True, False)]


@pytest.mark.parametrize("kind", [np.float32, np.int8])
@pytest.mark.parametrize("opset", [13, 20])
def test_packed_files_are_smaller_and_the_same(kind: type, opset: int) -> None:
    model = product(0.2, kind, opset)
    saved = sparse_storage.savings(model)
    assert "weight" in saved
    packed = sparse_storage.pack_weights(model, saved)
    onnx.checker.check_model(onnx.load_from_string(packed), full_check=True)
    function = onnx.load_from_string(packed).functions[0].ByteSize()
    assert len(model) - len(packed) == pytest.approx(sum(saved.values()) - function, abs=100)
    assert answers(packed) == answers(model)
    assert sparse_storage.same_constants(model, packed)
    before, after = description.describe(model), description.describe(packed)
    assert (after.parameters, after.nonzeros, after.macs) == (before.parameters, before.nonzeros, before.macs)


def test_bytes_by_hand() -> None:
    """3072 entries as bits are 384 bytes; beside them stand the fill and every other entry in four bytes."""
    model = product(0.2)
    weight = numpy_helper.to_array(onnx.load_from_string(model).graph.initializer[0])
    packed = onnx.load_from_string(sparse_storage.pack_weights(model, ["weight"]))
    sizes = {tensor.name: len(tensor.raw_data) for tensor in packed.graph.initializer}
    assert sizes == {"bias": 192, "weight.bits": 384, "weight.values": 4 * (1 + np.count_nonzero(weight))}


def test_the_runtime_unfolds_once_while_opening(tmp_path: Path) -> None:
    """What it runs afterwards is the very graph that it runs for the dense file."""
    operators = []
    for name, model in (("dense", product(0.2)), ("packed", sparse_storage.pack_weights(product(0.2), ["weight"]))):
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / name)
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        operators.append([node.op_type for node in onnx.load(tmp_path / name).graph.node])
    assert operators[0] == operators[1]
    assert len(operators[0]) == 1


def test_dense_constants_do_not_pay() -> None:
    """Zero points, all the same, are the only constants of a dense network that shrink."""
    assert sparse_storage.savings(product(1.0)).keys() <= {"bias"}
    assert "weight" not in sparse_storage.savings(product(0.99, np.int8))


def test_constants_among_the_inputs() -> None:
    """As in files of an old format: a caller could replace them, so the runtime would not unfold them before."""
    model = product(0.2, inputs=True)
    packed = sparse_storage.pack_weights(model, ["weight"])
    assert [item.name for item in onnx.load_from_string(packed).graph.input] == ["x", "bias"]
    assert answers(packed) == answers(model)


def test_packed_files_can_be_packed_on_and_quantized() -> None:
    model = product(0.2)
    packed = sparse_storage.pack_weights(model, ["weight"])
    assert "weight" not in sparse_storage.savings(packed)
    assert not any(name.startswith("weight.") for name in sparse_storage.savings(packed))
    fused = static_quantization.fuse(packed)
    assert not onnx.load_from_string(fused).functions
    assert len(static_quantization.quantizable(fused)) == 1


def test_what_cannot_be_packed() -> None:
    with pytest.raises(KeyError, match="height"):
        sparse_storage.pack_weights(product(0.2), ["height"])
    with pytest.raises(ValueError, match="operator set 12 is older than 13"):
        sparse_storage.pack_weights(product(0.2, opset=12), ["weight"])


def test_a_changed_constant_is_seen() -> None:
    assert not sparse_storage.same_constants(product(0.2), product(0.3))
    assert sparse_storage.largest(product_files.table_file(), 1) == ["middle"]
