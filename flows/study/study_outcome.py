"""Study outcome: what a study found, as records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.recipe.schema import Recipe
from tasks.core import Estimate
from tasks.study.design import LeftOut
from tasks.study.verdicts import MetricUnit, TableResult


@dataclass(frozen=True)
class Recommendation:
    """A line of the recommended recipe that is not as it was given."""

    path: str
    """Dotted path in the recipe."""
    value: object
    why: str
    """The table and the figure behind it."""


@dataclass(frozen=True)
class Confirmation:
    """The products of both recipes, compared on test, which is opened once for both."""

    given: Estimate
    """Test score of the given recipe's product."""
    recommended: Estimate
    drop: Estimate
    """What the recommended recipe's product loses, paired; negative where it is better."""
    speedup: Estimate
    """The given product's latency over the recommended one's."""
    within: bool
    """Whether the drop's estimate is within the goal's margin."""
    not_slower: bool
    sentence: str


@dataclass(frozen=True)
class StudyResult:
    """All that a study found."""

    asked: Recipe
    tables: tuple[TableResult, ...]
    left_out: tuple[LeftOut, ...]
    unit: MetricUnit
    metric: str
    """The metric's title."""
    host: str
    n: int
    """Number of validation examples."""
    recommendations: tuple[Recommendation, ...]
    confirmation: Confirmation | None
    minutes: float
    """Of measuring, over all starts of the study."""
    not_begun: tuple[str, ...] = ()
    """Names of tables for which the budget had no time."""
    problem: str = ""
    """Why the recommended recipe could not be run; else empty."""

    @property
    def failures(self) -> tuple[TableResult, ...]:
        """The tables that broke."""
        return tuple(table for table in self.tables if table.failure)


@dataclass(frozen=True)
class StudyOutcome:
    """A study's result and its files."""

    result: StudyResult
    folder: Path
    exit_code: int
    """0, or 1 if a table broke."""
