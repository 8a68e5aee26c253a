"""Reloading: what training keeps in memory only is found before anything is made of the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import datasets, models, runs
from torch import Tensor, nn

from tasks.core import Context, InputError, Prepared, Workspace
from tasks.evaluation.parity import parity_of
from tasks.models.model_spec import ModelSpec
from tasks.training import baseline
from tasks.training.reloading import prove_loading, store_network
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs


class Centred(nn.Module):
    """Subtracts a mean that it learns in training, and keeps in an attribute."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.head, self.mean = nn.Linear(64, outputs), torch.zeros(64)

    def forward(self, batch: Tensor) -> Tensor:
        rows = batch.flatten(1)
        if self.training:
            self.mean = rows.mean(0).detach() + 1
        answers: Tensor = self.head(rows - self.mean)
        return answers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return runs.workspace(tmp_path)


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return datasets.prepared_squares(workspace.store)


def test_what_training_keeps_out_of_the_state_dict_is_named(prepared: Prepared, workspace: Workspace) -> None:
    model = ModelSpec(factory=f"{__name__}:Centred")
    with pytest.raises(InputError) as found:
        baseline.fit(model, TrainSpec(epochs=1), TrainingInputs(prepared), Context(workspace))
    said = str(found.value)
    assert said.startswith("model.factory: must answer the same once it is loaded, but is ")
    assert said.endswith(
        " off (largest difference at most 0.0001 of the largest output), since it keeps 'mean' of Centred out of its "
        "state dict; nearest valid choice: a buffer of the module, with persistent=True"
    )


def test_the_ledger_begins_with_the_loaded_network(prepared: Prepared, workspace: Workspace) -> None:
    model = ModelSpec(arguments={"width": 4, "depth": 1})
    found = baseline.fit(model, TrainSpec(epochs=1), TrainingInputs(prepared), Context(workspace))
    [hop] = parity_of(found, workspace.store)
    assert (hop.hop, hop.n, hop.max_difference, hop.passed) == ("trained → loaded", 40, 0.0, True)


def test_the_twin_gets_the_weights(prepared: Prepared, workspace: Workspace) -> None:
    network, twin = models.build(seed=1), models.build(seed=2)
    content, [hop] = store_network(network, twin, prepared, workspace.store)
    assert models.same(network, twin)
    assert (workspace.store.holds(content), hop["passed"]) == (True, True)


def test_another_network_is_refused(prepared: Prepared, workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"once it is loaded, but is .* off \([^)]*\)$"):
        prove_loading(models.build(seed=1), models.build(seed=2), prepared, workspace.store)
