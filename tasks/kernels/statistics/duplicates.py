"""Duplicates: exact copies of examples across splits, found by digests of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Copies:
    """The examples of one split that are also in another."""

    first: str
    second: str
    count: int
    """Number of examples of the second split that are equal to one of the first."""
    rows: tuple[int, int]
    """One such pair: positions in the first and in the second split."""


def copies_across(splits: Mapping[str, NDArray[Any] | pd.DataFrame]) -> tuple[Copies, ...]:
    """The exact copies across splits: for each pair of splits that has some, in the order of `splits`.

    Examples count as equal when their 64-bit digests are; in a million examples, two others have the same digest with
    a chance of 1 to 30 million. Missing values are equal to each other.

    Args:
        splits: name → array of numbers (count, …), or data frame with one row for each example. All have the same
            shape of an example or columns, and the same types.
    """
    digests = {name: row_digests(rows) for name, rows in splits.items() if len(rows)}
    found = []
    for first, second in combinations(digests, 2):
        known, places = np.unique(digests[first], return_index=True)
        nearest = np.searchsorted(known, digests[second]).clip(max=len(known) - 1)
        equal = np.flatnonzero(known[nearest] == digests[second])
        if equal.size:
            pair = (int(places[nearest[equal[0]]]), int(equal[0]))
            found.append(Copies(first, second, int(equal.size), pair))
    return tuple(found)


def row_digests(rows: NDArray[Any] | pd.DataFrame) -> NDArray[np.uint64]:
    """A 64-bit digest of each row's content: (count,), for an array of numbers (count, …) or a data frame."""
    if not isinstance(rows, np.ndarray):
        from pandas.util import hash_pandas_object

        return np.asarray(hash_pandas_object(rows, index=False), np.uint64)
    plain = np.ascontiguousarray(rows)
    size = plain.nbytes // len(plain)
    data = plain.data.cast("B")
    digests = (hashlib.blake2b(data[start : start + size], digest_size=8) for start in range(0, data.nbytes, size))
    return np.fromiter((int.from_bytes(each.digest(), "little") for each in digests), np.uint64, len(rows))
