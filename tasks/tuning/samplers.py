"""Samplers: choose the next point of a search from the scores so far.

They are Optuna's samplers (TPE, Gaussian process, NSGA-II, CMA-ES, random), called through Optuna's ask-and-tell
interface with a define-by-run space, so that all of them support conditional domains. Ray Tune's `OptunaSearch` (2.60)
is not used: with a define-by-run space it refuses points with a known score, it reports a trial's last score to the
sampler instead of its best one, it can only begin with points of the space, and a score of NaN leaves its trial open.

Every sampler has a seed, and the journal records the order of the calls `ask` and `tell`. Repeating them restores the
sampler's state. Therefore, with one trial at a time, an interrupted search continues with exactly the points that it
would have tried without the interruption; with several at a time, the points depend on the order in which trials end.
With a Gaussian process, repeating the calls takes as long as the first time.

A search has one objective, the highest score, or two if it names a cost: the highest score and the lowest cost. For
two, TPE uses its multi-objective form (Ozaki et al. 2022), the Gaussian process the expected improvement of the front's
hypervolume (Daulton et al. 2020), and NSGA-II (Deb et al. 2002) sorts by dominance. A trial whose cost is unknown is
then not reported to the sampler. A trial that exceeds the goal's limits was never trained: reported as a normal trial,
its low cost would put it on the front; reported as failed, the sampler would not learn where the limits are. Instead,
the share by which it exceeds them is a constraint: trials within the limits rank before the others, and the others by
their excess. So it is with a point that was refused, which has no score at all.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.core import digest_of
from tasks.search.domains import Choice, Domain, LogUniform, is_same
from tasks.search.results import EXCESS, KnownTrial
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point, applies, grid, is_member, ordered
from tasks.tuning.journal import Journal

if TYPE_CHECKING:
    import optuna

REPEATS = 100
"""After this number of successive proposals that were tried before, the space counts as exhausted."""


@dataclass(frozen=True)
class Lesson:
    """The result of a point, as it is reported to Optuna's sampler."""

    values: tuple[float, ...]
    """(score,), or (score, cost) in a search with a cost."""
    constraints: Mapping[str, float] = field(default_factory=dict)
    """Name → value; satisfied when it is at most 0. Optuna's Gaussian process needs the same names for all points."""


class Sampler:
    """Chooses points and learns from their scores; it chooses no point twice."""

    waits = False
    """Whether there may be a next point once running trials have ended, although there is none now (see `pbt`)."""

    def __init__(
        self,
        search: SearchBudget,
        first: Sequence[Point] = (),
        known: Sequence[KnownTrial] = (),
        excludes: Callable[[Point], bool] | None = None,
    ) -> None:
        """Begins a sampler.

        Args:
            search: its algorithm, space, seed and cost.
            first: points to choose first, in order; they may lie outside the space. Not used by a grid.
            known: earlier results, to learn from. Their points are not chosen again, except, in a search with a cost,
                those whose cost is unknown.
            excludes: whether a point must not be chosen; with it, EXCESS is a constraint in a search without a cost.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._search, self._excludes = search, excludes
        is_grid = search.algorithm == "grid"
        self._given = deque(grid(search.space) if is_grid else _distinct(first))
        directions = ["maximize", "minimize"] if search.cost else ["maximize"]
        self._study = optuna.create_study(directions=directions, sampler=_sampler(search))
        self._asked: list[tuple[Point, optuna.Trial | None]] = []
        """By number: the point and its Optuna trial; None for a point that Optuna did not propose."""
        self._lessons: dict[str, Lesson | None] = {}
        """Digest of a point → its lesson; None while there is none. Contains every point so far."""
        for each in known:
            self.learn(each.point, each.score, each.measured)

    @property
    def proposals(self) -> int:
        """How many points it has chosen."""
        return len(self._asked)

    def released(self, number: int) -> list[Point]:
        """The points whose folders are no longer needed because the trial with this number has ended: its own."""
        return [self._asked[number][0]]

    def ask(self) -> Point | None:
        """The next point; None when no new point was found."""
        if self._given:
            return self._note(self._given.popleft(), None)
        if self._search.algorithm == "grid":
            return None
        for _ in range(REPEATS):
            trial = self._study.ask()
            point = _draw(self._search.space, trial)
            digest = digest_of(point)
            if digest not in self._lessons and not (self._excludes and self._excludes(point)):
                return self._note(point, trial)
            self._close(trial, self._lessons.get(digest))
        return None

    def tell(self, number: int, score: float | None, measured: Mapping[str, float], seconds: float = 0.0) -> None:
        """Takes the result of a trial.

        Args:
            number: the trial's number, from 0, in the order of `ask`.
            score: higher is better; None when it has none.
            measured: other numbers measured with the score, for example the cost and EXCESS.
            seconds: the trial's working time; not used here (see `chains`).
        """
        point, trial = self._asked[number]
        lesson = self._lesson(score, measured)
        if trial is not None:
            self._lessons[digest_of(point)] = lesson
            self._close(trial, lesson)
        elif lesson is not None:
            self._learn(point, lesson)

    def learn(self, point: Point, score: float | None, measured: Mapping[str, float]) -> None:
        """Takes the result (as in `tell`) of a point that it did not choose."""
        if lesson := self._lesson(score, measured):
            self._learn(point, lesson)

    def drop(self) -> None:
        """Takes back the last `ask`."""
        point, trial = self._asked.pop()
        self._lessons.pop(digest_of(point), None)
        if trial is not None:
            self._close(trial, None)

    def replay(self, journal: Journal) -> None:
        """Repeats the recorded calls of `ask` and `tell`. A point that now differs is replaced by the recorded one."""
        for event, number in journal.order:
            entry = journal.entries[number]
            if event == "ended":
                self.tell(number, entry.score if entry.state != "failed" else None, entry.measured)
            elif (point := self.ask()) != entry.point:
                if point is not None:
                    self.drop()
                self._note(entry.point, None)

    def _note(self, point: Point, trial: optuna.Trial | None) -> Point:
        self._asked.append((point, trial))
        self._lessons.setdefault(digest_of(point), None)
        return point

    def _lesson(self, score: float | None, measured: Mapping[str, float]) -> Lesson | None:
        cost, excess = self._search.cost, measured.get(EXCESS, 0.0)
        if cost is None and self._excludes is None:
            return None if score is None else Lesson((score,))
        if cost is not None and not math.isfinite(measured.get(cost, math.nan)):
            return None
        if excess > 0:
            # TPE and NSGA-II ignore the score of such a point; for a Gaussian process it must not be an outlier.
            lessons = [lesson for lesson in self._lessons.values() if lesson and lesson.constraints[EXCESS] <= 0]
            score = min((lesson.values[0] for lesson in lessons), default=0.0)
        if score is None:
            return None
        return Lesson((score,) if cost is None else (score, measured[cost]), {EXCESS: excess})

    def _learn(self, point: Point, lesson: Lesson) -> None:
        """Reports a point that Optuna did not propose to its sampler, if the point is in the space."""
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
    """Optuna's distribution for a domain: of the index of a value (discrete domain), or of the number (continuous)."""
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
    """The number that Optuna suggests for a value: its index, or the value itself; the inverse of `_draw`."""
    values = domain.values()
    if values is None:
        return value
    if isinstance(values, range):
        return int(value) - values[0]
    return next(place for place, each in enumerate(values) if is_same(each, value))


def _sampler(search: SearchBudget) -> Any:
    """Optuna's sampler; a quarter of the trials (from 2 to 10) are drawn at random before it begins to learn.

    When only time limits the trials, their number is unknown and may be small; then 5 are drawn at random.
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
            # With Optuna's population of 50, a small search would end in the first generation.
            return samplers.NSGAIISampler(seed=seed, population_size=max(4, start))
        case "cmaes":
            return samplers.CmaEsSampler(seed=seed, n_startup_trials=start, warn_independent_sampling=False)
    return samplers.RandomSampler(seed=seed)


def _origin(sampler: Any) -> dict[str, int]:
    """Optuna's system attributes for a trial that its sampler did not draw.

    They make it a member of NSGA-II's first generation: NSGA-II ignores trials that belong to no generation.
    """
    from optuna.samplers import NSGAIISampler

    return {sampler._get_generation_key(): 0} if isinstance(sampler, NSGAIISampler) else {}


def _distinct(points: Sequence[Point]) -> list[Point]:
    return list({digest_of(point): point for point in points}.values())
