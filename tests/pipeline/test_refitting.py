"""The baseline and the chosen candidate of a table are fitted again on train and validation; the test judges these."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import mixed_tables, runs, short_timing
from support.trained_networks import save_body

from flows.pipeline import refitting
from flows.pipeline.findings import Findings, Stage
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job, RunContext
from flows.recipe.data_defaults import follow_network
from flows.recipe.default_branches import branches_of
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from flows.results.report_builder import refit_notes
from tasks.core import Context, PlainRunner, Step
from tasks.data import input_layout
from tasks.data.splits.joined_splits import join_splits
from tasks.kernels.onnx import sessions
from tasks.training.recovery import Recover
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_pipeline

BOOSTED = {"family": "lightgbm", "arguments": {"learning_rate": 0.3, "num_leaves": 6}}
FEWER = {"branches": [{"name": "fewer", "steps": [{"step": "trees", "keep": 0.3}]}]}


def recipe_of(folder: Path, **changes: object) -> Recipe:
    """A table of 300 rows and two classes, LightGBM and one smaller form of it."""
    table = mixed_tables.mixed_table(300)
    noise = np.random.default_rng(0).normal(scale=1.5, size=len(table))
    table["answer"] = np.where(table["1st value"] + noise > 4, "yes", "no")
    table.to_parquet(folder / "table.parquet")
    content = {
        "name": "mixed",
        "data": {"source": str(folder / "table.parquet"), "target": "answer"},
        "model": BOOSTED,
        "goal": {"metric": "recall_at_precision", "at": 0.8, "positive": "yes", "max_drop": 0.9, "minimize": "bytes"},
        "compress": FEWER,
    }
    return validate_recipe(content | changes)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Findings, Job]:
    folder = tmp_path_factory.mktemp("refit")
    job = Job(recipe_of(folder), Context(runs.workspace(folder)), PlainRunner())
    with short_timing.short_timing():
        return run_pipeline(job), job


def test_the_test_judges_models_of_train_and_validation(ran: tuple[Findings, Job]) -> None:
    findings, _ = ran
    refit, parts = findings.refit, findings.prepared.dataset.splits
    assert refit is not None
    assert not refit.refusal
    assert refit.rows == parts["train"].count + parts["validation"].count
    assert findings.test.keys() == {refit.baseline.digest, refit.chosen.digest}
    assert len(findings.test) == 2
    assert findings.product == refit.chosen
    assert findings.origin == findings.choice.chosen != refit.chosen.digest
    assert findings.tested == findings.test[refit.chosen.digest]
    assert findings.baseline == findings.test[refit.baseline.digest]


def test_the_baseline_has_the_rounds_that_validation_found(ran: tuple[Findings, Job]) -> None:
    findings, job = ran
    assert findings.refit is not None
    first, again = findings.results[0].stages[0].model, findings.refit.baseline
    rounds = job.store.get_json(str(first.lineage[0].record))["rounds"]
    assert again.lineage[0].knobs["rounds"] == rounds
    spec = Fit.model_validate(BOOSTED | {"rounds": rounds})
    known = fit_pipeline(join_splits(findings.prepared, job.store), spec, [], job.context)
    rows = input_layout.product_inputs(findings.prepared, "test", job.store)
    answers = sessions.predict(job.store.get(again.content), rows)
    frame = pd.DataFrame({name: array.ravel() for name, array in rows.items()})
    assert np.exp(answers) == pytest.approx(known.predict_proba(frame), abs=1e-5)


def test_the_thresholds_are_those_of_validation(ran: tuple[Findings, Job]) -> None:
    findings, _ = ran
    chosen = findings.cards[findings.choice.chosen].threshold
    assert chosen is not None
    assert findings.tested.threshold == chosen
    assert findings.baseline.threshold == findings.cards[findings.results[0].stages[0].exported.digest].threshold


def test_a_note_says_what_was_fitted_again(ran: tuple[Findings, Job]) -> None:
    findings, _ = ran
    (told,) = refit_notes(findings)
    assert "the baseline and fewer were fitted again on the 240 rows of train and validation (before: 180" in told
    assert refit_notes(dataclasses.replace(findings, refit=None)) == []


def test_files_that_would_be_beyond_a_limit_stay_as_they_were(
    ran: tuple[Findings, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    findings, job = ran
    monkeypatch.setattr(refitting, "measure_again", lambda chosen, points, run: dict.fromkeys(points, findings.tested))
    monkeypatch.setattr(refitting, "beyond_limit", lambda card, goal: f"bytes is {card.size.bytes}, above the limit 1")
    run = RunContext(job, findings.prepared, findings.results[0].stages[0], findings.host)
    chosen = findings.results[1].product
    assert chosen is not None
    branches = branches_of(job.recipe).branches
    found = refitting.choose_finalists(chosen, branches, findings.results, findings.cards, run)
    assert found.refit is not None
    assert found.refit.rows == 0
    assert (found.chosen, found.cards) == (chosen, findings.cards)
    (told,) = refit_notes(dataclasses.replace(findings, refit=found.refit))
    assert told.startswith("The product is the model of train alone: fitted again, bytes is")


@pytest.mark.parametrize(
    ("model", "steps", "expected"),
    [
        (BOOSTED, [], True),
        (BOOSTED | {"refit": False}, [], False),
        ({"ensemble": {"members": [{"family": "linear"}, {"family": "lightgbm"}]}}, [], False),
        (BOOSTED, [{"step": "fit", "family": "linear", "taught": True}], False),
        (BOOSTED, [{"step": "fit", "family": "linear"}], True),
    ],
)
def test_only_plain_simple_models_are_fitted_again(
    tmp_path: Path, ran: tuple[Findings, Job], model: object, steps: list[object], expected: bool
) -> None:
    branches = {"branches": [{"name": "one", "steps": steps or [{"step": "trees"}]}]}
    recipe = recipe_of(tmp_path, model=model, compress=branches)
    findings, job = ran
    begun: Stage = findings.results[0].stages[0]
    run = RunContext(dataclasses.replace(job, recipe=recipe), findings.prepared, begun, "")
    assert refitting.may_refit(run, branches_of(recipe).branches[0].steps) is expected


@pytest.mark.usefixtures("short_timing")
def test_a_new_last_layer_is_fitted_again_and_its_branch_with_it(tmp_path: Path) -> None:
    weights = str(save_body(tmp_path / "body.pt"))
    model = {"factory": "support.trained_networks:body", "weights": weights, "transfer": "features"}
    content = runs.tiny_recipe(
        model=model,
        preprocess=[{"step": "none"}],
        goal={"metric": "accuracy", "max_drop": 0.9, "minimize": "bytes"},
        compress={"branches": [{"name": "int8", "steps": [{"step": "int8"}]}]},
    )
    job = Job(follow_network(content), Context(runs.workspace(tmp_path)), runs.Remembering())
    findings = run_pipeline(job)
    refit, parts = findings.refit, findings.prepared.dataset.splits
    assert refit is not None
    assert refit.rows == parts["train"].count + parts["validation"].count
    assert refit.baseline.lineage[0].knobs["splits"] == ["train", "validation"]
    assert findings.product.lineage[0] == refit.baseline.lineage[0]
    assert [step.technique for step in findings.product.lineage] == ["features", "export", "int8"]
    assert findings.test[findings.product.digest].name == "int8"


def test_what_was_trained_is_not_fitted_again(tmp_path: Path, ran: tuple[Findings, Job]) -> None:
    findings, job = ran
    begun = findings.results[0].stages[0]
    tuned = dataclasses.replace(
        begun.model, lineage=tuple(Step(each, 1, {}, None, None, None) for each in ("features", "fine_tune"))
    )
    recipe = recipe_of(tmp_path, model={"family": "mlp"}, compress=None)
    run = RunContext(dataclasses.replace(job, recipe=recipe), findings.prepared, Stage("baseline", tuned, tuned), "")
    assert not refitting.may_refit(run, ())
    kept = dataclasses.replace(tuned, lineage=tuned.lineage[:1])
    run = dataclasses.replace(run, baseline=Stage("baseline", kept, kept))
    assert refitting.may_refit(run, ())
    assert not refitting.may_refit(run, (Recover(epochs=1),))
