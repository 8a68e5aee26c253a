"""Findings: the results of a run and of its branches, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from flows.recipe.schema import Recipe
from tasks.compression.branch import Branch
from tasks.conversion.engine_trials import EngineTrial
from tasks.core import Candidate, Estimate, LibraryComparison, MetricSpec, Prepared, RunProfile, Scorecard
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.evaluation.selection import Selection
from tasks.kernels.statistics.metrics import Metric
from tasks.models.family_names import FamilyName
from tasks.search.results import SearchResult

Role = Literal["baseline", "candidate", "control"]


@dataclass(frozen=True)
class Stage:
    """The model after one step of a branch, as it is and exported to an ONNX file."""

    label: str
    """The step's title, such as `channels sparsity 0.5`; `baseline` before the first step."""
    model: Candidate
    exported: Candidate


@dataclass(frozen=True)
class BranchResult:
    """The result of one branch, a row of the final table: it ends with a candidate or with a refusal."""

    name: str
    role: Role
    stages: tuple[Stage, ...]
    """The baseline first, then one stage for each step that succeeded."""
    refusal: str | None = None
    """Which step refused or broke, and why; None when none did."""
    branch: str = ""
    """The branch that made the file, where a second engine runs it and the result has a name of its own."""

    @property
    def branch_name(self) -> str:
        """Name of the branch whose steps made the file."""
        return self.branch or self.name

    @property
    def product(self) -> Candidate | None:
        """The ONNX candidate at the end; None when a step refused or broke."""
        return None if self.refusal else self.stages[-1].exported


@dataclass(frozen=True)
class FoundBranches:
    """The outcome of a search for branches."""

    tuned: SearchResult
    branches: tuple[Branch, ...]
    """The branches found with the best scores, best first. A recipe that names them makes the same files without a
    search."""
    results: tuple[BranchResult, ...]
    """The results of `branches`, in the same order."""


@dataclass(frozen=True)
class Entrant:
    """A simple model that was tried as the baseline."""

    name: str
    """The family, and what sets it apart where a family was tried with several arguments."""
    family: FamilyName
    arguments: dict[str, Any]
    """Those of its library that are not the family's defaults."""
    score: float
    """The goal's metric, with the sign that makes higher better; -inf of a model that could not be made, whose branch
    says why, and of one that was not begun."""
    seconds: float = 0.0
    """How long its fits took when they were made."""
    began: bool = True
    """False where the time was over before its turn."""
    folds: int = 0
    """In how many folds of train and validation it was scored; 0 where it was scored on the validation split."""


@dataclass(frozen=True)
class TaughtGain:
    """What a branch gained because the baseline taught its model."""

    branch: str
    gain: Estimate
    """How much better its metric is on validation than that of the same model fitted on the targets, paired; above 0
    is better."""


@dataclass(frozen=True)
class Refit:
    """The baseline and the chosen file, fitted again on train and validation together; the test judges these."""

    baseline: Candidate
    chosen: Candidate
    rows: int
    """Rows on which they were fitted; 0 where that did not succeed and both are as they were."""
    refusal: str = ""
    """Why not; empty where it succeeded."""


@dataclass(frozen=True)
class EnsembleGain:
    """What an ensemble of networks gains over the best of its members, on the validation split."""

    members: int
    best: str
    """The best member in a few words."""
    gain: Estimate
    """How much better the metric of the ensemble is, paired; above 0 is better."""


@dataclass(frozen=True)
class StepGain:
    """What a step of the augmentation gains."""

    place: int
    """Its place in `augment`, from 0."""
    gain: Estimate
    """How much better the metric is on validation with the step than without it, paired; above 0 is better."""


@dataclass(frozen=True)
class Findings:
    """All results of one run."""

    recipe: Recipe
    """The recipe with the best point of its search, and the branches found, in place of its searches."""
    prepared: Prepared
    tuned: SearchResult | None
    """The search over training values; None without one."""
    results: tuple[BranchResult, ...]
    """The baseline first, then the recipe's branches and their dense controls, then the branches found and theirs."""
    cards: dict[str, Scorecard]
    """Validation scorecards of every stage, by the digest of its ONNX candidate."""
    choice: Selection
    """The choice by validation scorecards."""
    product: Candidate
    """The chosen candidate if `meets_goal`, otherwise the baseline, fitted again where there is a `refit`; an ONNX
    file."""
    test: dict[str, Scorecard]
    """Test scorecards of the baseline and of the chosen candidate, fitted again where there is a `refit`, by digest."""
    meets_goal: bool
    """Whether the chosen candidate meets the goal on validation and test does not refute it (`holds_on_test`)."""
    host: str
    """Name of the host on which latency was measured (`machine.host_name`)."""
    found: FoundBranches | None = None
    """The search for branches; None without one."""
    file: str = ""
    """Digest of the product's file with its answer rule; empty where it has none."""
    entrants: tuple[Entrant, ...] = ()
    """The simple models that were tried as the baseline, the best first; empty where the recipe names its model."""
    library: LibraryComparison | None = None
    """The product beside the same model in Python; None where the product did not begin as a simple model."""
    profile: RunProfile | None = None
    """How baseline and product run beside the recipe's own batch; None where the findings were stored without."""
    lessons: tuple[TaughtGain, ...] = ()
    """For each branch that the baseline taught, what it gained by that."""
    augmentation: tuple[StepGain, ...] = ()
    """What each step of `augment` gains; empty where the recipe does not ask."""
    ensemble: EnsembleGain | None = None
    """What the baseline gains over its best member; None where it is no ensemble of networks."""
    refit: Refit | None = None
    """The last fits of simple models; None where there were none."""
    trials: tuple[EngineTrial, ...] = ()
    """What a first look found in a second engine; empty without one."""
    train_score: Estimate | None = None
    """The baseline's metric on train examples; None where it was not trained here, or by its nature knows them."""

    @property
    def product_file(self) -> str:
        """Digest of the file that goes out."""
        return self.file or self.product.content

    @property
    def metric_spec(self) -> MetricSpec:
        """The goal's metric on these data."""
        return metric_spec(self.recipe.goal, self.prepared.dataset)

    @property
    def metric(self) -> Metric:
        """The metric itself."""
        return metric_of(self.metric_spec)

    @property
    def baseline(self) -> Scorecard:
        """The baseline's test scorecard."""
        return self.test[self.refit.baseline.digest if self.refit else self.results[0].stages[0].exported.digest]

    @property
    def tested(self) -> Scorecard:
        """The test scorecard of the candidate that validation chose."""
        return self.test[self.refit.chosen.digest if self.refit else self.choice.chosen]

    @property
    def origin(self) -> str:
        """Digest of the product as validation saw it: before it was fitted again."""
        return self.choice.chosen if self.meets_goal else self.results[0].stages[0].exported.digest

    @property
    def has_learned(self) -> bool:
        """Whether the baseline is better than the constant answer on the test split, by the estimate."""
        return all(each.verdict != "no better" for each in self.baseline.references[:1])
