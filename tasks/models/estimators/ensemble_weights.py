"""Ensemble weights: how the answers of simple models are combined, fitted on rows that they were not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.estimators.combination import Combination, Floats, side_by_side

Array = NDArray[Any]
SUM = 1e3
"""How much a sum of weights other than 1 costs, in units of the error of all rows."""


def equal_weights(members: int) -> Combination:
    """The plain average."""
    return Combination(np.full(members, 1 / members))


def fit_average(answers: Sequence[Floats], targets: Array, classes: int = 0, is_balanced: bool = False) -> Combination:
    """The average with the weights, none of them negative, whose squared error is least.

    Args:
        answers: the members' probabilities (rows, classes), or predictions (rows, 1).
        targets: class numbers, or values, (rows,).
        classes: the number of classes; 0 for regression.
        is_balanced: whether all classes weigh the same.
    """
    from scipy.optimize import nnls

    wanted = np.eye(classes)[targets] if classes else targets[:, None] - targets.mean()
    shift = 0.0 if classes else targets.mean()
    importance = np.sqrt(_importance(targets) if classes and is_balanced else np.ones(len(targets)))[:, None]
    columns = [((each - shift) * importance).ravel() for each in answers]
    system = np.stack([*columns, (wanted * importance).ravel()], axis=1)
    # The same least squares, in as many rows as there are members.
    triangle = np.asarray(np.linalg.qr(system, mode="r"))
    strong = SUM * (np.abs(triangle).max() or 1.0)
    rows = np.vstack([triangle[:, :-1], np.full(len(answers), strong)])
    weights, _ = nnls(rows, np.append(triangle[:, -1], strong))
    return Combination(np.asarray(weights / weights.sum()))


def fit_stacking(answers: Sequence[Floats], targets: Array, classes: int = 0, is_balanced: bool = False) -> Combination:
    """A logistic regression on the logarithms of probabilities, or a ridge regression without negative weights.

    Args:
        answers: the members' probabilities (rows, classes), or predictions (rows, 1).
        targets: class numbers, or values, (rows,).
        classes: the number of classes; 0 for regression.
        is_balanced: whether all classes weigh the same.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    features = side_by_side(answers, bool(classes))
    if not classes:
        middle, spread = targets.mean(), targets.std() or 1.0
        ridge = Ridge(alpha=1.0, positive=True).fit((features - middle) / spread, (targets - middle) / spread)
        bias = middle * (1 - ridge.coef_.sum()) + spread * ridge.intercept_
        return Combination(np.asarray(ridge.coef_)[:, None], np.asarray([bias]))
    logistic = LogisticRegression(max_iter=1000, class_weight="balanced" if is_balanced else None)
    logistic.fit(features, targets)
    weights, bias = np.asarray(logistic.coef_).T, np.asarray(logistic.intercept_)
    if classes == 2:
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.append(0.0, bias)
    return Combination(weights, bias)


def _importance(targets: Array) -> Floats:
    """The weight of each row with which all classes weigh the same."""
    counts = np.bincount(targets)
    return np.asarray((len(targets) / (np.count_nonzero(counts) * np.maximum(counts, 1)))[targets])
