"""Search spaces: domains at dotted paths, with conditions between them, and the points that they contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from typing import Any

from tasks.search.domains import Domain, accepted, is_same

Point = dict[str, Any]
"""Dotted path → value, without the paths whose domains do not apply."""
Space = Mapping[str, Domain]
LARGEST = 100_000
"""Most trials of a search."""


def applies(domain: Domain, point: Mapping[str, Any]) -> bool:
    """Whether the domain's conditions hold at the point; a condition on a path that the point lacks does not."""
    return all(
        path in point and any(is_same(point[path], each) for each in accepted(value))
        for path, value in domain.when.items()
    )


def ordered(space: Space) -> list[str]:
    """The paths in topological order: each after those that it depends on, otherwise in the order of the space.

    Raises:
        ValueError: conditions form a cycle; its argument is the list of paths, which ends with the first one.
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
    """The point without paths that do not apply or are not in the space, in the order of `ordered`."""
    found: Point = {}
    for path in ordered(space):
        if path in point and applies(space[path], found):
            found[path] = point[path]
    return found


def is_member(point: Mapping[str, Any], space: Space) -> bool:
    """Whether the point belongs to the space: it has exactly the paths that apply, each with a value of its domain."""
    due = {path for path, domain in space.items() if applies(domain, point)}
    return due == set(point) and all(space[path].has(point[path]) for path in due)


def grid(space: Space) -> list[Point]:
    """Every point of a space without continuous domains; the last path varies fastest.

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


def enabling_settings(path: str, space: Space) -> list[Point]:
    """All combinations of values of other paths under which `path` applies; empty when it never applies."""
    needed: dict[str, list[Any]] = {}

    def need(domain: Domain) -> None:
        for other, value in domain.when.items():
            needed.setdefault(other, []).extend(accepted(value))
            need(space[other])

    need(space[path])
    ways = (dict(zip(needed, values, strict=True)) for values in product(*needed.values()))
    found = [way for way in ways if all(applies(space[each], way) for each in (path, *needed))]
    return [way for place, way in enumerate(found) if way not in found[:place]]
