"""Initial points: the points with which a compression search begins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.compression.branch import Branch
from tasks.compression.branch_space import BRANCH, FINISH, NOTHING, RECOVER, REDUCE
from tasks.search.domains import Domain, LogUniform
from tasks.search.space import Point, applies, ordered
from tasks.training.recovery import Recover


def initial_points(space: Mapping[str, Domain], best: Branch | None) -> list[Point]:
    """One point for each reduction alone: its knobs at the middle of their domains, and the longest recovery.

    The other knobs of the recovery have their defaults. A search with few trials thus first learns what each reduction
    achieves for this network; later trials combine reductions and vary their knobs.

    Args:
        space: the search space (`branch_space.space_of`).
        best: the best of the recipe's own branches, whose finish these points share if the space has it; None when
            there is none.

    Returns:
        The points; none for a space of templates, whose recipe already contains points to begin with.
    """
    if BRANCH in space:
        return []
    last = str(best.steps[-1].model_dump()["step"]) if best else ""
    finish = last if space[FINISH].has(last) else space[FINISH].ends()[0]
    alone = [tag for tag in map(str, space[REDUCE].ends()) if tag != NOTHING and ", " not in tag]
    return [_completed({REDUCE: tag, FINISH: finish}, space) for tag in alone]


def _completed(point: Point, space: Mapping[str, Domain]) -> Point:
    for path in ordered(space):
        if path not in point and applies(space[path], point):
            part, _, knob = path.partition(".")
            usual = getattr(Recover(), knob) if part == RECOVER and knob != "epochs" else None
            longest = space[path].ends()[-1] if knob == "epochs" else None
            point[path] = next(value for value in (longest, usual, _middle(space[path])) if space[path].has(value))
    return point


def _middle(domain: Domain) -> Any:
    values: Sequence[Any] | None = domain.values()
    if values is not None:
        return values[len(values) // 2]
    low, high = domain.ends()
    return math.sqrt(low * high) if isinstance(domain, LogUniform) else (low + high) / 2
