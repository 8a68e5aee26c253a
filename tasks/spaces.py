"""Spaces: which dotted paths of the recipe a search turns, within which domains, and how it goes about it."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tasks.artifacts import InputError, Spec

Point = dict[str, Any]
"""Dotted path of the recipe → value."""


class Choice(Spec):
    """One of the given values."""

    choice: tuple[Any, ...] = Field(min_length=1)


class _Range(Spec):
    def bounds(self) -> tuple[float, float]:
        """(low, high)."""
        low, high = next(iter(self.model_dump().values()))
        return low, high

    @model_validator(mode="after")
    def _ordered(self) -> _Range:
        low, high = self.bounds()
        if not low < high:
            raise ValueError(f"the first number must be below the second, but got {[low, high]}")
        return self


class Uniform(_Range):
    """A number between two others."""

    uniform: tuple[float, float]


class LogUniform(_Range):
    """A positive number between two others, its logarithm uniform."""

    loguniform: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class Integers(_Range):
    """A whole number from the first to the second, both included."""

    integers: tuple[int, int]


Domain = Choice | Uniform | LogUniform | Integers


class Search(Spec):
    """How the space is searched."""

    algorithm: Literal["random", "grid", "tpe"] = "tpe"
    """`grid` tries every combination of choices; `tpe` learns from the trials before (Optuna)."""
    scheduler: Literal["asha", "none"] = "asha"
    """`asha` stops trials early that are behind at the same epoch (Li et al. 2020)."""
    trials: int = Field(default=16, ge=1, le=100_000)
    """How many points are tried; a grid has its own number."""
    minutes: float | None = Field(default=None, gt=0)
    """Time budget; what was found by then counts."""
    epochs: int | None = Field(default=None, ge=1)
    """The most epochs of one trial. Absent: as many as `train.epochs`."""
    seed: int = 0
    """Decides the points."""
    space: dict[str, Domain] = Field(min_length=1)
    """Dotted path of the recipe → domain, for example `train.learning_rate: {loguniform: [1e-4, 1e-1]}`."""

    @model_validator(mode="after")
    def _grid_of_choices(self) -> Search:
        for path, domain in self.space.items():
            if self.algorithm == "grid" and not isinstance(domain, Choice):
                law, choice = "must be a choice, since search.algorithm is grid", {"choice": list(domain.bounds())}
                got = domain.model_dump(mode="json")
                raise ValueError(InputError(law, path=f"space.{path}", value=got, nearest=choice))
        return self

    @property
    def count(self) -> int:
        """How many trials there will be."""
        if self.algorithm != "grid":
            return self.trials
        return math.prod(len(domain.choice) for domain in self.space.values() if isinstance(domain, Choice))


def corner_points(search: Search) -> list[Point]:
    """Points at both ends of every domain, so that a space can be validated before anything runs."""
    ends = {path: _ends(domain) for path, domain in search.space.items()}
    size = max(len(values) for values in ends.values())
    return [{path: values[min(index, len(values) - 1)] for path, values in ends.items()} for index in range(size)]


def _ends(domain: Domain) -> tuple[Any, ...]:
    return domain.choice if isinstance(domain, Choice) else domain.bounds()
