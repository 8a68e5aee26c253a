"""Reference profile: what the champion's reference data, answers and losses are like; batches are compared with it.

It has no rows: of numbers a sketch of quantiles, of categories counts. `reference_statistics` of the data's own profile
are for reading and rounded, which would move values that many rows have.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError, MetricSpec
from tasks.kernels.statistics.drift_tests import quantile_sketch
from tasks.kernels.statistics.one_sided_bounds import CAP, mean_upper, share_upper, skewness_of
from tasks.monitoring.stored_record import read_record

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 256
"""Categories of a column that are counted by name. Of more, by group: the most frequent ones would not be chosen again
from other rows, and seem rarer there."""
GROUPS = 64
"""Groups of a column's categories, by a checksum of the name."""
ROOM = 3.0
"""The cap is at least so many times the median: losses that hardly vary may rise, too."""


@dataclass(frozen=True)
class ColumnProfile:
    """One column of inputs, or of answers."""

    name: str
    kind: Literal["number", "category"]
    count: int
    """The number of rows."""
    missing: int
    sketch: tuple[float, ...] = ()
    """Of numbers: `quantile_sketch` of those that are not missing."""
    counts: dict[str, int] = field(default_factory=dict)
    """Of categories: the rows of each, or of each group."""
    is_grouped: bool = False
    """Whether the counts are of groups."""

    @property
    def present(self) -> int:
        """The number of rows that are not missing."""
        return self.count - self.missing


@dataclass(frozen=True)
class LossReference:
    """The champion's loss on rows that it has not learned from."""

    mean: float
    """Of losses, each at most the cap; so are the deviation and the skewness."""
    deviation: float
    n: int
    cap: float
    """What all but the largest losses keep below (`one_sided_bounds.CAP`). Larger ones count as it, here and in every
    batch."""
    is_share: bool
    """Whether every loss is 0 or 1."""
    skewness: float = 0.0

    def upper(self, alpha: float) -> float:
        """The bound that the true mean exceeds with a chance of at most `alpha`."""
        if self.is_share:
            return share_upper(round(self.mean * self.n), self.n, alpha)
        return min(self.cap, mean_upper(self.mean, self.deviation, self.n, alpha, self.cap - self.mean, self.skewness))


@dataclass(frozen=True)
class Profile:
    """The reference of one champion."""

    columns: tuple[ColumnProfile, ...]
    answers: tuple[ColumnProfile, ...] = ()
    """`example_columns.answer_columns` of the same or other rows."""
    loss: LossReference | None = None
    metric: MetricSpec | None = None
    """The goal's metric, resolved against the champion's data: it says what a row's loss is."""
    features: str = ""
    """Of images, why no features of the network are among the columns; empty where they are, and of other data."""

    @property
    def record(self) -> dict[str, Any]:
        """The profile as JSON."""
        return asdict(self)


def read_profile(record: Mapping[str, Any]) -> Profile:
    """The profile of a record.

    Raises:
        InputError: it is no record of a profile.
    """
    return read_record(Profile, record, "a monitor's profile")


def describe_columns(columns: Mapping[str, NDArray[Any]] | pd.DataFrame) -> tuple[ColumnProfile, ...]:
    """The profile of each column: of numbers (NaN where missing), or of text (empty where missing)."""
    return tuple(describe_column(name, np.asarray(columns[name])) for name in map(str, columns))


def describe_column(name: str, values: NDArray[Any]) -> ColumnProfile:
    """The profile of one column (count,): numbers, or text and truth values as categories."""
    if kind_of(values) == "number":
        known = known_numbers(values)
        return ColumnProfile(name, "number", len(values), len(values) - len(known), quantile_sketch(known))
    counts = category_counts(values)
    is_grouped = len(counts) > MOST_NAMED
    missing = len(values) - sum(counts.values())
    kept = grouped(counts) if is_grouped else counts
    return ColumnProfile(name, "category", len(values), missing, counts=kept, is_grouped=is_grouped)


def describe_losses(losses: NDArray[np.generic]) -> LossReference:
    """The reference of losses (n,) of rows that the champion has not learned from.

    Raises:
        InputError: there are fewer than 2, or one is negative or not finite.
    """
    values = np.asarray(losses, np.float64)
    if len(values) < 2 or not (np.isfinite(values).all() and values.min() >= 0):
        raise InputError("the reference's losses must be two or more finite numbers, none below 0")
    is_share = bool(np.isin(values, (0.0, 1.0)).all())
    cap = 1.0 if is_share else max(float(np.quantile(values, CAP, method="higher")), ROOM * float(np.median(values)))
    kept = np.minimum(values, cap)
    return LossReference(float(kept.mean()), float(kept.std(ddof=1)), len(values), cap, is_share, skewness_of(kept))


def kind_of(values: NDArray[Any]) -> Literal["number", "category"]:
    """What a column (count,) holds, by its type."""
    return "number" if values.dtype.kind in "iuf" else "category"


def known_numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    """The numbers that are not missing."""
    wide = np.asarray(values, np.float64)
    return wide[~np.isnan(wide)]


def grouped(counts: Mapping[str, int]) -> dict[str, int]:
    """The rows of each group of categories."""
    found: dict[str, int] = {}
    for name, rows in counts.items():
        group = f"group {zlib.crc32(name.encode()) % GROUPS}"
        found[group] = found.get(group, 0) + rows
    return found


def category_counts(values: NDArray[Any]) -> dict[str, int]:
    """Rows of each text that is not missing, the most frequent first; of equally frequent ones by name."""
    counts = Counter(str(value) for value in values.tolist() if value is not None and value == value and value != "")
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
