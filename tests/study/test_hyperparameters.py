"""The tables of the training: hyperparameters, optimizers, early stopping and augmentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, prepared_tables, studies

from flows.study.designs import DESIGNERS
from flows.study.study_context import Study
from tasks.core import Store
from tasks.data.preprocessing import preprocess
from tasks.study.design import Design, UnsuitedTable
from tasks.study.study_spec import TableName

TRAINED: tuple[TableName, ...] = ("hyperparameters", "optimizers", "early_stopping", "augmentation")


def pictures(folder: Path, **sections: Any) -> Study:
    store = Store(folder / "store")
    return studies.study_of(datasets.prepared_squares(store), store, **sections)


def cells_of(name: TableName, study: Study) -> dict[str, dict[str, Any]]:
    design = DESIGNERS[name](study)
    assert isinstance(design, Design)
    return {cell.name: dict(cell.values) for cell in design.cells}


def test_each_hyperparameter_below_and_above(tmp_path: Path) -> None:
    model = {"factory": "tasks.architectures:vgg", "arguments": {"width": 8}}
    assert cells_of("hyperparameters", pictures(tmp_path, model=model)) == {
        "as it is": {},
        "learning rate 0.0025": {"train.learning_rate": 0.0025},
        "learning rate 0.04": {"train.learning_rate": 0.04},
        "batch size 8": {"train.batch_size": 8},
        # four times 32 would be more than half of the 64 train rows
        "dropout 0": {"model.arguments.dropout": 0.0},
        "dropout 0.2": {"model.arguments.dropout": 0.2},
    }


def test_a_network_without_dropout_has_no_cell_of_it(tmp_path: Path) -> None:
    found = cells_of("hyperparameters", pictures(tmp_path, model={"factory": "support.studies:fixed"}))
    assert not [name for name in found if name.startswith("dropout")]


def test_a_network_of_a_table_has_the_knobs_of_its_family(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prepared = preprocess(prepared_tables.prepared_table(store).dataset, (), store)
    study = studies.study_of(prepared, store, model={"family": "mlp"}, train=studies.TRAIN)
    assert "dropout 0.2" in cells_of("hyperparameters", study)


def test_each_optimizer_has_rates_of_its_own(tmp_path: Path) -> None:
    design = DESIGNERS["optimizers"](pictures(tmp_path, train={"optimizer": "adam", "learning_rate": 0.006}))
    assert isinstance(design, Design)
    assert [cell.name for cell in design.cells] == ["adam", "sgd", "adamw", "adagrad", "rmsprop", "muon"]
    rates = [[option["train.learning_rate"] for option in cell.options] for cell in design.cells[:2]]
    assert rates == [[0.002, 0.006, 0.018], [0.0167, 0.05, 0.15]]


@pytest.mark.parametrize(
    ("train", "names"),
    [
        ({"epochs": 20}, ["patience 5", "all epochs", "patience 2"]),
        ({"epochs": 20, "early_stopping": None}, ["all epochs", "patience 5", "patience 2"]),
        ({"epochs": 4}, ["all epochs", "patience 2"]),
        ({"epochs": 2}, ["all epochs"]),
    ],
)
def test_early_stopping_begins_with_the_recipe(tmp_path: Path, train: dict[str, Any], names: list[str]) -> None:
    assert [*cells_of("early_stopping", pictures(tmp_path, train=train))] == names


@pytest.mark.parametrize(
    ("own", "first"),
    [
        ([], "none"),
        ([{"step": "crop", "padding": 1}], "crop"),
        ([{"step": "cutout"}], "as in the recipe"),
    ],
)
def test_augmentation_begins_with_the_recipe(tmp_path: Path, own: list[dict[str, Any]], first: str) -> None:
    found = cells_of("augmentation", pictures(tmp_path, augment=own))
    assert next(iter(found)) == first
    assert {"none", "rotation", "crop", "flip", "all together"} <= {*found}
    assert found["none"] == ({} if first == "none" else {"augment": []})


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize(
    "model", [{"file": "model.onnx"}, {"factory": "support.trained_networks:body", "weights": "body.pt"}]
)
def test_trained_models_are_left_out_with_the_reason(tmp_path: Path, name: TableName, model: dict[str, Any]) -> None:
    found = DESIGNERS[name](pictures(tmp_path, model=model, preprocess=[{"step": "none"}], train={}))
    assert isinstance(found, UnsuitedTable)
    assert "trained already" in found.reason


def test_a_last_layer_is_not_trained_in_epochs(tmp_path: Path) -> None:
    model = {"factory": "support.trained_networks:body", "weights": "body.pt", "transfer": "features"}
    found = DESIGNERS["optimizers"](pictures(tmp_path, model=model))
    assert isinstance(found, UnsuitedTable)
    assert "last layer alone" in found.reason
