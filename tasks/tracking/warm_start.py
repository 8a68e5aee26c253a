"""Memory: what a later search gets from the earlier ones of its name that MLflow remembers."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import digest_of
from tasks.search.results import Known, Trial
from tasks.search.space import Point, Space, is_member, restrict
from tasks.tracking.client import answers, open_client, quoted
from tasks.tracking.trial_table import TABLE, TABLES, from_table

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

IDENTITY = "paredown.search"
"""The tag of a search's run that says with which other searches its scores can be compared."""
SEARCHES = 20
"""So many searches are looked back upon."""
MOST_KNOWN = 1000


@dataclass(frozen=True)
class PastSearch:
    """A search that ended, or was killed: the trials that had ended until then."""

    identity: str
    """Two searches of one identity, which is not empty, have scores that can be compared."""
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Warm:
    """What a search begins with; nothing: it starts cold."""

    known: tuple[Known, ...] = ()
    """The algorithm is told; nothing is run."""
    first: tuple[Point, ...] = ()
    """Points to try first."""


def warm(past: Sequence[PastSearch], identity: str, space: Space, own: Mapping[str, Any] = {}, limit: int = 3) -> Warm:
    """What searches of the past, the latest first, are worth to a new one.

    Where the identity is the same, every finished trial that is a point of the new space is known: each point
    once, with its latest score, at most 1,000. Where nothing is known, the best points (at most `limit`) of the
    latest search that has any in the new space are tried first; paths that are new to the space get the values
    of `own`. A trial that was stopped early is not comparable with a finished one, and what made another fail
    may be gone: both may be tried again.
    """
    known: dict[str, Known] = {}
    for search in past:
        if search.identity and search.identity == identity:
            for each in _finished(search):
                if is_member(each.point, space):
                    known.setdefault(digest_of(each.point), each)
    if known:
        return Warm(known=tuple(known.values())[:MOST_KNOWN])
    best = next(filter(None, (_best(search, space, own) for search in past)), ())
    return Warm(first=best[:limit])


def _finished(search: PastSearch) -> list[Known]:
    ended = [trial for trial in search.trials if trial.state == "finished"]
    scored = [(trial.point, trial.reached, trial.measured) for trial in ended]
    return [Known(point, score, told) for point, score, told in scored if score is not None and math.isfinite(score)]


def _best(search: PastSearch, space: Space, own: Mapping[str, Any]) -> tuple[Point, ...]:
    """The points that still have a place in the space, each once, the best first."""
    ranked = sorted(_finished(search), key=lambda each: -each.score)
    points = [restrict({**own, **each.point}, space) for each in ranked if each.point.keys() <= space.keys()]
    return tuple({digest_of(point): point for point in points if is_member(point, space)}.values())


def search_tags(role: str, identity: str) -> dict[str, str]:
    """The tags by which a later search finds this one."""
    return {"paredown.role": role} | ({IDENTITY: identity} if identity else {})


def past_searches(uri: str, experiment: str, role: str, but: str = "") -> tuple[PastSearch, ...]:
    """The searches that were recorded in an experiment with the tag `paredown.role`, the latest first, at most 20.

    None, where there is nothing to read: the server does not answer, the experiment is not there yet or was
    deleted. A search whose table is not there, or cannot be read, is left out.

    Args:
        but: a flow's run; what is under it is the same search, killed and taken up again, and no past one.
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
