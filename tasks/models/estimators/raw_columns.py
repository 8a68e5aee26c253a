"""Raw columns: a Pipeline of the user's own gets a table's columns by name, as the product will."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core import InputError
from tasks.core.errors import in_one_line
from tasks.models.estimators.own_estimator import FACTORY

if TYPE_CHECKING:
    import pandas as pd


def bind_columns(pipeline: Any, frame: pd.DataFrame, is_matrix: bool = False) -> Any:
    """A copy of an unfitted Pipeline that takes the columns of a frame as a converted graph can.

    The columns of its ColumnTransformer are found once, by name or, where they come as one matrix, by position. Its
    imputers of text take the empty text for a missing one. A Pipeline that begins otherwise gets all columns side by
    side.

    Args:
        pipeline: scikit-learn's or imbalanced-learn's.
        frame: the raw columns, float32 or text.
        is_matrix: whether it will get a matrix of the columns, not the frame.

    Raises:
        InputError: it names a column that does not exist; or it begins with a step that takes numbers, and there are
            numbers and text.
    """
    found = copy.deepcopy(pipeline)
    first = found.steps[0][1]
    if not hasattr(first, "transformers"):
        return put_beside(found, frame, list(frame.columns), is_matrix)
    blocks = []
    for name, part, asked in first.transformers:
        places = _positions(frame, asked)
        names = [str(frame.columns[place]) for place in places]
        if not isinstance(part, str) and all(_is_text(frame, each) for each in names):
            tell_missing_text(part)
        single = isinstance(asked, (str, int))  # its part takes one column, such as a column of texts
        chosen: list[Any] = places if is_matrix else names
        blocks.append((name, part, chosen[0] if single else chosen))
    first.transformers = blocks
    return found


def put_beside(estimator: Any, frame: pd.DataFrame, names: Sequence[str], is_matrix: bool = False) -> Any:
    """The estimator behind a fitted step that puts the named columns side by side.

    Raises:
        InputError: there are numbers and text among the columns.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    texts = [name for name in names if _is_text(frame, name)]
    if texts and len(texts) < len(names):
        law = f"gives a model that takes numbers, but column {texts[0]!r} holds text"
        near = "a Pipeline that begins with a ColumnTransformer, or preprocess: [{step: one_hot}]"
        raise InputError(law, path=FACTORY, nearest=near)
    known = list(frame.columns)
    chosen = [known.index(name) for name in names] if is_matrix else list(names)
    side = ColumnTransformer([("all", "passthrough", chosen)]).fit(frame.to_numpy() if is_matrix else frame)
    steps = list(estimator.steps) if hasattr(estimator, "steps") else [("model", estimator)]
    kind = type(estimator) if hasattr(estimator, "steps") else Pipeline
    return kind([("paredown_columns", side), *steps])


def _positions(frame: pd.DataFrame, asked: Any) -> list[int]:
    """The positions of the columns that a part of a ColumnTransformer asks for, in whatever form."""
    from sklearn.utils._indexing import _get_column_indices

    try:
        return [int(place) for place in _get_column_indices(frame, asked(frame) if callable(asked) else asked)]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        law = f"gives a Pipeline that asks for other columns than the data have ({in_one_line(error)})"
        raise InputError(law, path=FACTORY, nearest=", ".join(map(str, frame.columns[:12]))) from error


def _is_text(frame: pd.DataFrame, name: str) -> bool:
    return bool(frame[name].dtype.kind not in "fiu")


def tell_missing_text(part: Any) -> bool:
    """Makes the empty text the missing one, in place, in what takes text columns; whether anything knew missing text.

    Imputers get it as their missing value, and fitted encoders as the category that NaN or None was.
    """
    import numpy as np

    knew = False
    for each in _parts(part):
        missing = getattr(each, "missing_values", "")
        if missing is None or missing != missing:
            each.missing_values = ""
            knew = True
        for at, known in enumerate(getattr(each, "categories_", ())):
            gaps = np.array([value is None or value != value for value in known])
            if gaps.any():
                each.categories_[at] = np.array(
                    ["" if gap else value for value, gap in zip(known, gaps, strict=True)], dtype=object
                )
                knew = True
    return knew


def _parts(part: Any) -> Iterator[Any]:
    """A transformer and, of a pipeline, its steps."""
    yield part
    for _, step in getattr(part, "steps", ()):
        if not isinstance(step, str):
            yield from _parts(step)
