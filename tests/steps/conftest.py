"""A workspace, bright quarters prepared in its store, the smallest network, and which epochs were trained."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets, runs

from tasks.core import Prepared, Workspace
from tasks.kernels.training.learning_curve import Epoch
from tasks.training.trainer import Trainer


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return runs.workspace(tmp_path)


@pytest.fixture
def prepared(workspace: Workspace) -> Prepared:
    return datasets.prepared_squares(workspace.store)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of each epoch that is trained, over all trainings of the test."""
    epochs: list[int] = []
    train_epoch = Trainer.train_epoch

    def count(self: Trainer) -> Epoch | None:
        epoch = train_epoch(self)
        assert epoch is not None
        epochs.append(epoch.number)
        return epoch

    monkeypatch.setattr(Trainer, "train_epoch", count)
    return epochs
