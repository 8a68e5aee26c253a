"""A cell's recipe: its values, its seed, its data, and how it is tried before it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, studies

from flows.study.cells.made_cell import check_cell, make_cell, prepared_for, recipe_with
from flows.study.study_context import Study
from tasks.core import InputError, Store
from tasks.kernels.engines.runtime_record import installed_version, read_runtime
from tasks.study.design import Cell


def pictures(folder: Path, **sections: Any) -> Study:
    store = Store(folder / "store")
    return studies.study_of(datasets.prepared_squares(store), store, **sections)


def tried(cell: Cell, study: Study) -> None:
    check_cell(cell, cell.values, recipe_with(study.recipe, cell.values, 0), study.prepared, study)


def test_the_seed_is_that_of_the_training_and_of_its_search(tmp_path: Path) -> None:
    search = {"algorithm": "random", "trials": 2, "space": {"train.weight_decay": {"loguniform": [1e-5, 1e-2]}}}
    found = recipe_with(pictures(tmp_path).recipe, {"search": search, "train.optimizer": "sgd"}, 7)
    assert found.search is not None
    assert (found.train.seed, found.search.seed, found.train.optimizer) == (7, 7, "sgd")


def test_values_of_the_training_are_tried_without_a_network(tmp_path: Path) -> None:
    # The factory does not exist: whoever built the network would fail.
    study = pictures(tmp_path, model={"factory": "support.studies:absent"})
    cell = Cell("b", {"train.batch_size": 8})
    tried(cell, study)
    assert len(study.checked) == 1
    tried(Cell("as it is"), study)
    with pytest.raises(InputError, match="absent"):
        tried(Cell("c", {"model.arguments.width": 8}), study)
    with pytest.raises(InputError, match=r"train.warm_up"):
        tried(Cell("d", {"train.warm_up": 9}), study)


def test_another_preprocessing_or_fewer_rows_prepare_the_data_again(tmp_path: Path) -> None:
    study = pictures(tmp_path)
    assert prepared_for(Cell("as it is"), 0, study.job, study) is study.prepared
    half = prepared_for(Cell("half", train_share=0.5), 1, study.job, study)
    assert half.dataset.splits["train"].count == 32
    assert half.dataset.splits["validation"] == study.prepared.dataset.splits["validation"]


@pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
def test_a_network_runs_in_the_engine_that_the_recipe_names_first(tmp_path: Path) -> None:
    runtime = {"engine": ["openvino", "onnxruntime"], "precision": "f32"}
    study = pictures(tmp_path, runtime=runtime, train={"epochs": 1, "batch_size": 16})
    made = make_cell(Cell("as it is"), 0, study)
    assert read_runtime(study.job.store.path(made.file.content)).engine == "openvino"
    plain = make_cell(Cell("as it is"), 0, pictures(tmp_path, train={"epochs": 1, "batch_size": 16}))
    assert read_runtime(study.job.store.path(plain.file.content)).engine == "onnxruntime"
