"""Processes that are killed: their runs are shown as crashed, the next one starts, and databases are shared."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.servers import TINY, paredown

from flows.services import processes
from flows.services.service_catalog import ask

pytestmark = pytest.mark.e2e

SLOW = ["data.source=sklearn:digits", "train.epochs=9000", "train.early_stopping=null"]
"""Makes a run of TINY one of many minutes."""
SHOWN = 120.0
"""Seconds within which a killed run is shown as crashed."""


@dataclass
class Site:
    folder: Path
    addresses: dict[str, str]

    def ask(self, path: str, body: Any = None) -> Any:
        return json.loads(ask(f"{self.addresses['PREFECT_API_URL']}/{path}", body) or b"null")

    def create(self, *overrides: str) -> str:
        """A run of the deployment of TINY, which the worker takes; returns its id. A busy server is asked again."""
        [deployment] = self.ask("deployments/filter", {"flows": {"name": {"any_": ["optimize"]}}})
        parameters = deployment["parameters"] | {"overrides": list(overrides)}
        given = {"parameters": parameters, "idempotency_key": uuid4().hex}  # so that it makes one run
        made: list[Any] = []

        def create() -> bool:
            answer = self.ask(f"deployments/{deployment['id']}/create_flow_run", given)
            made.extend([answer] if answer else [])
            return bool(answer)

        assert until(create, SHOWN)
        return str(made[0]["id"])

    def state(self, run: str) -> str:
        return str((self.ask(f"flow_runs/{run}") or {}).get("state_name"))

    def reaches(self, run: str, state: str, seconds: float = 400) -> bool:
        return until(lambda: self.state(run) == state, seconds)

    def logs(self) -> str:
        files = [*self.folder.glob("*.txt"), *(self.folder / "home" / "services").glob("*.log")]
        return "".join(file.read_text(errors="replace") for file in files if file.name != "prefect.log")


def until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A `paredown up` that has deployed TINY."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "conf").mkdir()
    (folder / "conf" / "tiny.yaml").write_text(TINY)
    up = paredown(folder, "up", "--no-ray", log="up")
    try:
        assert up.ends() == 0, up.text()
        found = re.search(r"^export (.+)$", up.text(), re.MULTILINE)
        assert found, up.text()
        yield Site(folder, dict(pair.split("=", 1) for pair in found[1].split()))
    finally:
        assert paredown(folder, "down", log="down").ends() == 0


def test_two_runs_a_worker_and_open_pages_share_the_databases(site: Site) -> None:
    stop = threading.Event()

    def look() -> None:
        """As open pages do."""
        while not stop.is_set():
            for path in ("flow_runs/filter", "task_runs/filter", "artifacts/filter", "flow_runs/count"):
                site.ask(path, {})
            ask(f"{site.addresses['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/runs/search", {"experiment_ids": ["1", "2"]})
            stop.wait(0.5)

    page = threading.Thread(target=look)
    page.start()
    try:
        run = site.create()
        given = ("optimize", "conf/tiny.yaml")
        # One knows the servers, the other uses MLflow's database by itself.
        here = [
            paredown(site.folder, *given, "name=left", log="left", **site.addresses),
            paredown(site.folder, *given, "name=right", log="right"),
        ]
        assert [command.ends() for command in here] == [0, 0], site.logs()
        assert site.reaches(run, "Completed"), site.state(run)
    finally:
        stop.set()
        page.join()
    assert "database is locked" not in site.logs()


def test_a_killed_run_is_shown_and_the_next_one_starts(site: Site) -> None:
    lost = site.create(*SLOW)
    assert site.reaches(lost, "Running")
    own = paredown(site.folder, "optimize", "conf/tiny.yaml", *SLOW, "name=own", log="own", **site.addresses)
    own.until("preprocess")
    own.kill()
    runs = [each for each in processes.members(site.folder / "home" / "services", "worker") if is_run(each.cmdline())]
    assert runs
    for process in runs:
        process.kill()
    began = time.monotonic()
    [mine] = site.ask("flow_runs/filter", {"flow_runs": {"name": {"any_": ["own"]}}})
    assert site.reaches(mine["id"], "Crashed", SHOWN)
    assert site.reaches(lost, "Crashed", SHOWN - (time.monotonic() - began))
    assert site.reaches(site.create("train.epochs=21"), "Completed")


def is_run(command: list[str]) -> bool:
    return any("prefect.flow_engine" in part or "prefect.engine" in part for part in command)


def test_a_run_that_is_killed_with_its_worker_is_shown_and_the_next_one_starts(site: Site) -> None:
    lost = site.create(*SLOW)
    assert site.reaches(lost, "Running")
    time.sleep(10)  # it imports, and begins
    for process in processes.members(site.folder / "home" / "services", "worker"):
        process.kill()
    assert site.reaches(lost, "Crashed", SHOWN)
    assert paredown(site.folder, "up", "--no-ray", log="again").ends() == 0
    assert site.reaches(site.create("train.epochs=22"), "Completed")


def test_without_servers_a_killed_run_is_shown_when_the_next_begins(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    lost = paredown(tmp_path, "optimize", "tiny.yaml", *SLOW, "name=lost")
    lost.until("preprocess")
    lost.kill()
    after = paredown(tmp_path, "optimize", "tiny.yaml", "name=after", log="after")
    assert after.ends() == 0, after.text()
    with sqlite3.connect(tmp_path / "home" / "prefect" / "prefect.db") as database:
        states = dict(database.execute("select name, state_name from flow_run"))
    assert states == {"lost": "Crashed", "after": "Completed"}
