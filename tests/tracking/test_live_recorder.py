"""The live recorder: what MLflow holds of a search while it runs, after it was killed, and when MLflow is not there."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.searches import Counting, history, many, runs_under, trial

from tasks import tracking
from tasks.search.results import Trial
from tasks.tracking import TABLE
from tasks.tracking.searches import live_recorder
from tasks.tracking.searches.live_recorder import Recorder, SearchRun, recording
from tasks.tracking.searches.trial_table import from_table

if TYPE_CHECKING:
    from mlflow.entities import Run

NAMES = ("trial.score", "trial.seconds", "trial.epochs", "measured.bytes", "point.rate")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches follow each other at once."""
    monkeypatch.setattr(live_recorder, "PERIOD", 0.02)


def search_of(uri: str, parent: str) -> Run | None:
    return runs_under(uri, parent).get("search")


def table(uri: str, run: str, folder: Path) -> tuple[Trial, ...]:
    return from_table(Path(tracking.open_client(uri).download_artifacts(run, TABLE, str(folder))).read_text())


def wait_for(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- while it runs --------------------------------------------------------------------------------------------


def test_a_search_is_seen_while_it_runs(uri: str, parent: str, tmp_path: Path) -> None:
    trials = [trial(0, 0.5), trial(1, None, "failed"), trial(2, 0.7)]
    with recording(uri, parent, "search", "digits") as recorder:
        wait_for(lambda: search_of(uri, parent))
        recorder(trials[:2])
        wait_for(lambda: search_of(uri, parent).data.metrics.get("trial.epochs") == 0)  # type: ignore[union-attr]
        run = runs_under(uri, parent)["search"]
        assert run.info.status == "RUNNING"
        assert (run.data.tags["paredown.role"], run.data.tags[tracking.IDENTITY]) == ("search", "digits")
        assert json.loads(run.data.tags["paredown.best"]) == trials[0].point
        assert history(uri, run.info.run_id, "trial.score") == [(0, 0.5)]
        assert table(uri, run.info.run_id, tmp_path) == tuple(trials[:2])
        recorder(trials[2:])
    run = runs_under(uri, parent)["search"]
    assert (run.info.status, recorder.trouble) == ("FINISHED", "")
    assert json.loads(run.data.tags["paredown.best"]) == trials[2].point
    assert table(uri, run.info.run_id, tmp_path) == tuple(trials)
    assert run.data.params == {}, "MLflow would never change them"
    assert runs_under(uri, run.info.run_id) == {}, "which trials are worth a run is known when all are over"


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_search_that_breaks_leaves_what_it_had(
    uri: str, parent: str, tmp_path: Path, error: type[BaseException], status: str
) -> None:
    def search() -> None:
        with recording(uri, parent, "search", "") as recorder:
            recorder([trial(0)])
            raise error

    with pytest.raises(error):
        search()
    run = runs_under(uri, parent)["search"]
    assert run.info.status == status
    assert table(uri, run.info.run_id, tmp_path) == (trial(0),)
    with recording(uri, parent, "search", ""):
        wait_for(lambda: search_of(uri, parent).info.status == "RUNNING")  # type: ignore[union-attr]
    assert runs_under(uri, parent)["search"].info.status == "FINISHED"


def test_a_thousand_trials_in_batches_are_written_once_and_never_read(
    uri: str, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting, trials = Counting(uri), many(1000)
    monkeypatch.setattr(live_recorder, "open_client", lambda _: counting)
    run = SearchRun(uri, parent, "search", "")
    for at in range(0, 1000, 50):
        run.add(trials[at : at + 50])
    run.add(trials)
    run.close("FINISHED")
    # To open: parent and search looked up, made, tagged, read. Each of 20 batches: the table and 250 points.
    assert counting.calls == {
        "get_run": 2, "search_runs": 1, "create_run": 1, "log_batch": 21, "log_artifacts": 20, "set_terminated": 1
    }  # fmt: skip
    found = runs_under(uri, parent)["search"].info.run_id
    assert {name: len(history(uri, found, name)) for name in NAMES} == dict.fromkeys(NAMES, 1000)


def test_without_a_flow_s_run_nothing_is_written(tmp_path: Path) -> None:
    with recording(f"sqlite:///{tmp_path}/mlflow.db", "", "search", "") as recorder:
        recorder([trial(0)])
    assert list(tmp_path.iterdir()) == []


# --- killed ---------------------------------------------------------------------------------------------------


def test_a_search_that_was_killed_goes_on_in_its_own_run(uri: str, parent: str, tmp_path: Path) -> None:
    trials = many(60)
    SearchRun(uri, parent, "search", "").add(trials[:30])  # and then the process is gone
    killed = runs_under(uri, parent)["search"]
    assert killed.info.status == "RUNNING"
    again = SearchRun(uri, parent, "search", "")
    again.add(())
    again.add(trials[:40])
    again.add(trials[40:50])
    again.add(trials[50:])
    again.close("FINISHED")
    run = runs_under(uri, parent)["search"].info.run_id
    assert run == killed.info.run_id
    assert {name: len(history(uri, run, name)) for name in NAMES} == dict.fromkeys(NAMES, 60)
    assert table(uri, run, tmp_path) == tuple(trials)


def test_what_was_written_while_it_ran_is_not_written_again_at_the_end(uri: str, parent: str, tmp_path: Path) -> None:
    trials = many(30)
    with recording(uri, parent, "search", "digits") as recorder:
        recorder(trials)
    during = runs_under(uri, parent)["search"]
    run = tracking.record_child(uri, parent, "search", "search", tracking.RunContent(parameters={"rate": 1}))
    tracking.record_trials(uri, run, trials)
    assert run == during.info.run_id
    after = runs_under(uri, parent)["search"]
    assert after.info.end_time == during.info.end_time, "the search ended when it ended"
    assert after.data.params == {"rate": "1"}
    assert {name: len(history(uri, run, name)) for name in NAMES} == dict.fromkeys(NAMES, 30)
    assert len(runs_under(uri, run)) == tracking.RUNS


# --- MLflow fails ---------------------------------------------------------------------------------------------


FAILURES = [("search_runs", 1), ("create_run", 1), ("log_batch", 1), ("log_artifacts", 1), ("log_batch", 3)]


@pytest.mark.parametrize("fails", FAILURES)
def test_a_batch_that_failed_is_made_up_for_by_the_next(
    uri: str, parent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: tuple[str, int]
) -> None:
    counting, trials = Counting(uri, fails, OSError), many(200)  # 1,000 points: two calls
    monkeypatch.setattr(live_recorder, "open_client", lambda _: counting)
    run = SearchRun(uri, parent, "search", "")
    with pytest.raises(OSError):  # noqa: PT011 it has no words
        run.add(trials)
    run.add(())
    found = runs_under(uri, parent)["search"].info.run_id
    assert {name: len(history(uri, found, name)) for name in NAMES} == dict.fromkeys(NAMES, 200)
    assert table(uri, found, tmp_path) == tuple(trials)


def test_trouble_that_passed_is_no_trouble(uri: str, parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(uri, ("log_artifacts", 1), OSError)
    monkeypatch.setattr(live_recorder, "open_client", lambda _: counting)
    with recording(uri, parent, "search", "") as recorder:
        recorder([trial(0)])
        wait_for(lambda: counting.calls["log_artifacts"] == 2)
    assert recorder.trouble == ""
    assert history(uri, runs_under(uri, parent)["search"].info.run_id, "trial.score") == [(0, 0.5)]


def test_a_search_needs_no_server_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.tracking.client.PATIENCE", 0.3)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        recording(f"http://127.0.0.1:{silent.getsockname()[1]}", "parent", "search", "") as recorder,
    ):
        recorder([trial(0)])
    assert recorder.trouble == "ConnectionError: the MLflow server does not answer"


class Stuck(SearchRun):
    """A run that a server holds until it is released."""

    def __init__(self) -> None:
        super().__init__("sqlite:///none", "parent", "search", "")
        self.released, self.batches, self.closed = threading.Event(), 0, False

    def add(self, trials: Iterable[Trial]) -> None:
        self.batches += 1
        self.released.wait()

    def close(self, status: tracking.Status) -> None:
        self.closed = True


def test_a_server_that_holds_a_batch_does_not_hold_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_recorder, "LAST", 0.1)
    run = Stuck()
    recorder = Recorder(run)
    recorder.start()
    wait_for(lambda: run.batches)
    recorder([trial(0)])
    recorder.finish("FINISHED")
    assert recorder.trouble == "it takes longer than 0.1 seconds"
    run.released.set()
    recorder._thread.join()
    assert (run.batches, run.closed) == (1, False), "what lacks is the flow's to write"
