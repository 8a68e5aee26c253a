"""Cells: the values of a column as text and as numbers, such as `1.234,56 €` or `(12.5)`, in one form for all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.core import Column

if TYPE_CHECKING:
    import pandas as pd

_UNIT = "[€$£¥₹%]|EUR|USD|GBP|CHF|JPY|INR|SEK|NOK|DKK|PLN"
_CELL = (
    rf"^(?P<open>\()?\s*(?P<sign>[+\-−])?\s*(?P<before>{_UNIT})?\s*(?P<inner>[+\-−])?\s*"
    rf"(?P<body>(?:\d|[.,](?=\d))[\d.,'’\s]*(?:[eE][+-]?\d+)?)\s*(?P<after>{_UNIT})?\s*(?P<close>\))?(?P<last>-)?$"
)
_MARKS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
"""Pairs of decimal mark and thousands separator, the plain one first."""
_BLANKS = re.compile(r"\s+")
_CODE = r"0\d+"
"""A whole number with leading zeros is a code: its zeros say something."""


@dataclass(frozen=True)
class NumberForm:
    """How a column's cells are written."""

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    """The currency sign or `%` beside the numbers, which is left out."""


PLAIN = NumberForm()


def form_of(column: Column) -> NumberForm:
    """The form in which a column of numbers is written."""
    return NumberForm(column.decimal, column.thousands, column.unit)


def plain_numbers(texts: pd.Series) -> pd.Series | None:
    """Plain numbers, such as -1.5e3, as int64 or float64, NaN for empty text; None if any other text is among them."""
    import pandas as pd

    try:
        numbers = pd.to_numeric(texts.mask(texts == ""))
    except ValueError:
        return None
    return numbers.astype("float64") if numbers.dtype == object else numbers


def read_numbers(texts: pd.Series, form: NumberForm) -> pd.Series:
    """The numbers that cells (count,) hold in this form; NaN for empty text and for what is no number in this form."""
    import pandas as pd

    if form == PLAIN and (numbers := plain_numbers(texts)) is not None:
        return numbers
    codes, cells = pd.factorize(texts)
    parts = _parts(pd.Series(cells, dtype="str"))
    fits = parts["body"].str.fullmatch(_grammar(form)) & parts["unit"].isin(_units(form))
    plain = parts["body"].str.replace(f"[{re.escape(form.thousands or _others(form))}]", "", regex=True)
    plain = plain.str.replace(form.decimal, ".", regex=False)
    values = pd.to_numeric(plain.where(fits), errors="coerce").to_numpy(dtype="float64")
    values = np.where(parts["negative"], -values, values)
    return pd.Series(values[codes], index=texts.index)


def plain_forms(texts: pd.Series) -> tuple[NumberForm, ...]:
    """The forms of plain numbers: 1.234 alone may also have a decimal comma and a point between thousands."""
    grouped = texts.str.fullmatch(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d{1,3})").all()
    return (PLAIN, NumberForm(",", ".")) if grouped and texts.str.contains(".", regex=False).any() else (PLAIN,)


def possible_forms(texts: pd.Series) -> tuple[NumberForm, ...]:
    """The forms in which all cells that look like numbers are numbers; none if their units differ or no form fits.

    The first is the plainest. `1,234` alone has two: a decimal comma, or a thousands separator.
    """
    import pandas as pd

    parts = _parts(pd.Series(texts[texts != ""].unique(), dtype="str"))
    bodies, units = parts["body"].dropna(), set(parts["unit"].dropna())
    signs = units - {""}
    if not len(bodies) or len(signs) > 1 or ("%" in signs and "" in units):
        return ()
    unit = next(iter(signs), "")
    joined = "\n".join(bodies)
    forms = (NumberForm(*marks, unit) for marks in _MARKS if marks[1] in joined)
    return tuple(form for form in forms if bodies.str.fullmatch(_strict(form)).all())


def are_numbers(texts: pd.Series) -> pd.Series:
    """Which cells (count,) look like a number in any form."""
    return texts.str.match(_CELL)


def are_codes(texts: pd.Series) -> bool:
    """Whether any cell is a whole number with leading zeros."""
    return bool(texts.str.fullmatch(_CODE).any())


def _parts(cells: pd.Series) -> pd.DataFrame:
    """For each cell: `body` (digits and marks), `unit`, `negative`; body and unit are missing where it is no number."""
    import pandas as pd

    found = cells.str.extract(_CELL)
    body = found["body"].str.replace("’", "'", regex=False).str.replace(_BLANKS, " ", regex=True).str.strip()
    unit = found["before"].fillna("") + found["after"].fillna("")
    is_minus = found[["sign", "inner", "last"]].isin(["-", "−"]).any(axis=1)
    is_closed = found["open"].notna() == found["close"].notna()
    frame = pd.DataFrame({"body": body.where(is_closed), "negative": is_minus | found["open"].notna()})
    return frame.assign(unit=unit.where(frame["body"].notna()))


def _units(form: NumberForm) -> tuple[str, ...]:
    """The units that a cell may have: a share without its sign could be 45 or 0.45, an amount is the same without."""
    return (form.unit,) if form.unit in ("", "%") else (form.unit, "")


def _others(form: NumberForm) -> str:
    return ", '" if form.decimal == "." else ". '"


def _ungrouped(form: NumberForm) -> str:
    mark = re.escape(form.decimal)
    return rf"(?:\d+{mark}?\d*|{mark}\d+)(?:[eE][+-]?\d+)?"


def _strict(form: NumberForm) -> str:
    """Numbers with the thousands separator that the form names, or without."""
    if not form.thousands:
        return _ungrouped(form)
    mark, group = re.escape(form.decimal), re.escape(form.thousands)
    return rf"{_ungrouped(form)}|[1-9]\d{{0,2}}(?:{group}\d{{2,3}})*{group}\d{{3}}(?:{mark}\d*)?"


def _grammar(form: NumberForm) -> str:
    """As `_strict`; where the form names no thousands separator, also any one in a number with a decimal mark."""
    if form.thousands:
        return _strict(form)
    mark, group = re.escape(form.decimal), f"[{re.escape(_others(form))}]"
    return rf"{_ungrouped(form)}|[1-9]\d{{0,2}}(?:{group}\d{{3}})+{mark}\d+"


MISSING_WORDS = (
    *("", "n/a", "na", "n.a.", "n. a.", "nan", "null", "none", "nil", "-", "--", "---", "–", "—", ".", "..", "..."),
    *("unknown", "missing", "not available", "not known", "no data", "tbd", "k.a.", "keine angabe", "unbekannt"),
    *("inconnu", "#n/a", "#ref!", "#div/0!", "#value!", "#name?", "#num!", "#null!", "(null)", "<null>", "<na>"),
)
"""Words, in small letters, that mean a missing value wherever they stand among numbers."""
MISSING = "?"
"""Text that means a missing value, besides empty text."""
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")


def is_number(series: pd.Series) -> bool:
    """Whether all values of a column are numbers; a column of bool is a category."""
    from pandas.api import types

    if types.is_bool_dtype(series.dtype):
        return False
    return types.is_numeric_dtype(series.dtype) or (
        series.dtype == object and types.infer_dtype(series, skipna=True) in _NUMBERS
    )


def numbers_of(series: pd.Series, dtype: str) -> np.ndarray:
    """Numbers as a float array, NaN where missing."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, which is refused
        return series.to_numpy(dtype=dtype, na_value=np.nan)


def exact_numbers(series: pd.Series) -> np.ndarray:
    """Numbers as int64 where the column has whole ones in at most 64 bits, otherwise as float64, NaN where missing."""
    is_whole = series.dtype.kind in "iu" and str(series.dtype).lower() != "uint64"
    if is_whole and not series.isna().any():
        return series.to_numpy(dtype=np.int64)
    return numbers_of(series, "float64")


def text_of(series: pd.Series) -> pd.Series:
    """Any column as stripped text, empty where missing; whole numbers are written without decimals."""
    is_text = series.dtype == "str"
    present = series.fillna("") if is_text else series.astype(object).where(series.notna(), "").map(_text)
    text = present.str.strip()
    return text.mask(text == MISSING, "")


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def series_targets(series: pd.Series) -> np.ndarray:
    """A target column in the form of `Examples.targets`."""
    if not is_number(series):
        return text_of(series).to_numpy(dtype=object)
    if series.dtype.kind in "iu" and series.notna().all():
        return series.to_numpy(dtype=np.int64)
    return numbers_of(series, "float64")
