"""Foreign models at the level of bytes: external data in every corner, old operator sets, precision, joining."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import onnx_files

from tasks.core import Column, Dataset
from tasks.data.tables.table_preprocessing import fit_columns
from tasks.kernels.onnx import (
    compose,
    description,
    external_data,
    foreign_models,
    graph_reading,
    preprocessing_graph,
    sessions,
    subgraphs,
)


def outside(array: np.ndarray, folder: Path, offset: int = 0, name: str = "data.bin") -> onnx.TensorProto:
    """A tensor whose data lie in a file at an offset."""
    tensor = numpy_helper.from_array(array, "far")
    data = tensor.raw_data
    (folder / name).write_bytes(b"\xff" * offset + data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": name, "offset": offset, "length": len(data)}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def branching(tensor: onnx.TensorProto) -> onnx.ModelProto:
    """A graph whose constant lies in an attribute of an inner graph."""

    def inner(value: onnx.TensorProto) -> onnx.GraphProto:
        node = helper.make_node("Constant", [], ["found"], value=value)
        return helper.make_graph([node], "inner", [], [helper.make_tensor_value_info("found", TensorProto.FLOAT, [3])])

    near = numpy_helper.from_array(np.zeros(3, np.float32), "near")
    node = helper.make_node("If", ["which"], ["y"], then_branch=inner(tensor), else_branch=inner(near))
    inputs = [helper.make_tensor_value_info("which", TensorProto.BOOL, [])]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    return onnx_files.model(helper.make_graph([node], "net", inputs, [output]), 17, 8)


def test_external_data_of_inner_graphs_are_brought_in_from_their_offset(tmp_path: Path) -> None:
    values = np.array([1, 2, 3], np.float32)
    made = branching(outside(values, tmp_path, offset=64))
    file = onnx_files.write(made, tmp_path / "model.onnx")
    data = foreign_models.read_foreign(file)
    (tmp_path / "data.bin").unlink()
    (found,) = sessions.open_session(data).run(None, {"which": np.array(True)})
    np.testing.assert_array_equal(found, values)
    assert not any(tensor.external_data for tensor in external_data.constants_of(onnx.load_from_string(data)))


def test_a_file_without_external_data_keeps_its_bytes(tmp_path: Path) -> None:
    file = onnx_files.write(onnx_files.network(), tmp_path / "model.onnx")
    assert foreign_models.read_foreign(file) == file.read_bytes()


def test_more_than_one_file_can_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = onnx_files.write(branching(outside(np.ones(3, np.float32), tmp_path)), tmp_path / "model.onnx")
    monkeypatch.setattr(external_data, "LARGEST", file.stat().st_size + 11)  # a byte less than is needed
    with pytest.raises(foreign_models.Unusable, match="must fit into one file of 2 GB"):
        foreign_models.read_foreign(file)
    monkeypatch.setattr(external_data, "LARGEST", file.stat().st_size + 12)
    foreign_models.read_foreign(file)


@pytest.mark.parametrize("number", ["-4", "seven", "9999999999999999999999"])
def test_offsets_that_lead_nowhere(number: str, tmp_path: Path) -> None:
    tensor = outside(np.ones(3, np.float32), tmp_path)
    tensor.external_data[1].value = number
    file = onnx_files.write(branching(tensor), tmp_path / "model.onnx")
    with pytest.raises(foreign_models.Unusable, match=r"external data whole|no numbers"):
        foreign_models.read_foreign(file)


def test_old_operators_become_their_heirs() -> None:
    made = onnx_files.one_node("Upsample", opset=9)
    made.graph.node[0].input.append("scales")
    made.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    old = made.SerializeToString()
    raised = foreign_models.normalize_graph(old)
    assert "Resize" in {node.op_type for node in onnx.load_from_string(raised).graph.node}
    pixels = {"x": np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)}
    np.testing.assert_array_equal(sessions.predict(raised, pixels), sessions.predict(old, pixels))


def test_an_operator_without_an_heir_is_said() -> None:
    with pytest.raises(
        foreign_models.Unusable, match=r"cannot be raised to it \(Unsupported conversion to opset 9\)"
    ) as said:
        foreign_models.normalize_graph(onnx_files.one_node("Scan", opset=8).SerializeToString())
    assert said.value.value == 8


def test_what_computes_in_fewer_bits_is_known() -> None:
    assert not foreign_models.is_rounded(onnx_files.network().SerializeToString())
    half = onnx_files.network()
    half.graph.initializer.append(numpy_helper.from_array(np.ones(2, np.float16), "half"))
    assert foreign_models.is_rounded(half.SerializeToString())
    eight = onnx_files.network()
    eight.graph.node.append(helper.make_node("DequantizeLinear", ["a", "b"], ["c"]))
    assert foreign_models.is_rounded(eight.SerializeToString())


def test_an_unknown_operator_in_a_branch_is_named(tmp_path: Path) -> None:
    made = branching(numpy_helper.from_array(np.ones(3, np.float32), "near"))
    made.graph.node[0].attribute[0].g.node[0].CopyFrom(helper.make_node("Konstant", [], ["found"]))
    with pytest.raises(foreign_models.Unusable, match="must hold only operators that ONNX Runtime") as said:
        foreign_models.read_foreign(onnx_files.write(made, tmp_path / "model.onnx"))
    assert (said.value.value, said.value.nearest) == ("Konstant", "Constant")


def test_operators_of_branches_are_raised_and_named_too() -> None:
    """Up to operator set 12 the axes of a Squeeze were an attribute."""
    made = branching(numpy_helper.from_array(np.ones((1, 3), np.float32), "near"))
    inside = made.graph.node[0].attribute[0].g
    inside.node[0].output[0] = "flat"
    inside.node.append(helper.make_node("Squeeze", ["flat"], ["found"], axes=[0]))
    inside.node[0].attribute[0].t.CopyFrom(numpy_helper.from_array(np.array([[1, 2, 3]], np.float32), "far"))
    made.opset_import[0].version = 11
    raised = foreign_models.normalize_graph(made.SerializeToString())
    nodes = list(subgraphs.nodes_of(onnx.load_from_string(raised)))
    assert len({node.name for node in nodes} - {""}) == len(nodes) == 5
    taken = made.graph.node[0].attribute[0].name == "then_branch"
    (found,) = sessions.open_session(raised).run(None, {"which": np.array(taken)})
    np.testing.assert_array_equal(found, [1, 2, 3])


def test_operators_of_another_domain_are_not_onnx_own() -> None:
    """A file's own function may be called Conv, or QLinearConv, and do anything."""
    for name in ("Conv", "QLinearConv"):
        node = onnx_files.one_node(name, domain="my.domain").graph.node[0]
        assert graph_reading.operator_of(node) == f"my.domain.{name}"
        assert not graph_reading.is_rounding(node)
    assert graph_reading.operator_of(onnx_files.one_node("Conv", domain="ai.onnx").graph.node[0]) == "Conv"
    nodes = [onnx_files.one_node(*each).graph.node[0] for each in (
        ("Conv", "com.microsoft.nchwc"), ("FusedConv", "com.microsoft"), ("MatMulNBits", "com.microsoft"))]  # fmt: skip
    for node in nodes:
        node.name = node.op_type
    assert (graph_reading.laid_out(nodes), graph_reading.fused(nodes)) == (["Conv"], ["FusedConv"])
    assert [graph_reading.is_rounding(node) for node in nodes] == [False, False, True]


def test_a_joined_graph_has_the_unit_of_its_answer_and_names_of_its_own() -> None:
    core = onnx_files.table({"x": onnx_files.FLOAT, "y": onnx_files.FLOAT}, classes=1, given="rows")
    answer = compose.Answer("scores", "scores", 1, unit=(10.0, 3.0))
    columns = tuple(Column(name, "number") for name in ("scores", "weight"))
    frame = pd.DataFrame({"scores": [1.0, 2.0], "weight": [2.0, 0.0]})
    dataset = Dataset("", "table", "regression", (2,), "columns", columns, (), {}, (), "")
    prefix = preprocessing_graph.table_prefix(fit_columns(dataset, (), True, frame, np.zeros(2)))
    data = compose.join(prefix, core, "rows", ["scores", "weight"], answer, {"task": "regression"})
    rows = np.array([[1.0, 2.0], [0.5, -1.0]], np.float32)
    alone = sessions.predict(core.SerializeToString(), {"rows": rows})
    found = sessions.predict(data, {"scores": rows[:, :1], "weight": rows[:, 1:]})
    np.testing.assert_allclose(found, alone * 10 + 3, rtol=1e-6)
    assert [tensor.name for tensor in description.describe(data).outputs] == ["scores_"]
    assert description.metadata(data) == {"task": "regression"}
