"""Failed retrain: tells the recipe's people that a retrain broke or was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.loop.webhook import tell_people
from flows.recipe.loading import load_recipe
from flows.services.deployed_recipes import recipe_file
from tasks.core import InputError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State

LONGEST = 500
"""Characters of the reason that are told."""


def tell_failure(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """A hook of the flow `retrain`, which Prefect calls when a run has failed or crashed.

    Where the recipe itself cannot be read, nobody is known who could be told.
    """
    from prefect.logging.loggers import flow_run_logger

    try:
        recipe = load_recipe(recipe_file(flow_run.parameters["recipe"]), flow_run.parameters.get("overrides"))
    except InputError:
        return
    text = f"{recipe.name}: the retrain failed, and the champion stays: {(state.message or state.name or '')[:LONGEST]}"
    content = {"text": text, "name": recipe.name, "level": "failed", "run": flow_run.name}
    if note := tell_people(recipe.monitor, content):
        flow_run_logger(flow_run, flow).warning(note)
