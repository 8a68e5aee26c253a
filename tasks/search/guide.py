"""Guide: what a search with rungs knows of its points beyond their domains, and the rungs themselves.

A space with the path RUNG is searched by successive halving: each point is evaluated at its first rung, and the
likeliest ones go on to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tasks.search.space import Point

RUNG = "rung"
"""Path of a space whose values are the rungs: epochs of training so far, ascending."""
REDUCTION = 3
"""A rung is about this many times as long as the one before, and about one of this many points goes on to it."""


class Guide(Protocol):
    """What a search knows of its points. It is part of a search's inputs: a small record, compared by its fields."""

    def neighbours(self, point: Point, in_training: bool) -> Sequence[tuple[str, Point]]:
        """The points of the space that differ from `point` in one thing, the likeliest first; all without RUNG.

        Each with the change in a word, which is the same for the same change of another point. Points that differ in
        their training alone are among them if `in_training`.
        """

    def parts(self, point: Point) -> Sequence[str]:
        """For each part of a point that may refuse, in order: this part and all parts before it, as text."""


def rungs_of(epochs: int) -> list[int]:
    """The rungs of a training of this many epochs: the first is one epoch, the last the whole training.

    They are counted from the end, so that the rungs of a rung are those before it and itself.

    >>> rungs_of(9), rungs_of(20), rungs_of(7), rungs_of(1)
    ([1, 3, 9], [1, 2, 7, 20], [1, 2, 7], [1])
    """
    found = [epochs]
    while found[0] > 1:
        found.insert(0, max(1, round(found[0] / REDUCTION)))
    return found


def without_rung(point: Point) -> Point:
    """The point without its rung."""
    return {path: value for path, value in point.items() if path != RUNG}
