"""Host costs: the engine in which techniques time, and the layer times that were measured in it on this host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import write_atomically

if TYPE_CHECKING:
    from tasks.kernels.engines.runtime_record import RuntimeRecord


@dataclass(frozen=True)
class TimingHost:
    """Where techniques time their variants."""

    name: str
    """This host's name with the engines' versions (`engines.host_of`)."""
    runtime: RuntimeRecord
    """The engine, and what it computes in."""


def table_of(home: Path, runtime: RuntimeRecord) -> Path:
    """The JSON file with this host's layer times; each combination of machine, engine and versions has its own."""
    from tasks.kernels.host.machine import host_name

    second = "" if runtime.engine == "onnxruntime" else f", {runtime.engine} {runtime.version} {runtime.precision}"
    return home / "hosts" / f"{re.sub(r'[^A-Za-z0-9.]+', '-', host_name() + second)}.json"


@contextmanager
def timed_on(host: TimingHost, home: Path) -> Iterator[None]:
    """Context in which techniques time in this engine, and layers with a saved time there are not measured again.

    New times are saved at its end, after an error, too, because they remain valid. `home` is the workspace's.
    """
    from tasks.kernels.engines.timing_engine import timed_in
    from tasks.kernels.latency import layer_costs

    place = table_of(home, host.runtime)
    table = _read(place)
    known = len(table)
    try:
        with timed_in(host.runtime), layer_costs.cost_table(table):
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
