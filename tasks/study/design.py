"""Design: what one table of a study varies, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tasks.study.study_spec import TableName

Cost = Literal["none", "training", "latency", "bytes"]
"""What a cell may cost or save beside the score: seconds of training, or the product's latency or bytes."""
Kind = Literal["score", "speed"]
"""What a table is about: the score, beside which costs stand, or the speed alone."""


@dataclass(frozen=True)
class Cell:
    """One setting of a table."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    """What it changes in the recipe: dotted path → value."""
    options: tuple[Mapping[str, Any], ...] = ()
    """Further changes, of which the best on validation is chosen with a seed of its own before the seeds that count:
    an optimizer's learning rates."""
    steps: tuple[Mapping[str, Any], ...] = ()
    """Steps that follow the baseline, as in a branch of the recipe."""
    train_share: float = 1.0
    """The share of the train rows that are used."""
    without_suspects: bool = False
    """Whether train rows that are likely mislabelled are left out."""
    timing: Mapping[str, Any] = field(default_factory=dict)
    """Of a table of speed: how the training runs, as the fields of a `TrainingSetup`."""
    recommended: bool = True
    """Whether the cell can stand in a recipe. Fewer rows of data cannot."""


@dataclass(frozen=True)
class Design:
    """A table: a reference and the cells that are compared with it, each with the same seeds."""

    name: TableName
    title: str
    question: str
    varied: str
    held: str
    cells: tuple[Cell, ...]
    """The first is the reference."""
    cost: Cost = "none"
    kind: Kind = "score"
    note: str = ""
    """What a reader should know of the numbers, in a sentence; empty for nothing."""
    has_one_pace: bool = False
    """Whether an epoch is the same work in all cells, so that their seconds are compared by epochs (`at_one_pace`)."""

    @property
    def reference(self) -> Cell:
        """The cell with which all others are compared."""
        return self.cells[0]

    @property
    def comparisons(self) -> int:
        """The number of comparisons, for which the intervals are corrected; at least 1."""
        return max(1, len(self.cells) - 1)


@dataclass(frozen=True)
class UnsuitedTable:
    """A table that does not suit the data or the model, and why."""

    name: TableName
    title: str
    reason: str
