"""Watched champion: the version that a monitor watches, with its reference, and the one that was champion before it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flows.recipe.schema import Recipe
from tasks.core import Workspace
from tasks.monitoring.reference_profile import Profile, read_profile
from tasks.tracking import registry
from tasks.tracking.registered_reference import cut_of, reference_of
from tasks.tracking.registry import PROMOTED
from tasks.tracking.versions import PREVIOUS, holder_of, version_of, versions_of


@dataclass(frozen=True)
class WatchedChampion:
    """The champion that is watched."""

    version: registry.Version
    model: Path
    profile: Profile
    cut: bytes | None
    """Of images, the champion up to its last layer; None where its reference has no features."""
    since: str
    """When it became champion (ISO 8601); empty where that was not written down."""
    previous: int | None
    """The version that was champion before; None where there is none to go back to."""


def watched_champion(recipe: Recipe, workspace: Workspace) -> WatchedChampion:
    """The champion of a recipe's name, with the reference that was registered beside it.

    Raises:
        InputError: there is none.
        Refusal: a file differs from the registered one.
    """
    uri, name = workspace.tracking_uri, recipe.name
    version, model = registry.champion(uri, name)
    profile = read_profile(reference_of(uri, name, version.version))
    previous = holder_of(versions_of(uri, name), PREVIOUS)
    since = version_of(uri, name, version.version).tags.get(PROMOTED, "")
    before = None if previous is None or previous.version == version.version else previous.version
    return WatchedChampion(version, model, profile, cut_of(uri, name, version.version), since, before)
