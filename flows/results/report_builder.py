"""Report builder: turns a run's findings into the texts and numbers of the report, the terminal and MLflow."""

from __future__ import annotations

import datetime
import math
from typing import Any

import yaml

from flows.pipeline.engines.engine_text import engine_notes
from flows.pipeline.findings import BranchResult, Findings, TaughtGain
from flows.recipe.schema import Recipe
from flows.results import branch_search_report, data_profile, group_text, pretrained_text, tradeoff_text
from flows.results.answer_text import answer_of, describe_augmentation, describe_verdict, training_answer
from flows.results.plan_summaries import summarize_step
from tasks.compression.branch import UNTAUGHT
from tasks.conversion.usage_snippet import usage_snippet
from tasks.core import Candidate, Step, Store
from tasks.kernels.host.machine import host
from tasks.kernels.statistics.metrics import Metric
from tasks.report.report_data import CandidateRow, MeasuredStage, ReportData
from tasks.search.results import EXCESS, Trial
from tasks.tuning.pbt_stages import CHANGES, at_end


def build_report(findings: Findings, store: Store, seconds: float, links: dict[str, str]) -> ReportData:
    """The data of a run's report.

    Args:
        store: holds the plans and records of the steps.
        seconds: duration of the run.
        links: name → address of the outputs; `MLflow` among them.
    """
    recipe, dataset = findings.recipe, findings.prepared.dataset
    return ReportData(
        name=recipe.name,
        answer=answer_of(findings),
        created=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        duration_s=seconds,
        recipe=as_yaml(recipe),
        host={name: str(value) for name, value in host().items()},
        data=data_profile.data_rows(dataset, store, recipe.report.examples),
        goal=recipe.goal,
        runtime=recipe.runtime,
        entries=tuple(candidate_row(result, findings, store) for result in findings.results),
        test=tuple(findings.test.values()),
        trials=tuple(trial_rows(findings)),
        branch_search=branch_search_report.report_branch_search(findings),
        metric=findings.metric,
        library=findings.library,
        profile=findings.profile,
        links=links,
        notes=(
            *pretrained_text.network_doubts(recipe, dataset),
            *data_profile.doubts(dataset, store, recipe.goal.metric, recipe.preprocess),
            *notes(findings),
            *engine_notes(findings),
            *filter(None, (pretrained_text.transfer_note(findings, store),)),
            *group_text.group_notes(findings),
        ),
        training=training_answer(findings, store),
        snippet=usage_snippet(store.path(findings.product_file)),
        tradeoff=tradeoff_text.describe_tradeoff(findings.tuned, recipe.goal, findings.metric)
        if findings.tuned
        else None,
    )


def selection_reasons(findings: Findings) -> dict[str, str]:
    """Candidate digest → why it was chosen or not, with the result of the test split."""
    told = dict(findings.choice.reasons)
    if findings.choice.meets_goal and not findings.meets_goal:
        told[findings.choice.chosen] = "chosen on validation, but refuted on test"
        baseline = findings.results[0].stages[0].exported.digest
        told[baseline] = "kept: the choice of validation did not hold on test"
    return told


def reason_of(result: BranchResult, findings: Findings) -> str:
    """Why a branch was chosen or not; it stands beside the branch's name, which it does not repeat."""
    if result.refusal:
        return result.refusal.removeprefix(f"{result.name}: ")
    if result.role == "control" and result.name.startswith(UNTAUGHT):
        return "the same model trained directly, beside which a taught one is judged; never chosen"
    if result.product is None or result.role == "control":
        return "shows what the same extra training gives without compression; never chosen"
    learned = [lesson_words(lesson, findings) for lesson in findings.lessons if lesson.branch == result.name]
    return "; ".join([selection_reasons(findings)[result.product.digest], *learned])


def candidate_row(result: BranchResult, findings: Findings, store: Store) -> CandidateRow:
    """The report's row of one branch, with its stages, learning curves and steps."""
    product = result.product
    card = findings.cards[product.digest] if product else None
    stages = tuple(
        MeasuredStage(stage.label, findings.cards[stage.exported.digest])
        for stage in result.stages
        if stage.exported.digest in findings.cards
    )
    return CandidateRow(
        name=result.name,
        role=result.role,
        chosen=bool(product and product.digest == findings.origin and result.role != "control"),
        reason=reason_of(result, findings),
        card=card,
        stages=stages,
        curves=learning_curves(result, store),
        steps=tuple(step_row(stage.label, stage.model, store) for stage in result.stages),
        best_epochs={
            stage.label: record["best_epoch"]
            for stage in result.stages
            if (record := record_of(last_step(stage.model), store)).get("curve")
        },
    )


def learning_curves(result: BranchResult, store: Store) -> dict[str, tuple[dict[str, Any], ...]]:
    """The learning curve of each trained stage, one record per epoch, by the stage's label."""
    found = {}
    for stage in result.stages:
        record = record_of(last_step(stage.model), store)
        if record.get("curve"):
            found[stage.label] = tuple(record["curve"])
    return found


def step_row(label: str, model: Candidate, store: Store) -> dict[str, Any]:
    """The last step of a stage: label, technique, knobs, summary as text, and minutes of training (None without)."""
    step = last_step(model)
    plan = store.get_json(step.plan) if step.plan else {}
    record = record_of(step, store)
    return {
        "label": label,
        "technique": step.technique,
        "knobs": step.knobs,
        "summary": summarize_step(step, plan, record),
        "minutes": record.get("minutes"),
    }


def last_step(model: Candidate) -> Step:
    """The last step of a candidate's lineage that is not an export."""
    return next(step for step in reversed(model.lineage) if step.technique != "export")


def record_of(step: Step, store: Store) -> dict[str, Any]:
    """The step's record; empty when it has none."""
    record: dict[str, Any] = store.get_json(step.record) if step.record else {}
    return record


def trial_rows(findings: Findings) -> list[dict[str, Any]]:
    """One row for each trial of the search over training values; empty without a search."""
    if findings.tuned is None:
        return []
    return [trial_row(trial, findings.metric, findings.tuned.cost) for trial in findings.tuned.trials]


def trial_row(trial: Trial, metric: Metric, cost: str | None) -> dict[str, Any]:
    """The row of one trial, with the score in the metric's own sign.

    A trial beyond the goal's limits was not trained: it has no score and no epochs.

    Args:
        cost: key in `Trial.measured` of the second objective; None without one.
    """
    over = trial.measured.get(EXCESS)
    return {
        "number": trial.number,
        "point": at_end(trial.point),
        "is_stage": CHANGES in trial.point,
        "score": None if trial.score is None or over else metric.oriented(trial.score),
        "cost": trial.measured.get(cost or ""),
        "epochs": 0 if over else len(trial.curve),
        "state": trial.state,
        "seconds": trial.seconds,
        "reason": f"beyond the limits by {over:.0%}" if over else trial.reason,
    }


def notes(findings: Findings) -> tuple[str, ...]:
    """Sentences that qualify the numbers: unproven drops, refused branches, searches that ended early."""
    found = []
    for card in findings.test.values():
        if card.drop.verdict == "within, not proven":
            found.append(f"{card.name} on test: {describe_verdict(card.drop)}; the goal accepts an estimate.")
    refused = [result.name for result in findings.results if result.refusal]
    if refused:
        found.append(f"Refused on the way: {', '.join(refused)}.")
    if findings.entrants:
        found.append(entrants_note(findings))
    found += refit_notes(findings)
    found += describe_augmentation(findings, lowering=False)
    if findings.tuned is not None and not findings.tuned.best:
        found.append("No trial of the search finished an epoch; the recipe's own values were used.")
    if findings.tuned is not None and findings.tuned.broken:
        found.append(f"The search ended before its budget was spent: {findings.tuned.broken}.")
    return tuple(found)


def refit_notes(findings: Findings) -> list[str]:
    """A sentence on the last fit of a simple model, on train and validation; none where there was none."""
    refit, parts = findings.refit, findings.prepared.dataset.splits
    if refit is None:
        return []
    if refit.refusal:
        return [f"The product is the model of train alone: {refit.refusal}."]
    names = " and ".join(dict.fromkeys(("the baseline", refit.chosen.name))) if refit.chosen != refit.baseline else ""
    what = f"{names} were" if names else "the baseline was"
    known = f"{refit.rows:,} rows of train and validation"
    return [
        f"After validation had chosen, {what} fitted again on the {known} (before: {parts['train'].count:,} of train): "
        "the test and the files are of these fits, validation's scores of the first."
    ]


def lesson_words(lesson: TaughtGain, findings: Findings) -> str:
    """What a branch gained by its teacher, as text."""
    gain, title = lesson.gain, findings.metric.title
    said = f"taught by the baseline: {title} {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    judged = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not better"
    return f"{said} on {gain.n:,} validation examples, {judged} than trained directly"


def entrants_note(findings: Findings) -> str:
    """The simple models that were tried, in a sentence with their scores and seconds."""
    made = [each for each in findings.entrants if math.isfinite(each.score)]
    scores = [f"{each.name} {findings.metric.oriented(each.score):.4f} ({each.seconds:.1f} s)" for each in made]
    late = [each.name for each in findings.entrants if not each.began]
    ended = f" Not begun, since the minutes were over: {', '.join(late)}." if late else ""
    folds = findings.entrants[0].folds
    where = f"in {folds} folds of train and validation" if folds else "on validation"
    return f"Models tried, by {findings.metric.title} {where}: {', '.join(scores)}.{ended}"


def as_yaml(recipe: Recipe) -> str:
    """The recipe as YAML that can be run again; only values that were set, no defaults."""
    return yaml.safe_dump(recipe.model_dump(mode="json", exclude_unset=True), sort_keys=False, allow_unicode=True)
