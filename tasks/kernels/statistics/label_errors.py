"""Label errors: rows whose answer by a model that has not seen them speaks against their target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FENCE = 3.0
"""Quartile distances above the third quartile beyond which a residual is far out (Tukey 1977)."""


def doubtful_labels(probabilities: Floats, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The class that each row seems to be of: its label, or another one that the model is confident of.

    Confident learning (Northcutt et al. 2021): a model is confident of a class in a row where its probability is at
    least its mean over the rows that have that label. Of several such classes the most probable one counts.

    Args:
        probabilities: (rows, classes), out of fold.
        labels: (rows,), class indices. A class without a row is never seen in another one.
    """
    classes = probabilities.shape[1]
    means = [
        probabilities[labels == each, each].mean() if (labels == each).any() else np.inf for each in range(classes)
    ]
    confident = np.where(probabilities >= np.array(means), probabilities, -np.inf)
    return np.where(np.isfinite(confident).any(axis=1), confident.argmax(axis=1), labels)


def doubtful_numbers(predictions: Floats, targets: Floats) -> NDArray[np.bool_]:
    """Whether each row's residual is far out, (rows,): beyond Tukey's outer fence of the absolute residuals."""
    residuals = np.abs(predictions - targets)
    first, third = np.quantile(residuals, (0.25, 0.75))
    return np.asarray(residuals > third + FENCE * (third - first))
