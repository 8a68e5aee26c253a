"""Files that something was done to before: laid out for a host, fused, quantized, or with their layers in branches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from support import branching_files, onnx_files

from tasks.core import Refusal
from tasks.kernels.onnx import foreign_models, sessions
from tasks.kernels.onnx_passes import static_quantization
from tasks.techniques import Batches, Fp16, Int8, Technique, WeightOnly
from tasks.techniques.quantization import admission, variant_comparison

LEVELS = onnxruntime.GraphOptimizationLevel


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant_comparison, "SECONDS", 0.01)


def optimized(folder: Path, level: onnxruntime.GraphOptimizationLevel) -> bytes:
    """The network as ONNX Runtime writes it after its optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.optimized_model_filepath = level, str(folder / "optimized.onnx")
    options.log_severity_level = 3
    model = onnx_files.network().SerializeToString()
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return foreign_models.normalize_graph((folder / "optimized.onnx").read_bytes())


def pictures(count: int = 64) -> Batches:
    values = np.random.default_rng(0).normal(size=(count, 3, 8, 8)).astype(np.float32)
    return [({"pixels": values}, np.zeros(count))]


def rows() -> Batches:
    return [(branching_files.branching_rows(64), np.zeros(64))]


@pytest.mark.parametrize("technique", [Int8(), Fp16()], ids=lambda each: str(each.step))
def test_a_file_laid_out_for_one_host_is_refused(technique: Technique, tmp_path: Path) -> None:
    law = r"\w+: \w+ was already laid out by ONNX Runtime for one host; give the file from before that optimization"
    with pytest.raises(Refusal, match=law):
        technique.plan(optimized(tmp_path, LEVELS.ORT_ENABLE_ALL), pictures())


def test_operators_that_the_runtime_fused_stay_float(tmp_path: Path) -> None:
    model = optimized(tmp_path, LEVELS.ORT_ENABLE_EXTENDED)
    fused = [node.name for node in onnx.load_from_string(model).graph.node if node.op_type == "FusedConv"]
    assert len(fused) == 2
    assert admission.in_float(model) == dict.fromkeys(fused, "already fused by ONNX Runtime")
    with pytest.raises(Refusal, match=r"int8: gemm: too small|int8: weight: too small"):
        Int8(variants=("u8s8",), calibration="minmax").plan(model, pictures())
    law = rf"no matrix product with constant float weights is left to lower: {fused[0]}: already fused .* from before"
    with pytest.raises(Refusal, match=law):
        raise admission.no_products("weight_only", model, "matrix product")


def test_layers_inside_stay_float_and_are_said() -> None:
    model = foreign_models.normalize_graph(branching_files.branching_file("if"))
    for technique in (Int8(variants=("u8s8_reduced",), calibration="minmax"), Fp16(), WeightOnly()):
        plan = technique.plan(model, rows())
        assert set(plan["stays_float"].values()) == {"inside If, Loop or Scan"}
        assert technique.summary(plan).endswith(", 2 operators stay in float: inside If, Loop or Scan")
        before, after = (
            sessions.predict(each, branching_files.branching_rows(64)) for each in (model, technique.apply(model, plan))
        )
        assert np.mean(before.argmax(1) == after.argmax(1)) > 0.9


def test_a_file_with_all_layers_inside_has_nothing_to_lower() -> None:
    proto = onnx.load_from_string(foreign_models.normalize_graph(branching_files.branching_file("if")))
    for node in [node for node in proto.graph.node if node.op_type in ("MatMul", "Gemm")]:
        node.CopyFrom(helper.make_node("Identity", [node.input[0]], [node.output[0]], node.name))
    proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = branching_files.WIDTH
    with pytest.raises(Refusal, match=r"is left to lower: MatMul_0_: inside If, Loop or Scan; MatMul_0__: inside If"):
        Int8().plan(proto.SerializeToString(), rows())


def test_operators_of_others_are_not_taken_for_onnx_own() -> None:
    """A MatMul of another domain, which is a function of the file: it is no layer, and stays as it is."""
    proto = onnx.load_from_string(foreign_models.normalize_graph(branching_files.branching_file("scan")))
    body = [helper.make_node("MatMul", ["a", "b"], ["c"]), helper.make_node("Neg", ["c"], ["d"])]
    own = [helper.make_opsetid("", 17)]
    proto.functions.append(helper.make_function("my.domain", "MatMul", ["a", "b"], ["d"], body, own))
    proto.opset_import.append(helper.make_opsetid("my.domain", 1))
    proto.ir_version = 8
    third = next(node for node in proto.graph.node if "third" in node.input)
    third.domain, third.name = "my.domain", "theirs"
    model = proto.SerializeToString()
    assert static_quantization.quantizable(model) == ["MatMul_0", "MatMul_2", "last"]
