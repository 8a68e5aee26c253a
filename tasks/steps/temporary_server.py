"""Prefect's temporary server, which a flow has when no PREFECT_API_URL names one."""

from __future__ import annotations

import subprocess
from typing import Any


class DetachedProcess(subprocess.Popen[Any]):
    """A child process in a process group of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, process_group=0, **kwargs)


def start_temporary_server() -> None:
    """Starts it in a process group of its own, unless another server is named. Runs that were killed become crashed.

    A terminal sends Ctrl-C to every process of its foreground group, and whoever stops a run often sends SIGTERM to all
    of its group. A server that stops at once would leave the flow with minutes of retries before it can end. The server
    ends with its run; after a run that was killed, the next one ends it (`flows.services.safety.orphaned_servers`).
    """
    from prefect.client.orchestration import get_client

    from tasks.steps.killed_runs import settle_killed_runs

    usual = subprocess.Popen
    subprocess.Popen = DetachedProcess  # type: ignore[misc] # Prefect starts its server by this name, with no choice
    try:
        with get_client(sync_client=True):
            pass
    finally:
        subprocess.Popen = usual  # type: ignore[misc]
    settle_killed_runs()
