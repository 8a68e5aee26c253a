"""Converters: what skl2onnx has to learn (boosted trees, the house's transformers), and what is mended in its own.

- The flag for missing values of HistGradientBoosting becomes an integer, which protobuf asks for.
- Thresholds of LightGBM's and scikit-learn's trees are rounded down to float32: a float32 value is at most the
  threshold exactly where it was.
- Where LightGBM saw no missing number, it reads one as 0.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np

_SCORES = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
_PLAIN = ("fair", "mape")
"""Objectives of LightGBM whose answers are the sum of the leaves, which its converter does not know."""
_patching = Lock()


@contextmanager
def mended_converters() -> Iterator[None]:
    """Inside it, skl2onnx knows all converters of this module; its own functions are put back at the end."""
    from onnxmltools.convert.lightgbm.operator_converters import LightGbm
    from skl2onnx.common import tree_ensemble

    register_converters()
    with _patching:
        add_node, dump = tree_ensemble.add_node, LightGbm.dump_booster_model
        tree_ensemble.add_node = _with_exact_nodes(add_node)
        LightGbm.dump_booster_model = _with_float32_thresholds(dump)
        try:
            yield
        finally:
            tree_ensemble.add_node, LightGbm.dump_booster_model = add_node, dump


def float32_below(threshold: float) -> float:
    """The largest float32 number that is not above a float64 one."""
    with np.errstate(over="ignore"):
        rounded = np.float32(threshold)
    # As Python's own numbers: NumPy compares a float32 with one of them in float32.
    return float(np.nextafter(rounded, np.float32(-np.inf))) if float(rounded) > threshold else float(rounded)


def _with_exact_nodes(add_node: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(add_node)

    @wraps(add_node)
    def added(*given: Any, **named: Any) -> None:
        bound = signature.bind(*given, **named)
        flag = bound.arguments.get("nodes_missing_value_tracks_true", 0)
        bound.arguments["nodes_missing_value_tracks_true"] = int(flag)
        if bound.arguments["mode"] == "BRANCH_LEQ":
            bound.arguments["value"] = float32_below(bound.arguments["value"])
        add_node(*bound.args, **bound.kwargs)

    return added


def _with_float32_thresholds(dump: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(dump)
    def dumped(*given: Any, **named: Any) -> Any:
        trees, info = dump(*given, **named)
        if str(trees.get("objective", "")).partition(" ")[0] in _PLAIN:
            trees["objective"] = "regression"
        for tree in trees["tree_info"]:
            _round_thresholds(tree["tree_structure"])
        return trees, info

    return dumped


def _round_thresholds(root: dict[str, Any]) -> None:
    due = [root]
    while due:
        node = due.pop()
        if node.get("missing_type") == "Zero":
            raise ValueError("zero_as_missing of LightGBM has no exact form as a graph")
        if node.get("decision_type") == "<=":
            node["threshold"] = float32_below(node["threshold"])
            if node["missing_type"] == "None":  # then LightGBM reads a missing number as 0
                node["default_left"] = node["threshold"] >= 0
        due += [node[side] for side in ("left_child", "right_child") if side in node]


@cache
def register_converters() -> None:
    """Makes all additional converters known to skl2onnx, once."""
    from skl2onnx import update_registered_converter

    from tasks.kernels.estimators.float32_features import Float32Features
    from tasks.kernels.estimators.target_regressor import register_target_regressor
    from tasks.kernels.estimators.transformer_converters import register_transformers

    register_transformers()
    register_target_regressor()
    update_registered_converter(Float32Features, "ParedownFloat32Features", _same_width, _convert_rounding)
    _register_lightgbm(update_registered_converter)
    if find_spec("xgboost") is not None:
        _register_xgboost(update_registered_converter)


def _register_lightgbm(register: Callable[..., None]) -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx.common import shape_calculator as shapes

    from tasks.kernels.estimators.booster_models import BoosterClassifier, BoosterRegressor

    scores, value = shapes.calculate_linear_classifier_output_shapes, shapes.calculate_linear_regressor_output_shapes
    register(LGBMClassifier, "LightGbmLGBMClassifier", scores, convert_lightgbm, options=_SCORES)
    register(LGBMRegressor, "LightGbmLGBMRegressor", value, convert_lightgbm, options={"split": None})
    register(BoosterClassifier, "ParedownBoosterClassifier", scores, convert_lightgbm, options=_SCORES)
    register(BoosterRegressor, "ParedownBoosterRegressor", value, convert_lightgbm, options={"split": None})


def _register_xgboost(register: Callable[..., None]) -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx.common import shape_calculator as shapes
    from xgboost import XGBClassifier, XGBRegressor

    scores, value = shapes.calculate_linear_classifier_output_shapes, shapes.calculate_linear_regressor_output_shapes
    convert = _with_numbered_features(convert_xgboost)
    register(XGBClassifier, "XGBoostXGBClassifier", scores, convert, options=_SCORES)
    register(XGBRegressor, "XGBoostXGBRegressor", value, convert)


def _with_numbered_features(convert: Callable[..., None]) -> Callable[..., None]:
    """The converter for models that were fitted on named columns, too: it reads features by number alone."""

    @wraps(convert)
    def converted(scope: Any, operator: Any, container: Any) -> None:
        booster = operator.raw_operator.get_booster()
        names = booster.feature_names
        booster.feature_names = None
        try:
            convert(scope, operator, container)
        finally:
            booster.feature_names = names

    return converted


def _same_width(operator: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType

    operator.outputs[0].type = FloatTensorType([None, operator.inputs[0].get_second_dimension()])


def _convert_rounding(scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto

    container.add_node(
        "Cast",
        [operator.inputs[0].full_name],
        [operator.outputs[0].full_name],
        to=TensorProto.FLOAT,
        op_version=13,
        name=scope.get_unique_operator_name("Float32"),
    )
