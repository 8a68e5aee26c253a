"""Report data: the records of a finished run from which the report is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tasks.core import Goal, LibraryComparison, RunProfile, Runtime, Scorecard
from tasks.kernels.statistics.metrics import Metric

TrialOutcome = Literal["own", "finished", "stopped early", "given up", "failed"]
"""How the trial of a branch ended; `own` is a branch of the recipe."""


@dataclass(frozen=True)
class MeasuredStage:
    """The model after one step of a branch, measured on its exported file; one bar of a waterfall chart."""

    label: str
    card: Scorecard


@dataclass(frozen=True)
class CandidateRow:
    """A row of the report's table: a model, its measurements, and why it was chosen or not."""

    name: str
    role: Literal["baseline", "candidate", "control"]
    chosen: bool
    reason: str
    """Why it was chosen or not, in one sentence."""
    card: Scorecard | None
    """None when the branch was refused and could not be measured; `reason` says why."""
    stages: tuple[MeasuredStage, ...]
    """The model after each measured step, the baseline first."""
    curves: dict[str, tuple[dict[str, Any], ...]]
    """Label of a step that trains → one record per epoch with the keys number (from 1; 0 is the start), train_loss,
    validation_loss, validation_score, learning_rate, seconds; a loss or score that is missing or None is not drawn."""
    steps: tuple[dict[str, Any], ...]
    """One record per step with the keys label, technique, knobs (a dictionary), summary (of the plan), minutes."""
    best_epochs: dict[str, int] = field(default_factory=dict)
    """Label of a step that trains → number of the epoch whose weights were kept, as in `curves`."""


@dataclass(frozen=True)
class TrialRow:
    """A branch that a search tried, or one of the recipe's own branches for comparison.

    Numbers are None when they are unknown.
    """

    name: str
    branch: str
    """The steps of the branch as text."""
    state: TrialOutcome
    """`given up`: its trial ended early because it could not become better than the best branch so far."""
    drop: float | None
    """Loss of the metric against the baseline, in the metric's own unit."""
    speedup: float | None
    """The baseline's latency over this one's."""
    bytes: int | None
    """Size of the file in bytes."""
    size_ratio: float | None
    """The baseline's bytes over this one's."""
    rank: float | None
    """As `ranking.rank` returns it: above 0, the share that is saved; otherwise how far the goal is missed."""
    epochs: int | None
    """Number of training epochs in its recovery."""
    seconds: float | None
    """Duration of its trial."""
    reason: str
    """Why it was given up or failed, in one line; otherwise empty."""
    best: bool = False
    """Whether it is the search's best branch."""


@dataclass(frozen=True)
class BranchSearchReport:
    """The results of a search for branches."""

    answer: str
    """The outcome in a few sentences."""
    tried: tuple[TrialRow, ...]
    """The recipe's own branches, then the trials in order of their numbers."""


@dataclass(frozen=True)
class Tradeoff:
    """The trade-off between score and cost in a search over the baseline's training with two objectives."""

    cost: str
    """`latency_ms` or `bytes`: what was minimized in addition to the score."""
    taken: int
    """The number of the trial whose values were used."""
    front: tuple[int, ...]
    """Numbers of the trials on the Pareto front of score and cost, the least cost first."""
    answer: str
    """Which trial was taken and why, as text."""


@dataclass(frozen=True)
class ReportData:
    """The content of a report."""

    name: str
    answer: str
    """The result in one sentence."""
    created: str
    """Date and time of the report, as text."""
    duration_s: float
    """Duration of the run in seconds."""
    recipe: str
    """The recipe as YAML."""
    host: dict[str, str]
    """Name → value of the facts about the host."""
    data: dict[str, str]
    """Name → value of the facts about the data."""
    goal: Goal
    runtime: Runtime
    entries: tuple[CandidateRow, ...]
    test: tuple[Scorecard, ...]
    """The baseline and the chosen candidate on the test split, which is used for nothing else."""
    trials: tuple[dict[str, Any], ...]
    """One record per trial of the search over the baseline's training, with the keys number, point ({path: value}),
    is_stage (whether it is a stage of a population whose values have changed since its start), score (None without
    one), cost (None when not measured), epochs, state (`finished`, `stopped early` or `failed`), seconds, reason (why
    it has no score)."""
    branch_search: BranchSearchReport | None
    """The search for branches; None when there was none."""
    metric: Metric
    """The goal's metric."""
    links: dict[str, str]
    """Text → address of the links."""
    notes: tuple[str, ...]
    """Further remarks, one sentence each."""
    training: str = ""
    """Whether the baseline underfits, overfits or neither, in a sentence; empty where that is not known."""
    tradeoff: Tradeoff | None = None
    """Present when the trials have two objectives."""
    snippet: str = ""
    """Python that runs the product without Paredown; empty where there is none."""
    library: LibraryComparison | None = None
    """The product beside the same simple model in Python; None where there is no such model."""
    profile: RunProfile | None = None
    """How baseline and product run beside the recipe's own batch; None where that was not measured."""
