"""The Prefect flow `monitor`: looks at a batch of new data, and says whether the champion has to be retrained."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.loop.alarm import sound_alarm
from flows.loop.monitor_job import run_monitor
from flows.loop.monitor_outcome import MonitorOutcome
from flows.recipe.loading import load_recipe
from flows.services import environment
from flows.services.deployed_recipes import recipe_file, run_label
from flows.services.run_artifacts import model_links, show_answer

HOUR = 3600
"""Seconds after which a look is ended as one that hangs."""


def name_monitor() -> str:
    """The name of the flow run: that of the recipe."""
    return f"monitor {run_label(flow_run.parameters['recipe'])}"


@flow(name="monitor", flow_run_name=name_monitor, persist_result=False, timeout_seconds=HOUR)
def monitor(recipe: str, data: str, labels: str | None = None, overrides: list[str] | None = None) -> MonitorOutcome:
    """Looks at a batch: whether it harms the champion, and whether its inputs or the answers have changed.

    Args:
        recipe: the name of a deployed recipe, or the path of a recipe file.
        data: the batch: a file or folder of examples, as `predict` takes it.
        labels: a table of labels that came later; `data.id` names their rows.
        overrides: values of the recipe that are replaced, `monitor.alpha=0.01` for example, with dotted paths.

    Raises:
        InputError: the recipe, the batch, the labels or the environment is wrong, or there is no champion.
    """
    settled = load_recipe(recipe_file(recipe), overrides)
    workspace = environment.prepare_environment()
    outcome = run_monitor(settled, Path(data), Path(labels) if labels else None, workspace, sound_alarm)
    told = "\n".join(f"* {look.what}: **{look.level}**, {look.sentence}" for look in outcome.looks)
    notes = "\n".join(f"* {note}" for note in outcome.notes)
    links = {"Report's file": outcome.report, **model_links(workspace.tracking_uri, outcome.name, outcome.version)}
    show_answer("answer", outcome.answer, f"{told}\n{notes}", links)
    return outcome
