"""Live recorder: writes the trials of a running search to MLflow, in a background thread of the driver."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tasks.core.errors import in_one_line
from tasks.search.results import Trial
from tasks.tracking.client import answers, child, open_client
from tasks.tracking.run_writer import RunContent, Status, close, write
from tasks.tracking.searches.trial_table import record_table
from tasks.tracking.searches.warm_start import search_tags

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

PERIOD = 15.0
"""Seconds between two batches."""
LAST = 30.0
"""Most seconds that a finished search waits for the last batch. What is still missing is written as the flow ends."""


class SearchRun:
    """The MLflow run of a running search: found again by (parent, role), and written in batches."""

    def __init__(self, uri: str, parent: str, role: str, identity: str) -> None:
        self._uri, self._parent, self._role, self._tags = uri, parent, role, search_tags(role, identity)
        self._run: Run | None = None
        """None while it is not open. Until the first write it holds the metrics on the server, because an earlier
        process may have written the same ones."""
        self._trials: dict[int, Trial] = {}
        self._written: set[int] = set()

    @cached_property
    def _client(self) -> MlflowClient:
        return open_client(self._uri)

    def add(self, trials: Iterable[Trial]) -> None:
        """Writes the curve points of new trials, and the table of all trials. The first call opens the run.

        The first call must include the trials that ended before this process began, because each table replaces the
        one before.

        Raises:
            ConnectionError: the server does not answer.
            MlflowException: MLflow fails. After any exception, the next call writes everything that may be missing.
        """
        from mlflow.entities import Run, RunData

        self._trials |= {trial.number: trial for trial in trials}
        if not answers(self._uri):
            raise ConnectionError("the MLflow server does not answer")
        # After an exception the run is opened again and all trials are written again.
        run, self._run = self._run or self._open(), None
        new = [trial for number, trial in self._trials.items() if number not in self._written]
        if new:
            record_table(self._client, run, [self._trials[number] for number in sorted(self._trials)], new)
            # The run holds no points of the trials to come, so it need not be queried for them.
            run = Run(run.info, RunData())
        self._run, self._written = run, set(self._trials)

    def _open(self) -> Run:
        self._written = set()
        run = child(self._client, self._parent, self._role, self._role)
        write(self._client, run, RunContent(tags=self._tags))
        if run.info.status != "RUNNING":
            self._client.update_run(run.info.run_id, status="RUNNING")
        return self._client.get_run(run.info.run_id)

    def close(self, status: Status) -> None:
        """Ends the run with a status, if it is open."""
        if self._run is not None:
            close(self._client, self._run, status)


class Recorder:
    """Takes trials that have ended, without waiting, and writes them in a background thread every 15 seconds."""

    def __init__(self, run: SearchRun) -> None:
        self._run = run
        self._status: Status = "FINISHED"
        self._ended: SimpleQueue[Trial] = SimpleQueue()
        self._is_over, self._is_given_up = threading.Event(), threading.Event()
        # A daemon thread, because otherwise a server that does not answer would delay the program's end for minutes.
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self.trouble = ""
        """Why the latest batch could not be written; empty when it was."""

    def __call__(self, trials: Iterable[Trial]) -> None:
        """Takes trials that have ended; the same trial may be passed several times."""
        for trial in trials:
            self._ended.put(trial)

    def start(self) -> None:
        """Starts the thread, which opens the run and writes."""
        self._thread.start()

    def finish(self, status: Status) -> None:
        """Waits at most LAST seconds until all trials are written and the run is closed with `status`."""
        self._status = status
        self._is_over.set()
        self._thread.join(LAST)
        if self._thread.is_alive():
            self._is_given_up.set()
            self.trouble = f"it takes longer than {LAST:g} seconds"

    def _work(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_over.is_set()
            if self._is_given_up.is_set():
                return  # the flow no longer waits for this thread and may itself write to the run
            try:
                self._run.add(_drained(self._ended))
                if is_last:
                    self._run.close(self._status)
                self.trouble = ""
            except Exception as error:  # the search continues without records; `trouble` is shown when it has ended
                self.trouble = in_one_line(error)
            self._is_over.wait(PERIOD)


@contextmanager
def recording(uri: str, parent: str, role: str, identity: str) -> Iterator[Recorder]:
    """Context with a recorder that writes the trials of a search below the flow's run.

    The search's run has the status RUNNING inside the block; afterwards FINISHED, FAILED after an exception, or KILLED
    after an interrupt. Errors of MLflow inside the block are not raised: they are the recorder's `trouble`.

    Args:
        uri: the tracking URI.
        parent: id of the flow's run; with an empty text, nothing is written.
        role: what is searched for, as in `Objective.role`; the key of the search's run.
        identity: as in `Objective.identity`.
    """
    recorder = Recorder(SearchRun(uri, parent, role, identity))
    if not parent:
        yield recorder
        return
    open_client(uri)  # imports MLflow here, so that the thread does not import it while this one imports Ray
    recorder.start()
    status: Status = "KILLED"
    try:
        yield recorder
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        recorder.finish(status)


def _drained(queue: SimpleQueue[Trial]) -> list[Trial]:
    found = []
    while True:
        try:
            found.append(queue.get_nowait())
        except Empty:
            return found
