"""Schedulers: which of two trials goes on, decided on results alone; no Ray runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.tuning.journal import Journal
from tasks.tuning.schedulers import Past, replay, rungs, scheduler_of


def decide(scheduler: Any, curves: Mapping[int, Mapping[int, float]]) -> dict[int, list[str]]:
    """Each trial's decisions, one trial after the other; a trial that is stopped reports no more."""
    found: dict[int, list[str]] = {}
    for number, curve in curves.items():
        trial = Past(number)
        scheduler.on_trial_add(None, trial)
        found[number] = []
        for epoch, score in curve.items():
            found[number].append(scheduler.on_trial_result(None, trial, {"epoch": epoch, "score": score}))
            if found[number][-1] == "STOP":
                break
        last = {"epoch": epoch, "score": score}
        scheduler.on_trial_complete(None, trial, last)
    return found


def flat(score: float, epochs: int = 9) -> dict[int, float]:
    return dict.fromkeys(range(1, epochs + 1), score)


@pytest.mark.parametrize(
    ("epochs", "expected"), [(1, []), (2, [1]), (9, [1, 3]), (10, [1, 3, 9]), (30, [3, 9, 27]), (90, [10, 30])]
)
def test_rungs(epochs: int, expected: list[int]) -> None:
    assert rungs(epochs) == expected


def test_asha_stops_what_is_behind_at_the_first_rung() -> None:
    found = decide(scheduler_of("asha", 9), {0: flat(0.9), 1: flat(0.1), 2: flat(0.95)})
    assert found[0] == ["CONTINUE"] * 9
    assert found[1] == ["STOP"]
    assert found[2] == ["CONTINUE"] * 9


def test_no_scheduler_ends_a_trial_at_its_last_epoch() -> None:
    for name in ("asha", "hyperband", "median", "none"):
        for epochs in (1, 2, 4, 9, 27):
            curves = {n: {**flat(0.5, epochs), epochs: 0.5 - n} for n in range(6)}
            found = decide(scheduler_of(name, epochs), curves)
            assert all(decisions == ["CONTINUE"] * epochs for decisions in found.values()), (name, epochs)


def test_the_brackets_of_hyperband_begin_one_rung_later_each_and_take_turns() -> None:
    good = {n: flat(0.9, 27) for n in range(3)}
    bad = {n: flat(0.1, 27) for n in range(3, 9)}
    found = decide(scheduler_of("hyperband", 28), good | bad)
    assert [len(found[n]) for n in range(9)] == [27, 27, 27, 3, 9, 27, 3, 9, 27]


def test_the_median_rule_stops_what_is_below_the_median_of_three_others_and_never_pauses() -> None:
    scheduler = scheduler_of("median", 9)
    found = decide(scheduler, {0: flat(0.1), 1: flat(0.5), 2: flat(0.9), 3: flat(0.4), 4: flat(0.6)})
    assert found[3] == ["STOP"]
    assert all(found[n] == ["CONTINUE"] * 9 for n in (0, 1, 2, 4)), "the first three have too few others"


@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
def test_a_trial_without_a_score_disturbs_nobody(name: str) -> None:
    scheduler = scheduler_of(name, 9)
    nothing = {0: float("nan")}
    found = decide(scheduler, {n: nothing if n < 3 else flat(0.5) for n in range(9)})
    assert all(decisions == ["CONTINUE"] * 9 for n, decisions in found.items() if n >= 3)


@pytest.mark.parametrize("name", ["asha", "hyperband", "median", "none"])
def test_after_an_interruption_a_scheduler_knows_the_trials_that_ended(tmp_path: Path, name: str) -> None:
    journal = Journal(tmp_path / "history.jsonl")
    for number in range(6):
        journal.ask({"x": number})
        for epoch in range(1, 10):
            told = {"epoch": epoch, "score": 0.9, "measured": {}, "answer": None, "seconds": 0.0}
            journal.hear(number, told)
        if number < 5:
            journal.end(number)
    journal.close()
    scheduler = scheduler_of(name, 9)
    replay(scheduler, journal)
    found = decide(scheduler, {99: flat(0.1)})[99]
    assert len(found) == {"asha": 1, "median": 1, "hyperband": 3, "none": 9}[name]
