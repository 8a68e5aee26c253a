"""Stopping rule: worked by hand on made-up ratios of processes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tasks.core import Drop, Estimate, Goal, Latency, Limits, Scorecard, Size
from tasks.evaluation import selection
from tasks.evaluation.stopping_rule import undecided
from tasks.kernels.latency import benchmark

MOST = 5
ONES = np.ones((5, 3))


class Timing:
    """Made-up files by name, each with its ratio to the baseline in every process, its bytes and its drop."""

    def __init__(self, **files: tuple[list[float], int, float]) -> None:
        self.ratios: dict[str, Any] = {"base": [1.0] * max(len(each[0]) for each in files.values())}
        self.ratios |= {name: ratios for name, (ratios, _, _) in files.items()}
        processes = [
            {name: ONES / ratios[place] for name, ratios in self.ratios.items() if place < len(ratios)}
            for place in range(len(self.ratios["base"]))
        ]
        speeds = benchmark.compare_latencies(processes, "base", MOST)
        facts = {"base": (1000, 0.0)} | {name: (size, drop) for name, (_, size, drop) in files.items()}
        self.cards = {name: card(name, speeds[name], *facts[name]) for name in speeds}

    def undecided(self, goal: Goal | None = None, baseline_may_win: bool = False) -> set[str]:
        return set(undecided(self.cards, "base", goal or Goal(), self.ratios, MOST, baseline_may_win))


def card(name: str, speed: benchmark.Speed, size: int, drop: float) -> Scorecard:
    ratio = Estimate(speed.ratio, speed.low, speed.high, speed.processes)
    return Scorecard(
        candidate=name,
        name=name,
        split="validation",
        host="here",
        metric="accuracy",
        score=Estimate(0.9, 0.88, 0.92, 500),
        drop=Drop(Estimate(drop, drop, drop, 500), 0.01, "within, not proven" if drop <= 0.01 else "beyond", None),
        latency=Latency(speed.median_ms, speed.p95_ms, speed.calls, speed.processes, ratio, speed.verdict),
        throughput=1.0,
        size=Size(size, 1, 1, 1, 1.0),
        size_ratio=1000 / size,
        parity=(),
    )


def test_clear_ratios_are_decided_at_once() -> None:
    found = Timing(fast=([3.0, 3.02, 2.98], 400, 0.0), small=([1.5, 1.51, 1.49], 300, 0.0))
    assert found.cards["fast"].latency.verdict == "faster"
    assert not found.undecided()
    assert not found.undecided(Goal(minimize="bytes"))


def test_an_open_verdict_keeps_its_file_unless_it_is_beaten() -> None:
    """What spreads from 0.97 to 1.2 may be faster; what loses too much of the metric needs no verdict."""
    spread = [0.97, 1.08, 1.2]
    alone = Timing(open=(spread, 900, 0.0), bad=(spread, 900, 0.05))
    assert alone.undecided() == alone.undecided(Goal(minimize="bytes")) == {"open"}
    beaten = Timing(fast=([3.0, 3.02, 2.98], 400, 0.0), open=(spread, 900, 0.0))
    assert beaten.undecided() == beaten.undecided(Goal(minimize="bytes")) == set()
    rival = Timing(fast=([1.1, 1.11, 1.09], 950, 0.0), open=(spread, 900, 0.0))
    assert rival.undecided() == {"fast", "open"}
    same = Timing(same=([1.0, 1.0002, 0.9998], 900, 0.0))
    assert (same.cards["same"].latency.verdict, same.undecided()) == ("no measurable change", set())
    assert not Timing(slow=([0.5, 0.51, 0.49], 900, 0.0)).undecided()


def test_a_required_speed_is_open_as_long_as_it_lies_in_the_interval() -> None:
    found = Timing(fast=([3.0, 3.02, 2.98], 400, 0.0))
    assert [found.undecided(Goal(limits=Limits(speedup=bound))) for bound in (2, 2.99, 3.01, 4)] == [
        *(set(), {"fast"}, {"fast"}, set())
    ]
    milliseconds = found.cards["fast"].latency.median_ms
    assert found.undecided(Goal(limits=Limits(latency_ms=milliseconds * 1.01))) == {"fast"}
    assert not found.undecided(Goal(limits=Limits(latency_ms=milliseconds * 1.5)))


def test_the_speed_of_the_best_is_known_to_a_twentieth() -> None:
    found = Timing(fast=([3.0, 3.05, 2.95], 400, 0.0), slow=([1.5, 1.6, 1.4], 900, 0.0))
    assert found.undecided() == {"fast"}
    assert not Timing(fast=([3.0, 3.05, 2.95, 3.0], 400, 0.0), slow=([1.5, 1.6, 1.4], 900, 0.0)).undecided()


def test_two_that_are_about_as_fast_are_timed_on_and_a_third_is_not() -> None:
    """Without a tie the bytes decide nothing between measurable differences."""
    found = Timing(
        one=([3.0, 3.1, 2.9], 400, 0.0), two=([2.95, 3.0, 3.02], 900, 0.0), slow=([1.5, 1.51, 1.49], 300, 0.0)
    )
    assert found.undecided(Goal(tie=0)) == {"one", "two"}
    more = Timing(one=([3.0, 3.02, 2.98, 3.0], 400, 0.0), slow=([1.5, 1.51, 1.49], 300, 0.0))
    assert not more.undecided(Goal(tie=0))


def test_pairs_count_not_the_distance_of_two_intervals() -> None:
    """Both ratios vary with the baseline, but one file is always 1.3 times as fast as the other: it is chosen."""
    noise = np.array([0.95, 1.0, 1.06])
    found = Timing(one=(list(3.9 * noise), 900, 0.0), two=(list(3.0 * noise), 850, 0.0))
    high, low = found.cards["two"].latency.ratio.high, found.cards["one"].latency.ratio.low
    assert high > low
    assert found.undecided(Goal(tie=0)) == {"one", "two"}  # by the two intervals it would be the smaller one
    bigger = Timing(one=(list(3.9 * noise), 800, 0.0), two=(list(3.0 * noise), 850, 0.0))
    assert bigger.undecided(Goal(tie=0)) == {"one"}  # chosen, but its speed is known badly


def test_the_goals_tie_is_a_bound_too() -> None:
    """10 % slower and less than half as large wins; whether it is 9 or 11 % slower is then the question."""
    small = Timing(fast=([3.0, 3.01, 2.99], 900, 0.0), small=([2.72, 2.70, 2.74], 300, 0.0))
    assert small.undecided() == {"fast", "small"}
    nearer = Timing(fast=([3.0, 3.001, 2.999], 900, 0.0), small=([2.9, 2.901, 2.899], 300, 0.0))
    assert not nearer.undecided()
    assert selection.select(nearer.cards, "base", Goal()).chosen == "small"


def test_a_baseline_that_may_win_is_a_rival() -> None:
    """It wins unless a candidate is more than a tenth faster."""
    found = Timing(fast=([1.1, 1.11, 1.09], 950, 0.0))
    assert (found.undecided(), found.undecided(baseline_may_win=True)) == (set(), {"fast"})
    assert not Timing(fast=([2.1, 2.11, 2.09], 950, 0.0)).undecided(baseline_may_win=True)


def test_nothing_is_timed_again_that_was_decided_before() -> None:
    found = Timing(one=([3.0, 3.1, 2.9, 3.05], 400, 0.0), two=([2.95, 3.0, 3.02], 900, 0.0))
    assert found.undecided(Goal(tie=0)) <= {"one"}
    assert not undecided({"base": replace(found.cards["base"])}, "base", Goal(), {"base": [1.0] * 3}, MOST)
