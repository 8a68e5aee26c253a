"""Multiplicity: shares of an error for looks without end, and Benjamini and Hochberg's p-values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from tasks.kernels.statistics.multiplicity import adjusted, error_share


def test_the_shares_of_all_looks_are_the_error() -> None:
    assert error_share(0.05, 1) == pytest.approx(0.0304, abs=1e-4)
    assert error_share(0.05, 2) == pytest.approx(error_share(0.05, 1) / 4)
    assert 0.0499 < sum(error_share(0.05, k) for k in range(1, 10_000)) < 0.05


def test_adjusted_p_values_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).random(50) ** 3
    assert adjusted(values.tolist()) == pytest.approx(false_discovery_control(values).tolist())
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])
    assert adjusted([]) == []
