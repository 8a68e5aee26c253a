"""The main flow: a recipe goes in, a product with its evidence comes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from rich.console import Console

from flows import environment, records, story
from flows.execution import Execution, Stopwatch, screen
from flows.pipeline import Findings, count_steps, work
from flows.recipe import Recipe, load
from tasks import ingestion, steps
from tasks.artifacts import Workspace
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
    reused: tuple[str, ...]
    """The steps that were answered from the store."""
    exit_code: int
    """0: the goal is met; 3: it is not, and the product is the baseline."""


@flow(name="optimize", flow_run_name="optimize {name}", validate_parameters=True, persist_result=False)
def optimize(recipe: Recipe | str, overrides: list[str] | None = None, name: str = "") -> Outcome:
    """Pares a model down: data → train or load → tune → compress → evaluate → select → test once → register → report.

    Args:
        recipe: a recipe, or the path of a recipe file.
        overrides: `key=value` with dotted paths, laid over a recipe file.
        name: shown in the run's name.
    """
    settled = load(Path(recipe), overrides) if isinstance(recipe, str) else recipe
    return run(settled, environment.prepare(), screen())


def run(recipe: Recipe, workspace: Workspace, console: Console) -> Outcome:
    """The flow's body: the work, and everything that is written down about it."""
    clock = Stopwatch()
    call = Execution(workspace, console, total=count_steps(recipe))
    stamp = ingestion.source_stamp(recipe.data)
    parent = records.open_parent(recipe, stamp, workspace)
    try:
        findings = work(recipe, workspace, call)
        records.record(findings, parent, workspace)
        version = records.register(findings, parent, workspace)
        links = {
            "MLflow run": parent,
            "MLflow": workspace.tracking_uri,
            "registered model": f"models:/{version.name}/{version.version} ({version.alias})",
        }
        told = story.tell(findings, workspace.store, clock.seconds, links)
        folder = records.publish(findings, render(told), workspace)
        files = {name: folder / name for name in ("report.html", "recipe.yaml", "scorecard.json")}
        steps.attach(workspace.tracking_uri, parent, files, {}, {}, {"paredown.answer": told.answer})
    except BaseException:
        steps.close_run(workspace.tracking_uri, parent, "FAILED")
        raise
    steps.close_run(workspace.tracking_uri, parent, "FINISHED")
    create_markdown_artifact(f"## {told.answer}\n\nReport: `{folder / 'report.html'}`", key="answer")
    return Outcome(told, findings, folder, version, tuple(call.reused), 0 if findings.meets_goal else 3)
