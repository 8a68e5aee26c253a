"""Watching: between Tune, which runs the trials, and the sampler, the journal and whoever listens."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks.core import digest_of
from tasks.core.errors import last_line
from tasks.search.results import SearchProgress, Trial
from tasks.tuning.journal import Journal
from tasks.tuning.pbt import Population
from tasks.tuning.samplers import Sampler
from tasks.tuning.trainable import TOLD


class SearchMonitor:
    """The search under way; all of it happens in the driver's thread."""

    def __init__(
        self,
        sampler: Sampler | Population,
        journal: Journal,
        folder: Path,
        total: int | None,
        limit: float | None,
        listener: Callable[[SearchProgress], None] | None,
        recorder: Callable[[Sequence[Trial]], None] | None,
    ) -> None:
        """
        Args:
            folder: the folders of the trials; one is removed when the sampler releases it.
            limit: seconds of the whole search.
            listener: is told of every change, once a turn of Tune.
            recorder: is given the trials that ended, each once; at first those that ended before this process began.
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
        """The configuration of the next trial; None when there is none, at least now. Interrupted ones come first."""
        if self._interrupted:
            number = self._interrupted.popleft()
        else:
            point = self.sampler.ask()
            if point is None:
                return None
            number = self.journal.ask(point)
        self._numbers[trial_id] = number
        return {"point": self.journal.entries[number].point}

    def start(self, trial_id: str) -> None:
        """A trial runs."""
        self.journal.run_clock()
        self._running.add(self._numbers[trial_id])
        self._has_news = True

    def hear(self, trial_id: str, result: dict[str, Any]) -> None:
        """A trial told something."""
        self.journal.hear(self._numbers[trial_id], json.loads(result[TOLD]))
        self._has_news = True

    def is_time_up(self) -> bool:
        """Whether the search has had its time."""
        return self.limit is not None and self.journal.seconds >= self.limit

    def lose(self, trial_id: str, error: str) -> None:
        """A trial lost its worker and is started anew; the last line of the error says why."""
        self._causes[self._numbers[trial_id]] = last_line(error)

    def end(self, trial_id: str, has_died: bool) -> None:
        """A trial is over, from the next `settle` on: what is raised here Tune takes for the trial's fault."""
        self._over.append((self._numbers[trial_id], has_died))

    def settle(self) -> None:
        """Writes down which trials are over, teaches the sampler, and tells listener and recorder if there is news."""
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
        self.sampler.tell(number, entry.score if entry.state != "failed" else None, entry.measured)
        self._running.discard(number)
        self._ended.append(number)
        for point in self.sampler.released(number):
            shutil.rmtree(self.folder / digest_of(point), ignore_errors=True)

    def progress(self) -> SearchProgress:
        """Where the search stands."""
        entries = self.journal.entries
        ended = [entry.state for entry in entries if entry.state is not None]
        best = max((entry.reached for entry in entries if entry.reached is not None), default=None)
        left = None if self.limit is None else max(self.limit - self.journal.seconds, 0.0)
        return SearchProgress(len(self._running), len(ended), ended.count("stopped early"), self.total, best, left)


def search_algorithm(monitor: SearchMonitor) -> Any:
    """The monitor as what Tune asks for points."""
    from ray.tune.search import Searcher as TuneSearcher

    class Algorithm(TuneSearcher):  # type: ignore[misc]
        def suggest(self, trial_id: str) -> Any:
            # None has Tune ask again after its next turn; while a sampler waits, trials are under way.
            return monitor.next(trial_id) or (None if monitor.sampler.waits else TuneSearcher.FINISHED)

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            monitor.end(trial_id, error)

        def save(self, checkpoint_path: str) -> None:
            Path(checkpoint_path).touch()  # the journal has everything

        def restore(self, checkpoint_path: str) -> None:
            raise NotImplementedError

    return Algorithm(metric="score", mode="max")


def deadline(monitor: SearchMonitor) -> Any:
    """The monitor as what Tune asks whether to stop; Tune's own time limit would count the start of the workers."""
    from ray.tune import Stopper
    from ray.tune.stopper import NoopStopper

    class Deadline(Stopper):  # type: ignore[misc]
        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            return False

        def stop_all(self) -> bool:
            return monitor.is_time_up()

        def __reduce__(self) -> Any:
            return NoopStopper, ()  # in Tune's own record of the search, which nobody reads

    return Deadline()


def callback(monitor: SearchMonitor) -> Any:
    """The monitor as what Tune tells of its trials."""
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
