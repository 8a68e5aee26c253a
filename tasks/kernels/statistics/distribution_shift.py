"""Distribution shift: whether numbers can be a random sample of others, by their distributions and scales."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
FAR = 0.5
"""Distances of distribution functions below this are tolerated: they do not indicate another unit."""
SURE = 2.6
"""Bound of the distance times the root of the effective sample size; random samples exceed it in 3 of a million cases
(Kolmogorov 1933)."""
SCALE = 3.0
"""Median deviations must differ by this factor, too: less hardly matters to the ranges of a network."""
MOST = 2000
"""Examples of a set that are compared, at most."""


def distance(sample: Array, whole: Array) -> float:
    """Largest difference of the two empirical distribution functions (Kolmogorov–Smirnov), 0 to 1."""
    places = np.concatenate([sample, whole])
    shares = [np.searchsorted(np.sort(values), places, side="right") / len(values) for values in (sample, whole)]
    return float(np.abs(shares[0] - shares[1]).max())


def unlike(sample: Array, whole: Array) -> bool:
    """Whether `sample` (n,) cannot be a random sample of `whole` (m,) because its location or scale differs.

    Always False for fewer than 8 numbers, which say too little.
    """
    if min(len(sample), len(whole)) < 8:
        return False
    around = np.median(whole)
    deviations = [np.abs(values - around) for values in (sample, whole)]
    farthest = max(distance(sample, whole), distance(*deviations))
    bound = max(FAR, SURE * np.sqrt(1 / len(sample) + 1 / len(whole)))
    own = np.abs(sample - np.median(sample))
    shift, spread, usual = (float(np.median(each)) for each in (deviations[0], own, deviations[1]))
    off = shift > SCALE * usual or usual > SCALE * spread
    return farthest >= bound and off


def spread_out(count: int) -> NDArray[np.int64]:
    """Indices of at most MOST examples, evenly spaced over `count`."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(np.int64))


def by_channel(values: Array) -> dict[str, Floats]:
    """Mean and standard deviation of each channel, one number for each example: (count,) by a name in words.

    `values` is (count, …, channels), as (count, height, width, channels) of images, or (count, channels), where only
    the means are given. Whole examples are compared because the pixels of one image are not independent.
    """
    flat = np.asarray(values, np.float64).reshape(len(values), -1, values.shape[-1])
    channels = range(flat.shape[2])
    if values.ndim == 2:
        return {f"number {index} of an example": flat[:, 0, index] for index in channels}
    what = "image" if values.ndim == 4 else "example"
    means = {f"mean of channel {index} over an {what}": flat[..., index].mean(1) for index in channels}
    return means | {f"spread of channel {index} over an {what}": flat[..., index].std(1) for index in channels}


def central(values: Array) -> str:
    """The range of the middle 90 % of the values, as text: `0.31 to 0.62`."""
    low, high = np.quantile(values, [0.05, 0.95])
    return f"{low:.3g} to {high:.3g}"
