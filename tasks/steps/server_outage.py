"""Server outage: what needs Prefect's server waits while the server is away, and is then done again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client

T = TypeVar("T")
LIMIT = 300.0
"""Seconds for which a server may be away."""
TRIES = 3
"""How often something is done anew that fails with the network, although the server answers."""
PAUSE = 2.0
"""Seconds between two questions whether the server is back."""


def outlast(call: Callable[[], T], say: Callable[[str], object] = lambda words: None) -> T:
    """The answer of `call`, which is called again when Prefect's server was away or restarted.

    Args:
        call: may be called several times: cached steps are, and what is written to a server by its key.
        say: gets a sentence when the wait begins.

    Raises:
        ConnectionError: the server has been away for LIMIT seconds.
        Exception: any error of `call` that is none of the network, or that comes TRIES times more although the server
            answers.
    """
    for _ in range(TRIES):
        try:
            return call()
        except Exception as error:
            if not is_outage(error):
                raise
            _wait(error, say)
    return call()


def is_outage(error: BaseException | None) -> bool:
    """Whether an error says that a server was not reached, by itself or by the error that caused it."""
    while error is not None:
        if isinstance(error, httpx.TransportError):
            return True
        if isinstance(error, httpx.HTTPStatusError) and error.response.is_server_error:
            return True
        error = error.__cause__
    return False


def _wait(error: Exception, say: Callable[[str], object]) -> None:
    end, told = time.monotonic() + LIMIT, False
    while not _answers():
        if time.monotonic() > end:
            law = f"Prefect's server has not answered for {LIMIT:g} s; the same command goes on where it was"
            raise ConnectionError(law) from error
        if not told:
            say("Prefect's server does not answer; the run waits for it")
            told = True
        time.sleep(PAUSE)


def _answers() -> bool:
    try:
        with get_client(sync_client=True) as client:
            client.hello().raise_for_status()
    except (httpx.HTTPError, RuntimeError):  # RuntimeError: an embedded server that cannot be started again
        return False
    return True
