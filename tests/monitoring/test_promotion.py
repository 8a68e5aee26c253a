"""Promotion: what the gate decides, and how often wrongly, by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tasks.core import Estimate, InputError, Limits
from tasks.kernels.statistics.one_sided_bounds import PairedBound, paired_bound
from tasks.monitoring.promotion import Comparison, Promotion, RunningCosts, gate_alpha, is_cheaper, judge_challenger

MARGIN, ALPHA = 0.01, 0.05
COSTS = RunningCosts(1000, 1.0, "host")
SAME = Estimate(1.0, 0.98, 1.02, 5)


def compared(value: float = 0.0, upper: float = 0.005, size: int = 1000, speed: Estimate = SAME) -> Comparison:
    loss = PairedBound(value, upper, 500, gate_alpha(ALPHA, 1), 0.1, 1.0)
    return Comparison(loss, COSTS, replace(COSTS, bytes=size), speed, True)


def judged(found: Comparison, limits: Limits | None = None) -> Promotion:
    return judge_challenger(found, MARGIN, limits or Limits(), ALPHA, 1)


@pytest.mark.parametrize(
    ("found", "verdict", "told"),
    [
        (compared(-0.02, -0.001), "promote", "promoted: proven better: loss -0.02 (at most -0.001) on 500 rows"),
        (compared(size=500), "promote", "promoted: proven not worse by more than the margin, and smaller: "),
        (
            compared(speed=Estimate(2.0, 1.9, 2.1, 5)),
            "promote",
            "promoted: proven not worse by more than the margin, and faster",
        ),
        (compared(0.02, 0.03, size=500), "stay", "worse by more than the margin"),
        (compared(0.001, 0.009), "stay", "neither better nor faster nor smaller"),
        (compared(-0.001, 0.009), "not proven", "if it is better by the margin"),
        (compared(0.005, 0.02, size=500), "not proven", "if it is as good, being smaller"),
    ],
)
def test_the_verdict_and_its_reason(found: Comparison, verdict: str, told: str) -> None:
    decided = judged(found)
    assert decided.verdict == verdict
    assert told in decided.reason
    assert (decided.needed is not None) == (verdict == "not proven")


@pytest.mark.parametrize(
    ("change", "limits", "told"),
    [
        ({"is_exact": False}, Limits(), "is not proven equal to its model"),
        ({"challenger": RunningCosts(500, 1.0, "other")}, Limits(), "on different hosts: host, and other"),
        ({}, Limits(bytes=400), "exceeds the limits: 500 bytes, 1 ms"),
        ({"speedup": 1.5}, Limits(speedup=2.0), "exceeds the limits"),
        ({"hurt": ("sex=F",)}, Limits(), "the challenger hurts sex=F"),
    ],
)
def test_what_stands_against_a_better_challenger(change: dict[str, object], limits: Limits, told: str) -> None:
    found = replace(compared(-0.02, -0.001, size=500), **change)
    decided = judged(found, limits)
    assert decided.verdict == "stay"
    assert told in decided.reason


@pytest.mark.parametrize(
    ("size", "speed", "told"),
    [
        (1000, SAME, ""),
        (950, SAME, ""),
        (500, SAME, "smaller"),
        (1000, Estimate(1.05, 1.04, 1.06, 5), ""),
        (1000, Estimate(1.5, 0.9, 2.5, 3), ""),
        (500, Estimate(1.5, 1.4, 1.6, 5), "faster and smaller"),
        (500, Estimate(0.5, 0.4, 0.6, 5), ""),
        (2000, Estimate(1.5, 1.4, 1.6, 5), ""),
    ],
)
def test_what_is_cheaper(size: int, speed: Estimate, told: str) -> None:
    assert is_cheaper(compared(size=size, speed=speed)) == told


def test_the_announced_rows_are_those_of_the_next_comparison() -> None:
    decided = judged(compared(0.005, 0.02, size=500))
    assert decided.needed == compared().loss.rows_needed(MARGIN, gate_alpha(ALPHA, 2))
    assert f"about {decided.needed:,} rows would" in decided.reason


def promoted(draw: tuple[float, float], rows: int, size: int, seed: int) -> bool:
    """Whether models that differ on rows with these chances (worse, better) change places."""
    kind = np.random.default_rng(seed).choice(3, rows, p=[1 - sum(draw), *draw])
    champion, challenger = (kind == 2).astype(float), (kind == 1).astype(float)
    found = replace(compared(size=size), loss=paired_bound(champion, challenger, gate_alpha(ALPHA, 1)))
    return judged(found).verdict == "promote"


@pytest.mark.parametrize("rows", [200, 2000])
def test_challengers_that_must_not_are_seldom_promoted(rows: int) -> None:
    assert sum(promoted((0.055, 0.045), rows, 500, seed) for seed in range(400)) <= 20, "worse by the margin"
    assert sum(promoted((0.05, 0.05), rows, 1000, seed) for seed in range(400)) <= 20, "equal in all"


def test_a_better_challenger_is_promoted_at_the_announced_rows() -> None:
    needed = PairedBound(0, 0, 1, ALPHA, 0.1**0.5, 1.0).rows_needed(MARGIN, gate_alpha(ALPHA, 1))
    assert needed is not None
    assert sum(promoted((0.045, 0.055), needed, 1000, seed) for seed in range(100)) >= 80


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"goal.max_drop: must be above 0"):
        judge_challenger(compared(), 0.0, Limits(), ALPHA, 1)
    with pytest.raises(InputError, match=r"the bound of comparison 2 must have an error of 0\.0076"):
        judge_challenger(compared(), MARGIN, Limits(), ALPHA, 2)
    with pytest.raises(InputError, match="comparisons count from 1"):
        gate_alpha(ALPHA, 0)
