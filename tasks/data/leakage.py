"""Leakage: what a model should not be able to know: an input that determines the target, copies across splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import SplitName

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.readers import Examples

FEW_EXAMPLES = 50
"""With fewer examples an input may determine the target by chance."""
MOST_CLASSES = 20
"""Numbers with more different values are a regression's targets."""
REPEATED = 5
"""Values that stand in fewer rows on average are sorted instead of counted."""


def determines(values: pd.Series, targets: np.ndarray) -> bool:
    """Whether an input determines the target.

    A class: each value of the input has one class only, or thresholds divide the classes. A number: it is a linear
    function of the input. Missing targets and inputs do not count; with fewer than FEW_EXAMPLES examples it is False.

    Args:
        values: numbers, NaN where missing, or text, empty where missing; (count,).
        targets: as in `Examples.targets`, (count,).
    """
    import pandas as pd

    is_text = values.dtype.kind not in "iuf"
    is_known = (values != "" if is_text else values.notna()).to_numpy()
    is_known = is_known & (targets != "" if targets.dtype == object else np.isfinite(targets))
    x, y = values[is_known], targets[is_known]
    if len(y) < FEW_EXAMPLES:
        return False
    classes, names = pd.factorize(y)
    if len(names) < 2:
        return False
    if targets.dtype != object and len(names) > MOST_CLASSES:
        return not is_text and _is_linear(x.to_numpy(dtype="float64"), y)
    codes, distinct = pd.factorize(x)
    if len(distinct) * REPEATED <= len(y):
        return len(np.unique(codes * len(names) + classes)) == len(distinct)
    return not is_text and _is_divided(x.to_numpy(), classes, len(names))


def _is_linear(x: np.ndarray, y: np.ndarray) -> bool:
    if not np.isfinite(x).all() or x.std() == 0:
        return False
    return bool(abs(np.corrcoef(x, y)[0, 1]) > 1 - 1e-9)


def _is_divided(x: np.ndarray, classes: np.ndarray, count: int) -> bool:
    """Whether the classes lie one after the other when the examples are sorted by the input."""
    order = np.argsort(x, kind="stable")
    ordered, changes = x[order], np.flatnonzero(np.diff(classes[order]))
    return len(changes) == count - 1 and bool((ordered[changes] != ordered[changes + 1]).all())


def copies_between(parts: Mapping[SplitName, Examples]) -> list[str]:
    """A sentence for each two splits of which one holds exact copies of the other's inputs."""
    from tasks.kernels.statistics.duplicates import copies_across

    told, named = [], {str(name): part for name, part in parts.items()}
    for found in copies_across({name: part.inputs for name, part in named.items()}):
        first, second = (
            row if part.at is None else int(part.at[row])
            for part, row in zip((named[found.first], named[found.second]), found.rows, strict=True)
        )
        where = f"such as row {second}, which is row {first} again"
        are = "is an exact copy" if found.count == 1 else "are exact copies"
        told.append(f"{found.count:,} of the {found.second} examples {are} of {found.first} ones, {where}.")
    return told
