"""The race of trainings: its ratio and its table, on times worked by hand."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import publish


@pytest.fixture
def learning_race(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is run: with its own folder on the path."""
    monkeypatch.syspath_prepend(str(Path(publish.__file__).parent))
    return importlib.import_module("learning_race")


def test_only_seeds_that_both_finished_count(learning_race: ModuleType) -> None:
    finish = learning_race.Finish
    found = [
        *(finish("plain", seed, 40.0, 60.0, 5, 0.91, True) for seed in range(3)),
        *(finish("recipe", seed, 10.0, 12.0, 3, 0.90, seed < 2) for seed in range(3)),
    ]
    assert learning_race.ratio(found, "recipe", "seconds") == pytest.approx((4.0, 4.0, 4.0, 2))
    assert learning_race.ratio(found, "same", "cpu") is None
    middle, low, _, count = learning_race.ratio(found[:4], "recipe", "cpu")
    assert (middle, count) == (pytest.approx(5.0), 1)
    assert math.isnan(low)
    assert learning_race.race_table(found)[-1] == (
        "| recipe | 2 of 3 | 3 | 10.0, 12.0 | 4.00 [4.00, 4.00] | 5.00 [5.00, 5.00] |"
    )
    assert learning_race.race_table(found)[-4] == "| plain | 3 of 3 | 5 | 40.0, 60.0 | – | – |"
