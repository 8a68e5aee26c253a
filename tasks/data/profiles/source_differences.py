"""Source differences: in what separate validation, test and calibration sources differ from the training data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tasks.core import Column
from tasks.data.profiles.array_profile import class_counts_of
from tasks.data.readers import Examples
from tasks.data.tables import date_forms
from tasks.kernels.statistics import distribution_shift

FEW = 20
"""Of fewer rows nothing is concluded from missing values."""
FAR = 0.2
"""Shares of missing values that differ by less are alike."""


def describe_sources(
    sources: Mapping[str, Examples], train: Examples, columns: tuple[Column, ...], classes: tuple[str, ...]
) -> dict[str, Any]:
    """Name → `rows`, `classes` (class → rows) and `suspicions` (sentences) of each source beside the training data.

    Args:
        sources: name of the split → its examples; targets are class indices, or numbers of a regression.
        train: the training examples in the same form.
        columns: the inputs of a table; empty for images and arrays.
        classes: names of the classes; empty for regression.
    """
    return {
        name: {
            "rows": len(found),
            "classes": class_counts_of(found.targets, classes),
            "suspicions": [f"{name}: {each}." for each in differences(found, train, columns, classes)],
        }
        for name, found in sources.items()
    }


def differences(
    found: Examples, train: Examples, columns: tuple[Column, ...], classes: tuple[str, ...]
) -> Iterator[str]:
    """What differs between a source and the training data, in words: classes, columns, channels or targets."""
    if classes:
        lacking = [name for name, count in class_counts_of(found.targets, classes).items() if not count]
        if lacking:
            yield f"no example of {', '.join(lacking[:5])}" + (f" and {len(lacking) - 5} more" if lacking[5:] else "")
    else:
        yield from _other_numbers("the target", found.targets, train.targets)
    inputs, known = (_spread_out(each) for each in (found, train))
    if not columns:
        given, usual = (distribution_shift.by_channel(each) for each in (inputs, known))
        for name, values in given.items():
            yield from _other_numbers(f"the {name}", values, usual[name])
        return
    for column in columns:
        yield from _other_column(inputs[column.name], known[column.name], column)


def _spread_out(examples: Examples) -> Any:
    """The inputs of at most `distribution_shift.MOST` examples."""
    return examples.take(distribution_shift.spread_out(len(examples))).inputs


def _other_column(values: Any, train: Any, column: Column) -> Iterator[str]:
    is_missing, was_missing = ((each == "" if column.kind == "category" else each.isna()) for each in (values, train))
    share, was = float(is_missing.mean()), float(was_missing.mean())
    if len(values) >= FEW and abs(share - was) > FAR:
        yield f"{column.name} is missing in {share:.0%} of the rows, and in training in {was:.0%}"
    present = values[~is_missing]
    if column.kind != "category":
        known = train[~was_missing].to_numpy(dtype="float64")
        shown = _central_dates if column.kind == "date" else distribution_shift.central
        yield from _other_numbers(column.name, present.to_numpy(dtype="float64"), known, shown)
        return
    strange = present[~present.isin(list(column.texts))] if column.texts else present.head(0)
    if len(strange):
        count = strange.nunique()
        what = "a category" if count == 1 else f"{count:,} categories"
        yield f"{column.name} has {what} that training does not know, in {len(strange) / len(values):.1%} of the rows"


def _other_numbers(
    name: str, values: np.ndarray, train: np.ndarray, shown: Callable[[np.ndarray], str] = distribution_shift.central
) -> Iterator[str]:
    if distribution_shift.unlike(values, train):
        yield f"{name} is {shown(values)} (the middle 90%), and in training {shown(train)}"


def _central_dates(seconds: np.ndarray) -> str:
    low, high = np.quantile(seconds, [0.05, 0.95])
    return f"{date_forms.date_text(low)} to {date_forms.date_text(high)}"
