"""Columns become features by the recipe's steps: values by hand, and the graph that the product has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.core import Column, Dataset
from tasks.data.tables import column_steps as steps
from tasks.data.tables.column_transformer import ColumnNeeds, make_transformer
from tasks.data.tables.table_preprocessing import fit_columns, table_features

COLUMNS = (Column("size", "number"), Column("town", "category"), Column("age", "number"))
TARGETS = np.array([0, 1, 0, 1])


def frame() -> pd.DataFrame:
    """Two numbers, one with a gap, and a text with a gap."""
    return pd.DataFrame({"size": [1.0, 2.0, np.nan, 5.0], "town": ["b", "a", "b", ""], "age": [10.0, 20.0, 30.0, 40.0]})


def dataset() -> Dataset:
    """A table of the columns, not stored."""
    return Dataset("", "table", "classification", (3,), "columns", COLUMNS, ("no", "yes"), {}, (), "")


def features(*chosen: Any) -> tuple[list[str], np.ndarray]:
    """Names and values of the features of `frame`, through the graph."""
    fitted = fit_columns(dataset(), chosen, False, frame(), TARGETS)
    return fitted["features"], table_features(frame(), fitted)


def test_the_defaults_fill_scale_and_encode() -> None:
    names, found = features()
    assert names == ["size", "age", "town_a", "town_b"]
    np.testing.assert_allclose(found[:, 1], (np.array([10, 20, 30, 40]) - 25) / np.sqrt(125), rtol=1e-5)
    assert found[:, 2:].tolist() == [[0, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("step", "size"),
    [
        (steps.Impute(), [1, 2, 2, 5]),
        (steps.Impute(strategy="mean"), [1, 2, 8 / 3, 5]),
        (steps.Impute(strategy="constant", value=-1), [1, 2, -1, 5]),
        (steps.Clip(low=0.0, high=0.5), [1, 2, 2, 2]),
        (steps.Scale(method="minmax"), [0, 0.25, 0.25, 1]),
        (steps.Scale(method="robust"), [-1, 0, 0, 3]),
        (steps.Scale(method="quantile"), [0, 1 / 2, 1 / 2, 1]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, steps.Spec) else "",
)
def test_steps_of_numbers(step: Any, size: list[float]) -> None:
    unscaled = () if isinstance(step, steps.Scale) else (steps.Scale(method="none"),)
    names, found = features(step, *unscaled)
    np.testing.assert_allclose(found[:, names.index("size")], size, rtol=1e-5, atol=1e-6)


def test_an_indicator_says_what_was_missing() -> None:
    names, found = features(steps.Impute(indicator=True), steps.Scale(method="none"))
    assert len(names) == found.shape[1] == 6
    assert found[:, 2].tolist() == [0, 0, 1, 0]


def test_a_step_that_names_a_column_goes_before_one_for_all() -> None:
    own = steps.Scale(method="none", columns=("age",))
    names, found = features(own, steps.Scale(method="minmax"))
    assert found[:, names.index("age")].tolist() == [10, 20, 30, 40]
    assert found[:, names.index("size")].tolist() == [0, 0.25, 0.25, 1]


def test_steps_of_text() -> None:
    assert features(steps.Ordinal())[1][:, 2].tolist() == [2, 1, 2, 0]
    assert features(steps.OneHot(min_frequency=2))[0][2:] == ["town_b"]
    assert features(steps.OneHot(max_categories=1))[0][2:] == ["town_b"]
    names, found = features(steps.Tfidf(columns=("town",)))
    assert names[2:] == ["a", "b"]
    np.testing.assert_allclose(found[:, 2:], [[0, 1], [1, 0], [0, 1], [0, 0]])


def test_target_encoding_is_the_mean_of_a_category() -> None:
    rows, targets = pd.concat([frame()] * 10, ignore_index=True), np.tile([0, 1, 0, 0], 10)
    fitted = fit_columns(dataset(), (steps.TargetEncode(smooth=0.0),), False, rows, targets)
    assert fitted["features"][2:] == ["town"]
    np.testing.assert_allclose(table_features(frame(), fitted)[:, 2], [0, 1, 0, 0], atol=1e-6)


def test_rows_get_one_norm() -> None:
    _, found = features(steps.NormalizeRows(), steps.Scale(method="none"))
    np.testing.assert_allclose(np.linalg.norm(found[:, :2], axis=1), 1, rtol=1e-5)


def test_trees_get_raw_numbers() -> None:
    train = {name: frame()[name].to_numpy() for name in frame()}
    needs = ColumnNeeds(scaled=False, imputed=False, encoding="ordinal")
    found = make_transformer(COLUMNS, (steps.Scale(),), needs, train).fit_transform(frame())
    np.testing.assert_array_equal(found, [[1, 10, 2], [2, 20, 1], [np.nan, 30, 2], [5, 40, 0]])
