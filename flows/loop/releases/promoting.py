"""Promoting: a version becomes champion because a person decided it."""

from __future__ import annotations

from dataclasses import dataclass

from flows.loop.releases.version_evidence import check_registered_file
from flows.results.gate.challenge import VERDICT
from tasks.core import InputError
from tasks.tracking.registry import LEARNED, PROMOTED
from tasks.tracking.versions import (
    CHALLENGER,
    CHAMPION,
    VersionRecord,
    holder_of,
    promote_version,
    version_of,
    versions_of,
)


@dataclass(frozen=True)
class Release:
    """The champion of now and the one of before."""

    champion: VersionRecord
    before: VersionRecord | None
    """None where there was none."""
    note: str = ""
    """What else is to be known, in a sentence."""


def promote_by_hand(uri: str, name: str, version: int | None, force: bool) -> Release:
    """Makes a version champion; the champion of before becomes `previous`.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        version: which version; None: the challenger.
        force: whether a version may be promoted that never passed a gate; the reason says so.

    Raises:
        InputError: there is no such model, version or challenger; the version is champion already, its baseline learned
            nothing, or its file was altered; or it never passed a gate and `force` is False.
    """
    record = choose_version(uri, name, version)
    check_promotable(record, force)
    check_registered_file(uri, record)
    why = record.reason or "nothing was recorded of a gate"
    said = "by hand" if has_passed(record) else "by hand with --force, for it never passed a gate"
    before = holder_of(versions_of(uri, name), CHAMPION)
    promoted = promote_version(uri, name, record.version, f"promoted {said}; known before: {why}")
    return Release(promoted, None if before is None or before.version == record.version else before)


def choose_version(uri: str, name: str, version: int | None) -> VersionRecord:
    """The version that is asked for; the challenger where none is. Raises InputError as `promote_by_hand` does."""
    if version is not None:
        return version_of(uri, name, version)
    records = versions_of(uri, name)
    challenger = holder_of(records, CHALLENGER)
    if challenger is None:
        other = next((each for each in records if CHAMPION not in each.aliases), None)
        hint = f"paredown promote CONF {other.version}" if other else "paredown retrain CONF, which makes one"
        law = "there must be a challenger to promote where no VERSION is given"
        raise InputError(law, path="name", value=name, nearest=hint)
    return challenger


def has_passed(record: VersionRecord) -> bool:
    """Whether a gate decided for a version, or it was champion before."""
    return record.tags.get(VERDICT) == "promote" or PROMOTED in record.tags


def check_promotable(record: VersionRecord, force: bool) -> None:
    """Raises InputError as `promote_by_hand` does, for all that a version's aliases and tags tell."""
    # A version that is champion and challenger is one whose promotion was cut short.
    if CHAMPION in record.aliases and CHALLENGER not in record.aliases:
        raise InputError("must be another version than the champion", path="VERSION", value=record.version)
    if record.tags.get(LEARNED) == "false":
        law = "must be a version whose baseline is better than a constant answer"
        raise InputError(law, path="VERSION", value=record.version)
    if not force and not has_passed(record):
        law = "must be a version that passed the gate"
        law += f" ({record.reason})" if record.reason else ""
        raise InputError(law, path="VERSION", value=record.version, nearest="--force, which the registry remembers")
