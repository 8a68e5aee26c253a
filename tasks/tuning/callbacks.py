"""Callbacks: connect Ray Tune, which runs the trials, with the sampler, the journal and the listeners of a search."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tasks.core import digest_of
from tasks.core.errors import last_line
from tasks.search.results import SearchProgress, Trial
from tasks.tuning.chains import Chains
from tasks.tuning.journal import Journal, JournalEntry
from tasks.tuning.pbt import Population
from tasks.tuning.samplers import Sampler
from tasks.tuning.trainable import TOLD


class SearchMonitor:
    """Controls a running search. All of its methods are called in the thread of the driver that runs Tune."""

    def __init__(
        self,
        sampler: Sampler | Population | Chains,
        journal: Journal,
        folder: Path,
        total: int | None,
        limit: float | None,
        listener: Callable[[SearchProgress], None] | None,
        recorder: Callable[[Sequence[Trial]], None] | None,
    ) -> None:
        """
        Args:
            folder: contains one folder for each trial, which is removed when the sampler releases it.
            total: most trials of the search; None when only time limits them.
            limit: time budget of the whole search in seconds; None without one.
            listener: called with the progress after every iteration of Tune that changed it.
            recorder: called with the trials that have ended, each once; at first with those that ended before this
                process began.
        """
        self.sampler, self.journal, self.folder = sampler, journal, folder
        self.total, self.limit, self.listener, self.recorder = total, limit, listener, recorder
        self._interrupted = deque(entry.number for entry in journal.under_way())
        self._numbers: dict[str, int] = {}
        self._running: set[int] = set()
        self._causes: dict[int, str] = {}
        self._over: list[tuple[int, bool]] = []
        self._ended = [entry.number for entry in journal.entries if entry.state is not None]
        self._has_news = False

    def next(self, trial_id: str) -> dict[str, Any] | None:
        """The configuration of the next trial, `{"point": …, "best": …}`; None when there is none at the moment.

        `best` is the best score of the trials that have come to their end, None without any.
        Trials that were interrupted come first.
        """
        if self._interrupted:
            number = self._interrupted.popleft()
        else:
            point = self.sampler.ask()
            if point is None:
                return None
            number = self.journal.ask(point)
        self._numbers[trial_id] = number
        ended = (entry for entry in self.journal.entries if entry.state == "finished")
        return {"point": self.journal.entries[number].point, "best": best_score(ended)}

    def start(self, trial_id: str) -> None:
        """Notes that a trial runs, and starts the search's clock unless it is running."""
        self.journal.run_clock()
        self._running.add(self._numbers[trial_id])
        self._has_news = True

    def hear(self, trial_id: str, result: dict[str, Any]) -> None:
        """Writes a trial's report, the JSON text under `TOLD`, to the journal."""
        self.journal.hear(self._numbers[trial_id], json.loads(result[TOLD]))
        self._has_news = True

    def is_time_up(self) -> bool:
        """Whether the time budget of the search is spent."""
        return self.limit is not None and self.journal.seconds >= self.limit

    def lose(self, trial_id: str, error: str) -> None:
        """Notes that a trial lost its worker and is restarted; the cause is the last line of the error."""
        self._causes[self._numbers[trial_id]] = last_line(error)

    def end(self, trial_id: str, has_died: bool) -> None:
        """Notes that a trial has ended; `settle` processes it.

        Nothing is processed here, because Tune would take an exception for a failure of the trial.
        """
        self._over.append((self._numbers[trial_id], has_died))

    def settle(self) -> None:
        """Processes the trials that have ended: journal, sampler, folders. Calls listener and recorder if needed."""
        for number, has_died in self._over:
            self._close(number, has_died)
        if self.listener and (self._has_news or self._over):
            self.listener(self.progress())
        if self.recorder and self._ended:
            self.recorder([self.journal.entries[number].trial() for number in self._ended])
        self._has_news, self._over, self._ended = False, [], []

    def _close(self, number: int, has_died: bool) -> None:
        entry = self.journal.entries[number]
        died = f"its worker was lost each time it was started ({self._causes.get(number) or 'no cause is known'})"
        self.journal.end(number, died if has_died else "")
        score = entry.score if entry.state != "failed" else None
        self.sampler.tell(number, score, entry.measured, entry.seconds)
        self._running.discard(number)
        self._ended.append(number)
        for point in self.sampler.released(number):
            shutil.rmtree(self.folder / digest_of(point), ignore_errors=True)

    def progress(self) -> SearchProgress:
        """The current progress of the search."""
        entries = self.journal.entries
        ended = [entry.state for entry in entries if entry.state is not None]
        left = None if self.limit is None else max(self.limit - self.journal.seconds, 0.0)
        best = best_score(entries)
        return SearchProgress(len(self._running), len(ended), ended.count("stopped early"), self.total, best, left)


def best_score(entries: Iterable[JournalEntry]) -> float | None:
    """The best score of some trials, bounds left out; None without any."""
    return max((entry.reached for entry in entries if entry.reached is not None), default=None)


def search_algorithm(monitor: SearchMonitor) -> Any:
    """The monitor as a search algorithm of Tune, which asks it for points."""
    from ray.tune.search import Searcher as TuneSearcher

    class Algorithm(TuneSearcher):  # type: ignore[misc]
        def suggest(self, trial_id: str) -> Any:
            # After None, Tune asks again in its next iteration; a sampler waits only while trials are running.
            return monitor.next(trial_id) or (None if monitor.sampler.waits else TuneSearcher.FINISHED)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            monitor.end(trial_id, error)

        def save(self, checkpoint_path: str) -> None:
            Path(checkpoint_path).touch()  # the journal contains the whole state

        def restore(self, checkpoint_path: str) -> None:
            raise NotImplementedError

    return Algorithm(metric="score", mode="max")


def deadline(monitor: SearchMonitor) -> Any:
    """The monitor as a stopper of Tune, which ends the search when its time is spent.

    Tune's own time limit would also count the time in which the workers start.
    """
    from ray.tune import Stopper
    from ray.tune.stopper import NoopStopper

    class Deadline(Stopper):  # type: ignore[misc]
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return monitor.is_time_up()

        def __reduce__(self) -> Any:
            return NoopStopper, ()  # pickled only into Tune's own record of the search, which is never read

    return Deadline()


def callback(monitor: SearchMonitor) -> Any:
    """The monitor as a callback of Tune, which reports the events of its trials."""
    from ray.tune import Callback

    class Watcher(Callback):  # type: ignore[misc]
        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            monitor.start(trial.trial_id)

        def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **_: Any) -> None:
            monitor.hear(trial.trial_id, result)

        def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            monitor.lose(trial.trial_id, trial.get_error() or "")

        def on_step_end(self, iteration: int, trials: list[Any], **_: Any) -> None:
            monitor.settle()

    return Watcher()
