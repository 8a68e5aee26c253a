"""Small ONNX files whose operators have graphs inside: If, Loop and Scan, also one inside another."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
WIDTH, CLASSES = 64, 4


def _branch(nodes: list[onnx.NodeProto], output: str, constants: dict[str, np.ndarray]) -> onnx.GraphProto:
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return helper.make_graph(nodes, output, [], [helper.make_tensor_value_info(output, FLOAT, None)], tensors)


def _weights(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(WIDTH, WIDTH)).astype(np.float32) / 8


def _if(flag: str, data: str, output: str, seeds: tuple[int, int]) -> onnx.NodeProto:
    """Two layers of one name and with weights of one name; the second one also reads `shared` from outside."""
    one = _branch([helper.make_node("MatMul", [data, "inner"], ["made"])], "made", {"inner": _weights(seeds[0])})
    two = _branch(
        [helper.make_node("MatMul", [data, "inner"], ["part"]), helper.make_node("Mul", ["part", "shared"], ["made2"])],
        "made2", {"inner": _weights(seeds[1])},
    )  # fmt: skip
    return helper.make_node("If", [flag], [output], then_branch=one, else_branch=two)


def _nested(flag: str, data: str, output: str) -> onnx.NodeProto:
    """A branch in a branch: the innermost graph reads a tensor from two graphs further out."""
    inside = _branch([_if(flag, data, "deep", (1, 2))], "deep", {})
    plain = _branch([helper.make_node("Identity", [data], ["same"])], "same", {})
    return helper.make_node("If", [flag], [output], name="outer", then_branch=inside, else_branch=plain)


def _loop(data: str, output: str) -> onnx.NodeProto:
    """Three rounds of a layer with a residual connection, which reads `data` from outside."""
    nodes = [
        helper.make_node("MatMul", ["state", "inner"], ["moved"]),
        helper.make_node("Tanh", ["moved"], ["bent"]),
        helper.make_node("Add", ["bent", data], ["next"]),
        helper.make_node("Identity", ["go"], ["still"]),
    ]
    ends = [
        helper.make_tensor_value_info("round", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("state", FLOAT, None),
        helper.make_tensor_value_info("still", TensorProto.BOOL, []),
        helper.make_tensor_value_info("next", FLOAT, None),
    ]
    weights = [numpy_helper.from_array(_weights(3), "inner")]
    body = helper.make_graph(nodes, "body", ends[:3], ends[3:], weights)
    return helper.make_node("Loop", ["rounds", "", data], [output], body=body)


def _scan(data: str, output: str) -> onnx.NodeProto:
    """A running sum over the features, scaled by `shared` from outside: state (batch,), one column at a time."""
    nodes = [
        helper.make_node("Mul", ["column", "shared"], ["scaled"]),
        helper.make_node("Add", ["sum", "scaled"], ["sum_out"]),
        helper.make_node("Identity", ["sum_out"], ["each"]),
    ]
    ends = [helper.make_tensor_value_info(name, FLOAT, None) for name in ("sum", "column", "sum_out", "each")]
    body = helper.make_graph(nodes, "scan", ends[:2], ends[2:])
    axes = {"scan_input_axes": [1], "scan_output_axes": [1]}
    return helper.make_node("Scan", ["zeros", data], ["total", output], body=body, num_scan_inputs=1, **axes)


@cache
def branching_file(kind: str) -> bytes:
    """x (n, WIDTH) → scores (n, CLASSES): two layers, then an If, Loop, Scan or nested If (`kind`), then two layers.

    All operators but the last have no names; those inside read `shared` and what the first layers make. The If takes
    its first branch where some x is above 1.
    """
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "second"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("ReduceMax", ["x"], ["peak"], keepdims=0),
        helper.make_node("Greater", ["peak", "one"], ["flag"]),
        helper.make_node("ReduceSum", ["d", "axis"], ["sums"], keepdims=0),
        helper.make_node("Mul", ["sums", "nothing"], ["zeros"]),
        {"if": _if("flag", "d", "e", (1, 2)), "nested": _nested("flag", "d", "e"), "loop": _loop("d", "e"),
         "scan": _scan("d", "e")}[kind],
        helper.make_node("MatMul", ["e", "third"], ["f"]),
        helper.make_node("Relu", ["f"], ["g"]),
        helper.make_node("Gemm", ["g", "last", "offset"], ["scores"], name="last"),
    ]  # fmt: skip
    generator = np.random.default_rng(0)
    constants = {
        "first": _weights(11), "second": _weights(12), "third": _weights(13),
        "last": generator.normal(size=(WIDTH, CLASSES)).astype(np.float32), "offset": np.zeros(CLASSES, np.float32),
        "shared": np.float32([0.5]), "one": np.float32(1), "axis": np.int64([1]),
        "nothing": np.float32(0), "rounds": np.int64(3),
    }  # fmt: skip
    ends = [
        helper.make_tensor_value_info("x", FLOAT, ["n", WIDTH]),
        helper.make_tensor_value_info("scores", FLOAT, ["n", CLASSES]),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def branching_rows(count: int, largest: float = 2.0) -> dict[str, np.ndarray]:
    """Examples for `branching_file`, each with values from `-largest` to `largest`, which occurs."""
    rows = np.random.default_rng(0).uniform(-largest, largest, size=(count, WIDTH)).astype(np.float32)
    rows[:, 0] = largest
    return {"x": rows}
