"""Number formats: the 8-bit formats of weights and activations, and the ranges of real numbers they should cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Range = tuple[float, float]
"""Lowest and highest real number that a tensor's 8 bits represent."""
Calibration = Literal["minmax", "entropy", "percentile"]
Variant = Literal["u8s8_reduced", "u8s8", "u8u8", "s8s8"]
"""Format of the activations, then of the weights: u8 is 0..255 with a zero point, s8 is -128..127."""
BINS = 2048
LEVELS = 128
"""Levels of magnitude, from zero to the threshold, into which the entropy method rounds."""
SHARE = 0.9999
"""Central share of the values that the percentile method covers."""


@dataclass(frozen=True)
class Format:
    """Number formats of one variant; with `reduced`, weights use 7 of their 8 bits.

    Processors without VNNI add two products in 16 bits, which 8-bit weights can saturate and 7-bit ones cannot.
    """

    signed_activations: bool
    signed_weights: bool
    reduced: bool = False


FORMATS: Mapping[Variant, Format] = {
    "u8s8_reduced": Format(False, True, reduced=True),
    "u8s8": Format(False, True),
    "u8u8": Format(False, False),
    "s8s8": Format(True, True),
}


def extremes(parts: Iterable[Mapping[str, Array]]) -> dict[str, Range]:
    """Smallest and largest value of each named tensor over all parts; NaN when a tensor holds a NaN."""
    found: dict[str, Range] = {}
    for part in parts:
        for name, array in part.items():
            low, high = float(array.min()), float(array.max())
            before = found.get(name, (low, high))
            found[name] = float(np.minimum(before[0], low)), float(np.maximum(before[1], high))
    return found


def clipped_ranges(
    parts: Iterable[Mapping[str, Array]], full: Mapping[str, Range], method: Calibration
) -> dict[str, Range]:
    """Ranges that clip outliers, at most as wide as `full` (the extremes), from histograms of `parts`.

    `method` is `entropy` or `percentile`; `parts` yields arrays by tensor name and is read once.
    """
    counts = {name: np.zeros(BINS, dtype=np.int64) for name in full}
    edges = {name: _edges(limits, method) for name, limits in full.items()}
    for part in parts:
        for name, array in part.items():
            values = np.abs(array) if method == "entropy" else array
            # Two numbers instead of the edges: numpy then counts without sorting.
            counts[name] += np.histogram(values, BINS, (edges[name][0], edges[name][-1]))[0]
    choose = _by_entropy if method == "entropy" else _by_percentile
    return {name: choose(counts[name], edges[name], limits) for name, limits in full.items()}


def _edges(limits: Range, method: Calibration) -> Array:
    low, high = (0.0, max(map(abs, limits))) if method == "entropy" else limits
    # The outermost values must fall inside the last bins whatever float32 rounding did to them.
    slack = 1e-6 * max(abs(low), abs(high), 1e-12)
    return np.linspace(low - slack, high + slack, BINS + 1)


def _by_percentile(counts: Array, edges: Array, full: Range) -> Range:
    share = counts.cumsum() / counts.sum()
    tail = (1 - SHARE) / 2
    low, high = edges[np.searchsorted(share, tail)], edges[np.searchsorted(share, 1 - tail) + 1]
    return max(float(low), full[0]), min(float(high), full[1])


def _by_entropy(counts: Array, edges: Array, full: Range) -> Range:
    """The clipping threshold whose quantized histogram diverges least from the true one (Migacz 2017)."""
    # The zeros that a ReLU makes are exact at any threshold; counted, they would outweigh every other value.
    counts = np.concatenate([counts[1:2], counts[1:]])
    ends = range(LEVELS, BINS + 1, 16)
    best = min(ends, key=lambda end: _divergence(counts, end))
    threshold = float(edges[best])
    return max(-threshold, full[0]), min(threshold, full[1])


def _divergence(counts: Array, end: int) -> float:
    """Kullback-Leibler divergence when `end` bins are kept, the rest clipped, and LEVELS values are used."""
    inside = counts[:end].astype(np.float64)
    reference = inside.copy()
    reference[-1] += counts[end:].sum()
    level = np.arange(end) * LEVELS // end
    filled = inside > 0
    mass = np.bincount(level, inside, LEVELS) / np.maximum(np.bincount(level, filled, LEVELS), 1)
    # Half a count for a last bin that holds clipped values only: none would make the divergence infinite.
    approximation = np.where(filled, mass[level], 0.5)[reference > 0]
    reference = reference[reference > 0]
    p, q = reference / reference.sum(), approximation / approximation.sum()
    return float((p * np.log(p / q)).sum())


def broadcast_along(values: Array, shaped: Array, axis: int) -> Array:
    """`values`, one number or one for each slice of `shaped` along `axis`, reshaped to broadcast against it."""
    if values.size == 1:
        return values.reshape(())
    shape = [1] * shaped.ndim
    shape[axis] = values.size
    return values.reshape(shape)
