"""Linear head: the last layer of a network, fitted in closed form or to its optimum on the features before it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

STRENGTHS = tuple(10.0**power for power in range(-5, 3))
"""Inverse strengths of regularization (C) that are tried; a ridge regression tries their inverses."""
FOLDS = 5
ROWS = 5_000
"""Most examples on which the strength is chosen."""
STEPS = 500
"""Most steps of a fit."""
ABSENT = -20.0
"""Logit of a class without train examples, where all others have about 0."""


@dataclass(frozen=True)
class LinearHead:
    """A fitted last layer: answers = features @ weight.T + bias."""

    weight: np.ndarray
    """(outputs, features), float32."""
    bias: np.ndarray
    """(outputs,), float32."""
    strength: float
    """The inverse strength of regularization that was chosen."""


def fit_head(features: np.ndarray, targets: np.ndarray, outputs: int, seed: int) -> LinearHead:
    """Fits a multinomial logistic regression (int64 targets) or a ridge regression (float targets), both by squares.

    Features are standardized, which the weights undo. The strength of regularization has the best log loss, or the
    least squared error, in five folds of the features, of at most ROWS of them. The same arguments give the same bits.

    Args:
        features: (count, features), float32.
        targets: (count,), class indices or numbers.
        outputs: number of classes; 1 for numbers.
        seed: decides the folds.
    """
    mean, deviation = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    deviation[deviation < 1e-6 * max(1e-12, float(deviation.max()))] = 1.0
    scaled = (features - mean) / deviation
    if targets.dtype.kind == "f":
        weight, bias, strength = _fit_numbers(scaled, targets)
    else:
        weight, bias, strength = _fit_classes(scaled, targets, outputs, seed)
    weight = weight / deviation
    return LinearHead(weight.astype(np.float32), (bias - weight @ mean).astype(np.float32), strength)


def _fit_numbers(features: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    from sklearn.linear_model import RidgeCV

    found = RidgeCV(alphas=[1 / each for each in STRENGTHS]).fit(features, targets)
    return found.coef_[None], np.array([found.intercept_]), float(1 / found.alpha_)


def _fit_classes(
    features: np.ndarray, targets: np.ndarray, outputs: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the weakest regularization of separable classes
        strength = choose_strength(features, targets, seed)
        found = _regression(strength).fit(features, targets)
    weight, bias = np.zeros((outputs, features.shape[1])), np.full(outputs, ABSENT)
    rows, shifts = found.coef_, found.intercept_
    if len(rows) == 1:  # two classes: the logit of the second
        rows, shifts = np.concatenate([-rows, rows]) / 2, np.concatenate([-shifts, shifts]) / 2
    weight[found.classes_], bias[found.classes_] = rows, shifts
    return weight, bias, strength


def choose_strength(features: np.ndarray, targets: np.ndarray, seed: int) -> float:
    """The strength with the least log loss in folds of the examples; 1 where a class has a single example.

    Args:
        features: standardized.
        targets: class indices.
        seed: decides which examples and folds.
    """
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold

    rows = np.sort(np.random.default_rng(seed).permutation(len(targets))[:ROWS])
    features, targets = features[rows], targets[rows]
    classes, counts = np.unique(targets, return_counts=True)
    folds = min(FOLDS, int(counts.min()))
    if folds < 2:
        return 1.0
    losses = np.zeros(len(STRENGTHS))
    for train, rest in StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, targets):
        for place, strength in enumerate(STRENGTHS):
            fitted = _regression(strength).fit(features[train], targets[train])
            losses[place] += log_loss(targets[rest], fitted.predict_proba(features[rest]), labels=classes)
    return STRENGTHS[int(losses.argmin())]


def _regression(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=STEPS)
