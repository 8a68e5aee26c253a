"""The benchmarks of search: what is searched, in which order, and what is kept."""

from __future__ import annotations

import gzip
import importlib
import struct
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import contests
from benchmarks.contests import SEARCHES, contest_of, order, recipe_of
from tasks.core import Estimate
from tasks.search.space import grid

FOLDER = Path(contests.__file__).parent
KNOBS = {"epochs": 3, "trials": None, "workers": 2}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """`search.py` as it is run: with its own folder on the path."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("search")


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("search_costs")


@pytest.mark.parametrize("search", SEARCHES)
def test_every_search_has_as_many_trials_as_the_grid_has_points(search: tuple[str, str], tmp_path: Path) -> None:
    recipe = recipe_of(contest_of("digits", tmp_path), 3, *search, **KNOBS)
    assert recipe.search
    assert len(grid(recipe.search.space)) == 54
    assert recipe.search.count == 54
    assert (recipe.search.algorithm, recipe.search.scheduler) == search
    assert (recipe.search.seed, recipe.train.seed, recipe.data.split.seed) == (3, 3, 3)
    assert recipe.train.early_stopping is None, "what stops a trial is the scheduler"


def test_fewer_trials_leave_the_grid_whole(tmp_path: Path) -> None:
    counts = {}
    for algorithm in ("grid", "tpe"):
        recipe = recipe_of(contest_of("digits", tmp_path), 0, algorithm, "none", **{**KNOBS, "trials": 5})
        assert recipe.search
        counts[algorithm] = recipe.search.count
    assert counts == {"grid": 54, "tpe": 5}


def test_every_seed_runs_every_search_in_an_order_of_its_own() -> None:
    found = order(5)
    rounds = [[search for seed, *search in found if seed == wanted] for wanted in range(5)]
    assert all(sorted(each) == sorted(map(list, SEARCHES)) for each in rounds)
    assert [seed for seed, *_ in found] == sorted(seed for seed, *_ in found)
    assert len({str(each) for each in rounds}) == 5
    assert order(5) == found


def test_the_first_images_of_a_folder_of_idx_files_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contests, "IMAGES", 3)
    images = np.arange(5 * 2 * 2, dtype=np.uint8).reshape(5, 2, 2)
    header = struct.pack(">4I", 0x803, 5, 2, 2)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.tobytes()))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 5) + bytes([4, 3, 2, 1, 0]))
    contest = contest_of(str(tmp_path), tmp_path)
    with np.load(contest.source) as kept:
        assert kept["images"].shape == (3, 2, 2, 1)
        assert kept["images"].ravel().tolist() == list(range(12))
        assert kept["labels"].tolist() == [4, 3, 2]
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    assert contest_of(str(tmp_path), tmp_path) == contest, "it is cut once"


def test_the_warming_search_is_small(script: ModuleType, tmp_path: Path) -> None:
    small = script.warming(recipe_of(contest_of("digits", tmp_path), 0, "grid", "none", **KNOBS)).search
    assert (small.count, small.epochs) == (2, 1)


def test_costs_are_judged_by_their_aim(costs: ModuleType) -> None:
    found = Estimate(50.0, 40.0, 61.0, 3)
    assert str(costs.Cost("overhead", "ms", found, 60)).endswith("50 [40, 61] ms, n = 3, aim at most 60: met")
    assert str(costs.Cost("overhead", "ms", found, 49)).endswith("aim at most 49: missed")
    assert str(costs.Cost("scaling", "times", found, 1.8, False)).endswith("aim at least 1.8: met")
    assert costs.Cost("memory", "MB", found).verdict == ""


def test_made_up_trials_are_the_same_every_time(costs: ModuleType) -> None:
    trials = costs.made_up(3)
    assert trials == costs.made_up(3)
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert all(len(trial.curve) == 10 and trial.score == max(score for _, score in trial.curve) for trial in trials)
    assert len({str(trial.point) for trial in trials}) == 3
