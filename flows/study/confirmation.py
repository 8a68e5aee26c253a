"""Confirmation: both recipes are optimized, and their products compared on test, which is opened once for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.schema import Recipe
from flows.study.recommendation import recommended_recipe
from flows.study.study_outcome import MODEL, Confirmation, Recommendation
from tasks.compression.measure import evaluate_candidates
from tasks.core import Candidate, Scorecard
from tasks.evaluation.evaluate import EvaluationSpec
from tasks.evaluation.metric_choice import metric_spec
from tasks.study.verdicts import MetricUnit

GIVEN, RECOMMENDED = "as given", "recommended"
JudgedSplit = Literal["validation", "test"]


@dataclass(frozen=True)
class Settled:
    """What is left of the recommended changes once their recipe was optimized beside the given one."""

    changes: tuple[Recommendation, ...]
    confirmation: Confirmation | None
    """None where no change is left."""
    withdrawn: str = ""
    """Why another model is not recommended after all; empty where it is, and where none was."""


def settle(given: Recipe, changes: tuple[Recommendation, ...], job: Job, unit: MetricUnit) -> Settled:
    """Optimizes both recipes, and compares their products: on validation where a change may be withdrawn, then on test.

    A table judges a model as it is, but what counts is what is left of it when it is pared down. Where that product is
    slower than the given recipe's on validation, or loses more than the margin there, the changes of the model are
    withdrawn.

    Args:
        given: the recipe as the user gave it.
        changes: what the study recommends, at least one change.
        job: its context and runner do the work.
        unit: how differences of the metric are written.

    Raises:
        ValidationError: the changes do not go together.
    """
    first = run_pipeline(dataclasses.replace(job, recipe=given))
    second = run_pipeline(dataclasses.replace(job, recipe=recommended_recipe(given, changes)))
    rest, why = tuple(change for change in changes if not change.path.startswith(MODEL)), ""
    if rest != changes:
        told = compare_products(first, second, "validation", job, unit)
        if not (told.within and told.not_slower):
            why = f"Another model is not recommended after all: pared down, {told.sentence}."
            if not rest:
                return Settled((), None, why)
            changes, second = rest, run_pipeline(dataclasses.replace(job, recipe=recommended_recipe(given, rest)))
    return Settled(changes, compare_products(first, second, "test", job, unit), why)


def compare_products(first: Findings, second: Findings, split: JudgedSplit, job: Job, unit: MetricUnit) -> Confirmation:
    """The products of the given recipe and of the recommended one, measured side by side on a split."""
    found, given = {GIVEN: first, RECOMMENDED: second}, first.recipe
    files = {name: dataclasses.replace(each.product, name=name) for name, each in found.items()}
    spec = EvaluationSpec(
        given.goal,
        given.runtime,
        split,
        metric_spec(given.goal, first.prepared.dataset),
        {each.product.digest: point for each in found.values() if (point := operating_threshold(each)) is not None},
    )
    reference = files[GIVEN].digest
    arguments = files, reference, first.prepared, spec, None, first.host, job.context
    cards = job.runner.run(f"compare both products on {split}", evaluate_candidates, *arguments)
    return judge_products(cards, files, given, split, unit)


def operating_threshold(found: Findings) -> float | None:
    """Where a product says yes, as validation chose it."""
    return found.test[found.product.digest].threshold


def judge_products(
    cards: Mapping[str, Scorecard], files: Mapping[str, Candidate], given: Recipe, split: JudgedSplit, unit: MetricUnit
) -> Confirmation:
    """What the scorecards of both products say, in a sentence that names what is not as it should be."""
    before, after = (cards[files[name].digest] for name in (GIVEN, RECOMMENDED))
    drop, speedup = after.drop.estimate, after.latency.ratio
    within, not_slower = drop.value <= given.goal.max_drop, after.latency.verdict != "slower"
    low, high = (f"{0.0 - each * unit.scale:+.2g}" for each in (drop.high, drop.low))
    told = (
        f"on {split} (n = {drop.n:,}), the recommended recipe's product scores {0.0 - drop.value * unit.scale:+.2g} "
        f"{unit.name} [{low}, {high}] beside the given one's, and takes {1 / speedup.value:.3g} of its time "
        f"[{1 / speedup.high:.3g}, {1 / speedup.low:.3g}]"
    )
    if files[GIVEN].digest == files[RECOMMENDED].digest:
        told = f"both recipes come to the same product, with {before.score.value:.4g} on {split} (n = {drop.n:,})"
    elif not within:
        told += f": it loses more than the margin of {unit.text(given.goal.max_drop)}, so keep the given recipe"
    elif not not_slower:
        told += ": it is slower, so keep the given recipe unless the score matters more"
    return Confirmation(before.score, after.score, drop, speedup, within, not_slower, told)
