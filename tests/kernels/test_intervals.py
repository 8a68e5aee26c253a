"""Intervals against published and hand-worked numbers, and against simulation."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from tasks.kernels.statistics import intervals
from tasks.kernels.statistics.intervals import Z95


def test_the_quantile_of_a_level() -> None:
    assert intervals.normal_quantile(0.95) == pytest.approx(Z95, abs=1e-12)
    assert intervals.normal_quantile(0.99) == pytest.approx(2.5758293, abs=1e-7)


def test_paired_difference_of_published_table() -> None:
    """Airway hyper-responsiveness, Fagerland, Lydersen and Laake 2014: 1 against 7 of 21 pairs."""
    low, high = intervals.paired_difference(1, 7, 21)
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


@pytest.mark.parametrize("n", [1, 10, 270, 100_000])
def test_no_discordant_pair_leaves_the_count_in_charge(n: int) -> None:
    low, high = intervals.paired_difference(0, 0, n)
    assert high == pytest.approx(Z95**2 / (n + Z95**2), rel=1e-9)
    assert low == pytest.approx(-high, rel=1e-9)


def test_270_examples_do_not_prove_one_point() -> None:
    assert intervals.paired_difference(0, 0, 270)[1] > 0.01
    assert intervals.examples_needed(0, 0, 270, 0.01) == math.ceil(Z95**2 * 0.99 / 0.01) == 381


def test_the_interval_turns_around_with_the_models() -> None:
    low, high = intervals.paired_difference(9, 4, 60)
    assert intervals.paired_difference(4, 9, 60) == pytest.approx((-high, -low))
    assert low < 5 / 60 < high


def test_the_ends_are_where_the_score_statistic_is_z() -> None:
    for end in intervals.paired_difference(9, 4, 60):
        assert abs(intervals._score(end, 9, 4, 60)) == pytest.approx(Z95, rel=1e-6)


def test_one_sided_tables_stay_within_one() -> None:
    low, high = intervals.paired_difference(5, 0, 5)
    assert 0 < low < high == pytest.approx(1.0)


def test_coverage_is_near_95_percent() -> None:
    """2,000 draws of 150 pairs with rates 6 % and 3 %: the standard error of the coverage is half a point."""
    generator = np.random.default_rng(0)
    interval = cache(lambda losses, gains: intervals.paired_difference(losses, gains, 150))
    draws = generator.multinomial(150, [0.06, 0.03, 0.91], size=2000)
    hits = [low <= 0.03 <= high for low, high in (interval(int(b), int(c)) for b, c, _ in draws)]
    assert 0.935 < np.mean(hits) < 0.968


def test_needed_is_the_smallest_count() -> None:
    count = intervals.examples_needed(6, 4, 1000, 0.01)
    assert count is not None
    assert intervals.paired_difference(6 * count / 1000, 4 * count / 1000, count)[1] <= 0.01
    fewer = count - 1
    assert intervals.paired_difference(6 * fewer / 1000, 4 * fewer / 1000, fewer)[1] > 0.01


def test_needed_has_no_answer_beyond_the_margin() -> None:
    assert intervals.examples_needed(20, 5, 1000, 0.01) is None
    assert intervals.examples_needed(0, 0, 1000, 0.0) is None
    assert intervals.needed_by_width(0.02, 0.03, 100, 0.01) is None


def test_needed_by_width_quarters_the_width_with_four_times_the_count() -> None:
    assert intervals.needed_by_width(0.0, 0.02, 100, 0.01) == 400


def test_wilson_by_hand() -> None:
    """None of 10: high is z² / (n + z²). Half of 10: centred, half-width z sqrt(n/4 + z²/4) / (n + z²)."""
    assert intervals.wilson(0, 10) == pytest.approx((0, 3.8414588 / 13.8414588))
    half = Z95 * math.sqrt((10 + Z95**2) / 4) / (10 + Z95**2)
    assert intervals.wilson(5, 10) == pytest.approx((0.5 - half, 0.5 + half))


def test_bootstrap_of_a_mean_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(size=400)
    found = intervals.bootstrap([lambda weights: values @ weights / 400], 400)
    low, high = intervals.percentiles(found[0])
    assert found.shape == (1, 10_000)
    assert (high - low) / 2 == pytest.approx(Z95 * values.std() / 20, rel=0.05)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.01)


def test_bootstrap_is_paired_and_seeded() -> None:
    values = np.random.default_rng(1).normal(size=3000)
    one = lambda weights: values @ weights / 3000  # noqa: E731
    shifted = lambda weights: (values + 0.5) @ weights / 3000  # noqa: E731
    found = intervals.bootstrap([one, shifted], 3000, resamples=900)
    assert found[1] - found[0] == pytest.approx(0.5)
    assert np.array_equal(found, intervals.bootstrap([one, shifted], 3000, resamples=900))
    assert not np.array_equal(found, intervals.bootstrap([one, shifted], 3000, seed=1, resamples=900))


def test_ratio_interval_by_hand() -> None:
    """Ratios 1 and e: logarithms 0 and 1, mean 1/2, standard error 1/2, t(1 degree) = 12.7062."""
    ratio, low, high = intervals.ratio_interval([1.0, math.e])
    assert ratio == pytest.approx(math.exp(0.5))
    assert (math.log(low), math.log(high)) == pytest.approx((0.5 - 12.7062 / 2, 0.5 + 12.7062 / 2), abs=1e-4)


def test_ratio_interval_needs_two() -> None:
    with pytest.raises(ValueError, match="at least two"):
        intervals.ratio_interval([1.2])


def test_what_n_examples_need_not_show() -> None:
    """The upper end of 0 of n by Wilson, and the half width of a difference without any disagreement."""
    for n in (5, 12, 270):
        assert intervals.unseen_share(n) == pytest.approx(intervals.wilson(0, n)[1])
        assert intervals.unseen_share(n) == pytest.approx(intervals.paired_difference(0, 0, n)[1])


def test_an_interval_is_only_widened() -> None:
    assert intervals.at_least((0.1, 0.4), 0.3, 0.15) == pytest.approx((0.1, 0.45))
    assert intervals.at_least((0.1, 0.5), 0.3, 0.05) == (0.1, 0.5)


@pytest.mark.parametrize(("estimate", "scale", "margin"), [(0.0, 1.0, 0.01), (-0.02, 3.0, 0.05), (0.001, 0.2, 0.002)])
def test_needed_by_share_is_the_first_count_that_proves(estimate: float, scale: float, margin: float) -> None:
    count = intervals.needed_by_share(estimate, scale, margin)
    assert count is not None
    assert estimate + scale * intervals.unseen_share(count) <= margin + 1e-9
    assert estimate + scale * intervals.unseen_share(count - 1) > margin
    assert intervals.needed_by_share(margin, scale, margin) is None
