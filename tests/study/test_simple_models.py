"""Simple models: the tables of a study that suit them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import mixed_tables, runs

from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from flows.study.cells.cell_measurement import measure_round
from flows.study.cells.made_cell import make_run
from flows.study.designs import DESIGNERS
from flows.study.designs.simple_models import (
    TRIED,
    design_arguments,
    design_encoders,
    design_families,
    design_trees,
)
from flows.study.study_context import Study, begin_study
from flows.study.study_job import design_study
from tasks.core import Context
from tasks.models.estimators.families import FAMILIES
from tasks.study.design import Design, UnsuitedTable


def study(tmp_path: Path, **model: Any) -> Study:
    """A study of a table of numbers and text with gaps, of two classes."""
    file = tmp_path / "mixed.csv"
    if not file.exists():
        table = mixed_tables.mixed_table(400)
        table.assign(answer=(mixed_tables.three_classes(table) > 0).astype(int)).to_csv(file, index=False)
    content: dict[str, Any] = {
        "name": "mixed",
        "data": {"source": str(file), "target": "answer"},
        "model": model,
        "runtime": {"processes": 3, "engine": "onnxruntime"},
    }
    return begin_study(Job(validate_recipe(content), Context(runs.workspace(tmp_path / "home")), runs.Remembering()))


def names(found: Design | UnsuitedTable) -> list[str]:
    assert isinstance(found, Design), found
    return [cell.name for cell in found.cells]


def test_boosted_trees_are_made_smaller_and_their_own_arguments_vary(tmp_path: Path) -> None:
    given = study(tmp_path, family="lightgbm")
    assert names(design_trees(given)) == [
        "as it is",
        "fewer trees that answer alike",
        "fewer trees, merged leaves",
        "shallower trees",
        "learning rate 0.3, for fewer trees",
        "half of the columns",
        "a quarter of the columns",
    ]
    assert "num_leaves 64" in names(design_arguments(given))
    encoders = names(design_encoders(given))
    assert encoders == ["as it is", "target encoding", "one-hot", "missing values marked"]


def test_a_forest_has_fewer_trees_and_a_linear_model_scales(tmp_path: Path) -> None:
    assert "25 trees" in names(design_trees(study(tmp_path, family="random_forest")))
    linear = study(tmp_path, family="linear")
    assert names(design_trees(linear)) == ["as it is", "half of the columns", "a quarter of the columns"]
    assert {"scale from 0 to 1", "ranks", "no scale"} <= {*names(design_encoders(linear))}


def test_families_are_all_others_and_a_student(tmp_path: Path) -> None:
    found = names(design_families(study(tmp_path, family="linear")))
    assert found[0] == "as it is"
    assert found[-1] == "small LightGBM that it teaches"
    assert "linear model" not in found
    assert FAMILIES["random_forest"].label in found
    members: Any = {"members": [{"family": "linear"}, {"family": "lightgbm"}]}
    assert "linear model" in names(design_families(study(tmp_path, ensemble=members)))


def test_every_family_has_arguments_that_are_tried() -> None:
    for name in FAMILIES:
        assert {(name, ""), (name, "classification")} & TRIED.keys()
        assert {(name, ""), (name, "regression")} & TRIED.keys()


def test_what_suits_networks_only_is_left_out_with_the_reason(tmp_path: Path) -> None:
    designs, left_out = design_study(study(tmp_path, family="linear"))
    assert {each.name for each in left_out} >= {"optimizers", "early_stopping", "augmentation", "precision", "transfer"}
    assert all(each.reason for each in left_out)
    assert {each.name for each in designs} >= {"hyperparameters", "preprocessing", "pruning", "architectures", "data"}
    assert len(designs) + len(left_out) == len(DESIGNERS)


@pytest.mark.parametrize("family", ["linear", "lightgbm"])
def test_the_cells_can_be_made(tmp_path: Path, family: str) -> None:
    given = study(tmp_path, family=family)
    for design in (design_encoders(given), design_arguments(given), design_trees(given)):
        assert isinstance(design, Design)
        for cell in design.cells:
            made, seconds = make_run(cell, None, 0, given)
            assert made.baseline.exported.form == "onnx"
            assert seconds > 0


def test_a_seed_draws_nine_tenths_of_the_rows(tmp_path: Path) -> None:
    given = study(tmp_path, family="linear")
    design = design_encoders(given)
    assert isinstance(design, Design)
    whole = given.prepared.dataset.splits["train"].count
    first, _ = make_run(design.reference, None, 0, given)
    second, _ = make_run(design.reference, None, 1, given)
    assert first.prepared.dataset.splits["train"].count == pytest.approx(0.9 * whole, abs=2)
    assert first.baseline.exported.digest != second.baseline.exported.digest
    found = measure_round(Design(**{**vars(design), "cost": "none"}), design.cells[1:2], 0, given)
    assert [each.cell for each in found] == ["as it is", "target encoding"]
    assert found[0].gain is None
    assert found[1].gain is not None
    assert not found[1].refusal


def test_rewritten_trees_and_a_taught_model_are_measured_whatever_their_names(tmp_path: Path) -> None:
    given = study(tmp_path, family="lightgbm", arguments={"n_estimators": 20})
    for design in (design_trees(given), design_families(given)):
        assert isinstance(design, Design)
        plain = Design(**{**vars(design), "cost": "none"})
        found = measure_round(plain, [cell for cell in design.cells if cell.steps], 0, given)
        assert [each.refusal for each in found] == [""] * len(found)
        assert len(found) == (3 if design.name == "pruning" else 2)
