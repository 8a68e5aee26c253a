"""Drift: looks at a batch's inputs and answers, each column beside the profile of the champion's reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.kernels.statistics.drift_tests import binned, chi_square, kolmogorov_smirnov, stability_index
from tasks.kernels.statistics.multiplicity import adjusted, error_share
from tasks.monitoring.monitor_spec import Level, MonitorSpec
from tasks.monitoring.reference_profile import ColumnProfile, category_counts, grouped, kind_of, known_numbers

if TYPE_CHECKING:
    import pandas as pd

LEAST_INDEX = 0.1
"""Changes whose stability index is lower are trifles, however sure they are."""
_TOLD = 5


@dataclass(frozen=True)
class ColumnDrift:
    """How one column of a batch differs from the reference."""

    name: str
    distance: float
    """Of numbers, the largest difference of the distribution functions; of categories half the sum of the differences
    of the shares."""
    index: float
    """Stability index of the values, or of what is missing if that is larger."""
    p_value: float
    adjusted: float
    """By Benjamini and Hochberg, over the columns of the look."""
    missing: tuple[float, float]
    """The share missing, in the reference and in the batch."""
    unseen: tuple[str, ...] = ()
    """Categories that the reference has not, the most frequent first; none where it has only their groups."""


@dataclass(frozen=True)
class DriftLook:
    """What a look at inputs or answers says."""

    what: Literal["inputs", "predictions"]
    level: Level
    sentence: str
    rows: int
    changed: tuple[str, ...]
    """Columns that have changed, the most changed first."""
    absent: tuple[str, ...]
    """Columns of the reference that the batch lacks."""
    extra: tuple[str, ...]
    """Columns of the batch that the reference lacks; nothing is said of them."""
    columns: tuple[ColumnDrift, ...]
    """All that were compared, in the reference's order."""


def look_for_drift(
    what: Literal["inputs", "predictions"],
    reference: Sequence[ColumnProfile],
    batch: Mapping[str, NDArray[Any]] | pd.DataFrame,
    spec: MonitorSpec,
    look: int,
) -> DriftLook:
    """Compares each column of a batch with its profile.

    A column has changed where its adjusted p-value is at most `spec.alpha` and its index at least LEAST_INDEX. To act,
    the p-value must be within the share of alpha that this look may spend (`error_share`): else a year of looks would
    act by chance.

    Args:
        what: what is looked at.
        reference: of the champion.
        batch: columns of equal length: numbers (NaN where missing) or text (empty where missing).
        spec: of the monitor.
        look: the number of this batch, from 1, since the champion became one.

    Raises:
        InputError: the batch has no rows, or text where the reference has numbers, or the reverse.
    """
    names = [str(name) for name in batch]
    rows = len(batch[names[0]]) if names else 0
    if not rows:
        raise InputError("a batch must have rows and columns", path="data")
    found = [compare_column(column, np.asarray(batch[column.name])) for column in reference if column.name in names]
    honest = adjusted([each.p_value for each in found])
    columns = tuple(replace(each, adjusted=p) for each, p in zip(found, honest, strict=True))
    far = sorted((each for each in columns if each.index >= LEAST_INDEX), key=lambda each: -each.index)
    changed = tuple(each.name for each in far if each.adjusted <= spec.alpha)
    is_sure = any(each.adjusted <= error_share(spec.alpha, look) for each in far)
    absent = tuple(column.name for column in reference if column.name not in names)
    extra = tuple(sorted({*names} - {column.name for column in reference}))
    acts = (is_sure or bool(absent)) and spec.acts_on(what)
    level: Level = "act" if acts else "warn" if changed or absent else "fine"
    return DriftLook(what, level, _sentence(what, columns, changed, absent), rows, changed, absent, extra, columns)


def compare_column(reference: ColumnProfile, values: NDArray[Any]) -> ColumnDrift:
    """One column (rows,) beside its profile: values by one test, the share missing by another, if any is.

    The p-value is the smaller of the two, doubled. `adjusted` is still the same.

    Raises:
        InputError: text where the reference has numbers, or the reverse.
    """
    kind = kind_of(values)
    if kind != reference.kind:
        has = {"number": "numbers", "category": "text"}
        raise InputError(
            f"must be {has[reference.kind]}, as in the champion's data", path=reference.name, value=has[kind]
        )
    compare = _compare_numbers if reference.kind == "number" else _compare_texts
    present, distance, index, p_value, unseen = compare(reference, values)
    gone = len(values) - present
    if reference.missing or gone:
        pair = ({"missing": reference.missing, "there": reference.present}, {"missing": gone, "there": present})
        index, p_value = max(index, stability_index(*pair)), min(1.0, 2 * min(p_value, chi_square(*pair)))
    missing = reference.missing / max(reference.count, 1), gone / max(len(values), 1)
    return ColumnDrift(reference.name, distance, index, p_value, p_value, missing, unseen)


_Compared = tuple[int, float, float, float, tuple[str, ...]]
"""Rows that are not missing, distance, index, p-value and unseen categories."""


def _compare_numbers(reference: ColumnProfile, values: NDArray[Any]) -> _Compared:
    known = known_numbers(values)
    distance, p_value = kolmogorov_smirnov(reference.sketch, reference.present, known)
    index = stability_index(*binned(reference.sketch, reference.present, known))
    return len(known), distance, index, p_value, ()


def _compare_texts(reference: ColumnProfile, values: NDArray[Any]) -> _Compared:
    before, after = reference.counts, category_counts(values)
    strange = () if reference.is_grouped else tuple(name for name in after if name not in before)
    present = sum(after.values())
    if reference.is_grouped:
        after = grouped(after)
    names = {*before, *after}
    shares = [
        {name: counts.get(name, 0) / max(sum(counts.values()), 1) for name in names} for counts in (before, after)
    ]
    distance = sum(abs(shares[0][name] - shares[1][name]) for name in names) / 2
    return present, distance, stability_index(before, after), chi_square(before, after), strange


def _sentence(what: str, columns: Sequence[ColumnDrift], changed: Sequence[str], absent: Sequence[str]) -> str:
    """What was found, in words."""
    noun = "columns" if what == "inputs" else "answers"
    parts = [f"{noun} missing: {_listed(absent)}"] if absent else []
    if changed:
        parts.append(f"{len(changed)} of {len(columns)} {noun} changed: {_listed(changed)}")
    strange = [f"{each.name}={name}" for each in columns for name in each.unseen]
    if strange:
        parts.append(f"never seen before: {_listed(strange)}")
    return "; ".join(parts) if parts else f"no change in {len(columns)} {noun}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more
