"""Raw inputs: float32 columns of a graph become float64 ones where the data need it, centred before all else.

Dates, float64 seconds, become the float32 columns of their parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.kernels.statistics import civil_dates


@dataclass(frozen=True)
class DateInput:
    """A date, an input (batch, 1) of float64 seconds since 1970-01-01 UTC, whose parts a graph takes."""

    name: str
    origin: float
    """Where `elapsed` begins, in seconds."""
    parts: Mapping[str, str]
    """Part → the float32 input of the graph that it becomes; at least one."""


def centers_of_inputs(centers: Mapping[str, float | None], matrix: str | None) -> dict[str, list[float]]:
    """Name of an input that is centred → the centers of its columns.

    Args:
        centers: column → its center; None for one that is not centred.
        matrix: name of the one input for all columns, in this order; None where each column is an input.
    """
    if matrix is None:
        return {name: [center] for name, center in centers.items() if center is not None}
    is_centred = any(center is not None for center in centers.values())
    return {matrix: [center or 0.0 for center in centers.values()]} if is_centred else {}


def centre_inputs(model: onnx.ModelProto, centers: Mapping[str, Sequence[float]]) -> onnx.ModelProto:
    """A copy whose named inputs are float64; a center, (columns,), is subtracted from each, and the rest is rounded.

    Args:
        model: its named inputs are float32, (batch, columns).
        centers: input name → what is subtracted from its columns in 64 bits.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph, nodes = found.graph, []
    for name, center in centers.items():
        rounded = f"{name}/centred"
        for node in graph.node:
            node.input[:] = [rounded if each == name else each for each in node.input]
        values = np.array([list(center)], dtype=np.float64)
        graph.initializer.append(numpy_helper.from_array(values, f"{name}/center"))
        nodes.append(helper.make_node("Sub", [name, f"{name}/center"], [f"{name}/exact"], name=f"{name}/Sub"))
        nodes.append(helper.make_node("Cast", [f"{name}/exact"], [rounded], name=f"{name}/Cast", to=TensorProto.FLOAT))
        next(each for each in graph.input if each.name == name).type.tensor_type.elem_type = TensorProto.DOUBLE
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    return found


def take_dates(model: onnx.ModelProto, dates: Sequence[DateInput]) -> onnx.ModelProto:
    """A copy with one float64 input for each date, in the place of the inputs for its parts, which nodes compute.

    The parts are what `civil_dates.date_parts` gives by NumPy, to the bit.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph, rest = found.graph, list(found.graph.node)
    del graph.node[:]
    for date in dates:
        written = _Written(graph, f"{date.name}/date")
        parts = civil_dates.date_parts(_Tensor(date.name, written), date.origin, date.parts, _floor)
        for part, tensor in parts.items():
            cast = helper.make_node("Cast", [tensor.name], [date.parts[part]], to=TensorProto.FLOAT)
            graph.node.append(cast)
        _replace_inputs(graph, date)
    graph.node.extend(rest)
    return found


def _replace_inputs(graph: onnx.GraphProto, date: DateInput) -> None:
    """One float64 input stands where the first of the date's parts stood."""
    inputs, names = list(graph.input), set(date.parts.values())
    first = next(each for each in inputs if each.name in names)
    raw = onnx.ValueInfoProto()
    raw.CopyFrom(first)
    raw.name, raw.type.tensor_type.elem_type = date.name, TensorProto.DOUBLE
    kept = [raw if each is first else each for each in inputs if each is first or each.name not in names]
    del graph.input[:]
    graph.input.extend(kept)


@dataclass
class _Written:
    """Where the nodes of one date are written."""

    graph: onnx.GraphProto
    prefix: str
    constants: dict[float, str] = field(default_factory=dict)
    count: int = 0

    def node(self, operator: str, *names: str) -> _Tensor:
        self.count += 1
        name = f"{self.prefix}/{self.count}"
        self.graph.node.append(helper.make_node(operator, list(names), [name], name=f"{name}/{operator}"))
        return _Tensor(name, self)

    def constant(self, value: float) -> str:
        if value not in self.constants:
            self.constants[value] = f"{self.prefix}/constant_{len(self.constants)}"
            array = np.array(value, dtype=np.float64)
            self.graph.initializer.append(numpy_helper.from_array(array, self.constants[value]))
        return self.constants[value]


@dataclass(frozen=True)
class _Tensor:
    """A float64 tensor with which Python's operators write nodes."""

    name: str
    written: _Written

    def _with(self, operator: str, other: Any) -> _Tensor:
        name = other.name if isinstance(other, _Tensor) else self.written.constant(float(other))
        return self.written.node(operator, self.name, name)

    def __add__(self, other: Any) -> _Tensor:
        return self._with("Add", other)

    def __sub__(self, other: Any) -> _Tensor:
        return self._with("Sub", other)

    def __mul__(self, other: Any) -> _Tensor:
        return self._with("Mul", other)

    def __truediv__(self, other: Any) -> _Tensor:
        return self._with("Div", other)


def _floor(tensor: _Tensor) -> _Tensor:
    return tensor.written.node("Floor", tensor.name)
