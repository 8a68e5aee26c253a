"""Run job: runs a recipe's whole job without Prefect, and records it in MLflow, the registry and a report."""

from __future__ import annotations

import dataclasses
import time

from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.recipe.schema import Recipe
from flows.recipe.source_checks import check_sources
from flows.results import mlflow_records, report_builder
from flows.results.gate.challenge import challenge_champion
from flows.results.outcome import Outcome
from flows.services.store_needs import using_store, write_needs
from tasks.core import Context, Runner, Workspace
from tasks.core.cache_key import references
from tasks.data import ingestion
from tasks.report.html import render_report
from tasks.tracking import attach, close_run, run_links


def run_job(recipe: Recipe, workspace: Workspace, runner: Runner, note: str = "") -> Outcome:
    """Runs a recipe; writes its product, its report, its MLflow runs and its registry version.

    Where its name has a champion already, the gate decides whether the new version takes its place
    (`challenge_champion`). After any error, the MLflow run is closed as FAILED.

    Args:
        workspace: where the job works; its `run` is replaced by the job's MLflow run.
        runner: calls every step, the cached ones and those that write to a server.
        note: what the registry should know of a comparison with the champion, in sentences.

    Raises:
        InputError: the data, the model or a knob is wrong, or a search does not get the resources that it asks for.
        Refusal: as `run_pipeline` raises it, or the registered model predicts something else than the product.
    """
    started = time.monotonic()
    check_sources(recipe)
    uri = workspace.tracking_uri
    parent = mlflow_records.open_parent(recipe, ingestion.source_stamp(recipe.data), workspace, runner)
    workspace = dataclasses.replace(workspace, run=parent)
    try:
        with using_store(workspace.home):
            findings = run_pipeline(Job(recipe, Context(workspace), runner))
            write_needs(workspace.home, parent, (findings.product_file, *references(findings)))
            mlflow_records.record(findings, workspace, runner)
            version = mlflow_records.register_product(findings, workspace, runner)
            promotion = challenge_champion(findings, version, workspace, note)
            if promotion is not None and promotion.verdict == "promote":
                version = dataclasses.replace(version, alias="champion")
            links = {
                **run_links(uri, parent),
                "registered model": version.uri,
            }
            report = report_builder.build_report(findings, workspace.store, time.monotonic() - started, links)
            if promotion is not None:
                report = dataclasses.replace(report, notes=(f"The gate: {promotion.reason}.", *report.notes))
            folder = mlflow_records.publish(findings, render_report(report), workspace)
        content = mlflow_records.parent_content(findings, report.answer, folder)
        runner.run("attach the report", attach, uri, parent, content)
    except BaseException:
        runner.run("close the run", close_run, uri, parent, "FAILED")
        raise
    runner.run("close the run", close_run, uri, parent, "FINISHED")
    exit_code = 0 if findings.meets_goal and findings.has_learned else 3
    return Outcome(report, findings, folder, version, exit_code, promotion=promotion)
