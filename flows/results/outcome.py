"""Outcome: what a run leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.pipeline.findings import Findings
from tasks.report.report_data import ReportData
from tasks.tracking.registry import Version


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    report: ReportData
    findings: Findings
    folder: Path
    """model.onnx, report.html, scorecard.json and recipe.yaml."""
    version: Version
    exit_code: int
    """0: the goal is met; 3: it is not, and the product is the baseline."""
    reused: tuple[str, ...] = ()
    """The steps that were answered from the store."""
