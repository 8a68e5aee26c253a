"""The Prefect flow `monitor`: looks at a batch of new data, and says whether the champion has to be retrained."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.loop.alarm import sound_alarm
from flows.loop.monitor_job import run_monitor
from flows.loop.monitor_outcome import MonitorOutcome
from flows.recipe.loading import load_recipe
from flows.recipe.schema import Recipe
from flows.services import environment


@flow(name="monitor", validate_parameters=True, persist_result=False)
def monitor(
    recipe: Recipe | str, data: str, labels: str | None = None, overrides: list[str] | None = None
) -> MonitorOutcome:
    """Looks at a batch: whether it harms the champion, and whether its inputs or the answers have changed.

    Args:
        recipe: a recipe, or the path of a recipe file.
        data: the batch: a file or folder of examples, as `predict` takes it.
        labels: a table of labels that came later; `data.id` names their rows.
        overrides: `key=value` with dotted paths, which replace values of a recipe file; not used for a recipe object.

    Raises:
        InputError: the recipe, the batch, the labels or the environment is wrong, or there is no champion.
    """
    settled = load_recipe(Path(recipe), overrides) if isinstance(recipe, str) else recipe
    workspace = environment.prepare_environment()
    outcome = run_monitor(settled, Path(data), Path(labels) if labels else None, workspace, sound_alarm)
    told = "\n".join(f"* {look.what}: **{look.level}**, {look.sentence}" for look in outcome.looks)
    notes = "\n".join(f"* {note}" for note in outcome.notes)
    create_markdown_artifact(f"## {outcome.answer}\n\n{told}\n{notes}\n\nReport: `{outcome.report}`", key="answer")
    return outcome
