"""Column steps: the steps of the recipe's section `preprocess` for tables.

A step acts on the columns that it names, otherwise on all columns of its kind. Where two steps of one kind suit a
column, the one that names it counts.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

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


ColumnStep = Impute | Clip | Scale | NormalizeRows | OneHot | Ordinal | TargetEncode | Tfidf
