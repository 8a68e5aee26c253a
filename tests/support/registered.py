"""Small real products in a registry, as versions of one name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tasks import tracking
from tasks.tracking import registry
from tasks.tracking.registry import Version

NUMBERS = np.array([[1.0], [2.0]], np.float32)


def factor_model(path: Path, factor: float) -> Path:
    """A product that multiplies its numbers."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in ("x", "prediction")]
    constants = [helper.make_tensor("factor", TensorProto.FLOAT, [], [factor])]
    nodes = [helper.make_node("Mul", ["x", "factor"], ["prediction"])]
    graph = helper.make_graph(nodes, "product", tensors[:1], tensors[1:], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def register_versions(uri: str, name: str, count: int, **tags: str) -> list[Version]:
    """The versions 1 … count of a name; the candidate of each is `candidate NUMBER`."""
    run = tracking.open_run(uri, name, name, "key", {}, {})
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            path = factor_model(Path(folder) / f"{number}.onnx", float(number))
            marks = {"paredown.candidate": f"candidate {number}", "paredown.score": f"accuracy 0.9{number}", **tags}
            expected = {"prediction": number * NUMBERS}
            found.append(registry.register(uri, path, name, run, marks, {"x": NUMBERS}, expected))
    return found
