"""Ranking: one number for what a goal wants: those that meet it by what they save, the others by how far they miss."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasks.core import Goal, Latency, Scorecard


@dataclass(frozen=True)
class GoalPosition:
    """Where something stands against the baseline, as far as it is known."""

    drop: float
    """Loss of the metric, in its own unit; positive is worse."""
    saving: float
    """Share of the baseline's latency or bytes, whichever the goal minimizes, that is saved; below 0 it costs more."""
    excess: float = 0.0
    """How far the goal's limits are exceeded, as shares of them, in all; 0 keeps them."""


def position_of(card: Scorecard, goal: Goal) -> GoalPosition:
    """Where a measured file stands; its drop is the one that the goal's proof looks at."""
    hoped = position_ahead(card.latency, card.size.bytes, card.size_ratio, goal)
    return replace(hoped, drop=goal.judged(card.drop.estimate))


def position_ahead(latency: Latency, size: int, size_ratio: float, goal: Goal) -> GoalPosition:
    """Where a file of so many bytes would stand if it lost nothing; `size_ratio` is that of `Scorecard`."""
    excess = goal.limits.excess(size, latency.median_ms, latency.ratio.value)
    return GoalPosition(0.0, saving(latency, size_ratio, goal), excess)


def rank(standing: GoalPosition, goal: Goal, scale: float) -> float:
    """Higher is better: above 0 what is saved by those that meet the goal, below 0 how far the others miss it.

    Args:
        scale: the baseline's score: a drop beyond the goal counts as a share of it.
    """
    miss = max(0.0, standing.drop - goal.max_drop) / max(abs(scale), 1e-9) + standing.excess
    if standing.saving <= 0:
        miss += -standing.saving
        return -miss
    return -miss if miss > 0 else standing.saving


def saving(latency: Latency, size_ratio: float, goal: Goal) -> float:
    """The share that is saved; a latency that is not measurably lower saves nothing."""
    if goal.minimize == "bytes":
        return 1 - 1 / size_ratio
    gained = 1 - 1 / latency.ratio.value
    return gained if latency.verdict == "faster" else min(gained, 0.0)
