"""Trade-offs: what the report says of the trial that is taken."""

from __future__ import annotations

from support.tradeoff_trials import TRIALS, tried

from flows.results.tradeoff_text import describe_tradeoff
from tasks.core import Goal
from tasks.kernels.statistics.metrics import METRICS
from tasks.report.report_data import Tradeoff
from tasks.search.results import EXCESS, SearchResult, Trial


def said(margin: float, *trials: Trial) -> str:
    told = describe_tradeoff(SearchResult({}, trials, cost="bytes"), Goal(max_drop=margin), METRICS["accuracy"])
    assert told is not None
    return told.answer


def test_the_report_says_which_was_taken_and_why() -> None:
    assert describe_tradeoff(
        SearchResult({}, TRIALS, cost="bytes"), Goal(max_drop=0.01), METRICS["accuracy"]
    ) == Tradeoff(
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
    told = describe_tradeoff(
        SearchResult({}, trials, cost="latency_ms"), Goal(metric="log_loss", max_drop=0.1), METRICS["log_loss"]
    )
    assert told is not None
    assert "the least latency of the 2 trials within 0.1 of the best log loss: 0.0412 ms at log loss" in told.answer
    assert "log loss 0.2500; trial 1 has the best log loss, 0.2000, at 0.12 ms." in told.answer


def test_where_nothing_keeps_the_limits_it_is_said() -> None:
    beyond = (tried(0, -1.5e6, bytes=9, **{EXCESS: 0.5}), tried(1, -1.1e6, bytes=7, **{EXCESS: 0.1}))
    assert said(0.01, *beyond) == "No trial keeps the goal's limits: trial 1, which exceeds them least, is taken."


def test_a_search_with_one_objective_or_nothing_weighed_has_nothing_to_tell() -> None:
    for tuned in (
        SearchResult({}, TRIALS),
        SearchResult({}, TRIALS[6:7], cost="bytes"),
        SearchResult({}, (), cost="bytes"),
    ):
        assert describe_tradeoff(tuned, Goal(), METRICS["accuracy"]) is None
