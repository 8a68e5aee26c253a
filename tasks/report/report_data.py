"""report_data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Goal, Runtime, Scorecard

if TYPE_CHECKING:
    pass

TrialOutcome = Literal["own", "finished", "stopped early", "given up", "failed"]
"""How the trial of a branch ended."""


@dataclass(frozen=True)
class MeasuredStage:
    """One bar of a waterfall: the model after one step, measured on its exported file."""

    label: str
    card: Scorecard


@dataclass(frozen=True)
class CandidateRow:
    """One row of the table: a model, its measurements, and why it was chosen or not."""

    name: str
    role: Literal["baseline", "candidate", "control"]
    chosen: bool
    reason: str
    """Why chosen, or why rejected, in one sentence."""
    card: Scorecard | None
    """None: the branch was refused and could not be measured; the reason says why."""
    stages: tuple[MeasuredStage, ...]
    curves: dict[str, tuple[dict[str, Any], ...]]
    """By step label, one record an epoch: number, train_loss, validation_loss, validation_score,
    learning_rate, seconds; a loss or score that is missing or None is not drawn."""
    steps: tuple[dict[str, Any], ...]
    """What was done: label, technique, knobs (a dictionary), summary (of the plan), minutes."""


@dataclass(frozen=True)
class TrialRow:
    """A branch that a search tried, or one of the recipe's own beside them."""

    name: str
    branch: str
    """Its steps in words."""
    state: TrialOutcome
    """`own`: one of the recipe's; `given up`: it could not have beaten what was known."""
    drop: float | None
    speedup: float | None
    bytes: int | None
    size_ratio: float | None
    """The baseline's bytes over this one's."""
    rank: float | None
    """Above 0 the share that is saved by one that meets the goal, below 0 how far it misses."""
    epochs: int | None
    """Of recovery; None where it is not known, as for `seconds`."""
    seconds: float | None
    reason: str
    """Why it was given up or failed, in one line; else empty."""
    best: bool = False


@dataclass(frozen=True)
class BranchSearchReport:
    """A search for branches."""

    answer: str
    """What it came to, in a few sentences."""
    tried: tuple[TrialRow, ...]
    """The recipe's own branches, then the trials in order."""


@dataclass(frozen=True)
class Tradeoff:
    """The second objective of a search for how the baseline is trained."""

    cost: str
    """`latency_ms` or `bytes`: what was minimized beside the score."""
    taken: int
    """The number of the trial whose values were used."""
    front: tuple[int, ...]
    """The trials that no other beats in both, the least cost first."""
    answer: str
    """Which was taken, and why."""


@dataclass(frozen=True)
class ReportData:
    """Everything that a report tells."""

    name: str
    answer: str
    """The result in one sentence."""
    created: str
    duration_s: float
    recipe: str
    """The recipe as YAML."""
    host: dict[str, str]
    data: dict[str, str]
    goal: Goal
    runtime: Runtime
    entries: tuple[CandidateRow, ...]
    test: tuple[Scorecard, ...]
    """The baseline and the chosen one on the test split: the one time it was opened."""
    trials: tuple[dict[str, Any], ...]
    """number, point ({path: value}), is_stage (of a population, with other values than at its start), score (None: it
    has none), cost (None: not measured, or there is none), epochs, state, seconds, reason (why it has no score); the
    state is `finished`, `stopped early` or `failed`."""
    searched: BranchSearchReport | None
    """The search for branches; None when there was none."""
    metric: str
    links: dict[str, str]
    notes: tuple[str, ...]
    weighed: Tradeoff | None = None
    """Where the trials have two objectives."""
