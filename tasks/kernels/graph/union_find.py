"""Union-find over channel ids; a set that must not be pruned is frozen, with a reason."""

from __future__ import annotations

from collections.abc import Sequence


class ChannelSets:
    """Disjoint sets of channel ids; freezing a member freezes its set."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._reason: dict[int, str] = {}

    def new(self, count: int) -> list[int]:
        """Creates `count` channels, each a set of its own, and returns their ids."""
        first = len(self._parent)
        self._parent.extend(range(first, first + count))
        return list(range(first, first + count))

    def find(self, channel: int) -> int:
        """The id that represents the channel's set: its smallest member."""
        while self._parent[channel] != channel:
            self._parent[channel] = self._parent[self._parent[channel]]
            channel = self._parent[channel]
        return channel

    def join(self, left: Sequence[int], right: Sequence[int]) -> None:
        """Merges the sets of left[i] and right[i], for every i; both sequences have the same length."""
        for a, b in zip(map(self.find, left), map(self.find, right), strict=True):
            if a != b:
                keep, gone = min(a, b), max(a, b)
                self._parent[gone] = keep
                if gone in self._reason:
                    self._reason.setdefault(keep, self._reason.pop(gone))

    def freeze(self, channels: Sequence[int], reason: str) -> None:
        """Freezes the sets of these channels; a set keeps the first reason it was given."""
        for channel in channels:
            self._reason.setdefault(self.find(channel), reason)

    def reason(self, channel: int) -> str | None:
        """Why the channel's set is frozen, or None."""
        return self._reason.get(self.find(channel))
