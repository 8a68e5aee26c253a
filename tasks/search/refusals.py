"""Refusals: what refused points have in common, so that the same refusal is not met again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tasks.search.domains import Domain, LogUniform, is_same
from tasks.search.guide import Guide
from tasks.search.space import Point, Space


class Refusals:
    """Remembers which parts of points refused, and which did not.

    A point counts as refused when one of its parts refused the nearest of the earlier points that have the same parts
    up to there. So a technique that refuses a structure is not tried on it again with other knobs, unless it has also
    accepted it with knobs that are nearer.
    """

    def __init__(self, space: Space, guide: Guide) -> None:
        self._space, self._guide = space, guide
        self._met: dict[str, list[tuple[Point, bool]]] = {}
        """Parts up to and including the one that answered → (point, whether it refused)."""

    def note(self, point: Point, refused: int | None) -> None:
        """Takes what a point met: the place of the part that refused it; None when no part did."""
        for place, parts in enumerate(self._guide.parts(point)):
            if refused is None or place <= refused:
                self._met.setdefault(parts, []).append((point, place == refused))

    def excludes(self, point: Point) -> bool:
        """Whether the point counts as refused."""
        return any(self._nearest(point, self._met.get(parts, ())) for parts in self._guide.parts(point))

    def _nearest(self, point: Point, met: Sequence[tuple[Point, bool]]) -> bool:
        # On a tie the later answer counts.
        found = min(((self._distance(point, other), -at, said) for at, (other, said) in enumerate(met)), default=None)
        return found is not None and found[2]

    def _distance(self, one: Point, other: Point) -> float:
        paths = one.keys() & other.keys() & self._space.keys()
        return sum(domain_distance(self._space[path], one[path], other[path]) ** 2 for path in paths)


def domain_distance(domain: Domain, one: Any, other: Any) -> float:
    """How far two values of a domain are from one another: 0 when they are the same, 1 from end to end."""
    ends = domain.ends()
    if not all(isinstance(each, (int, float)) for each in (one, other, *ends)) or len(set(ends)) < 2:
        return 0.0 if is_same(one, other) else 1.0
    low, high = min(ends), max(ends)
    if isinstance(domain, LogUniform):
        low, high, one, other = (math.log(each) for each in (low, high, one, other))
    return float(abs(one - other) / (high - low))
