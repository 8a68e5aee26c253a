"""Added data: the recipe's keys `data.added` and `data.window`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tasks.core import InputError, Spec

SECONDS = {"hours": 3600, "days": 86_400, "weeks": 7 * 86_400}
_WINDOW = re.compile(r"\s*([1-9][0-9_,]*)\s*(rows?|hours?|days?|weeks?)\s*")


class AddedData(Spec):
    """A source with rows that came later than those of `data.source`, with the same columns and classes."""

    source: str
    """As `data.source`."""
    rule: Literal["append", "replace"] = "append"
    """`append` trains on both; `replace` on these rows alone: of `data.source` only columns and classes count."""
    holdout: float = Field(default=0.2, gt=0, lt=1)
    """Share of these rows that becomes the test split: the newest ones where `data.split.by` is `time`, whole groups
    where it is `group`, else drawn at random."""


@dataclass(frozen=True)
class Window:
    """Which train rows are used: the newest `count` rows, or those of the last `count` seconds."""

    count: int
    unit: Literal["rows", "seconds"]


def read_window(given: str | int) -> Window:
    """The window that a recipe says: `90 days`, `12 hours`, `8 weeks`, `100000 rows` or a number of rows.

    Raises:
        InputError: it is none of these.
    """
    found = _WINDOW.fullmatch(f"{given} rows" if isinstance(given, int) else given)
    if found is None:
        law = "must be a number of rows, or a time"
        raise InputError(law, value=given, nearest="90 days, 8 weeks, 12 hours or 100000 rows")
    count, unit = int(re.sub("[_,]", "", found[1])), found[2].removesuffix("s") + "s"
    return Window(count, "rows") if unit == "rows" else Window(count * SECONDS[unit], "seconds")


def check_window(given: str | int) -> None:
    """Checks a window for pydantic. Raises ValueError with the InputError of `read_window`."""
    try:
        read_window(given)
    except InputError as error:
        raise ValueError(error) from None
