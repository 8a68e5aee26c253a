"""The Prefect flows `promote` and `rollback`: what the commands of these names do, for Prefect's interface and API."""

from __future__ import annotations

from prefect import flow
from prefect.runtime import flow_run

from flows.loop.releases.going_back import BY_HAND, go_back
from flows.loop.releases.promoting import Release, promote_by_hand
from flows.loop.releases.version_evidence import evidence_text
from flows.recipe.loading import load_recipe
from flows.services import environment
from flows.services.deployed_recipes import recipe_file, run_label
from flows.services.run_artifacts import model_links, show_answer

MINUTES = 15 * 60
"""Seconds after which a run is ended as one that hangs."""


def release_name() -> str:
    """The name of the flow run: what it does, and the recipe's name."""
    return f"{flow_run.flow_name} {run_label(flow_run.parameters['recipe'])}"


@flow(name="promote", flow_run_name=release_name, persist_result=False, timeout_seconds=MINUTES)
def promote(recipe: str, version: int | None = None, force: bool = False) -> Release:
    """Makes a version champion by hand; the champion of before can be had back with `rollback`.

    Args:
        recipe: the name of a deployed recipe, or the path of a recipe file.
        version: the version's number. Absent: the challenger.
        force: promote a version that never passed a gate; the reason in the registry says so.

    Raises:
        InputError: as `promote_by_hand` raises it, or the recipe or the environment is wrong.
    """
    name = load_recipe(recipe_file(recipe)).name
    uri = environment.prepare_environment().tracking_uri
    found = promote_by_hand(uri, name, version, force)
    _publish(found, "is champion", "promotion", uri)
    return found


@flow(name="rollback", flow_run_name=release_name, persist_result=False, timeout_seconds=MINUTES)
def rollback(recipe: str, reason: str = BY_HAND) -> Release:
    """Makes the previous champion champion again.

    Args:
        recipe: the name of a deployed recipe, or the path of a recipe file.
        reason: why; it is written into the registry.

    Raises:
        InputError: as `go_back` raises it, or the recipe or the environment is wrong.
    """
    settled = load_recipe(recipe_file(recipe))
    uri = environment.prepare_environment().tracking_uri
    found = go_back(uri, settled.name, reason, settled.monitor)
    _publish(found, "is champion again", "rollback", uri)
    return found


def _publish(found: Release, law: str, key: str, uri: str) -> None:
    """Shows the outcome and the test scorecards of both versions as an artifact of the run."""
    champion = found.champion
    text = "\n\n".join(filter(None, [champion.reason, evidence_text(champion, found.before), found.note]))
    answer = f"{champion.name}: version {champion.version} {law}"
    show_answer(key, answer, text, model_links(uri, champion.name, champion.version))
