"""Fit spec: a simple model of a table, as a step of a branch and as the recipe's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec
from tasks.data.tables.column_steps import ColumnStep
from tasks.models.family_names import FamilyName
from tasks.models.model_spec import Features, ModelSpec, Own


class Fit(Spec):
    """Fits a simple model on the columns of a table; the first step of a branch.

    The model and its preprocessing become one ONNX file that takes the raw columns.

    Card: docs/techniques/fit.md.
    """

    step: Literal["fit"] = "fit"
    family: FamilyName | Own = "own"
    """The kind of model; `own` is what a factory gives."""
    factory: str | None = Field(default=None, exclude_if=lambda factory: factory is None)
    """`module:callable`, which gives a scikit-learn estimator or Pipeline."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the library's class, for example `n_estimators`; absent ones have defaults for the table's size. Of
    a factory, its keyword arguments."""
    balanced: bool = False
    """Whether every class counts as much as every other, however rare it is."""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """Of a regression: the quantile that is predicted in place of the mean."""
    monotone: dict[str, Literal[-1, 1]] = Field(default_factory=dict)
    """Number column → 1 where the answer may only rise with it, -1 where it may only fall."""
    features: Features = Field(default=None, exclude_if=lambda features: features is None)
    """How many raw columns are kept, a share below 1 or a count: those whose mixing harms a first fit most on a part of
    train that it was not fitted on. The others are no inputs of the file. Absent: all."""
    seed: int = Field(default=0, ge=0)
    rounds: int | None = Field(default=None, ge=1, exclude_if=lambda rounds: rounds is None)
    """Of a boosted family: how many rounds it takes, whatever validation says. Absent: validation stops it early."""
    taught: bool = Field(default=False, exclude_if=lambda taught: not taught)
    """Whether it is fitted on the baseline's answers in place of the targets: for rows of train, what the baseline's
    model answers where it was not fitted on them; for synthetic rows, what its file answers. The baseline is a simple
    model or an ensemble. The same fit on the targets is run beside it."""
    synthetic: float = Field(default=1.0, ge=0, le=20, exclude_if=lambda times: times == 1.0)
    """Taught: synthetic rows for each row of train, made by mixing rows of train."""
    hard_weight: float = Field(default=0.5, ge=0, le=1, exclude_if=lambda weight: weight == 0.5)
    """Taught: weight of the targets of train beside the baseline's answers."""

    @model_validator(mode="after")
    def _is_taught(self) -> Fit:
        for name in ("synthetic", "hard_weight") if not self.taught else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(InputError("suits taught: true only", path=name, value=getattr(self, name)))
        for name in ("balanced", "quantile", "factory") if self.taught else ():
            if getattr(self, name):
                law = "must be left out where the model is taught: "
                law += "name a family" if name == "factory" else "the baseline's answers say it"
                raise ValueError(InputError(law, path=name, value=getattr(self, name)))
        return self

    @model_validator(mode="after")
    def _family_or_factory(self) -> Fit:
        if (self.factory is None) != (self.family != "own"):
            law = "must be left out beside factory" if self.factory else "must name a family, or factory a callable"
            raise ValueError(InputError(law, path="family", nearest=None if self.factory else "lightgbm"))
        for name in ("balanced", "quantile", "monotone", "features", "rounds") if self.factory else ():
            if getattr(self, name):
                law = "must be left out beside factory: its estimator says it"
                raise ValueError(InputError(law, path=name, value=getattr(self, name)))
        return self

    @property
    def version(self) -> str | None:
        """Of a factory, the digest of what it gives: part of the identity of a fit. Raises as `stamp_of`."""
        from tasks.models.estimators.own_estimator import stamp_of

        return None if self.factory is None else stamp_of(self.factory, self.arguments)


def fit_of(model: ModelSpec, seed: int) -> Fit:
    """The fit of a recipe's model, whose family must be named and not `auto`."""
    names = {"family", "factory", "arguments", "balanced", "quantile", "monotone", "features"}
    knobs = model.model_dump(include=names, exclude_defaults=True)
    if model.factory is not None:
        knobs.pop("family")  # its default
    return Fit.model_validate(knobs | ({"seed": seed} if seed else {}))  # a step's title has only what was set


def knobs_of_fit(spec: Spec, steps: Sequence[ColumnStep], fingerprint: str) -> dict[str, Any]:
    """What decides a fit, as JSON for its step: the spec, the recipe's preprocessing and the data."""
    return {
        **spec.model_dump(mode="json", exclude={"step"}),
        "preprocess": [step.model_dump(mode="json") for step in steps],
        "data": fingerprint,
    }
