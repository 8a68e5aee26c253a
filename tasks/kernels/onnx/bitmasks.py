"""Bit masks: an array of which most entries are one value, as one bit an entry and the other entries. Exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def mask(array: Array) -> tuple[Array, Array]:
    """The bits (uint8, the lowest bit first), and the values: the most frequent one, then all others in order.

    A bit is 1 where the entry is not the most frequent value. -0.0 counts as 0.0 and comes back as such: it is
    what folding makes of a zero, and no sum of products depends on it. For arrays with at least one entry.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    kinds, counts = np.unique(flat, return_counts=True)
    fill = kinds[counts.argmax()] + 0
    others = flat != fill
    return np.packbits(others, bitorder="little"), np.concatenate([np.array([fill], flat.dtype), flat[others]])


def unmask(bits: Array, values: Array, shape: Sequence[int]) -> Array:
    """The array that `mask` was given, without a minus before its zeros where zero is the most frequent value."""
    size = int(np.prod(shape, dtype=np.int64))
    others = np.unpackbits(bits, count=size, bitorder="little").astype(np.int64)
    dense: Array = values[others.cumsum() * others].reshape(shape)
    return dense
