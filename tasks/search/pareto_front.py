"""Trade-offs: a search with a second objective: its front, which of the trials is taken, and why."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.search.results import EXCESS, Trial, best_point
from tasks.search.space import Point


def best_tradeoff(trials: Sequence[Trial], cost: str | None, margin: float) -> Point:
    """The best point; with a cost, the point of the trial that is `taken`."""
    trial = taken(trials, cost, margin) if cost else None
    return trial.point if trial else best_point(trials)


def taken(trials: Sequence[Trial], cost: str, margin: float) -> Trial | None:
    """Of those that are as good as the best the one with the least cost; the better one on a tie."""
    return min(good(trials, cost, margin), key=lambda trial: (trial.measured[cost], -score_of(trial)), default=None)


def good(trials: Sequence[Trial], cost: str, margin: float) -> list[Trial]:
    """The trials whose cost is known and whose score is within the margin of the best such, the best first."""
    ranked = sorted(with_cost(trials, cost), key=score_of, reverse=True)
    return [trial for trial in ranked if score_of(trial) >= score_of(ranked[0]) - margin]


def trial_front(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """The trials that no other beats in score or cost without losing in the other, the least cost first; of those that
    are equal in both, the first. None of them is beyond the goal's limits.
    """
    found: list[Trial] = []
    within = [trial for trial in with_cost(trials, cost) if EXCESS not in trial.measured]
    for trial in sorted(within, key=lambda trial: (trial.measured[cost], -score_of(trial))):
        if not found or score_of(trial) > score_of(found[-1]):
            found.append(trial)
    return found


def with_cost(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """Those with a score and a cost."""
    return [trial for trial in trials if trial.score is not None and cost in trial.measured]


def score_of(trial: Trial) -> float:
    """The score of a trial that has one."""
    return trial.score if trial.score is not None else float("-inf")
