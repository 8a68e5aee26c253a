"""Progress reports: where a search stands, in the words and numbers that a terminal and Prefect's UI show."""

from __future__ import annotations

import time

from tasks.core.number_format import THIN, format_duration
from tasks.core.progress import Progress, Update
from tasks.search.objective import Objective
from tasks.search.results import SearchProgress
from tasks.search.search_spec import SearchBudget


class ProgressReporter:
    """Tells whoever listens of a search: an `on_progress` of `tuning.tune`."""

    def __init__(self, search: SearchBudget, objective: Objective, progress: Progress) -> None:
        """`objective` formats the best score; `progress` hears every update."""
        self._seconds = search.minutes * 60 if search.minutes else None
        self._objective, self._tell = objective, progress
        self._started = time.monotonic()
        self._before: int | None = None
        """Trials that were done before this process took the search up."""

    def __call__(self, progress: SearchProgress) -> None:
        """Tells where the search stands."""
        if self._before is None:
            self._before = progress.done
        left = time_left(progress, time.monotonic() - self._started, progress.done - self._before)
        best = "" if progress.best is None else self._objective.format_score(progress.best)
        self._tell(update_of(progress, best, left, self._seconds))


def time_left(progress: SearchProgress, elapsed: float, done: int) -> float | None:
    """Seconds until the search ends, at most: what the time budget leaves, or what the trials that are left will take.

    Args:
        elapsed: seconds in which `done` trials ended.
    """
    known = [] if progress.seconds_left is None else [progress.seconds_left]
    if progress.total is not None and done:
        known.append(elapsed / done * max(progress.total - progress.done, 0))
    return min(known, default=None)


def update_of(progress: SearchProgress, best: str, left: float | None, budget: float | None) -> Update:
    """Where a search stands, as an update.

    Args:
        best: the best so far in words; empty when there is none.
        left: seconds until the search ends, if that can be told.
        budget: seconds of the whole search; then the update counts hundredths of it, else trials.
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
