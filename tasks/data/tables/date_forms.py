"""Date forms: how the dates of a column are written, and how they are read as seconds since 1970-01-01 UTC.

A form is that of `strptime`. A form without a time of day also reads one behind the date, in any usual form, with or
without a zone; a time without a zone is UTC. `seconds` and `milliseconds` are numbers since 1970-01-01 UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import InputError

if TYPE_CHECKING:
    import pandas as pd

UNITS = {"seconds": 1.0, "milliseconds": 1000.0}
"""Forms of numbers → how many of them are a second."""
ISO = "%Y-%m-%d"
FORMS = (
    *(ISO, "%Y/%m/%d", "%Y.%m.%d", "%Y-%m", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%m-%d-%Y", "%d-%m-%Y"),
    *("%d.%m.%Y", "%d.%m.%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y", "%d. %b %Y", "%b %d, %Y", "%b %d %Y"),
)
"""The forms that are recognized. A date with points begins with its day, and years of two digits stand last."""
SHARE = 0.5
"""A column is one of dates, or of times, if more than this share of its different texts are. What is none is named."""
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?"
    r"\s*(?P<half>[ap])?(?:(?<=[ap])\.?m\.?)?\s*(?P<zone>z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?"
)
_CELL = re.compile(rf"(?P<date>.+?)(?:[t ,]+{_TIME})?")
_TIME_ALONE = re.compile(_TIME)
_MONTH = re.compile(r"(?<![^\W\d_])(jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*\.?")
_LETTERS = re.compile("[a-zä]{3}")
_HAS_TIME = re.compile(r"%[HIMSpfzXcsT]")
_ENGLISH = {"mär": "mar", "mai": "may", "okt": "oct", "dez": "dec"}
_TWO_DIGITS = re.compile(r"\d{2}\.\d{2}\.\d{2}")
"""1.2.13 is rather a version."""
_ZEROS = re.compile(r"0{4}(?P<mark>[-/.])00(?P=mark)00.*|00(?P<sign>[-/.])00(?P=sign)(?:00){1,2}.*")
"""What databases write for a missing date."""
_YEARS = (1600, 2200)
"""Texts like 1001-11 are no dates unless the recipe says so."""
_SOME = 1000
"""So many different texts tell whether a column is one of dates."""


@dataclass(frozen=True)
class Place:
    """A column in a file, for messages."""

    column: str
    source: str
    field: str
    """The source's path in the recipe, with which messages begin."""


def are_times(texts: np.ndarray) -> bool:
    """Whether more than SHARE of different texts (count,) are times of day without a date."""
    return bool(np.mean([_TIME_ALONE.fullmatch(text.lower()) is not None for text in texts]) > SHARE)


def are_dates(texts: np.ndarray) -> bool:
    """Whether more than SHARE of different texts (count,), none of them empty, are dates in a form of FORMS."""
    if not any(_is_dated(text, form) for text in texts[:5] for form in FORMS):
        return False
    texts = texts[:: 1 + len(texts) // _SOME]
    least, most = ((year - 1970) * 365.2425 * 86400 for year in _YEARS)
    return any(np.mean((found >= least) & (found < most)) > SHARE for found in _tries(texts).values())


def form_of(texts: np.ndarray, place: Place) -> str:
    """The form of FORMS in which different texts (count,) are written: the one that fits all, or else most of them.

    Raises:
        InputError: none fits any text, or two that fit all give other dates, as 3/4/2021 in March or in April.
    """
    tries = _tries(texts)
    counts = {form: int(np.isfinite(found).sum()) for form, found in tries.items()}
    most = max(counts.values(), default=0)
    fitting = [form for form, count in counts.items() if count == most]
    if not most:
        law = f"column {place.column!r} of {place.source} must hold dates in a form that is known"
        value = str(texts[0]) if len(texts) else None
        example = "seconds" if value and re.fullmatch(r"[\d.]+", value) else '"%d/%m/%Y"'
        near = f"data.dates: {{{place.column}: {example}}} with the form, or data.types: {{{place.column}: text}}"
        raise InputError(law, path=place.field, value=value, nearest=near)
    first = tries[fitting[0]]
    for other in fitting[1:]:
        unlike = np.flatnonzero(~((first == tries[other]) | (np.isnan(first) & np.isnan(tries[other]))))
        if unlike.size:
            at = unlike[0]
            days = " or ".join(date_text(each[at])[:10] for each in (first, tries[other]))
            law = f"column {place.column!r} of {place.source} has two meanings: {texts[at]} may be {days}"
            near = ", or ".join(f'data.dates: {{{place.column}: "{form}"}}' for form in (fitting[0], other))
            raise InputError(law, path=place.field, nearest=near)
    return fitting[0]


def read_dates(series: pd.Series, form: str, place: Place) -> pd.Series:
    """A column as float64 seconds since 1970-01-01 UTC, NaN where missing.

    Args:
        series: datetimes, or text, empty where missing.
        form: how text is written.
        place: for messages.

    Raises:
        InputError: a text is no date in this form; names its row.
    """
    import pandas as pd

    if series.dtype.kind == "M":
        return seconds_of(series)
    codes, distinct = pd.factorize(series)
    texts = np.asarray(distinct, dtype=object)
    found = seconds_in(texts, form)
    is_missing = np.array([text == "" or _ZEROS.fullmatch(text) is not None for text in texts], dtype=bool)
    wrong = np.flatnonzero((np.isnan(found) & ~is_missing)[codes])
    if wrong.size:
        what = form if form in UNITS else f"dates in the form {form}"
        law = (
            f"column {place.column!r} of {place.source} must hold {what}, but row {wrong[0]}, counted from 0, does not"
        )
        near = f"data.types: {{{place.column}: text}}" if place.field.startswith("data.") else None
        raise InputError(law, path=place.field, value=str(texts[codes[wrong[0]]]), nearest=near)
    return pd.Series(np.where(is_missing, np.nan, found)[codes], index=series.index, name=series.name)


def seconds_in(texts: np.ndarray, form: str) -> np.ndarray:
    """Texts (count,) as float64 seconds since 1970-01-01 UTC; NaN for what is no date in this form."""
    import pandas as pd

    if form in UNITS:
        numbers = pd.to_numeric(pd.Series(texts, dtype="str"), errors="coerce")
        exact = numbers.to_numpy(dtype=np.float64, na_value=np.nan) / UNITS[form]
        return np.asarray(np.round(exact * 1e6) / 1e6)
    if form == ISO:
        return _iso_seconds(texts)
    if _HAS_TIME.search(form):
        plain = pd.Series([_plain(text) for text in texts], dtype="str")
        return _typed_seconds(pd.to_datetime(plain, format=form, errors="coerce", utc=True))
    return _split_seconds(texts, form)


def _iso_seconds(texts: np.ndarray) -> np.ndarray:
    """Dates of ISO 8601: most are read at once, and what is left, such as 2021-03-04 9:30 PM, by its two halves."""
    import pandas as pd

    whole = pd.Series(texts, dtype="str")
    whole = whole.where(whole.str.len() >= len("2021-03-04"), "")
    found = _typed_seconds(pd.to_datetime(whole, format="ISO8601", errors="coerce", utc=True))
    rest = np.flatnonzero(np.isnan(found))
    found[rest] = _split_seconds(texts[rest], ISO)
    return found


def _split_seconds(texts: np.ndarray, form: str) -> np.ndarray:
    """Dates in a form without a time of day, and the times behind them."""
    import pandas as pd

    cells = [_CELL.fullmatch(_plain(text)) for text in texts]
    dates = pd.Series([cell["date"] if cell else "" for cell in cells], dtype="str")
    if form == "%d.%m.%y":
        dates = dates.where(dates.str.fullmatch(_TWO_DIGITS), "")
    days = _typed_seconds(pd.to_datetime(dates, format=form, errors="coerce"))
    times = np.array([_seconds_of_day(cell) if cell else np.nan for cell in cells], dtype=np.float64)
    return np.asarray(np.round((days + times) * 1e6) / 1e6)


def seconds_of(datetimes: pd.Series) -> pd.Series:
    """Datetimes, of any zone, as float64 seconds since 1970-01-01 UTC; NaN where missing."""
    import pandas as pd

    return pd.Series(_typed_seconds(datetimes), index=datetimes.index, name=datetimes.name)


def as_datetimes(seconds: pd.Series) -> pd.Series:
    """Seconds since 1970-01-01 UTC as datetimes without a zone, which `read_dates` turns back."""
    import pandas as pd

    whole = np.round(np.where(np.isnan(seconds), 0, seconds) * 1e6).astype(np.int64).astype("datetime64[us]")
    values = np.where(np.isnan(seconds), np.datetime64("NaT", "us"), whole)
    return pd.Series(values, index=seconds.index, name=seconds.name)


def date_text(seconds: float) -> str:
    """A time as text, in UTC: `2021-03-04`, or `2021-03-04 10:30:00` where it has a time of day."""
    if not np.isfinite(seconds):
        return "no date"
    text = str(np.datetime64(round(seconds), "s")).replace("T", " ")
    return text.removesuffix(" 00:00:00")


def check_form(form: str) -> None:
    """Raises ValueError for a form that `strptime` does not know, or one without a year."""
    if form in UNITS:
        return
    if "%" not in form or not re.search(r"%[YyGcxs]", form):
        raise ValueError("must be seconds, milliseconds, or a form of strptime with a year, such as %d/%m/%Y")
    try:
        datetime.strptime(datetime(2021, 12, 31, tzinfo=UTC).strftime(form), form)
    except ValueError as error:
        raise ValueError(f"must be a form that strptime knows ({error})") from None


def _plain(text: str) -> str:
    """A text in small letters, with English names of months of three letters."""
    small = text.lower()
    return _MONTH.sub(lambda found: _ENGLISH.get(found[1], found[1]), small) if _LETTERS.search(small) else small


def _is_dated(text: str, form: str) -> bool:
    """Whether one text is a date in a form, by Python alone: most columns are answered here."""
    cell = _CELL.fullmatch(_plain(text))
    try:
        return cell is not None and bool(datetime.strptime(cell["date"], form))
    except ValueError:
        return False


def _tries(texts: np.ndarray) -> dict[str, np.ndarray]:
    """The texts by each form that fits one of the first, as `seconds_in` reads them."""
    forms = [form for form in FORMS if any(_is_dated(text, form) for text in texts[:50])]
    return {form: seconds_in(texts, form) for form in forms}


def _seconds_of_day(cell: re.Match[str]) -> float:
    """The time of day less its zone; 0 without a time, NaN for one that no clock shows."""
    if cell["hour"] is None:
        return 0.0
    hour, minute, second = int(cell["hour"]), int(cell["minute"]), float((cell["second"] or "0").replace(",", "."))
    if cell["half"]:
        hour = hour % 12 + (12 if cell["half"] == "p" else 0) if 1 <= hour <= 12 else 99
    if hour > 23 or minute > 59 or second >= 60:
        return float("nan")
    return hour * 3600 + minute * 60 + second - _offset(cell["zone"] or "")


def _offset(zone: str) -> int:
    """Seconds that a zone such as +02:00 is before UTC."""
    digits = re.sub(r"\D", "", zone).ljust(4, "0")
    return (-1 if zone.startswith("-") else 1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def _typed_seconds(series: pd.Series) -> np.ndarray:
    """Datetimes, of any zone, as float64 seconds; NaN where missing."""
    zone: Any = getattr(series.dtype, "tz", None)
    naive = series if zone is None else series.dt.tz_convert("UTC").dt.tz_localize(None)
    micros = naive.to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)
