"""Number format: numbers as text for reports, with thin spaces, real minus signs and a fixed number of decimals."""

from __future__ import annotations

import math
from dataclasses import dataclass

THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


MOST = 4
"""Most decimals of a score; its differences may have more."""


@dataclass(frozen=True)
class Unit:
    """How a metric is written: scores and their differences as plain numbers in the metric's own unit."""

    decimals: int
    bounded: bool
    """Whether scores lie between 0 and 1."""

    @property
    def highest(self) -> float:
        """The best score that there can be."""
        return 1.0 if self.bounded else math.inf

    def clip(self, score: float) -> float:
        """A score, or an end of its interval, moved to the nearest score that there can be."""
        return min(max(score, 0.0), 1.0) if self.bounded else score

    def score(self, value: float) -> str:
        """A score: `0.9124`."""
        return fixed(value, min(self.decimals, MOST))

    def change(self, value: float) -> str:
        """A difference of scores: `0.0040`."""
        return fixed(value, self.decimals)

    def score_span(self, low: float, high: float) -> str:
        """The interval of a score: `[0.9071, 0.9177]`."""
        return span(self.score(low), self.score(high))

    def change_span(self, low: float, high: float) -> str:
        """The interval of a difference."""
        return span(self.change(low), self.change(high))


def unit_of(bounded: bool, resolution: float) -> Unit:
    """The unit of a metric; its decimals show three digits of `resolution` (the margin, in the metric's unit).

    `bounded` says whether its scores lie between 0 and 1.
    """
    finest = 2 if resolution <= 0 else 2 - math.floor(math.log10(resolution))
    return Unit(min(max(finest, 0), 6), bounded)


def span(low: str, high: str) -> str:
    """An interval as text that does not break across lines."""
    return f"[{low},\N{NO-BREAK SPACE}{high}]"


def fixed(value: float, decimals: int) -> str:
    """A number with this many decimals and thin spaces between thousands; zero has no sign."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else f"{MINUS if value < 0 else ''}∞"
    text = f"{value:,.{decimals}f}".replace(",", THIN)
    return text.lstrip("-") if float(f"{value:.{decimals}f}") == 0 else text.replace("-", MINUS)


def format_significant(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits; without exponent from 1e-5 to below 1e6."""
    if value == 0 or not math.isfinite(value):
        return fixed(value, 0)
    power = math.floor(math.log10(abs(value)))
    if -5 <= power < 6:
        return fixed(value, max(digits - 1 - power, 0))
    digit, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{digit}e{int(exponent)}".replace("-", MINUS)


def format_count(value: float) -> str:
    """A count: `9 820` below a million, then `41.2 M`, `1.30 G`."""
    for size, letter in ((1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{format_significant(value / size)}{THIN}{letter}"
    return fixed(value, 0)


def format_bytes(value: float) -> str:
    """A file's size in decimal units: `276 kB` is 276 000 bytes."""
    for size, letter in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= size:
            return f"{format_significant(value / size)}{THIN}{letter}"
    return f"{fixed(value, 0)}{THIN}B"


def format_ratio(value: float) -> str:
    """A ratio: `2.41×`."""
    return f"{format_significant(value)}×"


def format_duration(seconds: float) -> str:
    """A length of time: `4.2 s`, `12 min 5 s`, `2 h 3 min`."""
    if seconds < 60:
        return f"{format_significant(seconds, 2)}{THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest}{THIN}s"
    return f"{minutes // 60}{THIN}h {minutes % 60}{THIN}min"
