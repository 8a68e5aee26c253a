"""Preprocessing graph: the fitted preprocessing as an ONNX graph, so that a product takes the user's raw inputs.

Its inputs are called `input_0`, `input_1`, …; its output is `features`. `fitted` is the record of
`preprocessing.Fitted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

OPSET = 20
"""Version of the main operator set: the one that torch's exporter writes, so both parts of a product agree."""
ML_OPSET = 3
"""Version of the operator set ai.onnx.ml, which has the one-hot encoder for text."""
TYPES = {
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
}
"""ONNX types of pixels and features, by NumPy name."""


def image_prefix(
    shape: Sequence[int],
    dtype: str,
    fitted: Mapping[str, Any],
    wanted: str = "float32",
    axes: tuple[str, str] = ("NHWC", "NCHW"),
    batch: int | str = "batch",
) -> onnx.ModelProto:
    """A graph from raw pixels to the network's input.

    Args:
        shape: (height, width, channels) of one image.
        dtype: type of the raw pixels, a key of TYPES.
        fitted: the normalization.
        wanted: type of the output, a key of TYPES.
        axes: order of the axes of the pixels and of the output, as in `InputLayout.axes`: they are the same, or NHWC
            becomes NCHW.
        batch: a fixed batch size, or the name of a free axis.
    """
    taken, given = axes
    sizes = dict(zip("HWC", shape, strict=True))
    middle = [("Transpose", "", {"perm": [0, 3, 1, 2]})] if taken != given else []
    ones = [shape[2] if axis == "C" else 1 for axis in given]
    inputs, outputs = ([batch, *(sizes[axis] for axis in order[1:])] for order in axes)
    return _affine_prefix(dtype, wanted, fitted, ones, middle, inputs, outputs)


def array_prefix(
    shape: Sequence[int], dtype: str, fitted: Mapping[str, Any], wanted: str = "float32", batch: int | str = "batch"
) -> onnx.ModelProto:
    """A graph from a raw array (batch, *shape) to the network's input of the same shape.

    The other arguments are those of `image_prefix`.
    """
    return _affine_prefix(dtype, wanted, fitted, [shape[-1]], [], [batch, *shape], [batch, *shape])


def _affine_prefix(
    dtype: str,
    wanted: str,
    fitted: Mapping[str, Any],
    ones: Sequence[int],
    middle: Sequence[tuple[str, str, dict[str, Any]]],
    taken: Sequence[int | str],
    given: Sequence[int | str],
) -> onnx.ModelProto:
    """A graph that casts to float32, takes the steps `middle`, and gives value * gain + shift as `wanted`.

    `ones` is the shape of gain and shift; `taken` and `given` are those of the input and the output.
    """
    raw = bool(fitted.get("raw"))
    chain = [("Cast", "", {"to": TensorProto.FLOAT}), *middle]
    chain += [] if raw else [("Mul", "gain", {}), ("Add", "shift", {})]
    if wanted != "float32":
        chain.append(("Cast", "", {"to": TYPES[wanted]}))
    keys = () if raw else ("gain", "shift")
    constants = [helper.make_tensor(key, TensorProto.FLOAT, ones, fitted[key]) for key in keys]
    inputs = [helper.make_tensor_value_info("input_0", TYPES[dtype], taken)]
    outputs = [helper.make_tensor_value_info("features", TYPES[wanted], given)]
    return _model(_chain("input_0", chain), inputs, outputs, constants)


def table_prefix(fitted: Mapping[str, Any], wanted: str = "float32", batch: int | str = "batch") -> onnx.ModelProto:
    """A graph from one (batch, 1) input for each raw column to (batch, features): imputed, scaled, one-hot encoded.

    Where `fitted` has a `matrix`, all columns are one input (batch, columns).

    `wanted` and `batch` are as in `image_prefix`.
    """
    nodes, inputs, constants, blocks = [], [], [], []
    numbers, categories = fitted["numbers"], fitted["categories"]
    if numbers:
        names, width = [f"input_{index}" for index in range(len(numbers))], 1
        if "matrix" in fitted:
            names, width = names[:1], len(numbers)
        inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width]) for name in names]
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
        inputs.append(helper.make_tensor_value_info(name, TensorProto.STRING, [batch, 1]))
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
    joined = "features" if wanted == "float32" else "joined"
    nodes.append(helper.make_node("Concat", blocks, [joined], axis=1))
    if wanted != "float32":
        nodes.append(helper.make_node("Cast", [joined], ["features"], to=TYPES[wanted]))
    width = len(numbers) + sum(len(category["values"]) for category in categories)
    outputs = [helper.make_tensor_value_info("features", TYPES[wanted], [batch, width])]
    return _model(nodes, inputs, outputs, constants)


def _chain(start: str, steps: Sequence[tuple[str, str, dict[str, Any]]]) -> list[Any]:
    """Nodes in sequence from the tensor `start` to `features`; a step is (operator, second input, attributes)."""
    nodes, name = [], start
    for index, (operator, constant, attributes) in enumerate(steps):
        after = "features" if index == len(steps) - 1 else f"step_{index}"
        nodes.append(helper.make_node(operator, [name, constant] if constant else [name], [after], **attributes))
        name = after
    return nodes


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "preprocessing", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets)
