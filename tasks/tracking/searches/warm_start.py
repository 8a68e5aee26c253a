"""Warm start: what a new search takes over from earlier searches that are recorded in MLflow."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import digest_of
from tasks.search.results import KnownTrial, Trial
from tasks.search.space import Point, Space, is_member, restrict
from tasks.tracking.client import answers, open_client, quoted
from tasks.tracking.searches.trial_table import TABLE, TABLES, from_table

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

IDENTITY = "paredown.search"
"""The tag of a search's run with the search's identity: scores of searches with the same identity are comparable."""
SEARCHES = 20
"""Most earlier searches that are read."""
MOST_KNOWN = 1000
"""Most earlier trials from which a new search learns."""


@dataclass(frozen=True)
class PastSearch:
    """A recorded search that ended or was killed."""

    identity: str
    """Scores of searches with the same identity can be compared, unless it is empty."""
    trials: tuple[Trial, ...]
    """The trials that have ended."""


@dataclass(frozen=True)
class WarmStart:
    """What a search takes over from earlier ones; both fields are empty when there is nothing to take over."""

    known: tuple[KnownTrial, ...] = ()
    """Trials from which the algorithm learns without running them."""
    first: tuple[Point, ...] = ()
    """Points to try first, the best one first."""


def warm(
    past: Sequence[PastSearch], identity: str, space: Space, own: Mapping[str, Any] = {}, limit: int = 3
) -> WarmStart:
    """What a new search takes over from earlier ones.

    From searches with the same identity: every finished trial whose point is in the new space is known, each point once
    with its latest score, at most 1,000. When there is none: the best points of the latest search that has any in the
    new space are tried first. Trials that were stopped early or failed are not taken over, and their points may be
    tried again: the former are not comparable with finished ones, and the cause of a failure may be gone.

    Args:
        past: earlier searches, the latest first.
        identity: of the new search.
        space: of the new search.
        own: the recipe's own values, for paths of the space that an earlier point does not have.
        limit: most points to try first.
    """
    known: dict[str, KnownTrial] = {}
    for search in past:
        if search.identity and search.identity == identity:
            for each in _finished(search):
                if is_member(each.point, space):
                    known.setdefault(digest_of(each.point), each)
    if known:
        return WarmStart(known=tuple(known.values())[:MOST_KNOWN])
    best = next(filter(None, (_best(search, space, own) for search in past)), ())
    return WarmStart(first=best[:limit])


def _finished(search: PastSearch) -> list[KnownTrial]:
    ended = [trial for trial in search.trials if trial.state == "finished"]
    scored = [(trial.point, trial.reached, trial.measured) for trial in ended]
    return [
        KnownTrial(point, score, told) for point, score, told in scored if score is not None and math.isfinite(score)
    ]


def _best(search: PastSearch, space: Space, own: Mapping[str, Any]) -> tuple[Point, ...]:
    """The finished points that are in the space once completed by `own`, without duplicates, the best first."""
    ranked = sorted(_finished(search), key=lambda each: -each.score)
    points = [restrict({**own, **each.point}, space) for each in ranked if each.point.keys() <= space.keys()]
    return tuple({digest_of(point): point for point in points if is_member(point, space)}.values())


def search_tags(role: str, identity: str) -> dict[str, str]:
    """The tags of a search's run by which later searches find it."""
    return {"paredown.role": role} | ({IDENTITY: identity} if identity else {})


def past_searches(uri: str, experiment: str, role: str, but: str = "") -> tuple[PastSearch, ...]:
    """The searches for `role` that are recorded in an experiment, the latest first, from at most 20 runs.

    Empty when the server does not answer, or the experiment does not exist or was deleted. A search whose table is
    missing or cannot be read is left out.

    Args:
        uri: the tracking URI.
        experiment: name of the experiment.
        role: value of the tag `paredown.role`, as in `Objective.role`.
        but: id of a flow's run; a search below it is left out, because it is this search itself before it was
            interrupted.
    """
    from mlflow.exceptions import MlflowException

    if not answers(uri):
        return ()
    client = open_client(uri)
    try:
        place = client.get_experiment_by_name(experiment)
        if place is None or place.lifecycle_stage == "deleted":
            return ()
        wanted = f"tags.`paredown.role` = {quoted(role)} and tags.`{TABLES}` LIKE '%{TABLE}%'"
        latest = ["attributes.start_time DESC"]
        runs = client.search_runs([place.experiment_id], wanted, max_results=SEARCHES, order_by=latest)
    except MlflowException:
        return ()
    past = (run for run in runs if run.data.tags.get("mlflow.parentRunId") != (but or None))
    found = ((run, _trials(client, run)) for run in past)
    return tuple(PastSearch(run.data.tags.get(IDENTITY, ""), trials) for run, trials in found if trials)


def _trials(client: MlflowClient, run: Run) -> tuple[Trial, ...]:
    from mlflow.exceptions import MlflowException

    try:
        with tempfile.TemporaryDirectory(prefix="paredown-") as folder:
            return from_table(Path(client.download_artifacts(run.info.run_id, TABLE, folder)).read_text("utf-8"))
    except (MlflowException, OSError, KeyError, TypeError, ValueError):
        return ()
