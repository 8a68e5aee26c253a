"""The plan of a study: its tables and their times, what is decided later, and nothing that is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from support import runs

from flows.cli.plans.study_plan_view import cost_of_study, show_study_plan
from flows.recipe.schema import Recipe
from flows.study.study_plan import STAND_IN, StudyPlan, plan_study

MLP: dict[str, Any] = {
    "model": {"factory": "tasks.architectures:mlp", "arguments": {"width": 8}},
    "train": {"epochs": 10},
}


def plan_of(home: Path, sections: dict[str, Any], **study: Any) -> StudyPlan:
    content = {"name": "flowers", "data": {"source": "sklearn:iris"}, "study": study, **sections}
    return plan_study(Recipe.model_validate(content), runs.workspace(home))


def test_a_plan_has_tables_with_times_and_says_why_others_are_left_out(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, MLP, minutes=30)
    names = [each.name for each in plan.designs]
    assert {"optimizers", "early_stopping", "precision"} <= set(names)
    left = {each.name: each.reason for each in plan.left_out}
    assert left["transfer"] == "the recipe names no pretrained weights"
    assert left.keys().isdisjoint(names)
    assert plan.costs["optimizers"].first > plan.costs["optimizers"].further, "its rates are found once"
    assert all(cost.further > 0 for cost in plan.costs.values())
    assert plan.later == ""
    assert not (tmp_path / "studies").exists()


def test_a_family_that_a_tournament_chooses_is_said_to_be_chosen_later(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, {"model": {"family": "auto"}}, minutes=30, tables=["hyperparameters"])
    assert plan.later.startswith("a tournament chooses the family when the study begins")
    assert STAND_IN in plan.later


def test_a_small_budget_reaches_fewer_tables(tmp_path: Path) -> None:
    large = plan_of(tmp_path, MLP, minutes=60, tables=["early_stopping", "precision"], most_seeds=4)
    assert large.seeds == {"early_stopping": 4, "precision": 4}
    least = large.seconds_of("early_stopping") / 60
    small = plan_of(tmp_path, MLP, minutes=1.1 * least, tables=["early_stopping", "precision"])
    assert small.seeds["early_stopping"] >= 3 > small.seeds["precision"]
    assert "which has too little time for Precision" in cost_of_study(small)
    assert "too little" not in cost_of_study(large)
    console = Console(record=True, width=150)
    show_study_plan(small, console)
    told = console.export_text()
    assert "Early stopping" in told
    assert "study.confirm" in told
