"""Ensembles of networks: every member is a step of its own, and no training is done twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import datasets, runs

from tasks.compression.network_fit import train_ensemble
from tasks.core import Candidate, Context, Prepared
from tasks.models.model_spec import ModelSpec
from tasks.training import baseline
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs

NETWORK: dict[str, Any] = {"factory": "tasks.architectures:mlp", "arguments": {"width": 8, "depth": 1}}
TRAIN = TrainSpec(epochs=4, batch_size=16, learning_rate=0.01)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(runs.workspace(tmp_path))


@pytest.fixture
def prepared(context: Context) -> Prepared:
    return datasets.prepared_squares(context.store)


def ensemble(context: Context, prepared: Prepared, runner: Any, train: TrainSpec = TRAIN, **knobs: Any) -> Candidate:
    model = ModelSpec.model_validate({**NETWORK, "ensemble": knobs})
    return train_ensemble(model, train, TrainingInputs(prepared), context, runner)


def test_members_of_a_larger_ensemble_are_known(context: Context, prepared: Prepared) -> None:
    runner = runs.Remembering()
    alone = runner.run("alone", baseline.fit, ModelSpec(**NETWORK), TRAIN, TrainingInputs(prepared), context)
    found = ensemble(context, prepared, runner, members=2)
    assert runner.remembered == ["train member 1: mlp of 2"]  # the recipe's own network
    assert runner.worked == ["alone", "train member 2: mlp of 2", "average the members"]
    assert len(found.arguments["members"]) == 2
    ensemble(context, prepared, runner, members=3)
    assert runner.remembered[1:] == ["train member 1: mlp of 3", "train member 2: mlp of 3"]
    assert found.arguments["members"][0] == {"factory": alone.factory, "arguments": alone.arguments}


def test_a_killed_run_goes_on_with_the_member_under_way(context: Context, prepared: Prepared) -> None:
    runner = runs.Remembering()
    whole = ensemble(context, prepared, runs.Remembering(), snapshots=2)
    run: Callable[..., Any] = runner.run

    def dies(label: str, *given: Any) -> Any:
        if label.startswith("average"):
            raise KeyboardInterrupt
        return run(label, *given)

    runner.run = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        ensemble(context, prepared, runner, snapshots=2)
    runner.run = run  # type: ignore[method-assign]
    found = ensemble(context, prepared, runner, snapshots=2)
    assert runner.remembered == ["train snapshot 1 of 2", "train snapshot 2 of 2"]
    assert found.content == whole.content


def test_snapshots_differ_and_share_a_rate_that_was_found(context: Context, prepared: Prepared) -> None:
    runner = runs.Remembering()
    ensemble(context, prepared, runner, TRAIN.model_copy(update={"learning_rate": "auto"}), snapshots=2)
    first, second = (arguments for _, name, arguments in runner.calls if name in ("fit", "train_cycle"))
    chosen = context.store.get_json(second["start"].lineage[0].record)["rate_range"]["chosen"]
    assert first["spec"].learning_rate == "auto"
    assert second["spec"].learning_rate == chosen
