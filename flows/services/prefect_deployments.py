"""Deploying: what the Prefect server of `paredown up` is told: its deployments, and the runs that lost their worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from flows.recipe.schema import Recipe
from flows.services import processes
from flows.services.service_catalog import POOL, WORKER, ServiceState, ask, surroundings
from tasks.core import digest_of, write_atomically

PREFECT_FILE = Path("deployments/prefect.yaml")
UNFINISHED = {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}}


def is_deployed(site: ServiceState) -> bool:
    """Whether the server has the working directory's file as it is now.

    Deploying sets every schedule back to what the file says, so a file that has not changed is not deployed again:
    a schedule that somebody switched on stays on.
    """
    known = site.folder / "deployed"
    return known.exists() and known.read_text() == _state()


def _state() -> str:
    return digest_of([PREFECT_FILE.read_text(), os.getcwd(), Recipe.model_json_schema()])


def make_pool(site: ServiceState) -> None:
    """Makes the work pool unless it is there; a worker that made it beside a deployment could lock Prefect's SQLite."""
    ask(f"{site.addresses['PREFECT_API_URL']}/work_pools/", {"name": POOL, "type": "process"})


def deploy(site: ServiceState, home: Path) -> bool:
    """Deploys all that the working directory's file describes; the output is in the log `deployments`."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    with processes.log(site.folder, "deployments").open("wb") as stream:
        answer = subprocess.run(
            command, env=surroundings(WORKER, site, home), stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if answer.returncode == 0:
        write_atomically(site.folder / "deployed", _state().encode())
    return answer.returncode == 0


def settle_runs(site: ServiceState) -> int:
    """Settles the runs whose worker is gone, and returns how many there were: they go on from the store with the next
    worker, or were being cancelled and now are.

    Without this they would stand as running for ever, and the limit of one run for each deployment would cancel all
    that follow.
    """
    api = site.addresses["PREFECT_API_URL"]
    lost = ask(f"{api}/flow_runs/filter", {"flow_runs": UNFINISHED, "work_pools": {"name": {"any_": [POOL]}}})
    runs = json.loads(lost or b"[]")
    for run in runs:
        state = {"type": "CANCELLED"} if run["state_type"] == "CANCELLING" else _again()
        ask(f"{api}/flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    return len(runs)


def _again() -> dict[str, object]:
    now = {"scheduled_time": datetime.now(UTC).isoformat()}
    message = "Its worker ended; it goes on from the store."
    return {"type": "SCHEDULED", "name": "AwaitingRetry", "message": message, "state_details": now}
