"""Ranking: one number for how well a file meets the goal: the share it saves, or how far it misses the goal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasks.core import Goal, Latency, Scorecard
from tasks.evaluation.groups import group_excess


@dataclass(frozen=True)
class GoalPosition:
    """The quantities of a file that a goal judges, relative to the baseline."""

    drop: float
    """Loss of the metric, in its own unit; positive is worse."""
    saving: float
    """Share of the baseline's latency or bytes (what the goal minimizes) that is saved; negative when it costs more."""
    excess: float = 0.0
    """Sum of the shares by which the goal's limits are exceeded; 0 when all are kept."""
    group_excess: float = 0.0
    """By how much the worst group's drop exceeds its limit, in the metric's own unit."""


def position_of(card: Scorecard, goal: Goal) -> GoalPosition:
    """The position of a measured file; its drops are the numbers that the goal's `proof` judges."""
    hoped = position_ahead(card.latency, card.size.bytes, card.size_ratio, goal)
    return replace(hoped, drop=goal.judged(card.drop.estimate), group_excess=group_excess(card, goal))


def position_ahead(latency: Latency, size: int, size_ratio: float, goal: Goal) -> GoalPosition:
    """The position of a file if its drop were 0.

    Args:
        latency: the file's latency.
        size: bytes of the file.
        size_ratio: the baseline's bytes over the file's.
        goal: what is minimized, and the limits.
    """
    excess = goal.limits.excess(size, latency.median_ms, latency.ratio.value)
    return GoalPosition(0.0, saving(latency, size_ratio, goal), excess)


def rank(standing: GoalPosition, goal: Goal, scale: float) -> float:
    """The rank of a position; higher is better.

    For a file that meets the goal it is the share that is saved, above 0. For any other file it is at most 0: minus the
    sum of the drop beyond the goal and of the worst group's excess (both as a share of `scale`), the excess over the
    limits, and the share of additional cost.

    Args:
        standing: the position.
        goal: the largest accepted drop.
        scale: the baseline's score.
    """
    beyond = max(0.0, standing.drop - goal.max_drop) + standing.group_excess
    miss = beyond / max(abs(scale), 1e-9) + standing.excess
    if standing.saving <= 0:
        miss += -standing.saving
        return -miss
    return -miss if miss > 0 else standing.saving


def saving(latency: Latency, size_ratio: float, goal: Goal) -> float:
    """The share of the baseline's latency or bytes that is saved, below 1; negative when the file costs more.

    A latency that is not measurably lower saves nothing. `size_ratio` is the baseline's bytes over the file's.
    """
    if goal.minimize == "bytes":
        return 1 - 1 / size_ratio
    gained = 1 - 1 / latency.ratio.value
    return gained if latency.verdict == "faster" else min(gained, 0.0)
