"""Which threads, workers and devices a study compares."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets, prepared_tables, studies

from flows.study.designs import device_design, parallelism
from tasks.core import Store
from tasks.kernels.host import machine
from tasks.study.design import Design, UnsuitedTable
from tasks.training.timing.training_timing import TrainingSetup


def machine_of(cores: int, gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: list(range(cores)))
    monkeypatch.setattr(parallelism, "gpu_count", lambda: gpus)
    monkeypatch.setattr(device_design, "gpu_count", lambda: gpus)


def test_every_thread_of_every_worker_has_a_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    study = studies.study_of(datasets.prepared_squares(store), store)
    machine_of(8, 2, monkeypatch)
    design = parallelism.design_parallelism(study)
    assert isinstance(design, Design)
    setups = {cell.name: TrainingSetup(**cell.timing) for cell in design.cells}
    assert setups == {
        "1 thread": TrainingSetup("cpu", 1, 1),
        "2 threads": TrainingSetup("cpu", 2, 1),
        "2 workers of 1 thread": TrainingSetup("cpu", 1, 2),
        "8 threads": TrainingSetup("cpu", 8, 1),
        "1 GPU": TrainingSetup("cuda", 1, 1),
        "2 GPUs": TrainingSetup("cuda", 1, 2),
    }
    assert (design.kind, design.cost) == ("speed", "training")
    machine_of(1, 0, monkeypatch)
    found = parallelism.design_parallelism(study)
    assert isinstance(found, UnsuitedTable)
    assert "one core" in found.reason


def test_a_simple_model_is_fitted_by_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    machine_of(4, 0, monkeypatch)
    study = studies.study_of(prepared_tables.prepared_table(store), store, model={"family": "linear"})
    design = parallelism.design_parallelism(study)
    assert isinstance(design, Design)
    assert [cell.name for cell in design.cells] == ["1 thread", "2 workers of 1 thread"]


def test_devices_are_compared_where_there_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    study = studies.study_of(datasets.prepared_squares(store), store)
    machine_of(4, 1, monkeypatch)
    design = device_design.design_devices(study)
    assert isinstance(design, Design)
    assert [cell.timing["device"] for cell in design.cells][:2] == ["cpu", "cuda"]
    machine_of(4, 0, monkeypatch)
    monkeypatch.setattr(device_design, "other_devices", list)
    found = device_design.design_devices(study)
    assert isinstance(found, UnsuitedTable)
    assert "one device alone" in found.reason
