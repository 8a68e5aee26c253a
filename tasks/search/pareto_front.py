"""Pareto front: for a search with a cost as its second objective, the front and the trial that is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.search.results import EXCESS, Trial, best_point
from tasks.search.space import Point


def best_tradeoff(trials: Sequence[Trial], cost: str | None, margin: float) -> Point:
    """The best point of a search; with a cost, the point of the trial that `chosen_trial` gives."""
    trial = chosen_trial(trials, cost, margin) if cost else None
    return trial.point if trial else best_point(trials)


def chosen_trial(trials: Sequence[Trial], cost: str, margin: float) -> Trial | None:
    """The trial with the least cost among the `near_best` ones; on a tie the better one; None when there is none."""
    return min(
        near_best(trials, cost, margin), key=lambda trial: (trial.measured[cost], -score_of(trial)), default=None
    )


def near_best(trials: Sequence[Trial], cost: str, margin: float) -> list[Trial]:
    """The trials with a score within `margin` of the best one, the best first; only trials with a known cost."""
    ranked = sorted(with_cost(trials, cost), key=score_of, reverse=True)
    return [trial for trial in ranked if score_of(trial) >= score_of(ranked[0]) - margin]


def trial_front(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """The Pareto front of score and cost, the least cost first, without trials beyond the goal's limits.

    Of trials that are equal in both, only the first.
    """
    found: list[Trial] = []
    within = [trial for trial in with_cost(trials, cost) if EXCESS not in trial.measured]
    for trial in sorted(within, key=lambda trial: (trial.measured[cost], -score_of(trial))):
        if not found or score_of(trial) > score_of(found[-1]):
            found.append(trial)
    return found


def with_cost(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """The trials that have a score and this cost."""
    return [trial for trial in trials if trial.score is not None and cost in trial.measured]


def score_of(trial: Trial) -> float:
    """The trial's score; -infinity without one."""
    return trial.score if trial.score is not None else float("-inf")
