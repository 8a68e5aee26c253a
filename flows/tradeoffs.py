"""Trade-offs: a search with a second objective: its front, which of the trials is taken, and why."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.artifacts import LOWER_IS_BETTER, Goal
from tasks.reporting import Weighed
from tasks.spaces import Point
from tasks.tuning import EXCESS, Trial, Tuned, best_point


def best_of(trials: Sequence[Trial], cost: str | None, margin: float) -> Point:
    """The best point; with a cost, the point of the trial that is `taken`."""
    trial = taken(trials, cost, margin) if cost else None
    return trial.point if trial else best_point(trials)


def taken(trials: Sequence[Trial], cost: str, margin: float) -> Trial | None:
    """Of those that are as good as the best the one with the least cost; the better one on a tie."""
    return min(good(trials, cost, margin), key=lambda trial: (trial.measured[cost], -score(trial)), default=None)


def good(trials: Sequence[Trial], cost: str, margin: float) -> list[Trial]:
    """The trials whose cost is known and whose score is within the margin of the best such, the best first."""
    ranked = sorted(known(trials, cost), key=score, reverse=True)
    return [trial for trial in ranked if score(trial) >= score(ranked[0]) - margin]


def front(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """The trials that no other beats in score or cost without losing in the other, the least cost first; of those that
    are equal in both, the first. None of them is beyond the goal's limits.
    """
    found: list[Trial] = []
    within = [trial for trial in known(trials, cost) if EXCESS not in trial.measured]
    for trial in sorted(within, key=lambda trial: (trial.measured[cost], -score(trial))):
        if not found or score(trial) > score(found[-1]):
            found.append(trial)
    return found


def known(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """Those with a score and a cost."""
    return [trial for trial in trials if trial.score is not None and cost in trial.measured]


def score(trial: Trial) -> float:
    """The score of a trial that has one."""
    return trial.score if trial.score is not None else float("-inf")


def tell(tuned: Tuned, goal: Goal) -> Weighed | None:
    """Both objectives for the report; None for a search with one, or one in which nothing was weighed."""
    cost = tuned.cost
    trial = taken(tuned.trials, cost, goal.max_drop) if cost else None
    if cost is None or trial is None:
        return None
    numbers = [each.number for each in front(tuned.trials, cost)]
    return Weighed(cost, trial.number, tuple(numbers), answer(tuned.trials, cost, goal))


def answer(trials: Sequence[Trial], cost: str, goal: Goal) -> str:
    """Which trial was taken, and why, in a few sentences."""
    near, trial = good(trials, cost, goal.max_drop), taken(trials, cost, goal.max_drop)
    if trial is None:
        return ""
    if EXCESS in trial.measured:
        return f"No trial keeps the goal's limits: trial {trial.number}, which exceeds them least, is taken."
    sign, best = -1 if goal.metric in LOWER_IS_BETTER else 1, near[0]
    of = f"trial {best.number} has the best {goal.metric}, {sign * score(best):.4f}, at {words(best, cost)}"
    numbers = ", ".join(str(each.number) for each in front(trials, cost))
    ends = f"Trials that no other beats in both, the least {noun(cost)} first: {numbers}."
    if len(near) == 1:
        return f"T{of[1:]}, and is taken: no other is within {goal.max_drop:g} of it. {ends}"
    least = f"the least {noun(cost)} of the {len(near)} trials within {goal.max_drop:g} of the best {goal.metric}"
    if trial is best:
        return f"T{of[1:]}, and is taken: that is {least}. {ends}"
    reached = f"{words(trial, cost)} at {goal.metric} {sign * score(trial):.4f}"
    return f"Trial {trial.number} is taken, which has {least}: {reached}; {of}. {ends}"


def words(trial: Trial, cost: str) -> str:
    """What a trial costs."""
    value = trial.measured[cost]
    return f"{value:,.0f} bytes" if cost == "bytes" else f"{value:.3g} ms"


def noun(cost: str) -> str:
    """What is minimized."""
    return "size" if cost == "bytes" else "latency"
