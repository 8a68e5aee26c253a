"""Monitor history: every look at a batch as a run in MLflow."""

from __future__ import annotations

from pathlib import Path

from flows.loop.monitor_outcome import MonitorOutcome
from tasks.core import Workspace, digest_of
from tasks.monitoring.monitor_spec import Level
from tasks.tracking import NOTE, RunContent, attach, close_run, open_run

LEVELS: dict[Level, int] = {"fine": 0, "warn": 1, "act": 2}
"""What a look says, as a number to be drawn."""


def experiment_of(name: str) -> str:
    """The name of the MLflow experiment with a product's looks."""
    return f"{name} monitor"


def record_look(outcome: MonitorOutcome, digest: str, workspace: Workspace) -> str:
    """Records a look as a finished run of its own.

    Args:
        outcome: what it found.
        digest: of the batch.
        workspace: knows the tracking server.

    Returns:
        What went wrong, in a sentence; empty where it was recorded.
    """
    uri, harm = workspace.tracking_uri, outcome.harm
    key = digest_of([outcome.version, digest, harm.n if harm else 0])
    given = {"batch": outcome.source, "version": outcome.version, "digest": digest}
    tags = {"paredown.version": str(outcome.version), "paredown.level": outcome.level}
    content = RunContent(
        metrics=look_metrics(outcome),
        files={"monitor.html": Path(outcome.report)},
        tags={**tags, "paredown.answer": outcome.answer, NOTE: outcome.answer},
    )
    label = f"version {outcome.version}, look {outcome.look}"
    try:
        run = open_run(uri, experiment_of(outcome.name), label, key, given, tags, workspace.home / "mlflow")
        attach(uri, run, content)
        close_run(uri, run, "FINISHED")
    except Exception as error:  # the look itself is kept already
        return f"MLflow has no record of this look ({type(error).__name__}: {error})"
    return ""


def look_metrics(outcome: MonitorOutcome) -> dict[str, float]:
    """The numbers of a look, for curves over looks."""
    found = {
        "level": float(LEVELS[outcome.level]),
        "rows": float(outcome.rows),
        "inputs.changed": float(len(outcome.inputs.changed)),
        "predictions.changed": float(len(outcome.predictions.changed)),
    }
    for look in (outcome.inputs, outcome.predictions):
        found |= {f"{look.what}.index.{each.name}": each.index for each in look.columns}
    if outcome.harm is not None and outcome.harm.n:
        harm = outcome.harm
        found |= {"harm.rows": float(harm.n), "harm.loss": harm.mean, "harm.lower": harm.lower}
        found |= {"harm.threshold": harm.threshold, "harm.p_value": harm.p_value, "harm.reference": harm.reference}
    if outcome.shadow is not None:
        shadow = outcome.shadow
        found |= {"shadow.rows": float(shadow.n), "shadow.difference": shadow.difference}
        found |= {"shadow.p_value": shadow.p_value}
    return found
