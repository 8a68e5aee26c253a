"""Chains: one rung each first, then the likeliest; neighbours of the best before proposals; refusals once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.guides import LettersGuide

from tasks.core import Refusal, Workspace
from tasks.search.objective import TrialContext
from tasks.search.results import KnownTrial, SearchProgress, SearchResult, SearchStart
from tasks.search.search_spec import SearchBudget
from tasks.search.space import Point, is_member
from tasks.tuning import TrialFunction, TrialSetup, tune
from tasks.tuning.chains import Chains
from tasks.tuning.journal import Journal

SPACE: dict[str, Any] = {
    "letters": {"choice": ["a", "b", "a, b", "nothing"]},
    "x": {"uniform": [0, 1]},
    "rung": {"choice": [1, 3, 9], "when": {"letters": ["a", "b", "a, b"]}},
}
SEARCH = SearchBudget.model_validate({"space": SPACE, "minutes": 1})
FIRST = tuple({"letters": "a", "x": x} for x in (0.2, 0.5, 0.8))
SECONDS = {1: 1.0, 3: 2.0, 9: 6.0}
Told = tuple[float | None, dict[str, float]]


def chains(*first: Point, known: tuple[KnownTrial, ...] = (), **changes: Any) -> Chains:
    search = SEARCH.model_copy(update=changes)
    return Chains(search, SearchStart(first, known, LettersGuide()))


def miss(point: Point) -> Told:
    """It misses the goal by less the nearer x is to a half, and by less with each rung; it could save x."""
    return -abs(point["x"] - 0.5) / point.get("rung", 1) - 0.01, {"ceiling": point["x"]}


def live(sampler: Chains, count: int, answer: Callable[[Point], Told] = miss) -> list[Point]:
    """The next points, one at a time."""
    found = []
    for _ in range(count):
        point = sampler.ask()
        assert point is not None
        number = len(sampler._asked) - 1
        sampler.tell(number, *answer(point), seconds=SECONDS[point.get("rung", 1)])
        assert sampler.released(number) == [point]
        found.append(point)
    return found


def test_each_chain_gets_its_first_rung_and_the_likeliest_goes_on() -> None:
    points = live(chains(*FIRST), 12)
    assert points[:3] == [{**point, "rung": 1} for point in FIRST]
    assert points[3:5] == [{**FIRST[1], "rung": 3}, {**FIRST[1], "rung": 9}], "the one with the least miss of three"
    assert points[5] == {"letters": "a", "x": 0.6, "rung": 1}, "then a neighbour of the best"
    assert {point["rung"] for point in points[5:10]} == {1}, "until first rungs have had as much time"
    assert points[10]["rung"] == 3


def test_what_has_reached_its_ceiling_or_lies_below_the_best_is_not_continued() -> None:
    told = {0.2: (0.6, {"ceiling": 0.6}), 0.5: (-0.01, {"ceiling": 0.5}), 0.8: (-0.3, {"ceiling": 0.8})}
    points = live(chains(*FIRST), 4, lambda point: told.get(point["x"], (-1.0, {"ceiling": 1.0})))
    assert points[3] == {**FIRST[2], "rung": 3}, "neither what meets the goal nor what could not beat it"


def test_a_rung_that_would_last_longer_than_the_search_is_not_begun() -> None:
    """An epoch takes a second; the likeliest is due at its third rung, which is six seconds long."""
    for left, next_point in ((6.0, {**FIRST[1], "rung": 9}), (5.9, {"letters": "a", "x": 0.6, "rung": 1})):
        sampler = Chains(SEARCH, SearchStart(FIRST, (), LettersGuide()), lambda left=left: left)
        assert live(sampler, 5)[3:] == [{**FIRST[1], "rung": 3}, next_point]


def test_where_no_epoch_was_timed_a_rung_is_begun() -> None:
    known = KnownTrial({**FIRST[1], "rung": 3}, *miss({**FIRST[1], "rung": 3}))
    sampler = Chains(SEARCH, SearchStart((), (known,), LettersGuide()), lambda: 0.0)
    assert sampler._fits(next(iter(sampler._chains.values())))


def test_a_bound_ends_a_chain() -> None:
    told: dict[float, Told] = {0.2: (-0.1, {"bound": 0.1}), 0.5: (-0.2, {"bound": 0.1}), 0.8: (-0.9, {"ceiling": 0.8})}
    sampler = chains(*FIRST)
    live(sampler, 3, lambda point: told[point["x"]])
    assert live(sampler, 1)[0]["rung"] == 1, "one of one has not been enough of a choice"


def test_what_was_given_up_next_to_the_best_has_neighbours_too() -> None:
    sampler = chains(*FIRST[:1])
    live(sampler, 1, lambda point: (-0.01, {"bound": 0.7, "ceiling": 0.7}))
    assert [point["x"] for point in live(sampler, 2)] == [0.3, 0.1]


def test_a_change_that_lowered_the_ceiling_is_not_tried_again_on_what_cannot_get_better() -> None:
    """Each point meets the goal and saves x."""
    points = live(chains(FIRST[0]), 5, lambda point: (point["x"], {"ceiling": point["x"]}))
    assert [point["x"] for point in points[:3]] == [0.2, 0.3, 0.4], "one step up each time"
    points = live(chains(FIRST[1]), 4, lambda point: (1 - point["x"], {"ceiling": 1 - point["x"]}))
    assert [point["x"] for point in points] == [0.5, 0.6, 0.4, 0.3], "up saved less once"


def test_of_what_misses_the_goal_the_milder_neighbours_come_first() -> None:
    """What saves more loses more."""
    points = live(chains({"letters": "a", "x": 0.3}), 6, lambda point: (-point["x"], {"ceiling": point["x"]}))
    assert [point["x"] for point in points[:3]] == [0.3, 0.4, 0.2], "nothing is known of up and down yet"
    assert points[3:] == [{**points[2], "rung": 3}, {**points[2], "rung": 9}, {**points[2], "x": 0.1}]


def test_a_point_without_training_is_one_trial() -> None:
    points = live(chains({"letters": "nothing", "x": 0.5}), 1)
    assert points == [{"letters": "nothing", "x": 0.5}]


def test_neighbours_of_the_best_come_before_proposals_and_each_point_once() -> None:
    sampler = chains(FIRST[1])
    points = live(sampler, 30)
    assert [point["x"] for point in points[1:3]] == [0.6, 0.4]
    assert all(is_member(point, SEARCH.space) for point in points)
    assert len({str(point) for point in points}) == 30
    assert {point["letters"] for point in points} > {"a"}, "proposals of the sampler"


def test_a_known_result_is_not_run_and_its_neighbours_come_first() -> None:
    known = KnownTrial({**FIRST[1], "rung": 9}, 0.5)
    points = live(chains(FIRST[1], known=(known,)), 2)
    assert [point["x"] for point in points] == [0.6, 0.4]


def test_the_same_refusal_is_not_met_twice() -> None:
    met = list[str]()

    def refuse(point: Point) -> Told:
        if point["letters"] != "a, b":
            return miss(point)
        met.append(str(point))
        return None, {"refused": 1, "excess": 1.0, "bound": -1e6}

    sampler = chains(seed=3)
    live(sampler, 40, refuse)
    assert len(met) == 1
    refused = [trial for trial in sampler._sampler._study.trials if trial.constraints.get("excess", 0) > 0]
    assert len(refused) == 1, "the sampler knows it, too"


def test_a_chain_that_failed_is_not_continued() -> None:
    points = live(chains(*FIRST), 4, lambda point: (None, {}) if point["x"] == 0.5 else miss(point))
    assert points[3] != {**FIRST[1], "rung": 3}


def test_when_nothing_is_left_to_begin_the_likeliest_go_on() -> None:
    few = SearchBudget.model_validate(
        {"space": {**SPACE, "letters": {"choice": ["a"]}, "x": {"choice": [0.4, 0.5]},
                   "rung": {"choice": [1, 3], "when": {"letters": "a"}}}}
    )  # fmt: skip
    sampler = Chains(few, SearchStart(guide=LettersGuide()))
    points = [point for point in iter(lambda: next_of(sampler), None) if point is not None]
    at_rungs = sorted((point["x"], point["rung"]) for point in points if point["x"] in (0.4, 0.5))
    assert at_rungs == [(0.4, 1), (0.4, 3), (0.5, 1), (0.5, 3)]
    assert not sampler.waits


def next_of(sampler: Chains) -> Point | None:
    point = sampler.ask()
    if point is not None:
        assert sampler.waits
        sampler.tell(len(sampler._asked) - 1, *miss(point))
    return point


@pytest.mark.parametrize("killed", [1, 4, 7])
def test_after_an_interruption_the_same_points_come(killed: int, tmp_path: Path) -> None:
    whole = live(chains(*FIRST), 16)
    start = SearchStart(FIRST, (), LettersGuide())
    journal = Journal(tmp_path / "history.jsonl", start)
    sampler = Chains(SEARCH, start)
    for number in range(killed):
        point = sampler.ask()
        assert point is not None
        journal.ask(point)
        score, measured = miss(point)
        seconds = SECONDS[point["rung"]]
        told = {"epoch": 1, "score": score, "measured": measured, "answer": None, "seconds": seconds}
        journal.hear(number, told)
        journal.end(number)
        sampler.tell(number, score, measured, seconds)
    journal.close()
    journal = Journal(tmp_path / "history.jsonl")
    again = Chains(SEARCH, SearchStart(tuple(journal.first), tuple(journal.known), LettersGuide()))
    again.replay(journal)
    assert [entry.point for entry in journal.entries] + live(again, 16 - killed) == whole


def test_a_recorded_point_that_would_now_be_another_stands(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "history.jsonl", SearchStart(FIRST[:1]))
    other = {"letters": "b", "x": 0.3, "rung": 1}
    journal.ask(other)
    sampler = chains(*FIRST[:1])
    sampler.replay(journal)
    sampler.tell(0, *miss(other))
    assert sampler.best is not None
    assert sampler.best.point == {"letters": "b", "x": 0.3}


# --- by Ray ------------------------------------------------------------------------------------------------------


def kept_trial() -> TrialFunction:
    """A point misses by its distance from a half, and less with each epoch; the epochs of its last rung are kept."""

    def trial(point: Point, context: TrialContext) -> None:
        kept = context.common / f"{point['x']}"
        before = int(kept.read_text()) if kept.exists() else 0
        if point["letters"] == "b":
            context.report(0, -9.0, {"bound": -9.0, "excess": 1.0, "refused": 0})
            raise Refusal("b: it cannot")
        context.common.mkdir(exist_ok=True)
        kept.write_text(str(point["rung"]))
        score = -abs(point["x"] - 0.5) / point["rung"] - 0.01
        context.report(point["rung"], score, {"ceiling": 1.0, "before": before, "best": context.best or 0.0})

    return trial


def tuned(
    spec: SearchBudget, folder: Path, start: SearchStart, listener: Callable[[SearchProgress], None] | None = None
) -> SearchResult:
    """A search by Ray."""
    home = Workspace(folder / "home", "sqlite:///none")
    return tune(TrialSetup(kept_trial()), spec, home, folder / "search", 3, start, on_progress=listener)


@pytest.mark.e2e
def test_rungs_go_on_where_the_ones_before_ended_also_after_an_interruption(tmp_path: Path) -> None:
    rungs = {"choice": [1, 3], "when": {"letters": ["a"]}}
    space = {"letters": {"choice": ["a", "b"]}, "x": {"uniform": [0, 1]}, "rung": rungs}
    first: list[Point] = [{"letters": "b", "x": 0.5}, *({"letters": "a", "x": x} for x in (0.2, 0.5, 0.8))]
    start = SearchStart(tuple(first), (), LettersGuide())

    def fail_at_five(progress: SearchProgress) -> None:
        if progress.done == 5:
            raise OSError("the disk is full")

    spec = SearchBudget.model_validate({"trials": 8, "concurrency": 1, "space": space})
    found = tuned(spec, tmp_path / "whole", start)
    states = [(each.point["letters"], each.point["x"], each.point.get("rung"), each.state) for each in found.trials]
    assert states[:6] == [
        ("b", 0.5, None, "failed"),
        ("a", 0.2, 1, "finished"),
        ("a", 0.5, 1, "finished"),
        ("a", 0.8, 1, "finished"),
        ("a", 0.5, 3, "finished"),
        ("a", 0.6, 1, "finished"),
    ]
    assert {each.point["letters"] for each in found.trials[6:]} == {"a"}, "what refused is not tried again"
    assert found.trials[4].measured["before"] == 1, "it found what its first rung had left"
    assert found.trials[4].measured["best"] == found.trials[2].score
    assert found.best == {"letters": "a", "x": 0.5, "rung": 1}
    broken = tuned(spec, tmp_path / "cut", start, fail_at_five)
    assert broken.broken == "OSError: the disk is full"
    rest = tuned(spec, tmp_path / "cut", start)
    assert [each.point for each in rest.trials] == [each.point for each in found.trials]
