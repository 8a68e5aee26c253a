"""Several simple models: the best on validation is the baseline, and the others become branches."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets, mixed_tables, runs

from flows.pipeline import pipeline, tournament
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import Candidate, Context, PlainRunner, Prepared, Refusal
from tasks.models.model_spec import FamilyName


def recipe_of(folder: Path, **changes: object) -> Recipe:
    """A table of 400 rows and three classes."""
    table = mixed_tables.mixed_table(400)
    table["answer"] = [("no", "maybe", "yes")[each] for each in mixed_tables.three_classes(table)]
    table.to_parquet(folder / "table.parquet")
    content = {
        "name": "mixed",
        "data": {"source": str(folder / "table.parquet"), "target": "answer"},
        "model": {"family": "auto"},
        "goal": {"metric": "accuracy", "max_drop": 0.05},
        **changes,
    }
    return validate_recipe(content)


@pytest.fixture
def few_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tournament, "ENTRANTS", ("linear", "lightgbm"))


@pytest.mark.usefixtures("few_families", "short_timing")
def test_the_best_is_the_baseline_and_the_others_are_branches(tmp_path: Path) -> None:
    job = Job(recipe_of(tmp_path), Context(runs.workspace(tmp_path)), PlainRunner())
    findings = run_pipeline(job)
    assert findings.recipe.model.family == "lightgbm"
    names = [result.name for result in findings.results]
    assert names == ["baseline", "fewer-trees", "fewest-trees", "fewer-trees-leaves", "linear"]
    linear = findings.results[-1].product
    assert linear is not None
    cards = findings.cards
    baseline = cards[findings.results[0].stages[0].exported.digest]
    assert baseline.score.value > cards[linear.digest].score.value
    assert findings.meets_goal
    assert findings.baseline.references[0].name.startswith("always")


def test_a_family_that_is_named_stays(tmp_path: Path) -> None:
    job = Job(recipe_of(tmp_path, model={"family": "linear"}), Context(runs.workspace(tmp_path)), PlainRunner())
    prepared = datasets.unread_pictures()
    assert tournament.settle_family(job, prepared) is job


@pytest.mark.usefixtures("few_families")
def test_a_family_that_cannot_be_made_is_a_branch_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: Job, prepared: Prepared, family: FamilyName) -> Candidate:
        if refused in (family, "all"):
            raise Refusal("no converter")
        return fit(job, prepared, family)

    fit, refused = tournament.fit_family, "lightgbm"
    monkeypatch.setattr(tournament, "fit_family", refuse)
    job = Job(recipe_of(tmp_path), Context(runs.workspace(tmp_path)), PlainRunner())
    prepared = pipeline.prepare_data(job)
    settled = tournament.settle_family(job, prepared).recipe
    assert settled.model.family == "linear"
    assert settled.compress is not None
    assert [branch.name for branch in settled.compress.branches] == ["lightgbm", "lightgbm fewer-trees"]
    refused = "all"
    with pytest.raises(Refusal, match="none of the families linear, lightgbm could be fitted"):
        tournament.settle_family(job, prepared)


@pytest.mark.usefixtures("few_families")
def test_a_quantile_leaves_out_what_predicts_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tournament, "ENTRANTS", ("linear", "random_forest", "lightgbm"))
    table = mixed_tables.mixed_table(200)
    table["answer"] = mixed_tables.values_of(table)
    table.to_csv(tmp_path / "table.csv", index=False)
    data = {"source": str(tmp_path / "table.csv"), "target": "answer"}
    goal = {"metric": "quantile_loss", "quantile": 0.9, "max_drop": 0.1}
    recipe = recipe_of(tmp_path, data=data, goal=goal, model={"family": "auto", "quantile": 0.9})
    job = Job(recipe, Context(runs.workspace(tmp_path)), PlainRunner())
    found = tournament.run_tournament(job, pipeline.prepare_data(job))
    assert [entrant.family for entrant in found] == ["linear", "lightgbm"]
    assert all(entrant.score < 0 for entrant in found)
