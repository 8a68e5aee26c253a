"""Fit spec: a simple model of a table, as a step of a branch and as the recipe's model."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tasks.core import Spec
from tasks.models.model_spec import FamilyName, ModelSpec


class Fit(Spec):
    """Fits a simple model on the columns of a table; the first step of a branch.

    The model and its preprocessing become one ONNX file that takes the raw columns.

    Card: docs/techniques/fit.md.
    """

    step: Literal["fit"] = "fit"
    family: FamilyName
    """The kind of model."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the library's class, for example `n_estimators`; absent ones have defaults for the table's size."""
    balanced: bool = False
    """Whether every class counts as much as every other, however rare it is."""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """Of a regression: the quantile that is predicted in place of the mean."""
    monotone: dict[str, Literal[-1, 1]] = Field(default_factory=dict)
    """Number column → 1 where the answer may only rise with it, -1 where it may only fall."""
    seed: int = Field(default=0, ge=0)


def fit_of(model: ModelSpec, seed: int) -> Fit:
    """The fit of a recipe's model, whose family must be named and not `auto`."""
    knobs = model.model_dump(include={"family", "arguments", "balanced", "quantile", "monotone"}, exclude_defaults=True)
    return Fit.model_validate(knobs | ({"seed": seed} if seed else {}))  # a step's title has only what was set
