"""How many rows a study compares."""

from __future__ import annotations

from pathlib import Path

from support import datasets, studies

from flows.study.designs.data_amount import design_data
from tasks.core import Store
from tasks.study.design import Design, UnsuitedTable


def test_shares_of_the_rows_and_the_rows_without_suspects(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    design = design_data(studies.study_of(datasets.prepared_squares(store), store))
    assert isinstance(design, Design)
    assert [cell.train_share for cell in design.cells] == [1.0, 0.125, 0.25, 0.5, 1.0]
    assert design.cells[-1].without_suspects
    assert [cell.recommended for cell in design.cells] == [True, False, False, False, False]


def test_a_trained_model_learns_nothing_from_rows(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    found = design_data(studies.study_of(datasets.prepared_squares(store), store, model={"file": "model.onnx"}))
    assert isinstance(found, UnsuitedTable)
