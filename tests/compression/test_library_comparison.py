"""The product's time beside that of the same model in Python: every call is one of the same rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from support import runs
from support.prepared_tables import prepared_table

from tasks.compression import library_comparison
from tasks.compression.library_comparison import PRODUCT, UNPARED, compare_with_library, is_fit
from tasks.core import Candidate, LibraryComparison, Prepared, Store
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured for a moment: these tests look at everything but the precision."""
    monkeypatch.setattr(library_comparison, "SECONDS", 0.05)
    monkeypatch.setattr(library_comparison, "LONGEST", 5.0)


def fitted(store: Store, prepared: Prepared, **knobs: Any) -> Candidate:
    return fit_table(prepared, Fit.model_validate(knobs), (), runs.context_of(store))


def compared(store: Store, prepared: Prepared, first: Candidate, product: Candidate) -> LibraryComparison:
    return compare_with_library(first, product, prepared, "this host", runs.context_of(store))


def test_one_row_and_a_thousand_beside_the_pipeline_and_the_booster(store: Store) -> None:
    prepared = prepared_table(store)
    model = fitted(store, prepared, family="lightgbm")
    smaller = fitted(store, prepared, family="lightgbm", arguments={"n_estimators": 5})
    found = compared(store, prepared, model, smaller)
    pipeline, booster = (
        "pipeline.predict_proba of scikit-learn",
        "booster.predict of LightGBM on a ready matrix",
    )
    names = (PRODUCT, UNPARED, pipeline, booster)
    assert [(each.name, each.rows) for each in found.times] == [(name, rows) for rows in (1, 1000) for name in names]
    assert (found.host, found.failure) == ("this host", "")
    ratios = {(each.name, each.rows): each.ratio for each in found.times}
    assert ratios[PRODUCT, 1].value == ratios[PRODUCT, 1000].value == 1
    assert ratios[pipeline, 1].value > 5
    assert ratios[UNPARED, 1].value < ratios[pipeline, 1].value
    for each in found.times:
        assert (each.ratio.n, each.n >= 3, each.median_ms > 0) == (3, True, True)


def test_a_model_alone_of_scikit_learn_and_a_regression(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library_comparison, "LONGEST", 0.0)
    prepared = prepared_table(store, 0)
    model = fitted(store, prepared, family="linear")
    found = compared(store, prepared, model, model)
    assert [(each.name, each.rows) for each in found.times] == [
        (PRODUCT, 1),
        ("pipeline.predict of scikit-learn", 1),
        (f"{library_alone(prepared, store)}.predict on a ready matrix", 1),
    ]


def library_alone(prepared: Prepared, store: Store) -> str:
    from tasks.training.simple.fit_table import fit_pipeline

    pipeline = fit_pipeline(prepared, Fit.model_validate({"family": "linear"}), (), runs.context_of(store))
    return type(pipeline[-1]).__name__


def test_a_process_that_fails_says_why(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepared_table(store)
    model = fitted(store, prepared, family="linear")
    monkeypatch.setattr(library_comparison, "SECONDS", "long")
    found = compared(store, prepared, model, model)
    assert found.times == ()
    assert "timing process ended with code 1: TypeError" in found.failure


def test_another_model_than_the_file_s_is_no_comparison(store: Store) -> None:
    prepared = prepared_table(store)
    model, other = (fitted(store, prepared, family="lightgbm", arguments={"n_estimators": n}) for n in (5, 60))
    found = compared(store, prepared, dataclasses.replace(model, content=other.content), model)
    assert found.failure.startswith("fitted again, the model answers otherwise by up to 0.")


def test_only_a_fit_without_further_steps_can_be_fitted_again(store: Store) -> None:
    model = fitted(store, prepared_table(store), family="linear")
    assert is_fit(model)
    assert not is_fit(model.after(model.lineage[0], model.content))
