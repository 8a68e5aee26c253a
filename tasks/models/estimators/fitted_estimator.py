"""Fitted estimator: what the user has fitted elsewhere is taken as it is, on the columns and classes of the data."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Dataset, InputError, nearest_choice
from tasks.models.estimators.own_estimator import FACTORY, takes_columns
from tasks.models.estimators.raw_columns import put_beside, tell_missing_text

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


class AlignedEstimator:
    """A fitted estimator that takes the data's columns, and answers in the order of the data's classes."""

    def __init__(self, estimator: Any, names: Sequence[str], order: Sequence[int] | None, knows_gaps: bool) -> None:
        """Wraps an estimator.

        Args:
            estimator: the user's own, unchanged.
            names: the columns that it takes, in its order.
            order: of a classifier, the position of each of the data's classes among its own.
            knows_gaps: whether it has parts for missing text, which then is NaN.
        """
        self.estimator, self.names, self.order, self.knows_gaps = estimator, tuple(names), order, knows_gaps
        if order is not None:
            self.predict_proba = self._probabilities

    def predict(self, frame: pd.DataFrame) -> NDArray[Any]:
        """The estimator's own answers, (rows,)."""
        return np.asarray(self.estimator.predict(self._rows(frame)))

    def _probabilities(self, frame: pd.DataFrame) -> NDArray[Any]:
        """Probabilities (rows, classes) in the order of the data's classes."""
        return np.asarray(self.estimator.predict_proba(self._rows(frame)))[:, list(self.order or ())]

    def _rows(self, frame: pd.DataFrame) -> Any:
        rows = frame[list(self.names)].copy()
        for name in self.names:
            if self.knows_gaps and rows[name].dtype.kind not in "fiu":
                rows[name] = rows[name].astype(object).where(rows[name] != "", np.nan)
        own = _feature_names(self.estimator)
        return rows.to_numpy() if own is None else rows.set_axis(own, axis=1)


def align(estimator: Any, dataset: Dataset) -> AlignedEstimator:
    """The estimator on the data's columns and classes.

    Raises:
        InputError: it takes a column that the data lack, or has other classes or another task.
    """
    names = input_names(estimator, dataset)
    knows_gaps = _settle_columns(copy.deepcopy(estimator), names, dataset)
    return AlignedEstimator(estimator, names, class_order(estimator, dataset), knows_gaps)


def graph_form(aligned: AlignedEstimator, frame: pd.DataFrame, dataset: Dataset) -> Any:
    """A copy of the estimator in the form in which it is converted: a Pipeline on the data's columns.

    Args:
        aligned: the estimator.
        frame: some rows of the data's columns.
        dataset: describes them.

    Raises:
        InputError: it takes numbers, and a column holds text.
    """
    found = copy.deepcopy(aligned.estimator)
    if takes_columns(found) and hasattr(found.steps[0][1], "transformers_"):
        _settle_columns(found, aligned.names, dataset)
        return found
    if known := getattr(found, "text_categories", None):
        return _behind_codes(found, known, aligned.names, dataset)
    return put_beside(found, frame, aligned.names, dataset.is_matrix)


def _behind_codes(estimator: Any, known: Mapping[str, Sequence[Any]], names: Sequence[str], dataset: Dataset) -> Any:
    """A booster behind a step that gives its features in order, those of categories as the codes that it was fitted on.

    Raises:
        InputError: a column holds text and its feature is none of categories.
    """
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    kinds = {column.name: column.kind for column in dataset.columns}
    blocks: list[tuple[str, Any, list[str]]] = []
    rows: dict[str, Any] = {}
    for place, (feature, name) in enumerate(zip(_feature_names(estimator) or (), names, strict=True)):
        part: Any = "passthrough"
        rows[name] = [0.0]
        if feature in known:
            spell = str if kinds[name] == "category" else float
            found = [np.array([spell(each) for each in known[feature]], object if spell is str else np.float64)]
            part = OrdinalEncoder(categories=found, handle_unknown="use_encoded_value", unknown_value=-1)
            rows[name] = found[0][:1]
        elif kinds[name] == "category":
            law = f"gives a model that takes numbers, but column {name!r} holds text"
            raise InputError(law, path=FACTORY, nearest=f"data.types: {{{name}: number}}")
        blocks.append((f"feature_{place}", part, [name]))
    step = ColumnTransformer(blocks).fit(pd.DataFrame(rows))
    return Pipeline([("paredown_columns", step), ("model", estimator)])


def _settle_columns(estimator: Any, names: Sequence[str], dataset: Dataset) -> bool:
    """Changes a fitted Pipeline's ColumnTransformer in place; whether it knew missing text.

    Its columns are known by name, or by their position in the data where these are one matrix; missing text is the
    empty text.
    """
    first: Any = estimator.steps[0][1] if takes_columns(estimator) else None
    if not hasattr(first, "transformers_"):
        return False
    own = [column.name for column in dataset.columns]
    texts = {column.name for column in dataset.columns if column.kind == "category"}
    knew, blocks = False, []
    for title, part, asked in first.transformers_:
        single = isinstance(asked, (str, int))
        found = [names[int(place)] for place in _places(asked, names)]
        if found and {*found} <= texts and not isinstance(part, str):
            knew = tell_missing_text(part) or knew
        chosen: list[Any] = [own.index(name) for name in found] if dataset.is_matrix else found
        blocks.append((title, part, chosen[0] if single else chosen))
    first.transformers_ = blocks
    return knew


def _places(asked: Any, names: Sequence[str]) -> list[int]:
    """The positions among `names` of the columns that a part of a fitted ColumnTransformer takes."""
    if isinstance(asked, slice):
        return list(range(len(names)))[asked]
    known = [asked] if isinstance(asked, (str, int)) else list(asked)
    if known and isinstance(known[0], (bool, np.bool_)):
        return [int(place) for place in np.flatnonzero(known)]
    return [list(names).index(each) if isinstance(each, str) else int(each) for each in known]


def _feature_names(estimator: Any) -> list[str] | None:
    first = estimator.steps[0][1] if takes_columns(estimator) else estimator
    for each in (estimator, first):
        known = getattr(each, "feature_names_in_", None)
        if known is not None:
            return [str(name) for name in known]
    return None


def input_names(estimator: Any, dataset: Dataset) -> list[str]:
    """The columns that a fitted estimator takes, in its order; all of the data for one that only knows how many.

    Raises:
        InputError: the data lack one, or have another number of columns.
    """
    own, names = [column.name for column in dataset.columns], _feature_names(estimator)
    if names is not None:
        return [_column_of(name, own) for name in names]
    count = getattr(estimator, "n_features_in_", len(own))
    if count != len(own):
        law = f"gives an estimator that was fitted on {count} columns without names, but the data have {len(own)}"
        raise InputError(law, path=FACTORY, nearest="an estimator that was fitted on a frame")
    return own


def _column_of(name: str, own: Sequence[str]) -> str:
    """The data's column of a name, which may be written as libraries write names: in other case, or with underscores.

    Raises:
        InputError: there is none, or more than one.
    """
    if name in own:
        return name
    alike = [each for each in own if _plain_name(each) == _plain_name(name)]
    if len(alike) != 1:
        near = nearest_choice(name, own) or ", ".join(own[:12])
        law = "gives an estimator that was fitted on a column that the data do not have"
        raise InputError(law, path=FACTORY, value=name, nearest=near)
    return alike[0]


def _plain_name(name: str) -> str:
    return re.sub(r"\W", "_", name).casefold()


def class_order(estimator: Any, dataset: Dataset) -> list[int] | None:
    """The position of each of the data's classes among a fitted classifier's own; None for a regressor.

    Its classes are the data's by name, or their numbers in the order of the data.

    Raises:
        InputError: they are neither; or it is a classifier and the targets are numbers, or the other way round.
    """
    check_task(estimator, dataset)
    if dataset.task == "regression":
        return None
    own = [spelled(each) for each in estimator.classes_]
    if {*own} == {*dataset.classes}:
        return [own.index(name) for name in dataset.classes]
    if own == [str(number) for number in range(len(dataset.classes))]:
        return list(range(len(own)))
    law = f"gives a classifier of {', '.join(own[:8])}, but the data's classes are {', '.join(dataset.classes[:8])}"
    raise InputError(law, path=FACTORY, nearest="a classifier of the same names, or of their numbers from 0 on")


def spelled(value: Any) -> str:
    """A class as the data spell it: whole numbers without a fraction."""
    is_whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
    return str(int(value)) if is_whole else str(value)


def check_task(estimator: Any, dataset: Dataset) -> None:
    """Raises InputError for a classifier where the target holds numbers, and for a regressor where it holds classes."""
    from sklearn.base import is_classifier, is_regressor

    final = estimator.steps[-1][1] if takes_columns(estimator) else estimator
    if dataset.task == "regression" and is_classifier(final):
        law = f"gives a classifier ({type(final).__name__}), but the target holds numbers"
        raise InputError(law, path=FACTORY, nearest="a regressor, or data.task: classification")
    if dataset.task == "classification" and is_regressor(final):
        law = f"gives a regressor ({type(final).__name__}), but the target holds classes"
        raise InputError(law, path=FACTORY, nearest="a classifier, or data.task: regression")
