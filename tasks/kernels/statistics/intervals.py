"""Confidence intervals: of a proportion, a paired difference of two, any metric (bootstrap), and a ratio of times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""
Floats = NDArray[np.float64]


def normal_quantile(level: float) -> float:
    """The normal quantile of a two-sided interval of this level: Z95 of 0.95."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(successes: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Score interval of one proportion (Wilson 1927), within 0..1. `n` must be at least 1."""
    p, spread = successes / n, z * z / n
    middle = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(p * (1 - p) / n + spread / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _score(delta: float, losses: float, gains: float, n: float) -> float:
    """Tango's score statistic for the hypothesis that the true difference is `delta`."""
    # `rate` is the maximum-likelihood estimate of the gains' probability under that hypothesis.
    linear = (2 * n - losses + gains) * delta - losses - gains
    constant = -gains * delta * (1 - delta)
    rate = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
    variance = n * (2 * rate + delta * (1 - delta))
    distance = losses - gains - n * delta
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def _bisect(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """The boundary of `holds` between a point where it is true and one where it is false."""
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return (inside + outside) / 2


def paired_difference(losses: float, gains: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Score interval of a paired difference of two proportions, (losses - gains) / n (Tango 1998).

    `losses` counts the examples (of `n`) that only the first model gets right, `gains` those that only the second
    does. With neither, the interval is ±z²/(n + z²), so that 270 examples do not prove a margin of one point.
    """
    estimate = (losses - gains) / n

    def holds(delta: float) -> bool:
        return delta == estimate or abs(_score(delta, losses, gains, n)) <= z

    return _bisect(holds, estimate, -1.0), _bisect(holds, estimate, 1.0)


def examples_needed(losses: float, gains: float, n: int, margin: float, z: float = Z95) -> int | None:
    """The smallest number of examples at which the interval's upper end would be within `margin`.

    Assumes the same rates of losses and gains. None when the estimate itself is not below the margin, or when a
    billion examples would not be enough.
    """
    if (losses - gains) / n >= margin:
        return None

    def proves(count: int) -> bool:
        scale = count / n
        return paired_difference(losses * scale, gains * scale, count, z)[1] <= margin

    low, high = 0, 1
    while not proves(high):
        if high > 10**9:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(middle) else (middle, high)
    return high


def needed_by_width(estimate: float, high: float, n: int, margin: float) -> int | None:
    """As `examples_needed`, for any metric: assumes that an interval's width shrinks with the root of the count `n`.

    `estimate` and `high` are the present estimate and the upper end of its interval.
    """
    if estimate >= margin:
        return None
    return max(n + 1, math.ceil(n * ((high - estimate) / (margin - estimate)) ** 2))


def bootstrap(measures: Sequence[Callable[[Floats], Floats]], n: int, seed: int = 0, resamples: int = 10_000) -> Floats:
    """The values of every measure on the same bootstrap resamples of `n` examples: (measures, resamples).

    A measure takes weights (n, columns), how often each example was drawn, and returns one value for each column.
    Since the resamples are shared, differences between measures are a paired bootstrap.
    """
    generator = np.random.default_rng(seed)
    columns = max(1, min(resamples, 2_000_000 // n))
    found = np.empty((len(measures), resamples))
    for start in range(0, resamples, columns):
        count = min(columns, resamples - start)
        drawn = generator.integers(0, n, size=(n, count)) * count + np.arange(count)
        weights = np.bincount(drawn.ravel(), minlength=n * count).reshape(n, count).astype(np.float64)
        for row, measure in enumerate(measures):
            found[row, start : start + count] = measure(weights)
    return found


def percentiles(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """The central interval (low, high) of resampled values; NaN values are left out."""
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def unseen_share(n: float, z: float = Z95) -> float:
    """The share of all examples that can be of a kind of which `n` random ones show none: z²/(n + z²).

    It is the upper end of Wilson's interval of 0 of n, and the half width of Tango's interval where two models agree on
    all n examples. A resample knows only the kinds that it has seen, so no bootstrap interval may be narrower.
    """
    return z * z / (n + z * z)


def needed_by_share(estimate: float, scale: float, margin: float, z: float = Z95) -> int | None:
    """The smallest number of examples at which `unseen_share` times `scale` is within `margin - estimate`.

    None when the estimate itself is not below the margin.
    """
    if estimate >= margin:
        return None
    return max(1, math.ceil(z * z * (scale / (margin - estimate) - 1) - 1e-9))


def at_least(interval: tuple[float, float], around: float, half: float) -> tuple[float, float]:
    """The interval (low, high), widened where it reaches less than `half` below or above the estimate `around`."""
    return min(interval[0], around - half), max(interval[1], around + half)


def ratio_interval(ratios: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """(ratio, low, high): geometric mean of positive ratios, one for each process, with a t-interval of their logs.

    Raises ValueError for fewer than two ratios.
    """
    if len(ratios) < 2:
        raise ValueError("an interval over processes needs at least two of them")
    from scipy.special import stdtrit

    logs = np.log(np.asarray(ratios, dtype=np.float64))
    half = float(stdtrit(len(logs) - 1, (1 + level) / 2)) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
    middle = float(logs.mean())
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)
