"""Retrain spec: the recipe's section `retrain`: which rows a new training uses, and which it leaves for the gate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tasks.core import Spec
from tasks.data.additions.added_data import check_window


class RetrainSearch(Spec):
    """A search beside the champion's own branch."""

    minutes: float = Field(default=0, ge=0)
    """Minutes that the recipe's `search` may take again. 0: none, the champion's values are kept."""


class RetrainSpec(Spec):
    """Which rows a new training uses, and which it leaves for the gate."""

    data: Literal["append", "replace"] = "append"
    """Whether new rows join those of the recipe, or take their place; then only columns and classes of these count."""
    window: str | int | None = None
    """Which rows are trained on: `90 days` before the newest, where the split is by time, or `100000 rows`. Absent: all
    of them."""
    holdout: float = Field(default=0.2, gt=0, lt=1)
    """Share of the new rows on which champion and challenger are compared, and which nothing is fitted on."""
    fine_tune: bool = True
    """Whether a network of `model.weights` is trained further on the new rows, from the champion's own baseline. False:
    it is taken as it is, and only the branch runs again."""
    search: RetrainSearch = RetrainSearch()

    @field_validator("window")
    @classmethod
    def _can_be_read(cls, given: str | int | None) -> str | int | None:
        if given is not None:
            check_window(given)
        return given
