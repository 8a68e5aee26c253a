"""Column types: what each column of a table holds, found once in the training data and kept for every later file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import Column, InputError
from tasks.data.readers import cells, column_checks
from tasks.data.readers.cells import NumberForm
from tasks.data.readers.examples import Request, Rows
from tasks.data.tables import date_forms

if TYPE_CHECKING:
    import pandas as pd

MOST_TEXTS = 64
"""A column with as many different texts or more holds names: most texts of another source may be new."""
FEW_NUMBERS = 20
"""A column with more different numbers is one of numbers, even if a few words stand among them."""
NO_VALUE = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""Texts that mean a missing value among inputs (those of pandas); among targets they are names of classes."""
_NESTED = (bytes, list, tuple, dict, set, np.ndarray)


@dataclass(frozen=True)
class TableTypes:
    """The types of a table's columns."""

    columns: tuple[Column, ...]
    """The inputs."""
    left_out: Mapping[str, str]
    """Name → why the column is no input."""
    words: Mapping[str, tuple[str, ...]]
    """Name → cells that show it, where the reason lies in them."""
    frame: pd.DataFrame
    """All columns as they were read: numbers, NaN where missing, datetimes (UTC), or text, empty where missing."""


@dataclass(frozen=True)
class Numbers:
    """The numbers that a column of text holds."""

    forms: tuple[NumberForm, ...] = ()
    """The forms in which they may be written; none when the column is text."""
    words: tuple[str, ...] = ()
    """The other texts, which mean a missing value; or cells that show the reason."""
    reason: str = ""
    """Why the column is neither text nor numbers, in words that follow its name."""
    decimal: str | None = None
    """The decimal mark, where the numbers leave no doubt of it."""


def types_of_table(rows: Rows, request: Request) -> TableTypes:
    """The type of each input column of the training data.

    Columns that say nothing by themselves (`column_checks.says_nothing`), or that are almost all numbers, are left out,
    unless `data.types` names them.

    Raises:
        InputError: columns hold times of day, nested values, numbers or dates of two meanings, or a date that cannot be
            read; or no input is left.
    """
    import pandas as pd

    raw: Any = rows.train.inputs
    asks = request.types
    texts = _texts_of(raw, request)
    found = {name: numbers_in(each, asks.get(name), rows.is_text) for name, each in texts.items()}
    decimals = {each.decimal for each in found.values()} - {None}
    decimal = request.decimal or (decimals.pop() if len(decimals) == 1 else None)
    columns, frame, left_out, times = [], {}, {}, {}
    for name in raw.columns:
        asked, numbers = asks.get(name), found.get(name, Numbers((cells.PLAIN,)))
        if asked is None and name in texts and (time := column_checks.time_in(texts[name])):
            times[name] = time
            continue
        if column_checks.holds_dates(raw[name], texts.get(name), request):
            column, numbers = column_checks.date_column(raw[name], texts.get(name), request), Numbers()
        else:
            column = column_of(texts.get(name, raw[name]), numbers, asked, decimal, request)
        frame[name] = values_of(raw[name], column, request)
        reason = numbers.reason or column_checks.says_nothing(frame[name], column)
        if column.kind == "date":
            reason = reason or column_checks.never_returns(frame[name], column, request)
            frame[name] = date_forms.as_datetimes(frame[name])
        if reason and (asked is None or reason == column_checks.EMPTY):
            left_out[name] = reason
        else:
            columns.append(_with_texts(column, frame[name]))
    column_checks.refuse_times(times, request)
    if not columns:
        said = "; ".join(f"{name} {reason}{_shown(found.get(name))}" for name, reason in left_out.items())
        law = f"{request.source} must hold at least one input that says something (data.types keeps a column)"
        raise InputError(law, path=request.field, value=said)
    words = {name: found[name].words for name in left_out if name in found and found[name].reason}
    return TableTypes(tuple(columns), left_out, words, pd.DataFrame(frame, index=raw.index))


def _texts_of(frame: Any, request: Request) -> dict[str, pd.Series]:
    """The columns that are not numbers or datetimes, and those that the recipe reads as text or dates, as text."""
    asked = {name for name, kind in request.types.items() if kind != "number"} | set(request.dates)
    is_typed = {name: cells.is_number(frame[name]) or frame[name].dtype.kind == "M" for name in frame.columns}
    return {name: input_texts(frame[name], request) for name in frame.columns if name in asked or not is_typed[name]}


def _shown(numbers: Numbers | None) -> str:
    return f", such as {' and '.join(map(repr, numbers.words[:2]))}" if numbers and numbers.reason else ""


def _with_texts(column: Column, values: pd.Series) -> Column:
    """A category column with its texts, if they are few."""
    texts = values[values != ""].unique() if column.kind == "category" else ()
    return replace(column, texts=tuple(sorted(map(str, texts)))) if 0 < len(texts) < MOST_TEXTS else column


def numbers_in(texts: pd.Series, asked: str | None, is_text: bool, is_target: bool = False) -> Numbers:
    """The numbers in a column of text, empty where missing.

    Args:
        asked: `number` or `text` where `data.types` says so.
        is_text: whether all cells of the table are text. In a typed table text of digits alone is text.
        is_target: whether words that are not known to mean a missing value are classes.
    """
    present = texts[texts != ""]
    looks = cells.are_numbers(present.head(1000))
    if asked == "text" or not len(present) or not (asked or looks.mean() >= 0.5):
        return Numbers()
    if asked is None and (cells.are_codes(present) or not (is_text or present.str.contains(r"\D").any())):
        return Numbers()
    if cells.plain_numbers(present) is not None:
        return _settled(cells.plain_forms(present), (), present)
    counts = present.value_counts()
    cell = counts.index.to_series().astype("str")
    looks = cells.are_numbers(cell)
    words, forms = tuple(cell[~looks]), cells.possible_forms(cell[looks])
    strange = [word for word in words if word.lower() not in cells.MISSING_WORDS]
    share, is_rare = counts[looks].sum() / counts.sum(), counts[strange].sum() <= max(1, counts.sum() // 100)
    has_many = looks.sum() > FEW_NUMBERS and not is_target
    if forms and share >= 0.5 and (asked or not strange or (has_many and is_rare)):
        return _settled(forms, words, cell[looks])
    if not has_many or share < 0.9:
        return Numbers()
    if not forms:
        return Numbers((), _unlike(cell[looks]), "holds numbers in several forms")
    return Numbers((), tuple(strange[:5]), f"is numbers in {share:.1%} of its rows, and else text")


def _unlike(numbers: pd.Series) -> tuple[str, ...]:
    """The first number, and the first that is none in its form."""
    first = numbers.head(1)
    others = numbers[cells.read_numbers(numbers, (cells.possible_forms(first) or (cells.PLAIN,))[0]).isna()]
    return (*first, *others.head(1))


def _settled(forms: tuple[NumberForm, ...], words: tuple[str, ...], numbers: pd.Series) -> Numbers:
    """The numbers with the decimal mark of their only form, if any of them has a mark."""
    marks = {form.decimal for form in forms}
    has_mark = len(marks) == 1 and bool(numbers.str.contains("[.,]").any())
    return Numbers(forms, words, decimal=marks.pop() if has_mark else None)


def column_of(values: pd.Series, numbers: Numbers, asked: str | None, decimal: str | None, request: Request) -> Column:
    """The type of a column with these numbers.

    Args:
        values: numbers, or text, empty where missing.
        numbers: what `numbers_in` found.
        asked: `number` or `text` where `data.types` says so.
        decimal: the decimal mark of the other columns, or of the recipe.
        request: for messages.

    Raises:
        InputError: the numbers have two meanings, or there are none where the recipe asks for them.
    """
    name = str(values.name)
    if asked == "text" or (asked is None and not numbers.forms):
        is_truth = asked is None and bool(values.str.lower().isin(("true", "false", "")).all())
        return Column(name, "category", truth=is_truth)
    if not numbers.forms:
        wrong = values[~cells.are_numbers(values) & (values != "")]
        if not len(wrong) and (values == "").all():
            return Column(name, "number")
        law = f"column {name!r} of {request.source} must hold numbers in one form, as the recipe asks"
        near = "data.task: classification" if name == request.target else f"data.types: {{{name}: text}}"
        raise InputError(law, path=request.field, value=str((wrong if len(wrong) else values).iloc[0]), nearest=near)
    fitting = [form for form in numbers.forms if form.decimal == decimal] or list(numbers.forms)
    form = fitting[0]
    example = next((text for text in values if "," in text), None) if len(fitting) > 1 else None
    if example and len({each.decimal for each in fitting}) > 1 and form != cells.PLAIN:
        law = f"column {name!r} of {request.source} has two meanings: a comma may be a decimal mark or part thousands"
        raise InputError(law, path=request.field, value=example, nearest='data.decimal: ",", or data.decimal: "."')
    return Column(name, "number", form.decimal, form.thousands, form.unit, numbers.words)


def input_texts(series: pd.Series, request: Request) -> pd.Series:
    """A column of inputs as text, empty where missing. Raises InputError for nested values."""
    present = series.dropna()
    if len(present) and isinstance(present.iloc[0], _NESTED):
        raise InputError(
            f"column {series.name!r} of {request.source} must hold numbers or text (data.drop leaves it out)",
            path=request.field,
            value=type(present.iloc[0]).__name__,
        )
    texts = cells.text_of(series)
    return texts.mask(texts.isin(NO_VALUE), "")


def values_of(series: pd.Series, column: Column, request: Request) -> pd.Series:
    """A column's values as its type says: numbers or seconds, NaN where missing, or text, empty where missing.

    Raises InputError for text that is no number, or no date, in the column's form.
    """
    if column.kind == "category":
        texts = input_texts(series, request)
        return _as_truths(texts) if column.truth else texts
    if cells.is_number(series) and column.kind == "number":
        return series
    place = date_forms.Place(column.name, request.source, request.field)
    if column.kind == "date" and series.dtype.kind == "M":
        return date_forms.read_dates(series, column.form, place)
    texts = input_texts(series, request)
    is_word = texts.isin(column.missing) | texts.str.lower().isin(cells.MISSING_WORDS)
    texts = texts.mask(is_word, "")
    if column.kind == "date":
        return date_forms.read_dates(texts, column.form, place)
    numbers = cells.read_numbers(texts, cells.form_of(column))
    wrong = texts[numbers.isna() & (texts != "")]
    if len(wrong):
        mark = " with a decimal comma" if column.decimal == "," else ""
        unit = " and %" if column.unit == "%" else ""
        law = f"column {column.name!r} of {request.source} must hold numbers{mark}{unit}, as it does in data.source"
        raise InputError(law, path=request.field, value=str(wrong.iloc[0]))
    return numbers


def read_target(series: pd.Series, request: Request, is_text: bool) -> tuple[Column, np.ndarray]:
    """A target column's type, and its values in the form of `Examples.targets`.

    Text is numbers if it holds only numbers and words that mean a missing value, or if `data.types` says so. Words such
    as None and NA are classes among other texts. Raises InputError as `column_of` and `values_of` do.
    """
    name, known = str(series.name), request.target_column
    asked = known.kind if known else request.types.get(name, "number" if request.task == "regression" else None)
    if asked == "date":
        raise InputError("cannot be a date", path=f"data.types.{name}", value="date", nearest="number, or text")
    if cells.is_number(series) and asked in (None, "number"):
        return known or Column(name, "number"), cells.series_targets(series)
    texts = cells.text_of(series)
    if known is None:
        inputs = texts.mask(texts.isin(NO_VALUE), "")
        numbers = numbers_in(inputs, asked, is_text, is_target=True)
        known = column_of(inputs if numbers.forms else texts, numbers, asked, request.decimal, request)
    if known.kind == "number":
        return known, cells.series_targets(values_of(series, known, request))
    return known, (_as_truths(texts) if known.truth else texts).to_numpy(dtype=object)


def _as_truths(texts: pd.Series) -> pd.Series:
    return texts.str.lower().replace({"true": "True", "false": "False"})
