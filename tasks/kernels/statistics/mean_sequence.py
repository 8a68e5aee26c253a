"""Mean sequence: a one-sided confidence sequence for the mean of numbers in 0..1, valid however often one looks.

Somebody who bets, at fair odds, that the numbers lie above a level m in the mean multiplies his capital by
1 + bet · (x / m - 1) for each number x. While the mean, given the past, is at most m, the capital exceeds 1 / alpha at
any time with a probability of at most alpha (Ville 1939): where it does, m is refused (Waudby-Smith and Ramdas 2024).
Here the capital is spread over several bets, and over starts at every look, so that a rise after a long good time is
found soon: a start at look k gets the share 6 / (π² k²). A sum of capitals keeps the property. It does not depend on
the order of the numbers of one look.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.kernels.statistics.multiplicity import error_share

Doubles = NDArray[np.float64]
BETS = (0.9, *(2.0**-power for power in range(1, 10)))
"""Shares of the capital that are at stake; best is the one next to (mean - m) / (1 - m)."""
GRID = 96
"""Levels of a sequence, besides the given ones; they are dense near 0."""


@dataclass(frozen=True)
class MeanSequence:
    """The state of a sequence; its fields are JSON."""

    levels: tuple[float, ...]
    """The means that are tested, 0 < m < 1, rising."""
    capital: tuple[tuple[float, ...], ...]
    """Logarithms of the capital: for each level, by bet. Those of nothing are left out: empty before the first look."""
    highest: tuple[float, ...]
    """For each level, the logarithm of the largest capital so far, over all bets; empty before the first look."""
    looks: int = 0
    n: int = 0
    total: float = 0.0
    """Sum of the numbers."""

    @property
    def mean(self) -> float:
        """The mean of all numbers so far; 0 without any."""
        return self.total / self.n if self.n else 0.0

    def lower(self, alpha: float) -> float:
        """The bound above which the mean was at some time: a mean never above it shows this with chance `alpha`."""
        return max(
            (m for m, top in zip(self.levels, self.highest, strict=False) if top >= -math.log(alpha)), default=0.0
        )

    def p_value(self, level: float) -> float:
        """The least alpha at which the bound reaches a level; of one that is not tested, the next higher that is."""
        place = bisect_left(self.levels, level)
        if place >= len(self.highest):
            return 1.0
        return min(1.0, math.exp(-self.highest[place]))


def begin_sequence(*levels: float, grid: int = GRID) -> MeanSequence:
    """A sequence without a number.

    Args:
        levels: means that are to be tested exactly, each between 0 and 1, ends excluded.
        grid: how many more there are, for a bound.

    Raises:
        ValueError: a level is out of its range.
    """
    if not all(0 < level < 1 for level in levels):
        raise ValueError(f"levels must lie between 0 and 1, but are {levels}")
    more = [(place / (grid + 1)) ** 2 for place in range(1, grid + 1)]
    return MeanSequence(tuple(sorted({*levels, *more})), (), ())


def extend_sequence(sequence: MeanSequence, values: NDArray[np.generic]) -> MeanSequence:
    """The sequence after one more look at numbers (count,) in 0..1; without numbers it stays as it is.

    Raises:
        ValueError: a number is out of its range.
    """
    found, counts = np.unique(np.asarray(values, np.float64), return_counts=True)
    if not found.size:
        return sequence
    if not (found[0] >= 0 and found[-1] <= 1):
        raise ValueError(f"numbers must lie in 0..1, but are {found[0]:g} to {found[-1]:g}")
    looks = sequence.looks + 1
    start = math.log(error_share(1.0, looks) / len(BETS))
    before = np.array(sequence.capital) if sequence.capital else np.full((len(sequence.levels), len(BETS)), -np.inf)
    capital = np.logaddexp(before, start) + _gains(found, counts, np.array(sequence.levels))
    top = np.logaddexp.reduce(capital, axis=1)
    highest = np.maximum(top, sequence.highest) if sequence.highest else top
    return MeanSequence(
        sequence.levels,
        tuple(tuple(row) for row in capital.tolist()),
        tuple(highest.tolist()),
        looks,
        sequence.n + int(counts.sum()),
        sequence.total + float(found @ counts),
    )


def _gains(values: Doubles, counts: NDArray[np.int64], levels: Doubles) -> Doubles:
    """The logarithm of what the numbers multiply the capital by: (levels, bets)."""
    odds = values[None, :] / levels[:, None] - 1
    return np.stack([np.log1p(bet * odds) @ counts for bet in BETS], axis=1)
