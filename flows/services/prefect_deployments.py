"""Prefect deployments: deploy to the server of `paredown up`, and reschedule runs whose worker has ended."""

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
"""Prefect's filter for runs that a worker has taken and not ended."""


def is_deployed(site: ServiceState) -> bool:
    """Whether the server has the working directory's `deployments/prefect.yaml` in its present state.

    Deploying resets every schedule to the file's setting. So an unchanged file is not deployed again, and a schedule
    that somebody switched on stays on.
    """
    known = site.folder / "deployed"
    return known.exists() and known.read_text() == _state()


def _state() -> str:
    return digest_of([PREFECT_FILE.read_text(), os.getcwd(), Recipe.model_json_schema()])


def make_pool(site: ServiceState) -> None:
    """Creates the work pool, unless it exists.

    Otherwise the worker would create it while a deployment runs, which could lock Prefect's SQLite database.
    """
    ask(f"{site.addresses['PREFECT_API_URL']}/work_pools/", {"name": POOL, "type": "process"})


def deploy(site: ServiceState, home: Path) -> bool:
    """Deploys everything in `deployments/prefect.yaml`, with output to `deployments.log`; returns whether it worked."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    with processes.log(site.folder, "deployments").open("wb") as stream:
        answer = subprocess.run(
            command, env=surroundings(WORKER, site, home), stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    if answer.returncode == 0:
        write_atomically(site.folder / "deployed", _state().encode())
    return answer.returncode == 0


def settle_runs(site: ServiceState) -> int:
    """Gives the unfinished runs of a worker that is gone a new state; returns how many there were.

    Runs that were being cancelled become cancelled. The others are scheduled again: the next worker runs them, and
    finished steps come from the store. Without this they would count as running forever, and the limit of one run for
    each deployment would cancel every later run.
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
