"""Release views: versions, a promotion, and what nothing needs any more, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.loop.releases.version_evidence import evidence_rows
from flows.loop.releases.version_history import since_when
from tasks.core.number_format import format_bytes
from tasks.tracking.versions import CHAMPION, VersionRecord, holder_of

if TYPE_CHECKING:
    from flows.loop.releases.promoting import Release
    from flows.loop.releases.store_cleanup import Waste


def show_history(name: str, records: tuple[VersionRecord, ...], console: Console) -> None:
    """Prints all versions, the newest first, and says so where none is champion."""
    table = Table("version", "is", "since", "score on test", "speed", "size", "why", title=f"versions of {name}")
    for each in records:
        told = (each.tags.get(f"paredown.{key}", "-") for key in ("score", "speedup", "size"))
        cells = (", ".join(each.aliases) or "-", since_when(each), *told, each.reason or "not recorded")
        table.add_row(str(each.version), *map(escape, cells))
    console.print(table)
    if holder_of(records, CHAMPION) is None:
        console.print(f"[yellow]note[/] no version of {name} is champion: paredown promote CONF VERSION makes one")


def show_release(found: Release, console: Console) -> None:
    """Prints the test scorecards of the champion of now and of the one before, and why."""
    champion, before = found.champion, found.before
    records = (champion, before) if before else (champion,)
    table = Table("test scorecard", *(f"version {each.version}" for each in records))
    for row in evidence_rows(*records):
        table.add_row(*map(escape, row))
    console.print(table)
    after = f", after version {before.version}" if before else ""
    told = f"version {champion.version} of {champion.name} is champion{after}: {champion.reason}"
    console.print(f"[bold]{escape(told)}[/]", highlight=False)
    if found.note:
        console.print(f"[yellow]note[/] {escape(found.note)}", highlight=False)


def show_waste(waste: Waste, console: Console) -> None:
    """Prints what is deleted or can be, and what is kept for whom."""
    for holder in waste.kept_for:
        console.print(f"[dim]kept for {escape(holder)}[/]", highlight=False)
    size = f"{waste.count:,} files, {format_bytes(waste.bytes)}, that nothing needs"
    if waste.deleted:
        console.print(f"[bold]deleted {size}[/]; {format_bytes(waste.kept_bytes)} are kept", highlight=False)
    else:
        console.print(f"[bold]{size}[/]; {format_bytes(waste.kept_bytes)} are kept", highlight=False)
        if waste.count:
            console.print("paredown gc --yes deletes them", highlight=False)
