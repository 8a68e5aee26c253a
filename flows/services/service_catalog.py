"""Services: the servers of one machine: Prefect, MLflow, Ray, and a worker that runs what is scheduled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from flows.services import processes
from flows.services.processes import LOCALHOST

ADDRESSES = {
    "prefect": ("PREFECT_API_URL", f"http://{LOCALHOST}:{{port}}/api"),
    "mlflow": ("MLFLOW_TRACKING_URI", f"http://{LOCALHOST}:{{port}}"),
    "ray": ("RAY_ADDRESS", f"{LOCALHOST}:{{port}}"),
}
"""Service → the variable that names it, and its address."""
VARIABLES = tuple(variable for variable, _ in ADDRESSES.values())
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's servers and clients take 127.0.0.1 for the machine's outer address unless this is off, as it is by default on
the systems that gave it its name."""
POOL = "local"
"""The work pool of this home's own Prefect server; only the worker below serves it."""


@dataclass
class ServiceState:
    """The services of one home, as one call of `up` finds and leaves them."""

    folder: Path
    """Records and logs."""
    ports: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    """Service → started, started again, running already, or failed."""
    failures: list[str] = field(default_factory=list)

    @property
    def addresses(self) -> dict[str, str]:
        """What a client's environment needs to use the services that are up: variable → value."""
        up = [name for name in ADDRESSES if self.states.get(name, "failed") != "failed"]
        found = {ADDRESSES[name][0]: ADDRESSES[name][1].format(port=self.ports[name]) for name in up}
        return found | (LOOPBACK if "ray" in up else {})


@dataclass(frozen=True)
class Service:
    """How one background program is started, and how one sees that it does its work."""

    name: str
    usual_port: int | None
    command: Callable[[int | None, Path], list[str]]
    """(port, home) → what follows `python -m`."""
    healthy: Callable[[ServiceState, float], bool]
    """(site, when it was started) → whether it answers."""
    environment: dict[str, str] = field(default_factory=dict)
    """What it needs beside what all get."""


def surroundings(service: Service, site: ServiceState, home: Path) -> dict[str, str]:
    """A service's environment: quiet, this home, and for the worker the servers that its flow runs are to use."""
    # The deployments' working directory is taken from PWD, which a shell may not have kept up to date.
    changes = {"PAREDOWN_HOME": str(home), "PWD": os.getcwd()} | service.environment
    if service is WORKER:
        changes |= site.addresses
    if service.name == "prefect":
        url = site.addresses["PREFECT_API_URL"]
        changes |= {"PREFECT_API_URL": url, "PREFECT_UI_API_URL": url}
    # A service has no terminal to keep free, but a log in which one wants to see what it did.
    without = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", *VARIABLES}
    return {name: value for name, value in os.environ.items() if name not in without} | changes


def ask(url: str, body: Any = None) -> bytes:
    """What a server of this machine answers to GET, or to POST with a body; empty while it does not answer."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
            return bytes(reply.read())
    except (URLError, OSError):
        return b""


def _prefect(port: int | None, home: Path) -> list[str]:
    return ["prefect", "server", "start", "--host", LOCALHOST, "--port", str(port)]


def _prefect_answers(site: ServiceState, since: float) -> bool:
    return ask(f"{site.addresses['PREFECT_API_URL']}/health") == b"true"


def _mlflow(port: int | None, home: Path) -> list[str]:
    # Clients write the artifacts themselves, as they do without a server: so a run of either kind can be read, and
    # an experiment be continued, in both ways of working.
    store = ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    store += ["--default-artifact-root", (home / "mlflow").as_uri(), "--no-serve-artifacts"]
    return ["mlflow", "server", "--host", LOCALHOST, "--port", str(port), "--workers", "1", *store]


def _mlflow_answers(site: ServiceState, since: float) -> bool:
    return ask(f"{site.addresses['MLFLOW_TRACKING_URI']}/health") == b"OK"


def _ray(port: int | None, home: Path) -> list[str]:
    options = ["--include-dashboard=false", "--dashboard-agent-listen-port=0", "--disable-usage-stats"]
    options += ["--log-style=record", "--log-color=false"]
    command = ["ray.scripts.scripts", "start", "--head", "--block"]
    return [*command, f"--node-ip-address={LOCALHOST}", f"--port={port}", *options]


def _ray_answers(site: ServiceState, since: float) -> bool:
    if processes.is_free(site.ports["ray"]):
        return False  # asking costs a process
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", site.addresses["RAY_ADDRESS"]]
    try:
        asked = subprocess.run(command, env={**os.environ, **LOOPBACK}, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _worker(port: int | None, home: Path) -> list[str]:
    # One run at a time: a neighbour would disturb the latencies that a run measures.
    options = ["--pool", POOL, "--type", "process", "--name", "paredown", "--limit", "1"]
    return ["prefect", "--no-prompt", "worker", "start", *options]


def _worker_answers(site: ServiceState, since: float) -> bool:
    workers = ask(f"{site.addresses['PREFECT_API_URL']}/work_pools/{POOL}/workers/filter", {})
    seen = [datetime.fromisoformat(each["last_heartbeat_time"]) for each in json.loads(workers or b"[]")]
    return any(moment.timestamp() >= since for moment in seen)


SERVERS = (
    Service("prefect", 4200, _prefect, _prefect_answers),
    Service("mlflow", 5000, _mlflow, _mlflow_answers, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}),
    Service("ray", 6379, _ray, _ray_answers, LOOPBACK),
)
WORKER = Service("worker", None, _worker, _worker_answers)
