"""Preprocessing graph: the fitted preprocessing as an ONNX graph, so that a product takes the user's raw inputs.

Its inputs are called `input_0`, `input_1`, …; its output is `features`. `fitted` is the record of
`preprocessing.Fitted`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper

from tasks.kernels.onnx.compose import rename_tensors
from tasks.kernels.onnx.raw_inputs import DateInput, centers_of_inputs, centre_inputs, take_dates

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
    """The fitted graph of a table from the raw columns to (batch, features).

    Its inputs are one (batch, 1) for each raw column, or one (batch, columns) where `fitted` has a `matrix`. A number
    column with a `center` is a float64 input, as is a matrix with such a column: it is centred in 64 bits before all
    else. A date is a float64 input, too, and becomes its parts.

    Args:
        fitted: the record of `table_preprocessing.fit_columns`.
        wanted: as in `image_prefix`.
        batch: as in `image_prefix`.
    """
    model = onnx.load_from_string(base64.b64decode(fitted["graph"]))
    centers = {column["name"]: column["center"] for column in fitted["columns"]}
    dates = [DateInput(**each) for each in fitted.get("dates", ())]
    centers |= dict.fromkeys((date.name for date in dates), None)
    centred = centre_inputs(model, centers_of_inputs(centers, fitted.get("matrix")))
    graph = take_dates(centred, dates).graph
    new = {tensor.name: f"input_{index}" for index, tensor in enumerate(graph.input)}
    new[graph.output[0].name] = "features" if wanted == "float32" else "joined"
    rename_tensors(graph, new)
    nodes = list(graph.node)
    if wanted != "float32":
        nodes.append(helper.make_node("Cast", ["joined"], ["features"], to=TYPES[wanted]))
    outputs = [helper.make_tensor_value_info("features", TYPES[wanted], [batch, len(fitted["features"])])]
    for tensor in graph.input:
        first = tensor.type.tensor_type.shape.dim[0]
        first.CopyFrom(helper.make_tensor_value_info("", TensorProto.FLOAT, [batch]).type.tensor_type.shape.dim[0])
    return _model(nodes, list(graph.input), outputs, list(graph.initializer))


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
