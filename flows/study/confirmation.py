"""Confirmation: both recipes are optimized, and their products compared on test, which is opened once for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.schema import Recipe
from flows.study.study_outcome import Confirmation
from tasks.compression.measure import evaluate_candidates
from tasks.core import Candidate, Scorecard
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.study.verdicts import MetricUnit

GIVEN, RECOMMENDED = "as given", "recommended"


def confirm(given: Recipe, recommended: Recipe, job: Job, unit: MetricUnit) -> Confirmation:
    """Optimizes both recipes, and compares their products on the test split.

    Args:
        given: the recipe as the user gave it.
        recommended: the recipe that the study recommends.
        job: its context and runner do the work.
        unit: how differences of the metric are written.
    """
    found = {
        GIVEN: run_pipeline(dataclasses.replace(job, recipe=given)),
        RECOMMENDED: run_pipeline(dataclasses.replace(job, recipe=recommended)),
    }
    first = found[GIVEN]
    files = {name: dataclasses.replace(each.product, name=name) for name, each in found.items()}
    spec = EvaluationSpec(
        given.goal,
        given.runtime,
        "test",
        metric_spec(given.goal, first.prepared.dataset),
        {each.product.digest: point for each in found.values() if (point := operating_threshold(each)) is not None},
    )
    call, context = job.runner.run, job.context
    reference = files[GIVEN].digest
    cards = call(
        "compare both products on test",
        evaluate_candidates,
        files,
        reference,
        first.prepared,
        spec,
        None,
        first.host,
        context,
    )
    return judge_products(cards, files, given, unit)


def operating_threshold(found: Findings) -> float | None:
    """Where a product says yes, as validation chose it."""
    return found.test[found.product.digest].threshold


def judge_products(
    cards: Mapping[str, Scorecard], files: Mapping[str, Candidate], given: Recipe, unit: MetricUnit
) -> Confirmation:
    """What the test scorecards of both products say, in a sentence that names what is not as it should be."""
    before, after = (cards[files[name].digest] for name in (GIVEN, RECOMMENDED))
    drop, speedup = after.drop.estimate, after.latency.ratio
    within, not_slower = drop.value <= given.goal.max_drop, after.latency.verdict != "slower"
    low, high = (f"{0.0 - each * unit.scale:+.2g}" for each in (drop.high, drop.low))
    told = (
        f"on test (n = {drop.n:,}), the recommended recipe's product scores {0.0 - drop.value * unit.scale:+.2g} "
        f"{unit.name} [{low}, {high}] beside the given one's, and takes {1 / speedup.value:.3g} of its time "
        f"[{1 / speedup.high:.3g}, {1 / speedup.low:.3g}]"
    )
    if files[GIVEN].digest == files[RECOMMENDED].digest:
        told = f"both recipes come to the same product, with {before.score.value:.4g} on test (n = {drop.n:,})"
    elif not within:
        told += f": it loses more than the margin of {unit.text(given.goal.max_drop)}, so keep the given recipe"
    elif not not_slower:
        told += ": it is slower, so keep the given recipe unless the score matters more"
    return Confirmation(before.score, after.score, drop, speedup, within, not_slower, told)
