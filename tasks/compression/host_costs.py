"""Hosts: what was measured of a machine once is kept in the workspace, and not measured again there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core import write_atomically
from tasks.kernels.host.machine import host_name


def table_of(home: Path) -> Path:
    """The file with this host's table of layer times, one for each machine and version of the runtime."""
    return home / "hosts" / f"{re.sub(r'[^A-Za-z0-9.]+', '-', host_name())}.json"


@contextmanager
def costs_kept(home: Path) -> Iterator[None]:
    """Inside, layers that were ever measured on this host are not measured again; what is new is written on leaving.

    Also after an error: what was measured stays true.
    """
    from tasks.kernels.latency import layer_costs

    place = table_of(home)
    table = _read(place)
    known = len(table)
    try:
        with layer_costs.remembered(table):
            yield
    finally:
        if len(table) > known:
            write_atomically(place, json.dumps({**_read(place), **table}, indent=1, sort_keys=True).encode())


def _read(place: Path) -> dict[str, float]:
    """The table as it was written; empty when there is none, or when someone altered it beyond reading."""
    try:
        table = json.loads(place.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return table if isinstance(table, dict) and all(isinstance(each, float) for each in table.values()) else {}
