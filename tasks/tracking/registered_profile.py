"""Registered profile: what is known of a version's training data, beside its model in the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.core import InputError
from tasks.core.store import canonical_json
from tasks.tracking.registry import Version
from tasks.tracking.version_files import attach_text, attached_text

PROFILE = "paredown.training_profile"
"""Tag of a version: the digest of its profile."""
FILE = "profile.json"


def attach_profile(uri: str, version: Version, profile: Mapping[str, Any]) -> None:
    """Writes the profile of the training data beside a version's model; the tag PROFILE is the digest of its text.

    The same profile is written once; another one replaces it.

    Args:
        uri: URI of the tracking server and registry.
        version: the version, as `registry.register` returns it.
        profile: JSON; `reference` in it is what later data are compared with.
    """
    attach_text(uri, version.name, version.version, FILE, PROFILE, canonical_json(dict(profile)))


def profile_of(uri: str, name: str, version: int) -> dict[str, Any]:
    """The profile of the training data of a registered version, whose digest is checked.

    Raises:
        InputError: the version has no profile.
        Refusal: the file differs from the registered one.
    """
    text = attached_text(uri, name, version, FILE, PROFILE)
    if text is None:
        raise InputError("the version must have a profile of its training data", path="name", value=f"{name} {version}")
    profile: dict[str, Any] = json.loads(text)
    return profile
