"""Races: searches as curves of their best score against wall time, and what these say of one another."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.core import Estimate

GRID, RANDOM = "grid", "random"
QUARTER, WHOLE = 0.25, 1.0
"""Shares of the time of a seed's grid at which scores are compared."""
Curve = Sequence[tuple[float, float]]
"""(seconds since the search began, best score so far), at each improvement."""


@dataclass(frozen=True)
class Run:
    """One search that came to its end."""

    seed: int
    algorithm: str
    scheduler: str
    seconds: float
    """On the wall, from the call to its answer."""
    curve: Curve
    trials: int
    stopped: int
    """Trials that were stopped early."""
    failed: int

    @property
    def name(self) -> str:
        """The algorithm, and the scheduler if there is one."""
        return name_of(self.algorithm, self.scheduler)


@dataclass(frozen=True)
class Reach:
    """After which share of the time of the same seed's grid the best score of that grid was reached."""

    median: float | None
    """Over all seeds; one that never reached it counts as never. None: never."""
    low: float | None
    """Least and greatest share among the seeds that reached it; None when none did."""
    high: float | None
    reached: int
    n: int


@dataclass(frozen=True)
class Standing:
    """One algorithm, with or without a scheduler, over all seeds."""

    name: str
    best: Estimate
    seconds: tuple[float, float, float]
    """Of the whole search: median, least, greatest."""
    trials: float
    """A search, on average."""
    stopped: float
    reach: Reach
    over_random: Mapping[float, Estimate | None]
    """Share of the grid's time → best score by then less that of random search; None for want of two seeds."""
    over_random_alike: Mapping[float, Estimate | None]
    """The same, with random search under the same scheduler."""


def name_of(algorithm: str, scheduler: str) -> str:
    """`tpe`, or `tpe + asha`."""
    return algorithm if scheduler == "none" else f"{algorithm} + {scheduler}"


def score_at(curve: Curve, seconds: float) -> float | None:
    """The best score that was known by then; None when there was none."""
    return max((score for since, score in curve if since <= seconds), default=None)


def time_to(curve: Curve, score: float) -> float | None:
    """Seconds until the search knew a score at least as good; None when it never did."""
    return min((since for since, known in curve if known >= score), default=None)


def mean_interval(values: Sequence[float]) -> Estimate:
    """Mean and 95 % interval by Student's t. Needs two values or more; raises StatisticsError otherwise."""
    from scipy.special import stdtrit

    middle = statistics.fmean(values)
    half = float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(middle, middle - half, middle + half, len(values))


def reach_of(shares: Iterable[float | None]) -> Reach:
    """Sums up the shares of all seeds, None for one that never reached it."""
    every = [math.inf if share is None else share for share in shares]
    reached = [share for share in every if math.isfinite(share)]
    median = statistics.median(every)
    low, high = min(reached, default=None), max(reached, default=None)
    return Reach(median if math.isfinite(median) else None, low, high, len(reached), len(every))


def standings(runs: Sequence[Run]) -> list[Standing]:
    """The searches in the order of their first run; every seed must have every search."""
    found = {(run.name, run.seed): run for run in runs}
    names = dict.fromkeys(run.name for run in runs)
    seeds = dict.fromkeys(run.seed for run in runs)
    grids = [found[GRID, seed] for seed in seeds]
    return [_standing([found[name, seed] for seed in seeds], grids, found) for name in names]


def _standing(own: Sequence[Run], grids: Sequence[Run], found: Mapping[tuple[str, int], Run]) -> Standing:
    seconds = [run.seconds for run in own]
    times = [time_to(run.curve, grid.curve[-1][1]) for run, grid in zip(own, grids, strict=True)]
    randoms = [found[RANDOM, run.seed] for run in own]
    alike = [found[name_of(RANDOM, run.scheduler), run.seed] for run in own]
    return Standing(
        own[0].name,
        mean_interval([run.curve[-1][1] for run in own]),
        (statistics.median(seconds), min(seconds), max(seconds)),
        statistics.fmean(run.trials for run in own),
        statistics.fmean(run.stopped for run in own),
        reach_of(None if time is None else time / grid.seconds for time, grid in zip(times, grids, strict=True)),
        {share: _difference(own, randoms, grids, share) for share in (QUARTER, WHOLE)},
        {share: _difference(own, alike, grids, share) for share in (QUARTER, WHOLE)},
    )


def _difference(own: Sequence[Run], others: Sequence[Run], grids: Sequence[Run], share: float) -> Estimate | None:
    """Paired over the seeds in which both have a score by then."""
    pairs = [
        (score_at(run.curve, share * grid.seconds), score_at(other.curve, share * grid.seconds))
        for run, other, grid in zip(own, others, grids, strict=True)
    ]
    known = [ours - theirs for ours, theirs in pairs if ours is not None and theirs is not None]
    return mean_interval(known) if len(known) > 1 else None


def table(found: Sequence[Standing]) -> list[str]:
    """Lines of a Markdown table; every interval is of 95 %."""
    head = ["search", "best validation score", "seconds", "trials (stopped early)"]
    head += ["grid's best reached", "after, of grid's time"]
    head += ["lead over random at ¼ of grid's time", "at grid's time", "over random alike at ¼"]
    return [_row(head), "|" + "---|" * len(head), *(_row(_cells(each)) for each in found)]


def _cells(each: Standing) -> list[str]:
    reach, (median, least, greatest) = each.reach, each.seconds
    after = "never" if reach.median is None else f"{reach.median:.2f}"
    if reach.low is not None and reach.high is not None:
        after += f" ({reach.low:.2f} to {reach.high:.2f})"
    differences = (each.over_random[QUARTER], each.over_random[WHOLE], each.over_random_alike[QUARTER])
    return [
        each.name,
        _text(each.best),
        f"{median:.1f} ({least:.1f} to {greatest:.1f})",
        f"{each.trials:g} ({each.stopped:g})",
        f"{reach.reached} of {reach.n}",
        after,
        *("–" if estimate is None else _text(estimate, "+") for estimate in differences),
    ]


def _text(estimate: Estimate, sign: str = "") -> str:
    return f"{estimate.value:{sign}.4f} [{estimate.low:{sign}.4f}, {estimate.high:{sign}.4f}]"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
