"""The last screen: what a search for branches came to stands under the candidates."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support import report_data

from flows.results import console_tables
from flows.results.outcome import Outcome
from tasks.report.report_data import BranchSearchReport, ReportData
from tasks.tracking.registry import Version


def shown(report: ReportData) -> str:
    nothing: Any = None
    links = {"MLflow": "http://127.0.0.1:5000", "start MLflow": "mlflow ui", "other": "x"}
    told = dataclasses.replace(report, links=links)
    console = Console(file=io.StringIO(), width=200)
    console_tables.show_outcome(
        Outcome(told, nothing, Path("reports"), Version("tiny", 3, "champion", "abc"), 0), console
    )
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return " ".join(text.split())


def test_the_search_is_told_before_the_answer() -> None:
    said = shown(report_data.sample())
    assert said.index(f"search for branches {report_data.FOUND}") < said.index(report_data.ANSWER)
    assert "models:/tiny/3 (champion)" in said


def test_without_a_search_nothing_is_said_of_it() -> None:
    assert "search for branches" not in shown(dataclasses.replace(report_data.sample(), branch_search=None))


def test_groups_stand_under_the_candidates() -> None:
    said = shown(report_data.grouped())
    assert "groups on test, 98.33 % intervals: 95 % for all" in said
    row = (
        "sex=<F> │ 412 │ 0.9100 [0.8800, 0.9400] │ 0.8800 [0.8500, 0.9100] │ 0.0300 [0.0100, 0.0500] beyond the margin"
    )
    assert row in said
    assert "sex=missing │ 3 │ too few to judge" in said
    assert "groups on" not in shown(report_data.sample())
    alone = dataclasses.replace(report_data.grouped(), test=report_data.grouped().test[:1])
    assert "sex=M │ 9,585 │ 0.9100 [0.8800, 0.9400] │" in shown(alone)


def test_what_was_taken_of_two_objectives_is_told() -> None:
    assert "search Trial 4 is taken, <as> told. search for branches" in shown(report_data.tradeoff())


def test_brackets_in_what_broke_a_search_are_shown() -> None:
    broken = BranchSearchReport("It ended before its budget was spent: OSError: [Errno 28] [/] full.", ())
    assert "OSError: [Errno 28] [/] full." in shown(dataclasses.replace(report_data.sample(), branch_search=broken))


def test_sizes_are_in_kilobytes_of_a_thousand_bytes() -> None:
    card = report_data.card("narrow", 0.9168, 0.0049, 1.0, 91_204)
    assert console_tables.cells(card)[-1].replace("\N{NARROW NO-BREAK SPACE}", " ").startswith("91.2 kB, ")


def test_prefect_is_shown_by_the_address_that_a_browser_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    said = shown(report_data.sample())
    assert "MLflow http://127.0.0.1:5000 start MLflow mlflow ui Prefect http://127.0.0.1:4200" in said
    assert "4200/api" not in said


def test_what_the_same_model_costs_in_python_is_told_by_rows() -> None:
    report = dataclasses.replace(report_data.sample(), library=report_data.in_python())
    said = shown(report)
    assert (
        "in Python for 1 row pipeline.predict of <scikit-learn> 240× [231, 249]; "
        "for 1,000 rows pipeline.predict of <scikit-learn> 3.87× [3.6, 4.1] of the product's time" in said
    )
    noisy = dataclasses.replace(report_data.in_python(), quiet=False)
    assert console_tables.library_text(noisy).endswith("; measured while other work ran")
    failed = dataclasses.replace(report_data.in_python(), times=(), failure="ValueError: no")
    assert console_tables.library_text(failed) == "the same model could not be timed: ValueError: no"
    assert "in Python" not in shown(report_data.sample())


def test_batches_and_the_first_run_are_told_in_a_sentence() -> None:
    profile = report_data.run_profile()
    said = shown(dataclasses.replace(report_data.sample(), profile=profile))
    assert "batches 3.5× [3.15, 3.85] at batch 1, 3.2× [2.88, 3.52] at batch 8, 3.1× [2.79, 3.41] at batch 32" in said
    assert "narrow <b>: 9 ms to open and 1.4 ms for the first call, peak memory 7 MiB (3 processes)" in said
    noisy = dataclasses.replace(profile, batches=(), starts=profile.starts[:1], quiet=False)
    assert console_tables.profile_text(noisy) == (
        "baseline: 12 ms to open and 4 ms for the first call, peak memory 18 MiB (3 processes)"
        "; measured while other work ran"
    )
    failed = console_tables.profile_text(dataclasses.replace(profile, failure="RuntimeError: no"))
    assert failed == "other batches and first runs could not be measured: RuntimeError: no"


def test_the_processes_are_those_that_were_run() -> None:
    report = report_data.sample()
    assert console_tables.processes_text(report) == "3 processes"
    first, *others = report.entries
    assert first.card is not None
    latency = dataclasses.replace(first.card.latency, processes=5)
    entry = dataclasses.replace(first, card=dataclasses.replace(first.card, latency=latency))
    more = dataclasses.replace(report, entries=(entry, *others))
    assert console_tables.processes_text(more) == "3 to 5 processes"
