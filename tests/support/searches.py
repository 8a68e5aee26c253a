"""A search that is lived through without Ray, made-up trials, what MLflow holds of them, and a client of MLflow that
counts and fails."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import tracking
from tasks.search.results import COLD, SearchStart, Trial
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning.journal import Journal
from tasks.tuning.samplers import Sampler

if TYPE_CHECKING:
    from mlflow.entities import Run


def trial(number: int, score: float | None = 0.5, state: Any = "finished", **changes: Any) -> Trial:
    """A trial of two epochs and a minute."""
    curve = () if score is None else ((1, score / 2), (2, score))
    given = {"point": {"train.learning_rate": 0.1 * number}, "seconds": 60.0, **changes}
    return Trial(number=number, score=score, curve=curve, state=state, **given)


def many(count: int) -> list[Trial]:
    """Trials whose scores go up and down."""
    return [
        trial(number, math.sin(number), point={"rate": number / 7, "kind": "sgd"}, measured={"bytes": 10.0 + number})
        for number in range(count)
    ]


def runs_under(uri: str, parent: str) -> dict[str, Run]:
    """The runs right under another by their key; no two have the same."""
    client = tracking.open_client(uri)
    place = client.get_run(parent).info.experiment_id
    found = client.search_runs([place], f"tags.`mlflow.parentRunId` = '{parent}'")
    by_key = {run.data.tags["paredown.key"]: run for run in found}
    assert len(by_key) == len(found), "no two runs have one key"
    return by_key


def history(uri: str, run: str, name: str) -> list[tuple[int, float]]:
    """A curve's points in the order in which they were written."""
    return [(point.step, point.value) for point in tracking.open_client(uri).get_metric_history(run, name)]


class Counting:
    """MLflow's client, with each call counted; the one numbered `fails` raises before it is done."""

    def __init__(
        self, uri: str, fails: tuple[str, int] = ("", 0), error: type[BaseException] = KeyboardInterrupt
    ) -> None:
        self.client, self.fails, self.error, self.calls = tracking.open_client(uri), fails, error, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            if self.fails == (name, self.calls[name]):
                raise self.error
            return getattr(self.client, name)(*arguments, **named)

        return call


def lived(
    file: Path,
    search: Search,
    count: int,
    work: Callable[[int, Point], tuple[float, dict[str, float], str]],
    start: SearchStart = COLD,
) -> list[Point]:
    """All points so far, after `count` more trials of a search that keeps a journal, one at a time.

    Args:
        work: (number, point) → score, what was measured, and the reason if the trial fails.
    """
    journal = Journal(file, start)
    sampler = Sampler(search, journal.first, journal.known)
    sampler.replay(journal)
    for _ in range(count):
        point = sampler.ask()
        assert point is not None
        number = journal.ask(point)
        score, numbers, reason = work(number, point)
        journal.hear(number, {"epoch": 1, "score": score, "measured": numbers, "answer": None, "seconds": 0.0})
        journal.end(number, reason)
        sampler.tell(number, None if reason else score, numbers)
    journal.close()
    return [entry.point for entry in journal.entries]
