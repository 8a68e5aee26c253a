"""Spaces: domains at dotted paths, some of which depend on others, and how a search goes about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from tasks.search.domains import Domain, accepted, is_same

Point = dict[str, Any]
"""Dotted path → value; the paths of domains that do not apply are absent."""
Space = Mapping[str, Domain]
LARGEST = 100_000
"""The most trials of a search."""


def applies(domain: Domain, point: Mapping[str, Any]) -> bool:
    """Whether the domain's conditions hold; one on a path that is absent from the point does not."""
    return all(
        path in point and any(is_same(point[path], each) for each in accepted(value))
        for path, value in domain.when.items()
    )


def ordered(space: Space) -> list[str]:
    """The paths, each after those that it depends on, else in the order of the space.

    Raises:
        ValueError: conditions go in a circle; its argument is the list of paths, the first one again at the end.
    """
    found: list[str] = []

    def visit(path: str, way: list[str]) -> None:
        if path in way:
            raise ValueError([*way[way.index(path) :], path])
        if path not in found:
            for other in space[path].when:
                visit(other, [*way, path])
            found.append(path)

    for path in space:
        visit(path, [])
    return found


def restrict(point: Mapping[str, Any], space: Space) -> Point:
    """The part of a point that applies, in the order of `ordered`."""
    found: Point = {}
    for path in ordered(space):
        if path in point and applies(space[path], found):
            found[path] = point[path]
    return found


def is_member(point: Mapping[str, Any], space: Space) -> bool:
    """Whether a search over the space could draw the point: exactly the paths that apply, each within its domain."""
    due = {path for path, domain in space.items() if applies(domain, point)}
    return due == set(point) and all(space[path].has(point[path]) for path in due)


def grid(space: Space) -> list[Point]:
    """Every combination of the values of an enumerable space, the last path turning fastest.

    Raises:
        ValueError: there are more than 100,000.
    """

    def combine(paths: list[str], point: Point) -> Iterator[Point]:
        if not paths:
            yield point
            return
        path, *rest = paths
        values = space[path].values() or () if applies(space[path], point) else None
        for more in [{}] if values is None else ({path: value} for value in values):
            yield from combine(rest, {**point, **more})

    points = list(islice(combine(ordered(space), {}), LARGEST + 1))
    if len(points) > LARGEST:
        raise ValueError(f"must have at most {LARGEST:,} points for a grid")
    return points


def settings(path: str, space: Space) -> list[Point]:
    """The values of other paths under which a path applies, one way each; empty when there is no such way."""
    needed: dict[str, list[Any]] = {}

    def need(domain: Domain) -> None:
        for other, value in domain.when.items():
            needed.setdefault(other, []).extend(accepted(value))
            need(space[other])

    need(space[path])
    ways = (dict(zip(needed, values, strict=True)) for values in product(*needed.values()))
    found = [way for way in ways if all(applies(space[each], way) for each in (path, *needed))]
    return [way for place, way in enumerate(found) if way not in found[:place]]
