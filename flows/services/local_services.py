"""Local services: start, show and stop the servers and the worker of this machine (`paredown up`, `down`)."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flows.services import environment, processes
from flows.services.processes import LOCALHOST
from flows.services.safety.passwords import check_opening, write_auth_config
from flows.services.service_catalog import (
    DATABASE,
    SERVERS,
    VARIABLES,
    WATCH,
    WORKER,
    Service,
    ServiceState,
    surroundings,
)
from tasks.core import InputError, Workspace

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PATIENCE = 300.0
"""Seconds within which a service must become healthy: a first start migrates a database, maybe on a busy machine."""


def start_services(console: Console, with_ray: bool = True, host: str | None = None) -> ServiceState:
    """Starts the services that do not run, waits until all are healthy, and deploys the recipes in `conf/`.

    The services outlive the call. A service that fails is stopped, and `failures` of the result gets the end of its
    log; the others keep running. Waits while another call starts or stops services.

    Args:
        console: shows what is started.
        with_ray: also start Ray.
        host: the address of this machine at which the servers listen; None: that of those that run, else 127.0.0.1. At
            any other than a loopback address they ask for the password that the environment has.

    Raises:
        InputError: the home folder is not writable or its disk is full, or `host` is none of this machine's addresses,
            or not that of the servers that run, or the environment has no password for it.
    """
    # The shell may still export the addresses of an earlier `up`, whose servers may be gone.
    for variable in VARIABLES:
        os.environ.pop(variable, None)
    workspace = environment.prepare_environment()
    servers = [service for service in SERVERS if with_ray or service.name != "ray"]
    with _alone(workspace.home) as folder:
        site = ServiceState(folder, host=_settle_host(folder, host))
        site.credentials = check_opening(site.host, os.environ)
        if site.credentials:
            os.environ |= site.credentials.for_clients()
            write_auth_config(folder, site.credentials)
        _assign_ports(site)
        with _progress(console) as progress:
            _make_database(workspace, progress)
            _bring_up(servers, site, workspace.home, progress)
            if "PREFECT_API_URL" in site.addresses:
                _settle_killed(site)
                _deploy(site, workspace.home, progress)
                _bring_up([WORKER], site, workspace.home, progress)
                _bring_up([WATCH], site, workspace.home, progress)
    return site


def stop_services(console: Console) -> dict[str, int]:
    """Stops the services that `up` started in this home folder, the worker first, and prints what it stopped.

    Returns:
        Service name → number of processes stopped.

    Raises:
        TimeoutError: a process cannot be killed.
    """
    stopped = {}
    with _alone(environment.home()) as folder:
        for service in (WATCH, WORKER, *reversed(SERVERS)):
            with console.status(f"stopping {service.name}"):
                stopped[service.name] = processes.stop(folder, service.name)
            if stopped[service.name]:
                console.print(f"stopped {service.name} ({stopped[service.name]} processes)", highlight=False)
    if not any(stopped.values()):
        console.print(f"nothing of {environment.home()} was running", highlight=False, soft_wrap=True)
    return stopped


@contextmanager
def _alone(home: Path) -> Iterator[Path]:
    """Context that lets one `up` or `down` run at a time; yields the folder of the services."""
    folder = home / "services"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress


def _settle_host(folder: Path, host: str | None) -> str:
    """The address at which the servers listen: that of those that run, which another must not contradict."""
    records = [record for service in SERVERS if (record := processes.find(folder, service.name))]
    used = {record.host for record in records if processes.alive(folder, record)}
    if host and used - {host}:
        law = f"must be {used.pop()}, at which servers of this home run already: paredown down stops them"
        raise InputError(law, path="--host", value=host)
    return host or (used.pop() if used else LOCALHOST)


def _assign_ports(site: ServiceState) -> None:
    """Sets `ports`, and `states` of the servers that already run.

    A server that runs keeps its port. Others get their last port or, if it is not free, their usual one, otherwise any
    free port.
    """
    records = {service.name: processes.find(site.folder, service.name) for service in SERVERS}
    ours = {record.port for record in records.values() if record and record.port}
    for service in SERVERS:
        record = records[service.name]
        old = record.port if record else None
        if record and old and processes.alive(site.folder, record):
            site.ports[service.name], site.states[service.name] = old, "running already"
        else:
            taken = (ours - {old}) | set(site.ports.values())
            site.ports[service.name] = processes.free_port(old, service.usual_port, taken=taken, host=site.host)


def _make_database(workspace: Workspace, progress: Progress) -> None:
    """Creates MLflow's database before its server starts: server and client must not migrate it at the same time."""
    if os.environ.get(DATABASE) or (workspace.home / "mlflow.db").exists():
        return
    from tasks import tracking

    shown = progress.add_task("making MLflow's database", total=None)
    tracking.open_client(workspace.tracking_uri)
    progress.remove_task(shown)


def _bring_up(services: Sequence[Service], site: ServiceState, home: Path, progress: Progress) -> None:
    """Starts the services that do not run, at the same time, and waits until each is healthy or has failed."""
    since = {service.name: _ensure(service, site, home) for service in services}
    shown = {service.name: progress.add_task(f"starting {service.name}", total=1) for service in services}
    waiting = list(services)
    deadline = time.monotonic() + PATIENCE
    while waiting:
        for service in tuple(waiting):
            problem = _look(service, site, since[service.name], deadline)
            if problem is None:
                continue
            if problem and _moves(service, site):
                since[service.name] = _ensure(service, site, home)
                continue
            if problem:
                _give_up(service, site, problem)
            told = f"[red]{service.name} failed[/]" if problem else f"{service.name} is healthy"
            progress.update(shown[service.name], completed=1, description=told)
            waiting.remove(service)
        time.sleep(0.3 if waiting else 0)


def _ensure(service: Service, site: ServiceState, home: Path) -> float:
    """Starts a service unless it runs; a worker is also restarted when the servers' addresses have changed.

    Returns:
        The time (`time.time`) since when an answer counts as this service's; 0 for one that runs already.
    """
    record = processes.find(site.folder, service.name)
    knows = site.addresses if service in (WORKER, WATCH) else {}
    if record and record.addresses == knows and processes.alive(site.folder, record):
        site.states[service.name] = "running already"
        return 0.0
    processes.stop(site.folder, service.name)
    if service is WORKER:
        from flows.services import prefect_deployments

        prefect_deployments.settle_runs(site)
    site.states[service.name] = "started again" if record else "started"
    now, port = time.time(), site.ports.get(service.name)
    command = [sys.executable, "-m", *service.command(port, home, site.host)]
    told = surroundings(service, site, home)
    processes.start_process(site.folder, service.name, command, told, port, knows, site.host)
    return now


def _look(service: Service, site: ServiceState, since: float, deadline: float) -> str | None:
    """The state of a service that is starting: empty text when healthy, None while it may still become healthy.

    Otherwise what is wrong, as text: its process ended, or `deadline` (`time.monotonic`) has passed.
    """
    record = processes.find(site.folder, service.name)
    if record is None or not processes.alive(site.folder, record):
        return "ended"
    if service.healthy(site, since) and (not record.port or processes.listens(site.folder, service.name, record.port)):
        return ""
    return f"was not healthy within {PATIENCE:.0f} s" if time.monotonic() > deadline else None


def _moves(service: Service, site: ServiceState) -> bool:
    """Gives a service that failed another port, where somebody else took its own while it started."""
    port = site.ports.get(service.name)
    if port is None or processes.is_free(port, site.host) or processes.listens(site.folder, service.name, port):
        return False
    site.ports[service.name] = processes.free_port(taken=set(site.ports.values()), host=site.host)
    return True


def _give_up(service: Service, site: ServiceState, problem: str) -> None:
    """Stops the processes of a service that failed, and adds the end of its log to `failures`."""
    processes.stop(site.folder, service.name)
    site.states[service.name] = "failed"
    end = f"the end of {processes.log(site.folder, service.name)}:\n{processes.tail(site.folder, service.name)}"
    site.failures.append(f"{service.name} {problem}; {end}")


def _settle_killed(site: ServiceState) -> None:
    """Shows runs as crashed that were killed before; the watch shows later ones."""
    from tasks.steps.killed_runs import settle_killed_runs

    settle_killed_runs(site.addresses["PREFECT_API_URL"])


def _deploy(site: ServiceState, home: Path, progress: Progress) -> None:
    from flows.services import prefect_deployments

    if not prefect_deployments.recipes_here():
        return
    if prefect_deployments.is_deployed(site):
        site.states["deployments"] = "deployed already"
        return
    shown = progress.add_task(f"deploying the recipes in {prefect_deployments.FOLDER}", total=None)
    problems = prefect_deployments.deploy_here(site, home)
    progress.remove_task(shown)
    site.states["deployments"] = "failed" if problems else "deployed"
    site.failures += [f"not deployed: {each}" for each in problems]
