"""The same training is timed with other threads and workers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from support import datasets, prepared_tables, runs

from tasks.core import Refusal, Store
from tasks.data.preprocessing import preprocess
from tasks.models.model_spec import ModelSpec
from tasks.training.timing import training_timing
from tasks.training.timing.training_timing import TrainingSetup, TrainingWork, time_trainings
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, TrainingResult

MLP = ModelSpec(factory="tasks.architectures:mlp", arguments={"width": 8, "depth": 1})


def work_on_squares(store: Store) -> TrainingWork:
    return TrainingWork(MLP, TrainSpec(epochs=30, batch_size=16), TrainingInputs(datasets.prepared_squares(store)))


def test_every_turn_is_the_same_short_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    monkeypatch.setattr(training_timing, "EXAMPLES", 20)
    work = dataclasses.replace(work_on_squares(store), train=TrainSpec(learning_rate="auto", precision="auto"))
    once = training_timing.training_of_work(work, runs.workspace_of(store))
    first, second = once(), once()
    assert isinstance(first, TrainingResult)
    assert isinstance(second, TrainingResult)
    assert len(first.curve) == training_timing.EPOCHS
    losses = [[epoch.validation_loss for epoch in each.curve] for each in (first, second)]
    assert losses[0] == losses[1]


def test_a_simple_model_is_fitted(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prepared = preprocess(prepared_tables.prepared_table(store).dataset, (), store)
    work = TrainingWork(ModelSpec(family="linear"), TrainSpec(), TrainingInputs(prepared))
    fitted = training_timing.fit_of_work(work, runs.workspace_of(store))()
    assert hasattr(fitted, "predict")


@pytest.mark.e2e
def test_fresh_processes_train_in_turns(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    setups = {"one": TrainingSetup(), "two": TrainingSetup(workers=2)}
    found = time_trainings(setups, work_on_squares(store), 0, "here", runs.context_of(store))
    assert found.keys() == setups.keys()
    assert all(0 < seconds < 60 for seconds in found.values())


@pytest.mark.e2e
def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(Refusal, match="nowhere"):
        time_trainings(
            {"a": TrainingSetup(device="nowhere")}, work_on_squares(store), 0, "here", runs.context_of(store)
        )
