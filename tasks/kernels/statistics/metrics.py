"""Metrics: how good a model's outputs are, as functions of the weight (number of draws) of each example.

Weights of ones give the plain metric; the counts of a resample give its bootstrap value. Outputs are logits
(n, classes) with targets int (n,), or predictions (n, 1) or (n,) with targets float (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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
    log_softmax,
    macro_f1,
    roc_auc,
)

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


def _mean_of(values: Floats) -> Weighted:
    return lambda weights: np.asarray(values @ weights / weights.sum(axis=0))


def _accuracy(outputs: Outputs, targets: Targets) -> Weighted:
    return _mean_of(correct(outputs, targets).astype(np.float64))


def _log_loss(outputs: Outputs, targets: Targets) -> Weighted:
    return _mean_of(log_losses(outputs, targets))


def _mae(outputs: Outputs, targets: Targets) -> Weighted:
    return _mean_of(_absolute_errors(outputs, targets))


def _rmse(outputs: Outputs, targets: Targets) -> Weighted:
    mean = _mean_of(_squared_errors(outputs, targets))
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

    def loss(self, score: Number, reference: Number) -> Number:
        """How much worse `score` is than `reference`, in the metric's own unit; positive is worse."""
        return score - reference if self.lower_is_better else reference - score

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the largest value that the metric can have."""
        if self.task == "regression":
            return (-math.inf, 1.0) if self.name == "r2" else (0.0, math.inf)
        return 0.0, math.inf if self.name == "log_loss" else 1.0

    def scale(self, score: float) -> float:
        """How much one kind of example that is lost entirely costs, times its share: 1, or of an error its size."""
        return 1.0 if self.bounds[1] == 1.0 else score

    def oriented(self, score: float) -> float:
        """The score with the sign that makes higher better; applied twice, it returns the score itself."""
        return -score if self.lower_is_better else score


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "classification", False, _accuracy, _mistakes),
        Metric("balanced_accuracy", "balanced accuracy", "classification", False, balanced_accuracy, None),
        Metric("f1", "macro F1", "classification", False, macro_f1, None),
        Metric("log_loss", "log loss", "classification", True, _log_loss, log_losses, needs_logits=True),
        Metric("roc_auc", "ROC AUC", "classification", False, roc_auc, None, needs_logits=True),
        Metric("average_precision", "average precision", "classification", False, average_precision, None, True),
        Metric("calibration_error", "calibration error", "classification", True, calibration_error, None, True),
        Metric("rmse", "RMSE", "regression", True, _rmse, _squared_errors),
        Metric("mae", "MAE", "regression", True, _mae, _absolute_errors),
        Metric("r2", "R²", "regression", False, _r2, _squared_errors),
    )
}
"""All metrics, by name. A new one needs an entry here and its name in `tasks.core.goal.MetricName`."""


def compute_metric(metric: str, outputs: Outputs, targets: Targets) -> float:
    """The metric's value over all examples with equal weights, in the metric's own unit."""
    return float(METRICS[metric].weighted(outputs, targets)(np.ones((len(targets), 1)))[0])
