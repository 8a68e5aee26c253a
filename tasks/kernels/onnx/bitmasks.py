"""Bit masks: lossless storage of arrays in which one value prevails, as one bit per entry and the other values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def mask(array: Array) -> tuple[Array, Array]:
    """Packs a non-empty array: the bits (uint8, lowest bit first), and the values.

    A bit is 1 where the entry is not the most frequent value; `values` holds that value, then all other entries in
    order. -0.0 counts as 0.0 and is restored as 0.0: it comes from folding batch norms, and no sum depends on it.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    kinds, counts = np.unique(flat, return_counts=True)
    fill = kinds[counts.argmax()] + 0
    others = flat != fill
    return np.packbits(others, bitorder="little"), np.concatenate([np.array([fill], flat.dtype), flat[others]])


def unmask(bits: Array, values: Array, shape: Sequence[int]) -> Array:
    """The array of `shape` that `mask` packed; -0.0 comes back as 0.0 where zero is the most frequent value."""
    size = int(np.prod(shape, dtype=np.int64))
    others = np.unpackbits(bits, count=size, bitorder="little").astype(np.int64)
    dense: Array = values[others.cumsum() * others].reshape(shape)
    return dense
