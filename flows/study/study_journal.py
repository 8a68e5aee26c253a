"""StudyJournal: what a study has measured, one line for each measurement, so that a killed one goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.core import Estimate
from tasks.study.effects import Measured


class StudyJournal:
    """A file of measurements; a line that was cut off by a kill is passed over, and its measurement made again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rounds: list[tuple[str, tuple[Measured, ...]]] = [*_read(path)]
        """(table, its measurements with one seed), in the order in which they were made."""

    def of(self, table: str) -> list[Measured]:
        """All measurements of a table."""
        return [each for name, found in self.rounds for each in found if name == table]

    @property
    def spent(self) -> float:
        """Seconds of all measurements, over all starts of the study."""
        return sum(each.spent for _, found in self.rounds for each in found)

    def add(self, table: str, found: Sequence[Measured]) -> None:
        """Adds a round to the file, on the disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"table": table, "measured": [dataclasses.asdict(each) for each in found]})
        with self.path.open("a+b") as file:
            if file.tell() and not _ends_line(file.name):
                file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.rounds.append((table, tuple(found)))


def _ends_line(path: str) -> bool:
    return Path(path).read_bytes()[-1:] == b"\n"


def _read(path: Path) -> list[tuple[str, tuple[Measured, ...]]]:
    """The whole lines of a journal; none without a file."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            content = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        found.append((content["table"], tuple(map(measured_from, content["measured"]))))
    return found


def measured_from(content: dict[str, Any]) -> Measured:
    """A measurement from its JSON form."""
    estimates = {name: content[name] and Estimate(**content[name]) for name in ("gain", "speedup")}
    curve = tuple((int(number), float(value)) for number, value in content["curve"])
    return Measured(**{**content, **estimates, "curve": curve})
