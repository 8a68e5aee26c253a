"""Estimators of the user's own are fitted and proven like a family; fitted ones and boosters are taken as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import mixed_tables, own_models, runs
from support.prepared_tables import prepared_table

from tasks.core import Candidate, InputError, Prepared, Refusal, Store
from tasks.data import input_layout
from tasks.data.tables.column_steps import ColumnStep, OneHot
from tasks.kernels.onnx import sessions
from tasks.models.estimators.booster_files import READER
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table
from tasks.training.simple.own_fit import check_own, taken_columns


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def own_fit(
    store: Store, name: str, prepared: Prepared | None = None, steps: tuple[ColumnStep, ...] = (), **arguments: Any
) -> Candidate:
    factory = name if ":" in name else f"support.own_models:{name}"
    spec = Fit.model_validate({"factory": factory, "arguments": arguments})
    return fit_table(prepared or prepared_table(store), spec, steps, runs.context_of(store))


def fit_rows(columns: list[str] | None = None) -> tuple[Any, Any]:
    """Rows as their user had them, and their classes by number."""
    table = mixed_tables.mixed_table(300, 7)
    rows = own_models.user_rows(table)
    return (rows if columns is None else rows[columns]), mixed_tables.three_classes(table)


@pytest.mark.parametrize("name", ["columns_pipeline", "forest", "logistic", "stack"])
def test_an_estimator_is_fitted_and_proven_on_all_rows(name: str, store: Store) -> None:
    candidate = own_fit(store, name)
    hops = store.get_json(str(candidate.lineage[0].record))["parity"]
    assert [(hop["n"], hop["passed"]) for hop in hops] == [(300, True), (300, True)]
    assert max(hop["max_difference"] for hop in hops) < 1e-5


def test_the_lineage_says_what_it_is(store: Store) -> None:
    words = own_fit(store, "columns_pipeline").lineage[0].knobs["estimator"]
    assert words == "support.own_models:columns_pipeline (Pipeline: columns → LogisticRegression)"


def test_seeds_that_are_left_open_are_set(store: Store) -> None:
    assert own_fit(store, "forest").content == own_fit(store, "forest").content


def test_a_regression_of_ones_own(store: Store) -> None:
    candidate = own_fit(store, "columns_pipeline", prepared_table(store, 0), numbers=True)
    assert store.get_json(str(candidate.lineage[0].record))["parity"][0]["max_difference"] < 1e-5


def test_missing_text_is_imputed_as_the_pipeline_says(store: Store) -> None:
    prepared = prepared_table(store)
    file = store.path(own_fit(store, "columns_pipeline", prepared).content)
    rows = input_layout.product_inputs(prepared, "test", store)
    column = store.get_frame(prepared.dataset.splits["train"].inputs)["größe"]
    usual = column[column != ""].mode()[0]
    missing = {**rows, "größe": np.full_like(rows["größe"], "")}
    filled = {**rows, "größe": np.full_like(rows["größe"], usual)}
    np.testing.assert_array_equal(sessions.predict(file, missing), sessions.predict(file, filled))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("columns_pipeline", {"cc": 1}, r"model\.arguments\.cc: is not an argument of .*; nearest valid choice: c$"),
        ("broken", {}, r"broken fails with the arguments \{\} \(RuntimeError: no such thing\)"),
        ("a_text", {}, "must give a scikit-learn estimator or Pipeline, which has fit and predict, but got 'str'"),
        ("scaled", {}, "takes numbers, but column 'größe' holds text; .*ColumnTransformer"),
        ("absent", {}, "asks for other columns than the data have .*nowhere"),
        ("columns_pipeline", {"numbers": True}, r"gives a regressor \(Ridge\), but the target holds classes"),
    ],
)
def test_what_is_wrong_with_a_factory_is_one_message(
    name: str, arguments: dict[str, Any], message: str, store: Store
) -> None:
    with pytest.raises(InputError, match=message):
        own_fit(store, name, **arguments)


def test_a_pipeline_of_columns_gets_no_steps_of_the_recipe(store: Store) -> None:
    with pytest.raises(InputError, match=r"preprocess: must be left out: the Pipeline of model\.factory"):
        own_fit(store, "columns_pipeline", steps=(OneHot(),))
    assert own_fit(store, "scaled", steps=(OneHot(),)).form == "onnx"


def test_what_cannot_become_a_file_is_known_before_the_run(store: Store) -> None:
    spec = Fit(factory="support.own_models:spline")
    with pytest.raises(InputError, match=r"cannot become a file: .*SplineTransformer has no converter; use KBins"):
        check_own(prepared_table(store), spec, (), store)
    with pytest.raises(Refusal, match="SplineTransformer"):
        own_fit(store, "spline")


def test_a_fitted_pipeline_is_taken_as_it_is(store: Store) -> None:
    rows, classes = fit_rows()
    names = np.array(["class 0", "class 1", "class 2"])
    pipeline = own_models.columns_pipeline().fit(rows, names[classes])
    own_models.FITTED["pipeline"] = pipeline
    prepared = prepared_table(store)
    candidate = own_fit(store, "fitted", prepared, key="pipeline")
    assert candidate.lineage[0].knobs["estimator"].endswith("(Pipeline: columns → LogisticRegression, fitted)")
    test = own_models.user_rows(store.get_frame(prepared.dataset.splits["test"].inputs))
    found = sessions.predict(store.path(candidate.content), input_layout.product_inputs(prepared, "test", store))
    np.testing.assert_allclose(np.exp(found), pipeline.predict_proba(test), atol=1e-5)


def test_other_names_of_columns_and_another_order_of_classes_are_matched(store: Store) -> None:
    rows, classes = fit_rows(["1st value", "a_b", "t1"])
    named = rows.rename(columns={"1st value": "1ST_value"})
    own_models.FITTED["named"] = own_models.forest().fit(named, classes)
    prepared = prepared_table(store)
    dataset = taken_columns(prepared.dataset, ["1st value", "a_b", "t1"])
    candidate = own_fit(store, "fitted", Prepared(dataset, "", {}, (3,)), key="named")
    inputs = input_layout.product_inputs(Prepared(dataset, "", {}, (3,)), "test", store)
    assert [*inputs] == ["a_b", "1st value", "t1"]
    assert sessions.predict(store.path(candidate.content), inputs).shape == (300, 3)


@pytest.mark.parametrize(
    ("columns", "names", "message"),
    [
        (["a_b", "t1"], ["x", "y", "z"], "gives a classifier of x, y, z, but the data's classes are class 0, class 1"),
        (["a_b", "other"], ["0", "1", "2"], "fitted on a column that the data do not have, but got 'other'"),
    ],
)
def test_a_fitted_estimator_must_suit_the_data(
    columns: list[str], names: list[str], message: str, store: Store
) -> None:
    rows, classes = fit_rows(["a_b", "t1"])
    own_models.FITTED["unsuited"] = own_models.forest().fit(rows.set_axis(columns, axis=1), np.array(names)[classes])
    with pytest.raises(InputError, match=message):
        own_fit(store, "fitted", key="unsuited")


def test_a_booster_with_categories_answers_as_its_library(store: Store, tmp_path: Path) -> None:
    rows, classes = fit_rows()
    file = own_models.lightgbm_file(tmp_path / "m.txt", rows, classes, objective="multiclass", num_class=3)
    candidate = own_fit(store, READER, file=file)
    assert candidate.lineage[0].knobs["estimator"] == f"{file} (LightGBM, as it is)"
    hops = store.get_json(str(candidate.lineage[0].record))["parity"]
    assert all(hop["passed"] and hop["n"] == 300 for hop in hops)


@pytest.mark.parametrize("objective", ["regression", "fair", "mape", "poisson", "gamma", "quantile"])
def test_boosters_of_numbers(objective: str, store: Store, tmp_path: Path) -> None:
    table = mixed_tables.mixed_table(300, 7)
    targets = np.abs(mixed_tables.values_of(table)) + 1
    file = own_models.lightgbm_file(tmp_path / "m.txt", own_models.user_rows(table), targets, objective=objective)
    candidate = own_fit(store, READER, prepared_table(store, 0), file=file)
    assert store.get_json(str(candidate.lineage[0].record))["parity"][0]["max_difference"] < 1e-5


def test_a_booster_that_reads_a_missing_number_as_0(store: Store, tmp_path: Path) -> None:
    rows, _ = fit_rows(["a_b", "1st value", "a-b"])
    targets = np.nan_to_num(rows["a-b"]) + rows["a_b"]
    file = own_models.lightgbm_file(tmp_path / "m.txt", rows, targets, objective="regression", use_missing=False)
    candidate = own_fit(store, READER, prepared_table(store, 0), file=file)
    assert store.get_json(str(candidate.lineage[0].record))["parity"][0]["max_difference"] < 1e-5


PROGRAM = """
from support.own_models import *
from tasks.models.estimators.own_estimator import stamp_of
print(stamp_of("support.own_models:columns_pipeline", {"c": 2.0}), stamp_of("support.own_models:forest", {}))
"""


def test_the_stamp_of_a_factory_is_the_same_in_every_process_and_knows_its_arguments() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env=own_environment(), capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    first, second = (each.stdout.split() for each in found)
    assert first == second
    here = Fit(factory="support.own_models:columns_pipeline", arguments={"c": 2.0}).version
    assert here == first[0] != Fit(factory="support.own_models:columns_pipeline").version


def own_environment() -> dict[str, str]:
    import os

    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])}
