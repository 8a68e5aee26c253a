"""Table profile: what was understood of a table, column by column, and what looks wrong in it, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column
from tasks.data.leakage import determines
from tasks.data.readers import cells, column_checks
from tasks.data.readers.column_types import NO_VALUE, TableTypes
from tasks.data.tables import date_forms
from tasks.data.tables.column_steps import OneHot

if TYPE_CHECKING:
    import pandas as pd

FEW = 5
"""A category with fewer rows is rare."""
RARE = 0.2
"""Largest share of rows in rare categories of which nothing is said."""
SKEWED = 3.0
"""Skewness of a target from which its logarithm is offered, if that has a third of it or less."""
TRANSFORM = "preprocess: [{step: transform_target, method: log}]"
"""What is offered for it."""
EXACT = 2**24
"""The largest number up to which 32 bits hold all whole numbers."""
YEARS = 60
"""Dates with years of two digits that span more years may be a century off."""
LOSES = "has numbers that 32 bits cannot tell apart: digits are lost"
TOTALS = frozenset(("total", "totals", "grand total", "sum", "summe", "gesamt", "insgesamt", "somme", "suma"))


def describe_table(types: TableTypes, target: Column, targets: np.ndarray) -> dict[str, Any]:
    """What was understood of a table.

    Args:
        types: its columns as they were read.
        target: the target's type.
        targets: its values (count,), as in `Examples.targets`.

    Returns:
        `rows` (count), `columns` (a record for each, see `describe_column`), `target` (a record with `name`, `kind`,
        `missing`, and `classes` or `min`, `median`, `max`), and `suspicions` (sentences).
    """
    kinds = {column.name: column for column in types.columns}
    columns = [
        describe_column(types.frame[name], kinds.get(name), types.left_out.get(name), types.words.get(name, ()))
        for name in types.frame.columns
    ]
    suspicions = [*_left_out(types)]
    for column in types.columns:
        values = types.frame[column.name]
        found = next(each for each in columns if each["name"] == column.name)
        suspicions += [f"{column.name} {words}." for words in _doubts(values, column, found)]
        if determines(values if column.kind != "date" else date_forms.seconds_of(values), targets):
            suspicions.append(f"{column.name} alone determines the target: is it known when a prediction is made?")
    suspicions += _last_row(types)
    told = _describe_target(target, targets)
    suspicions += _skewed(target, targets) if "classes" not in told else ()
    odd = [name for name in told.get("classes", {}) if name in NO_VALUE]
    suspicions += [f"{name} is read as a class of {target.name}, in {told['classes'][name]:,} rows." for name in odd]
    return {"rows": len(targets), "columns": columns, "target": told, "suspicions": suspicions}


def tell_centers(profile: dict[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    """The profile with what becomes of columns that 32 bits would change, of which these columns know the centers."""
    columns_told, suspicions = [dict(each) for each in profile["columns"]], list(profile["suspicions"])
    for column in columns:
        if column.center is None or column.kind == "date":
            continue
        record = next(each for each in columns_told if each["name"] == column.name)
        record["becomes"] = f"a number, less {column.center:.15g} in 64 bits"
        doubt = f"{column.name} {LOSES}."
        place = suspicions.index(doubt) if doubt in suspicions else len(suspicions)
        suspicions[place : place + 1] = [
            f"{column.name} has numbers that 32 bits would change: it is taken as double and centred by "
            f"{column.center:.15g}."
        ]
    return {**profile, "columns": columns_told, "suspicions": suspicions}


def tell_dates(profile: dict[str, Any], columns: tuple[Column, ...]) -> dict[str, Any]:
    """The profile with the parts that dates become, which these columns know."""
    parts = {column.name: ", ".join(column.parts) for column in columns if column.kind == "date"}
    told = [
        {**each, "becomes": f"a date, of which a model gets {parts[each['name']]}"} if each["name"] in parts else each
        for each in profile["columns"]
    ]
    return {**profile, "columns": told}


def describe_column(
    values: pd.Series, column: Column | None, reason: str | None, words: Sequence[str] = ()
) -> dict[str, Any]:
    """A column as a record.

    Args:
        values: numbers, NaN where missing, datetimes, or text, empty where missing.
        column: its type; None for a column that is left out.
        reason: why it is left out.
        words: cells that show it.

    Returns:
        `name`, `kind` (number, date or text), `becomes` (in words), `missing` and `distinct` (counts). Of dates `from`,
        `to` and `form`. Of numbers `min`,
        `median`, `max` and `loses_digits` (whether 32 bits make different values equal); of text `top` (the five most
        frequent with their rows) and `rare` (the share of rows in categories of fewer than 5 rows). `words` are those
        that are read as missing, or for which the column is left out.
    """
    is_number, is_date = cells.is_number(values), values.dtype.kind == "M"
    present = values.dropna() if is_number or is_date else values[values != ""]
    record: dict[str, Any] = {
        "name": str(values.name),
        "kind": "number" if is_number else "date" if is_date else "text",
        "missing": len(values) - len(present),
        "distinct": int(present.nunique()),
        "words": list(column.missing if column else words),
    }
    if is_number:
        return {**record, "becomes": _left(reason) or "a number", **_describe_numbers(present)}
    if is_date:
        span = [date_forms.date_text(each) for each in date_forms.seconds_of(present).agg(["min", "max"])]
        form = column.form if column else ""
        return {**record, "becomes": _left(reason) or "a date", "from": span[0], "to": span[1], "form": form}
    counts = present.value_counts()
    most = "the most frequent of " if len(counts) > OneHot().max_categories else ""
    return {
        **record,
        "becomes": _left(reason) or f"one-hot of {most}its {len(counts):,} categories",
        "top": [[str(text), int(count)] for text, count in counts.head(5).items()],
        "rare": float(counts[counts < FEW].sum() / max(len(values), 1)),
    }


def _left(reason: str | None) -> str:
    return f"left out, because it {reason}" if reason else ""


def _describe_numbers(present: pd.Series) -> dict[str, Any]:
    if not len(present):
        return {"min": None, "median": None, "max": None, "loses_digits": False}
    values = cells.numbers_of(present, "float64")
    span = (float(values.min()), float(np.median(values)), float(values.max()))
    finite = [each if np.isfinite(each) else None for each in span]
    return {**dict(zip(("min", "median", "max"), finite, strict=True)), "loses_digits": _loses_digits(present, values)}


def _loses_digits(present: pd.Series, values: np.ndarray) -> bool:
    """Whether whole numbers above EXACT become equal in 32 bits, or any number changes by more than a millionth."""
    small = cells.numbers_of(present, "float32")
    with np.errstate(invalid="ignore", over="ignore"):
        if (np.abs(small - values) > 1e-6 * np.abs(values)).any():
            return True
    if np.abs(values).max() <= EXACT or not column_checks.is_whole(present):
        return False
    return len(np.unique(small)) < present.nunique()


def _describe_target(target: Column, targets: np.ndarray) -> dict[str, Any]:
    from pandas import Series

    if targets.dtype == object:
        is_missing = targets == ""
        counts = Series(targets[~is_missing]).value_counts()
        classes = {str(name): int(count) for name, count in counts.items()}
        return {"name": target.name, "kind": "text", "missing": int(is_missing.sum()), "classes": classes}
    present = Series(targets[~np.isnan(targets)])
    told = {"name": target.name, "kind": "number", "missing": len(targets) - len(present), **_describe_numbers(present)}
    counts = present.value_counts()
    if len(counts) <= column_checks.FEW_ROWS and column_checks.is_whole(present):
        told["classes"] = {f"{name:.0f}": int(count) for name, count in counts.items()}
    return told


def _skewed(target: Column, targets: np.ndarray) -> Iterator[str]:
    """A sentence where the logarithm of a target of numbers is much less skewed."""
    from scipy.stats import skew

    present = targets[~np.isnan(targets)]
    if len(present) < column_checks.FEW_ROWS or present.min() < 0:
        return
    plain, log = float(skew(present)), float(skew(np.log1p(present)))
    if plain > SKEWED and abs(log) < plain / 3:
        yield (
            f"{target.name} has a long tail (skewness {plain:.1f}, of its logarithm {log:.1f}): "
            f"{TRANSFORM} lowers the absolute error."
        )


def _left_out(types: TableTypes) -> Iterator[str]:
    """A sentence for each reason, with all columns that are left out for it."""
    reasons: dict[str, list[str]] = {}
    for name, reason in types.left_out.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        values = types.frame[names[0]]
        kind = "number" if cells.is_number(values) else "date" if values.dtype.kind == "M" else "text"
        keeps = "" if reason == column_checks.EMPTY else f"; data.types: {{{names[0]}: {kind}}} keeps it"
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        yield f"{shown} left out: {'each' if len(names) > 1 else 'it'} {reason}{keeps}."


def _doubts(values: pd.Series, column: Column, record: dict[str, Any]) -> Iterator[str]:
    """What looks wrong in an input, in words that follow its name."""
    if column.kind == "date":
        if "%y" in column.form and values.max().year - values.min().year > YEARS:
            yield f"has years of two digits: it is read as {record['from']} to {record['to']}"
        return
    if column.missing:
        count = len(column.missing)
        what = "a word" if count == 1 else f"{count:,} different words"
        yield f"is read as numbers, and {what} among them as missing (data.types: {{{column.name}: text}} reads text)"
    if column.kind == "category":
        present = values[values != ""]
        if cells.are_codes(present.head(1000)):
            yield f"has leading zeros and is read as text (data.types: {{{column.name}: number}} reads numbers)"
        elif len(present) and present.str.fullmatch(r"\d+").all():
            yield f"is text that holds whole numbers (data.types: {{{column.name}: number}} reads numbers)"
        if record["rare"] > RARE:
            yield f"has categories of fewer than {FEW} rows in {record['rare']:.0%} of the rows, which teach little"
        return
    if record["loses_digits"]:
        yield LOSES
    if len(values) < column_checks.FEW_ROWS or record["missing"] or not column_checks.is_whole(values):
        return
    if record["distinct"] == len(values):
        what = "numbers the rows" if column_checks.numbers_rows(values) else "is a whole number different in every row"
        yield f"{what}: if it is an index or an id, leave it out (data.drop)"
    if values.min() >= 19000101 and values.max() <= 21001231 and _are_days(values):
        yield f"looks like dates that are written as numbers (data.dates: {{{column.name}: '%Y%m%d'}} reads dates)"


def _are_days(values: pd.Series) -> bool:
    return bool((values // 100 % 100).between(1, 12).all() and (values % 100).between(1, 31).all())


def _last_row(types: TableTypes) -> Iterator[str]:
    """A sentence when the last row looks like a line of totals."""
    last = {str(value).strip().lower() for value in types.frame.iloc[-1].tolist()}
    words = {word.lower() for column in types.columns for word in column.missing}
    if TOTALS & (last | words):
        yield "A row looks like a line of totals: remove it from the file."
