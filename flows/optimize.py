"""The main flow: a recipe goes in, a product with its evidence comes out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from flows import environment, records, story
from flows.execution import Call, Execution, Stopwatch, Write, screen, write_by_prefect
from flows.pipeline import Findings, count_steps, work
from flows.recipe import Recipe, load
from tasks import ingestion, steps
from tasks.artifacts import InputError, Workspace
from tasks.registry import Version
from tasks.reporting import Story, render


@dataclass(frozen=True)
class Outcome:
    """What a run leaves behind."""

    story: Story
    findings: Findings
    folder: Path
    """model.onnx, report.html, scorecard.json and recipe.yaml."""
    version: Version
    exit_code: int
    """0: the goal is met; 3: it is not, and the product is the baseline."""
    reused: tuple[str, ...] = ()
    """The steps that were answered from the store."""


def run_name() -> str:
    """The recipe's name; a file that is no recipe yet gives its own, and the flow says what is wrong with it."""
    recipe: Recipe | str = flow_run.parameters["recipe"]
    if isinstance(recipe, Recipe):
        return recipe.name
    try:
        return load(Path(recipe), flow_run.parameters.get("overrides")).name
    except InputError:
        return Path(recipe).stem


@flow(name="optimize", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def optimize(recipe: Recipe | str, overrides: list[str] | None = None) -> Outcome:
    """Pares a model down: data → train or load → tune → compress → evaluate → select → test once → register → report.

    Args:
        recipe: a recipe, or the path of a recipe file.
        overrides: `key=value` with dotted paths, laid over a recipe file.
    """
    settled = load(Path(recipe), overrides) if isinstance(recipe, str) else recipe
    workspace = environment.prepare()
    call = Execution(workspace, screen(), total=count_steps(settled))
    outcome = run(settled, workspace, call, write_by_prefect)
    report = outcome.folder / "report.html"
    create_markdown_artifact(f"## {outcome.story.answer}\n\nReport: `{report}`", key="answer")
    return dataclasses.replace(outcome, reused=tuple(call.reused))


def run(recipe: Recipe, workspace: Workspace, call: Call, write: Write) -> Outcome:
    """The whole job with everything that is written down about it.

    Args:
        call: decides how a step that can come from the store is called.
        write: decides how a step that writes to a server is called.
    """
    clock = Stopwatch()
    uri = workspace.tracking_uri
    parent = records.open_parent(recipe, ingestion.source_stamp(recipe.data), workspace, write)
    workspace = dataclasses.replace(workspace, run=parent)
    try:
        findings = work(recipe, workspace, call)
        records.record(findings, parent, workspace, write)
        version = records.register(findings, parent, workspace, write)
        links = {
            "MLflow run": parent,
            "MLflow": uri,
            "registered model": f"models:/{version.name}/{version.version} ({version.alias})",
        }
        told = story.tell(findings, workspace.store, clock.seconds, links)
        folder = records.publish(findings, render(told), workspace)
        files = {name: folder / name for name in ("report.html", "recipe.yaml", "scorecard.json")}
        write(steps.attach, uri, parent, files, {}, {}, {"paredown.answer": told.answer})
    except BaseException:
        write(steps.close_run, uri, parent, "FAILED")
        raise
    write(steps.close_run, uri, parent, "FINISHED")
    return Outcome(told, findings, folder, version, 0 if findings.meets_goal else 3)
