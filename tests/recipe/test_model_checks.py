"""Model checks: logits where the recipe needs them, students and searched networks like the network itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its name in torch's own documents

from flows.recipe import model_checks
from flows.recipe.schema import Recipe
from tasks.conversion import onnx_export
from tasks.core import InputError, Prepared, Store
from tasks.models import checkpoint_files

INT8 = {"branches": [{"name": "int8", "steps": [{"step": "int8"}]}]}


class Shares(nn.Module):
    """Ends with a softmax, if asked."""

    def __init__(self, outputs: int, closed: bool = True) -> None:
        super().__init__()
        self.head, self.closed = nn.Linear(64, outputs), closed

    def forward(self, batch: Tensor) -> Tensor:
        answers: Tensor = self.head(batch.flatten(1))
        return answers.softmax(1) if self.closed else answers


class Dropping(nn.Module):
    """Its dropout is always on, if asked."""

    def __init__(self, outputs: int, rate: float = 0.0) -> None:
        super().__init__()
        self.head, self.rate = nn.Linear(64, outputs), rate

    def forward(self, batch: Tensor) -> Tensor:
        answers: Tensor = self.head(F.dropout(batch.flatten(1), self.rate, self.rate > 0))
        return answers


@pytest.fixture
def weights(tmp_path: Path) -> str:
    torch.save(Shares(4).state_dict(), tmp_path / "shares.pt")
    return str(tmp_path / "shares.pt")


def recipe(factory: str, model: dict[str, Any] | None = None, **sections: Any) -> Recipe:
    named = {"factory": f"{__name__}:{factory}", **(model or {})}
    content = {"name": "a", "data": {"source": "a.npz"}, "model": named, "preprocess": "none", "compress": INT8}
    return Recipe.model_validate({**content, **sections})


def said(made: Recipe, prepared: Prepared, store: Store) -> str:
    with pytest.raises(InputError) as found:
        model_checks.check_network(made, prepared, store)
    return re.sub(r"line \d+", "line N", str(found.value).replace(f"{__name__}:", ""))


def distilled(factory: str, **arguments: Any) -> dict[str, Any]:
    step = {"step": "distill", "factory": f"{__name__}:{factory}", "arguments": arguments}
    return {"name": " ".join([factory, *arguments]), "steps": [step]}


WITHOUT = "nearest valid choice: the network without its softmax"


def test_training_needs_logits(prepared: Prepared, store: Store) -> None:
    says = f"train: needs logits, but Shares answers with probabilities; {WITHOUT}"
    assert said(recipe("Shares"), prepared, store) == says
    model_checks.check_network(recipe("Shares", {"arguments": {"closed": False}}), prepared, store)


def test_progressive_resizing_needs_a_network_of_several_sizes(prepared: Prepared, store: Store) -> None:
    made = recipe("Shares", {"arguments": {"closed": False}}, train={"progressive_resizing": 0.5})
    law = "Shares takes images of 8 × 8 pixels, not of 4 × 4: leave out train.progressive_resizing, but got 0.5"
    assert said(made, prepared, store) == f"train.progressive_resizing: {law}"


def test_trained_probabilities_are_taken_where_nothing_needs_logits(
    prepared: Prepared, store: Store, weights: str
) -> None:
    model = {"weights": weights}
    model_checks.check_network(recipe("Shares", model), prepared, store)
    found = said(recipe("Shares", model, goal={"metric": "log_loss"}), prepared, store)
    assert found == (
        "goal.metric: needs logits, but Shares answers with probabilities, but got 'log_loss'; nearest valid choice: "
        "accuracy, or the network without its softmax"
    )


def test_a_teacher_needs_logits(prepared: Prepared, store: Store, weights: str) -> None:
    narrow = {"name": "narrow", "steps": [{"step": "channels", "sparsity": 0.5}, {"step": "recover"}]}
    branches = {"branches": [*INT8["branches"], narrow]}
    law = "needs logits, but Shares answers with probabilities, but got 'recover'"
    found = said(recipe("Shares", {"weights": weights}, compress=branches), prepared, store)
    assert found == f"compress.branches.1.steps.1: {law}; {WITHOUT}"
    assert said(recipe("Shares", {"weights": weights}, compress=None), prepared, store) == f"compress: {law}; {WITHOUT}"


def test_students_are_tried_as_the_network_is(
    prepared: Prepared, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported, serialize = [], onnx_export.serialize_network

    def count(*given: Any) -> bytes:
        exported.append(type(given[0]).__name__)
        return serialize(*given)

    monkeypatch.setattr(onnx_export, "serialize_network", count)
    students = [distilled("Shares", closed=False), distilled("Dropping"), distilled("Dropping", rate=0.5)]
    found = said(recipe("Dropping", compress={"branches": students}), prepared, store)
    assert found == (
        "compress.branches.2.steps.0.factory: must answer the same batch twice the same in evaluation mode, but a "
        "dropout is always on (test_model_checks.py, line N); nearest valid choice: F.dropout(…, "
        "training=self.training)"
    )
    assert exported == ["Dropping", "Shares"], "one of each factory"
    found = said(recipe("Dropping", compress={"branches": [distilled("Shares")]}), prepared, store)
    assert found == (
        f"compress.branches.0.steps.0.factory: needs logits, but Shares answers with probabilities; {WITHOUT}"
    )


def test_searched_networks_are_tried_as_the_network_is(prepared: Prepared, store: Store) -> None:
    rates = {"space": {"model.arguments.rate": {"choice": [0.0, 0.5]}}, "trials": 2}
    found = said(recipe("Dropping", search=rates), prepared, store)
    assert found.startswith("search.space: must answer the same batch twice the same in evaluation mode, but a dropout")
    closed = {"space": {"model.arguments.closed": {"choice": [False, True]}}, "trials": 2}
    found = said(recipe("Shares", {"arguments": {"closed": False}}, search=closed), prepared, store)
    assert found == f"search.space: needs logits, but Shares answers with probabilities; {WITHOUT}"


def test_the_file_of_weights_is_read_once(
    prepared: Prepared, store: Store, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, read = [], checkpoint_files.read_checkpoint

    def count(path: Path) -> Any:
        opened.append(path.name)
        return read(path)

    monkeypatch.setattr(checkpoint_files, "read_checkpoint", count)
    model_checks.check_network(recipe("Shares", {"weights": weights}), prepared, store)
    assert opened == ["shares.pt"]
