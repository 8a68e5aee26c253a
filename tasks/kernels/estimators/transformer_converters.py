"""Converters of the transformers in `transformers.py`: each as ONNX nodes with the same float32 arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType

from tasks.kernels.estimators.transformers import ClipQuantiles, MissingFlags, QuantileRanks

FLOAT, INTEGER = {"to": TensorProto.FLOAT}, {"to": TensorProto.INT64}
"""What a Cast converts to, as its attribute."""


def register_transformers() -> None:
    """Makes the converters known to skl2onnx; more than one call does no harm."""
    for kind, convert in (
        (ClipQuantiles, _convert_clip),
        (MissingFlags, _convert_flags),
        (QuantileRanks, _convert_ranks),
    ):
        update_registered_converter(kind, f"Paredown{kind.__name__}", _same_shape, convert)


def _same_shape(operator: Any) -> None:
    rows = operator.inputs[0].type.shape[0]
    operator.outputs[0].type = FloatTensorType([rows, operator.raw_operator.n_features_in_])


class _Nodes:
    """Adds nodes and constants to the graph that is being converted."""

    def __init__(self, scope: Any, container: Any) -> None:
        self.scope, self.container = scope, container

    def add(self, kind: str, *inputs: str, result: str | None = None, **attributes: Any) -> str:
        """A node; the name of its output, which is `result` if that is given."""
        name = result or self.scope.get_unique_variable_name(kind.lower())
        unique = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, list(inputs), [name], name=unique, op_version=13, **attributes)
        return str(name)

    def constant(self, values: Any) -> str:
        """A constant of float32 or int64."""
        array = np.asarray(values)
        name = self.scope.get_unique_variable_name("constant")
        kind = TensorProto.INT64 if array.dtype.kind == "i" else TensorProto.FLOAT
        self.container.add_initializer(name, kind, list(array.shape), array.ravel().tolist())
        return str(name)


def _convert_clip(scope: Any, operator: Any, container: Any) -> None:
    nodes, fitted = _Nodes(scope, container), operator.raw_operator
    above = nodes.add("Max", operator.inputs[0].full_name, nodes.constant(fitted.lowest_))
    nodes.add("Min", above, nodes.constant(fitted.highest_), result=operator.outputs[0].full_name)


def _convert_flags(scope: Any, operator: Any, container: Any) -> None:
    nodes = _Nodes(scope, container)
    missing = nodes.add("IsNaN", operator.inputs[0].full_name)
    nodes.add("Cast", missing, result=operator.outputs[0].full_name, **FLOAT)


def _convert_ranks(scope: Any, operator: Any, container: Any) -> None:
    """The number of quantiles that a value reaches finds its interval in a table of all columns' intervals."""
    nodes, fitted = _Nodes(scope, container), operator.raw_operator
    knots = fitted.knots_
    columns, count = knots.shape
    bounded = nodes.add("Min", operator.inputs[0].full_name, nodes.constant(knots[:, -1]))
    bounded = nodes.add("Max", bounded, nodes.constant(knots[:, 0]))
    deep = nodes.add("Unsqueeze", bounded, nodes.constant(np.array([2])))
    reached = nodes.add("Cast", nodes.add("GreaterOrEqual", deep, nodes.constant(knots)), **FLOAT)
    places = nodes.add("ReduceSum", reached, nodes.constant(np.array([2])), keepdims=0)
    # From the second column on, a column's intervals lie behind those of the columns before it.
    least = nodes.add("Max", places, nodes.constant(np.ones(1, np.float32)))
    offsets = (np.arange(columns) * count - 1).astype(np.float32)
    index = nodes.add("Cast", nodes.add("Add", least, nodes.constant(offsets)), **INTEGER)
    start, rank, slope = (
        nodes.add("Gather", nodes.constant(table.ravel()), index, axis=0)
        for table in (knots, fitted.ranks_, fitted.slopes_)
    )
    rise = nodes.add("Mul", slope, nodes.add("Sub", bounded, start))
    nodes.add("Add", rank, rise, result=operator.outputs[0].full_name)
