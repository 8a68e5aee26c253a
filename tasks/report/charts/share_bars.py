"""Share bars: parts of a whole as bars, one below the other."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.report.charts.svg import picture, shortened, tag, text, width_of

LINE = 24.0
LONGEST = 180.0
"""Pixels of the longest name."""


def share_bars(shares: Mapping[str, float], name: str, width: float = 560) -> str:
    """The bars as SVG text, in the given order; empty for none.

    Args:
        shares: name → its share, between 0 and 1.
        name: title for screen readers.
        width: in pixels.
    """
    if not shares:
        return ""
    left = 14 + min(LONGEST, max(map(width_of, shares)))
    room = width - left - 48
    parts = []
    for index, (label, share) in enumerate(shares.items()):
        top = LINE * index + 4
        parts.append(text(0, top + 12, shortened(label, LONGEST), class_="stage"))
        parts.append(tag("rect", x=left, y=top, width=max(room * share, 1), height=14, class_="level"))
        parts.append(text(left + room * share + 7, top + 12, f"{share:.0%}", class_="tick"))
    return picture(width, LINE * len(shares) + 4, name, *parts)
