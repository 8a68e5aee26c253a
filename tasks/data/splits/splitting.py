"""Splitting: splits off the parts that a source does not have, and refuses splits with missing classes or parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.core import InputError, SplitName
from tasks.data.readers.cells import is_number, plain_numbers, text_of
from tasks.data.readers.examples import Examples, Request
from tasks.data.splits import split_strategies
from tasks.data.tables import date_forms

if TYPE_CHECKING:
    import pandas as pd

Parts = dict[SplitName, Examples]


def split_parts(
    parts: Parts,
    fractions: split_strategies.Fractions,
    by: Literal["random", "time", "group"],
    seed: int,
    classes: tuple[str, ...],
    request: Request,
) -> Parts:
    """`parts` plus the parts in `fractions`, which are taken out of train, with their `keys`.

    Targets are class indices if there are `classes`. Raises InputError when a class has too few examples, when there
    are too few groups, when a part would be empty, or when train would lack a class.
    """
    train = parts["train"]
    if sum(fractions.values()) >= 1:
        raise InputError(
            "validation and test must leave something to train on",
            path="data.split",
            value=dict(fractions),
            nearest=dict.fromkeys(fractions, 0.2),
        )
    _refuse_too_few(train, fractions, classes if by == "random" else (), request)
    if by == "time":
        times = np.arange(len(train)) if train.order is None else times_of(train.order, request)
        train = replace(train, keys=np.unique(times, return_inverse=True)[1])
        positions = split_strategies.by_time(times, fractions)
    elif by == "group":
        train = replace(train, keys=_groups(train, fractions, request))
        assert train.keys is not None
        positions = split_strategies.by_group(train.keys, fractions, seed)
    else:
        labels = train.targets if classes else np.zeros(len(train), dtype=np.int64)
        positions = split_strategies.stratified(labels, fractions, seed)
    _refuse_gaps(positions, train, classes, by, request)
    return {**parts, **{name: train.take(rows) for name, rows in positions.items()}}


def _refuse_too_few(
    train: Examples, fractions: split_strategies.Fractions, classes: tuple[str, ...], request: Request
) -> None:
    names = ", ".join(("train", *fractions))
    needed = len(fractions) + 1
    if len(train) < needed:
        raise InputError(
            f"{request.source} must hold at least {needed} examples ({names})",
            path=request.field,
            value=len(train),
        )
    counts = np.bincount(train.targets, minlength=len(classes)) if classes else np.array([needed])
    rare = np.flatnonzero(counts < needed)
    if rare.size:
        listed = ", ".join(f"{classes[row]!r}" for row in rare[:20]) + (
            f" and {rare.size - 20} more" if rare.size > 20 else ""
        )
        is_numeric = any(character.isdigit() for character in classes[rare[0]])
        raise InputError(
            f"class{'es' if rare.size > 1 else ''} {listed} of {request.source} must have at least {needed} examples "
            f"({names}){'; for numbers to be predicted as numbers, set data.task to regression' if is_numeric else ''}",
            path=request.field,
            value=int(counts[rare[0]]) if rare.size == 1 else counts[rare[:20]].tolist(),
        )


def _groups(train: Examples, fractions: split_strategies.Fractions, request: Request) -> np.ndarray:
    assert train.order is not None  # a split by group names its column, and the reader found it
    groups = groups_of(train.order, request)
    count, needed = len(np.unique(groups)), len(fractions) + 1
    if count < needed:
        raise InputError(
            f"must name a column of {request.source} with at least {needed} groups "
            f"({', '.join(('train', *fractions))}), but {request.order} has {count}",
            path="data.split.column",
        )
    return groups


def _refuse_gaps(
    positions: split_strategies.Parts, train: Examples, classes: tuple[str, ...], by: str, request: Request
) -> None:
    empty = [name for name, rows in positions.items() if not len(rows)]
    if empty:
        raise InputError(f"a split by {by} of {request.source} leaves no example for {empty[0]}", path="data.split")
    absent = set(range(len(classes))) - set(np.unique(train.targets[positions["train"]]).tolist())
    if classes and absent:
        raise InputError(
            f"a split by {by} of {request.source} leaves train without class {classes[min(absent)]!r}",
            path="data.split",
        )


def times_of(series: pd.Series, request: Request) -> np.ndarray:
    """A time column as sortable values, (count,): numbers unchanged, dates as seconds since 1970-01-01 UTC.

    Raises InputError for a missing value, for dates of two meanings, and for text that holds no dates.
    """
    name = str(series.name)
    if is_number(series) and name not in request.dates:
        _refuse_missing(series, request)
        return series.to_numpy()
    if series.dtype.kind != "M":
        series = text_of(series).rename(name)
    _refuse_missing(series.replace("", None), request)
    place = date_forms.Place(name, request.source, "data.split.column")
    form = request.dates.get(name, date_forms.ISO)
    if series.dtype.kind != "M" and name not in request.dates:
        numbers = plain_numbers(series)
        if numbers is not None:
            return numbers.to_numpy()
        distinct = series.unique().astype(object)
        if not date_forms.are_dates(distinct):
            law = f"must name a column of {request.source} with numbers or with dates of one form"
            raise InputError(law, path="data.split.column", value=request.order)
        form = date_forms.form_of(distinct, place)
    return date_forms.read_dates(series, form, place).to_numpy()


def groups_of(series: pd.Series, request: Request) -> np.ndarray:
    """A group column as integers, (count,), numbered by the sorted names. Raises InputError for a missing value."""
    text = text_of(series)
    _refuse_missing(text.replace("", None), request)
    return np.unique(text.to_numpy(dtype=object), return_inverse=True)[1]


def _refuse_missing(series: pd.Series, request: Request) -> None:
    missing = np.flatnonzero(series.isna())
    if missing.size:
        raise InputError(
            f"must name a column of {request.source} with a value in every row, but {missing.size} "
            f"have none, the first is row {missing[0]}, counted from 0",
            path="data.split.column",
        )
