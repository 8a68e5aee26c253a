"""Groups: the scores of every group of examples, with intervals that hold together, and the group that loses most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tasks.core import Goal, GroupScore, InputError, Scorecard
from tasks.evaluation import scoring

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.statistics.metrics import Metric

FEW_ROWS_OF_GROUP = 10
"""A group with fewer examples is not judged."""
TOO_FEW = "too few to judge"


@dataclass(frozen=True)
class Group:
    """The examples of a split that have one value in a column."""

    column: str
    value: str
    rows: np.ndarray
    """Their positions in the split."""


def score_groups(
    outputs: Mapping[str, np.ndarray],
    baseline: str,
    targets: np.ndarray,
    groups: Sequence[Group],
    goal: Goal,
    metric: Metric,
    thresholds: Mapping[str, float] = scoring.NO_THRESHOLDS,
) -> dict[str, tuple[GroupScore, ...]]:
    """The scores of each product on each group, paired with the baseline's, as `scoring.score_products` gives them.

    The intervals hold for all groups together (Bonferroni); the margin is `goal.group_margin`. A group with fewer than
    FEW_ROWS_OF_GROUP examples, or on which the metric is not defined, has no score.

    Args:
        outputs: the products' outputs by digest, (n, outputs).
        baseline: the baseline's digest, a key of `outputs`.
        targets: class indices or numbers, (n,).
        groups: the groups of all columns.
        goal: the margins.
        metric: the metric.
        thresholds: of an operating point, by digest; they are those of all examples.

    Returns:
        Digest → a score for each group, in their order.
    """
    found: dict[str, list[GroupScore]] = {digest: [] for digest in outputs}
    level = 1 - 0.05 / max(1, len(groups))
    score = partial(scoring.score_products, metric=metric, margin=goal.group_margin, thresholds=thresholds, level=level)
    for group in groups:
        rows = {digest: each[group.rows] for digest, each in outputs.items()}
        try:
            scored = score(rows, baseline, targets[group.rows]) if len(group.rows) >= FEW_ROWS_OF_GROUP else {}
        except InputError:  # the metric is not defined here, such as roc_auc where a class is missing
            scored = {}
        for digest, told in found.items():
            told.append(GroupScore(group.column, group.value, len(group.rows), *scored.get(digest, (None, None))))
    return {digest: tuple(told) for digest, told in found.items()}


def worst_group(card: Scorecard, goal: Goal) -> GroupScore | None:
    """The group with the largest drop, as `goal.proof` judges it; None without groups.

    A group that cannot be judged counts as `group_drop` says.
    """
    return max(card.groups, key=lambda group: group_drop(group, card, goal), default=None)


def group_drop(group: GroupScore, card: Scorecard, goal: Goal) -> float:
    """The drop of a group that `goal.proof` judges.

    A group that cannot be judged is passed over by `estimate`. No proof can be given for it: it counts as if it
    exceeded its margin by all of the score.
    """
    if group.drop is not None:
        return goal.judged(group.drop.estimate)
    lost = max(abs(card.score.value), 1e-9)
    return float("-inf") if goal.proof == "estimate" else goal.group_margin + lost


def group_excess(card: Scorecard, goal: Goal) -> float:
    """By how much the worst group exceeds `goal.limits.group_drop`, in the metric's own unit; 0 without that limit."""
    bound, worst = goal.limits.group_drop, worst_group(card, goal)
    if bound is None or worst is None:
        return 0.0
    return max(0.0, group_drop(worst, card, goal) - bound)


def group_flaw(card: Scorecard, goal: Goal) -> str | None:
    """A sentence on the worst group if it does not keep `goal.limits.group_drop`; None if all groups do."""
    worst = worst_group(card, goal)
    if worst is None or group_excess(card, goal) == 0:
        return None
    named, bound = f"{worst.name} (n = {worst.n:,})", f"{goal.group_margin:g}"
    if worst.drop is None:
        return f"{named} has too few examples to prove a drop within {bound}"
    if worst.drop.estimate.value > goal.group_margin:
        return f"{card.metric_title} of {named} gets worse by {worst.drop.estimate.value:.4g}, beyond {bound}"
    if goal.proof == "likely":
        return f"the drop of {named} is within {bound}, but in more than one of five such samples it would not be"
    needed = f"; about {worst.drop.needed:,} of them would prove it" if worst.drop.needed else ""
    return f"the drop of {named} is within {bound} but not proven by its examples{needed}"


def hurt_groups(card: Scorecard) -> list[GroupScore]:
    """The groups whose drop is beyond its margin, the largest drop first: shown where the whole interval is."""
    beyond = {group.name: group.drop for group in card.groups if group.drop and group.drop.verdict == "beyond"}
    hurt = [group for group in card.groups if group.name in beyond]
    return sorted(hurt, key=lambda group: -beyond[group.name].estimate.value)
