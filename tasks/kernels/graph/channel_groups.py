"""Channel groups: channels that can only be removed together, and the places of each in the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["out", "in", "through", "tensor"]
"""`out`: the channels a layer makes; `in`: those it reads; `through`: those of a layer whose output channels are its
input channels (norms, depthwise convolution); `tensor`: those of a parameter that the network uses directly, as a
class token."""


@dataclass(frozen=True)
class Place:
    """Where a group's channels lie in one layer: channel c takes the `width` positions from `start + c * width` on.

    `layer` is a name in the network with expanded attention layers (`attention.expand_attention`); with the side
    `tensor` it is the name of a parameter.
    """

    layer: str
    side: Side
    start: int
    width: int


@dataclass(frozen=True)
class Group:
    """`channels` channels of equal structure; each can be removed by itself, but only from all `places` at once."""

    id: int
    channels: int
    places: tuple[Place, ...]
    frozen: str | None
    """Why none of the channels may be removed; None when they may."""

    @property
    def span(self) -> int:
        """Positions of one layer's output that a channel of the group takes: mostly 1; for a head, its width."""
        spans: dict[str, int] = {}
        for place in self.places:
            if place.side == "out":
                spans[place.layer] = spans.get(place.layer, 0) + place.width
        return max(spans.values(), default=1)

    def layers(self, side: Side) -> tuple[str, ...]:
        """Names of the layers that hold the group on `side`, in the order of the graph."""
        return tuple(dict.fromkeys(place.layer for place in self.places if place.side == side))
