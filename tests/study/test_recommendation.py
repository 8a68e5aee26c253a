"""Recommendation: the changed lines of a recipe, each with its figure, and the branches that pay."""

from __future__ import annotations

from typing import Any

import yaml
from support import runs

from flows.recipe.loading import validate_recipe
from flows.study.recommendation import recipe_text, recommend, recommended_recipe
from tasks.study.design import Cell, Design
from tasks.study.effects import Effect, Ratio
from tasks.study.study_spec import TableName
from tasks.study.verdicts import CellResult, TableResult


def table(name: TableName, *rows: CellResult) -> TableResult:
    reference = CellResult(Cell("as it is"), 0.9, None, None, None, None, None, 3, "", False, "the reference")
    cells = (reference.cell, *(row.cell for row in rows))
    made = Design(name, name.title(), "Which?", "it", "the rest", cells)
    best = next((row.cell for row in rows if row.keep), None)
    return TableResult(made, (reference, *rows), "", best, 1.0)


def row(cell: Cell, gain: float = 0.02, choice: str = "", keep: bool = True) -> CellResult:
    effect = Effect(gain, gain - 0.01, gain + 0.01, 3, 400, "better")
    return CellResult(
        cell, 0.92, effect, Ratio(1, 1, 1, 3, "open"), 1.0, 1.0, 1.0, 3, choice, keep, f"{cell.name}: good"
    )


def test_the_recommended_cell_of_each_table_becomes_a_line() -> None:
    asked = runs.tiny_recipe()
    flip = row(Cell("flip", {"augment": [{"step": "flip"}]}))
    found = recommend(asked, [table("augmentation", flip), table("optimizers", row(Cell("adam"), keep=False))])
    assert [(each.path, each.value, each.why) for each in found] == [
        ("augment", [{"step": "flip"}], "Augmentation: flip: good")
    ]
    text = recipe_text(recommended_recipe(asked, found), found)
    assert "# augment: Augmentation: flip: good\naugment:\n- step: flip\n" in text
    again = validate_recipe(yaml.safe_load(text))
    assert again.augment[0].step == "flip"
    assert again.train == asked.train


def test_of_two_tables_that_change_a_path_the_larger_gain_counts_and_its_cell_stays_whole() -> None:
    options: tuple[dict[str, Any], ...] = ({"train.learning_rate": 0.001}, {"train.learning_rate": 0.1})
    muon = row(Cell("muon", {"train.optimizer": "muon"}, options), 0.04, "learning_rate 0.1")
    rate = row(Cell("learning rate 0.003", {"train.learning_rate": 0.003}), 0.03)
    found = recommend(runs.tiny_recipe(), [table("hyperparameters", rate), table("optimizers", muon)])
    assert {each.path: each.value for each in found} == {"train.optimizer": "muon", "train.learning_rate": 0.1}
    less = row(Cell("muon", {"train.optimizer": "muon"}, options), 0.02, "learning_rate 0.1")
    found = recommend(runs.tiny_recipe(), [table("hyperparameters", rate), table("optimizers", less)])
    assert {each.path: each.value for each in found} == {"train.learning_rate": 0.003}


def test_kept_steps_join_the_branches_and_pruned_ones_are_tried_in_int8_too() -> None:
    asked = runs.tiny_recipe()
    cut = row(Cell("filters", steps=({"step": "channels", "sparsity": 0.25}, {"step": "recover", "epochs": 1})))
    int8 = row(Cell("int8", steps=({"step": "int8"},)))
    (found,) = recommend(asked, [table("pruning", cut), table("precision", int8)])
    assert found.path == "compress.branches"
    recipe = recommended_recipe(asked, (found,))
    assert asked.compress is not None
    assert recipe.compress is not None
    own = [branch.name for branch in asked.compress.branches]
    assert [branch.name for branch in recipe.compress.branches] == [*own, "filters", "filters-int8", "int8"]
    assert recipe.compress.branches[: len(own)] == asked.compress.branches


def test_what_the_recipe_has_already_is_not_added_and_a_name_is_not_used_twice() -> None:
    asked = runs.tiny_recipe()
    known = row(Cell("other name", steps=(runs.CUT, runs.REPAIR)))
    assert recommend(asked, [table("pruning", known)]) == ()
    same_name = row(Cell("narrow", steps=({"step": "low_rank"}, {"step": "recover", "epochs": 1})))
    (found,) = recommend(asked, [table("pruning", same_name)])
    recipe = recommended_recipe(asked, (found,))
    assert recipe.compress is not None
    assert recipe.compress.branches[-1].name == "narrow-study"


def test_nothing_kept_changes_nothing() -> None:
    asked = runs.tiny_recipe()
    assert recommend(asked, [table("precision", row(Cell("int8", steps=({"step": "int8"},)), keep=False))]) == ()
    assert recommended_recipe(asked, ()) == asked
