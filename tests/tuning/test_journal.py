"""The journal: what was written is there again, whatever happened to the process in between."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tasks.search.results import KnownTrial, SearchStart
from tasks.tuning.journal import Journal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


def report(epoch: int, score: float, **more: Any) -> dict[str, Any]:
    return {"epoch": epoch, "score": score, "measured": {}, "answer": None, "seconds": 1.0, **more}


def last_word(reason: str = "", answer: Any = None) -> dict[str, Any]:
    return {"epoch": 0, "score": math.nan, "reason": reason, "answer": answer, "seconds": 0.5}


def fill(journal: Journal) -> None:
    """Three trials: one that came to its end, one that was stopped, one that failed; and one under way."""
    for x in range(4):
        assert journal.ask({"x": x}) == x
    for epoch, score in ((1, 0.2), (2, 0.9), (3, 0.4)):
        journal.hear(0, report(epoch, score, measured={"drop": 1 - score}))
    journal.hear(0, last_word())
    journal.end(0)
    journal.hear(1, report(1, 0.1))
    journal.end(1)
    journal.hear(2, last_word("no memory"))
    journal.end(2)
    journal.hear(3, report(1, 0.3))


def test_a_journal_is_the_same_when_it_is_read_again(file: Path) -> None:
    first = Journal(
        file, SearchStart(({"x": 0},), (KnownTrial({"x": 9}, 0.5), KnownTrial({"x": 8}, 0.4, {"bytes": 7.0})))
    )
    fill(first)
    first.close()
    again = Journal(file, SearchStart(({"x": 7},)))
    assert again.first == [{"x": 0}]
    assert again.known == [KnownTrial({"x": 9}, 0.5), KnownTrial({"x": 8}, 0.4, {"bytes": 7.0})]
    assert again.trials() == first.trials()
    assert again.order == first.order == [*(("asked", n) for n in range(4)), *(("ended", n) for n in range(3))]
    assert [entry.number for entry in again.under_way()] == [3]
    again.close()


def test_a_journal_from_before_known_points_had_numbers_is_read(file: Path) -> None:
    file.write_text('{"event": "begun", "first": [], "known": [[{"x": 9}, 0.5]], "at": 0.0}\n')
    journal = Journal(file)
    journal.close()
    assert journal.known == [KnownTrial({"x": 9}, 0.5)]


def test_the_clock_counts_only_while_a_search_runs(file: Path) -> None:
    journal = Journal(file)
    journal.ask({"x": 1})
    assert journal.seconds == 0
    journal.run_clock()
    journal.ask({"x": 2})
    journal.run_clock()
    assert journal.seconds >= journal.spent > 0
    journal.close()
    again = Journal(file)
    again.close()
    assert again.seconds == again.spent == journal.spent


def test_trials_worked_by_hand(file: Path) -> None:
    journal = Journal(file)
    fill(journal)
    journal.close()
    done, stopped, failed, open_ = journal.trials()
    assert (done.state, done.score, done.seconds) == ("finished", 0.9, 3.5)
    assert done.curve == ((1, 0.2), (2, 0.9), (3, 0.4))
    assert done.measured["drop"] == pytest.approx(0.1), "what goes with the best score"
    assert (stopped.state, stopped.score) == ("stopped early", 0.1)
    assert (failed.state, failed.score, failed.reason) == ("failed", None, "no memory")
    assert open_.state == "stopped early"


def test_what_a_trial_made_has_the_score_that_is_reported_with_it(file: Path) -> None:
    journal = Journal(file)
    journal.ask({})
    journal.hear(0, report(1, 0.9))
    journal.hear(0, report(2, 0.6, answer={"file": "a"}, measured={"bytes": 4.0}))
    journal.end(0)
    journal.close()
    trial = journal.trials()[0]
    assert (trial.score, trial.answer, trial.measured) == (0.6, {"file": "a"}, {"bytes": 4.0})


def test_what_is_no_number_is_no_score_and_a_repeated_epoch_counts_once(file: Path) -> None:
    journal = Journal(file)
    journal.ask({})
    for epoch, score in ((2, 0.5), (1, 0.1), (2, 0.4), (3, math.nan), (4, math.inf)):
        journal.hear(0, report(epoch, score))
    journal.close()
    again = Journal(file)
    trial = again.trials()[0]
    again.close()
    assert [epoch for epoch, _ in trial.curve] == [1, 2, 3, 4]
    assert dict(trial.curve)[2] == 0.4
    assert trial.score == 0.5


def test_reports_of_earlier_starts_fill_gaps_and_overwrite_nothing(file: Path) -> None:
    journal = Journal(file)
    journal.ask({})
    journal.hear(0, report(1, 0.1, measured={"drop": 0.9}))
    earlier = [(1, 0.8, {"drop": 0.2}), (2, 0.7, {"drop": 0.3}), (3, 0.3, {"drop": 0.7})]  # 2 and 3 were lost
    journal.hear(0, report(4, 0.4, measured={"drop": 0.6}, earlier=earlier))
    journal.hear(0, report(5, 0.5, measured={"drop": 0.5}, earlier=[]))
    journal.hear(0, last_word())
    journal.end(0)
    journal.close()
    again = Journal(file)
    again.close()
    for trial in (*journal.trials(), *again.trials()):
        assert trial.curve == ((1, 0.1), (2, 0.7), (3, 0.3), (4, 0.4), (5, 0.5)), "the first epoch as it was reported"
        assert (trial.score, trial.measured) == (0.7, {"drop": 0.3}), "the best one was among the lost ones"
        assert (trial.state, trial.seconds) == ("finished", 3.5), "what was lost takes no time"


def test_a_trial_s_last_word_may_bring_all_its_reports(file: Path) -> None:
    journal = Journal(file)
    journal.ask({})
    journal.hear(0, {**last_word("no memory"), "earlier": [(1, 0.2, {}), (2, math.nan, {})]})
    journal.end(0)
    journal.close()
    (trial,) = journal.trials()
    assert [epoch for epoch, _ in trial.curve] == [1, 2]
    assert (trial.score, trial.state, trial.reason) == (0.2, "failed", "no memory")


def test_an_answer_counts_though_an_earlier_start_reported_its_epoch_and_a_better_one(file: Path) -> None:
    journal = Journal(file)
    journal.ask({})
    earlier = [(1, 0.9, {}), (2, 0.6, {"bytes": 4.0})]
    journal.hear(0, report(2, 0.6, answer={"file": "a"}, measured={"bytes": 4.0}, earlier=earlier))
    journal.close()
    (trial,) = journal.trials()
    assert trial.curve == ((1, 0.9), (2, 0.6))
    assert (trial.score, trial.answer, trial.measured) == (0.6, {"file": "a"}, {"bytes": 4.0})


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_that_a_kill_cut_off_is_forgotten(file: Path, cut: int) -> None:
    journal = Journal(file)
    journal.ask({"x": 1})
    journal.ask({"x": 2})
    journal.close()
    file.write_bytes(file.read_bytes()[:-cut])
    again = Journal(file)
    assert [entry.point for entry in again.entries] == [{"x": 1}]
    again.ask({"x": 3})
    again.close()
    third = Journal(file)
    third.close()
    assert [entry.point for entry in third.entries] == [{"x": 1}, {"x": 3}]
