"""StudyJournal: measurements survive, and a line that was cut off is measured again."""

from __future__ import annotations

from pathlib import Path

from flows.study.study_journal import StudyJournal
from tasks.core import Estimate
from tasks.study.effects import Measured

FIRST = Measured(
    "reference", 0, 0.9, None, 1.5, 100, 0.2, Estimate(1, 0.9, 1.1, 5), curve=((1, 0.5), (2, 0.4)), spent=3
)
OTHER = Measured("other", 0, 0.92, Estimate(0.02, 0.0, 0.04, 100), choice="learning_rate 0.1", spent=4.0)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    journal = StudyJournal(tmp_path / "studies" / "a.jsonl")
    assert (journal.spent, journal.of("pruning")) == (0, [])
    journal.add("pruning", [FIRST, OTHER])
    journal.add("precision", [Measured("reference", 0, refusal="none")])
    again = StudyJournal(journal.path)
    assert again.rounds == journal.rounds
    assert again.of("pruning") == [FIRST, OTHER]
    assert again.spent == 7.0


def test_a_line_that_was_cut_off_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    journal = StudyJournal(tmp_path / "a.jsonl")
    journal.add("pruning", [FIRST])
    whole = journal.path.read_bytes()
    journal.add("pruning", [OTHER])
    journal.path.write_bytes(journal.path.read_bytes()[:-20])
    again = StudyJournal(journal.path)
    assert again.of("pruning") == [FIRST]
    again.add("pruning", [OTHER])
    assert StudyJournal(journal.path).of("pruning") == [FIRST, OTHER]
    assert journal.path.read_bytes().startswith(whole)
