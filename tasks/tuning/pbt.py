"""Population based training (PBT): a population of networks trains in parallel, and its hyperparameters change.

Jaderberg et al. 2017, "Population Based Training of Neural Networks". Training is divided into stages. After a stage,
each member of the worst quarter is replaced by a copy of a random member of the best quarter (weights and optimizer
state), which continues with other values. The result is a schedule: the values at the start, and their changes.

A trial is one stage of one member. Its point describes the whole training up to the end of that stage (see
`pbt_stages`); when the checkpoint of the stage before it exists, only the epochs of its own stage are trained.

A generation is the same stage of all members. It begins when all trials of the generation before have ended. Therefore
the points depend on the scores alone, not on the order in which trials end, and an interrupted search continues with
the points that it would have had, for any number of parallel trials. In return, workers wait for the last trial of each
generation.

The score of a trial is the best score of the epochs of its own stage. From earlier searches it takes only start values,
because a stage is not a point of another search.

Measured on `conf/schedule.yaml` (digits, 6 members, 10 generations of 2 epochs) for the seeds 0, 1, 2: the best log
loss on the 359 validation examples, which also made the selection, is 0.030, 0.023, 0.048; the recipe's own values,
constant for 20 epochs, give 0.045, 0.055, 0.054. When it did not help: the best of the six start values, held constant,
reaches 0.029, 0.039, 0.043 in the same 120 epochs; and with 5 generations of 3 epochs and seed 0, the best point has no
change of values.
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
"""Most attempts to draw a point that differs from the existing ones; after them, a duplicate is accepted."""


class Population:
    """Chooses the stages of a population from their scores; has the same interface as `Sampler`."""

    def __init__(self, search: Search, epochs: int, first: Sequence[Point] = ()) -> None:
        """Begins a population.

        Args:
            search: its space, number of members, generations and seed.
            epochs: number of epochs of a whole training.
            first: start values of the first members, in order; they may lie outside the space. The start values of
                the other members are drawn at random.
        """
        self._search, self._first = search, first
        self._ends = ends(epochs, search.generations)
        self._generation: list[Point] = []
        self._asked: list[Point] = []
        """The points by number: member m of generation g, both from 0, has the number g * population + m."""
        self._scores: dict[int, float | None] = {}

    @property
    def waits(self) -> bool:
        """Whether there may be a next point once running trials have ended."""
        return len(self._asked) < len(self._ends) * self._search.population and len(self._scores) < len(self._asked)

    def ask(self) -> Point | None:
        """The point of the next stage; None at the end, or while the generation before has not ended."""
        generation, member = divmod(len(self._asked), self._search.population)
        if member == 0:
            if generation == len(self._ends) or self.waits:
                return None
            self._generation = self._breed(generation)
            if not self._generation:
                return None
        self._asked.append(self._generation[member])
        return self._asked[-1]

    def tell(self, number: int, score: float | None, measured: Mapping[str, float], seconds: float = 0.0) -> None:
        """Takes the score of the stage with this number (from 0, in the order of `ask`); None when it failed."""
        self._scores[number] = score

    def replay(self, journal: Journal) -> None:
        """Repeats the recorded calls of `ask` and `tell`. A point that now differs is replaced by the recorded one."""
        for event, number in journal.order:
            entry = journal.entries[number]
            if event == "ended":
                self.tell(number, entry.score if entry.state != "failed" else None, entry.measured)
            elif self.ask() is None:
                self._asked.append(entry.point)
            else:
                self._asked[-1] = entry.point

    def released(self, number: int) -> list[Point]:
        """The points whose checkpoints are no longer needed because the trial with this number has ended."""
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
    """The points of the first generation, which ends after epoch `end`: the given start values, then random ones."""
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
    """The next stage of every member, up to epoch `end`; empty when all members have failed.

    Truncation selection: each member of the worst quarter (at least one member) and each member that failed is replaced
    by a copy of a random member of the best quarter, with other values. All others continue with their own values,
    among them members of the worst quarter whose score is as good as one of the best quarter.

    Args:
        parents: the points of all members in the generation before.
        scores: their scores, higher is better; None for members that failed.
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
    """The stage after `parent`, up to epoch `end`, with other values; not one of `taken` if the space has another."""
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
