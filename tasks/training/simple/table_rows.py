"""Table rows: a split's columns and targets as a simple model takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Prepared, SplitName, Store
from tasks.data.tables.frame_layer import model_columns

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def rows_of(prepared: Prepared, split: SplitName, store: Store) -> tuple[pd.DataFrame, np.ndarray]:
    """The columns of a split (float32, or text) and its targets: class indices, or float64 numbers.

    Args:
        prepared: a table.
        split: the split's name.
        store: holds it.
    """
    return columns_of(prepared, split, store), targets_of(prepared, split, store)


def columns_of(prepared: Prepared, split: SplitName, store: Store) -> pd.DataFrame:
    """The columns alone, as `rows_of` gives them; the split's targets are not read."""
    import pandas as pd

    dataset = prepared.dataset
    return pd.DataFrame(model_columns(store.get_frame(dataset.splits[split].inputs), dataset.columns))


def targets_of(prepared: Prepared, split: SplitName, store: Store) -> np.ndarray:
    """The targets alone, as `rows_of` gives them."""
    import numpy as np

    targets = np.array(store.get_array(prepared.dataset.splits[split].targets))
    return targets if prepared.dataset.classes else targets.astype(np.float64)
