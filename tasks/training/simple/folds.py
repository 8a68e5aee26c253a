"""Folds: the rows of train and validation in parts, each of which is held back once; test is never among them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.core import Dataset, InputError, Prepared, SplitName, Store

if TYPE_CHECKING:
    import numpy as np

BOTH: tuple[SplitName, ...] = ("train", "validation")
LEAST = 3
"""Fewest folds: rows to fit on, to stop by, and to hold back."""


FEW = 2000
"""Rows of train and validation below which one validation split would choose by chance."""
USUAL = 5
"""Folds in which models are compared where rows are few."""


@dataclass(frozen=True)
class Fold:
    """Sorted positions in the rows of the splits, one split after the other; no row has two uses in one fold."""

    fit: np.ndarray
    """Rows to fit on."""
    stop: np.ndarray
    """Rows by which boosting may stop early: those that the next fold holds back."""
    held: np.ndarray
    """Rows to predict."""


def folds_of(prepared: Prepared, count: int, store: Store, splits: Sequence[SplitName] = BOTH) -> list[Fold]:
    """Folds of the rows, made as the data were split; equal data give equal folds.

    After a random split, rows are held back at random, with equal shares of the classes; after a split by group, whole
    groups. Then every row is held back once. After a split by time, each fold is fitted on what came before the rows
    that it holds back, and the earliest rows are never held back.

    Args:
        prepared: the data.
        count: the number of folds, LEAST or more.
        store: holds the data.
        splits: the splits whose rows are meant, one after the other. Rows of a validation split with its own source
            count as one group, or as later than all others.

    Raises:
        InputError: there are fewer than LEAST folds, too few rows, groups or times for them, or rows to fit on lack a
            class.
    """
    import numpy as np

    dataset = prepared.dataset
    if count < LEAST:
        raise InputError(f"must be at least {LEAST}: rows to fit on, to stop by and to predict", path="folds")
    targets = np.concatenate([store.get_array(dataset.splits[each].targets) for each in splits])
    keys = None if dataset.split_by == "random" else _keys_of(dataset, splits, store)
    if keys is not None and dataset.split_by == "time":
        found = _forward_folds(keys, count, dataset)
    else:
        part = _random_parts(targets, keys, count, dataset)
        numbers = [(at, (at + 1) % count) for at in range(count)]
        found = [
            Fold(*(np.flatnonzero(each) for each in ((part != held) & (part != stop), part == stop, part == held)))
            for held, stop in numbers
        ]
    _refuse_absent_classes(found, targets, dataset)
    return found


def folds_of_few(prepared: Prepared, store: Store) -> int:
    """The number of folds in which models are compared: USUAL, or fewer where a class, a group or a time is rare.

    0 where train and validation have FEW rows or more, and where no folds can be made.
    """
    splits = prepared.dataset.splits
    if splits["train"].count + splits["validation"].count >= FEW:
        return 0
    for count in range(USUAL, LEAST - 1, -1):
        with suppress(InputError):
            folds_of(prepared, count, store)
            return count
    return 0


def _keys_of(dataset: Dataset, splits: Sequence[SplitName], store: Store) -> np.ndarray:
    """The group or the place in time of each row."""
    import numpy as np

    known = {each: store.get_array(dataset.splits[each].keys) for each in splits if dataset.splits[each].keys}
    other = 1 + max((int(keys.max()) for keys in known.values()), default=-1)
    return np.concatenate([known.get(each, np.full(dataset.splits[each].count, other)) for each in splits])


def _random_parts(targets: np.ndarray, groups: np.ndarray | None, count: int, dataset: Dataset) -> np.ndarray:
    """The number of the fold that holds each row back, (rows,)."""
    import numpy as np
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    names = dataset.classes
    if groups is not None:
        _refuse_few(len(np.unique(groups)), count, "groups", dataset)
        maker = (StratifiedGroupKFold if names else GroupKFold)(count, shuffle=True, random_state=0)
    elif names:
        rarest = int(np.bincount(targets, minlength=len(names)).argmin())
        _refuse_few(int((targets == rarest).sum()), count, f"rows of class {names[rarest]!r}", dataset)
        maker = StratifiedKFold(count, shuffle=True, random_state=0)
    else:
        _refuse_few(len(targets), count, "rows", dataset)
        maker = KFold(count, shuffle=True, random_state=0)
    part = np.zeros(len(targets), dtype=np.int64)
    for number, (_, held) in enumerate(maker.split(np.zeros((len(targets), 1)), targets, groups)):
        part[held] = number
    return part


def _forward_folds(times: np.ndarray, count: int, dataset: Dataset) -> list[Fold]:
    """Folds of which each is fitted on the past; equal times stay together.

    The rows in order of time are cut into `count` + 2 parts. Fold i holds part i + 2 back, is stopped by part i + 1 and
    fitted on all before.
    """
    import numpy as np

    parts = count + 2
    _refuse_few(len(np.unique(times)), parts, "different times", dataset)
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    starts = [int(np.searchsorted(ordered, ordered[round(at * len(times) / parts)])) for at in range(parts)]
    starts.append(len(times))
    empty = [at for at in range(parts) if starts[at] == starts[at + 1]]
    if empty:
        law = f"must name a column of {dataset.source} whose times part the rows into {parts} of about equal size"
        raise InputError(f"{law}, but too many rows have the same time", path="data.split.column")
    return [
        Fold(*(np.sort(order[start:end]) for start, end in ((0, first), (first, second), (second, third))))
        for first, second, third in zip(starts[1:], starts[2:], starts[3:], strict=False)
    ]


def _refuse_few(found: int, needed: int, what: str, dataset: Dataset) -> None:
    if found < needed:
        law = f"needs at least {needed} {what} in train and validation of {dataset.source}, but there are {found}"
        nearest = LEAST if found >= LEAST and "times" not in what else None
        raise InputError(f"a fit in folds {law}", path="folds", nearest=nearest)


def _refuse_absent_classes(folds: Sequence[Fold], targets: np.ndarray, dataset: Dataset) -> None:
    for fold in folds:
        absent = set(range(len(dataset.classes))) - set(targets[fold.fit].tolist())
        if absent:
            law = f"a split by {dataset.split_by} of {dataset.source} leaves a fold without class"
            raise InputError(f"{law} {dataset.classes[min(absent)]!r} to fit on", path="data.split")
