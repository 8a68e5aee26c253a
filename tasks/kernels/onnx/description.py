"""Description of an ONNX file: its inputs, outputs, size, parameters and multiply-accumulates."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tasks.kernels.onnx import graph_reading
from tasks.kernels.onnx.serialization import constants, dump, load_proto, session_with_outputs
from tasks.kernels.onnx.sessions import Array, open_session
from tasks.kernels.onnx.subgraphs import flatten, graphs_of, name_operators

_SHAPES = ("input_type_shape", "output_type_shape")
"""Keys of the runtime's profile."""


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
    """Number of constants in all graphs, also those inside If, Loop and Scan; without shapes and without the scales
    and zero points of quantization."""
    nonzeros: int
    """Number of parameters whose real value is not 0."""
    macs: int
    """Multiply-accumulates in convolutions and matrix products for one example: of a branch when it is taken, of a
    loop's body as often as it runs."""


def describe(model: Path | bytes) -> Description:
    """Describes a file; multiply-accumulates are counted in a run on one example of zeros and empty text."""
    proto = load_proto(model)
    inputs, outputs = interface(model)
    parameters, nonzeros = graph_reading.count_parameters(*flatten(proto), _axis)
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


def listed(tensors: tuple[Tensor, ...]) -> str:
    """Inputs or outputs with their types and shapes, as text."""
    parts = [
        f"{tensor.name} {tensor.dtype} ({', '.join(str(size or '?') for size in tensor.shape)})" for tensor in tensors
    ]
    return ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")


def fixed_batch(model: Path | bytes) -> int | None:
    """The fixed batch size of the file's first input; None when it takes any number of examples."""
    shape = open_session(model, optimized=False).get_inputs()[0].shape
    return shape[0] if shape and isinstance(shape[0], int) else None


def count_operators(model: Path | bytes) -> int:
    """Number of operators in all graphs of the file, without constant nodes."""
    nodes = (node for graph in graphs_of(load_proto(model).graph) for node in graph.node)
    return sum(1 for node in nodes if graph_reading.operator_of(node) != "Constant")


def metadata(model: Path | bytes) -> dict[str, str]:
    """The file's metadata by key, such as the class names."""
    return {entry.key: entry.value for entry in load_proto(model).metadata_props}


def _tensor(item: Any) -> Tensor:
    dtype = item.type.removeprefix("tensor(").removesuffix(")") if item.type.startswith("tensor(") else item.type
    return Tensor(item.name, tuple(item.shape), {"float": "float32", "double": "float64"}.get(dtype, dtype))


def _zeros(tensor: Tensor) -> Array:
    shape = tuple(size if isinstance(size, int) else 1 for size in tensor.shape)
    return np.full(shape, "", dtype=object) if tensor.dtype == "string" else np.zeros(shape, tensor.dtype)


def _axis(node: Any) -> int:
    return next((int(item.i) for item in node.attribute if item.name == "axis"), 1)


def _macs(proto: onnx.ModelProto, example: Mapping[str, Array]) -> int:
    """Takes the shapes from a run on one example: this also works in quantized graphs, where inference may fail."""
    wanted = [
        (graph_reading.operator_of(node), graph_reading.operands(node))
        for node in proto.graph.node
        if graph_reading.operator_of(node) in graph_reading.OPERANDS
    ]
    known = {name: array.shape for name, array in {**constants(proto), **example}.items()}
    names = sorted({name for _, around in wanted for name in around} - known.keys())
    if names:
        outputs = session_with_outputs(proto, names).run(names, dict(example))
        known |= {name: array.shape for name, array in zip(names, outputs, strict=True)}
    whole = sum(graph_reading.macs(operator, *(known[name] for name in around)) for operator, around in wanted)
    return (whole + _inner_macs(proto, example)) // int(next(iter(example.values())).shape[0])


def _inner_macs(proto: onnx.ModelProto, example: Mapping[str, Array]) -> int:
    """The operators inside If, Loop and Scan: the runtime's profile of a run has each as often as it ran."""
    named = onnx.ModelProto()
    named.CopyFrom(proto)
    name_operators(named)
    nodes, known = flatten(named)
    outside = {node.name for node in named.graph.node}
    inside = {node.name: node for node in nodes if graph_reading.operator_of(node) in graph_reading.OPERANDS}
    if not inside.keys() - outside:
        return 0
    total = 0
    for event in _profile(dump(named), example):
        node = inside.get(str(event["name"]).removesuffix("_kernel_time"))
        if node is not None and node.name not in outside:
            read, (made,) = ([tuple(*shape.values()) for shape in event["args"][key]] for key in _SHAPES)
            weight = known.get(graph_reading.operands(node)[1])  # the profile may leave out a constant input
            shape = read[1] if weight is None else weight.shape
            total += graph_reading.macs(graph_reading.operator_of(node), read[0], shape, made)
    return total


def _profile(model: bytes, example: Mapping[str, Array]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model, optimized=False, profile=Path(folder) / "profile")
        session.run(None, dict(example))
        return list(json.loads(Path(session.end_profiling()).read_text()))
