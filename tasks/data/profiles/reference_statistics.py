"""Reference statistics: how the train split is distributed, as JSON; later data are compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.readers import Examples

SHARES = np.linspace(0, 1, 101)
"""Shares of the values below which quantiles lie."""
MOST_CATEGORIES = 64
"""Categories of a column that are listed; the others are counted together."""
MOST_PLACES = 64
"""Arrays of examples with at most so many numbers are described number by number, larger ones as a whole."""
_BATCH = 2048


def reference_of(train: Examples, columns: tuple[Column, ...], classes: tuple[str, ...]) -> dict[str, Any]:
    """The distribution of the train split, the reference with which later data are compared.

    Args:
        train: the split; its targets are class indices, or numbers of a regression.
        columns: the inputs of a table; empty for images and arrays.
        classes: names of the classes; empty for regression.

    Returns:
        `count`; `target`: `number_statistics`, or `shares` by class; and `columns`, a record for each column of a table
        (`number_statistics`, of dates in seconds since 1970-01-01 UTC, or `category_shares`), or `statistics`,
        `number_statistics` of each of `example_statistics`.
    """
    inputs: Any = train.inputs
    if classes:
        counts = np.bincount(train.targets, minlength=len(classes))
        target = {"shares": dict(zip(classes, _rounded(counts / max(len(train), 1)), strict=True))}
    else:
        target = number_statistics(train.targets)
    if not columns:
        told = {name: number_statistics(values) for name, values in example_statistics(inputs).items()}
        return {"count": len(train), "target": target, "statistics": told}
    described = {
        column.name: number_statistics(inputs[column.name].to_numpy(dtype="float64"))
        if column.kind != "category"
        else category_shares(inputs[column.name])
        for column in columns
    }
    return {"count": len(train), "target": target, "columns": described}


def number_statistics(values: np.ndarray) -> dict[str, Any]:
    """The distribution of numbers (count,), NaN where missing.

    Returns:
        `count` and `missing`; `mean` and `std`; `quantiles` at 0, 1, … 100 %; and a histogram: `edges` e1 < … < ek,
        those deciles that differ, of the bins (-∞, e1], (e1, e2], … (ek, ∞) (`np.searchsorted(edges, x)` is the bin of
        x), and their `shares`. Quantiles are rounded to a thousandth of the width of the middle half.
    """
    known = np.sort(np.asarray(values, np.float64)[~np.isnan(values)])
    record: dict[str, Any] = {"count": len(values), "missing": len(values) - len(known)}
    if not len(known):
        return {**record, "mean": None, "std": None, "quantiles": [], "edges": [], "shares": []}
    quantiles = _shortened(known[np.round(SHARES * (len(known) - 1)).astype(np.int64)])
    deciles = np.unique(quantiles[10:100:10])
    edges = deciles[deciles < quantiles[-1]]
    below = np.searchsorted(known, edges, side="right")
    shares = np.diff(np.concatenate([[0], below, [len(known)]])) / len(known)
    return {
        **record,
        "mean": float(f"{known.mean():.6g}"),
        "std": float(f"{known.std():.6g}"),
        "quantiles": [_plain(each) for each in quantiles],
        "edges": [_plain(each) for each in edges],
        "shares": _rounded(shares),
    }


def category_shares(values: pd.Series) -> dict[str, Any]:
    """The distribution of text (count,), empty where missing.

    Returns:
        `count`, `missing` and `distinct`; `shares` of the MOST_CATEGORIES most frequent texts among those present, and
        `other`, the share of all others.
    """
    counts = values[values != ""].value_counts()
    present = int(counts.sum())
    top = counts.head(MOST_CATEGORIES)
    shares = dict(zip(map(str, top.index), _rounded(top.to_numpy() / max(present, 1)), strict=True))
    other = _rounded(np.array([(present - top.sum()) / max(present, 1)]))[0]
    missing = len(values) - present
    return {"count": len(values), "missing": missing, "distinct": len(counts), "shares": shares, "other": other}


def usual_value(record: Mapping[str, Any]) -> float | str:
    """The usual value of a column: the median, or the most frequent text.

    NaN, or empty text, where it is not known: no value was present, or the texts were left out of the profile.

    Args:
        record: what `number_statistics` or `category_shares` returned.
    """
    if "quantiles" in record:
        quantiles = record["quantiles"]
        return float(quantiles[len(quantiles) // 2]) if quantiles else float("nan")
    return str(max(record["shares"], key=record["shares"].__getitem__, default=""))


def example_statistics(values: np.ndarray) -> Mapping[str, np.ndarray]:
    """Numbers that describe each example of images (count, height, width, channels) or arrays (count, …): name →
    (count,).

    Arrays of at most MOST_PLACES numbers an example are those numbers, `number 0`, …. All else has `brightness` and
    `contrast`, the mean and the standard deviation of its values, and of several channels (at most 4, the last axis)
    `brightness of channel 0`, ….
    """
    if values.ndim == 2 and values.shape[1] <= MOST_PLACES:
        return {f"number {place}": values[:, place] for place in range(values.shape[1])}
    channels = values.shape[-1] if values.ndim == 4 and values.shape[-1] <= 4 else 1
    flat = values.reshape(len(values), -1, channels)
    means, squares = [], []
    for start in range(0, len(flat), _BATCH):
        batch = flat[start : start + _BATCH].astype(np.float64)
        means.append(batch.mean(axis=1))
        squares.append(np.einsum("npc,npc->nc", batch, batch) / batch.shape[1])
    mean, square = np.concatenate(means), np.concatenate(squares)
    brightness = mean.mean(axis=1)
    contrast = np.sqrt(np.maximum(square.mean(axis=1) - brightness**2, 0))
    told = {"brightness": brightness, "contrast": contrast}
    if channels > 1:
        told |= {f"brightness of channel {channel}": mean[:, channel] for channel in range(channels)}
    return told


def _shortened(quantiles: np.ndarray) -> np.ndarray:
    """Quantiles (101,) rounded to a thousandth of the width of the middle half, or else of their spread."""
    width = float(quantiles[75] - quantiles[25]) or float(quantiles.std())
    if not np.isfinite(width) or width <= 0:
        return quantiles
    return np.round(quantiles, 3 - int(np.floor(np.log10(width))))


def _plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else float(number)


def _rounded(shares: np.ndarray) -> list[float]:
    return [float(f"{share:.6g}") for share in shares]
