"""Store cleanup: finds and deletes what no champion, previous, challenger or recent run needs in the home's store."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.services.store_needs import RunNeeds, forget_needs, read_needs, store_to_itself
from tasks.core import Store, Workspace
from tasks.tracking.versions import runs_in_use

DAY = 86_400.0
LARGEST_RECORD = 4 * 2**20
"""Bytes of the largest entry that is read for digests of others; records are JSON and small."""
DIGEST = re.compile(rb"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Waste:
    """What nothing needs, and what is kept."""

    count: int
    """Files that nothing needs."""
    bytes: int
    """Their size."""
    kept_bytes: int
    """Size of what is kept."""
    kept_for: tuple[str, ...]
    """For whom something is kept, in words."""
    deleted: bool
    """Whether the files were deleted."""


def clean_store(workspace: Workspace, days: int, delete: bool) -> Waste:
    """What nothing needs in the home's store, which is deleted if asked for.

    Kept are the entries of the runs whose versions have an alias in the registry, and those of runs that ended within
    `days`. Where a version's run left no list of what it needs, everything older than the oldest list is kept, too.

    Args:
        workspace: knows the home and the registry.
        days: how long a run keeps what it needs.
        delete: whether to delete it.

    Raises:
        InputError: a run uses the store at the moment, and `delete` is True.
    """
    if not delete:
        return _sweep(workspace, days, delete=False)
    with store_to_itself(workspace.home):
        return _sweep(workspace, days, delete=True)


def _sweep(workspace: Workspace, days: int, delete: bool) -> Waste:
    known, in_use = read_needs(workspace.home), runs_in_use(workspace.tracking_uri)
    edge = time.time() - days * DAY
    kept = [each for each in known if each.run in in_use or each.ended >= edge]
    unknown = sorted(in_use.keys() - {each.run for each in known})
    needed = closure(workspace.store, {digest for each in kept for digest in each.digests})
    oldest = min((each.ended for each in known), default=time.time()) if unknown else 0.0
    files = [each for each in workspace.store.root.rglob("*") if each.is_file()]
    waste = [each for each in files if each.name not in needed and each.stat().st_mtime >= oldest]
    size, total = (sum(each.stat().st_size for each in group) for group in (waste, files))
    if delete:
        for each in waste:
            each.unlink()
        for run in {each.run for each in known} - {each.run for each in kept}:
            forget_needs(workspace.home, run)
    return Waste(len(waste), size, total - size, _reasons(kept, in_use, unknown, days), delete)


def closure(store: Store, digests: Iterable[str]) -> set[str]:
    """The digests, and those of all entries that their records name, and so on."""
    found: set[str] = set()
    waiting = list(digests)
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            waiting += named_in(store.root / digest[:2] / digest)
    return found


def named_in(record: Path) -> list[str]:
    """The digests that a record names; none of an entry that is no JSON, or missing."""
    if not record.is_file() or record.stat().st_size > LARGEST_RECORD:
        return []
    data = record.read_bytes()
    return [each.decode() for each in DIGEST.findall(data)] if data[:1] in (b"{", b"[") else []


def _reasons(kept: list[RunNeeds], in_use: dict[str, str], unknown: list[str], days: int) -> tuple[str, ...]:
    recent = sum(each.run not in in_use for each in kept)
    told = [in_use[each.run] for each in kept if each.run in in_use]
    told += [f"{in_use[run]}, whose run left no list: all that is older than the first list" for run in unknown]
    return (*told, *((f"{recent} runs of the last {days} days",) if recent else ()))
