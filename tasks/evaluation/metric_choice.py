"""Metric choice: the metric that a goal names, with its positive class and settings, on data of certain classes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tasks.core import Dataset, Goal, InputError, MetricSpec, nearest_choice
from tasks.core.import_path import is_import_path, module_stamp
from tasks.evaluation.own_metric import own_metric

if TYPE_CHECKING:
    from tasks.kernels.statistics.metrics import Metric

OF_ONE_CLASS = ("f1", "roc_auc", "average_precision", "recall_at_precision", "sensitivity_at_specificity")
"""Metrics that can be those of a positive class."""
POINTS = OF_ONE_CLASS[3:]
"""Metrics that need a positive class."""
SECOND = (*POINTS, "average_precision", "cost")
"""Metrics whose positive class is the second of two, where the goal names none."""


def metric_spec(goal: Goal, dataset: Dataset) -> MetricSpec:
    """The goal's metric for a data set: its positive class as an index, and the stamp of the user's own function.

    Raises:
        InputError: the metric does not suit the task, the positive class does not exist, is missing, or has no meaning
            for the metric, or the costs are not of all classes; says what to write.
    """
    from tasks.kernels.statistics.metrics import METRICS

    is_own = is_import_path(goal.metric)
    suited = [metric.name for metric in METRICS.values() if metric.task == dataset.task]
    if not is_own and goal.metric not in suited:
        law = f"must be one of {', '.join(suited)} for {dataset.task}"
        raise InputError(law, path="goal.metric", value=goal.metric, nearest=suited[0])
    if goal.metric == "cost" and len(goal.costs) != len(dataset.classes):
        law = f"must have a row and a column for each of the {len(dataset.classes)} classes"
        raise InputError(law, path="goal.costs", value=[list(row) for row in goal.costs])
    positive = _positive(goal, dataset)
    return MetricSpec(
        name=goal.metric,
        task=dataset.task,
        positive=positive,
        label="" if positive is None else dataset.classes[positive],
        quantile=goal.quantile,
        at=goal.at,
        costs=goal.costs,
        stamp=module_stamp(goal.metric) if is_own else "",
    )


def _positive(goal: Goal, dataset: Dataset) -> int | None:
    """Index of the positive class; None for a metric of all classes. Raises InputError as `metric_spec` does."""
    classes, path = dataset.classes, "goal.positive"
    if goal.positive is None:
        if len(classes) == 2:
            return 1 if goal.metric in SECOND else None
        if goal.metric in POINTS:
            law = f"must name the positive class of {goal.metric}, for there are {len(classes)} classes"
            raise InputError(law, path=path, nearest=", ".join(map(repr, classes[:10])))
        return None
    if not classes:
        raise InputError("suits classes only, but the target is a number", path=path, value=goal.positive)
    if goal.positive not in classes:
        near = nearest_choice(goal.positive, classes) or ", ".join(map(repr, classes[:10]))
        raise InputError("must name a class of the data", path=path, value=goal.positive, nearest=near)
    if len(classes) > 2 and goal.metric not in OF_ONE_CLASS:
        law = f"suits {', '.join(OF_ONE_CLASS)}; goal.metric {goal.metric} is one of all {len(classes)} classes"
        raise InputError(law, path=path, value=goal.positive)
    return classes.index(goal.positive)


def metric_of(spec: MetricSpec) -> Metric:
    """The metric itself. Raises InputError when the user's own function cannot be imported."""
    from tasks.kernels.statistics.class_metrics import average_precision, f1, roc_auc
    from tasks.kernels.statistics.metrics import METRICS, point_metric, quantile_loss, quantile_losses
    from tasks.kernels.statistics.operating_points import OperatingPoint, expected_cost

    if is_import_path(spec.name):
        return own_metric(spec.name, spec.task)
    base, positive, label = METRICS[spec.name], spec.positive, repr(spec.label)
    if spec.name == "quantile_loss":
        loss, losses = partial(quantile_loss, quantile=spec.quantile), partial(quantile_losses, quantile=spec.quantile)
        return replace(base, title=f"quantile loss at {spec.quantile:g}", weighted=loss, losses=losses)
    if spec.name == "cost" and len(spec.costs) > 2:
        costs = [cost for row in spec.costs for cost in row]
        return replace(base, weighted=partial(expected_cost, costs=spec.costs), bounds=(min(costs), max(costs)))
    if positive is None:
        return base
    if spec.name in (*POINTS, "cost"):
        return point_metric(OperatingPoint(spec.name, positive, spec.at, spec.costs), label)  # type: ignore[arg-type]
    if spec.name == "f1":
        return replace(base, title=f"F1 of {label}", weighted=partial(f1, positive=positive), positive=positive)
    curves = {"roc_auc": roc_auc, "average_precision": average_precision}
    if spec.name not in curves:
        return base
    return replace(base, title=f"{base.title} of {label}", weighted=partial(curves[spec.name], positive=positive))
