"""Calibration: checks a user's own calibration set against the training data, once, when it is read.

Quantizers accept a set of zeros, or of pixels in another unit, without an error, and the quantized model then returns
noise. Calibration examples that are drawn from the training data need no check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.core import Column, InputError, nearest_choice

if TYPE_CHECKING:
    import numpy as np

FIELD = "data.calibration"
CHANCE = 1e-6
"""A calibration set is refused when a random sample of the training data would look like it less often than this."""
CATEGORIES = 64
"""A category column with more different values in training holds names or ids: new values in it are accepted."""


def compare_to_train(
    train: Any,
    train_targets: np.ndarray,
    inputs: Any,
    targets: np.ndarray,
    columns: tuple[Column, ...],
    classes: tuple[str, ...],
) -> None:
    """Checks that a calibration set (`inputs`, `targets`) resembles the train split.

    Inputs are raw pixels (count, height, width, channels), arrays of numbers (count, …), or data frames with these
    `columns` (empty for all others); targets are class indices or numbers, (count,).

    Raises:
        InputError: the set is empty, has only equal examples or one class, holds values that are not finite, or
            lies outside the ranges of the training data.
    """
    from tasks.kernels.statistics import distribution_shift

    if not len(targets):
        raise InputError("calibration needs examples, but there are none", path=FIELD)
    rows, train_rows = (distribution_shift.spread_out(len(each)) for each in (targets, train_targets))
    if columns:
        _refuse_same(inputs[[column.name for column in columns]].drop_duplicates().to_numpy(), len(targets))
        _refuse_one_class(targets, train_targets, classes)
        _compare_columns(inputs.iloc[rows], train.iloc[train_rows], columns)
        return
    pixels = inputs[rows]
    _refuse_values(pixels)
    _refuse_same(pixels, len(targets))
    _refuse_one_class(targets, train_targets, classes)
    found, known = (distribution_shift.by_channel(each) for each in (pixels, train[train_rows]))
    for name, values in found.items():
        _refuse_unlike(f"the {name}", values, known[name])


def _refuse_values(pixels: np.ndarray) -> None:
    import numpy as np

    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InputError("calibration data must be finite numbers, but some are not", path=FIELD)
    if not pixels.any():
        raise InputError(f"calibration examples must differ, but all {len(pixels)} are zeros", path=FIELD)


def _refuse_same(distinct: np.ndarray, count: int) -> None:
    if count > 1 and (distinct == distinct[:1]).all():
        raise InputError(f"calibration examples must differ, but all {count} are the same", path=FIELD)


def _refuse_one_class(targets: np.ndarray, train: np.ndarray, classes: tuple[str, ...]) -> None:
    """Refuses a single class when a random sample of this size would have only one with a probability below CHANCE."""
    import numpy as np

    if len(classes) < 2 or (targets != targets[0]).any():
        return
    shares = np.bincount(train, minlength=len(classes)) / len(train)
    if float((shares ** len(targets)).sum()) < CHANCE:
        name = classes[int(targets[0])]
        raise InputError(
            f"calibration examples must show more than one class, but all {len(targets)} are {name!r}", path=FIELD
        )


def _compare_columns(found: Any, train: Any, columns: tuple[Column, ...]) -> None:
    for column in columns:
        name, was, now = f"column {column.name!r}", train[column.name], found[column.name]
        known, given = (_present(values, column) for values in (was, now))
        if len(given) == 0 and (1 - len(known) / len(was)) ** len(now) < CHANCE:
            raise InputError(f"calibration data must have values where training has, but {name} is empty", path=FIELD)
        if column.kind == "number":
            _refuse_unlike(name, given.to_numpy(dtype="float64"), known.to_numpy(dtype="float64"))
            continue
        if column.kind == "date":  # later dates are no other unit
            continue
        texts = set(known)
        if len(given) and len(texts) <= CATEGORIES and texts and not texts & set(given):
            law, first = f"calibration data must hold categories of training in {name}", str(given.iloc[0])
            raise InputError(
                law, path=FIELD, value=first, nearest=nearest_choice(first, sorted(texts)) or sorted(texts)[0]
            )


def _present(values: Any, column: Column) -> Any:
    return values[values != ""] if column.kind == "category" else values.dropna()


def _refuse_unlike(name: str, values: np.ndarray, known: np.ndarray) -> None:
    from tasks.kernels.statistics.distribution_shift import central, unlike

    if unlike(values, known):
        law = "calibration data must lie in the ranges of the training data (same unit, not normalized)"
        raise InputError(f"{law}, but {name} is {central(values)}, and in training {central(known)}", path=FIELD)
