"""Trade-offs: the front of score and cost, and which trial is taken, worked by hand."""

from __future__ import annotations

from flows.results.tradeoff_text import describe_tradeoff
from tasks.core import Goal
from tasks.report.report_data import Tradeoff
from tasks.search.pareto_front import best_tradeoff, taken, trial_front
from tasks.search.results import EXCESS, Trial, Tuned


def tried(number: int, score: float | None, **measured: float) -> Trial:
    return Trial(number, {"n": number}, score, ((1, score or 0.0),), "finished", 1.0, measured)


TRIALS = (
    tried(0, 0.90, bytes=9000),
    tried(1, 0.895, bytes=5000),
    tried(2, 0.88, bytes=1000),
    tried(3, None, bytes=10),
    tried(4, 0.89, bytes=6000),
    tried(5, 0.88, bytes=1000),
    tried(6, 0.95),
    tried(7, -1.2e6, bytes=90_000, **{EXCESS: 0.2}),
)


def said(margin: float, *trials: Trial) -> str:
    told = describe_tradeoff(Tuned({}, trials, cost="bytes"), Goal(max_drop=margin))
    assert told is not None
    return told.answer


def test_of_those_that_are_as_good_the_least_one_is_taken() -> None:
    assert best_tradeoff(TRIALS, "bytes", 0.01) == {"n": 1}
    assert best_tradeoff(TRIALS, "bytes", 0.05) == {"n": 2}
    assert best_tradeoff(TRIALS, None, 0.05) == {"n": 6}
    assert best_tradeoff([tried(0, 0.5)], "latency_ms", 0.01) == {"n": 0}, "nothing was weighed"
    assert best_tradeoff([], "bytes", 0.01) == {}
    assert taken([tried(0, 0.5, bytes=1), tried(1, 0.6, bytes=1)], "bytes", 0.2) == tried(1, 0.6, bytes=1)


def test_on_the_front_is_what_no_other_beats_in_both() -> None:
    assert [trial.number for trial in trial_front(TRIALS, "bytes")] == [2, 1, 0]
    assert trial_front(TRIALS[6:], "bytes") == [], "not weighed, and beyond the limits"


def test_the_report_says_which_was_taken_and_why() -> None:
    assert describe_tradeoff(Tuned({}, TRIALS, cost="bytes"), Goal(max_drop=0.01)) == Tradeoff(
        "bytes",
        1,
        (2, 1, 0),
        "Trial 1 is taken, which has the least size of the 3 trials within 0.01 of the best accuracy: 5,000 bytes at "
        "accuracy 0.8950; trial 0 has the best accuracy, 0.9000, at 9,000 bytes. Trials that no other beats in both, "
        "the least size first: 2, 1, 0.",
    )


def test_the_best_score_may_be_what_is_taken() -> None:
    front = "Trials that no other beats in both, the least size first: 2, 1, 0."
    assert said(0.001, *TRIALS) == (
        f"Trial 0 has the best accuracy, 0.9000, at 9,000 bytes, and is taken: no other is within 0.001 of it. {front}"
    )
    assert said(0.5, *TRIALS[2:4], tried(8, 0.5, bytes=2000)) == (
        "Trial 2 has the best accuracy, 0.8800, at 1,000 bytes, and is taken: that is the least size of the 2 trials "
        "within 0.5 of the best accuracy. Trials that no other beats in both, the least size first: 2."
    )


def test_a_loss_is_shown_in_its_own_sign_and_a_latency_in_milliseconds() -> None:
    trials = (tried(0, -0.25, latency_ms=0.04123), tried(1, -0.20, latency_ms=0.12))
    told = describe_tradeoff(Tuned({}, trials, cost="latency_ms"), Goal(metric="log_loss", max_drop=0.1))
    assert told is not None
    assert "the least latency of the 2 trials within 0.1 of the best log_loss: 0.0412 ms at log_loss" in told.answer
    assert "log_loss 0.2500; trial 1 has the best log_loss, 0.2000, at 0.12 ms." in told.answer


def test_where_nothing_keeps_the_limits_it_is_said() -> None:
    beyond = (tried(0, -1.5e6, bytes=9, **{EXCESS: 0.5}), tried(1, -1.1e6, bytes=7, **{EXCESS: 0.1}))
    assert said(0.01, *beyond) == "No trial keeps the goal's limits: trial 1, which exceeds them least, is taken."


def test_a_search_with_one_objective_or_nothing_weighed_has_nothing_to_tell() -> None:
    for tuned in (Tuned({}, TRIALS), Tuned({}, TRIALS[6:7], cost="bytes"), Tuned({}, (), cost="bytes")):
        assert describe_tradeoff(tuned, Goal()) is None
