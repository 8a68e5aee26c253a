"""A branch that the baseline teaches stands beside the same model fitted on the targets."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import mixed_tables, network_ensembles, runs

from flows.pipeline.branches import control_branches
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.pipeline.step_count import count_steps
from flows.recipe.default_branches import branches_of
from flows.recipe.loading import validate_recipe
from flows.results.answer_text import describe_ensemble
from flows.results.report_builder import reason_of, step_row
from tasks.compression.branch import Branch, step_title
from tasks.core import Context, PlainRunner

SMALL = {"step": "fit", "family": "lightgbm", "arguments": {"n_estimators": 9}}
TAUGHT = {**SMALL, "taught": True, "synthetic": 2}


def branch(name: str, *steps: dict[str, object]) -> Branch:
    return Branch.model_validate({"name": name, "steps": list(steps)})


def test_the_control_is_the_same_branch_without_its_teacher() -> None:
    taught = [branch("a", TAUGHT), branch("b", {**TAUGHT, "synthetic": 3}), branch("c", TAUGHT, {"step": "trees"})]
    alone, pared = control_branches([*taught, branch("d", SMALL)])
    assert (alone.name, [step_title(step) for step in alone.steps]) == (
        "untaught a",
        ["fit family lightgbm n_estimators 9"],
    )
    assert (pared.name, [step_title(step) for step in pared.steps][1]) == ("untaught c", "trees")


@pytest.mark.usefixtures("short_timing")
def test_a_run_says_what_the_teacher_gave(tmp_path: Path) -> None:
    table = mixed_tables.mixed_table(400)
    table["answer"] = [("no", "maybe", "yes")[each] for each in mixed_tables.three_classes(table)]
    table.to_parquet(tmp_path / "table.parquet")
    members = [{"family": "lightgbm"}, {"family": "linear"}]
    content = {
        "name": "mixed",
        "data": {"source": str(tmp_path / "table.parquet"), "target": "answer"},
        "model": {"ensemble": {"kind": "stacking", "members": members}},
        "compress": {"branches": [{"name": "student", "steps": [TAUGHT]}]},
        "goal": {"metric": "accuracy", "max_drop": 0.5, "minimize": "bytes"},
    }
    findings = run_pipeline(Job(validate_recipe(content), Context(runs.workspace(tmp_path)), PlainRunner()))
    baseline, student, control = findings.results
    assert baseline.stages[0].model.lineage[0].technique == "ensemble"
    assert (student.name, control.name, control.role) == ("student", "untaught student", "control")
    (lesson,) = findings.lessons
    assert student.product is not None
    assert control.product is not None
    cards = findings.cards
    better = cards[student.product.digest].score.value - cards[control.product.digest].score.value
    assert lesson.gain.value == pytest.approx(better)
    assert lesson.gain.low <= lesson.gain.value <= lesson.gain.high
    assert "taught by the baseline: accuracy " in reason_of(student, findings)
    assert "better than trained directly" in reason_of(student, findings)
    assert reason_of(control, findings).startswith("the same model trained directly")


def test_a_student_is_compared_where_the_model_is_an_ensemble() -> None:
    branches = [{"name": "student", "steps": [network_ensembles.STUDENT]}]
    own = network_ensembles.recipe_of({"members": 2}, compress={"branches": branches})
    assert [each.name for each in control_branches(branches_of(own).branches)] == ["untaught student"]
    alone = own.model_copy(update={"model": own.model.model_copy(update={"ensemble": None})})
    assert [each.name for each in control_branches(branches_of(alone).branches)] == ["dense control"]


@pytest.mark.usefixtures("short_timing")
@pytest.mark.e2e
def test_a_run_says_what_the_ensemble_and_the_teacher_give(tmp_path: Path) -> None:
    recipe = network_ensembles.recipe_of(
        {"members": 2}, compress={"branches": [{"name": "student", "steps": [network_ensembles.STUDENT]}]}
    )
    runner = runs.Remembering()
    findings = run_pipeline(Job(recipe, Context(runs.workspace(tmp_path)), runner))
    store = runs.workspace(tmp_path).store
    baseline, student, control = findings.results
    first, second = baseline.stages[0].model.arguments["members"]
    assert first["factory"] == second["factory"] == network_ensembles.NETWORK["factory"]
    assert (control.name, control.role) == ("untaught student", "control")
    assert control.stages[-1].model.lineage[0].knobs["taught"] is False
    assert [lesson.branch for lesson in findings.lessons] == ["student"]
    assert "than trained directly" in reason_of(student, findings)
    assert findings.ensemble is not None
    record = store.get_json(baseline.stages[0].model.lineage[0].record or "")
    assert findings.ensemble.gain.value == pytest.approx(
        record["validation"] - max(member["validation"] for member in record["members"])
    )
    card = findings.cards[baseline.stages[0].exported.digest]
    assert card.score.value == pytest.approx(record["validation"])
    [said] = describe_ensemble(findings)
    assert said.startswith("The ensemble of 2 networks is ")
    assert said.endswith(f"on {findings.ensemble.gain.n:,} validation examples, paired.")
    row = step_row("baseline", baseline.stages[0].model, store)
    assert row["summary"].startswith("0.50 × member 1: mlp (validation 0.")
    assert row["minutes"] == record["minutes"]
    named = len(runner.worked) + len(runner.remembered)
    assert named == count_steps(recipe)
