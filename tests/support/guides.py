"""A guide to points of letters and a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.search.space import Point


@dataclass(frozen=True)
class LettersGuide:
    """A `tasks.search.guide.Guide`: each letter may refuse, and neighbours lie a tenth of `x` away."""

    def neighbours(self, point: Point, in_training: bool) -> Sequence[tuple[str, Point]]:
        """One above and one below, between 0 and 1."""
        near = ((change, round(point["x"] + step, 6)) for change, step in (("up", 0.1), ("down", -0.1)))
        return [(change, {**point, "x": value}) for change, value in near if 0 <= value <= 1]

    def parts(self, point: Point) -> Sequence[str]:
        """The letters, each with those before it."""
        letters = str(point["letters"]).split(", ")
        return [", ".join(letters[: place + 1]) for place in range(len(letters))]
