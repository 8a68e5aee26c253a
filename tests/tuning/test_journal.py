"""The journal: what was written is there again, whatever happened to the process in between."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tasks.search.results import Known
from tasks.tuning.journal import Journal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


def report(epoch: int, score: float, **more: Any) -> dict[str, Any]:
    return {"epoch": epoch, "score": score, "measured": {}, "answer": None, "seconds": 1.0, **more}


def last_word(reason: str = "", answer: Any = None) -> dict[str, Any]:
    return {"epoch": 0, "score": math.nan, "reason": reason, "answer": answer, "seconds": 0.5}


def fill(history: Journal) -> None:
    """Three trials: one that came to its end, one that was stopped, one that failed; and one under way."""
    for x in range(4):
        assert history.ask({"x": x}) == x
    for epoch, score in ((1, 0.2), (2, 0.9), (3, 0.4)):
        history.hear(0, report(epoch, score, measured={"drop": 1 - score}))
    history.hear(0, last_word())
    history.end(0)
    history.hear(1, report(1, 0.1))
    history.end(1)
    history.hear(2, last_word("no memory"))
    history.end(2)
    history.hear(3, report(1, 0.3))


def test_a_history_is_the_same_when_it_is_read_again(file: Path) -> None:
    first = Journal(file, [{"x": 0}], [Known({"x": 9}, 0.5), Known({"x": 8}, 0.4, {"bytes": 7.0})])
    fill(first)
    first.close()
    again = Journal(file, [{"x": 7}], [])
    assert again.first == [{"x": 0}]
    assert again.known == [Known({"x": 9}, 0.5), Known({"x": 8}, 0.4, {"bytes": 7.0})]
    assert again.trials() == first.trials()
    assert again.order == first.order == [*(("asked", n) for n in range(4)), *(("ended", n) for n in range(3))]
    assert [entry.number for entry in again.under_way()] == [3]
    again.close()


def test_a_history_from_before_known_points_had_numbers_is_read(file: Path) -> None:
    file.write_text('{"event": "begun", "first": [], "known": [[{"x": 9}, 0.5]], "at": 0.0}\n')
    history = Journal(file)
    history.close()
    assert history.known == [Known({"x": 9}, 0.5)]


def test_the_clock_counts_only_while_a_search_runs(file: Path) -> None:
    history = Journal(file)
    history.ask({"x": 1})
    assert history.seconds == 0
    history.run_clock()
    history.ask({"x": 2})
    history.run_clock()
    assert history.seconds >= history.spent > 0
    history.close()
    again = Journal(file)
    again.close()
    assert again.seconds == again.spent == history.spent


def test_trials_worked_by_hand(file: Path) -> None:
    history = Journal(file)
    fill(history)
    history.close()
    done, stopped, failed, open_ = history.trials()
    assert (done.state, done.score, done.seconds) == ("finished", 0.9, 3.5)
    assert done.curve == ((1, 0.2), (2, 0.9), (3, 0.4))
    assert done.measured["drop"] == pytest.approx(0.1), "what goes with the best score"
    assert (stopped.state, stopped.score) == ("stopped early", 0.1)
    assert (failed.state, failed.score, failed.reason) == ("failed", None, "no memory")
    assert open_.state == "stopped early"


def test_what_a_trial_made_has_the_score_that_is_reported_with_it(file: Path) -> None:
    history = Journal(file)
    history.ask({})
    history.hear(0, report(1, 0.9))
    history.hear(0, report(2, 0.6, answer={"file": "a"}, measured={"bytes": 4.0}))
    history.end(0)
    history.close()
    trial = history.trials()[0]
    assert (trial.score, trial.answer, trial.measured) == (0.6, {"file": "a"}, {"bytes": 4.0})


def test_what_is_no_number_is_no_score_and_a_repeated_epoch_counts_once(file: Path) -> None:
    history = Journal(file)
    history.ask({})
    for epoch, score in ((2, 0.5), (1, 0.1), (2, 0.4), (3, math.nan), (4, math.inf)):
        history.hear(0, report(epoch, score))
    history.close()
    again = Journal(file)
    trial = again.trials()[0]
    again.close()
    assert [epoch for epoch, _ in trial.curve] == [1, 2, 3, 4]
    assert dict(trial.curve)[2] == 0.4
    assert trial.score == 0.5


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_that_a_kill_cut_off_is_forgotten(file: Path, cut: int) -> None:
    history = Journal(file)
    history.ask({"x": 1})
    history.ask({"x": 2})
    history.close()
    file.write_bytes(file.read_bytes()[:-cut])
    again = Journal(file)
    assert [entry.point for entry in again.entries] == [{"x": 1}]
    again.ask({"x": 3})
    again.close()
    third = Journal(file)
    third.close()
    assert [entry.point for entry in third.entries] == [{"x": 1}, {"x": 3}]
