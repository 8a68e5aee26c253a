"""Ranking: what meets the goal stands above what does not, whatever it saves."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from support import report_data

from tasks.core import Drop, Estimate, Goal, Latency, Scorecard, Size
from tasks.evaluation.ranking import GoalPosition, position_of, rank

GOAL = Goal(max_drop=0.01)


def card(drop: float = 0.0, ratio: float = 2.0, size: int = 100, size_ratio: float = 4.0, **latency: Any) -> Scorecard:
    estimate = Estimate(drop, drop - 0.02, drop + 0.02, 500)
    timed: Any = {"verdict": "faster", **latency}
    return dataclasses.replace(
        next(entry.card for entry in report_data.sample().entries if entry.card),
        drop=Drop(estimate, 0.01, "within, not proven", None),
        latency=Latency(2.0, 2.2, 100, 3, Estimate(ratio, ratio, ratio, 3), **timed),
        size=Size(size, 10, 10, 10, 1.0),
        size_ratio=size_ratio,
    )


def ranked(found: Scorecard, goal: Goal = GOAL) -> float:
    return rank(position_of(found, goal), goal, 0.8)


def test_what_meets_the_goal_ranks_by_the_share_that_it_saves() -> None:
    assert ranked(card(ratio=4.0)) == pytest.approx(0.75)
    assert ranked(card(ratio=2.0)) == pytest.approx(0.5)
    assert ranked(card(size_ratio=5.0), Goal(max_drop=0.01, minimize="bytes")) == pytest.approx(0.8)


def test_a_drop_beyond_the_goal_counts_by_how_far_it_misses() -> None:
    assert ranked(card(drop=0.05, ratio=50.0)) == pytest.approx(-0.04 / 0.8)
    assert ranked(card(drop=0.02, ratio=1.1)) == pytest.approx(-0.01 / 0.8)
    assert ranked(card(drop=0.01)) > 0, "the margin itself is within"


def test_proof_looks_at_the_worse_end() -> None:
    assert ranked(card(drop=0.0)) > 0
    assert ranked(card(drop=0.0), Goal(max_drop=0.01, proof="proven")) == pytest.approx(-0.01 / 0.8)


def test_what_is_not_measurably_faster_saves_nothing() -> None:
    assert ranked(card(ratio=1.2, verdict="no measurable change")) <= 0
    assert ranked(card(ratio=0.8, verdict="slower")) == pytest.approx(-0.25)


def test_limits_count_as_shares_of_themselves() -> None:
    goal = Goal.model_validate({"max_drop": 0.01, "limits": {"bytes": 80, "latency_ms": 1.0, "speedup": 4.0}})
    # 25 % too large, twice as slow as allowed, half the speed-up that is wanted.
    assert ranked(card(), goal) == pytest.approx(-(0.25 + 1.0 + 1.0))
    assert ranked(card(), Goal.model_validate({"limits": {"bytes": 100, "latency_ms": 2.0, "speedup": 2.0}})) == 0.5


def test_a_speed_up_that_is_not_known_keeps_its_limit() -> None:
    limits = Goal.model_validate({"limits": {"bytes": 80, "speedup": 4.0}}).limits
    assert limits.excess(100, 9.0) == pytest.approx(0.25)
    assert limits.excess(100, 9.0, 2.0) == pytest.approx(1.25)
    assert limits.excess(80, 9.0, 4.0) == 0


def test_misses_add_up() -> None:
    assert rank(GoalPosition(0.05, -0.5, 0.25), GOAL, 0.8) == pytest.approx(-(0.05 + 0.5 + 0.25))
