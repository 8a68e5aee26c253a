"""Verdicts: what is kept, what is said, and what a table recommends."""

from __future__ import annotations

import dataclasses
import re

import pytest

from tasks.core import Estimate
from tasks.study.design import Cell, Cost, Design
from tasks.study.effects import Measured
from tasks.study.verdicts import MetricUnit, TableResult, judge_table

POINTS = MetricUnit(100.0, "points")


def design(cost: Cost = "none", *names: str) -> Design:
    cells = tuple(Cell(name) for name in ("reference", *(names or ("other",))))
    return Design("augmentation", "Augmentation", "Which?", "it", "the rest", cells, cost)


def rounds(gain: float, seeds: int = 3, cell: str = "other", **more: float) -> list[Measured]:
    """Measurements of a cell and the reference, with a little noise over the seeds."""
    found = []
    for seed in range(seeds):
        value = gain + 0.0004 * (seed - 1)
        found.append(Measured("reference", seed, 0.9, None, 10.0, 1000, 2.0, Estimate(1, 1, 1, 5), spent=1.0))
        fields = {"seconds": 10.0, "speedup": 1.0, **more}
        estimate = Estimate(value, value - 0.004, value + 0.004, 500)
        seconds, ratio = fields["seconds"] + 0.01 * seed, fields["speedup"] + 0.001 * seed
        speedup = Estimate(ratio, 0.99 * ratio, 1.01 * ratio, 5)
        found.append(Measured(cell, seed, 0.9 + value, estimate, seconds, 900, 1.9, speedup, spent=2.0))
    return found


def judged(given: Design, measured: list[Measured]) -> TableResult:
    return judge_table(given, measured, 3, 0.01, POINTS)


def test_a_gain_is_kept_and_said_with_its_interval() -> None:
    table = judged(design(), rounds(0.02))
    assert table.recommended == Cell("other")
    assert table.rows[1].keep
    assert table.verdict.startswith("other: +2 points [")
    assert table.verdict.endswith("in 3 seeds; keep it")
    assert table.spent == 9.0


def test_a_loss_is_left_out() -> None:
    table = judged(design(), rounds(-0.02))
    assert table.recommended is None
    assert table.rows[1].sentence.endswith("leave it out")
    assert table.verdict == "reference stays: nothing is better; other is worse"


def test_no_effect_says_what_could_not_have_been_seen() -> None:
    row = judged(design(), rounds(0.0)).rows[1]
    assert not row.keep
    assert row.sentence.startswith("other: no measurable effect on the score in 3 seeds (below ")
    assert row.sentence.endswith(" points none could have been seen)")


def test_a_cell_that_varies_far_more_than_the_others_is_named_apart() -> None:
    noisy = [
        dataclasses.replace(each, gain=Estimate(jump, jump - 0.004, jump + 0.004, 500))
        for each, jump in zip(rounds(0.0, cell="noisy")[1::2], (-0.1, 0.0, 0.1), strict=True)
    ]
    table = judged(design("none", "a", "b", "noisy"), rounds(0.0, cell="a") + rounds(0.0, cell="b") + noisy)
    assert re.fullmatch(
        r"reference stays: nothing is better \(below 0\.\d+ points, for noisy below \d\d points "
        r"it could not have been seen\)",
        table.verdict,
    )


def test_too_few_seeds_give_no_verdict() -> None:
    table = judged(design(), rounds(0.02, seeds=2))
    assert table.recommended is None
    assert table.verdict == "too few seeds for a verdict"
    assert judged(design(), []).rows[1].sentence == "other: not measured yet"


def test_a_faster_cell_is_kept_within_the_margin_alone() -> None:
    assert judged(design("latency"), rounds(-0.005, speedup=2.0)).rows[1].keep
    assert not judged(design("latency"), rounds(-0.02, speedup=2.0)).rows[1].keep
    row = judged(design("latency"), rounds(-0.005, speedup=2.0)).rows[1]
    assert row.sentence.startswith("other: 2× [")
    assert "as fast, -0.5 points [" in row.sentence


def test_a_better_score_that_makes_the_product_slower_is_not_kept() -> None:
    row = judged(design("latency"), rounds(0.02, speedup=0.5)).rows[1]
    assert not row.keep
    assert row.sentence.endswith("better, but slower or larger")


def test_a_better_score_may_cost_training() -> None:
    assert judged(design("training"), rounds(0.02, seconds=30.0)).rows[1].keep
    assert judged(design("training"), rounds(-0.002, seconds=5.0)).rows[1].keep


def test_the_best_of_the_kept_is_recommended() -> None:
    two = design("none", "some", "more")
    table = judged(two, rounds(0.02, cell="some") + rounds(0.04, cell="more"))
    assert table.recommended == Cell("more")
    fast = judged(
        design("latency", "some", "more"), rounds(0.0, cell="some", speedup=3.0) + rounds(0.0, cell="more", speedup=2.0)
    )
    assert fast.recommended == Cell("some")


def test_a_cell_that_could_not_be_made_says_why() -> None:
    measured = [Measured("reference", 0, 0.9), Measured("other", 0, refusal="blocks: there is none")]
    assert judged(design(), measured).rows[1].sentence == "other: not measured: blocks: there is none"


def test_a_table_that_broke_says_so() -> None:
    table = judge_table(design(), rounds(0.02), 3, 0.01, POINTS, "the disk is full")
    assert table.verdict == "it broke: the disk is full"


def test_metrics_without_bounds_have_their_own_unit() -> None:
    assert MetricUnit(1.0, "RMSE").text(-0.25) == "0.25 RMSE"
    assert POINTS.text(0.009) == "0.9 points"


@pytest.mark.parametrize(("gain", "open_cells"), [(0.02, 0), (0.0, 0)])
def test_an_effect_within_the_margin_is_clear(gain: float, open_cells: int) -> None:
    from flows.study.rounds import is_undecided

    rows = judged(design(), rounds(gain)).rows[1:]
    assert sum(is_undecided(row, 0.01) for row in rows) == open_cells
    assert sum(is_undecided(row, 0.001) for row in rows) == (gain == 0.0)


def test_of_two_trainings_the_better_score_comes_before_the_shorter_time() -> None:
    slow, fast = rounds(0.02, cell="slow", seconds=20.0), rounds(0.0, cell="fast", seconds=5.0)
    table = judged(design("training", "slow", "fast"), slow + fast)
    assert [row.keep for row in table.rows] == [False, True, True]
    assert table.recommended == Cell("slow")


def test_a_little_less_training_time_is_no_saving() -> None:
    assert judged(design("training"), rounds(0.0, seconds=9.0)).rows[1].keep is False
    assert judged(design("training"), rounds(0.0, seconds=6.0)).rows[1].keep is True
