"""Study outcome: what a study found, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flows.recipe.schema import Recipe
from tasks.core import Estimate
from tasks.study.design import UnsuitedTable
from tasks.study.effects import Measured
from tasks.study.verdicts import MetricUnit, TableResult


@dataclass(frozen=True)
class Recommendation:
    """A line of the recommended recipe that is not as it was given."""

    path: str
    """Dotted path in the recipe."""
    value: object
    why: str
    """The table and the figure behind it."""


MODEL = "model."
"""Where the paths of changes begin that make another model."""


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
class Suspect:
    """A train row that looks mislabelled: models that were trained on other rows are sure of another answer."""

    row: int
    """Its place in the train part, counted from 0."""
    label: str
    """Its class, or its number."""
    seems: str
    """The class that it seems to be of, or the number that is predicted."""
    source_row: int | None = None
    """Its row in the source, counted from 0; None where train has several sources."""


@dataclass(frozen=True)
class StudyResult:
    """All that a study found."""

    asked: Recipe
    tables: tuple[TableResult, ...]
    left_out: tuple[UnsuitedTable, ...]
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
    measured: tuple[tuple[str, Measured], ...] = ()
    """(table, measurement), in the order in which they were made."""
    lower_is_better: bool = False
    """Whether a smaller score is better."""
    suspects: tuple[Suspect, ...] = ()
    """The train rows that the table `data` left out as likely mislabelled, for the person to look at: the report lists
    them, and a file of the study has them all. Empty without that table."""
    withdrawn: str = ""
    """Why another model is not recommended although a table did (`confirmation.Settled`); else empty."""

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
    recommended: Path | None = None
    """The recommended recipe's file; None where its changes do not go together."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Where people see its run (`run_links`)."""

    @property
    def report(self) -> Path:
        """The report's file."""
        return self.folder / "report.html"
