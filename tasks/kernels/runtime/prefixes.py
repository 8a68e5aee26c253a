"""Prefixes: the fitted preprocessing as an ONNX graph, so that a product takes what the user has.

Inputs are called `input_0`, `input_1`, …; the output is `features`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

OPSET = 20
"""Of the main domain; torch's exporter writes it, so both halves of a product's graph agree."""
ML_OPSET = 3
"""Of the domain ai.onnx.ml, which has the one-hot encoder for text."""


def image_prefix(shape: Sequence[int], dtype: str, fitted: Mapping[str, Any]) -> onnx.ModelProto:
    """(batch, height, width, channels) raw pixels → (batch, channels, height, width) float32, normalized."""
    height, width, channels = shape
    pixel = TensorProto.UINT8 if dtype == "uint8" else TensorProto.FLOAT
    constants = [
        helper.make_tensor(name, TensorProto.FLOAT, (1, channels, 1, 1), fitted[name]) for name in ("gain", "shift")
    ]
    nodes = [
        helper.make_node("Cast", ["input_0"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["planes", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["features"]),
    ]
    inputs = [helper.make_tensor_value_info("input_0", pixel, ["batch", height, width, channels])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", channels, height, width])]
    return _model(nodes, inputs, outputs, constants)


def table_prefix(fitted: Mapping[str, Any]) -> onnx.ModelProto:
    """One (batch, 1) input for each raw column → (batch, features) float32, imputed, scaled and one-hot."""
    nodes, inputs, constants, blocks = [], [], [], []
    numbers, categories = fitted["numbers"], fitted["categories"]
    if numbers:
        names = [f"input_{index}" for index in range(len(numbers))]
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in names]
        constants += [
            helper.make_tensor(key, TensorProto.FLOAT, (1, len(numbers)), [n[key] for n in numbers])
            for key in ("fill", "gain", "shift")
        ]
        nodes += [
            helper.make_node("Concat", names, ["raw"], axis=1),
            helper.make_node("IsNaN", ["raw"], ["missing"]),
            helper.make_node("Where", ["missing", "fill", "raw"], ["filled"]),
            helper.make_node("Mul", ["filled", "gain"], ["scaled"]),
            helper.make_node("Add", ["scaled", "shift"], ["numbers"]),
        ]
        blocks.append("numbers")
    shape = helper.make_tensor("flat", TensorProto.INT64, (2,), [0, -1])
    constants += [shape] if categories else []
    for index, category in enumerate(categories, start=len(numbers)):
        name, hot, block = f"input_{index}", f"hot_{index}", f"category_{index}"
        inputs.append(helper.make_tensor_value_info(name, TensorProto.STRING, ["batch", 1]))
        nodes += [
            helper.make_node(
                "OneHotEncoder",
                [name],
                [hot],
                domain="ai.onnx.ml",
                zeros=1,
                cats_strings=category["values"],
            ),
            helper.make_node("Reshape", [hot, "flat"], [block]),
        ]
        blocks.append(block)
    nodes.append(helper.make_node("Concat", blocks, ["features"], axis=1))
    width = len(numbers) + sum(len(category["values"]) for category in categories)
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", width])]
    return _model(nodes, inputs, outputs, constants)


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "preprocessing", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets)
