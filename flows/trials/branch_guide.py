"""Branch guide: which branches are neighbours, and which of their parts may refuse."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.compression.branch import BASELINE
from tasks.compression.search_space.branch_space import FINISH, NOTHING, RECOVER, REDUCE, reductions_of
from tasks.compression.search_space.branch_starts import START, start_of
from tasks.compression.search_space.initial_points import complete_point
from tasks.search.domains import Choice, Domain, LogUniform
from tasks.search.guide import RUNG
from tasks.search.space import Point, restrict

STEPS = 8
"""A step of a continuous knob is this part of its domain."""


@dataclass(frozen=True)
class BranchGuide:
    """A `search.guide.Guide` for the points of a compression search that searches the branch itself."""

    space: Mapping[str, Domain]

    def neighbours(self, point: Point, in_training: bool) -> Sequence[tuple[str, Point]]:
        """The points that differ from `point` in one thing, each once, with the change.

        First one step of a reduction's knob up or down, such as one block more, then another finish, one reduction more
        or fewer or their other order, another start, and last, if `in_training`, the knobs of the recovery.
        """
        found = [*self._knobs(point, False), *self._finishes(point), *self._orders(point), *self._starts(point)]
        trained = self._knobs(point, True) if in_training else ()
        return [(change, each) for change, each in (*found, *trained) if each != point]

    def parts(self, point: Point) -> Sequence[str]:
        """The techniques of a point, each with those before it, such as `blocks`, `blocks, channels`.

        Before them stands the name of the recipe's own branch at which the point begins.
        """
        tags = [*reductions_of(str(point[REDUCE])), *(tag for tag in (str(point[FINISH]),) if tag != NOTHING)]
        start = start_of(point)
        return [", ".join([*([start] if start else []), *tags[: place + 1]]) for place in range(len(tags))]

    def _knobs(self, point: Point, is_recovery: bool) -> Iterator[tuple[str, Point]]:
        for path in point:
            if path not in (REDUCE, FINISH, START, RUNG) and path.startswith(f"{RECOVER}.") == is_recovery:
                for value in beside(self.space[path], point[path]):
                    yield f"{path} {direction(point[path], value)}", {**point, path: value}

    def _finishes(self, point: Point) -> Iterator[tuple[str, Point]]:
        yield from ((f"{FINISH} {each}", {**point, FINISH: each}) for each in self.space[FINISH].ends())

    def _orders(self, point: Point) -> Iterator[tuple[str, Point]]:
        own = reductions_of(str(point[REDUCE]))
        for order in map(str, self.space[REDUCE].ends()):
            words = reductions_of(order)
            more, fewer = set(words) - set(own), set(own) - set(words)
            if len(more) + len(fewer) <= 1 and (order != RECOVER or start_of(point)):
                tags = [*(f"with {tag}" for tag in more), *(f"without {tag}" for tag in fewer)]
                change = " ".join(tags) or ("other order" if words else f"without {RECOVER}")
                yield f"{RECOVER} alone" if order == RECOVER else change, self._at(point, REDUCE, order)

    def _starts(self, point: Point) -> Iterator[tuple[str, Point]]:
        for start in map(str, self.space[START].ends() if START in point else ()):
            if start != point[START] and (start != BASELINE or point[REDUCE] != RECOVER):
                yield f"{START} {start}", self._at(point, START, start)

    def _at(self, point: Point, path: str, value: Any) -> Point:
        """The point with another value, without what no longer applies and with what then does."""
        return complete_point(restrict({**point, path: value}, self.space), self.space)


def direction(before: Any, after: Any) -> str:
    """`up` or `down` of a number, otherwise the new value."""
    if all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in (before, after)):
        return "up" if after > before else "down"
    return str(after)


def beside(domain: Domain, value: float) -> list[float]:
    """The values of a domain one step above and one below a value; of a choice, all others."""
    values = domain.values()
    if isinstance(domain, Choice):
        return [each for each in domain.ends() if each != value]
    if values is not None:
        near = sorted(values, key=lambda each: (abs(each - value), -each))
        return [each for each in near if each != value][:2]
    low, high = domain.ends()
    if isinstance(domain, LogUniform):
        step = math.exp(math.log(high / low) / STEPS)
        return [each for each in (value * step, value / step) if low <= each <= high]
    step = (high - low) / STEPS
    return [each for each in (value + step, value - step) if low <= each <= high]
