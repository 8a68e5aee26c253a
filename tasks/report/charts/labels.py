"""Label placement: positions for the names of points in a chart, away from other points, whiskers and names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.charts.svg import line, text

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels."""
HEIGHT = 15.0
"""Height of a label in pixels."""
REACHES = (3.0, 12.0, 24.0, 40.0, 60.0)
"""Distances, in pixels, from a point's edge at which a label is tried."""
DIRECTIONS = ((1, 0), (0, -1), (0, 1), (-1, 0), (1, -1), (1, 1), (-1, -1), (-1, 1))


@dataclass(frozen=True)
class Anchor:
    """A disc that needs a label: its centre, its radius, and the width of the label, in pixels."""

    x: float
    y: float
    radius: float
    width: float


def overlap(first: Box, second: Box) -> float:
    """The area that two boxes share, in square pixels."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0.0) * max(height, 0.0)


def around(anchor: Anchor) -> Box:
    """The box around an anchor's disc."""
    x, y, radius = anchor.x, anchor.y, anchor.radius
    return (x - radius, y - radius, x + radius, y + radius)


def place_labels(anchors: Sequence[Anchor], obstacles: Sequence[Box], bounds: Box) -> list[Box]:
    """A box for the label of each anchor, chosen in the order given: least overlap, and close to its disc.

    Args:
        anchors: the discs with the widths of their labels.
        obstacles: boxes that labels should not cover, besides the discs and other labels.
        bounds: the box outside of which a label is penalized most.
    """
    discs = [around(anchor) for anchor in anchors]
    taken: list[Box] = []
    for anchor in anchors:
        solid = [*discs, *taken]
        costs = [(_cost(box, reach, solid, obstacles, bounds), box) for reach, box in _choices(anchor)]
        taken.append(min(costs)[1])
    return taken


def named(label: str, class_: str, anchor: Anchor, box: Box) -> str:
    """The label in its box as SVG text, with a line to its disc if it is far from it."""
    middle, level = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    near = (min(max(anchor.x, box[0]), box[2]), min(max(anchor.y, box[1]), box[3]))
    far = math.dist(near, (anchor.x, anchor.y))
    leader = ""
    if far > anchor.radius + 9:
        share = anchor.radius / far
        start = (anchor.x + (near[0] - anchor.x) * share, anchor.y + (near[1] - anchor.y) * share)
        leader = line(*start, *near, "leader")
    return leader + text(middle, level + 4.5, label, class_=class_, text_anchor="middle")


def _choices(anchor: Anchor) -> list[tuple[float, Box]]:
    found = []
    for reach in REACHES:
        for index, (right, down) in enumerate(DIRECTIONS):
            away = (anchor.radius + reach) * (math.sqrt(0.5) if right and down else 1.0)
            x = anchor.x + right * (away + anchor.width / 2)
            y = anchor.y + down * (away + HEIGHT / 2)
            box = (x - anchor.width / 2, y - HEIGHT / 2, x + anchor.width / 2, y + HEIGHT / 2)
            found.append((reach + index * 0.5, box))
    return found


def _cost(box: Box, reach: float, solid: Sequence[Box], thin: Sequence[Box], bounds: Box) -> float:
    inside = overlap(box, bounds)
    outside = (box[2] - box[0]) * (box[3] - box[1]) - inside
    shared = sum(overlap(box, other) for other in solid) + 4 * sum(overlap(box, other) for other in thin)
    return outside * 20 + shared + reach * 1.5
