"""How good a model's outputs are. Every metric is a function of how often each example counts.

Weights of ones give the plain metric; the counts of a resample give its bootstrap value. Outputs are logits
(n, classes) with targets int (n,), or predictions (n, 1) or (n,) with targets float (n,).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weighted = Callable[[Floats], Floats]
"""Weights (n, columns), how often each example counts, to the metric's value for each column."""


def correct(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which examples (n,) the logits (n, classes) get right."""
    return np.asarray(np.asarray(outputs).argmax(axis=1) == targets)


def log_softmax(logits: NDArray[np.generic]) -> Floats:
    """Logarithms of the classes' probabilities, (n, classes)."""
    wide = np.asarray(logits, dtype=np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def log_losses(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Floats:
    """Cross-entropy of each example (n,), in nats."""
    rows = np.arange(len(outputs))
    return np.asarray(-log_softmax(outputs)[rows, np.asarray(targets, dtype=np.int64)])


def errors(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Floats:
    """Prediction minus target of each example (n,)."""
    return np.ravel(outputs).astype(np.float64) - np.ravel(targets).astype(np.float64)


def _mean_of(values: Floats) -> Weighted:
    return lambda weights: np.asarray(values @ weights / weights.sum(axis=0))


def _accuracy(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    return _mean_of(correct(outputs, targets).astype(np.float64))


def _log_loss(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    return _mean_of(log_losses(outputs, targets))


def _mae(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    return _mean_of(np.abs(errors(outputs, targets)))


def _rmse(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    mean = _mean_of(errors(outputs, targets) ** 2)
    return lambda weights: np.sqrt(mean(weights))


def _f1(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    """Macro F1: the mean over the classes that occur among the weighted targets or answers."""
    classes = np.eye(outputs.shape[1])
    answers = classes[np.asarray(outputs).argmax(axis=1)]
    truths = classes[np.asarray(targets, dtype=np.int64)]

    def measure(weights: Floats) -> Floats:
        both, either = (answers * truths).T @ weights, (answers + truths).T @ weights
        return np.asarray((2 * both / np.maximum(either, 1)).sum(axis=0) / (either > 0).sum(axis=0))

    return measure


def _auc_of(scores: Floats, positive: NDArray[np.bool_]) -> Weighted:
    """Area under one class's ROC curve: the chance that a positive outranks a negative, ties half."""
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


def _roc_auc(outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    """Two classes: of the second's log-odds. More: each against the rest on probabilities, the plain mean."""
    logits = np.asarray(outputs, dtype=np.float64)
    if logits.shape[1] == 2:
        return _auc_of(logits[:, 1] - logits[:, 0], np.asarray(targets) == 1)
    probabilities = np.exp(log_softmax(logits))
    curves = [_auc_of(probabilities[:, k], np.asarray(targets) == k) for k in range(logits.shape[1])]
    return lambda weights: np.asarray(np.mean([curve(weights) for curve in curves], axis=0))


_METRICS: dict[str, Callable[[NDArray[np.generic], NDArray[np.generic]], Weighted]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "log_loss": _log_loss,
    "roc_auc": _roc_auc,
    "mae": _mae,
    "rmse": _rmse,
}


def weighted_metric(metric: str, outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> Weighted:
    """The metric as a function of weights (n, columns). ROC AUC is NaN where a class is missing."""
    return _METRICS[metric](outputs, targets)


def compute_metric(metric: str, outputs: NDArray[np.generic], targets: NDArray[np.generic]) -> float:
    """The metric's plain value, in its own unit."""
    return float(weighted_metric(metric, outputs, targets)(np.ones((len(targets), 1)))[0])
