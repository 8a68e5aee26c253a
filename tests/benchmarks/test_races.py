"""Races: what curves say, on numbers worked by hand."""

from __future__ import annotations

from statistics import StatisticsError

import pytest

from benchmarks.races import (
    QUARTER,
    WHOLE,
    Reach,
    Run,
    Standing,
    mean_interval,
    reach_of,
    score_at,
    standings,
    table,
    time_to,
)

CURVE = ((1.0, 0.5), (4.0, 0.75), (9.0, 0.875))


def run(seed: int, algorithm: str, seconds: float, *curve: tuple[float, float], scheduler: str = "none") -> Run:
    return Run(seed, algorithm, scheduler, seconds, curve, 8, 6 if scheduler == "asha" else 0, 0)


def test_a_curve_is_known_up_to_its_last_improvement_and_stays_there() -> None:
    assert [score_at(CURVE, seconds) for seconds in (0.9, 1.0, 8.9, 100.0)] == [None, 0.5, 0.75, 0.875]
    assert [time_to(CURVE, score) for score in (0.2, 0.5, 0.51, 0.875, 0.9)] == [1.0, 1.0, 4.0, 9.0, None]


def test_the_interval_of_a_mean_by_hand() -> None:
    found = mean_interval([1.0, 2.0, 3.0])
    # Standard deviation 1, so the half width is 4.3027 (t, 2 degrees of freedom) over the root of 3.
    assert (found.value, found.n) == (2.0, 3)
    assert found.high - found.value == pytest.approx(2.4841, abs=1e-4)
    assert found.value - found.low == pytest.approx(2.4841, abs=1e-4)
    with pytest.raises(StatisticsError):
        mean_interval([1.0])


def test_a_seed_that_never_reached_it_counts_as_never_in_the_median() -> None:
    assert reach_of([0.5, 0.25, 1.5]) == Reach(0.5, 0.25, 1.5, 3, 3)
    assert reach_of([0.5, None, 0.25]) == Reach(0.5, 0.25, 0.5, 2, 3)
    assert reach_of([None, None, 0.25]) == Reach(None, 0.25, 0.25, 1, 3)
    assert reach_of([None, None]) == Reach(None, None, None, 0, 2)


def small_race() -> list[Standing]:
    """Two seeds; the grids take 40 and 80 seconds."""
    return standings(
        [
            run(0, "grid", 40, (4, 0.5), (30, 0.75)),
            run(0, "random", 40, (5, 0.5), (20, 0.75)),
            run(0, "random", 20, (5, 0.5), (9, 0.625), scheduler="asha"),
            run(0, "tpe", 20, (5, 0.5), (8, 0.75), (12, 1.0), scheduler="asha"),
            run(1, "grid", 80, (4, 0.5), (60, 0.625)),
            run(1, "random", 80, (5, 0.25), (20, 0.5)),
            run(1, "random", 30, (5, 0.25), (25, 0.625), scheduler="asha"),
            run(1, "tpe", 30, (5, 0.375), (8, 0.5), (20, 0.5625), scheduler="asha"),
        ]
    )


def test_standings_by_hand() -> None:
    grid, random, random_asha, tpe = small_race()
    assert [each.name for each in (grid, random, random_asha, tpe)] == ["grid", "random", "random + asha", "tpe + asha"]
    assert grid.best.value == 0.6875
    assert grid.seconds == (60, 40, 80)
    assert grid.reach == Reach(0.75, 0.75, 0.75, 2, 2)
    assert random.over_random[QUARTER] is not None
    assert random.over_random[QUARTER].value == 0
    # At a quarter, 10 and 20 s: TPE 0.75 and 0.5625, random 0.5 and 0.5, random with ASHA 0.625 and 0.25.
    assert tpe.over_random[QUARTER] is not None
    assert tpe.over_random[QUARTER].value == pytest.approx((0.25 + 0.0625) / 2)
    assert tpe.over_random_alike[QUARTER] is not None
    assert tpe.over_random_alike[QUARTER].value == pytest.approx((0.125 + 0.3125) / 2)
    # At the whole, 40 and 80 s: TPE 1 and 0.5625, random 0.75 and 0.5.
    assert tpe.over_random[WHOLE] is not None
    assert tpe.over_random[WHOLE].value == pytest.approx((0.25 + 0.0625) / 2)
    assert tpe.reach == Reach(None, 0.2, 0.2, 1, 2), "8 of 40 s in one seed, never in the other"
    assert (tpe.trials, tpe.stopped) == (8, 6)


def test_without_a_score_in_two_seeds_there_is_no_difference() -> None:
    found = standings(
        [
            *(run(seed, "grid", 40, (4, 0.5)) for seed in (0, 1)),
            *(run(seed, "random", 40, (5 + 30 * seed, 0.5)) for seed in (0, 1)),
        ]
    )
    assert found[0].over_random[QUARTER] is None
    assert found[0].over_random[WHOLE] is not None


def test_the_table_has_a_row_of_every_search() -> None:
    lines = table(small_race())
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| grid | 0.6875 [-0.1066, 1.4816] | 60.0 (40.0 to 80.0) | 8 (0) | 2 of 2 | 0.75 (")
    assert "| 1 of 2 | never (0.20 to 0.20) | +0.1562 [" in lines[5]
