"""Versions: what the registry knows of a product's versions, and which of them is champion, previous or challenger.

The aliases are the truth; the tags say why and since when. Every change is one call after another in an order in which
a process may be killed at any moment: the champion of before or the new one is champion, and `previous` names the one
to which a rollback goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tasks.core import InputError
from tasks.tracking.client import model_named, open_client, quoted, registered_models
from tasks.tracking.registry import PROMOTED, REASON

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
"""Aliases: the version in use, the one before it, and the one that waits to be judged or promoted."""
ROLLED_BACK = "paredown.rolled_back"
"""Tag of a version that was champion until a rollback: when that was (ISO 8601)."""
RECIPE = "paredown.settled_recipe"
"""Tag of a version: the digest of its settled recipe."""

BASELINE = "paredown.baseline"
"""Tag of a version of trained weights: digest of the weights of its baseline in the store of its home."""


@dataclass(frozen=True)
class VersionRecord:
    """One version of a product."""

    name: str
    version: int
    aliases: tuple[str, ...]
    """Those that it has, `champion` first."""
    created: str
    """When it was registered (ISO 8601, UTC)."""
    reason: str
    """Why it has its place, in words; empty where nothing was recorded."""
    recipe_digest: str
    """Digest of its settled recipe; empty where it has none."""
    candidate: str
    """Digest of the candidate."""
    tags: dict[str, str]
    """All of its tags, the test scorecard in words among them (`metric_names.scorecard_tags`)."""


def versions_of(uri: str, name: str) -> tuple[VersionRecord, ...]:
    """All versions of a registered model, the newest first; empty where every one was deleted.

    Raises:
        InputError: there is no model of this name; the message names the most similar one.
    """
    client = open_client(uri)
    aliases = model_named(client, name).aliases
    found: list[ModelVersion] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = {quoted(name)}", max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    records = (_record(each, aliases) for each in found)
    return tuple(sorted(records, key=lambda record: record.version, reverse=True))


def version_of(uri: str, name: str, version: int) -> VersionRecord:
    """One version of a registered model.

    Raises:
        InputError: there is no model of this name, or no such version; the message names those that there are.
    """
    known = versions_of(uri, name)
    for record in known:
        if record.version == version:
            return record
    law = f"must be a version of {name} that the registry holds"
    numbers = ", ".join(str(record.version) for record in reversed(known))
    raise InputError(law, path="VERSION", value=version, nearest=numbers or "none: every version was deleted")


def holder_of(records: tuple[VersionRecord, ...], alias: str) -> VersionRecord | None:
    """The version that has an alias; None when none has it."""
    return next((record for record in records if alias in record.aliases), None)


def mark(uri: str, name: str, version: int, tags: Mapping[str, str]) -> None:
    """Writes tags of a version; what is there under the same keys is replaced."""
    client = open_client(uri)
    for key, value in tags.items():
        client.set_model_version_tag(name, str(version), key, value)


def promote_version(uri: str, name: str, version: int, reason: str) -> VersionRecord:
    """Makes a version champion; the champion of before becomes `previous`, in a call before that.

    Called again after a process was killed in between, it does what is missing.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        version: which version.
        reason: why, in words; written to the version as the tag REASON, beside the time as PROMOTED.

    Raises:
        InputError: there is no such model or version.
    """
    version_of(uri, name, version)
    client = open_client(uri)
    aliases = _aliases(client, name)
    champion = aliases.get(CHAMPION)
    if champion != version:
        if champion is not None:
            client.set_registered_model_alias(name, PREVIOUS, str(champion))
        client.set_registered_model_alias(name, CHAMPION, str(version))
    mark(uri, name, version, {REASON: reason, PROMOTED: now()})
    if aliases.get(CHALLENGER) == version:
        client.delete_registered_model_alias(name, CHALLENGER)
    return version_of(uri, name, version)


def roll_back(uri: str, name: str, reason: str) -> VersionRecord:
    """Makes the previous champion champion again, in one call; then no version is `previous` any more.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        reason: why, in words; written to both versions as the tag REASON.

    Raises:
        InputError: there is no such model, or it has no previous champion.
    """
    records = versions_of(uri, name)
    champion, previous = holder_of(records, CHAMPION), holder_of(records, PREVIOUS)
    if previous is None or previous == champion:
        law = "there must be a previous champion to go back to"
        law += " (the registry names the champion itself as the previous one)" if previous else ""
        raise InputError(law, path="name", value=name, nearest="paredown promote CONF VERSION, which names a version")
    client = open_client(uri)
    client.set_registered_model_alias(name, CHAMPION, str(previous.version))
    time = now()
    mark(uri, name, previous.version, {REASON: reason, PROMOTED: time})
    if champion is not None:
        mark(uri, name, champion.version, {REASON: reason, ROLLED_BACK: time})
    client.delete_registered_model_alias(name, PREVIOUS)
    return version_of(uri, name, previous.version)


def runs_in_use(uri: str) -> dict[str, str]:
    """The MLflow runs that made the versions with an alias, of all names, with those versions in words."""
    client, found = open_client(uri), dict[str, str]()
    for name, model in registered_models(client).items():
        for alias, number in model.aliases.items():
            version = client.get_model_version(name, str(number))
            words = f"{name} version {number} ({alias})"
            found[version.run_id] = f"{found[version.run_id]}, {words}" if version.run_id in found else words
    return found


def now() -> str:
    """The present time (ISO 8601, UTC, whole seconds)."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _aliases(client: MlflowClient, name: str) -> dict[str, int]:
    return {alias: int(number) for alias, number in model_named(client, name).aliases.items()}


def _record(found: ModelVersion, aliases: Mapping[str, str]) -> VersionRecord:
    number, tags = int(found.version), dict(found.tags)
    names = sorted(alias for alias, holder in aliases.items() if int(holder) == number)
    order = (CHAMPION, PREVIOUS, CHALLENGER)
    names.sort(key=lambda alias: order.index(alias) if alias in order else len(order))
    return VersionRecord(
        name=found.name,
        version=number,
        aliases=tuple(names),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(timespec="seconds"),
        reason=tags.get(REASON, ""),
        recipe_digest=tags.get(RECIPE, ""),
        candidate=tags.get("paredown.candidate", ""),
        tags=tags,
    )
