"""Effects: intervals hold as often as they say, and verdicts follow them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tasks.core import Estimate
from tasks.kernels.statistics.intervals import paired_difference
from tasks.study.effects import corrected, effect_of, ratio_of


def gain(value: float, half: float = 0.01, n: int = 400) -> Estimate:
    return Estimate(value, value - half, value + half, n)


def test_one_seed_and_two_give_no_verdict() -> None:
    one = effect_of([gain(0.05)], 4, 3)
    assert (one.verdict, one.seeds, one.low, one.high) == ("open", 1, -math.inf, math.inf)
    two = effect_of([gain(0.05), gain(0.051)], 4, 3)
    assert two.verdict == "open"
    assert math.isfinite(two.detectable)


def test_a_steady_gain_is_better_and_a_steady_loss_is_worse() -> None:
    values = [0.030, 0.034, 0.032]
    better = effect_of([gain(value) for value in values], 1, 3)
    assert better.verdict == "better"
    assert better.value == pytest.approx(0.032)
    assert better.n == 400
    assert effect_of([gain(-value) for value in values], 1, 3).verdict == "worse"


def test_no_effect_names_the_smallest_that_could_have_been_seen() -> None:
    found = effect_of([gain(0.002), gain(-0.001), gain(0.0)], 5, 3)
    assert found.verdict == "no measurable effect"
    assert found.detectable == pytest.approx(max(found.value - found.low, found.high - found.value))
    assert found.detectable > 0.01  # the examples' own noise, corrected for five comparisons


def test_more_comparisons_make_wider_intervals() -> None:
    gains = [gain(0.010), gain(0.012), gain(0.011)]
    widths = [effect_of(gains, count, 3).high - effect_of(gains, count, 3).low for count in (1, 5, 20)]
    assert widths == sorted(widths)
    assert corrected(5) == pytest.approx(0.99)


def test_with_no_effect_few_of_many_tables_see_one() -> None:
    """Both models are right on 80 % of the examples, independently; seeds share the examples but not the models."""
    generator = np.random.default_rng(0)
    seen, comparisons, n = 0, 4, 300
    for _ in range(100):
        verdicts = []
        for _ in range(comparisons):
            gains = []
            for _ in range(3):
                losses, gained = generator.binomial(n, 0.08), generator.binomial(n, 0.08)
                low, high = paired_difference(losses, gained, n)
                gains.append(Estimate((gained - losses) / n, -high, -low, n))
            verdicts.append(effect_of(gains, comparisons, 3).verdict)
        seen += any(verdict != "no measurable effect" for verdict in verdicts)
    assert seen <= 5


def ratios(*values: float, width: float = 1.0) -> list[Estimate]:
    return [Estimate(value, value / width, value * width, 5) for value in values]


def test_ratios_are_geometric_and_have_a_verdict() -> None:
    half = ratio_of(ratios(0.5, 0.52, 0.48), 1, 3)
    assert half.value == pytest.approx((0.5 * 0.52 * 0.48) ** (1 / 3))
    assert half.change == "less"
    assert ratio_of(ratios(2.0, 2.1, 1.9), 1, 3).change == "more"
    assert ratio_of(ratios(0.9, 1.1, 1.0), 1, 3).change == "no measurable change"
    assert ratio_of(ratios(0.5), 1, 3).change == "open"
    assert ratio_of(ratios(0.5), 1, 3).high == math.inf


def test_equal_seeds_leave_the_noise_of_each_measurement() -> None:
    assert ratio_of(ratios(0.9, 0.9, 0.9), 1, 3).change == "less"
    noisy = ratio_of(ratios(0.9, 0.9, 0.9, width=1.2), 1, 3)
    assert noisy.change == "no measurable change"
    assert (noisy.low, noisy.high) == (pytest.approx(0.75), pytest.approx(1.08))
