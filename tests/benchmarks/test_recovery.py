"""The recovery's table: differences are paired by seed, and so are the times."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import publish


@pytest.fixture
def recovery(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is run: with its own folder on the path."""
    monkeypatch.syspath_prepend(str(Path(publish.__file__).parent))
    return importlib.import_module("recovery")


def test_a_way_is_compared_with_the_first_by_seed(recovery: ModuleType) -> None:
    def run(way: str, seed: int, after: float, seconds: float) -> dict[str, object]:
        return {"cut": 4, "way": way, "seed": seed, "before": 0.7, "after": after, "seconds": seconds}

    first, second, third = recovery.WAYS
    runs = [
        *(run(first, seed, after, 20.0) for seed, after in enumerate((0.75, 0.76))),
        *(run(second, seed, after, 10.0) for seed, after in enumerate((0.77, 0.78))),
        *(run(third, seed, after, 20.0) for seed, after in enumerate((0.74, 0.79))),
    ]
    *_, plain, better, mixed = recovery.table(runs)
    assert plain == f"| 4 | 70.0 | {first} | 75.50 | – | – | 20 | – |"
    assert better == f"| 4 | 70.0 | {second} | 77.50 | +2.00 [+2.00, +2.00] | 2 of 2 | 10 | 0.50× |"
    assert "+1.00 [" in mixed
    assert "| 1 of 2 | 20 | 1.00× |" in mixed


def test_the_first_way_is_the_rate_of_networks_without_norms(recovery: ModuleType) -> None:
    assert recovery.WAYS[recovery.FIRST] == {"learning_rate": 1e-3}
