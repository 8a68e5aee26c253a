"""Effects: what a cell gains over its reference, over seeds and examples, with an interval and a verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.core import Estimate

LEVEL = 0.95
"""The level at which all intervals of a table hold together."""
LARGEST = 700.0
"""Logarithm above which a number is taken for infinite."""
Verdict = Literal["better", "worse", "no measurable effect", "open"]
Change = Literal["less", "more", "no measurable change", "open"]


@dataclass(frozen=True)
class Measured:
    """What one cell was measured to be with one seed."""

    cell: str
    seed: int
    score: float | None = None
    """The metric on validation; None in a table of speed."""
    gain: Estimate | None = None
    """By how much it is better than the reference with the same seed, paired on the same examples, with a 95 %
    interval; positive is better for every metric. None for the reference, and in a table of speed."""
    seconds: float | None = None
    """Seconds of training; of a table of speed, seconds of the same work."""
    bytes: int | None = None
    latency_ms: float | None = None
    speedup: Estimate | None = None
    """The reference's latency over its own, measured interleaved, with its interval over processes."""
    choice: str = ""
    """Which of its options it used, as text."""
    curve: tuple[tuple[int, float], ...] = ()
    """(epoch, validation loss) of its training."""
    refusal: str = ""
    """Why it could not be measured; else empty."""
    spent: float = 0.0
    """Seconds that the whole measurement took, which count against the budget."""


@dataclass(frozen=True)
class Effect:
    """A mean gain over seeds. All intervals of a table hold together in 95 % of cases."""

    value: float
    low: float
    high: float
    seeds: int
    n: int
    """Number of validation examples."""
    verdict: Verdict

    @property
    def detectable(self) -> float:
        """The smallest effect that so many seeds and examples could have seen: the larger half of the interval."""
        return max(self.value - self.low, self.high - self.value)


@dataclass(frozen=True)
class Ratio:
    """A mean ratio to the reference over seeds, geometric, with an interval as of `Effect`: below 1 costs less."""

    value: float
    low: float
    high: float
    seeds: int
    change: Change


def effect_of(gains: Sequence[Estimate], comparisons: int, least: int) -> Effect:
    """The mean of the gains, with the noise of the seeds and that of the examples.

    The seeds' noise is Student's, and the examples' that of the paired intervals, which all seeds share, since they are
    judged on the same examples. Bonferroni's correction makes each interval one of level 1 - 0.05 / comparisons.

    Args:
        gains: of one cell, one for each seed, with 95 % intervals.
        comparisons: number of cells that are compared with the same reference, at least 1.
        least: number of seeds below which the verdict is open.
    """
    values = [each.value for each in gains]
    mean, noise = statistics.mean(values), seed_noise(values, comparisons)
    wider = normal(corrected(comparisons)) / normal(LEVEL)
    below = wider * statistics.mean(each.value - each.low for each in gains)
    above = wider * statistics.mean(each.high - each.value for each in gains)
    low, high = mean - math.hypot(below, noise), mean + math.hypot(above, noise)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "no measurable effect"
    return Effect(mean, low, high, len(gains), gains[0].n, verdict if len(gains) >= least else "open")


def ratio_of(ratios: Sequence[Estimate], comparisons: int, least: int) -> Ratio:
    """The geometric mean of ratios, with the noise of the seeds and that of each measurement, where it has one.

    Args:
        ratios: a cost over the reference's with the same seed, above 0, one for each seed, with 95 % intervals.
        comparisons: as in `effect_of`.
        least: as in `effect_of`.
    """
    logs = [math.log(each.value) for each in ratios]
    mean, noise = statistics.mean(logs), seed_noise(logs, comparisons)
    wider = normal(corrected(comparisons)) / normal(LEVEL)
    below = wider * statistics.mean(math.log(each.value / each.low) for each in ratios)
    above = wider * statistics.mean(math.log(each.high / each.value) for each in ratios)
    low = math.exp(mean - math.hypot(below, noise))
    most = mean + math.hypot(above, noise)
    high = math.exp(most) if most < LARGEST else math.inf
    change: Change = "less" if high < 1 else "more" if low > 1 else "no measurable change"
    return Ratio(math.exp(mean), low, high, len(ratios), change if len(ratios) >= least else "open")


def seed_noise(values: Sequence[float], comparisons: int) -> float:
    """Half the width of the corrected interval of a mean over seeds; infinite for a single seed."""
    from scipy import stats

    if len(values) < 2:
        return math.inf
    quantile = float(stats.t.ppf((1 + corrected(comparisons)) / 2, len(values) - 1))
    return quantile * statistics.stdev(values) / math.sqrt(len(values))


def corrected(comparisons: int) -> float:
    """The level of each interval, so that all of so many hold together in 95 % of cases (Bonferroni)."""
    return 1 - (1 - LEVEL) / comparisons


def normal(level: float) -> float:
    """The normal quantile of a two-sided interval of this level."""
    return statistics.NormalDist().inv_cdf((1 + level) / 2)
