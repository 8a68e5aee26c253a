"""Chains: successive halving over points, with the neighbours of the best before the sampler's own proposals.

A chain is one point of a space with rungs (see `search.guide`); a trial is one of its rungs, which continues where the
rung before it ended. The next trial is the next rung of the likeliest chain, if it is among the best third at its rung
(asynchronous successive halving by promotion: Li et al. 2020) and no more time has gone into further rungs than into
first ones. A rung that would last longer than the search does is not begun. Otherwise a new chain begins: the given
points first, then the neighbours of the best chain so far, then what the sampler proposes.

The neighbours are those of the best chain, or of one that was given up with a better bound. A chain whose score is at
its CEILING gets better only by a higher one: changes that did not raise it the last time are left out. Of any other
chain those that lowered it come first, since what asks for less loses less.

Likeliest is the chain with the best score at the rung among those that may still become the best of all. A chain whose
score has reached its CEILING, or whose CEILING is not above the best score so far, is not continued: further training
would change nothing. A point that `Refusals` excludes is not begun.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.core import digest_of
from tasks.search.guide import REDUCTION, RUNG, without_rung
from tasks.search.refusals import Refusals
from tasks.search.results import BOUND, CEILING, REFUSED, KnownTrial, SearchStart
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point, applies
from tasks.tuning.journal import Journal
from tasks.tuning.samplers import Sampler


@dataclass
class SearchChain:
    """One point and what is known of its rungs."""

    point: Point
    """Without a rung."""
    rungs: Sequence[int]
    """Empty when nothing of it is trained: then it is one trial."""
    scores: dict[int, float] = field(default_factory=dict)
    """Place of a rung → score of its result; place 0 for a chain without rungs."""
    ceiling: float = math.inf
    asked: int = -1
    """Place of the last rung that was asked for, or is known."""
    proposal: int | None = None
    """The sampler's number of the point; None when the sampler did not propose it."""
    change: tuple[str, float] | None = None
    """Of a neighbour: in what it differs, and the ceiling of the chain from which it differs."""
    pace: float | None = None
    """Seconds of one epoch of its last rung, with all that this rung did besides; None when that is not known."""
    is_over: bool = False
    """Whether it was refused or given up, or failed."""

    @property
    def worth(self) -> float:
        """Its best score; of one that was given up without a score, its bound; otherwise minus infinity."""
        bound = self.ceiling if self.is_over and math.isfinite(self.ceiling) else -math.inf
        return max(self.scores.values(), default=bound)

    @property
    def falls_short(self) -> bool:
        """Whether its score is below what it would be without any loss."""
        return bool(self.scores) and self.worth < self.ceiling

    def epochs(self, place: int) -> int:
        """Epochs of the rung with this place, those of the rungs before it not counted; at least one."""
        return self.rungs[place] - (self.rungs[place - 1] if place else 0) if self.rungs else 1

    def at(self, place: int) -> Point:
        """Its point at the rung with this place."""
        return {**self.point, RUNG: self.rungs[place]} if self.rungs else self.point

    def place_of(self, point: Point) -> int:
        """The place of a point's rung."""
        return self.rungs.index(point[RUNG]) if RUNG in point else 0


class Chains:
    """Chooses the rungs of chains and learns from their scores; has the same interface as `Sampler`."""

    def __init__(
        self, search: SearchBudget, start: SearchStart, seconds_left: Callable[[], float] = lambda: math.inf
    ) -> None:
        """Begins a search whose space has the path RUNG.

        Args:
            search: its algorithm, space and seed.
            start: points to try first, earlier results, and the guide.
            seconds_left: the rest of the search's time.
        """
        assert start.guide is not None
        bare = search.model_copy(update={"space": {at: each for at, each in search.space.items() if at != RUNG}})
        self._rungs, self._guide = search.space[RUNG], start.guide
        self._refusals, self._seconds_left = Refusals(bare.space, start.guide), seconds_left
        self._chains: dict[str, SearchChain] = {}
        self._asked: list[tuple[SearchChain, int]] = []
        """By number: the chain and the place of its rung."""
        self._running: set[int] = set()
        self._spent_first = self._spent_on = 0.0
        """Seconds of trials that were first rungs, and of all others."""
        self._gains: dict[str, float] = {}
        """Change of a neighbour → by how much it raised the ceiling the last time."""
        self._sampler = Sampler(bare, excludes=self._excludes)
        self._given = deque(map(without_rung, start.first))
        for each in start.known:
            self._remember(each)

    @property
    def waits(self) -> bool:
        """Whether there may be a next point once running trials have ended, although there is none now."""
        return bool(self._running)

    def released(self, number: int) -> list[Point]:
        """The points whose folders are no longer needed because the trial with this number has ended: its own."""
        chain, place = self._asked[number]
        return [chain.at(place)]

    def ask(self) -> Point | None:
        """The next point; None when there is none at the moment."""
        found = self._promoted(is_urgent=False) or self._begun() or self._promoted(is_urgent=True)
        if found is None:
            return None
        found.asked += 1
        self._running.add(len(self._asked))
        self._asked.append((found, found.asked))
        return found.at(found.asked)

    def tell(self, number: int, score: float | None, measured: Mapping[str, float], seconds: float = 0.0) -> None:
        """Takes the result of a trial; `score` is None when it has none (see `Sampler.tell`)."""
        chain, place = self._asked[number]
        self._spent_on += seconds if place else 0.0
        self._spent_first += 0.0 if place else seconds
        self._running.discard(number)
        chain.pace = seconds / chain.epochs(place)
        is_refused, is_bound = REFUSED in measured, BOUND in measured
        if is_refused or score is not None:
            self._refusals.note(chain.point, int(measured[REFUSED]) if is_refused else None)
        chain.is_over = chain.is_over or score is None or is_bound
        chain.ceiling = measured.get(CEILING, chain.ceiling)
        if chain.change and CEILING in measured:
            self._gains[chain.change[0]] = chain.ceiling - chain.change[1]
        if score is not None and not is_bound:
            chain.scores[place] = score
        if place == 0 and chain.proposal is not None:
            self._sampler.tell(chain.proposal, score, measured)
        elif place == 0 or not is_bound:
            self._sampler.learn(chain.point, score, measured)

    def replay(self, journal: Journal) -> None:
        """Repeats the recorded calls of `ask` and `tell`. A point that now differs is replaced by the recorded one."""
        for event, number in journal.order:
            entry = journal.entries[number]
            if event == "ended":
                score = entry.score if entry.state != "failed" else None
                self.tell(number, score, entry.measured, entry.seconds)
            elif (point := self.ask()) != entry.point:
                if point is not None:
                    self._drop()
                self._take(entry.point)

    @property
    def best(self) -> SearchChain | None:
        """The chain of the most worth so far; on a tie the earlier one."""
        found = max(self._chains.values(), key=lambda chain: chain.worth, default=None)
        return found if found and math.isfinite(found.worth) else None

    def _promoted(self, is_urgent: bool) -> SearchChain | None:
        """The likeliest chain whose next rung is due; with `is_urgent`, of any that has one."""
        if not is_urgent and self._spent_on > self._spent_first:
            return None
        best = max([0.0, *(score for chain in self._chains.values() for score in chain.scores.values())])
        ready = []
        for place in range(len(self._rungs.values() or ()) - 1):
            here = [chain for chain in self._chains.values() if chain.rungs and place in chain.scores]
            able = [chain for chain in here if max(best, chain.scores[place]) < chain.ceiling]
            able.sort(key=lambda chain: -chain.scores[place])
            if not is_urgent:
                able = able[: math.ceil(len(able) / REDUCTION)] if place or len(here) >= REDUCTION else []
            due = (chain for chain in able if chain.asked == place and not chain.is_over and self._fits(chain))
            ready += [(chain.scores[place], place, chain) for chain in due]
        return max(ready, key=lambda each: each[:2])[2] if ready else None

    def _fits(self, chain: SearchChain) -> bool:
        """Whether the next rung of a chain may end within the search's time; also where no epoch was timed yet."""
        place = chain.asked + 1
        if chain.pace:
            return chain.epochs(place) * chain.pace <= self._seconds_left()
        # Of a known chain no weights are there: it trains from its first epoch.
        paces = [each.pace for each in self._chains.values() if each.pace]
        return chain.rungs[place] * max(paces, default=0.0) <= self._seconds_left()

    def _begun(self) -> SearchChain | None:
        """A new chain; None when there is no other point."""
        while self._given:
            point = self._given.popleft()
            if not self._excludes(point):
                return self._new(point)
        base = self.best.ceiling if self.best else math.inf
        for change, point in self._changes():
            if not self._excludes(point):
                found = self._new(point)
                found.change = (change, base) if math.isfinite(base) else None
                return found
        proposed = self._sampler.ask()
        return None if proposed is None else self._new(proposed, proposal=True)

    def _changes(self) -> list[tuple[str, Point]]:
        """The neighbours of the best chain that may be better."""
        best = self.best
        found = list(self._guide.neighbours(best.point, best.falls_short)) if best else []
        if best and best.falls_short:
            return sorted(found, key=lambda each: self._gains.get(each[0], 0.0) >= 0)
        return [(change, point) for change, point in found if self._gains.get(change, math.inf) > 0]

    def _new(self, point: Point, proposal: bool = False) -> SearchChain:
        rungs = [int(each) for each in self._rungs.values() or ()] if applies(self._rungs, point) else []
        chain = SearchChain(point, rungs, proposal=self._sampler.proposals - 1 if proposal else None)
        self._chains[digest_of(point)] = chain
        return chain

    def _excludes(self, point: Point) -> bool:
        return digest_of(point) in self._chains or self._refusals.excludes(point)

    def _remember(self, known: KnownTrial) -> None:
        point = without_rung(known.point)
        chain = self._chains.get(digest_of(point)) or self._new(point)
        place = chain.place_of(known.point)
        chain.asked = max(chain.asked, place)
        chain.scores[place] = known.score
        chain.ceiling = known.measured.get(CEILING, chain.ceiling)
        self._refusals.note(point, None)
        self._sampler.learn(point, known.score, known.measured)

    def _take(self, point: Point) -> None:
        """Notes the point of a recorded `ask`."""
        bare = without_rung(point)
        chain = self._chains.get(digest_of(bare)) or self._new(bare)
        chain.asked = chain.place_of(point)
        self._running.add(len(self._asked))
        self._asked.append((chain, chain.asked))

    def _drop(self) -> None:
        """Takes back the last `ask`."""
        chain, place = self._asked.pop()
        self._running.discard(len(self._asked))
        chain.asked = place - 1
        if place == 0:
            del self._chains[digest_of(chain.point)]
            if chain.proposal is not None:
                self._sampler.drop()
