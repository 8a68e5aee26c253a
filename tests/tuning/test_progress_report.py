"""Progress reports: what a terminal and Prefect's UI say of a search that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tasks.core import Store
from tasks.core.progress import Update
from tasks.search.objective import TrialContext
from tasks.search.results import SearchProgress
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point
from tasks.tuning.progress_report import ProgressReporter, time_left, update_of


class Idle:
    """An `Objective` that formats scores and does nothing else."""

    role = identity = "idle"
    modules: Sequence[str] = ()

    def __call__(self, point: Point, trial: TrialContext) -> None:
        pass

    def arrays(self, store: Store) -> Mapping[str, Any]:
        return {}

    def needs(self) -> Sequence[str]:
        return ()

    def format_score(self, score: float) -> str:
        return f"accuracy {score:.2f}"


def test_every_number_is_said() -> None:
    found = update_of(SearchProgress(2, 7, 3, 16, 0.98, None), "accuracy 0.98", 249.6, None)
    assert (found.done, found.total) == (7, 16)
    assert found.note == "best accuracy 0.98, 2 running, 3 stopped early, about 4 min 10 s left"
    assert dict(found.figures) == {
        "trials running": "2",
        "trials done": "7 of 16",
        "stopped early": "3",
        "best so far": "accuracy 0.98",
        "time left": "about 4 min 10 s",
    }


def test_a_search_by_time_counts_the_hundredths_of_its_time() -> None:
    found = update_of(SearchProgress(1, 40, 0, None, None, 150.0), "", 150.0, 600.0)
    assert (found.done, found.total) == (75, 100)
    assert found.note == "1 running, 40 done, 0 stopped early, about 2 min 30 s left"
    assert found.figures["best so far"] == "none"


def test_a_search_of_unknown_length_has_no_time_left() -> None:
    found = update_of(SearchProgress(1, 0, 0, None, None, None), "", None, None)
    assert (found.done, found.total) == (0, 0)
    assert "time left" not in found.figures


@pytest.mark.parametrize(
    ("progress", "done", "left"),
    [
        (
            SearchProgress(1, 4, 0, 16, None, None),
            2,
            5.0 * 12,
        ),  # two trials in ten seconds, before them two of another process
        (SearchProgress(1, 4, 0, 16, None, 30.0), 2, 30.0),
        (SearchProgress(1, 4, 0, 16, None, 90.0), 2, 60.0),
        (SearchProgress(1, 4, 0, None, None, 90.0), 2, 90.0),
        (SearchProgress(1, 4, 0, 16, None, None), 0, None),
    ],
)
def test_time_left_is_the_budget_s_or_the_trials_(progress: SearchProgress, done: int, left: float | None) -> None:
    assert time_left(progress, 10.0, done) == left


def test_whoever_listens_hears_of_the_search() -> None:
    heard: list[Update] = []
    reporter = ProgressReporter(SearchBudget(trials=4), Idle(), heard.append)
    reporter(SearchProgress(2, 1, 0, 4, None, None))
    reporter(SearchProgress(2, 2, 1, 4, 0.5, None))
    assert [(update.done, update.total) for update in heard] == [(1, 4), (2, 4)]
    assert heard[1].note.startswith("best accuracy 0.50, 2 running, 1 stopped early, about ")
    assert "time left" not in heard[0].figures, "nothing has ended here yet"
