"""Transformers that scikit-learn lacks, or whose conversion is inexact or slow, each with its exact ONNX nodes.

All take float32 columns (n, columns) and give float32.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

Floats = NDArray[np.float32]
KNOTS = 100
"""Intervals of `QuantileRanks`."""


class ClipQuantiles(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Clips each column at two of its quantiles on the train split; missing values stay missing."""

    def __init__(self, low: float = 0.01, high: float = 0.99) -> None:
        self.low = low
        self.high = high

    def fit(self, rows: Any, targets: Any = None) -> Self:
        """Measures the quantiles; a column without any value is not clipped."""
        values = np.asarray(rows, dtype=np.float64)
        known = np.isfinite(values).any(axis=0)
        self.lowest_ = np.full(values.shape[1], -np.finfo(np.float32).max, dtype=np.float32)
        self.highest_ = -self.lowest_
        self.lowest_[known] = np.nanquantile(values[:, known], self.low, axis=0)
        self.highest_[known] = np.nanquantile(values[:, known], self.high, axis=0)
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, rows: Any) -> Floats:
        """The clipped columns."""
        return np.clip(np.asarray(rows, dtype=np.float32), self.lowest_, self.highest_)


class MissingFlags(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """1 where a value is missing (NaN), else 0."""

    def fit(self, rows: Any, targets: Any = None) -> Self:
        """Nothing is measured."""
        self.n_features_in_ = np.shape(rows)[1]
        return self

    def transform(self, rows: Any) -> Floats:
        """The flags."""
        return np.isnan(np.asarray(rows, dtype=np.float32)).astype(np.float32)


class QuantileRanks(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Each value's rank in its column on the train split, from 0 to 1, linear between KNOTS + 1 quantiles.

    scikit-learn's QuantileTransformer takes seconds to convert, and 100 µs a row with 100 quantiles.
    """

    def fit(self, rows: Any, targets: Any = None) -> Self:
        """Measures the quantiles; a column without any value has rank 0."""
        values = np.asarray(rows, dtype=np.float64)
        shares = np.linspace(0, 1, KNOTS + 1)
        knots = np.zeros((values.shape[1], KNOTS + 1))
        for place, column in enumerate(values.T):
            known = column[np.isfinite(column)]
            knots[place] = np.quantile(known, shares) if len(known) else np.arange(KNOTS + 1)
        self.knots_ = knots.astype(np.float32)
        # Between two equal quantiles there is nothing; the value itself has the middle of its ranks.
        self.ranks_ = np.stack([_middle_ranks(column, shares) for column in self.knots_])
        widths = np.diff(self.knots_, axis=1)
        rise = np.diff(self.ranks_, axis=1)
        slopes = np.divide(rise, widths, out=np.zeros_like(rise), where=widths > 0)
        self.slopes_ = np.concatenate([slopes, np.zeros((len(slopes), 1), np.float32)], axis=1).astype(np.float32)
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, rows: Any) -> Floats:
        """The ranks; values outside of the train split's range have rank 0 or 1, and missing ones stay missing."""
        values = np.asarray(rows, dtype=np.float32)
        bounded = np.maximum(np.minimum(values, self.knots_[:, -1]), self.knots_[:, 0])
        place = (bounded[:, :, None] >= self.knots_[None]).sum(axis=2) - 1
        place, column = np.maximum(place, 0), np.arange(values.shape[1])[None, :]
        start = self.knots_[column, place]
        return np.asarray(self.ranks_[column, place] + self.slopes_[column, place] * (bounded - start))


def _middle_ranks(knots: NDArray[np.float32], shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """For equal quantiles the middle of their shares, except at the column's ends, which are 0 and 1."""
    values, inverse = np.unique(knots, return_inverse=True)
    sums, counts = np.bincount(inverse, weights=shares), np.bincount(inverse)
    middle = sums / counts
    middle[0], middle[-1] = (0.0, 1.0) if len(values) > 1 else (0.5, 0.5)
    return middle[inverse].astype(np.float32)
