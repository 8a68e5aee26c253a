"""Initial points: the points with which a compression search begins, and how a point is completed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from tasks.compression.branch import BASELINE, Branch, tag_of
from tasks.compression.search_space.branch_space import FINISH, NOTHING, RECOVER, REDUCE, reductions_of
from tasks.compression.search_space.branch_starts import START, start_steps
from tasks.compression.search_space.template_space import BRANCH
from tasks.search.domains import Domain, LogUniform
from tasks.search.guide import RUNG
from tasks.search.space import Point, applies, ordered
from tasks.training.recovery import Recover


def initial_points(space: Mapping[str, Domain], best: Branch | None, missing: Branch | None = None) -> list[Point]:
    """What goes on from the recipe's own branches, then the best of them as nearly as the space has it, then one point
    for each reduction alone.

    What is not given is at the middle of its domain; a recovery has its defaults and is as long as it may be. A search
    with few trials thus first learns what each reduction achieves for this network; later trials combine reductions and
    vary their knobs.

    Args:
        space: the search space (`branch_space.space_of`).
        best: the best of the recipe's own branches, whose finish these points share if the space has it; None when
            there is none. If it is a start, and not `missing`, it is reduced by the least further step of its last
            technique.
        missing: the best of those that miss the goal; if it is a start, it is recovered for longer.

    Returns:
        The points, without rungs; none for a space of templates, whose recipe already contains points to begin with.
    """
    if BRANCH in space:
        return []
    last = tag_of(best.steps[-1]) if best else ""
    finish = last if space[FINISH].has(last) else str(space[FINISH].ends()[0])
    alone = [tag for tag in map(str, space[REDUCE].ends()) if len(reductions_of(tag)) == 1]
    own = nearest_point(best, space, finish) if best else None
    going_on = [
        *([_recovered(missing, space, finish)] if _is_start(missing, space) else []),
        *(_reduced(best, space, finish) if best != missing and _is_start(best, space) else []),
    ]
    return [
        *going_on,
        *([own] if own else []),
        *(complete_point({REDUCE: tag, FINISH: finish}, space) for tag in alone),
    ]


def _is_start(branch: Branch | None, space: Mapping[str, Domain]) -> TypeGuard[Branch]:
    return branch is not None and START in space and space[START].has(branch.name)


def _recovered(start: Branch, space: Mapping[str, Domain], finish: str) -> Point:
    return complete_point({START: start.name, REDUCE: RECOVER, FINISH: finish}, space)


def _reduced(start: Branch, space: Mapping[str, Domain], finish: str) -> list[Point]:
    tags = [tag_of(step) for step in start_steps(start) if space[REDUCE].has(tag_of(step))]
    tag = next((tag for tag in reversed(tags) if tag != RECOVER), None)
    if tag is None:
        return []
    point: Point = {START: start.name, REDUCE: tag, FINISH: finish}
    for path in ordered(space):
        if path.startswith(f"{tag}.") and applies(space[path], point):
            point[path] = space[path].ends()[0]
    return [complete_point(point, space)]


def nearest_point(branch: Branch, space: Mapping[str, Domain], finish: str) -> Point | None:
    """The point with the techniques of a branch of the recipe, and with the nearest values of its knobs.

    None when the space does not have its order of reductions.
    """
    steps = [(tag_of(step), step) for step in branch.steps]
    reduce = ", ".join(tag for tag, _ in steps if space[REDUCE].has(tag)) or NOTHING
    if not space[REDUCE].has(reduce):
        return None
    knobs = {f"{tag}.{knob}": value for tag, step in steps for knob, value in step}
    point: Point = {**({START: BASELINE} if START in space else {}), REDUCE: reduce, FINISH: finish}
    for path in ordered(space):
        if path in knobs and path not in point and applies(space[path], point):
            value = nearest_value(space[path], knobs[path])
            point |= {} if value is None else {path: value}
    return complete_point(point, space)


def nearest_value(domain: Domain, value: Any) -> Any:
    """The value of a domain that is nearest to a number; None when it has none, or the value is no number."""
    if domain.has(value):
        return value
    values, ends = domain.values(), domain.ends()
    if not isinstance(value, (int, float)) or not all(isinstance(each, (int, float)) for each in ends):
        return None
    return min(max(value, ends[0]), ends[-1]) if values is None else min(values, key=lambda each: abs(each - value))


def complete_point(point: Point, space: Mapping[str, Domain]) -> Point:
    """The point with a value for each further path that applies, except the rung; see `initial_points`.

    It begins at the baseline, unless it says otherwise.
    """
    point = {**({START: BASELINE} if START in space else {}), **point}
    for path in ordered(space):
        if path != RUNG and path not in point and applies(space[path], point):
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
