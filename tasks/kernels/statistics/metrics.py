"""Metrics: how good a model's outputs are, as functions of the weight (number of draws) of each example.

Weights of ones give the plain metric; the counts of a resample give its bootstrap value. Outputs are logits
(n, classes) with targets int (n,), or predictions (n, 1) or (n,) with targets float (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.statistics.class_metrics import (
    Floats,
    Outputs,
    Targets,
    Weighted,
    average_precision,
    balanced_accuracy,
    calibration_error,
    f1,
    log_softmax,
    roc_auc,
)
from tasks.kernels.statistics.operating_points import OperatingPoint, best_value, expected_cost, value_at

Number = TypeVar("Number", float, Floats)


def correct(outputs: Outputs, targets: Targets) -> NDArray[np.bool_]:
    """Whether each example is classified correctly, (n,), from logits (n, classes) and class indices (n,)."""
    return np.asarray(np.asarray(outputs).argmax(axis=1) == targets)


def log_losses(outputs: Outputs, targets: Targets) -> Floats:
    """Cross-entropy of each example (n,), in nats."""
    rows = np.arange(len(outputs))
    return np.asarray(-log_softmax(outputs)[rows, np.asarray(targets, dtype=np.int64)])


def errors(outputs: Outputs, targets: Targets) -> Floats:
    """Prediction minus target of each example (n,)."""
    return np.ravel(outputs).astype(np.float64) - np.ravel(targets).astype(np.float64)


def _mistakes(outputs: Outputs, targets: Targets) -> Floats:
    return (~correct(outputs, targets)).astype(np.float64)


def _absolute_errors(outputs: Outputs, targets: Targets) -> Floats:
    return np.asarray(np.abs(errors(outputs, targets)))


def _squared_errors(outputs: Outputs, targets: Targets) -> Floats:
    return errors(outputs, targets) ** 2


def quantile_losses(outputs: Outputs, targets: Targets, quantile: float = 0.5) -> Floats:
    """The quantile (pinball) loss of each example (n,): least where the share `quantile` of the targets lies below."""
    missed = -errors(outputs, targets)
    return np.asarray(np.maximum(quantile * missed, (quantile - 1) * missed))


def quantile_loss(outputs: Outputs, targets: Targets, quantile: float = 0.5) -> Weighted:
    """The mean of `quantile_losses`."""
    return mean_of(quantile_losses(outputs, targets, quantile))


def mean_of(values: Floats) -> Weighted:
    """The weighted mean of a value of each example, (n,)."""
    return lambda weights: np.asarray(values @ weights / weights.sum(axis=0))


def _accuracy(outputs: Outputs, targets: Targets) -> Weighted:
    return mean_of(correct(outputs, targets).astype(np.float64))


def _log_loss(outputs: Outputs, targets: Targets) -> Weighted:
    return mean_of(log_losses(outputs, targets))


def _mae(outputs: Outputs, targets: Targets) -> Weighted:
    return mean_of(_absolute_errors(outputs, targets))


def _rmse(outputs: Outputs, targets: Targets) -> Weighted:
    mean = mean_of(_squared_errors(outputs, targets))
    return lambda weights: np.sqrt(mean(weights))


def _r2(outputs: Outputs, targets: Targets) -> Weighted:
    """Share of the targets' variance that the predictions explain; undefined where all targets are the same."""
    squares, wide = _squared_errors(outputs, targets), np.ravel(targets).astype(np.float64)
    centred = wide - wide.mean()

    def measure(weights: Floats) -> Floats:
        total = weights.sum(axis=0)
        spread = centred**2 @ weights - (centred @ weights) ** 2 / total
        lost = np.divide(squares @ weights, spread, out=np.full(len(total), np.nan), where=spread > 1e-12 * total)
        return np.asarray(1 - lost)

    return measure


@dataclass(frozen=True)
class Metric:
    """One metric and its properties."""

    name: str
    """Its name in the recipe's `goal.metric`."""
    title: str
    """Its name in text, which says what is averaged."""
    task: Literal["classification", "regression"]
    lower_is_better: bool
    weighted: Callable[[Outputs, Targets], Weighted]
    """Outputs and targets → the metric as a function of weights; NaN where it is undefined."""
    losses: Callable[[Outputs, Targets], Floats] | None
    """Outputs and targets → the loss of each example, (n,), whose mean determines the metric; None if none does."""
    needs_logits: bool = False
    """Whether the metric has another value when the outputs are probabilities in place of logits."""
    bounds: tuple[float, float] = (0.0, 1.0)
    """The least and the largest value that the metric can have."""
    positive: int | None = None
    """The class on whose examples alone the metric rests; None where it rests on all."""
    point: OperatingPoint | None = None
    """The operating point whose threshold is chosen; `weighted` chooses it anew for every column of weights."""
    resamples: int = 10_000
    """How many resamples of a bootstrap its intervals are worth."""

    @property
    def is_share(self) -> bool:
        """Whether its values lie between 0 and 1."""
        return self.bounds == (0.0, 1.0)

    def value(self, outputs: Outputs, targets: Targets) -> float:
        """The metric over all examples with equal weights, in its own unit; NaN where it is undefined."""
        return float(self.weighted(outputs, targets)(np.ones((len(targets), 1)))[0])

    def measure(self, outputs: Outputs, targets: Targets, threshold: float | None) -> Weighted:
        """The metric as a function of weights, at a threshold that was chosen before; None as `weighted`."""
        if self.point is None or threshold is None:
            return self.weighted(outputs, targets)
        return value_at(outputs, targets, self.point, threshold)

    def loss(self, score: Number, reference: Number) -> Number:
        """How much worse `score` is than `reference`, in the metric's own unit; positive is worse."""
        return score - reference if self.lower_is_better else reference - score

    def scale(self, score: float) -> float:
        """How much one kind of example that is lost entirely costs, times its share: all that there is to lose, or of
        an error its size."""
        low, high = self.bounds
        if not math.isfinite(high):
            return score
        return high - low if math.isfinite(low) else 1.0

    def oriented(self, score: float) -> float:
        """The score with the sign that makes higher better; applied twice, it returns the score itself."""
        return -score if self.lower_is_better else score


def point_metric(point: OperatingPoint, label: str = "the second class") -> Metric:
    """The metric of an operating point: the value at the threshold that is best for the given examples.

    Args:
        point: what is kept, and what is measured.
        label: the positive class, for the title.
    """
    weighted = partial(best_value, point=point)
    if point.kind == "cost":
        costs = [cost for row in point.costs for cost in row]
        ends = min(costs), max(costs)
        return Metric("cost", "mean cost", "classification", True, weighted, None, True, ends, point=point)
    measured, kept = point.kind.split("_at_")
    title = f"{measured} of {label} at {kept} {point.at:g}"
    return Metric(
        point.kind, title, "classification", False, weighted, None, True, positive=point.positive, point=point
    )


ERROR = (0.0, math.inf)
"""Bounds of errors."""
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "classification", False, _accuracy, _mistakes),
        Metric("balanced_accuracy", "balanced accuracy", "classification", False, balanced_accuracy, None),
        Metric("f1", "macro F1", "classification", False, f1, None),
        Metric("log_loss", "log loss", "classification", True, _log_loss, log_losses, True, ERROR),
        Metric("roc_auc", "ROC AUC", "classification", False, roc_auc, None, True),
        Metric("average_precision", "average precision", "classification", False, average_precision, None, True),
        Metric("calibration_error", "calibration error", "classification", True, calibration_error, None, True),
        Metric("rmse", "RMSE", "regression", True, _rmse, _squared_errors, bounds=ERROR),
        Metric("mae", "MAE", "regression", True, _mae, _absolute_errors, bounds=ERROR),
        Metric("r2", "R²", "regression", False, _r2, _squared_errors, bounds=(-math.inf, 1.0)),
        Metric("quantile_loss", "quantile loss", "regression", True, quantile_loss, quantile_losses, bounds=ERROR),
        point_metric(OperatingPoint("recall_at_precision", 1, 0.9)),
        point_metric(OperatingPoint("sensitivity_at_specificity", 1, 0.9)),
        Metric("cost", "mean cost", "classification", True, expected_cost, None, needs_logits=True),
    )
}
"""All metrics, by name, each of all classes alike and with its default settings.

A new one needs an entry here and its name in `tasks.core.goal.MetricName`.
"""
