"""Searchers: which point comes next.

Optuna's samplers (TPE, Gaussian process, NSGA-II, CMA-ES, random) through Optuna's own ask-and-tell interface, in a
define-by-run space, so that conditional domains work with all of them. Ray Tune's `OptunaSearch` (2.60) is passed by:
with a define-by-run space it refuses points whose score is known, it tells the sampler a trial's last score instead of
its best one, it can only begin with points of the space, and a score that is no number leaves its trial open.

Every sampler is seeded and is asked and told in an order that the journal keeps: asked and told the same again, it is
in the same state again. So with one trial at a time an interrupted search goes on with exactly the points that it would
have tried without the interruption; with several at once, the order in which they end is in the machine's hands.
A Gaussian process takes as long for that as it took before.

One score decides, or, where the search names a cost, two objectives: the highest score and the lowest cost. TPE then
is its multi-objective form (Ozaki et al. 2022), the Gaussian process takes what adds most to the front's hypervolume
(Daulton et al. 2020), NSGA-II (Deb et al. 2002) sorts by dominance. A trial without its cost teaches nothing there. One
beyond the goal's limits was never trained: told as it is, its low cost would put it on the front, and told as failed it
would not say where the limits are. How far it exceeds them goes to the sampler as a constraint instead, so that those
within stand before those beyond, and these in the order of their excess.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.core import digest_of
from tasks.search.domains import Choice, Domain, LogUniform, is_same
from tasks.search.results import EXCESS, Known
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point, applies, grid, is_member, ordered
from tasks.tuning.journal import Journal

if TYPE_CHECKING:
    import optuna

REPEATS = 100
"""So many points in a row that were tried before, and the space counts as exhausted."""


@dataclass(frozen=True)
class Lesson:
    """What a sampler is told of a point."""

    values: tuple[float, ...]
    """The score, and the cost where there is one."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """Kept where they are not above 0. Optuna's Gaussian process wants the same ones of all points."""


class Sampler:
    """Chooses points and learns from their scores; a point is chosen once."""

    waits = False
    """Whether there will be a next point when trials under way have ended, though there is none now."""

    def __init__(self, search: SearchBudget, first: Sequence[Point] = (), known: Sequence[Known] = ()) -> None:
        """Begins with the `first` points, in order, also with those outside the space; a grid has its own points.

        Where there is a cost, a known point whose cost is not known may be tried.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._search = search
        is_grid = search.algorithm == "grid"
        self._given = deque(grid(search.space) if is_grid else _distinct(first))
        directions = ["maximize", "minimize"] if search.cost else ["maximize"]
        self._study = optuna.create_study(directions=directions, sampler=_sampler(search))
        self._asked: list[tuple[Point, optuna.Trial | None]] = []
        """By number; no Optuna trial belongs to a point that was given."""
        self._lessons: dict[str, Lesson | None] = {}
        """By the digest of the point, of every point so far."""
        for each in known:
            if lesson := self._lesson(each.score, each.measured):
                self._learn(each.point, lesson)

    def released(self, number: int) -> list[Point]:
        """The points whose folders nobody needs any more because the `number`-th trial has ended: its own."""
        return [self._asked[number][0]]

    def ask(self) -> Point | None:
        """The next point; None when there is none that was not tried."""
        if self._given:
            return self._note(self._given.popleft(), None)
        if self._search.algorithm == "grid":
            return None
        for _ in range(REPEATS):
            trial = self._study.ask()
            point = _draw(self._search.space, trial)
            digest = digest_of(point)
            if digest not in self._lessons:
                return self._note(point, trial)
            self._close(trial, self._lessons[digest])
        return None

    def tell(self, number: int, score: float | None, measured: Mapping[str, float]) -> None:
        """What came of the point that was asked for as the `number`-th, from 0: its score, None when it has none, and
        the numbers that go with it, by name."""
        point, trial = self._asked[number]
        lesson = self._lesson(score, measured)
        if trial is not None:
            self._lessons[digest_of(point)] = lesson
            self._close(trial, lesson)
        elif lesson is not None:
            self._learn(point, lesson)

    def replay(self, journal: Journal) -> None:
        """Asks and tells the same as before. A point that does not come out as it did then counts as given."""
        for event, number in journal.order:
            entry = journal.entries[number]
            if event == "ended":
                self.tell(number, entry.score if entry.state != "failed" else None, entry.measured)
            elif (point := self.ask()) != entry.point:
                if point is not None:
                    self._drop()
                self._note(entry.point, None)

    def _note(self, point: Point, trial: optuna.Trial | None) -> Point:
        self._asked.append((point, trial))
        self._lessons.setdefault(digest_of(point), None)
        return point

    def _drop(self) -> None:
        point, trial = self._asked.pop()
        self._lessons.pop(digest_of(point), None)
        if trial is not None:
            self._close(trial, None)

    def _lesson(self, score: float | None, measured: Mapping[str, float]) -> Lesson | None:
        cost = self._search.cost
        if score is None or cost is None:
            return None if score is None else Lesson((score,))
        if not math.isfinite(measured.get(cost, math.nan)):
            return None
        excess = measured.get(EXCESS, 0.0)
        if excess > 0:
            # TPE and NSGA-II do not look at it; a Gaussian process must not see a number far from all scores.
            lessons = [lesson for lesson in self._lessons.values() if lesson and lesson.constraints[EXCESS] <= 0]
            score = min((lesson.values[0] for lesson in lessons), default=0.0)
        return Lesson((score, measured[cost]), {EXCESS: excess})

    def _learn(self, point: Point, lesson: Lesson) -> None:
        """Tells the sampler of a point that it did not draw itself, if it could have."""
        from optuna.trial import create_trial

        self._lessons[digest_of(point)] = lesson
        space = self._search.space
        if space and is_member(point, space):
            self._study.add_trial(
                create_trial(
                    params={path: _place(space[path], value) for path, value in point.items()},
                    distributions={path: distribution_of(space[path]) for path in point},
                    values=lesson.values,
                    constraints=dict(lesson.constraints),
                    system_attrs=_origin(self._study.sampler),
                )
            )

    def _close(self, trial: optuna.Trial, lesson: Lesson | None) -> None:
        from optuna.trial import TrialState

        if lesson is None:
            self._study.tell(trial, state=TrialState.FAIL)
            return
        for name, value in lesson.constraints.items():
            trial.set_constraint(name, value)
        self._study.tell(trial, lesson.values, TrialState.COMPLETE)


def distribution_of(domain: Domain) -> Any:
    """Optuna's distribution: of the value's place among the domain's values, or of the number itself."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    values = domain.values()
    if values is None:
        low, high = domain.ends()
        return FloatDistribution(low, high, log=isinstance(domain, LogUniform))
    places = range(len(values))
    return CategoricalDistribution(tuple(places)) if isinstance(domain, Choice) else IntDistribution(0, places[-1])


def _draw(space: Mapping[str, Domain], trial: optuna.Trial) -> Point:
    point: Point = {}
    for path in ordered(space):
        domain = space[path]
        if applies(domain, point):
            drawn, values = _suggest(trial, path, domain), domain.values()
            point[path] = drawn if values is None else values[drawn]
    return point


def _suggest(trial: optuna.Trial, path: str, domain: Domain) -> Any:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    distribution = distribution_of(domain)
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(path, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(path, distribution.low, distribution.high)
    return trial.suggest_float(path, distribution.low, distribution.high, log=distribution.log)


def _place(domain: Domain, value: Any) -> Any:
    """The inverse of what `_draw` does with what was suggested."""
    values = domain.values()
    if values is None:
        return value
    if isinstance(values, range):
        return int(value) - values[0]
    return next(place for place, each in enumerate(values) if is_same(each, value))


def _sampler(search: SearchBudget) -> Any:
    """Optuna's sampler; a quarter of the trials, at most 10, are drawn at random before it begins to learn.

    Where time alone limits the trials they may be few: 5 then.
    """
    from optuna import samplers

    seed, start = search.seed, max(2, min(10, (search.count or 20) // 4))
    match search.algorithm:
        case "tpe":
            return samplers.TPESampler(seed=seed, n_startup_trials=start)
        case "gp":
            return samplers.GPSampler(
                seed=seed, n_startup_trials=start, independent_sampler=samplers.RandomSampler(seed=seed)
            )
        case "nsga2":
            # Optuna's population of 50 would never see a second generation in a small search.
            return samplers.NSGAIISampler(seed=seed, population_size=max(4, start))
        case "cmaes":
            return samplers.CmaEsSampler(seed=seed, n_startup_trials=start, warn_independent_sampling=False)
    return samplers.RandomSampler(seed=seed)


def _origin(sampler: Any) -> dict[str, int]:
    """What makes a trial that NSGA-II did not draw one of its first generation; it passes over those of none."""
    from optuna.samplers import NSGAIISampler

    return {sampler._get_generation_key(): 0} if isinstance(sampler, NSGAIISampler) else {}


def _distinct(points: Sequence[Point]) -> list[Point]:
    return list({digest_of(point): point for point in points}.values())
