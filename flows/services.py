"""Services: the servers of one machine: Prefect, MLflow, Ray, and a worker that runs what is scheduled."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from flows import environment, processes
from flows.processes import LOCALHOST
from tasks.artifacts import Workspace, digest_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

ADDRESSES = {
    "prefect": ("PREFECT_API_URL", f"http://{LOCALHOST}:{{port}}/api"),
    "mlflow": ("MLFLOW_TRACKING_URI", f"http://{LOCALHOST}:{{port}}"),
    "ray": ("RAY_ADDRESS", f"{LOCALHOST}:{{port}}"),
}
"""Service → the variable that names it, and its address."""
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Ray's servers and clients take 127.0.0.1 for the machine's outer address unless this is off, as it is by default on
the systems that gave it its name."""
VARIABLES = tuple(variable for variable, _ in ADDRESSES.values())
PATIENCE = 300.0
"""Seconds that a service has to become healthy: a first start migrates a database, on a machine that may be busy."""
PREFECT_FILE = Path("deployments/prefect.yaml")
POOL = "local"


@dataclass(frozen=True)
class Service:
    """How one background program is started, and how one sees that it does its work."""

    name: str
    usual_port: int | None
    command: Callable[[int | None, Path], list[str]]
    """(port, home) → what follows `python -m`."""
    healthy: Callable[[Site, float], bool]
    """(site, when it was started) → whether it answers."""
    environment: dict[str, str] = field(default_factory=dict)
    """What it needs beside what all get."""


@dataclass
class Site:
    """The services of one home, as one call of `up` finds and leaves them."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    """Service → started, running already, or failed."""
    failures: list[str] = field(default_factory=list)

    @property
    def addresses(self) -> dict[str, str]:
        """What a client's environment needs to use the services that are up: variable → address."""
        up = [name for name in ADDRESSES if self.states.get(name, "failed") != "failed"]
        found = {ADDRESSES[name][0]: ADDRESSES[name][1].format(port=self.ports[name]) for name in up}
        return found | (LOOPBACK if "ray" in up else {})


def _prefect(port: int | None, home: Path) -> list[str]:
    return ["prefect", "server", "start", "--host", LOCALHOST, "--port", str(port)]


def _mlflow(port: int | None, home: Path) -> list[str]:
    # Clients write the artifacts themselves, as without a server: a run is whole in both ways of working.
    store = ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    store += ["--default-artifact-root", (home / "mlflow").as_uri(), "--no-serve-artifacts"]
    return ["mlflow", "server", "--host", LOCALHOST, "--port", str(port), "--workers", "1", *store]


def _ray(port: int | None, home: Path) -> list[str]:
    options = ["--include-dashboard=false", "--dashboard-agent-listen-port=0", "--disable-usage-stats"]
    options += ["--log-style=record", "--log-color=false"]
    command = ["ray.scripts.scripts", "start", "--head", "--block"]
    return [*command, f"--node-ip-address={LOCALHOST}", f"--port={port}", *options]


def _worker(port: int | None, home: Path) -> list[str]:
    # One run at a time: a neighbour would disturb the latencies that a run measures.
    options = ["--pool", POOL, "--type", "process", "--name", "paredown", "--limit", "1"]
    return ["prefect", "--no-prompt", "worker", "start", *options]


def _prefect_answers(site: Site, since: float) -> bool:
    return _ask(f"{site.addresses['PREFECT_API_URL']}/health") == b"true"


def _mlflow_answers(site: Site, since: float) -> bool:
    return _ask(f"{site.addresses['MLFLOW_TRACKING_URI']}/health") == b"OK"


def _ray_answers(site: Site, since: float) -> bool:
    if processes.is_free(site.ports["ray"]):
        return False  # asking costs a process
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", site.addresses["RAY_ADDRESS"]]
    try:
        asked = subprocess.run(command, env={**os.environ, **LOOPBACK}, capture_output=True, timeout=60)
        return asked.returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _worker_answers(site: Site, since: float) -> bool:
    workers = _ask(f"{site.addresses['PREFECT_API_URL']}/work_pools/{POOL}/workers/filter", {})
    seen = [datetime.fromisoformat(each["last_heartbeat_time"]) for each in json.loads(workers or b"[]")]
    return any(moment.timestamp() >= since for moment in seen)


SERVERS = (
    Service("prefect", 4200, _prefect, _prefect_answers),
    Service("mlflow", 5000, _mlflow, _mlflow_answers, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}),
    Service("ray", 6379, _ray, _ray_answers, LOOPBACK),
)
WORKER = Service("worker", None, _worker, _worker_answers)


def _ask(url: str, body: Any = None) -> bytes:
    """What a server of this machine answers; nothing while it does not."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=5) as reply:
            return bytes(reply.read())
    except (URLError, OSError):
        return b""


# --- up -----------------------------------------------------------------------------------------------------


def up(console: Console, with_ray: bool = True) -> Site:
    """Starts what does not run yet, waits until all is healthy, deploys, and says where everything is.

    The servers outlive the call and listen on 127.0.0.1 only. What fails is said with the end of its log; the
    others go on.
    """
    workspace = _prepare()
    servers = [service for service in SERVERS if with_ray or service.name != "ray"]
    with _alone(workspace.home) as folder, _progress(console) as progress:
        site = Site(folder)
        _assign_ports(site)
        _make_database(workspace, progress)
        _bring_up(servers, site, workspace, progress)
        if "PREFECT_API_URL" in site.addresses:
            _bring_up([WORKER], site, workspace, progress)
            _deploy(site, workspace, progress)
    return site


def _prepare() -> Workspace:
    """The environment of an embedded run: the addresses of an earlier `up` may be in the shell still."""
    for variable in VARIABLES:
        os.environ.pop(variable, None)
    return environment.prepare()


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """One `up` or `down` at a time; the folder of the services."""
    folder = home / "services"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        yield progress


def _assign_ports(site: Site) -> None:
    """A service that runs keeps its port, one that ran gets its old one, and a new one its usual, as far as free."""
    found = {service.name: processes.find(site.folder, service.name) for service in SERVERS}
    for service in SERVERS:
        record = found[service.name]
        old = record.port if record else None
        if record and old and processes.alive(site.folder, record):
            site.ports[service.name], site.states[service.name] = old, "running already"
        else:
            taken = set(site.ports.values()) | {each.port for each in found.values() if each and each.port}
            taken -= {old} if old else set()
            site.ports[service.name] = processes.free_port(old, service.usual_port, taken=taken)


def _make_database(workspace: Workspace, progress: Progress) -> None:
    """MLflow's server and its clients must not make the database at once: its migrations bear no company."""
    if (workspace.home / "mlflow.db").exists():
        return
    from tasks import tracking

    shown = progress.add_task("making MLflow's database", total=None)
    tracking.connect(workspace.tracking_uri)
    progress.remove_task(shown)


def _bring_up(services: list[Service], site: Site, workspace: Workspace, progress: Progress) -> None:
    """Starts those that do not run, all at once, and waits for each."""
    since = {service.name: _ensure(service, site, workspace) for service in services}
    shown = {service.name: progress.add_task(f"starting {service.name}", total=1) for service in services}
    waiting = list(services)
    deadline = time.monotonic() + PATIENCE
    while waiting:
        for service in tuple(waiting):
            record = processes.find(site.folder, service.name)
            lives = record is not None and processes.alive(site.folder, record)
            if lives and service.healthy(site, since[service.name]):
                progress.update(shown[service.name], completed=1, description=f"{service.name} is healthy")
            elif not lives or time.monotonic() > deadline:
                _give_up(service, site, "ended" if not lives else f"was not healthy within {PATIENCE:.0f} s")
                progress.update(shown[service.name], completed=1, description=f"[red]{service.name} failed")
            else:
                continue
            waiting.remove(service)
        time.sleep(0.3 if waiting else 0)


def _ensure(service: Service, site: Site, workspace: Workspace) -> float:
    """Starts a service unless it runs and was told of the same servers; since when it must have answered."""
    record = processes.find(site.folder, service.name)
    lives = record is not None and processes.alive(site.folder, record)
    told = site.addresses if service is WORKER else {}
    if record and lives and record.addresses == told:
        site.states[service.name] = "running already"
        return 0.0
    if record:
        processes.stop(site.folder, service.name)
    site.states[service.name] = "started again" if record else "started"
    now = time.time()
    port = site.ports.get(service.name)
    command = [sys.executable, "-m", *service.command(port, workspace.home)]
    processes.start(site.folder, service.name, command, _surroundings(service, site, workspace), port, told)
    return now


def _surroundings(service: Service, site: Site, workspace: Workspace) -> dict[str, str]:
    """A service's environment: quiet, this home, and the servers that flow runs are to use."""
    changes = {"PAREDOWN_HOME": str(workspace.home), "PWD": os.getcwd()} | service.environment
    if service is WORKER:
        changes |= site.addresses
    if service.name == "prefect":
        changes |= {"PREFECT_API_URL": site.addresses["PREFECT_API_URL"]}
        changes |= {"PREFECT_UI_API_URL": site.addresses["PREFECT_API_URL"]}
    # A service has no terminal to keep free, but a log in which one wants to see what it did.
    return processes.environment_with(changes, without=("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", *VARIABLES))


def _give_up(service: Service, site: Site, what: str) -> None:
    """Clears away what is left of a service that failed, and keeps the end of its log."""
    processes.stop(site.folder, service.name)
    site.states[service.name] = "failed"
    log = processes.log(site.folder, service.name)
    site.failures.append(f"{service.name} {what}; the end of {log}:\n{processes.tail(site.folder, service.name)}")


def _deploy(site: Site, workspace: Workspace, progress: Progress) -> None:
    """Deploys the working directory's file once for each of its states: a schedule that was switched by hand stays."""
    from flows.recipe import Recipe

    if not PREFECT_FILE.exists():
        return
    state = digest_of([PREFECT_FILE.read_text(), os.getcwd(), Recipe.model_json_schema()])
    known = site.folder / "deployed"
    if known.exists() and known.read_text() == state:
        site.states["deployments"] = "deployed already"
        return
    shown = progress.add_task(f"deploying {PREFECT_FILE}", total=None)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(PREFECT_FILE)]
    with processes.log(site.folder, "deploy").open("wb") as stream:
        answer = subprocess.run(
            command, env=_surroundings(WORKER, site, workspace), stdout=stream, stderr=subprocess.STDOUT
        )
    progress.remove_task(shown)
    if answer.returncode:
        site.states["deployments"] = "failed"
        site.failures.append(f"{PREFECT_FILE} was not deployed:\n{processes.tail(site.folder, 'deploy')}")
    else:
        known.write_text(state)
        site.states["deployments"] = "deployed"


def show(site: Site, console: Console) -> None:
    """The table of services, the lines to use them, and what failed."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("service", "state", "address", "process"):
        table.add_column(title, overflow="fold")
    for name, state in site.states.items():
        record = processes.find(site.folder, name)
        colour = "red" if state == "failed" else "green"
        address = site.addresses.get(ADDRESSES[name][0], "") if name in ADDRESSES else ""
        table.add_row(name, f"[{colour}]{state}[/]", address, str(record.pid) if record else "")
    console.print(table)
    console.print(f"[dim]their logs are in {escape(str(site.folder))}[/]", soft_wrap=True, highlight=False)
    exports = " ".join(f"{variable}={address}" for variable, address in site.addresses.items())
    if exports:
        console.print(f"\nexport {exports}", soft_wrap=True, highlight=False)
    for failure in site.failures:
        console.print(f"\n[red]paredown:[/] {escape(failure)}", soft_wrap=True, highlight=False)


# --- down ---------------------------------------------------------------------------------------------------


def down(console: Console) -> dict[str, int]:
    """Stops what `up` started in this home, the worker first, so that its runs can still say goodbye to the servers.

    Returns:
        Service → how many processes were stopped.
    """
    with _alone(environment.home()) as folder:
        stopped = {}
        for service in (WORKER, *reversed(SERVERS)):
            with console.status(f"stopping {service.name}"):
                stopped[service.name] = processes.stop(folder, service.name)
            if stopped[service.name]:
                console.print(f"stopped {service.name} ({stopped[service.name]} processes)", highlight=False)
    if not any(stopped.values()):
        console.print(f"nothing of {environment.home()} was running", highlight=False)
    return stopped
