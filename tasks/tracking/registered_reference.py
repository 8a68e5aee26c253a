"""Registered reference: what the champion's reference data are like, beside its model; a monitor compares with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.core import InputError
from tasks.core.store import canonical_json
from tasks.tracking.client import model_named, open_client
from tasks.tracking.registry import Version
from tasks.tracking.version_files import attach_bytes, attach_text, attached_bytes, attached_text

REFERENCE = "paredown.reference"
"""Tag of a version: the digest of its reference."""
FILE_OF_REFERENCE = "reference.json"
FEATURES, FILE_OF_FEATURES = "paredown.features", "features.onnx"
"""Tag and file of what makes the features in the reference: the product up to its last layer."""


def attach_reference(uri: str, version: Version, profile: Mapping[str, Any], cut: bytes | None = None) -> None:
    """Writes a version's reference beside its model; the tag REFERENCE is the digest of the text.

    Args:
        uri: URI of the tracking server and registry.
        version: the version, as `registry.register` returns it.
        profile: the record of a `reference_profile.Profile`, JSON.
        cut: the product up to its last layer, as ONNX, where features are in the profile; its digest is the tag
            FEATURES.
    """
    if cut is not None:
        attach_bytes(uri, version.name, version.version, FILE_OF_FEATURES, FEATURES, cut)
    attach_text(uri, version.name, version.version, FILE_OF_REFERENCE, REFERENCE, canonical_json(dict(profile)))


def reference_of(uri: str, name: str, version: int | None = None) -> dict[str, Any]:
    """The record of the reference of a version, whose digest is checked.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        version: which version; None: the champion.

    Raises:
        InputError: there is no model of this name, no champion, or the version was registered without a reference.
        Refusal: the file differs from the registered one.
    """
    if version is None:
        aliases = model_named(open_client(uri), name).aliases
        if "champion" not in aliases:
            raise InputError("the registered model must have a champion", path="name", value=name)
        version = int(aliases["champion"])
    text = attached_text(uri, name, version, FILE_OF_REFERENCE, REFERENCE)
    if text is None:
        law = f"the version must have its reference beside it, and version {version} was registered without one"
        raise InputError(law, path="name", value=name, nearest=f"paredown optimize, which registers {name} again")
    found: dict[str, Any] = json.loads(text)
    return found


def cut_of(uri: str, name: str, version: int) -> bytes | None:
    """A version up to its last layer, as ONNX; its digest is checked. None where its reference has no features.

    Raises:
        Refusal: the file differs from the registered one.
    """
    return attached_bytes(uri, name, version, FILE_OF_FEATURES, FEATURES)
