"""Operating points: the threshold on the positive class's probability that keeps a precision, a specificity, or costs.

Outputs are logits (n, classes). An example is answered positive where the probability is at least the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.statistics.class_metrics import Floats, Outputs, Targets, Weighted, log_softmax

NEVER = 2.0
"""A threshold above every probability: the positive class is never answered."""
Costs = tuple[tuple[float, ...], ...]
"""A row for each true class, a column for each answer."""
Cuts = Floats
"""Weights (cuts, columns) of the examples above each cut, from none of them to all."""


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold keeps, and what is measured at it."""

    kind: Literal["recall_at_precision", "sensitivity_at_specificity", "cost"]
    positive: int
    """Index of the positive class."""
    at: float = 0.0
    """The precision or specificity that is kept; of a cost nothing."""
    costs: Costs = ()
    """Of `cost`, for two classes."""


def best_value(outputs: Outputs, targets: Targets, point: OperatingPoint) -> Weighted:
    """The value at the best threshold for each column of weights; NaN without a positive, or negative, example.

    Where no threshold keeps what is asked, nothing is answered positive: recall and sensitivity are 0.
    """
    order, ends, up = _ranked(outputs, targets, point.positive)

    def measure(weights: Floats) -> Floats:
        values = _values(*_cuts(weights[order], ends, up), point)
        best = values.min(axis=0) if point.kind == "cost" else values.max(axis=0)
        return np.where(np.isfinite(best), best, np.nan)

    return measure


def choose_threshold(outputs: Outputs, targets: Targets, point: OperatingPoint) -> float:
    """The threshold of the best value, midway between two probabilities; NEVER where nothing is to be positive.

    Of several that are as good, the highest.
    """
    order, ends, up = _ranked(outputs, targets, point.positive)
    values = _values(*_cuts(np.ones((len(targets), 1)), ends, up), point)[:, 0]
    best = int(values.argmin() if point.kind == "cost" else values.argmax())
    if best == 0 or not np.isfinite(values[best]):
        return NEVER
    ranked = np.append(probabilities_of(outputs, point.positive)[order], 0.0)
    last = ends[best - 1]
    return float((ranked[last] + ranked[last + 1]) / 2)


def value_at(outputs: Outputs, targets: Targets, point: OperatingPoint, threshold: float) -> Weighted:
    """The value at a fixed threshold; NaN without a positive example, but a cost is always defined."""
    said = probabilities_of(outputs, point.positive) >= threshold
    up = np.asarray(targets) == point.positive
    if point.kind == "cost":
        answers = np.where(said, point.positive, 1 - point.positive)
        paid = np.asarray(point.costs)[np.asarray(targets, dtype=np.int64), answers]
        return lambda weights: np.asarray(paid @ weights / weights.sum(axis=0))

    def measure(weights: Floats) -> Floats:
        hits, total = (said & up).astype(np.float64) @ weights, up.astype(np.float64) @ weights
        return np.asarray(np.divide(hits, total, out=np.full(len(total), np.nan), where=total > 0))

    return measure


def kept_share(outputs: Outputs, targets: Targets, point: OperatingPoint, threshold: float) -> tuple[int, int]:
    """(successes, examples) of what a point keeps at a threshold: precision or specificity; (0, 0) for a cost."""
    said = probabilities_of(outputs, point.positive) >= threshold
    up = np.asarray(targets) == point.positive
    if point.kind == "recall_at_precision":
        return int((said & up).sum()), int(said.sum())
    if point.kind == "sensitivity_at_specificity":
        return int((~said & ~up).sum()), int((~up).sum())
    return 0, 0


def probabilities_of(outputs: Outputs, positive: int) -> Floats:
    """The probabilities of one class, (n,), from logits (n, classes)."""
    return np.asarray(np.exp(log_softmax(outputs))[:, positive])


def answers_at(probabilities: Floats, positive: int, threshold: float) -> NDArray[np.int64]:
    """The answer of each example (n,): the positive class from the threshold on, else the likeliest of the others."""
    others = np.array(probabilities)
    others[:, positive] = -1.0
    return np.where(probabilities[:, positive] >= threshold, positive, others.argmax(axis=1))


def cheapest_answers(probabilities: Floats, costs: Costs) -> NDArray[np.int64]:
    """The answer of each example (n,) whose expected cost is least; of several the first."""
    return np.asarray((probabilities @ np.asarray(costs)).argmin(axis=1))


def expected_cost(outputs: Outputs, targets: Targets, costs: Costs = ()) -> Weighted:
    """The mean cost of the answers whose expected cost is least; without costs, 1 for every mistake."""
    matrix = costs or tuple(map(tuple, 1 - np.eye(outputs.shape[1])))
    answers = cheapest_answers(np.exp(log_softmax(outputs)), matrix)
    paid = np.asarray(matrix)[np.asarray(targets, dtype=np.int64), answers]
    return lambda weights: np.asarray(paid @ weights / weights.sum(axis=0))


def _ranked(
    outputs: Outputs, targets: Targets, positive: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The order by falling probability, the last place of each group of equal ones, and what is positive, ordered."""
    scores = probabilities_of(outputs, positive)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    return order, ends, (np.asarray(targets) == positive)[order]


def _cuts(weights: Floats, ends: NDArray[np.int64], up: NDArray[np.bool_]) -> tuple[Cuts, Cuts]:
    """The positives and the negatives above each cut, from ordered weights (n, columns)."""
    none = np.zeros((1, weights.shape[1]))
    positives, negatives = ((weights * mask[:, None]).cumsum(axis=0)[ends] for mask in (up, ~up))
    return np.concatenate([none, positives]), np.concatenate([none, negatives])


def _values(hits: Cuts, alarms: Cuts, point: OperatingPoint) -> Floats:
    """The value at each cut, -inf where it does not keep what is asked; NaN where it is undefined."""
    positives, negatives = hits[-1], alarms[-1]
    if point.kind == "cost":
        up, down = point.positive, 1 - point.positive
        costs = np.asarray(point.costs, dtype=np.float64)
        right = costs[up, up] * hits + costs[down, down] * (negatives - alarms)
        wrong = costs[down, up] * alarms + costs[up, down] * (positives - hits)
        return np.asarray((right + wrong) / (positives + negatives))
    defined = positives > 0
    if point.kind == "recall_at_precision":
        keeps = hits >= point.at * (hits + alarms) - 1e-9
    else:
        keeps = negatives - alarms >= point.at * negatives - 1e-9
        defined &= negatives > 0
    recall = np.divide(hits, positives, out=np.full(hits.shape, np.nan), where=defined & np.ones_like(hits, bool))
    return np.where(keeps | np.isnan(recall), recall, -np.inf)
