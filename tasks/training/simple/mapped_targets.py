"""Mapped targets: a simple model of a regression is fitted on mapped targets, and answers in the data's unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.kernels.statistics.target_map import TargetMap
    from tasks.models.estimators.fit import Pair


def map_targets(rows: Pair, target_map: TargetMap | None) -> Pair:
    """The rows with mapped targets; without a map as they are."""
    return rows if target_map is None else (rows[0], target_map.transform(rows[1]))


def restore_answers(pipeline: Any, target_map: TargetMap | None) -> Any:
    """The fitted pipeline with the inverse of the map inside its last step; without a map as it is."""
    if target_map is None:
        return pipeline
    from sklearn.pipeline import Pipeline

    from tasks.kernels.estimators.target_regressor import TargetRegressor

    *front, (name, model) = pipeline.steps
    return Pipeline([*front, (name, TargetRegressor(model, target_map).fit())])
