"""Training ranges: in which ranges the training data lie, and whether later data lie far outside of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column, InputError, Range
from tasks.data.tables import date_forms

if TYPE_CHECKING:
    from pathlib import Path

SEVERAL = 8
"""Fewer examples may all be dark by chance."""
DARK = 50
"""Examples whose highest value is this many times smaller than in training have another unit."""
FAR = 2
"""Values this many widths of the training range outside of it have another unit."""
TAIL = 0.001
"""Share of the values at each end that may be outliers."""
_MANY = 1_000_000


def ranges_of(inputs: Any, columns: tuple[Column, ...]) -> tuple[Range, ...]:
    """The ranges of training inputs: one for each column of numbers or dates, or channel of images, or for an array."""
    if columns:
        numbers = (column for column in columns if column.kind != "category")
        found = ((column, inputs[column.name].to_numpy(dtype="float64")) for column in numbers)
        return tuple(
            replace(_range(column.name, values[~np.isnan(values)]), dates=column.kind == "date")
            for column, values in found
            if not np.isnan(values).all()
        )
    return tuple(_range(name, values) for name, values in _by_channel(inputs))


def refuse_other_range(values: np.ndarray, known: tuple[Range, ...], source: Path) -> None:
    """Refuses images (count, height, width, channels) or arrays (count, …) in another unit than the training data.

    Another unit: apart from the outermost thousandth, values lie more than twice the width of the training range
    outside of it; or at least 8 examples have no value above a fiftieth of training's highest (0 to 1 instead of 0 to
    255). A single example is refused for small values only if they are fractions up to 1 where training had whole
    numbers above 50. Products without `known` ranges take all.

    Raises:
        InputError: names both ranges.
    """
    if not len(values) or len(known) not in (1, values.shape[-1]):
        return
    for (_, found), was in zip(_by_channel(values, len(known)), known, strict=True):
        low, high = _tails(found)
        width = FAR * (was.most - was.least)
        is_far = width > 0 and (high > was.most + width or low < was.least - width)
        if is_far or _is_small(found, len(values), was):
            law = "must hold values in the range of the training data (same unit, not normalized), which had"
            told = f"{found.min():.4g} to {found.max():.4g}"
            raise InputError(f"{law} {was.least:.4g} to {was.most:.4g}", file=str(source), value=told)


def unusual_columns(inputs: Mapping[str, np.ndarray], known: tuple[Range, ...]) -> Iterator[str]:
    """A sentence for each column of numbers most of whose values lie outside of the training range.

    Of fewer than 8 values, and of dates, which go on, those do that lie more than twice its width outside.

    Args:
        inputs: name → (count, 1); other names are passed over.
        known: the ranges of training.
    """
    for was in known:
        if was.name not in inputs:
            continue
        values = inputs[was.name].astype(np.float64).ravel()
        values = values[np.isfinite(values)]
        slack = FAR * (was.most - was.least) if len(values) < SEVERAL or was.dates else 0.0
        outside = (values < was.least - slack) | (values > was.most + slack)
        if len(values) and 2 * outside.sum() > len(values):
            least, most, low, high = (_shown(each, was) for each in (was.least, was.most, values.min(), values.max()))
            what = "dates lie far" if was.dates else "values lie"
            doubt = "form" if was.dates else "unit"
            yield (
                f"column {was.name!r}: {outside.sum():,} of {len(values):,} {what} outside of the training range "
                f"{least} to {most} (here {low} to {high}): another {doubt}?"
            )


def _shown(value: float, was: Range) -> str:
    return date_forms.date_text(value) if was.dates else f"{value:.4g}"


def _is_small(values: np.ndarray, count: int, was: Range) -> bool:
    highest = float(values.max())
    if was.high <= 0 or highest > was.high / DARK:
        return False
    are_fractions = was.whole and highest <= 1 and not _is_whole(values)
    return count >= SEVERAL or are_fractions


def _by_channel(values: np.ndarray, channels: int | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """Each channel of images, or all of an array as one: name, values (n,)."""
    count = channels or (values.shape[-1] if values.ndim == 4 else 1)
    if count == 1:
        yield "values", values.reshape(-1)
        return
    for channel in range(count):
        yield f"channel {channel}", values[..., channel].reshape(-1)


def _range(name: str, values: np.ndarray) -> Range:
    return Range(name, float(values.min()), float(values.max()), *_tails(values), _is_whole(values))


def _tails(values: np.ndarray) -> tuple[float, float]:
    """The quantiles at TAIL and 1 - TAIL; of very many values, of evenly spaced ones."""
    some = values if len(values) <= _MANY else values[:: len(values) // _MANY]
    low, high = np.quantile(some, [TAIL, 1 - TAIL])
    return float(low), float(high)


def _is_whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "biu" or bool((values == np.floor(values)).all())
