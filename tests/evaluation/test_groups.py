"""Groups: scores of every group, worked by hand, and the limit on the group that loses most."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support import report_data

from tasks.core import Drop, Estimate, Goal, GroupScore, Scorecard
from tasks.evaluation import groups, ranking, selection
from tasks.evaluation.groups import Group
from tasks.kernels.statistics import intervals
from tasks.kernels.statistics.metrics import METRICS

BASE, OTHER = "a" * 64, "b" * 64
GOAL = Goal(max_drop=0.02)


def logits_of(answers: np.ndarray) -> np.ndarray:
    return np.eye(2)[answers] * 4


def scored(goal: Goal = GOAL) -> dict[str, tuple[GroupScore, ...]]:
    """Of 400, 40 are F: the other model loses 8 of them, and gains 4 of the 355 M. Five have no value."""
    targets = np.arange(400) % 2
    wrong = 1 - targets
    first = np.where(np.arange(400) < 390, targets, wrong)  # the last ten are wrong
    second = np.where((np.arange(400) < 8) | (np.arange(400) >= 394), wrong, targets)
    rows = np.split(np.arange(400), [40, 395])
    found = [Group("sex", value, each) for value, each in zip(("F", "M", "missing"), rows, strict=True)]
    return groups.score_groups(
        {BASE: logits_of(first), OTHER: logits_of(second)}, BASE, targets, found, goal, METRICS[goal.metric]
    )


def test_score_drop_and_n_of_every_group() -> None:
    own, other = scored()[BASE], scored()[OTHER]
    assert [(each.name, each.n) for each in other] == [("sex=F", 40), ("sex=M", 355), ("sex=missing", 5)]
    women, men, few = other
    assert few.score is None
    assert few.drop is None
    assert women.score
    assert women.drop
    assert men.drop
    assert (women.score.value, women.drop.estimate.value, women.drop.estimate.n) == (0.8, 0.2, 40)
    assert men.drop.estimate.value == pytest.approx(-4 / 355)
    assert (women.drop.verdict, men.drop.verdict) == ("beyond", "proven within")
    assert own[0].drop == Drop(Estimate(0.0, 0.0, 0.0, 40), 0.02, "proven within", None)


def test_intervals_hold_for_all_groups_together() -> None:
    """Three groups, the one that is not judged included: each interval at 1 - 0.05 / 3, whose quantile is 2.394."""
    women = scored()[OTHER][0]
    assert women.score
    assert women.drop
    z = intervals.normal_quantile(1 - 0.05 / 3)
    assert z == pytest.approx(2.394, abs=1e-3)
    assert (women.score.low, women.score.high) == intervals.wilson(32, 40, z)
    assert (women.drop.estimate.low, women.drop.estimate.high) == intervals.paired_difference(8, 0, 40, z)
    assert women.drop.estimate.low == pytest.approx(0.0496, abs=1e-4)
    assert intervals.paired_difference(8, 0, 40)[0] == pytest.approx(0.0949, abs=1e-4)


def test_a_bootstrap_has_the_level_of_the_groups_too() -> None:
    generator = np.random.default_rng(0)
    targets = generator.normal(size=200)
    outputs = {BASE: targets[:, None] + 0.1, OTHER: targets[:, None] + generator.normal(scale=0.4, size=(200, 1))}
    halves = [Group("half", str(half), np.flatnonzero(np.arange(200) % 2 == half)) for half in range(2)]
    goal = Goal(max_drop=0.5)
    alone, together = (
        groups.score_groups(outputs, BASE, targets, given, goal, METRICS["rmse"])[OTHER][0].drop
        for given in (halves[:1], [*halves, *(dataclasses.replace(halves[0], column=name) for name in "abc")])
    )
    assert alone
    assert together
    assert together.estimate.value == alone.estimate.value
    assert together.estimate.low < alone.estimate.low < alone.estimate.high < together.estimate.high


def test_where_the_metric_is_not_defined_nothing_is_judged() -> None:
    targets = np.r_[np.zeros(30, dtype=np.int64), np.arange(30) % 2]
    outputs = {BASE: logits_of(targets), OTHER: logits_of(targets)}
    given = [Group("clinic", value, np.arange(start, start + 30)) for value, start in (("A", 0), ("B", 30))]
    one, both = groups.score_groups(outputs, BASE, targets, given, Goal(), METRICS["roc_auc"])[OTHER]
    assert (one.n, one.score) == (30, None)
    assert both.score
    assert both.score.value == 1.0


def card(*drops: float | None, spread: float = 0.03, margin: float = 0.05, name: str = "x") -> Scorecard:
    """A faster card with a group for each drop; None is a group that was not judged."""
    first = next(entry.card for entry in report_data.sample().entries if entry.card and entry.role == "candidate")
    found = []
    for place, drop in enumerate(drops):
        estimate = Estimate(drop or 0.0, (drop or 0.0) - spread, (drop or 0.0) + spread, 80)
        verdict: Any = "beyond" if (drop or 0.0) > margin else "within, not proven"
        made = None if drop is None else Drop(estimate, margin, verdict, 900)
        found.append(GroupScore("clinic", "ABCDE"[place], 80 if made else 4, Estimate(0.9, 0.8, 1.0, 80), made))
    return dataclasses.replace(first, candidate=name, groups=tuple(found), drop=dataclasses.replace(first.drop))


def limited(bound: float | None = 0.05, **fields: Any) -> Goal:
    limits = {} if bound is None else {"group_drop": bound}
    return Goal.model_validate({"max_drop": 0.05, "limits": limits, **fields})


@pytest.mark.parametrize(
    ("drops", "goal", "sentence"),
    [
        ((0.01, 0.0712), limited(), "accuracy of clinic=B (n = 80) gets worse by 0.0712, beyond 0.05"),
        ((0.01, 0.0712), limited(None), None),
        ((0.01, 0.04), limited(), None),
        ((0.01, None), limited(), None),
        (
            (0.01, 0.04),
            limited(proof="proven"),
            "the drop of clinic=B (n = 80) is within 0.05 but not proven by its examples; about 900 of them would "
            "prove it",
        ),
        (
            (0.01, 0.04),
            limited(proof="likely"),
            "the drop of clinic=B (n = 80) is within 0.05, but in more than one of five such samples it would not be",
        ),
        (
            (0.01, None),
            limited(proof="proven"),
            "clinic=B (n = 4) has too few examples to prove a drop within 0.05",
        ),
        ((), limited(), None),
    ],
)
def test_the_worst_group_is_bounded_as_the_proof_asks(drops: Any, goal: Goal, sentence: str | None) -> None:
    found = card(*drops)
    assert groups.group_flaw(found, goal) == sentence
    assert selection.flaw(found, goal) == sentence
    assert (groups.group_excess(found, goal) > 0) == (sentence is not None)
    place = ranking.position_of(found, goal)
    assert (ranking.rank(place, goal, 0.9) > 0) == (sentence is None)


def test_the_excess_of_a_group_counts_as_that_of_the_drop() -> None:
    goal = limited()
    place = ranking.position_of(card(0.0, 0.08), goal)
    assert place.group_excess == pytest.approx(0.03)
    assert ranking.rank(place, goal, 0.9) == pytest.approx(-0.03 / 0.9)


def test_a_candidate_that_hurts_a_group_is_not_chosen() -> None:
    base = dataclasses.replace(report_data.BASELINE, candidate="base")
    cards = {"base": base, "hurts": card(0.0, 0.09, name="hurts")}
    assert selection.select(cards, "base", limited(None)).chosen == "hurts"
    choice = selection.select(cards, "base", limited())
    assert (choice.chosen, choice.meets_goal) == ("base", False)
    assert choice.reasons["hurts"] == "accuracy of clinic=B (n = 80) gets worse by 0.09, beyond 0.05"


def test_what_test_shows_of_groups_refutes_only_a_limit() -> None:
    found = card(0.06, 0.09, 0.02, None)
    assert [each.value for each in groups.hurt_groups(found)] == ["B", "A"]
    assert selection.holds_on_test(found, limited(None))
    assert not selection.holds_on_test(found, limited())
    assert selection.holds_on_test(card(0.02, None), limited())
