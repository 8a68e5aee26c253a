"""run_job."""

from __future__ import annotations

import dataclasses

from flows.pipeline.pipeline import run_pipeline
from flows.recipe.schema import Recipe
from flows.results import mlflow_records, report_builder
from flows.results.outcome import Outcome
from tasks.core import Workspace
from tasks.data import ingestion
from tasks.report.html import render_report
from tasks.steps import definitions
from tasks.steps.runner import Call, Stopwatch, Write


def run_job(recipe: Recipe, workspace: Workspace, call: Call, write: Write) -> Outcome:
    """The whole job with everything that is written down about it.

    Args:
        call: decides how a step that can come from the store is called.
        write: decides how a step that writes to a server is called.
    """
    clock = Stopwatch()
    uri = workspace.tracking_uri
    parent = mlflow_records.open_parent(recipe, ingestion.source_stamp(recipe.data), workspace, write)
    workspace = dataclasses.replace(workspace, run=parent)
    try:
        findings = run_pipeline(recipe, workspace, call)
        mlflow_records.record(findings, parent, workspace, write)
        version = mlflow_records.register_product(findings, parent, workspace, write)
        links = {
            "MLflow run": parent,
            "MLflow": uri,
            "registered model": f"models:/{version.name}/{version.version} ({version.alias})",
        }
        told = report_builder.build_report(findings, workspace.store, clock.seconds, links)
        folder = mlflow_records.publish(findings, render_report(told), workspace)
        files = {name: folder / name for name in ("report.html", "recipe.yaml", "scorecard.json")}
        write(definitions.attach, uri, parent, files, {}, {}, {"paredown.answer": told.answer})
    except BaseException:
        write(definitions.close_run, uri, parent, "FAILED")
        raise
    write(definitions.close_run, uri, parent, "FINISHED")
    return Outcome(told, findings, folder, version, 0 if findings.meets_goal else 3)
