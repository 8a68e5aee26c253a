"""The best epoch and the standstill, by hand."""

from __future__ import annotations

import pytest

from tasks.kernels.training.learning_curve import (
    Curve,
    Epoch,
    best_epoch,
    epochs_without_improvement,
    late_trend,
    minutes_of,
)


def curve(*points: tuple[float, float]) -> Curve:
    """Epochs from (score, loss)."""
    return tuple(Epoch(n, 1.0, loss, score, 0.1, 30.0) for n, (score, loss) in enumerate(points, start=1))


def test_best_is_by_score_then_loss_then_earlier() -> None:
    points = curve((0.8, 3.0), (0.9, 2.0), (0.9, 1.0), (0.9, 1.0), (0.7, 0.5))
    assert best_epoch(points, lower_is_better=False).number == 3
    assert best_epoch(points, lower_is_better=True).number == 5


def test_a_standstill_counts_from_the_last_improvement() -> None:
    assert epochs_without_improvement((), 0.0, False) == 0
    assert epochs_without_improvement(curve((0.5, 1), (0.6, 1), (0.6, 1), (0.55, 0.5)), 0.0, False) == 2
    assert epochs_without_improvement(curve((0.5, 1), (0.4, 1), (0.45, 1)), 0.0, True) == 1


def test_an_equal_score_with_a_lower_loss_is_an_improvement() -> None:
    points = curve((1.0, 0.3), (1.0, 0.2), (1.0, 0.1))
    assert epochs_without_improvement(points, 0.0, False) == 0
    assert epochs_without_improvement(points, 0.01, False) == 2


def test_small_gains_add_up_until_they_exceed_min_delta() -> None:
    points = curve((0.50, 1), (0.51, 1), (0.52, 1), (0.54, 1), (0.55, 1))
    assert epochs_without_improvement(points, 0.03, False) == 1


def test_minutes_are_those_of_all_epochs() -> None:
    assert minutes_of(curve((0.1, 1), (0.1, 1), (0.1, 1))) == 1.5


def test_the_trend_is_that_of_the_last_quarter_and_at_least_of_four_epochs() -> None:
    rising = curve(*[(0.01 * n, 1.0) for n in range(20)])
    trend = late_trend(rising, lower_is_better=False)
    assert trend is not None
    assert (trend.slope, trend.low, trend.high, trend.epochs) == (*[pytest.approx(0.01)] * 3, 5)
    flat_end = curve(*[(0.1 * n, 1.0) for n in range(8)], *[(0.9, 1.0)] * 4)
    assert late_trend(flat_end, lower_is_better=False) == (0.0, 0.0, 0.0, 4)
    assert late_trend(curve((0.5, 1), (0.6, 1), (0.7, 1)), lower_is_better=False) is None
    start = Epoch(0, None, 1.0, 0.1, 0.1, 1.0)
    assert late_trend((start, *rising[:3]), lower_is_better=False) is None, "the starting weights are no epoch"


def test_the_trend_of_a_loss_is_positive_where_it_falls_and_its_interval_has_the_noise() -> None:
    falling = late_trend(curve((4.0, 1), (3.1, 1), (1.9, 1), (1.0, 1)), lower_is_better=True)
    assert falling is not None
    # by hand: slope -1.02, residuals ±0.03 and ±0.09; t of two degrees of freedom
    assert falling.slope == pytest.approx(1.02)
    rest = sum(each**2 for each in (-0.03, 0.09, -0.09, 0.03))
    half = 4.302653 * (rest / 2 / 5) ** 0.5
    assert (falling.low, falling.high) == (pytest.approx(1.02 - half), pytest.approx(1.02 + half))
    noisy = late_trend(curve((0.5, 1), (0.7, 1), (0.4, 1), (0.71, 1)), lower_is_better=False)
    assert noisy is not None
    assert noisy.low < 0 < noisy.slope
