"""Trained networks become one: weights, scores, and the gain over the best member."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import datasets, runs

from tasks.core import Candidate, Context, MetricSpec, Prepared, Workspace
from tasks.models.ensembles.network_members import NetworkEnsemble
from tasks.models.model_spec import ModelSpec
from tasks.techniques import replay
from tasks.training import baseline
from tasks.training.ensembles.network_average import answers_of, average_networks, judge_members, paired_gain
from tasks.training.ensembles.training_cycle import train_cycle
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, load_training_data

NETWORK = ModelSpec(factory="tasks.architectures:mlp", arguments={"width": 16, "depth": 1})
QUICK = TrainSpec(epochs=2, batch_size=16, learning_rate=0.01)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return runs.workspace(tmp_path)


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return datasets.prepared_squares(workspace.store)


def members_of(prepared: Prepared, workspace: Workspace, *epochs: int) -> tuple[Candidate, ...]:
    return tuple(
        baseline.fit(
            NETWORK,
            QUICK.model_copy(update={"seed": seed, "epochs": count}),
            TrainingInputs(prepared),
            Context(workspace),
        )
        for seed, count in enumerate(epochs)
    )


def averaged(members: Any, prepared: Prepared, workspace: Workspace, **knobs: Any) -> tuple[Candidate, dict[str, Any]]:
    names = tuple(f"m{place}" for place in range(len(members)))
    ensemble = NetworkEnsemble.model_validate({"members": len(members), **knobs})
    found = average_networks(members, names, ensemble, TrainingInputs(prepared), Context(workspace))
    return found, workspace.store.get_json(found.lineage[0].record or "")


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_the_average_is_one_network(average: str, prepared: Prepared, workspace: Workspace) -> None:
    members = members_of(prepared, workspace, 1, 2)
    found, record = averaged(members, prepared, workspace, average=average)
    data = load_training_data(TrainingInputs(prepared), Context(workspace))
    own = [answers_of(replay.load_network(each, workspace.store), data) for each in members]
    joined = answers_of(replay.load_network(found, workspace.store), data)
    wanted = sum(each.softmax(1) for each in own) / 2 if average == "probabilities" else sum(own) / 2
    torch.testing.assert_close(joined.exp() if average == "probabilities" else joined, wanted)
    assert [each["weight"] for each in record["members"]] == [0.5, 0.5]
    accuracies = [float((each.argmax(1) == data.validation_targets).float().mean()) for each in (*own, joined)]
    assert [each["validation"] for each in record["members"]] == pytest.approx(accuracies[:2])
    assert record["validation"] == pytest.approx(accuracies[2])
    assert record["gain"]["value"] == pytest.approx(accuracies[2] - max(accuracies[:2]))
    assert record["gain"]["low"] <= record["gain"]["value"] <= record["gain"]["high"]
    assert record["gain"]["n"] == len(data.validation_targets)


def test_fitted_weights_leave_out_a_member_that_only_errs(prepared: Prepared, workspace: Workspace) -> None:
    good, bad = *members_of(prepared, workspace, 8), runs.untrained(prepared, workspace.store, **vars_of(NETWORK))
    record = workspace.store.put_json({"minutes": 0.0})
    bad = bad.after(bad.lineage[0].__class__("train", 1, {}, None, record, None), bad.content)
    found, told = averaged((good, bad), prepared, workspace, weights="fitted")
    weights = [each["weight"] for each in told["members"]]
    assert sum(weights) == pytest.approx(1)
    assert weights[0] > 0.9
    assert len(found.arguments["members"]) == sum(weight > 0 for weight in weights)
    assert told["best_member"] == "m0"


def vars_of(model: ModelSpec) -> dict[str, Any]:
    return {"factory": str(model.factory), **model.arguments}


def test_numbers_are_averaged_in_the_unit_of_the_data(prepared: Prepared, workspace: Workspace) -> None:
    data = load_training_data(TrainingInputs(prepared, metric=MetricSpec("rmse")), Context(workspace))
    numbers = torch.tensor([0.0, 1.0, -1.0, 2.0])
    told = data.__class__(
        *(data.inputs, data.targets, data.validation_inputs, numbers, data.transform),
        metric=MetricSpec("rmse"),
        target={"mean": 10.0, "std": 2.0},
    )
    answers = [(numbers + 1).reshape(-1, 1), (numbers - 1).reshape(-1, 1)]
    found = judge_members(answers, [0.5, 0.5], "logits", told)
    assert found.scores == pytest.approx((2.0, 2.0))
    assert found.score == pytest.approx(0.0, abs=1e-6)
    assert found.gain.value == pytest.approx(2.0)


def test_a_gain_is_paired() -> None:
    targets = np.zeros(100, np.int64)
    right, wrong = np.tile([1.0, 0.0], (100, 1)), np.tile([1.0, 0.0], (100, 1))
    wrong[:20] = [0.0, 1.0]
    gain = paired_gain(right, wrong, targets, MetricSpec("accuracy"))
    assert (gain.value, gain.n) == (0.2, 100)
    assert 0.1 < gain.low < 0.2 < gain.high < 0.3
    loss = paired_gain(wrong, right, targets, MetricSpec("accuracy"))
    assert (loss.value, loss.low, loss.high) == pytest.approx((-0.2, -gain.high, -gain.low))


def test_a_cycle_goes_on_from_the_one_before(prepared: Prepared, workspace: Workspace) -> None:
    [start] = members_of(prepared, workspace, 4)
    spec = QUICK.model_copy(update={"seed": 1, "early_stopping": None})
    found = train_cycle(start, spec, TrainingInputs(prepared), Context(workspace))
    assert [step.technique for step in found.lineage] == ["train", "cycle"]
    assert found.lineage[1].parent == start.digest
    assert found.content != start.content
    before, after = (workspace.store.get_json(step.record or "")["curve"] for step in found.lineage)
    assert [epoch["number"] for epoch in after] == [1, 2]
    assert after[0]["train_loss"] < before[0]["train_loss"]
