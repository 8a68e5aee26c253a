"""Prepared tables: mixed tables as data sets in a store, for whatever fits simple models."""

from __future__ import annotations

from typing import Any

import pandas as pd

from support import datasets, mixed_tables
from tasks.core import Prepared, Store

ROWS = {"train": 300, "validation": 300, "test": 300, "calibration": 300}


def prepared_table(store: Store, classes: int = 3, rows: dict[str, int] | None = None) -> Prepared:
    """Numbers and text with other rows in each split; 3 or 2 classes, or 0 for a regression."""
    tables = {
        split: mixed_tables.mixed_table(count, seed) for seed, (split, count) in enumerate((rows or ROWS).items())
    }
    parts: dict[Any, Any] = {split: (table, targets_of(table, classes)) for split, table in tables.items()}
    dataset = datasets.table_set(store, parts, classes)
    return Prepared(dataset, "", {}, (len(dataset.columns),))


def targets_of(table: pd.DataFrame, classes: int) -> Any:
    """What is predicted: three classes, whether it is not the first of them, or a number."""
    if not classes:
        return mixed_tables.values_of(table)
    three = mixed_tables.three_classes(table)
    return three if classes == 3 else (three > 0).astype(int)
