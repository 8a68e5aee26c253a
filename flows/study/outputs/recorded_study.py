"""Recorded study: a whole study without Prefect, with its files, and with its runs in MLflow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from flows.recipe.schema import Recipe
from flows.recipe.source_checks import check_sources
from flows.results.mlflow_records import open_parent
from flows.services.store_needs import using_store
from flows.study.cells.second_process import RunnerOpener
from flows.study.outputs.study_files import write_study
from flows.study.outputs.study_records import ROLE, record_tables, study_content
from flows.study.study_job import run_study
from flows.study.study_outcome import StudyOutcome
from tasks.core import Runner, Workspace
from tasks.data import ingestion
from tasks.tracking import attach, close_run, run_links


def record_study(
    recipe: Recipe,
    workspace: Workspace,
    runner: Runner,
    tell: Callable[[str], None],
    open_second: RunnerOpener | None = None,
) -> StudyOutcome:
    """Runs a study, writes its files and records it. After an error, or where a table broke, its run ends as FAILED.

    Args:
        recipe: the recipe.
        workspace: where the study works.
        runner: calls every step.
        tell: called with a sentence before and after each round.
        open_second: as in `run_study`.

    Raises:
        InputError: as `run_study` raises it.
        Refusal: no model can be made.
    """
    check_sources(recipe)
    uri = workspace.tracking_uri
    parent = open_parent(recipe, ingestion.source_stamp(recipe.data), workspace, runner, ROLE)
    try:
        with using_store(workspace.home):
            outcome = write_study(run_study(recipe, workspace, runner, tell, open_second), workspace)
        record_tables(outcome.result, parent, workspace, runner)
        runner.run("attach the report", attach, uri, parent, study_content(outcome))
    except BaseException:
        runner.run("close the run", close_run, uri, parent, "FAILED")
        raise
    runner.run("close the run", close_run, uri, parent, "FAILED" if outcome.exit_code else "FINISHED")
    return dataclasses.replace(outcome, links=run_links(uri, parent))
