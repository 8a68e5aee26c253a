"""The closed loop on real servers: deploy, optimize, a batch that hurts, the automation's retrain, and the way back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from support import servers
from support.churn_table import churn_table

from flows.services.deployment_catalog import EVENT
from flows.services.service_catalog import WORKER, page_of
from tasks import tracking

pytestmark = pytest.mark.e2e

RECIPE = """
name: churn
data: {source: old.csv, target: churned, id: customer}
model: {family: linear, refit: false}
compress: {branches: [{name: clean, steps: [{step: clean}]}]}
goal: {metric: log_loss, max_drop: 0.05, minimize: bytes}
retrain: {holdout: 0.5}
runtime: {processes: 3, engine: onnxruntime}
"""
Run = dict[str, Any]


@dataclass
class Site:
    """Prefect's and MLflow's servers with a worker, and a user's folder whose recipe is deployed there."""

    folder: Path
    prefect: str
    mlflow: str

    @property
    def page(self) -> str:
        return page_of(self.prefect)

    @property
    def variables(self) -> dict[str, str]:
        return {"PREFECT_API_URL": self.prefect, "MLFLOW_TRACKING_URI": self.mlflow}

    def ask(self, path: str, body: Any = None) -> Any:
        """Prefect's answer to GET, or to POST."""
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.prefect + path, data, {"Content-Type": "application/json"}), timeout=60) as reply:
            return json.loads(reply.read() or b"null")

    def start(self, flow: str, **parameters: Any) -> Run:
        """A new run of a deployment, as Prefect's interface and its command line make it."""
        number = self.ask(f"/deployments/name/{flow}/churn")["id"]
        run: Run = self.ask(f"/deployments/{number}/create_flow_run", {"parameters": parameters})
        return run

    def until(self, run: Run, *states: str) -> Run:
        """Waits until a run has one of these states."""
        end = time.monotonic() + 300
        while (now := self.ask(f"/flow_runs/{run['id']}"))["state_type"] not in states:
            assert time.monotonic() < end, f"{run['name']}: {now['state']}"
            assert now["state_type"] not in ("FAILED", "CRASHED"), now["state"]["message"]
            time.sleep(0.3)
        found: Run = now
        return found

    def completed(self, run: Run) -> str:
        """Waits until a run is completed; returns the artifact on its page."""
        self.until(run, "COMPLETED")
        wanted = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}, "type": {"any_": ["markdown"]}}}
        [artifact] = self.ask("/artifacts/filter", wanted)
        return str(artifact["data"])

    def aliases(self) -> dict[str, int]:
        found = tracking.open_client(self.mlflow).get_registered_model("churn").aliases
        return {alias: int(number) for alias, number in found.items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("loop")
    churn_table(300, 0).to_csv(folder / "old.csv", index=False)
    turned = churn_table(2000, 1)  # those leave now who stayed before
    turned["churned"] = np.where(turned["churned"] == "yes", "no", "yes")
    turned[:1200].to_csv(folder / "new.csv", index=False)
    turned[1200:].to_csv(folder / "batch.csv", index=False)
    (folder / "churn.yaml").write_text(RECIPE)
    prefect, mlflow = servers.prefect_server(folder), servers.mlflow_server(folder)
    try:
        with ThreadPoolExecutor() as both:
            list(both.map(servers.Server.start, (prefect, mlflow)))
        found = Site(folder, prefect.health.removesuffix("/health"), mlflow.health.removesuffix("/health"))
        deployed = paredown(found, "deploy", "churn.yaml", "--new-data", "new.csv")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert "no worker runs them yet" in deployed.stdout
        with worker(found):
            yield found
    finally:
        prefect.kill()
        mlflow.kill()


@contextmanager
def worker(site: Site) -> Iterator[None]:
    """A worker of two runs at a time, which knows nothing of the user's folder."""
    command = ["prefect", "--no-prompt", "worker", "start", "--pool", "local", "--type", "process", "--limit", "2"]
    settings = {"PREFECT_HOME": str(site.folder / "worker"), "PREFECT_API_URL": site.prefect, **WORKER.environment}
    with (site.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd="/",
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def paredown(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in the user's folder. -P: as the script does, it does not look for modules there first."""
    environment = {**os.environ, **site.variables, "PAREDOWN_HOME": str(site.folder / "home"), "COLUMNS": "200"}
    environment.pop("PREFECT_HOME", None)
    command = [sys.executable, "-P", "-m", "flows.cli", *words]
    return subprocess.run(command, cwd=site.folder, env=environment, capture_output=True, text=True, check=False)


def until(answer: Callable[[], Any], seconds: float = 300) -> Any:
    end = time.monotonic() + seconds
    while not (found := answer()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.2)
    return found


def test_the_loop_closes(site: Site) -> None:
    told = site.completed(site.start("optimize"))
    assert f"<{site.mlflow}/#/models/churn/versions/1>" in told
    assert "/artifacts/report.html>" in told
    assert site.aliases() == {"champion": 1}
    assert not (site.folder / "etc").exists(), "nothing of the worker's own directory, /, is copied"

    looked = site.start("monitor", data="batch.csv")
    retrain = until(lambda: automated(site))
    running = site.until(retrain, "RUNNING")
    [event] = site.ask("/events/filter", {"filter": {"event": {"name": [EVENT]}}})["events"]
    seconds = (moment(running["start_time"]) - moment(event["occurred"])).total_seconds()
    print(f"from event to running retrain: {seconds:.1f} s")
    assert 0 < seconds < 90

    second = site.start("retrain")
    beside = paredown(site, "retrain", "churn", "--data", "new.csv")
    assert (beside.returncode, "is being retrained by process" in beside.stderr) == (2, True), beside.stderr
    assert "Deployment concurrency limit" in site.until(second, "CANCELLED")["state"]["message"]
    assert f"the automation started retrain: {site.page}/runs/flow-run/{retrain['id']}" in site.completed(looked)

    assert "promoted: proven better" in site.completed(retrain)
    assert site.aliases() == {"champion": 2, "previous": 1}
    assert "version 1 is champion again" in site.completed(site.start("rollback", reason="it hurts"))
    assert site.aliases()["champion"] == 1
    assert "version 2 is champion" in site.completed(site.start("promote", version=2))
    assert site.aliases() == {"champion": 2, "previous": 1}


def automated(site: Site) -> Run | None:
    """The run that an automation made."""
    runs = site.ask("/flow_runs/filter", {"sort": "START_TIME_DESC"})
    return next((run for run in runs if (run["created_by"] or {}).get("type") == "AUTOMATION"), None)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
