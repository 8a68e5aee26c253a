"""Spaces: domains at dotted paths, some of which depend on others, and how a search goes about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.artifacts import InputError, Spec
from tasks.domains import Choice, Domain, Integers, LogUniform, Quantized, Uniform, accepted, is_same
from tasks.mismatches import unsuited, wrong_condition

__all__ = [
    "Budgeted", "Choice", "Domain", "Integers", "LogUniform", "Point", "Quantized", "Resources", "Search", "Space",
    "Uniform", "applies", "grid", "is_member", "ordered", "restrict", "settings",
]  # fmt: skip

Point = dict[str, Any]
"""Dotted path → value; the paths of domains that do not apply are absent."""
Space = Mapping[str, Domain]
LARGEST = 100_000
"""The most trials of a search."""
DEFAULT_TRIALS = 16
"""Of a search that is given neither trials nor minutes."""
COSTS = {"latency": "latency_ms", "bytes": "bytes"}
"""What a search minimizes → the name of the measured number."""


def applies(domain: Domain, point: Mapping[str, Any]) -> bool:
    """Whether the domain's conditions hold; one on a path that is absent from the point does not."""
    return all(
        path in point and any(is_same(point[path], each) for each in accepted(value))
        for path, value in domain.when.items()
    )


def ordered(space: Space) -> list[str]:
    """The paths, each after those that it depends on, else in the order of the space.

    Raises:
        ValueError: conditions go in a circle; its argument is the list of paths, the first one again at the end.
    """
    found: list[str] = []

    def visit(path: str, way: list[str]) -> None:
        if path in way:
            raise ValueError([*way[way.index(path) :], path])
        if path not in found:
            for other in space[path].when:
                visit(other, [*way, path])
            found.append(path)

    for path in space:
        visit(path, [])
    return found


def restrict(point: Mapping[str, Any], space: Space) -> Point:
    """The part of a point that applies, in the order of `ordered`."""
    found: Point = {}
    for path in ordered(space):
        if path in point and applies(space[path], found):
            found[path] = point[path]
    return found


def is_member(point: Mapping[str, Any], space: Space) -> bool:
    """Whether a search over the space could draw the point: exactly the paths that apply, each within its domain."""
    due = {path for path, domain in space.items() if applies(domain, point)}
    return due == set(point) and all(space[path].has(point[path]) for path in due)


def grid(space: Space) -> list[Point]:
    """Every combination of the values of an enumerable space, the last path turning fastest.

    Raises:
        ValueError: there are more than 100,000.
    """

    def combine(paths: list[str], point: Point) -> Iterator[Point]:
        if not paths:
            yield point
            return
        path, *rest = paths
        values = space[path].values() or () if applies(space[path], point) else None
        for more in [{}] if values is None else ({path: value} for value in values):
            yield from combine(rest, {**point, **more})

    points = list(islice(combine(ordered(space), {}), LARGEST + 1))
    if len(points) > LARGEST:
        raise ValueError(f"must have at most {LARGEST:,} points for a grid")
    return points


def settings(path: str, space: Space) -> list[Point]:
    """The values of other paths under which a path applies, one way each; empty when there is no such way."""
    needed: dict[str, list[Any]] = {}

    def need(domain: Domain) -> None:
        for other, value in domain.when.items():
            needed.setdefault(other, []).extend(accepted(value))
            need(space[other])

    need(space[path])
    ways = (dict(zip(needed, values, strict=True)) for values in product(*needed.values()))
    found = [way for way in ways if all(applies(space[each], way) for each in (path, *needed))]
    return [way for place, way in enumerate(found) if way not in found[:place]]


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


class Budgeted(Spec):
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
    def _space_can_be_searched(self) -> Budgeted:
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


class Search(Budgeted):
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
