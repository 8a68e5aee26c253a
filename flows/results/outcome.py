"""Outcome: the record that a finished run returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.pipeline.findings import Findings
from tasks.monitoring.promotion import Promotion
from tasks.report.report_data import ReportData
from tasks.tracking.registry import Version


@dataclass(frozen=True)
class Outcome:
    """The results of a finished run, and where its files are."""

    report: ReportData
    findings: Findings
    folder: Path
    """The folder with model.onnx, report.html, scorecard.json and recipe.yaml."""
    version: Version
    """The product in MLflow's registry."""
    exit_code: int
    """The command line's exit code. 0: the goal is met; 3: it is not, and the product is the baseline, or
    the baseline has learned nothing."""
    reused: tuple[str, ...] = ()
    """Labels of the steps that were answered from the store."""
    promotion: Promotion | None = None
    """What the gate decided of it; None where it met no champion."""
