"""Search spec: the recipe's settings of a search, its algorithm, budget and space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec
from tasks.search.compatibility import unsuited_domain, wrong_condition
from tasks.search.domains import Domain
from tasks.search.space import LARGEST, enabling_settings, grid, ordered

DEFAULT_TRIALS = 16
"""Trials of a search for which neither trials nor minutes are given."""
COSTS = {"latency": "latency_ms", "bytes": "bytes"}
"""`Search.minimize` → the key in `Trial.measured`."""


class Resources(Spec):
    """The resources of one trial."""

    cpus: float = Field(default=1, gt=0)
    """Processor cores; a trial computes with this many threads, at least one."""
    gpus: float = Field(default=0, ge=0)
    """GPUs: a fraction below 1, so that trials share a GPU, or a whole number."""

    @model_validator(mode="after")
    def _share_or_whole(self) -> Resources:
        if self.gpus > 1 and not self.gpus.is_integer():
            law = "must be a fraction below 1 or a whole number"
            raise ValueError(InputError(law, path="gpus", value=self.gpus, nearest=round(self.gpus)))
        return self


class SearchBudget(Spec):
    """The algorithm of a search, its space, and its budget."""

    algorithm: Literal["grid", "random", "tpe", "gp", "nsga2", "cmaes", "pbt"] = "tpe"
    """`grid` tries every combination of a space without continuous domains. `tpe` (Bergstra et al. 2011), `gp` (a
    Gaussian process), `nsga2` (Deb et al. 2002) and `cmaes` (Hansen 2001) learn from earlier trials. `gp` draws
    domains with a condition at random; `cmaes` takes neither choices nor conditions. `pbt` (Jaderberg et al. 2017)
    finds values that change during training."""
    scheduler: Literal["asha", "hyperband", "median", "none"] = "asha"
    """What stops trials early: `asha` (Li et al. 2020) and `hyperband` (Li et al. 2018) stop those outside the best
    part at the same epoch, `median` (Golovin et al. 2017) those below the others' median. `pbt` uses none: it replaces
    weak networks by copies of strong ones. Simple models, which report once, have none."""
    trials: int | None = Field(default=None, ge=1, le=LARGEST)
    """Most points to try. Absent: 16, or with `minutes` as many as fit. A grid has its own number."""
    minutes: float | None = Field(default=None, gt=0)
    """Most minutes for the search; the best point found by then is its result."""
    epochs: int | None = Field(default=None, ge=1)
    """Most epochs of one trial. Absent: as many as the training that is searched has."""
    seed: int = Field(default=0, ge=0)
    """Seed of the choice of points."""
    concurrency: int | None = Field(default=None, ge=1)
    """Most trials that run at the same time. Absent: as many as the resources allow."""
    resources: Resources = Resources()
    """The resources of one trial."""
    warm_start: bool = True
    """Whether the search learns from earlier searches of the same name that are recorded in MLflow."""
    space: dict[str, Domain] = Field(default_factory=dict)
    """Dotted path → domain, for example `train.learning_rate: {loguniform: [1e-4, 1e-1]}`; with `when` if it depends
    on another path: `train.momentum: {uniform: [0.5, 0.99], when: {train.optimizer: sgd}}`."""

    @property
    def count(self) -> int | None:
        """Most trials that there will be; None when only time limits them."""
        if self.algorithm == "grid" and self.space:
            return len(grid(self.space))
        return self.trials if self.trials or self.minutes else DEFAULT_TRIALS

    @property
    def cost(self) -> str | None:
        """Key in `Trial.measured` that is minimized as the second objective; None without one."""
        return None

    @property
    def way(self) -> str:
        """Algorithm and scheduler, as text."""
        return f"{self.algorithm}, {self.scheduler}"

    @property
    def budget(self) -> str:
        """Trials and minutes, as text."""
        trials = "trials" if self.count is None else f"{self.count} trial{'s' * (self.count > 1)}"
        return trials + (f" within {self.minutes:g} minutes" if self.minutes else "")

    @model_validator(mode="after")
    def _space_can_be_searched(self) -> SearchBudget:
        for path, domain in self.space.items():
            for said in (wrong_condition(path, self.space), unsuited_domain(path, domain, self.algorithm)):
                if said:
                    raise ValueError(said)
        try:
            ordered(self.space)
            _ = self.count
        except ValueError as error:
            circle = error.args[0]
            law = circle if isinstance(circle, str) else f"has conditions in a circle: {' → '.join(circle)}"
            raise ValueError(InputError(law, path="space")) from None
        for path in self.space:
            if not enabling_settings(path, self.space):
                law = "never applies, because its conditions exclude one another"
                raise ValueError(InputError(law, path=f"space.{path}.when", value=self.space[path].when))
        return self


class Search(SearchBudget):
    """A search over values of the recipe."""

    space: dict[str, Domain] = Field(min_length=1)
    """Dotted path → domain, as in every search. Of a network: `train.`, `augment.`, `preprocess.`, `model.factory` and
    `model.arguments.`; of a simple model `model.family`, `model.factory`, `model.arguments.`, `model.balanced` and
    `preprocess.`"""
    minimize: Literal["latency", "bytes"] | None = None
    """A second objective besides the score: the algorithm searches the Pareto front of both, and the result is the
    trial with the least cost within `goal.max_drop` of the best score. The scheduler uses the score alone. A network
    beyond `goal.limits` is never trained. Absent: the trial with the best score is the result."""
    population: int = Field(default=8, ge=2, le=1000)
    """Networks that `pbt` trains side by side; copies of the best quarter replace the worst quarter."""
    generations: int = Field(default=5, ge=1, le=1000)
    """Number of stages into which `pbt` divides the epochs; after each stage the networks are compared."""

    @property
    def count(self) -> int | None:
        """Most trials that there will be; with `pbt`, each stage of each network is one."""
        if self.algorithm != "pbt":
            return super().count
        return min(self.trials or LARGEST, self.population * self.generations)

    @property
    def way(self) -> str:
        """Algorithm and scheduler, as text; with `pbt`, population and generations."""
        if self.algorithm != "pbt":
            return super().way
        return f"pbt, a population of {self.population} through {self.generations} generations"

    @property
    def cost(self) -> str | None:
        """Key in `Trial.measured` that is minimized as the second objective; None without one."""
        return COSTS[self.minimize] if self.minimize else None

    @model_validator(mode="after")
    def _algorithm_takes_both(self) -> Search:
        if self.minimize and self.algorithm == "cmaes":
            law = "takes one objective only, and minimize is a second one"
            raise ValueError(InputError(law, path="algorithm", value=self.algorithm, nearest="tpe or nsga2"))
        return self

    @model_validator(mode="after")
    def _population_suits(self) -> Search:
        if self.algorithm == "pbt" and self.scheduler not in ("asha", "none"):
            law = "must be none, since the algorithm is pbt, which has others go on in the place of those behind"
            raise ValueError(InputError(law, path="scheduler", value=self.scheduler, nearest="none"))
        if self.algorithm == "pbt" and self.minimize:
            law = "must be left out, since the algorithm is pbt: what it changes makes no file smaller or faster"
            raise ValueError(InputError(law, path="minimize", value=self.minimize))
        return self
