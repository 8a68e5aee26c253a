"""Trials with a score and a cost, for trade-offs worked by hand."""

from __future__ import annotations

from tasks.search.results import EXCESS, Trial


def tried(number: int, score: float | None, **measured: float) -> Trial:
    """A finished trial of one epoch."""
    return Trial(number, {"n": number}, score, ((1, score or 0.0),), "finished", 1.0, measured)


TRIALS = (
    tried(0, 0.90, bytes=9000),
    tried(1, 0.895, bytes=5000),
    tried(2, 0.88, bytes=1000),
    tried(3, None, bytes=10),
    tried(4, 0.89, bytes=6000),
    tried(5, 0.88, bytes=1000),
    tried(6, 0.95),
    tried(7, -1.2e6, bytes=90_000, **{EXCESS: 0.2}),
)
