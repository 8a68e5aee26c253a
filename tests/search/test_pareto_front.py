"""The front of score and cost, and which trial is taken, worked by hand."""

from __future__ import annotations

from support.tradeoff_trials import TRIALS, tried

from tasks.search.pareto_front import best_tradeoff, chosen_trial, trial_front


def test_of_those_that_are_as_good_the_least_one_is_taken() -> None:
    assert best_tradeoff(TRIALS, "bytes", 0.01) == {"n": 1}
    assert best_tradeoff(TRIALS, "bytes", 0.05) == {"n": 2}
    assert best_tradeoff(TRIALS, None, 0.05) == {"n": 6}
    assert best_tradeoff([tried(0, 0.5)], "latency_ms", 0.01) == {"n": 0}, "nothing was weighed"
    assert best_tradeoff([], "bytes", 0.01) == {}
    assert chosen_trial([tried(0, 0.5, bytes=1), tried(1, 0.6, bytes=1)], "bytes", 0.2) == tried(1, 0.6, bytes=1)


def test_on_the_front_is_what_no_other_beats_in_both() -> None:
    assert [trial.number for trial in trial_front(TRIALS, "bytes")] == [2, 1, 0]
    assert trial_front(TRIALS[6:], "bytes") == [], "not weighed, and beyond the limits"
