"""Added rows: join the train rows or replace them, are partly held out, and end the window of rows that are used."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import InputError
from tasks.data import targets
from tasks.data.additions.added_data import AddedData, Window
from tasks.data.readers.cells import is_number, plain_numbers, text_of
from tasks.data.readers.examples import Examples, Request, Rows
from tasks.data.splits.split_strategies import by_group, by_time, stratified
from tasks.data.splits.splitting import groups_of, times_of

if TYPE_CHECKING:
    import pandas as pd

FIELD = "data.added.source"
PLAIN = ""
"""Name of an order that is numbers already."""


def join_added(rows: Rows, own: Rows, added: AddedData, seed: int, request: Request) -> Rows:
    """`rows` with the added ones in train, or in its place, and those that are held out of them as test.

    Args:
        rows: the rows of the main source.
        own: the added rows, all of them as train.
        added: the rule.
        seed: of a random holdout.
        request: for the main source; says how the rows are ordered.

    Raises:
        InputError: a class is unknown, no row would be left of a part, or the rows that are held out are not newer than
            those of the main source.
    """
    new = _of_known_classes(rows, own, request)
    old = replace(rows.train, order=_plain_order(rows.train.order, request))
    new = replace(new, order=_plain_order(new.order, replace(request, source=added.source, field=FIELD)))
    parts = _positions(new, added.holdout, seed, request)
    if not all(map(len, parts)):
        law = f"must have rows to train on and rows to hold out, but of {len(new)} rows {added.holdout:g} are held out"
        raise InputError(law, path=FIELD, value=added.source)
    fitted, fresh = (new.take(positions) for positions in parts)
    _check_newer(old, fresh, added, request)
    train = fitted if added.rule == "replace" else concatenate(old, fitted)
    skipped = own.skipped if added.rule == "replace" else rows.skipped + own.skipped
    return replace(rows, train=train, test=fresh, skipped=skipped)


def keep_window(rows: Rows, window: Window, request: Request) -> Rows:
    """`rows` with the newest rows of train: by the order of time, or without one the last rows.

    Raises:
        InputError: a time is asked for where rows have no dates.
    """
    train = rows.train
    if window.unit == "rows":
        times = np.arange(len(train)) if not _has_times(train, request) else _times(train, request)
        kept = np.sort(np.argsort(times, kind="stable")[-window.count :])
        return replace(rows, train=train.take(kept))
    if not _has_times(train, request) or not _holds_dates(train.order, request):
        law = "can be a time only where data.split.by is time and data.split.column holds dates"
        raise InputError(law, path="data.window", nearest="a number of rows, such as 100000 rows")
    times = _times(train, request)
    return replace(rows, train=train.take(np.flatnonzero(times > times.max() - window.count)))


def concatenate(first: Examples, second: Examples) -> Examples:
    """The examples of both, in this order; they have no row numbers of one source."""
    import pandas as pd

    def joined(name: str) -> Any:
        parts = [getattr(each, name) for each in (first, second)]
        if any(part is None for part in parts):
            return None
        return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pd.concat(parts, ignore_index=True)

    return Examples(joined("inputs"), joined("targets"), joined("order"), groups=joined("groups"))


def _of_known_classes(rows: Rows, own: Rows, request: Request) -> Examples:
    """The added examples, whose classes are checked."""
    known = rows.train.targets
    if (request.task or targets.task_of(known, rows.kind)) == "classification":
        classes = targets.classes_of(known, "classification", request)
        targets.encode_targets(own.train, classes, "added", FIELD)
    elif own.train.targets.dtype == object:
        raise InputError("must have numbers as targets, as data.source has", path=FIELD)
    return own.train


def _positions(new: Examples, share: float, seed: int, request: Request) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the added rows to train on, and of those that are held out."""
    if request.is_by_time:
        parts = by_time(_times(new, request), {"test": share})
    elif request.order is not None and new.order is not None:
        parts = by_group(groups_of(new.order, request), {"test": share}, seed)
    else:
        parts = stratified(np.zeros(len(new), np.int64), {"test": share}, seed)
    return parts["train"], parts["test"]


def _check_newer(old: Examples, fresh: Examples, added: AddedData, request: Request) -> None:
    if not request.is_by_time or request.order is None:
        return
    newest, first = _times(old, request).max(), _times(fresh, request).min()
    if first <= newest:
        law = f"must have rows newer than all of {request.source}: the share {added.holdout:g} that is held out is not"
        raise InputError(law, path=FIELD, value=added.source)


def _has_times(examples: Examples, request: Request) -> bool:
    return request.is_by_time and examples.order is not None


def _times(examples: Examples, request: Request) -> np.ndarray:
    """Sortable values, (count,): of an order of time, or the order of the rows where there is no column."""
    return np.arange(len(examples)) if examples.order is None else times_of(examples.order, request)


def _holds_dates(order: pd.Series | None, request: Request) -> bool:
    """Whether an order of time is one of dates, whose values are seconds."""
    if order is None or str(order.name) in request.dates or order.attrs.get("dates"):
        return order is not None
    return not is_number(order) and (order.dtype.kind == "M" or plain_numbers(text_of(order)) is None)


def _plain_order(order: pd.Series | None, request: Request) -> pd.Series | None:
    """An order of time as numbers, one of groups as text: so that those of two sources can be joined."""
    import pandas as pd

    if order is None:
        return None
    if not request.is_by_time:
        return text_of(order)
    plain = pd.Series(times_of(order, request), name=PLAIN)
    plain.attrs["dates"] = _holds_dates(order, request)
    return plain
