"""Several simple models: the best on validation is the baseline, and the others become branches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import datasets, mixed_tables, runs

from flows.pipeline import preparation
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.pipeline.simple import tournament
from flows.pipeline.simple.tournament import Contender
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import Candidate, Context, PlainRunner, Prepared, Refusal
from tasks.data import input_layout
from tasks.kernels.onnx import sessions
from tasks.models.family_names import FamilyName
from tasks.models.model_spec import ModelSpec
from tasks.training.simple import folds
from tasks.training.simple.fit_spec import Fit


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


def entrants(*names: FamilyName) -> tuple[Contender, ...]:
    """Families with their defaults."""
    return tuple(Contender(name, name) for name in names)


@pytest.fixture
def few_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tournament, "ENTRANTS", entrants("linear", "lightgbm"))


@pytest.mark.usefixtures("few_families", "short_timing")
def test_the_best_is_the_baseline_and_the_others_are_branches(tmp_path: Path) -> None:
    job = Job(recipe_of(tmp_path), Context(runs.workspace(tmp_path)), PlainRunner())
    findings = run_pipeline(job)
    assert findings.recipe.model.family == "lightgbm"
    names = [result.name for result in findings.results]
    fits = ["half-columns", "shallower-trees", "linear"]
    assert names == ["baseline", "fewer-trees", "fewest-trees", "fewer-trees-leaves", *fits]
    assert [(each.family, each.folds) for each in findings.entrants] == [("lightgbm", 5), ("linear", 5)]
    assert findings.entrants[0].score > findings.entrants[1].score > 0.3
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
    assert tournament.settle_family(job, prepared) == (job, ())


@pytest.mark.usefixtures("few_families")
def test_a_family_that_cannot_be_made_is_a_branch_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(job: Job, prepared: Prepared, settings: ModelSpec, name: str = "") -> Candidate:
        if refused in (settings.family, "all"):
            raise Refusal("no converter")
        return fit(job, prepared, settings, name)

    fit, refused = tournament.fit_family, "lightgbm"
    monkeypatch.setattr(tournament, "fit_family", refuse)
    job = Job(recipe_of(tmp_path), Context(runs.workspace(tmp_path)), PlainRunner())
    prepared = preparation.prepare_data(job)
    settled = tournament.settle_family(job, prepared)[0].recipe
    assert settled.model.family == "linear"
    assert settled.compress is not None
    assert [branch.name for branch in settled.compress.branches] == ["half-columns", "lightgbm"]
    refused = "all"
    with pytest.raises(Refusal, match="none of the models linear, lightgbm could be fitted"):
        tournament.settle_family(job, prepared)


@pytest.mark.usefixtures("few_families")
def test_a_quantile_leaves_out_what_predicts_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tournament, "ENTRANTS", entrants("linear", "random_forest", "lightgbm"))
    table = mixed_tables.mixed_table(200)
    table["answer"] = mixed_tables.values_of(table)
    table.to_csv(tmp_path / "table.csv", index=False)
    data = {"source": str(tmp_path / "table.csv"), "target": "answer"}
    goal = {"metric": "quantile_loss", "quantile": 0.9, "max_drop": 0.1}
    recipe = recipe_of(tmp_path, data=data, goal=goal, model={"family": "auto", "quantile": 0.9})
    job = Job(recipe, Context(runs.workspace(tmp_path)), PlainRunner())
    found = tournament.run_tournament(job, preparation.prepare_data(job))
    assert [entrant.family for entrant in found] == ["linear", "lightgbm"]
    assert all(entrant.score < 0 for entrant in found)


@pytest.mark.usefixtures("few_families")
def test_no_family_is_begun_once_the_minutes_are_over(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, model={"family": "auto", "minutes": 1e-6})
    job = Job(recipe, Context(runs.workspace(tmp_path)), PlainRunner())
    prepared = preparation.prepare_data(job)
    settled, tried = tournament.settle_family(job, prepared)
    assert [(each.family, each.began) for each in tried] == [("linear", True), ("lightgbm", False)]
    assert settled.recipe.model == recipe_of(tmp_path, model={"family": "linear"}).model
    assert settled.recipe.compress is not None
    names = [branch.name for branch in settled.recipe.compress.branches]
    assert names == ["half-columns"], "what was not begun is no branch"


def test_many_rows_are_scored_on_the_validation_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW", 300)
    monkeypatch.setattr(tournament, "ENTRANTS", entrants("linear"))
    job = Job(recipe_of(tmp_path), Context(runs.workspace(tmp_path)), PlainRunner())
    prepared = preparation.prepare_data(job)
    (entrant,) = tournament.run_tournament(job, prepared)
    assert entrant.folds == 0
    fitted = tournament.fit_family(job, prepared, ModelSpec(family="linear"))
    outputs = sessions.predict(
        job.store.get(fitted.content), input_layout.product_inputs(prepared, "validation", job.store)
    )
    targets = job.store.get_array(prepared.dataset.splits["validation"].targets)
    assert entrant.score == pytest.approx(np.mean(outputs.argmax(axis=1) == targets))


def test_a_family_is_tried_with_several_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW", 300)
    bad = Contender("lightgbm stump", "lightgbm", {"n_estimators": 1, "num_leaves": 2})
    good = Contender("lightgbm wide", "lightgbm", {"num_leaves": 40, "min_child_samples": 5})
    monkeypatch.setattr(tournament, "ENTRANTS", (bad, good, *entrants("linear")))
    job = Job(recipe_of(tmp_path), Context(runs.workspace(tmp_path)), PlainRunner())
    settled, tried = tournament.settle_family(job, preparation.prepare_data(job))
    assert tried[0].name == "lightgbm wide"
    model, compress = settled.recipe.model, settled.recipe.compress
    assert model == ModelSpec(family="lightgbm", arguments=dict(good.arguments))
    assert compress is not None
    names = [branch.name for branch in compress.branches]
    assert names == ["fewer-trees", "fewest-trees", "fewer-trees-leaves", "half-columns", "shallower-trees", "linear"]
    shallower = compress.branches[4].steps[0]
    assert isinstance(shallower, Fit)
    assert shallower.arguments == {"num_leaves": 15, "min_child_samples": 5}
