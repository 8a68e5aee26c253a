"""Channels that stand or fall together, and where they lie: what a cut is written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["out", "in", "through", "tensor"]
"""The axis that a layer makes, the one that it reads, the one axis of a layer whose output channels are its input
channels (norms, depthwise convolution), or that of a parameter that the network uses directly (a class token)."""


@dataclass(frozen=True)
class Place:
    """Where a group's channels lie in one layer: channel c at `start + c * width`, `width` positions long.

    The layers are those of the network with torch's attention layers written out (`attention.expand`); on the
    side `tensor` it is the name of a parameter.
    """

    layer: str
    side: Side
    start: int
    width: int


@dataclass(frozen=True)
class Group:
    """Channels that can only be removed together, one by one, from all their places."""

    id: int
    channels: int
    places: tuple[Place, ...]
    frozen: str | None
    """Why none of them may be removed; None when they may."""

    @property
    def span(self) -> int:
        """How many positions of one layer's output a channel of the group takes: a head takes its whole width."""
        spans: dict[str, int] = {}
        for place in self.places:
            if place.side == "out":
                spans[place.layer] = spans.get(place.layer, 0) + place.width
        return max(spans.values(), default=1)

    def layers(self, side: Side) -> tuple[str, ...]:
        """The names of the layers that hold the group on `side`, in the order of the graph."""
        return tuple(dict.fromkeys(place.layer for place in self.places if place.side == side))
