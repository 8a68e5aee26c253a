"""Results: what a search found, as plain records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tasks.search.space import Point

State = Literal["finished", "stopped early", "failed"]
BOUND = "bound"
"""What a trial measured under this name says that its score is a bound: no more could have come of it."""
EXCESS = "excess"
"""The measured number of a trial that was not run because it lies beyond the goal's limits: how far, above 0."""


@dataclass(frozen=True)
class Trial:
    """One point that was tried."""

    number: int
    """In the order in which the search chose its points, from 0."""
    point: Point
    score: float | None
    """The best of its epochs, or if it made something (`answer`), of that; higher is better. None when no epoch has a
    finite one."""
    curve: tuple[tuple[int, float], ...]
    """(epoch, score), by epoch."""
    state: State
    """`finished`: it came to its own end; `stopped early`: the scheduler or the end of the time stopped it."""
    seconds: float
    """Its own work, over all times that it was started."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """What it told beside that score, for example `drop`, `speedup`, `bytes`."""
    answer: dict[str, Any] | None = None
    """What it made, as JSON."""
    reason: str = ""
    """Why it failed, or which search it is from if not from this one, in one line."""

    @property
    def reached(self) -> float | None:
        """The score, unless it is a bound: what the trial could have reached at best."""
        return None if BOUND in self.measured else self.score


@dataclass(frozen=True)
class Known:
    """A trial of an earlier search: the algorithm is told, nothing is run."""

    point: Point
    score: float
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tuned:
    """What a search found: the best point (empty when no trial has a score) and every trial."""

    best: Point
    """Of the best score; with a cost, once the goal's margin has decided, of the trial that is taken."""
    trials: tuple[Trial, ...]
    broken: str = ""
    """What ended the search before its budget was spent; empty when nothing did."""
    identity: str = ""
    """Searches of the same identity, unless it is empty, have scores that can be compared."""
    cost: str | None = None
    """The name of the measured number that was minimized beside the score."""


@dataclass(frozen=True)
class Progress:
    """Where a search stands."""

    running: int
    done: int
    """Trials that ended, in whatever way."""
    stopped: int
    """Those of them that were stopped early."""
    total: int | None
    """How many trials there will be, at most; None when only time limits them."""
    best: float | None
    seconds_left: float | None
    """Of the time budget; None without one."""


def best_point(trials: Sequence[Trial]) -> Point:
    """The point with the best score; the earlier one on a tie; empty when there is none."""
    scored = [(trial.reached, -trial.number, trial.point) for trial in trials if trial.reached is not None]
    return max(scored, key=lambda each: each[:2])[2] if scored else {}


def summarize_trials(trials: Sequence[Trial]) -> str:
    """The trials in a few words; scores without their sign, which only says what is better."""
    scores = [trial.reached for trial in trials if trial.reached is not None]
    best = f"best {abs(max(scores)):.4f}, " if scores else ""
    early = sum(trial.state == "stopped early" for trial in trials)
    failed = sum(trial.state == "failed" for trial in trials)
    return f"{best}{len(trials)} trials, {early} stopped early, {failed} failed"
