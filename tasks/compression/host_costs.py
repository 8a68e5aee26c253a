"""Host costs: saves the layer times that were measured on this host, so that they are not measured again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core import write_atomically
from tasks.kernels.host.machine import host_name


def table_of(home: Path) -> Path:
    """The JSON file with this host's layer times; each combination of machine and runtime version has its own."""
    return home / "hosts" / f"{re.sub(r'[^A-Za-z0-9.]+', '-', host_name())}.json"


@contextmanager
def costs_kept(home: Path) -> Iterator[None]:
    """Context in which layers with a saved time on this host are not measured again; new times are saved at its end.

    They are saved after an error, too, because they remain valid. `home` is the workspace's.
    """
    from tasks.kernels.latency import layer_costs

    place = table_of(home)
    table = _read(place)
    known = len(table)
    try:
        with layer_costs.cost_table(table):
            yield
    finally:
        if len(table) > known:
            write_atomically(place, json.dumps({**_read(place), **table}, indent=1, sort_keys=True).encode())


def _read(place: Path) -> dict[str, float]:
    """The saved table, milliseconds by layer; empty when the file does not exist or has another format."""
    try:
        table = json.loads(place.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return table if isinstance(table, dict) and all(isinstance(each, float) for each in table.values()) else {}
