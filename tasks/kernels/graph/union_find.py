"""Union-find over numbered channels, with a reason on every set that must not be touched."""

from __future__ import annotations

from collections.abc import Sequence


class ChannelSets:
    """Sets of channels; a set is frozen when one of its members is."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reason: dict[int, str] = {}

    def new(self, count: int) -> list[int]:
        """`count` channels, each a set of its own."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return list(range(first, first + count))

    def find(self, channel: int) -> int:
        """The number that stands for the channel's set: the smallest in it."""
        while self._parent[channel] != channel:
            self._parent[channel] = self._parent[self._parent[channel]]
            channel = self._parent[channel]
        return channel

    def join(self, left: Sequence[int], right: Sequence[int]) -> None:
        """Makes one set of each pair; the sequences are of one length."""
        for a, b in zip(map(self.find, left), map(self.find, right), strict=True):
            if a != b:
                keep, gone = min(a, b), max(a, b)
                self._parent[gone] = keep
                if gone in self._reason:
                    self._reason.setdefault(keep, self._reason.pop(gone))

    def freeze(self, channels: Sequence[int], reason: str) -> None:
        """Freezes the sets of these channels; a set keeps the first reason that it was given."""
        for channel in channels:
            self._reason.setdefault(self.find(channel), reason)

    def reason(self, channel: int) -> str | None:
        """Why the channel's set is frozen, or None."""
        return self._reason.get(self.find(channel))
