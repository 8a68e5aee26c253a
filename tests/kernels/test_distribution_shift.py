"""Distribution shift: distances by hand, honest samples of many kinds, and the mistakes that must be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from tasks.kernels.statistics import distribution_shift

Draw = Callable[[np.random.Generator, int], np.ndarray]
KINDS: dict[str, Draw] = {
    "normal": lambda g, n: g.normal(100, 20, n),
    "heavy tail": lambda g, n: g.standard_cauchy(n),
    "income": lambda g, n: g.lognormal(10, 2, n),
    "mostly zero": lambda g, n: g.integers(1, 50, n) * (g.random(n) < 0.1),
    "yes or no": lambda g, n: (g.random(n) < 0.3).astype(float),
    "rare event": lambda g, n: (g.random(n) < 0.01).astype(float),
    "two heaps": lambda g, n: np.where(g.random(n) < 0.5, g.normal(0, 1, n), g.normal(1000, 1, n)),
    "constant": lambda g, n: np.full(n, 7.0),
}


def test_distance_by_hand() -> None:
    """At 2, all of the first and a quarter of the second are no larger."""
    assert distribution_shift.distance(np.array([1.0, 2.0]), np.array([2.0, 3.0, 4.0, 5.0])) == 0.75
    assert distribution_shift.distance(np.arange(5), np.arange(5)) == 0.0


def test_distance_is_scipys() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=40), generator.normal(0.4, size=300)
    assert distribution_shift.distance(a, b) == pytest.approx(stats.ks_2samp(a, b).statistic)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [8, 32, 512])
def test_an_honest_sample_is_never_unlike(kind: str, count: int) -> None:
    generator = np.random.default_rng(1)
    whole = KINDS[kind](generator, 2000)
    assert not any(distribution_shift.unlike(generator.choice(whole, count), whole) for _ in range(200))


@pytest.mark.parametrize("kind", ["normal", "income", "yes or no", "two heaps"])
def test_standardized_numbers_are_unlike(kind: str) -> None:
    generator = np.random.default_rng(2)
    whole = KINDS[kind](generator, 2000)
    sample = (generator.choice(whole, 32) - whole.mean()) / whole.std()
    assert distribution_shift.unlike(sample, whole)


@pytest.mark.parametrize("factor", [1 / 255, 255, 0.1, 10])
def test_another_unit_is_unlike(factor: float) -> None:
    generator = np.random.default_rng(3)
    whole = generator.normal(0, 5, 2000)
    assert distribution_shift.unlike(factor * generator.choice(whole, 32), whole)


def test_a_mild_drift_is_believed() -> None:
    generator = np.random.default_rng(4)
    whole = generator.normal(100, 20, 2000)
    assert not distribution_shift.unlike(1.2 * generator.choice(whole, 500) + 10, whole)


def test_images_are_summed_up_one_by_one() -> None:
    """Channel 0 is 3 everywhere; channel 1 is 0 and 2 in turn: mean 1, spread 1."""
    image = np.stack([np.full((2, 2), 3), np.array([[0, 2], [2, 0]])], axis=-1)[None]
    found = distribution_shift.by_channel(image)
    assert {name: values.tolist() for name, values in found.items()} == {
        "mean of channel 0 over an image": [3.0],
        "mean of channel 1 over an image": [1.0],
        "spread of channel 0 over an image": [0.0],
        "spread of channel 1 over an image": [1.0],
    }


def test_spread_out_positions() -> None:
    assert distribution_shift.spread_out(3).tolist() == [0, 1, 2]
    many = distribution_shift.spread_out(50_000)
    assert (len(many), many[0], many[-1]) == (distribution_shift.MOST, 0, 49_999)
