"""Tree ensembles: what is read from ONNX nodes is written back, and answers the same."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support import onnx_files, tree_models

from tasks.kernels.estimators import tree_evaluation, tree_files
from tasks.kernels.estimators.tree_ensembles import TreeEnsemble, read_ensemble, write_ensemble
from tasks.kernels.estimators.tree_simplification import simplify
from tasks.kernels.onnx import sessions

CHAIN = {
    "nodes_treeids": [0] * 5,
    "nodes_nodeids": [3, 7, 4, 9, 8],
    "nodes_modes": ["BRANCH_EQ", "LEAF", "BRANCH_EQ", "LEAF", "LEAF"],
    "nodes_featureids": [0] * 5,
    "nodes_values": [1.0, 0.0, 2.0, 0.0, 0.0],
    "nodes_truenodeids": [9, 0, 9, 0, 0],
    "nodes_falsenodeids": [4, 0, 7, 0, 0],
    "target_treeids": [0, 0],
    "target_nodeids": [9, 7],
    "target_ids": [0, 0],
    "target_weights": [5.0, -1.0],
    "n_targets": 1,
}
"""A test for the set {1, 2}: both splits lead to leaf 9; leaf 8 is never reached."""


def chain() -> onnx.NodeProto:
    return helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], "set", domain="ai.onnx.ml", **CHAIN)


def file_of(node: onnx.NodeProto) -> bytes:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in "xy")
    graph = helper.make_graph([node], "g", [x], [y])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.mark.parametrize("kind", tree_models.KINDS)
def test_what_is_written_back_answers_the_same_to_the_bit(kind: str) -> None:
    model = tree_models.tree_file(kind)
    written = tree_files.with_ensemble(model, tree_files.ensemble_of(model))
    inputs = {"x": tree_models.rows(500)}
    before, after = (sessions.run_all(data, inputs) for data in (model, written))
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert tree_files.with_ensemble(written, tree_files.ensemble_of(written)) == written
    assert len(written) < len(model), "hit rates are not written"


@pytest.mark.parametrize("kind", tree_models.KINDS)
def test_numpy_answers_as_the_runtime_does(kind: str) -> None:
    model, inputs = tree_models.tree_file(kind), {"x": tree_models.rows(500)}
    ensemble = tree_files.ensemble_of(model)
    leaves = tree_evaluation.leaves_reached(ensemble, tree_files.rows_read(model, inputs))
    assert leaves.shape == (500, ensemble.trees)
    assert ensemble.leaf[leaves].all()
    given = tree_files.scores_given(model, inputs)
    np.testing.assert_allclose(tree_evaluation.answers(ensemble, leaves), given, rtol=1e-5, atol=1e-6)


def test_two_splits_may_share_a_leaf() -> None:
    found = read_ensemble(chain())
    assert isinstance(found, TreeEnsemble)
    assert (found.trees, found.nodes, found.outputs) == (1, 4, 1), "the leaf that is never reached is gone"
    x = np.array([[1.0], [2.0], [3.0], [np.nan]], np.float32)
    leaves = tree_evaluation.leaves_reached(found, x)
    assert tree_evaluation.answers(found, leaves)[:, 0].tolist() == [5.0, 5.0, -1.0, -1.0]
    assert simplify(found).nodes == 4
    runtime = sessions.run_all(file_of(write_ensemble(chain(), found)), {"x": x})
    assert runtime["y"][:, 0].tolist() == [5.0, 5.0, -1.0, -1.0]
    again = read_ensemble(write_ensemble(chain(), found))
    assert again.nodes == 4
    assert np.array_equal(again.yes, found.yes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"aggregate_function": "MAX"}, "takes the MAX of the leaves"),
        ({"post_transform": "PROBIT"}, "ends in PROBIT"),
    ],
)
def test_what_is_not_read_is_said(change: dict[str, object], words: str) -> None:
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", **(CHAIN | change))
    with pytest.raises(ValueError, match=words):
        read_ensemble(node)
    with pytest.raises(ValueError, match="TreeEnsemble is not read"):
        read_ensemble(helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml"))
    with pytest.raises(ValueError, match="has no trees"):
        read_ensemble(helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml"))


def test_a_network_has_no_ensemble() -> None:
    with pytest.raises(ValueError, match="the file has no tree ensemble"):
        tree_files.ensemble_of(onnx_files.network().SerializeToString())
