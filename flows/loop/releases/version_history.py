"""Version history: every version of a product, what it is, why, and since when."""

from __future__ import annotations

from typing import Any

from flows.loop.releases.version_evidence import SHOWN
from tasks.tracking.registry import PROMOTED
from tasks.tracking.versions import CHAMPION, ROLLED_BACK, VersionRecord, versions_of


def history_of(uri: str, name: str) -> tuple[VersionRecord, ...]:
    """All versions of a product, the newest first. Raises InputError where nothing is registered under this name."""
    return versions_of(uri, name)


def since_when(record: VersionRecord) -> str:
    """Since when a version is what it is (ISO 8601): champion, taken back, or only registered."""
    if CHAMPION in record.aliases:
        return record.tags.get(PROMOTED, record.created)
    return record.tags.get(ROLLED_BACK, record.created)


def version_rows(records: tuple[VersionRecord, ...]) -> list[dict[str, Any]]:
    """The versions as JSON: version, aliases, since, created, reason, candidate, recipe, and the test scorecard."""
    return [
        {
            "version": each.version,
            "aliases": list(each.aliases),
            "since": since_when(each),
            "created": each.created,
            "reason": each.reason,
            "candidate": each.candidate,
            "recipe": each.recipe_digest,
            **{title: each.tags.get(tag, "") for title, tag in SHOWN.items()},
        }
        for each in records
    ]
