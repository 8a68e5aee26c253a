"""Progress reports: the progress of a search as text and numbers for the terminal and Prefect's UI."""

from __future__ import annotations

import time

from tasks.core.number_format import THIN, format_duration
from tasks.core.progress import Progress, Update
from tasks.search.objective import Objective
from tasks.search.results import SearchProgress
from tasks.search.search_spec import SearchBudget


class ProgressReporter:
    """Converts the progress of a search into updates of its step; the `on_progress` callback of `tuner.tune`."""

    def __init__(self, search: SearchBudget, objective: Objective, progress: Progress) -> None:
        """`objective` formats the best score; `progress` is called with every update."""
        self._seconds = search.minutes * 60 if search.minutes else None
        self._objective, self._tell = objective, progress
        self._started = time.monotonic()
        self._before: int | None = None
        """Number of trials that had ended before this process continued the search; None before the first call."""

    def __call__(self, progress: SearchProgress) -> None:
        """Reports the progress of the search as an update."""
        if self._before is None:
            self._before = progress.done
        left = time_left(progress, time.monotonic() - self._started, progress.done - self._before)
        best = "" if progress.best is None else self._objective.format_score(progress.best)
        self._tell(update_of(progress, best, left, self._seconds))


def time_left(progress: SearchProgress, elapsed: float, done: int) -> float | None:
    """Estimated seconds until the search ends; None when they cannot be estimated.

    The smaller of the rest of the time budget and the remaining trials times the mean duration so far.

    Args:
        progress: the progress of the search.
        elapsed: seconds in which `done` trials ended.
        done: number of trials that ended in this process.
    """
    known = [] if progress.seconds_left is None else [progress.seconds_left]
    if progress.total is not None and done:
        known.append(elapsed / done * max(progress.total - progress.done, 0))
    return min(known, default=None)


def update_of(progress: SearchProgress, best: str, left: float | None, budget: float | None) -> Update:
    """The progress of a search as an update.

    Args:
        progress: the progress of the search.
        best: the best score so far as text; empty when there is none.
        left: estimated seconds until the search ends; None when unknown.
        budget: time budget of the whole search in seconds. With one, `done` and `total` of the update are per cent of
            it, otherwise trials.
    """
    done = f"{progress.done} of {progress.total}" if progress.total is not None else str(progress.done)
    figures = {
        "trials running": str(progress.running),
        "trials done": done,
        "stopped early": str(progress.stopped),
        "best so far": best or "none",
    }
    spent, total = progress.done, progress.total or 0
    words = [f"best {best}"] if best else []
    words.append(f"{progress.running} running")
    if budget and progress.seconds_left is not None:
        spent, total = round(100 * (1 - progress.seconds_left / budget)), 100
        words.append(f"{done} done")
    words.append(f"{progress.stopped} stopped early")
    if left is not None:
        figures["time left"] = f"about {format_duration(left).replace(THIN, ' ')}"
        words.append(f"{figures['time left']} left")
    return Update(spent, total, ", ".join(words), figures)
