"""One-sided bounds: how large a mean can be, of the losses of one model or of the differences of two on the same rows.

Bounds of one look at a fixed number of rows. They are chosen for few rows: a sequence that is valid at every look
(`mean_sequence`) has no assumptions, but needs two to four times as many. Of losses 0 and 1 the bounds are Clopper and
Pearson's (1934), which are exact, and of their paired differences Tango's score bound (1998). Others are Student's,
corrected for skewness (Johnson 1978) and never nearer than an error that so few rows need not show
(`intervals.unseen_share`): losses have tails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.statistics.intervals import needed_by_share, paired_difference, unseen_share

CAP = 0.995
"""The share of the losses that is below what counts as a large one."""
POWER = 0.9
"""With this chance the announced number of rows suffices."""


@dataclass(frozen=True)
class PairedBound:
    """How much larger the mean loss of a second model is than a first one's, on the same rows."""

    value: float
    """The mean of second minus first: below 0, the second is better."""
    upper: float
    """The one-sided upper bound of `value`."""
    n: int
    """The number of rows."""
    alpha: float
    """The chance that the bound is too low."""
    deviation: float
    """Standard deviation of the difference of one row."""
    span: float
    """The largest difference that is reckoned with."""

    def is_within(self, margin: float) -> bool:
        """Whether it is proven that the second model is worse by no more than the margin: of 0, no worse at all."""
        return self.upper <= margin

    @property
    def is_better(self) -> bool:
        """Whether it is proven that the second model is better."""
        return self.upper < 0

    def rows_needed(self, distance: float, alpha: float) -> int | None:
        """`rows_needed` at this deviation."""
        return rows_needed(self.deviation, distance, alpha, self.span)


def share_upper(successes: int, n: int, alpha: float) -> float:
    """The upper bound of a proportion (Clopper and Pearson): exact, at most `alpha` of such bounds are too low."""
    from scipy.special import betainccinv

    return 1.0 if successes >= n else float(betainccinv(successes + 1, n - successes, alpha))


def mean_upper(mean: float, deviation: float, n: int, alpha: float, span: float, skewness: float = 0.0) -> float:
    """The upper bound of a mean by Student's t, corrected for skewness; no nearer than `unseen_share` times `span`.

    Args:
        mean: of `n` numbers, at least 2.
        deviation: their standard deviation (n - 1 degrees of freedom).
        n: how many they are.
        alpha: the chance that the bound is too low, below a half.
        span: how far above the mean a number can lie.
        skewness: of the numbers; negative skewness, which would lower the bound, is left out.
    """
    from scipy.special import stdtrit

    t = float(stdtrit(n - 1, 1 - alpha))
    half = deviation * (t / math.sqrt(n) + max(skewness, 0.0) * (1 + 2 * t * t) / (6 * n))
    return mean + max(half, unseen_share(n, _quantile(alpha)) * span)


def paired_bound(first: NDArray[np.generic], second: NDArray[np.generic], alpha: float) -> PairedBound:
    """The bound of the mean loss difference of two models, from their losses (n,) of the same rows.

    Losses that are all 0 or 1 take Tango's bound, others Student's; their span is what all but the largest losses keep
    below (CAP).

    Raises:
        ValueError: the losses are not as many, fewer than 2, or not finite.
    """
    losses = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if losses[0].shape != losses[1].shape or losses[0].ndim != 1 or len(losses[0]) < 2:
        raise ValueError("a paired bound needs the losses of two models on the same rows, two rows or more")
    change = losses[1] - losses[0]
    if not np.isfinite(change).all():
        raise ValueError("losses must be finite")
    n, value, deviation = len(change), float(change.mean()), float(change.std(ddof=1))
    if np.isin(losses, (0.0, 1.0)).all():
        worse, better = int((change > 0).sum()), int((change < 0).sum())
        upper = paired_difference(worse, better, n, _quantile(alpha))[1]
        return PairedBound(value, upper, n, alpha, deviation, 1.0)
    span = float(np.quantile(losses, CAP))
    upper = mean_upper(value, deviation, n, alpha, span, skewness_of(change))
    return PairedBound(value, upper, n, alpha, deviation, span)


def resampled_bound(value: float, resampled: NDArray[np.float64], n: int, alpha: float, span: float) -> PairedBound:
    """The bound of a difference of a metric that is no mean of losses, by the deviation of its paired bootstrap.

    A normal bound: the percentiles of ten thousand resamples do not reach the tails that later looks ask for.

    Args:
        value: the metric's loss, second model against first.
        resampled: the same on bootstrap resamples, (resamples,); NaN where undefined.
        n: the number of rows.
        alpha: the chance that the bound is too low.
        span: the largest difference that the metric can have.
    """
    spread = float(np.nanstd(resampled))
    z = _quantile(alpha)
    upper = value + max(z * spread, unseen_share(n, z) * span)
    return PairedBound(value, upper, n, alpha, spread * math.sqrt(n), span)


def skewness_of(values: NDArray[np.generic]) -> float:
    """The skewness of numbers (n,); 0 where all are the same."""
    wide = np.asarray(values, np.float64)
    around, spread = wide - wide.mean(), float(wide.std())
    return float((around**3).mean()) / spread**3 if spread > 0 else 0.0


def rows_needed(deviation: float, distance: float, alpha: float, span: float) -> int | None:
    """How many rows prove, with the chance POWER, that a mean which lies `distance` below a bound is below it.

    The same number proves that a model as good as another is worse by no more than the margin `distance`, and that one
    which is better by `distance` is better. None where the distance is not above 0, or a billion rows are too few.
    """
    if distance <= 0:
        return None
    z = _quantile(alpha)
    found = max(
        (z + NormalDist().inv_cdf(POWER)) ** 2 * (deviation / distance) ** 2, needed_by_share(0, span, distance, z) or 0
    )
    return math.ceil(found) if found <= 10**9 else None


def _quantile(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha)
