"""Two objectives: what the samplers are told, what they learn, and the same again after an interruption."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_searches

from tasks.search.results import EXCESS, Known
from tasks.search.search_spec import Search
from tasks.search.space import Point
from tasks.tuning.samplers import Sampler

SIZES, KNOBS = ("width", "depth", "kernel"), ("rate", "decay")
NETWORK = {path: {"uniform": [0, 1]} for path in (*SIZES, *KNOBS)}
LIMIT = 0.1


def spec(**changes: Any) -> Search:
    return Search.model_validate({"algorithm": "tpe", "trials": 60, "space": NETWORK, "minimize": "bytes", **changes})


def size(point: Point) -> float:
    """Share of the largest network: the cheapest of equal sums has its parts equal."""
    return float(sum(point[path] ** 2 for path in SIZES) / 3)


def score(point: Point) -> float:
    """Larger networks are better, the less so the larger; and there is a best way to train any of them."""
    trained = math.prod(1 - abs(point[path] - 0.7) for path in KNOBS)
    return (1 - math.exp(-sum(point[path] for path in SIZES))) * trained


def measured(point: Point) -> dict[str, float]:
    return {"bytes": size(point)}


def bounded(point: Point) -> tuple[float, dict[str, float]]:
    """As `TrainingTrial` tells it: what is beyond the limit was not trained."""
    over = max(0.0, size(point) / LIMIT - 1)
    return (-1e6 * (1 + over), {**measured(point), EXCESS: over}) if over else (score(point), measured(point))


def plain(point: Point) -> tuple[float, dict[str, float]]:
    return score(point), measured(point)


def walk(search: Search, count: int, run: Callable[[Point], tuple[float, dict[str, float]]] = plain) -> list[Point]:
    """Asks and tells in turn."""
    searcher, points = Sampler(search), []
    for number in range(count):
        point = searcher.ask()
        assert point is not None
        points.append(point)
        searcher.tell(number, *run(point))
    return points


def hypervolume(outcomes: list[tuple[float, float]]) -> float:
    """The area of (score, cost) that is beaten, above a score of 0 and below a cost of 1."""
    area = reached = 0.0
    for gained, cost in sorted(outcomes, key=lambda each: each[1]):
        area += max(0.0, gained - reached) * (1 - cost)
        reached = max(reached, gained)
    return area


def volume(algorithm: str, trials: int, seeds: int, **changes: Any) -> float:
    """The mean over the seeds."""
    asked = [spec(algorithm=algorithm, trials=trials, seed=seed, **changes) for seed in range(seeds)]
    walks = [[(score(point), size(point)) for point in walk(search, trials)] for search in asked]
    return statistics.mean(map(hypervolume, walks))


# --- what is learnt -------------------------------------------------------------------------------------------


def test_the_hypervolume_worked_by_hand() -> None:
    assert hypervolume([(0.8, 0.6), (0.5, 0.2), (0.4, 0.9)]) == pytest.approx(0.5 * 0.8 + 0.3 * 0.4)


@pytest.mark.parametrize(("algorithm", "trials", "seeds"), [("tpe", 80, 4), ("nsga2", 200, 8)])
def test_the_front_is_found_and_not_only_its_end(algorithm: str, trials: int, seeds: int) -> None:
    both = volume(algorithm, trials, seeds)
    assert both > 1.02 * volume(algorithm, trials, seeds, minimize=None), "the score alone"
    assert both > 1.05 * volume("random", trials, seeds)


@pytest.mark.parametrize(("algorithm", "trials"), [("tpe", 40), ("nsga2", 100), ("gp", 12)])
def test_limits_are_learnt(algorithm: str, trials: int) -> None:
    points = walk(spec(algorithm=algorithm, trials=trials), trials, bounded)
    # By chance, one in eleven is: an eighth of a ball of radius √(3 · 0.1).
    assert sum(size(point) <= LIMIT for point in points) > trials / 3


@pytest.mark.parametrize(("algorithm", "trials"), [("tpe", 40), ("gp", 12)])
def test_a_low_cost_beyond_the_limits_attracts_nothing(algorithm: str, trials: int) -> None:
    """Half of all points are beyond a limit that narrow networks, which are small, do not keep."""

    def wide(point: Point) -> tuple[float, dict[str, float]]:
        over = max(0.0, 2 - 4 * point["width"])
        return (-1e6 * (1 + over), {**measured(point), EXCESS: over}) if over else plain(point)

    points = walk(spec(algorithm=algorithm, trials=trials), trials, wide)
    assert sum(point["width"] >= 0.5 for point in points) > 0.6 * trials


# --- what is told ---------------------------------------------------------------------------------------------


def told(searcher: Sampler) -> list[tuple[list[float], float]]:
    """(values, excess) of every point that the sampler learnt from."""
    from optuna.trial import TrialState

    trials = searcher._study.get_trials(states=(TrialState.COMPLETE,))
    return [(trial.values, trial.constraints[EXCESS]) for trial in trials]


def test_a_point_without_a_score_or_a_cost_teaches_nothing() -> None:
    searcher = Sampler(spec())
    outcomes: list[tuple[float | None, dict[str, float]]] = [
        (None, {"bytes": 3.0}),
        (0.5, {}),
        (0.5, {"bytes": math.nan}),
        (0.5, {"latency_ms": 1.0}),
        (0.5, {"bytes": 3.0, "latency_ms": 1.0}),
    ]
    for number, outcome in enumerate(outcomes):
        assert searcher.ask() is not None
        searcher.tell(number, *outcome)
    assert told(searcher) == [([0.5, 3.0], 0.0)]


def test_what_is_beyond_the_limits_is_told_by_how_far_and_not_by_a_score_that_it_has_not() -> None:
    searcher = Sampler(spec())
    outcomes = [(-1.5e6, {"bytes": 3.0, EXCESS: 0.5}), (0.7, {"bytes": 2.0}), (0.9, {"bytes": 1.9})]
    for number, outcome in enumerate([*outcomes, (-1.1e6, {"bytes": 2.2, EXCESS: 0.1})]):
        assert searcher.ask() is not None
        searcher.tell(number, *outcome)
    assert told(searcher) == [([0.0, 3.0], 0.5), ([0.7, 2.0], 0.0), ([0.9, 1.9], 0.0), ([0.7, 2.2], 0.1)]


def test_known_points_are_told_with_their_cost_and_may_be_tried_without_it() -> None:
    space = {"x": {"choice": ["a", "b", "c"]}}
    known = [Known({"x": "a"}, 0.5, {"bytes": 3.0}), Known({"x": "b"}, 0.6)]
    searcher = Sampler(spec(space=space), known=known)
    assert told(searcher) == [([0.5, 3.0], 0.0)]
    asked = [searcher.ask(), searcher.ask(), searcher.ask()]
    assert {str(point) for point in asked} == {"{'x': 'b'}", "{'x': 'c'}", "None"}


def test_first_points_are_told_with_their_cost() -> None:
    first = dict.fromkeys(NETWORK, 0.5)
    searcher = Sampler(spec(), first=[first])
    assert searcher.ask() == first
    searcher.tell(0, 0.25, {"bytes": 8.0})
    assert told(searcher) == [([0.25, 8.0], 0.0)]


@pytest.mark.parametrize("minimize", ["bytes", None])
def test_nsga2_breeds_from_known_points(minimize: str | None) -> None:
    space = {path: {"integers": [0, 999]} for path in "abcdef"}
    known = [Known(dict.fromkeys("abcdef", n), float(n), {"bytes": float(n)}) for n in range(4)]
    child = Sampler(spec(algorithm="nsga2", space=space, minimize=minimize, trials=16), known=known).ask()
    assert child is not None
    assert sum(value < 4 for value in child.values()) >= 4, "of six, where chance would give none"


# --- after an interruption ------------------------------------------------------------------------------------


def lived(file: Path, search: Search, count: int, **begun: Any) -> list[Point]:
    """`count` more trials of a search that keeps a history, one at a time; every fifth fails."""

    def work(number: int, point: Point) -> tuple[float, dict[str, float], str]:
        return *bounded(point), "lost" if number % 5 == 4 else ""

    return small_searches.lived(file, search, count, work, **begun)


@pytest.mark.parametrize("algorithm", ["random", "tpe", "nsga2", "gp"])
def test_an_interrupted_search_goes_on_with_the_same_points(tmp_path: Path, algorithm: str) -> None:
    search = spec(algorithm=algorithm, trials=8)
    point = dict.fromkeys(NETWORK, 0.5)
    begun = {"first": [{**point, "depth": 0.1}], "known": [Known(point, score(point), measured(point))]}
    whole = lived(tmp_path / "whole", search, 8, **begun)
    lived(tmp_path / "cut", search, 5, **begun)
    lived(tmp_path / "cut", search, 1)
    assert lived(tmp_path / "cut", search, 2) == whole
