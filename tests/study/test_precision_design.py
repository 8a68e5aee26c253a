"""What a study makes of a model that is trained already: the precision of its file, and nothing that needs training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, onnx_files, studies

from flows.study.cells.cell_measurement import measure_round
from flows.study.designs import DESIGNERS
from flows.study.study_job import design_study
from tasks.conversion.onnx_import import arrange_inputs
from tasks.core import Store
from tasks.study.design import Design, UnsuitedTable


def test_bits_of_the_product(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    design = DESIGNERS["precision"](studies.study_of(datasets.prepared_squares(store), store))
    assert isinstance(design, Design)
    assert [cell.name for cell in design.cells] == ["float32", "float16", "int8", "4 bits of weights"]
    assert design.cost == "latency"


@pytest.mark.parametrize(
    ("model", "tables"),
    [
        ({"file": "model.onnx"}, ["precision"]),
        ({"factory": "support.trained_networks:body", "weights": "body.pt"}, ["precision", "transfer"]),
    ],
)
def test_a_trained_model_has_the_tables_that_need_no_training(
    tmp_path: Path, model: dict[str, Any], tables: list[str]
) -> None:
    store = Store(tmp_path / "store")
    pictures = datasets.prepared_squares(store)
    without = [name for name in DESIGNERS if name != "pruning"]
    study = studies.study_of(
        pictures, store, model=model, preprocess=[{"step": "none"}], train={}, study={"tables": without}
    )
    designs, left_out = design_study(study)
    assert [each.name for each in designs] == tables
    assert all(isinstance(each, UnsuitedTable) and each.reason for each in left_out)
    assert len(designs) + len(left_out) == len(without)


@pytest.mark.e2e
def test_the_precision_of_an_onnx_file_is_measured(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    file = onnx_files.write(onnx_files.network(("n", 1, 8, 8)), tmp_path / "model.onnx")
    steps = [{"step": "normalize", "scale": 255, "mean": [0], "std": [1]}]
    prepared = arrange_inputs(datasets.prepared_squares(store), str(file), True, store)
    study = studies.study_of(prepared, store, model={"file": str(file)}, preprocess=steps)
    design = DESIGNERS["precision"](study)
    assert isinstance(design, Design)
    found = {each.cell: each for each in measure_round(design, design.cells, 0, study)}
    assert found["float32"].score is not None
    assert found["float32"].gain is None
    measured = [each for name, each in found.items() if name != "float32" and not each.refusal]
    assert measured
    assert all(each.gain is not None and each.speedup and each.bytes for each in measured)
