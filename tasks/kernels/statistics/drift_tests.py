"""Drift tests: whether numbers or categories of a batch are distributed as in a reference, and how different they are.

A p-value says whether there is a difference, the population stability index (PSI) how large it is: of a large batch a
trifle is significant, of a small one the index is large by chance. Below 0.1 the index counts as no change, above 0.25
as a large one (Siddiqi 2006).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.statistics.distribution_shift import distance

SKETCH = 256
"""Numbers of a sketch, at most."""
BINS_OF_INDEX = 10
"""Bins of numbers in the index, with about the same share of the reference."""
LEAST_EXPECTED = 5.0
"""Categories of which fewer are expected are counted together in the chi-square test."""


def quantile_sketch(values: NDArray[np.generic]) -> tuple[float, ...]:
    """Numbers (count,) without NaN, sorted; of more than SKETCH so many quantiles, at (i + 1/2) / SKETCH.

    They are not rounded: a value that many rows have stays the same.
    """
    known = np.sort(np.asarray(values, np.float64))
    if len(known) > SKETCH:
        known = known[((np.arange(SKETCH) + 0.5) * len(known) / SKETCH).astype(np.int64)]
    return tuple(known.tolist())


def kolmogorov_smirnov(sketch: Sequence[float], count: int, values: NDArray[np.float64]) -> tuple[float, float]:
    """(distance, p-value) of the two-sample test, whose limit distribution is on the safe side for few rows and ties.

    The distance is reduced by what the sketch may be off, half a step. Without numbers: (0, 1).

    Args:
        sketch: `quantile_sketch` of the reference.
        count: how many numbers it has.
        values: the batch's numbers (n,), without NaN.
    """
    from scipy.special import kolmogorov

    if not len(sketch) or not len(values):
        return 0.0, 1.0
    off = 0.0 if count <= len(sketch) else 0.5 / len(sketch)
    found = max(0.0, distance(values, np.array(sketch)) - off)
    return found, float(kolmogorov(found * math.sqrt(len(values) * count / (len(values) + count))))


def chi_square(reference: Mapping[str, int], batch: Mapping[str, int]) -> float:
    """The p-value of the chi-square test that counts by category come from one distribution; 1 where nothing differs.

    Categories of which fewer than LEAST_EXPECTED are expected in the smaller set are counted together.
    """
    from scipy.special import chdtrc

    table = _table(reference, batch)
    if not table.sum(axis=1).all():
        return 1.0
    pooled = _pooled(table)
    expected = pooled.sum(axis=0) * pooled.sum(axis=1, keepdims=True) / pooled.sum()
    statistic = float(((pooled - expected) ** 2 / expected).sum())
    return float(chdtrc(pooled.shape[1] - 1, statistic)) if pooled.shape[1] > 1 else 1.0


def _pooled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (2, categories), the rarest first and together: as many that enough are expected of all."""
    ordered = table[:, np.argsort(table.sum(axis=0), kind="stable")]
    share = float(table.sum(axis=1).min() / table.sum())
    together = np.cumsum(ordered.sum(axis=0)) * share >= LEAST_EXPECTED
    alone = ordered.sum(axis=0) * share >= LEAST_EXPECTED
    if alone[0] or not together.any():
        return ordered if alone[0] else ordered.sum(axis=1, keepdims=True)
    first = max(int(alone.argmax()) if alone.any() else len(alone), int(together.argmax()) + 1)
    return np.column_stack([ordered[:, :first].sum(axis=1), ordered[:, first:]])


def stability_index(reference: Mapping[str, int], batch: Mapping[str, int]) -> float:
    """The population stability index of counts by category; half a row is added to each count. Without rows: 0."""
    table = _table(reference, batch)
    if not table.sum(axis=1).all():
        return 0.0
    shares = (table + 0.5) / (table + 0.5).sum(axis=1, keepdims=True)
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def binned(sketch: Sequence[float], count: int, values: NDArray[np.float64]) -> tuple[dict[str, int], dict[str, int]]:
    """Counts by bin, of the reference and of a batch (n,), for `stability_index`; the bins are those of the sketch."""
    known = np.array(sketch)
    inner = np.linspace(0, len(known), BINS_OF_INDEX + 1)[1:-1].astype(np.int64)
    edges = np.unique(known[inner]) if len(known) else known

    def counted(numbers: NDArray[np.float64], each: float) -> dict[str, int]:
        rows = np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(edges) + 1)
        return {str(place): round(row * each) for place, row in enumerate(rows.tolist())}

    return counted(known, count / max(len(known), 1)), counted(values, 1.0)


def _table(reference: Mapping[str, int], batch: Mapping[str, int]) -> NDArray[np.float64]:
    """Counts (2, categories) of those that occur."""
    names = sorted({*reference, *batch})
    table = np.array([[counts.get(name, 0) for name in names] for counts in (reference, batch)], np.float64)
    return table.reshape(2, -1)[:, table.reshape(2, -1).sum(axis=0) > 0]
