"""Searching: a search as a step, which begins with what earlier ones of its name found."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from tasks.core import Workspace, digest_of
from tasks.search.objective import Objective
from tasks.search.pareto_front import score_of, trial_front
from tasks.search.results import Known, Trial, Tuned
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.steps import definitions
from tasks.steps.runner import Call
from tasks.tracking import Warm

EARLIER = "known from an earlier search"


def run_search(
    work: Objective,
    spec: SearchBudget,
    epochs: int,
    experiment: str,
    host: str,
    workspace: Workspace,
    call: Call,
    own: Point | None = None,
    first: Sequence[Point] = (),
    known: Sequence[Known] = (),
) -> Tuned:
    """Runs the search of a recipe that is called `experiment`; an unchanged one again is answered from the store.

    Its best trial is no worse than that of earlier searches whose scores can be compared.

    Args:
        epochs: the most of one trial.
        host: named where trials measure time.
        own: the recipe's own values at the searched paths, which are tried first.
        first: points to try after that, but for those whose score is known.
        known: points whose scores are known from elsewhere.
    """
    warm = Warm()
    if spec.warm_start:
        # Asked once, and from the store afterwards: what MLflow learns later does not make the search another one.
        label = f"{work.role}: remember earlier ones"
        warm = call(label, definitions.remember, experiment, work.role, work.identity, spec, own or {}, workspace)
    scored = [each.point for each in warm.known]
    new = [point for point in first if point not in scored]
    begin = ((*([own] if own else []), *warm.first, *new), (*known, *warm.known))
    tuned: Tuned = call(work.role, definitions.tune, work, spec, *begin, epochs, host, workspace)
    return dataclasses.replace(tuned, trials=(*tuned.trials, *carry_over(warm.known, tuned)))


def carry_over(known: Sequence[Known], tuned: Tuned) -> list[Trial]:
    """The best of what earlier searches found, as trials of this one, so that it is no worse than they: the best score,
    or where there is a cost the front. What this search found as well is left out."""
    count = len(tuned.trials)
    earlier = [
        Trial(count + place, each.point, each.score, (), "finished", 0.0, each.measured, reason=EARLIER)
        for place, each in enumerate(known)
    ]
    best = trial_front(earlier, tuned.cost) if tuned.cost else sorted(earlier, key=score_of, reverse=True)[:1]
    found = {digest_of(trial.point): score_of(trial) for trial in tuned.trials}
    new = [trial for trial in best if found.get(digest_of(trial.point), -math.inf) < score_of(trial)]
    return [dataclasses.replace(trial, number=count + place) for place, trial in enumerate(new)]
