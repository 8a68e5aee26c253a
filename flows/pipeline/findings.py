"""Findings: what a run worked out, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flows.recipe.schema import Recipe
from tasks.compression.branch import Branch
from tasks.core import Candidate, Prepared, Scorecard
from tasks.evaluation.selection import Selection
from tasks.search.results import Tuned

Role = Literal["baseline", "candidate", "control"]


@dataclass(frozen=True)
class Stage:
    """The model after one step of a branch, as it is and as an ONNX file."""

    label: str
    model: Candidate
    exported: Candidate


@dataclass(frozen=True)
class BranchResult:
    """One row of the final table: the way from the baseline to a candidate, or to the refusal on the way."""

    name: str
    role: Role
    stages: tuple[Stage, ...]
    refusal: str | None = None

    @property
    def product(self) -> Candidate | None:
        """The ONNX candidate at the end; None when a step refused."""
        return None if self.refusal else self.stages[-1].exported


@dataclass(frozen=True)
class FoundBranches:
    """What a search brought."""

    tuned: Tuned
    branches: tuple[Branch, ...]
    """The best, the very best first; the recipe with them gives the same files without a search."""
    lines: tuple[BranchResult, ...]
    """The same branches, with the candidates of their stages."""


@dataclass(frozen=True)
class Findings:
    """Everything that one run worked out."""

    recipe: Recipe
    """With the best point of the search in it, in place of the search."""
    prepared: Prepared
    tuned: Tuned | None
    lines: tuple[BranchResult, ...]
    """The baseline first, then the branches, then the dense controls."""
    cards: dict[str, Scorecard]
    """Validation scorecards of every stage, by the digest of its ONNX candidate."""
    choice: Selection
    product: Candidate
    test: dict[str, Scorecard]
    """The baseline and the chosen one on the test split."""
    meets_goal: bool
    """On validation, and not refuted on test."""
    host: str
    searched: FoundBranches | None = None
    """The search for branches, if the recipe asks for one."""
