"""Description of an ONNX file: its inputs, outputs, size, parameters and multiply-accumulates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tasks.kernels.onnx import graph_reading
from tasks.kernels.onnx.serialization import constants, load_proto, session_with_outputs
from tasks.kernels.onnx.sessions import Array, open_session


@dataclass(frozen=True)
class Tensor:
    """An input or output; in `shape`, a text is the name of a free dimension, None a free dimension without name."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str
    """A NumPy type name, or `string`."""


@dataclass(frozen=True)
class Description:
    """An ONNX file's interface, size and cost."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    bytes: int
    parameters: int
    """Number of constants, without shapes and without the scales and zero points of quantization."""
    nonzeros: int
    """Number of parameters whose real value is not 0."""
    macs: int
    """Multiply-accumulates in convolutions and matrix products for one example."""


def describe(model: Path | bytes) -> Description:
    """Describes a file; multiply-accumulates are counted in a run on one example of zeros and empty text."""
    proto = load_proto(model)
    inputs, outputs = interface(model)
    parameters, nonzeros = graph_reading.count_parameters(proto.graph.node, constants(proto), _axis)
    return Description(
        inputs,
        outputs,
        len(model) if isinstance(model, bytes) else model.stat().st_size,
        parameters,
        nonzeros,
        _macs(proto, {tensor.name: _zeros(tensor) for tensor in inputs}),
    )


def interface(model: Path | bytes) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The file's required inputs (without inputs that have an initializer) and its outputs."""
    session = open_session(model, optimized=False)
    return tuple(map(_tensor, session.get_inputs())), tuple(map(_tensor, session.get_outputs()))


def fixed_batch(model: Path | bytes) -> int | None:
    """The fixed batch size of the file's first input; None when it takes any number of examples."""
    shape = open_session(model, optimized=False).get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def count_operators(model: Path | bytes) -> int:
    """Number of operators in the graph, without constant nodes."""
    return sum(1 for node in load_proto(model).graph.node if node.op_type != "Constant")


def metadata(model: Path | bytes) -> dict[str, str]:
    """The file's metadata by key, such as the class names."""
    return {entry.key: entry.value for entry in load_proto(model).metadata_props}


def _tensor(item: Any) -> Tensor:
    dtype = item.type.removeprefix("tensor(").removesuffix(")")
    return Tensor(item.name, tuple(item.shape), {"float": "float32", "double": "float64"}.get(dtype, dtype))


def _zeros(tensor: Tensor) -> Array:
    shape = tuple(size if isinstance(size, int) else 1 for size in tensor.shape)
    return np.full(shape, "", dtype=object) if tensor.dtype == "string" else np.zeros(shape, tensor.dtype)


def _axis(node: Any) -> int:
    return next((int(item.i) for item in node.attribute if item.name == "axis"), 1)


def _macs(proto: onnx.ModelProto, example: Mapping[str, Array]) -> int:
    """Takes the shapes from a run on one example: this also works in quantized graphs, where inference may fail."""
    wanted = [
        (node.op_type, graph_reading.operands(node))
        for node in proto.graph.node
        if node.op_type in graph_reading.OPERANDS
    ]
    known = {name: array.shape for name, array in {**constants(proto), **example}.items()}
    names = sorted({name for _, around in wanted for name in around} - known.keys())
    if names:
        outputs = session_with_outputs(proto, names).run(names, dict(example))
        known |= {name: array.shape for name, array in zip(names, outputs, strict=True)}
    examples = int(next(iter(example.values())).shape[0])
    return (
        sum(graph_reading.macs(operator, *(known[name] for name in around)) for operator, around in wanted) // examples
    )
