"""Monitor memory: what a monitor has seen of one champion, as a file in the home, changed by one process at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path

from tasks.core import InputError, write_atomically
from tasks.core.store import canonical_json
from tasks.monitoring.monitor_spec import MonitorSpec
from tasks.monitoring.monitor_state import MonitorState, begin_state, read_state
from tasks.monitoring.reference_profile import LossReference
from tasks.monitoring.shadow import Shadow, read_shadow


@dataclass(frozen=True)
class MonitorMemory:
    """What is kept between looks."""

    state: MonitorState
    told: str = ""
    """When `act` was last told to others (ISO 8601, UTC); empty: never."""
    shadow: Shadow | None = None
    """What is known of the champion beside the previous one; None where that does not run."""

    def may_tell(self, now: datetime, cooldown: float) -> bool:
        """Whether `act` is to be told: it never was, or so many hours ago."""
        return not self.told or now >= datetime.fromisoformat(self.told) + timedelta(hours=cooldown)


def memory_file(home: Path, name: str, version: int) -> Path:
    """Where the memory of a champion is kept."""
    return home / "monitors" / name / f"version-{version}.json"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Context in which no other process changes a memory; it is waited for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def recall_memory(file: Path, champion: str, loss: LossReference | None, spec: MonitorSpec) -> MonitorMemory:
    """What is kept of a champion; that of another one, or nothing, begins anew.

    Args:
        file: where it is kept.
        champion: what tells the champion from others.
        loss: its reference loss.
        spec: of the monitor.

    Raises:
        InputError: the file was altered by hand, or the tolerance is so large that no loss would exceed it.
    """
    fresh = MonitorMemory(begin_state(champion, loss, spec))
    if not file.exists():
        return fresh
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        shadow = read_shadow(record["shadow"]) if record.get("shadow") else None
        kept = MonitorMemory(read_state(record["state"]), str(record["told"]), shadow)
    except (ValueError, KeyError, TypeError):
        law = "must be a monitor's state; it was altered, and without it the monitor begins anew"
        raise InputError(law, file=str(file)) from None
    except InputError as error:
        raise error.at(file=str(file)) from None
    return kept if kept.state.champion == champion else fresh


def keep_memory(file: Path, memory: MonitorMemory) -> None:
    """Writes a memory, whole or not at all."""
    content = {"state": memory.state.record, "told": memory.told}
    content |= {"shadow": asdict(memory.shadow)} if memory.shadow else {}
    write_atomically(file, canonical_json(content).encode())
