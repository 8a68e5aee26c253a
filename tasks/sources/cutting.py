"""Cuts the parts that a source does not give by itself, and refuses a cut that robs train of a class."""

from __future__ import annotations

from typing import Literal

import numpy as np

from tasks.artifacts import InputError, SplitName
from tasks.sources import ordering, splitting
from tasks.sources.rows import Examples, Request

Parts = dict[SplitName, Examples]


def cut(
    parts: Parts,
    fractions: splitting.Fractions,
    by: Literal["random", "time", "group"],
    seed: int,
    classes: tuple[str, ...],
    request: Request,
) -> Parts:
    """`parts` with those of `fractions` taken out of train. Targets are class indices if there are `classes`.

    Raises InputError for too few examples of a class, too few groups, or a class that train would not have.
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
        times = np.arange(len(train)) if train.order is None else ordering.times_of(train.order, request)
        positions = splitting.by_time(times, fractions)
    elif by == "group":
        positions = splitting.by_group(_groups(train, fractions, request), fractions, seed)
    else:
        labels = train.targets if classes else np.zeros(len(train), dtype=np.int64)
        positions = splitting.stratified(labels, fractions, seed)
    _refuse_gaps(positions, train, classes, by, request)
    return {**parts, **{name: train.take(rows) for name, rows in positions.items()}}


def _refuse_too_few(
    train: Examples, fractions: splitting.Fractions, classes: tuple[str, ...], request: Request
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
    rarest = int(counts.argmin())
    if counts[rarest] < needed:
        raise InputError(
            f"class {classes[rarest]!r} of {request.source} must have at least {needed} examples ({names}); "
            "for numbers to be predicted as numbers, set data.task to regression",
            path=request.field,
            value=int(counts[rarest]),
        )


def _groups(train: Examples, fractions: splitting.Fractions, request: Request) -> np.ndarray:
    assert train.order is not None  # a split by group names its column, and the reader found it
    groups = ordering.groups_of(train.order, request)
    count, needed = len(np.unique(groups)), len(fractions) + 1
    if count < needed:
        raise InputError(
            f"must name a column of {request.source} with at least {needed} groups "
            f"({', '.join(('train', *fractions))}), but {request.order} has {count}",
            path="data.split.column",
        )
    return groups


def _refuse_gaps(
    positions: splitting.Parts, train: Examples, classes: tuple[str, ...], by: str, request: Request
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
