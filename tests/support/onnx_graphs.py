"""A file as exporting makes it of a residual network with a zero-padded shortcut, and how far two files differ."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.onnx import sessions
from tasks.kernels.onnx_passes import cleanup, static_quantization

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@cache
def padded_file(seed: int = 0, pads: int = 1) -> bytes:
    """(batch, 8, 8, 3) uint8 pixels → (batch, 4) logits: 3 convolutions, a shortcut of two Slices and a Pad.

    `pads`: of the first convolution.
    """
    generator = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        spread = np.sqrt(2 / np.prod(shape[1:]))
        return generator.normal(0, spread, shape).astype(np.float32)

    constants = {
        "gain": (1 / (255 * STD)).astype(np.float32).reshape(1, 3, 1, 1),
        "shift": (-MEAN / STD).astype(np.float32).reshape(1, 3, 1, 1),
        "network/stem.weight": weights(8, 3, 3, 3),
        "network/stem.bias": weights(8),
        "network/block.inside.weight": weights(16, 8, 3, 3),
        "network/block.outside.weight": weights(16, 16, 3, 3),
        "network/head.weight": weights(4, 16) * 10,
        "network/head.bias": weights(4),
        "zero": np.array([0], np.int64),
        "end": np.array([2**63 - 1], np.int64),
        "two": np.array([2], np.int64),
        "rows": np.array([2], np.int64),
        "columns": np.array([3], np.int64),
        "around": np.array([0, 4, 0, 0, 0, 4, 0, 0], np.int64),
        "places": np.array([2, 3], np.int64),
        "nobody": np.zeros(3, np.float32),
    }

    def conv(data: str, name: str, output: str, pads: int = 1, **attributes: object) -> onnx.NodeProto:
        bias = [f"network/{name}.bias"] if f"network/{name}.bias" in constants else []
        inputs = [data, f"network/{name}.weight", *bias]
        return helper.make_node("Conv", inputs, [output], name=name, pads=[pads] * 4, **attributes)

    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["features"]),
        conv("features", "stem", "a", pads),
        helper.make_node("Relu", ["a"], ["b"]),
        conv("b", "block.inside", "c", strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["d"]),
        conv("d", "block.outside", "e"),
        helper.make_node("Slice", ["b", "zero", "end", "rows", "two"], ["f"]),
        helper.make_node("Slice", ["f", "zero", "end", "columns", "two"], ["g"]),
        helper.make_node("Pad", ["g", "around"], ["h"]),
        helper.make_node("Add", ["e", "h"], ["i"]),
        helper.make_node("Relu", ["i"], ["j"]),
        helper.make_node("Identity", ["j"], ["k"]),
        helper.make_node("ReduceMean", ["k", "places"], ["l"], keepdims=0),
        helper.make_node("Gemm", ["l", "network/head.weight", "network/head.bias"], ["logits"], name="head", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "padded",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 8, 8, 3])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"classes": '["a", "b", "c", "d"]'})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def kinds(model: bytes) -> list[str]:
    """Operators of a file, in their order."""
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def ready(model: bytes) -> bytes:
    """The file as the passes that lower precision take it: cleaned and fused."""
    return static_quantization.fuse(cleanup.clean(model))


def error(before: bytes, after: bytes, inputs: dict[str, np.ndarray]) -> float:
    """Root mean squared difference over the standard deviation."""
    was, now = (sessions.predict(data, inputs) for data in (before, after))
    return float(np.sqrt(np.mean((now - was) ** 2)) / was.std())
