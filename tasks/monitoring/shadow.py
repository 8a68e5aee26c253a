"""Shadow: the previous champion answers beside the new one for a while; whether the new one must go back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.data.additions.added_data import read_window
from tasks.kernels.statistics.mean_sequence import MeanSequence, begin_sequence, extend_sequence
from tasks.monitoring.harm import LIKELY
from tasks.monitoring.monitor_spec import Level
from tasks.monitoring.stored_record import read_record


@dataclass(frozen=True)
class Shadow:
    """What is known of the new champion beside the previous one."""

    previous: int
    """The previous champion's version."""
    margin: float
    """By how much the new one may lose more in the mean, in the loss's unit."""
    span: float
    """The largest difference of a row's loss that counts."""
    sequence: MeanSequence
    """Of the differences, mapped from -span..span to 0..1."""


@dataclass(frozen=True)
class ShadowLook:
    """What the rows that both champions answered say."""

    level: Level
    """`act`: the new one must go back."""
    sentence: str
    previous: int
    n: int
    """Rows with labels that both answered."""
    difference: float
    """Mean loss, new minus previous."""
    p_value: float
    """The least alpha at which the new one is worse by more than the margin."""


def begin_shadow(margin: float, span: float, previous: int = 0) -> Shadow:
    """Nothing seen yet.

    Raises:
        InputError: the margin is not from 0 to below the span.
    """
    if not 0 <= margin < span:
        raise InputError("the margin must be from 0 to below the largest difference of a row's loss", value=margin)
    return Shadow(previous, margin, span, begin_sequence((margin / span + 1) / 2, grid=0))


def read_shadow(record: Mapping[str, Any]) -> Shadow:
    """The shadow of a record. Raises InputError where it is none."""
    return read_record(Shadow, record, "a monitor's shadow")


def extend_shadow(shadow: Shadow, previous: NDArray[np.generic], new: NDArray[np.generic]) -> Shadow:
    """The shadow after one more look at both champions' losses (n,) of the same rows; each counts as at most span."""
    before, after = (np.minimum(np.asarray(each, np.float64), shadow.span) for each in (previous, new))
    return replace(shadow, sequence=extend_sequence(shadow.sequence, ((after - before) / shadow.span + 1) / 2))


def is_open(shadow: Shadow, window: str | int, since: str, now: datetime) -> bool:
    """Whether the previous champion still runs beside the new one.

    Args:
        shadow: what was seen.
        window: `monitor.shadow`: so many rows with labels, or so long after the promotion.
        since: the promotion (ISO 8601); empty where it is not known: then a time is over.
        now: the present time.
    """
    if window == 0:
        return False
    limit = read_window(window)
    if limit.unit == "rows":
        return shadow.sequence.n < limit.count
    return bool(since) and (now - datetime.fromisoformat(since)).total_seconds() < limit.count


def look_at_shadow(shadow: Shadow, alpha: float) -> ShadowLook:
    """What the rows so far say: act where it is proven that the new champion is worse by more than the margin.

    That is wrong with a chance of at most `alpha`, however often one looks.
    """
    sequence = shadow.sequence
    p_value = sequence.p_value(sequence.levels[0])
    difference = (2 * sequence.mean - 1) * shadow.span if sequence.n else 0.0
    level: Level = "act" if p_value <= alpha else "warn" if p_value <= LIKELY else "fine"
    said = {"act": "proven", "warn": "likely, but not proven", "fine": "no sign"}[level]
    what = f"the loss is higher than that of version {shadow.previous} by more than {shadow.margin:.4g}"
    told = f"{difference:+.4g} in the mean over {sequence.n:,} rows" if sequence.n else "no labels yet"
    sentence = f"{said} that {what}; {told}"
    return ShadowLook(level, sentence, shadow.previous, sequence.n, difference, p_value)
