"""Killed runs: a run whose process ended without a word is shown as crashed as soon as the next one begins.

Each run holds a lock on a file that is named by it, and the kernel takes the lock away when the process ends, however
that is.
"""

from __future__ import annotations

from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.states import Crashed

MESSAGE = "Its process was killed; the same command goes on from the store."
_held: list[IO[str]] = []
"""The locked files of this process."""


def mark_run() -> None:
    """Marks this context's flow run as one that runs, for as long as this process does; outside one does nothing."""
    if flow_run.id is None:
        return
    place = _folder() / str(flow_run.id)
    place.parent.mkdir(parents=True, exist_ok=True)
    hidden = place.with_name(f".{place.name}")
    file = hidden.open("a")
    flock(file, LOCK_EX)
    hidden.replace(place)  # it is never seen without its lock
    _held.append(file)


def settle_killed_runs(api: str | None = None, with_pools: bool = False) -> list[str]:
    """Sets the runs of this Prefect home to crashed that count as running and whose process is gone.

    Runs that the server does not know are left alone.

    Args:
        api: the API of the server; None: the server that flows of this process use.
        with_pools: also those of work pools. Otherwise `paredown up` has its next worker run them again.

    Returns:
        The names of the runs.
    """
    free = [place for place in sorted(_folder().glob("[!.]*")) if _is_free(place)]
    if not free:
        return []
    settings = {} if api is None else {PREFECT_API_URL: api}
    with temporary_settings(updates=settings), get_client(sync_client=True) as client:
        return [name for place in free if (name := _settle(client, place, with_pools)) is not None]


def _folder() -> Path:
    return Path(PREFECT_HOME.value()) / "running"


def _is_free(place: Path) -> bool:
    """Whether no process holds the lock; a process's own lock does not count as free."""
    with place.open("a") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _settle(client: SyncPrefectClient, place: Path, with_pools: bool) -> str | None:
    """Sets one run to crashed, unless it has ended; returns its name if it was."""
    try:
        run = client.read_flow_run(UUID(place.name))
    except ObjectNotFound:
        return None
    if run.state is not None and not run.state.is_final():
        if run.work_pool_name and not with_pools:
            return None
        client.set_flow_run_state(run.id, Crashed(message=MESSAGE), force=True)
        name: str | None = run.name
    else:
        name = None
    place.unlink(missing_ok=True)
    return name
