"""History: all that happened in a search, one JSON line an event, so that a killed one goes on where it was."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tasks.search.results import BOUND, COLD, Known, SearchStart, State, Trial
from tasks.search.space import Point


@dataclass
class JournalEntry:
    """One trial so far."""

    number: int
    point: Point
    curve: dict[int, float] = field(default_factory=dict)
    """Epoch → score; a repeated epoch counts as it was told last."""
    score: float | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    reason: str = ""
    came_to_end: bool = False
    state: State | None = None
    """None while it is under way."""
    seconds: float = 0.0

    def hear(self, told: Mapping[str, Any]) -> None:
        """Takes a report: `epoch`, `score`, `measured`, `answer`, `seconds`; or the last word, which has a `reason`.

        `earlier` are reports (epoch, score, measured) from before the trial was started anew: those that were lost with
        a worker are taken in now.
        """
        for epoch, score, measured in told.get("earlier", ()):
            if epoch not in self.curve:
                self._take(epoch, score, measured, None)
        self.seconds += told["seconds"]
        self.answer = told["answer"]
        if "reason" in told:
            self.came_to_end, self.reason = True, told["reason"]
            return
        self._take(told["epoch"], told["score"], told["measured"], told["answer"])

    def _take(self, epoch: int, score: float, measured: Mapping[str, float], answer: dict[str, Any] | None) -> None:
        self.curve[epoch] = score
        # What a trial made has the score that it reports with it, which may be lower than one on the way.
        if math.isfinite(score) and (self.score is None or score > self.score or answer is not None):
            self.score, self.measured = score, measured

    @property
    def reached(self) -> float | None:
        """As `Trial.reached`."""
        return None if BOUND in self.measured else self.score

    def trial(self) -> Trial:
        """The same as a record; one that is under way counts as stopped early."""
        curve = tuple(sorted(self.curve.items()))
        shown = (self.score, curve, self.state or "stopped early", self.seconds, self.measured, self.answer)
        return Trial(self.number, self.point, *shown, self.reason)


class Journal:
    """The trials of a search in the file that keeps them; what is written is safe once a method returns."""

    def __init__(self, file: Path, start: SearchStart = COLD) -> None:
        """Begins a journal, or goes on with the one in the file, whose own start then counts."""
        self.entries: list[JournalEntry] = []
        self.order: list[tuple[Literal["asked", "ended"], int]] = []
        """What the algorithm was asked and told, in order: the same again puts it into the same state."""
        self.first: list[Point] = []
        self.known: list[Known] = []
        self.spent = 0.0
        """Seconds of searching until the last event."""
        whole = _whole_lines(file)
        for line in whole:
            self._take(json.loads(line))
        self._clock: float | None = None
        self._stream = file.open("a", buffering=1)
        if not whole:
            points = [[each.point, each.score, dict(each.measured)] for each in start.known]
            self._write({"event": "begun", "first": list(start.first), "known": points})

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()

    @property
    def seconds(self) -> float:
        """Seconds of searching until now."""
        return self.spent if self._clock is None else time.monotonic() - self._clock

    def run_clock(self) -> None:
        """The search runs, from now on unless it does already: its workers take a while to start."""
        self._clock = self._clock or time.monotonic() - self.spent

    def under_way(self) -> list[JournalEntry]:
        """The trials that have not ended."""
        return [entry for entry in self.entries if entry.state is None]

    def ask(self, point: Point) -> int:
        """A new trial's number."""
        self._write({"event": "asked", "point": point})
        return len(self.entries) - 1

    def hear(self, number: int, told: Mapping[str, Any]) -> None:
        """What a trial told; see `Entry.hear`."""
        self._write({"event": "heard", "number": number, **told})

    def end(self, number: int, reason: str = "") -> None:
        """A trial is over; with a reason unless it came to its end or was stopped."""
        self._write({"event": "ended", "number": number, "reason": reason})

    def trials(self) -> tuple[Trial, ...]:
        """All of them, by number."""
        return tuple(entry.trial() for entry in self.entries)

    def _write(self, event: dict[str, Any]) -> None:
        event["at"] = self.seconds
        line = json.dumps(event)
        self._stream.write(line + "\n")
        # As it will be read, so that a search that goes on sees the same.
        self._take(json.loads(line))

    def _take(self, event: Mapping[str, Any]) -> None:
        self.spent = event["at"]
        if event["event"] == "begun":
            self.first = event["first"]
            self.known = [Known(*each) for each in event["known"]]
        elif event["event"] == "asked":
            self.entries.append(JournalEntry(len(self.entries), event["point"]))
            self.order.append(("asked", len(self.entries) - 1))
        elif event["event"] == "heard":
            self.entries[event["number"]].hear(event)
        else:
            entry = self.entries[event["number"]]
            entry.reason = event["reason"] or entry.reason
            ended: State = "finished" if entry.came_to_end else "stopped early"
            entry.state = "failed" if entry.reason else ended
            self.order.append(("ended", entry.number))


def _whole_lines(file: Path) -> list[str]:
    """The lines of a file; one that a kill cut off is removed."""
    if not file.is_file():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with file.open("r+b") as stream:
            stream.truncate(len(whole))
    return whole.decode().splitlines()
