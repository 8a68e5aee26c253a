"""Nodes that change nothing are dropped from a converted graph, whose answers stay the same to the bit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from support import mixed_tables

from tasks.kernels.estimators.conversion import convert_estimator
from tasks.kernels.estimators.idle_nodes import drop_idle_nodes
from tasks.kernels.onnx import sessions


def graph_of(*nodes: onnx.NodeProto, width: int = 1) -> onnx.ModelProto:
    """A graph with two float columns and the constant shape `column`."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width]) for name in "ab"]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])
    shape = numpy_helper.from_array(np.array([-1, 1]), "column")
    graph = helper.make_graph(nodes, "g", inputs, [output], [shape])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def answers(proto: onnx.ModelProto, width: int = 1) -> np.ndarray:
    rows = np.arange(6 * width, dtype=np.float32).reshape(6, width)
    return sessions.predict(proto.SerializeToString(), {"a": rows, "b": -rows})


def test_a_column_is_not_shaped_again_and_concats_are_one() -> None:
    nodes = [
        helper.make_node("Reshape", ["a", "column"], ["c"]),
        helper.make_node("Concat", ["c", "b"], ["d"], axis=1),
        helper.make_node("Concat", ["d", "a"], ["y"], axis=1),
    ]
    before = answers(graph_of(*nodes))
    found = drop_idle_nodes(graph_of(*nodes))
    assert [(node.op_type, list(node.input)) for node in found.graph.node] == [("Concat", ["a", "b", "a"])]
    assert not found.graph.initializer
    np.testing.assert_array_equal(answers(found), before)


def test_what_changes_something_stays() -> None:
    wide = [
        helper.make_node("Reshape", ["a", "column"], ["c"]),
        helper.make_node("Concat", ["c", "c"], ["y"], axis=1),
    ]
    found = drop_idle_nodes(graph_of(*wide, width=2))
    assert Counter(node.op_type for node in found.graph.node) == {"Reshape": 1, "Concat": 1}
    read_twice = [
        helper.make_node("Concat", ["a", "b"], ["d"], axis=1),
        helper.make_node("Concat", ["d", "a"], ["e"], axis=1),
        helper.make_node("Concat", ["e", "d"], ["y"], axis=1),
    ]
    before = answers(graph_of(*read_twice))
    found = drop_idle_nodes(graph_of(*read_twice))
    assert [list(node.input) for node in found.graph.node] == [["a", "b"], ["d", "a", "d"]]
    np.testing.assert_array_equal(answers(found), before)
    last = graph_of(helper.make_node("Reshape", ["a", "column"], ["y"]))
    assert len(drop_idle_nodes(last).graph.node) == 1, "the output keeps its name"


def test_a_converted_pipeline_has_none() -> None:
    table = mixed_tables.mixed_table(100)
    table["a-b"] = table["a-b"].fillna(0)
    transformer = mixed_tables.plain_transformer("ordinal", scaled=False, imputed=False).fit(table)
    proto = convert_estimator(transformer, mixed_tables.raw_inputs(table))
    counts = Counter(node.op_type for node in proto.graph.node)
    assert counts["Concat"] <= 2
    assert counts["Reshape"] == 0
