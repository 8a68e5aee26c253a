"""Group text: the groups of the data with their counts, and which of them the product hurts, as text."""

from __future__ import annotations

from flows.pipeline.findings import Findings
from tasks.compression.measure import groups_of_split
from tasks.core import Dataset, GroupScore, Scorecard, Store
from tasks.evaluation.groups import FEW_ROWS_OF_GROUP, TOO_FEW, hurt_groups

TOLD_GROUPS = 3
"""Most groups that the answer names."""


def group_counts(dataset: Dataset, store: Store) -> dict[str, str]:
    """For each column with groups, a name and its groups with their examples in validation and test."""
    found: dict[str, list[str]] = {}
    pairs = zip(*(groups_of_split(dataset, split, store) for split in ("validation", "test")), strict=True)
    for validation, test in pairs:
        few = min(len(validation.rows), len(test.rows)) < FEW_ROWS_OF_GROUP
        counts = f"{validation.value} {len(validation.rows):,} / {len(test.rows):,}"
        found.setdefault(validation.column, []).append(f"{counts} ({TOO_FEW})" if few else counts)
    return {f"groups of {column} (validation / test)": ", ".join(told) for column, told in found.items()}


def group_warnings(findings: Findings) -> list[str]:
    """Sentences on the groups that the product hurts on test beyond the margin; none where it hurts none."""
    card, before = findings.test[findings.product.digest], findings.baseline
    hurt = hurt_groups(card)
    told = [f"On test, {describe_hurt(group, card, before)}." for group in hurt[:TOLD_GROUPS]]
    if len(hurt) > TOLD_GROUPS:
        told.append(f"So it is, or may be, with {len(hurt) - TOLD_GROUPS} more groups.")
    if hurt and findings.recipe.goal.limits.group_drop is None:
        told.append("goal.limits.group_drop bounds what a group may lose.")
    return told


def describe_hurt(group: GroupScore, card: Scorecard, before: Scorecard) -> str:
    """What a group loses beyond its margin, whether its examples show that, and the mean drop.

    Args:
        group: a group of `hurt_groups`.
        card: the scorecard that it is in.
        before: the baseline's on the same split.
    """
    own = next(each.score for each in before.groups if each.name == group.name)
    assert group.drop  # it was judged
    assert group.score
    assert own
    drop, is_lower = group.drop.estimate, group.score.value < own.value
    named, margin = f"{card.metric_title} of {group.name} (n = {group.n:,})", f"{group.drop.margin:g}"
    loss = f"{drop.value:.4f} [{drop.low:.4f}, {drop.high:.4f}]"
    mean = f"though the mean drop is {card.drop.estimate.value:.4f}"
    if drop.low > group.drop.margin:
        return f"{named} {'falls' if is_lower else 'rises'} by {loss}, beyond {margin}, {mean}"
    unproven = f"which {group.n:,} examples do not prove"
    return f"{named} may {'fall' if is_lower else 'rise'} beyond {margin}, by {loss}, {unproven}, {mean}"


def group_notes(findings: Findings) -> list[str]:
    """A sentence on the groups that were too few to judge on test; none without such groups."""
    card = findings.test[findings.product.digest]
    few = [f"{group.name} (n = {group.n:,})" for group in card.groups if group.drop is None]
    return [f"Groups that are {TOO_FEW} on test: {', '.join(few)}."] if few else []
