"""Ranking: one number for what a goal wants: those that meet it by what they save, the others by how far they miss."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.artifacts import Goal, Scorecard


@dataclass(frozen=True)
class Standing:
    """Where something stands against the baseline, as far as it is known."""

    drop: float
    """Loss of the metric, in its own unit; positive is worse."""
    saving: float
    """Share of the baseline's latency or bytes, whichever the goal minimizes, that is saved; below 0 it costs more."""
    excess: float = 0.0
    """How far the goal's limits are exceeded, as shares of them, in all; 0 keeps them."""


def standing(card: Scorecard, goal: Goal) -> Standing:
    """Where a measured file stands; its drop is the one that the goal's proof looks at."""
    return Standing(goal.judged(card.drop.estimate), saving(card, goal), excess(card, goal))


def rank(standing: Standing, goal: Goal, scale: float) -> float:
    """Higher is better: above 0 what is saved by those that meet the goal, below 0 how far the others miss it.

    Args:
        scale: the baseline's score: a drop beyond the goal counts as a share of it.
    """
    miss = max(0.0, standing.drop - goal.max_drop) / max(abs(scale), 1e-9) + standing.excess
    if standing.saving <= 0:
        miss += -standing.saving
        return -miss
    return -miss if miss > 0 else standing.saving


def saving(card: Scorecard, goal: Goal) -> float:
    """The share that is saved; a latency that is not measurably lower saves nothing."""
    if goal.minimize == "bytes":
        return 1 - 1 / card.size_ratio
    gained = 1 - 1 / card.latency.ratio.value
    return gained if card.latency.verdict == "faster" else min(gained, 0.0)


def excess(card: Scorecard, goal: Goal) -> float:
    """How far the limits are exceeded, each as a share of itself."""
    limits = goal.limits
    pairs = [
        (limits.bytes, card.size.bytes),
        (limits.latency_ms, card.latency.median_ms),
        (limits.speedup and 1 / limits.speedup, 1 / card.latency.ratio.value),
    ]
    return sum(max(0.0, value / bound - 1) for bound, value in pairs if bound)
