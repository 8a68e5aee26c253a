"""Column steps: the steps of the recipe's section `preprocess` for tables, and the one for a target.

A step acts on the columns that it names, otherwise on all columns of its kind. Where two steps of one kind suit a
column, the one that names it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

Kind = TypeVar("Kind", bound=Spec)
DatePart = Literal["year", "month", "day", "weekday", "hour", "elapsed"]
Columns = Annotated[tuple[str, ...] | None, Field(min_length=1)]
"""Names of columns; None for all of the kind that the step takes."""


class Impute(Spec):
    """Number columns: a missing value is replaced by a statistic of the train split, or by a constant."""

    step: Literal["impute"] = "impute"
    strategy: Literal["median", "mean", "most_frequent", "constant"] = "median"
    """What stands in for a missing value."""
    value: float | None = Field(default=None, allow_inf_nan=False)
    """The constant."""
    indicator: bool = False
    """Whether a further feature says, with 0 or 1, that the value is missing."""
    columns: Columns = None

    @model_validator(mode="after")
    def _value_is_the_constant(self) -> Impute:
        if (self.value is None) == (self.strategy == "constant"):
            law = "must be given for strategy constant" if self.value is None else "suits only strategy constant"
            raise ValueError(InputError(law, path="value", value=self.value, nearest="0"))
        return self


class Clip(Spec):
    """Number columns: values outside of two quantiles of the train split become the quantile (outliers)."""

    step: Literal["clip"] = "clip"
    low: float = Field(default=0.01, ge=0, lt=1)
    """The lower quantile."""
    high: float = Field(default=0.99, gt=0, le=1)
    """The upper quantile."""
    columns: Columns = None

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Clip:
        if self.low >= self.high:
            raise ValueError(InputError("must be above low", path="high", value=self.high))
        return self


class Scale(Spec):
    """Number columns, or the numbers along an array's last axis, are shifted and scaled. Trees get them unscaled."""

    step: Literal["scale"] = "scale"
    method: Literal["standard", "minmax", "robust", "quantile", "none"] = "standard"
    """On train, `standard`: mean 0 and standard deviation 1; `minmax`: 0 to 1; `robust`: median 0 and distance of the
    quartiles 1; `quantile`: a column's rank, from 0 to 1. `none`: unchanged. Arrays take standard, minmax and none."""
    columns: Columns = None


class NormalizeRows(Spec):
    """The number features of each row are divided by their norm, after all other steps."""

    step: Literal["normalize_rows"] = "normalize_rows"
    norm: Literal["l1", "l2", "max"] = "l2"
    """Which norm becomes 1."""


class DateParts(Spec):
    """Date columns: the parts of a date, in UTC, that become number columns, such as `hired.year`.

    Impute, scale and all else act on them as on any number column, and may name them. A missing date has missing parts.
    """

    step: Literal["date_parts"] = "date_parts"
    parts: Annotated[tuple[DatePart, ...] | None, Field(min_length=1)] = None
    """`weekday` is 0 on Mondays; `elapsed` counts days from the middle date of train, with their fraction. Absent: all
    that differ in train, and of the column by whose time the data are split only those that return: month, day, weekday
    and hour, where train spans a year, a month, a week or a day."""
    columns: Columns = None


class TextStep(Spec):
    """A step by which text columns become numbers."""


class OneHot(TextStep):
    """Text columns: one feature for each category that train has; other categories give zeros only."""

    step: Literal["one_hot"] = "one_hot"
    max_categories: int = Field(default=64, ge=1)
    """Most categories of a column; the most frequent ones are kept."""
    min_frequency: int = Field(default=1, ge=1)
    """Least number of rows that a category needs on train; rarer ones give zeros, too."""
    columns: Columns = None


class Ordinal(TextStep):
    """Text columns: the number of a category, in the order of the alphabet; -1 for categories that train lacks."""

    step: Literal["ordinal"] = "ordinal"
    columns: Columns = None


class TargetEncode(TextStep):
    """Text columns: the mean target of a category, shrunk towards the mean of all (Micci-Barreca 2001).

    On the train split, each row's mean comes from other folds than its own.
    """

    step: Literal["target_encode"] = "target_encode"
    smooth: float | None = Field(default=None, ge=0)
    """Rows that the mean of all counts for. Absent: from the variances (empirical Bayes)."""
    columns: Columns = None


class Tfidf(TextStep):
    """Text columns of words: the weight of each word in a text (TF-IDF)."""

    step: Literal["tfidf"] = "tfidf"
    max_features: int = Field(default=500, ge=1)
    """Most words of a column; the most frequent ones are kept. Words are letters, digits and underscores of ASCII."""
    columns: tuple[str, ...] = Field(min_length=1)


class TransformTarget(Spec):
    """The target of a regression: the model learns a map of it, and the product answers in the data's own unit."""

    step: Literal["transform_target"] = "transform_target"
    method: Literal["log", "quantile"] = "log"
    """`log`: log(1 + target), of a target of a large range that is never below 0. `quantile`: the target's rank on
    train, linear between at most 100 knots. Both are good in absolute error; the answers are nearer to the median
    than to the mean."""
    distribution: Literal["normal", "uniform"] | None = None
    """Of `quantile`: how the mapped targets are distributed. Absent: normal."""

    @model_validator(mode="after")
    def _distribution_is_of_quantiles(self) -> TransformTarget:
        if self.method == "log" and self.distribution is not None:
            law = "suits only method quantile"
            raise ValueError(InputError(law, path="distribution", value=self.distribution))
        return self


ColumnStep = (
    Impute | Clip | Scale | NormalizeRows | DateParts | OneHot | Ordinal | TargetEncode | Tfidf | TransformTarget
)


def step_for(name: str, kind: type[Kind], steps: Sequence[Spec]) -> Kind | None:
    """The step of one kind for a column: the last that names it, else the last for all columns."""
    suited = [step for step in steps if isinstance(step, kind)]
    own = [step for step in suited if name in (getattr(step, "columns", None) or ())]
    general = [step for step in suited if getattr(step, "columns", None) is None]
    return next(iter([*reversed(own), *reversed(general)]), None)
