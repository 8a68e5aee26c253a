"""Array profile: what was seen of decoded pixels and other arrays, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.data.readers import Examples
from tasks.kernels.statistics.distribution_shift import spread_out

MANY = 256
"""More different values are many."""
_BATCH = 1 << 22


def describe_arrays(parts: Mapping[str, Examples], classes: tuple[str, ...]) -> dict[str, Any]:
    """What was seen of images or other arrays.

    Args:
        parts: name → examples of the source, of one shape and type; targets are class indices, or numbers.
        classes: names of the classes; empty for regression.

    Returns:
        `classes`: part → class → number of examples. Of the train part `shape` and `type` of an example; `values`, the
        least and the greatest; `channels`, the `mean` and `std` of each (the last axis of images, all else is one);
        `distinct`, the number of different values, None for more than MANY (of other types than uint8 among 2,000
        examples); `places` in an example and how many of them are `constant`; and `flat`, the number of examples that
        are one value all over.
    """
    train = np.asarray(parts["train"].inputs)
    flat = train.reshape(len(train), -1)
    lowest, highest = flat.min(axis=1), flat.max(axis=1)
    return {
        "classes": {name: class_counts_of(part.targets, classes) for name, part in parts.items()},
        "shape": list(train.shape[1:]),
        "type": str(train.dtype),
        "values": [float(lowest.min()), float(highest.max())],
        "channels": _channels(train),
        "distinct": _distinct(train),
        "places": flat.shape[1],
        "constant": int((flat.min(axis=0) == flat.max(axis=0)).sum()),
        "flat": int((lowest == highest).sum()),
    }


def class_counts_of(targets: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    """Class → number of examples, of class indices (count,); empty for regression."""
    if not classes:
        return {}
    return dict(zip(classes, np.bincount(targets, minlength=len(classes)).tolist(), strict=True))


def _channels(values: np.ndarray) -> list[dict[str, float]]:
    channels = values.shape[-1] if values.ndim == 4 else 1
    flat = values.reshape(-1, channels)
    total, square = np.zeros(channels), np.zeros(channels)
    for start in range(0, len(flat), _BATCH):
        batch = flat[start : start + _BATCH].astype(np.float64)
        total += batch.sum(axis=0)
        square += np.einsum("nc,nc->c", batch, batch)
    mean = total / len(flat)
    std = np.sqrt(np.maximum(square / len(flat) - mean**2, 0))
    return [{"mean": float(f"{m:.6g}"), "std": float(f"{s:.6g}")} for m, s in zip(mean, std, strict=True)]


def _distinct(values: np.ndarray) -> int | None:
    if values.dtype != np.uint8:
        found = len(np.unique(values[spread_out(len(values))]))
        return found if found <= MANY else None
    flat, counts = values.reshape(-1), np.zeros(256, np.int64)
    for start in range(0, len(flat), _BATCH):
        counts += np.bincount(flat[start : start + _BATCH], minlength=256)
    return int((counts > 0).sum())
