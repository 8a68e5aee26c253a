"""Several simple models: the best on validation is the baseline, and the others become branches."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets, mixed_tables, runs

from flows.pipeline import tournament
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from tasks.core import Context, PlainRunner


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
