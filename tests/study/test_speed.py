"""The tables that time the training itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from support import datasets, studies

from flows.study.cells.speed import latency_on, time_cells
from flows.study.designs.parallelism import WAYS
from tasks.core import Store
from tasks.study.design import Cell
from tasks.training.timing.training_timing import TrainingSetup, TrainingWork

P = ParamSpec("P")
T = TypeVar("T")
CELLS = [Cell(name, timing={"device": "cpu", **way}) for name, way in WAYS.items()]


class Stopwatch:
    """A runner for which a training takes as many seconds as the setup has threads."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def run(self, label: str, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.asked.append(args)
        setups = cast(dict[str, TrainingSetup], args[0])
        return cast(T, {name: float(setup.threads) for name, setup in setups.items()})


def test_all_settings_are_timed_in_one_step_with_the_repetition(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    study, watch = studies.study_of(datasets.prepared_squares(store), store), Stopwatch()
    study.job = dataclasses.replace(study.job, runner=watch)
    found = time_cells(CELLS, 2, study)
    assert [(each.cell, each.seed, each.seconds) for each in found] == [
        ("1 thread", 2, 1.0),
        ("2 threads", 2, 2.0),
        ("2 workers of 1 thread", 2, 1.0),
    ]
    [(setups, work, repetition, *_)] = watch.asked
    assert setups == {cell.name: TrainingSetup(**cell.timing) for cell in CELLS}
    assert isinstance(work, TrainingWork)
    assert work.train == study.recipe.train
    assert repetition == 2
    assert {each.latency_ms for each in found} == {None}


def test_a_device_without_a_provider_has_no_latency(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert latency_on("mps", studies.study_of(datasets.prepared_squares(store), store)) is None
