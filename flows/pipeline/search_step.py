"""Searches as steps: each begins with what earlier ones of its name found, and is no worse than they."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from flows.pipeline.run_context import Job
from tasks.core import digest_of
from tasks.search.objective import Objective
from tasks.search.pareto_front import score_of, trial_front
from tasks.search.results import COLD, Known, SearchStart, Trial, Tuned
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.steps.recorded_search import recall_searches, search_and_record
from tasks.tracking import Warm

EARLIER = "known from an earlier search"


def run_search(
    objective: Objective,
    spec: SearchBudget,
    epochs: int,
    host: str,
    job: Job,
    own: Point | None = None,
    start: SearchStart = COLD,
) -> Tuned:
    """Runs a search of the job's recipe; an unchanged one again is answered from the store.

    Its best trial is no worse than that of earlier searches whose scores can be compared.

    Args:
        epochs: the most of one trial.
        host: this host's name where trials measure time, else empty.
        own: the recipe's own values at the searched paths, which are tried first.
        start: points to try after that, but for those whose score is known, and points whose scores are known.
    """
    run, workspace = job.runner.run, job.context.workspace
    warm = Warm()
    if spec.warm_start:
        # Asked once, and from the store afterwards: what MLflow learns later does not make the search another one.
        label, name = f"{objective.role}: remember earlier ones", job.recipe.name
        warm = run(label, recall_searches, name, objective.role, objective.identity, spec, own or {}, workspace)
    scored = [each.point for each in warm.known]
    new = tuple(point for point in start.first if point not in scored)
    whole = SearchStart((*([own] if own else []), *warm.first, *new), (*start.known, *warm.known))
    tuned = run(objective.role, search_and_record, objective, spec, whole, epochs, host, job.context)
    return dataclasses.replace(tuned, trials=(*tuned.trials, *carry_over(warm.known, tuned)))


def carry_over(known: Sequence[Known], tuned: Tuned) -> list[Trial]:
    """The best of what earlier searches found, as trials of this one.

    That is the best score, or where there is a cost the front of both. What this search found as well is left out.
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
