"""Civil dates: year, month, day, weekday and hour of a time, by arithmetic that NumPy and an ONNX graph share.

The algorithm is `civil_from_days` of Howard Hinnant ("chrono-Compatible Low-Level Date Algorithms", 2013): the
Gregorian calendar, also before 1970. All numbers are float64 and whole, so that both get the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeVar

DAY = 86400.0
"""Seconds of a day."""
PARTS = ("year", "month", "day", "weekday", "hour", "elapsed")
"""What a time has: `weekday` is 0 on Mondays, `hour` 0 to 23, `elapsed` days from an origin, with their fraction."""
_CIVIL = frozenset(("year", "month", "day"))


class Arithmetic(Protocol):
    """An array, or a tensor of a graph that is being written."""

    def __add__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...


Value = TypeVar("Value", bound=Arithmetic)


def date_parts(
    seconds: Value, origin: float, wanted: Collection[str], floor: Callable[[Value], Value]
) -> dict[str, Value]:
    """The wanted parts of times, NaN where the time is NaN.

    Args:
        seconds: float64 seconds since 1970-01-01 UTC.
        origin: the time from which `elapsed` counts, in the same seconds.
        wanted: some of PARTS; only what they need is computed.
        floor: the operation on this kind of values.
    """
    found: dict[str, Any] = {}
    if "elapsed" in wanted:
        found["elapsed"] = (seconds - origin) / DAY
    if set(wanted) == {"elapsed"}:
        return found
    whole: Any = floor(seconds)  # a fraction of a second before midnight would be rounded up by the division
    days: Any = floor(whole / DAY)
    if "hour" in wanted:
        found["hour"] = floor((whole - days * DAY) / 3600.0)
    if "weekday" in wanted:
        shifted = days + 3.0  # 1970-01-01 was a Thursday
        found["weekday"] = shifted - floor(shifted / 7.0) * 7.0
    if _CIVIL & set(wanted):
        found |= _civil_from_days(days, wanted, floor)
    return {part: found[part] for part in PARTS if part in wanted}


def _civil_from_days(days: Any, wanted: Collection[str], floor: Callable[[Any], Any]) -> dict[str, Any]:
    """Year, month (1 to 12) and day (1 to 31) of days since 1970-01-01. Years begin in March, eras have 400 years."""
    shifted = days + 719468.0
    era = floor(shifted / 146097.0)
    of_era = shifted - era * 146097.0
    leaps = of_era - floor(of_era / 1460.0) + floor(of_era / 36524.0) - floor(of_era / 146096.0)
    year_of_era = floor(leaps / 365.0)
    before = year_of_era * 365.0 + floor(year_of_era / 4.0) - floor(year_of_era / 100.0)
    of_year = of_era - before
    march = floor((of_year * 5.0 + 2.0) / 153.0)  # 0 in March
    found: dict[str, Any] = {}
    if "day" in wanted:
        found["day"] = of_year - floor((march * 153.0 + 2.0) / 5.0) + 1.0
    if "month" in wanted:
        found["month"] = march + 3.0 - floor(march / 10.0) * 12.0
    if "year" in wanted:
        found["year"] = year_of_era + era * 400.0 + floor(march / 10.0)  # January and February are the next year's
    return found
