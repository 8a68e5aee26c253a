"""Group columns: the columns of a source whose values form groups of its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.core import InputError
from tasks.data.readers import cells, column_types
from tasks.data.readers.examples import Request

if TYPE_CHECKING:
    import pandas as pd

MOST_GROUPS = 20
"""Most groups of a column: each needs examples enough to be judged."""
MISSING_GROUP = "missing"
"""The group of the examples without a value."""
_REMEDY = "(put its values into ranges or larger groups, in a column of its own)"


def groups_in(frame: pd.DataFrame, request: Request) -> pd.DataFrame | None:
    """The columns of `request.groups` as text, one row for each example; None without groups.

    Args:
        frame: has these columns.

    Raises:
        InputError: a column is the target, or holds numbers that are not whole or more than MOST_GROUPS values.
    """
    import pandas as pd

    if not request.groups:
        return None
    if request.target in request.groups:
        law = "must name other columns than the target, whose classes goal.metric looks at"
        raise InputError(law, path="data.groups", value=request.target)
    return pd.DataFrame({name: _names(frame[name], request) for name in request.groups}, index=frame.index)


def _names(series: pd.Series, request: Request) -> pd.Series:
    """The group of each row; whole numbers are written without decimals."""
    texts = column_types.input_texts(series, request)
    numbers = None if cells.are_codes(texts) else cells.plain_numbers(texts)
    if numbers is not None:
        present = numbers.dropna()
        odd = present[present != np.floor(present)]
        if len(odd):
            law = f"must name columns of text or whole numbers, but {series.name!r} of {request.source} has"
            raise InputError(f"{law} {odd.iloc[0]:g} {_REMEDY}", path="data.groups")
        texts = texts.where(numbers.isna(), numbers.fillna(0).astype("int64").astype("str"))
    names = texts.mask(texts == "", MISSING_GROUP)
    if (count := names.nunique()) > MOST_GROUPS:
        law = f"must name columns of at most {MOST_GROUPS} different values"
        raise InputError(f"{law}, but {series.name!r} of {request.source} has {count:,} {_REMEDY}", path="data.groups")
    return names
