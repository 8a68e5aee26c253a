"""Search results: trials, the progress and the outcome of a search, as plain records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tasks.search.guide import Guide
from tasks.search.space import Point

State = Literal["finished", "stopped early", "failed"]
BOUND = "bound"
"""Key in `Trial.measured` that marks its score as an upper bound of what the trial could have reached."""
EXCESS = "excess"
"""Key in `Trial.measured` of a trial that was not run because it exceeds the goal's limits: by how much, above 0."""
CEILING = "ceiling"
"""Key in `Trial.measured`: the best score that further training of the trial's point can reach."""
REFUSED = "refused"
"""Key in `Trial.measured` of a trial that was refused: the place, from 0, of the part of its point that refused
(`Guide.parts`)."""


@dataclass(frozen=True)
class Trial:
    """One evaluated point."""

    number: int
    """Its number in the order in which the search chose the points, from 0."""
    point: Point
    score: float | None
    """Higher is better: the best of its epochs, or the score reported with its `answer`. None when there is no finite
    one."""
    curve: tuple[tuple[int, float], ...]
    """(epoch, score), in the order of epochs."""
    state: State
    """`finished`: it ran to its end; `stopped early`: stopped by the scheduler or at the end of the search's time."""
    seconds: float
    """Its own working time, over all its starts."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """Other numbers reported with the score, for example `drop`, `speedup`, `bytes`."""
    answer: dict[str, Any] | None = None
    """The trial's result, as JSON (`TrialContext.answer`)."""
    reason: str = ""
    """One line: why it failed, or from which other search it was taken over."""

    @property
    def reached(self) -> float | None:
        """The score; None when it is only a bound (BOUND)."""
        return None if BOUND in self.measured else self.score


@dataclass(frozen=True)
class KnownTrial:
    """A trial of an earlier search, from which the algorithm learns without running it."""

    point: Point
    score: float
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchStart:
    """What a search starts from."""

    first: tuple[Point, ...] = ()
    """Points to evaluate first, in order; they may lie outside the space. Not used by a grid."""
    known: tuple[KnownTrial, ...] = ()
    """Trials of earlier searches, from which the algorithm learns without running them. Not used by `pbt`."""
    guide: Guide | None = None
    """What is known of the space beyond its domains; only of a space with rungs (`guide.RUNG`)."""


COLD = SearchStart()
"""A search that begins with nothing."""


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search."""

    best: Point
    """The best point, empty when no trial has a score; with a cost, in the end that of `pareto_front.chosen_trial`."""
    trials: tuple[Trial, ...]
    broken: str = ""
    """Why the search ended before its budget was spent; empty when it did not."""
    identity: str = ""
    """Scores of searches with the same identity can be compared, unless it is empty."""
    cost: str | None = None
    """Key in `Trial.measured` that was minimized as the second objective; None without one."""


@dataclass(frozen=True)
class SearchProgress:
    """How far a running search is."""

    running: int
    done: int
    """Number of trials that have ended, in any state."""
    stopped: int
    """Number of these that were stopped early."""
    total: int | None
    """Most trials that there will be; None when only time limits them."""
    best: float | None
    seconds_left: float | None
    """Rest of the time budget; None without one."""


def best_point(trials: Sequence[Trial]) -> Point:
    """The point with the best score (bounds do not count); on a tie the earlier one; empty without any score."""
    scored = [(trial.reached, -trial.number, trial.point) for trial in trials if trial.reached is not None]
    return max(scored, key=lambda each: each[:2])[2] if scored else {}


def summarize_trials(trials: Sequence[Trial]) -> str:
    """The best score and the numbers of trials, as text. Scores have no sign: it only makes higher better."""
    scores = [trial.reached for trial in trials if trial.reached is not None]
    best = f"best {abs(max(scores)):.4f}, " if scores else ""
    early = sum(trial.state == "stopped early" for trial in trials)
    failed = sum(trial.state == "failed" for trial in trials)
    return f"{best}{len(trials)} trials, {early} stopped early, {failed} failed"
