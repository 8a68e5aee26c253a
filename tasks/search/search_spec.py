"""search_spec."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec
from tasks.search.compatibility import unsuited, wrong_condition
from tasks.search.domains import Domain
from tasks.search.space import LARGEST, grid, ordered, settings

DEFAULT_TRIALS = 16
"""Of a search that is given neither trials nor minutes."""
COSTS = {"latency": "latency_ms", "bytes": "bytes"}
"""What a search minimizes → the name of the measured number."""


class Resources(Spec):
    """What one trial takes of a machine."""

    cpus: float = Field(default=1, gt=0)
    """Processor cores; a trial computes with as many threads, at least one."""
    gpus: float = Field(default=0, ge=0)
    """GPUs: a fraction below 1, so that trials share one, or a whole number."""

    @model_validator(mode="after")
    def _share_or_whole(self) -> Resources:
        if self.gpus > 1 and not self.gpus.is_integer():
            law = "must be a fraction below 1 or a whole number"
            raise ValueError(InputError(law, path="gpus", value=self.gpus, nearest=round(self.gpus)))
        return self


class SearchBudget(Spec):
    """How a search goes about its space, and what it may spend."""

    algorithm: Literal["grid", "random", "tpe", "gp", "nsga2", "cmaes", "pbt"] = "tpe"
    """`grid` tries every combination of a space without continuous domains. `tpe` (Bergstra et al. 2011), `gp` (a
    Gaussian process), `nsga2` (Deb et al. 2002) and `cmaes` (Hansen 2001) learn from the trials before. `gp` draws
    domains with a condition at random; `cmaes` takes neither choices nor conditions. `pbt` (Jaderberg et al. 2017)
    finds values that change while a network trains."""
    scheduler: Literal["asha", "hyperband", "median", "none"] = "asha"
    """What stops trials early: `asha` (Li et al. 2020) and `hyperband` (Li et al. 2018) those behind the better part at
    the same epoch, `median` (Golovin et al. 2017) those below the median of the others. `pbt` stops none: it has others
    go on in their place."""
    trials: int | None = Field(default=None, ge=1, le=LARGEST)
    """How many points are tried, at most. Absent: 16, or with `minutes` as many as fit. A grid has its own number."""
    minutes: float | None = Field(default=None, gt=0)
    """Time for the search, at most; what was found by then counts."""
    epochs: int | None = Field(default=None, ge=1)
    """The most epochs of one trial. Absent: as many as the training under search has."""
    seed: int = Field(default=0, ge=0)
    """Decides the points."""
    concurrency: int | None = Field(default=None, ge=1)
    """How many trials run at once, at most. Absent: as many as the resources allow."""
    resources: Resources = Resources()
    """What one trial takes."""
    warm_start: bool = True
    """Whether it begins from what MLflow remembers of earlier searches of the same name."""
    space: dict[str, Domain] = Field(default_factory=dict)
    """Dotted path → domain, for example `train.learning_rate: {loguniform: [1e-4, 1e-1]}`, with `when` if it depends
    on another: `train.momentum: {uniform: [0.5, 0.99], when: {train.optimizer: sgd}}`."""

    @property
    def count(self) -> int | None:
        """How many trials there will be at most; None when only time limits them."""
        if self.algorithm == "grid" and self.space:
            return len(grid(self.space))
        return self.trials if self.trials or self.minutes else DEFAULT_TRIALS

    @property
    def cost(self) -> str | None:
        """The name of the measured number that is minimized beside the score."""
        return None

    @property
    def way(self) -> str:
        """How it goes about its space, in words."""
        return f"{self.algorithm}, {self.scheduler}"

    @property
    def budget(self) -> str:
        """Trials and minutes in words."""
        trials = "trials" if self.count is None else f"{self.count} trial{'s' * (self.count > 1)}"
        return trials + (f" within {self.minutes:g} minutes" if self.minutes else "")

    @model_validator(mode="after")
    def _space_can_be_searched(self) -> SearchBudget:
        for path, domain in self.space.items():
            for said in (wrong_condition(path, self.space), unsuited(path, domain, self.algorithm)):
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
            if not settings(path, self.space):
                law = "never applies, because its conditions exclude one another"
                raise ValueError(InputError(law, path=f"space.{path}.when", value=self.space[path].when))
        return self


class Search(SearchBudget):
    """A search over values of the recipe."""

    space: dict[str, Domain] = Field(min_length=1)
    """As in every search; paths begin with `train.`, `model.arguments.` or `augment.`"""
    minimize: Literal["latency", "bytes"] | None = None
    """A second objective beside the score: the algorithm looks for the front of both, and of the trials within
    `goal.max_drop` of the best score, the one whose file takes the least of it is the answer. The scheduler goes by the
    score alone. Absent: the best score is the answer. A network beyond `goal.limits` is never trained."""
    population: int = Field(default=8, ge=2, le=1000)
    """How many networks `pbt` trains side by side; the better quarter is copied to the worse quarter's places."""
    generations: int = Field(default=5, ge=1, le=1000)
    """Into how many stages `pbt` divides the epochs: after each of them the networks are compared."""

    @property
    def count(self) -> int | None:
        """As in every search; each stage of each network of a population is a trial."""
        if self.algorithm != "pbt":
            return super().count
        return min(self.trials or LARGEST, self.population * self.generations)

    @property
    def way(self) -> str:
        """As in every search."""
        if self.algorithm != "pbt":
            return super().way
        return f"pbt, a population of {self.population} through {self.generations} generations"

    @property
    def cost(self) -> str | None:
        """As in every search."""
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
