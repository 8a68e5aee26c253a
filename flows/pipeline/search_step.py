"""Search step: a search as a cached step that starts from, and is no worse than, comparable earlier searches."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from flows.pipeline.run_context import Job
from tasks.core import digest_of
from tasks.search.objective import Objective
from tasks.search.pareto_front import score_of, trial_front
from tasks.search.results import COLD, KnownTrial, SearchResult, SearchStart, Trial
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.steps.recorded_search import recall_searches, search_and_record
from tasks.tracking import WarmStart

EARLIER = "known from an earlier search"
"""`Trial.reason` of the trials of `carry_over`."""


def run_search(
    objective: Objective,
    spec: SearchBudget,
    epochs: int,
    host: str,
    job: Job,
    own: Point | None = None,
    start: SearchStart = COLD,
) -> SearchResult:
    """Runs a search of the job's recipe; the same search with the same inputs is answered from the store.

    The best trials of earlier searches of the same role and recipe name whose scores can be compared are appended to
    its own (`carry_over`).

    Args:
        objective: evaluates a point.
        spec: algorithm, budget and space.
        epochs: most epochs of one trial.
        host: this host's name where trials measure time, otherwise empty.
        job: the recipe, the context and the runner.
        own: the recipe's own values at the searched paths, which are tried first.
        start: further points to try first, unless their score is known, points with known scores, and the guide.
    """
    run, workspace = job.runner.run, job.context.workspace
    warm = WarmStart()
    if spec.warm_start:
        # A cached step: searches that MLflow records later do not change the inputs of this one.
        label, name = f"{objective.role}: remember earlier ones", job.recipe.name
        warm = run(label, recall_searches, name, objective.role, objective.identity, spec, own or {}, workspace)
    scored = [each.point for each in warm.known]
    new = tuple(point for point in start.first if point not in scored)
    whole = SearchStart((*([own] if own else []), *warm.first, *new), (*start.known, *warm.known), start.guide)
    tuned = run(objective.role, search_and_record, objective, spec, whole, epochs, host, job.context)
    return dataclasses.replace(tuned, trials=(*tuned.trials, *carry_over(warm.known, tuned)))


def carry_over(known: Sequence[KnownTrial], tuned: SearchResult) -> list[Trial]:
    """The best trials of earlier searches, as finished trials of this one, numbered after its own.

    That is the trial with the best score or, for a search with a cost, the Pareto front of score and cost. Points that
    this search found with the same or a better score are left out.
    """
    count = len(tuned.trials)
    earlier = [
        Trial(count + place, each.point, each.score, (), "finished", 0.0, each.measured, reason=EARLIER)
        for place, each in enumerate(known)
    ]
    best = trial_front(earlier, tuned.cost) if tuned.cost else sorted(earlier, key=score_of, reverse=True)[:1]
    found = {digest_of(trial.point): score_of(trial) for trial in tuned.trials}
    new = [trial for trial in best if found.get(digest_of(trial.point), -math.inf) < score_of(trial)]
    return [dataclasses.replace(trial, number=count + place) for place, trial in enumerate(new)]
