"""Journal: all events of a search, one JSON line each, from which an interrupted search continues."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tasks.search.results import BOUND, COLD, KnownTrial, SearchStart, State, Trial
from tasks.search.space import Point


@dataclass
class JournalEntry:
    """The state of one trial, from the events so far. Fields without a description are those of `Trial`."""

    number: int
    point: Point
    curve: dict[int, float] = field(default_factory=dict)
    """Epoch → score; of an epoch that was reported twice, the later score."""
    score: float | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    answer: dict[str, Any] | None = None
    reason: str = ""
    came_to_end: bool = False
    """Whether its function returned or raised, that is, whether its last message arrived."""
    state: State | None = None
    """None while it is running or waits for its restart."""
    seconds: float = 0.0

    def hear(self, told: Mapping[str, Any]) -> None:
        """Adds a message of the trial's worker.

        A report has `epoch`, `score`, `measured`, `answer` and `seconds` (since the message before); the last message
        has a `reason` instead of a score, empty unless the trial failed. `earlier` holds the reports (epoch, score,
        measured) of earlier starts of the trial; those that were lost with a worker are added now.
        """
        for epoch, score, measured in told.get("earlier", ()):
            if epoch not in self.curve:
                self._take(epoch, score, measured)
        self.seconds += told["seconds"]
        self.answer = told["answer"]
        if "reason" in told:
            self.came_to_end, self.reason = True, told["reason"]
            return
        self._take(told["epoch"], told["score"], told["measured"])
        # The score that is reported with an answer counts, even if an earlier epoch had a better one.
        if self.answer is not None and math.isfinite(told["score"]):
            self.score, self.measured = told["score"], told["measured"]

    def _take(self, epoch: int, score: float, measured: Mapping[str, float]) -> None:
        self.curve[epoch] = score
        if self.answer is None and math.isfinite(score) and (self.score is None or score > self.score):
            self.score, self.measured = score, measured

    @property
    def reached(self) -> float | None:
        """The score; None when it is only a bound, as in `Trial.reached`."""
        return None if BOUND in self.measured else self.score

    def trial(self) -> Trial:
        """The same as a `Trial`; one that has not ended counts as stopped early."""
        curve = tuple(sorted(self.curve.items()))
        shown = (self.score, curve, self.state or "stopped early", self.seconds, self.measured, self.answer)
        return Trial(self.number, self.point, *shown, self.reason)


class Journal:
    """The trials of a search and the file that records them; an event is in the file before its method returns."""

    def __init__(self, file: Path, start: SearchStart = COLD) -> None:
        """Begins a journal, or continues the one in the file; then the file's own start replaces `start`."""
        self.entries: list[JournalEntry] = []
        self.order: list[tuple[Literal["asked", "ended"], int]] = []
        """The calls of the sampler, in order: repeated on a new sampler, they restore its state."""
        self.first: list[Point] = []
        self.known: list[KnownTrial] = []
        self.spent = 0.0
        """Seconds that the search has run, over all its processes, until the last event."""
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
        """Seconds that the search has run until now."""
        return self.spent if self._clock is None else time.monotonic() - self._clock

    def run_clock(self) -> None:
        """Starts the clock unless it runs; called when the first trial runs, so that the workers' start is free."""
        self._clock = self._clock or time.monotonic() - self.spent

    def under_way(self) -> list[JournalEntry]:
        """The trials that have not ended."""
        return [entry for entry in self.entries if entry.state is None]

    def ask(self, point: Point) -> int:
        """Records a new trial at a point and returns its number, from 0."""
        self._write({"event": "asked", "point": point})
        return len(self.entries) - 1

    def hear(self, number: int, told: Mapping[str, Any]) -> None:
        """Records a message of a trial; see `JournalEntry.hear`."""
        self._write({"event": "heard", "number": number, **told})

    def end(self, number: int, reason: str = "") -> None:
        """Records that a trial has ended; `reason` says why its worker died, and is empty when it did not."""
        self._write({"event": "ended", "number": number, "reason": reason})

    def trials(self) -> tuple[Trial, ...]:
        """All trials, in the order of their numbers."""
        return tuple(entry.trial() for entry in self.entries)

    def _write(self, event: dict[str, Any]) -> None:
        event["at"] = self.seconds
        line = json.dumps(event)
        self._stream.write(line + "\n")
        # Converted to JSON and back, so that a search that continues from the file has the same values.
        self._take(json.loads(line))

    def _take(self, event: Mapping[str, Any]) -> None:
        self.spent = event["at"]
        if event["event"] == "begun":
            self.first = event["first"]
            self.known = [KnownTrial(*each) for each in event["known"]]
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
    """The lines of a file; an incomplete last line, which a killed process leaves, is removed from the file."""
    if not file.is_file():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with file.open("r+b") as stream:
            stream.truncate(len(whole))
    return whole.decode().splitlines()
