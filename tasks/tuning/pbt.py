"""Populations: networks that train side by side, with values that change on the way (population based training).

Jaderberg et al. 2017, "Population Based Training of Neural Networks". All members train one stage; then each of the
worst quarter takes the place of a random one of the best quarter, weights and optimizer and all, and goes on with other
values. What was found is a schedule: the values at the start, and their changes.

A trial is one stage of one member. Its point is a whole recipe (see `stages`), and where the stage before it left its
checkpoint, only its own epochs are trained. A generation begins when all trials of the one before have ended, so that
the points depend on the scores alone, not on the order in which trials end: an interrupted search goes on with the
points that it would have had, however many run at once. The price is that workers wait for the last of a generation.

The score of a trial is the best of its own epochs. Of earlier searches nothing is known but start values to begin with:
a stage is no point of another search.

Measured: `conf/schedule.yaml` (digits, 6 members, 10 generations of 2 epochs), seeds 0, 1, 2; best log loss on the 359
validation examples that chose: 0.030, 0.023, 0.048; with the recipe's own values held constant for 20 epochs 0.045,
0.055, 0.054. When it did not help: the best of its six start values, held constant, comes to 0.029, 0.039, 0.043 in the
same 120 epochs; with 5 generations of 3 epochs, seed 0, the best point changed nothing on its way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

from tasks.search.search_spec import Search
from tasks.search.space import Point, Space
from tasks.tuning.journal import Journal
from tasks.tuning.pbt_perturbation import draw, explore
from tasks.tuning.pbt_stages import EPOCHS, ends, go_on, values_of

REPEATS = 100
"""So many draws that are there already, and one of them is taken: a space of few values has no others."""


class Population:
    """Chooses stages and learns from their scores; asked and told as a `Searcher` is."""

    def __init__(self, search: Search, epochs: int, first: Sequence[Point] = ()) -> None:
        """Begins with the `first` start values, in order, also with those outside the space; others are drawn.

        Args:
            epochs: of a whole training.
        """
        self._search, self._first = search, first
        self._ends = ends(epochs, search.generations)
        self._generation: list[Point] = []
        self._asked: list[Point] = []
        """By number: member m of generation g, both from 0, has the number g * population + m."""
        self._scores: dict[int, float | None] = {}

    @property
    def waits(self) -> bool:
        """Whether there will be a next point when trials under way have ended."""
        return len(self._asked) < len(self._ends) * self._search.population and len(self._scores) < len(self._asked)

    def ask(self) -> Point | None:
        """The next stage; None when there is none, at least not yet."""
        generation, member = divmod(len(self._asked), self._search.population)
        if member == 0:
            if generation == len(self._ends) or self.waits:
                return None
            self._generation = self._breed(generation)
            if not self._generation:
                return None
        self._asked.append(self._generation[member])
        return self._asked[-1]

    def tell(self, number: int, score: float | None, measured: Mapping[str, float]) -> None:
        """The score of the stage that was asked for as the `number`-th, from 0; None when it failed."""
        self._scores[number] = score

    def replay(self, journal: Journal) -> None:
        """Asks and tells the same as before. A point that does not come out as it did then counts as given."""
        for event, number in journal.order:
            entry = journal.entries[number]
            if event == "ended":
                self.tell(number, entry.score if entry.state != "failed" else None, entry.measured)
            elif self.ask() is None:
                self._asked.append(entry.point)
            else:
                self._asked[-1] = entry.point

    def released(self, number: int) -> list[Point]:
        """The points whose checkpoints nobody needs any more because the `number`-th trial has ended."""
        size = self._search.population
        begin = number // size * size
        if any(each not in self._scores for each in range(begin, begin + size)):
            return []
        is_last = begin + size == len(self._ends) * size
        return self._asked[max(begin - size, 0) : begin + size if is_last else begin]

    def _breed(self, generation: int) -> list[Point]:
        search = self._search
        chance = Random(f"{search.seed} {generation}")
        if generation == 0:
            return founders(search, self._first, self._ends[0], chance)
        begin = len(self._asked) - search.population
        scores = [self._scores[number] for number in range(begin, len(self._asked))]
        return offspring(self._asked[begin:], scores, search.space, self._ends[generation], chance)


def founders(search: Search, first: Sequence[Point], end: int, chance: Random) -> list[Point]:
    """The first stages, up to epoch `end`: of the given start values, then of others."""
    starts: list[Point] = []
    for point in first:
        if point not in starts:
            starts.append(point)
    while len(starts) < search.population:
        starts.append(_another(lambda: {path: draw(each, chance) for path, each in search.space.items()}, starts))
    return [{**start, EPOCHS: end} for start in starts[: search.population]]


def offspring(
    parents: Sequence[Point], scores: Sequence[float | None], space: Space, end: int, chance: Random
) -> list[Point]:
    """The next stage of every member, up to epoch `end`; none when all have failed.

    Truncation selection: a member of the worst quarter (at least one member), and each that failed, goes on from a
    random one of the best quarter with other values; those between, and one that is as good, go on as they are.
    """
    ranked = sorted(range(len(parents)), key=lambda member: _worth(scores[member]), reverse=True)
    share = max(1, len(parents) // 4)
    best = [member for member in ranked[:share] if scores[member] is not None]
    if not best:
        return []
    bar = _worth(scores[best[-1]])
    failed = [member for member in ranked if scores[member] is None]
    behind = [member for member in sorted({*ranked[-share:], *failed}) if _worth(scores[member]) < bar]
    found = {member: go_on(parents[member], end) for member in range(len(parents)) if member not in behind}
    for member in behind:
        found[member] = copy(parents[chance.choice(best)], end, space, chance, found.values())
    return [found[member] for member in range(len(parents))]


def copy(parent: Point, end: int, space: Space, chance: Random, taken: Collection[Point]) -> Point:
    """The next stage of a member with other values; not one that is `taken`, if the space has others."""
    values = values_of(parent)
    return _another(lambda: go_on(parent, end, explore(values, space, chance)), taken)


def _worth(score: float | None) -> float:
    return -math.inf if score is None else score


def _another(make: Callable[[], Point], taken: Collection[Point]) -> Point:
    point = make()
    for _ in range(REPEATS):
        if point not in taken:
            break
        point = make()
    return point
