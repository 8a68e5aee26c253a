"""Class metrics: how well logits (n, classes) tell classes apart, as functions of the weight of each example."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Outputs = NDArray[np.generic]
Targets = NDArray[np.generic]
Weighted = Callable[[Floats], Floats]
"""Weights (n, columns), how often each example counts → the metric's value for each column, (columns,)."""
BINS = 15
"""Bins of the confidence in the calibration error (Guo et al. 2017)."""


def log_softmax(logits: NDArray[np.generic]) -> Floats:
    """Logarithms of the class probabilities, (n, classes), from logits of the same shape."""
    wide = np.asarray(logits, dtype=np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def balanced_accuracy(outputs: Outputs, targets: Targets) -> Weighted:
    """The mean over the classes that occur of the share of their examples that is classified correctly."""
    truths = np.eye(outputs.shape[1])[np.asarray(targets, dtype=np.int64)]
    hits = truths * (np.asarray(outputs).argmax(axis=1) == targets)[:, None]

    def measure(weights: Floats) -> Floats:
        of_class = truths.T @ weights
        return np.asarray((hits.T @ weights / np.maximum(of_class, 1)).sum(axis=0) / (of_class > 0).sum(axis=0))

    return measure


def f1(outputs: Outputs, targets: Targets, positive: int | None = None) -> Weighted:
    """F1 of one class, 0 where it occurs nowhere; or of none the macro F1.

    That is the mean over the classes that occur among the weighted targets or predictions.
    """
    classes = np.eye(outputs.shape[1])
    answers = classes[np.asarray(outputs).argmax(axis=1)]
    truths = classes[np.asarray(targets, dtype=np.int64)]

    def measure(weights: Floats) -> Floats:
        both, either = (answers * truths).T @ weights, (answers + truths).T @ weights
        of_class = 2 * both / np.maximum(either, 1)
        return np.asarray(of_class.sum(axis=0) / (either > 0).sum(axis=0) if positive is None else of_class[positive])

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


def roc_auc(outputs: Outputs, targets: Targets, positive: int | None = None) -> Weighted:
    """AUC of one class against the rest; of none: of the second of two classes, or the unweighted mean over more."""
    return _mean_over_classes(_auc_of, outputs, targets, positive)


def _mean_over_classes(
    curve: Callable[[Floats, NDArray[np.bool_]], Weighted], outputs: Outputs, targets: Targets, positive: int | None
) -> Weighted:
    """The metric `curve` of scores (n,) and of what is positive (n,), for one class or as the mean over all.

    Scores are the log-odds of two classes, and probabilities of more.
    """
    logits = np.asarray(outputs, dtype=np.float64)
    if logits.shape[1] == 2:
        up = 1 if positive is None else positive
        return curve(logits[:, up] - logits[:, 1 - up], np.asarray(targets) == up)
    probabilities = np.exp(log_softmax(logits))
    wanted = range(logits.shape[1]) if positive is None else (positive,)
    curves = [curve(probabilities[:, k], np.asarray(targets) == k) for k in wanted]
    return lambda weights: np.asarray(np.mean([each(weights) for each in curves], axis=0))


def _average_precision_of(scores: Floats, positive: NDArray[np.bool_]) -> Weighted:
    """Mean precision over the recalls of one class; examples of equal score come together."""
    order = np.argsort(-scores, kind="stable")
    ranked, up = scores[order], positive[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])

    def measure(weights: Floats) -> Floats:
        ordered = weights[order]
        found, said = (ordered * up[:, None]).cumsum(axis=0)[ends], ordered.cumsum(axis=0)[ends]
        precision = np.divide(found, said, out=np.zeros(found.shape), where=said > 0)
        steps = np.diff(found, axis=0, prepend=np.zeros((1, found.shape[1])))
        area, total = (steps * precision).sum(axis=0), found[-1]
        return np.asarray(np.divide(area, total, out=np.full(len(total), np.nan), where=total > 0))

    return measure


def average_precision(outputs: Outputs, targets: Targets, positive: int | None = None) -> Weighted:
    """Of one class against the rest; of none: of the second of two classes, or the unweighted mean over more."""
    return _mean_over_classes(_average_precision_of, outputs, targets, positive)


def calibration_error(outputs: Outputs, targets: Targets) -> Weighted:
    """Expected calibration error of the predicted class, in BINS bins of equal width (Guo et al. 2017)."""
    probabilities = np.exp(log_softmax(outputs))
    confidence, answers = probabilities.max(axis=1), probabilities.argmax(axis=1)
    bins = np.eye(BINS)[np.minimum((confidence * BINS).astype(np.int64), BINS - 1)]
    gaps = bins * (confidence - (answers == targets))[:, None]
    return lambda weights: np.asarray(np.abs(gaps.T @ weights).sum(axis=0) / weights.sum(axis=0))
