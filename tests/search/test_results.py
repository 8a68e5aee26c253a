"""Results: the best point and the words for what a search found."""

from __future__ import annotations

from tasks.search.results import State, Trial, best_point, summarize_trials


def trial_of(number: int, score: float | None, state: State = "finished") -> Trial:
    return Trial(number, {"n": number}, score, (), state, 1.0)


def test_the_best_point_worked_by_hand() -> None:
    scored = [trial_of(number, score) for number, score in enumerate((None, 0.5, 0.7, 0.7, 0.1))]
    assert best_point(scored) == {"n": 2}
    assert best_point([trial_of(0, -5.0), trial_of(1, -4.0)]) == {"n": 1}
    assert best_point([trial_of(0, None)]) == {}
    assert best_point([]) == {}


def test_a_summary_counts_what_ended_how() -> None:
    trials = [trial_of(0, -0.25), trial_of(1, -0.5, "stopped early"), trial_of(2, None, "failed")]
    assert summarize_trials(trials) == "best 0.2500, 3 trials, 1 stopped early, 1 failed"
    assert summarize_trials(trials[2:]) == "1 trials, 0 stopped early, 1 failed"
