"""The search step: what an earlier search found is never lost on a later one."""

from __future__ import annotations

from flows.pipeline.search_step import EARLIER, carry_over
from tasks.search.results import BOUND, KnownTrial, SearchResult, Trial, best_point


def trial(number: int, width: int, score: float, **measured: float) -> Trial:
    return Trial(number, {"width": width}, score, ((1, score),), "finished", 1.0, measured)


KNOWN = [KnownTrial({"width": 8}, 0.8), KnownTrial({"width": 16}, 0.95), KnownTrial({"width": 32}, 0.9)]


def test_the_best_of_earlier_searches_is_a_trial_of_this_one() -> None:
    tuned = SearchResult({"width": 64}, (trial(0, 64, 0.9), trial(1, 16, 0.85)))
    (found,) = carry_over(KNOWN, tuned)
    assert (found.number, found.point, found.score, found.reason) == (2, {"width": 16}, 0.95, EARLIER)
    assert (found.seconds, found.curve) == (0.0, ()), "nothing was run"
    assert best_point((*tuned.trials, found)) == {"width": 16}


def test_what_was_found_again_stands_there_once() -> None:
    assert carry_over(KNOWN, SearchResult({}, (trial(0, 16, 0.95),))) == []
    assert carry_over([], SearchResult({}, (trial(0, 16, 0.95),))) == []


def test_with_a_cost_it_is_the_front() -> None:
    known = [
        KnownTrial({"width": 8}, 0.8, {"bytes": 10.0}),
        KnownTrial({"width": 16}, 0.95, {"bytes": 20.0}),
        KnownTrial({"width": 32}, 0.9, {"bytes": 30.0}),
        KnownTrial({"width": 4}, 0.99),
    ]
    found = carry_over(known, SearchResult({}, (trial(0, 64, 0.9, bytes=40.0),), cost="bytes"))
    assert [each.point["width"] for each in found] == [8, 16], "32 costs more than 16 and scores less; 4 has no cost"
    assert [each.number for each in found] == [1, 2]


def test_a_bound_is_no_score_that_was_reached() -> None:
    given_up = Trial(0, {"width": 1}, 0.7, ((0, 0.7),), "finished", 1.0, {BOUND: 0.7})
    assert given_up.reached is None
    assert best_point((given_up, trial(1, 2, 0.1))) == {"width": 2}
