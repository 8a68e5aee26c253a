"""Service catalog: the services of one machine: Prefect, MLflow, Ray, and a worker that runs scheduled flows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from flows.services import processes
from flows.services.processes import LOCALHOST
from flows.services.safety.passwords import AUTH_CONFIG, Credentials

ADDRESSES = {
    "prefect": ("PREFECT_API_URL", "http://{host}:{port}/api"),
    "mlflow": ("MLFLOW_TRACKING_URI", "http://{host}:{port}"),
    "ray": ("RAY_ADDRESS", "{host}:{port}"),
}
"""Server → the environment variable that clients read, and its address with `{host}` and `{port}` to be filled in."""
VARIABLES = tuple(variable for variable, _ in ADDRESSES.values())
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Environment of Ray's servers and clients. Unless this variable is off, they replace 127.0.0.1 by the machine's outer
address; on Windows and macOS it is off by default."""
DATABASE = "MLFLOW_BACKEND_STORE_URI"
"""The environment variable with the URL of a database, as PostgreSQL is one, for MLflow's server."""
POOL = "local"
"""The work pool of this home folder's Prefect server; only `WORKER` serves it."""


def page_of(api: str) -> str:
    """The address of Prefect's pages, which a browser opens, of the address of its API."""
    return api.rstrip("/").removesuffix("/api")


@dataclass
class ServiceState:
    """The services of one home folder, as one call of `up` finds and leaves them."""

    folder: Path
    """The folder with their records and logs."""
    ports: dict[str, int] = field(default_factory=dict)
    """Server → port."""
    states: dict[str, str] = field(default_factory=dict)
    """Service → `started`, `started again`, `running already` or `failed`; `deployments` has its own words."""
    failures: list[str] = field(default_factory=list)
    """One text for each failure, with the end of the log."""
    host: str = LOCALHOST
    """The address of this machine at which the servers listen."""
    credentials: Credentials | None = None
    """What the servers ask for; None for nothing."""

    @property
    def addresses(self) -> dict[str, str]:
        """The environment with which clients use the servers that are up: variable → value."""
        up = [name for name in ADDRESSES if self.states.get(name, "failed") != "failed"]
        found = {ADDRESSES[name][0]: ADDRESSES[name][1].format(host=self.host, port=self.ports[name]) for name in up}
        return found | (LOOPBACK if "ray" in up and self.host == LOCALHOST else {})

    @property
    def pages(self) -> dict[str, str]:
        """Server that is up → the address of its pages in a browser; Ray's are not served."""
        found = self.addresses
        pages = {"prefect": page_of(found.get("PREFECT_API_URL", "")), "mlflow": found.get("MLFLOW_TRACKING_URI", "")}
        return {name: page for name, page in pages.items() if page}


@dataclass(frozen=True)
class Service:
    """How a background program is started, and how its health is checked."""

    name: str
    usual_port: int | None
    """The port that it gets if it is free; None when it does not listen."""
    command: Callable[[int | None, Path, str], list[str]]
    """(port, home folder, address of this machine) → the arguments after `python -m`."""
    healthy: Callable[[ServiceState, float], bool]
    """(services, time of its start as `time.time`) → whether it answers."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables for this service alone."""


def surroundings(service: Service, site: ServiceState, home: Path) -> dict[str, str]:
    """The whole environment of a service: this process's, with the home folder and the service's own variables.

    The worker and the watch also get the addresses of the servers; the Prefect server gets its own.
    """
    # Deployments take their working directory from PWD, which may be out of date in this process.
    changes = {"PAREDOWN_HOME": str(home), "PWD": os.getcwd()} | service.environment
    if service in (WORKER, WATCH):
        changes |= site.addresses
    if site.credentials and service in SERVERS:
        changes |= site.credentials.for_servers(site.folder / AUTH_CONFIG)
    if service.name == "ray" and site.host == LOCALHOST:
        changes |= LOOPBACK
    if service.name == "prefect":
        url = site.addresses["PREFECT_API_URL"]
        changes |= {"PREFECT_API_URL": url, "PREFECT_UI_API_URL": url}
    # A service writes to a log, not to a terminal: there Prefect's messages are wanted.
    without = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", *VARIABLES}
    return {name: value for name, value in os.environ.items() if name not in without} | changes


def ask(url: str, body: Any = None) -> bytes:
    """The body that a server of this machine answers to GET or, with `body`, to POST.

    Empty when it answers with an error status, or not at all within 10 seconds. Proxies are not used. Where the
    environment has PREFECT_API_AUTH_STRING, it is sent as the password.

    Args:
        body: sent as JSON.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if named := os.environ.get("PREFECT_API_AUTH_STRING"):
        headers["Authorization"] = f"Basic {b64encode(named.encode()).decode()}"
    request = Request(url, data, headers)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as reply:
            return bytes(reply.read())
    except (URLError, OSError):
        return b""


def _prefect(port: int | None, home: Path, host: str) -> list[str]:
    return ["prefect", "server", "start", "--host", host, "--port", str(port)]


def _prefect_answers(site: ServiceState, since: float) -> bool:
    return ask(f"{site.addresses['PREFECT_API_URL']}/health") == b"true"


def _mlflow(port: int | None, home: Path, host: str) -> list[str]:
    # Clients write artifacts to disk themselves, as they do without a server. So runs can be read, and experiments
    # continued, both with and without the server.
    # A database of one's own is named by MLflow's variable, and its password never on a command line.
    store = [] if os.environ.get(DATABASE) else ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    store += ["--default-artifact-root", (home / "mlflow").as_uri(), "--no-serve-artifacts"]
    if host != LOCALHOST:
        name = {host, socket.gethostname(), socket.getfqdn()}
        store += ["--app-name", "basic-auth", "--allowed-hosts", ",".join(f"{each}:{port}" for each in sorted(name))]
    return ["mlflow", "server", "--host", host, "--port", str(port), "--workers", "1", *store]


def _mlflow_answers(site: ServiceState, since: float) -> bool:
    return ask(f"{site.addresses['MLFLOW_TRACKING_URI']}/health") == b"OK"


def _ray(port: int | None, home: Path, host: str) -> list[str]:
    options = ["--include-dashboard=false", "--dashboard-agent-listen-port=0", "--disable-usage-stats"]
    options += ["--log-style=record", "--log-color=false"]
    command = ["ray.scripts.scripts", "start", "--head", "--block"]
    return [*command, f"--node-ip-address={host}", f"--port={port}", *options]


def _ray_answers(site: ServiceState, since: float) -> bool:
    if processes.is_free(site.ports["ray"], site.host):
        return False  # saves the process that the health check takes
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", site.addresses["RAY_ADDRESS"]]
    try:
        asked = subprocess.run(command, env={**os.environ, **site.addresses}, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _worker(port: int | None, home: Path, host: str) -> list[str]:
    # One run at a time: a second one would disturb the latencies that the first measures.
    options = ["--pool", POOL, "--type", "process", "--name", "paredown", "--limit", "1"]
    return ["prefect", "--no-prompt", "worker", "start", *options]


def _worker_answers(site: ServiceState, since: float) -> bool:
    workers = ask(f"{site.addresses['PREFECT_API_URL']}/work_pools/{POOL}/workers/filter", {})
    seen = [datetime.fromisoformat(each["last_heartbeat_time"]) for each in json.loads(workers or b"[]")]
    return any(moment.timestamp() >= since for moment in seen)


SERVERS = (
    Service("prefect", 4200, _prefect, _prefect_answers),
    Service("mlflow", 5000, _mlflow, _mlflow_answers, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}),
    Service("ray", 6379, _ray, _ray_answers),
)
WORKER = Service("worker", None, _worker, _worker_answers, {"PREFECT_WORKER_QUERY_SECONDS": "3"})
WATCH = Service("watch", None, lambda port, home, host: ["flows.services.safety.crash_watch"], lambda site, since: True)
