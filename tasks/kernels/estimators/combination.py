"""Combination: how the answers of several models become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_SHARE = 1e-4
"""Least probability whose logarithm is taken: below it a difference in the last digit would be multiplied."""


@dataclass(frozen=True)
class Combination:
    """An average, or a linear model of all answers."""

    weights: Floats
    """Average: (members,), summing to 1. Stacking: (members * outputs, outputs), for the members' answers side by side:
    logarithms of probabilities, or predictions."""
    bias: Floats | None = None
    """Stacking: (outputs,). None: an average of probabilities or predictions."""


def combine(answers: Sequence[Floats], combination: Combination, is_classifier: bool) -> Floats:
    """The answer of the ensemble, (rows, outputs): probabilities, or predictions.

    Args:
        answers: the members' probabilities or predictions, each (rows, outputs).
        combination: how they become one.
        is_classifier: whether they are probabilities.
    """
    if combination.bias is None:
        return np.asarray(np.einsum("m,mno->no", combination.weights, np.stack(answers)))
    scores = side_by_side(answers, is_classifier) @ combination.weights + combination.bias
    if not is_classifier:
        return np.asarray(scores)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def side_by_side(answers: Sequence[Floats], is_classifier: bool) -> Floats:
    """What stacking sees, (rows, members * outputs): logarithms of probabilities, or predictions."""
    stacked = np.concatenate(answers, axis=1)
    return np.asarray(np.log(np.maximum(stacked, LEAST_SHARE)) if is_classifier else stacked)
