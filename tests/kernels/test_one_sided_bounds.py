"""One-sided bounds: how often they are too low, by simulation, and how many rows prove what."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.kernels.statistics.one_sided_bounds import (
    mean_upper,
    paired_bound,
    resampled_bound,
    rows_needed,
    share_upper,
)

ALPHA = 0.05


def test_clopper_and_pearsons_bound() -> None:
    assert share_upper(0, 59, 0.05) == pytest.approx(1 - 0.05 ** (1 / 59))
    assert share_upper(5, 100, 0.025) == pytest.approx(0.1128, abs=1e-4)
    assert share_upper(3, 3, 0.05) == 1.0


def test_students_bound_with_its_floor() -> None:
    assert mean_upper(1.0, 2.0, 16, 0.05, 0.0) == pytest.approx(1 + 1.753 * 2 / 4, abs=1e-3)
    assert mean_upper(0.0, 0.0, 16, 0.05, 1.0) == pytest.approx(2.706 / 18.706, abs=1e-3)


def too_low(draw, rows: int, truth: float, repeats: int = 1000) -> float:  # type: ignore[no-untyped-def]
    """The share of bounds of the mean difference below its truth."""
    bounds = [paired_bound(*draw(np.random.default_rng(seed), rows), ALPHA) for seed in range(repeats)]
    return sum(bound.upper < truth for bound in bounds) / repeats


def paired_mistakes(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    kind = generator.choice(4, rows, p=[0.8, 0.1, 0.045, 0.055])
    return np.isin(kind, (1, 2)).astype(float), np.isin(kind, (1, 3)).astype(float)


def skewed_losses(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    hard = generator.gamma(0.5, 0.6, rows)
    return hard * generator.lognormal(-0.02, 0.2, rows), hard * generator.lognormal(-0.02, 0.2, rows)


@pytest.mark.parametrize("rows", [30, 300, 2000])
def test_bounds_of_mistakes_are_seldom_too_low(rows: int) -> None:
    assert too_low(paired_mistakes, rows, 0.01) <= ALPHA + 0.02


@pytest.mark.parametrize("rows", [30, 300, 2000])
def test_bounds_of_skewed_losses_are_seldom_too_low(rows: int) -> None:
    assert too_low(skewed_losses, rows, 0.0) <= ALPHA + 0.02


def test_a_bound_says_what_is_proven() -> None:
    losses = np.array([1.0] * 40 + [0.0] * 60)
    better = np.array([1.0] * 5 + [0.0] * 95)
    found = paired_bound(losses, better, ALPHA)
    assert found.value == pytest.approx(-0.35)
    assert found.is_better
    assert found.is_within(0.01)
    same = paired_bound(losses, losses, ALPHA)
    assert (same.value, same.is_better, same.is_within(0.01)) == (0.0, False, False)
    assert same.upper == pytest.approx(2.706 / 102.706, abs=1e-3), "100 equal rows do not prove one point"


def test_the_rows_that_are_needed_suffice_in_nine_of_ten_cases() -> None:
    needed = rows_needed(0.1, 0.01, ALPHA, 0.3)
    assert needed == 857
    generator = np.random.default_rng(0)
    first = np.zeros(needed)
    better = sum(paired_bound(first, generator.normal(-0.01, 0.1, needed), ALPHA).is_better for _ in range(400))
    within = sum(paired_bound(first, generator.normal(0, 0.1, needed), ALPHA).is_within(0.01) for _ in range(400))
    assert 0.86 < better / 400 < 0.95
    assert 0.86 < within / 400 < 0.95


def test_models_that_never_differ_need_rows_that_would_show_it() -> None:
    assert rows_needed(0.0, 0.01, ALPHA, 1.0) == pytest.approx(2.706 * 99, abs=1)
    assert rows_needed(0.1, 0.0, ALPHA, 1.0) is None
    assert rows_needed(1.0, 1e-9, ALPHA, 1.0) is None


def test_the_bound_of_a_bootstrap() -> None:
    resampled = np.random.default_rng(0).normal(0.02, 0.01, 20_000)
    found = resampled_bound(0.02, resampled, 1000, ALPHA, 0.1)
    assert found.upper == pytest.approx(0.02 + 1.645 * 0.01, abs=3e-4)
    assert found.deviation == pytest.approx(0.01 * 1000**0.5, rel=0.02)
    assert resampled_bound(0.02, np.full(10, 0.02), 100, ALPHA, 1.0).upper > 0.04


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ([1.0], [0.0], "two rows or more"),
        ([1.0, 0.0], [0.0], "on the same rows"),
        ([1.0, float("nan")], [0.0, 1.0], "must be finite"),
    ],
)
def test_losses_that_are_no_pairs_are_refused(first: list[float], second: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        paired_bound(np.array(first), np.array(second), ALPHA)
