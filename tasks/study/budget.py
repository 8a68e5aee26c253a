"""Budget: which table of a study is measured next, with one seed more for its open cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TableState:
    """How far a table is."""

    name: str
    seeds: int
    """Seeds that all its cells have."""
    is_open: int
    """Number of cells whose verdict is still open, or whose effect could be anything around zero."""
    round_seconds: float
    """What one seed more costs: measured, or expected before the first."""


def next_table(states: Sequence[TableState], seconds_left: float, least: int, most: int) -> str | None:
    """The table that gets its next seed; None when the budget is spent or all verdicts are clear.

    First every table gets the seeds that a verdict needs, one table after the other and the cheapest first, so that a
    small budget answers as many questions as it can. Then the table with the most open cells for its price gets one
    more.

    Args:
        states: the tables that can be measured.
        seconds_left: of the budget.
        least: seeds that a verdict needs.
        most: seeds after which a table gets no more.
    """
    possible = [each for each in states if each.round_seconds <= seconds_left]
    short = [each for each in possible if each.seeds < least]
    whole = [each for each in short if _missing(each, least) <= seconds_left]
    if short:
        begun = [each for each in short if each.seeds]
        return min(begun or whole or short, key=lambda each: (_missing(each, least), each.name)).name
    worth = [each for each in possible if least <= each.seeds < most and each.is_open]
    if not worth:
        return None
    return max(worth, key=lambda each: (each.is_open / max(each.round_seconds, 1e-9), each.name)).name


def _missing(state: TableState, least: int) -> float:
    """The seconds until the table has the seeds that a verdict needs."""
    return (least - state.seeds) * state.round_seconds
