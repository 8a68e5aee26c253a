"""Members: the spec of an ensemble of simple models of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tasks.core import InputError, Spec
from tasks.models.family_names import FamilyName


class Member(Spec):
    """One of the simple models of an ensemble."""

    family: FamilyName
    """The kind of model."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the library's class; absent ones have defaults for the table's size."""
    seed: int | None = Field(default=None, ge=0)
    """Absent: the seed of the ensemble."""


class EnsembleSpec(Spec):
    """Several simple models of a table, with one answer."""

    kind: Literal["average", "stacking"] = "average"
    """`average`: of probabilities or predictions. `stacking`: a logistic or a ridge regression on what they answer for
    rows that they were not fitted on."""
    members: tuple[Member, ...] = Field(min_length=2)
    """The models; no two are the same."""
    weights: Literal["equal", "fitted"] = "equal"
    """Of an average: `fitted` weighs the members so that the squared error of their answers for rows that they were not
    fitted on is least."""
    folds: int = Field(default=5, ge=3, le=50)
    """Parts of the train split, each of which is answered by members fitted on others."""

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        for place, member in enumerate(self.members):
            if member in self.members[:place]:
                law = "must differ from the members before it; another seed or argument is enough"
                raise ValueError(InputError(law, path=f"members.{place}", value=member.family))
        if self.kind == "stacking" and self.weights != "equal":
            law = "suits kind: average only; stacking fits a regression"
            raise ValueError(InputError(law, path="weights", value=self.weights))
        return self

    @property
    def needs_folds(self) -> bool:
        """Whether answers for rows that the members were not fitted on are needed."""
        return self.kind == "stacking" or self.weights == "fitted"


def check_combination(
    ensemble: EnsembleSpec, quantile: float | None, monotone: Mapping[str, int], within: str = ""
) -> None:
    """Checks that the combination of an ensemble's answers keeps what is asked of its members.

    Raises:
        ValueError: its argument is an InputError, whose path is `within` and the name of a knob. Least squares would
            turn quantiles into means, and a stacked regression may turn a monotone column round.
    """
    name = "kind" if ensemble.kind == "stacking" else "weights"
    nearest = "average" if name == "kind" else "equal"
    law = None
    if quantile is not None and ensemble.needs_folds:
        law = f"must be {nearest} where a quantile is predicted: least squares would find the mean"
    elif monotone and ensemble.kind == "stacking":
        law = "must be average where columns are monotone: its regression may turn them round"
    if law is not None:
        error = InputError(law, path=f"{within}{name}", value=getattr(ensemble, name), nearest=nearest)
        raise ValueError(error)
