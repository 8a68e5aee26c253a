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
    import numpy as np
    import pandas as pd

    dataset = prepared.dataset
    columns = model_columns(store.get_frame(dataset.splits[split].inputs), dataset.columns)
    targets = np.array(store.get_array(dataset.splits[split].targets))
    return pd.DataFrame(columns), targets if dataset.classes else targets.astype(np.float64)
