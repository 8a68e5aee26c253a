"""Recorder: a search's trials are in MLflow while it runs, written by a thread of the driver that nobody waits for."""

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
from tasks.tracking.trial_table import record_table
from tasks.tracking.warm_start import search_tags

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

PERIOD = 15.0
"""Seconds between two batches."""
LAST = 30.0
"""Seconds that the end of a search waits for the last batch. What lacks is written at the end of the flow."""


class SearchRun:
    """The run of a search that is under way: found again by (parent, role), and filled in batches."""

    def __init__(self, uri: str, parent: str, role: str, identity: str) -> None:
        self._uri, self._parent, self._role, self._tags = uri, parent, role, search_tags(role, identity)
        self._run: Run | None = None
        """With its numbers until some are written: another process may have written the same. None: it is not open."""
        self._trials: dict[int, Trial] = {}
        self._written: set[int] = set()

    @cached_property
    def _client(self) -> MlflowClient:
        return open_client(self._uri)

    def add(self, trials: Iterable[Trial]) -> None:
        """Writes what is not written yet: the points of new trials, and the table of all. The first call opens the run.

        The first trials must have those among them that ended before this process began.

        Raises:
            ConnectionError: the server does not answer.
            Whatever MLflow raises; the next call makes up for it.
        """
        from mlflow.entities import Run, RunData

        self._trials |= {trial.number: trial for trial in trials}
        if not answers(self._uri):
            raise ConnectionError("the MLflow server does not answer")
        # Until all is written, nothing is taken for written.
        run, self._run = self._run or self._open(), None
        new = [trial for number, trial in self._trials.items() if number not in self._written]
        if new:
            record_table(self._client, run, [self._trials[number] for number in sorted(self._trials)], new)
            # Of what comes now the run holds nothing, and need not be asked.
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
        """Ends the run, if it is open."""
        if self._run is not None:
            close(self._client, self._run, status)


class Recorder:
    """Takes trials that ended, at once, and has its thread write them, at most every 15 seconds."""

    def __init__(self, run: SearchRun) -> None:
        self._run = run
        self._status: Status = "FINISHED"
        self._ended: SimpleQueue[Trial] = SimpleQueue()
        self._is_over, self._is_given_up = threading.Event(), threading.Event()
        # Not waited for when the program ends: a server that is silent would hold it for minutes.
        self._thread = threading.Thread(target=self._work, name="recorder", daemon=True)
        self.trouble = ""
        """Why the latest batch could not be written; empty when it was."""

    def __call__(self, trials: Iterable[Trial]) -> None:
        """Takes trials that ended; one that it has already does no harm."""
        for trial in trials:
            self._ended.put(trial)

    def start(self) -> None:
        """Opens the run, in the thread, and begins to write."""
        self._thread.start()

    def finish(self, status: Status) -> None:
        """Waits until everything is written and the run is closed, but no longer than LAST seconds."""
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
                return  # by now the flow may be writing itself
            try:
                self._run.add(_drained(self._ended))
                if is_last:
                    self._run.close(self._status)
                self.trouble = ""
            except Exception as error:  # the search goes on without; `trouble` says so when it is over
                self.trouble = in_one_line(error)
            self._is_over.wait(PERIOD)


@contextmanager
def recording(uri: str, parent: str, role: str, identity: str) -> Iterator[Recorder]:
    """Has a recorder write, inside the block, the trials of a search under the flow's run `parent`.

    The search's run is RUNNING from the beginning, and ends as the block does: FINISHED, FAILED, or KILLED. Nothing
    that MLflow does or does not do is raised: the recorder has it as `trouble`. Without a parent nothing is written.
    """
    recorder = Recorder(SearchRun(uri, parent, role, identity))
    if not parent:
        yield recorder
        return
    open_client(uri)  # here MLflow is imported, if it was not yet: not in one thread while another imports Ray
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
