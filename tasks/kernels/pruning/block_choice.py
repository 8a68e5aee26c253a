"""Block choice: the blocks of least harm whose summed cost reaches a goal, a knapsack problem solved in rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

GRID = 10_000
"""Steps in which costs are counted."""
ROUNDS = 2
"""The goal is reached in so many equal parts: blocks that hurt little alone may hurt together, as a new round sees."""


class BlockChoice:
    """Chooses blocks in rounds: each knows the harm that every block adds to what was chosen in the rounds before.

    `harm` gives the harm of removing some blocks together. It is asked once for each set, however many goals are tried.
    """

    def __init__(self, names: Iterable[str], harm: Callable[[Sequence[str]], float]) -> None:
        self._names, self._harm = list(names), harm
        self._known: dict[frozenset[str], float] = {frozenset(): 0.0}

    def harm(self, gone: Iterable[str]) -> float:
        """The harm without these blocks."""
        key = frozenset(gone)
        if key not in self._known:
            self._known[key] = self._harm([name for name in self._names if name in key])
        return self._known[key]

    def choose(self, cost: Mapping[str, float], goal: float) -> list[str]:
        """The blocks whose summed `cost` (above 0) is at least `goal`, in the order of the rounds; else all blocks."""
        gone: list[str] = []
        for part in range(1, ROUNDS + 1):
            needed = goal * part / ROUNDS - sum(cost[name] for name in gone)
            if needed > goal * len(self._names) / GRID:  # less is the rounding of `least_harm`
                gone = self.extend(gone, cost, needed)
        return gone

    def extend(self, gone: Sequence[str], cost: Mapping[str, float], needed: float) -> list[str]:
        """`gone`, and further blocks whose summed cost is at least `needed`; all blocks when there are too few."""
        before = self.harm(gone)
        left = [name for name in self._names if name not in gone]
        added = {name: max(0.0, self.harm([*gone, name]) - before) for name in left}
        return [*gone, *least_harm(added, cost, needed)]


def least_harm(harm: Mapping[str, float], cost: Mapping[str, float], goal: float) -> list[str]:
    """The names of least summed `harm` whose summed `cost` is at least `goal`, the least harmful first.

    Exact by dynamic programming, up to the rounding of each cost to a step of `goal` / GRID. All names when they do not
    reach the goal together.

    Args:
        harm: name → harm, at least 0.
        cost: name → what is saved without it, above 0, in any unit.
        goal: in the same unit.
    """
    enough = GRID - len(harm)  # each cost may have been rounded down by up to half a step
    best: dict[int, tuple[float, tuple[str, ...]]] = {0: (0.0, ())}
    for name in sorted(harm, key=lambda each: harm[each]):
        step = max(1, round(cost[name] / goal * GRID))
        for saved, (total, chosen) in sorted(best.items(), reverse=True):
            reached, found = min(saved + step, enough), (total + harm[name], (*chosen, name))
            if saved < enough and (reached not in best or found[0] < best[reached][0]):
                best[reached] = found
    return list(best[max(best)][1])
