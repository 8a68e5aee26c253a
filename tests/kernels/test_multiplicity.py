"""Multiplicity: shares of an error for looks without end, and Benjamini and Hochberg's p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import false_discovery_control

from tasks.kernels.statistics.multiplicity import adjusted, error_share, look_level


def test_the_shares_of_all_looks_are_the_error() -> None:
    assert error_share(0.05, 1) == pytest.approx(0.0304, abs=1e-4)
    assert error_share(0.05, 2) == pytest.approx(error_share(0.05, 1) / 4)
    assert 0.0499 < sum(error_share(0.05, k) for k in range(1, 10_000)) < 0.05


def test_adjusted_p_values_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).random(50) ** 3
    assert adjusted(values.tolist()) == pytest.approx(false_discovery_control(values).tolist())
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert adjusted([]) == []


def test_all_looks_together_spend_alpha() -> None:
    for looks in (1, 2, 3, 18):
        spent = [1 - look_level(look, looks, 0.05) for look in range(1, looks + 1)]
        assert sum(spent) == pytest.approx(0.05)
        assert spent[-1] == pytest.approx(0.05 if looks == 1 else 0.025)


@pytest.mark.parametrize("most", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.003, 0.01, 0.1])
def test_a_timing_that_stops_when_it_is_decided_is_seldom_wrong(spread: float, most: int) -> None:
    """40,000 timings of two files that are equally fast; they end when the interval leaves 1, or is within 1 % of it.

    Without the correction, more than one in twenty calls one of them faster; with it, fewer do, and the interval at
    which each ends holds the truth in 19 of 20. The first look is after three processes.
    """
    logs = np.random.default_rng(0).normal(scale=spread, size=(40_000, most))
    assert false_verdicts(logs, [look_level(look + 1, most - 2) for look in range(most - 2)]) < 0.05
    if most > 3 and spread > 0.01:
        assert false_verdicts(logs, [0.95] * (most - 2)) > 0.06


def false_verdicts(logs: NDArray[np.float64], levels: Sequence[float]) -> float:
    """The share of rows whose interval does not hold 0 where they end; `levels` of the looks after 3, 4, … columns."""
    running, wrong = np.ones(len(logs), bool), 0
    for count, level in enumerate(levels, start=3):
        seen = logs[:, :count]
        middle = seen.mean(axis=1)
        half = stdtrit(count - 1, (1 + level) / 2) * seen.std(axis=1, ddof=1) / math.sqrt(count)
        is_off, is_same = np.abs(middle) > half, np.abs(middle) + half < math.log(1.01)
        wrong += int((running & is_off).sum())
        running &= ~(is_off | is_same)
    return wrong / len(logs)
