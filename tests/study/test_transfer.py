"""Which ways of transfer a study compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, studies

from flows.study.cells.made_cell import recipe_with
from flows.study.designs.transfer import design_transfer
from tasks.core import Store
from tasks.study.design import Design, UnsuitedTable

BODY = {"factory": "support.trained_networks:body", "weights": "body.pt"}


def design_of(folder: Path, model: dict[str, Any], **sections: Any) -> tuple[Design | UnsuitedTable, Any]:
    store = Store(folder / "store")
    prepared = datasets.prepared_squares(store)
    study = studies.study_of(prepared, store, model=model, preprocess=[{"step": "none"}], **sections)
    return design_transfer(study), study


def test_the_ways_beside_that_of_the_recipe(tmp_path: Path) -> None:
    design, study = design_of(tmp_path, {**BODY, "transfer": "features"})
    assert isinstance(design, Design)
    assert [cell.name for cell in design.cells] == ["a new last layer", "as it is", "fine-tuning", "from scratch"]
    tuned = recipe_with(study.recipe, design.cells[2].values, 0)
    assert (tuned.model.transfer, tuned.train.layer_decay, tuned.train.unfreeze) == ("fine_tune", 0.4, 1)
    scratch = recipe_with(study.recipe, design.cells[3].values, 0)
    assert (scratch.model.transfer, scratch.train.layer_decay, scratch.train.unfreeze) == ("scratch", 1.0, 0)


def test_weights_without_a_way_are_taken_as_they_are(tmp_path: Path) -> None:
    design, _ = design_of(tmp_path, BODY)
    assert isinstance(design, Design)
    assert design.reference.name == "as it is"


def test_rates_that_the_recipe_names_stay(tmp_path: Path) -> None:
    train = {"epochs": 2, "layer_decay": 0.7}
    design, study = design_of(tmp_path, {**BODY, "transfer": "features"}, train=train)
    assert isinstance(design, Design)
    assert recipe_with(study.recipe, design.cells[2].values, 0).train.layer_decay == 0.7


@pytest.mark.parametrize(
    ("model", "reason"),
    [({}, "names no pretrained weights"), ({"file": "model.onnx"}, "an ONNX file has no pretrained weights")],
)
def test_left_out_without_weights(tmp_path: Path, model: dict[str, Any], reason: str) -> None:
    store = Store(tmp_path / "store")
    found = design_transfer(studies.study_of(datasets.prepared_squares(store), store, model=model))
    assert isinstance(found, UnsuitedTable)
    assert reason in found.reason
