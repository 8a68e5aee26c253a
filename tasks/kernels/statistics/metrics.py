"""Metrics: how good a model's outputs are, as functions of the weight (number of draws) of each example.

Weights of ones give the plain metric; the counts of a resample give its bootstrap value. Outputs are logits
(n, classes) with targets int (n,), or predictions (n, 1) or (n,) with targets float (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Outputs = NDArray[np.generic]
Targets = NDArray[np.generic]
Number = TypeVar("Number", float, Floats)
Weighted = Callable[[Floats], Floats]
"""Weights (n, columns), how often each example counts → the metric's value for each column, (columns,)."""


def correct(outputs: Outputs, targets: Targets) -> NDArray[np.bool_]:
    """Whether each example is classified correctly, (n,), from logits (n, classes) and class indices (n,)."""
    return np.asarray(np.asarray(outputs).argmax(axis=1) == targets)


def log_softmax(logits: NDArray[np.generic]) -> Floats:
    """Logarithms of the class probabilities, (n, classes), from logits of the same shape."""
    wide = np.asarray(logits, dtype=np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


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


def _f1(outputs: Outputs, targets: Targets) -> Weighted:
    """Macro F1: the mean over the classes that occur among the weighted targets or predictions."""
    classes = np.eye(outputs.shape[1])
    answers = classes[np.asarray(outputs).argmax(axis=1)]
    truths = classes[np.asarray(targets, dtype=np.int64)]

    def measure(weights: Floats) -> Floats:
        both, either = (answers * truths).T @ weights, (answers + truths).T @ weights
        return np.asarray((2 * both / np.maximum(either, 1)).sum(axis=0) / (either > 0).sum(axis=0))

    return measure


def _auc_of(scores: Floats, positive: NDArray[np.bool_]) -> Weighted:
    """Area under one class's ROC curve: the probability that a positive outranks a negative; ties count half."""
    order = np.argsort(scores, kind="stable")
    ranked, up = scores[order], positive[order]
    rank = np.r_[0, np.cumsum(ranked[1:] != ranked[:-1])]
    starts = np.flatnonzero(np.diff(rank, prepend=-1))

    def measure(weights: Floats) -> Floats:
        ordered = weights[order]
        down = np.add.reduceat(ordered * ~up[:, None], starts, axis=0)
        below = down.cumsum(axis=0) - down / 2
        positives = ordered[up]
        wins = np.einsum("ij,ij->j", positives, below[rank[up]])
        pairs = positives.sum(axis=0) * down.sum(axis=0)
        return np.asarray(np.divide(wins, pairs, out=np.full(len(wins), np.nan), where=pairs > 0))

    return measure


def _roc_auc(outputs: Outputs, targets: Targets) -> Weighted:
    """Two classes: AUC of the second's log-odds. More: unweighted mean of one-versus-rest AUCs of probabilities."""
    logits = np.asarray(outputs, dtype=np.float64)
    if logits.shape[1] == 2:
        return _auc_of(logits[:, 1] - logits[:, 0], np.asarray(targets) == 1)
    probabilities = np.exp(log_softmax(logits))
    curves = [_auc_of(probabilities[:, k], np.asarray(targets) == k) for k in range(logits.shape[1])]
    return lambda weights: np.asarray(np.mean([curve(weights) for curve in curves], axis=0))


@dataclass(frozen=True)
class Metric:
    """One metric and its properties."""

    name: str
    """Its name in the recipe's `goal.metric`."""
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

    def oriented(self, score: float) -> float:
        """The score with the sign that makes higher better; applied twice, it returns the score itself."""
        return -score if self.lower_is_better else score


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "classification", False, _accuracy, _mistakes),
        Metric("f1", "classification", False, _f1, None),
        Metric("log_loss", "classification", True, _log_loss, log_losses, needs_logits=True),
        Metric("roc_auc", "classification", False, _roc_auc, None, needs_logits=True),
        Metric("rmse", "regression", True, _rmse, _squared_errors),
        Metric("mae", "regression", True, _mae, _absolute_errors),
    )
}
"""All metrics, by name. A new one needs an entry here and its name in `tasks.core.goal.MetricName`."""


def compute_metric(metric: str, outputs: Outputs, targets: Targets) -> float:
    """The metric's value over all examples with equal weights, in the metric's own unit."""
    return float(METRICS[metric].weighted(outputs, targets)(np.ones((len(targets), 1)))[0])
