"""Table preprocessing: the column steps, fitted on train and kept as the ONNX graph that the product has, too.

There is one implementation of every step, the graph: features of networks are what it gives.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tasks.core import Column, Dataset, InputError
from tasks.data.tables.column_steps import ColumnStep
from tasks.data.tables.column_transformer import ColumnNeeds, TextEncoding, is_unscaled, make_transformer
from tasks.data.tables.date_columns import date_inputs, model_inputs
from tasks.data.tables.frame_layer import model_columns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tasks.kernels.estimators.conversion import RawInput

BATCH = 8192
"""Rows of one run of the graph."""


def fit_columns(
    dataset: Dataset,
    steps: Sequence[ColumnStep],
    unscaled: bool,
    frame: pd.DataFrame,
    targets: np.ndarray,
    encoding: TextEncoding = "one_hot",
) -> dict[str, Any]:
    """Fits the steps on the train split.

    Args:
        dataset: its columns and its task.
        steps: the recipe's steps for tables.
        unscaled: numbers stay as they are, and there is no text.
        frame: the raw columns of the train split.
        targets: class indices or numbers, (count,).
        encoding: how text becomes numbers where no step says it.

    Returns:
        JSON: `graph` (ONNX, base64) from float32 and text columns to `features`; `columns` (the raw columns, in the
        order of the graph's inputs, with the center that is subtracted before); `features` (their names); `dates`
        (fields of `raw_inputs.DateInput`) where there are some, whose parts the graph takes; `matrix`, the name of the
        one input for all columns where there is one; `raw` where numbers stay as they are.

    Raises:
        InputError: with `unscaled`, a column holds text or a missing number.
    """
    from tasks.kernels.estimators.conversion import convert_estimator

    columns = tuple(_unscaled(each) if unscaled or is_unscaled(each.name, steps) else each for each in dataset.columns)
    train = model_columns(frame, columns)
    names = list(train)
    if unscaled:
        _refuse_unsuited(columns, train)
    needs = ColumnNeeds(scaled=False, imputed=False) if unscaled else ColumnNeeds(encoding=encoding)
    transformer = make_transformer(dataset.columns, () if unscaled else steps, needs, train, dataset.is_matrix)
    transformer.fit(as_rows(train, names, dataset.is_matrix), targets)
    graph = convert_estimator(transformer, raw_inputs(dataset))
    features = transformer.get_feature_names_out(names if dataset.is_matrix else None)
    more: dict[str, Any] = {"raw": True} if unscaled else {}
    more |= {"matrix": dataset.input_name} if dataset.is_matrix else {}
    more |= {"categories": codes} if (codes := code_features(transformer)) else {}
    more |= {"dates": [asdict(each) for each in dates]} if (dates := date_inputs(columns)) else {}
    return {
        "kind": "table",
        "graph": base64.b64encode(graph.SerializeToString(deterministic=True)).decode(),
        "columns": [{"name": each.name, "kind": each.kind, "center": each.center} for each in columns],
        "features": [str(name).partition("__")[2] for name in features],
        **more,
    }


def code_features(transformer: Any) -> list[tuple[int, int]]:
    """(place, count) of each feature of a fitted ColumnTransformer that is the code of one of so many categories."""
    from sklearn.preprocessing import OrdinalEncoder

    return [
        (transformer.output_indices_[name].start + place, len(known))
        for name, block, _ in transformer.transformers_
        if isinstance(block, OrdinalEncoder)
        for place, known in enumerate(block.categories_)
    ]


def as_rows(columns: Mapping[str, np.ndarray], names: Sequence[str], is_matrix: bool) -> Any:
    """Columns as a transformer takes them: a frame with their names, or a matrix (n, columns) in the order `names`."""
    import numpy as np
    import pandas as pd

    if is_matrix:
        return np.stack([columns[name] for name in names], axis=1)
    return pd.DataFrame({name: columns[name] for name in names})


def raw_inputs(dataset: Dataset) -> list[RawInput]:
    """The inputs of a converted graph: each column as models see it, or all of them where the table has one input."""
    from tasks.kernels.estimators.conversion import RawInput

    if dataset.is_matrix:
        return [RawInput(dataset.input_name, "float32", len(dataset.columns))]
    columns = model_inputs(dataset.columns)
    return [RawInput(each.name, "string" if each.kind == "category" else "float32") for each in columns]


def _unscaled(column: Column) -> Column:
    """A column whose values stay as they are: nothing is subtracted, though it is a float64 input where it was."""
    return column if column.center is None or column.kind == "date" else replace(column, center=0.0)


def table_features(frame: pd.DataFrame, fitted: Mapping[str, Any]) -> np.ndarray:
    """Raw columns → float32 (count, features), by the fitted graph.

    Args:
        frame: the raw columns, as in a split of a Dataset.
        fitted: what `fit_columns` returned.
    """
    from tasks.kernels.onnx import sessions

    parts = {each["name"]: tuple(each["parts"]) for each in fitted.get("dates", ())}
    known = [
        Column(each["name"], each["kind"], center=each["center"], parts=parts.get(each["name"], ()))
        for each in fitted["columns"]
    ]
    columns = model_columns(frame, known)
    if "matrix" in fitted:
        inputs = {fitted["matrix"]: as_rows(columns, list(columns), True)}
    else:
        inputs = {name: values[:, None] for name, values in columns.items()}
    return sessions.predict(base64.b64decode(fitted["graph"]), inputs, BATCH)


def _refuse_unsuited(columns: Sequence[Column], train: Mapping[str, np.ndarray]) -> None:
    """Raises InputError where numbers cannot stay as they are: for text, or a missing number."""
    import numpy as np

    for column in model_inputs(columns):
        is_text = column.kind == "category"
        if is_text or np.isnan(train[column.name]).any():
            what, step = ("text", "one_hot") if is_text else ("missing numbers", "impute")
            law = f"passes numbers on as they are, but column {column.name!r} holds {what}"
            raise InputError(law, path="preprocess.0.step", value="none", nearest=f"[{{step: {step}}}]")
