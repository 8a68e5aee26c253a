"""Mixed rows: synthetic rows of a table, made of its own, for a teacher to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
NEIGHBORS = 10_000
"""Most rows among which nearest neighbours are looked for."""
SHARE = 0.5
"""Chance of a cell to be mixed."""
MOST_TEXTS = 30
"""Most different texts of a column by which rows are near to each other; rarer ones are alike."""


def mix_rows(frame: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Makes rows by MUNGE (Bucilă, Caruana and Niculescu-Mizil, "Model compression", 2006).

    Each is a row of the frame of which every cell has a chance of SHARE to become that of the nearest other row: text
    as it is there, a number drawn about it with their distance as deviation, within the column's range. Whole numbers
    stay whole.

    Args:
        frame: raw columns, as a split has them, of two rows or more; NEIGHBORS of them are used.
        count: the number of rows to make.
        seed: of the random draws; the same seed gives the same rows.
    """
    import pandas as pd

    rng = np.random.default_rng(seed)
    pool = frame.iloc[np.sort(rng.permutation(len(frame))[:NEIGHBORS])].reset_index(drop=True)
    nearest = _nearest_rows(pool)
    rounds = [rng.permutation(len(pool)) for _ in range(-(-count // len(pool)))]
    base = np.concatenate(rounds)[:count]
    is_mixed = rng.random((count, pool.shape[1])) < SHARE
    made = {}
    for place, name in enumerate(pool.columns):
        values = pool[name]
        own, other = values.iloc[base].reset_index(drop=True), values.iloc[nearest[base]].reset_index(drop=True)
        drawn = _drawn(values, own, other, rng) if values.dtype.kind in "iuf" else other
        made[name] = drawn.where(is_mixed[:, place], own)
    return pd.DataFrame(made)


def _nearest_rows(pool: pd.DataFrame) -> Array:
    """The position of each row's nearest other row: numbers in deviations, text equal or not."""
    from sklearn.neighbors import NearestNeighbors

    features = np.hstack([_place_of(pool[name]) for name in pool.columns]).astype(np.float32)
    found = NearestNeighbors(algorithm="brute").fit(features).kneighbors(None, 1, return_distance=False)
    return np.asarray(found[:, 0])


def _place_of(values: pd.Series) -> Array:
    """A column as (rows, width) numbers whose distances count alike in every column."""
    if values.dtype.kind in "iuf":
        numbers = values.to_numpy(np.float64)
        present = numbers[~np.isnan(numbers)]
        middle, spread = (present.mean(), present.std() or 1.0) if len(present) else (0.0, 1.0)
        return np.asarray((np.nan_to_num(numbers, nan=middle)[:, None] - middle) / spread)
    _, codes, counts = np.unique(values.astype(str).to_numpy(object), return_inverse=True, return_counts=True)
    return np.asarray((codes[:, None] == np.argsort(-counts)[:MOST_TEXTS]) / np.sqrt(2))


def _drawn(values: pd.Series, own: pd.Series, other: pd.Series, rng: np.random.Generator) -> pd.Series:
    """Numbers about those of the neighbours; where one of the two is missing, the neighbour's."""
    import pandas as pd

    all_numbers, mine, theirs = (each.to_numpy(np.float64) for each in (values, own, other))
    present = all_numbers[~np.isnan(all_numbers)]
    numbers = theirs + rng.normal(size=len(mine)) * np.abs(mine - theirs)
    numbers = np.where(np.isnan(numbers), theirs, numbers)
    if (present == np.floor(present)).all():
        numbers = np.round(numbers)
    if len(present):
        numbers = np.clip(numbers, present.min(), present.max())
    return pd.Series(numbers.astype(values.dtype), index=own.index)
