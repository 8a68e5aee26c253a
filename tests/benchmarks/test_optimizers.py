"""The optimizers' table: which rate is an optimizer's own, and the rows, on scores worked by hand."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import publish


@pytest.fixture
def optimizers(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is run: with its own folder on the path."""
    monkeypatch.syspath_prepend(str(Path(publish.__file__).parent))
    return importlib.import_module("optimizers")


def test_only_the_first_seeds_choose_the_rate_and_equals_take_the_least(optimizers: ModuleType) -> None:
    def trial(factor: float, seed: int, validation: float) -> object:
        return optimizers.Trial("sgd", factor, seed, validation, 0.5, 1.0)

    default, next_one, high, highest = optimizers.FACTORS
    found = [
        *(trial(default, seed, 0.75) for seed in range(2)),
        *(trial(next_one, seed, score) for seed, score in enumerate([0.625, 0.875])),
        *(trial(high, seed, score) for seed, score in enumerate([1.0, 0.25, 1.0, 1.0])),
        *(trial(highest, seed, 0.5) for seed in range(2)),
    ]
    assert optimizers.best_factor(found, tuned=2) == default
    assert optimizers.best_factor(found, tuned=1) == high


def test_a_row_pairs_the_seeds_and_tells_a_rate_at_the_edge(optimizers: ModuleType) -> None:
    found = []
    for name in optimizers.RATES:
        for seed in range(3):
            best = optimizers.FACTORS[3 if name == "muon" else 1]
            for factor in optimizers.FACTORS if seed < 2 else (best,):
                gain = 0.25 if name == "muon" else 0.0
                found.append(optimizers.Trial(name, factor, seed, float(factor == best), 0.5 + seed / 8 + gain, 2.0))
    lines = optimizers.table(found, tuned=2)
    # The mean of 0.5, 0.625 and 0.75; half width 0.125 * 4.3027 / sqrt(3).
    assert lines[4] == "| adamw | 0.003 | 0.6250 [0.3145, 0.9355] | – | 0.000, 1.000, 0.000, 0.000 | 2.0 |"
    assert lines[-1] == (
        "| muon | 0.3 (the highest tried) | 0.8750 [0.5645, 1.1855] | +0.2500 [+0.2500, +0.2500] "
        "| 0.000, 0.000, 0.000, 1.000 | 2.0 |"
    )
