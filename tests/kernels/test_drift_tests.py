"""Drift tests: p-values that are honest by simulation, and indices that tell a trifle from a change."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from tasks.kernels.statistics.drift_tests import (
    SKETCH,
    binned,
    chi_square,
    kolmogorov_smirnov,
    quantile_sketch,
    stability_index,
)


def test_a_sketch_has_all_numbers_of_few_and_quantiles_of_many() -> None:
    assert quantile_sketch(np.array([3.0, 1.0, 2.0])) == (1.0, 2.0, 3.0)
    many = quantile_sketch(np.arange(100_000.0))
    assert len(many) == SKETCH
    assert many[0] == 195
    assert many[SKETCH // 2] == pytest.approx(50_195, abs=1)


def test_the_test_is_that_of_scipy() -> None:
    generator = np.random.default_rng(0)
    reference, batch = generator.normal(size=200), generator.normal(0.2, 1, 150)
    distance, p_value = kolmogorov_smirnov(quantile_sketch(reference), 200, batch)
    expected = ks_2samp(reference, batch, method="asymp")
    assert distance == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue, rel=0.25)


@pytest.mark.parametrize("draw", ["normal", "poisson"])
def test_unchanged_numbers_seldom_seem_changed(draw: str) -> None:
    found = []
    for seed in range(400):
        generator = np.random.default_rng(seed)
        reference, batch = (
            getattr(generator, draw)(*((0, 1) if draw == "normal" else (3,)), size) for size in (3000, 300)
        )
        found.append(kolmogorov_smirnov(quantile_sketch(reference), 3000, batch)[1])
    assert np.mean(np.array(found) <= 0.05) <= 0.07


def test_a_moderate_shift_is_seen() -> None:
    generator = np.random.default_rng(1)
    sketch = quantile_sketch(generator.normal(size=5000))
    batch = generator.normal(0.5, 1, 500)
    assert kolmogorov_smirnov(sketch, 5000, batch)[1] < 1e-6
    assert stability_index(*binned(sketch, 5000, batch)) > 0.1


def test_a_trifle_has_a_small_index_however_sure_it_is() -> None:
    generator = np.random.default_rng(2)
    sketch = quantile_sketch(generator.normal(size=200_000))
    batch = generator.normal(0.05, 1, 200_000)
    assert kolmogorov_smirnov(sketch, 200_000, batch)[1] < 1e-6
    assert stability_index(*binned(sketch, 200_000, batch)) < 0.02


def test_a_value_of_many_rows_stays_in_its_bin() -> None:
    values = np.where(np.random.default_rng(3).random(3000) < 0.7, 0.123456789, 5.0)
    sketch = quantile_sketch(values)
    assert kolmogorov_smirnov(sketch, 3000, values)[0] < 0.01
    assert stability_index(*binned(sketch, 3000, values)) < 0.001


def test_a_column_that_stands_still_is_seen() -> None:
    sketch = quantile_sketch(np.random.default_rng(4).normal(size=1000))
    still = np.zeros(100)
    assert kolmogorov_smirnov(sketch, 1000, still)[1] < 1e-9
    assert stability_index(*binned(sketch, 1000, still)) > 1


def test_chi_square_is_that_of_scipy() -> None:
    before, after = {"a": 300, "b": 200, "c": 100}, {"a": 40, "b": 30, "c": 30}
    table = [list(before.values()), list(after.values())]
    assert chi_square(before, after) == pytest.approx(chi2_contingency(table, correction=False).pvalue)


def test_unchanged_categories_seldom_seem_changed() -> None:
    shares = 1 / np.arange(1, 41) ** 1.5
    shares /= shares.sum()
    found = []
    for seed in range(400):
        generator = np.random.default_rng(seed)
        before, after = (Counter(map(str, generator.choice(40, size, p=shares))) for size in (2000, 60))
        found.append(chi_square(before, after))
    assert np.mean(np.array(found) <= 0.05) <= 0.07


def test_rare_categories_count_together() -> None:
    before = {"common": 1000, **{f"rare {place}": 1 for place in range(20)}}
    assert chi_square(before, {"common": 100}) > 0.1
    assert chi_square(before, {"common": 60, "new": 40}) < 1e-9
    assert chi_square({"a": 3}, {"b": 2}) == 1.0, "too few to say anything"


def test_the_index_of_a_doubled_share() -> None:
    assert stability_index({"a": 8000, "b": 2000}, {"a": 6000, "b": 4000}) == pytest.approx(0.196, abs=1e-3)


def test_nothing_is_said_without_rows() -> None:
    assert kolmogorov_smirnov((), 0, np.zeros(3)) == (0.0, 1.0)
    assert kolmogorov_smirnov((1.0,), 1, np.zeros(0)) == (0.0, 1.0)
    assert chi_square({"a": 3}, {}) == 1.0
    assert stability_index({}, {"a": 3}) == 0.0
    assert binned((), 0, np.array([1.0])) == ({"0": 0}, {"0": 1})
