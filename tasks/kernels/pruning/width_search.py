"""Width search: the channel widths at which a network is fast enough and loses the least importance.

A knapsack problem, solved greedily: each step narrows the group that loses the least importance per millisecond
saved, given the other groups' present widths. After Shen et al. 2021, "HALP: Hardware-Aware Latency Pruning", who
solve it for single layers with dynamic programming.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

NOTHING = 1e-9
"""Milliseconds; a saving must be larger to count."""


@dataclass(frozen=True)
class WidthOptions:
    """A group's admissible widths, the full one first, and the importance lost at each."""

    widths: tuple[int, ...]
    lost: tuple[float, ...]


@dataclass(frozen=True)
class WidthAxis:
    """An axis of a layer: its full size, and the groups on it as (index of the group, positions per channel)."""

    size: int
    parts: tuple[tuple[int, int], ...] = ()

    def at(self, widths: Sequence[int], full: Sequence[int]) -> int:
        """The axis' size when the groups have these `widths`; `full` are their widths before pruning."""
        return self.size - sum((full[group] - widths[group]) * each for group, each in self.parts)


@dataclass(frozen=True)
class LayerCost:
    """The cost of one call of a layer: `ms` maps the sizes of the axes it reads and makes to milliseconds."""

    name: str
    read: WidthAxis
    made: WidthAxis
    ms: Callable[[int, int], float]

    def groups(self) -> set[int]:
        """Indices of the groups that the time depends on."""
        return {group for group, _ in (*self.read.parts, *self.made.parts)}


def total(works: Sequence[LayerCost], widths: Sequence[int], full: Sequence[int]) -> float:
    """Milliseconds of all layers at these widths of the groups; `full` are the widths before pruning."""
    return sum(work.ms(work.read.at(widths, full), work.made.at(widths, full)) for work in works)


def choose_widths(choices: Sequence[WidthOptions], works: Sequence[LayerCost], goal: float) -> list[int] | None:
    """The groups' widths at which `works` take at most `goal` milliseconds in all; None when no widths do."""
    full = [choice.widths[0] for choice in choices]
    touched = [[work for work in works if group in work.groups()] for group in range(len(choices))]
    at = [0] * len(choices)

    def saving(group: int, place: int) -> float:
        """Milliseconds saved when the group takes another of its widths."""
        now = [choice.widths[i] for choice, i in zip(choices, at, strict=True)]
        then = [*now[:group], choices[group].widths[place], *now[group + 1 :]]
        return total(touched[group], now, full) - total(touched[group], then, full)

    excess = total(works, full, full) - goal
    while excess > 0:
        move = _cheapest(choices, at, saving, excess)
        if move is None:
            return None
        excess -= saving(*move)
        at[move[0]] = move[1]
    _give_back(choices, at, saving, -excess)
    return [choice.widths[i] for choice, i in zip(choices, at, strict=True)]


def _cheapest(
    choices: Sequence[WidthOptions], at: Sequence[int], saving: Callable[[int, int], float], excess: float
) -> tuple[int, int] | None:
    """The (group, index of its new width) that loses least per millisecond saved; savings beyond `excess` count not.

    None when no step saves time.
    """
    moves = []
    for group, choice in enumerate(choices):
        for place in range(at[group] + 1, len(choice.widths)):
            saved = min(saving(group, place), excess)
            if saved > NOTHING:
                moves.append(((choice.lost[place] - choice.lost[at[group]]) / saved, group, place))
    return min(moves)[1:] if moves else None


def _give_back(
    choices: Sequence[WidthOptions], at: list[int], saving: Callable[[int, int], float], spare: float
) -> None:
    """While `spare` milliseconds allow it, widens the group that regains the most importance; changes `at`."""
    while True:
        moves = [
            (choice.lost[at[group]] - choice.lost[place], group, place)
            for group, choice in enumerate(choices)
            for place in range(at[group])
            if -saving(group, place) <= spare
        ]
        gain, group, place = max(moves, default=(0.0, 0, 0))
        if gain <= 0:
            return
        spare += saving(group, place)
        at[group] = place


def candidates(channels: int, block: int, most: int = 8) -> tuple[int, ...]:
    """Widths to consider, the full one first: multiples of `width_unit`, or of a multiple of it where that would
    make more than about `most` of them."""
    unit = width_unit(channels, block)
    unit *= max(1, -(-(channels // unit) // most))
    return (channels, *(width for width in range(channels // unit * unit, 0, -unit) if width < channels))


def width_unit(channels: int, block: int) -> int:
    """The step between widths: `block`, but at most 4 in groups narrower than two blocks."""
    return block if channels >= 2 * block else min(4, block)
