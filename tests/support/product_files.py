"""Small product files as exporting makes them: raw pixels or raw columns in, logits or a prediction out."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn


class _Pixels(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.linear = nn.Linear(8, 4)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, 8, 8, 3) raw pixels → (batch, 4) logits, with one residual addition on the way."""
        pixels = image.float().permute(0, 3, 1, 2) * (1 / 64) - 2
        hidden = torch.relu(self.bn1(self.conv1(pixels)))
        return self.linear(torch.relu(self.conv2(hidden) + hidden).mean((2, 3)))


@cache
def image_file() -> bytes:
    """A convolutional network on 8x8 pictures, exported by torch: 3 operators to quantize, random weights."""
    torch.manual_seed(0)
    program = torch.onnx.export(
        _Pixels().eval(),
        (torch.zeros(2, 8, 8, 3, dtype=torch.uint8),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        input_names=["image"],
        output_names=["logits"],
        external_data=False,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto  # a new one each time it is asked for
    for node in model.graph.node:
        del node.metadata_props[:]
    helper.set_model_props(model, {"classes": '["a", "b", "c", "d"]'})
    return bytes(model.SerializeToString())


def images(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Pictures that differ in brightness, so that their answers differ."""
    generator = np.random.default_rng(seed)
    light = generator.uniform(0.1, 1.0, size=(count, 1, 1, 3))
    return {"image": (light * generator.integers(0, 256, size=(count, 8, 8, 3))).astype(np.uint8)}


@cache
def table_file(hidden: int = 16) -> bytes:
    """One numeric and one text column → one number in a large unit, as exporting writes regression."""
    generator = np.random.default_rng(0)
    constants = {
        "flat": np.array([0, -1], dtype=np.int64),
        "first": generator.normal(size=(3, hidden)).astype(np.float32),
        "first_bias": generator.normal(size=hidden).astype(np.float32),
        "middle": generator.normal(size=(hidden, hidden)).astype(np.float32),
        "middle_bias": generator.normal(size=hidden).astype(np.float32),
        "last": generator.normal(size=(hidden, 1)).astype(np.float32),
        "last_bias": np.zeros(1, dtype=np.float32),
        "unit": np.full((1, 1), 1000, dtype=np.float32),
    }
    nodes = [
        helper.make_node(
            "OneHotEncoder", ["town"], ["hot"], domain="ai.onnx.ml", zeros=1, cats_strings=["Bonn", "Rome"]
        ),
        helper.make_node("Reshape", ["hot", "flat"], ["towns"]),
        helper.make_node("Concat", ["rooms", "towns"], ["features"], axis=1),
        helper.make_node("Gemm", ["features", "first", "first_bias"], ["a"], name="first_layer"),
        helper.make_node("Relu", ["a"], ["b"], name="first_relu"),
        helper.make_node("Gemm", ["b", "middle", "middle_bias"], ["c"], name="middle_layer"),
        helper.make_node("Relu", ["c"], ["d"], name="middle_relu"),
        helper.make_node("Gemm", ["d", "last", "last_bias"], ["e"], name="last_layer"),
        helper.make_node("Mul", ["e", "unit"], ["prediction"]),
    ]
    graph = helper.make_graph(
        nodes,
        "table",
        [
            helper.make_tensor_value_info("rooms", TensorProto.FLOAT, ["batch", 1]),
            helper.make_tensor_value_info("town", TensorProto.STRING, ["batch", 1]),
        ],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def rows(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns for `table_file`."""
    generator = np.random.default_rng(seed)
    towns = np.array(["Bonn", "Rome"], dtype=object)[generator.integers(0, 2, size=(count, 1))]
    return {"rooms": generator.normal(size=(count, 1)).astype(np.float32), "town": towns}
