"""Registered profile: what is known of a version's training data, beside its model in the registry."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, Refusal, digest_of
from tasks.tracking import open_client
from tasks.tracking.registry import Version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

PROFILE = "paredown.profile"
"""Tag of a version: the digest of its profile."""
FILE = "profile.json"


def attach_profile(uri: str, version: Version, profile: Mapping[str, Any]) -> None:
    """Writes the profile of the training data beside a version's model; the tag PROFILE is its digest.

    The same profile is written once; another one replaces it.

    Args:
        uri: URI of the tracking server and registry.
        version: the version, as `registry.register` returns it.
        profile: JSON; `reference` in it is what later data are compared with.
    """
    client, digest = open_client(uri), digest_of(dict(profile))
    found = client.get_model_version(version.name, str(version.version))
    if found.tags.get(PROFILE) == digest:
        return
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        (Path(scratch) / FILE).write_text(json.dumps(profile), encoding="utf-8")
        client.log_model_artifacts(_logged_model(found), scratch)
    client.set_model_version_tag(version.name, str(version.version), PROFILE, digest)


def _logged_model(version: ModelVersion) -> str:
    """The id of the model that a version is of: MLflow's stores keep it in the version's source alone."""
    found = re.search(r"m-[0-9a-f]{32}", version.source or "")
    return str(version.model_id or (found and found.group()))


def profile_of(uri: str, name: str, version: int) -> dict[str, Any]:
    """The profile of the training data of a registered version, whose digest is checked.

    Raises:
        InputError: the version has no profile.
        Refusal: the file differs from the registered one.
    """
    from mlflow.artifacts import download_artifacts

    client = open_client(uri)
    found = client.get_model_version(name, str(version))
    if PROFILE not in found.tags:
        raise InputError("the version must have a profile of its training data", path="name", value=f"{name} {version}")
    place = client.get_model_version_download_uri(name, str(version))
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        file = download_artifacts(artifact_uri=f"{place}/{FILE}", dst_path=scratch, tracking_uri=uri)
        profile: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    if digest_of(profile) != found.tags[PROFILE]:
        raise Refusal(f"{name} version {version}: {FILE} was altered since it was registered")
    return profile
