"""An estimator and its file are compared on every row of validation and of test, and test keeps its targets shut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support import datasets, mixed_tables, runs

from tasks.core import Prepared, Refusal, Store
from tasks.training.simple.estimator_product import convert_fitted, prove_product, serialize_estimator
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_pipeline


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return runs.workspace(tmp_path).store


def prepared_of(store: Store, test: pd.DataFrame, classes: int = 3) -> Prepared:
    """Two splits of the same kind, and this test split."""
    tables = {"train": mixed_tables.mixed_table(300), "validation": mixed_tables.mixed_table(200, 1), "test": test}
    answer: Any = mixed_tables.three_classes if classes else mixed_tables.values_of
    parts: Any = {split: (table, answer(table)) for split, table in tables.items()}
    return Prepared(datasets.table_set(store, parts, classes), "", {}, (6,))


def product_of(prepared: Prepared, store: Store, family: str = "linear") -> tuple[Any, bytes]:
    dataset = prepared.dataset
    pipeline = fit_pipeline(prepared, Fit.model_validate({"family": family}), (), runs.context_of(store))
    return pipeline, serialize_estimator(convert_fitted(pipeline, dataset), dataset)


@pytest.mark.parametrize("classes", [3, 0])
def test_all_rows_of_both_splits_and_no_targets_of_test(classes: int, store: Store) -> None:
    prepared = prepared_of(store, mixed_tables.unseen_rows(), classes)
    pipeline, product = product_of(prepared, store, "lightgbm")
    store.path(prepared.dataset.splits["test"].targets).unlink()
    validation, test = prove_product(pipeline, product, prepared, store)
    assert (validation.hop, validation.n) == ("scikit-learn → ONNX, validation", 200)
    assert (test.hop, test.n, test.agreement, test.passed) == ("scikit-learn → ONNX, test", 300, 1.0, True)
    assert max(validation.max_difference, test.max_difference) < 1e-4


def test_a_row_of_test_alone_that_differs_is_named(store: Store) -> None:
    """The pipeline that is proven is another one than the product's, in rows of test alone."""
    prepared = prepared_of(store, mixed_tables.mixed_table(40, 2))
    pipeline, product = product_of(prepared, store)

    class Altered:
        def predict_proba(self, frame: pd.DataFrame) -> Any:
            found = np.array(pipeline.predict_proba(frame))
            if len(frame) == 40:
                found[[3, 30]] += 0.01
            return found

    law = r"scikit-learn → ONNX: 2 rows \(3, 30\) of test differ by up to 0\.01 \(at most 0\.0001 in probability"
    with pytest.raises(Refusal, match=law):
        prove_product(Altered(), product, prepared, store)


def test_without_a_test_split_validation_is_enough(store: Store) -> None:
    table = mixed_tables.mixed_table(200)
    part = (table, mixed_tables.three_classes(table))
    prepared = Prepared(datasets.table_set(store, {"train": part, "validation": part}, 3), "", {}, (6,))
    [hop] = prove_product(*product_of(prepared, store), prepared, store)
    assert hop.n == 200
