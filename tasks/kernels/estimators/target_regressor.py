"""Target regressor: a fitted regressor of mapped targets that answers in the data's unit, in Python and as a graph."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from onnx import helper, numpy_helper
from sklearn.base import BaseEstimator, RegressorMixin

from tasks.kernels.onnx.target_nodes import restore_nodes
from tasks.kernels.statistics.target_map import Doubles, TargetMap


class TargetRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """A regressor that was fitted on mapped targets, with the inverse of the map behind it."""

    def __init__(self, regressor: Any, target_map: TargetMap) -> None:
        self.regressor = regressor
        self.target_map = target_map

    def fit(self, rows: Any = None, targets: Any = None) -> Self:
        """Takes the regressor as it is: it is fitted already."""
        self.regressor_ = self.regressor
        self.n_features_in_ = self.regressor.n_features_in_
        return self

    def predict(self, rows: Any) -> Doubles:
        """The answers in the data's unit, (rows,)."""
        return self.target_map.restore(np.asarray(self.regressor_.predict(rows)).ravel())


def register_target_regressor() -> None:
    """Makes the converter known to skl2onnx; more than one call does no harm."""
    from skl2onnx import update_registered_converter

    update_registered_converter(TargetRegressor, "ParedownTargetRegressor", _one_number, _convert)


def _one_number(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    operator.outputs[0].type = FloatTensorType([operator.inputs[0].type.shape[0], 1])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """The regressor's own graph, then its answer as (batch, 1), then the inverse of the map."""
    from skl2onnx._supported_operators import sklearn_operator_name_map
    from skl2onnx.common.data_types import FloatTensorType

    fitted = operator.raw_operator
    inner = scope.declare_local_operator(sklearn_operator_name_map[type(fitted.regressor_)], fitted.regressor_)
    inner.inputs.extend(operator.inputs)
    mapped = scope.declare_local_variable("mapped", FloatTensorType([None, 1]))
    inner.outputs.append(mapped)
    prefix, given = scope.get_unique_variable_name("target"), operator.outputs[0].full_name
    shape, flat = f"{prefix}_shape", f"{prefix}_flat"
    nodes, constants = restore_nodes(fitted.target_map, flat, given, f"{prefix}_")
    reshape = helper.make_node("Reshape", [mapped.full_name, shape], [flat], f"{prefix}_reshape")
    for node in (reshape, *nodes):
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        container.add_node(node.op_type, [*node.input], [*node.output], name=node.name, op_version=13, **attributes)
    for tensor in (numpy_helper.from_array(np.array([-1, 1]), shape), *constants):
        values = numpy_helper.to_array(tensor)
        container.add_initializer(tensor.name, tensor.data_type, list(values.shape), values.ravel().tolist())
