"""Ensemble spec: several simple models of a table as one, as a step of a branch and as the recipe's model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.models.ensembles.members import EnsembleSpec, Member, check_combination
from tasks.models.model_spec import ModelSpec
from tasks.training.simple.fit_spec import Fit


class Ensemble(EnsembleSpec):
    """Fits several simple models on the columns of a table; the first step of a branch.

    Members, preprocessing and the combination of their answers become one ONNX file that takes the raw columns. Its
    latency and its bytes are the sum of those of its members.

    Card: docs/techniques/ensemble.md.
    """

    step: Literal["ensemble"] = "ensemble"
    balanced: bool = False
    """Whether every class counts as much as every other, however rare it is."""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """Of a regression: the quantile that is predicted in place of the mean; then the members are only averaged."""
    monotone: dict[str, Literal[-1, 1]] = Field(default_factory=dict)
    """Number column → 1 where the answer may only rise with it, -1 where it may only fall. Not with `stacking`, whose
    regression may turn it round."""
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _combines_what_members_predict(self) -> Ensemble:
        check_combination(self, self.quantile, self.monotone)
        return self


def ensemble_of(model: ModelSpec, seed: int) -> Ensemble:
    """The ensemble of a recipe's model, which has one."""
    assert model.simple_ensemble is not None
    shared = model.model_dump(include={"balanced", "quantile", "monotone"}, exclude_defaults=True)
    own = model.simple_ensemble.model_dump(exclude_defaults=True)
    return Ensemble.model_validate(own | shared | ({"seed": seed} if seed else {}))


def fits_of(spec: Ensemble) -> list[Fit]:
    """The fit of each member."""
    return [fit_of_member(member, spec) for member in spec.members]


def fit_of_member(member: Member, spec: Ensemble) -> Fit:
    """A member with what it shares with all others."""
    shared = spec.model_dump(include={"balanced", "quantile", "monotone", "seed"}, exclude_defaults=True)
    own = member.model_dump(exclude_defaults=True)  # a step's title has only what was set
    return Fit.model_validate(shared | own)
