"""Trade-off text: for a search with a cost as second objective, which trial was chosen and why, as text."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core import Goal
from tasks.kernels.statistics.metrics import Metric
from tasks.report.report_data import Tradeoff
from tasks.search.pareto_front import chosen_trial, near_best, score_of, trial_front
from tasks.search.results import EXCESS, SearchResult, Trial


def describe_tradeoff(tuned: SearchResult, goal: Goal, metric: Metric) -> Tradeoff | None:
    """The report's record of both objectives; None for a search without a cost or without a trial that has one."""
    cost = tuned.cost
    trial = chosen_trial(tuned.trials, cost, goal.max_drop) if cost else None
    if cost is None or trial is None:
        return None
    numbers = [each.number for each in trial_front(tuned.trials, cost)]
    return Tradeoff(cost, trial.number, tuple(numbers), tradeoff_answer(tuned.trials, cost, goal, metric))


def tradeoff_answer(trials: Sequence[Trial], cost: str, goal: Goal, metric: Metric) -> str:
    """Which trial was chosen and why, and the Pareto front, as text; empty when no trial has a score and the cost.

    Args:
        cost: key in `Trial.measured` of the second objective.
    """
    near, trial = near_best(trials, cost, goal.max_drop), chosen_trial(trials, cost, goal.max_drop)
    if trial is None:
        return ""
    if EXCESS in trial.measured:
        return f"No trial keeps the goal's limits: trial {trial.number}, which exceeds them least, is taken."
    best = near[0]
    score = metric.oriented(score_of(best))
    of = f"trial {best.number} has the best {metric.title}, {score:.4f}, at {format_cost(best, cost)}"
    numbers = ", ".join(str(each.number) for each in trial_front(trials, cost))
    ends = f"Trials that no other beats in both, the least {cost_noun(cost)} first: {numbers}."
    if len(near) == 1:
        return f"T{of[1:]}, and is taken: no other is within {goal.max_drop:g} of it. {ends}"
    least = f"the least {cost_noun(cost)} of the {len(near)} trials within {goal.max_drop:g} of the best {metric.title}"
    if trial is best:
        return f"T{of[1:]}, and is taken: that is {least}. {ends}"
    reached = f"{format_cost(trial, cost)} at {metric.title} {metric.oriented(score_of(trial)):.4f}"
    return f"Trial {trial.number} is taken, which has {least}: {reached}; {of}. {ends}"


def format_cost(trial: Trial, cost: str) -> str:
    """A trial's cost with its unit, as text."""
    value = trial.measured[cost]
    return f"{value:,.0f} bytes" if cost == "bytes" else f"{value:.3g} ms"


def cost_noun(cost: str) -> str:
    """What a cost measures, as a noun: `size` for `bytes`, otherwise `latency`."""
    return "size" if cost == "bytes" else "latency"
