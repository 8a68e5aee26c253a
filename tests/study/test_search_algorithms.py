"""The searches that a study compares have the same budget and the same ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import datasets, prepared_tables, studies

from flows.study.cells.made_cell import recipe_with
from flows.study.designs.search_algorithms import Axis, design_search_algorithms
from tasks.core import Store
from tasks.search.space import grid
from tasks.study.design import Design, UnsuitedTable


def test_four_algorithms_with_eight_trials_each(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    study = studies.study_of(datasets.prepared_squares(store), store)
    design = design_search_algorithms(study)
    assert isinstance(design, Design)
    searches = [recipe_with(study.recipe, cell.values, 3).search for cell in design.cells]
    found = [search for search in searches if search is not None]
    assert [search.algorithm for search in found] == ["random", "grid", "tpe", "nsga2"]
    assert {search.count for search in found} == {8}
    assert {search.epochs for search in found} == {1}
    assert {search.seed for search in found} == {3}
    assert not any(cell.recommended for cell in design.cells)
    rates = {point["train.learning_rate"] for point in grid(found[1].space)}
    low, high = found[0].space["train.learning_rate"].model_dump()["loguniform"]
    assert all(low < rate < high for rate in rates)
    assert (low, high) == (0.0025, 0.04)


def test_a_simple_model_is_searched_by_its_arguments(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prepared = prepared_tables.prepared_table(store)
    design = design_search_algorithms(studies.study_of(prepared, store, model={"family": "lightgbm"}))
    assert isinstance(design, Design)
    search = design.reference.values["search"]
    names = ("learning_rate", "num_leaves", "min_child_samples")
    assert {*search["space"]} == {f"model.arguments.{name}" for name in names}
    assert (search["trials"], "epochs" in search) == (8, False)


def test_a_grid_has_its_values_inside_the_range() -> None:
    assert Axis("a", 1, 64, is_whole=True).levels(3) == {"choice": [2, 8, 32]}
    assert Axis("a", 1e-4, 1.0).levels(2) == {"choice": [0.001, 0.1]}


@pytest.mark.parametrize("model", [{"file": "model.onnx"}, {"ensemble": {"members": 2}}])
def test_left_out_where_no_single_network_is_trained(tmp_path: Path, model: dict[str, Any]) -> None:
    store = Store(tmp_path / "store")
    found = design_search_algorithms(studies.study_of(datasets.prepared_squares(store), store, model=model))
    assert isinstance(found, UnsuitedTable)
    assert "no single network" in found.reason
