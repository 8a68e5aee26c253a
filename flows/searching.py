"""Searching: a search as a step, which begins with what earlier ones of its name found."""

from __future__ import annotations

from collections.abc import Sequence

from flows.execution import Call
from tasks import steps
from tasks.artifacts import Workspace
from tasks.spaces import Budgeted, Point
from tasks.tracking import Warm
from tasks.tuning import Known, Tuned
from tasks.work import Work


def search(
    work: Work,
    spec: Budgeted,
    epochs: int,
    experiment: str,
    host: str,
    workspace: Workspace,
    call: Call,
    own: Point | None = None,
    known: Sequence[Known] = (),
) -> Tuned:
    """Runs the search of a recipe that is called `experiment`; an unchanged one again is answered from the store.

    Args:
        epochs: the most of one trial.
        host: named where trials measure time.
        own: the recipe's own values at the searched paths, which are tried first.
        known: points whose scores are known from elsewhere.
    """
    warm = Warm()
    if spec.warm_start:
        # Asked once, and from the store afterwards: what MLflow learns later does not make the search another one.
        label = f"{work.role}: remember earlier ones"
        warm = call(label, steps.remember, experiment, work.role, work.identity, spec, own or {}, workspace)
    again, rest = best_again(warm.known)
    begin = ((*([own] if own else []), *again, *warm.first), (*known, *rest))
    tuned: Tuned = call(work.role, steps.tune, work, spec, *begin, epochs, host, workspace)
    return tuned


def best_again(known: Sequence[Known]) -> tuple[list[Point], list[Known]]:
    """The best point that is known, to be tried again so that this search is no worse, and the others."""
    best = max(known, key=lambda each: each.score, default=None)
    return [best.point] if best else [], [each for each in known if each is not best]
