"""Prefect's temporary server, which a flow has when no PREFECT_API_URL names one."""

from __future__ import annotations

import signal


def start_temporary_server() -> None:
    """Starts it with Ctrl-C blocked; nothing happens where another server is named.

    A terminal sends Ctrl-C to every process of its foreground group. A server that stops at once would leave the flow
    with minutes of retries before it can end. A blocked signal stays blocked in a process that is started meanwhile;
    here it is delivered as soon as the server has started.
    """
    from prefect.client.orchestration import get_client

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with get_client(sync_client=True):
            pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
