"""Out-of-fold predictions come from models that did not see the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import datasets, mixed_tables, runs
from support.prepared_tables import prepared_table

from tasks.core import Prepared, Store
from tasks.core.cache_key import references
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.out_of_fold import predict_out_of_fold

ROWS = {"train": 240, "validation": 60}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


@pytest.mark.parametrize("classes", [3, 0])
def test_every_row_gets_an_answer_of_another_fold(classes: int, store: Store) -> None:
    prepared, context = prepared_table(store, classes, ROWS), runs.context_of(store)
    spec = Fit.model_validate({"family": "lightgbm", "arguments": {"n_estimators": 20}})
    found = predict_out_of_fold(prepared, spec, (), 4, context)
    answers, targets = store.get_array(found.answers), store.get_array(found.targets)
    assert answers.shape == (300, classes or 1)
    assert answers.dtype == np.float32
    np.testing.assert_array_equal(store.get_array(found.rows), np.arange(300))
    if classes:
        np.testing.assert_allclose(np.exp(answers).sum(axis=1), 1, atol=1e-5)
        assert 0.6 < (answers.argmax(axis=1) == targets).mean() < 1
    else:
        assert 0.3 < 1 - ((answers[:, 0] - targets) ** 2).mean() / targets.var() < 1
    again = predict_out_of_fold(prepared, spec, (), 4, context)
    assert again.answers == found.answers
    assert set(references(again)) == {found.answers, found.targets, found.rows}
    alone = predict_out_of_fold(prepared, spec, (), 4, context, ("train",))
    assert alone.count == 240


def test_shuffled_targets_cannot_be_predicted(store: Store) -> None:
    table = mixed_tables.mixed_table(300, 0)
    targets = np.random.default_rng(0).integers(0, 2, 300)
    dataset = datasets.table_set(store, {"train": (table, targets), "validation": (table[:9], targets[:9])}, 2)
    prepared = Prepared(dataset, "", {}, (len(dataset.columns),))
    spec = Fit.model_validate({"family": "random_forest", "arguments": {"n_estimators": 30}})
    found = predict_out_of_fold(prepared, spec, (), 3, runs.context_of(store), ("train",))
    hits = store.get_array(found.answers).argmax(axis=1) == store.get_array(found.targets)
    assert hits.mean() < 0.6
