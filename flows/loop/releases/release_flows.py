"""The Prefect flows `promote` and `rollback`: what the commands of these names do, for Prefect's interface and API."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.loop.releases.going_back import BY_HAND, go_back
from flows.loop.releases.promoting import Release, promote_by_hand
from flows.loop.releases.version_evidence import evidence_text
from flows.recipe.loading import load_recipe
from flows.services import environment


@flow(name="promote", validate_parameters=True, persist_result=False)
def promote(recipe: str, version: int | None = None, force: bool = False) -> Release:
    """Makes a version champion by hand; the champion of before can be had back with `rollback`.

    Args:
        recipe: the path of a recipe file.
        version: the version's number. Absent: the challenger.
        force: promote a version that never passed a gate; the reason in the registry says so.

    Raises:
        InputError: as `promote_by_hand` raises it, or the recipe or the environment is wrong.
    """
    name = load_recipe(Path(recipe)).name
    found = promote_by_hand(environment.prepare_environment().tracking_uri, name, version, force)
    _publish(found, "is champion", "promotion")
    return found


@flow(name="rollback", validate_parameters=True, persist_result=False)
def rollback(recipe: str, reason: str = BY_HAND) -> Release:
    """Makes the previous champion champion again.

    Args:
        recipe: the path of a recipe file.
        reason: why; it is written into the registry.

    Raises:
        InputError: as `go_back` raises it, or the recipe or the environment is wrong.
    """
    settled = load_recipe(Path(recipe))
    uri = environment.prepare_environment().tracking_uri
    found = go_back(uri, settled.name, reason, settled.monitor.notify)
    _publish(found, "is champion again", "rollback")
    return found


def _publish(found: Release, law: str, key: str) -> None:
    """Shows the outcome and the test scorecards of both versions as an artifact of the run."""
    champion = found.champion
    told = f"## {champion.name}: version {champion.version} {law}\n\n{champion.reason}"
    create_markdown_artifact(f"{told}\n\n{evidence_text(champion, found.before)}\n\n{found.note}", key=key)
