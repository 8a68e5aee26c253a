"""Crash watch: a program of `paredown up` that shows a run as crashed half a minute after its process was killed."""

from __future__ import annotations

import os
import time

import httpx

from tasks.steps.killed_runs import settle_killed_runs

PERIOD = 30.0
"""Seconds between two looks."""


def watch() -> None:
    """Looks for killed runs for ever, those of a dead worker too; a server that is away is asked again."""
    while True:
        time.sleep(PERIOD)
        try:
            for name in settle_killed_runs(os.environ["PREFECT_API_URL"], with_pools=True):
                print(f"{name} was killed", flush=True)
        except httpx.HTTPError as error:
            print(f"Prefect's server does not answer: {error}", flush=True)


if __name__ == "__main__":
    watch()
